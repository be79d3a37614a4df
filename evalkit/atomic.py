"""Files that appear whole or not at all, and reading that neither hangs nor trusts what is no file."""

import collections.abc as cabc
import contextlib
import ctypes
import os
import shutil
import stat
import sys
import urllib.parse
import uuid
from pathlib import Path

from evalkit.errors import StoreError

TEMPORARY = ".writing-"
FEW = 2
"""So many files are synced one by one; more share one sync of the whole file system."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk never leaves a part of it.

    Temporary file in the same folder, fsync, rename, fsync of the folder.

    Raises:
        StoreError: The disk is full, the folder read-only, ...; the old file, if any, is untouched.
    """
    write_together(path.parent, {path.name: data})


@contextlib.contextmanager
def whole_file(path: Path) -> cabc.Iterator[Path]:
    """A temporary file beside ``path`` for a large content; it takes the path's place when the block ends well.

    Raises:
        StoreError: As :func:`write_whole`; the old file, if any, is untouched.
    """
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise StoreError(
            f"cannot write {path}: {problem.strerror or problem}. Make room or choose another folder, then run the "
            "same command again."
        ) from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file of any size to its place as :func:`write_whole` would write it.

    Raises:
        StoreError: As there.
    """
    with whole_file(path) as temporary:
        shutil.copyfile(source, temporary)


def write_together(folder: Path, *steps: cabc.Mapping[str, bytes]) -> None:
    """Write several files of a folder as :func:`write_whole` does, waiting for the disk once for all.

    Args:
        folder: Made if it does not exist.
        steps: Names and contents; the last step's files appear when all others are on the disk. Where there are many,
            a power cut may leave parts of the others, but then none of the last step's.

    Raises:
        StoreError: As for :func:`write_whole`. Files of steps that were finished stay.
    """
    temporary: list[dict[str, Path]] = [{} for _ in steps]
    apart = sum(map(len, steps)) <= FEW
    try:
        for step, names in zip(steps, temporary, strict=True):
            for name, data in step.items():
                names[name] = folder / f"{TEMPORARY}{uuid.uuid4().hex}"
                _write(names[name], data, sync=apart)
            if step is steps[-1] and not apart:
                _sync_all(folder, [*(folder / name for names in temporary[:-1] for name in names), *names.values()])
            for name, path in names.items():
                path.replace(folder / name)
            if step is steps[-1] or apart:
                _sync_folder(folder)
    except BaseException as problem:
        for path in (path for names in temporary for path in names.values()):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if not isinstance(problem, OSError):
            raise
        names_of = [name for step in steps for name in step]
        more = f" and {len(names_of) - 1} others" if len(names_of) > 1 else ""
        raise StoreError(
            f"cannot write {folder / names_of[0]}{more}: {problem.strerror or problem}. What was finished before is "
            "kept; make room or choose another folder, then run the same command again."
        ) from problem


def _write(path: Path, data: bytes, *, sync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC  # no exclusive flag: not every file system knows it, the name is new
    try:
        handle = os.open(path, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, flags, 0o644)
    with os.fdopen(handle, "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        if sync:
            os.fsync(handle)


def _sync_all(folder: Path, paths: cabc.Iterable[Path]) -> None:
    """Bring a folder and files in it to the disk."""
    if sys.platform != "linux":
        for path in paths:
            _sync(path)
        _sync_folder(folder)
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot open or sync a folder; the rename has happened
        _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Delete temporary files of writers that were killed; for who knows that nobody writes there now."""
    with contextlib.suppress(OSError):  # read-only, or gone: they do no harm
        for path in [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"*/{TEMPORARY}*")]:
            path.unlink(missing_ok=True)


def read_file(path: Path | str) -> bytes:
    """Read a plain file whole.

    Raises:
        FileNotFoundError: There is none.
        StoreError: A folder, a pipe or a device lies in its place, or it cannot be read.
    """
    try:
        # without O_NONBLOCK a pipe would be waited for; the file that was opened is the one that is looked at
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(f"cannot read {path}: it is no file. Remove what lies there, and run again.")
            data = os.read(handle, status.st_size)
            while len(data) < status.st_size and (more := os.read(handle, status.st_size - len(data))):
                data += more
            return data
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}.") from problem


def file_name(name: str) -> str:
    """A sequence or tracker name as a file name: outside letters, digits, ``._-`` percent-encoded.

    A leading dot is encoded too, so that no name is hidden or climbs out of its folder.

    Example:
        >>> file_name("boy`head"), file_name("../x"), file_name("uav-car")
        ('boy%60head', '%2E.%2Fx', 'uav-car')
    """
    encoded = urllib.parse.quote(name, safe="").replace("~", "%7E")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded
