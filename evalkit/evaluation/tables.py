"""Tables and plots of what a request asks for."""

import collections.abc as cabc
from dataclasses import replace
from pathlib import Path

from evalkit.benchmarks import get_benchmark
from evalkit.errors import ScoringError
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import Scored, score_benchmark, single_protocol
from evalkit.report.figures.charts import Material, all_figures
from evalkit.report.figures.folder import write_plots
from evalkit.report.hashes import ground_truth_sha256, results_sha256
from evalkit.report.headline import Key, leading
from evalkit.report.tables.overview import benchmark_tables, overview_table
from evalkit.report.tables.table import Table
from evalkit.scoring.statistics import LEVEL


def tables_of(request: Request, say: Say, *, overview: bool | None = None) -> list[Table]:
    """One table per benchmark and protocol, and an overview.

    Args:
        request: What is scored.
        say: Takes messages for people.
        overview: None makes it of several benchmarks whose trackers have one score each.

    Raises:
        EvalkitError: As for `evalkit score`.
    """
    specs = {name: get_benchmark(name, layout=request.layout) for name in request.benchmarks}
    done = [score_benchmark(single, say) for single in request.each()]
    scores = [score for scored in done for score in scored.scores]
    speeds = {key: speed for scored in done for key, speed in _speeds(scored).items()}
    tables = benchmark_tables(scores, specs, speeds)
    each_once = len({(score.benchmark, score.tracker) for score in scores}) == len(scores)
    if overview or (overview is None and len(specs) > 1 and each_once):
        tables.append(overview_table(scores, specs))
    return tables


def plot_benchmark(
    request: Request, folder: Path, say: Say, *, plots: cabc.Collection[str], formats: cabc.Sequence[str]
) -> list[Path]:
    """Write the plots of one benchmark, with intervals and attributes, and return the files.

    Args:
        request: What is scored, on one benchmark under one protocol.
        folder: Gets the files.
        say: Takes messages for people.
        plots: Their names; empty = all that the scores allow.
        formats: Of "pdf", "png", "svg".

    Raises:
        ScoringError: The scores do not allow a plot that was asked for.
        EvalkitError: As for `evalkit score`.
    """
    spec = get_benchmark(request.benchmark, layout=request.layout)
    rules = single_protocol(spec, request.protocol)
    level = request.interval or LEVEL
    done = score_benchmark(replace(request, protocol=rules.id, attributes=True, interval=level), say)
    title = f"{spec.title} {done.truth.split.name}"
    figures = all_figures(Material(done.scores, title, leading(done.scores, spec), _speeds(done)))
    if lacking := [plot for plot in plots if plot not in figures]:
        raise ScoringError(
            f"{title}: the scores of {len(done.scores)} trackers under {rules.id} allow no plot "
            f"{', '.join(lacking)}; they allow {', '.join(figures)}. (`difference` needs two trackers, `attributes` "
            "annotated challenges, `speed` runs with times.)"
        )
    chosen = {name: figure for name, figure in figures.items() if not plots or name in plots}
    truth_hash = ground_truth_sha256(done.truth.annotations)
    origins = {
        (spec.name, candidate.tracker, candidate.run): {
            "predictions_sha256": results_sha256(candidate.trajectories),
            "ground_truth_sha256": truth_hash,
        }
        for candidate in done.candidates
    }
    return write_plots(chosen, done.scores, title, folder, formats=formats, origins=origins)


def _speeds(done: Scored) -> dict[Key, float]:
    name = done.truth.spec.name
    speeds = {(name, candidate.tracker, candidate.run): candidate.frames_per_second() for candidate in done.candidates}
    return {key: speed for key, speed in speeds.items() if speed is not None}
