"""The hardest sequences: which, where trackers lose the target, which frames are drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from evalkit.report.pictures.hardest import (
    ABSENT,
    further_frames,
    hardest,
    lowest_stretch,
    overlaps_of,
    strip,
    take_stills,
    telling_frames,
)
from evalkit.sequences import Annotation, Trajectory
from helpers.report_parts import Gray
from helpers.scores_by_hand import lasot, make_scores

SMALL = (240, 120)


def annotation(count: int = 10, absent: tuple[int, ...] = ()) -> Annotation:
    boxes = np.tile([20.0, 20, 40, 40], (count, 1))
    flags = np.zeros(count, bool)
    flags[list(absent)] = True
    return Annotation("cup-1", boxes, flags, count)


def trajectory(*lefts: float) -> Trajectory:
    return Trajectory.of_boxes(np.array([[left, 20.0, 40, 40] for left in lefts]))


def scores(tracker: str, **values: float):
    rows = {"success_auc": np.array(list(values.values()))}
    return make_scores(tracker, lasot(0.5, 0, 0), sequence_names=tuple(values), per_sequence=rows)


def test_sequences_with_the_lowest_mean_over_trackers_come_first() -> None:
    actual = hardest([scores("a", x=0.9, y=0.2, z=np.nan), scores("b", x=0.1, y=0.4, only=0.05)], "success_auc", 3)
    assert [name for name, _ in actual] == ["only", "y", "x"]
    assert [mean for _, mean in actual] == pytest.approx([0.05, 0.3, 0.5])
    assert hardest([scores("a", x=0.9)], "average_overlap", 3) == []


def test_overlap_is_zero_without_a_box_and_undefined_without_a_target() -> None:
    actual = overlaps_of(annotation(4, absent=(2,)), trajectory(20, np.nan, 20))
    np.testing.assert_array_equal(actual, [1, 0, np.nan, 0])


def test_strip_has_one_character_per_bin() -> None:
    values = np.r_[np.full(50, 1.0), np.full(50, 0.7), np.full(50, np.nan), np.full(50, 0.0)]
    assert strip(values, bins=8) == "9977--00"
    assert len(strip(np.ones(7), bins=120)) == 7
    assert set(strip(np.full(5, np.nan))) == {ABSENT}


def test_frames_show_the_start_the_loss_and_what_lies_between() -> None:
    lost = np.r_[np.ones(60), np.zeros(40)]
    assert telling_frames([lost, lost, np.ones(100)], count=4) == [0, 30, 60, 80]
    kept = np.r_[1.0, np.full(98, 0.8), 0.4]
    assert telling_frames([kept], count=4) == [0, 25, 50, 99]
    assert telling_frames([np.array([1.0, 0.5])], count=4) == [0, 1]
    assert telling_frames([np.full(9, np.nan)]) == [0]


def test_the_lowest_stretch_is_that_of_the_lowest_mean() -> None:
    rng = np.random.default_rng(3)
    lines = rng.random((3, 40))
    lines[:, 10:14] = np.nan
    lines[1, 30:] = np.nan
    for length in (1, 3, 7, 39):
        means = [np.nanmean(lines[:, at : at + length]) if np.isfinite(lines[:, at : at + length]).any() else 9
                 for at in range(41 - length)]  # fmt: skip
        assert lowest_stretch(list(lines), length) == int(np.argmin(means))
    assert lowest_stretch(list(lines), 40) == lowest_stretch(list(lines), 400) == 0


def test_frames_without_the_target_are_not_shown() -> None:
    values = np.r_[np.ones(10), np.full(80, np.nan), np.zeros(10)]
    assert all(index < 10 or index >= 90 for index in telling_frames([values], count=6))


def test_stills_are_small_pictures_of_the_frames_asked_for_with_their_boxes() -> None:
    frames = Gray(10, SMALL)
    actual = take_stills(annotation(), frames, {"a": trajectory(*[30.0] * 8)}, [0, 9], origin=1)
    assert ([item.frame for item in actual], frames.asked) == ([0, 9], [0, 9])
    assert (actual[0].width, actual[0].height, actual[0].panels) == (240, 120, 1)  # smaller than SIDE: as they are
    assert np.asarray(Image.open(io.BytesIO(actual[0].jpeg))).shape == (120, 240, 3)
    assert (actual[0].boxes, actual[0].truth) == ({"a": (29, 19, 40, 40)}, (19, 19, 40, 40))
    assert actual[1].boxes == {}  # after the tracker's end


def test_large_frames_are_reduced_and_their_boxes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.report.pictures.hardest.SIDE", 120)
    (still,) = take_stills(annotation(absent=(3,)), Gray(10, SMALL), {"a": trajectory(*[30.0] * 10)}, [3])
    assert (still.width, still.height) == (120, 60)
    assert (still.boxes, still.truth) == ({"a": (15, 10, 20, 20)}, None)


def test_stills_have_the_second_modality_beside_the_first() -> None:
    (still,) = take_stills(annotation(), Gray(10, SMALL, np.zeros((120, 240), np.uint16)), {}, [0])
    assert (still.width, still.panels) == (480, 2)
    assert Image.open(io.BytesIO(still.jpeg)).size == (480, 120)


def test_stills_carry_their_mark() -> None:
    plain, marked = (
        np.asarray(Image.open(io.BytesIO(take_stills(annotation(), Gray(10, SMALL), {}, [5], mark=mark)[0].jpeg)))
        for mark in ("", "sample")
    )
    corner = np.abs(plain.astype(int) - marked)[:20, :60]
    assert corner.max() > 100
    assert np.abs(plain.astype(int) - marked)[40:].max() < 40


@pytest.mark.parametrize(("count", "stride"), [(1, 1), (9, 1), (64, 1), (1000, 7)])
def test_further_frames_are_spread_and_new(count: int, stride: int) -> None:
    frames = further_frames(count, stride, [0], 20)
    assert len(set(frames)) == len(frames) <= 20
    assert all(0 < frame < count and frame % stride == 0 for frame in frames)
    assert len(frames) == min(20, -(-count // stride) - 1)
    if count > 100:
        assert max(np.diff(sorted([0, *frames, count]))) < count / 8
