"""Tables for readers: markdown and HTML; rounded numbers, scores times 100."""

import collections.abc as cabc
import re
from importlib import resources

from evalkit.report.tables.table import Cell, Rank, Table
from evalkit.report.tables.typeset import SUPERSCRIPT, body_of, groups_of, marks_of, remarks_of, subscript


def to_markdown(table: Table) -> str:
    """GitHub's markdown; the best number of a column is bold, the second underlined, footnotes carry letters."""
    table = table.shown()

    def heading(label: str, marks: str) -> str:
        return _markdown_text(label) + marks.translate(SUPERSCRIPT)

    def number(cell: Cell, place: Rank, marks: str) -> str:
        text = _markdown_text(cell.text)
        text = {Rank.FIRST: f"**{text}**", Rank.SECOND: f"<u>{text}</u>", Rank.NONE: text}[place]
        return f"{text}{marks.translate(SUPERSCRIPT)} {_markdown_text(cell.range)}".rstrip()

    flat = [f"{column.group} {column.label}".strip() for column in table.columns]
    headings = [_markdown_text(heading) for heading in [table.corner, *flat]]
    rows = [headings, *body_of(table, heading, number)]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(headings))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [rows[0], rule, *rows[1:]]
    lines = ["| " + " | ".join(_pad(row, widths)) + " |" for row in rows]
    parts = [f"**{_markdown_text(table.title)}**"]
    parts += [_markdown_text(table.caption)] if table.caption else []
    parts.append("\n".join(lines))
    notes = [f"{sign.translate(SUPERSCRIPT)} {note}".strip() for sign, note in remarks_of(table)]
    parts += [_markdown_text(note) for note in notes]
    return "\n\n".join(parts) + "\n"


def html_page(tables: cabc.Sequence[Table]) -> str:
    """One self-contained page with all tables: best bold, second underlined, footnotes carry letters."""
    shown = [table.shown() for table in tables]
    import jinja2  # for pages only

    template = resources.files("evalkit.report.tables") / "page.html"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        title=shown[0].title if len(shown) == 1 else "Tables",
        tables=[(table, table.footnotes()) for table in shown],
        groups=groups_of,
        subscript=subscript,
        signs=marks_of,
        zip=zip,
    )


# an underscore inside a word is literal, and an ampersand that begins no entity
_MARKDOWN = re.compile(r"[\\`*|\[\]<>~$]|&(?=#?\w+;)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def _markdown_text(text: str) -> str:
    return " ".join(_MARKDOWN.sub(r"\\\g<0>", text).split())


def _pad(row: list[str], widths: list[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
