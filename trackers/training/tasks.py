"""What a network learns from a batch of pairs: one task for each kind of head."""

import abc
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..common.center_tracker import CenterLoop
from ..common.definition import Definition
from ..layers.heads import CenterMaps, decode_center
from ..ostrack import OSTrack
from ..swintrack import SwinTrackLoop
from .losses import CenterLossWeights, Sharing, cell_loss, center_loss, corners, overlaps, positive_cells
from .rendered import CropRules, Pairs
from .views import square_views, window_views

_STRIDE = 16  # pixels of a cell of SwinTrack's map


class Learned(NamedTuple):
    """Total loss, its parts by name, and the box (B, 4; center and size) of each search crop."""

    loss: Tensor
    parts: dict[str, Tensor]
    boxes: Tensor


class Task(abc.ABC):
    """Crops and loss of a tracker."""

    def __init__(self, rules: CropRules, weights: tuple[float, ...]) -> None:
        self.rules, self.weights = rules, weights

    @abc.abstractmethod
    def forward(self, model: nn.Module, pairs: Pairs, keep_rate: float) -> Any:
        """The network's outputs; runs under mixed precision."""

    @abc.abstractmethod
    def learned(self, outputs: Any, pairs: Pairs, sharing: Sharing | None = None) -> Learned:
        """Loss and boxes, in float32."""

    def positives(self, pairs: Pairs) -> Tensor:
        """Number of cells that the loss is divided by, where a step's parts share it."""
        return pairs.present.sum()


class CenterTask(Task):
    """OSTrack, UPVPT on it, SRTrack."""

    def forward(self, model: nn.Module, pairs: Pairs, keep_rate: float) -> CenterMaps:
        """Maps; OSTrack, and ViPT on it, know a keep rate."""
        further = (keep_rate,) if isinstance(model, OSTrack) else ()
        maps: CenterMaps = model(pairs.template, pairs.search, *further)
        return maps

    def learned(self, outputs: CenterMaps, pairs: Pairs, sharing: Sharing | None = None) -> Learned:  # noqa: ARG002
        """The published loss; each part has its own divisors, as in the program."""
        loss = center_loss(outputs, pairs.truth, CenterLossWeights(*self.weights), pairs.present)
        boxes = decode_center(outputs.score, outputs.size, outputs.offset)[0]
        return Learned(loss.total, {"giou": loss.giou, "l1": loss.l1, "focal": loss.focal}, boxes)


class CellTask(Task):
    """SwinTrack and UPVPT on it."""

    def forward(self, model: nn.Module, pairs: Pairs, keep_rate: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Scores and boxes."""
        score, boxes = model(model.embed(pairs.template), pairs.search)  # type: ignore[operator]  # of SwinTrack
        return score, boxes

    def learned(self, outputs: tuple[Tensor, Tensor], pairs: Pairs, sharing: Sharing | None = None) -> Learned:
        """The published loss."""
        score, boxes = outputs
        varifocal, giou = self.weights
        loss = cell_loss(score, boxes, self._truth(pairs), pairs.present, (varifocal, giou), sharing=sharing)
        best = score.flatten(1).argmax(dim=1)
        chosen = boxes.flatten(1, 2)[torch.arange(len(best), device=best.device), best]
        return Learned(loss.total, {"varifocal": loss.varifocal, "giou": loss.giou}, chosen)

    def positives(self, pairs: Pairs) -> Tensor:
        """Cells that the targets touch."""
        cells = positive_cells(self._truth(pairs), self.rules.sizes[1] // _STRIDE)
        return (cells & pairs.present[:, None, None]).sum()

    def _truth(self, pairs: Pairs) -> Tensor:
        """Corners, half a pixel inside the crop."""
        edge = 0.5 / self.rules.sizes[1]
        return torch.cat([pairs.truth[:, :2], pairs.truth[:, :2] + pairs.truth[:, 2:]], dim=1).clamp(edge, 1 - edge)


def make_task(definition: Definition, losses: tuple[float, ...] | None = None) -> Task:
    """The task of a catalog entry; ``losses`` are the weights of its parts, the published ones by default."""
    loop = definition.loop
    sizes = (loop.template_size, loop.search_size)
    if isinstance(loop, CenterLoop):
        views = partial(square_views, factor=loop.template_factor), partial(square_views, factor=loop.search_factor)
        return CenterTask(CropRules(sizes, views, second=loop.second), losses or (2.0, 5.0, 1.0))
    assert isinstance(loop, SwinTrackLoop)
    windows = (
        partial(window_views, area_factor=loop.template_area),
        partial(window_views, area_factor=loop.search_area, smallest=loop.smallest),
    )
    return CellTask(CropRules(sizes, windows, fills=True), losses or (1.5, 1.5))


def least_keep_rate(definition: Definition) -> float:
    """Share of search tokens that the network keeps at last; 1 where it eliminates none."""
    config = definition.config
    return float(getattr(getattr(config, "base", config), "keep_ratio", 1.0))


def pair_overlaps(learned: Learned, pairs: Pairs) -> Tensor:
    """IoU (B,) of the boxes with the truth, limited to the crop."""
    truth = torch.cat([pairs.truth[:, :2], pairs.truth[:, :2] + pairs.truth[:, 2:]], dim=1).clamp(0, 1)
    return overlaps(corners(learned.boxes), truth)[0].nan_to_num()
