"""SwinTrack (Lin et al., arXiv 2112.00995v1): Swin backbone for both crops, joint encoder, decoder, MLP head."""

import collections.abc as cabc
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from evalkit.boxes import Boxes, FloatArray, from_corners, to_corners
from evalkit.sequences import Frame
from evalkit.tracking.interface import Predictions, TrackerInfo

from .common.center_tracker import failures
from .common.crops import Window, window_around
from .common.definition import Definition, Resize, keep_config
from .common.postprocess import symmetric_hann
from .common.taps import blend_taps, gather_taps, tap_bytes
from .common.torch_tracker import Bytes, CropMemory, Engine, Float32Array, Runner, TorchTracker
from .layers.fusion import Decoder, Encoder, Grids
from .layers.heads import MlpHead
from .layers.swin import SwinBackbone, SwinBlock, SwinConfig
from .layers.vit import fused_mask

START_BOX_NOTE = (
    "start boxes are x, y, x + w, y + h; SwinTrack's own program shrinks those of integer data sets (LaSOT) by half a "
    "pixel on each side"
)


@dataclass(frozen=True, slots=True)
class SwinTrackConfig:
    """The network.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop.
        swin: Backbone; its output width is that of the fusion.
        heads: Heads of encoder and decoder.
        encoder_depth: Layers.
        decoder_depth: Layers.
        mlp_ratio: Of encoder and decoder.
        anchored: Boxes are read from their own cell on, and tokens know their place: what attention alone, which is all
            that SwinTrack has, does not learn without pre-training.
    """

    template_size: int = 112
    search_size: int = 224
    swin: SwinConfig = field(default_factory=SwinConfig)
    heads: int = 8
    encoder_depth: int = 4
    decoder_depth: int = 1
    mlp_ratio: int = 4
    anchored: bool = False


class PositionalTerms(NamedTuple):
    """What encoder and decoder add to their logits; the same for every frame."""

    encoder: Tensor
    decoder: Tensor


class SwinTrack(nn.Module):
    """The network in two steps: :meth:`embed` once per template, :meth:`forward` for every search crop."""

    def __init__(self, config: SwinTrackConfig) -> None:
        super().__init__()
        width = config.swin.output_width
        grids = Grids(config.template_size // config.swin.stride, config.search_size // config.swin.stride)
        self.config, self.grids = config, grids
        self.backbone = SwinBackbone(config.swin, (config.template_size, config.search_size))
        self.encoder = Encoder(width, config.heads, config.encoder_depth, grids, config.mlp_ratio)
        self.decoder = Decoder(width, config.heads, config.decoder_depth, grids, config.mlp_ratio)
        self.out_norm = nn.LayerNorm(width)
        self.head = MlpHead(width, grids.search if config.anchored else 0)
        if config.anchored:
            self.places = nn.Parameter(torch.zeros(grids.template**2 + grids.search**2, width))

    def embed(self, image: Tensor) -> Tensor:
        """Tokens (B, (S / stride)^2, width) of a template or search crop (B, 3, S, S)."""
        tokens: Tensor = self.backbone(image)
        return tokens

    def positional_terms(self) -> PositionalTerms:
        """Terms that depend on the weights alone, to be computed once."""
        return PositionalTerms(self.encoder.positional_term(), self.decoder.positional_term())

    def fixed_terms(self, device: torch.device, dtype: torch.dtype) -> PositionalTerms:
        """Move to a device for inference: what depends on the weights alone is computed once, in full precision.

        Args:
            device: The device.
            dtype: Of the queries to come.
        """
        self.to(device)
        with torch.inference_mode():
            for part in self.modules():
                if isinstance(part, SwinBlock):
                    part.fix_biases(dtype)
            return PositionalTerms(*(fused_mask(term, dtype) for term in self.positional_terms()))

    def forward(
        self, template_tokens: Tensor, search: Tensor, terms: PositionalTerms | None = None
    ) -> tuple[Tensor, Tensor]:
        """Class scores (B, 1, f, f) and boxes (B, f, f, 4) of a search crop.

        Args:
            template_tokens: (B, Lz, width) from :meth:`embed`.
            search: (B, 3, S, S), normalized.
            terms: From :meth:`positional_terms`; computed here if None.
        """
        terms = terms or self.positional_terms()
        tokens = torch.cat([template_tokens, self.embed(search)], dim=1)
        if self.config.anchored:
            tokens = tokens + self.places
        tokens = self.encoder(tokens, terms.encoder)
        decoded = self.decoder(tokens[:, template_tokens.shape[1] :], tokens, terms.decoder)
        score, boxes = self.head(self.out_norm(decoded))
        return score, boxes


@dataclass(frozen=True, slots=True)
class SwinTrackLoop:
    """Settings of crops and loop.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop.
        template_area: Area factor of the template crop.
        search_area: Area factor of the search crop.
        smallest: Width and height are raised to this before a search crop is cut.
        window_share: Share of the Hann window in the score.
    """

    template_size: int = 112
    search_size: int = 224
    template_area: float = 2.0
    search_area: float = 4.0
    smallest: float = 10.0
    window_share: float = 0.49


@dataclass(slots=True, eq=False)
class SwinTrackState:
    """One stream.

    Attributes:
        corners: (4,) x1, y1, x2, y2 of the box around which the next crop is cut.
        template: (Lz, width) tokens on the device.
        fill: (3,) mean color of the first frame in [0, 1], for what lies outside of the image.
    """

    corners: FloatArray
    template: Tensor
    fill: npt.NDArray[np.float32]


class SwinTrackInputs(NamedTuple):
    """What a device needs to draw the search crop of one stream, and the way back to the image."""

    pixels: Bytes
    window: Window
    image_wh: tuple[int, int]


class SwinTrackTracker(TorchTracker[SwinTrackState, SwinTrackInputs]):
    """SwinTrack as a batched tracker; boxes are not clipped, only the place of the next crop is."""

    def __init__(self, model: nn.Module, info: TrackerInfo, loop: SwinTrackLoop, engine: Engine) -> None:
        assert isinstance(model, SwinTrack)
        terms = model.fixed_terms(torch.device(engine.device), engine.dtype)
        super().__init__(info, Runner(model, engine, self._forward))
        self.loop = loop
        self._model = model
        self._terms = terms
        self._crops = CropMemory((tap_bytes(loop.search_size),), pinned=self.overlaps)
        window = symmetric_hann(loop.search_size // model.config.swin.stride).reshape(1, -1)
        self._window = torch.from_numpy(window).to(self._runner.device)

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[SwinTrackState]:
        """Compute and keep the templates' tokens, of N frames with boxes (N, 4)."""
        corners = to_corners(boxes)
        fills = [(frame.rgb.mean(axis=(0, 1)) / 255.0).astype(np.float32) for frame in frames]
        crops = []
        for frame, box, fill in zip(frames, corners, fills, strict=True):
            window = window_around(box, self.loop.template_area, self.loop.template_size)
            crops.append(np.empty(tap_bytes(window.size), np.uint8))
            gather_taps(frame.rgb, window, fill, crops[-1])
        tokens = self._runner.embed(self._embed, crops)
        return [SwinTrackState(*items) for items in zip(corners, tokens, fills, strict=True)]

    def prepare(self, state: SwinTrackState, frame: Frame) -> SwinTrackInputs:
        """Gather the pixels of the search crop around the last box."""
        window = window_around(state.corners, self.loop.search_area, self.loop.search_size, self.loop.smallest)
        height, width = frame.rgb.shape[:2]
        pixels = self._crops.take()
        gather_taps(frame.rgb, window, state.fill, pixels)
        return SwinTrackInputs(pixels, window, (width, height))

    def _predictions(
        self, states: cabc.Sequence[SwinTrackState], inputs: cabc.Sequence[SwinTrackInputs], answers: Float32Array
    ) -> Predictions:
        answers64 = answers.astype(np.float64)
        unit, confidence = answers64[:, :4] * self.loop.search_size, answers64[:, 4]
        half = unit[:, 2:] / 2
        in_crop = np.concatenate([unit[:, :2] - half, unit[:, :2] + half], axis=1)
        corners = np.stack([item.window.to_image(box) for item, box in zip(inputs, in_crop, strict=True)])
        corners = self._settled(states, corners, confidence)
        errors = failures(corners)
        for index, (state, item) in enumerate(zip(states, inputs, strict=True)):
            if index not in errors:
                state.corners = next_corners(state.corners, corners[index], item.image_wh)
        return Predictions(from_corners(corners), confidence, errors)

    def _settled(
        self,
        states: cabc.Sequence[SwinTrackState],  # noqa: ARG002 - for small trackers
        corners: FloatArray,
        confidence: FloatArray,  # noqa: ARG002
    ) -> FloatArray:
        """What becomes of the network's boxes (N, 4)."""
        return corners

    def _embed(self, taps: Tensor) -> Tensor:
        return self._model.embed(self._drawn(taps, self.loop.template_size))

    def _drawn(self, taps: Tensor, size: int) -> Tensor:
        return self._runner.normalized(blend_taps(taps, size)[:, None])

    def _forward(self, template: Tensor, taps: Tensor) -> Tensor:
        return self._answers(template, self._drawn(taps, self.loop.search_size))

    def _answers(self, template: Tensor, images: Tensor) -> Tensor:
        """Best boxes and their scores, (B, 5), of search crops (B, 3, S, S)."""
        score, boxes = self._model(template, images, self._terms)
        share = self.loop.window_share
        best, index = (score.flatten(1) * (1 - share) + self._window * share).max(dim=1)
        box = boxes.flatten(1, 2).gather(1, index.view(-1, 1, 1).expand(-1, 1, 4)).squeeze(1)
        return torch.cat([box, best[:, None]], dim=1)


def next_corners(last: FloatArray, predicted: FloatArray, image_wh: tuple[int, int]) -> FloatArray:
    """Where the next crop is cut: the prediction limited to the image, or the last place if nothing remains.

    Example:
        >>> next_corners(np.array([5.0, 5, 9, 9]), np.array([-3.0, 2, 20, 30]), (16, 16))
        array([ 0.5,  2. , 15.5, 15.5])
        >>> next_corners(np.array([5.0, 5, 9, 9]), np.array([20.0, 2, 30, 9]), (16, 16))
        array([5., 5., 9., 9.])
    """
    width, height = image_wh
    low = np.maximum(predicted[:2], 0.5)
    high = np.minimum(predicted[2:], [width - 0.5, height - 0.5])
    return np.concatenate([low, high]) if (low < high).all() else last


def swintrack_definition(name: str, config: SwinTrackConfig, resized: Resize = keep_config) -> Definition:
    """A tracker on this network."""
    loop = SwinTrackLoop(config.template_size, config.search_size)
    return Definition(name, "swintrack", config, loop, SwinTrack, SwinTrackTracker, resized, notes=(START_BOX_NOTE,))


def define(name: str, *, size: int, encoder_depth: int = 4, **swin: Any) -> Definition:
    """A variant by its row in :data:`trackers.learned.LEARNED`; ``size`` is the side of the search crop."""
    return swintrack_definition(name, SwinTrackConfig(size // 2, size, SwinConfig(**swin), encoder_depth=encoder_depth))
