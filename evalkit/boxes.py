"""Boxes as arrays: layouts and conversions. A box is left, top, width, height in pixels, float64."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def enclosing_boxes(polygons: FloatArray) -> Boxes:
    """Axis-aligned boxes around polygons.

    Args:
        polygons: (F, 2K) corner points x1, y1, ..., xK, yK in pixels.

    Returns:
        (F, 4); NaN where a coordinate is NaN.

    Source: VOT toolkit, conversion of a polygon region to a rectangle (bounds of the points).

    Example:
        >>> enclosing_boxes(np.array([[0.0, 0, 4, 1, 3, 5, -1, 2]]))
        array([[-1.,  0.,  5.,  5.]])
    """
    points = polygons.reshape(len(polygons), -1, 2)
    low = points.min(axis=1)
    return np.concatenate([low, points.max(axis=1) - low], axis=1)


def to_corners(boxes: Boxes) -> FloatArray:
    """Corners of boxes, with x2 = left + width: continuous coordinates, no pixel is added or taken away.

    Args:
        boxes: (F, 4) left, top, width, height in pixels.

    Returns:
        (F, 4) x1, y1, x2, y2, a new array; NaN stays NaN.

    Example:
        >>> to_corners(np.array([[1.0, 2, 3, 4]]))
        array([[1., 2., 4., 6.]])
    """
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def from_corners(corners_xyxy: FloatArray) -> Boxes:
    """Boxes of corners, the inverse of :func:`to_corners` but for the last bit.

    Args:
        corners_xyxy: (F, 4) x1, y1, x2, y2 in pixels.

    Returns:
        (F, 4) left, top, width, height, a new array; negative sizes where the corners are the other way round.

    Example:
        >>> from_corners(np.array([[1.0, 2, 4, 6]]))
        array([[1., 2., 3., 4.]])
    """
    return np.concatenate([corners_xyxy[:, :2], corners_xyxy[:, 2:] - corners_xyxy[:, :2]], axis=1)
