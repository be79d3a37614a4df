"""Annotations without images: the official tree, an evaluation kit's folders, or a zip of either, read in one go."""

import ast
import collections.abc as cabc
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.archive import open_tree
from evalkit.benchmarks.copies import IMAGE_FOLDERS, Copy, recognize
from evalkit.benchmarks.depthtrack import OFFICIAL_TEST_WH, absent_as_nan
from evalkit.benchmarks.names import official_attributes, official_row
from evalkit.benchmarks.reading import check_first_box
from evalkit.benchmarks.spec import Access, BenchmarkSpec
from evalkit.benchmarks.tnl2k import SURPLUS_FLAG, absent_from_boxes
from evalkit.boxes import Boxes, Flags, FloatArray
from evalkit.errors import AnnotationError, DatasetLayoutError, unknown_name
from evalkit.numbers import parse_tables
from evalkit.sequences import Annotation, IntArray

_TEXT_FILES = ("meta_info.ini", "sequence", "nlp.txt", "language.txt")
_SHOWN = 20


def read_annotations(
    spec: BenchmarkSpec, split_name: str | None, path: Path, *, names: cabc.Sequence[str] | None = None
) -> tuple[str, list[Annotation]]:
    """Read an annotations-only copy; images are not looked at.

    Args:
        spec: The benchmark.
        split_name: Split; None takes the one whose names the copy has.
        path: Folder, zip, or a path into a zip: the official tree without images, the folders of the official
            evaluation kit, or files collected by kind.
        names: Sequences to read, None for all.

    Returns:
        Name of the split; annotations in the benchmark's order, equal to those of the benchmark's reader.

    Raises:
        UnknownNameError: No such split.
        DatasetLayoutError: Nothing fits, or sequences or flag files are missing; lists them.
        AnnotationError: Wrong content; lists all wrong files.
    """
    if split_name is not None and split_name not in spec.splits:
        raise unknown_name(f"split of {spec.name}", split_name, spec.splits)
    if spec.name not in _FINISH:
        raise DatasetLayoutError(f"{spec.title}: it has no annotations-only form; use --data-root.")
    tree = open_tree(path, error=DatasetLayoutError, skip=IMAGE_FOLDERS)
    copy = recognize(tree, spec, split_name, names)
    content = _Content(spec, copy)
    annotations = [content.annotation(name) for name in copy.boxes]
    content.refuse_problems()
    return copy.split.name, annotations


def read_sequence_list(path: Path) -> list[str]:
    """Names of a list file for ``--sequences @FILE``: one per line; blank lines and lines with ``#`` are ignored.

    Args:
        path: A text file, or one in a zip (``visevent_test_gt.zip/lists/srtrack_val_218.txt``).

    Raises:
        DatasetLayoutError: No such file, or no name in it.
    """
    try:
        data = path.read_bytes() if path.is_file() else _read_listed(path)
    except OSError as problem:
        raise DatasetLayoutError(f"cannot read the list {path}: {problem.strerror or problem}.") from problem
    lines = [line.strip() for line in data.decode("utf-8-sig", "replace").splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise DatasetLayoutError(f"the list {path} holds no sequence name.")
    return names


def _read_listed(path: Path) -> bytes:
    """A list in a folder of a zip."""
    if path.parent.is_dir():
        return path.read_bytes()  # says why not
    tree = open_tree(path.parent, error=DatasetLayoutError)
    if path.name not in tree.names:
        lists = [name for name in tree.names if name.endswith(".txt") and "/" not in name]
        raise DatasetLayoutError(f"there is no list {path}; {tree.where} holds {', '.join(lists[:_SHOWN]) or 'none'}.")
    return tree.read(path.name)


class _Content:
    """The content of a copy's files, parsed together, and the annotations made of it."""

    def __init__(self, spec: BenchmarkSpec, copy: Copy) -> None:
        self.spec = spec
        self.copy = copy
        self.problems: list[str] = []
        self.contradictions = 0
        self.agreements = 0
        tables = [path for name in copy.boxes for path in (copy.boxes[name], *self._table_files(name))]
        texts = [path for name in copy.boxes for path in self._text_files(name)]
        arrays: list[FloatArray | None] = []
        for blobs in copy.tree.batches(tables):
            part = tables[len(arrays) : len(arrays) + len(blobs)]
            parsed = parse_tables(blobs, [copy.tree.location(path) for path in part])
            arrays += parsed.arrays
            self.problems += parsed.problems
        self.tables = dict(zip(tables, arrays, strict=True))
        self.texts = dict(zip(texts, copy.tree.read_many(texts), strict=True))
        self.attributes = _attributes_of_copy(copy, spec)

    def _table_files(self, name: str) -> list[str]:
        rule = _FINISH[self.spec.name]
        places = [self.copy.companion(name, filename) for filename in rule.beside]
        places += [self.copy.entry(name, folder) for folder in rule.collected]
        places += [self.attribute_file(name)]
        return [path for path in places if path is not None]

    def _text_files(self, name: str) -> list[str]:
        return [path for file in _TEXT_FILES if (path := self.copy.companion(name, file)) is not None]

    def attribute_file(self, name: str) -> str | None:
        """A sequence's own file of attribute flags."""
        return self.copy.entry(name, "att") or self.copy.entry(name, "att", "_attribute")

    def annotation(self, name: str) -> Annotation:
        """Build one annotation; what is wrong goes to the list of problems."""
        where = self.copy.tree.location(self.copy.boxes[name])
        table = self.tables[self.copy.boxes[name]]
        try:
            return _FINISH[self.spec.name].build(self, name, _boxes(table, where))
        except AnnotationError as problem:
            if table is not None:  # else the parser has said why
                self.problems.append(str(problem))
            return Annotation(name, np.zeros((1, 4)), np.zeros(1, dtype=np.bool_), 1)

    def compare(self, boxes: Boxes, absent: Flags) -> None:
        """Count where flags and empty boxes agree."""
        agree = int(np.count_nonzero(absent != (boxes[:, 2:] > 0).all(axis=1)))
        self.agreements += agree
        self.contradictions += len(boxes) - agree

    def refuse_problems(self) -> None:
        """Raise one error with everything that is wrong."""
        if self.contradictions > self.agreements:  # published copies differ in what a 1 means
            raise AnnotationError(
                f"{self.spec.title}: {self.copy.tree.where}: the flags and the boxes contradict each other in "
                f"{self.contradictions} of {self.contradictions + self.agreements} frames. Files in a folder 'absent' "
                "have 1 = absent, 'absent_label.txt' has 1 = present; these seem to be the other way round."
            )
        if self.problems:
            rest = len(self.problems) - _SHOWN
            more = [f"... and {rest} more"] if rest > 0 else []
            raise AnnotationError(*self.problems[:_SHOWN], *more)

    def integers(self, path: str, rows: int, *, highest: int = 1, surplus: int = 0) -> IntArray:
        """Integers from 0 to ``highest``, one per row of the annotation, in one line or in one column."""
        table = self.tables[path]
        where = self.copy.tree.location(path)
        values = np.zeros(rows) if table is None else table.ravel()
        integers = np.where((values >= 0) & (values <= highest), values, -1).astype(np.int64)  # NaN fails both
        if (integers != values).any():
            raise AnnotationError(f"{where}: expected integers from 0 to {highest}.")
        if len(values) not in {rows, rows + surplus}:
            raise AnnotationError(
                f"{where}: {len(values)} flags, but the annotation has {rows} rows. Get both from the same release."
            )
        return integers[:rows]

    def absent(self, name: str, rows: int, path: str | None, *, surplus: int = 0) -> Flags:
        """Flags of a file in which 1 = absent."""
        if path is None:
            places = " or ".join([*_FINISH[self.spec.name].beside, *_FINISH[self.spec.name].collected])
            raise AnnotationError(f"{self.spec.title}: sequence {name} has no absent flags ({places}).")
        return self.integers(path, rows, surplus=surplus).astype(np.bool_)

    def codes(self, name: str) -> frozenset[str]:
        """Attribute codes of a sequence: those of the copy, else the packaged ones."""
        own = self.attributes.get(name)
        if own is not None:
            return own
        path = self.attribute_file(name)
        if path is None:
            return official_attributes(self.copy.split, name)
        flags = self.integers(path, len(self.spec.attributes))
        return frozenset(code for code, flag in zip(self.spec.attributes, flags, strict=True) if flag)

    def text(self, name: str, filename: str) -> str:
        """Content of a text file in the sequence's folder, empty without it."""
        path = self.copy.companion(name, filename)
        return "" if path is None else self.texts[path].decode("utf-8-sig", "replace")

    def first_line(self, name: str, filename: str) -> str | None:
        """First line of such a file, None if it is blank."""
        lines = self.text(name, filename).strip().splitlines()
        return lines[0].strip() if lines else None


def _boxes(table: FloatArray | None, where: str) -> Boxes:
    if table is None or len(table) == 0:
        raise AnnotationError(f"{where}: the file has no rows; expected one row left,top,width,height per frame.")
    if table.shape[1] != 4:
        raise AnnotationError(f"{where}: {table.shape[1]} columns; expected 4 (left, top, width, height in pixels).")
    return table


def _attributes_of_copy(copy: Copy, spec: BenchmarkSpec) -> dict[str, frozenset[str]]:
    """Attributes from a file for all sequences: ``attributes.json``, a CSV table, or one column of flags per code."""
    tables = [name for name in copy.tree.names if name.rpartition("/")[2].startswith("attributes_")]
    tables = [name for name in tables if name.endswith(".csv")]
    path = copy.single("attributes.json") or (tables[0] if len(tables) == 1 else None)
    if path is None:
        return _attributes_by_code(copy, spec)
    try:
        if path.endswith(".json"):
            sequences = json.loads(copy.tree.read(path)).get("sequences", {})
            return {str(name): frozenset(map(str, codes)) for name, codes in sequences.items()}
        rows = csv.DictReader(io.StringIO(copy.tree.read(path).decode("utf-8-sig", "replace")))
        return {row["sequence"]: frozenset(code for code in spec.attributes if row[code] == "1") for row in rows}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, csv.Error) as problem:
        raise AnnotationError(
            f"{copy.tree.location(path)}: no table of attributes ({type(problem).__name__}: {problem}). Expected "
            "a JSON object whose entry 'sequences' lists attributes, or a CSV table with a column for each."
        ) from problem


def _attributes_by_code(copy: Copy, spec: BenchmarkSpec) -> dict[str, frozenset[str]]:
    """Attributes from files ``attributes/<code>.txt`` with one flag per sequence, in the order of the list."""
    files = copy.collected.get("attributes", {})
    if not all(code in files for code in spec.attributes):
        return {}
    paths = [files[code][0] for code in spec.attributes]
    flags = [data.split() for data in copy.tree.read_many(paths)]
    names = list(copy.boxes)
    if {len(column) for column in flags} != {len(names)}:
        return {}  # the flags are those of another list
    return {
        name: frozenset(code for code, column in zip(spec.attributes, flags, strict=True) if column[index] == b"1")
        for index, name in enumerate(names)
    }


# --- one function per benchmark --------------------------------------------------------------------------------------


def _uav123(content: _Content, name: str, boxes: Boxes) -> Annotation:
    return _plain(content, name, boxes, object_class=official_row(content.copy.split, name).get("object_class"))


def _trackingnet(content: _Content, name: str, boxes: Boxes) -> Annotation:
    return _plain(content, name, boxes)


def _lasher(content: _Content, name: str, boxes: Boxes) -> Annotation:
    path = content.copy.companion(name, "infrared.txt")
    thermal = None if path is None else content.tables[path]
    if thermal is not None and len(thermal) != len(boxes):
        raise AnnotationError(
            f"{content.copy.tree.location(str(path))}: {len(thermal)} rows, but the box file has {len(boxes)}."
        )
    return _plain(content, name, boxes, ground_truth_aux=thermal)


def _lasot(content: _Content, name: str, boxes: Boxes) -> Annotation:
    copy, rows = content.copy, len(boxes)
    parts = [copy.companion(name, file) for file in ("full_occlusion.txt", "out_of_view.txt")]
    if any(parts):
        absent = content.absent(name, rows, parts[0]) | content.absent(name, rows, parts[1])
    else:
        absent = content.absent(name, rows, copy.companion(name, "absent.txt") or copy.entry(name, "absent"))
    content.compare(boxes, absent)
    described = content.first_line(name, "nlp.txt")
    return _plain(
        content, name, boxes, absent=absent, object_class=name.rpartition("-")[0] or None, description=described
    )


def _tnl2k(content: _Content, name: str, boxes: Boxes) -> Annotation:
    path = content.copy.entry(name, "absent") or content.copy.companion(name, "absent.txt")
    absent = absent_from_boxes(name, boxes)
    if path is not None:
        absent = content.absent(name, len(boxes), path, surplus=1 if name == SURPLUS_FLAG else 0)
    content.compare(boxes, absent)
    row = official_row(content.copy.split, name)
    frame_wh = (int(row["width"]), int(row["height"])) if "width" in row else None
    described = content.first_line(name, "language.txt")
    return _plain(content, name, boxes, absent=absent, frame_wh=frame_wh, description=described)


def _visevent(content: _Content, name: str, boxes: Boxes) -> Annotation:
    present = content.copy.companion(name, "absent_label.txt")
    if present is not None:
        absent = ~content.integers(present, len(boxes)).astype(np.bool_)
    else:
        absent = content.absent(name, len(boxes), content.copy.entry(name, "absent"))
    content.compare(boxes, absent)
    if absent.all():
        raise AnnotationError(f"{content.spec.title}: {name}: the flags say that the target is absent in every frame.")
    dropped = int(np.argmin(absent))
    return _plain(content, name, boxes[dropped:], absent=absent[dropped:], dropped_leading=dropped)


def _depthtrack(content: _Content, name: str, boxes: Boxes) -> Annotation:
    split = content.copy.split
    pairs = dict(line.strip().split("=", 1) for line in content.text(name, "sequence").splitlines() if "=" in line)
    row = official_row(split, name)
    frame_wh = OFFICIAL_TEST_WH if split.name == "test" and row else None
    if pairs.get("width", "").isdecimal() and pairs.get("height", "").isdecimal():
        frame_wh = (int(pairs["width"]), int(pairs["height"]))
    object_class = row.get("object_class", name.partition("_")[0])
    return _plain(content, name, absent_as_nan(boxes), frame_wh=frame_wh, object_class=object_class)


def _got10k(content: _Content, name: str, boxes: Boxes) -> Annotation:
    copy, rows = content.copy, len(boxes)
    paths = {label: copy.companion(name, f"{label}.label") for label in ("absence", "cover")}
    lacking = [f"{label}.label" for label, path in paths.items() if path is None]
    if lacking and copy.split.access is Access.FULL:
        raise AnnotationError(f"{content.spec.title}: sequence {name} has no {' and no '.join(lacking)}.")
    pairs = [line.split(": ", 1) for line in content.text(name, "meta_info.ini").splitlines()]
    meta = {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}
    known = official_row(copy.split, name).get("frames", rows)
    return _plain(
        content,
        name,
        boxes,
        absent=None if paths["absence"] is None else content.absent(name, rows, paths["absence"]),
        visible_eighths=None if paths["cover"] is None else content.integers(paths["cover"], rows, highest=8),
        frame_wh=_resolution(meta.get("resolution"), copy.tree.location(copy.boxes[name])),
        frame_count=int(known) if rows == 1 and copy.split.access is Access.FIRST_FRAME_ONLY else rows,
        object_class=meta.get("object_class"),
    )


def _resolution(text: str | None, where: str) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        width, height = ast.literal_eval(text)
        return int(width), int(height)
    except (ValueError, TypeError, SyntaxError):
        raise AnnotationError(
            f"{where}: meta_info.ini beside it: resolution is {text!r}; expected (width, height)."
        ) from None


def _plain(
    content: _Content,
    name: str,
    boxes: Boxes,
    *,
    absent: Flags | None = None,
    frame_count: int | None = None,
    frame_wh: tuple[int, int] | None = None,
    visible_eighths: IntArray | None = None,
    ground_truth_aux: Boxes | None = None,
    object_class: str | None = None,
    description: str | None = None,
    dropped_leading: int = 0,
) -> Annotation:
    check_first_box(boxes, where=content.copy.tree.location(content.copy.boxes[name]))
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=np.zeros(len(boxes), dtype=np.bool_) if absent is None else absent,
        frame_count=len(boxes) if frame_count is None else frame_count,
        frame_wh=frame_wh,
        visible_eighths=visible_eighths,
        ground_truth_aux=ground_truth_aux,
        attributes=content.codes(name),
        object_class=object_class,
        description=description,
        dropped_leading=dropped_leading,
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a benchmark's annotation consists of besides the boxes.

    Attributes:
        build: Makes the annotation.
        beside: Tables in a sequence's folder.
        collected: Folders with one table per sequence.
    """

    build: cabc.Callable[[_Content, str, Boxes], Annotation]
    beside: tuple[str, ...] = ()
    collected: tuple[str, ...] = ()


_FINISH: cabc.Mapping[str, _Rule] = {
    "uav123": _Rule(_uav123),
    "got10k": _Rule(_got10k, beside=("absence.label", "cover.label")),
    "lasot": _Rule(_lasot, beside=("full_occlusion.txt", "out_of_view.txt", "absent.txt"), collected=("absent",)),
    "tnl2k": _Rule(_tnl2k, beside=("absent.txt",), collected=("absent",)),
    "trackingnet": _Rule(_trackingnet),
    "visevent": _Rule(_visevent, beside=("absent_label.txt",), collected=("absent",)),
    "lasher": _Rule(_lasher, beside=("infrared.txt",)),
    "depthtrack": _Rule(_depthtrack),
    "rgbt234": _Rule(_lasher, beside=("infrared.txt",)),
}
