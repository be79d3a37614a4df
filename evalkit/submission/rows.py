"""Text files with one row of numbers per frame, judged line by line so that every defect of a file shows at once."""

import collections.abc as cabc
import math
import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evalkit.boxes import Boxes, Flags, FloatArray, from_corners
from evalkit.numbers import parse_tables
from evalkit.submission.findings import Finding, Kind, error, shown_line, warning

FIRST_ROW_TOLERANCE = 1.0
"""Pixels by which the first row may differ from the given box: packers round, and some count from one."""

_REGULAR = re.compile(rb"(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[,\n]|\Z))++")
_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(rb"-?\d+,\d+")
_SEPARATORS = re.compile(rb"[,;\s]+")
_NAMES: cabc.Mapping[bytes, str] = {b"\t": "tabs", b";": "semicolons", b" ": "blanks"}
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HINTS: cabc.Mapping[int, str] = {
    5: "A frame number in front, or a confidence behind, must go.",
    8: "Polygons must become their enclosing boxes.",
}


class Rows(NamedTuple):
    """Content of one file.

    Attributes:
        values: (rows, columns), rows of NaN for lines that could not be read; None for a file that is no text.
        findings: What is wrong with its lines.
    """

    values: FloatArray | None
    findings: list[Finding]


def read_rows(name: str, data: bytes, *, columns: cabc.Collection[int], what: str) -> Rows:
    r"""Read a file whose rows must be numbers with commas.

    Args:
        name: Of the file, for findings.
        data: Its content.
        columns: Numbers of columns that are right.
        what: The row expected, for findings, as in "left,top,width,height with commas".

    Example:
        >>> rows = read_rows("a.txt", b"1,2,3,4\n5 6 7 8\n", columns={4}, what="4 numbers with commas")
        >>> rows.values[1], str(rows.findings[0])
        (array([5., 6., 7., 8.]), "error: a.txt, line 2: wrong separator: found blanks in '5 6 7 8'; expected
        4 numbers with commas.")
    """
    if not data.strip():
        return Rows(None, [error(Kind.EMPTY, name, f"{len(data)} bytes without a number", f"rows of {what}")])
    if _REGULAR.fullmatch(data) and not data.endswith(b","):
        (table,), _ = parse_tables([data], [name])
        if table is not None and table.shape[1] in columns and np.isfinite(table).all():
            return Rows(table, [])
    judge = _Judge(name, tuple(sorted(columns)), what)
    return judge.read(data)


@dataclass(slots=True)
class _Judge:
    """Judges the lines of one file."""

    name: str
    columns: tuple[int, ...]
    what: str
    faults: dict[Kind, list[tuple[int, str]]] = field(default_factory=dict)

    def read(self, data: bytes) -> Rows:
        findings: list[Finding] = []
        text = self._decoded(data, findings)
        if text is None:
            return Rows(None, findings)
        rows = [self._row(line, number) for number, line in enumerate(text.rstrip().split(b"\n"), start=1)]
        width = next((len(row) for row in rows if row), self.columns[0])
        values = np.full((len(rows), width), np.nan)
        for index, row in enumerate(rows):
            if row and len(row) == width:
                values[index] = row
            elif row:
                self._note(Kind.COLUMNS, index + 1, f"{len(row)} numbers, {width} in the lines before")
        return Rows(values, findings + self._findings())

    def _decoded(self, data: bytes, findings: list[Finding]) -> bytes | None:
        if data.startswith(_UTF16):
            findings.append(error(Kind.ENCODING, self.name, "UTF-16", "plain text (ASCII)"))
            data = data.decode("utf-16", "replace").encode()
        if data.startswith(_BOM):
            advice = "The first number of the file is not read as a number then."
            findings.append(
                error(
                    Kind.BYTE_ORDER_MARK, self.name, "a mark before the first number", "none", lines=(1,), advice=advice
                )
            )
            data = data[len(_BOM) :]
        if b"\0" in data:
            line = data[: data.index(b"\0")].count(b"\n") + 1
            findings.append(error(Kind.ENCODING, self.name, "a NUL byte", "plain text (ASCII)", lines=(line,)))
            return None
        if b"\r" in data:
            what = "carriage returns (Windows)" if b"\r\n" in data else "carriage returns (old Macintosh)"
            advice = "Most programs take them; plain line ends are safer."
            findings.append(warning(Kind.LINE_ENDS, self.name, what, "line feeds only", advice=advice))
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _row(self, line: bytes, number: int) -> list[float]:
        """Numbers of a line, empty where they cannot be told; notes what is wrong."""
        stripped = line.strip()
        fields = [field.strip() for field in stripped.split(b",")]
        if len(fields) in self.columns and all(map(_NUMBER.fullmatch, fields)):
            if any(byte in line for byte in (b" ", b"\t")):
                self._note(Kind.BLANKS, number, shown_line(line))
            return self._finite([float(field) for field in fields], line, number)
        if not stripped:
            self._note(Kind.BLANK_LINE, number, "a blank line")
            return []
        tokens = _decimal_commas(stripped, self.columns)
        if tokens:
            self._note(Kind.SEPARATOR, number, f"a decimal comma in {shown_line(line)}")
            return self._finite([float(field) for field in tokens], line, number)
        tokens = [field for field in _SEPARATORS.split(stripped) if field]
        if not tokens or not all(map(_NUMBER.fullmatch, tokens)):
            self._note(Kind.TEXT, number, shown_line(line))
            return []
        if len(tokens) in self.columns:
            self._note(Kind.SEPARATOR, number, f"{_separator(stripped)} in {shown_line(line)}")
            return self._finite([float(field) for field in tokens], line, number)
        self._note(Kind.COLUMNS, number, f"{len(tokens)} numbers in {shown_line(line)}")
        return []

    def _finite(self, row: list[float], line: bytes, number: int) -> list[float]:
        if not all(map(math.isfinite, row)):
            self._note(Kind.NOT_FINITE, number, shown_line(line.strip()))
        return row

    def _note(self, kind: Kind, line: int, what: str) -> None:
        self.faults.setdefault(kind, []).append((line, what))

    def _findings(self) -> list[Finding]:
        findings = []
        for kind, faults in self.faults.items():
            make = warning if kind is Kind.BLANKS else error
            lines = tuple(line for line, _ in faults)
            expected = self.what if kind is not Kind.NOT_FINITE else "finite numbers"
            count = int(faults[0][1].split()[0]) if kind is Kind.COLUMNS else 0
            advice = _HINTS.get(count, "")
            findings.append(make(kind, self.name, faults[0][1], expected, lines=lines, advice=advice))
        return findings


def _decimal_commas(line: bytes, columns: tuple[int, ...]) -> list[bytes]:
    """Numbers of a line written like ``1,5;2,5``, with points; empty if it is not."""
    for separator in (b";", None):
        fields = [field.strip() for field in line.split(separator)]
        if len(fields) in columns and len(fields) > 1 and all(map(_DECIMAL_COMMA.fullmatch, fields)):
            return [field.replace(b",", b".") for field in fields]
    return []


def _separator(line: bytes) -> str:
    used = [text for mark, text in _NAMES.items() if mark in line]
    if line.endswith((b",", b";")):
        return "a separator at the end of the line"
    if b",," in line or line.startswith(b","):
        return "an empty field"
    return " and ".join([*used, "commas"] if used and b"," in line else used) or "another separator"


# --- what the numbers say --------------------------------------------------------------------------------------------


def check_boxes(
    name: str, boxes: Boxes, *, frames: int | None = None, initial: Boxes | None = None
) -> cabc.Iterator[Finding]:
    """Judge the rows of one file of boxes.

    Args:
        name: Of the file.
        boxes: (F, 4) left, top, width, height; NaN rows were reported before and are skipped.
        frames: Rows that there should be, None where not known.
        initial: (4,) the box given for the first frame, None where not known.

    Example:
        >>> box = np.array([[10.0, 10, 5, 5]])
        >>> [str(finding) for finding in check_boxes("a.txt", box, frames=2, initial=box[0])]
        ['error: a.txt: row count: found 1 rows; expected 2. The row of one frame is missing, often that of the first
        frame.']
    """
    if frames is not None and len(boxes) != frames:
        yield error(Kind.ROW_COUNT, name, f"{len(boxes)} rows", str(frames), advice=_count_advice(len(boxes), frames))
    if initial is not None and np.isfinite(boxes[0]).all() and _distance(boxes[0], initial) > FIRST_ROW_TOLERANCE:
        yield error(
            Kind.FIRST_ROW,
            name,
            _box_text(boxes[0]),
            f"{_box_text(initial)} within {FIRST_ROW_TOLERANCE:g} px",
            lines=(1,),
            advice=_box_advice(boxes[0], initial),
        )
    smallest = np.where(np.isfinite(boxes).all(axis=1), boxes[:, 2:].min(axis=1), np.nan)
    negative = _lines(smallest < 0)
    if negative:
        text = _box_text(boxes[negative[0] - 1])
        yield error(Kind.NEGATIVE_SIZE, name, text, "width and height of 0 or more", lines=negative)
    zero = _lines(smallest == 0)
    if zero:
        text = _box_text(boxes[zero[0] - 1])
        advice = "Such a frame counts as lost."
        yield warning(Kind.ZERO_SIZE, name, text, "a width and a height", lines=zero, advice=advice)


def check_integers(name: str, boxes: Boxes) -> cabc.Iterator[Finding]:
    """Remark on boxes that were rounded or truncated."""
    if len(boxes) > 1 and (boxes == np.floor(boxes)).all():
        yield warning(
            Kind.INTEGERS,
            name,
            "whole pixels in every row",
            "decimals",
            advice="Truncating costs about 0.3 points of AUC, rounding about 0.04.",
        )


def _count_advice(count: int, expected: int) -> str:
    if count == expected - 1:
        return "The row of one frame is missing, often that of the first frame."
    return "The first frame counts too." if count > expected else ""


def _distance(box: Boxes, initial: Boxes) -> float:
    """Largest difference of a coordinate, but for what the binary representation adds."""
    return float(np.abs(box - initial).max()) - 1e-9


def _box_advice(box: Boxes, initial: Boxes) -> str:
    with np.errstate(over="ignore"):
        corners = from_corners(box[np.newaxis])[0]
    near = 2 * FIRST_ROW_TOLERANCE
    if np.abs(corners - initial).max() <= near:
        return "These look like x1,y1,x2,y2."
    if np.abs(np.append(box[:2] - box[2:] / 2, box[2:]) - initial).max() <= near:
        return "These look like center x, center y, width, height."
    if box.max() <= 1 < initial.max():
        return "These look divided by the size of the image."
    return ""


def _box_text(box: Boxes) -> str:
    return ",".join(f"{round(value, 4):.10g}" for value in box.tolist())


def _lines(mask: Flags) -> tuple[int, ...]:
    return tuple((np.flatnonzero(mask) + 1).tolist())


def check_times(name: str, times: FloatArray, *, rows: int, columns: cabc.Collection[int]) -> cabc.Iterator[Finding]:
    """Judge a file of times: one row per frame, one column or one per repetition, no negative number."""
    if len(times) != rows:
        advice = _count_advice(len(times), rows)
        yield error(Kind.ROW_COUNT, name, f"{len(times)} rows", f"{rows}, as many as frames", advice=advice)
    if times.shape[1] not in columns:
        wanted = " or ".join(map(str, sorted(columns)))
        what = f"{times.shape[1]} columns"
        yield error(Kind.TIMES, name, what, f"{wanted}: one time per frame, or one for each repetition")
    negative = _lines(times.min(axis=1) < 0)
    if negative:
        what = f"{times[negative[0] - 1].min():g}"
        yield error(Kind.TIMES, name, what, "seconds of 0 or more", lines=negative)
    elif not (times > 0).any() and np.isfinite(times).all():
        yield warning(Kind.TIMES, name, "zeros only", "seconds per frame", advice="The speed cannot be told from them.")
