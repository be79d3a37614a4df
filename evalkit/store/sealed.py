"""JSON files of a run, each of which ends with a hash over all of it that stands before."""

import collections.abc as cabc
import hashlib
import json
from pathlib import Path

from evalkit.atomic import read_file
from evalkit.errors import StoreError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
_encode = json.JSONEncoder(ensure_ascii=False, default=dict).encode
_SEAL = b',\n "sha256": "'
_END = b'"\n}\n'
_RESTORE = "Restore it, or delete its run's folder and run again."


def seal(document: cabc.Mapping[str, object]) -> bytes:
    r"""A JSON object as a file's content, one line per entry, with its hash as the last one.

    Example:
        >>> print(seal({"a": 1, "b": [2, 3]}).decode())
        {
         "a": 1,
         "b": [2, 3],
         "sha256": "9ca332f86a83bfa623cc67a2b2849ed6417563a3ebd7f0eb7e704706c75ca9dd"
        }
        <BLANKLINE>
    """
    lines = [f" {_encode(key)}: {_encode(value)}" for key, value in document.items()]
    head = ("{\n" + ",\n".join(lines)).encode() + _SEAL
    return head + hashlib.sha256(head).hexdigest().encode() + _END


def read_json(path: Path | str, *, sealed: bool = True) -> dict[str, Json]:
    """Read one JSON object of the store, without its hash.

    Args:
        path: The file.
        sealed: It must have a hash; files of version 0.1 have none. One that is there is checked in any case.

    Raises:
        FileNotFoundError: There is no such file.
        StoreError: It was changed, is damaged or no file.
    """
    value, has_seal = read_any(path)
    if sealed and not has_seal:
        raise _changed(path)
    return value


def read_any(path: Path | str) -> tuple[dict[str, Json], bool]:
    """As :func:`read_json`, and whether there was a hash."""
    data = read_file(path)
    head, mark, tail = data.rpartition(_SEAL)
    if mark and tail != hashlib.sha256(head + mark).hexdigest().encode() + _END:
        raise _changed(path)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise StoreError(f"{path} is damaged: {problem}. {_RESTORE}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: expected a JSON object, found {type(value).__name__}.")
    if mark:
        del value["sha256"]
    return value, bool(mark)


def _changed(path: Path | str) -> StoreError:
    return StoreError(f"{path} was changed after it was written: its hash is not that of its content. {_RESTORE}")
