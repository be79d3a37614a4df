"""Tables for programs: CSV and JSON keep unrounded fractions; of a paper also verdicts, differences and provenance."""

import collections.abc as cabc
import csv
import io
import math
import re

from evalkit.report.tables.comparison import ComparedTable, Comparison
from evalkit.report.tables.shapes import load_papers
from evalkit.report.tables.table import Cell, Place, Table
from evalkit.scoring.verdicts import Verdict
from evalkit.visible import visible

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # some programs take the full-width signs for the same
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-+")


def to_csv(tables: cabc.Sequence[Table]) -> str:
    """One sheet: table, row, what the row was computed from, then every column's unrounded value, then the notes."""
    tables = [table.shown() for table in tables]
    origins = list(dict.fromkeys(key for table in tables for row in table.rows for key in row.origin))
    keys = list(dict.fromkeys(column.key for table in tables for column in table.columns))
    corner = tables[0].corner.lower() if tables else "tracker"
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["table", corner, *origins, *keys, "notes"], restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row, line in zip(table.rows, table.cells, strict=True):
            values = {column.key: _csv_value(cell) for column, cell in zip(table.columns, line, strict=True)}
            notes = dict.fromkeys([*table.notes, *row.notes, *(note for cell in line for note in cell.notes)])
            texts = {"table": table.title, corner: row.label, **row.origin, **values, "notes": "; ".join(notes)}
            writer.writerow({key: csv_text(text) for key, text in texts.items()})
    return buffer.getvalue()


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
        "comparisons": [_comparison_json(one) for one in compared.comparisons],
        "left_out": list(compared.left_out),
    }


def paper_csv(tables: cabc.Sequence[ComparedTable]) -> str:
    """One sheet in the shape of the tables; measured rows have a difference and a verdict for every column.

    Text tables keep their text; all else are unrounded fractions.
    """
    keys = list(dict.fromkeys(column.key for one in tables for column in one.table.columns))
    extra = [f"{key}.{what}" for key in keys for what in ("difference", "verdict")]
    measured = any(one.comparisons for one in tables)
    origins = list(dict.fromkeys(key for one in tables for row in one.table.rows for key in row.origin))
    header = ["paper", "table", "row", *origins, *keys, *(extra if measured else []), "notes"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, restval="", lineterminator="\n")
    writer.writeheader()
    for one in tables:
        writer.writerows({key: csv_text(visible(text)) for key, text in row.items()} for row in _csv_rows(one))
    return buffer.getvalue()


def _csv_rows(compared: ComparedTable) -> list[dict[str, str]]:
    table = compared.table
    waiting = list(compared.comparisons)
    rows = []
    for row, line in zip(table.rows, table.cells, strict=True):
        cells = dict(zip((column.key for column in table.columns), line, strict=True))
        values = {key: _csv_value(cell) for key, cell in cells.items()}
        if row.origin.get("source") == "measured":  # comparisons stand in reading order
            for key, cell in cells.items():
                if math.isfinite(cell.value):
                    one = waiting.pop(0)
                    values[f"{key}.verdict"] = one.judgment.text
                    values[f"{key}.difference"] = repr(one.difference) if math.isfinite(one.difference) else ""
        notes = dict.fromkeys([*table.notes, *row.notes, *(note for cell in line for note in cell.notes)])
        place = {"paper": compared.shape.paper, "table": compared.shape.table, "row": row.label}
        rows.append({**place, **row.origin, **values, "notes": "; ".join(notes)})
    return rows


def _comparison_json(one: Comparison) -> dict[str, object]:
    published, scores = one.cell.published, one.measured.scores
    return {
        "row": one.row,
        "column": one.column,
        "benchmark": one.cell.benchmark,
        "split": one.cell.split,
        "metric": one.cell.metric,
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
            "value": one.value,
            "tracker": scores.tracker,
            "run": scores.run,
            "protocol": scores.protocol,
            "sequences": len(scores.sequence_names),
            "frames": int(scores.frames.sum()),
            **one.measured.origin,
        },
        "difference": one.difference if math.isfinite(one.difference) else None,
        "verdict": one.judgment.verdict.name.lower(),
        "reason": one.judgment.detail if one.judgment.verdict is Verdict.NOT_COMPARABLE else None,
        "text": one.judgment.text,
    }


def _csv_value(cell: Cell) -> str:
    if math.isfinite(cell.value):
        return repr(float(cell.value))
    return cell.printed or ""


def _json_cell(cell: Cell, place: Place) -> dict[str, object]:
    value = float(cell.value) if math.isfinite(cell.value) else None
    shown: dict[str, object] = {"value": value, "printed": cell.text, "source": cell.source.value}
    if place is not Place.NONE:
        shown["place"] = place.value
    if cell.notes:
        shown["notes"] = list(cell.notes)
    return shown
