"""Four sensors that look at the same instant of a scene: color, thermal, depth and event camera."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.sample.scene import UNCHANGED, Curve, Instant, Scene
from evalkit.sample.textures import ByteImage, FloatImage

EVENT_THRESHOLD = 0.18
EVENT_STEPS = 4  # simulated instants per frame interval
EVENT_NOISE_SHARE = 0.0016
LOG_OFFSET = 12.0
POSITIVE_BGR, NEGATIVE_BGR = (30, 30, 220), (200, 30, 30)
_SOLID = 0.5  # alpha from which the depth sensor sees a surface
_COLOR, _THERMAL, _DEPTH, _EVENT = 1, 2, 3, 4  # streams of random numbers
_DEPTH_NOISE = 1.5  # millimeters x (z / 1 m)^2
_DEPTH_STEP = 4.0  # in the same unit: a depth sensor's disparity has steps, which also keeps the files small


@dataclass(frozen=True, slots=True)
class ColorCamera:
    """How the color images are taken.

    Attributes:
        light: u -> gain.
        shutter: Open for this part of a frame interval.
        subrenders: Instants averaged over the shutter time; 1 = sharp.
        noise: Standard deviation in gray levels.
    """

    light: Curve = UNCHANGED
    shutter: float = 0.8
    subrenders: int = 1
    noise: float = 2.5


def color_image(scene: Scene, camera: ColorCamera, frame: int) -> ByteImage:
    """What the color camera records, (height, width, 3) BGR."""
    offsets = [camera.shutter * ((k + 0.5) / camera.subrenders - 0.5) for k in range(camera.subrenders)]
    total = radiance(scene, scene.at(frame + offsets[0]))
    for offset in offsets[1:]:
        total += radiance(scene, scene.at(frame + offset))
    gain = camera.light(frame / (scene.frames - 1)) / camera.subrenders
    total *= _three(np.float32(gain) * vignette(scene.frame_wh))
    np.minimum(total, 255, out=total)
    noise = _random(scene, frame, _COLOR).standard_normal(total.shape[:2], dtype=np.float32)
    total += _three(noise * np.float32(camera.noise))
    return _byte(total)


def thermal_image(scene: Scene, frame: int, *, shift: int = 0) -> ByteImage:
    """What the thermal camera records, (height, width) gray; independent of the light.

    Args:
        scene: The scene.
        frame: Index.
        shift: The thermal camera's misalignment: the picture lies this many pixels further right.
    """
    warmth = temperature_map(scene, scene.at(frame))
    if shift:
        warmth = np.concatenate([np.repeat(warmth[:, :1], shift, axis=1), warmth[:, :-shift]], axis=1)
    blurred = np.asarray(cv2.GaussianBlur(warmth, (0, 0), 1.4), dtype=np.float32)
    noise = _random(scene, frame, _THERMAL).standard_normal(warmth.shape, dtype=np.float32)
    return _byte(np.asarray((blurred - 10) / 30 * 200 + 2 * noise, dtype=np.float32))


def depth_image(scene: Scene, frame: int) -> npt.NDArray[np.uint16]:
    """What the depth camera records, (height, width) millimeters, 0 = not measured."""
    depth = depth_map(scene, scene.at(frame))
    rng = _random(scene, frame, _DEPTH)
    square = (depth / 1000) ** 2
    noise = cv2.GaussianBlur(rng.standard_normal(depth.shape, dtype=np.float32), (0, 0), 0.8)
    measured = depth + _DEPTH_NOISE * square * np.asarray(noise / noise.std(), dtype=np.float32)
    step = _DEPTH_STEP * square
    measured = np.round(measured / step) * step
    chance = rng.random(depth.shape, dtype=np.float32)
    kernel = np.ones((3, 3), dtype=np.uint8)
    edge = np.asarray(cv2.dilate(depth, kernel)) - np.asarray(cv2.erode(depth, kernel)) > 0.08 * depth
    limit = np.full(depth.shape, 0.004, dtype=np.float32)
    limit[depth > 8500] = 0.25
    limit[edge] = 0.7
    measured[chance < limit] = 0
    return np.clip(np.round(measured), 0, 65535).astype(np.uint16)


class EventCamera:
    """An event camera that watches a scene frame by frame, from one interval before the first frame on.

    It does not saturate with the color camera: it sees the radiance before clipping. Each pixel keeps the level of
    its last event and fires again when the log intensity has moved by the threshold.
    """

    def __init__(
        self, scene: Scene, camera: ColorCamera, *, first: int = 0, noise_share: float = EVENT_NOISE_SHARE
    ) -> None:
        self._scene = scene
        self._camera = camera
        self._frame = first
        self._noise_share = noise_share
        self._reference = _log_intensity(scene, camera, first - 1)

    def next_image(self) -> ByteImage:
        """The events of the interval that ends with the next frame, (height, width, 3) BGR on white.

        Positive ones red, negative ones blue, the last one of a pixel wins.
        """
        scene, frame = self._scene, self._frame
        canvas = np.full((scene.frame_wh[1], scene.frame_wh[0], 3), 255, dtype=np.uint8)
        for step in range(1, EVENT_STEPS + 1):
            level = _log_intensity(scene, self._camera, frame - 1 + step / EVENT_STEPS)
            change = level - self._reference
            up, down = change >= EVENT_THRESHOLD, change <= -EVENT_THRESHOLD
            canvas[up] = POSITIVE_BGR
            canvas[down] = NEGATIVE_BGR
            np.copyto(self._reference, level, where=up | down)
        chance = _random(scene, frame, _EVENT).random(canvas.shape[:2], dtype=np.float32)
        canvas[chance < self._noise_share / 2] = POSITIVE_BGR
        canvas[(chance >= self._noise_share / 2) & (chance < self._noise_share)] = NEGATIVE_BGR
        self._frame += 1
        return canvas


def radiance(scene: Scene, instant: Instant) -> FloatImage:
    """Color of the scene at light 1, (height, width, 3) BGR in 0..255, without vignette and noise."""
    window = cv2.warpAffine(
        scene.world.color,
        scene.background_matrix(instant),
        scene.frame_wh,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    picture = np.asarray(window, dtype=np.float32)
    for layer in instant.layers:
        part = picture[layer.area]
        part *= _three(1 - layer.alpha)
        part += layer.color
    return picture


def depth_map(scene: Scene, instant: Instant) -> FloatImage:
    """Distance of the nearest solid surface, (height, width) millimeters."""
    depth = _window(scene, instant, scene.world.depth, cv2.INTER_NEAREST)
    for layer in instant.layers:
        if layer.depth > 0:
            depth[layer.area][layer.alpha >= _SOLID] = layer.depth
    return depth


def temperature_map(scene: Scene, instant: Instant) -> FloatImage:
    """Surface temperature, (height, width) degrees Celsius."""
    warmth = _window(scene, instant, scene.world.temperature, cv2.INTER_LINEAR)
    for layer in instant.layers:
        if layer.depth > 0:
            part = warmth[layer.area]
            part += layer.alpha * (layer.temperature - part)
    return warmth


@functools.cache
def vignette(frame_wh: tuple[int, int]) -> FloatImage:
    """Light fall-off of the lens, (height, width): 1 in the middle, 0.9 in the corners.

    Example:
        >>> [round(float(value), 2) for value in vignette((3, 3))[1]]
        [0.98, 1.0, 0.98]
    """
    x = np.linspace(-1, 1, 2 * frame_wh[0] + 1, dtype=np.float32)[1::2]
    y = np.linspace(-1, 1, 2 * frame_wh[1] + 1, dtype=np.float32)[1::2]
    falloff = np.asarray(1 - 0.05 * (x[None, :] ** 2 + y[:, None] ** 2), dtype=np.float32)
    falloff.flags.writeable = False
    return falloff


def _window(scene: Scene, instant: Instant, canvas: FloatImage, interpolation: int) -> FloatImage:
    matrix = scene.background_matrix(instant)
    window = cv2.warpAffine(canvas, matrix, scene.frame_wh, flags=interpolation | cv2.WARP_INVERSE_MAP)
    return np.asarray(window, dtype=np.float32)


def _log_intensity(scene: Scene, camera: ColorCamera, t: float) -> FloatImage:
    gray = np.asarray(cv2.cvtColor(radiance(scene, scene.at(t)), cv2.COLOR_BGR2GRAY), dtype=np.float32)
    gray *= np.float32(camera.light(t / (scene.frames - 1))) * vignette(scene.frame_wh)
    return np.asarray(np.log(gray + np.float32(LOG_OFFSET)), dtype=np.float32)


def _random(scene: Scene, frame: int, stream: int) -> np.random.Generator:
    # Frames before the first one exist in folders that are longer than their sequence.
    return np.random.default_rng([*scene.entropy, stream, frame + 1000])


def _three(plane: FloatImage) -> FloatImage:
    """The same plane for each color; much quicker in arithmetic than a broadcast over three channels."""
    return np.asarray(cv2.merge([plane, plane, plane]), dtype=np.float32)


def _byte(picture: FloatImage) -> ByteImage:
    np.rint(picture, out=picture)
    np.clip(picture, 0, 255, out=picture)
    return picture.astype(np.uint8)
