"""``evalkit make-report``: scores of several benchmarks as one HTML file that works offline."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.benchmarks import BENCHMARKS
from evalkit.benchmarks.spec import Access
from evalkit.commands.common import App, common_options
from evalkit.commands.output import echo
from evalkit.commands.tables import names_option, score_options
from evalkit.errors import StoreError
from evalkit.evaluation.request import Request
from evalkit.evaluation.sources import Source, read_report_file
from evalkit.store.runs import ResultStore

if TYPE_CHECKING:
    from evalkit.report.html.part import Part

TITLE = "Tracking report"


@click.command()
@click.option("--benchmark", "benchmarks", multiple=True, callback=names_option, help="Default: all that have runs.")
@score_options
@click.option(
    "--source",
    "files",
    nargs=3,
    multiple=True,
    metavar="BENCHMARK PREDICTIONS ANNOTATIONS",
    help="Raw result files and an annotations-only copy; repeatable.",
)
@click.option("--from", "listed", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file that lists all.")
@click.option("--title", help=f"Heading. [default: {TITLE}]")
@click.option(
    "--worst", type=click.IntRange(min=0), default=4, show_default=True, help="Hardest sequences shown per benchmark."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("reports/report.html"),
    show_default=True,
    help="File to write.",
)
@common_options
@click.pass_obj
def make_report(
    app: App,
    /,
    *,
    benchmarks: tuple[str, ...],
    files: tuple[tuple[str, str, str], ...],
    listed: Path | None,
    title: str | None,
    worst: int,
    output: Path,
    **asked: Any,
) -> None:
    r"""Write one HTML file that works offline: scores, intervals, verdicts, curves, attributes, sequences, provenance.

    Results are runs of the store, raw files of one benchmark (--predictions), of several (--source, repeatable), or
    what a TOML file lists (--from). The hardest sequences are drawn where the data root has their images.

    \b
    Examples:
      evalkit make-report --tracker kcf,ncc --data-root sample --local-truth
      evalkit make-report --benchmark lasot,uav123 --output reports/mine.html
      evalkit make-report --source lasot lasot.zip lasot_truth.zip --source uav123 uav.zip uav_truth.zip
      evalkit make-report --from report.toml
    """
    from evalkit.evaluation.parts import make_part
    from evalkit.report.html.page import build_html
    from evalkit.store.atomic import write_whole

    request = Request(**asked)
    plan = read_report_file(listed) if listed else None
    sources = [*(plan.source if plan else ()), *(_of_files(line, request) for line in files)]
    if benchmarks or not sources:
        sources += _of_benchmarks(benchmarks, request) if benchmarks else _of_store(app, request)
    parts: list[Part] = []
    for source in sources:
        app.say(f"{source.benchmark}: scoring")
        parts.append(make_part(source, request.results, worst=worst, say=app.say, before=parts))
    page = build_html(parts, title or (plan.title if plan else None) or TITLE)
    write_whole(output, page.encode())
    count = "1 benchmark" if len(parts) == 1 else f"{len(parts)} benchmarks"
    app.say(f"{len(page.encode()) / 1e6:.1f} MB, {count}; open it in a browser")
    echo(output)


def _of_files(line: tuple[str, str, str], request: Request) -> Source:
    benchmark, predictions, annotations = line
    return Source(
        benchmark=benchmark,
        predictions=Path(predictions),
        annotations=Path(annotations),
        trackers=request.trackers,
        protocol=request.protocol,
        allow_missing=request.allow_missing,
    )


def _of_benchmarks(benchmarks: tuple[str, ...], request: Request) -> list[Source]:
    """What the options say of the benchmarks named."""
    if request.predictions is not None and len(benchmarks) != 1:
        raise click.UsageError("--predictions holds results on one benchmark; for several use --source.")
    return [_source(request, name, request.trackers, request.split) for name in benchmarks]


def _of_store(app: App, request: Request) -> list[Source]:
    """All benchmarks and splits that have runs of the trackers asked for and whose truth is public or at hand."""
    if request.predictions is not None:
        raise click.UsageError("--predictions holds results on one benchmark: name it with --benchmark.")
    found: dict[tuple[str, str], dict[str, None]] = {}
    for run in ResultStore(request.results).find():
        identity = run.identity
        if request.trackers and identity.tracker not in request.trackers:
            continue
        if request.split in {None, identity.split}:
            found.setdefault((identity.benchmark, identity.split), {})[identity.tracker] = None
    places = sorted(found, key=lambda place: (*_order(place[0]), place[1]))
    hidden = [] if request.local_truth or request.annotations else [place for place in places if _is_hidden(*place)]
    for benchmark, split in hidden:
        app.say(f"{benchmark} {split} is left out: a server has its truth (the sample brings its own: --local-truth)")
    kept = [place for place in places if place not in hidden]
    if not kept:
        raise StoreError(
            f"nothing to report: {request.results} has no run{' of these trackers' if request.trackers else ''} that "
            "can be scored here. Run `evalkit run-benchmark BENCHMARK --tracker T` first, or pass raw files: --source."
        )
    return [
        _source(request, benchmark, request.trackers and tuple(found[benchmark, split]), split)
        for benchmark, split in kept
    ]


def _order(benchmark: str) -> tuple[int, str]:
    names = list(BENCHMARKS)
    return (names.index(benchmark) if benchmark in names else len(names), benchmark)


def _is_hidden(benchmark: str, split: str) -> bool:
    spec = BENCHMARKS.get(benchmark)
    return spec is not None and spec.splits[split].access is Access.FIRST_FRAME_ONLY


def _source(request: Request, benchmark: str, trackers: tuple[str, ...], split: str | None) -> Source:
    return Source(
        benchmark=benchmark,
        predictions=request.predictions,
        annotations=request.annotations,
        data_root=request.data_root,
        trackers=trackers,
        run_ids=request.run_ids,
        split=split,
        protocol=request.protocol,
        local_truth=request.local_truth,
        allow_missing=request.allow_missing,
        layout=request.layout,
    )
