"""Tables as one HTML page: no scripts, no outside files, everything escaped."""

import collections.abc as cabc
import itertools
from html import escape

from evalkit.report.table import Cell, Place, Table
from evalkit.visible import visible

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2126; background: #fff; margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
thead tr:first-child th { border-top: 2px solid #1c2126; }
thead tr:last-child th { border-bottom: 1px solid #1c2126; }
tbody tr:last-child > * { border-bottom: 2px solid #1c2126; }
th, td { padding: .2rem .7rem; text-align: right; font-weight: normal; white-space: nowrap; }
th:first-child { text-align: left; }
th.group { text-align: center; }
tr.measured, tr.sample { background: #f0f4f8; }
td.first { font-weight: bold; }
td.second { text-decoration: underline; }
sup { line-height: 0; }
p.note { font-size: 13px; color: #4a5258; margin: .2rem 0; }
"""
_CLASSES = {Place.FIRST: ' class="first"', Place.SECOND: ' class="second"', Place.NONE: ""}


def html_page(tables: cabc.Sequence[Table]) -> str:
    """One self-contained page with all tables."""
    title = escape(visible(tables[0].title) if len(tables) == 1 else "Tables") if tables else "Tables"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    body = "\n".join(html_table(table) for table in tables)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def html_table(table: Table) -> str:
    """One table as a ``section``: best bold, second underlined, footnotes carry letters."""
    table = table.shown()
    marks = table.footnotes()
    lines = ["<section>", f"<h2>{escape(table.title)}</h2>"]
    lines += [f"<p>{escape(table.caption)}</p>"] if table.caption else []
    lines += ['<div class="wide"><table>', "<thead>", *_headings(table), "</thead>", "<tbody>"]
    for row, cells, places in zip(table.rows, table.cells, table.places(), strict=True):
        kind = row.origin.get("source", "")
        label = f'<th scope="row">{escape(row.label)}{_sup(row.notes, marks)}</th>'
        values = "".join(_cell(cell, place, marks) for cell, place in zip(cells, places, strict=True))
        lines.append(f"<tr{_class(kind)}>{label}{values}</tr>")
    lines += ["</tbody></table></div>"]
    lines += [f'<p class="note">{escape(note)}</p>' for note in table.notes]
    lines += [f'<p class="note"><sup>{escape(sign)}</sup> {escape(note)}</p>' for note, sign in marks.items()]
    return "\n".join([*lines, "</section>"])


def _headings(table: Table) -> list[str]:
    labels = "".join(f'<th scope="col">{_label(column.label)}</th>' for column in table.columns)
    last = f'<tr><th scope="col">{escape(table.corner)}</th>{labels}</tr>'
    if not any(column.group for column in table.columns):
        return [last]
    spans = [
        f'<th class="group" scope="colgroup" colspan="{len(list(members))}">{escape(group)}</th>'
        for group, members in itertools.groupby(table.columns, key=lambda column: column.group)
    ]
    return [f"<tr><th></th>{''.join(spans)}</tr>", last]


def _label(label: str) -> str:
    base, underscore, subscript = label.partition("_")
    return escape(base) + (f"<sub>{escape(subscript)}</sub>" if underscore else "")


def _cell(cell: Cell, place: Place, marks: dict[str, str]) -> str:
    return f"<td{_CLASSES[place]}>{escape(cell.text)}{_sup(cell.notes, marks)}</td>"


def _sup(notes: tuple[str, ...], marks: dict[str, str]) -> str:
    signs = sorted((marks[note] for note in dict.fromkeys(notes)), key=lambda sign: (len(sign), sign))
    return f"<sup>{escape(','.join(signs))}</sup>" if signs else ""


def _class(kind: str) -> str:
    return f' class="{escape(kind, quote=True)}"' if kind else ""
