"""Tables as text: markdown, LaTeX, CSV, JSON, HTML, and for a terminal.

Markdown, LaTeX, HTML and terminal print rounded numbers (scores times 100); CSV and JSON keep unrounded fractions.
"""

import collections.abc as cabc
import csv
import enum
import io
import itertools
import math
import re

import rich.box
import rich.console
import rich.markup
import rich.table
import rich.text

from evalkit.report.table import Cell, Place, Table
from evalkit.visible import json_text

_SUPERSCRIPT = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")


class TableFormat(enum.StrEnum):
    """What ``make-table --format`` takes."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


SUFFIXES = {
    ".txt": TableFormat.TEXT,
    ".md": TableFormat.MARKDOWN,
    ".tex": TableFormat.LATEX,
    ".csv": TableFormat.CSV,
    ".json": TableFormat.JSON,
    ".html": TableFormat.HTML,
}


def write_tables(tables: cabc.Sequence[Table], form: TableFormat) -> str:
    """One document with all tables, ending in a line break.

    CSV is one sheet: the first column names the table, a cell without number is empty.
    """
    if form is TableFormat.CSV:
        return to_csv(tables)
    if form is TableFormat.JSON:
        return json_text([to_json(table) for table in tables]) + "\n"
    if form is TableFormat.HTML:
        from evalkit.report.html_table import html_page  # jinja2 is for pages only

        return html_page(tables)
    write = {TableFormat.TEXT: to_text, TableFormat.MARKDOWN: to_markdown, TableFormat.LATEX: to_latex}[form]
    return "\n".join(write(table) for table in tables)


def to_markdown(table: Table) -> str:
    """GitHub's markdown; the best number of a column is bold, the second underlined, footnotes carry letters."""
    table = table.shown()

    def decorate(text: str, place: Place, marks: str) -> str:
        text = _markdown_text(text)
        text = {Place.FIRST: f"**{text}**", Place.SECOND: f"<u>{text}</u>", Place.NONE: text}[place]
        return text + marks.translate(_SUPERSCRIPT)

    headings = [_markdown_text(heading) for heading in [table.corner, *_flat_headings(table)]]
    rows = [headings, *_body(table, decorate)]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(headings))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [rows[0], rule, *rows[1:]]
    lines = ["| " + " | ".join(_pad(row, widths)) + " |" for row in rows]
    parts = [f"**{_markdown_text(table.title)}**"]
    parts += [_markdown_text(table.caption)] if table.caption else []
    parts.append("\n".join(lines))
    notes = [f"{sign.translate(_SUPERSCRIPT)} {note}".strip() for sign, note in _remarks(table)]
    parts += [_markdown_text(note) for note in notes]
    return "\n\n".join(parts) + "\n"


def to_latex(table: Table) -> str:
    r"""A ``table`` environment for the booktabs package; best bold, second underlined."""
    table = table.shown()

    def decorate(text: str, place: Place, marks: str) -> str:
        text = "--" if text == "-" else latex_text(text)
        text = {Place.FIRST: rf"\textbf{{{text}}}", Place.SECOND: rf"\underline{{{text}}}", Place.NONE: text}[place]
        return text + (rf"\textsuperscript{{{marks}}}" if marks else "")

    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}[t]", r"\centering"]
    caption = ". ".join(part.rstrip(".") for part in (table.title, table.caption) if part)
    lines += [rf"\caption{{{latex_text(caption)}.}}", rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += _latex_headings(table)
    lines.append(r"\midrule")
    lines += [" & ".join(row) + r" \\" for row in _body(table, decorate)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    for sign, note in _remarks(table):
        signed = rf"\textsuperscript{{{sign}}} " if sign else ""
        lines.append(rf"\par{{\footnotesize {signed}{latex_text(note)}}}")
    return "\n".join([*lines, r"\end{table}", ""])


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


def to_rich(table: Table) -> rich.console.Group:
    """For a terminal: best bold, second underlined."""
    table = table.shown()

    def decorate(text: str, place: Place, marks: str) -> str:
        text = rich.markup.escape(text)
        text = {Place.FIRST: f"[bold]{text}[/]", Place.SECOND: f"[underline]{text}[/]", Place.NONE: text}[place]
        return text + (f"[dim]{marks.translate(_SUPERSCRIPT)}[/]" if marks else "")

    grid = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(rich.markup.escape(table.corner), no_wrap=True)
    for heading in _flat_headings(table, line_break=True):
        grid.add_column(rich.markup.escape(heading), justify="right", no_wrap=True)
    for row in _body(table, decorate):
        grid.add_row(*row)
    notes = [f"{sign.translate(_SUPERSCRIPT)} {note}".strip() for sign, note in _remarks(table)]
    above = [rich.text.Text(table.title, "bold"), *([rich.text.Text(table.caption)] if table.caption else [])]
    return rich.console.Group(*above, grid, *(rich.text.Text(note, "dim") for note in notes))


def to_text(table: Table, width: int = 160) -> str:
    """The terminal's table without colors, at most ``width`` characters wide."""
    console = rich.console.Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(to_rich(table))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def latex_text(text: str) -> str:
    r"""Escape text for LaTeX.

    Example:
        >>> latex_text("50% of a_b & c")
        '50\\% of a\\_b \\& c'
    """
    return "".join(_LATEX.get(character, character) for character in text)


_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # some programs take the full-width signs for the same
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-+")

# an underscore inside a word is literal
_MARKDOWN = re.compile(r"[\\`*|\[\]<>]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",
}


def _markdown_text(text: str) -> str:
    return " ".join(_MARKDOWN.sub(r"\\\g<0>", text).split())


def _pad(row: list[str], widths: list[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]


def _flat_headings(table: Table, *, line_break: bool = False) -> list[str]:
    between = "\n" if line_break else " "
    return [f"{column.group}{between}{column.label}" if column.group else column.label for column in table.columns]


def _body(table: Table, decorate: cabc.Callable[[str, Place, str], str]) -> list[list[str]]:
    marks = table.footnotes()
    body = []
    for row, line, places in zip(table.rows, table.cells, table.places(), strict=True):
        texts = [decorate(row.label, Place.NONE, _marks(row.notes, marks))]
        texts += [
            decorate(cell.text, place, _marks(cell.notes, marks)) for cell, place in zip(line, places, strict=True)
        ]
        body.append(texts)
    return body


def _marks(notes: tuple[str, ...], marks: dict[str, str]) -> str:
    return ",".join(sorted((marks[note] for note in dict.fromkeys(notes)), key=lambda sign: (len(sign), sign)))


def _remarks(table: Table) -> list[tuple[str, str]]:
    return [*(("", note) for note in table.notes), *((sign, text) for text, sign in table.footnotes().items())]


def _latex_headings(table: Table) -> list[str]:
    labels = " & ".join([latex_text(table.corner), *(_latex_label(column.label) for column in table.columns)]) + r" \\"
    if not any(column.group for column in table.columns):
        return [labels]
    spans, rules, start = [""], [], 2
    for group, members in itertools.groupby(table.columns, key=lambda column: column.group):
        count = len(list(members))
        spans += [rf"\multicolumn{{{count}}}{{c}}{{{latex_text(group)}}}"] if group else [""] * count
        rules += [rf"\cmidrule(lr){{{start}-{start + count - 1}}}"] if group else []
        start += count
    return [" & ".join(spans) + r" \\", " ".join(rules), labels]


def _latex_label(label: str) -> str:
    base, underscore, subscript = label.partition("_")
    return latex_text(base) + (rf"\textsubscript{{{latex_text(subscript)}}}" if underscore else "")


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
