"""``evalkit make-table``: scores as tables."""

import collections.abc as cabc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.commands.common import App, Level, common_options, json_option
from evalkit.commands.options import request_options
from evalkit.commands.output import echo_text
from evalkit.evaluation.request import Request
from evalkit.report.tables.formats import FORMATS, format_of, write_tables
from evalkit.scoring.statistics import LEVEL

if TYPE_CHECKING:
    from evalkit.evaluation.tables import MadeTables
    from evalkit.report.tables.comparison import ComparedTable
    from evalkit.report.tables.table import Table


@click.command()
@request_options(required=False)
@click.option("--metrics", multiple=True, help="In this order: AUC,P_Norm,P; for one benchmark: got10k=AO,SR_0.5.")
@click.option(
    "--order", type=click.Choice(("best", "given")), default="given", help="Of the rows; best: by the first column."
)
@click.option("--names", multiple=True, help="What to print for trackers: ours=Ours,kcf=KCF.")
@click.option(
    "--interval",
    type=Level(),
    is_flag=False,
    flag_value=LEVEL,
    help=f"With intervals over sequences, of this level.  [without a value: {LEVEL}]",
)
@click.option("--speed/--no-speed", default=None, help="With frames/s; default: in tables of one benchmark.")
@click.option(
    "--overview/--no-overview",
    default=None,
    help="One table per benchmark, with one of their leading metrics or without; default: one table of all.",
)
@click.option("--caption", default="", help="Instead of the title.")
@click.option("--label", default="", help="For \\ref in LaTeX, such as tab:main.")
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)), help="Default: by suffix of --output, else text.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--paper", help="A paper's table with what was measured: upvpt, srft, vipt.")
@click.option("--table", "number", help="Of the paper, see `evalkit list tables`; default: all.")
@json_option
@common_options
@click.pass_obj
def make_table(
    app: App,
    /,
    *,
    request: Request,
    metrics: tuple[str, ...],
    order: str,
    names: tuple[str, ...],
    speed: bool | None,
    overview: bool | None,
    caption: str,
    label: str,
    form: str | None,
    output: Path | None,
    paper: str | None,
    number: str | None,
    as_json: bool,
) -> None:
    r"""Make one table of all benchmarks, as papers print it; or a paper's own table.

    Benchmarks are groups of columns. Printed scores are times 100; CSV and JSON keep unrounded fractions, and without
    options for the table they have one table per benchmark and an overview. With --output alone the suffix decides the
    format (.md, .tex, .csv, .json, .html, .txt) and the table is also shown. LaTeX fits on a page with one or two
    columns of text; where the numbers come from stands in its comments.

    With --paper the table is the paper's. Complete runs of its trackers stand under the published rows, with the
    difference and a verdict; without a run it is the published table alone.

    \b
    Examples:
      evalkit make-table lasot --tracker kcf,ncc --data-root sample
      evalkit make-table lasot,uav123 --metrics AUC,P_Norm,P --order best --names ours=Ours --output table.tex
      evalkit make-table lasot,visevent --metrics AUC,P --metrics visevent=PR,SR --interval --speed
      evalkit make-table got10k --split val --format csv > scores.csv
      evalkit make-table --paper upvpt --table 2 --data-root /data --format markdown
      evalkit make-table --paper upvpt --table 2 --predictions results.zip --annotations lasot_annotations.zip
    """
    chosen = "json" if as_json else form
    if number is not None and paper is None:
        raise click.UsageError("--table: of which paper? Pass --paper NAME.")
    if not request.benchmarks and paper is None:
        raise click.UsageError("which benchmark? Name it: BENCHMARK, or pass --paper NAME for a paper's table.")
    if request.benchmarks and paper is not None:
        raise click.UsageError("BENCHMARK and --paper exclude each other: a paper's table has its own benchmarks.")
    if output is not None and chosen is None and format_of(output.suffix) is None:
        suffixes = ", ".join(form.suffix for form in FORMATS.values())
        raise click.UsageError(f"--output {output}: pass --format, or a suffix of {suffixes}.")
    from evalkit.evaluation.tables import Layout, MadeTables, tables_of, titled_papers

    layout = Layout(
        metrics=metrics,
        best_first=order == "best",
        names=names,
        speed=speed,
        overview=overview,
        caption=caption,
        label=label,
    )
    if paper is None:
        _write(app, tables_of(request, app.say, layout), chosen, output)
        return
    if request.interval is not None or layout != Layout(caption=caption, label=label):
        raise click.UsageError("--paper: a paper's table is laid out as printed; only --caption and --label change it.")
    from evalkit.evaluation.papers import paper_tables

    compared = titled_papers(paper_tables(request, paper, number), layout)
    _write(app, MadeTables(compared, compared), chosen, output)


def _write(app: App, tables: "MadeTables", chosen: str | None, output: Path | None) -> None:
    """To a file, to the terminal, or both."""
    from evalkit.atomic import write_whole

    if output is not None:
        form = chosen or format_of(output.suffix) or "text"
        write_whole(output, write_tables(tables.of(form), form).encode())
        app.say(f"written to {output}")
        if chosen is not None:
            return
    if chosen in {None, "text"}:
        _show(tables.of("text"))
    else:
        echo_text(write_tables(tables.of(chosen), chosen))


def _show(tables: "cabc.Sequence[Table | ComparedTable]") -> None:
    """Print to the terminal; plain text in full width where the output is a file or a pipe."""
    from rich.console import Console

    from evalkit.report.tables.comparison import ComparedTable
    from evalkit.report.tables.terminal import to_rich

    if not sys.stdout.isatty():
        echo_text(write_tables(tables, "text"))
        return
    console = Console(highlight=False)
    for table in tables:
        console.print(to_rich(table.table if isinstance(table, ComparedTable) else table, console.width))
        console.print()
