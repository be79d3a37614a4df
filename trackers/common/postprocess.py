"""From the network's answer back to the image: windows that prefer the center, box mapping in float64."""

import collections.abc as cabc

import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray

Float32Array = npt.NDArray[np.float32]


def inner_hann(side: int) -> Float32Array:
    """Hann window (side, side) without zeros at its border, as OSTrack weights its scores.

    Example:
        >>> inner_hann(3).round(3)[1]
        array([0.5, 1. , 0.5], dtype=float32)
    """
    steps = np.arange(1, side + 1)
    line = 0.5 * (1 - np.cos(2 * np.pi * steps / (side + 1)))
    return np.outer(line, line).astype(np.float32)


def symmetric_hann(side: int) -> Float32Array:
    """Hann window (side, side) that is zero at its border, as SwinTrack weights its scores.

    Example:
        >>> symmetric_hann(3)[1]
        array([0., 1., 0.], dtype=float32)
    """
    line = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / (side - 1))
    return np.outer(line, line).astype(np.float32)


def square_to_image(
    boxes_unit: Float32Array, centers: FloatArray, resize_factors: cabc.Sequence[float], size: int
) -> Boxes:
    """Boxes of square search crops in image pixels.

    Args:
        boxes_unit: (N, 4) center x, center y, width, height, shares of the crop's side.
        centers: (N, 2) centers of the boxes around which the crops were cut.
        resize_factors: N crop pixels per image pixel.
        size: Side of the crops.

    Returns:
        (N, 4) left, top, width, height.

    Source: OSTrack, ``map_box_back``; scaled in float32 as there, then float64. The crop's own center differs from
        ``centers`` by rounding; the authors ignore that, and so do we.
    """
    factors = np.asarray(resize_factors, dtype=np.float64)
    pixels = (boxes_unit * np.float32(size) / factors.astype(np.float32)[:, None]).astype(np.float64)
    half_side = (0.5 * size / factors)[:, None]
    corner = pixels[:, :2] + (centers - half_side) - 0.5 * pixels[:, 2:]
    return np.concatenate([corner, pixels[:, 2:]], axis=1)
