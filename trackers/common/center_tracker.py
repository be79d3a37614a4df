"""The loop of OSTrack and of all trackers built on it: square crops, center head, window, clipped box."""

import collections.abc as cabc
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import TrackerError
from evalkit.sequences import Frame, Modality
from evalkit.tracking.interface import Predictions, TrackerInfo

from ..layers.heads import decode_center
from .crops import Square, clip_boxes, crop_square, square_around
from .multimodal import ChannelOrder, network_images
from .postprocess import inner_hann, square_to_image
from .torch_tracker import Bytes, CropMemory, Engine, Float32Array, Runner, TorchTracker


@dataclass(frozen=True, slots=True)
class CenterLoop:
    """Settings of the loop.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop.
        template_factor: Side of the template crop over sqrt(box area), before resizing.
        search_factor: The same for the search crop.
        second: Second modality, stacked behind the color channels; None = color alone.
        depth_channel_order: Of the depth color map.
        float32_start: The start box is rounded to float32 and the first search crop computed in it, as SRTrack's
            program does.
    """

    template_size: int = 128
    search_size: int = 256
    template_factor: float = 2.0
    search_factor: float = 4.0
    second: Modality | None = None
    depth_channel_order: ChannelOrder = ChannelOrder.RGB
    float32_start: bool = False


@dataclass(slots=True, eq=False)
class CenterState:
    """One stream: the last box (4,) and the template's tokens on the device."""

    box: Boxes
    template: Tensor


class CenterInputs(NamedTuple):
    """The search crop (images, size, size, 3) of one stream and what is needed to map its box back."""

    pixels: Bytes
    resize_factor: float
    center: FloatArray
    image_wh: tuple[int, int]


class CenterTracker(TorchTracker[CenterState, CenterInputs]):
    """A network with a center head as a batched tracker.

    Args:
        model: ``embed`` makes tokens of templates; called with these and search batches, it answers
            :class:`~trackers.layers.heads.CenterMaps`; one search position in ``backbone.pos_embed_x`` for each cell.
        info: Name and settings for the manifest.
        loop: Crops and input.
        engine: Device and precision.
    """

    def __init__(self, model: Any, info: TrackerInfo, loop: CenterLoop, engine: Engine) -> None:
        super().__init__(info, Runner(model, engine, self._forward))
        self.loop = loop
        self._images_per_frame = 1 if loop.second is None else 2
        self._crops = CropMemory(self._shape(loop.search_size), pinned=self.overlaps)
        side = round(model.backbone.pos_embed_x.shape[1] ** 0.5)
        self._window = torch.from_numpy(inner_hann(side)).to(self._runner.device)

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[CenterState]:
        """Cut the templates of N frames with boxes (N, 4) and keep what the network makes of them."""
        starts = [box.astype(np.float32) if self.loop.float32_start else box.copy() for box in boxes]
        crops = []
        for frame, box in zip(frames, starts, strict=True):
            crops.append(np.empty(self._shape(self.loop.template_size), np.uint8))
            self._cut(frame, square_around(box, self.loop.template_factor), crops[-1])
        templates = self._runner.embed(self._embed, crops)
        return [CenterState(box, template) for box, template in zip(starts, templates, strict=True)]

    def prepare(self, state: CenterState, frame: Frame) -> CenterInputs:
        """Cut the search crop around the last box."""
        pixels = self._crops.take()
        factor = self._cut(frame, square_around(state.box, self.loop.search_factor), pixels)
        center = (state.box[:2] + 0.5 * state.box[2:]).astype(np.float64)
        height, width = frame.rgb.shape[:2]
        return CenterInputs(pixels, factor, center, (width, height))

    def _predictions(
        self, states: cabc.Sequence[CenterState], inputs: cabc.Sequence[CenterInputs], answers: Float32Array
    ) -> Predictions:
        boxes = square_to_image(
            answers[:, :4],
            np.stack([item.center for item in inputs]),
            [item.resize_factor for item in inputs],
            self.loop.search_size,
        )
        errors = failures(boxes)
        boxes = clip_boxes(boxes, np.array([item.image_wh for item in inputs], dtype=np.float64))
        for index, state in enumerate(states):
            if index not in errors:
                state.box = boxes[index].copy()
        return Predictions(boxes, answers[:, 4].astype(np.float64), errors)

    def _embed(self, crops: Tensor) -> Tensor:
        tokens: Tensor = self._runner.model.embed(self._runner.normalized(crops))  # type: ignore[operator]
        return tokens

    def _forward(self, template: Tensor, crops: Tensor) -> Tensor:
        maps = self._runner.model(template, self._runner.normalized(crops))
        boxes, best = decode_center(maps.score * self._window, maps.size, maps.offset)
        return torch.cat([boxes, best[:, None]], dim=1)  # (B, 5)

    def _shape(self, size: int) -> tuple[int, int, int, int]:
        return (self._images_per_frame, size, size, 3)

    def _cut(self, frame: Frame, square: Square, place: Bytes) -> float:
        """Fill (images, size, size, 3) and return the resize factor."""
        images = network_images(frame, self.loop.second, self.loop.depth_channel_order, square)
        crops = [crop_square(image, square, len(part), part) for image, part in zip(images, place, strict=True)]
        return crops[0].resize_factor


def failures(boxes: Boxes) -> dict[int, Exception]:
    """Rows of boxes (N, 4) that are not finite, each with the error to record."""
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    text = "the network's box is not finite; check the weights, or use a wider --precision than fp16"
    return {int(index): TrackerError(text) for index in bad}
