"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import tempfile
import urllib.parse
import uuid
from pathlib import Path

from evalkit.errors import StoreError

_NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


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
    handle, name = _temporary(path.parent)
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


def _temporary(folder: Path) -> tuple[int, str]:
    """Open a new file; without the exclusive flag where the file system does not know it."""
    try:
        return tempfile.mkstemp(prefix=".writing-", dir=folder)
    except OSError as problem:
        if problem.errno not in _NOT_SUPPORTED:
            raise
    name = str(folder / f".writing-{uuid.uuid4().hex}")
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), name


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
