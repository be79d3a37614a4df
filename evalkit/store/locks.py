"""Who may write a run: one process for the whole of it, or one per shard.

Locks are ``flock`` locks, which the system frees when their process dies, whatever it died of; no clock and no
exclusive creation of files is involved. On a file system that cannot lock (some network ones), work goes on with a
remark: every file is written under a temporary name and renamed, and two processes that compute the same sequence write
the same boxes, so all that can be lost is time. The package ``filelock`` would create files exclusively there, and a
process that was killed would leave its lock behind.
"""

import collections.abc as cabc
import contextlib
import errno
import os
import time
from pathlib import Path

from evalkit.atomic import remove_unfinished
from evalkit.errors import StoreError

Shard = tuple[int, int]
"""Number (from 1) and count."""

WAIT_SECONDS = 10.0
"""Shards that start together hold the run's lock for moments; a longer hold is a process that writes the whole run."""

_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_CANNOT = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@contextlib.contextmanager
def hold_run(folder: Path, shard: Shard | None = None) -> cabc.Iterator[str | None]:
    """Hold a run's folder for writing.

    Args:
        folder: Of the run.
        shard: The part that will be written, None = all of it.

    Yields:
        A remark for the user where the file system cannot lock or is read-only, else None.

    Raises:
        StoreError: Another process writes this run, or a part of it that overlaps.
    """
    with contextlib.ExitStack() as stack:
        try:
            whole = _acquire(folder / "run.lock", patience=WAIT_SECONDS if shard else 0.0)
        except _CannotLock as problem:
            yield str(problem)
            return
        stack.callback(os.close, whole)
        _refuse_others(folder, shard)
        if shard is None:
            remove_unfinished(folder)
        else:
            with contextlib.suppress(_CannotLock):
                stack.callback(os.close, _acquire(folder / _shard_name(shard), patience=0.0))
            _release(whole)
        yield None


def is_held(folder: Path) -> bool:
    """Whether a process is writing a run or a part of it now; False where the file system cannot tell."""
    for path in folder.glob("run*.lock"):
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            continue
        try:
            _lock(handle, shared=True)
        except OSError as problem:
            if problem.errno in _HELD:
                return True
        finally:
            os.close(handle)
    return False


class _CannotLock(Exception):  # noqa: N818 - a remark for the user, no error
    """Why nothing can be locked here."""


def _refuse_others(folder: Path, shard: Shard | None) -> None:
    """Raise if a shard is being written that this process would write too."""
    for path in folder.glob("run.shard-*.lock"):
        if shard is not None and path.name.endswith(f"-of-{shard[1]}.lock") and path.name != _shard_name(shard):
            continue  # another part of the same division
        with contextlib.suppress(_CannotLock):
            os.close(_acquire(path, patience=0.0))


def _shard_name(shard: Shard) -> str:
    return f"run.shard-{shard[0]}-of-{shard[1]}.lock"


def _acquire(path: Path, *, patience: float) -> int:
    """Open and lock a file."""
    handle = _open(path)
    deadline = time.monotonic() + patience
    while True:
        try:
            _lock(handle)
        except OSError as problem:
            if problem.errno in _HELD and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            os.close(handle)
            if problem.errno in _HELD:
                raise _busy(path) from None
            if problem.errno in _CANNOT:
                raise _CannotLock(
                    f"{path.parent}: this file system cannot lock files; do not start the same run twice at once."
                ) from None
            raise StoreError(f"cannot lock {path}: {problem.strerror or problem}.") from problem
        return handle


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        if problem.errno in _READ_ONLY and not os.access(path.parent, os.W_OK):
            raise _CannotLock(f"{path.parent}: nothing can be written there; what is finished is verified.") from None
        raise StoreError(f"cannot lock {path}: {problem.strerror or problem}.") from problem


def _lock(handle: int, *, shared: bool = False) -> None:
    try:
        import fcntl
    except ImportError:  # not a Unix system
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _release(handle: int) -> None:
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_UN)


def _busy(path: Path) -> StoreError:
    part = "" if path.name == "run.lock" else f" ({path.stem.removeprefix('run.')})"
    return StoreError(
        f"run {path.parent.name} in {path.parent} is being written by another process{part}. Wait until that one has "
        "finished, or choose another --results folder."
    )
