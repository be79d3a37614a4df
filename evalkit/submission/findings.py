"""One defect of a submission: where it is, what was found, what was expected."""

import collections.abc as cabc
import dataclasses
import enum
from dataclasses import dataclass
from typing import Any

_SHOWN_RANGES = 6
_SHOWN_TEXT = 60


class Severity(enum.StrEnum):
    """Whether a server may refuse or misread the file, or the result is only worse than it could be."""

    ERROR = "error"
    WARNING = "warning"


class Kind(enum.StrEnum):
    """What is wrong, coarsely; the words that people and ``--json`` get."""

    # the archive
    NOT_A_ZIP = "not a zip"
    DAMAGED = "damaged archive"
    ENCRYPTED = "encrypted"
    UNSAFE_NAME = "unsafe name"
    BACKSLASH = "backslash in name"
    SYMLINK = "symbolic link"
    DUPLICATE = "duplicate"
    ZIP_BOMB = "zip bomb"
    NESTED_ARCHIVE = "archive in archive"
    COMPRESSION = "unusual compression"
    UNREADABLE = "unreadable file"
    # names and places
    MISSING_SEQUENCE = "missing sequence"
    MISSING_FILE = "missing file"
    WRONG_FOLDER = "wrong folder level"
    WRONG_NAME = "wrong name"
    EXTRA_FILE = "extra file"
    SEVERAL_TRACKERS = "several trackers"
    REPETITIONS = "repetitions"
    SAME_REPETITIONS = "identical repetitions"
    # lines
    ENCODING = "text encoding"
    BYTE_ORDER_MARK = "byte-order mark"
    LINE_ENDS = "line ends"
    SEPARATOR = "wrong separator"
    BLANKS = "blanks beside commas"
    BLANK_LINE = "blank line"
    COLUMNS = "wrong number of columns"
    TEXT = "no numbers"
    NOT_FINITE = "NaN or infinite"
    # content
    EMPTY = "empty file"
    ROW_COUNT = "row count"
    FIRST_ROW = "first row is not the given box"
    NEGATIVE_SIZE = "negative size"
    ZERO_SIZE = "zero size"
    INTEGERS = "integers only"
    TIMES = "times"
    CONFIDENCE = "confidence"
    REGION_CODE = "region code"
    MASK = "mask"


# The same remark for hundreds of files is one finding that names them all.
_MERGED = frozenset({Kind.LINE_ENDS, Kind.BLANKS, Kind.INTEGERS, Kind.COMPRESSION, Kind.BACKSLASH})


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect.

    Attributes:
        severity: ERROR or WARNING.
        kind: What is wrong.
        file: Name within the submission; that of the first one where several share the defect.
        found: What is there.
        expected: What should be there.
        lines: Numbers of the lines concerned, from 1, ascending; empty where it is no matter of lines.
        more_files: The other files with the same defect.
        advice: What it means or what to do; a sentence, or empty.
    """

    severity: Severity
    kind: Kind
    file: str
    found: str
    expected: str
    lines: tuple[int, ...] = ()
    more_files: tuple[str, ...] = ()
    advice: str = ""

    def __str__(self) -> str:
        place = self.file + (f", {line_text(self.lines)}" if self.lines else "")
        if self.more_files:
            place += f" and {len(self.more_files)} more {'files' if len(self.more_files) > 1 else 'file'}"
        text = f"{self.severity}: {place}: {self.kind}: found {self.found}; expected {self.expected}."
        return shown_name(f"{text} {self.advice}".rstrip())

    def document(self) -> dict[str, Any]:
        """The finding as JSON values; ``line`` is the first line, ``lines`` has ranges, both ends included."""
        return {
            "severity": self.severity.value,
            "kind": self.kind.value,
            "file": shown_name(self.file),
            "line": self.lines[0] if self.lines else None,
            "lines": [list(ends) for ends in _ranges(self.lines)],
            "found": shown_name(self.found),
            "expected": shown_name(self.expected),
            "advice": self.advice,
            "more_files": [shown_name(name) for name in self.more_files],
        }


def error(kind: Kind, file: str, what: str, expected: str, **more: Any) -> Finding:
    """Build an error."""
    return Finding(Severity.ERROR, kind, file, what, expected, **more)


def warning(kind: Kind, file: str, what: str, expected: str, **more: Any) -> Finding:
    """Build a warning."""
    return Finding(Severity.WARNING, kind, file, what, expected, **more)


def merged(findings: cabc.Iterable[Finding]) -> list[Finding]:
    """Join remarks that many files share; errors first, otherwise the order of finding."""
    kept: list[Finding] = []
    groups: dict[tuple[Severity, Kind], list[Finding]] = {}
    for finding in findings:
        if finding.kind in _MERGED:
            groups.setdefault((finding.severity, finding.kind), []).append(finding)
        else:
            kept.append(finding)
    for first, *others in groups.values():
        files = tuple(other.file for other in others)
        kept.append(dataclasses.replace(first, more_files=files, lines=() if files else first.lines))
    return sorted(kept, key=lambda finding: finding.severity is Severity.WARNING)


def shown_name(name: str) -> str:
    r"""A file's name, or a text with names, with its unprintable characters escaped.

    Example:
        >>> shown_name("a\x1b[2J.txt")
        'a\\x1b[2J.txt'
    """
    if name.isprintable():
        return name
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in name
    )


def shown_line(line: bytes) -> str:
    """The beginning of a line, in quotes.

    Example:
        >>> shown_line(b"1;2")
        "'1;2'"
    """
    text = repr(line[:_SHOWN_TEXT].decode("utf-8", "backslashreplace"))
    return f"{text} ..." if len(line) > _SHOWN_TEXT else text


def line_text(lines: cabc.Sequence[int]) -> str:
    """Line numbers for people.

    Example:
        >>> line_text([3]), line_text([1, 2, 3, 7])
        ('line 3', 'lines 1-3, 7')
    """
    ranges = _ranges(lines)
    parts = [str(low) if low == high else f"{low}-{high}" for low, high in ranges[:_SHOWN_RANGES]]
    rest = sum(high - low + 1 for low, high in ranges[_SHOWN_RANGES:])
    text = ", ".join(parts) + (f" and {rest} more" if rest else "")
    return f"line {text}" if len(lines) == 1 else f"lines {text}"


def _ranges(lines: cabc.Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for line in lines:
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    return ranges
