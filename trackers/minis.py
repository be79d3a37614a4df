"""Small trackers of the same structures, trained by our own recipes on drawn scenes: 64 / 128 px crops, stride 16.

Their sizes are ours: they fit into the repository and keep up with a camera on two processor cores.
"""

import collections.abc as cabc
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.boxes import Boxes, FloatArray
from evalkit.sequences import Frame, Modality
from evalkit.tracking.interface import Predictions, TrackerInfo

from .common.center_tracker import CenterInputs, CenterLoop, CenterState, CenterTracker
from .common.definition import Definition, Resize, keep_config
from .common.torch_tracker import Engine, Float32Array
from .layers.heads import decode_center
from .layers.swin import SwinConfig
from .layers.vit import StemVitConfig
from .ostrack import OSTrack, OSTrackConfig
from .srft import SRTrack, SRTrackConfig
from .swintrack import SwinTrack, SwinTrackConfig, SwinTrackInputs, SwinTrackLoop, SwinTrackState, SwinTrackTracker
from .upvpt import PROMPTS, ostrack_prompts, swintrack_prompts

TEMPLATE, SEARCH = 64, 128
_VIT = StemVitConfig(patch=16, width=128, depth=4, heads=4, stem=(48, 96), first=4)
_HEAD = 64

OSTRACK = OSTrackConfig(TEMPLATE, SEARCH, _VIT, elimination_layers=(2,), head_channels=_HEAD)
SWINTRACK = SwinTrackConfig(
    TEMPLATE,
    SEARCH,
    SwinConfig(48, depths=(2, 0), heads=(2, 4), window=4, stem=48),
    heads=4,
    encoder_depth=4,
    mlp_ratio=2,
    anchored=True,
)
SRTRACK = SRTrackConfig(TEMPLATE, SEARCH, _VIT, fusion_after=(1, 3), head_channels=_HEAD)


@dataclass(frozen=True, slots=True)
class CalmLoop(CenterLoop):
    """OSTrack's loop with sizes that follow slowly, with a weaker window, or none, and with closer crops.

    At OSTrack's factors, 2 and 4, a target covers two of these networks' cells a side, too few for an exact box.

    Attributes:
        size_rate: Share of the network's size that a sure answer (score 1) adds to the last size.
        window_power: Of the Hann window; 0 = no window. Training crops are mostly off by little, so the network knows
            by itself that a target seldom jumps.
        follow: Share of the last move by which the next search crop goes ahead of a fast target.
        fast: A target is fast if it moved by more than this share of its size.
        closer: Side of a search crop over that in training: a little closer than it learned, it sees more exactly.
    """

    template_factor: float = 1.4
    search_factor: float = 2.8
    size_rate: float = 0.5
    window_power: float = 0.0
    follow: float = 0.7
    fast: float = 0.5
    closer: float = 0.95


@dataclass(slots=True, eq=False)
class CalmState(CenterState):
    """With the center (2,) of the last answer."""

    center: FloatArray


class CalmTracker(CenterTracker):
    """Makes up for what a small network does not know: asks it twice, believes its sizes slowly, and looks ahead.

    The second question is the mirrored crop (flip augmentation at test time). A size that is believed at once would let
    its error grow from crop to crop. A close crop would lose a fast target that is not looked for where it goes.

    Source: SiamRPN (Li et al., CVPR 2018) interpolates sizes by a rate times the score; 0.5 is our default.
    """

    loop: CalmLoop

    def __init__(self, model: Any, info: TrackerInfo, loop: CalmLoop, engine: Engine) -> None:
        super().__init__(model, info, replace(loop, search_factor=loop.search_factor * loop.closer), engine)
        self._window = self._window**loop.window_power

    def _embed(self, crops: Tensor) -> Tensor:
        """Tokens of the templates, then of the mirrored ones."""
        images, model = self._runner.normalized(crops), self._runner.model
        return torch.cat([model.embed(images), model.embed(images.flip(3))], dim=1)  # type: ignore[operator]

    def _forward(self, template: Tensor, crops: Tensor) -> Tensor:
        images = self._runner.normalized(crops)
        answers = []
        for tokens, view in zip(template.chunk(2, dim=1), (images, images.flip(3)), strict=True):
            maps = self._runner.model(tokens, view)
            answers.append(decode_center(maps.score * self._window, maps.size, maps.offset))
        (boxes, best), (mirrored, second) = answers
        return agreed(boxes, best[:, None], mirrored_back(mirrored), second[:, None])

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[CenterState]:
        """As :class:`CenterTracker`."""
        states = super().initialize(frames, boxes)
        return [CalmState(state.box, state.template, state.box[:2] + 0.5 * state.box[2:]) for state in states]

    def _predictions(
        self, states: cabc.Sequence[CenterState], inputs: cabc.Sequence[CenterInputs], answers: Float32Array
    ) -> Predictions:
        last = np.stack([state.box[2:] for state in states])
        predictions = super()._predictions(states, inputs, answers)
        share = self.loop.size_rate * answers[:, 4:5].astype(np.float64)
        sizes = (1 - share) * last + share * predictions.boxes[:, 2:]
        centers = predictions.boxes[:, :2] + 0.5 * predictions.boxes[:, 2:]
        boxes = np.concatenate([centers - 0.5 * sizes, sizes], axis=1)
        for index, state in enumerate(states):
            if index not in predictions.errors:
                assert isinstance(state, CalmState)
                ahead = looked_ahead(self.loop, centers[index] - state.center, sizes[index])
                state.box = np.concatenate([boxes[index, :2] + ahead, sizes[index]])
                state.center = centers[index]
        return Predictions(boxes, predictions.confidence, predictions.errors)


@dataclass(frozen=True, slots=True)
class CalmWindowLoop(SwinTrackLoop):
    """SwinTrack's loop with a weaker window, and as calm and close as :class:`CalmLoop`, whose attributes it has."""

    template_area: float = 1.4
    search_area: float = 2.8
    window_share: float = 0.3
    size_rate: float = 0.5
    follow: float = 0.7
    fast: float = 0.5
    closer: float = 0.95


@dataclass(slots=True, eq=False)
class CalmWindowState(SwinTrackState):
    """With the center (2,) of the last answer."""

    center: FloatArray


class CalmSwinTracker(SwinTrackTracker):
    """SwinTrack's loop, as calm as :class:`CalmTracker`."""

    loop: CalmWindowLoop

    def __init__(self, model: nn.Module, info: TrackerInfo, loop: CalmWindowLoop, engine: Engine) -> None:
        super().__init__(model, info, replace(loop, search_area=loop.search_area * loop.closer), engine)

    def _embed(self, taps: Tensor) -> Tensor:
        """Tokens of the template, then of the mirrored one."""
        image = self._drawn(taps, self.loop.template_size)
        return torch.cat([self._model.embed(image), self._model.embed(image.flip(3))], dim=1)

    def _forward(self, template: Tensor, taps: Tensor) -> Tensor:
        images = self._drawn(taps, self.loop.search_size)
        answers = self._answers(torch.cat(template.chunk(2, dim=1)), torch.cat([images, images.flip(3)]))
        first, second = answers.chunk(2)
        return agreed(first[:, :4], first[:, 4:], mirrored_back(second[:, :4]), second[:, 4:])

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[SwinTrackState]:
        """As :class:`SwinTrackTracker`."""
        states = super().initialize(frames, boxes)
        return [
            CalmWindowState(state.corners, state.template, state.fill, (state.corners[:2] + state.corners[2:]) / 2)
            for state in states
        ]

    def _predictions(
        self, states: cabc.Sequence[SwinTrackState], inputs: cabc.Sequence[SwinTrackInputs], answers: Float32Array
    ) -> Predictions:
        predictions = super()._predictions(states, inputs, answers)
        for index, state in enumerate(states):
            if index not in predictions.errors:
                assert isinstance(state, CalmWindowState)
                box = predictions.boxes[index]
                center = box[:2] + 0.5 * box[2:]
                ahead = looked_ahead(self.loop, center - state.center, box[2:])
                state.corners = state.corners + np.tile(ahead, 2)
                state.center = center
        return predictions

    def _settled(
        self, states: cabc.Sequence[SwinTrackState], corners: FloatArray, confidence: FloatArray
    ) -> FloatArray:
        last = np.stack([state.corners[2:] - state.corners[:2] for state in states])
        middle, share = (corners[:, :2] + corners[:, 2:]) / 2, self.loop.size_rate * confidence[:, None]
        half = ((1 - share) * last + share * (corners[:, 2:] - corners[:, :2])) / 2
        return np.concatenate([middle - half, middle + half], axis=1)


def looked_ahead(loop: CalmLoop | CalmWindowLoop, move: FloatArray, size: FloatArray) -> FloatArray:
    """By how much (2,) the next search crop goes ahead of a target of this size (2,) that made this move (2,)."""
    ahead: FloatArray = loop.follow * move * (np.abs(move) > loop.fast * size).any()
    return ahead


def mirrored_back(boxes: Tensor) -> Tensor:
    """Center-form boxes (B, 4) of mirrored crops in the crops themselves."""
    return torch.cat([1 - boxes[:, :1], boxes[:, 1:]], dim=1)


def agreed(first: Tensor, sure: Tensor, second: Tensor, surer: Tensor) -> Tensor:
    """One answer from two.

    Args:
        first: Boxes (B, 4), center and size.
        sure: Their scores (B, 1).
        second: Boxes of the same targets.
        surer: Their scores.

    Returns:
        (B, 5) boxes and scores: the mean by score where both lie together, else the one with the larger score, which
        then counts half.
    """
    close = (first[:, :2] - second[:, :2]).abs() < 0.5 * torch.minimum(first[:, 2:], second[:, 2:])
    together = close.all(dim=1, keepdim=True)
    share = torch.where(together, sure / (sure + surer), (sure > surer).to(sure.dtype))
    score = torch.where(together, (sure + surer) / 2, torch.maximum(sure, surer) / 2)
    return torch.cat([share * first + (1 - share) * second, score], dim=1)


def _center(name: str, config: OSTrackConfig, resized: Resize = keep_config) -> Definition:
    return Definition(name, "ostrack", config, CalmLoop(TEMPLATE, SEARCH), OSTrack, CalmTracker, resized)


def _cells(name: str, config: SwinTrackConfig, resized: Resize = keep_config) -> Definition:
    return Definition(name, "swintrack", config, CalmWindowLoop(TEMPLATE, SEARCH), SwinTrack, CalmSwinTracker, resized)


def define(name: str, *, second: Modality | None = None) -> Definition:
    """A small tracker by its row in :data:`trackers.learned.LEARNED`; ``second`` is the other modality of SRFT's."""
    if second is not None:
        loop = CalmLoop(TEMPLATE, SEARCH, second=second)
        return Definition(name, "srtrack", SRTRACK, loop, SRTrack, CalmTracker, second=second)
    prompted = name.startswith("upvpt-")
    if "swintrack" not in name:
        return _center(name, replace(OSTRACK, prompts=PROMPTS), ostrack_prompts) if prompted else _center(name, OSTRACK)
    if not prompted:
        return _cells(name, SWINTRACK)
    return _cells(name, replace(SWINTRACK, swin=replace(SWINTRACK.swin, prompts=PROMPTS)), swintrack_prompts)
