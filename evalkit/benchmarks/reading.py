"""What the benchmarks' readers share: annotation files, flag files, and the checks of one against the other."""

import collections.abc as cabc
import dataclasses
import re
from pathlib import Path

import numpy as np

from evalkit.benchmarks.frames import ImageFrames, missing_number
from evalkit.benchmarks.videos import VideoFrames
from evalkit.boxes import Boxes, Flags, FloatArray, IntArray
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.sequences import Annotation, Sequence

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GET_AGAIN = "Correct the file, or get it again from the release."
_SEPARATORS = re.compile(rb"[,;\s]+")


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


def refuse_infinite(numbers: FloatArray, *, where: str) -> None:
    """Refuse infinite coordinates in a table (F, C); NaN stands for an absent target, infinity for nothing.

    Raises:
        AnnotationError: Names the first row.
    """
    infinite = np.isinf(numbers)
    if infinite.any():
        rows = np.flatnonzero(infinite.any(axis=1))
        text = ",".join(f"{value:g}" for value in numbers[rows[0]])
        raise AnnotationError(
            f"{where}: row {rows[0] + 1} is {text}; expected finite numbers, or NaN where the target is absent. "
            f"{_GET_AGAIN}"
        )


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


def nothing_absent(boxes: Boxes) -> Flags:
    """Flags (F,) of a benchmark that has none, for boxes (F, 4)."""
    return np.zeros(len(boxes), dtype=np.bool_)


def check_first_box(boxes: Boxes, *, where: str) -> None:
    """Refuse an annotation (F, 4), F >= 1, that cannot start a tracker.

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
    annotation: Annotation,
    frames: ImageFrames | VideoFrames,
    *,
    title: str,
    where: Path,
    accepted_rows: cabc.Container[int] = (),
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
        gap = missing_number(frames.names) if isinstance(frames, ImageFrames) else None
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
