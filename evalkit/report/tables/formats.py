"""The formats of tables: a new one is a row here, and what writes it."""

import collections.abc as cabc
from dataclasses import dataclass
from typing import TypeVar

from evalkit.report.tables import printed
from evalkit.report.tables.comparison import ComparedTable
from evalkit.report.tables.latex import to_latex
from evalkit.report.tables.table import Table
from evalkit.report.tables.terminal import to_text
from evalkit.report.tables.values import paper_csv, paper_json, to_csv, to_json
from evalkit.visible import json_text

Printed = TypeVar("Printed", Table, ComparedTable)


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A format of tables.

    Attributes:
        name: As ``make-table --format`` takes it.
        suffix: Of its files.
        write: Tables -> one document with all of them, ending in a line break.
        write_compared: The same for tables of papers, where it says more of them than of others.
        for_programs: Programs read it, which count on its columns.
    """

    name: str
    suffix: str
    write: cabc.Callable[[cabc.Sequence[Table]], str]
    write_compared: cabc.Callable[[cabc.Sequence[ComparedTable]], str] | None = None
    for_programs: bool = False


def _each(write: cabc.Callable[[Table], str]) -> cabc.Callable[[cabc.Sequence[Table]], str]:
    return lambda tables: "\n".join(map(write, tables))


def _documents(
    write: cabc.Callable[[Printed], dict[str, object]],
) -> cabc.Callable[[cabc.Sequence[Printed]], str]:
    return lambda tables: json_text(list(map(write, tables))) + "\n"


FORMATS = {
    form.name: form
    for form in (
        TableFormat("text", ".txt", _each(to_text)),
        TableFormat("markdown", ".md", _each(printed.to_markdown)),
        TableFormat("latex", ".tex", _each(to_latex)),
        TableFormat("csv", ".csv", to_csv, paper_csv, for_programs=True),
        TableFormat("json", ".json", _documents(to_json), _documents(paper_json), for_programs=True),
        TableFormat("html", ".html", printed.html_page),
    )
}


def write_tables(tables: cabc.Sequence[Table | ComparedTable], form: str) -> str:
    """One document with all tables, ending in a line break.

    Args:
        tables: Of scores, or of papers.
        form: Name of the format, of :data:`FORMATS`.
    """
    compared = [table for table in tables if isinstance(table, ComparedTable)]
    if compared and (write := FORMATS[form].write_compared):
        return write(compared)
    return FORMATS[form].write([table.table if isinstance(table, ComparedTable) else table for table in tables])


def format_of(suffix: str) -> str | None:
    """Name of the format that files with a suffix are written in."""
    return next((form.name for form in FORMATS.values() if form.suffix == suffix), None)
