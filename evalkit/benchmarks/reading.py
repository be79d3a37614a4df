"""What the benchmarks' readers share: annotation files, flag files, and the checks of one against the other."""

import collections.abc as cabc
import dataclasses
import enum
import re
from pathlib import Path

import numpy as np

from evalkit.benchmarks.frames import ImageFrames, missing_number
from evalkit.boxes import Boxes, Flags, FloatArray
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.numbers import parse_numbers
from evalkit.sequences import Annotation, IntArray, Sequence

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GET_AGAIN = "Correct the file, or get it again from the release."
_SEPARATORS = re.compile(rb"[,;\s]+")


class Polarity(enum.Enum):
    """What a 1 in a flag file means."""

    ONE_IS_ABSENT = "1 = target absent"
    ONE_IS_PRESENT = "1 = target present"


def read_bytes(path: Path, *, title: str) -> bytes:
    """Content of an annotation file, without a byte order mark.

    Raises:
        DatasetLayoutError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    except FileNotFoundError:
        raise DatasetLayoutError(
            f"{title}: {path} is missing. Check that the archive is unpacked completely."
        ) from None
    except OSError as problem:
        raise DatasetLayoutError(f"{title}: {path} cannot be read ({problem.strerror}).") from problem


def read_text_line(path: Path) -> str | None:
    """First line of an optional text file, None without the file or without text."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8-sig", errors="replace").strip().splitlines()
    return lines[0].strip() if lines else None


def read_boxes(path: Path, *, title: str) -> Boxes:
    """Read an annotation file with one box per line.

    Returns:
        (F, 4) left, top, width, height exactly as the file has them, F >= 1.

    Raises:
        DatasetLayoutError: There is no such file.
        AnnotationError: Empty, text, or not four columns.
    """
    return parse_boxes(read_bytes(path, title=title), where=str(path))


def parse_boxes(data: bytes, *, where: str) -> Boxes:
    r"""Parse the content of an annotation file; see :func:`read_boxes`.

    Example:
        >>> parse_boxes(b"1,2,3,4\nNaN,NaN,NaN,NaN\n", where="a.txt")
        array([[ 1.,  2.,  3.,  4.],
               [nan, nan, nan, nan]])
    """
    boxes = parse_numbers(data, where=where)
    if len(boxes) == 0:
        raise AnnotationError(f"{where}: the file has no rows; expected one row left,top,width,height per frame.")
    if boxes.shape[1] != 4:
        raise AnnotationError(
            f"{where}: {boxes.shape[1]} columns; expected 4 (left, top, width, height in pixels) in every row."
        )
    refuse_infinite(boxes, where=where)
    return boxes


def refuse_infinite(numbers: FloatArray, *, where: str) -> None:
    """Refuse infinite coordinates; NaN stands for an absent target, infinity for nothing.

    Raises:
        AnnotationError: Names the first row.
    """
    rows = np.flatnonzero(np.isinf(numbers).any(axis=1))
    if len(rows):
        text = ",".join(f"{value:g}" for value in numbers[rows[0]])
        raise AnnotationError(
            f"{where}: row {rows[0] + 1} is {text}; expected finite numbers, or NaN where the target is absent. "
            f"{_GET_AGAIN}"
        )


def read_flags(path: Path, *, title: str, rows: int, surplus: int = 0) -> Flags:
    """Read a file of zeros and ones, one per line or all in one line with commas or blanks.

    Args:
        path: The file.
        title: Benchmark, for error texts.
        rows: Number of flags expected, that of the annotation's rows.
        surplus: Number of flags beyond ``rows`` that are known to be in the authors' file and are ignored.

    Returns:
        (rows,) bool, True where the file has 1.

    Raises:
        DatasetLayoutError: There is no such file.
        AnnotationError: Another number of flags, or something that is neither 0 nor 1.
    """
    flags = parse_flags(read_bytes(path, title=title), where=str(path))
    if len(flags) not in (rows, rows + surplus):
        raise AnnotationError(
            f"{path}: {len(flags)} flags, but the annotation has {rows} rows. Get both files from the same release."
        )
    return flags[:rows]


def parse_flags(data: bytes, *, where: str) -> Flags:
    r"""Parse zeros and ones in any arrangement.

    Returns:
        (F,) bool, True where the file has 1.

    Example:
        >>> parse_flags(b"0,1,1\n", where="a.txt")
        array([False,  True,  True])
        >>> parse_flags(b"0\n1\n", where="a.txt")
        array([False,  True])
    """
    return parse_integers(data, where=where, highest=1).astype(np.bool_)


def parse_integers(data: bytes, *, where: str, highest: int) -> IntArray:
    """Parse integers from 0 to ``highest`` in any arrangement; ``1.0`` counts as 1.

    Returns:
        (F,) int64.

    Raises:
        AnnotationError: Something else in the file.
    """
    parts = [part for part in _SEPARATORS.split(data) if part]
    allowed = {str(value).encode(): value for value in range(highest + 1)}
    allowed |= {f"{value}.0".encode(): value for value in range(highest + 1)}
    for position, part in enumerate(parts, start=1):
        if part not in allowed:
            text = part[:40].decode("utf-8", "replace")
            raise AnnotationError(f"{where}: value {position} is {text!r}; expected integers from 0 to {highest}.")
    return np.array([allowed[part] for part in parts], dtype=np.int64)


def read_absent(path: Path, *, title: str, rows: int, polarity: Polarity, surplus: int = 0) -> Flags:
    """Read a flag file and say where the target is absent; see :func:`read_flags`."""
    flags = read_flags(path, title=title, rows=rows, surplus=surplus)
    return flags if polarity is Polarity.ONE_IS_ABSENT else ~flags


def read_attributes(path: Path, *, title: str, codes: tuple[str, ...]) -> frozenset[str] | None:
    """Read a sequence's attribute file (a 0 or 1 per code, in the official order); None without the file."""
    if not path.is_file():
        return None
    flags = read_flags(path, title=title, rows=len(codes))
    return frozenset(code for code, flag in zip(codes, flags, strict=True) if flag)


def attributes_of(path: Path, *, title: str, codes: tuple[str, ...], packaged: frozenset[str]) -> frozenset[str]:
    """Attributes from the copy's own file, as the evaluation kits have them, else the packaged ones."""
    own = read_attributes(path, title=title, codes=codes)
    return packaged if own is None else own


def nothing_absent(boxes: Boxes) -> Flags:
    """Flags of a benchmark that has none."""
    return np.zeros(len(boxes), dtype=np.bool_)


def check_first_box(boxes: Boxes, *, where: str) -> None:
    """Refuse an annotation that cannot start a tracker.

    Raises:
        AnnotationError: The first box has NaN, or no positive width and height.
    """
    if not np.isfinite(boxes[0]).all():
        raise AnnotationError(
            f"{where}: the first row is {_text(boxes)}; the box of frame 0 must have four numbers. {_GET_AGAIN}"
        )
    if boxes[0, 2] <= 0 or boxes[0, 3] <= 0:
        raise AnnotationError(
            f"{where}: the first row is {_text(boxes)}; the box of frame 0 must have a positive width and height. "
            f"{_GET_AGAIN}"
        )


def make_sequence(
    annotation: Annotation, frames: ImageFrames, *, title: str, where: Path, accepted_rows: cabc.Container[int] = ()
) -> Sequence:
    """Join annotation and frames after checking one against the other.

    Args:
        annotation: The annotation; its ``frame_count`` and ``frame_wh`` are replaced by what the images say.
        frames: The frames.
        title: Benchmark, for error texts.
        where: The annotation file, for error texts.
        accepted_rows: Numbers of rows that are right besides one row per frame: 1 where only the first box is known.

    Raises:
        AnnotationError: Rows and images do not fit, or the first box lies outside the image.
        ImageReadError: The first image cannot be read.
    """
    rows, count = len(annotation.ground_truth), len(frames)
    if rows != count and rows not in accepted_rows:
        gap = missing_number(frames.names)
        hint = "" if gap is None else f"; the first missing number is {gap}"
        raise AnnotationError(
            f"{title}: {where} has {rows + annotation.dropped_leading} rows but {frames.folder} has "
            f"{count + annotation.dropped_leading} images (sequence {annotation.name}{hint}). "
            "Check that the archive is unpacked completely."
        )
    width, height = frames.first_wh()
    left, top, box_width, box_height = annotation.ground_truth[0]
    if left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0:
        raise AnnotationError(
            f"{title}: {where}: the first box {_text(annotation.ground_truth)} lies completely outside the image "
            f"({width} x {height} pixels, sequence {annotation.name}). Annotation and images do not belong together."
        )
    whole = dataclasses.replace(annotation, frame_count=count, frame_wh=(width, height))
    return Sequence(annotation=whole, frames=frames)


def _text(boxes: Boxes) -> str:
    return ",".join(f"{value:g}" for value in boxes[0])
