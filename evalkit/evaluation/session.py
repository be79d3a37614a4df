"""A tracker over benchmarks: what is asked for, what of it is missing, and what became of it."""

import collections.abc as cabc
import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.errors import EvalkitError, counted
from evalkit.evaluation import running
from evalkit.evaluation.executors import ExecutorOptions, open_executor
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.evaluation.score_so_far import ScoreSoFar, scores_of
from evalkit.scoring.scores import Scores
from evalkit.sequences import Modality
from evalkit.store.locks import Shard
from evalkit.store.manifest import RunEnvironment
from evalkit.store.runs import ResultStore, Run
from evalkit.tracking.execution import Executor
from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.timing import LoopTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What is run.

    Attributes:
        benchmarks: Their names.
        results: Folder of the store.
        split: None = the one that papers report.
        data_root: As ``--data-root``.
        layout: Layout file for ``custom``.
        sequences: Only these.
        limit_sequences: Only the first ones.
        limit_frames: Only the first frames of every sequence.
        repeat: Runs of the same thing.
        fresh: Set earlier results aside.
        shard: Only this part of the sequences.
        name: Instead of the tracker's.
    """

    benchmarks: tuple[str, ...]
    results: Path
    split: str | None = None
    data_root: Path | None = None
    layout: Path | None = None
    sequences: tuple[str, ...] | None = None
    limit_sequences: int | None = None
    limit_frames: int | None = None
    repeat: int = 1
    fresh: bool = False
    shard: Shard | None = None
    name: str | None = None


class SessionProgress(Protocol):
    """Is told what happens while a tracker runs."""

    def advance(self, frames: int) -> None:
        """Frames are tracked."""

    def failure(self, name: str, error: str) -> None:
        """A sequence has failed."""

    def finished(self) -> None:
        """The result of a sequence is stored; perhaps called from another thread."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told what a run does.

    Attributes:
        say: Takes messages for people.
        progress: Makes a progress display for a number of sequences and frames, and a function for the score so far.
        note: Takes what a reader of the numbers must know.
        under_way: Is told which sequences the tracker works on.
    """

    say: cabc.Callable[[str], None]
    progress: cabc.Callable[[int, int, cabc.Callable[[], str]], contextlib.AbstractContextManager[SessionProgress]]
    note: cabc.Callable[[str], None]
    under_way: cabc.Callable[[cabc.Iterable[str]], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a call.

    Attributes:
        documents: One per run, see :func:`evalkit.evaluation.running.outcome`.
        scores: Of each run; None where there are none here, or the call was stopped.
        runs: In the same order.
        timing: Where the time went; None where it was stopped from outside.
    """

    documents: list[dict[str, Any]]
    scores: list[Scores | None]
    runs: list[Run]
    timing: LoopTiming | None


def run_tracker(asked: RunOptions, how: ExecutorOptions, watch: Watch) -> Ran:
    """Run a tracker over benchmarks; what is stored already is not run again.

    Raises:
        EvalkitError: The tracker, the data or the results folder cannot be used; nothing has been run.
    """
    with contextlib.ExitStack() as stack:
        executor = stack.enter_context(open_executor(how))
        targets = [_target(name, asked) for name in asked.benchmarks]
        if not how.site.here:  # workers on other machines have other working folders
            asked = dataclasses.replace(asked, results=asked.results.absolute())
            targets = [dataclasses.replace(target, root=target.root.absolute()) for target in targets]
        info = _named(executor.info, asked.name)
        session = _Session(asked, how, watch, executor, info, ResultStore(asked.results), how.environment())
        plans = [session.plan(target, repeat, stack) for target in targets for repeat in range(asked.repeat)]
        session.say_notes([(plan.target.spec.name, plan.run.notes) for plan in plans])
        timing = session.execute(plans)
        documents = [running.outcome(plan) | {"settings": dict(how.options.settings)} for plan in plans]
        session.say_notes(
            [
                (plan.target.spec.name, [note for note in document["notes"] if note not in plan.run.notes])
                for plan, document in zip(plans, documents, strict=True)
            ]
        )
        scores = [None if timing is None else session.score(plan) for plan in plans]
    for document, score in zip(documents, scores, strict=True):
        document |= {"protocol": score and score.protocol, "scores": dict(score.summary) if score else {}}
    return Ran(documents, scores, [plan.run for plan in plans], timing)


def _named(info: TrackerInfo, name: str | None) -> TrackerInfo:
    """A tracker under another name; whose results they are stays in the settings."""
    if name in {None, info.name}:
        return info
    return dataclasses.replace(info, name=name, config={**info.config, "tracker": info.name})


def _target(name: str, asked: RunOptions) -> running.RunTarget:
    spec = get_benchmark(name, layout=asked.layout)
    split = get_split(spec, asked.split)
    root = find_root(spec, asked.data_root)
    spec = get_benchmark(name, layout=asked.layout, root=root)  # own videos: which sensors are there
    names = spec.list_sequences(root, split)
    chosen = running.select_names(names, asked.sequences, asked.limit_sequences)
    target = running.RunTarget(spec, split, root, data_origin(spec, root), chosen, asked.limit_frames)
    if not chosen:
        raise running.no_sequences(target)
    return target


@dataclass(frozen=True, slots=True)
class _Session:
    """A tracker that is ready, and where its results go."""

    asked: RunOptions
    how: ExecutorOptions
    watch: Watch
    executor: Executor
    info: TrackerInfo
    store: ResultStore
    environment: RunEnvironment

    def plan(self, target: running.RunTarget, repeat: int, locks: contextlib.ExitStack) -> running.Plan:
        """Open the run, hold its lock as long as the session lasts, and see what is missing."""
        run = self._open(target, repeat)
        if self.asked.fresh:
            with run.lock():
                running.set_aside(run)
            run = self._open(target, repeat)
        remark = locks.enter_context(run.lock(self.asked.shard))
        if remark is not None:
            self.watch.say(f"note: {remark}")
        running.check_environment(run, self.environment, allow_mixed=self.how.allow_mixed)
        aux = bool(self.info.modalities - {Modality.RGB})
        plan = running.make_plan(target, run, aux=aux, shard=self.asked.shard)
        title = plan.target.spec.name
        for name, error in plan.failed.items():
            self.watch.say(f"failed: {title}/{name}: {error}")
        if plan.finished_before:
            self.watch.say(
                f"{title}: {plan.finished_before} of {counted(len(plan.names), 'sequence')} were finished before"
            )
        return plan

    def _open(self, target: running.RunTarget, repeat: int) -> Run:
        options = self.how.options
        return running.open_run(
            self.store, target, self.info, precision=options.precision, seed=options.seed, repeat=repeat
        )

    def say_notes(self, notes: cabc.Iterable[tuple[str, cabc.Iterable[str]]]) -> None:
        """Say what a reader of the numbers must know, benchmark by benchmark; what holds of all of them once."""
        places: dict[str, dict[str, None]] = {}
        for benchmark, texts in notes:
            for text in texts:
                places.setdefault(text, {})[benchmark] = None
        for text, names in places.items():
            where = "" if len(names) == len(self.asked.benchmarks) > 1 else f"{', '.join(names)}: "
            self.watch.note(f"note: {where}{text}")

    def score(self, plan: running.Plan) -> Scores | None:
        """Of a run that has ended; None where it cannot be scored here. A shard scores only what it completes."""
        if plan.shard is not None and plan.run.missing():
            return None
        try:
            return scores_of(plan)
        except EvalkitError as problem:
            self.watch.say(f"{plan.target.spec.name}: no score: {problem}")
            return None

    def execute(self, plans: list[running.Plan]) -> LoopTiming | None:
        """Track what is missing; None if it was stopped from outside."""
        frames = sum(plan.total_frames for plan in plans)
        so_far = ScoreSoFar(plans)
        with self.watch.progress(sum(len(plan.jobs) for plan in plans), frames, so_far.text) as progress:

            def finished(plan: running.Plan, name: str) -> None:
                progress.finished()
                so_far.finished(plan, name)

            try:
                return running.execute(
                    self.executor,
                    plans,
                    on_frames=progress.advance,
                    on_failure=progress.failure,
                    on_note=self.watch.say,
                    on_under_way=self.watch.under_way,
                    on_finished=finished,
                )
            except KeyboardInterrupt:
                return None
