"""What is odd about raw results: each case with its neighbor that is not odd."""

import numpy as np
import pytest

from evalkit.scoring.oddities import Oddity, find_copies, find_oddities, give_back_half, is_whole, prints
from evalkit.sequences import Annotation, Trajectory

FRAMES = 60


def moving(seed=0, frames=FRAMES):
    """Boxes of a target that moves at every step, with fractions."""
    steps = np.random.default_rng(seed).normal(0, 3, (frames, 4)).cumsum(axis=0)
    return np.abs(steps) + np.array([100, 80, 40, 30])


def annotation(boxes, name="a"):
    return Annotation(name, boxes.copy(), np.zeros(len(boxes), dtype=bool), len(boxes))


def tracked(boxes, seed=1, spread=4.0):
    """Boxes as a tracker gives them: the first one is the given one."""
    noisy = boxes + np.random.default_rng(seed).normal(0, spread, boxes.shape)
    noisy[0] = boxes[0]
    return noisy


def kinds(results, *annotations):
    runs = {name: [Trajectory.of_boxes(boxes)] for name, boxes in results.items()}
    return {finding.oddity: finding for finding in find_oddities(runs, annotations)}


def test_what_a_tracker_gives_has_nothing_odd():
    truth = moving()
    assert kinds({"a": tracked(truth)}, annotation(truth)) == {}


@pytest.mark.parametrize("change", [lambda boxes: boxes, np.trunc, lambda boxes: boxes + 0.2])
def test_boxes_of_the_ground_truth_are_no_results(change):
    truth = moving()
    copied = np.concatenate([change(truth)[:40], tracked(truth)[40:]])
    assert kinds({"a": copied}, annotation(truth))[Oddity.TRUTH].is_grave
    few = np.concatenate([truth[:8], tracked(truth)[8:]])
    assert Oddity.TRUTH not in kinds({"a": few}, annotation(truth))


def test_a_target_that_stands_still_is_met_without_any_fraud():
    truth = np.repeat(moving()[:1], FRAMES, axis=0)
    truth[30:] += 5  # moves once, and the tracker follows
    assert Oddity.TRUTH not in kinds({"a": truth.copy()}, annotation(truth))


@pytest.mark.parametrize("change", [lambda boxes: boxes, np.trunc, np.rint, lambda boxes: np.round(boxes, 2)])
def test_a_copy_of_another_trackers_boxes_is_found_whatever_digits_were_written(change):
    runs = {"first": moving(1), "copy": change(moving(1)), "other": moving(2)}
    found = find_copies({name: prints({"a": [Trajectory.of_boxes(boxes)]}) for name, boxes in runs.items()})
    assert set(found) == {"first", "copy"}
    (finding,) = found["copy"]
    assert finding.is_grave
    assert finding.sequences == ("a",)
    assert finding.text.startswith("equal to the boxes of first")
    assert ("digits" in finding.text) == (not np.array_equal(runs["copy"], runs["first"]))


def test_trackers_that_both_stand_still_copy_nobody():
    still = np.repeat(moving()[:1], FRAMES, axis=0)
    marks = prints({"a": [Trajectory.of_boxes(still)]})
    assert find_copies({"first": marks, "second": marks}) == {}


def test_one_files_boxes_under_two_names_are_found():
    odd = kinds({"a": moving(1), "b": moving(1), "c": moving(2)})
    assert odd[Oddity.REPEATED].sequences == ("a", "b")


def test_an_origin_shifted_everywhere_is_no_wrong_first_box():
    truth = {name: moving(seed) for seed, name in enumerate("abc")}
    notes = [annotation(boxes, name) for name, boxes in truth.items()]
    shifted = {name: tracked(boxes) - (1, 1, 0, 0) for name, boxes in truth.items()}
    assert set(kinds(shifted, *notes)) == {Oddity.SHIFTED}
    one = {**{name: tracked(boxes) for name, boxes in truth.items()}, "b": tracked(truth["b"]) + np.array([0, 9, 0, 0])}
    assert kinds(one, *notes)[Oddity.FIRST_BOX].sequences == ("b",)


@pytest.mark.parametrize(
    ("rows", "value", "oddity"),
    [
        (slice(20, None), np.nan, Oddity.ENDS),
        (slice(20, 22), np.nan, Oddity.NO_BOX),
        (slice(20, 22), (5, 5, -1, 3), Oddity.NEGATIVE),
        (slice(20, 22), (5, 5, 0, 3), Oddity.ZERO),
        (slice(25, None), (5, 5, 4, 3), Oddity.FROZEN),
    ],
)
def test_rows_that_are_no_boxes_are_told_apart(rows, value, oddity):
    boxes = moving()
    boxes[rows] = value
    assert set(kinds({"a": boxes})) == {oddity}


def test_digits_are_counted_after_the_first_row():
    boxes = moving()
    assert set(kinds({"a": np.round(boxes, 1)})) == {Oddity.DECIMALS}
    whole = np.trunc(boxes)
    whole[0] += 0.5
    assert set(kinds({"a": whole})) == {Oddity.WHOLE}
    assert is_whole({"a": [Trajectory.of_boxes(whole)]})
    assert not is_whole({"a": [Trajectory.of_boxes(boxes)]})


def test_half_a_pixel_is_given_back_to_boxes_alone():
    boxes = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [0, 0, 0, 0]])
    ((back,),) = give_back_half({"a": [Trajectory.of_boxes(boxes)]}).values()
    assert back.boxes.tolist() == [[1, 2, 3, 4], [5.5, 6.5, 7.5, 8.5], [0, 0, 0, 0]]


def test_equal_repetitions_say_nothing_of_chance():
    run = Trajectory.of_boxes(moving())
    assert [f.oddity for f in find_oddities({"a": [run, run]})] == [Oddity.REPETITIONS]
    assert find_oddities({"a": [run, Trajectory.of_boxes(moving(3))]}) == []
