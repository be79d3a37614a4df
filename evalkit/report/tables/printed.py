"""Tables for readers: markdown, LaTeX, HTML, and for a terminal; rounded numbers, scores times 100."""

import collections.abc as cabc
import io
import itertools
import re
from importlib import resources

import rich.box
import rich.console
import rich.markup
import rich.table
import rich.text

from evalkit.report.tables.table import Rank, Table

_SUPERSCRIPT = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")


def to_markdown(table: Table) -> str:
    """GitHub's markdown; the best number of a column is bold, the second underlined, footnotes carry letters."""
    table = table.shown()

    def decorate(text: str, place: Rank, marks: str) -> str:
        text = _markdown_text(text)
        text = {Rank.FIRST: f"**{text}**", Rank.SECOND: f"<u>{text}</u>", Rank.NONE: text}[place]
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

    def decorate(text: str, place: Rank, marks: str) -> str:
        text = "--" if text == "-" else latex_text(text)
        text = {Rank.FIRST: rf"\textbf{{{text}}}", Rank.SECOND: rf"\underline{{{text}}}", Rank.NONE: text}[place]
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


def to_rich(table: Table) -> rich.console.Group:
    """For a terminal: best bold, second underlined."""
    table = table.shown()

    def decorate(text: str, place: Rank, marks: str) -> str:
        text = rich.markup.escape(text)
        text = {Rank.FIRST: f"[bold]{text}[/]", Rank.SECOND: f"[underline]{text}[/]", Rank.NONE: text}[place]
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


def html_page(tables: cabc.Sequence[Table]) -> str:
    """One self-contained page with all tables: best bold, second underlined, footnotes carry letters."""
    shown = [table.shown() for table in tables]
    import jinja2  # for pages only

    template = resources.files("evalkit.report.tables") / "page.html"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        title=shown[0].title if len(shown) == 1 else "Tables",
        tables=[(table, table.footnotes()) for table in shown],
        groups=_groups,
        signs=_marks,
        zip=zip,
    )


def latex_text(text: str) -> str:
    r"""Escape text for LaTeX.

    Example:
        >>> latex_text("50% of a_b & c")
        '50\\% of a\\_b \\& c'
    """
    return "".join(_LATEX.get(character, character) for character in text)


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


def _body(table: Table, decorate: cabc.Callable[[str, Rank, str], str]) -> list[list[str]]:
    marks = table.footnotes()
    body = []
    for row, line, places in zip(table.rows, table.cells, table.places(), strict=True):
        texts = [decorate(row.label, Rank.NONE, _marks(row.notes, marks))]
        texts += [
            decorate(cell.text, place, _marks(cell.notes, marks)) for cell, place in zip(line, places, strict=True)
        ]
        body.append(texts)
    return body


def _marks(notes: tuple[str, ...], marks: cabc.Mapping[str, str]) -> str:
    return ",".join(sorted((marks[note] for note in dict.fromkeys(notes)), key=lambda sign: (len(sign), sign)))


def _remarks(table: Table) -> list[tuple[str, str]]:
    return [*(("", note) for note in table.notes), *((sign, text) for text, sign in table.footnotes().items())]


def _groups(table: Table) -> list[tuple[str, int]]:
    """Headings above neighboring columns, with their number; "" where there is none."""
    return [
        (group, len(list(columns))) for group, columns in itertools.groupby(column.group for column in table.columns)
    ]


def _latex_headings(table: Table) -> list[str]:
    labels = " & ".join([latex_text(table.corner), *(_latex_label(column.label) for column in table.columns)]) + r" \\"
    if not any(column.group for column in table.columns):
        return [labels]
    spans, rules, start = [""], [], 2
    for group, count in _groups(table):
        spans += [rf"\multicolumn{{{count}}}{{c}}{{{latex_text(group)}}}"] if group else [""] * count
        rules += [rf"\cmidrule(lr){{{start}-{start + count - 1}}}"] if group else []
        start += count
    return [" & ".join(spans) + r" \\", " ".join(rules), labels]


def _latex_label(label: str) -> str:
    base, underscore, subscript = label.partition("_")
    return latex_text(base) + (rf"\textsubscript{{{latex_text(subscript)}}}" if underscore else "")
