"""``evalkit make-plots``: scores as figures."""

from pathlib import Path

import click

from evalkit.commands.common import App, common_options
from evalkit.commands.options import names_option, request_options
from evalkit.commands.output import echo
from evalkit.errors import unknown_name
from evalkit.evaluation.request import Request
from evalkit.report.figures.charts import CHARTS
from evalkit.report.figures.look import FORMATS


def _plot_formats(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    names = names_option(ctx, param, values)
    for name in names:
        if name not in FORMATS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}.", ctx=ctx, param=param)
    return names


def _plot_names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    names = names_option(ctx, param, values)
    for name in names:
        if name not in CHARTS:
            raise click.BadParameter(str(unknown_name("plot", name, CHARTS)), ctx=ctx, param=param)
    return names


@click.command()
@request_options()
@click.option(
    "--plot",
    "plots",
    multiple=True,
    callback=_plot_names,
    help=f"Default: all that the scores allow. {', '.join(CHARTS)}; repeatable, or with commas.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    callback=_plot_formats,
    default=("pdf", "png"),
    show_default=True,
    help="pdf, png, svg; repeatable, or with commas.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder; every benchmark gets one inside.",
)
@common_options
@click.pass_obj
def make_plots(
    app: App, /, *, request: Request, plots: tuple[str, ...], formats: tuple[str, ...], output: Path
) -> None:
    r"""Draw curves, ranking, attribute radar, speed against accuracy, and two trackers sequence by sequence.

    The files go to OUTPUT/BENCHMARK/, with a report.json that names every input by run id, hashes and protocol. The
    folders are printed; with --verbose every file. The difference per sequence is drawn for exactly two trackers.

    \b
    Examples:
      evalkit make-plots lasot --tracker kcf,ncc --data-root sample
      evalkit make-plots lasot,uav123 --format svg --output figures
      evalkit make-plots uav123 --tracker kcf,ncc --plot attributes,difference --data-root sample
    """
    from evalkit.evaluation.tables import plot_benchmark

    for single in request.each():
        folder = output / single.benchmark
        app.detail(*map(str, plot_benchmark(single, folder, app.say, plots=plots, formats=formats)))
        echo(folder)
