"""What a report is made of: a request, raw files of several benchmarks, or a file that lists both."""

import collections.abc as cabc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.benchmarks import BENCHMARKS
from evalkit.benchmarks.spec import Access
from evalkit.errors import OptionError, StoreError
from evalkit.evaluation.candidates import Say, dry_runs
from evalkit.evaluation.request import Request, RequestError, read_toml
from evalkit.store.runs import ResultStore

REMARKS = ("remark", "stand_in")


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Results on one benchmark.

    Attributes:
        request: What is scored.
        remark: What a reader must know of these data before any number.
        stand_in: Why the data are not the official ones, so that nothing published is put beside them.
    """

    request: Request
    remark: str = ""
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report file: its title and its sources."""

    title: str | None
    sources: tuple[ReportSource, ...]


def read_report_file(path: Path) -> ReportFile:
    """Read a report file; its paths are relative to its folder, its keys are described in ``docs/report.md``.

    Raises:
        RequestError: It cannot be read, is no TOML, or has a wrong value; names it.
        UnknownNameError: It has an unknown key; names the nearest one.
    """
    content = read_toml(path)
    title, tables = content.pop("title", None), content.pop("source", None)
    if content or not isinstance(title, str | None):
        raise RequestError(f"{path}: expected a text `title` and tables [[source]], not {', '.join(content) or title}.")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise RequestError(f"{path}: expected one or more tables [[source]]. The keys are described in docs/report.md.")
    return ReportFile(title, tuple(_source(path, number, table) for number, table in enumerate(tables, 1)))


def _source(path: Path, number: int, table: cabc.Mapping[str, Any]) -> ReportSource:
    where = f"{path}, source {number}"
    remarks = {key: table[key] for key in REMARKS if key in table}
    if wrong := [key for key, text in remarks.items() if not isinstance(text, str)]:
        raise RequestError(f"{where}: {', '.join(wrong)}: expected a text.")
    request = Request.of_table({key: table[key] for key in table if key not in REMARKS}, where, path.parent)
    if len(request.benchmarks) != 1:
        raise RequestError(f"{where}: expected one benchmark, not {', '.join(request.benchmarks) or 'none'}.")
    return ReportSource(request, **remarks)


def all_sources(
    request: Request, files: cabc.Iterable[tuple[str, str, str]], plan: ReportFile | None, say: Say
) -> list[ReportSource]:
    """Sources of a report file, of raw files, and of the request.

    Args:
        request: Its results are a part of the report where it names benchmarks, or where there is no other source.
        files: Benchmark, raw result files, annotations-only copy.
        plan: Of :func:`read_report_file`.
        say: Is told which splits are left out.

    Raises:
        StoreError: There is nothing to report.
        OptionError: Raw files, and not one benchmark that they are on.
    """
    sources = list(plan.sources) if plan else []
    for benchmark, predictions, annotations in files:
        of_files = replace(
            request,
            benchmarks=(benchmark,),
            predictions=Path(predictions),
            annotations=Path(annotations),
            data_root=None,
            split=None,
        )
        sources.append(ReportSource(of_files))
    if sources and not request.benchmarks:
        return sources
    if request.predictions is not None and len(request.benchmarks) != 1:
        raise OptionError(
            "--predictions", "they are results on one benchmark: name it with BENCHMARK; of several use --source."
        )
    return [*sources, *map(ReportSource, request.each() if request.benchmarks else _of_store(request, say))]


def _of_store(request: Request, say: Say) -> list[Request]:
    """All benchmarks and splits that have runs of the trackers asked for and whose truth is public or at hand."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    runs = [
        run
        for run in ResultStore(request.results).find()
        if not request.trackers or run.identity.tracker in request.trackers
    ]
    dry = [] if request.with_random_weights else dry_runs(runs)
    for run in runs if len(dry) == len(runs) else [run for run in runs if run not in dry]:
        identity = run.identity
        if request.split in {None, identity.split}:
            places.setdefault((identity.benchmark, identity.split), {})[identity.tracker] = None
    order = {name: number for number, name in enumerate(BENCHMARKS)}
    kept = []
    for benchmark, split in sorted(places, key=lambda place: (order.get(place[0], len(order)), place)):
        spec = BENCHMARKS.get(benchmark)
        hidden = spec is not None and spec.splits[split].access is Access.FIRST_FRAME_ONLY
        if hidden and not (request.local_truth or request.annotations):
            say(f"{benchmark} {split} is left out: a server has its truth (the sample brings its own: --local-truth)")
            continue
        trackers = tuple(name for name in request.trackers if name in places[benchmark, split])
        kept.append(replace(request, benchmarks=(benchmark,), split=split, trackers=trackers))
    if not kept:
        raise StoreError(
            f"nothing to report: {request.results} has no run{' of these trackers' if request.trackers else ''} that "
            "can be scored here. Run `evalkit run-benchmark BENCHMARK --tracker T` first, or pass raw files: --source."
        )
    return kept
