"""Truth and predictions frame by frame, for pictures and strips."""

import numpy as np

from evalkit.boxes import Boxes, FloatArray
from evalkit.scoring.conventions import OverlapArithmetic
from evalkit.scoring.overlap import overlap
from evalkit.sequences import Annotation


def truth_per_frame(annotation: Annotation, count: int) -> Boxes:
    """(``count``, 4) boxes, NaN where the target is absent, has no size, or is not annotated."""
    rows = annotation.ground_truth.copy()
    rows[annotation.absent | (rows[:, 2:] <= 0).any(axis=1)] = np.nan
    truth = np.full((count, 4), np.nan)
    places = np.arange(len(rows)) * annotation.stride
    inside = places < count
    truth[places[inside]] = rows[inside]
    return truth


def padded_boxes(boxes: Boxes, count: int) -> Boxes:
    """The first ``count`` boxes; NaN after their end."""
    return np.concatenate([boxes[:count], np.full((max(0, count - len(boxes)), 4), np.nan)])


def frame_overlaps(boxes: Boxes, truth: Boxes) -> FloatArray:
    """Overlap per frame, shape (N,); NaN where either box is."""
    return overlap(boxes.T, truth.T, OverlapArithmetic.CONTINUOUS, np.finfo(float).tiny)
