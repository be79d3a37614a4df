"""Training crops: where they lie (OSTrack's jitter) and, for frames that are on the device, their pixels in batches."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Views(NamedTuple):
    """Square views of images.

    Attributes:
        center: (B, 2) x, y in image pixels (pixel k covers k..k + 1).
        side: (B,) image pixels.
    """

    center: Tensor
    side: Tensor

    def place(self, xywh: Tensor) -> Tensor:
        """Boxes of the image (B, 4) as shares of the view."""
        side = self.side[:, None]
        return torch.cat([(xywh[:, :2] - self.center) / side + 0.5, xywh[:, 2:] / side], dim=1)


def jittered(xywh: Tensor, normal: Tensor, uniform: Tensor, *, scale: float, center: float) -> Tensor:
    """Boxes as a tracker might have left them.

    Args:
        xywh: (B, 4) left, top, width, height.
        normal: (B, 2) standard normal numbers for width and height.
        uniform: (B, 2) uniform numbers in 0..1 for x and y.
        scale: Standard deviation of the logarithm of the sides.
        center: Range of the center's shift over the square root of the new area.

    Source: OSTrack, ``_get_jittered_box``.
    """
    wh = xywh[:, 2:] * torch.exp(normal * scale)
    reach = wh.prod(dim=1, keepdim=True).sqrt() * center
    middle = xywh[:, :2] + 0.5 * xywh[:, 2:] + reach * (uniform - 0.5)
    return torch.cat([middle - 0.5 * wh, wh], dim=1)


def square_views(xywh: Tensor, factor: float) -> Views:
    """OSTrack's integer squares, as the tracker cuts them (:func:`trackers.common.crops.square_around`)."""
    side = (xywh[:, 2:].prod(dim=1).sqrt() * factor).ceil().clamp(min=1)
    corner = (xywh[:, :2] + 0.5 * xywh[:, 2:] - 0.5 * side[:, None]).round()
    return Views(corner + 0.5 * side[:, None], side)


def window_views(xywh: Tensor, area_factor: float, smallest: float = 0.0) -> Views:
    """SwinTrack's windows (:func:`trackers.common.crops.window_around`)."""
    wh = xywh[:, 2:].clamp(min=smallest)
    margin = (area_factor - 1) * wh.sum(dim=1, keepdim=True) * 0.5
    return Views(xywh[:, :2] + 0.5 * xywh[:, 2:], (wh + margin).prod(dim=1).sqrt())


def cut(images: Tensor, views: Views, size: int, fill: Tensor | None = None) -> Tensor:
    """Pixels of views, bilinear and without smoothing, as the trackers' crops.

    Args:
        images: (B, C, H, W) floating point.
        views: One for each image.
        size: Side of the result.
        fill: (B, C) color outside of the images; default black.

    Returns:
        (B, C, size, size).
    """
    height, width = images.shape[-2:]
    steps = (torch.arange(size, device=images.device, dtype=views.side.dtype) + 0.5) / size - 0.5
    offsets = steps * views.side[:, None]
    x = 2 * (views.center[:, :1] + offsets) / width - 1
    y = 2 * (views.center[:, 1:] + offsets) / height - 1
    grid = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], dim=-1)
    if fill is not None:
        images = images - fill[:, :, None, None]
    pixels = functional.grid_sample(images, grid.to(images.dtype), padding_mode="zeros", align_corners=False)
    return pixels if fill is None else pixels + fill[:, :, None, None]
