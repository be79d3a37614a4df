"""For notebooks: runs, scores as DataFrames, plots as Figures; ``import evalkit`` offers these names, loaded late.

    evalkit.run(MyTracker, "lasot", data_root="sample")

Everything takes either a benchmark's name, or runs, or scores that were loaded before::

    evalkit.score("lasot", trackers=["kcf"], data_root="sample")
    evalkit.score(evalkit.load_run("lasot", "kcf"), data_root="sample")
    evalkit.plot_success(evalkit.load_scores("lasot", predictions="raw.zip", annotations="truth.zip"))
"""

import collections.abc as cabc
import functools
import html
import importlib
import math
import os
import sys
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from evalkit.benchmarks import get_benchmark
from evalkit.errors import ScoringError, StoreError, unknown_name
from evalkit.evaluation.executors import ExecutorOptions
from evalkit.evaluation.progress import FrameProgress
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import score_request
from evalkit.evaluation.session import RunOptions, Watch, run_tracker
from evalkit.report.figures.charts import CHARTS, Material
from evalkit.report.headline import headline, labels, leading
from evalkit.report.metrics import get_metric
from evalkit.scoring.scores import Scores
from evalkit.store.runs import ResultStore, Run, RunStatus
from evalkit.tracking.interface import TrackerOptions
from evalkit.visible import visible

AnyPath = str | os.PathLike[str]
Scored = str | Request | Run | cabc.Sequence[Run] | cabc.Sequence[Scores]


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What :func:`run` did; in a notebook it shows as a table of scores.

    Attributes:
        runs: One per benchmark and repetition, stored: ``evalkit.plot_success(result.runs[0], data_root=...)``.
        failed: "benchmark/sequence" -> error.
        details: The scores of the runs, where they can be scored here.
    """

    runs: tuple[Run, ...]
    failed: cabc.Mapping[str, str]
    details: tuple[Scores, ...]

    @property
    def complete(self) -> bool:
        """Whether no sequence is missing."""
        return all(run.status() is RunStatus.COMPLETE for run in self.runs)

    @property
    def scores(self) -> pd.DataFrame:
        """As :func:`score`, one row per run with scores: fractions in [0, 1]; the index is (benchmark, tracker)."""
        rows = {f"{entry.benchmark}\0{entry.run}": score([entry]) for entry in self.details}
        frame = pd.concat(rows, names=["benchmark"]) if rows else pd.DataFrame()
        return frame.rename(index=lambda name: name.partition("\0")[0], level=0) if rows else frame

    def __repr__(self) -> str:
        return self._said() + (f"\n{table(self.details)}" if self.details else "")

    def _repr_html_(self) -> str:
        shown = table(self.details).to_html() if self.details else ""
        return f"<p>{html.escape(self._said())}</p>{shown}"

    def _said(self) -> str:
        state = "complete" if self.complete else f"incomplete, {len(self.failed)} failed"
        return f"{', '.join(dict.fromkeys(run.identity.tracker for run in self.runs))}: {state}"


def run(
    tracker: object,
    benchmark: str | cabc.Sequence[str],
    *,
    data_root: AnyPath | None = None,
    results: AnyPath = "results",
    settings: cabc.Mapping[str, Any] | None = None,
    weights: AnyPath | None = None,
    device: str = "auto",
    precision: str = "fp32",
    seed: int = 0,
    capacity: int | str = "auto",
    workers: int | None = None,
    timeout: float = 600.0,
    progress: bool = True,
    **options: Any,
) -> RunResult:
    """Run a tracker over benchmarks, as ``evalkit run-benchmark`` does: what is stored already is not run again.

    Args:
        tracker: A name or ``FILE.py:CLASS``, a class, or an object, which serves one sequence after the other. What
            interfaces there are is said in ``docs/own-tracker.md``. A class of a notebook is known by its cells.
        benchmark: A name, or several.
        data_root: The benchmark's folder, or a folder that holds several; None = as the user's settings say.
        results: Folder of the store.
        settings: What the constructor of an own class takes by name; part of the run's identity.
        weights: File or folder.
        device: auto, cpu, cuda, cuda:1, cuda:0,1.
        precision: fp32, tf32, bf16 or fp16.
        seed: For trackers with random parts.
        capacity: Streams tracked together.
        workers: Processes, for names and ``FILE.py:CLASS``; a class or an object runs in this one.
        timeout: Seconds after which one step hangs.
        progress: Show a bar, or now and then a line, and notes.
        **options: Fields of ``evalkit.evaluation.session.RunOptions``: ``split``, ``layout``, ``sequences``,
            ``limit_sequences``, ``limit_frames``, ``repeat``, ``fresh``, ``name``.

    Returns:
        The runs and their scores; a sequence that failed is named in it and stops nothing.

    Raises:
        UnknownNameError: There is no such tracker, benchmark or option.
        EvalkitError: The tracker, the data or the results folder cannot be used; nothing has been run.
        KeyboardInterrupt: It was stopped; what is finished is stored, and the same call goes on.
    """
    catalog = importlib.import_module("evalkit.trackers")  # by its text: the catalog comes from outside
    known = [field.name for field in fields(RunOptions)]
    for option in options:
        if option not in known:
            raise unknown_name("option", option, known)
    kinds = {"data_root": Path, "layout": Path, "sequences": tuple}
    given = {"data_root": data_root, **options}
    chosen = {key: kinds[key](value) if key in kinds and value is not None else value for key, value in given.items()}
    benchmarks = (benchmark,) if isinstance(benchmark, str) else tuple(benchmark)
    asked = RunOptions(benchmarks=benchmarks, results=Path(results), **chosen)
    own = None if isinstance(tracker, str) else tracker
    single = own is not None and not isinstance(own, type) and not hasattr(own, "prepare")
    how = ExecutorOptions(
        tracker if isinstance(tracker, str) else getattr(own, "__qualname__", type(own).__qualname__),
        TrackerOptions(
            weights=None if weights is None else str(weights),
            precision=precision,
            seed=seed,
            settings=dict(settings or {}),
        ),
        catalog=catalog.CATALOG,
        code=(Path(str(catalog.__file__)).parent,),
        device=device,
        capacity="1" if single else str(capacity),
        workers=workers,
        timeout=timeout,
        own=own,
    )
    ran = run_tracker(asked, how, _watch(quiet=not progress))
    if ran.timing is None:
        raise KeyboardInterrupt
    failed = {f"{d['benchmark']}/{name}": text for d in ran.documents for name, text in d["failed"].items()}
    return RunResult(tuple(ran.runs), failed, tuple(entry for entry in ran.scores if entry is not None))


def _watch(*, quiet: bool) -> Watch:
    def say(text: str) -> None:
        if not quiet:
            sys.stderr.write(f"{visible(text)}\n")

    return Watch(say, functools.partial(FrameProgress, say=say, quiet=quiet), say)


def load_run(
    benchmark: str,
    tracker: str,
    *,
    results: AnyPath = "results",
    split: str | None = None,
    run_id: str = "",
) -> Run:
    """Open a run of the store: ``run.names``, ``run.read(name).boxes``, ``run.status()``, ``run.digest()``.

    Args:
        benchmark: Its name.
        tracker: Its name.
        results: Folder of the store.
        split: Only runs on this split.
        run_id: The id or its beginning, where there are several runs.

    Raises:
        StoreError: There is no such run, or there are several; lists them.
    """
    store = ResultStore(Path(results))
    runs = store.find(benchmark=benchmark, tracker=tracker, run_id=run_id or None)
    runs = [run for run in runs if split is None or run.identity.split == split]
    if not runs:
        which = " ".join(part for part in ("no run", run_id, "on", benchmark, split or "") if part)
        raise StoreError(f"{tracker} has {which} in {store.root}. Make one with `evalkit run-benchmark`.")
    if len(runs) > 1:
        listed = ", ".join(f"{run.run_id} ({run.identity.split}, {run.status().value})" for run in runs)
        raise StoreError(f"{tracker} has several runs on {benchmark}: {listed}. Choose one with run_id.")
    return runs[0]


def load_scores(what: str | Request | Run | cabc.Sequence[Run], **options: Any) -> list[Scores]:
    """Score trackers, attributes included.

    Args:
        what: A benchmark's name, one or several runs on one benchmark, or a request.
        **options: Fields of :class:`evalkit.Request`, such as ``trackers=["kcf"], data_root="sample"``.

    Raises:
        UnknownNameError: There is no such option.
        EvalkitError: As ``evalkit score``.
    """
    if isinstance(what, Request):
        request = Request.of(**{**asdict(what), **options})
    elif isinstance(what, str):
        request = Request.of(**options, benchmarks=what)
    else:
        request = Request.of_runs([what] if isinstance(what, Run) else list(what), **options)
    return score_request(replace(request, attributes=True))


def score(what: Scored, **options: Any) -> pd.DataFrame:
    """Scores as fractions in [0, 1].

    Args:
        what: A benchmark's name, runs, or scores of :func:`load_scores`.
        **options: Fields of :class:`evalkit.Request`; with scores there are none.

    Returns:
        One row per tracker. Columns: every metric of the protocol (with ``interval`` also ``..._low`` and
        ``..._high``), ``sequences``, ``frames``, ``protocol``, ``run``, ``sample`` (true for the rendered sample,
        whose numbers say nothing about trackers).
    """
    scores = _scores(what, options)
    rows = []
    for entry in scores:
        row: dict[str, object] = {}
        for key, value in entry.summary.items():
            row[key] = value
            if options.get("interval") is not None:  # NaN where there are too few sequences
                row[f"{key}_low"], row[f"{key}_high"] = entry.intervals.get(key, (math.nan, math.nan))
        facts = {"sequences": len(entry.sequence_names), "frames": int(entry.frames.sum())}
        rows.append(row | facts | {"protocol": entry.protocol, "run": entry.run, "sample": entry.sample})
    return pd.DataFrame(rows, index=pd.Index(labels(scores), name="tracker"))


def per_sequence(what: Scored, metric: str | None = None, **options: Any) -> pd.DataFrame:
    """One metric of every sequence (rows) and tracker (columns), as fractions; NaN where it is undefined.

    Args:
        what: As for :func:`score`.
        metric: Metric key; default: the one that ranks trackers on the benchmark.
        **options: As for :func:`score`.

    Raises:
        UnknownNameError: The protocol does not report that metric per sequence.
    """
    scores = _scores(what, options)
    key = metric or leading(scores, get_benchmark(scores[0].benchmark))
    for entry in scores:
        if key not in entry.per_sequence:
            raise unknown_name("metric", key, entry.per_sequence)
    columns = {
        name: pd.Series(entry.per_sequence[key], index=list(entry.sequence_names))
        for name, entry in zip(labels(scores), scores, strict=True)
    }
    return pd.DataFrame(columns).rename_axis("sequence")


def table(what: Scored | cabc.Sequence[str], **options: Any) -> pd.DataFrame:
    """Scores as papers print them: times 100, rounded, headline metrics only, the best tracker first.

    Args:
        what: As for :func:`score`, or several benchmarks' names.
        **options: As for :func:`score`.

    Returns:
        One row per tracker; columns (benchmark, metric) with the papers' labels; NaN where a tracker has no score.
        A benchmark's label says "(sample)" where the data are the rendered sample.
    """
    names = [name for name in what if isinstance(name, str)] if not isinstance(what, str | Run | Request) else []
    scores = [entry for name in names for entry in load_scores(name, **options)] if names else _scores(what, options)
    columns: dict[tuple[str, str], dict[str, float]] = {}
    for benchmark in dict.fromkeys(entry.benchmark for entry in scores):
        group = [entry for entry in scores if entry.benchmark == benchmark]
        spec = get_benchmark(benchmark)
        for key in headline(group, spec):
            metric = get_metric(key, benchmark)
            label = spec.title + (" (sample)" if group[0].sample else ""), metric.label.replace("_", " ")
            values = [round(entry.summary[key] * metric.scale, metric.decimals) for entry in group]
            columns[label] = dict(zip(labels(group), values, strict=True))
    frame = pd.DataFrame(columns).rename_axis("tracker")
    return frame.sort_values(frame.columns[0], ascending=False)


def plot(what: Scored, kind: str = "success", **options: Any) -> Figure:
    """A figure of the scores of one benchmark.

    Args:
        what: As for :func:`score`.
        kind: Name of the plot, as ``evalkit make-plots --plot`` takes it; ``speed`` needs stored times, which only
            the command has.
        **options: As for :func:`score`.

    Raises:
        UnknownNameError: There is no such plot.
        ScoringError: The scores do not allow it.
    """
    if kind not in CHARTS:
        raise unknown_name("plot", kind, CHARTS)
    scores = _scores(what, options)
    spec = get_benchmark(scores[0].benchmark)
    return CHARTS[kind].draw(Material(scores, f"{spec.title} {scores[0].split}", leading(scores, spec)))


def plot_success(what: Scored, **options: Any) -> Figure:
    """The success plot of one benchmark, ranked by score; ``figure.savefig("success.pdf")`` writes it."""
    return plot(what, "success", **options)


def _scores(what: object, options: cabc.Mapping[str, Any]) -> list[Scores]:
    listed = list(what) if isinstance(what, cabc.Sequence) and not isinstance(what, str) else [what]
    if listed and all(isinstance(entry, Scores) for entry in listed):
        if options:
            raise ScoringError(f"these are scores already; pass {', '.join(options)} to evalkit.load_scores.")
        return [entry for entry in listed if isinstance(entry, Scores)]
    if isinstance(what, str | Request):
        return load_scores(what, **options)
    runs = [entry for entry in listed if isinstance(entry, Run)]
    if not runs or len(runs) < len(listed):
        raise ScoringError(f"expected a benchmark's name, runs, or scores, or a request; found {what!r}.")
    return load_scores(runs, **options)
