"""What the networks are trained to minimize: OSTrack's loss on the center head's maps, SwinTrack's on its cells.

Boxes are shares of the search side. Source of formulas: OSTrack (CornerNet's heat map), SwinTrack (varifocal loss).
"""

import collections.abc as cabc
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..layers.heads import CenterMaps, decode_center

_OVERLAP = 0.7  # of boxes whose corners lie inside the heat map's radius


@dataclass(frozen=True, slots=True)
class CenterLossWeights:
    """Of the three parts (OSTrack's and SRTrack's values)."""

    giou: float = 2.0
    l1: float = 5.0
    focal: float = 1.0


class CenterLoss(NamedTuple):
    """Total, its parts, and the mean overlap of the predicted boxes."""

    total: Tensor
    giou: Tensor
    l1: Tensor
    focal: Tensor
    iou: Tensor


class CellLoss(NamedTuple):
    """SwinTrack's total and parts."""

    total: Tensor
    varifocal: Tensor
    giou: Tensor


class Sharing(NamedTuple):
    """How a part of a step shares SwinTrack's divisors with the others.

    Attributes:
        positives: Positive cells of all parts, over their number; None = the part's own.
        mean: Of a number over the processes. Sums of weights are known after a part's forward pass only, so that parts
            which one process accumulates have their own.
    """

    positives: Tensor | None
    mean: cabc.Callable[[Tensor], Tensor] = torch.Tensor.detach


def corners(cxcywh: Tensor) -> Tensor:
    """Boxes (..., 4) from center and size to x1, y1, x2, y2."""
    half = cxcywh[..., 2:] / 2
    return torch.cat([cxcywh[..., :2] - half, cxcywh[..., :2] + half], dim=-1)


def overlaps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalized IoU (Rezatofighi et al., CVPR 2019) of corner boxes (..., 4), pair by pair."""
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).prod(dim=-1) + (second[..., 2:] - second[..., :2]).prod(dim=-1)
    union = areas - shared
    outer_low = torch.minimum(first[..., :2], second[..., :2])
    outer = (torch.maximum(first[..., 2:], second[..., 2:]) - outer_low).clamp(min=0).prod(dim=-1)
    iou = shared / union
    return iou, iou - (outer - union) / outer


def radius(wh: Tensor) -> Tensor:
    """Radius in cells (B,) of the heat map's peak for boxes of (B, 2) cells, not yet truncated.

    The smallest of CornerNet's three, in its original form, which its authors corrected later.
    """
    width, height = wh.unbind(dim=1)
    area, around = width * height, width + height
    inner = area * (1 - _OVERLAP) / (1 + _OVERLAP)
    cases = (
        (1.0, around, inner),
        (4.0, 2 * around, (1 - _OVERLAP) * area),
        (4 * _OVERLAP, -2 * _OVERLAP * around, (_OVERLAP - 1) * area),
    )
    roots = [(b + (b**2 - 4 * a * c).sqrt()) / 2 for a, b, c in cases]
    return torch.stack(roots).amin(dim=0)


def heat_maps(xywh: Tensor, side: int) -> Tensor:
    """Gaussian peaks at the centers.

    Args:
        xywh: (B, 4) left, top, width, height, float32.
        side: f, cells per side.

    Returns:
        (B, f, f); 1 in the center's cell, if that is on the map.
    """
    cells = xywh * side
    reach = radius(cells[:, 2:]).clamp(min=0).trunc()[:, None, None]
    center = (cells[:, :2] + cells[:, 2:] / 2).round()
    line = torch.arange(side, device=xywh.device, dtype=xywh.dtype)
    dx, dy = line[None, None, :] - center[:, 0, None, None], line[None, :, None] - center[:, 1, None, None]
    sigma = (2 * reach + 1) / 6
    peak = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    return torch.where((dx.abs() <= reach) & (dy.abs() <= reach), peak, 0.0)


def focal_loss(score: Tensor, target: Tensor) -> Tensor:
    """CornerNet's focal loss of scores (B, 1, f, f) against heat maps (B, f, f); divided by the number of peaks."""
    score = score.squeeze(1)
    is_peak = target == 1
    positive = (1 - score) ** 2 * score.log()
    negative = score**2 * (1 - score).log() * (1 - target) ** 4
    return -torch.where(is_peak, positive, negative).sum() / is_peak.sum().clamp(min=1)


def center_loss(
    maps: CenterMaps,
    xywh: Tensor,
    weights: CenterLossWeights | None = None,
    present: Tensor | None = None,
) -> CenterLoss:
    """OSTrack's loss.

    Args:
        maps: From the network; boxes are read at the largest raw score.
        xywh: (B, 4) ground truth: left, top, width, height; may reach beyond the crop.
        weights: Default: the published ones.
        present: (B,) bool, False where the target is not in the crop: its heat map is empty and its box does not
            count. Default: everywhere present.
    """
    weights = weights or CenterLossWeights()
    target = heat_maps(xywh, maps.score.shape[-1])
    truth = torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], dim=1).clamp(0, 1)
    predicted = corners(decode_center(maps.score, maps.size, maps.offset)[0])
    if present is None:
        present = torch.ones(len(xywh), dtype=torch.bool, device=xywh.device)
    share = present.float() / present.sum().clamp(min=1)
    iou, generalized = overlaps(predicted, truth)
    upright = (predicted[:, 2:] >= predicted[:, :2]).all()
    giou = torch.where(upright, ((1 - generalized) * share).nan_to_num().sum(), 0.0)
    mean_iou = torch.where(upright, (iou.detach() * share).nan_to_num().sum(), 0.0)
    l1 = ((predicted - truth).abs().mean(dim=1) * share).sum()
    focal = focal_loss(maps.score, target * present[:, None, None])
    total = weights.giou * giou + weights.l1 * l1 + weights.focal * focal
    return CenterLoss(total, giou, l1, focal, mean_iou)


def positive_cells(truth: Tensor, side: int) -> Tensor:
    """Cells that a corner box (B, 4) touches, (B, f, f) bool; both ends truncated and inclusive."""
    first, last = (truth * side).trunc()[:, :2], (truth * side).trunc()[:, 2:]
    line = torch.arange(side, device=truth.device, dtype=truth.dtype)
    columns = (line >= first[:, :1]) & (line <= last[:, :1])
    rows = (line >= first[:, 1:]) & (line <= last[:, 1:])
    return rows[:, :, None] & columns[:, None, :]


def cell_loss(
    score: Tensor,
    boxes: Tensor,
    truth: Tensor,
    present: Tensor | None = None,
    weights: tuple[float, float] = (1.5, 1.5),
    *,
    sharing: Sharing | None = None,
) -> CellLoss:
    """SwinTrack's loss.

    Args:
        score: (B, 1, f, f) class scores in (0, 1).
        boxes: (B, f, f, 4) center x, center y, width, height.
        truth: (B, 4) corners inside the crop.
        present: (B,) bool, False where the target is not in the crop: no cell is positive.
        weights: Of varifocal loss and GIoU.
        sharing: Divisors of a step's other parts. Default: there are none.

    Source: SwinTrack divides both parts by means over its processes; the mean of their gradients is then that of one.
    """
    sharing = sharing or Sharing(positives=None)
    side = score.shape[-1]
    positive = positive_cells(truth, side)
    if present is not None:
        positive = positive & present[:, None, None]
    iou, generalized = overlaps(corners(boxes), truth[:, None, None].to(boxes.dtype))
    quality = torch.where(positive, iou.detach().clamp(min=1e-6), 0.0)
    score = score.squeeze(1)
    hit = quality * torch.nn.functional.binary_cross_entropy(score, quality, reduction="none")
    miss = -0.75 * score**2 * (1 - score).clamp(min=torch.finfo(score.dtype).tiny).log()
    count = positive.sum() if sharing.positives is None else sharing.positives
    varifocal = torch.where(positive, hit, miss).sum() / count.clamp(min=1)
    weight = torch.where(positive, score.detach(), 0.0)
    giou = (torch.where(positive, 1 - generalized, 0.0) * weight).sum() / sharing.mean(weight.sum().clamp(min=1e-12))
    return CellLoss(weights[0] * varifocal + weights[1] * giou, varifocal, giou)
