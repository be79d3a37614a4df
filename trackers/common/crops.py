"""Crops around a box: OSTrack's integer square and SwinTrack's continuous window, each with its inverse.

Plain numpy and OpenCV; called from worker threads.
"""

import collections.abc as cabc
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


def crop_square(image: Pixels, square: Square, size: int) -> SquareCrop:
    """Cut a square out of an image, black outside of it, and resize it.

    Args:
        image: (height, width, channels) uint8.
        square: From :func:`square_around`.
        size: Side of the result in pixels.

    Raises:
        TrackerError: The square does not meet the image.

    Source: OSTrack, ``sample_target``. A square that reaches the last column or row loses it to the padding;
        the authors' weights were trained like that.
    """
    height, width = image.shape[:2]
    left, top, side = square
    right, bottom = left + side, top + side
    pad = (max(0, -top), max(bottom - height + 1, 0), max(0, -left), max(right - width + 1, 0))  # top bottom left right
    part = image[top + pad[0] : bottom - pad[1], left + pad[2] : right - pad[3]]
    if part.size == 0:
        raise TrackerError(f"the crop at {left}, {top} of side {side} does not meet the {width} x {height} image")
    if any(pad):
        canvas = np.zeros((side, side, image.shape[2]), dtype=np.uint8)
        canvas[pad[0] : side - pad[1], pad[2] : side - pad[3]] = part
        part = canvas
    pixels = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    return SquareCrop(pixels.astype(np.uint8, copy=False), size / side)


def padding_mask(image_wh: tuple[int, int], square: Square, size: int) -> npt.NDArray[np.bool_]:
    """Pixels of a resized square crop that lie, at least in part, in the padding, shape (size, size).

    Networks with published weights do not use it; training redraws samples that are all padding.
    """
    width, height = image_wh
    left, top, side = square
    mask = np.ones((side, side))
    rows = slice(max(0, -top), side - max(top + side - height + 1, 0))
    columns = slice(max(0, -left), side - max(left + side - width + 1, 0))
    mask[rows, columns] = 0.0
    resized: npt.NDArray[np.bool_] = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR).astype(bool)
    return resized


def crop_channels(images: cabc.Sequence[Pixels], square: Square, size: int) -> SquareCrop:
    """Crop several images of one geometry and stack their channels.

    OpenCV resizes channels independently, so this equals a crop of the stacked image without building it.
    """
    crops = [crop_square(image, square, size) for image in images]
    if len(crops) == 1:
        return crops[0]
    return SquareCrop(np.concatenate([crop.pixels for crop in crops], axis=2), crops[0].resize_factor)


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
        """Inverse of :meth:`to_crop`."""
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


def draw_window(image: Pixels, window: Window, fill: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The pixels of a window.

    Args:
        image: (height, width, 3) uint8.
        window: Where to look.
        fill: (3,) color in [0, 1] of what lies outside of the image.

    Returns:
        (size, size, 3) float32 in [0, 1].
    """
    canvas = np.empty((window.size, window.size, 3), dtype=np.float32)
    canvas[:] = fill
    height, width = image.shape[:2]
    found = window_pixels(window, (width, height))
    if found is not None:
        (left, top, right, bottom), (x1, y1, x2, y2) = found
        part = image[top : bottom + 1, left : right + 1]
        canvas[y1 : y2 + 1, x1 : x2 + 1] = resize_aligned(part, (x2 - x1 + 1, y2 - y1 + 1))
    return canvas


def resize_aligned(image: Pixels, size_wh: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Bilinear resize in which the corner pixels keep their places (OpenCV's resize aligns edges instead).

    Args:
        image: (height, width, channels) uint8.
        size_wh: New width and height.

    Returns:
        (height, width, channels) float32 in [0, 1].

    Example:
        >>> resize_aligned(np.array([[[0], [255]]], dtype=np.uint8), (3, 1)).ravel()
        array([0. , 0.5, 1. ], dtype=float32)
    """
    width, height = size_wh
    columns, right, share_x = _neighbors(image.shape[1], width)
    rows, below, share_y = _neighbors(image.shape[0], height)
    pixels = image.astype(np.float32) / np.float32(255)
    wide = pixels[:, columns]
    wide += (pixels[:, right] - wide) * share_x[None, :, None]
    high = wide[rows]
    high += (wide[below] - high) * share_y[:, None, None]
    return high


def _neighbors(count: int, wanted: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    places = np.arange(wanted) * ((count - 1) / (wanted - 1)) if wanted > 1 else np.zeros(1)
    first = np.minimum(places.astype(np.int64), count - 1)
    return first, np.minimum(first + 1, count - 1), (places - first).astype(np.float32)
