"""Result files of MATLAB: a struct with the boxes in its field ``res`` (OTB, UAV123), or a matrix of that name."""

import contextlib
import io
import zlib
from typing import Any, Literal

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import ResultFormatError

UNPACKED_LIMIT = 1 << 26
"""Bytes that the compressed parts of a file may unpack to: a million boxes have half of it."""
_COMPRESSED = 15  # miCOMPRESSED, of the MAT-file format


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
    found = [item for key, value in content.items() if not key.startswith("__") for item in _structs(value)]
    bare = content.get("res")
    if isinstance(bare, np.ndarray) and bare.dtype.kind in "fiu":
        found.append({"res": bare})
    if len(found) != 1:
        raise ResultFormatError(f"{where}: {len(found)} results called 'res', expected one.")
    result = found[0]
    names = result if isinstance(result, dict) else result.dtype.names or ()
    kind = str(np.ravel(result["type"])[0]) if "type" in names else "rect"
    if kind != "rect":
        raise ResultFormatError(f"{where}: regions of type {kind!r}; only 'rect' can be read.")
    boxes = result["res"]
    if not isinstance(boxes, np.ndarray) or boxes.dtype.kind not in "fiu" or boxes.ndim != 2 or boxes.shape[1] < 4:
        shape = getattr(boxes, "shape", ())
        raise ResultFormatError(f"{where}: 'res' has shape {shape}, expected numbers of shape (frames, 4).")
    return boxes.astype(np.float64)


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
