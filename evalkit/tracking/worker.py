"""One worker: builds its own tracker, runs its own slot loop, writes its results into the store itself."""

import collections.abc as cabc
import platform
import threading
import time

from evalkit.errors import EvalkitError, ImageReadError, StoreError, TrackerError, text_of
from evalkit.machine import usable_cores, usable_memory
from evalkit.store.manifest import current_environment
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.jobs import Job, JobFeed
from evalkit.tracking.loop import LoopSettings, run_jobs
from evalkit.tracking.messages import (
    Began,
    Broken,
    Close,
    Ended,
    Event,
    Failed,
    Finished,
    Message,
    Note,
    Order,
    Progress,
    Push,
    Ready,
    Share,
    Stop,
)
from evalkit.tracking.storing import StoreSink, WorkerFacts, one_line
from evalkit.tracking.timing import LoopTiming

PROGRESS_SECONDS = 0.2


class Worker:
    """See the module's first line.

    :meth:`run` does the work in the calling thread; :meth:`tell` is called from another one meanwhile.

    Args:
        order: What to do.
        emit: Takes events; called from several threads.
        node: Identity of the machine.
        cores: Of the machine that are lent to all workers on it; None = those that this process may use.
    """

    def __init__(
        self, order: Order, emit: cabc.Callable[[Event], None], *, node: str = "", cores: int | None = None
    ) -> None:
        self._order = order
        self._emit = emit
        self._node = node
        self._cores = usable_cores() if cores is None else min(cores, usable_cores())
        self._share = self._settled_share = order.share
        self._feed = JobFeed(lambda job: emit(Began(job.number)))
        self._timing = LoopTiming()
        self._frames = 0
        self._said = time.monotonic()
        self._saying = threading.Lock()

    def tell(self, message: Message) -> None:
        """Take a message of the main process."""
        match message:
            case Push(jobs):
                self._feed.push(jobs)
            case Share(workers):
                self._share = workers
            case Close():
                self._feed.close()
            case Stop():
                self._feed.stop()

    def run(self) -> None:
        """Build the tracker, say so, and work until told to end. Everything that goes wrong becomes an event."""
        working = False
        try:
            order = self._order
            settings = self._settings(order.share)
            tracker = load_tracker(order.catalog, order.tracker, order.options, timeout=order.sizing.timeout)
            environment = current_environment(order.code)
            host = platform.node()
            self._emit(Ready(tracker.info, environment, host, settings.capacity, self._node, order.share))
            working = True
            place = WorkerFacts(order.options.device, order.rank, environment.sha256)
            sink = StoreSink(place, self._timing, lambda job: self._emit(Finished(job.number)), self._failed)
            run_jobs(
                tracker,
                self._feed,
                sink,
                settings,
                self._progress,
                on_note=lambda text: self._emit(Note(text)),
                on_beat=self._beat,
                resized=self._resized,
                timing=self._timing,
            )
        except BaseException as problem:  # noqa: BLE001 - the boundary of the process
            self._emit(Broken(_portable(problem), isinstance(problem, StoreError), self._timing if working else None))
        else:
            self._say_progress()
            self._emit(Ended(self._timing))

    def _settings(self, share: int) -> LoopSettings:
        return self._order.sizing.settings(self._order.options.device, self._cores, share, usable_memory())

    def _resized(self) -> LoopSettings | None:
        share = self._share  # another thread may change it now
        if share == self._settled_share:
            return None
        self._settled_share = share
        return self._settings(share)

    def _failed(self, job: Job, error: Exception) -> None:
        unreadable = isinstance(error, ImageReadError | OSError)
        self._emit(Failed(job.number, one_line(error), unreadable))

    def _progress(self, frames: int) -> None:
        with self._saying:
            self._frames += frames
        self._beat()

    def _beat(self) -> None:
        if time.monotonic() - self._said > PROGRESS_SECONDS:
            self._say_progress()

    def _say_progress(self) -> None:
        with self._saying:
            frames, self._frames = self._frames, 0
            self._said = time.monotonic()
        self._emit(Progress(frames, self._timing.capacity))


def _portable(problem: BaseException) -> EvalkitError:
    """An error that can be pickled and shown: ours as they are, others by name and text."""
    if isinstance(problem, EvalkitError):
        return type(problem)(*problem.lines)
    return TrackerError(f"{type(problem).__name__}: {text_of(problem)}")
