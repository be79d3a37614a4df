"""A pool of drawn scenes on disk: a few frames of each, of all four sensors, with the boxes of everything that moves.

Drawn once with many processes, then read into memory by a training. A scene's file depends on the seed and its number
alone; a second call adds what is missing.
"""

import collections.abc as cabc
import concurrent.futures
import functools
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.boxes import FloatArray
from evalkit.modality import Modality
from evalkit.sample.drawn import draw_scene
from evalkit.sample.sensors import NEGATIVE_BGR, POSITIVE_BGR, EventCamera, color_image, depth_image, thermal_image

FRAMES = 12
NO_EVENT, NEGATIVE, POSITIVE = 0, 1, 2  # what is stored of an event image
_ORDER = (Modality.RGB, Modality.THERMAL, Modality.DEPTH, Modality.EVENT)  # of a frame's images in the file
_QUALITY = 88  # of the color images, near that of the sample and of most benchmarks


@dataclass(frozen=True, slots=True, eq=False)
class PoolScene:
    """Frames of one scene in the order of time.

    Attributes:
        color: (F, height, width, 3) uint8 RGB.
        thermal: (F, height, width) uint8.
        depth: (F, height, width) uint16 millimeters.
        events: (F, height, width) uint8, see :data:`POSITIVE`.
        truth: (F, movers, 6) left, top, width, height, share inside the frame, share of that visible.
        light: Mean gain of the color images.
    """

    color: npt.NDArray[np.uint8]
    thermal: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.uint16]
    events: npt.NDArray[np.uint8]
    truth: FloatArray
    light: float


def scene_path(folder: Path, seed: int, number: int) -> Path:
    """Where a scene of the pool lies."""
    return folder / f"seed{seed}" / f"{number:06d}.npz"


def draw_pool(folder: Path, seed: int, numbers: range, *, processes: int, minutes: float = float("inf")) -> list[Path]:
    """Draw scenes that are not there yet.

    Args:
        folder: Of the pool.
        seed: Of the series.
        numbers: Which scenes.
        processes: How many draw at a time.
        minutes: Scenes that are not begun by then are left out.

    Returns:
        The files of the scenes that are there, in the order of their numbers.
    """
    scene_path(folder, seed, 0).parent.mkdir(parents=True, exist_ok=True)
    missing = [number for number in numbers if not scene_path(folder, seed, number).is_file()]
    write = functools.partial(_write_before, time.time() + 60 * minutes, folder, seed)
    if missing:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
            list(pool.map(write, missing, chunksize=4))
    return [path for path in (scene_path(folder, seed, number) for number in numbers) if path.is_file()]


def read_scene(path: Path, sensors: cabc.Collection[Modality] = frozenset(Modality)) -> PoolScene:
    """Read a file of :func:`draw_pool`; images of sensors that are not wanted stay empty."""
    with np.load(path) as file:
        data, ends, truth = file["data"], file["ends"], file["truth"]
        light = float(file["light"])
    parts = np.split(data, ends[:-1])

    def images(number: int) -> npt.NDArray[np.generic]:
        wanted = parts[number::4] if _ORDER[number] in sensors else []
        return np.array([cv2.imdecode(part, cv2.IMREAD_UNCHANGED) for part in wanted])

    color, thermal, depth, events = map(images, range(4))
    return PoolScene(
        color=np.ascontiguousarray(color[..., ::-1]).astype(np.uint8, copy=False),
        thermal=thermal.astype(np.uint8, copy=False),
        depth=depth.astype(np.uint16, copy=False),
        events=events.astype(np.uint8, copy=False),
        truth=truth.astype(np.float64),
        light=light,
    )


def _write_before(deadline: float, folder: Path, seed: int, number: int) -> None:
    if time.time() < deadline:
        write_scene(folder, seed, number)


def write_scene(folder: Path, seed: int, number: int) -> None:
    """Draw one scene and write its file; the file appears when it is complete."""
    cv2.setNumThreads(1)
    drawn = draw_scene(seed, number)
    scene = drawn.scene
    rng = np.random.default_rng([seed, number, 9])
    times = np.sort(rng.choice(scene.frames, size=FRAMES, replace=False))
    encoded: list[npt.NDArray[np.uint8]] = []
    for frame in times.tolist():
        encoded.append(_encoded(".jpg", color_image(scene, drawn.camera, frame), cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        events = EventCamera(scene, drawn.camera, first=frame).next_image()
        second = (thermal_image(scene, frame), depth_image(scene, frame), _labels(events))
        encoded += [_encoded(".png", image, cv2.IMWRITE_PNG_COMPRESSION, 1) for image in second]
    path = scene_path(folder, seed, number)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(
            file,
            data=np.concatenate(encoded),
            ends=np.cumsum([len(item) for item in encoded]),
            truth=np.stack([scene.truths(frame) for frame in times.tolist()]).astype(np.float32),
            light=np.float32(drawn.light),
        )
    partial.replace(path)


def _encoded(suffix: str, image: npt.NDArray[np.uint8 | np.uint16], flag: int, value: int) -> npt.NDArray[np.uint8]:
    done, data = cv2.imencode(suffix, image, [flag, value])
    assert done, suffix
    return np.asarray(data, dtype=np.uint8).reshape(-1)


def _labels(events: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    labels = np.zeros(events.shape[:2], dtype=np.uint8)
    labels[(events == POSITIVE_BGR).all(axis=2)] = POSITIVE
    labels[(events == NEGATIVE_BGR).all(axis=2)] = NEGATIVE
    return labels
