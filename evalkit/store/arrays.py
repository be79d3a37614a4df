"""Result files that are no plain text: JSON, NumPy arrays, CSV with a header. Reading them executes nothing."""

import collections.abc as cabc
import io
import json
import math
from typing import Any

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import ResultFormatError

JSON_LIMIT = 1 << 26
"""Bytes of a JSON file."""
_CONTAINERS = 4_000_000  # lists and objects of a JSON file: each takes many times the memory of its two characters
_NUMBERS = 16_000_000
_HEADER_LIMIT = 10_000
_ROWS = frozenset(
    {"boxes", "bboxes", "bbox", "rects", "res", "result", "results", "pred", "preds", "predictions", "target_bbox"}
)
_CONFIDENCES = frozenset({"confidence", "confidences", "conf", "score", "scores"})
_COLUMNS: cabc.Mapping[str, int] = {
    "left": 0,
    "x": 0,
    "top": 1,
    "y": 1,
    "width": 2,
    "w": 2,
    "height": 3,
    "h": 3,
    **dict.fromkeys(_CONFIDENCES, 4),
}
_IGNORED = frozenset({"frame", "index", "frame_id", "time", "seconds"})


def parse_npy(data: bytes, *, where: str) -> FloatArray:
    """Rows of a ``.npy`` file.

    Args:
        data: Content of the file.
        where: Name of the file for error texts.

    Returns:
        (F, C) of any number of columns.

    Raises:
        ResultFormatError: Not such a file, pickled objects, no table of numbers, or another size than the header says.

    Source: NumPy enhancement proposal 1, format versions 1.0 and 2.0.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ResultFormatError(f"{where}: version {version} of the format; 1.0 and 2.0 can be read.")
        shape, fortran, kind = readers[version](stream, max_header_size=_HEADER_LIMIT)
    except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError) as problem:
        raise ResultFormatError(f"{where}: no readable NumPy file ({problem}).") from problem
    if kind.hasobject:
        raise ResultFormatError(
            f"{where}: pickled objects, which evalkit does not load; save a plain array of numbers."
        )
    if kind.kind not in "fiu" or len(shape) != 2:
        raise ResultFormatError(f"{where}: shape {shape} of {kind}; expected a table of numbers, (frames, 4).")
    content = memoryview(data)[stream.tell() :]
    if min(shape) < 0 or math.prod(shape) * kind.itemsize != len(content):
        raise ResultFormatError(f"{where}: {len(content)} bytes of numbers, but the header says {shape} of {kind}.")
    table = np.frombuffer(content, dtype=kind).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(table, dtype=np.float64)


def load_json(data: bytes, *, where: str) -> Any:
    """A JSON document of bounded size, in which no key occurs twice.

    Raises:
        ResultFormatError: Too large, too deep, no JSON, or a key that occurs twice.
    """
    if len(data) > JSON_LIMIT or data.count(b"[") + data.count(b"{") > _CONTAINERS or data.count(b",") > _NUMBERS:
        raise ResultFormatError(f"{where}: too large for a JSON file of results; write one file per sequence.")
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as problem:
        raise ResultFormatError(f"{where}: no readable JSON ({problem}).") from problem


def parse_json(data: bytes, *, where: str) -> FloatArray:
    r"""Rows of a JSON file of one sequence; a row or a number that is null becomes NaN.

    Args:
        data: A list of rows, or an object with the rows under one of the usual names (``boxes``, ``bbox``, ``res``,
            ...) and perhaps confidences under another.
        where: Name of the file for error texts.

    Returns:
        (F, C); confidences are the last column.

    Raises:
        ResultFormatError: Anything else.

    Example:
        >>> parse_json(b'{"boxes": [[1, 2, 3, 4], null], "score": [0.5, 0]}', where="a.json")
        array([[1. , 2. , 3. , 4. , 0.5],
               [nan, nan, nan, nan, 0. ]])
    """
    document = load_json(data, where=where)
    rows = rows_of(document)
    if rows is None:
        raise ResultFormatError(
            f"{where}: expected a list of rows, or an object with one under one of {', '.join(sorted(_ROWS))}."
        )
    width = next((len(row) for row in rows if isinstance(row, list)), 4)
    table = np.array([_row(row, width, f"{where}, row {number}") for number, row in enumerate(rows, 1)])
    table = table.reshape(len(rows), width)
    confidences = _under(document, _CONFIDENCES)
    if confidences is None:
        return table
    column = _row(confidences, len(rows), f"{where}, confidences")
    return np.column_stack([table, column])


def rows_of(value: Any) -> list[Any] | None:
    """The rows of one sequence in a JSON value, None if it is something else."""
    found = value if isinstance(value, list) else _under(value, _ROWS)
    return found if isinstance(found, list) and all(row is None or isinstance(row, list) for row in found) else None


def without_header(data: bytes, *, where: str) -> tuple[bytes, list[int] | None]:
    r"""A CSV file without its header.

    Returns:
        The rows; and the positions of left, top, width, height and perhaps the confidence in them, None without header.

    Raises:
        ResultFormatError: The header names other columns.

    Example:
        >>> without_header(b"frame,x,y,w,h\n0,1,2,3,4\n", where="a.csv")
        (b'0,1,2,3,4\n', [1, 2, 3, 4])
    """
    first, _, rest = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    text = first[:1000].decode("utf-8", "replace").strip().lower()
    names = [name.strip().strip('"') for name in text.replace(";", ",").replace("\t", ",").split(",")]
    if not set(names) & {*_COLUMNS, *_IGNORED}:
        return data, None
    places = {_COLUMNS[name]: number for number, name in enumerate(names) if name in _COLUMNS}
    known = [name for name in names if name in _COLUMNS or name in _IGNORED]
    if len(known) < len(names) or len(set(names)) < len(names) or not places.keys() >= {0, 1, 2, 3}:
        raise ResultFormatError(
            f"{where}: the header is {text[:80]!r}; expected left,top,width,height or x,y,w,h, and perhaps confidence."
        )
    return rest, [places[column] for column in sorted(places)]


def _under(value: Any, names: cabc.Container[str]) -> Any:
    """What stands under the only key of an object that is one of these names."""
    keys = [key for key in value if key.lower() in names] if isinstance(value, dict) else []
    return value[keys[0]] if len(keys) == 1 else None


def _row(row: Any, width: int, where: str) -> FloatArray:
    if row is None:
        return np.full(width, np.nan)
    if not isinstance(row, list) or len(row) != width:
        found = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
        raise ResultFormatError(f"{where}: {found}, expected {width} numbers.")
    if any(type(number) not in {int, float, type(None)} for number in row):
        raise ResultFormatError(f"{where}: expected numbers, found {str(row)[:60]}.")
    try:
        return np.array([math.nan if number is None else float(number) for number in row])
    except OverflowError:
        raise ResultFormatError(f"{where}: a number is too large: {str(row)[:60]}.") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return found
