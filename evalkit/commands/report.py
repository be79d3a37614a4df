"""``evalkit make-report``: scores of several benchmarks as one HTML file that works offline."""

from pathlib import Path

import click

from evalkit.commands.common import App, common_options
from evalkit.commands.options import request_options
from evalkit.commands.output import echo
from evalkit.errors import counted
from evalkit.evaluation.request import Request

TITLE = "Tracking report"


@click.command()
@request_options(required=False)
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
    request: Request,
    files: tuple[tuple[str, str, str], ...],
    listed: Path | None,
    title: str | None,
    worst: int,
    output: Path,
) -> None:
    r"""Write one HTML file that works offline: scores, intervals, verdicts, curves, attributes, sequences, provenance.

    Results are runs of the store, raw files of one benchmark (--predictions), of several (--source, repeatable), or
    what a TOML file lists (--from). The hardest sequences are drawn where the data root has their images.

    \b
    Examples:
      evalkit make-report --tracker kcf,ncc --data-root sample --local-truth
      evalkit make-report lasot,uav123 --output reports/mine.html
      evalkit make-report --source lasot lasot.zip lasot_truth.zip --source uav123 uav.zip uav_truth.zip
      evalkit make-report --from report.toml
    """
    from evalkit.atomic import write_whole
    from evalkit.evaluation.parts import make_parts
    from evalkit.evaluation.report_sources import all_sources, read_report_file
    from evalkit.report.html.page import build_html

    plan = read_report_file(listed) if listed else None
    sources = all_sources(request, files, plan, app.say)
    parts = make_parts(sources, worst=worst, near=output.parent, say=app.say)
    page = build_html(parts, title or (plan.title if plan else None) or TITLE).encode()
    write_whole(output, page)
    count = counted(len(parts), "benchmark")
    app.say(f"{len(page) / 1e6:.1f} MB, {count}; open it in a browser")
    echo(output)
