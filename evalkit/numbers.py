"""Tables of numbers in text files, parsed exactly: comma, tab, blank or semicolon; CRLF; exponents; NaN."""

import re

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import AnnotationError, EvalkitError

_SEPARATORS = re.compile(rb"[,;\t ]+")


def parse_numbers(data: bytes, *, where: str, error: type[EvalkitError] = AnnotationError) -> FloatArray:
    r"""Parse a text file with one row of numbers per line.

    Args:
        data: Content of the file.
        where: Name of the file for error texts.
        error: Class of the error to raise.

    Returns:
        (rows, columns) float64, the doubles nearest to the decimals. (0, 0) for a file without rows. Blank lines at
        the end are ignored.

    Raises:
        EvalkitError: Text that is no number, rows with different numbers of columns, a blank line in the middle;
            names the file, the line and its content.

    Example:
        >>> parse_numbers(b"1,2\r\n3e0\tNaN\r\n", where="a.txt")
        array([[ 1.,  2.],
               [ 3., nan]])
    """
    lines = data.rstrip().splitlines()
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = [float(part) for part in _SEPARATORS.split(line.strip(b" \t,;"))]
        except ValueError:
            text = line[:60].decode("utf-8", "replace")
            raise error(f"{where}, line {number}: expected numbers, found {text!r}.") from None
        if rows and len(row) != len(rows[0]):
            raise error(f"{where}, line {number}: {len(row)} columns, but {len(rows[0])} in the lines before.")
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
