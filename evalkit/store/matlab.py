"""Result files of the OTB and UAV123 programs: a MATLAB struct with the boxes in its field ``res``."""

import io
import zlib
from typing import Any

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import ResultFormatError


def parse_otb_mat(data: bytes, *, where: str) -> Boxes:
    """Boxes of one sequence.

    Args:
        data: Content of a ``.mat`` file of MATLAB 5 to 7. Reading executes nothing.
        where: Name of the file for error texts.

    Returns:
        (F, 4) left, top, width, height as stored.

    Raises:
        ResultFormatError: Not such a file; regions of another type than rectangles; several runs in one file.

    Source: OTB benchmark code: ``results{1}.res``, ``.type`` = 'rect', ``.len``.
    """
    import scipy.io  # slow to import, and these files are rare

    try:
        content = scipy.io.loadmat(io.BytesIO(data), squeeze_me=False)  # type: ignore[arg-type]  # the stubs know paths only
    except _damage() as problem:
        raise ResultFormatError(f"{where}: no readable MATLAB file ({problem}).") from problem
    found = [item for key, value in content.items() if not key.startswith("__") for item in _structs(value)]
    if len(found) != 1:
        raise ResultFormatError(f"{where}: {len(found)} results with a field 'res', expected one.")
    result = found[0]
    kind = str(np.ravel(result["type"])[0]) if "type" in (result.dtype.names or ()) else "rect"
    if kind != "rect":
        raise ResultFormatError(f"{where}: regions of type {kind!r}; only 'rect' can be read.")
    boxes = np.asarray(result["res"], dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ResultFormatError(f"{where}: field 'res' has shape {boxes.shape}, expected (frames, 4).")
    return boxes


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
