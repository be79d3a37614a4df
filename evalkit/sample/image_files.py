"""Image files of the sample: whole writes, and the formats that OpenCV does not write."""

import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.errors import SampleError
from evalkit.sample.textures import ByteImage

JPEG_QUALITY = 85
_PNG_LEVEL = 4
_BI_RLE8 = 1
_LONGEST_RUN = 255

Picture = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def write_image(path: Path, picture: Picture) -> None:
    """Write an image in the format of its suffix.

    Args:
        path: ``.jpg``, ``.png`` or ``.bmp``; the folder exists.
        picture: (height, width) or (height, width, 3) BGR.

    Raises:
        SampleError: The format is unknown to this OpenCV.
        OSError: The disk is full, ...
    """
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL],
    }
    done, data = cv2.imencode(path.suffix, picture, options.get(path.suffix, []))
    if not done:
        raise SampleError(f"{path}: this OpenCV ({cv2.__version__}) cannot write {path.suffix} images.")
    path.write_bytes(data.tobytes())


def palette_bmp(picture: ByteImage, colors: tuple[tuple[int, int, int], ...]) -> bytes:
    """A bitmap of few colors: 8 bit with a palette, run-length coded, as the BMP format provides.

    Readers return the same three channels as from a plain bitmap, which would be twenty times larger.

    Args:
        picture: (height, width, 3) BGR.
        colors: All colors that occur, BGR, at most 256.

    Returns:
        Content of the file.

    Example:
        >>> red = np.full((2, 300, 3), (0, 0, 255), dtype=np.uint8)
        >>> bitmap = np.frombuffer(palette_bmp(red, ((255, 0, 0), (0, 0, 255))), dtype=np.uint8)
        >>> bool((cv2.imdecode(bitmap, cv2.IMREAD_COLOR) == red).all())
        True
    """
    height, width = picture.shape[:2]
    indices = np.zeros((height, width), dtype=np.uint8)
    for index, color in enumerate(colors):
        indices[cv2.inRange(picture, color, color) > 0] = index
    pixels = _run_lengths(indices[::-1])  # rows from the bottom up
    start = 54 + 4 * len(colors)
    file_header = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, _BI_RLE8, len(pixels), 2835, 2835, len(colors), 0)
    palette = b"".join(bytes((*color, 0)) for color in colors)
    return file_header + info + palette + pixels


def _run_lengths(indices: ByteImage) -> bytes:
    """Pairs (count, value) row by row; 0, 0 ends a row and 0, 1 the picture."""
    width = indices.shape[1]
    flat = indices.ravel()
    positions = np.arange(flat.size)
    changes = np.flatnonzero((np.diff(flat, prepend=flat[:1]) != 0) | (positions % width == 0))
    lengths = np.diff(changes, append=flat.size)
    pieces = -(-lengths // _LONGEST_RUN)  # a count is one byte
    counts = np.full(int(pieces.sum()), _LONGEST_RUN)
    last = np.cumsum(pieces) - 1
    counts[last] = lengths - (pieces - 1) * _LONGEST_RUN
    pairs = np.stack([counts, np.repeat(flat[changes], pieces)], axis=1)
    ends = np.flatnonzero(np.cumsum(counts) % width == 0) + 1
    coded = np.insert(pairs, ends, 0, axis=0)
    coded[-1] = (0, 1)
    return coded.astype(np.uint8).tobytes()
