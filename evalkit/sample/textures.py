"""The eight free photographs of the sample, with band-limited noise in the place of a missing file."""

import functools
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

ByteImage = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent / "textures"
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")


@functools.cache
def texture(name: str) -> ByteImage:
    """A photograph in BGR order; colorful noise of the same character if the file is not there.

    Args:
        name: File name without suffix, for example "brick".

    Returns:
        (height, width, 3), read-only.
    """
    image = cv2.imread(str(FOLDER / f"{name}.jpg"), cv2.IMREAD_COLOR)
    pixels = noise_texture(name) if image is None else np.asarray(image, dtype=np.uint8)
    pixels.flags.writeable = False
    return pixels


def noise_texture(name: str, size: int = 384) -> ByteImage:
    """Band-limited noise, always the same for a name, so that rendering never fails.

    Returns:
        (size, size, 3), mean near 120, standard deviation near 35.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    bands = np.zeros((size, size, 3), dtype=np.float32)
    for sigma in (2.0, 6.0, 18.0):
        noise = rng.standard_normal((size, size, 3), dtype=np.float32)
        band = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
        bands += band / band.std()
    return np.clip(120 + 20 * bands, 0, 255).astype(np.uint8)


def mirrored_tiles(tile: FloatImage, height: int, width: int) -> FloatImage:
    """Cover an area with a tile and its mirror images, so that no seam shows.

    Args:
        tile: (h, w, channels).
        height: Of the area, pixels.
        width: Of the area, pixels.

    Example:
        >>> mirrored_tiles(np.arange(2, dtype=np.float32).reshape(1, 2, 1), 1, 5)[0, :, 0]
        array([0., 1., 1., 0., 0.], dtype=float32)
    """
    quad = np.concatenate([tile, tile[:, ::-1]], axis=1)
    quad = np.concatenate([quad, quad[::-1]], axis=0)
    rows, columns = -(-height // quad.shape[0]), -(-width // quad.shape[1])
    return np.tile(quad, (rows, columns, 1))[:height, :width]
