"""Files of the VOT toolkit: one region per line, and one value per line."""

import numpy as np

from evalkit.boxes import Boxes, FloatArray, enclosing_boxes
from evalkit.errors import ResultFormatError
from evalkit.numbers import parse_numbers, parse_tables

_SPECIAL = frozenset({b"0", b"1", b"2"})  # lost or unknown, initialization, failure


def parse_regions(data: bytes, *, where: str) -> Boxes:
    r"""Boxes of a file with one region per line.

    Args:
        data: Lines with ``left,top,width,height``, a polygon ``x1,y1,x2,y2,x3,y3,...`` or a single code.
        where: Name of the file for error texts.

    Returns:
        (F, 4). NaN for codes (1 = initialization, 0 = lost); the enclosing box for a polygon.

    Raises:
        ResultFormatError: A mask or anything else; names the line.

    Source: VOT toolkit, text format of region trajectories.

    Example:
        >>> parse_regions(b"1\n2,3,4,5\n0,0,4,0,4,3,0,3\n", where="a.txt")
        array([[nan, nan, nan, nan],
               [ 2.,  3.,  4.,  5.],
               [ 0.,  0.,  4.,  3.]])
    """
    lines = [line.strip() for line in data.rstrip().splitlines()]
    boxes = np.full((len(lines), 4), np.nan)
    by_width: dict[int, list[int]] = {}
    for index, line in enumerate(lines):
        width = line.count(b",") + 1
        if line in _SPECIAL:
            continue
        if line.startswith(b"m") or width < 4 or width % 2:
            raise ResultFormatError(f"{where}, line {index + 1}: {_region_fault(line)}.")
        by_width.setdefault(width, []).append(index)
    for width, rows in by_width.items():
        numbers = _parse_rows(lines, rows, where)
        boxes[rows] = numbers if width == 4 else enclosing_boxes(numbers)
    return boxes


def starts_with_code(data: bytes) -> bool:
    r"""Whether the first line is the code of an initialization and a region follows, as the VOT toolkit writes it.

    Example:
        >>> starts_with_code(b"1\n2,3,4,5\n"), starts_with_code(b"1\n1\n"), starts_with_code(b"1,2,3,4\n")
        (True, False, False)
    """
    first, _, rest = data.partition(b"\n")
    return first.strip() in _SPECIAL and rest.partition(b"\n")[0].count(b",") >= 3


def _parse_rows(lines: list[bytes], rows: list[int], where: str) -> FloatArray:
    (table,), _ = parse_tables([b"\n".join([lines[row] for row in rows])], [where])
    if table is not None and len(table) == len(rows):
        return table
    wrong = next(row for row in rows if parse_tables([lines[row]], [where]).problems)
    raise ResultFormatError(f"{where}, line {wrong + 1}: {_region_fault(lines[wrong])}.")


def _region_fault(line: bytes) -> str:
    if line.lstrip().startswith(b"m"):
        return "a segmentation mask, which evalkit does not read; export the results as rectangles"
    text = line[:60].decode("utf-8", "replace")
    return f"expected a region (left,top,width,height, or a polygon, or the code 0 or 1), found {text!r}"


def parse_values(data: bytes, *, rows: int, blank: float, where: str) -> FloatArray:
    r"""One value per frame; an empty line is a frame without a value.

    Args:
        data: Content of a ``.value`` file.
        rows: Number of frames.
        blank: What an empty line stands for.
        where: Name of the file for error texts.

    Returns:
        (F,) values.

    Raises:
        ResultFormatError: More or fewer lines than frames, or text.

    Source: VOT toolkit: a missing confidence counts as 0.

    Example:
        >>> parse_values(b"\n0.5\n1e-2\n", rows=3, blank=0.0, where="a.value")
        array([0.  , 0.5 , 0.01])
    """
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    while len(lines) > rows and not lines[-1].strip():
        lines.pop()
    if len(lines) != rows:
        raise ResultFormatError(f"{where}: {len(lines)} lines, but {rows} regions.")
    values = np.full(rows, blank)
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if filled:
        text = b"\n".join([lines[index] for index in filled])
        table = parse_numbers(text, where=where, error=ResultFormatError)
        if table.shape[1] != 1:
            raise ResultFormatError(f"{where}: {table.shape[1]} values in a line, expected one.")
        values[filled] = table[:, 0]
    return values
