"""The long-term protocol worked by hand."""

import dataclasses

import numpy as np
import pytest

from evalkit.scoring.conventions import DegenerateUnion, FirstFrame, SpecialOverlap
from evalkit.scoring.longterm import (
    LongTermInput,
    confidence_thresholds,
    evaluate_longterm,
    f_score,
    optimum,
    raster_overlap,
)
from evalkit.scoring.lookup import get_protocol

OLD, NEW = get_protocol("vot-longterm-0.5"), get_protocol("vot-longterm-0.9")
WH = np.array([[100.0, 80.0]])
LOST = [np.nan] * 4


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ([10, 10, 4, 4], [10, 10, 4, 4], 1.0),
        ([10, 10, 4, 4], [12, 10, 4, 4], 8 / 24),
        ([10.5, 10, 4, 4], [10, 10, 4, 4], 1.0),  # 10.5 rounds to the even 10
        ([11.5, 10, 4, 4], [12, 10, 4, 4], 1.0),  # and 11.5 to 12
        ([-2, -2, 4, 4], [0, 0, 2, 2], 1.0),  # only pixels inside the frame count
        ([-9, -9, 4, 4], [-9, -9, 4, 4], 0.0),  # both outside
        ([98, 78, 9, 9], [98, 78, 2, 2], 1.0),
        ([10, 10, 4, 4], [30, 10, 4, 4], 0.0),
        ([10, 10, 0, 4], [10, 10, 4, 4], 0.0),
        (LOST, [10, 10, 4, 4], 0.0),
        ([10, 10, 4, 4], LOST, 0.0),
    ],
)
def test_overlap_of_pixel_sets(prediction, truth, expected):
    for protocol in (OLD, NEW):
        actual = raster_overlap(np.array([prediction], float), np.array([truth], float), WH, protocol)
        assert actual[0] == pytest.approx(expected)


def test_versions_differ_where_both_are_lost_and_where_both_are_a_line():
    lost = np.array([LOST])
    assert raster_overlap(lost, lost, WH, OLD)[0] == 0.0
    assert raster_overlap(lost, lost, WH, NEW)[0] == 1.0
    line, other = np.array([[10.0, 10, 1, 5]]), np.array([[10.0, 20, 1, 5]])
    assert raster_overlap(line, other, WH, OLD)[0] == 0.0
    assert raster_overlap(line, other, WH, NEW)[0] == 1.0


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [([0, 0, 0, 0], 1.0), ([0, 40, 0, 0], 1.0), ([0, 0, 9, 1], 1.0), ([0, 0, 9, 2], 0.0), ([50, 40, 0, 0], 0.0)],
)
def test_zeros_written_for_lost_meet_an_absent_target_in_the_newer_version(prediction, expected):
    # the newer toolkit gives the empty region the bounds 0,0,0,0; both together are then a line or a point, overlap 1
    box, lost = np.array([prediction], float), np.array([LOST])
    assert raster_overlap(box, lost, WH, NEW)[0] == raster_overlap(lost, box, WH, NEW)[0] == expected
    assert raster_overlap(box, lost, WH, OLD)[0] == 0.0


def test_thresholds_are_all_confidences_if_there_are_few_and_equal_shares_if_many():
    few = confidence_thresholds(np.array([0.1, np.nan, 0.7]), 100)
    assert few.tolist() == [np.inf, 0.7, 0.1, -np.inf]
    many = confidence_thresholds(np.linspace(0, 1, 1001), 100)
    assert len(many) == 100
    assert many[1] == pytest.approx(0.99)  # ten of 1001 are larger
    assert (np.diff(many[1:-1]) < 0).all()


def longterm(predictions, truth, confidence, lengths):
    frames = len(predictions)
    return LongTermInput(
        np.array(predictions, float),
        np.array(truth, float),
        np.array(confidence, float),
        np.repeat(WH, frames, axis=0),
        np.array(lengths),
    )


def test_precision_recall_and_f_by_hand():
    box, off = [10, 10, 4, 4], [12, 10, 4, 4]
    # one sequence of four frames, the target absent in the last; overlaps 1, 1/3, 1, 0
    data = longterm([box, off, box, box], [box, box, box, LOST], [0.9, 0.5, 0.8, 0.2], [4])
    tables = evaluate_longterm(data, NEW)
    assert tables.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.5, 0.2, -np.inf]
    assert tables.precision[0] == pytest.approx([1, 1, 1, 7 / 9, 7 / 12, 7 / 12])
    assert tables.recall[0] == pytest.approx([0, 1 / 3, 2 / 3, 7 / 9, 7 / 9, 7 / 9])
    best = optimum(tables.precision, tables.recall, tables.thresholds)
    assert best.threshold == 0.8
    assert best.f == pytest.approx(0.8)


def test_the_best_threshold_is_that_of_the_mean_curves_not_of_each_sequence():
    box, far = [10, 10, 4, 4], [50, 50, 4, 4]
    data = longterm([box, box, box, far], [box] * 4, [0.9, 0.1, 0.8, 0.7], [2, 2])
    tables = evaluate_longterm(data, NEW)
    best = optimum(tables.precision, tables.recall, tables.thresholds)
    own = [optimum(tables.precision[[k]], tables.recall[[k]], tables.thresholds).f for k in (0, 1)]
    assert best.f < np.mean(own)


def test_frames_without_confidence_count_as_zero():
    box = [10, 10, 4, 4]
    data = longterm([box, box], [box, box], [np.nan, np.nan], [2])
    assert evaluate_longterm(data, OLD).thresholds.tolist() == [np.inf, 0.0, 0.0, -np.inf]


def test_frame_zero_as_the_toolkit_writes_it_lowers_recall():
    box = [10, 10, 4, 4]
    data = longterm([box, box], [box, box], [1.0, 1.0], [2])
    toolkit = dataclasses.replace(NEW, first_frame=FirstFrame.INITIALIZATION)
    assert evaluate_longterm(data, NEW).recall[0].max() == 1.0
    assert evaluate_longterm(data, toolkit).recall[0].max() == 0.5


def test_a_sequence_without_a_visible_target_has_no_recall():
    box = [10, 10, 4, 4]
    data = longterm([box, box, box, box], [LOST, LOST, box, box], [1.0] * 4, [2, 2])
    tables = evaluate_longterm(data, OLD)
    assert np.isnan(tables.recall[0]).all()
    assert optimum(tables.precision, tables.recall, tables.thresholds).recall == 1.0


def test_versions_are_declared():
    assert (OLD.special_overlap, OLD.degenerate_union) == (SpecialOverlap.ZERO, DegenerateUnion.COMPUTED)
    assert (NEW.special_overlap, NEW.degenerate_union) == (SpecialOverlap.BOUNDS_AT_ORIGIN, DegenerateUnion.ONE)
    assert f_score(np.array([0.0]), np.array([0.0]))[0] == 0.0
