"""Tables and plots of what a request asks for."""

import collections.abc as cabc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError, unknown_name
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import Scored, score_benchmark, single_protocol
from evalkit.report.figures.charts import Material, all_figures
from evalkit.report.figures.folder import write_plots
from evalkit.report.hashes import ground_truth_sha256, results_sha256
from evalkit.report.headline import Key, leading
from evalkit.report.metrics import key_of
from evalkit.report.tables.comparison import ComparedTable, is_named
from evalkit.report.tables.formats import FORMATS
from evalkit.report.tables.overview import benchmark_tables, joint_table, overview_table
from evalkit.report.tables.table import Table
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.scores import Scores
from evalkit.scoring.statistics import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What tables show of the scores, and how.

    Attributes:
        metrics: Of every benchmark these, in this order: "AUC,P_Norm,P"; "got10k=AO,SR_0.5" is for this one alone.
        best_first: Rows ordered by the first column; else as the trackers were given.
        names: Tracker and the name to print for it: "ours=Ours"; a name may have commas.
        speed: With frames per second; None has them in tables of one benchmark where they are known.
        overview: None: one table of all benchmarks. True: one of each, and one of their leading metrics. False: one of
            each.
        caption: Instead of the title.
        label: For references in LaTeX.
    """

    metrics: tuple[str, ...] = ()
    best_first: bool = False
    names: tuple[str, ...] = ()
    speed: bool | None = None
    overview: bool | None = None
    caption: str = ""
    label: str = ""


class MadeTables(NamedTuple):
    """The same scores for two kinds of readers; where a layout is asked for, both are the same tables."""

    for_people: cabc.Sequence[Table | ComparedTable]
    for_programs: cabc.Sequence[Table | ComparedTable]

    def of(self, form: str) -> cabc.Sequence[Table | ComparedTable]:
        """Those that a format of :data:`FORMATS` is made of."""
        return self.for_programs if FORMATS[form].for_programs else self.for_people


def tables_of(request: Request, say: Say, layout: Layout = Layout()) -> MadeTables:
    """Make tables of what is asked for: of several benchmarks one; for programs one of each, and an overview.

    Args:
        request: What is scored.
        say: Takes messages for people.
        layout: What is shown and how.

    Raises:
        UnknownNameError: The layout names a metric that is not reported, or a benchmark or tracker that is not there.
        EvalkitError: As for `evalkit score`.
    """
    specs = {name: get_benchmark(name, layout=request.layout) for name in request.benchmarks}
    done = [score_benchmark(single, say) for single in request.each()]
    scores = [score for scored in done for score in scored.scores]
    speeds = {key: speed for scored in done for key, speed in _speeds(scored).items()}
    if layout.speed and not speeds:
        say("--speed: of none of the results times are known.")
    keys = chosen_metrics(layout.metrics, scores, specs, say)
    of_each = benchmark_tables(scores, specs, {} if layout.speed is False else speeds, keys)
    each_once = len({(score.benchmark, score.tracker) for score in scores}) == len(scores)
    if layout.overview or (layout.overview is None and len(specs) > 1 and each_once):
        of_each.append(overview_table(scores, specs))
    joint = layout.overview is None and len({(s.benchmark, s.split, s.protocol) for s in scores}) == len(specs) > 1
    tables = [joint_table(scores, specs, speeds if layout.speed else {}, keys)] if joint else of_each
    tables = laid_out(tables, layout, request.interval)
    as_always = layout == Layout(overview=layout.overview) and request.interval is None
    return MadeTables(tables, of_each if as_always else tables)


def chosen_metrics(
    metrics: cabc.Sequence[str], scores: cabc.Sequence[Scores], specs: cabc.Mapping[str, BenchmarkSpec], say: Say
) -> dict[str, list[str]]:
    """Benchmark name -> keys of the metrics that were asked for; without those where nothing was.

    A benchmark that reports none of those asked for all keeps its papers' own, and ``say`` is told.

    Raises:
        UnknownNameError: A metric that no protocol of the scores reports, or a benchmark that is not asked for.
    """
    asked = _by_benchmark(metrics, specs)
    labels: dict[str, dict[str, str]] = {}
    for score in scores:
        reported = get_protocol(score.protocol, score.benchmark).reported
        labels.setdefault(score.benchmark, {}).update((number.key, number.label) for number in reported)
    keys: dict[str, list[str]] = {}
    known: set[str] = set()
    told = []
    for name, of_name in labels.items():
        meant = {text: key_of(text, of_name, name) for text in asked.get(name, asked[""])}
        lacking = [text for text, key in meant.items() if key is None]
        if lacking and name in asked:
            raise unknown_name(f"metric of {specs[name].title}", lacking[0], of_name.values())
        known |= meant.keys() - set(lacking)
        keys[name] = list(dict.fromkeys(key for key in meant.values() if key))
        if lacking:
            instead = "" if keys[name] else f"; its papers' own are shown, --metrics {name}=M,... chooses others"
            told.append(f"{specs[name].title} reports no {', '.join(lacking)}{instead}.")
    if unknown := [text for text in asked[""] if text not in known]:
        raise unknown_name("metric", unknown[0], {label for of_name in labels.values() for label in of_name.values()})
    for text in told:
        say(text)
    return {name: chosen for name, chosen in keys.items() if chosen}


def _by_benchmark(metrics: cabc.Iterable[str], specs: cabc.Mapping[str, BenchmarkSpec]) -> dict[str, list[str]]:
    """Benchmark name -> what was asked for it; "" stands for all others."""
    asked: dict[str, list[str]] = {"": []}
    for value in metrics:
        name = ""
        for part in value.split(","):
            benchmark, equals, metric = part.rpartition("=")
            if equals and (name := benchmark.strip()) not in specs:
                raise unknown_name("benchmark of --metrics", name, specs)
            if metric.strip():
                asked.setdefault(name, []).append(metric.strip())
    return asked


def laid_out(tables: cabc.Sequence[Table], layout: Layout, interval: float | None = None) -> list[Table]:
    """Tables in the order, with the names and the captions of a layout; ``interval`` is the level of their intervals.

    Raises:
        UnknownNameError: No row has a name that is to be replaced.
        ScoringError: Two rows would have the same name.
    """
    rows = dict.fromkeys(row.label for table in tables for row in table.rows)
    names = _display_names(layout.names, list(rows))
    made = []
    for number, table in enumerate(tables, 1):
        labels = [names.get(row.label, row.label) for row in table.rows]
        if twice := [label for label in labels if labels.count(label) > 1]:
            raise ScoringError(f"--names: two rows of the table would be called {twice[0]!r}.")
        around = interval is not None and any(cell.interval for line in table.cells for cell in line)
        said = f" Brackets: {100 * interval:g} % confidence intervals over sequences." if interval and around else ""
        named = replace(
            table,
            rows=tuple(replace(row, label=label) for row, label in zip(table.rows, labels, strict=True)),
            caption=table.caption + said,
            heading=table.heading + said,
        )
        ordered = named.best_first() if layout.best_first else named
        made.append(titled(ordered, layout.caption, layout.label, number if len(tables) > 1 else 0))
    return made


def titled(table: Table, caption: str, label: str, number: int = 0) -> Table:
    """A table with a title and a label of the user's; what stands on the sample keeps saying so.

    Args:
        table: The table.
        caption: Empty keeps the table's own.
        label: Empty keeps the table's own.
        number: Of several tables, told apart by it; 0 of a single one.
    """
    if caption:
        told = f"{caption} ({table.title})" if number else caption
        told += " (sample)" if "sample" in table.title.lower() and "sample" not in told.lower() else ""
        table = replace(table, title=told, heading=told)
    return replace(table, label=f"{label}-{number}" if number > 1 else label) if label else table


def titled_papers(tables: cabc.Sequence[ComparedTable], layout: Layout) -> list[ComparedTable]:
    """Papers' tables with the layout's caption and label."""
    several = len(tables) > 1
    return [
        replace(compared, table=titled(compared.table, layout.caption, layout.label, number if several else 0))
        for number, compared in enumerate(tables, 1)
    ]


def _display_names(names: cabc.Iterable[str], labels: cabc.Sequence[str]) -> dict[str, str]:
    """Row label -> what is printed instead; what follows the tracker in a label (its run, its settings) stays."""
    parts: list[str] = []
    for part in (part for value in names for part in value.split(",")):
        if "=" in part or not parts:
            parts.append(part)
        else:
            parts[-1] += f",{part}"
    shown: dict[str, str] = {}
    for part in parts:
        fitting = [label for label in labels if part.startswith(f"{label}=")]
        tracker, equals, name = part.partition("=")
        if fitting:
            shown |= {label: part.removeprefix(f"{label}=").strip() for label in fitting}
            continue
        start = tracker.strip()
        matching = [label for label in labels if is_named(label, [start]) or label.startswith(f"{start} ")]
        if not (equals and matching):
            raise unknown_name("tracker of --names", start, labels, hint="Write TRACKER=NAME.")
        shown |= {
            label: name.strip() + (label[len(start) :] if label.startswith(f"{start} ") else "") for label in matching
        }
    return shown


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
