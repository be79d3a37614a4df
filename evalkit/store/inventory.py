"""What a results folder holds, damaged and unfinished runs included, and how runs are deleted from it."""

import collections.abc as cabc
import contextlib
import os
import shutil
import stat
import urllib.parse
import uuid
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.store import State
from evalkit.store.locks import hold_run, is_held
from evalkit.store.runs import REPLACED, ResultStore, Run, open_run

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Stored:
    """A run's folder and what is in it.

    Attributes:
        path: ``results/<benchmark>/<tracker>/<run id>``.
        state: What can be said of it.
        run: The run; None where its manifest cannot be read.
        finished: Sequences that are finished.
        digest: Over their boxes; empty where they cannot be read.
        utc: When the last of them was finished; empty without any.
        problem: Why it is damaged.
    """

    path: Path
    state: State
    run: Run | None = None
    finished: int = 0
    digest: str = ""
    utc: str = ""
    problem: str = ""

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return str(self.run.identity.benchmark) if self.run else urllib.parse.unquote(self.path.parent.parent.name)

    @property
    def tracker(self) -> str:
        """Name of the tracker."""
        return str(self.run.identity.tracker) if self.run else urllib.parse.unquote(self.path.parent.name)


def inventory(
    results: Path,
    *,
    benchmarks: cabc.Collection[str] = (),
    trackers: cabc.Collection[str] = (),
    run_ids: tuple[str, ...] = (),
    states: cabc.Collection[State] = (),
) -> list[Stored]:
    """Runs of a results folder by benchmark, tracker and date; every filter that is empty lets all pass.

    Args:
        results: The folder.
        benchmarks: Their names.
        trackers: Their names.
        run_ids: Run ids or their beginnings.
        states: What can be said of them.
    """
    stored_runs = map(_stored, ResultStore(results).folders())
    kept = [
        stored
        for stored in stored_runs
        if (not benchmarks or stored.benchmark in benchmarks)
        and (not trackers or stored.tracker in trackers)
        and (not run_ids or stored.path.name.startswith(run_ids))
        and (not states or stored.state in states)
    ]
    return sorted(kept, key=lambda stored: (stored.benchmark, stored.tracker, stored.utc, stored.path.name))


def _stored(path: Path) -> Stored:
    try:
        run = open_run(path)
        records = run.records()
    except StoreError as problem:
        return Stored(path, State.DAMAGED, problem=problem.lines[0])
    complete = len(records) == len(run.names)
    state = State.RUNNING if is_held(path) else State.COMPLETE if complete else State.PARTIAL
    last = max((record.finished_utc for record in records.values()), default="")
    return Stored(path, state, run, len(records), run.digest(records), last)


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder; links are not followed.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        return sum(
            (Path(place) / name).lstat().st_size
            for place, _, names in os.walk(folder, onerror=_raise)
            for name in names
        )
    except OSError as problem:
        raise StoreError(f"cannot read {folder}: {problem.strerror or problem}.") from problem


def _raise(problem: OSError) -> None:
    raise problem


def check_deletable(results: Path, path: Path) -> None:
    """Refuse what :func:`delete_run` would refuse.

    Raises:
        StoreError: A process is writing the run, or it is not a plain folder in the results folder.
    """
    with _parent(results, path):
        pass
    if is_held(path):
        raise StoreError(f"run {path.name} ({path}) is being written by a process; stop that one first.")


def delete_run(results: Path, path: Path) -> None:
    """Delete a run's folder, and the folders of its tracker and benchmark where they are empty then.

    Every step goes from a folder that is open to an entry of it which is no link, so that whatever lies in a results
    folder, or is put there meanwhile, nothing outside of it is touched. The folder is moved aside first: a deletion
    that is interrupted leaves no half of a run behind.

    Args:
        results: The results folder.
        path: The run's folder in it.

    Raises:
        StoreError: A process is writing the run, a link lies in the way, or it cannot be deleted.
    """
    name = f"{path.name}-{uuid.uuid4().hex}"
    with _parent(results, path) as tracker, hold_run(path):
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(REPLACED, dir_fd=tracker)
            aside = os.open(REPLACED, _FOLDER, dir_fd=tracker)
            try:
                os.rename(path.name, name, src_dir_fd=tracker, dst_dir_fd=aside)
                shutil.rmtree(name, dir_fd=aside)
            finally:
                os.close(aside)
            with contextlib.suppress(OSError):  # it holds runs that --fresh set aside
                os.rmdir(REPLACED, dir_fd=tracker)
        except OSError as problem:
            raise StoreError(f"cannot delete {path}: {problem.strerror or problem}.") from problem
    for empty in (path.parent, path.parent.parent):
        with contextlib.suppress(OSError):  # other runs are in it
            empty.rmdir()


@contextlib.contextmanager
def _parent(results: Path, path: Path) -> cabc.Iterator[int]:
    """The open folder of a run's tracker, reached without a link; the run in it is a plain folder."""
    benchmark, tracker, run_id = path.relative_to(results).parts
    with contextlib.ExitStack() as stack:
        try:
            handle = os.open(results, os.O_RDONLY)
            stack.callback(os.close, handle)
            for name in (benchmark, tracker):
                handle = os.open(name, _FOLDER, dir_fd=handle)
                stack.callback(os.close, handle)
            plain = stat.S_ISDIR(os.stat(run_id, dir_fd=handle, follow_symlinks=False).st_mode)
        except OSError as problem:
            raise _no_folder(path, problem.strerror or str(problem)) from problem
        if not plain:
            raise _no_folder(path, "a link")
        yield handle


def _no_folder(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is no plain folder of this results folder ({why}); nothing is deleted through links.")
