"""``evalkit make-table``: scores as tables."""

import collections.abc as cabc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.commands.common import App, common_options, json_option
from evalkit.commands.options import request_options
from evalkit.commands.output import echo_text
from evalkit.evaluation.request import Request
from evalkit.report.tables.formats import FORMATS, format_of, write_tables

if TYPE_CHECKING:
    from evalkit.report.tables.comparison import ComparedTable
    from evalkit.report.tables.table import Table


@click.command()
@request_options(required=False)
@click.option("--overview/--no-overview", default=None, help="Trackers against benchmarks; default: if several.")
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
    overview: bool | None,
    form: str | None,
    output: Path | None,
    paper: str | None,
    number: str | None,
    as_json: bool,
) -> None:
    r"""Make one table per benchmark, and an overview where there are several; or a paper's table.

    Printed scores are times 100; CSV and JSON keep unrounded fractions. With --output alone the suffix decides the
    format (.md, .tex, .csv, .json, .html, .txt) and the table is also shown.

    With --paper the table is the paper's. Complete runs of its trackers stand under the published rows, with the
    difference and a verdict; without a run it is the published table alone.

    \b
    Examples:
      evalkit make-table lasot --tracker kcf,ncc --data-root sample
      evalkit make-table lasot,uav123 --format latex --output tables.tex
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
    if paper is not None:
        from evalkit.evaluation.papers import paper_tables

        _write(app, paper_tables(request, paper, number), chosen, output)
        return
    from evalkit.evaluation.tables import tables_of

    _write(app, tables_of(request, app.say, overview=overview), chosen, output)


def _write(app: App, tables: "cabc.Sequence[Table | ComparedTable]", chosen: str | None, output: Path | None) -> None:
    """To a file, to the terminal, or both."""
    from evalkit.atomic import write_whole

    if output is not None:
        write_whole(output, write_tables(tables, chosen or format_of(output.suffix) or "text").encode())
        app.say(f"written to {output}")
        if chosen is not None:
            return
    if chosen in {None, "text"}:
        _show(tables)
    else:
        echo_text(write_tables(tables, chosen))


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
