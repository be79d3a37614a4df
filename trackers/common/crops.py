"""Crops around a box: OSTrack's integer square and SwinTrack's continuous window, each with its inverse.

Plain numpy and OpenCV; called from worker threads.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import TrackerError

Pixels = npt.NDArray[np.uint8]


class SquareCrop(NamedTuple):
    """A square crop.

    Attributes:
        pixels: (size, size, channels) uint8.
        resize_factor: Crop pixels per image pixel.
    """

    pixels: Pixels
    resize_factor: float


class Square(NamedTuple):
    """Where a square crop lies: left, top and side in image pixels, integers; may reach beyond the image."""

    left: int
    top: int
    side: int


def square_around(box: Boxes, factor: float) -> Square:
    """Square of ``factor`` times the square root of the box's area around its center.

    Args:
        box: (4,) left, top, width, height. The arithmetic keeps the array's precision: a float32 box gives the
            reference's float32 rounding.
        factor: Side over sqrt(width * height).

    Raises:
        TrackerError: The box has no area.

    Source: OSTrack, ``sample_target``: side rounded up, corner rounded half to even.

    Example:
        >>> square_around(np.array([100.0, 90, 48, 36]), 2.0)
        Square(left=82, top=66, side=84)
    """
    x, y, w, h = box
    side = math.ceil(math.sqrt(w * h) * factor) if w > 0 and h > 0 else 0
    if side < 1:
        raise TrackerError(f"the box {[float(value) for value in box]} has no area to crop around")
    return Square(round(x + 0.5 * w - side * 0.5), round(y + 0.5 * h - side * 0.5), side)


def crop_square(image: Pixels, square: Square, size: int, out: Pixels | None = None) -> SquareCrop:
    """Cut a square out of an image, black outside of it, and resize it.

    Args:
        image: (height, width, channels) uint8.
        square: From :func:`square_around`.
        size: Side of the result in pixels.
        out: (size, size, channels) to be filled, contiguous; None = a new array.

    Raises:
        TrackerError: The square does not meet the image.

    Source: OSTrack, ``sample_target``. A square that reaches the last column or row loses it to the padding;
        the authors' weights were trained like that.
    """
    height, width = image.shape[:2]
    left, top, side = square
    right, bottom = left + side, top + side
    pad = (max(0, -top), max(bottom - height + 1, 0), max(0, -left), max(right - width + 1, 0))  # top bottom left right
    part = image[top + pad[0] : max(bottom - pad[1], 0), left + pad[2] : max(right - pad[3], 0)]
    if part.size == 0:
        raise TrackerError(f"the crop at {left}, {top} of side {side} does not meet the {width} x {height} image")
    if any(pad):
        canvas = np.zeros((side, side, image.shape[2]), dtype=np.uint8)
        canvas[pad[0] : side - pad[1], pad[2] : side - pad[3]] = part
        part = canvas
    pixels = cv2.resize(part, (size, size), dst=out, interpolation=cv2.INTER_LINEAR)
    return SquareCrop(pixels.astype(np.uint8, copy=False), size / side)


def clip_boxes(boxes: Boxes, image_wh: FloatArray, margin: float = 10.0) -> Boxes:
    """Push boxes into their images so that at least ``margin`` pixels stay visible and wide.

    Args:
        boxes: (N, 4).
        image_wh: (N, 2) widths and heights of the images.
        margin: Pixels.

    Source: OSTrack, ``clip_box``.

    Example:
        >>> clip_boxes(np.array([[-50.0, -60, 30, 40]]), np.array([[320.0, 240.0]]))
        array([[ 0.,  0., 10., 10.]])
    """
    low = np.minimum(np.maximum(boxes[:, :2], 0.0), image_wh - margin)
    high = np.minimum(np.maximum(boxes[:, :2] + boxes[:, 2:], margin), image_wh)
    return np.concatenate([low, np.maximum(high - low, margin)], axis=1)


class Window(NamedTuple):
    """SwinTrack's mapping between image and crop: crop = (image - center) * scale + size / 2, continuous pixels."""

    center_x: float
    center_y: float
    scale: float
    size: int

    def to_crop(self, corners_xyxy: FloatArray) -> FloatArray:
        """Map corner points (..., 4) of the image to the crop."""
        return (corners_xyxy - self._center()) * self.scale + self.size / 2

    def to_image(self, corners_xyxy: FloatArray) -> FloatArray:
        """Inverse of :meth:`to_crop`: points (..., 4) of the crop to pixels of the image."""
        return (corners_xyxy - self.size / 2) / self.scale + self._center()

    def _center(self) -> FloatArray:
        return np.array([self.center_x, self.center_y, self.center_x, self.center_y])


def window_around(corners_xyxy: FloatArray, area_factor: float, size: int, smallest: float = 0.0) -> Window:
    """Window whose area is that of the box with a margin, mapped to a square of ``size`` pixels.

    Args:
        corners_xyxy: (4,) box in image pixels.
        area_factor: 1 means no margin; the margin is (area_factor - 1) (w + h) / 2 on both sides together.
        size: Side of the crop.
        smallest: Width and height are raised to this many pixels first.

    Raises:
        TrackerError: The box has no area.

    Source: SwinTrack, ``SiamFC_curation`` scale rule.
    """
    x1, y1, x2, y2 = (float(value) for value in corners_xyxy)
    width, height = max(x2 - x1, smallest), max(y2 - y1, smallest)
    margin = (area_factor - 1) * (width + height) * 0.5
    area = (width + margin) * (height + margin)
    if width <= 0 or height <= 0 or not area > 0:
        raise TrackerError(f"the box with corners {[x1, y1, x2, y2]} has no area to crop around")
    return Window((x1 + x2) / 2, (y1 + y2) / 2, math.sqrt(size * size / area), size)


def window_pixels(window: Window, image_wh: tuple[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Which pixels a window draws: inclusive corners in the image and in the crop, or None if it misses the image.

    Pixel k covers [k, k + 1]; a half pixel at the crop's border stays free; corners are truncated toward zero.
    """
    width, height = image_wh
    inside = window.to_crop(np.array([0.0, 0.0, width, height]))
    inside[:2] = np.maximum(inside[:2], 0.5)
    inside[2:] = np.minimum(inside[2:], window.size - 0.5)
    if not (inside[0] < inside[2] and inside[1] < inside[3]):
        return None
    source = np.trunc(window.to_image(inside)).astype(int)
    source = np.clip(source, 0, [width - 1, height - 1] * 2)
    return tuple(source.tolist()), tuple(np.trunc(inside).astype(int).tolist())
