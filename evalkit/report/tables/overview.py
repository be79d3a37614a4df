"""From scores to tables: one per benchmark, one of all with benchmarks as groups of columns, and an overview."""

import collections.abc as cabc
import math
import types
from dataclasses import dataclass

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError, counted
from evalkit.report.headline import Key, headline, labels, leading, remarks, result_key, shared_notes
from evalkit.report.metrics import get_metric
from evalkit.report.tables.table import Cell, Column, NumberSource, Row, Table, missing_cell
from evalkit.scoring.scores import Scores

SPEED = "frames_per_second"
Specs = cabc.Mapping[str, BenchmarkSpec]
Speeds = cabc.Mapping[Key, float]
Keys = cabc.Mapping[str, cabc.Sequence[str]]
_NO_SPEEDS: Speeds = types.MappingProxyType({})
_MARKED = "Scores in percent; the best is bold, the second best underlined."
_ALL_KEYS: Keys = types.MappingProxyType({})


def benchmark_tables(
    scores: cabc.Sequence[Scores], specs: Specs, speeds: Speeds = _NO_SPEEDS, keys: Keys = _ALL_KEYS
) -> list[Table]:
    """One table per benchmark, split and protocol, in the order of their first score.

    Args:
        scores: Of any trackers and benchmarks; rows keep this order.
        specs: Benchmark name -> its facts; at least for the benchmarks in ``scores``.
        speeds: :func:`result_key` -> frames per second, where known.
        keys: Benchmark name -> the metrics to show, in their order; of other benchmarks those of its papers.

    Raises:
        ScoringError: Scores of the sample and of real data of the same benchmark.
    """
    return [_table([group], speeds) for group in _groups(scores, specs, keys)]


def joint_table(
    scores: cabc.Sequence[Scores], specs: Specs, speeds: Speeds = _NO_SPEEDS, keys: Keys = _ALL_KEYS
) -> Table:
    """One table with benchmarks as groups of columns; rows of one label in several benchmarks are one row.

    Args:
        scores: As for :func:`benchmark_tables`, every benchmark under one protocol.
        specs: As there.
        speeds: As there; the table's speed is that of all frames of a row.
        keys: As there.

    Raises:
        ScoringError: Scores of the sample and of real data, or several protocols of a benchmark.
    """
    groups = _groups(scores, specs, keys)
    if len({group.spec.name for group in groups}) < len(groups):
        raise ScoringError("a table of several benchmarks has one protocol and one split of each: choose them.")
    return _table(groups, speeds)


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
    title = "Overview" + _sample_suffix(scores)
    return Table(
        title=title,
        rows=tuple(Row(tracker, notes.of_row[tracker]) for tracker in trackers),
        columns=tuple(Column(f"{name}.{m.key}", m.label, specs[name].title) for name, m in metrics.items()),
        cells=cells,
        caption=f"The leading metric of each benchmark, times 100. Protocols: {'; '.join(used)}.",
        heading=f"{title}: the leading metric of each benchmark. {_MARKED}",
        notes=(*notes.of_all, *(f"{specs[name].title}: {n}" for name in groups for n in notes.of_column[name])),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """One benchmark's scores under one protocol, by row, and the metrics to show."""

    spec: BenchmarkSpec
    scores: cabc.Mapping[str, Scores]
    keys: tuple[str, ...]

    @property
    def title(self) -> str:
        """The benchmark and its split."""
        return f"{self.spec.title} {next(iter(self.scores.values())).split}"

    @property
    def largest(self) -> Scores:
        """The score on most sequences, and of those on most frames."""
        return max(self.scores.values(), key=lambda score: (len(score.sequence_names), score.frames.sum()))

    @property
    def used(self) -> str:
        """Protocol and size."""
        names, frames = self.largest.sequence_names, int(self.largest.frames.sum())
        return f"{self.largest.protocol}, {counted(len(names), 'sequence')}, {counted(frames, 'frame')}"

    def cells(self, row: str, notes: tuple[str, ...]) -> list[Cell]:
        """The cells of a row; notes stand at the first one."""
        at = [notes, *[()] * (len(self.keys) - 1)]
        score = self.scores.get(row)
        if score is None:
            return [missing_cell(get_metric(key, self.spec.name)) for key in self.keys]
        return [_cell(score, key, said) for key, said in zip(self.keys, at, strict=True)]


def _groups(scores: cabc.Iterable[Scores], specs: Specs, keys: Keys) -> list[_Group]:
    groups: dict[tuple[str, str, str], list[Scores]] = {}
    for score in scores:
        groups.setdefault((score.benchmark, score.split, score.protocol), []).append(score)
    return [
        _Group(
            specs[name],
            dict(zip(labels(group), group, strict=True)),
            tuple(keys.get(name) or headline(group, specs[name])),
        )
        for (name, _, _), group in groups.items()
    ]


def _table(groups: list[_Group], speeds: Speeds) -> Table:
    """A table of benchmarks; the columns of a single one stand in no group."""
    joint = len(groups) > 1
    scores = [score for group in groups for score in group.scores.values()]
    rows = {
        row: [group.scores[row] for group in groups if row in group.scores] for group in groups for row in group.scores
    }
    notes = _Notes.of(
        {
            (row, group.spec.name): remarks(score) + _size_remark(score, group.largest)
            for group in groups
            for row, score in group.scores.items()
        }
    )
    columns = [_column(group, key, joint=joint) for group in groups for key in group.keys]
    cells = {
        row: [cell for group in groups for cell in group.cells(row, notes.of_cell.get((row, group.spec.name), ()))]
        for row in rows
    }
    if any(result_key(score) in speeds for score in scores):
        columns.append(Column(SPEED, get_metric(SPEED).label))
        for row, mine in rows.items():
            cells[row].append(_speed(mine, speeds))
    used = "; ".join(f"{group.title}: {group.used}" if joint else group.used for group in groups)
    title = ", ".join(group.title for group in groups) + _sample_suffix(scores)
    return Table(
        title=title,
        rows=tuple(Row(row, notes.of_row[row], _origin(mine, joint=joint)) for row, mine in rows.items()),
        columns=tuple(columns),
        cells=tuple(map(tuple, cells.values())),
        caption=f"Protocol{'s' if joint else ''} {used}. Scores times 100.",
        heading=f"{title}. {_MARKED}",
        notes=(*notes.of_all, *(f"{g.spec.title}: {note}" for g in groups for note in notes.of_column[g.spec.name])),
    )


def _column(group: _Group, key: str, *, joint: bool) -> Column:
    label = get_metric(key, group.spec.name).label
    return Column(f"{group.spec.name}.{key}", label, group.spec.title) if joint else Column(key, label)


def _origin(scores: cabc.Iterable[Scores], *, joint: bool) -> dict[str, str]:
    """What a row was computed from; of several benchmarks with their names."""
    facts: dict[str, str] = {}
    for score in scores:
        of_score = {"split": score.split, "protocol": score.protocol, "run": score.run}
        facts |= (
            {f"{score.benchmark}.{key}": text for key, text in of_score.items()}
            if joint
            else {"benchmark": score.benchmark, **of_score}
        )
    return facts


def _speed(scores: cabc.Sequence[Scores], speeds: Speeds) -> Cell:
    """Over all frames whose speed is known: frames divided by the seconds that they took."""
    known = [(int(score.frames.sum()), speeds[key]) for score in scores if (key := result_key(score)) in speeds]
    if not known:
        return missing_cell(get_metric(SPEED))
    seconds = sum(frames / speed for frames, speed in known)
    value = known[0][1] if len(known) == 1 else sum(frames for frames, _ in known) / seconds
    return Cell(value, get_metric(SPEED), _source(scores[0]))


def _cell(score: Scores, key: str, notes: tuple[str, ...] = ()) -> Cell:
    metric = get_metric(key, score.benchmark)
    value = float(score.summary.get(key, math.nan))
    if not math.isfinite(value):
        reason = "undefined on these sequences" if key in score.summary else f"not part of protocol {score.protocol}"
        return missing_cell(metric, *notes, reason)
    return Cell(value, metric, _source(score), notes, interval=score.intervals.get(key))


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
        whole = shared_notes(list(by_cell.values()))
        rows: dict[str, list[list[str]]] = {}
        columns: dict[str, list[list[str]]] = {}
        said_above: dict[str, list[str]] = {}
        for (row, column), notes in by_cell.items():
            rows.setdefault(row, []).append(notes)
            columns.setdefault(column, []).append(notes)
        of_column = {column: _without(shared_notes(notes), whole) for column, notes in columns.items()}
        for row, column in by_cell:
            said_above.setdefault(row, list(whole)).extend(of_column[column])
        of_row = {row: _without(shared_notes(notes), said_above[row]) for row, notes in rows.items()}
        of_cell = {
            (row, column): _without(notes, [*whole, *of_column[column], *of_row[row]])
            for (row, column), notes in by_cell.items()
        }
        return cls(whole, of_column, of_row, of_cell)


def _without(notes: cabc.Iterable[str], said: cabc.Container[str]) -> tuple[str, ...]:
    return tuple(note for note in notes if note not in said)
