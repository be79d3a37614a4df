"""The file of boxes of a stored sequence: exact decimals, written and read fast, and the hash over its values."""

import hashlib
import itertools

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import StoreError
from evalkit.sequences import Trajectory

COLUMNS = b"frame,left,top,width,height,confidence,seconds\n"
_EXACT = 1e15
_TAILS = tuple(f"{number:03}".rstrip("0") or "0" for number in range(1000))


def predictions_sha256(trajectory: Trajectory) -> str:
    """Hash over boxes and confidences as little-endian doubles; all NaN and both zeros count as one."""
    values = np.column_stack([trajectory.boxes, trajectory.confidence]) + 0.0
    values[np.isnan(values)] = np.nan
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


def boxes_to_csv(trajectory: Trajectory) -> bytes:
    """One line per frame: boxes and confidences in decimals that read back as the same doubles, seconds to 1e-6."""
    boxes, seconds = _decimals(trajectory.boxes.ravel()), trajectory.seconds
    columns = [
        map(str, range(len(seconds))),
        *(boxes[place::4] for place in range(4)),
        _decimals(trajectory.confidence),
        [f"{value:.6f}" for value in seconds.tolist()] if np.isfinite(seconds).any() else _decimals(seconds),
    ]
    rows = map(",".join, zip(*columns, strict=True))
    return COLUMNS + "\n".join([*rows, ""]).encode("ascii")


def _decimals(values: FloatArray) -> list[str]:
    """What ``repr`` writes; put together from parts where up to 3 decimals are enough, in less than half of its time.

    A decimal of at most 15 digits is the shortest text of the double that it is read as.
    """
    if np.isnan(values).all():
        return ["nan"] * len(values)
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.abs(values)
        thousandths = np.rint(size * 1000)
        if not ((thousandths / 1000 == size) & (thousandths < _EXACT)).all():
            return list(map(repr, values.tolist()))
    whole, rest = np.divmod(thousandths.astype(np.int64), 1000)
    heads = map(_Heads().__getitem__, np.where(np.signbit(values), -1 - whole, whole).tolist())
    tails = map(_TAILS.__getitem__, rest.tolist()) if rest.any() else itertools.repeat("0")
    return list(map(str.__add__, heads, tails))


class _Heads(dict[int, str]):
    """Text before the decimals; of numbers with a sign, -0.5 among them, the key is one below."""

    def __missing__(self, key: int) -> str:
        text = self[key] = f"{key}." if key >= 0 else f"-{-1 - key}."
        return text


def boxes_from_csv(data: bytes, path: str) -> Trajectory:
    """What :func:`boxes_to_csv` wrote.

    Raises:
        StoreError: Something else; names ``path``.
    """
    if not data.startswith(COLUMNS):
        raise StoreError(f"{path}: the first line is {data[:80]!r}, expected {COLUMNS!r}.")
    fields = data[len(COLUMNS) :].replace(b"\n", b",").split(b",")[:-1]
    try:
        table = np.array(list(map(float, fields))).reshape(-1, COLUMNS.count(b",") + 1)
    except ValueError as problem:
        raise StoreError(f"{path} is damaged: {problem}.") from None
    if not np.array_equal(table[:, 0], np.arange(len(table))):
        raise StoreError(f"{path} is damaged: the first column does not count the frames.")
    boxes, confidence, seconds = table[:, 1:5].copy(), table[:, 5].copy(), table[:, 6].copy()
    return Trajectory(boxes, confidence, seconds)
