"""Measured beside published: difference in printed units, and a verdict on every number of a paper's table."""

import collections.abc as cabc
import dataclasses
import math
import re
from dataclasses import dataclass, field

from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.published import Published, Unit
from evalkit.report.headline import headline, remarks
from evalkit.report.metrics import Metric, get_metric
from evalkit.report.tables.shapes import PaperCell, PaperTable, paper_cells, published_table
from evalkit.report.tables.table import Cell, NumberSource, Row, Table, missing_cell
from evalkit.scoring.scores import Scores
from evalkit.scoring.verdicts import Explain, Judgment, judge

ONE_SHOT = "-got10k"  # end of the names of trackers that were trained on GOT-10k alone, as its test split demands


@dataclass(frozen=True, slots=True)
class MeasuredScores:
    """One tracker's scores on one benchmark, offered to a paper's table.

    Attributes:
        scores: What was measured.
        reason: Why they cannot be compared with published numbers; empty if they can.
        origin: Hashes of what was scored.
        explain: Finds rules that give a published number which the scores do not meet.
    """

    scores: Scores
    reason: str = ""
    origin: cabc.Mapping[str, str] = field(default_factory=dict)
    explain: Explain | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured number beside the published one.

    Attributes:
        row: Label of the paper's row.
        column: Label of the paper's column.
        cell: What the number is of.
        measured: Where it comes from.
        value: Unrounded fraction.
        judgment: On the published number.
    """

    row: str
    column: str
    cell: PaperCell
    measured: MeasuredScores
    value: float
    judgment: Judgment

    @property
    def difference(self) -> float:
        """Measured minus published as fractions; NaN where nothing is published."""
        return self.value - self.cell.published.value if self.cell.published else math.nan


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """A paper's table with measured rows.

    Attributes:
        shape: The paper's table.
        table: To be printed.
        comparisons: Every measured number, in reading order.
        left_out: Runs of the table's trackers that stand in no cell, and why.
    """

    shape: PaperTable
    table: Table
    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...]


def difference_text(metric: Metric, difference: float) -> str:
    """A difference in printed units, with its sign; no sign for what prints as zero.

    Example:
        >>> from evalkit.report.metrics import METRICS
        >>> [difference_text(METRICS["success_auc"], value) for value in (0.012, -0.0004, -0.003)]
        ['+1.2', '0.0', '-0.3']
    """
    text = metric.text(difference, "+")
    return text if float(text) else text[1:]


def is_named(run: str, names: cabc.Iterable[str]) -> bool:
    """Whether a run's tracker is one of these; upper case and punctuation do not matter, ``+`` may be written ``p``.

    Example:
        >>> is_named("siamrpnpp", ["SiamRPN++"]), is_named("SiamRPN", ["SiamRPN++"])
        (True, False)
    """
    return _plain(run) in {_plain(name) for name in names}


def other_training(run: str, cell: PaperCell) -> str:
    """Why a tracker's training data are not those of the published number; empty if nothing is known against it.

    Only trackers that exist in two trainings can be told apart: ``ostrack-256`` and ``ostrack-256-got10k``.
    """
    alone = {_plain(name) for name in cell.names if name.endswith(ONE_SHOT)}
    if cell.benchmark != "got10k" and _plain(run) in alone:
        return "other training data: this model was trained on GOT-10k alone"
    if cell.benchmark == "got10k" and _plain(run + ONE_SHOT) in alone:
        return "other training data: GOT-10k's protocol asks for training on GOT-10k alone"
    return ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A measured number beside a published one.

    Attributes:
        published: With its source.
        judgment: On it.
        difference: Measured minus published, in printed units with sign.
    """

    published: Published
    judgment: Judgment
    difference: str

    @property
    def text(self) -> str:
        """Published value, verdict, source, doubt: one sentence."""
        doubt = f" ({self.published.remark})" if self.published.remark else ""
        return f"{self.published.printed} in {self.published.provenance}{doubt}: {self.judgment.text}"


def judge_scores(
    scores: Scores,
    spec: BenchmarkSpec,
    values: cabc.Iterable[Published],
    reason: str = "",
    explain: Explain | None = None,
) -> dict[str, list[Judged]]:
    """Compare the headline metrics of a score with what is published under the tracker's name.

    Numbers without a doubt come first, in the order of the packaged data. Names are compared without case and
    punctuation; where the source names a variant, that is the name. Scores of the rendered sample are not compared.

    Args:
        scores: What was measured.
        spec: The benchmark.
        values: Published numbers.
        reason: Why the scores cannot be compared with any; empty if they can.
        explain: Finds rules that give a published number which the scores do not meet.
    """
    if scores.sample:
        return {}
    if not reason and scores.protocol != spec.protocols["papers"]:
        reason = f"other protocol: measured by {scores.protocol}, papers use {spec.protocols['papers']}"
    mine = [value for value in values if _is_of(scores, value)]
    judged: dict[str, list[Judged]] = {}
    for key in headline([scores], spec):
        measured = float(scores.summary.get(key, math.nan))
        if math.isfinite(measured):
            same = sorted((value for value in mine if value.metric == key), key=lambda value: value.doubt is not None)
            metric = get_metric(key, scores.benchmark)
            judged[key] = [
                Judged(
                    value,
                    judge(key, value.as_printed, measured, scores.protocol, reason=reason, explain=explain),
                    difference_text(metric, measured - value.value),
                )
                for value in same
            ]
    return {key: values for key, values in judged.items() if values}


def _is_of(scores: Scores, value: Published) -> bool:
    return (
        (value.benchmark, value.split, value.attribute) == (scores.benchmark, scores.split, "")
        and value.unit is Unit.FRACTION
        and is_named(scores.plain_name, [value.variant or value.tracker])
    )


def compare(
    shape: PaperTable, measured: cabc.Sequence[MeasuredScores], left_out: cabc.Sequence[str] = ()
) -> ComparedTable:
    """Put measured rows under the rows of a paper's table.

    Args:
        shape: The table.
        measured: Scores on real data; those of trackers or benchmarks that are not in the table are passed over.
        left_out: Texts about runs that cannot stand in a cell; printed below the table.

    Raises:
        ScoringError: Scores of the rendered sample: they never stand beside published numbers.
        PublishedDataError: The packaged data contradict each other.
    """
    if shape.is_text:
        return ComparedTable(shape, published_table(shape), (), tuple(left_out))
    paper = paper_cells(shape)
    printed = published_table(shape, paper)
    rows: list[Row] = []
    cells: list[tuple[Cell, ...]] = []
    comparisons: list[Comparison] = []
    for number, line in enumerate(paper):
        rows.append(printed.rows[number])
        cells.append(printed.cells[number])
        for group in _measured_lines(shape, number, line, measured):
            rows.append(_row(shape, number, group))
            cells.append(_cells(shape, line, group))
            comparisons += group.values()
    legend = ("Under the paper's rows: measured (difference to the paper).",) if comparisons else ()
    notes = (*printed.notes, *legend, *(f"Left out: {text}" for text in left_out))
    table = dataclasses.replace(printed, rows=tuple(rows), cells=tuple(cells), notes=notes)
    return ComparedTable(shape, table, tuple(comparisons), tuple(left_out))


def _measured_lines(
    shape: PaperTable, number: int, line: cabc.Sequence[PaperCell], measured: cabc.Sequence[MeasuredScores]
) -> list[dict[int, Comparison]]:
    """Rows to print under a paper's row: column number -> comparison."""
    lines: dict[str | int, dict[int, Comparison]] = {}
    for column, cell in enumerate(line):
        labels = shape.rows[number].label, shape.columns[column].label
        for index, fitting in enumerate(entry for entry in measured if _fits(entry.scores, cell)):
            comparison = _comparison(labels, cell, fitting)
            if comparison is not None:
                lines.setdefault(index if shape.transposed else fitting.scores.tracker, {})[column] = comparison
    return list(lines.values())


def _fits(scores: Scores, cell: PaperCell) -> bool:
    place = (scores.benchmark, scores.split) == (cell.benchmark, cell.split)
    return place and is_named(scores.plain_name, cell.names)


def _comparison(labels: tuple[str, str], cell: PaperCell, measured: MeasuredScores) -> Comparison | None:
    scores = measured.scores
    values = scores.attributes.get(cell.attribute) if cell.attribute not in {"", "ALL"} else scores.summary
    value = (values or {}).get(cell.metric, math.nan)
    if not math.isfinite(value):
        return None
    reason = measured.reason or other_training(scores.plain_name, cell) or _other_protocol(scores, cell)
    judgment = judge(
        cell.metric,
        cell.published.as_printed if cell.published else None,
        float(value),
        scores.protocol,
        reason=reason,
        explain=measured.explain,
        attribute=cell.attribute if values is not scores.summary else "",
    )
    return Comparison(*labels, cell, measured, float(value), judgment)


def _other_protocol(scores: Scores, cell: PaperCell) -> str:
    if not cell.protocols or scores.protocol in cell.protocols:
        return ""
    return f"other protocol: measured by {scores.protocol}, published by {' or '.join(cell.protocols)}"


def _row(shape: PaperTable, number: int, group: dict[int, Comparison]) -> Row:
    used = list({id(comparison.measured): comparison.measured for comparison in group.values()}.values())
    label = f"{shape.rows[number].label}, measured" if shape.transposed else f"measured: {used[0].scores.tracker}"
    facts = {
        "source": "measured",
        "protocol": _joined(measured.scores.protocol for measured in used),
        "run": _joined(measured.scores.run for measured in used),
    }
    hashes = {
        key: _joined(measured.origin[key] for measured in used if key in measured.origin) for key in used[0].origin
    }
    notes = () if shape.transposed else tuple(note for measured in used for note in _run_notes(measured))
    return Row(label, notes, facts | hashes)


def _cells(shape: PaperTable, line: cabc.Sequence[PaperCell], group: dict[int, Comparison]) -> tuple[Cell, ...]:
    return tuple(
        _cell(shape, group[column])
        if column in group
        else dataclasses.replace(missing_cell(shape.metric(cell)), printed="")
        for column, cell in enumerate(line)
    )


def _cell(shape: PaperTable, comparison: Comparison) -> Cell:
    metric = dataclasses.replace(shape.metric(comparison.cell), ranked=False)  # the highlights are the paper's
    text = metric.text(comparison.value)
    if comparison.cell.published is not None:
        text += f" ({difference_text(metric, comparison.difference)})"
    source = NumberSource.SAMPLE if comparison.measured.scores.sample else NumberSource.MEASURED
    notes = (*(_run_notes(comparison.measured) if shape.transposed else ()), comparison.judgment.text)
    return Cell(comparison.value, metric, source, notes, text)


def _run_notes(measured: MeasuredScores) -> tuple[str, ...]:
    scores = measured.scores
    where = f"{get_benchmark(scores.benchmark).title} {scores.split}"
    return (f"{scores.tracker} on {where}: run {scores.run}, protocol {scores.protocol}", *remarks(scores))


def _joined(texts: cabc.Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower().replace("+", "p"))
