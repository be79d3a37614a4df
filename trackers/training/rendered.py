"""Drawn scenes as training data: a pool in memory, from which the device cuts pairs of crops in batches."""

import collections.abc as cabc
import concurrent.futures
import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from evalkit.errors import SampleError
from evalkit.sample.pool import NEGATIVE, POSITIVE, PoolScene, read_scene
from evalkit.sample.sensors import NEGATIVE_BGR, POSITIVE_BGR
from evalkit.sequences import Modality

from ..common.multimodal import stretched_depth
from ..common.torch_tracker import IMAGENET_MEAN, IMAGENET_STD
from .views import Views, cut, jittered

GRAY = (0.299, 0.587, 0.114)  # of R, G, B (OpenCV)
_TEMPLATE_SEEN, _SEARCH_SEEN = 0.7, 0.25  # share of the object that must be visible
_SMALLEST = 6.0  # pixels a side
_CACHED = 2  # frames cut at a time on a processor

ViewRule = cabc.Callable[[Tensor], Views]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How pairs are drawn; the sources of the numbers are in the recipes.

    Attributes:
        scale_jitter: Standard deviation of the logarithm of the search box's sides.
        center_jitter: Range of its center over the square root of its area.
        template_scale_jitter: As ``scale_jitter``, of the template.
        template_center_jitter: As ``center_jitter``, of the template.
        negatives: Share of search crops that are cut around another object or where the target is hidden.
        gray: Chance that a pair loses its color.
        mirror: Chance that a pair is mirrored.
        brightness: Each crop's gain is drawn from 1 +- this.
        recolor: Chance that a pair's colors are mixed by a random matrix.
        light: Only scenes whose mean gain lies in this range.
        reach: Frames by which the search frame follows at most; of videos, as all that follows.
        smallest: Both sides of a usable box exceed this, in pixels.
        mirror_each: Chance that a crop alone is mirrored.
        color: Brightness, contrast and saturation of both crops change by up to this share.
        redraw_empty: Pairs with a crop that is nearly all padding are drawn again.
    """

    scale_jitter: float = 0.25
    center_jitter: float = 3.0
    template_scale_jitter: float = 0.0
    template_center_jitter: float = 0.0
    negatives: float = 0.0
    gray: float = 0.05
    mirror: float = 0.5
    brightness: float = 0.2
    recolor: float = 0.0
    light: tuple[float, float] = (0.0, float("inf"))
    reach: int = 200
    smallest: float = 0.0
    mirror_each: float = 0.0
    color: float = 0.0
    redraw_empty: bool = True


class Pairs(NamedTuple):
    """A batch.

    Attributes:
        template: (B, 3 or 6, T, T), normalized.
        search: (B, 3 or 6, S, S), normalized.
        truth: (B, 4) left, top, width, height as shares of the search crop.
        present: (B,) bool, False where the target cannot be seen there.
    """

    template: Tensor
    search: Tensor
    truth: Tensor
    present: Tensor


class CropRules(NamedTuple):
    """How a tracker cuts its crops.

    Attributes:
        sizes: Sides of template and search crop.
        views: From boxes (B, 4) to the views of template and search.
        fills: Outside of the image is the mean color of the template's frame, else black.
        second: Second modality, three further channels.
    """

    sizes: tuple[int, int]
    views: tuple[ViewRule, ViewRule]
    fills: bool = False
    second: Modality | None = None


class Pool:
    """Scenes in the device's memory.

    Args:
        paths: Files of :func:`evalkit.sample.pool.draw_pool`.
        device: Where the frames lie and the batches are cut.
        modalities: Second modalities to keep.
        threads: For decoding.
    """

    def __init__(
        self, paths: cabc.Sequence[Path], device: torch.device, modalities: cabc.Collection[Modality], threads: int = 2
    ) -> None:
        self.device = device
        self.frames: dict[Modality, Tensor] = {}
        boxes, seen, first, light = [], [], [], []
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            read = functools.partial(read_scene, sensors={Modality.RGB, *modalities})
            for number, scene in enumerate(pool.map(read, paths)):
                count = len(scene.truth)
                for modality, images in _images(scene, modalities).items():
                    if modality not in self.frames:
                        shape = (len(paths) * count, *images.shape[1:])
                        self.frames[modality] = torch.empty(shape, dtype=torch.uint8, device=device)
                    self.frames[modality][number * count : (number + 1) * count] = torch.from_numpy(images)
                for truth in scene.truth.transpose(1, 0, 2):  # (F, 6) of each mover
                    boxes.append(truth[:, :4])
                    seen.append(np.where(truth[:, 2:4].min(axis=1) >= _SMALLEST, truth[:, 4] * truth[:, 5], 0.0))
                    first.append(number * count)
                    light.append(scene.light)
        self.boxes = torch.from_numpy(np.stack(boxes)).float().to(device)  # (tracks, F, 4)
        self.seen = torch.from_numpy(np.stack(seen)).float().to(device)  # (tracks, F)
        self.first = torch.tensor(first, device=device)
        self.light = torch.tensor(light, device=device)
        self._tables = {name: table.to(device) for name, table in _color_tables().items()}

    def as_color(self, sensor: Modality) -> "Pool":
        """The same scenes; in the place of the color images those of another sensor, as trackers see them."""
        table = (255 * self._tables[sensor]).round().to(torch.uint8)
        other = copy.copy(self)
        colored = [table[:, frame.long()] for frame in self.frames[sensor]]
        other.frames = {Modality.RGB: torch.stack(colored)}
        return other

    def tracks(self, light: tuple[float, float]) -> Tensor:
        """Numbers of the objects that can be a target, in scenes of this light.

        Raises:
            SampleError: There is none.
        """
        clear = self.seen >= _TEMPLATE_SEEN
        usable = clear.any(dim=1) & ((self.seen >= _SEARCH_SEEN).sum(dim=1) >= 2)
        tracks = torch.nonzero(usable & (self.light >= light[0]) & (self.light < light[1])).flatten()
        if not len(tracks):
            raise SampleError(f"none of the pool's scenes has a mean gain in {light}; draw more scenes.")
        return tracks

    def pairs(
        self, batch: int, tracks: Tensor, sampling: Sampling, rules: CropRules, generator: torch.Generator
    ) -> Pairs:
        """Draw a batch; everything random comes from the generator, which is on the pool's device."""

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=self.device)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, device=self.device)

        def one_of(allowed: Tensor) -> Tensor:
            return (uniform(*allowed.shape) * allowed).argmax(dim=1)

        track = tracks[(uniform(batch) * len(tracks)).long()]
        seen = self.seen[track]
        rows = torch.arange(batch, device=self.device)
        earlier = one_of(seen >= _TEMPLATE_SEEN)
        hidden = uniform(batch) < sampling.negatives
        allowed = (seen >= _SEARCH_SEEN) | hidden[:, None]
        allowed[rows, earlier] = False
        later = one_of(allowed)
        around = torch.where(hidden, self._neighbor(track, uniform(batch)), track)
        template_box = jittered(
            self.boxes[track, earlier],
            normal(batch, 2),
            uniform(batch, 2),
            scale=sampling.template_scale_jitter,
            center=sampling.template_center_jitter,
        )
        search_box = jittered(
            self.boxes[around, later].clamp(min=0),
            normal(batch, 2),
            uniform(batch, 2),
            scale=sampling.scale_jitter,
            center=sampling.center_jitter,
        )
        search_box[:, 2:] = search_box[:, 2:].clamp(min=_SMALLEST)
        views = rules.views[0](template_box), rules.views[1](search_box)
        truth = views[1].place(self.boxes[track, later])
        middle = truth[:, :2] + truth[:, 2:] / 2
        present = (seen[rows, later] >= _SEARCH_SEEN) & (middle > 0).all(dim=1) & (middle < 1).all(dim=1)
        crops = self._cut(self.first[track], (earlier, later), views, rules)
        template, search = self._changed(crops, sampling, uniform, normal)
        mirrored = uniform(batch) < sampling.mirror
        flip = mirrored[:, None, None, None]
        template, search = (torch.where(flip, crop.flip(3), crop) for crop in (template, search))
        truth[:, 0] = torch.where(mirrored, 1 - truth[:, 0] - truth[:, 2], truth[:, 0])
        return Pairs(template, search, truth, present)

    def _neighbor(self, track: Tensor, chance: Tensor) -> Tensor:
        """Another object of the same scene; the same object if it is alone."""
        low = torch.searchsorted(self.first, self.first[track])
        high = torch.searchsorted(self.first, self.first[track], right=True)
        return low + (chance * (high - low)).long()

    def _cut(
        self, first: Tensor, frames: tuple[Tensor, Tensor], views: tuple[Views, Views], rules: CropRules
    ) -> list[Tensor]:
        """Crops (B, C, size, size) in 0..1; on a processor a few at a time, since whole frames leave its cache."""
        few = len(first) if self.device.type == "cuda" else _CACHED
        fills: list[Tensor] = []  # mean colors of the templates' frames
        cuts = []
        for frame, view, size in zip(frames, views, rules.sizes, strict=True):
            parts = []
            for start in range(0, len(first), few):
                rows = slice(start, start + few)
                numbers, part = (first + frame)[rows], Views(view.center[rows], view.side[rows])
                images = self._looked_up(Modality.RGB, numbers)
                if rules.fills and frame is frames[0]:
                    fills.append(images.mean(dim=(2, 3)))
                fill = fills[start // few] if rules.fills else None
                crops = [cut(images, part, size, fill)]
                if rules.second is not None:
                    crops.append(cut(self._looked_up(rules.second, numbers), part, size))
                parts.append(torch.cat(crops, dim=1))
            cuts.append(torch.cat(parts))
        return cuts

    def _looked_up(self, modality: Modality, frames: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1."""
        images = self.frames[modality][frames]
        if modality is Modality.RGB:
            return images.float() / 255
        return self._tables[modality][:, images.long()].transpose(0, 1)

    def _changed(
        self,
        crops: list[Tensor],
        sampling: Sampling,
        uniform: cabc.Callable[..., Tensor],
        normal: cabc.Callable[..., Tensor],
    ) -> list[Tensor]:
        """Colors mixed or lost, the same in both crops; gains of each crop; normalized."""
        batch, channels = crops[0].shape[:2]
        identity = torch.eye(3, device=self.device)
        mixed = identity + 0.35 * normal(batch, 3, 3)
        mixed = mixed / mixed.sum(dim=2, keepdim=True).abs().clamp(min=0.5)
        matrix = torch.where((uniform(batch) < sampling.recolor)[:, None, None], mixed, identity)
        gray = constant(GRAY, self.device).expand(3, 3)
        matrix = torch.where((uniform(batch) < sampling.gray)[:, None, None], gray, matrix)
        triples = channels // 3
        mean, std = (constant(part * triples, self.device)[:, None, None] for part in (IMAGENET_MEAN, IMAGENET_STD))
        changed = []
        for crop in crops:
            color = torch.einsum("bij,bjhw->bihw", matrix, crop[:, :3])
            gain = 1 + sampling.brightness * (2 * uniform(batch, 1, 1, 1) - 1)
            bright = (torch.cat([color, crop[:, 3:]], dim=1) * gain).clamp(0, 1)
            changed.append((bright - mean) / std)
        return changed


@functools.cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers on a device, sent there once: to send them waits for what it computes."""
    return torch.tensor(values, device=device)


def _images(scene: PoolScene, modalities: cabc.Collection[Modality]) -> dict[Modality, np.ndarray]:
    """Channels first, 8 bit."""
    images = {Modality.RGB: np.ascontiguousarray(scene.color.transpose(0, 3, 1, 2))}
    if Modality.THERMAL in modalities:
        images[Modality.THERMAL] = scene.thermal
    if Modality.EVENT in modalities:
        images[Modality.EVENT] = scene.events
    if Modality.DEPTH in modalities:
        images[Modality.DEPTH] = np.stack([stretched_depth(depth) for depth in scene.depth])
    return images


def _color_tables() -> dict[Modality, Tensor]:
    """Stored value -> RGB in 0..1, (3, 256), as the trackers see these images."""
    values = np.arange(256, dtype=np.uint8)
    jet = cv2.applyColorMap(values[None], cv2.COLORMAP_JET)[0, :, ::-1]
    events = np.full((256, 3), 255, dtype=np.uint8)
    events[POSITIVE], events[NEGATIVE] = POSITIVE_BGR[::-1], NEGATIVE_BGR[::-1]
    tables = {Modality.DEPTH: jet, Modality.EVENT: events, Modality.THERMAL: np.repeat(values[:, None], 3, axis=1)}
    return {name: torch.from_numpy(table.astype(np.float32).T / 255).contiguous() for name, table in tables.items()}
