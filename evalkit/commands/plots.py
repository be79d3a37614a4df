"""``evalkit make-plots``: scores as figures."""

from pathlib import Path
from typing import Any

import click

from evalkit.benchmarks import get_benchmark
from evalkit.commands.common import App, common_options
from evalkit.commands.output import echo
from evalkit.commands.tables import names_option, score_options, score_request
from evalkit.errors import ScoringError, unknown_name
from evalkit.evaluation.request import Request
from evalkit.report.figures.charts import CHARTS, Material, all_figures
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
@click.argument("benchmarks", metavar="BENCHMARK[,BENCHMARK...]", nargs=-1, required=True, callback=names_option)
@score_options
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
    app: App,
    /,
    benchmarks: tuple[str, ...],
    plots: tuple[str, ...],
    formats: tuple[str, ...],
    output: Path,
    **asked: Any,
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
    from evalkit.report.figures.folder import write_plots
    from evalkit.report.headline import leading
    from evalkit.scoring.statistics import LEVEL

    request = Request(**asked)
    for name in benchmarks:
        spec = get_benchmark(name, layout=request.layout)
        found = score_request(app, spec, request, attributes=True, interval=LEVEL)
        title = f"{spec.title} {found.scores[0].split}"
        figures = all_figures(Material(found.scores, title, leading(found.scores, spec), found.speeds))
        lacking = [plot for plot in plots if plot not in figures]
        if lacking:
            raise ScoringError(
                f"{title}: the scores of {len(found.scores)} trackers under {found.scores[0].protocol} allow no "
                f"plot {', '.join(lacking)}; they allow {', '.join(figures)}. (`difference` needs two trackers, "
                "`attributes` annotated challenges, `speed` runs with times.)"
            )
        chosen = {plot: figure for plot, figure in figures.items() if not plots or plot in plots}
        files = write_plots(chosen, found.scores, title, output / spec.name, formats=formats, origins=found.origins)
        app.detail(*map(str, files))
        echo(output / spec.name)
