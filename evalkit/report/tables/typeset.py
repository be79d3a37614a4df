"""What the formats for readers share: cells with their marks, headings, and which columns stand beside each other."""

import collections.abc as cabc
import itertools
import re
from typing import TypeVar

from evalkit.report.tables.table import Cell, Column, Rank, Table

Printed = TypeVar("Printed")
SUPERSCRIPT = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
"""For marks of footnotes where there is no other way to raise a letter."""
_SUBSCRIPT = re.compile(r"(P|SR)_(\S+)(.*)")


def body_of(
    table: Table, heading: cabc.Callable[[str, str], Printed], number: cabc.Callable[[Cell, Rank, str], Printed]
) -> list[list[Printed]]:
    """Every row's heading and cells.

    Args:
        table: The table.
        heading: A row's label and its marks -> as printed.
        number: A cell, its place among the best, and its marks -> as printed.
    """
    marks = table.footnotes()
    return [
        [
            heading(row.label, marks_of(row.notes, marks)),
            *(number(cell, place, marks_of(cell.notes, marks)) for cell, place in zip(line, places, strict=True)),
        ]
        for row, line, places in zip(table.rows, table.cells, table.places(), strict=True)
    ]


def marks_of(notes: tuple[str, ...], marks: cabc.Mapping[str, str]) -> str:
    """The marks of some notes: "a,c"."""
    return ",".join(sorted((marks[note] for note in dict.fromkeys(notes)), key=lambda sign: (len(sign), sign)))


def remarks_of(table: Table) -> list[tuple[str, str]]:
    """What stands below a table: marks and footnotes; those of the whole table have no mark."""
    return [*(("", note) for note in table.notes), *((sign, text) for text, sign in table.footnotes().items())]


def subscript(label: str) -> tuple[str, str, str]:
    """A metric's label as papers set it: what is on the line, below it, and behind.

    Example:
        >>> subscript("SR_0.5"), subscript("P_Norm AUC"), subscript("my_tracker")
        (('SR', '0.5', ''), ('P', 'Norm', ' AUC'), ('my_tracker', '', ''))
    """
    match = _SUBSCRIPT.fullmatch(label)
    return (match[1], match[2], match[3]) if match else (label, "", "")


def groups_of(columns: cabc.Sequence[Column]) -> list[tuple[str, int]]:
    """Headings above neighboring columns, with their number; "" where there is none."""
    return [(group, len(list(of_group))) for group, of_group in itertools.groupby(column.group for column in columns)]


def with_room_for_groups(
    columns: cabc.Sequence[Column], widths: cabc.Sequence[float], headings: cabc.Mapping[str, float]
) -> list[float]:
    """Widths of columns, gaps included, the last of a group wide enough for the heading of the whole group."""
    wide, start = list(widths), 0
    for group, count in groups_of(columns):
        end = start + count
        wide[end - 1] += max(0.0, headings.get(group, 0.0) - sum(wide[start:end]))
        start = end
    return wide


def panels(columns: cabc.Sequence[Column], widths: cabc.Sequence[float], room: float) -> list[list[int]]:
    """Columns by panel: as few panels as there can be, about equally wide; a group is divided only where it must be.

    Args:
        columns: Of the table.
        widths: Their widths, gaps included.
        room: Of a panel, without the rows' headings.

    Example:
        >>> two = [Column("a", "AUC", "LaSOT"), Column("b", "P", "LaSOT"), Column("c", "AUC", "UAV123")]
        >>> panels(two, [5, 5, 5], 20), panels(two, [5, 5, 5], 12), panels(two, [5, 5, 5], 7)
        ([[0, 1, 2]], [[0, 1], [2]], [[0], [1], [2]])
    """
    blocks = []
    for _, of_group in itertools.groupby(range(len(columns)), lambda number: columns[number].group or number):
        block = list(of_group)
        blocks += [block] if sum(widths[number] for number in block) <= room else [[number] for number in block]

    def packed(room: float) -> list[list[int]]:
        made: list[list[int]] = []
        for block in blocks:
            if made and sum(widths[number] for number in [*made[-1], *block]) <= room:
                made[-1] += block
            else:
                made.append(list(block))
        return made

    fewest = len(packed(room))
    return next(even for part in range(10, 21) if len(even := packed(room * part / 20)) == fewest)
