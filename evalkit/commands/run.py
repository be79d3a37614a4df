"""``evalkit run-benchmark``: run a tracker over benchmarks."""

import collections.abc as cabc
import contextlib
import dataclasses
import re
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.commands.common import (
    App,
    Seconds,
    common_options,
    data_root_option,
    json_option,
    print_json,
    results_option,
    seed_option,
)
from evalkit.commands.options import sequences_option
from evalkit.commands.output import echo, stdout_for_results
from evalkit.commands.progress import frame_progress
from evalkit.commands.watched import watch
from evalkit.evaluation import running
from evalkit.evaluation.executors import EXECUTORS, ExecutorOptions, open_executor
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.sequences import Modality
from evalkit.store.locks import Shard
from evalkit.store.manifest import RunEnvironment
from evalkit.store.runs import ResultStore, Run, RunStatus
from evalkit.tracking.execution import Executor
from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.shards import parse_shard
from evalkit.tracking.timing import details, summary

ISOLATE = (
    "What is finished is stored; the same command goes on with the rest. With --workers 2 the tracker runs in "
    "processes of its own: a sequence that ends one is recorded as failed, and the others go on."
)
DEVICE = re.compile(r"auto|cpu|cuda(:\d+(,\d+)*)?")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says, as it says it."""

    split: str | None
    data_root: Path | None
    layout: Path | None
    sequences: tuple[str, ...] | None
    limit_sequences: int | None
    limit_frames: int | None
    repeat: int
    fresh: bool
    shard: Shard | None


def _shard(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    try:
        return parse_shard(value)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def _known_device(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not DEVICE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is none of auto, cpu, cuda, cuda:1, cuda:0,1.")
    return value


@click.command()
@click.argument("benchmarks", metavar="BENCHMARK[,BENCHMARK...]")
@click.option("--tracker", required=True, help="A name from `evalkit list trackers`, or FILE.py:CLASS.")
@click.option("--tracker-root", "root", help="Folder from which an own tracker's modules are imported.")
@click.option("--weights", help="Weight file or folder of the tracker; `random` for a dry run.")
@click.option("--split", help="Default: the split that papers report.")
@data_root_option
@click.option("--layout", type=click.Path(path_type=Path), help="Names of folders and files for `custom`.")
@sequences_option
@click.option("--limit-sequences", type=click.IntRange(min=1), help="Only the first N sequences.")
@click.option("--limit-frames", type=click.IntRange(min=1), help="Only the first N frames of each sequence.")
@click.option("--capacity", default="auto", show_default=True, help="Streams tracked together, or `auto`.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    callback=_known_device,
    help="auto, cpu, cuda, cuda:1, or cuda:0,1 for one worker on each.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16", "fp16"]),
    default="fp32",
    show_default=True,
    help="Numbers.",
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the network: slow first steps, faster later ones.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes; default: one per device.")
@click.option(
    "--executor",
    type=click.Choice(list(EXECUTORS)),
    default="local",
    show_default=True,
    help="Workers on this machine, or on the machines of a Ray cluster.",
)
@click.option("--ray-address", help="Of a running cluster, or `auto`; default: start Ray on this machine.")
@click.option("--shard", callback=_shard, help="i/n: only this part of the sequences, for batch systems.")
@click.option("--decoders", type=click.IntRange(1, 1024), help="Threads per worker; default: its share of the cores.")
@click.option(
    "--waves",
    type=click.Choice(["auto", "1", "2"]),
    default="auto",
    show_default=True,
    help="2: prepare one half of the streams while the device works on the other; `auto` measures.",
)
@click.option(
    "--frame-memory",
    type=click.IntRange(min=16),
    default=1024,
    show_default=True,
    help="MiB for decoded frames that wait.",
)
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Runs of the same thing.")
@seed_option("For trackers with random parts.")
@click.option("--timeout", type=Seconds(), default=600.0, show_default=True, help="Seconds after which one step hangs.")
@click.option("--fresh", is_flag=True, help="Do not resume: set earlier results of this run aside.")
@click.option("--allow-mixed", is_flag=True, help="Resume although code or libraries have changed.")
@results_option
@json_option
@common_options
@click.pass_obj
@stdout_for_results()
def run_benchmark(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    benchmarks: str,
    results: Path,
    as_json: bool,
    tracker: str,
    weights: str | None,
    root: str | None,
    precision: str,
    seed: int,
    compiled: bool,
    **options: Any,
) -> int:
    r"""Run a tracker over one or more benchmarks.

    Finished sequences are stored at once; the same command again runs only what is missing. A sequence that fails is
    recorded with its error, the others go on, and the command ends with 1.

    \b
    Examples:
      evalkit run-benchmark uav123,lasot --tracker kcf --data-root sample
      evalkit run-benchmark lasot --tracker mine.py:Correlation --limit-sequences 10
      evalkit run-benchmark custom --tracker ncc --data-root videos --layout layout.toml
      evalkit run-benchmark got10k --split val --tracker ncc --repeat 3 --json
      evalkit run-benchmark lasot --tracker ostrack-256 --weights W --device cuda:0,1,2,3
      evalkit run-benchmark lasot --tracker ostrack-256 --weights W --executor ray --ray-address auto
      evalkit run-benchmark lasot --tracker kcf --shard 3/16
    """
    names = RunOptions.__dataclass_fields__
    asked = RunOptions(**{name: value for name, value in options.items() if name in names})
    if asked.fresh and asked.shard:
        raise click.BadParameter("sets all shards aside; use it without --shard.", param_hint="--fresh")
    how = ExecutorOptions(
        tracker=tracker,
        options=TrackerOptions(weights=weights, precision=precision, seed=seed, compiled=compiled, root=root),
        catalog=app.catalog,
        code=app.code,
        verbose=app.verbose,
        **{name: value for name, value in options.items() if name not in names},
    )
    if how.in_process:
        watch(app, advice=ISOLATE)
    with _stop_on_sigterm(), contextlib.ExitStack() as stack:
        executor = stack.enter_context(open_executor(how))
        targets = [_target(name.strip(), asked) for name in benchmarks.split(",") if name.strip()]
        if not how.site.here:  # workers on other machines have other working folders
            results = results.absolute()
            targets = [dataclasses.replace(target, root=target.root.absolute()) for target in targets]
        session = _Session(app, asked, how, executor, ResultStore(results), how.environment())
        plans = [session.plan(target, repeat, stack) for target in targets for repeat in range(asked.repeat)]
        stopped = session.execute(plans)
        documents = [running.outcome(plan) for plan in plans]
        for plan, document in zip(plans, documents, strict=True):
            session.announce_notes(plan, [note for note in document["notes"] if note not in plan.run.notes])
    _report(app, documents, as_json=as_json, stopped=stopped)
    if all(document["status"] == RunStatus.COMPLETE.value for document in documents):
        app.say(f"next: {_next(documents, asked, results)}")
    return 0 if all(map(_done, documents)) else 1


def _target(name: str, asked: RunOptions) -> running.Target:
    spec = get_benchmark(name, layout=asked.layout)
    split = get_split(spec, asked.split)
    root = find_root(spec, asked.data_root)
    spec = get_benchmark(name, layout=asked.layout, root=root)  # own videos: which sensors are there
    names = spec.list_sequences(root, split)
    chosen = running.select_names(names, asked.sequences, asked.limit_sequences)
    target = running.Target(spec, split, root, data_origin(spec, root), chosen, asked.limit_frames)
    if not chosen:
        raise running.no_sequences(target)
    return target


@dataclass(frozen=True, slots=True)
class _Session:
    """One call of the command."""

    app: App
    asked: RunOptions
    how: ExecutorOptions
    executor: Executor
    store: ResultStore
    environment: RunEnvironment

    def plan(self, target: running.Target, repeat: int, locks: contextlib.ExitStack) -> running.Plan:
        """Open the run, hold its lock as long as the command runs, and see what is missing."""
        run = self._open(target, repeat)
        if self.asked.fresh:
            with run.lock():
                running.set_aside(run)
            run = self._open(target, repeat)
        remark = locks.enter_context(run.lock(self.asked.shard))
        if remark is not None:
            self.app.say(f"note: {remark}")
        running.check_environment(run, self.environment, allow_mixed=self.how.allow_mixed)
        aux = bool(self.executor.info.modalities - {Modality.RGB})
        plan = running.make_plan(target, run, aux=aux, shard=self.asked.shard)
        self._announce(plan)
        return plan

    def _open(self, target: running.Target, repeat: int) -> Run:
        options = self.how.options
        return running.open_run(
            self.store, target, self.executor.info, precision=options.precision, seed=options.seed, repeat=repeat
        )

    def _announce(self, plan: running.Plan) -> None:
        title = plan.target.spec.name
        self.announce_notes(plan, plan.run.notes)
        for name, error in plan.failed.items():
            self.app.say(f"failed: {title}/{name}: {error}")
        if plan.finished_before:
            self.app.say(f"{title}: {plan.finished_before} of {len(plan.names)} sequences were finished before")

    def announce_notes(self, plan: running.Plan, notes: cabc.Iterable[str]) -> None:
        """Say what a reader of the run's numbers must know."""
        for note in notes:
            self.app.say(f"note: {plan.target.spec.name}: {note}")

    def execute(self, plans: list[running.Plan]) -> bool:
        """Track what is missing; return whether it was stopped from outside."""
        sequences, frames = sum(len(plan.jobs) for plan in plans), sum(plan.total_frames for plan in plans)
        with frame_progress(self.app, sequences=sequences, frames=frames) as progress:
            try:
                timing = running.execute(
                    self.executor,
                    plans,
                    on_frames=progress.advance,
                    on_failure=progress.failure,
                    on_note=self.app.say,
                    **({} if self.app.witness is None else {"on_under_way": self.app.witness.under_way}),
                )
            except KeyboardInterrupt:
                return True
        if timing.frames:
            self.app.say(summary(timing))
        for line in details(timing):
            self.app.detail(line)
        return False


@contextlib.contextmanager
def _stop_on_sigterm() -> cabc.Iterator[None]:
    """Batch systems end a job with SIGTERM: treat it as Ctrl-C, so that what is finished is stored."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(app: App, documents: list[dict[str, Any]], *, as_json: bool, stopped: bool) -> None:
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
    for document in documents:
        if not as_json:
            echo(_summary(document))
        for name, error in document["failed"].items():
            if app.quiet or app.verbose:  # otherwise it was said when it happened
                echo(f"failed: {document['benchmark']}/{name}: {error}", err=True)
    unfinished = [document for document in documents if not _done(document)]
    if unfinished:
        why = "stopped" if stopped else "incomplete"
        failed = [f"{document['benchmark']}/{name}" for document in unfinished for name in document["failed"]]
        if failed:
            app.say(f"failed: {', '.join(failed)}")
        app.say(f"{why}: finished sequences are stored; the same command runs only what is missing.")
    elif any(document["status"] != RunStatus.COMPLETE.value for document in documents):
        app.say(f"shard {documents[0]['shard']} is finished; the run is complete when the other shards are.")


def _next(documents: list[dict[str, Any]], asked: RunOptions, results: Path) -> str:
    """The command that makes a table of these runs."""
    names = ",".join(dict.fromkeys(str(document["benchmark"]) for document in documents))
    options = {
        "--split": asked.split,
        "--data-root": asked.data_root,
        "--layout": asked.layout,
        "--results": results if results != Path("results") else None,
    }
    more = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    tracker = str(documents[0]["tracker"])
    return shlex.join(["evalkit", "make-table", names, "--tracker", tracker, *more])


def _done(document: cabc.Mapping[str, Any]) -> bool:
    """Whether what was asked for is finished: the run, or this shard of it."""
    if "shard" in document:
        return not document["shard_missing"]
    return bool(document["status"] == RunStatus.COMPLETE.value)


def _summary(document: dict[str, Any]) -> str:
    rate = document["frames"] / document["seconds"] if document["seconds"] else 0.0
    total = document["sequences"] + len(document["missing"])
    repeat = f" repeat {document['repeat']}" if document["repeat"] else ""
    return (
        f"{document['benchmark']} {document['split']} {document['tracker']}{repeat}: {document['status']}, "
        f"{document['sequences']} of {total} sequences, {document['frames']} frames, "
        f"{rate:.1f} frames/s in the tracker, "
        f"run {document['run']}, digest {document['digest'][:12]}"
    )
