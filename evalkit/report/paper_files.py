"""Papers' tables in every format; CSV and JSON carry verdicts, differences and provenance beside the numbers."""

import collections.abc as cabc
import csv
import io
import math

from evalkit.report.compare import ComparedTable, Comparison
from evalkit.report.paper import load_papers
from evalkit.report.table import Cell
from evalkit.report.writers import TableFormat, csv_text, to_json, write_tables
from evalkit.scoring.verdicts import Verdict
from evalkit.visible import json_text, visible


def write_paper_tables(tables: cabc.Sequence[ComparedTable], form: TableFormat) -> str:
    """One document with all tables, ending in a line break."""
    if form is TableFormat.JSON:
        return json_text([paper_json(table) for table in tables]) + "\n"
    if form is TableFormat.CSV:
        return paper_csv(tables)
    return write_tables([table.table for table in tables], form)


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


def _csv_value(cell: Cell) -> str:
    return repr(float(cell.value)) if math.isfinite(cell.value) else (cell.printed or "")


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
