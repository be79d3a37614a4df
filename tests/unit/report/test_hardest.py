"""The hardest sequences: which, where trackers lose the target, which frames are drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from evalkit.report.palette import styles_of
from evalkit.report.pictures.hardest import ABSENT, SIDE, draw_thumbnails, hardest, overlaps_of, strip, telling_frames
from evalkit.sequences import Annotation, Frame, Trajectory
from helpers.scores_by_hand import lasot, make_scores


class Gray:
    """Frames without content."""

    def __init__(self, count: int, aux: np.ndarray | None = None) -> None:
        self.count, self.aux, self.asked = count, aux, []

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Frame:
        self.asked.append(index)
        return Frame(np.full((120, 240, 3), 90, np.uint8), self.aux)


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


def test_frames_without_the_target_are_not_shown() -> None:
    values = np.r_[np.ones(10), np.full(80, np.nan), np.zeros(10)]
    assert all(index < 10 or index >= 90 for index in telling_frames([values], count=6))


def test_thumbnails_are_small_pictures_of_the_frames_asked_for() -> None:
    frames = Gray(10)
    actual = draw_thumbnails(annotation(), frames, {"a": trajectory(*[30.0] * 10)}, [0, 7], styles_of(["a"]))
    assert ([item.frame for item in actual], frames.asked) == ([0, 7], [0, 7])
    assert (actual[0].width, actual[0].height) == (SIDE, SIDE // 2)
    picture = np.asarray(Image.open(io.BytesIO(actual[0].jpeg)))
    assert picture.shape == (SIDE // 2, SIDE, 3)
    assert (np.abs(picture.astype(int) - 90).max(axis=2) > 60).sum() > 100  # boxes


def test_thumbnails_have_the_second_modality_beside_the_first() -> None:
    actual = draw_thumbnails(annotation(), Gray(10, np.zeros((120, 240), np.uint16)), {}, [0], {})
    assert Image.open(io.BytesIO(actual[0].jpeg)).size == (2 * SIDE, SIDE // 2)


def test_thumbnails_carry_their_mark() -> None:
    plain, marked = (
        np.asarray(Image.open(io.BytesIO(draw_thumbnails(annotation(), Gray(10), {}, [5], {}, mark=mark)[0].jpeg)))
        for mark in ("", "sample")
    )
    corner = np.abs(plain.astype(int) - marked)[:20, :60]
    assert corner.max() > 100
    assert np.abs(plain.astype(int) - marked)[40:].max() < 40
