"""Tables of scores: rows, columns and cells with the origin of every number; what writes them is in ``formats.py``."""

import collections.abc as cabc
import enum
import math
from dataclasses import dataclass, field, replace

from evalkit.errors import ScoringError
from evalkit.report.metrics import Metric
from evalkit.visible import visible


class NumberSource(enum.Enum):
    """Where a number comes from."""

    MEASURED = "measured"
    SAMPLE = "sample"
    PUBLISHED = "published"
    MISSING = "missing"


class Ranking(enum.Enum):
    """Along which direction the best two numbers are highlighted."""

    COLUMNS = "columns"
    ROWS = "rows"
    NONE = "none"


class Rank(enum.Enum):
    """Highlight of a cell."""

    FIRST = 1
    SECOND = 2
    NONE = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table.

    Attributes:
        value: Unrounded, a fraction in [0, 1] for scores; NaN where the source is MISSING.
        metric: How it is printed.
        source: Where it comes from.
        notes: Footnotes of this number.
        printed: Text to print instead, where a source's own text must be kept.
        interval: Lower and upper end of the value's interval, where asked for.
    """

    value: float
    metric: Metric
    source: NumberSource = NumberSource.MEASURED
    notes: tuple[str, ...] = ()
    printed: str | None = None
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.source is NumberSource.MISSING and not math.isnan(self.value):
            raise ScoringError(f"a missing cell carries the value {self.value} ({self.metric.key}).")

    @property
    def text(self) -> str:
        """As printed, without marks; a dash where there is no number."""
        if self.printed is not None:
            return self.printed
        return self.metric.text(self.value) if math.isfinite(self.value) else "-"

    @property
    def range(self) -> str:
        """The interval as printed; empty where there is none."""
        return "" if self.interval is None else "[{}, {}]".format(*map(self.metric.text, self.interval))

    def shown(self) -> "Cell":
        """See :meth:`Table.shown`."""
        return replace(self, notes=_shown(self.notes), printed=self.printed and visible(self.printed))


def _shown(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(visible, texts))


def missing_cell(metric: Metric, *notes: str) -> Cell:
    """Return a cell without a number."""
    return Cell(math.nan, metric, NumberSource.MISSING, notes)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading.

    Attributes:
        key: Name in CSV and JSON; unique in its table.
        label: Printed heading. One underscore starts a subscript.
        group: Heading that spans neighboring columns, such as a benchmark's title; may be empty.
    """

    key: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row's heading.

    Attributes:
        label: Usually a tracker's name.
        notes: Footnotes of the whole row.
        origin: What the row's numbers were computed from (run id, protocol, hashes); for CSV and JSON.
    """

    label: str
    notes: tuple[str, ...] = ()
    origin: cabc.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be printed in every format.

    Scores of the rendered sample never stand beside published or real ones, and their table says so in its title.

    Attributes:
        title: Heading.
        rows: R rows.
        columns: C columns.
        cells: R tuples of C cells.
        corner: Heading of the row labels.
        caption: One or two sentences under the title.
        notes: Remarks on the whole table.
        ranking: Direction of the highlights.
        best: Places that are highlighted: the best two, or the best one.
        colors: Of the places, where a paper prints them in colors: "red", "blue"; else bold and underlined.
        heading: What stands above it in a paper, where that is not title and caption.
        label: Name for references in a paper; empty makes one of the title.
    """

    title: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[Cell, ...], ...]
    corner: str = "Tracker"
    caption: str = ""
    notes: tuple[str, ...] = ()
    ranking: Ranking = Ranking.COLUMNS
    best: int = 2
    colors: tuple[str, ...] = ()
    heading: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        assert len(self.cells) == len(self.rows)
        assert all(len(line) == len(self.columns) for line in self.cells)
        assert len({column.key for column in self.columns}) == len(self.columns)
        sources = {cell.source for line in self.cells for cell in line} - {NumberSource.MISSING}
        if NumberSource.SAMPLE not in sources:
            return
        if len(sources) > 1:
            others = ", ".join(sorted(source.value for source in sources - {NumberSource.SAMPLE}))
            raise ScoringError(
                f"table {self.title!r} would put scores of the rendered sample beside {others} scores. The sample is "
                "no benchmark: make one table of each."
            )
        if "sample" not in self.title.lower():
            raise ScoringError(
                f"table {self.title!r} holds scores of the rendered sample; its title must say 'sample'."
            )

    def shown(self) -> "Table":
        """The same table as it is printed: no name or note in it can clear a screen or forge a row."""
        return replace(
            self,
            title=visible(self.title),
            corner=visible(self.corner),
            caption=visible(self.caption),
            heading=visible(self.heading),
            notes=_shown(self.notes),
            columns=tuple(
                replace(column, label=visible(column.label), group=visible(column.group)) for column in self.columns
            ),
            rows=tuple(
                replace(
                    row,
                    label=visible(row.label),
                    notes=_shown(row.notes),
                    origin={key: visible(text) for key, text in row.origin.items()},
                )
                for row in self.rows
            ),
            cells=tuple(tuple(cell.shown() for cell in line) for line in self.cells),
        )

    def places(self) -> list[list[Rank]]:
        """Highlights, R lists of C: the ``best`` different values of each column (or row).

        The best needs a worse one beside it, the second needs two; equal values share their place. Unrounded values
        are compared.
        """
        places = [[Rank.NONE] * len(self.columns) for _ in self.rows]
        for line in self._lines():
            ranked = [(row, column) for row, column in line if self._is_ranked(row, column)]
            for row, column in ranked:
                places[row][column] = self._place(row, column, ranked)
        return places

    def best_first(self) -> "Table":
        """The same rows ordered by the first ranked column, the best first; those without a number there come last."""
        column = next((i for i, cell in enumerate(self.cells[0]) if cell.metric.ranked), 0) if self.cells else 0

        def key(line: tuple[Cell, ...]) -> tuple[bool, float]:
            cell = line[column]
            known = math.isfinite(cell.value)
            return not known, (-cell.value if cell.metric.higher_is_better else cell.value) if known else 0.0

        order = sorted(range(len(self.rows)), key=lambda row: key(self.cells[row]))
        return replace(self, rows=tuple(self.rows[row] for row in order), cells=tuple(self.cells[row] for row in order))

    def footnotes(self) -> dict[str, str]:
        """Footnote -> its mark (a, b, ...), in reading order."""
        lines = zip(self.rows, self.cells, strict=True)
        texts = [note for row, line in lines for notes in (row.notes, *(cell.notes for cell in line)) for note in notes]
        return {text: mark(number) for number, text in enumerate(dict.fromkeys(texts))}

    def _lines(self) -> list[list[tuple[int, int]]]:
        rows, columns = range(len(self.rows)), range(len(self.columns))
        if self.ranking is Ranking.COLUMNS:
            return [[(row, column) for row in rows] for column in columns]
        if self.ranking is Ranking.ROWS:
            return [[(row, column) for column in columns] for row in rows]
        return []

    def _is_ranked(self, row: int, column: int) -> bool:
        cell = self.cells[row][column]
        return cell.metric.ranked and math.isfinite(cell.value)

    def _place(self, row: int, column: int, line: list[tuple[int, int]]) -> Rank:
        sign = 1.0 if self.cells[row][column].metric.higher_is_better else -1.0
        values = sorted({sign * self.cells[i][j].value for i, j in line}, reverse=True)
        position = values.index(sign * self.cells[row][column].value)
        worse = len(values) - 1 - position
        return Rank(position + 1) if position < self.best and worse > 0 else Rank.NONE


_MARKS = "abcdefghijklmnoprstuvwxyz"  # without q, which has no superscript character


def mark(number: int) -> str:
    """Mark of the footnote with a 0-based number.

    Example:
        >>> mark(0), mark(24), mark(25)
        ('a', 'z', 'aa')
    """
    number += 1
    letters = ""
    while number:
        number, rest = divmod(number - 1, len(_MARKS))
        letters = _MARKS[rest] + letters
    return letters
