"""Tables of numbers in text files, parsed exactly and fast: comma, tab, blank or semicolon; CRLF; exponents; NaN.

The rules are those of :func:`_parse_lines`, a plain loop over lines. Regular files take a vectorized path over many
files at once that gives the same doubles bit for bit; whatever it cannot prove regular goes through the loop.
"""

import collections.abc as cabc
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.boxes import FloatArray
from evalkit.errors import AnnotationError, EvalkitError

_Bytes = npt.NDArray[np.uint8]
_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]

_NUMBER = re.compile(
    rb"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf|infinity)", re.IGNORECASE | re.ASCII
)
# Blanks and tabs may repeat; a comma or semicolon stands alone, since two of them enclose an empty field.
_GAP = re.compile(rb"[ \t]*([,;]?)[ \t]*")
_FIELD = re.compile(rb"[^,; \t]+")
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"

_BAD, _TERMINATOR, _DOT, _MINUS, _OTHER = range(5)
_KIND_OF = {
    **dict.fromkeys(b",; \t\n", _TERMINATOR),
    ord("."): _DOT,
    ord("-"): _MINUS,
    **dict.fromkeys(b"+eEnNaAiIfFtTyY", _OTHER),
}
_KINDS = bytes(_KIND_OF.get(value, _BAD) for value in range(256))

_NEWLINE, _COMMA, _SEMICOLON, _BLANK, _TAB = b"\n,; \t"
_CHUNK_BYTES = 1 << 18  # temporaries of one pass stay in the processor's cache
_FEW_BYTES = 500  # of a file alone the plain loop is faster
_SAFE_DIGITS = 15  # every integer of so many digits is a double
_MOST_DIGITS = 18  # the digits of a number as an integer fit into int64
_EXACT_INTEGER = 2**53
_TENS = 10 ** np.arange(_MOST_DIGITS + 1, dtype=np.int64)
_POWERS = _TENS.astype(np.float64)  # powers of ten up to 22 are exact doubles
_EXTENDED = np.finfo(np.longdouble).nmant == 63  # x87 long double: an explicit 64-bit mantissa


class Tables(NamedTuple):
    """Content of several files.

    Attributes:
        arrays: One (rows, columns) float64 per file, None where the file is wrong.
        problems: What is wrong, one text per wrong file, with file, line and content.
    """

    arrays: list[FloatArray | None]
    problems: list[str]


def parse_numbers(data: bytes, *, where: str, error: type[EvalkitError] = AnnotationError) -> FloatArray:
    r"""Parse a text file with one row of numbers per line.

    Args:
        data: Content of the file.
        where: Name of the file for error texts.
        error: Class of the error to raise.

    Returns:
        (rows, columns) float64, the doubles nearest to the decimals. (0, 0) for a file without rows. Blank lines at
        the end, one trailing separator, a byte-order mark and any line ending are accepted.

    Raises:
        EvalkitError: Text that is no number, an empty field, two kinds of separators in a line (a decimal comma?),
            rows with different numbers of columns, a blank line in the middle, binary content; names the file, the
            line and its content.

    Example:
        >>> parse_numbers(b"1,2\r\n3e0\tNaN\r\n", where="a.txt")
        array([[ 1.,  2.],
               [ 3., nan]])
    """
    return parse_many([data], [where], error=error)[0]


def parse_many(
    blobs: cabc.Sequence[bytes], where: cabc.Sequence[str], *, error: type[EvalkitError] = AnnotationError
) -> list[FloatArray]:
    """Parse many files at once, as :func:`parse_numbers` does each; several times faster for small files.

    Args:
        blobs: Contents of the files.
        where: Their names for error texts.
        error: Class of the error to raise.

    Returns:
        (rows, columns) of each file.

    Raises:
        EvalkitError: At least one file is wrong; the text lists all of them.

    Example:
        >>> [table.shape for table in parse_many([b"1 2", b"3;4;5"], ["a.txt", "b.txt"])]
        [(1, 2), (1, 3)]
    """
    tables = parse_tables(blobs, where)
    if tables.problems:
        raise error(*tables.problems)
    return [array for array in tables.arrays if array is not None]


def parse_tables(blobs: cabc.Sequence[bytes], where: cabc.Sequence[str]) -> Tables:
    """Parse many files, and collect what is wrong instead of raising.

    Example:
        >>> parse_tables([b"1,x", b"2"], ["a.txt", "b.txt"])
        Tables(arrays=[None, array([[2.]])], problems=["a.txt, line 1: expected numbers, found '1,x'."])
    """
    arrays: list[FloatArray | None] = [None] * len(blobs)
    problems: list[str] = []
    texts = [_normalized(blob) for blob in blobs]
    for start, stop in _chunks([len(text) for text in texts]):
        alone = stop - start == 1 and len(texts[start]) < _FEW_BYTES
        parsed = None if alone else _parse_regular(texts[start:stop])
        if parsed is not None:
            arrays[start:stop] = parsed
            continue
        for index in range(start, stop):
            parsed = _parse_regular([texts[index]]) if stop - start > 1 else None
            try:
                arrays[index] = parsed[0] if parsed is not None else _parse_lines(texts[index])
            except _WrongLineError as problem:
                problems.append(f"{where[index]}, {problem}")
    return Tables(arrays, problems)


class _WrongLineError(Exception):
    """Line and reason; the caller knows the file."""


def _normalized(data: bytes) -> bytes:
    r"""Without byte-order mark and trailing blank space; every line ends with ``\n``. Empty for no rows."""
    if data.startswith(_BOM):
        data = data[3:]
    data = data.rstrip(_SPACE)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data + b"\n" if data else b""


def _chunks(sizes: cabc.Sequence[int]) -> cabc.Iterator[tuple[int, int]]:
    start = 0
    total = 0
    for index, size in enumerate(sizes):
        if total and total + size > _CHUNK_BYTES:
            yield start, index
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


# --- the rules -------------------------------------------------------------------------------------------------------


def _parse_lines(text: bytes) -> FloatArray:
    """Parse a normalized file line by line: the definition of what is accepted, and the source of all error texts."""
    if b"\0" in text:
        raise _WrongLineError(f"line {text[: text.index(0)].count(10) + 1}: a NUL byte; this is no text file.")
    rows: list[list[float]] = []
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        row = _parse_line(line, number)
        if rows and len(row) != len(rows[0]):
            raise _WrongLineError(
                f"line {number}: {len(row)} columns, but {len(rows[0])} in the lines before: {_shown(line)}."
            )
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(rows[0]) if rows else 0)


def _parse_line(line: bytes, number: int) -> list[float]:
    fields = _FIELD.findall(line)
    if not all(_NUMBER.fullmatch(field) for field in fields):
        raise _WrongLineError(f"line {number}: expected numbers, found {_shown(line)}.")
    if not fields:
        what = "an empty field" if line.strip(_SPACE) else "a blank line in the middle of the file"
        raise _WrongLineError(f"line {number}: {what}: {_shown(line)}.")
    head, *gaps, tail = _FIELD.split(line)
    matches = [_GAP.fullmatch(gap) for gap in gaps]
    if head.strip(_SPACE) or _GAP.fullmatch(tail) is None or not all(matches):
        raise _WrongLineError(f"line {number}: an empty field: {_shown(line)}.")
    if len({match[1] for match in matches if match}) > 1:
        raise _WrongLineError(
            f"line {number}: two kinds of separators: {_shown(line)}. If the comma is a decimal comma, write a point."
        )
    return [float(field) for field in fields]


def _shown(line: bytes) -> str:
    text = line[:60].decode("utf-8", "replace")
    return f"{text!r} ..." if len(line) > 60 else repr(text)


# --- the fast path ---------------------------------------------------------------------------------------------------
#
# One pass over a chunk of files. "Marks" are the bytes that are no digits; a mark stands for the run of digits before
# it. "Terminators" are separators and line ends; with the run and the marks since the terminator before, one is the
# end of a number.


class _Marks(NamedTuple):
    """Positions of all non-digits of a chunk, their bytes and kinds, and the number of digits right before each."""

    position: _Ints
    byte: _Bytes
    kind: _Bytes
    digits: _Ints


class _Rows(NamedTuple):
    """Count of numbers up to the end of each row, and position of its line end."""

    stops: _Ints
    line_ends: _Ints


def _parse_regular(texts: cabc.Sequence[bytes]) -> list[FloatArray] | None:
    """Parse normalized files in one pass; None where something is irregular, which the plain loop then judges."""
    joined = b"".join(texts)
    if not joined:
        return [np.zeros((0, 0)) for _ in texts]
    data = np.frombuffer(joined, dtype=np.uint8)
    digit = data - np.uint8(ord("0"))  # wraps around below "0"
    is_digit = digit < 10
    position = np.flatnonzero(~is_digit)
    byte = data[position]
    kind = np.frombuffer(byte.tobytes().translate(_KINDS), dtype=np.uint8)
    if not kind.all():
        return None
    marks = _Marks(position, byte, kind, _steps(position) - 1)
    terminators = np.flatnonzero(kind == _TERMINATOR)
    width = _steps(terminators)
    ends_number = (marks.digits[terminators] > 0) | (width > 1)
    rows = _rows(marks, terminators, ends_number)
    if rows is None:
        return None
    if not ends_number.all():
        terminators, width = terminators[ends_number], width[ends_number]
    values = _values(joined, _last_four(digit, is_digit), marks, terminators, width)
    if values is None:
        return None
    return _split(values, rows, np.cumsum([len(text) for text in texts]))


def _steps(ascending: _Ints) -> _Ints:
    """Differences to the value before; the one before the first is -1."""
    steps = np.empty_like(ascending)
    steps[:1] = ascending[:1] + 1
    np.subtract(ascending[1:], ascending[:-1], out=steps[1:])
    return steps


def _last_four(digit: _Bytes, is_digit: _Mask) -> npt.NDArray[np.uint16]:
    """For each byte that is a digit, the integer of the up to four digits of its run that end there; 0 elsewhere."""
    digit = digit * is_digit
    pair = digit.copy()
    pair[1:] += 10 * digit[:-1]
    pair *= is_digit
    four = pair.astype(np.uint16)
    if len(four) > 2:
        more = pair[:-2] * is_digit[1:-1]
        four[2:] += more * np.uint16(100)
        four *= is_digit
    return four


def _rows(marks: _Marks, terminators: _Ints, ends_number: _Mask) -> _Rows | None:
    """Find the rows; None if separators are irregular or a line is blank."""
    byte = marks.byte[terminators]
    is_newline = byte == _NEWLINE
    newlines = np.flatnonzero(is_newline)
    line_ends = marks.position[terminators[newlines]]
    if ends_number.all():  # one separator between two numbers everywhere
        separator = byte[int(np.argmin(is_newline))]  # the first one that ends no line
        same: _Mask = byte == separator
        if separator in (_BLANK, _TAB):
            same = (byte == _BLANK) | (byte == _TAB)
        return _Rows(newlines + 1, line_ends) if (same | is_newline).all() else None
    numbers = np.cumsum(ends_number, dtype=np.int64)
    stops: _Ints = numbers[newlines]
    starts = np.concatenate([[0], stops[:-1]])
    if (stops == starts).any():
        return None
    is_mark = (byte == _COMMA) | (byte == _SEMICOLON)
    if is_mark.any():
        gap = numbers[is_mark]  # the number after which a comma or semicolon stands
        row = np.cumsum(is_newline)[is_mark]
        inner = np.count_nonzero(gap != stops[row])
        alone = bool((np.diff(gap) > 0).all() and (gap > starts[row]).all())
        one_kind = bool((byte[is_mark] == byte[is_mark][0]).all())
        # one comma or semicolon in every gap between two numbers of a row, or in none
        if not (alone and one_kind and inner == numbers[-1] - len(stops)):
            return None
    return _Rows(stops, line_ends)


def _values(joined: bytes, four: npt.NDArray[np.uint16], marks: _Marks, ends: _Ints, width: _Ints) -> FloatArray | None:
    """Doubles of all numbers; ``width`` counts the marks of each, its terminator included."""
    stop = marks.position[ends]
    digits = marks.digits[ends]
    integer = _run_values(four, stop, digits)
    if int(width.max()) == 1 and int(digits.max()) <= _SAFE_DIGITS:
        return integer.astype(np.float64)
    rest = width - 1  # marks besides the terminator: a point, a sign, or others
    decimals: _Ints | None = None
    if (marks.kind == _DOT).any():
        before = np.maximum(ends - 1, 0)
        dotted = (width >= 2) & (marks.kind[before] == _DOT)
        decimals = digits * dotted
        whole_digits = marks.digits[before] * dotted
        whole = _run_values(four, marks.position[before], whole_digits)
        integer += _TENS[np.minimum(decimals, _MOST_DIGITS)] * whole
        digits = digits + whole_digits
        rest -= dotted
    signed = np.flatnonzero(rest == 1)
    first = ends[signed] - width[signed] + 1
    signed = signed[(marks.kind[first] == _MINUS) & (marks.digits[first] == 0)]
    rest[signed] = 0
    plain = (rest == 0) & (digits > 0) & (digits <= _MOST_DIGITS)
    values, exact = _quotients(integer, None if decimals is None else decimals * plain)
    values[signed] = -values[signed]
    odd = np.flatnonzero(~(plain & exact))
    if len(odd) == 0:
        return values
    starts = np.concatenate([[0], marks.position + 1])[ends[odd] - width[odd] + 1]
    return values if _convert(joined, starts, stop[odd], values, odd) else None


def _run_values(four: npt.NDArray[np.uint16], stop: _Ints, digits: _Ints) -> _Ints:
    """Integers of the runs of up to 18 digits that end before ``stop``; longer ones come out wrong."""
    values: _Ints = four[np.maximum(stop - 1, 0)].astype(np.int64)
    values[digits == 0] = 0
    for low in range(4, min(int(digits.max(initial=0)), _MOST_DIGITS), 4):
        longer = np.flatnonzero(digits > low)
        values[longer] += _TENS[low] * four[stop[longer] - 1 - low].astype(np.int64)
    return values


def _quotients(integer: _Ints, decimals: _Ints | None) -> tuple[FloatArray, _Mask]:
    """``integer / 10**decimals`` and whether it is the nearest double.

    Both operands exact means one rounding. With an 80-bit intermediate the result is rounded twice, which differs
    from rounding once only where the first result lies exactly between two doubles: its last 11 bits are 10000000000.
    """
    exact = integer <= _EXACT_INTEGER
    if decimals is None:
        return integer.astype(np.float64), exact
    if not _EXTENDED or exact.all():
        return integer / _POWERS[decimals], exact
    extended = integer.astype(np.longdouble) / _POWERS.astype(np.longdouble)[decimals]
    mantissa = extended.view(np.uint64)[::2]
    return extended.astype(np.float64), (mantissa & np.uint64(0x7FF)) != 0x400


def _convert(joined: bytes, starts: _Ints, stops: _Ints, values: FloatArray, where: _Ints) -> bool:
    """Set the unusual numbers (exponents, NaN, many digits) one by one; False if one is no number."""
    for start, stop, index in zip(starts.tolist(), stops.tolist(), where.tolist(), strict=True):
        field = joined[start:stop]
        if _NUMBER.fullmatch(field) is None:
            return False
        values[index] = float(field)
    return True


def _split(values: FloatArray, rows: _Rows, text_ends: _Ints) -> list[FloatArray] | None:
    """One table per file; None where rows of a file differ in length."""
    columns = _steps(rows.stops - 1)
    tables: list[FloatArray] = []
    first = 0
    begin = 0
    for last in np.searchsorted(rows.line_ends, text_ends).tolist():
        if last == first:
            tables.append(np.zeros((0, 0)))
            continue
        width = int(columns[first])
        end = int(rows.stops[last - 1])
        if (columns[first:last] != width).any():
            return None
        tables.append(values[begin:end].reshape(last - first, width))
        first, begin = last, end
    return tables
