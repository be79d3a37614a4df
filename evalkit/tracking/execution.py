"""Who does the tracking: this process, workers on this machine, or workers on many. Callers do not see a difference."""

import collections.abc as cabc
import contextlib
from typing import Any, Protocol

from evalkit.store.manifest import RunEnvironment
from evalkit.tracking.dispatch import Dispatcher, Limits, Reports, Transport
from evalkit.tracking.interface import Tracker, TrackerInfo
from evalkit.tracking.jobs import Job, JobList
from evalkit.tracking.loop import LoopSettings, run_jobs
from evalkit.tracking.messages import Order
from evalkit.tracking.storing import StoreSink, WorkerFacts, one_line
from evalkit.tracking.timing import LoopTiming


class Executor(Protocol):
    """Tracks sequences and stores what finishes."""

    @property
    def info(self) -> TrackerInfo:
        """What the tracker says of itself."""
        ...

    @property
    def timing(self) -> LoopTiming:
        """Where the time went so far."""
        ...

    def run(self, jobs: cabc.Sequence[Job], reports: Reports) -> None:
        """Track all jobs; those that could not be tracked stay missing in their runs.

        Raises:
            StoreError: Results cannot be written.
            KeyboardInterrupt: Passed on, after what was finished has been written.
        """
        ...


class Site(Protocol):
    """Machines on which workers run: what tells the executors apart. Making one connects to nothing yet."""

    @property
    def here(self) -> bool:
        """This machine alone: paths mean the same there, and a single worker needs no process of its own."""
        ...

    def has_card(self) -> bool:
        """Whether networks can compute on a card there."""
        ...

    def devices(self, kind: str, numbers: cabc.Sequence[str]) -> list[str]:
        """The device of each worker.

        Args:
            kind: cpu or cuda.
            numbers: Of the cards that the user named.

        Raises:
            EvalkitError: They cannot be had, or the machines cannot be reached.
        """
        ...

    def machines(self) -> int:
        """How many machines share the workers, at least 1."""
        ...

    def transport(self, orders: cabc.Sequence[Order]) -> contextlib.AbstractContextManager[Transport]:
        """Carries messages to one worker per order."""
        ...


class InProcess:
    """One slot loop in this process.

    Args:
        tracker: The tracker.
        settings: Of the loop.
        device: For the records.
        environment: For the records.
    """

    def __init__(
        self, tracker: Tracker[Any, Any], settings: LoopSettings, *, device: str, environment: RunEnvironment
    ) -> None:
        self.info = tracker.info
        self.timing = LoopTiming()
        self._tracker = tracker
        self._settings = settings
        self._place = WorkerFacts(device, 0, environment.sha256)
        self._environment = environment

    def run(self, jobs: cabc.Sequence[Job], reports: Reports) -> None:
        """See :class:`Executor`."""
        for run in {job.destination.path: job.destination for job in jobs}.values():
            run.add_environment(self._environment)
        live: dict[int, str] = {}

        def begun(job: Job) -> None:
            live[job.number] = job.name
            reports.under_way(tuple(live.values()))

        def ended(job: Job) -> None:
            live.pop(job.number, None)
            reports.under_way(tuple(live.values()))

        def finished(job: Job) -> None:
            ended(job)
            reports.finished(job)

        def failed(job: Job, error: Exception) -> None:
            ended(job)
            reports.failure(job, one_line(error))

        run_jobs(
            self._tracker,
            JobList(jobs, begun),
            StoreSink(self._place, self.timing, finished, failed),
            self._settings,
            reports.frames,
            on_note=reports.note,
            timing=self.timing,
        )


class Workers:
    """Several processes, each with a slot loop of its own; see :mod:`evalkit.tracking.dispatch`.

    Args:
        dispatcher: Started.
        info: Of the tracker, as the workers say.
    """

    def __init__(self, dispatcher: Dispatcher, info: TrackerInfo) -> None:
        self.info = info
        self._dispatcher = dispatcher

    @property
    def timing(self) -> LoopTiming:
        """Of the workers that have ended."""
        return self._dispatcher.timing

    def run(self, jobs: cabc.Sequence[Job], reports: Reports) -> None:
        """See :class:`Executor`."""
        self._dispatcher.run(jobs, reports)


@contextlib.contextmanager
def workers(
    transport: Transport, limits: Limits, accept: cabc.Callable[[RunEnvironment, str], None]
) -> cabc.Iterator[Executor]:
    """Start workers; leaving the context ends them.

    Raises:
        EvalkitError: They cannot build the tracker, or one must not take part.
    """
    with Dispatcher(transport, limits, accept) as dispatcher:
        yield Workers(dispatcher, dispatcher.start())
