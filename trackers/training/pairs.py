"""A pair of crops from two frames: where they are cut and how they are changed, as the authors' programs do it.

Plain numpy and OpenCV for worker processes; everything random comes from a numpy generator.
"""

import abc
import collections.abc as cabc
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from evalkit.boxes import Boxes, Flags, FloatArray, to_corners
from evalkit.errors import TrackerError
from evalkit.sequences import FrameSource, Modality

from ..common.center_tracker import CenterLoop
from ..common.crops import Square, Window, crop_square, square_around, window_around
from ..common.definition import Definition
from ..common.multimodal import network_images
from ..common.taps import blend_taps, gather_taps, tap_bytes
from ..swintrack import SwinTrackLoop
from .rendered import Sampling
from .views import jittered

Pixels = npt.NDArray[np.uint8]
_PATCH = 16  # side of the cells on which OSTrack asks whether a crop is all padding
_MIXING = 0.35  # spread of random color matrices


@dataclass(frozen=True, slots=True, eq=False)
class TrainingClip:
    """A video, or a still image, with its boxes.

    Attributes:
        boxes: (F, 4) of the target.
        clear: (F,) frames from which a template may be cut.
        usable: (F,) frames from which a search crop may be cut.
        frames: The images.
        others: (F, 4) of further objects.
        second: Modality of the second image.
        still: Template and search come from one image.
    """

    boxes: Boxes
    clear: Flags
    usable: Flags
    frames: FrameSource
    second: Modality | None = None
    others: tuple[Boxes, ...] = ()
    still: bool = False


class Item(NamedTuple):
    """A pair as it leaves a worker; the device does the rest.

    Attributes:
        template: (C, T, T) uint8.
        search: (C, S, S) uint8.
        colors: (3, 3) matrix that mixes the color channels of both.
        gains: (2,) of template and search.
        truth: (4,) left, top, width, height as shares of the search crop.
        present: The target can be seen there.
    """

    template: Tensor
    search: Tensor
    colors: Tensor
    gains: Tensor
    truth: Tensor
    present: Tensor


class EmptyPairError(TrackerError):
    """This draw gives no pair; the next one may."""


def choose_frames(clip: TrainingClip, sampling: Sampling, rng: np.random.Generator) -> tuple[int, int]:
    """Template and search frame: the search follows the template by less than ``sampling.reach`` frames.

    Raises:
        EmptyPairError: Too few usable frames.

    Source: OSTrack, "causal" frame sampling; the reach grows by 5 until there is a frame.
    """
    if clip.still:
        return 0, 0
    count = len(clip.usable)
    first = np.flatnonzero(clip.clear[: count - 1])
    if not len(first):
        raise EmptyPairError("no frame for a template")
    template = int(rng.choice(first))
    reach = sampling.reach
    while not len(later := template + 1 + np.flatnonzero(clip.usable[template + 1 : template + reach])):
        if template + reach > count:
            raise EmptyPairError("no usable frame follows the template")
        reach += 5
    return template, int(rng.choice(later))


class Cutter(abc.ABC):
    """How a tracker cuts template (0) and search crop (1)."""

    sizes: tuple[int, int]

    @abc.abstractmethod
    def jitter(self, box: Boxes, normal: FloatArray, uniform: FloatArray, *, scale: float, center: float) -> Boxes:
        """The box as a tracker might have left it."""

    @abc.abstractmethod
    def cut(self, images: cabc.Sequence[Pixels], around: Boxes, which: int, fill: FloatArray) -> list[Pixels]:
        """Crops (size, size, 3) of the registered images of a frame."""

    @abc.abstractmethod
    def place(self, box: Boxes, around: Boxes, which: int) -> FloatArray:
        """A box of the image as shares of the crop around another one."""

    def is_empty(self, around: Boxes, which: int, image_wh: tuple[int, int]) -> bool:  # noqa: ARG002 - a rule of some
        """The crop shows nothing but padding."""
        return False


class SquareCutter(Cutter):
    """OSTrack's integer squares."""

    def __init__(self, loop: CenterLoop) -> None:
        self.sizes = loop.template_size, loop.search_size
        self._factors = loop.template_factor, loop.search_factor

    def jitter(self, box: Boxes, normal: FloatArray, uniform: FloatArray, *, scale: float, center: float) -> Boxes:
        """Each side and each coordinate on its own, in float32 as the program."""
        parts = (torch.from_numpy(np.asarray(part, dtype=np.float32)[None]) for part in (box, normal, uniform))
        moved: Boxes = jittered(*parts, scale=scale, center=center)[0].numpy()
        return moved

    def cut(self, images: cabc.Sequence[Pixels], around: Boxes, which: int, fill: FloatArray) -> list[Pixels]:  # noqa: ARG002 - black outside
        """Black outside of the image."""
        square = self._square(around, which)
        return [crop_square(image, square, self.sizes[which]).pixels for image in images]

    def place(self, box: Boxes, around: Boxes, which: int) -> FloatArray:
        """The jittered center lies at (size - 1) / 2, as in the program."""
        size = self.sizes[which]
        factor = size / self._square(around, which).side
        middle = (size - 1) / 2 + (box[:2] + 0.5 * box[2:] - around[:2] - 0.5 * around[2:]) * factor
        wh = box[2:] * factor
        placed: FloatArray = np.concatenate([middle - 0.5 * wh, wh]) / size
        return placed

    def is_empty(self, around: Boxes, which: int, image_wh: tuple[int, int]) -> bool:
        """No cell of the network's map begins in the image."""
        square, size = self._square(around, which), self.sizes[which]
        places = (np.arange(0, size, _PATCH) + 0.5) / size * square.side
        inside = [
            ((start + places >= 0) & (start + places < side)).any()
            for start, side in zip((square.left, square.top), image_wh, strict=True)
        ]
        return not all(inside)

    def _square(self, around: Boxes, which: int) -> Square:
        return square_around(around, self._factors[which])


class WindowCutter(Cutter):
    """SwinTrack's continuous windows."""

    def __init__(self, loop: SwinTrackLoop) -> None:
        self.sizes = loop.template_size, loop.search_size
        self._areas = loop.template_area, loop.search_area
        self._smallest = 0.0, loop.smallest

    def jitter(self, box: Boxes, normal: FloatArray, uniform: FloatArray, *, scale: float, center: float) -> Boxes:
        """One factor for both sides; the shift is measured by their mean."""
        wh = box[2:] * np.exp(normal[0] * scale)
        middle = box[:2] + 0.5 * box[2:] + (uniform - 0.5) * center * wh.mean()
        return np.concatenate([middle - 0.5 * wh, wh])

    def cut(self, images: cabc.Sequence[Pixels], around: Boxes, which: int, fill: FloatArray) -> list[Pixels]:
        """Bilinear, rounded to bytes."""
        size = self.sizes[which]
        taps = np.empty(tap_bytes(size), np.uint8)
        gather_taps(images[0], self._window(around, which), fill.astype(np.float32), taps)
        blended = blend_taps(torch.from_numpy(taps)[None], size)[0]
        pixels: Pixels = (blended * 255).round().clamp(0, 255).byte().numpy()
        return [pixels]

    def place(self, box: Boxes, around: Boxes, which: int) -> FloatArray:
        """Where the tracker would read it."""
        size = self.sizes[which]
        corners = self._window(around, which).to_crop(to_corners(box[None].astype(np.float64))[0]) / size
        return np.concatenate([corners[:2], corners[2:] - corners[:2]])

    def _window(self, around: Boxes, which: int) -> Window:
        corners = to_corners(around[None].astype(np.float64))[0]
        return window_around(corners, self._areas[which], self.sizes[which], self._smallest[which])


def make_cutter(definition: Definition) -> Cutter:
    """The cutter of a tracker."""
    loop = definition.loop
    return SquareCutter(loop) if isinstance(loop, CenterLoop) else WindowCutter(loop)


class PairMaker:
    """Draws pairs for a tracker.

    Args:
        definition: Of the tracker.
        sampling: How.
    """

    def __init__(self, definition: Definition, sampling: Sampling) -> None:
        self._cutter = make_cutter(definition)
        self._loop = definition.loop
        self._joint = definition.second is not None
        self._sampling = sampling

    def draw(self, clip: TrainingClip, rng: np.random.Generator) -> Item:
        """One pair.

        Raises:
            EmptyPairError: The clip has too few usable frames, or a crop shows nothing.
            EvalkitError: A frame cannot be read or cut.
        """
        sampling = self._sampling
        numbers = choose_frames(clip, sampling, rng)
        gray, mirrored = rng.random() < sampling.gray, rng.random() < sampling.mirror
        target = clip.boxes[list(numbers)]
        around = target.copy()
        if rng.random() < sampling.negatives and clip.others:
            around[1] = clip.others[int(rng.integers(len(clip.others)))][numbers[1]]
        jitters = (
            (sampling.template_scale_jitter, sampling.template_center_jitter),
            (sampling.scale_jitter, sampling.center_jitter),
        )
        crops: list[Pixels] = []
        fill, placed = np.zeros(3), np.zeros(4)
        for which, (scale, center) in enumerate(jitters):
            images = self._images(clip, numbers[which])
            height, width = images[0].shape[:2]
            truth, box = target[which], around[which]
            if mirrored:
                images = [np.ascontiguousarray(image[:, ::-1]) for image in images]
                truth, box = mirror_box(truth, width), mirror_box(box, width)
            if gray:
                images[0] = gray_image(images[0])
            if which == 0:
                fill = images[0].mean(axis=(0, 1)) / 255
            box = self._cutter.jitter(box, rng.normal(size=2), rng.random(2), scale=scale, center=center)
            if sampling.redraw_empty and self._cutter.is_empty(box, which, (width, height)):
                raise EmptyPairError("a crop is all padding")
            crops.append(np.concatenate(self._cutter.cut(images, box, which, fill), axis=2))
            placed = self._cutter.place(truth, box, which)
        return self._changed(crops, placed, rng)

    def _images(self, clip: TrainingClip, number: int) -> list[Pixels]:
        frame = clip.frames.read(number)
        if not self._joint:
            return [frame.rgb]
        assert isinstance(self._loop, CenterLoop)
        return list(network_images(frame, clip.second, self._loop.depth_channel_order))

    def _changed(self, crops: list[Pixels], truth: FloatArray, rng: np.random.Generator) -> Item:
        """Each crop on its own: color, gain, mirror."""
        sampling = self._sampling
        gains = 1 + sampling.brightness * rng.uniform(-1, 1, 2)
        mixed = np.eye(3)
        if rng.random() < sampling.recolor:
            mixed = mixed + _MIXING * rng.normal(size=(3, 3))
            mixed = mixed / np.maximum(np.abs(mixed.sum(axis=1, keepdims=True)), 0.5)
        if sampling.color:
            factors = rng.uniform(1 - sampling.color, 1 + sampling.color, 3)
            crops = [color_jittered(crop, factors) for crop in crops]
        flips = rng.random(2) < sampling.mirror_each
        crops = [crop[:, ::-1] if flip else crop for crop, flip in zip(crops, flips, strict=True)]
        if flips[1]:
            truth = np.array([1 - truth[0] - truth[2], *truth[1:]])
        middle = truth[:2] + truth[2:] / 2
        present = bool((middle > 0).all() and (middle < 1).all())
        template, search = (torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))) for crop in crops)
        colors, gain, box = (torch.from_numpy(np.asarray(part, dtype=np.float32)) for part in (mixed, gains, truth))
        return Item(template, search, colors, gain, box, torch.tensor(present))


def mirror_box(box: Boxes, width: int) -> Boxes:
    """A box in the mirrored image: pixel x goes to ``width - 1 - x`` (pytracking).

    Example:
        >>> mirror_box(np.array([100.0, 90, 48, 36]), 320)
        array([171.,  90.,  48.,  36.])
    """
    return np.array([(width - 1) - box[0] - box[2], *box[1:]], dtype=box.dtype)


def gray_image(image: Pixels) -> Pixels:
    """OpenCV's gray value in all three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def color_jittered(crop: Pixels, factors: FloatArray) -> Pixels:
    """Brightness, contrast and saturation times factors, in this order (our default: torchvision draws it)."""
    image = crop.astype(np.float32) * factors[0]
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    mean = float((image @ weights).mean())
    image = mean + (image - mean) * factors[1]
    luma = (image @ weights)[..., None]
    image = luma + (image - luma) * factors[2]
    changed: Pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return changed
