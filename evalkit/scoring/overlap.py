"""Overlap and center errors, frame by frame. Boxes come by coordinate, (4, F): left, top, width, height in pixels."""

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.scoring.conventions import (
    Bounds,
    Center,
    ErrorRule,
    Normalization,
    OverlapArithmetic,
    PartlyNan,
    Rounding,
    SizeFloor,
)

_CENTER_SHIFT = {Center.HALF_SIZE: 0.0, Center.HALF_SIZE_LESS_ONE: -1.0, Center.HALF_SIZE_PLUS_ONE: 1.0}


def rounded(boxes: FloatArray, rounding: Rounding) -> FloatArray:
    """Boxes with their coordinates rounded.

    Args:
        boxes: (4, F) left, top, width, height in pixels.
        rounding: TRUNCATE is toward zero, NEAREST takes ties to even.

    Returns:
        (4, F), NaN stays NaN; the array itself where nothing is rounded.

    Example:
        >>> rounded(np.array([[1.5], [2.5], [-1.5], [3.7]]), Rounding.NEAREST).ravel()
        array([ 2.,  2., -2.,  4.])
    """
    if rounding is Rounding.TRUNCATE:
        return np.trunc(boxes)
    if rounding is Rounding.NEAREST:
        return np.rint(boxes)
    return boxes


def shifted(boxes: FloatArray, shift: float) -> FloatArray:
    """Boxes moved by ``shift`` pixels to the right and down, (4, F); the array itself where the shift is 0."""
    return np.concatenate([boxes[:2] + shift, boxes[2:]]) if shift else boxes


def bounded(boxes: FloatArray, frame_wh: FloatArray, bounds: Bounds) -> FloatArray:
    """Boxes clipped to the frame.

    Args:
        boxes: (4, F).
        frame_wh: (2, F) width and height of the frame of every row.
        bounds: MOVED_INSIDE moves a corner inside WITHOUT shrinking the box, then cuts the size at the border.

    Returns:
        (4, F); NaN stays NaN.

    Source: GOT-10k toolkit, ``rect_iou`` with ``bound``.

    Example:
        >>> bounded(np.array([[-5.0], [8], [20], [4]]), np.array([[10.0], [10]]), Bounds.MOVED_INSIDE).ravel()
        array([ 0.,  8., 10.,  2.])
    """
    if bounds is Bounds.NONE:
        return boxes
    corner = np.clip(boxes[:2], 0, frame_wh)
    return np.concatenate([corner, np.clip(boxes[2:], 0, frame_wh - corner)])


def overlap(
    predictions: FloatArray,
    ground_truth: FloatArray,
    arithmetic: OverlapArithmetic,
    epsilon: float,
    partly_nan: PartlyNan = PartlyNan.AS_NAN,
) -> FloatArray:
    """Intersection over union.

    Args:
        predictions: (4, F).
        ground_truth: (4, F).
        arithmetic: All three are the same number up to rounding: -1 and +1 cancel.
        epsilon: Added to the area of the union.
        partly_nan: SCORED takes the annotation's side of the intersection where the prediction's is NaN.

    Returns:
        (F,), NaN where a coordinate (SCORED: a size) is NaN or both boxes are empty.

    Source: OTB benchmark (CVPR 2013), overlap score.

    Example:
        >>> box, shifted = np.array([[0.0], [0], [4], [2]]), np.array([[2.0], [0], [4], [2]])
        >>> overlap(box, shifted, OverlapArithmetic.CONTINUOUS, 0.0)
        array([0.33333333])
    """
    pixel = 1.0 if arithmetic is OverlapArithmetic.INCLUSIVE else 0.0
    # MATLAB's and pandas' minimum and maximum skip NaN as fmin and fmax do
    smaller, larger = (np.fmin, np.fmax) if partly_nan is PartlyNan.SCORED else (np.minimum, np.maximum)
    area = np.ones(predictions.shape[1])
    for axis in (0, 1):
        far = smaller(_far_side(predictions, axis, pixel), _far_side(ground_truth, axis, pixel))
        far -= larger(predictions[axis], ground_truth[axis])
        if pixel:
            far += pixel
        area *= larger(far, 0.0, out=far)
    corners = arithmetic is OverlapArithmetic.CORNERS
    union = _area(predictions, from_corners=corners)
    union += _area(ground_truth, from_corners=corners)
    union -= area
    if epsilon:
        union += epsilon
    with np.errstate(divide="ignore", invalid="ignore"):
        area /= union
    return area


def _far_side(boxes: FloatArray, axis: int, pixel: float) -> FloatArray:
    far: FloatArray = boxes[axis] + boxes[axis + 2]
    if pixel:
        far -= pixel
    return far


def _area(boxes: FloatArray, *, from_corners: bool) -> FloatArray:
    if not from_corners:
        return np.asarray(boxes[2] * boxes[3])
    return np.asarray(_size(boxes, 0, from_corners=True) * _size(boxes, 1, from_corners=True))


def _size(boxes: FloatArray, axis: int, *, from_corners: bool) -> FloatArray:
    # (left + width) - left need not be width in floating point
    size: FloatArray = (boxes[axis] + boxes[axis + 2]) - boxes[axis] if from_corners else boxes[axis + 2]
    return size


def center_error(predictions: FloatArray, ground_truth: FloatArray, rule: ErrorRule) -> FloatArray:
    """Distance between box centers.

    Args:
        predictions: (4, F).
        ground_truth: (4, F).
        rule: ``center`` matters; its constant cancels up to rounding.

    Returns:
        (F,) pixels, NaN where a coordinate is NaN.

    Source: OTB benchmark (CVPR 2013), location error.

    Example:
        >>> rule = ErrorRule(Center.HALF_SIZE, Normalization.DIVIDE_THEN_SUBTRACT, SizeFloor.NONE)
        >>> center_error(np.array([[0.0], [0], [10], [10]]), np.array([[3.0], [4], [10], [10]]), rule)
        array([5.])
    """
    return _length(
        _center(predictions, 0, rule.center) - _center(ground_truth, 0, rule.center),
        _center(predictions, 1, rule.center) - _center(ground_truth, 1, rule.center),
    )


def normalized_center_error(predictions: FloatArray, ground_truth: FloatArray, rule: ErrorRule) -> FloatArray:
    """Distance between box centers with x and y divided by the ground truth's width and height.

    Returns:
        (F,), NaN or infinite where the ground truth's size is 0 or NaN.

    Source: TrackingNet (ECCV 2018), normalized precision. Toolkits divide and subtract in different orders, which
    decides ties such as 8 px in a box of 40 px at the threshold 0.20.

    Example:
        >>> rule = ErrorRule(Center.HALF_SIZE, Normalization.SUBTRACT_THEN_DIVIDE, SizeFloor.NONE)
        >>> normalized_center_error(np.array([[3.0], [4], [5], [5]]), np.array([[0.0], [0], [5], [5]]), rule)
        array([1.])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _length(*(_normalized_offset(predictions, ground_truth, axis, rule) for axis in (0, 1)))


def normalized_center(boxes: FloatArray, axis: int, rule: ErrorRule) -> FloatArray:
    """Center of boxes along one axis divided by their size along it, (F,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _center(boxes, axis, rule.center) / _divisor(boxes, axis, rule)


def center(boxes: FloatArray, axis: int, rule: ErrorRule) -> FloatArray:
    """Center of boxes along one axis, (F,) pixels."""
    return _center(boxes, axis, rule.center)


def _normalized_offset(predictions: FloatArray, ground_truth: FloatArray, axis: int, rule: ErrorRule) -> FloatArray:
    size = _divisor(ground_truth, axis, rule)
    offset: FloatArray = _center(predictions, axis, rule.center)
    truth = _center(ground_truth, axis, rule.center)
    if rule.order is Normalization.DIVIDE_THEN_SUBTRACT:
        offset /= size
        truth /= size
        offset -= truth
        return offset
    offset -= truth
    offset /= size
    return offset


def _divisor(boxes: FloatArray, axis: int, rule: ErrorRule) -> FloatArray:
    size = _size(boxes, axis, from_corners=rule.center is Center.CORNERS)
    if rule.floor is SizeFloor.AT_LEAST_ONE:
        return np.maximum(size, 1.0)
    if rule.floor is SizeFloor.PLUS_TINY:
        return size + 1e-16
    return size


def _center(boxes: FloatArray, axis: int, kind: Center) -> FloatArray:
    if kind is Center.CORNERS:
        return np.asarray((boxes[axis] + (boxes[axis] + boxes[axis + 2])) / 2.0)
    shift = _CENTER_SHIFT[kind]
    half: FloatArray = boxes[axis + 2] + shift if shift else boxes[axis + 2].copy()
    half *= 0.5
    half += boxes[axis]
    return half


def _length(x: FloatArray, y: FloatArray) -> FloatArray:
    # sqrt of the sum of squares, as all toolkits do; hypot rounds differently at ties
    x *= x
    y *= y
    x += y
    root: FloatArray = np.sqrt(x, out=x)
    return root
