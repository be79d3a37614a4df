"""Annotations without images: the official tree, an evaluation kit's folders, or a zip of either, read in one go."""

import collections.abc as cabc
import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from evalkit.archive import open_tree
from evalkit.benchmarks.copies import SKIPPED_FOLDERS, AnnotationCopy, recognize
from evalkit.benchmarks.files import Files
from evalkit.benchmarks.names import official_attributes
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.boxes import Boxes, Flags, FloatArray
from evalkit.errors import AnnotationError, DatasetLayoutError, unknown_name
from evalkit.numbers import parse_numbers, parse_tables
from evalkit.sequences import Annotation

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
        Name of the split; annotations in the benchmark's order, equal to those of a full copy.

    Raises:
        UnknownNameError: No such split.
        DatasetLayoutError: Nothing fits, or sequences are missing; lists them.
        AnnotationError: Wrong content, or a sequence lacks flag files; lists what is wrong with each sequence.
    """
    if split_name is not None and split_name not in spec.splits:
        raise unknown_name(f"split of {spec.name}", split_name, spec.splits)
    tree = open_tree(path, error=DatasetLayoutError, skip=SKIPPED_FOLDERS)
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
    """The tables of a copy's files, parsed together, and the annotations made of them."""

    def __init__(self, spec: BenchmarkSpec, copy: AnnotationCopy) -> None:
        self.spec = spec
        self.copy = copy
        self.problems: list[str] = []
        self.contradictions = 0
        self.agreements = 0
        self.files = {name: _CopyFiles(self, name) for name in copy.boxes}
        paths = [path for files in self.files.values() for path in files.tables()]
        arrays: list[FloatArray | None] = []
        for blobs in copy.tree.batches(paths):
            part = paths[len(arrays) : len(arrays) + len(blobs)]
            arrays += parse_tables(blobs, [copy.tree.location(path) for path in part]).arrays
        self.tables = dict(zip(paths, arrays, strict=True))
        self.attributes = _attributes_of_copy(copy, spec)

    def annotation(self, name: str) -> Annotation:
        """Build one annotation; what is wrong goes to the list of problems."""
        assert self.spec.annotate is not None
        files = self.files[name]
        try:
            annotation = self.spec.annotate(files, self.copy.split)
            own = self.attributes.get(name)
            own = files.attributes(self.spec.attributes) if own is None else own
        except (AnnotationError, DatasetLayoutError) as problem:
            self.problems.append(str(problem))
            return Annotation(name, np.zeros((1, 4)), np.zeros(1, dtype=np.bool_), 1)
        return replace(annotation, attributes=official_attributes(self.copy.split, name) if own is None else own)

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


class _CopyFiles(Files):
    """One sequence's files in a copy."""

    def __init__(self, content: _Content, name: str) -> None:
        super().__init__(content.spec.title, name, content.copy.boxes[name])
        self._content = content
        self._copy = content.copy

    def tables(self) -> list[str]:
        """Files of numbers, which are parsed together with those of the other sequences."""
        places = [self.box_file, *map(self.beside, self._copy.layout.tables)]
        places += [self.by_kind("absent"), self.attribute_file()]
        return [path for path in places if path is not None]

    def beside(self, filename: str) -> str | None:
        return self._copy.companion(self.name, filename)

    def by_kind(self, folder: str, ending: str = "") -> str | None:
        return self._copy.entry(self.name, folder, ending)

    def content(self, file: str) -> bytes:
        return self._copy.tree.read(file)

    def numbers(self, file: str) -> FloatArray:
        table = self._content.tables.get(file)
        return parse_numbers(self.content(file), where=self.location(file)) if table is None else table

    def location(self, file: str) -> str:
        return self._copy.tree.location(file)

    def compare(self, boxes: Boxes, absent: Flags) -> None:
        agree = int(np.count_nonzero(absent != (boxes[:, 2:] > 0).all(axis=1)))
        self._content.agreements += agree
        self._content.contradictions += len(boxes) - agree


def _attributes_of_copy(copy: AnnotationCopy, spec: BenchmarkSpec) -> dict[str, frozenset[str]]:
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


def _attributes_by_code(copy: AnnotationCopy, spec: BenchmarkSpec) -> dict[str, frozenset[str]]:
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
