"""Running a tracker over benchmarks: from names to stored results, resuming what is missing."""

import collections.abc as cabc
import contextlib
import dataclasses
import datetime as dt
import itertools
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.benchmarks.frames import ImageFrames
from evalkit.benchmarks.spec import BenchmarkSpec, Split
from evalkit.errors import DatasetLayoutError, EvalkitError, StoreError, unknown_name
from evalkit.machine import usable_cores
from evalkit.provenance import Origin, is_dry_run
from evalkit.sequences import Annotation, Sequence
from evalkit.store.locks import Shard
from evalkit.store.manifest import RunEnvironment, RunIdentity, SequenceRecord, names_sha256
from evalkit.store.runs import REPLACED, ResultStore, Run, RunStatus
from evalkit.tracking.catalog import check_modalities
from evalkit.tracking.dispatch import Reports
from evalkit.tracking.execution import Executor
from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.jobs import Job
from evalkit.tracking.shards import shard_names
from evalkit.tracking.storing import store_failure
from evalkit.tracking.timing import LoopTiming


@dataclass(frozen=True, slots=True)
class RunTarget:
    """A part of a benchmark's copy that is to be run.

    Attributes:
        spec: The benchmark.
        split: Its split.
        root: The folder of the copy.
        data: What the copy holds.
        names: Sequences, in the benchmark's order.
        frame_limit: Only the first frames of every sequence.
    """

    spec: BenchmarkSpec
    split: Split
    root: Path
    data: Origin
    names: tuple[str, ...]
    frame_limit: int | None = None


@dataclass(slots=True)
class Plan:
    """A run and what is left to do for it.

    Attributes:
        target: What is run.
        run: Where results go.
        jobs: Sequences to track.
        failed: Sequence -> error, so far.
        finished_before: Sequences found in the store.
        shard: The part of the target that this process is to do, None = all of it.
        names: Sequences of that part, in the benchmark's order.
        annotations: Of all sequences of the target that can be read.
        total_frames: Frames of the jobs.
    """

    target: RunTarget
    run: Run
    jobs: list[Job] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    finished_before: int = 0
    shard: Shard | None = None
    names: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()

    @property
    def total_frames(self) -> int:
        """Frames left to track."""
        return sum(job.length for job in self.jobs)


def select_names(names: cabc.Sequence[str], wanted: cabc.Sequence[str] | None, limit: int | None) -> tuple[str, ...]:
    """Filter a benchmark's names by ``--sequences`` and ``--limit-sequences``, in the benchmark's order.

    Raises:
        UnknownNameError: A wanted name does not exist.

    Example:
        >>> select_names(["a", "b", "c"], ["c", "a"], 1)
        ('a',)
    """
    if wanted is not None:
        for name in wanted:
            if name not in names:
                raise unknown_name("sequence", name, names)
        names = [name for name in names if name in set(wanted)]
    return tuple(names[:limit])


def run_notes(info: TrackerInfo, target: RunTarget) -> tuple[str, ...]:
    """What a reader of a run's numbers must know.

    Raises:
        TrackerError: The tracker needs a sensor that the benchmark does not have.
    """
    spec = target.spec
    check_modalities(info, spec.modalities, spec.title)
    ignored = spec.modalities - info.modalities if info.modalities else ()
    notes = [*info.notes, *(f"{info.name} ignores the {name} image" for name in sorted(ignored))]
    if not target.data.is_official:
        notes.append(f"data: {target.data}")
    if is_dry_run(info.weights_sha256):
        notes.append("random weights: a dry run, its scores mean nothing")
    return tuple(dict.fromkeys(notes))


def open_run(
    store: ResultStore, target: RunTarget, info: TrackerInfo, *, precision: str, seed: int, repeat: int
) -> Run:
    """Return the run of a tracker on a target, created if it is new."""
    identity = RunIdentity(
        benchmark=target.spec.name,
        split=target.split.name,
        data=target.data,
        sequence_list_sha256=names_sha256(target.names),
        tracker=info.name,
        config=info.config,
        weights_sha256=info.weights_sha256,
        precision=precision,
        seed=seed,
        repeat=repeat,
        frame_limit=target.frame_limit,
    )
    notes = run_notes(info, target)
    return store.open_or_create(identity, target.names, notes)


def set_aside(run: Run) -> None:
    """Move a run's folder out of the way for ``--fresh``; nothing is deleted."""
    if run.path.is_dir():
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
        names = (f"{run.run_id}-{stamp}" + (f"-{number}" if number else "") for number in itertools.count())
        # a clock that was set back gives an old name again
        aside = next(path for name in names if not (path := run.path.parent / REPLACED / name).exists())
        aside.parent.mkdir(parents=True, exist_ok=True)
        run.path.rename(aside)


def check_environment(run: Run, environment: RunEnvironment, *, allow_mixed: bool) -> None:
    """Refuse to continue a run under other code or libraries, unless asked for; a finished one is only verified.

    Raises:
        StoreError: The finished part was computed in another environment.
    """
    others = [text for other in run.environments().values() if (text := environment.differences(other))]
    if others and not allow_mixed and 0 < len(run.missing()) < len(run.names):
        raise StoreError(
            f"run {run.run_id} ({run.path}) was begun in another environment: {'; '.join(others[0])}. "
            "Its boxes may differ from those that would be computed now. Use --allow-mixed to continue it (tables will "
            "say so), or --fresh to start anew."
        )


def make_plan(target: RunTarget, run: Run, *, aux: bool, shard: Shard | None = None, threads: int = 4) -> Plan:
    """Read the annotations of a target and find out what is left to do.

    Sequences whose copy is damaged become failures; they do not stop the others.

    Args:
        target: What is run.
        run: Where results go.
        aux: The tracker reads the second modality.
        shard: Only this part.
        threads: Readers.

    Raises:
        StoreError: A finished result was changed, or belongs to other data of the same name.
    """
    records = run.records()
    with ThreadPoolExecutor(threads) as pool:
        opened = list(pool.map(lambda name: _open_sequence(target, name), target.names))
    lengths = {
        name: _length(sequence, target.frame_limit) if isinstance(sequence, Sequence) else 0
        for name, sequence in zip(target.names, opened, strict=True)
    }
    chosen = set(target.names) if shard is None else shard_names(lengths, shard)
    plan = Plan(
        target,
        run,
        shard=shard,
        names=tuple(name for name in target.names if name in chosen),
        annotations=tuple(sequence.annotation for sequence in opened if isinstance(sequence, Sequence)),
    )
    for name, sequence in zip(target.names, opened, strict=True):
        if name not in chosen:
            continue
        if (record := records.get(name)) is not None:
            plan.finished_before += 1
            _check_finished(run, record, sequence, target.frame_limit)
        elif isinstance(sequence, Sequence):
            plan.jobs.append(_job(run, sequence, target.frame_limit, aux=aux))
        else:
            plan.failed[name] = store_failure(run, name, sequence)
    return plan


def _open_sequence(target: RunTarget, name: str) -> Sequence | Exception:
    try:
        return target.spec.read_sequence(target.root, target.split, name)
    except (EvalkitError, OSError) as problem:
        return problem


def _job(run: Run, sequence: Sequence, frame_limit: int | None, *, aux: bool) -> Job:
    frames = sequence.frames
    if not aux and isinstance(frames, ImageFrames):
        frames = frames.without_aux()  # a second image that nobody reads need not be decoded
    return Job(sequence.name, frames, sequence.initial_box, _length(sequence, frame_limit), run)


def _length(sequence: Sequence, frame_limit: int | None) -> int:
    return len(sequence) if frame_limit is None else min(len(sequence), frame_limit)


def _check_finished(run: Run, record: SequenceRecord, sequence: Sequence | Exception, frame_limit: int | None) -> None:
    run.verify(record)
    if not isinstance(sequence, Sequence):
        return
    box = tuple(sequence.initial_box.tolist())
    length = _length(sequence, frame_limit)
    if (record.frames, record.initial_box) != (length, box):
        raise StoreError(
            f"run {run.run_id} ({run.path}) holds results of other data: {record.name} has {record.frames} frames and "
            f"starts at {record.initial_box} there, but {length} frames and {box} in this copy. "
            "Use another --results folder, or --fresh."
        )


def execute(
    executor: Executor,
    plans: cabc.Sequence[Plan],
    *,
    on_frames: cabc.Callable[[int], None] = lambda _: None,
    on_failure: cabc.Callable[[str, str], None] = lambda _name, _error: None,
    on_note: cabc.Callable[[str], None] = lambda _: None,
    on_under_way: cabc.Callable[[cabc.Iterable[str]], None] = lambda _: None,
    on_finished: cabc.Callable[[Plan, str], None] = lambda _plan, _name: None,
) -> LoopTiming:
    """Track the jobs of all plans in one queue and store what finishes, and where the time went.

    Args:
        executor: Does the tracking.
        plans: Several benchmarks and repeats.
        on_frames: Progress.
        on_failure: Called with "benchmark/sequence" and its error.
        on_note: Called with what the user should know.
        on_under_way: Called with the names of the sequences that this process works on, when they change.
        on_finished: Called with a plan and the name of a sequence whose result is stored, perhaps from another thread.

    Returns:
        Where the time went.
    """
    owners = [plan for plan in plans for _ in plan.jobs]
    jobs = [
        dataclasses.replace(job, number=number) for number, job in enumerate(job for plan in plans for job in plan.jobs)
    ]

    def failed(job: Job, error: str) -> None:
        plan = owners[job.number]
        plan.failed[job.name] = error
        on_failure(f"{plan.target.spec.name}/{job.name}", error)

    def finished(job: Job) -> None:
        on_finished(owners[job.number], job.name)

    if not jobs:
        return executor.timing
    begin = time.perf_counter()
    try:
        executor.run(jobs, Reports(on_frames, failed, on_note, on_under_way, finished))
    finally:
        _keep_timing(plans, executor.timing, time.perf_counter() - begin)
    return executor.timing


def _keep_timing(plans: cabc.Sequence[Plan], timing: LoopTiming, seconds: float) -> None:
    worked = [plan for plan in plans if plan.jobs]
    document = {
        "utc": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "cores": usable_cores(),
        "seconds": seconds,
        "runs": [plan.run.run_id for plan in worked],
        **timing.as_json(),
    }
    with contextlib.suppress(StoreError):  # the disk is full, which another error says already
        for plan in worked:
            plan.run.add_timing(document)


def outcome(plan: Plan) -> dict[str, Any]:
    """The JSON document of a run, see the command line's contract; of a shard, with what that part lacks."""
    run = plan.run
    records = run.records()
    missing = [name for name in run.names if name not in records]
    part: dict[str, object] = {}
    if plan.shard is not None:
        number, count = plan.shard
        lacking = set(missing)
        part = {"shard": f"{number}/{count}", "shard_missing": [name for name in plan.names if name in lacking]}
    return {
        "benchmark": run.identity.benchmark,
        "split": run.identity.split,
        "tracker": run.identity.tracker,
        "run": run.run_id,
        "repeat": run.identity.repeat,
        "status": (RunStatus.PARTIAL if missing else RunStatus.COMPLETE).value,
        "sequences": len(records),
        "frames": sum(record.frames for record in records.values()),
        "seconds": round(sum(record.seconds for record in records.values()), 6),
        "digest": run.digest(records),
        "failed": {**run.failures(), **plan.failed},
        "missing": missing,
        "data": run.identity.data,
        "notes": list(run.remarks(records)),
        "environments": len(run.environments()),
        "path": str(run.path),
        **part,
    }


def no_sequences(target: RunTarget) -> DatasetLayoutError:
    """The error of an empty selection."""
    return DatasetLayoutError(f"{target.spec.title} {target.split.name}: no sequences in {target.root}.")
