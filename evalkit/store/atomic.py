"""Files that appear whole or not at all."""

import contextlib
import os
import tempfile
import urllib.parse
from pathlib import Path

from evalkit.errors import StoreError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk never leaves a part of it.

    Temporary file in the same folder, flush, fsync, rename, fsync of the folder.

    Raises:
        StoreError: The disk is full, the folder read-only, ...; the old file, if any, is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, data)
    except OSError as problem:
        raise StoreError(
            f"cannot write {path}: {problem.strerror or problem}. What was finished before is kept; "
            "make room or choose another folder, then run the same command again."
        ) from problem


def _write_and_rename(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot open or sync a folder; the rename has happened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_name(name: str) -> str:
    """A sequence or tracker name as a file name: outside letters, digits, ``._-`` percent-encoded.

    A leading dot is encoded too, so that no name is hidden or climbs out of its folder.

    Example:
        >>> file_name("boy`head"), file_name("../x"), file_name("uav-car")
        ('boy%60head', '%2E.%2Fx', 'uav-car')
    """
    encoded = urllib.parse.quote(name, safe="").replace("~", "%7E")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded


def name_of_file(encoded: str) -> str:
    """Inverse of :func:`file_name`.

    Example:
        >>> name_of_file("boy%60head")
        'boy`head'
    """
    return urllib.parse.unquote(encoded)
