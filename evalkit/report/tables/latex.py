"""LaTeX: a ``table``, or a ``table*`` where two columns of text are needed, that fits on the page whatever it holds.

Widths are those of Computer Modern, which is wider than Times. The narrowest pages in use decide: ``article`` with
two columns for a ``table``, with one for a ``table*``; on wider ones there is room to spare. What is too wide still
(other fonts, a very long name) is scaled down when it is set.
"""

import collections.abc as cabc
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TypeVar

from evalkit.report.headline import for_readers
from evalkit.report.tables.table import Cell, Rank, Ranking, Table
from evalkit.report.tables.typeset import (
    body_of,
    groups_of,
    marks_of,
    panels,
    remarks_of,
    subscript,
    with_room_for_groups,
)

Item = TypeVar("Item")
COLUMN, PAGE = 200.0, 345.0  # points: \columnwidth of article[twocolumn], \textwidth of article
_LINES = 42  # of a float, which must be lower than a page
_LABELS = 0.4  # of the width at most for the names of the rows


@dataclass(frozen=True, slots=True)
class _Size:
    """How densely a table is set: font, its size in parts of the normal one, gaps beside columns, font of intervals."""

    font: str
    scale: float
    gap: float
    of_intervals: str


_SIZES = (
    _Size("", 1.0, 6, r"\scriptsize"),
    _Size(r"\small", 0.9, 4, r"\scriptsize"),
    _Size(r"\footnotesize", 0.8, 4, r"\tiny"),
    _Size(r"\footnotesize", 0.8, 3, r"\tiny"),
    _Size(r"\scriptsize", 0.7, 3, r"\tiny"),
    _Size(r"\scriptsize", 0.7, 2, r"\tiny"),
)
_READABLE = 4  # sizes that a table may have in one column of two


def to_latex(table: Table) -> str:
    """A ``table`` or ``table*`` for the packages booktabs and graphicx, and xcolor where a paper has colors.

    The best number is bold and the second underlined. What the numbers were computed from stands in comments; footnotes
    are left for what a reader of the paper must know.
    """
    everything = table.shown()
    table = _of_readers(everything)
    fit = _Fit.of(table)
    body = _body(table, fit)
    below = _below(table)
    lines_left = max(_LINES // 3, _LINES - len(below) // 90)
    height = 2 if fit.broken else 1
    of_rows = _chunks(list(range(len(table.rows))), (lines_left - 4) // height)
    tabulars = [_tabular(table, body, columns, rows) for rows in of_rows for columns in fit.panels]
    packages = "booktabs,graphicx" + (",xcolor" if table.colors else "")
    lines = [rf"% needs \usepackage{{{packages}}}", *(f"% {line}" for line in _origins(everything))]
    floats = _chunks(tabulars, max(1, lines_left // (4 + height * len(of_rows[0]))))
    for number, of_float in enumerate(floats):
        last = number == len(floats) - 1
        lines += _float(table, fit, of_float, below if last else "", number)
    return "\n".join([*lines, ""])


def latex_text(text: str) -> str:
    r"""Escape text for LaTeX, in ASCII; characters that pdfLaTeX does not know become their code.

    Example:
        >>> latex_text("50% of a_b & c"), latex_text("Ü追")
        ('50\\% of a\\_b \\& c', '\\"{U}\\texttt{U+8FFD}')
    """
    return "".join(map(_character, re.sub("-(?=-)", f"-{_APART}", text)))


def _character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if " " <= character <= "~":
        return character
    letters = unicodedata.normalize("NFD", character)
    base, accent = letters[0], _ACCENTS.get(letters[1:])
    if accent and base.isascii() and base.isalpha():
        return f"\\{accent}{{{_WITHOUT_DOT.get(base, base)}}}"
    return rf"\texttt{{U+{ord(character):04X}}}"


_APART = "\ue000"  # of nobody's alphabet: between hyphens that would become a dash
_LATEX = {
    _APART: "{}",
    "`": "{`}",
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
    '"': "''",
    "[": "{[}",  # behind the end of a row they would be an argument
    "*": "{*}",
    "\n": " ",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "ø": r"\o{}",
    "ł": r"\l{}",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u2014": "---",
    "\u2019": "'",
    "±": r"$\pm$",
    "×": r"$\times$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
}
_WITHOUT_DOT = {"i": r"\i", "j": r"\j"}
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u." + '"rHvc', strict=True)
)


def _breakable(text: str) -> str:
    r"""Text in which long words may be broken: names of sequences and trackers have no hyphens."""
    return " ".join(
        r"\allowbreak ".join(map(latex_text, re.findall(_PIECES, word)))
        if _points(word) > _LONG_WORD
        else latex_text(word)
        for word in text.split(" ")
    )


_LONG_WORD = 100.0  # points
_PIECES = r"[^\0-\x7f]|[^-_/.:=,+\x80-\U0010ffff]{1,12}[-_/.:=,+]?|[-_/.:=,+]"


def _label(label: str) -> str:
    base, below, rest = subscript(label)
    return latex_text(base) + (rf"\textsubscript{{{latex_text(below)}}}" if below else "") + latex_text(rest)


def _number(cell: Cell) -> str:
    """Of negative numbers the sign is a minus, no hyphen."""
    return "--" if cell.text == "-" else re.sub(r"(?<!\w)-(?=[\d.])", "$-$", latex_text(cell.text))


def _of_readers(table: Table) -> Table:
    """The table with the notes that belong into a paper."""
    return replace(
        table,
        notes=for_readers(table.notes),
        rows=tuple(replace(row, notes=for_readers(row.notes)) for row in table.rows),
        cells=tuple(tuple(replace(cell, notes=for_readers(cell.notes)) for cell in line) for line in table.cells),
    )


def _origins(table: Table) -> cabc.Iterator[str]:
    """What stands in comments: rules, runs, and all notes."""
    yield f"{table.title}. {table.caption}"
    yield from table.notes
    for row, line in zip(table.rows, table.cells, strict=True):
        facts = [f"{key} {text}" for key, text in row.origin.items() if key != "source"]
        if facts or row.notes:
            yield f"{row.label}: {'; '.join((*facts, *row.notes))}"
        for column, cell in zip(table.columns, line, strict=True):
            if cell.notes:
                yield f"{row.label}, {f'{column.group} {column.label}'.strip()}: {'; '.join(cell.notes)}"


# bold letters, since the best numbers are; of all others see _points
_LETTERS = dict.fromkeys("0123456789", 5.8) | dict.fromkeys("ijl.,:;'|!I ", 3.6) | dict.fromkeys("-()[]frst/", 4.6)
_LETTERS |= dict.fromkeys("mwMW%", 11.0)


def _points(text: str) -> float:
    return sum(_LETTERS.get(letter, 8.3 if letter.isupper() else 6.2 if letter.isascii() else 34.0) for letter in text)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a table is set.

    Attributes:
        size: Font and gaps.
        star: Whether across both columns of text.
        panels: Columns that stand beside each other.
        broken: Whether the rows' headings are broken into lines.
    """

    size: _Size
    star: bool
    panels: list[list[int]]
    broken: bool

    @classmethod
    def of(cls, table: Table) -> "_Fit":
        """The largest font in which a table fits into a column, else on the page, else in panels on the page."""
        marks = table.footnotes()
        rows = [_points(row.label) + 0.7 * _points(marks_of(row.notes, marks)) for row in table.rows]
        labels = max([_points(table.corner), *rows])
        whole = PAGE * (1.25 if any(column.group for column in table.columns) else 1.6)
        for limit, sizes in ((COLUMN, _SIZES[:_READABLE]), (PAGE, _SIZES), (whole, _SIZES[-1:])):
            for size in sizes:
                columns = _column_widths(table, size)
                # a little more than the page is scaled down on the narrowest ones, before a table is divided
                if labels * size.scale + sum(columns) <= limit:
                    return cls(size, limit >= PAGE, [list(range(len(columns)))], broken=False)
        size = _SIZES[_READABLE - 1]
        broken = labels * size.scale > _LABELS * PAGE
        room = PAGE - min(labels * size.scale, _LABELS * PAGE)
        return cls(size, True, panels(table.columns, _column_widths(table, size), room), broken)


def _column_widths(table: Table, size: _Size) -> list[float]:
    """In points, with the gaps."""
    marks = table.footnotes()
    lines = [
        [_points(cell.text) + 0.75 * _points(cell.range) + 0.7 * _points(marks_of(cell.notes, marks)) for cell in line]
        for line in table.cells
    ]
    headings = [_points("".join(subscript(column.label))) for column in table.columns]
    widths = [max(of_column) * size.scale + 2 * size.gap for of_column in zip(headings, *lines, strict=True)]
    groups = {column.group: _points(column.group) * size.scale + 2 * size.gap for column in table.columns}
    return with_room_for_groups(table.columns, widths, groups)


def _tabular(table: Table, body: list[list[str]], columns: list[int], rows: list[int]) -> list[str]:
    """The environment ``tabular`` of some columns and rows, scaled down where it is still too wide when it is set."""
    shown = [table.columns[column] for column in columns]
    numbers = any(math.isfinite(cell.value) for line in table.cells for cell in line)
    alignment = ("r" if numbers and table.ranking is not Ranking.ROWS else "c") * len(columns)
    lines = [
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}l{alignment}@{{}}}}",
        r"\toprule",
    ]
    if any(column.group for column in shown):
        spans, rules, start = [""], [], 2
        for group, count in groups_of(shown):
            spans += [rf"\multicolumn{{{count}}}{{c}}{{{latex_text(group)}}}"] if group else [""] * count
            rules += [rf"\cmidrule(lr){{{start}-{start + count - 1}}}"] if group else []
            start += count
        lines += [" & ".join(spans) + r" \\", " ".join(rules)]
    lines.append(" & ".join([latex_text(table.corner), *(_label(column.label) for column in shown)]) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join([body[row][0], *(body[row][1 + column] for column in columns)]) + r" \\" for row in rows]
    return [*lines, r"\bottomrule", r"\end{tabular}}"]


def _body(table: Table, fit: _Fit) -> list[list[str]]:
    """Rows' headings and cells."""
    styles = {Rank.FIRST: r"\textbf", Rank.SECOND: r"\underline", Rank.NONE: ""}
    styles |= {Rank(place): rf"\textcolor{{{color}}}" for place, color in enumerate(table.colors, 1)}

    def heading(label: str, marks: str) -> str:
        if not fit.broken:
            return latex_text(label) + _raised(marks)
        text = _breakable(label) + _raised(marks)
        return rf"\parbox[t]{{{_LABELS}\linewidth}}{{\raggedright {text}\strut}}"

    def number(cell: Cell, place: Rank, marks: str) -> str:
        text = f"{styles[place]}{{{_number(cell)}}}" if styles[place] else _number(cell)
        around = rf" {{{fit.size.of_intervals}{latex_text(cell.range)}}}" if cell.range else ""
        return text + _raised(marks) + around

    return body_of(table, heading, number)


def _raised(marks: str) -> str:
    return rf"\textsuperscript{{{marks}}}" if marks else ""


def _below(table: Table) -> str:
    """The footnotes as one paragraph; empty where there are none."""
    notes = " ".join(
        f"{_raised(sign)} ".lstrip() + f"{_breakable(note.rstrip('.'))}." for sign, note in remarks_of(table)
    )
    return rf"\par\smallskip{{\footnotesize\raggedright {notes}\par}}" if notes else ""


def _float(table: Table, fit: _Fit, tabulars: list[list[str]], below: str, number: int) -> list[str]:
    """One float; what does not fit on its page goes on in another one with the same number."""
    kind = "table*" if fit.star else "table"
    caption = table.heading or ". ".join(part.rstrip(".") for part in (table.title, table.caption) if part) + "."
    lines = [rf"\begin{{{kind}}}[t]", r"\centering"]
    if number:
        lines += [r"\addtocounter{table}{-1}", rf"\caption{{{_breakable(caption)} (continued)}}"]
    else:
        name = table.label or f"tab:{table.title.lower()}"
        lines += [rf"\caption{{{_breakable(caption)}}}", rf"\label{{{_NO_LABEL.sub('-', name).strip('-')}}}"]
    lines += [r"\smallskip", *([fit.size.font] if fit.size.font else [])]
    lines.append(rf"\setlength{{\tabcolsep}}{{{fit.size.gap:g}pt}}")
    for place, tabular in enumerate(tabulars):
        lines += [r"\par\medskip", *tabular] if place else tabular
    return [*lines, *([below] if below else []), rf"\end{{{kind}}}"]


_NO_LABEL = re.compile(r"[^A-Za-z0-9:.]+")


def _chunks(items: list[Item], size: int) -> list[list[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)] or [[]]
