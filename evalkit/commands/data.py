"""``evalkit list`` and ``evalkit check-data``."""

import collections.abc as cabc
from pathlib import Path
from typing import Any

import click

from evalkit.commands.common import (
    EXIT_FAILED,
    App,
    common_options,
    data_root_option,
    json_option,
    print_json,
)
from evalkit.commands.options import benchmark_argument, layout_option, split_option
from evalkit.commands.output import echo
from evalkit.commands.runs import filter_options, list_runs
from evalkit.errors import unknown_name
from evalkit.machine import usable_cores

KINDS = ("benchmarks", "trackers", "protocols", "tables", "recipes", "runs")


@click.command("list")
@click.argument("kind", metavar="|".join(KINDS))
@click.option("--parameters", is_flag=True, help="Of trackers: total, trained and added parameters of each recipe.")
@filter_options
@click.option("--results", type=click.Path(path_type=Path), help="Of runs: the results folder.  [default: results]")
@json_option
@common_options
@click.pass_obj
def list_names(
    app: App, /, *, kind: str, parameters: bool, results: Path | None, as_json: bool, **filters: Any
) -> None:
    r"""Names of benchmarks, trackers, protocols, tables or recipes, or what a results folder holds, one line each.

    --json prints every field. The options --run, --tracker, --benchmark, --state and --results belong to runs.

    \b
    Examples:
      evalkit list benchmarks
      evalkit list trackers
      evalkit list protocols --json
      evalkit list runs --tracker kcf --state complete
    """
    from evalkit.commands import listing

    if kind not in KINDS:
        raise unknown_name("kind of list", kind, KINDS)
    if parameters and kind != "trackers":
        raise click.UsageError("--parameters belongs to `list trackers`; recipes show theirs anyway.")
    if kind == "runs":
        list_runs(app, results or Path("results"), as_json=as_json, **filters)
        return
    if results is not None or any(filters.values()):
        raise click.UsageError("--run, --tracker, --benchmark, --state and --results belong to `list runs`.")
    documents: cabc.Callable[[], Any]
    rows: cabc.Callable[[], list[list[str]]]
    if kind == "recipes" or parameters:
        from evalkit.tracking.training import load_training

        program = load_training(app.training)
        listed = program.tracker_parameters() if parameters else program.recipe_documents()
        documents, rows = lambda: listing.plain(listed), lambda: listing.training_rows(listed)
    else:
        entries = app.catalog
        documents, rows = {
            "benchmarks": (listing.benchmark_documents, listing.benchmark_rows),
            "trackers": (lambda: listing.plain([*entries.values()]), lambda: listing.tracker_rows(entries)),
            "protocols": (listing.protocol_documents, listing.protocol_rows),
            "tables": (listing.table_documents, listing.table_rows),
        }[kind]
    if as_json:
        print_json(documents())
    else:
        echo(*listing.columns(rows()))


@click.command("check-data")
@benchmark_argument
@data_root_option
@split_option
@click.option("--deep", is_flag=True, help="Decode every image (else three frames per sequence).")
@layout_option
@click.option("--decoders", type=click.IntRange(min=1), default=usable_cores, show_default="cores", help="Threads.")
@json_option
@common_options
@click.pass_obj
def check_data(
    app: App,
    *,
    benchmark: str,
    data_root: Path | None,
    split: str | None,
    deep: bool,
    layout: Path | None,
    decoders: int,
    as_json: bool,
) -> int:
    r"""Is my copy of BENCHMARK complete and readable? Lists every problem; ends with 1 if there is one.

    \b
    Checked: missing sequences, images against annotation rows, flag files, first boxes, image sizes, empty and
    unreadable images, and (for sequences of the official list) the official number of frames.
    How unusual images are read: gray as three equal channels, 16-bit color without its lower 8 bits, CMYK converted,
    EXIF orientation applied. docs/data-layouts.md describes the expected layouts.

    \b
    Examples:
      evalkit check-data lasot --data-root /data/LaSOT
      evalkit check-data got10k --split val --deep
      evalkit check-data custom --data-root videos --layout layout.toml --json
    """
    from evalkit.benchmarks import get_benchmark, get_split
    from evalkit.benchmarks.data_check import check_copy
    from evalkit.commands.checks import check_progress, report_document, report_lines
    from evalkit.evaluation.roots import find_root

    spec = get_benchmark(benchmark, layout=layout)
    chosen = get_split(spec, split)
    root = find_root(spec, data_root)
    with check_progress(app, spec.title) as progress:
        report = check_copy(spec, root, chosen, deep=deep, threads=decoders, progress=progress)
    if as_json:
        print_json(report_document(report))
    else:
        for line in report_lines(report, deep=deep):
            echo(line)
    return 0 if report.complete else EXIT_FAILED
