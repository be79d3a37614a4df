"""SwinTrack's windows as bytes: threads gather the pixels, the device blends them.

The window's rule does not end in whole numbers, so its pixels cannot be bytes; those between which it blends are.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .crops import Window, window_pixels
from .torch_tracker import Bytes

Float32Array = npt.NDArray[np.float32]


def tap_bytes(size: int) -> int:
    """Bytes that a window of ``size`` pixels needs.

    Example:
        >>> tap_bytes(224)
        605708
    """
    return 12 * size * size + 4 * (4 * size + 3)


def gather_taps(image: Bytes, window: Window, fill: Float32Array, out: Bytes) -> None:
    """Gather what :func:`blend_taps` needs to draw a window.

    Args:
        image: (height, width, 3) uint8.
        window: Where to look.
        fill: (3,) color in [0, 1] of what lies outside of the image.
        out: ``tap_bytes(window.size)`` bytes: four neighbors of every pixel as (2, size, 2, size, 3), then in float32
            the shares of the right and of the lower neighbors, which columns and rows are inside, and ``fill``.
    """
    size = window.size
    split = 12 * size * size
    places = out[split:].view(np.float32)
    places[:-3], places[-3:] = 0, fill
    height, width = image.shape[:2]
    drawn = window_pixels(window, (width, height))
    if drawn is None:
        out[:split] = 0
        return
    (left, top, right, bottom), (x1, y1, x2, y2) = drawn
    columns, rows = np.full((2, size), left), np.full((2, size), top)
    for part, (neighbors, first, last, low, high) in enumerate(
        ((columns, left, right, x1, x2), (rows, top, bottom, y1, y2))
    ):
        shares, inside = (places[which * size : (which + 1) * size] for which in (part, part + 2))
        neighbors[:, low : high + 1], shares[low : high + 1] = aligned_neighbors(last - first + 1, high - low + 1)
        neighbors[:, low : high + 1] += first
        inside[low : high + 1] = 1
    wide = image[rows.ravel()]
    wide.take(columns.ravel(), axis=1, out=out[:split].reshape(2 * size, 2 * size, 3), mode="clip")


def blend_taps(taps: Tensor, size: int) -> Tensor:
    """Windows from what was gathered, bilinear; the corner pixels keep their places.

    Args:
        taps: (B, tap_bytes(size)) uint8.
        size: Side of the windows.

    Returns:
        (B, size, size, 3) float32 in [0, 1].
    """
    split = 12 * size * size
    places = taps[:, split:].view(torch.float32)
    share_x, share_y, inside_x, inside_y = places[:, : 4 * size].reshape(-1, 4, size).unbind(1)
    left, right = taps[:, :split].float().div_(255).view(-1, 2, size, 2, size, 3).unbind(3)
    upper, lower = ((right - left) * share_x[:, None, None, :, None] + left).unbind(1)
    blended = (lower - upper) * share_y[:, :, None, None] + upper
    inside = (inside_y[:, :, None] * inside_x[:, None, :]).bool()
    return torch.where(inside[..., None], blended, places[:, None, None, -3:])


def draw_window(image: Bytes, window: Window, fill: Float32Array) -> Float32Array:
    """The pixels (size, size, 3) of a window on the processor, float32 in [0, 1]."""
    taps = np.empty(tap_bytes(window.size), np.uint8)
    gather_taps(image, window, fill, taps)
    pixels: Float32Array = blend_taps(torch.from_numpy(taps)[None], window.size)[0].numpy()
    return pixels


def aligned_neighbors(count: int, wanted: int) -> tuple[npt.NDArray[np.int64], Float32Array]:
    """Between which of ``count`` pixels each of ``wanted`` lies, (2, wanted), and the share of the second, (wanted,).

    First and last pixel keep their places; OpenCV's resize aligns edges instead.

    Example:
        >>> aligned_neighbors(2, 3)
        (array([[0, 0, 1],
           [1, 1, 1]]), array([0. , 0.5, 0. ], dtype=float32))
    """
    places = np.arange(wanted) * ((count - 1) / (wanted - 1)) if wanted > 1 else np.zeros(1)
    first = np.minimum(places.astype(np.int64), count - 1)
    return np.stack([first, np.minimum(first + 1, count - 1)]), (places - first).astype(np.float32)
