"""One image file: decoded to arrays, refused with a reason where it is damaged; names of a folder in frame order.

Every function may be called from several threads; images are decoded without Python's global lock.

What happens with uncommon images (the same as ``cv2.imread`` does, stated here because it changes pixels): gray images
become three equal channels, 16-bit color loses its lower 8 bits, CMYK is converted to RGB by the decoder, an alpha
channel is dropped, and an orientation in the EXIF data is applied, so width and height are those of the turned image.
"""

import collections.abc as cabc
import contextlib
import os
import re
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from evalkit.errors import ImageReadError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

_MOST_PIXELS = 1 << 26  # larger ones, and forged sizes, are left to OpenCV's own limits
_HEAD_BYTES = 65536  # the frame header of a JPEG comes after its comments and color profile
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_BMP_START = b"BM"
_BMP_UNCOMPRESSED = (0, 3)  # BI_RGB, BI_BITFIELDS
_DIGITS = re.compile(r"(\d+)")
_LAST_DIGITS = re.compile(r"(\d+)\D*$")


def read_rgb(path: str | Path) -> npt.NDArray[np.uint8]:
    """Decode a color, thermal or event image.

    Returns:
        (height, width, 3) uint8 in RGB order.

    Raises:
        ImageReadError: Missing, empty, truncated or no image; names the file and the reason.
    """
    import cv2

    data = _read_complete(path)
    pixels = _turbo_decoded(data)
    if pixels is not None:
        return pixels
    rgb_flag = getattr(cv2, "IMREAD_COLOR_RGB", None)  # since OpenCV 4.10
    image = _decode(data, cv2.IMREAD_COLOR if rgb_flag is None else rgb_flag, path)
    if rgb_flag is None:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return cast("npt.NDArray[np.uint8]", image)


def read_depth(path: str | Path) -> npt.NDArray[np.uint16]:
    """Decode a depth image.

    Returns:
        (height, width) uint16 as stored, in millimeters for the benchmarks; 0 = not measured.

    Raises:
        ImageReadError: As for :func:`read_rgb`, or the image is not one channel of 16 bits.
    """
    import cv2

    image = _decode(_read_complete(path), cv2.IMREAD_UNCHANGED, path)
    if image.dtype != np.uint16 or image.ndim != 2:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise ImageReadError(
            f"{path}: expected a depth image with one channel of 16 bits, found {channels} channel(s) of "
            f"{image.dtype.itemsize * 8} bits. Colored or 8-bit depth holds no distances; use the original depth PNG."
        )
    return cast("npt.NDArray[np.uint16]", image)


@contextlib.contextmanager
def single_opencv_thread() -> cabc.Iterator[None]:
    """OpenCV adds no threads of its own to those that call it; its sums then do not depend on the number of cores."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, from the header where possible, else by decoding.

    Raises:
        ImageReadError: Missing, empty or no image.
    """
    with _opened(path) as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise ImageReadError(f"{path}: the file is empty (0 bytes).")
    size = _size_in_header(head)
    if size is not None:
        return size
    height, width = read_rgb(path).shape[:2]
    return width, height


def damage(data: bytes) -> str | None:
    r"""Say why the bytes of a JPEG, PNG or BMP are incomplete; None if nothing is wrong with them.

    Decoders fill the lost part of a truncated JPEG with gray and say nothing, so the end mark is looked for here: it
    must come after the last start of a scan (an embedded thumbnail has an end mark too).

    Example:
        >>> damage(b"")
        'the file is empty (0 bytes)'
        >>> damage(b"\xff\xd8\xff\xda no end")
        'truncated JPEG: no end mark after the image data (11 bytes)'
    """
    if not data:
        return "the file is empty (0 bytes)"
    if data.startswith(_JPEG_START):
        end = data.rfind(_JPEG_END)
        if end < 0 or data.find(_JPEG_SCAN, end) >= 0:
            return f"truncated JPEG: no end mark after the image data ({len(data)} bytes)"
    elif data.startswith(_PNG_START):
        if data.rfind(_PNG_END) < 0:
            return f"truncated PNG: no end mark ({len(data)} bytes)"
    elif data.startswith(_BMP_START):
        needed = _bmp_bytes(data)
        if needed is not None and needed > len(data):
            return f"truncated BMP: {len(data)} bytes, its header says {needed}"
    return None


def list_images(folder: str | Path) -> tuple[str, ...]:
    """Names of the image files of a folder in natural order; no file is opened or examined.

    Hidden files (such as ``._0001.jpg`` from foreign archives) and files of other kinds are left out.

    Raises:
        FileNotFoundError: There is no such folder.
        NotADirectoryError: It is a file.
    """
    names = [
        name
        for name in os.listdir(folder)  # noqa: PTH208 - names only, 685,000 of them in LaSOT
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - as above
    ]
    return natural_sorted(names)


def natural_sorted(names: list[str]) -> tuple[str, ...]:
    """Sort names so that numbers inside them count as numbers.

    Example:
        >>> natural_sorted(["10.jpg", "9.jpg", "a1.jpg"])
        ('9.jpg', '10.jpg', 'a1.jpg')
    """
    if _differ_in_padded_number(names):
        return tuple(sorted(names))
    return tuple(sorted(names, key=_natural_key))


def last_number(name: str) -> int | None:
    """The last run of digits in a file name without its suffix.

    Example:
        >>> last_number("v000123.jpg"), last_number("cover.jpg")
        (123, None)
    """
    match = _LAST_DIGITS.search(name.rpartition(".")[0] or name)
    return int(match[1]) if match else None


def _differ_in_padded_number(names: list[str]) -> bool:
    """True if plain sorting is natural sorting: same length, same text around digits only (the usual frame names)."""
    if len({len(name) for name in names}) != 1:
        return False
    start_text = os.path.commonprefix([min(names), max(names)])  # noqa: RUF071 - character by character is meant
    prefix = start_text.rstrip("0123456789")
    suffix = os.path.splitext(names[0])[1]  # noqa: PTH122 - text, not a path
    start, stop = len(prefix), len(names[0]) - len(suffix)
    return all(name.endswith(suffix) and name[start:stop].isdecimal() for name in names)


def _natural_key(name: str) -> tuple[list[tuple[int, int | str]], str]:
    parts = _DIGITS.split(name)
    # numbers sort before text; the name itself decides between 1 and 01
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], name


def _opened(path: str | Path) -> Any:
    try:
        return open(path, "rb")  # noqa: PTH123 - the caller closes it; a str is faster than a Path here
    except FileNotFoundError:
        raise ImageReadError(f"{path}: the file does not exist.") from None
    except OSError as problem:
        raise ImageReadError(f"{path}: cannot be opened ({problem.strerror}).") from problem


def _read_complete(path: str | Path) -> bytes:
    try:
        with _opened(path) as file:
            data: bytes = file.read()
    except OSError as problem:
        raise ImageReadError(f"{path}: cannot be read ({problem.strerror}).") from problem
    reason = damage(data)
    if reason is not None:
        raise ImageReadError(f"{path}: {reason}. Unpack or download this file again.")
    return data


def _decode(data: bytes, flag: int, path: str | Path) -> npt.NDArray[Any]:
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as problem:
        raise ImageReadError(f"{path}: not readable as an image ({problem.err}).") from problem
    if image is None:
        start = data[:12].decode("latin-1")
        raise ImageReadError(
            f"{path}: not an image, or a damaged one ({len(data)} bytes, starting with {start!r}). "
            "Unpack or download this file again."
        )
    return cast("npt.NDArray[Any]", image)


def _turbo_decoded(data: bytes) -> npt.NDArray[np.uint8] | None:
    """OpenCV's pixels of a plain JPEG, by the same library without OpenCV's way around it; None leaves it to OpenCV."""
    size = _size_in_header(data[:_HEAD_BYTES]) if data.startswith(_JPEG_START) else None
    if size is None or size[0] * size[1] > _MOST_PIXELS:  # turned by its EXIF data, or no size in its head
        return None
    try:
        import simplejpeg
    except ImportError:  # no wheel for this machine
        return None
    try:
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB")
    except ValueError:  # CMYK, or a defect that OpenCV may tolerate
        return None
    return pixels


def _size_in_header(head: bytes) -> tuple[int, int] | None:
    if head.startswith(_PNG_START) and len(head) >= 24 and b"eXIf" not in head:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith(_BMP_START) and len(head) >= 26:
        width, height = struct.unpack("<ii", head[18:26])
        return abs(width), abs(height)
    if head.startswith(_JPEG_START) and b"Exif\0" not in head:  # an orientation may swap the sides
        return _jpeg_size(head)
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Walk the segments of a JPEG to the frame header (markers C0..CF except the three that are no frame header)."""
    position = 2
    while position + 9 <= len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[position + 5 : position + 9])
            return width, height
        position += 2 + int.from_bytes(head[position + 2 : position + 4], "big")
    return None


def _bmp_bytes(data: bytes) -> int | None:
    """Bytes that an uncompressed BMP must have, from offset, size and depth in its header."""
    if len(data) < 34:
        return 54  # the two headers
    offset, header, width, height, _, bits, compression = struct.unpack("<IIiiHHI", data[10:34])
    if header < 40 or compression not in _BMP_UNCOMPRESSED:
        return None
    return int(offset + (width * bits + 31) // 32 * 4 * abs(height))
