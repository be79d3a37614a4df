"""Content of one tracker's raw result files: boxes, confidences and times, and what is wrong with them."""

import collections
import collections.abc as cabc
import itertools
from dataclasses import dataclass, field, replace

import numpy as np

from evalkit.archive import Tree
from evalkit.boxes import Boxes, FloatArray, enclosing_boxes, from_corners
from evalkit.errors import ResultFormatError, counted, listed
from evalkit.numbers import parse_numbers, parse_tables
from evalkit.results.encodings import parse_json, parse_npy, parse_otb_mat, without_header
from evalkit.results.layouts import RESULT_LAYOUTS, ResultFile, Role
from evalkit.results.regions import parse_regions, parse_values, starts_with_code

ResultKey = tuple[str, tuple[int, int]]
"""Sequence name and repetition of a file."""

BoxTables = list[tuple[ResultFile, FloatArray]]

_MOSTLY = 0.98


@dataclass(slots=True)
class Remarks:
    """What turns up while reading.

    Attributes:
        unreadable: One text per file that cannot be used.
        notes: What a reader of the numbers must know.
    """

    unreadable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def result_key(file: ResultFile) -> ResultKey:
    """Where in the results a file belongs."""
    return file.sequence, file.repetition


def box_files(files: cabc.Sequence[ResultFile], names: cabc.Sequence[str], *, who: str) -> list[ResultFile]:
    """The box files in the order of sequences and repetitions.

    Args:
        files: All files of a tracker.
        names: Sequences in order.
        who: Tree and tracker, for error texts.

    Raises:
        ResultFormatError: Two files for one place, or files of several layouts.
    """
    chosen = [file for file in files if file.role is Role.BOXES]
    if any(file.role is Role.CONFIDENCE for file in files) and {file.layout for file in chosen} <= {"got10k", "plain"}:
        # VOT's files without the experiment's folder
        chosen = [replace(file, layout="vot") for file in chosen]
    order = {name: index for index, name in enumerate(names)}
    chosen.sort(key=lambda file: (order[file.sequence], file.repetition, file.path))
    clashes = [
        f"{file.path} and {other.path}"
        for file, other in itertools.pairwise(chosen)
        if _numbered(file) == _numbered(other)
    ]
    kinds = sorted({file.layout for file in chosen})
    if clashes or len(kinds) > 1:
        what = f"two files for one sequence ({listed(clashes)})" if clashes else "files of several layouts"
        raise ResultFormatError(
            f"{who} has {what}. Say which is meant with --layout-of-results "
            f"({', '.join(kinds if len(kinds) > 1 else RESULT_LAYOUTS)}), or pass a folder that holds one set only."
        )
    return chosen


def _numbered(file: ResultFile) -> tuple[str, int, int]:
    """A file without a number is the first repetition."""
    run, number = file.repetition
    return file.sequence, run, max(number, 1)


def read_boxes(
    tree: Tree,
    files: cabc.Sequence[ResultFile],
    wanted: str | None,
    initial_boxes: cabc.Mapping[str, Boxes] | None,
    remarks: Remarks,
    *,
    who: str,
) -> tuple[BoxTables, dict[ResultKey, FloatArray], str]:
    """Read box files.

    Args:
        tree: Where they are.
        files: As :func:`box_files` returns them.
        wanted: The layout that the user names, None to recognize it.
        initial_boxes: Sequence name -> first box of the annotation, to tell corners from sizes.
        remarks: Files that cannot be read are added.
        who: Tree and tracker, for error texts.

    Returns:
        Files with (F, 4) left, top, width, height; confidences of a fifth column; and the layout.

    Raises:
        ResultFormatError: The rows may be corners as well as boxes.
    """
    kind = wanted or files[0].layout
    where = [tree.location(file.path) for file in files]
    if wanted is None and kind in {"plain", "got10k"} and starts_with_code(tree.read(files[0].path)):
        kind = "vot"
    tables: list[FloatArray | None] = []
    for blobs in tree.batches([file.path for file in files]):
        start = len(tables)
        part = [file.path for file in files[start : start + len(blobs)]]
        tables += _parse(blobs, part, where[start : start + len(blobs)], kind, remarks)
    widths = {table.shape[1] for table in tables if table is not None and len(table)}
    if wanted is None and kind != "vot" and widths == {8}:
        kind = "polygons"
    columns = {"polygons": (8,), "vot": (4,)}.get(kind, (4, 5))
    fitting, confidences = _without_confidence(_of_width(columns, files, tables, where, remarks), kind, remarks)
    if kind == "plain" and wanted is None and _are_corners(fitting, initial_boxes, who):
        kind = "corners"
    if kind == "polygons":
        remarks.notes.append("Corner polygons were read as their enclosing boxes.")
        return [(file, enclosing_boxes(table)) for file, table in fitting], confidences, kind
    if kind in {"corners", "swintrack"}:
        remarks.notes.append("Corners x1,y1,x2,y2 were converted with width = x2 - x1.")
        return [(file, from_corners(table)) for file, table in fitting], confidences, kind
    return fitting, confidences, kind


def _parse(
    blobs: cabc.Sequence[bytes], paths: cabc.Sequence[str], where: cabc.Sequence[str], kind: str, remarks: Remarks
) -> list[FloatArray | None]:
    parsers = {"mat": parse_otb_mat, "json": parse_json, "npy": parse_npy, "csv": _parse_csv}
    own = [parsers.get(path.rpartition(".")[2].lower()) for path in paths]
    if any(own):
        return [
            _parse([blob], ["txt"], [name], kind, remarks)[0] if parse is None else _attempt(parse, blob, name, remarks)
            for parse, blob, name in zip(own, blobs, where, strict=True)
        ]
    tables, problems = parse_tables(blobs, where)
    if kind != "vot":
        remarks.unreadable += problems
        return tables
    return [
        table if table is not None and table.shape[1] == 4 else _attempt(parse_regions, blob, name, remarks)
        for table, blob, name in zip(tables, blobs, where, strict=True)
    ]


def _parse_csv(data: bytes, *, where: str) -> FloatArray:
    rows, columns = without_header(data, where=where)
    table = parse_numbers(rows, where=where, error=ResultFormatError)
    return table if columns is None or not len(table) else table[:, columns]


def _attempt(parse: cabc.Callable[..., FloatArray], blob: bytes, where: str, remarks: Remarks) -> FloatArray | None:
    try:
        return parse(blob, where=where)
    except ResultFormatError as problem:
        remarks.unreadable.append(str(problem))
        return None


def _of_width(
    columns: tuple[int, ...],
    files: cabc.Sequence[ResultFile],
    tables: cabc.Sequence[FloatArray | None],
    where: cabc.Sequence[str],
    remarks: Remarks,
) -> BoxTables:
    fitting: BoxTables = []
    for file, table, name in zip(files, tables, where, strict=True):
        if table is not None and len(table) and table.shape[1] in columns:
            fitting.append((file, table))
        elif table is not None:
            what = f"{table.shape[1]} columns, expected {columns[0]}" if len(table) else "an empty file"
            remarks.unreadable.append(f"{name}: {what}.")
    return fitting


def _without_confidence(
    tables: BoxTables, kind: str, remarks: Remarks
) -> tuple[BoxTables, dict[ResultKey, FloatArray]]:
    """Boxes, and what a fifth column says."""
    five = [(file, table) for file, table in tables if kind != "polygons" and table.shape[1] == 5]
    if not five:
        return tables, {}
    longer = [table for _, table in five if len(table) > 1]
    if longer and all((np.diff(table[:, 0]) == 1).all() and table[0, 0] in {0, 1} for table in longer):
        remarks.unreadable += [f"{file.path}: of 5 columns the first counts the frames; remove it." for file, _ in five]
        return [pair for pair in tables if pair[1].shape[1] == 4], {}
    remarks.notes.append(f"The fifth column of {counted(len(five), 'file')} was read as the confidence.")
    boxes = [(file, np.ascontiguousarray(table[:, :4])) for file, table in tables]
    return boxes, {result_key(file): np.ascontiguousarray(table[:, 4]) for file, table in five}


def _are_corners(tables: BoxTables, initial_boxes: cabc.Mapping[str, Boxes] | None, who: str) -> bool:
    """Whether rows are x1,y1,x2,y2: their first rows against the annotation, or a refusal to guess.

    Rows of boxes of a whole benchmark never have nearly all widths above the lefts and heights above the tops; corners
    have, but for a broken row here and there.
    """
    rows = sum(len(table) for _, table in tables)
    ordered = sum(np.count_nonzero((table[:, :2] <= table[:, 2:]).all(axis=1)) for _, table in tables)
    if not rows or ordered < _MOSTLY * rows:
        return False
    if initial_boxes is None:
        raise ResultFormatError(
            f"{who}: the rows can be read as left,top,width,height and as x1,y1,x2,y2. "
            "Say which with --layout-of-results plain or --layout-of-results corners."
        )
    pairs = [(table[0], initial_boxes[file.sequence]) for file, table in tables if file.sequence in initial_boxes]
    if not pairs:
        return False
    first, truth = (np.array(column) for column in zip(*pairs, strict=True))
    as_boxes = np.abs(first - truth)[:, 2:].sum(axis=1)
    as_corners = np.abs(from_corners(first) - truth)[:, 2:].sum(axis=1)
    return bool(np.count_nonzero(as_corners < as_boxes) * 2 > len(pairs))


def read_confidences(
    tree: Tree, files: cabc.Iterable[ResultFile], rows: cabc.Mapping[ResultKey, int], remarks: Remarks
) -> tuple[dict[ResultKey, FloatArray], set[ResultKey]]:
    """Read the VOT toolkit's confidence files.

    Args:
        tree: Where they are.
        files: All files of a tracker.
        rows: Sequence and repetition -> rows F of its boxes; others are not read.
        remarks: Files that cannot be read are added.

    Returns:
        (F,) confidences, 0 where the file has none; and whose confidence file cannot be used.
    """
    wanted = [file for file in files if file.role is Role.CONFIDENCE and result_key(file) in rows]
    values: dict[ResultKey, FloatArray] = {}
    unfit: set[ResultKey] = set()
    for file, blob in zip(wanted, tree.read_many([file.path for file in wanted]), strict=True):
        try:
            values[result_key(file)] = parse_values(
                blob, rows=rows[result_key(file)], blank=0.0, where=tree.location(file.path)
            )
        except ResultFormatError as problem:
            remarks.unreadable.append(str(problem))
            unfit.add(result_key(file))
    return values, unfit


def read_times(
    tree: Tree, files: cabc.Iterable[ResultFile], rows: cabc.Mapping[ResultKey, int], remarks: Remarks
) -> dict[ResultKey, FloatArray]:
    """Read times: a file per repetition, or one with a column per repetition. Times that do not fit are left out.

    Args:
        tree: Where they are.
        files: All files of a tracker.
        rows: Sequence and repetition -> rows F of its boxes.
        remarks: The number of files left out is added.

    Returns:
        (F,) seconds; NaN for frame 0 where a program times the frames after it only.
    """
    wanted = [file for file in files if file.role is Role.SECONDS]
    repetitions: dict[tuple[str, int], list[ResultKey]] = collections.defaultdict(list)
    for sequence, (run, number) in sorted(rows):
        repetitions[sequence, run].append((sequence, (run, number)))
    times: dict[ResultKey, FloatArray] = {}
    left_out = 0
    tables, _ = parse_tables(tree.read_many([file.path for file in wanted]), [file.path for file in wanted])
    for file, table in zip(wanted, tables, strict=True):
        targets = [result_key(file)] if result_key(file) in rows else repetitions[file.sequence, file.repetition[0]]
        columns = 0 if table is None else table.shape[1]
        if table is None or columns not in {1, len(targets)}:
            left_out += 1
            continue
        for column, target in enumerate(targets[:columns]):
            seconds = _fitted(table[:, column], rows[target])
            if seconds is None:
                left_out += 1
            else:
                times[target] = seconds
    if left_out:
        remarks.notes.append(f"{left_out} time files do not fit the boxes and were left out.")
    return times


def _fitted(seconds: FloatArray, rows: int) -> FloatArray | None:
    """Times for all frames; some programs time the frames after the first only."""
    if len(seconds) == rows:
        return np.ascontiguousarray(seconds)
    return np.concatenate([[np.nan], seconds]) if len(seconds) == rows - 1 else None
