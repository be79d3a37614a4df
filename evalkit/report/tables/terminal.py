"""Tables as text, for a terminal and for files: groups of columns, panels where the width does not do."""

import collections.abc as cabc
import io

from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from evalkit.report.tables.table import Cell, Column, Rank, Table
from evalkit.report.tables.typeset import (
    SUPERSCRIPT,
    body_of,
    groups_of,
    panels,
    remarks_of,
    with_room_for_groups,
)

FULL_WIDTH = 160
_GAP = 2


def to_rich(table: Table, width: int = FULL_WIDTH) -> Group:
    """For a terminal: best bold, second underlined; columns for which there is no width stand in panels below."""
    table = table.shown()
    styles = {Rank.FIRST: "bold", Rank.SECOND: "underline", Rank.NONE: ""}
    styles |= {Rank(place): color for place, color in enumerate(table.colors, 1)}

    def heading(label: str, marks: str) -> Text:
        text = Text.assemble(label, (marks.translate(SUPERSCRIPT), "dim"))
        text.truncate(max(20, width // 2), overflow="ellipsis")
        return text

    def number(cell: Cell, place: Rank, marks: str) -> Text:
        around = (f" {cell.range}", "dim") if cell.range else ""
        return Text.assemble((cell.text, styles[place]), (marks.translate(SUPERSCRIPT), "dim"), around)

    body = [[Text(table.corner), *(Text(column.label) for column in table.columns)], *body_of(table, heading, number)]
    sizes = [max(text.cell_len for text in column) + _GAP for column in zip(*body, strict=True)]
    groups = {column.group: cell_len(column.group) + _GAP for column in table.columns if column.group}
    sizes[1:] = map(int, with_room_for_groups(table.columns, sizes[1:], groups))
    lines = [Text(table.title, "bold"), *([Text(table.caption)] if table.caption else [])]
    for panel in panels(table.columns, sizes[1:], width - sizes[0]):
        lines += [Text(), *_panel(table, body, sizes, panel)]
    notes = [Text(f"{sign.translate(SUPERSCRIPT)} {note}".strip(), "dim") for sign, note in remarks_of(table)]
    return Group(*lines, *([Text()] if notes else []), *notes)


def _panel(table: Table, body: list[list[Text]], sizes: list[int], panel: list[int]) -> cabc.Iterator[Text]:
    """Groups, headings, a rule, and the rows of some columns."""
    shown = [table.columns[number] for number in panel]
    widths = [sizes[1 + number] for number in panel]
    if any(column.group for column in shown):
        yield from _groups(shown, widths, sizes[0] - _GAP)
    for number, row in enumerate(body):
        line = Text(no_wrap=True).append_text(row[0]).append(" " * (sizes[0] - _GAP - row[0].cell_len))
        for place, width in zip(panel, widths, strict=True):
            line.append(" " * (width - row[1 + place].cell_len)).append_text(row[1 + place])
        yield line
        if number == 0:
            yield Text("─" * (sizes[0] - _GAP + sum(widths)), "dim")


def _groups(columns: list[Column], widths: list[int], first: int) -> cabc.Iterator[Text]:
    """The headings of groups over their columns, and a rule below each."""
    above, below, start = " " * first, " " * first, 0
    for group, count in groups_of(columns):
        width = sum(widths[start : start + count]) - _GAP
        left, right = divmod(width - cell_len(group), 2)
        above += " " * (_GAP + left) + group + " " * (left + right)
        below += " " * _GAP + ("─" if group else " ") * width
        start += count
    yield Text(above.rstrip(), no_wrap=True)
    yield Text(below.rstrip(), "dim")


def to_text(table: Table, width: int = FULL_WIDTH) -> str:
    """The terminal's table without colors, at most ``width`` characters wide."""
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(to_rich(table, width))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
