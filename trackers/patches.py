"""Image patches for trackers without a network: crops with subpixel geometry, gray values, the depth gate."""

import collections.abc as cabc
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import TrackerError
from evalkit.sequences import Frame, Modality

Maps = npt.NDArray[np.float32]
AnyImage = npt.NDArray[Any]  # uint8 or uint16
Size = tuple[int, int]

SENSORS = frozenset(Modality)
"""What :func:`read_patches` understands: every modality."""
GATE_WIDTH = 0.15
"""Standard deviation of the depth gate, relative to the target's depth."""
GATE_JUMP = 0.25
"""Relative change of the median depth from frame to frame that still belongs to the target, not to an occluder."""
LEAST_SHARE = 0.3
"""Where fewer of the measured depths fit the target's, there is something else."""
DEPTH_SETTINGS = {"gate_width": GATE_WIDTH, "gate_jump": GATE_JUMP, "least_share": LEAST_SHARE}
"""For a tracker's ``config``."""


class TargetState(NamedTuple):
    """Where the target is.

    Attributes:
        center: (2,) x, y in pixels; pixel edges are whole numbers, as in boxes.
        size_wh: (2,) width and height in pixels.
        depth: Median depth in the units of the depth image, 0 = not known or no depth image.
    """

    center: FloatArray
    size_wh: FloatArray
    depth: float = 0.0

    @property
    def box(self) -> Boxes:
        """(4,) left, top, width, height."""
        return np.concatenate([self.center - self.size_wh / 2, self.size_wh])


def target_of(frame: Frame, box: Boxes) -> TargetState:
    """Describe the target of a first frame; its box (4,) counts as at least one pixel wide and high.

    Raises:
        TrackerError: The two images of the frame differ in size.
    """
    if frame.aux is not None and frame.aux.shape[:2] != frame.rgb.shape[:2]:
        sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (frame.rgb, frame.aux)]
        raise TrackerError(f"the second image must be registered with the first: {sizes[1]} against {sizes[0]}.")
    box = np.asarray(box, dtype=np.float64)
    size_wh = np.maximum(box[2:], 1.0)
    target = TargetState(box[:2] + box[2:] / 2, size_wh)
    return target._replace(depth=median_depth(frame, target))


def crop(image: AnyImage, center: FloatArray, span_wh: FloatArray, out_wh: Size) -> AnyImage:
    """Cut a region out of an image and resize it in one interpolation.

    Args:
        image: (height, width) or (height, width, 3).
        center: (2,) of the region, in pixels; may lie outside.
        span_wh: (2,) of the region, in pixels.
        out_wh: Width and height of the result.

    Returns:
        (out height, out width) or (..., 3), same type. Outside of the image its edge is repeated. Depth (uint16) is
        not interpolated, since between two surfaces there is none.
    """
    low = center - span_wh / 2
    step = span_wh / out_wh
    origin = np.zeros(2)
    method = cv2.INTER_NEAREST if image.dtype == np.uint16 else cv2.INTER_LINEAR
    if image.dtype != np.uint16 and step.min() >= 2:  # average first, else pixels are skipped
        image, origin, shrink = _shrink(image, low, low + span_wh, int(step.min()))
        low, step = (low - origin) / shrink, step / shrink
    shift = low + 0.5 * step - 0.5  # pixel centers lie at +0.5
    matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]])
    flags = method | cv2.WARP_INVERSE_MAP
    patch: AnyImage = cv2.warpAffine(image, matrix, out_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return patch


def _shrink(image: AnyImage, low: FloatArray, high: FloatArray, factor: int) -> tuple[AnyImage, FloatArray, FloatArray]:
    """Average blocks of ``factor`` pixels in the part of the image between two corners."""
    frame_wh = np.array([image.shape[1], image.shape[0]])
    first = np.clip(np.floor(low), 0, frame_wh - 1).astype(int)
    last = np.clip(np.ceil(high), first + 1, frame_wh).astype(int)
    part = image[first[1] : last[1], first[0] : last[0]]
    small_wh = np.maximum((last - first) // factor, 1)
    small: AnyImage = cv2.resize(part, (int(small_wh[0]), int(small_wh[1])), interpolation=cv2.INTER_AREA)
    return small, first.astype(np.float64), (last - first) / small_wh


def read_patches(frame: Frame, target: TargetState, spans_wh: cabc.Sequence[FloatArray], out_wh: Size) -> Maps:
    """Cut patches around a target out of all sensors.

    Args:
        frame: The frame.
        target: Center of the patches; its depth sets the depth gate.
        spans_wh: Sizes of the regions in pixels, one per scale.
        out_wh: Width and height of the patches.

    Returns:
        (scales, sensors, out height, out width), 0 to 255: gray values of RGB, thermal and event images; of a depth
        image the likeness to the target's depth.
    """
    images: list[AnyImage] = [frame.rgb] if frame.aux is None else [frame.rgb, frame.aux]
    patches = np.empty((len(spans_wh), len(images), out_wh[1], out_wh[0]), np.float32)
    for scale, span_wh in enumerate(spans_wh):
        for sensor, image in enumerate(images):
            patch = crop(image, target.center, span_wh, out_wh)
            if patch.dtype == np.uint16:
                patches[scale, sensor] = depth_gate(patch, target.depth)
            else:
                patches[scale, sensor] = patch if patch.ndim == 2 else cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY)
    return patches


def depth_gate(patch: AnyImage, depth: float) -> Maps:
    """Likeness of depths to the target's: 255 at its depth, 0 far from it, in between where not measured.

    A depth image as gray values says little, since its contrast is that of the scene's layout; the sample benchmark's
    prototype lost by it (0.50 against 0.94 of a color image alone).

    Example:
        >>> depth_gate(np.array([[1000, 0, 4000]], np.uint16), 1000.0).round().tolist()
        [[255.0, 128.0, 0.0]]
    """
    values = patch.astype(np.float32)
    if depth <= 0:
        return np.full(values.shape, 128, np.float32)
    likeness = 255 * np.exp(-0.5 * ((values - depth) / (GATE_WIDTH * depth)) ** 2)
    gate: Maps = np.where(patch == 0, 128, likeness).astype(np.float32)
    return gate


def median_depth(frame: Frame, target: TargetState) -> float:
    """Median of the measured depths in the middle half of the target, 0 if there are none.

    Once a depth is known, one that differs by more than ``GATE_JUMP`` is an occluder's: the known one is kept.
    """
    if frame.aux is None or frame.aux.dtype != np.uint16:
        return 0.0
    values = _middle_depths(frame.aux, target)
    if values.size == 0:
        return target.depth
    median = float(np.median(values))
    if target.depth > 0 and abs(median - target.depth) > GATE_JUMP * target.depth:
        return target.depth
    return median


def share_at_depth(frame: Frame, target: TargetState) -> float:
    """Share of the measured depths in the middle half of a place that fit the target's; 1 where nothing is known."""
    if frame.aux is None or frame.aux.dtype != np.uint16 or target.depth <= 0:
        return 1.0
    values = _middle_depths(frame.aux, target)
    if values.size == 0:
        return 1.0
    return float((np.abs(values / target.depth - 1) < GATE_JUMP).mean())


def _middle_depths(depth: AnyImage, target: TargetState) -> AnyImage:
    values = crop(depth, target.center, target.size_wh / 2, (16, 16))
    return values[values > 0]


def same_sensors(frame: Frame, sensors: int) -> None:
    """Check that a stream keeps the sensors with which it began.

    Raises:
        TrackerError: The second image came or went.
    """
    images = 1 if frame.aux is None else 2
    if images != sensors:
        raise TrackerError(f"the stream began with {sensors} image(s) per frame, and this frame has {images}.")


def keep_inside(target: TargetState, frame: Frame) -> TargetState:
    """Clip the center to the frame, so that a lost target cannot run away without bound."""
    frame_wh = (frame.rgb.shape[1], frame.rgb.shape[0])
    return target._replace(center=np.clip(target.center, 0, frame_wh))
