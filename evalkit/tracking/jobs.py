"""The unit of work, and where the slot loop gets it from: a list, or a feed that another process fills."""

import collections
import collections.abc as cabc
import threading
from dataclasses import dataclass
from typing import Protocol

from evalkit.boxes import Boxes
from evalkit.sequences import FrameSource
from evalkit.store.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One sequence to track, from the plan to the loop that tracks it, here or in a worker.

    Attributes:
        name: For messages.
        frames: Its frames.
        initial_box: (4,) box of the target in frame 0.
        length: Number of frames to track, at most ``len(frames)``.
        run: Where its result is stored; None if the loop's sink keeps it elsewhere.
        number: Among the jobs of one call of an executor: how its worker speaks of it.
    """

    name: str
    frames: FrameSource
    initial_box: Boxes
    length: int
    run: Run | None = None
    number: int = 0

    @property
    def destination(self) -> Run:
        """The run of a job that has one."""
        assert self.run is not None, f"job {self.name} belongs to no run"
        return self.run


class JobSource(Protocol):
    """A queue of jobs."""

    @property
    def stopped(self) -> bool:
        """True: drop what is under way and end."""
        ...

    def take(self, *, wait: bool) -> Job | None:
        """The next job; None if there is none now, with ``wait`` if none will come any more."""
        ...

    def begun(self, job: Job) -> None:
        """Take note that a job has a slot."""
        ...


class JobList:
    """All jobs at once, longest first, so that the last slots do not wait for one long sequence."""

    def __init__(self, jobs: cabc.Iterable[Job], on_begin: cabc.Callable[[Job], None] = lambda _: None) -> None:
        self.begun = on_begin
        self._jobs = collections.deque(sorted(jobs, key=lambda job: -job.length))

    @property
    def stopped(self) -> bool:
        """Never; Ctrl-C is an exception in this process."""
        return False

    def take(self, *, wait: bool) -> Job | None:  # noqa: ARG002 - the interface's signature
        """The longest job left."""
        return self._jobs.popleft() if self._jobs else None


class JobFeed:
    """Jobs that arrive while the loop runs, in order of arrival; safe to call from several threads.

    Args:
        on_begin: Called with a job that gets a slot.
    """

    def __init__(self, on_begin: cabc.Callable[[Job], None] = lambda _: None) -> None:
        self.begun = on_begin
        self._jobs: collections.deque[Job] = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped

    def push(self, jobs: cabc.Iterable[Job]) -> None:
        """Add jobs."""
        with self._changed:
            self._jobs.extend(jobs)
            self._changed.notify_all()

    def close(self) -> None:
        """No more jobs will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """No more jobs will come, and those under way are to be dropped."""
        with self._changed:
            self._closed = self._stopped = True
            self._jobs.clear()
            self._changed.notify_all()

    def take(self, *, wait: bool) -> Job | None:
        """The next job, see :class:`JobSource`."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._jobs or self._closed)
            return self._jobs.popleft() if self._jobs else None
