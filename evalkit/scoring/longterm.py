"""VOT long-term evaluation: tracking precision, recall and F-score over confidence."""

import itertools
from typing import NamedTuple

import numpy as np

from evalkit.boxes import Boxes, Flags, FloatArray, IntArray
from evalkit.flat import count_by, offsets_of
from evalkit.scoring.conventions import DegenerateUnion, FirstFrame, LongTermProtocol, SpecialOverlap


class LongTermInput(NamedTuple):
    """All sequences end to end.

    Attributes:
        predictions: (F, 4) pixels; a row with NaN is a special region ("lost" or initialization).
        ground_truth: (F, 4) pixels; a row with NaN means that the target is absent.
        confidence: (F,), NaN where the tracker gives none.
        frame_wh: (F, 2) frame size of every row.
        lengths: (S,) frames of every sequence.
    """

    predictions: Boxes
    ground_truth: Boxes
    confidence: FloatArray
    frame_wh: FloatArray
    lengths: IntArray


class LongTermTables(NamedTuple):
    """Curves over confidence.

    Attributes:
        thresholds: (R,) from +inf to -inf.
        precision: (S, R) per sequence.
        recall: (S, R) per sequence; NaN where a sequence has no visible target.
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray


class Optimum(NamedTuple):
    """The threshold with the largest F."""

    place: int
    threshold: float
    precision: float
    recall: float
    f: float


def raster_overlap(
    predictions: Boxes, ground_truth: Boxes, frame_wh: FloatArray, protocol: LongTermProtocol
) -> FloatArray:
    """Overlap of pixel sets inside the frame.

    Coordinates are held in single precision and rounded to the nearest integer, ties to even; a box covers the
    pixels left .. left + width - 1. Special regions (rows with NaN) overlap nothing, but where the protocol says so
    their bounds 0,0,0,0 take part in the search for lines and points, as the newer toolkit's do: "lost", or a box of
    zeros, on an absent target then overlaps it wholly.

    Args:
        predictions: (F, 4).
        ground_truth: (F, 4).
        frame_wh: (F, 2).
        protocol: ``degenerate_union`` and ``special_overlap`` matter.

    Returns:
        (F,) in [0, 1].

    Source: vot-toolkit 0.9.0, ``calculate_overlaps`` with bounds.

    Example:
        >>> from evalkit.scoring.protocols import PROTOCOLS
        >>> box, wh = np.array([[-2.0, 0, 4, 4]]), np.array([[10.0, 10]])
        >>> raster_overlap(box, np.array([[0.0, 0, 4, 4]]), wh, PROTOCOLS["vot-longterm-0.9"])
        array([0.5])
    """
    special_p, special_g = _special(predictions), _special(ground_truth)
    p_low, p_high = _pixels(predictions, special_p)
    g_low, g_high = _pixels(ground_truth, special_g)
    border = frame_wh - 1
    low, high = np.minimum(p_low, g_low), np.maximum(p_high, g_high)
    degenerate = (low >= high).any(axis=1)
    outside = (np.maximum(low, 0) >= np.minimum(high, border)).any(axis=1)
    p_low, p_high = np.maximum(p_low, 0), np.minimum(p_high, border)
    g_low, g_high = np.maximum(g_low, 0), np.minimum(g_high, border)
    both = _area(np.maximum(p_low, g_low), np.minimum(p_high, g_high))
    either = _area(p_low, p_high) + _area(g_low, g_high) - both
    result = np.divide(both, either, out=np.zeros(len(both)), where=either > 0)
    result[outside] = 0.0
    if protocol.degenerate_union is DegenerateUnion.ONE:
        result[degenerate] = 1.0
    special = special_p | special_g
    result[special] = 0.0
    if protocol.special_overlap is SpecialOverlap.BOUNDS_AT_ORIGIN:
        result[special & degenerate] = 1.0
    return result


def _special(boxes: Boxes) -> Flags:
    return np.asarray(np.isnan(boxes).any(axis=1), dtype=np.bool_)


def _pixels(boxes: Boxes, special: Flags) -> tuple[FloatArray, FloatArray]:
    whole = np.rint(boxes.astype(np.float32)).astype(np.float64)
    whole[special] = (0.0, 0.0, 1.0, 1.0)
    return whole[:, :2], whole[:, :2] + whole[:, 2:] - 1


def _area(low: FloatArray, high: FloatArray) -> FloatArray:
    return np.asarray(np.prod(np.maximum(high - low + 1, 0), axis=1), dtype=np.float64)


def confidence_thresholds(confidence: FloatArray, resolution: int) -> FloatArray:
    """Thresholds at equal shares of all frames' confidences, between +inf and -inf.

    Args:
        confidence: (F,) of all frames of all sequences; NaN is left out.
        resolution: Number of thresholds including both infinities.

    Returns:
        (R,) descending; R = ``resolution`` unless there are fewer confidences.

    Source: vot-toolkit, ``determine_thresholds``.

    Example:
        >>> confidence_thresholds(np.array([0.2, 0.9, np.nan]), 100)
        array([ inf,  0.9,  0.2, -inf])
    """
    ordered = np.sort(confidence[~np.isnan(confidence)])[::-1]
    inner = resolution - 2
    if len(ordered) > inner:
        step = len(ordered) // inner
        ordered = ordered[np.rint(np.linspace(step, len(ordered) - step, inner)).astype(np.int64)]
    return np.concatenate([[np.inf], ordered, [-np.inf]])


def evaluate_longterm(data: LongTermInput, protocol: LongTermProtocol) -> LongTermTables:
    """Precision and recall of every sequence at every threshold.

    Precision is the mean overlap of the frames with at least that confidence, recall the sum of their overlaps
    divided by the number of frames with a visible target.
    """
    offsets = offsets_of(data.lengths)
    predictions, confidence = data.predictions, data.confidence
    if protocol.first_frame is FirstFrame.INITIALIZATION:
        starts = offsets[:-1][data.lengths > 0]
        predictions, confidence = predictions.copy(), confidence.copy()
        predictions[starts], confidence[starts] = np.nan, np.nan
    overlaps = raster_overlap(predictions, data.ground_truth, data.frame_wh, protocol)
    confidence = np.where(np.isnan(confidence), protocol.missing_confidence, confidence)
    thresholds = confidence_thresholds(confidence, protocol.resolution)
    owners = np.repeat(np.arange(len(data.lengths)), data.lengths)
    visible = count_by(owners, ~_special(data.ground_truth), len(data.lengths))
    sums, counts = _reported_sums(overlaps, confidence, thresholds, offsets)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(counts > 0, sums / counts, protocol.empty_precision)
        recall = np.where(visible[:, None] > 0, sums / visible[:, None], np.nan)
    return LongTermTables(thresholds, precision, recall)


def _reported_sums(
    overlaps: FloatArray, confidence: FloatArray, thresholds: FloatArray, offsets: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Sum of overlaps and number of the frames with confidence >= threshold, (S, R) each."""
    sums = np.zeros((len(offsets) - 1, len(thresholds)))
    counts = np.zeros_like(sums)
    for row, (start, stop) in enumerate(itertools.pairwise(offsets)):
        order = np.argsort(-confidence[start:stop], kind="stable")
        running = np.concatenate([[0.0], np.cumsum(overlaps[start:stop][order])])
        reported = np.searchsorted(-confidence[start:stop][order], -thresholds, side="right")
        sums[row], counts[row] = running[reported], reported
    return sums, counts


def optimum(precision: FloatArray, recall: FloatArray, thresholds: FloatArray) -> Optimum:
    """The largest F of the curves' means over sequences, and precision and recall there; the first one at ties.

    Args:
        precision: (S, R).
        recall: (S, R); NaN rows (no visible target) are left out of the mean.
        thresholds: (R,).
    """
    mean_precision = precision.mean(axis=0)
    known = ~np.isnan(recall).any(axis=1)
    mean_recall = recall[known].mean(axis=0) if known.any() else np.zeros(recall.shape[1])
    f = f_score(mean_precision, mean_recall)
    index = int(np.argmax(f))
    return Optimum(
        index, float(thresholds[index]), float(mean_precision[index]), float(mean_recall[index]), float(f[index])
    )


def f_score(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """Harmonic mean of precision and recall.

    Args:
        precision: Fractions, any shape.
        recall: Fractions of the same shape.

    Returns:
        The same shape; 0 where both are 0 and where one is NaN.

    Source: VOT long-term evaluation, F-measure.

    Example:
        >>> f_score(np.array([1.0, 0.0]), np.array([0.5, 0.0]))
        array([0.66666667, 0.        ])
    """
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
