"""Tables of papers: their shape from ``published/tables.json``, their numbers from the published values."""

import collections.abc as cabc
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import Any

from evalkit.errors import unknown_name
from evalkit.published import Published, PublishedDataError, find_published, load_published
from evalkit.report.metrics import Metric, get_metric
from evalkit.report.tables.table import Cell, Column, NumberSource, Ranking, Row, Table, missing_cell

_KEYS = ("tracker", "variant", "benchmark", "split", "attribute", "metric")


@dataclass(frozen=True, slots=True)
class Heading:
    """A row or column of a paper's table: its label, and what it fixes of its cells.

    Attributes:
        label: As printed.
        key: Of tracker, variant, benchmark, split, attribute, metric: what all its cells share.
        group: Heading above neighboring columns.
        names: Names of runs that are this tracker; upper case and punctuation do not matter.
        citation: The paper's own mark.
        notes: Footnotes.
        protocols: Benchmark -> ids of the protocols that its numbers were made with, where not the table's.
        text: Cells of a row that is plain text.
    """

    label: str
    key: cabc.Mapping[str, str]
    group: str = ""
    names: tuple[str, ...] = ()
    citation: str = ""
    notes: tuple[str, ...] = ()
    protocols: cabc.Mapping[str, tuple[str, ...]] | None = None
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaperCell:
    """One cell of a paper's table: what it is the number of.

    Attributes:
        tracker: As in the published values.
        variant: As in the published values.
        benchmark: As in the published values.
        split: As in the published values.
        attribute: As in the published values.
        metric: As in the published values.
        names: Names of runs that may stand beside it.
        protocols: Ids of the protocols that its number was made with; empty where not known.
        published: None where the paper prints a dash.
    """

    tracker: str
    variant: str
    benchmark: str
    split: str
    attribute: str
    metric: str
    names: tuple[str, ...]
    protocols: tuple[str, ...]
    published: Published | None


@dataclass(frozen=True, slots=True)
class PaperTable:
    """The shape of one table of one paper.

    Attributes:
        paper: "upvpt", "srft", "vipt".
        table: "1", "2", "figure-4", ...
        caption: What it shows.
        source: As in the published values.
        place: ``table`` of the published values.
        corner: Heading of the row labels.
        decimals: Printed digits.
        scale: Printed per fraction.
        ranking: Direction of the highlights.
        best: Number of highlighted places.
        colors: In which the paper prints them; empty where that is not known.
        columns: As printed.
        rows: As printed.
        missing: Label of the tracker's row or column, benchmark, metric of every dash.
        protocols: Benchmark -> ids of the protocols that the numbers were made with.
        notes: What a reader must know of the whole table.
    """

    paper: str
    table: str
    caption: str
    source: str
    place: str
    corner: str
    decimals: int
    scale: float
    ranking: Ranking
    best: int
    colors: tuple[str, ...]
    columns: tuple[Heading, ...]
    rows: tuple[Heading, ...]
    missing: frozenset[tuple[str, str, str]]
    protocols: cabc.Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Heading: the paper and the number."""
        paper = "ViPT" if self.paper == "vipt" else self.paper.upper()
        return f"{paper} " + (f"table {self.table}" if self.table.isdigit() else self.table.replace("-", " "))

    @property
    def transposed(self) -> bool:
        """Whether trackers are columns."""
        return any("tracker" in column.key for column in self.columns)

    @property
    def is_text(self) -> bool:
        """Whether it holds facts of data sets, no scores."""
        return any(row.text for row in self.rows)

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """All benchmarks of its scores."""
        if self.is_text:
            return ()
        names = [heading.key.get("benchmark", "") for heading in (*self.rows, *self.columns)]
        return tuple(dict.fromkeys(name for name in names if name))

    def metric(self, cell: PaperCell) -> Metric:
        """How a number of that place is printed."""
        return Metric(cell.metric, get_metric(cell.metric, cell.benchmark).label, self.scale, self.decimals)


def load_papers() -> dict[str, dict[str, str]]:
    """Paper name -> title, venue, reference."""
    return {str(name): dict(facts) for name, facts in _document()["papers"].items()}


def load_tables() -> list[PaperTable]:
    """The shapes of all tables of all papers, in the order of the file."""
    return [_paper_table(entry) for entry in _document()["tables"]]


def get_tables(paper: str, table: str | None = None) -> list[PaperTable]:
    """One table of a paper, or all of them.

    Raises:
        UnknownNameError: No such paper, or no such table in it.
    """
    tables = load_tables()
    if paper.lower() not in {shape.paper for shape in tables}:
        raise unknown_name("paper", paper, {shape.paper for shape in tables})
    of_paper = [shape for shape in tables if shape.paper == paper.lower()]
    if table is None:
        return of_paper
    chosen = [shape for shape in of_paper if shape.table == table]
    if not chosen:
        raise unknown_name(f"table of {paper}", table, [shape.table for shape in of_paper])
    return chosen


def paper_cells(shape: PaperTable, values: cabc.Sequence[Published] | None = None) -> list[list[PaperCell]]:
    """What every cell of a table is the number of, R lists of C.

    Args:
        shape: The table.
        values: Published values; None reads the packaged ones.

    Raises:
        PublishedDataError: A number is missing that the paper prints, or is there twice.
    """
    printed = find_published(load_published() if values is None else values, source=shape.source, table=shape.place)
    return [[_place(shape, row, column, printed) for column in shape.columns] for row in shape.rows]


def published_table(shape: PaperTable, paper: cabc.Sequence[cabc.Sequence[PaperCell]] | None = None) -> Table:
    """The table as the paper prints it; doubtful numbers carry a footnote.

    Args:
        shape: The table.
        paper: :func:`paper_cells` the table; None reads the packaged values.
    """
    if shape.is_text:
        plain = Metric("text", "", ranked=False)
        rows = tuple(Row(row.label, (), {"source": "published"}) for row in shape.rows)
        cells = tuple(
            tuple(Cell(math.nan, plain, NumberSource.PUBLISHED, (), text) for text in row.text) for row in shape.rows
        )
    else:
        known = paper_cells(shape) if paper is None else paper
        shared = [_shared_remarks(line) for line in known]
        rows = tuple(
            Row(
                row.label,
                (*row.notes, *remarks),
                {"source": "published"} | ({"citation": row.citation} if row.citation else {}),
            )
            for row, remarks in zip(shape.rows, shared, strict=True)
        )
        cells = tuple(
            tuple(published_cell(shape, cell, said) for cell in line) for line, said in zip(known, shared, strict=True)
        )
        cells = _with_column_notes(shape, cells)
    return Table(
        title=shape.title,
        rows=rows,
        columns=tuple(Column(_column_key(column), column.label, column.group) for column in shape.columns),
        cells=cells,
        corner=shape.corner,
        caption=f"{shape.caption.rstrip('.')}.",
        notes=(f"Source: {shape.source}, {shape.place}.", *shape.notes),
        ranking=shape.ranking,
        best=shape.best,
        colors=shape.colors,
        heading=f"{shape.caption.rstrip('.')}.",
    )


def published_cell(shape: PaperTable, cell: PaperCell, said: cabc.Collection[str] = ()) -> Cell:
    """The paper's own number, or its dash; ``said`` are remarks that the row carries already."""
    metric, value = shape.metric(cell), cell.published
    if value is None:
        return missing_cell(metric)
    notes = (value.remark,) if value.remark and value.remark not in said else ()
    return Cell(value.value, metric, NumberSource.PUBLISHED, notes, value.printed)


def _document() -> dict[str, Any]:
    path = resources.files("evalkit") / "data" / "published" / "tables.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _paper_table(entry: dict[str, Any]) -> PaperTable:
    highlight = entry["highlight"]
    return PaperTable(
        paper=entry["paper"],
        table=entry["table"],
        caption=entry["caption"],
        source=entry["source"],
        place=entry["place"],
        corner=entry["corner"],
        decimals=entry.get("decimals", 0),
        scale=float(entry.get("scale", 1)),
        ranking=Ranking(highlight["along"]) if highlight else Ranking.NONE,
        best=highlight["best"] if highlight else 0,
        colors=tuple(highlight.get("colors", ())) if highlight else (),
        columns=tuple(_heading(column) for column in entry["columns"]),
        rows=tuple(_heading(row) for row in entry["rows"]),
        missing=frozenset((label, benchmark, metric) for label, benchmark, metric in entry.get("missing", [])),
        protocols={name: tuple(ids) for name, ids in entry.get("protocols", {}).items()},
        notes=tuple(entry["notes"]),
    )


def _heading(entry: dict[str, Any]) -> Heading:
    protocols = entry.get("protocols")
    return Heading(
        label=entry["label"],
        key={name: entry[name] for name in _KEYS if name in entry},
        group=entry.get("group", ""),
        names=tuple(entry.get("names", ())),
        citation=entry.get("citation", ""),
        notes=tuple(entry.get("notes", ())),
        protocols=None if protocols is None else {name: tuple(ids) for name, ids in protocols.items()},
        text=tuple(entry.get("text", ())),
    )


def _place(shape: PaperTable, row: Heading, column: Heading, values: cabc.Sequence[Published]) -> PaperCell:
    key = dict.fromkeys(_KEYS, "") | dict(row.key) | dict(column.key)
    tracker = column if shape.transposed else row
    benchmark, metric = key["benchmark"], key["metric"]
    matching = find_published(values, **key)
    dash = (tracker.label, benchmark, metric) in shape.missing
    if len(matching) != (0 if dash else 1):
        raise PublishedDataError(
            f"{shape.title}: {len(matching)} published values of {tracker.label}, {benchmark} {metric}, where the "
            f"paper prints {'a dash' if dash else 'one number'}. Compare published/values.csv with "
            "published/tables.json."
        )
    protocols = (tracker.protocols or {}).get(benchmark, shape.protocols.get(benchmark, ()))
    return PaperCell(**key, names=tracker.names, protocols=protocols, published=matching[0] if matching else None)


def _shared_remarks(line: cabc.Sequence[PaperCell]) -> tuple[str, ...]:
    """Remarks that all numbers of a row share, if it has several."""
    remarks = [cell.published.remark for cell in line if cell.published is not None]
    return tuple(dict.fromkeys(remarks)) if len(remarks) > 1 and len(set(remarks)) == 1 and remarks[0] else ()


def _with_column_notes(shape: PaperTable, cells: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[Cell, ...], ...]:
    """Footnotes of a tracker that is a column stand at its first cell."""
    first = tuple(
        Cell(cell.value, cell.metric, cell.source, (*column.notes, *cell.notes), cell.printed)
        for column, cell in zip(shape.columns, cells[0], strict=True)
    )
    return (first, *cells[1:])


def _column_key(column: Heading) -> str:
    key = column.key
    if "tracker" in key:
        return column.label
    return ".".join(part for part in (key.get("benchmark", ""), key.get("metric", column.label.lower())) if part)
