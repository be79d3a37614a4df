"""From scores to tables: one table per benchmark, and an overview over benchmarks."""

import collections.abc as cabc
import math
from dataclasses import dataclass

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError
from evalkit.report.headline import Key, headline, labels, leading, remarks, result_key
from evalkit.report.metrics import get_metric
from evalkit.report.tables.table import Cell, Column, NumberSource, Row, Table, missing_cell
from evalkit.scoring.scores import Scores

SPEED = "frames_per_second"
Specs = cabc.Mapping[str, BenchmarkSpec]


def benchmark_tables(
    scores: cabc.Sequence[Scores], specs: Specs, speeds: cabc.Mapping[Key, float] | None = None
) -> list[Table]:
    """One table per benchmark, split and protocol, in the order of their first score.

    Args:
        scores: Of any trackers and benchmarks; rows keep this order.
        specs: Benchmark name -> its facts; at least for the benchmarks in ``scores``.
        speeds: :func:`result_key` -> frames per second, where known.

    Raises:
        ScoringError: Scores of the sample and of real data of the same benchmark.
    """
    groups: dict[tuple[str, str, str], list[Scores]] = {}
    for score in scores:
        groups.setdefault((score.benchmark, score.split, score.protocol), []).append(score)
    return [_benchmark_table(group, specs[name], speeds or {}) for (name, _, _), group in groups.items()]


def overview_table(scores: cabc.Sequence[Scores], specs: Specs) -> Table:
    """Trackers against benchmarks, with each benchmark's first headline metric (DepthTrack: F, which ranks it).

    Raises:
        ScoringError: Scores of the sample and of real data, or several scores of a tracker on a benchmark.
    """
    trackers = list(dict.fromkeys(score.tracker for score in scores))
    groups = {name: _one_each(scores, name) for name in dict.fromkeys(score.benchmark for score in scores)}
    metrics = {name: get_metric(leading(list(group.values()), specs[name]), name) for name, group in groups.items()}
    notes = _Notes.of(
        {(tracker, name): remarks(score) for name, group in groups.items() for tracker, score in group.items()}
    )
    cells = tuple(
        tuple(
            _cell(group[tracker], metrics[name].key, notes.of_cell[tracker, name])
            if tracker in group
            else missing_cell(metrics[name])
            for name, group in groups.items()
        )
        for tracker in trackers
    )
    used = [
        f"{specs[name].title}: {', '.join(sorted({s.protocol for s in group.values()}))}"
        for name, group in groups.items()
    ]
    return Table(
        title="Overview" + _sample_suffix(scores),
        rows=tuple(Row(tracker, notes.of_row[tracker]) for tracker in trackers),
        columns=tuple(Column(f"{name}.{m.key}", m.label, specs[name].title) for name, m in metrics.items()),
        cells=cells,
        caption=f"The leading metric of each benchmark, times 100. Protocols: {'; '.join(used)}.",
        notes=(*notes.of_all, *(f"{specs[name].title}: {n}" for name in groups for n in notes.of_column[name])),
    )


def _benchmark_table(group: list[Scores], spec: BenchmarkSpec, speeds: cabc.Mapping[Key, float]) -> Table:
    keys = headline(group, spec)
    speed_known = any(result_key(score) in speeds for score in group)
    metrics = [get_metric(key, spec.name) for key in [*keys, *([SPEED] if speed_known else [])]]
    largest = max(group, key=lambda score: len(score.sequence_names))
    notes = [remarks(score) + _size_remark(score, largest) for score in group]
    shared = [note for note in notes[0] if all(note in others for others in notes)]
    own = [tuple(note for note in line if note not in shared) for line in notes]
    first = group[0]
    cells = []
    for score in group:
        line = [_cell(score, key) for key in keys]
        if speed_known:
            value = speeds.get(result_key(score), math.nan)
            line.append(Cell(value, metrics[-1], _source(score)) if math.isfinite(value) else missing_cell(metrics[-1]))
        cells.append(tuple(line))
    size = f"{_count(len(largest.sequence_names), 'sequence')}, {_count(int(largest.frames.sum()), 'frame')}"
    return Table(
        title=f"{spec.title} {first.split}{_sample_suffix(group)}",
        rows=tuple(_row(score, label, note) for score, label, note in zip(group, labels(group), own, strict=True)),
        columns=tuple(Column(metric.key, metric.label) for metric in metrics),
        cells=tuple(cells),
        caption=f"Protocol {first.protocol}, {size}. Scores times 100.",
        notes=tuple(shared),
    )


def _row(score: Scores, label: str, notes: tuple[str, ...]) -> Row:
    origin = {"benchmark": score.benchmark, "split": score.split, "protocol": score.protocol, "run": score.run}
    return Row(label, notes, origin)


def _cell(score: Scores, key: str, notes: tuple[str, ...] = ()) -> Cell:
    metric = get_metric(key, score.benchmark)
    value = float(score.summary.get(key, math.nan))
    if not math.isfinite(value):
        reason = "undefined on these sequences" if key in score.summary else f"not part of protocol {score.protocol}"
        return missing_cell(metric, *notes, reason)
    return Cell(value, metric, _source(score), notes)


def _source(score: Scores) -> NumberSource:
    return NumberSource.SAMPLE if score.sample else NumberSource.MEASURED


def _sample_suffix(scores: cabc.Sequence[Scores]) -> str:
    return " (sample)" if any(score.sample for score in scores) else ""


def _size_remark(score: Scores, largest: Scores) -> list[str]:
    if score.missing or score.sequence_names == largest.sequence_names:
        return []
    return [f"scored on other sequences than {largest.tracker}: {len(score.sequence_names)} of them"]


def _one_each(scores: cabc.Sequence[Scores], benchmark: str) -> dict[str, Scores]:
    scores_of: dict[str, Scores] = {}
    for score in scores:
        if score.benchmark != benchmark:
            continue
        if score.tracker in scores_of:
            raise ScoringError(
                f"an overview has one number per tracker and benchmark, but {score.tracker} on {score.benchmark} has "
                f"several scores: {scores_of[score.tracker].run} ({scores_of[score.tracker].protocol}), {score.run} "
                f"({score.protocol}). Choose one run and one protocol."
            )
        scores_of[score.tracker] = score
    return scores_of


@dataclass(frozen=True, slots=True)
class _Notes:
    """Notes by place; what a whole row, column or table shares is said once, there."""

    of_all: tuple[str, ...]
    of_column: cabc.Mapping[str, tuple[str, ...]]
    of_row: cabc.Mapping[str, tuple[str, ...]]
    of_cell: cabc.Mapping[tuple[str, str], tuple[str, ...]]

    @classmethod
    def of(cls, by_cell: cabc.Mapping[tuple[str, str], list[str]]) -> "_Notes":
        """Place the notes of all cells, by row and column."""
        whole = _shared(list(by_cell.values()))
        rows: dict[str, list[list[str]]] = {}
        columns: dict[str, list[list[str]]] = {}
        said_above: dict[str, list[str]] = {}
        for (row, column), notes in by_cell.items():
            rows.setdefault(row, []).append(notes)
            columns.setdefault(column, []).append(notes)
        of_column = {column: _without(_shared(notes), whole) for column, notes in columns.items()}
        for row, column in by_cell:
            said_above.setdefault(row, list(whole)).extend(of_column[column])
        of_row = {row: _without(_shared(notes), said_above[row]) for row, notes in rows.items()}
        of_cell = {
            (row, column): _without(notes, [*whole, *of_column[column], *of_row[row]])
            for (row, column), notes in by_cell.items()
        }
        return cls(whole, of_column, of_row, of_cell)


def _shared(lists: cabc.Sequence[list[str]]) -> tuple[str, ...]:
    return tuple(note for note in lists[0] if all(note in notes for notes in lists)) if lists else ()


def _without(notes: cabc.Iterable[str], said: cabc.Container[str]) -> tuple[str, ...]:
    return tuple(note for note in notes if note not in said)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
