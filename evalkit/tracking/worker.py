"""One worker: builds its own tracker, runs its own slot loop, writes its results into the store itself."""

import collections.abc as cabc
import platform
import time

from evalkit.errors import EvalkitError, StoreError, TrackerError
from evalkit.store.manifest import current_environment
from evalkit.store.runs import Run
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.loop import run_jobs
from evalkit.tracking.messages import (
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
    Stop,
    Task,
)
from evalkit.tracking.source import Job, JobFeed
from evalkit.tracking.storing import Place, StoreSink
from evalkit.tracking.timing import LoopTiming

PROGRESS_SECONDS = 0.2


class Worker:
    """See the module's first line.

    :meth:`run` does the work in the calling thread; :meth:`tell` is called from another one meanwhile.

    Args:
        order: What to do.
        emit: Takes events; called from several threads.
    """

    def __init__(self, order: Order, emit: cabc.Callable[[Event], None]) -> None:
        self._order = order
        self._emit = emit
        self._feed = JobFeed()
        self._tasks: dict[int, Task] = {}
        self._runs: dict[int, Run] = {}
        self._jobs: list[Job] = []
        self._timing = LoopTiming()
        self._frames = 0
        self._said = time.monotonic()

    def tell(self, message: Message) -> None:
        """Take a message of the main process."""
        match message:
            case Push(tasks):
                self._push(tasks)
            case Close():
                self._feed.close()
            case Stop():
                self._feed.stop()

    def run(self) -> None:
        """Build the tracker, say so, and work until told to end. Everything that goes wrong becomes an event."""
        working = False
        try:
            order = self._order
            tracker = load_tracker(order.catalog, order.tracker, order.options, timeout=order.timeout)
            environment = current_environment(order.code)
            self._emit(Ready(tracker.info, environment, platform.node(), order.settings.capacity))
            working = True
            place = Place(order.options.device, order.rank, environment.sha256)
            sink = StoreSink(self._runs, place, self._timing, self._finished, self._failed)
            run_jobs(
                tracker,
                self._feed,
                sink,
                order.settings,
                self._progress,
                on_note=lambda text: self._emit(Note(text)),
                timing=self._timing,
            )
        except Exception as problem:  # noqa: BLE001 - the boundary of the process
            self._emit(Broken(_portable(problem), isinstance(problem, StoreError), self._timing if working else None))
        else:
            self._say_progress()
            self._emit(Ended(self._timing))

    def _push(self, tasks: cabc.Iterable[Task]) -> None:
        for task in tasks:
            job = Job(task.name, task.frames, task.initial_box, task.length)
            self._jobs.append(job)  # its id is a key as long as it lives
            self._tasks[id(job)] = task
            self._runs[id(job)] = task.run
            self._feed.push([job])

    def _finished(self, job: Job) -> None:
        self._emit(Finished(self._tasks[id(job)].number))

    def _failed(self, job: Job, error: str) -> None:
        self._emit(Failed(self._tasks[id(job)].number, error))

    def _progress(self, frames: int) -> None:
        self._frames += frames
        if time.monotonic() - self._said > PROGRESS_SECONDS:
            self._say_progress()

    def _say_progress(self) -> None:
        self._emit(Progress(self._frames, self._timing.capacity))
        self._frames = 0
        self._said = time.monotonic()


def _portable(problem: Exception) -> EvalkitError:
    """An error that can be pickled and shown: ours as they are, others by name and text."""
    if isinstance(problem, EvalkitError):
        return type(problem)(str(problem))
    return TrackerError(f"{type(problem).__name__}: {problem}")
