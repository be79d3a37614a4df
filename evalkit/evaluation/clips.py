"""JPEG sequences for measurements: textured frames of a usual file size, and folders of the user's own images."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.benchmarks.frames import ImageFrames, open_folder
from evalkit.tracking.jobs import Job

QUALITY = 90
GRAIN = 6.5
"""Standard deviation of the noise: 1280 x 720 at quality 90 then takes about 260 kB, as videos of benchmarks do."""
TARGET = (64, 48)


def write_clip(folder: Path, *, frames: int, wh: tuple[int, int], seed: int = 0, length: int | None = None) -> Job:
    """Write a clip with a moving target, and return it as a job.

    Args:
        folder: A new folder.
        frames: Image files to write.
        wh: Width and height.
        seed: Of the texture.
        length: Frames of the sequence; where it is more than ``frames``, the files are read forwards and backwards.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    ground, patch = _texture(generator, wh), _texture(generator, TARGET)
    names = []
    for index in range(frames):
        image = ground.copy()
        x, y = _place(index, wh)
        image[y : y + TARGET[1], x : x + TARGET[0]] = patch
        name = f"{index:08d}.jpg"
        cv2.imwrite(str(folder / name), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        names.append(name)
    there_and_back = [*names, *names[-2:0:-1]]
    total = frames if length is None else length
    cycled = tuple(there_and_back[index % len(there_and_back)] for index in range(total))
    x, y = _place(0, wh)
    return Job(folder.name, ImageFrames(str(folder), cycled), np.array([x, y, *TARGET], dtype=np.float64), total)


def folder_clip(folder: Path) -> Job:
    """A folder of images as a job; the box is in the middle, a quarter of each side.

    Raises:
        DatasetLayoutError: No such folder, or no image in it.
        ImageReadError: The first image cannot be read.
    """
    frames = open_folder(folder, title="measure-speed", name=folder.name)
    width, height = frames.first_wh()
    box = np.array([width * 0.375, height * 0.375, width / 4, height / 4])
    return Job(folder.name, frames, box, len(frames))


def _texture(generator: np.random.Generator, wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Coarse shapes with fine grain, (height, width, 3)."""
    width, height = wh
    image = np.zeros((height, width, 3))
    for cells, strength in ((8, 60.0), (40, 25.0)):
        coarse = generator.normal(0, strength, (max(2, height * cells // width), cells, 3))
        image += cv2.resize(coarse, wh, interpolation=cv2.INTER_CUBIC)
    image += generator.normal(0, GRAIN, (height, width, 1)) + 118
    return np.clip(image, 0, 255).astype(np.uint8)


def _place(index: int, wh: tuple[int, int]) -> tuple[int, int]:
    width, height = wh[0] - TARGET[0], wh[1] - TARGET[1]
    return width // 4 + (3 * index) % max(1, width // 2), height // 4 + (2 * index) % max(1, height // 2)
