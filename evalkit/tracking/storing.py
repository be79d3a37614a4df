"""The slot loop's sink that writes into the store; the same in this process and in a worker."""

import collections.abc as cabc
import datetime as dt
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.errors import EvalkitError, text_of
from evalkit.sequences import Trajectory
from evalkit.store.manifest import SequenceRecord
from evalkit.store.runs import Run
from evalkit.tracking.jobs import Job
from evalkit.tracking.timing import LoopTiming


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """Where and how sequences are computed, for their records.

    Attributes:
        device: "cpu", "cuda:1".
        rank: Number of the worker.
        environment_sha256: Of the RunEnvironment.
    """

    device: str
    rank: int
    environment_sha256: str


@dataclass(slots=True)
class StoreSink:
    """Writes what the loop finishes, each job into its own run.

    Attributes:
        place: For the records.
        timing: The loop's counters; they know the capacity.
        on_finished: Called after a job's result is on the disk.
        on_failure: Called with a job and its error after that is on the disk.
    """

    place: WorkerFacts
    timing: LoopTiming
    on_finished: cabc.Callable[[Job], None]
    on_failure: cabc.Callable[[Job, Exception], None]

    def finished(self, results: cabc.Sequence[tuple[Job, Trajectory]]) -> None:
        """Write boxes and records, those of a run together: each write waits for the disk once."""
        of_run: dict[Path, list[tuple[Job, Trajectory]]] = {}
        for job, trajectory in results:
            of_run.setdefault(job.destination.path, []).append((job, trajectory))
        for part in of_run.values():
            part[0][0].destination.write_all([(self._record(*result), result[1]) for result in part])
        for job, _ in results:
            self.on_finished(job)

    def _record(self, job: Job, trajectory: Trajectory) -> SequenceRecord:
        return SequenceRecord(
            name=job.name,
            frames=len(trajectory),
            initial_box=tuple(np.asarray(job.initial_box).tolist()),
            predictions_sha256="",
            file_sha256="",
            seconds=float(np.nansum(trajectory.seconds)),
            device=self.place.device,
            capacity=self.timing.capacity,
            rank=self.place.rank,
            finished_utc=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            environment_sha256=self.place.environment_sha256,
        )

    def failed(self, job: Job, error: Exception) -> None:
        """Write the error."""
        store_failure(job.destination, job.name, error)
        self.on_failure(job, error)


def store_failure(run: Run, name: str, error: Exception) -> str:
    """Keep an error beside the results and return its text on one line."""
    text = one_line(error)
    run.write_failure(name, text, "".join(traceback.format_exception(error)))
    return text


def one_line(error: Exception) -> str:
    """What happened, with the frame where the loop noted it.

    Example:
        >>> one_line(EvalkitError("no space")), one_line(ValueError("out of ideas"))
        ('no space', 'ValueError: out of ideas')
    """
    text = str(error) if isinstance(error, EvalkitError) else f"{type(error).__name__}: {text_of(error)}"
    notes = "; ".join(note for note in getattr(error, "__notes__", ()) if note not in text)
    return f"{text} ({notes})" if notes else text
