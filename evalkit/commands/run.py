"""``evalkit run-benchmark``: run a tracker over benchmarks."""

import collections.abc as cabc
import contextlib
import dataclasses
import functools
import re
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import click

from evalkit.atomic import file_name
from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.spec import Access
from evalkit.commands.assignments import settings_option
from evalkit.commands.common import (
    SETTINGS,
    App,
    Seconds,
    common_options,
    data_root_option,
    json_option,
    precision_option,
    print_documents,
    results_option,
    seed_option,
    tracker_root_option,
)
from evalkit.commands.options import benchmarks_argument, layout_option, names_option, sequences_option, split_option
from evalkit.commands.output import command_line, echo, stdout_for_results
from evalkit.commands.watched import watch
from evalkit.errors import EvalkitError, counted
from evalkit.evaluation.executors import EXECUTORS, ExecutorOptions
from evalkit.evaluation.progress import FrameProgress
from evalkit.evaluation.session import RunOptions, Watch, run_tracker
from evalkit.report.headline import headline_of, leading_of
from evalkit.report.metrics import get_metric
from evalkit.store.differing import text
from evalkit.store.locks import Shard
from evalkit.store.runs import RunStatus
from evalkit.tracking.catalog import check_name
from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.shards import parse_shard
from evalkit.tracking.timing import details, summary
from evalkit.visible import visible

ISOLATE = (
    "What is finished is stored; the same command goes on with the rest. With --workers 2 the tracker runs in "
    "processes of its own: a sequence that ends one is recorded as failed, and the others go on."
)
LONGEST_NAME = 200
DEVICE = re.compile(r"auto|cpu|cuda(:\d+(,\d+)*)?")


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


def _known_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not value or value.strip() != value or "," in value or visible(value) != value:
        raise click.BadParameter(f"{value!r} is no name: text without commas, line breaks, and blanks around it.")
    if len(file_name(value)) > LONGEST_NAME:
        raise click.BadParameter("is too long for the name of a folder.")
    return value


@click.command()
@benchmarks_argument
@click.option(
    "--tracker",
    "trackers",
    required=True,
    multiple=True,
    callback=names_option,
    help="A name from `evalkit list trackers`, or FILE.py:CLASS.",
)
@settings_option(f"{SETTINGS} Of several values each is run, of several settings every combination.", several=True)
@click.option("--name", callback=_known_name, help="Store and print the runs under this name, not the tracker's.")
@tracker_root_option
@click.option("--weights", help="Weight file or folder of the tracker; `random` for a dry run.")
@split_option
@data_root_option
@layout_option
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
@precision_option
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
    as_json: bool,
    trackers: tuple[str, ...],
    weights: str | None,
    root: str | None,
    settings: list[dict[str, Any]],
    precision: str,
    seed: int,
    compiled: bool,
    **options: Any,
) -> int:
    r"""Run trackers over benchmarks.

    Finished sequences are stored at once; the same command again runs only what is missing. A sequence that fails is
    recorded with its error, the others go on, and the command ends with 1.

    \b
    Examples:
      evalkit run-benchmark uav123,lasot --tracker kcf --data-root sample
      evalkit run-benchmark lasot --tracker kcf,ncc,mine.py:Correlation --limit-sequences 10
      evalkit run-benchmark lasot --tracker kcf --set rate=0.01,0.02,0.05
      evalkit run-benchmark lasot --tracker mine.py:Mine --set window=1,2 --set scales=[1],[0.9,1] --name ours
      evalkit run-benchmark custom --tracker ncc --data-root videos --layout layout.toml
      evalkit run-benchmark got10k --split val --tracker ncc --repeat 3 --json
      evalkit run-benchmark lasot --tracker ostrack-256 --weights W --device cuda:0,1,2,3
      evalkit run-benchmark lasot --tracker ostrack-256 --weights W --executor ray --ray-address auto
      evalkit run-benchmark lasot --tracker kcf --shard 3/16
    """
    names = RunOptions.__dataclass_fields__
    if not options["benchmarks"]:
        raise click.UsageError("which benchmark? Name it: BENCHMARK; `evalkit list benchmarks` has the names.")
    asked = RunOptions(**{name: value for name, value in options.items() if name in names})
    _refuse_contradictions(app, asked, trackers, weights)
    chosen = TrackerOptions(weights=weights, precision=precision, seed=seed, compiled=compiled, root=root)
    more = {name: value for name, value in options.items() if name not in names}
    plain = ExecutorOptions("", chosen, catalog=app.catalog, code=app.code, verbose=app.verbose, **more)
    hows = [
        dataclasses.replace(plain, tracker=tracker, options=dataclasses.replace(chosen, settings=combination))
        for tracker in trackers
        for combination in settings
    ]
    watch(app, advice=ISOLATE if all(how.in_process for how in hows) else "")
    progress = functools.partial(FrameProgress, say=app.say, quiet=app.quiet)
    told = Watch(app.say, progress, functools.cache(app.say))
    if app.witness is not None:
        told = dataclasses.replace(told, under_way=app.witness.under_way)
    documents: list[dict[str, Any]] = []
    stopped = False
    problems: list[str] = []
    with _stop_on_sigterm():
        for number, how in enumerate(hows, 1):
            label = _label(how.tracker, how.options.settings)
            if len(settings) > 1:
                app.say(f"{number} of {len(hows)}: {label}")
            try:
                ran = run_tracker(asked, how, told)
            except EvalkitError as problem:
                if how is hows[0] or app.debug:
                    raise
                problems.append(label)  # hours may have gone into those before, and others wait
                app.say(f"failed: {label}: {problem}")
                continue
            documents += ran.documents
            stopped = ran.timing is None
            if ran.timing is None:
                break
            if ran.timing.frames:
                app.say(summary(ran.timing))
            app.detail(*details(ran.timing))
    _report(app, documents, as_json=as_json, stopped=stopped)
    if problems:
        app.say(f"not run: {'; '.join(problems)}")
    elif not stopped and all(document["status"] == RunStatus.COMPLETE.value for document in documents):
        app.say("next:", *command_line(_next(documents, asked)))
    return 0 if not stopped and not problems and all(map(_done, documents)) else 1


def _label(tracker: str, settings: cabc.Mapping[str, Any]) -> str:
    return f"{tracker} {text(settings)}".rstrip()


def _refuse_contradictions(app: App, asked: RunOptions, trackers: cabc.Sequence[str], weights: str | None) -> None:
    for tracker in trackers:
        check_name(app.catalog, tracker)
    if asked.name is not None and len(trackers) > 1:
        raise click.BadParameter("is one tracker's; run the others by themselves.", param_hint="--name")
    if asked.name in app.catalog and asked.name not in trackers:
        raise click.BadParameter(
            f"{asked.name!r} is a tracker of the catalog; the results of both would be mixed up.", param_hint="--name"
        )
    if asked.fresh and asked.shard:
        raise click.BadParameter("sets all shards aside; use it without --shard.", param_hint="--fresh")
    if len(trackers) > 1 and weights is not None and Path(weights).is_file():
        raise click.BadParameter("a file is one tracker's; of several pass their folder.", param_hint="--weights")


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
        print_documents(documents)
    for document in documents:
        if not as_json:
            echo(*_summary(document))
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


def _next(documents: list[dict[str, Any]], asked: RunOptions) -> list[str]:
    """The command that makes a table of these runs; of what a server alone can score, the one that packs it."""
    results = ["--results", str(asked.results)] if asked.results != Path("results") else []
    hidden = {document["benchmark"] for document in documents if _is_hidden(document)}
    rendered = any(document["data"].is_sample for document in documents)
    names = dict.fromkeys(d["benchmark"] for d in documents if rendered or d["benchmark"] not in hidden)
    rows = dict.fromkeys((document["benchmark"], document["tracker"]) for document in documents)
    if not names:
        benchmark, tracker = next(iter(rows))
        return ["package-submission", benchmark, "--tracker", tracker, *results]
    several = sum(not document["repeat"] for document in documents) > len(rows)  # settings: each is a row
    part = asked.sequences is not None or asked.limit_sequences is not None
    if several or part:
        chosen = ["--run", ",".join(dict.fromkeys(str(document["run"]) for document in documents))]
    else:
        chosen = ["--tracker", ",".join(dict.fromkeys(tracker for _, tracker in rows))]
    options = {"--split": asked.split, "--data-root": asked.data_root, "--layout": asked.layout}
    more = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    truth = ["--local-truth"] if hidden and rendered else []  # the sample brings what servers keep
    return ["make-table", ",".join(names), *chosen, *more, *results, *truth, *(["--allow-missing"] if part else [])]


def _is_hidden(document: cabc.Mapping[str, Any]) -> bool:
    """Whether a server alone can score the run."""
    splits = get_benchmark(document["benchmark"]).splits
    return document["split"] in splits and splits[document["split"]].access is Access.FIRST_FRAME_ONLY


def _done(document: cabc.Mapping[str, Any]) -> bool:
    """Whether what was asked for is finished: the run, or this shard of it."""
    if "shard" in document:
        return not document["shard_missing"]
    return bool(document["status"] == RunStatus.COMPLETE.value)


def _summary(document: dict[str, Any]) -> list[str]:
    """What became of a run; no line is longer than a terminal of 80 columns where names are not."""
    rate = document["frames"] / document["seconds"] if document["seconds"] else 0.0
    total = document["sequences"] + len(document["missing"])
    repeat = f" repeat {document['repeat']}" if document["repeat"] else ""
    who = _label(document["tracker"], document["settings"])
    done = f"{document['sequences']} of {counted(total, 'sequence')}, {counted(document['frames'], 'frame')}"
    hidden = ["scored by its server alone"] if _is_hidden(document) else []
    lines = [
        f"{document['benchmark']} {document['split']} {who}{repeat}: {document['status']}, {done}",
        *([_numbers(document)] if document["scores"] else hidden),
        f"run {document['run']}, digest {document['digest'][:12]}, {rate:.1f} frames/s in the tracker",
    ]
    return "\n  ".join(lines).splitlines()


def _numbers(document: dict[str, Any]) -> str:
    """The leading metric, then the benchmark's others, as its papers print them."""
    scores, benchmark = document["scores"], document["benchmark"]
    keys = headline_of(scores, get_benchmark(benchmark))
    metrics = [get_metric(key, benchmark) for key in dict.fromkeys([leading_of(keys), *keys])]
    numbers = "  ".join(f"{metric.label} {metric.text(scores[metric.key])}" for metric in metrics)
    return f"{numbers}  ({document['protocol']})"
