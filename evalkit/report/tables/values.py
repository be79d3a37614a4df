"""Tables for programs: CSV and JSON keep unrounded fractions; of a paper also verdicts, differences and provenance."""

import collections.abc as cabc
import csv
import io
import math
import re

from evalkit.report.tables.comparison import ComparedTable, Comparison
from evalkit.report.tables.shapes import load_papers
from evalkit.report.tables.table import Cell, Rank, Row, Table
from evalkit.scoring.verdicts import Verdict
from evalkit.visible import visible

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # some programs take the full-width signs for the same
_ENDS = ("low", "high")  # of an interval
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-+")


def to_csv(tables: cabc.Sequence[Table]) -> str:
    """One sheet: table, row, what the row was computed from, then every column's unrounded value, then the notes."""
    corner = tables[0].corner.lower() if tables else "tracker"
    rows = [
        {"table": table.title, corner: row.label, **_csv_row(table, row, line)}
        for table in tables
        for row, line in zip(table.rows, table.cells, strict=True)
    ]
    return _sheet(["table", corner], tables, [], rows)


def csv_text(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe in front.

    Example:
        >>> csv_text("=1+1"), csv_text("-0.5"), csv_text("-"), csv_text("- x")
        ("'=1+1", '-0.5', '-', "'- x")
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def to_json(table: Table) -> dict[str, object]:
    """A table as JSON values; a number that is missing is null."""
    places = table.places()
    rows = [
        {
            "label": row.label,
            "origin": dict(row.origin),
            "notes": list(row.notes),
            "cells": [_json_cell(cell, place) for cell, place in zip(line, ranks, strict=True)],
        }
        for row, line, ranks in zip(table.rows, table.cells, places, strict=True)
    ]
    columns = [{"key": column.key, "label": column.label, "group": column.group} for column in table.columns]
    return {
        "title": table.title,
        "caption": table.caption,
        "corner": table.corner,
        "columns": columns,
        "rows": rows,
        "notes": list(table.notes),
    }


def paper_json(compared: ComparedTable) -> dict[str, object]:
    """The table as :func:`to_json`, and every comparison with its provenance; scores are fractions."""
    return {
        "paper": compared.shape.paper,
        "table": compared.shape.table,
        "about": load_papers()[compared.shape.paper],
        **to_json(compared.table),
        "comparisons": [_comparison_json(comparison) for comparison in compared.comparisons],
        "left_out": list(compared.left_out),
    }


def paper_csv(tables: cabc.Sequence[ComparedTable]) -> str:
    """One sheet in the shape of the tables; measured rows have a difference and a verdict for every column.

    Text tables keep their text; all else are unrounded fractions.
    """
    keys = dict.fromkeys(column.key for compared in tables for column in compared.table.columns)
    measured = any(compared.comparisons for compared in tables)
    extra = [f"{key}.{what}" for key in keys for what in ("difference", "verdict")] if measured else []
    rows = [row for compared in tables for row in _paper_rows(compared)]
    return _sheet(["paper", "table", "row"], [compared.table for compared in tables], extra, rows)


def _paper_rows(compared: ComparedTable) -> cabc.Iterator[dict[str, str]]:
    table = compared.table
    waiting = iter(compared.comparisons)  # they stand in reading order
    for row, line in zip(table.rows, table.cells, strict=True):
        texts = {"paper": compared.shape.paper, "table": compared.shape.table, "row": row.label}
        texts |= _csv_row(table, row, line)
        if row.origin.get("source") == "measured":
            for column, cell in zip(table.columns, line, strict=True):
                if math.isfinite(cell.value):
                    comparison = next(waiting)
                    difference = comparison.difference
                    texts[f"{column.key}.difference"] = repr(difference) if math.isfinite(difference) else ""
                    texts[f"{column.key}.verdict"] = comparison.judgment.text
        yield texts


def _csv_row(table: Table, row: Row, line: cabc.Sequence[Cell]) -> dict[str, str]:
    """What the row was computed from, column key -> unrounded value, notes."""
    values = {
        column.key: repr(float(cell.value)) if math.isfinite(cell.value) else cell.printed or ""
        for column, cell in zip(table.columns, line, strict=True)
    }
    for column, cell in zip(table.columns, line, strict=True):
        values |= {f"{column.key}.{end}": repr(value) for end, value in zip(_ENDS, cell.interval or (), strict=False)}
    notes = dict.fromkeys([*table.notes, *row.notes, *(note for cell in line for note in cell.notes)])
    return {**row.origin, **values, "notes": "; ".join(notes)}


def _sheet(
    first: list[str], tables: cabc.Sequence[Table], extra: list[str], rows: cabc.Iterable[cabc.Mapping[str, str]]
) -> str:
    origins = dict.fromkeys(key for table in tables for row in table.rows for key in row.origin)
    keys = dict.fromkeys(
        key for table in tables for number in range(len(table.columns)) for key in _keys(table, number)
    )
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*first, *origins, *keys, *extra, "notes"], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: csv_text(visible(text)) for key, text in row.items()} for row in rows)
    return buffer.getvalue()


def _keys(table: Table, number: int) -> cabc.Iterator[str]:
    """The columns of a sheet for one of a table: its value, and the ends of its intervals where there are any."""
    key = table.columns[number].key
    yield key
    if any(line[number].interval for line in table.cells):
        yield from (f"{key}.{end}" for end in _ENDS)


def _comparison_json(comparison: Comparison) -> dict[str, object]:
    published, scores = comparison.cell.published, comparison.measured.scores
    return {
        "row": comparison.row,
        "column": comparison.column,
        "benchmark": comparison.cell.benchmark,
        "split": comparison.cell.split,
        "metric": comparison.cell.metric,
        "published": None
        if published is None
        else {
            "value": published.value,
            "printed": published.printed,
            "source": published.provenance,
            "doubt": published.remark or None,
            "note": published.note or None,
        },
        "measured": {
            "value": comparison.value,
            "tracker": scores.tracker,
            "run": scores.run,
            "protocol": scores.protocol,
            "sequences": len(scores.sequence_names),
            "frames": int(scores.frames.sum()),
            **comparison.measured.origin,
        },
        "difference": comparison.difference if math.isfinite(comparison.difference) else None,
        "verdict": comparison.judgment.verdict.name.lower(),
        "reason": comparison.judgment.detail if comparison.judgment.verdict is Verdict.NOT_COMPARABLE else None,
        "text": comparison.judgment.text,
    }


def _json_cell(cell: Cell, place: Rank) -> dict[str, object]:
    value = float(cell.value) if math.isfinite(cell.value) else None
    shown: dict[str, object] = {"value": value, "printed": cell.text, "source": cell.source.value}
    if place is not Rank.NONE:
        shown["place"] = place.value
    if cell.interval:
        shown["interval"] = list(cell.interval)
    if cell.notes:
        shown["notes"] = list(cell.notes)
    return shown
