"""Boxes drawn on frames: at the right place, in different colors, without touching the frame."""

import itertools

import numpy as np
import pytest

from evalkit.report.palette import styles_of
from evalkit.report.pictures import overlay
from evalkit.report.pictures.overlay import (
    TRUTH_COLOR,
    Shown,
    aux_picture,
    draw_frame,
    draw_sequence,
)
from evalkit.sequences import Annotation, Frame, Sequence, Trajectory
from helpers.report_parts import Gray

GRAY = 90
COLOR = styles_of(["kcf"])["kcf"].rgb


def gray_frame(height: int = 500, width: int = 600, aux: np.ndarray | None = None) -> Frame:
    return Frame(np.full((height, width, 3), GRAY, np.uint8), aux)


def body_of(picture: np.ndarray, height: int = 500) -> np.ndarray:
    return picture[-height:]


def pixels_near(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """(row, column) of the pixels of a color."""
    return np.argwhere(np.abs(picture.astype(int) - color).max(axis=2) < 40)


def test_box_is_drawn_on_its_border() -> None:
    picture = draw_frame(gray_frame(), [Shown("kcf", np.array([100.0, 50, 200, 80]))], truth=None, heading="x")
    actual = pixels_near(body_of(picture), COLOR)
    (top, left), (bottom, right) = actual.min(axis=0), actual.max(axis=0)
    np.testing.assert_allclose([left, top, right, bottom], [100, 50, 300, 130], atol=2)
    inside = (actual[:, 0] > 55) & (actual[:, 0] < 125) & (actual[:, 1] > 105) & (actual[:, 1] < 295)
    assert not inside.any()


def test_small_frames_are_enlarged_with_their_boxes() -> None:
    frame = gray_frame(240, 320)
    picture = draw_frame(frame, [Shown("kcf", np.array([100.0, 50, 60, 40]))], truth=None, heading="x")
    assert picture.shape[1] == 640
    actual = pixels_near(body_of(picture, 480), COLOR)
    np.testing.assert_allclose([*actual.min(axis=0), *actual.max(axis=0)], [100, 200, 180, 320], atol=2.5)


def test_frame_is_not_changed() -> None:
    frame = gray_frame(aux=np.full((500, 600, 3), 10, np.uint8))
    draw_frame(frame, [Shown("a", np.full(4, 50.0))], truth=np.full(4, 60.0), heading="", auxiliary="thermal")
    assert (frame.rgb == GRAY).all()
    assert (frame.aux == 10).all()


def test_truth_is_dashed_and_lies_above_the_predictions() -> None:
    box = np.array([100.0, 100, 300, 200])
    picture = body_of(draw_frame(gray_frame(), [Shown("kcf", box)], truth=box, heading="x"))
    top_side = picture[99:101, 105:395].max(axis=0)
    green = (np.abs(top_side.astype(int) - TRUTH_COLOR).max(axis=1) < 40).mean()
    red = (np.abs(top_side.astype(int) - COLOR).max(axis=1) < 40).mean()
    assert 0.3 < green < 0.75
    assert 0.1 < red < 0.6


@pytest.mark.parametrize("truth", [None, np.full(4, np.nan)])
def test_absent_target_draws_no_truth(truth: np.ndarray | None) -> None:
    picture = draw_frame(gray_frame(), [], truth=truth, heading="x")
    assert (body_of(picture) == GRAY).all()


def test_prediction_without_box_is_named_but_not_drawn() -> None:
    with_name = draw_frame(gray_frame(), [Shown("kcf", np.full(4, np.nan))], truth=None, heading="x")
    without = draw_frame(gray_frame(), [], truth=None, heading="x")
    assert (body_of(with_name) == GRAY).all()
    assert not np.array_equal(with_name[:-500], without[:-500])


@pytest.mark.parametrize("box", [[-50, -50, 2000, 2000], [1e9, 0, 5, 5], [-1e300, 1e300, 1e300, 1e300], [10, 10, 0, 0]])
def test_wild_boxes_are_no_problem(box: list[float]) -> None:
    assert draw_frame(gray_frame(), [Shown("kcf", np.array(box))], truth=np.array(box), heading="x").ndim == 3


def test_second_modality_stands_beside_with_the_same_boxes() -> None:
    frame = gray_frame(aux=np.full((500, 600, 3), GRAY, np.uint8))
    shown = [Shown("kcf", np.array([200.0, 100, 150, 150]))]
    picture = body_of(draw_frame(frame, shown, truth=None, heading="x", auxiliary="event"))
    assert picture.shape[1] == 1200
    left, right = pixels_near(picture[:, :600], COLOR), pixels_near(picture[:, 600:], COLOR)
    np.testing.assert_array_equal(left, right)
    assert len(left) > 500


def test_second_modality_of_another_size_is_padded() -> None:
    frame = gray_frame(aux=np.full((600, 700), 40, np.uint8))
    picture = draw_frame(frame, [], truth=None, heading="x", auxiliary="thermal")
    assert picture.shape[1] == 1300


def test_depth_is_colored_by_distance_and_black_where_unmeasured() -> None:
    depth = np.tile(np.linspace(1000, 9000, 64).astype(np.uint16), (16, 1))
    depth[:, 10] = 0
    picture = aux_picture(depth).astype(int)
    assert (picture[:, 10] == 0).all()
    assert picture[0, 5, 0] > picture[0, 5, 2]  # near is warm
    assert picture[0, 60, 2] > picture[0, 60, 0]  # far is cold


def test_depth_without_any_measurement_or_of_one_distance_is_drawn() -> None:
    assert (aux_picture(np.zeros((4, 4), np.uint16)) == 0).all()
    assert aux_picture(np.full((4, 4), 500, np.uint16)).shape == (4, 4, 3)


def test_heading_names_and_overlaps_are_written_above() -> None:
    box = np.array([10.0, 10, 20, 20])
    pictures = [
        draw_frame(gray_frame(), [Shown(name, box, overlap)], truth=box, heading=heading)
        for heading, name, overlap in [
            ("f 1", "kcf", 0.5),
            ("f 2", "kcf", 0.5),
            ("f 1", "ncc", 0.5),
            ("f 1", "kcf", 0.6),
        ]
    ]
    for first, second in itertools.combinations(pictures, 2):
        assert not np.array_equal(first[:-500], second[:-500])
    for other in (pictures[1], pictures[3]):  # of the same tracker
        np.testing.assert_array_equal(body_of(pictures[0]), body_of(other))


def test_long_legends_break_into_lines() -> None:
    many = [Shown(f"a tracker with a long name {i}", np.full(4, np.nan)) for i in range(12)]
    assert len(draw_frame(gray_frame(), many, truth=None, heading="x")) > 500 + 6 * 24


def test_names_outside_ascii_are_drawn() -> None:
    a, b = (draw_frame(gray_frame(), [Shown(n, np.full(4, np.nan))], truth=None, heading="é") for n in ("ж", "ю"))
    assert not np.array_equal(a, b)


def test_colors_differ_from_each_other_and_from_the_truth() -> None:
    colors = [TRUTH_COLOR, *(style.rgb for style in styles_of(map(str, range(30))).values())]
    for first, second in itertools.combinations(colors, 2):
        assert np.abs(np.subtract(first, second)).sum() > (40 if {first, second} <= set(colors[:13]) else 0)


def gray_sequence(truth: np.ndarray, absent: list[bool], **others: object) -> Sequence:
    count = len(truth) * int(others.get("stride", 1))
    return Sequence(Annotation("clip", truth, np.array(absent), count, **others), Gray(count))


def test_sequence_is_drawn_frame_by_frame_without_an_absent_target() -> None:
    box = np.array([100.0, 100, 80, 60])
    truth = np.stack([box, box + np.array([200, 0, 0, 0]), box * [1, 1, 0, 0]])
    sequence = gray_sequence(truth, [False, True, False])
    drawn = dict(draw_sequence(sequence, {"kcf": Trajectory.of_boxes(truth[:1])}, range(3)))
    assert list(drawn) == [0, 1, 2]
    assert len(pixels_near(body_of(drawn[0]), TRUTH_COLOR)) > 50
    assert len(pixels_near(body_of(drawn[0]), COLOR)) > 50
    assert (body_of(drawn[1]) == GRAY).all()
    assert (body_of(drawn[2]) == GRAY).all()


def test_sparse_annotation_is_drawn_where_it_is() -> None:
    truth = np.tile([100.0, 100, 80, 60], (2, 1))
    drawn = dict(draw_sequence(gray_sequence(truth, [False, False], stride=10), {}, (0, 5, 10)))
    assert [bool(len(pixels_near(body_of(picture), TRUTH_COLOR))) for picture in drawn.values()] == [True, False, True]


def test_boxes_that_count_pixels_from_one_are_drawn_where_those_from_zero_are() -> None:
    truth = np.array([[100.0, 100, 80, 60]])
    own = truth + np.array([20, 10, 0, 0])
    step = np.array([1, 1, 0, 0])
    (_, from_zero), (_, from_one), (_, unshifted) = (
        next(draw_sequence(gray_sequence(truth + add, [False]), {"kcf": Trajectory.of_boxes(own + add)}, [0], **origin))
        for add, origin in ((0, {}), (step, {"origin": 1}), (step, {}))
    )
    np.testing.assert_array_equal(from_one, from_zero)
    assert not np.array_equal(unshifted, from_zero)


def test_heading_has_the_index_and_the_number_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    headings = []
    monkeypatch.setattr(overlay, "draw_frame", lambda *_, heading, **__: headings.append(heading))
    sequence = gray_sequence(np.tile([100.0, 100, 80, 60], (12, 1)), [False] * 12)
    list(draw_sequence(sequence, {}, [0, 11], mark="sample"))
    assert headings == ["sample   clip   frame 0 (12 frames)", "sample   clip   frame 11 (12 frames)"]
