"""Result files that are no plain text: JSON, NumPy arrays, MATLAB, CSV with a header. Reading executes nothing."""

import collections.abc as cabc
import contextlib
import io
import json
import math
import zlib
from typing import Any, Literal

import numpy as np

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import ResultFormatError

JSON_LIMIT = 1 << 26
"""Bytes of a JSON file."""
UNPACKED_LIMIT = 1 << 26
"""Bytes that the compressed parts of a file may unpack to: a million boxes have half of it."""
_COMPRESSED = 15  # miCOMPRESSED, of the MAT-file format
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


def parse_otb_mat(data: bytes, *, where: str) -> Boxes:
    """Boxes of one sequence.

    Args:
        data: Content of a ``.mat`` file of MATLAB 5 to 7. Reading executes nothing.
        where: Name of the file for error texts.

    Returns:
        (F, 4) left, top, width, height as stored; a fifth column is a confidence.

    Raises:
        ResultFormatError: Not such a file; it unpacks to too much; regions of another type than rectangles; several
            runs in one file.

    Source: OTB benchmark code: ``results{1}.res``, ``.type`` = 'rect', ``.len``.
    """
    import scipy.io  # slow to import, and these files are rare

    _check_size(data, where)
    try:
        content = scipy.io.loadmat(io.BytesIO(data), squeeze_me=False)  # type: ignore[arg-type]  # the stubs know paths only
    except _damage() as problem:
        raise ResultFormatError(f"{where}: no readable MATLAB file ({problem}).") from problem
    results = [item for key, value in content.items() if not key.startswith("__") for item in _structs(value)]
    bare = content.get("res")
    if isinstance(bare, np.ndarray) and bare.dtype.kind in "fiu":
        results.append({"res": bare})
    if len(results) != 1:
        raise ResultFormatError(f"{where}: {len(results)} results called 'res', expected one.")
    result = results[0]
    names = result if isinstance(result, dict) else result.dtype.names or ()
    kind = str(np.ravel(result["type"])[0]) if "type" in names else "rect"
    if kind != "rect":
        raise ResultFormatError(f"{where}: regions of type {kind!r}; only 'rect' can be read.")
    boxes = result["res"]
    if not isinstance(boxes, np.ndarray) or boxes.dtype.kind not in "fiu" or boxes.ndim != 2 or boxes.shape[1] < 4:
        shape = getattr(boxes, "shape", ())
        raise ResultFormatError(f"{where}: 'res' has shape {shape}, expected numbers of shape (frames, 4).")
    return boxes.astype(np.float64)


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
    rows = value if isinstance(value, list) else _under(value, _ROWS)
    return rows if isinstance(rows, list) and all(row is None or isinstance(row, list) for row in rows) else None


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
        shown = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
        raise ResultFormatError(f"{where}: {shown}, expected {width} numbers.")
    if any(type(number) not in {int, float, type(None)} for number in row):
        raise ResultFormatError(f"{where}: expected numbers, found {str(row)[:60]}.")
    try:
        return np.array([math.nan if number is None else float(number) for number in row])
    except OverflowError:
        raise ResultFormatError(f"{where}: a number is too large: {str(row)[:60]}.") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return document


def _check_size(data: bytes, where: str) -> None:
    """Refuse a file whose compressed parts unpack to more than a result file may have."""
    total = 0
    order: Literal["little", "big"] = "big" if data[126:128] == b"MI" else "little"
    start = 128
    while start + 8 <= len(data):
        kind, size = (int.from_bytes(data[start + at : start + at + 4], order) for at in (0, 4))
        if kind == _COMPRESSED:
            machine = zlib.decompressobj()
            with contextlib.suppress(zlib.error):  # loadmat says what is wrong
                total += len(machine.decompress(data[start + 8 : start + 8 + size], UNPACKED_LIMIT + 1 - total))
        if total > UNPACKED_LIMIT:
            raise ResultFormatError(f"{where}: unpacks to more than {UNPACKED_LIMIT >> 20} MiB; refused.")
        start += 8 + size


def _structs(value: Any) -> list[Any]:
    """All struct elements with a field ``res`` in a value of loadmat, through cell arrays."""
    if not isinstance(value, np.ndarray):
        return []
    if value.dtype.names is not None:
        return [element for element in value.ravel() if "res" in value.dtype.names]
    if value.dtype == object:
        return [item for element in value.ravel() for item in _structs(element)]
    return []


def _damage() -> tuple[type[Exception], ...]:
    """What loadmat raises for files that are no MATLAB files, or damaged ones."""
    from scipy.io.matlab import MatReadError

    return (
        MatReadError, ValueError, TypeError, NotImplementedError, OSError, KeyError, IndexError, EOFError, zlib.error,
        OverflowError, MemoryError, AttributeError,
    )  # fmt: skip
