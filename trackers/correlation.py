"""What correlation filters share: search patches, window, label, fused response, scale, update."""

import abc
import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray
from evalkit.sequences import Frame
from evalkit.tracking.interface import TrackerInfo

from .patches import (
    DEPTH_SETTINGS,
    LEAST_SHARE,
    SENSORS,
    Maps,
    Size,
    TargetState,
    keep_inside,
    median_depth,
    read_patches,
    same_sensors,
    share_at_depth,
    target_of,
)
from .peaks import peak_to_sidelobe, subpixel
from .settings import described
from .stepping import Step, SteppingTracker

Spectra = npt.NDArray[np.complex64]
Model = tuple[Spectra, Spectra]

SMALLEST_SIDE = 16
"""Smaller patches are enlarged to this number of pixels."""
SLENDER = 0.5
"""A patch is at least this fraction of the padded mean side wide and high, however slender the target is."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Numbers of a correlation filter.

    Attributes:
        padding: Side of the patch over that of the target.
        largest_side: Patches are shrunk to this mean side in pixels.
        label_sigma: Width of the label over the target's mean side.
        rate: Weight of the newest frame in the filter.
        scales: Tried sizes of the target, relative to the last; 1 is among them.
        scale_penalty: Factor on the response of sizes other than 1.
    """

    padding: float
    largest_side: float
    label_sigma: float
    rate: float
    scales: tuple[float, ...] = (1.0,)
    scale_penalty: float = 1.0


class Geometry(NamedTuple):
    """Constants of a stream.

    Attributes:
        span_per_target: (2,) patch over target, per direction.
        out_wh: Size of the patches after resizing.
        window: (height, width) Hann window.
        label: Spectrum of the label, (height, width // 2 + 1).
    """

    span_per_target: FloatArray
    out_wh: Size
    window: Maps
    label: Spectra


@dataclass(frozen=True, slots=True, eq=False)
class FilterMemory:
    """What a filter knows: the target, the filter, the constants of the stream."""

    target: TargetState
    model: Model
    geometry: Geometry
    first_size_wh: FloatArray


class CorrelationFilterTracker(SteppingTracker[FilterMemory]):
    """A tracker that learns a filter per sensor, and adds the normalized responses.

    Args:
        name: In the catalog.
        settings: Its numbers.
        default: Those that it has by itself.
    """

    settings: FilterSettings

    def __init__(self, name: str, settings: FilterSettings, default: FilterSettings) -> None:
        self.settings = settings
        self.info = TrackerInfo(name, SENSORS, {**described(settings, default), **DEPTH_SETTINGS})

    @abc.abstractmethod
    def normalize(self, patches: Maps) -> Maps:
        """Bring patches (..., height, width) of values 0 to 255 to features, before the window."""

    @abc.abstractmethod
    def train(self, features: Maps, label: Spectra) -> Model:
        """Learn from features (sensors, height, width) of the target in the middle."""

    @abc.abstractmethod
    def respond(self, model: Model, features: Maps) -> Maps:
        """Responses (scales, sensors, height, width); displacement 0 at index 0."""

    def begin(self, frame: Frame, box: Boxes) -> FilterMemory:
        """Learn the first frame with the box (4,)."""
        target = target_of(frame, box)
        geometry = self._geometry(target.size_wh)
        model = self.train(self._features(frame, target, geometry, (1.0,))[0], geometry.label)
        return FilterMemory(target, model, geometry, target.size_wh)

    def step(self, memory: FilterMemory, frame: Frame) -> Step[FilterMemory]:
        """Search, move, learn."""
        target, geometry, settings = memory.target, memory.geometry, self.settings
        same_sensors(frame, len(memory.model[0]))
        responses = self.respond(memory.model, self._features(frame, target, geometry, settings.scales))
        response = fuse(responses)
        penalty = np.where(np.array(settings.scales) == 1, 1, settings.scale_penalty)
        best = int((response.max(axis=(1, 2)) * penalty).argmax())
        scale, response = settings.scales[best], response[best]
        row, column = (int(index) for index in np.unravel_index(int(response.argmax()), response.shape))
        psr = peak_to_sidelobe(response, row, column)
        moved = self._move(target, geometry, scale, signed_shift(response, row, column))
        moved = _bounded(keep_inside(moved, frame), memory.first_size_wh, frame)
        share = share_at_depth(frame, moved)
        confidence = confidence_of(psr) * share
        if share < LEAST_SHARE:  # an occluder, or what was behind the target: wait where it was seen
            return Step(memory, target.box, confidence)
        target = moved
        target = target._replace(depth=median_depth(frame, target))
        fresh = self.train(self._features(frame, target, geometry, (1.0,))[0], geometry.label)
        model = (_blend(memory.model[0], fresh[0], settings.rate), _blend(memory.model[1], fresh[1], settings.rate))
        return Step(replace(memory, target=target, model=model), target.box, confidence)

    def _geometry(self, size_wh: FloatArray) -> Geometry:
        settings = self.settings
        side = float(np.sqrt(size_wh.prod()))
        span = settings.padding * np.maximum(size_wh, SLENDER * side)
        shrink = min(1.0, settings.largest_side / float(np.sqrt(span.prod())))
        out = np.maximum(np.round(span * shrink / 4) * 4, SMALLEST_SIDE).astype(int)
        out_wh = (int(out[0]), int(out[1]))
        sigma = settings.label_sigma * float(np.sqrt((size_wh * out / span).prod()))
        return Geometry(span / size_wh, out_wh, hann(out_wh), label_spectrum(out_wh, sigma))

    def _features(self, frame: Frame, target: TargetState, geometry: Geometry, scales: tuple[float, ...]) -> Maps:
        span = target.size_wh * geometry.span_per_target
        patches = read_patches(frame, target, [span * scale for scale in scales], geometry.out_wh)
        features: Maps = self.normalize(patches) * geometry.window
        return features

    def _move(self, target: TargetState, geometry: Geometry, scale: float, shift_xy: FloatArray) -> TargetState:
        span = target.size_wh * geometry.span_per_target * scale
        center = target.center + shift_xy * span / geometry.out_wh
        return target._replace(center=center, size_wh=target.size_wh * scale)


def forward(maps: Maps) -> Spectra:
    """Half spectra of real maps, in single precision: (..., height, width) -> (..., height, width // 2 + 1)."""
    spectra: Spectra = np.fft.rfft2(maps).astype(np.complex64, copy=False)
    return spectra


def backward(spectra: Spectra, maps: Maps) -> Maps:
    """Inverse of :func:`forward`: (..., height, width // 2 + 1) -> (..., height, width), those of ``maps``."""
    result: Maps = np.fft.irfft2(spectra, s=maps.shape[-2:]).astype(np.float32, copy=False)
    return result


def unit_variance(patches: Maps) -> Maps:
    """Subtract the mean and divide by the deviation of each map (..., height, width); a flat map becomes 0.

    Example:
        >>> unit_variance(np.array([[1, 3], [1, 3]], np.float32)).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """
    centered = patches - patches.mean(axis=(-2, -1), keepdims=True)
    deviation = np.sqrt(np.square(centered).mean(axis=(-2, -1), keepdims=True))
    result: Maps = np.where(deviation > 1e-3, centered / np.maximum(deviation, 1e-3), 0).astype(np.float32)
    return result


def fuse(responses: Maps) -> Maps:
    """Average the responses of the sensors, each in its own standard deviations.

    So a sensor that sees nothing, whose response is noise without a peak, has little say.

    Args:
        responses: (scales, sensors, height, width).

    Returns:
        (scales, height, width).
    """
    mean = responses.mean(axis=(0, 2, 3), keepdims=True)
    deviation = responses.std(axis=(0, 2, 3), keepdims=True)
    fused: Maps = ((responses - mean) / np.maximum(deviation, 1e-9)).mean(axis=1)
    return fused


def signed_shift(response: Maps, row: int, column: int) -> FloatArray:
    """Turn the index of a peak of a periodic map into a shift x, y in (-side / 2, side / 2].

    Example:
        >>> signed_shift(np.zeros((8, 8), np.float32), 7, 2)
        array([ 2., -1.])
    """
    sides = np.array(response.shape[::-1], dtype=np.float64)
    place = np.array(subpixel(response, row, column)[::-1])
    return np.where(place > sides / 2, place - sides, place)


def confidence_of(psr: float) -> float:
    """Map a peak-to-sidelobe ratio to [0, 1): 0.5 at 8, where Bolme et al. (CVPR 2010) take a target as lost.

    Example:
        >>> confidence_of(8.0)
        0.5
    """
    return max(psr, 0.0) / (max(psr, 0.0) + 8.0)


@functools.lru_cache(maxsize=64)
def hann(out_wh: Size) -> Maps:
    """Hann window (height, width) that does not vanish at the edge."""
    rows, columns = (np.hanning(side + 2)[1:-1] for side in out_wh[::-1])
    window: Maps = np.outer(rows, columns).astype(np.float32)
    window.flags.writeable = False
    return window


def label_spectrum(out_wh: Size, sigma: float) -> Spectra:
    """Spectrum of a Gaussian of height 1 around index 0, (height, width // 2 + 1)."""
    offsets = [np.fft.fftfreq(side, 1 / side) for side in out_wh[::-1]]
    distance = np.add.outer(offsets[0] ** 2, offsets[1] ** 2)
    return forward(np.exp(-0.5 * distance / sigma**2).astype(np.float32))


def _blend(old: Spectra, new: Spectra, rate: float) -> Spectra:
    blended: Spectra = np.float32(1 - rate) * old + np.float32(rate) * new
    return blended


def _bounded(target: TargetState, first_size_wh: FloatArray, frame: Frame) -> TargetState:
    """Keep the size within a fifth and five times the first one, and the frame."""
    if (target.size_wh == first_size_wh).all():
        return target
    frame_wh = np.array([frame.rgb.shape[1], frame.rgb.shape[0]], dtype=np.float64)
    growth = float(np.sqrt((target.size_wh / first_size_wh).prod()))
    most = max(1.0, min(5.0, float((frame_wh / first_size_wh).min())))
    return target._replace(size_wh=first_size_wh * min(max(growth, 0.2), most))
