"""``evalkit make-table``: scores as tables; and what is scored, for tables and figures."""

import collections.abc as cabc
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.commands.common import App, common_options, data_root_option, json_option, results_option
from evalkit.commands.output import echo_text
from evalkit.errors import StoreError
from evalkit.evaluation.request import Request
from evalkit.report.tables.formats import FORMATS, format_of, write_tables
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:
    from evalkit.evaluation.inputs import Candidate, Truth
    from evalkit.report.headline import Key
    from evalkit.report.tables.comparison import ComparedTable
    from evalkit.report.tables.table import Table


def names_option(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a repeatable option that also takes comma lists, each once."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def score_options(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Options that say which runs are scored, against which truth, by which rules."""
    for decorate in reversed(
        (
            click.option(
                "--tracker", "trackers", multiple=True, callback=names_option, help="Default: all complete runs."
            ),
            click.option(
                "--run", "run_ids", multiple=True, callback=names_option, help="Run id, for trackers with several."
            ),
            click.option("--split", help="Default: the split that papers report."),
            click.option("--protocol", default="papers", show_default=True, help="Protocol id, official, or papers."),
            click.option("--predictions", type=click.Path(path_type=Path), help="Raw result files instead of runs."),
            click.option("--annotations", type=click.Path(path_type=Path), help="Annotations-only copy, no images."),
            click.option("--local-truth", is_flag=True, help="The sample's truth for splits that servers score."),
            click.option("--allow-missing", is_flag=True, help="Score what is there and say so."),
            click.option("--layout", type=click.Path(path_type=Path), help="Layout file for `custom`."),
            data_root_option,
            results_option,
        )
    ):
        command = decorate(command)
    return command


@click.command()
@click.option(
    "--benchmark", "benchmarks", multiple=True, callback=names_option, help="Repeatable, or names with commas."
)
@score_options
@click.option("--overview/--no-overview", default=None, help="Trackers against benchmarks; default: if several.")
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)), help="Default: by suffix of --output, else text.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--paper", help="A paper's table with what was measured: upvpt, srft, vipt.")
@click.option("--table", "number", help="Of the paper, see `evalkit list tables`; default: all.")
@json_option
@common_options
@click.pass_obj
def make_table(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    benchmarks: tuple[str, ...],
    overview: bool | None,
    form: str | None,
    output: Path | None,
    paper: str | None,
    number: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    r"""Make one table per benchmark, and an overview where there are several; or a paper's table.

    Printed scores are times 100; CSV and JSON keep unrounded fractions. With --output alone the suffix decides the
    format (.md, .tex, .csv, .json, .html, .txt) and the table is also shown.

    With --paper the table is the paper's. Complete runs of its trackers stand under the published rows, with the
    difference and a verdict; without a run it is the published table alone.

    \b
    Examples:
      evalkit make-table --benchmark lasot --tracker kcf,ncc --data-root sample
      evalkit make-table --benchmark lasot,uav123 --format latex --output tables.tex
      evalkit make-table --benchmark got10k --split val --format csv > scores.csv
      evalkit make-table --paper upvpt --table 2 --data-root /data --format markdown
      evalkit make-table --paper upvpt --table 2 --predictions results.zip --annotations lasot_annotations.zip
    """
    from evalkit.report.tables.overview import benchmark_tables, overview_table

    chosen = "json" if as_json else form
    if number is not None and paper is None:
        raise click.UsageError("--table: of which paper? Pass --paper NAME.")
    if not benchmarks and paper is None:
        raise click.UsageError("which benchmark? Pass --benchmark NAME, or --paper NAME for a paper's table.")
    if benchmarks and paper is not None:
        raise click.UsageError("--benchmark and --paper exclude each other: a paper's table has its own benchmarks.")
    if output is not None and chosen is None and format_of(output.suffix) is None:
        suffixes = ", ".join(form.suffix for form in FORMATS.values())
        raise click.UsageError(f"--output {output}: pass --format, or a suffix of {suffixes}.")
    request = Request(**asked)
    if paper is not None:
        from evalkit.evaluation.papers import paper_tables

        _write(app, paper_tables(request, paper, number), chosen, output)
        return
    specs = {name: get_benchmark(name, layout=request.layout) for name in benchmarks}
    found = [score_request(app, spec, request) for spec in specs.values()]
    scores = [score for one in found for score in one.scores]
    tables = benchmark_tables(scores, specs, {key: fps for one in found for key, fps in one.speeds.items()})
    if overview or (overview is None and len(tables) == len(specs) > 1):  # several protocols have no overview
        tables.append(overview_table(scores, specs))
    _write(app, tables, chosen, output)


def _write(app: App, tables: "cabc.Sequence[Table | ComparedTable]", chosen: str | None, output: Path | None) -> None:
    """To a file, to the terminal, or both."""
    from evalkit.store.atomic import write_whole

    if output is not None:
        write_whole(output, write_tables(tables, chosen or format_of(output.suffix) or "text").encode())
        app.say(f"written to {output}")
        if chosen is not None:
            return
    if chosen in {None, "text"}:
        _show(tables)
    else:
        echo_text(write_tables(tables, chosen))


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of one benchmark; speeds and hashes by benchmark, tracker, run."""

    scores: list[Scores]
    speeds: "dict[Key, float]"
    origins: "dict[Key, dict[str, str]]"


def score_request(
    app: App, spec: BenchmarkSpec, request: Request, *, attributes: bool = False, interval: float | None = None
) -> Scored:
    """Score what was asked for, with the speeds and hashes of the results."""
    from evalkit.evaluation.inputs import compute_scores, from_files, from_store, load_truth
    from evalkit.report.hashes import ground_truth_sha256, results_sha256

    truth = load_truth(
        spec.name,
        split=request.split,
        annotations=request.annotations,
        data_root=request.data_root,
        local_truth=request.local_truth,
        layout=request.layout,
        allow_missing=request.allow_missing,
    )
    if request.predictions is not None:
        candidates = from_files(truth, request.predictions, trackers=request.trackers)
    else:
        candidates = from_store(truth, request.results, trackers=request.trackers, run_ids=request.run_ids)
        if not (request.trackers or request.run_ids or request.allow_missing):
            candidates = _complete(app, truth, candidates)
    scores = compute_scores(
        truth,
        candidates,
        request.protocol,
        allow_missing=request.allow_missing,
        attributes=attributes,
        interval=interval,
    )
    ground_truth = ground_truth_sha256(truth.annotations)
    speeds: dict[Key, float] = {}
    origins: dict[Key, dict[str, str]] = {}
    for one in candidates:
        key = (spec.name, one.tracker, one.run)
        speed = one.frames_per_second()
        if speed is not None:
            speeds[key] = speed
        predictions = results_sha256(one.trajectories)
        origins[key] = {"predictions_sha256": predictions, "ground_truth_sha256": ground_truth}
    return Scored(scores, speeds, origins)


def _complete(app: App, truth: "Truth", candidates: "list[Candidate]") -> "list[Candidate]":
    """Nobody was asked for by name: take who has finished, and say who has not."""
    names = {annotation.name for annotation in truth.annotations}
    kept = [one for one in candidates if names <= set(one.trajectories)]
    for one in candidates:
        lacking = len(names - set(one.trajectories))
        if lacking:
            app.say(f"{truth.spec.name}: {one.tracker} is left out, {lacking} of {len(names)} sequences are missing")
    if not kept:
        raise StoreError(
            f"no tracker has a complete run on {truth.spec.title} {truth.split.name}. Finish one with "
            f"`{candidates[0].how_to_continue}`, or pass --allow-missing."
        )
    return kept


def _show(tables: "cabc.Sequence[Table | ComparedTable]") -> None:
    """Print to the terminal; plain text in full width where the output is a file or a pipe."""
    from rich.console import Console

    from evalkit.report.tables.comparison import ComparedTable
    from evalkit.report.tables.printed import to_rich

    if not sys.stdout.isatty():
        echo_text(write_tables(tables, "text"))
        return
    console = Console(highlight=False)
    for table in tables:
        console.print(to_rich(table.table if isinstance(table, ComparedTable) else table))
        console.print()
