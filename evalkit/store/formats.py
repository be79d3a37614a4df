"""Raw results of other programs: a folder or zip of any known layout, recognised by content, as trajectories."""

import collections.abc as cabc
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.archive import Tree, open_tree
from evalkit.boxes import Boxes, FloatArray, enclosing_boxes, from_corners
from evalkit.errors import ResultFormatError, unknown_name
from evalkit.numbers import parse_tables
from evalkit.sequences import Trajectory
from evalkit.store.imported import ImportedResults, listed
from evalkit.store.layouts import DESCRIPTIONS, Recognizer, ResultFile, Role, tracker_labels
from evalkit.store.matlab import parse_otb_mat
from evalkit.store.regions import parse_regions, parse_values

FORMATS = DESCRIPTIONS
__all__ = ["FORMATS", "ImportedResults", "read_results"]
_CORNER_FORMATS = frozenset({"corners", "swintrack"})


def read_results(
    path: Path,
    *,
    names: cabc.Sequence[str],
    benchmark: str,
    tracker: str | None = None,
    format: str | None = None,
    frame_counts: cabc.Mapping[str, int] | None = None,
    initial_boxes: cabc.Mapping[str, Boxes] | None = None,
    with_times: bool = False,
) -> list[ImportedResults]:
    """Read raw results from a folder or zip; nothing is extracted or changed.

    Args:
        path: Folder, zip, or a path into a zip (``all.zip/ATOM``).
        names: Official sequence names.
        benchmark: Name of the benchmark.
        tracker: Which tracker of several; where there is one only, the name to give it.
        format: Key of :data:`FORMATS`; None recognises it.
        frame_counts: Sequence name -> frames, to report short and long files.
        initial_boxes: Sequence name -> (4,) first box of the annotation; tells corners from width and height.
        with_times: Read times per frame too.

    Returns:
        One value per tracker, sorted by name.

    Raises:
        ResultFormatError: Nothing is there, no file belongs to the benchmark, the layout is ambiguous, or the tracker
            asked for is none of several. What is wrong with single files is in the value, not an error.
    """
    if format is not None and format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    tree = open_tree(path)
    recognizer = Recognizer(frozenset(names), benchmark)
    files = [recognizer.classify(name) for name in tree.names]
    wanted = [file for file in files if file.sequence and _fits(file, format)]
    if not any(file.role is Role.BOXES for file in wanted):
        raise ResultFormatError(_nothing_found(tree, files, names, benchmark, format))
    labels = tracker_labels([file.tracker for file in wanted if file.role is Role.BOXES], path.stem)
    reading = _Reading(tree, names, format, frame_counts, initial_boxes, with_times)
    return [
        reading.tracker(label, [file for file in wanted if file.tracker == folders], files)
        for folders, label in sorted(_selected(labels, tracker, tree).items(), key=lambda item: item[1])
    ]


def _fits(file: ResultFile, wanted: str | None) -> bool:
    """Whether a file belongs to a format; corners and polygons have the names of plain boxes."""
    return wanted is None or file.format == ("plain" if wanted in {"corners", "polygons"} else wanted)


def _selected(labels: dict[tuple[str, ...], str], tracker: str | None, tree: Tree) -> dict[tuple[str, ...], str]:
    if tracker is None:
        return labels
    if len(labels) == 1:
        return dict.fromkeys(labels, tracker)
    for same in (
        {folders: label for folders, label in labels.items() if label == tracker},
        {folders: label for folders, label in labels.items() if tracker.lower() in label.lower().split("/")},
    ):
        if len(same) == 1:
            return dict.fromkeys(same, tracker)
    known = listed(sorted(labels.values()))
    raise ResultFormatError(
        f"{tree.where} holds results of {len(labels)} trackers, none or several of them called {tracker!r}: {known}. "
        "Name one of them, or pass the path of its folder."
    )


def _nothing_found(
    tree: Tree, files: cabc.Sequence[ResultFile], names: cabc.Sequence[str], benchmark: str, wanted: str | None
) -> str:
    texts = [file.path for file in files if file.role in {Role.FOREIGN, Role.BOXES, Role.SKIPPED}]
    zips = [name for name in tree.names if name.lower().endswith(".zip")]
    expected = f"expected names such as {listed(sorted(names)[:3])}"
    formats = "\n".join(f"  {key:10} {text}" for key, text in FORMATS.items())
    if zips and not texts:
        return f"{tree.where} holds archives only: {listed(zips)}. Name one: {tree.where}/{zips[0]}."
    if any(name.endswith(".bin") for name in tree.names) and not texts:
        return f"{tree.where} holds binary VOT results. Have the VOT toolkit write them as text."
    if not texts:
        return f"{tree.where}: no result files among {len(tree.names)} files; {expected}. Known formats:\n{formats}"
    what = f"in the format {wanted!r}" if wanted else f"named after a sequence of {benchmark}"
    return f"{tree.where}: none of {len(texts)} files is {what}; found {listed(texts[:4])}; {expected}.\n{formats}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One call of read_results."""

    tree: Tree
    names: cabc.Sequence[str]
    wanted: str | None
    frame_counts: cabc.Mapping[str, int] | None
    initial_boxes: cabc.Mapping[str, Boxes] | None
    with_times: bool

    def tracker(
        self, label: str, files: cabc.Sequence[ResultFile], everything: cabc.Sequence[ResultFile]
    ) -> ImportedResults:
        """Read one tracker's files."""
        chosen = self._boxes_files(label, files)
        unreadable: list[str] = []
        notes: list[str] = []
        boxes, kind = self._boxes(label, chosen, unreadable, notes)
        values = self._values(files, {file.path: len(found) for file, found in boxes}, unreadable, notes)
        sequences: dict[str, list[Trajectory]] = {}
        for file, found in boxes:
            confidence = values.get((Role.CONFIDENCE, file.sequence, file.repetition))
            if confidence is None:  # the VOT toolkit counts a missing confidence as 0
                confidence = np.full(len(found), 0.0 if kind == "vot" else np.nan)
            seconds = values.get((Role.SECONDS, file.sequence, file.repetition))
            seconds = np.full(len(found), np.nan) if seconds is None else seconds
            sequences.setdefault(file.sequence, []).append(Trajectory(found, confidence, seconds))
        notes += self._repetition_notes(sequences)
        folders = {file.path.rpartition("/")[0] for file in chosen}
        return ImportedResults(
            tracker=label,
            format=kind,
            where=self.tree.where,
            sequences={name: sequences[name] for name in self.names if name in sequences},
            missing=tuple(sorted(set(self.names) - {file.sequence for file in chosen})),
            unreadable=tuple(unreadable),
            short=self._mismatches(sequences, -1),
            long=self._mismatches(sequences, 1),
            with_nan=_rows_without_box(sequences),
            foreign=tuple(
                file.path for file in everything if file.role is Role.FOREIGN and _is_beside(file.path, folders)
            ),
            notes=tuple(notes),
            digest=self.tree.digest,
        )

    def _boxes_files(self, label: str, files: cabc.Sequence[ResultFile]) -> list[ResultFile]:
        """The box files in the order of names and repetitions; refuses two files for one place."""
        chosen = [file for file in files if file.role is Role.BOXES]
        if any(file.role is Role.CONFIDENCE for file in files) and {file.format for file in chosen} == {"got10k"}:
            chosen = [_as_vot(file) for file in chosen]  # VOT's layout without the experiment's folder
        order = {name: index for index, name in enumerate(self.names)}
        chosen.sort(key=lambda file: (order[file.sequence], file.repetition, file.path))
        clashes = [
            f"{one.path} and {other.path}"
            for one, other in itertools.pairwise(chosen)
            if (one.sequence, one.repetition[0], max(one.repetition[1], 1))
            == (other.sequence, other.repetition[0], max(other.repetition[1], 1))
        ]
        kinds = sorted({file.format for file in chosen})
        if clashes or len(kinds) > 1:
            what = f"two files for one sequence ({listed(clashes)})" if clashes else "files of several layouts"
            raise ResultFormatError(
                f"{self.tree.where}: {label} has {what}. Say which is meant with --format "
                f"({', '.join(kinds if len(kinds) > 1 else FORMATS)}), or pass a folder that holds one set only."
            )
        return chosen

    def _boxes(
        self, label: str, files: cabc.Sequence[ResultFile], unreadable: list[str], notes: list[str]
    ) -> tuple[list[tuple[ResultFile, Boxes]], str]:
        """Content of the box files as left, top, width, height; and the format."""
        kind = self.wanted or files[0].format
        paths = [file.path for file in files]
        where = [self.tree.location(path) for path in paths]
        tables: list[FloatArray | None] = []
        for blobs in self.tree.batches(paths):
            places = where[len(tables) : len(tables) + len(blobs)]
            tables += _tables(blobs, places, kind, unreadable)
        polygons = kind == "polygons" or (self.wanted is None and _all_of_width(tables, 8))
        columns = 8 if polygons else 4
        found: list[tuple[ResultFile, FloatArray]] = []
        for file, table, place in zip(files, tables, where, strict=True):
            if table is not None and table.shape[1] == columns:
                found.append((file, table))
            elif table is not None:
                what = f"{table.shape[1]} columns, expected {columns}" if len(table) else "an empty file"
                unreadable.append(f"{place}: {what}.")
        if polygons:
            notes.append("Corner polygons were read as their enclosing boxes.")
            return [(file, enclosing_boxes(table)) for file, table in found], "polygons"
        if kind in _CORNER_FORMATS or (kind == "plain" and self.wanted is None and self._are_corners(label, found)):
            if kind == "plain":
                kind = "corners"
            notes.append("Corners x1,y1,x2,y2 were converted with width = x2 - x1.")
            return [(file, from_corners(table)) for file, table in found], kind
        return found, kind

    def _are_corners(self, label: str, found: cabc.Sequence[tuple[ResultFile, FloatArray]]) -> bool:
        """Whether rows are x1,y1,x2,y2: their first rows against the annotation, or a refusal to guess."""
        tables = [table for _, table in found if len(table)]
        if not tables or not all((table[:, :2] <= table[:, 2:]).all() for table in tables):
            return False
        if self.initial_boxes is None:
            raise ResultFormatError(
                f"{self.tree.where}: the rows of {label} can be read as left,top,width,height and as x1,y1,x2,y2. "
                "Say which with --format plain or --format corners."
            )
        first = np.array([table[0] for file, table in found if len(table) and file.sequence in self.initial_boxes])
        truth = np.array(
            [
                self.initial_boxes[file.sequence]
                for file, table in found
                if len(table) and file.sequence in self.initial_boxes
            ]
        )
        if not len(first):
            return False
        as_boxes = np.abs(first - truth)[:, 2:].sum(axis=1)
        as_corners = np.abs(from_corners(first) - truth)[:, 2:].sum(axis=1)
        return bool(np.count_nonzero(as_corners < as_boxes) * 2 > len(first))

    def _values(
        self,
        files: cabc.Sequence[ResultFile],
        rows: cabc.Mapping[str, int],
        unreadable: list[str],
        notes: list[str],
    ) -> dict[tuple[Role, str, tuple[int, int]], FloatArray]:
        """Confidence and time files, by what they hold, sequence and repetition."""
        length = {(file.sequence, file.repetition): rows[file.path] for file in files if file.path in rows}
        repetitions: dict[str, list[tuple[int, int]]] = {}
        for sequence, repetition in sorted(length):
            repetitions.setdefault(sequence, []).append(repetition)
        found: dict[tuple[Role, str, tuple[int, int]], FloatArray] = {}
        confidences = [file for file in files if file.role is Role.CONFIDENCE]
        confidences = [file for file in confidences if (file.sequence, file.repetition) in length]
        for file, blob in zip(confidences, self.tree.read_many([file.path for file in confidences]), strict=True):
            place = self.tree.location(file.path)
            count = length[file.sequence, file.repetition]
            try:
                found[Role.CONFIDENCE, file.sequence, file.repetition] = parse_values(
                    blob, rows=count, blank=0.0, where=place
                )
            except ResultFormatError as problem:
                unreadable.append(str(problem))
        if self.with_times:
            self._times([file for file in files if file.role is Role.SECONDS], length, repetitions, found, notes)
        return found

    def _times(
        self,
        files: cabc.Sequence[ResultFile],
        length: cabc.Mapping[tuple[str, tuple[int, int]], int],
        repetitions: cabc.Mapping[str, list[tuple[int, int]]],
        found: dict[tuple[Role, str, tuple[int, int]], FloatArray],
        notes: list[str],
    ) -> None:
        """Add times: one column per repetition, or one file per repetition. Times that do not fit are left out."""
        left_out = 0
        tables = parse_tables(self.tree.read_many([file.path for file in files]), [file.path for file in files])
        for file, table in zip(files, tables.arrays, strict=True):
            same_run = [one for one in repetitions.get(file.sequence, []) if one[0] == file.repetition[0]]
            exact = [one for one in same_run if one == file.repetition]
            targets = exact or same_run
            if table is None or (len(targets) > 1 and table.shape[1] not in {1, len(targets)}):
                left_out += 1
                continue
            for column, target in enumerate(targets):
                rows = length[file.sequence, target]
                if len(table) not in {rows, rows - 1}:
                    left_out += 1
                elif column < table.shape[1]:  # some programs time the frames after the first only
                    seconds = np.full(rows, np.nan)
                    seconds[rows - len(table) :] = table[:, column]
                    found[Role.SECONDS, file.sequence, target] = seconds
        if left_out:
            notes.append(f"{left_out} time files do not fit the boxes and were left out.")

    def _mismatches(self, sequences: cabc.Mapping[str, list[Trajectory]], sign: int) -> dict[str, tuple[int, int]]:
        counts = self.frame_counts or {}
        return {
            name: (len(trajectory), counts[name])
            for name, trajectories in sequences.items()
            for trajectory in trajectories
            if name in counts and (len(trajectory) - counts[name]) * sign > 0
        }

    def _repetition_notes(self, sequences: cabc.Mapping[str, list[Trajectory]]) -> list[str]:
        most = max(map(len, sequences.values()), default=1)
        fewer = [name for name, trajectories in sequences.items() if len(trajectories) < most]
        notes = [f"{most} repetitions."] if most > 1 else []
        return notes + ([f"Fewer than {most} repetitions: {listed(fewer)}."] if fewer else [])


def _tables(
    blobs: cabc.Sequence[bytes], where: cabc.Sequence[str], kind: str, unreadable: list[str]
) -> list[FloatArray | None]:
    """Numbers of box files; what cannot be read goes to ``unreadable``."""
    if kind == "otb-mat":
        return _each(parse_otb_mat, blobs, where, unreadable)
    tables, problems = parse_tables(blobs, where)
    if kind != "vot":
        unreadable += problems
        return tables
    return [
        table if table is not None and table.shape[1] == 4 else _each(parse_regions, [blob], [place], unreadable)[0]
        for table, blob, place in zip(tables, blobs, where, strict=True)
    ]


def _as_vot(file: ResultFile) -> ResultFile:
    return ResultFile(file.path, file.role, "vot", file.tracker, file.sequence, file.repetition)


def _each(
    parse: cabc.Callable[..., Boxes], blobs: cabc.Sequence[bytes], where: cabc.Sequence[str], unreadable: list[str]
) -> list[FloatArray | None]:
    """Parse files one by one and collect the errors."""
    tables: list[FloatArray | None] = []
    for blob, place in zip(blobs, where, strict=True):
        try:
            tables.append(parse(blob, where=place))
        except ResultFormatError as problem:
            tables.append(None)
            unreadable.append(str(problem))
    return tables


def _all_of_width(tables: cabc.Sequence[FloatArray | None], width: int) -> bool:
    found = {table.shape[1] for table in tables if table is not None and len(table)}
    return found == {width}


def _rows_without_box(sequences: cabc.Mapping[str, list[Trajectory]]) -> dict[str, int]:
    counts = {
        name: sum(_rows_not_finite(trajectory.boxes) for trajectory in trajectories)
        for name, trajectories in sequences.items()
    }
    return {name: count for name, count in counts.items() if count}


def _rows_not_finite(boxes: Boxes) -> int:
    finite = np.isfinite(boxes)
    return 0 if finite.all() else int((~finite).any(axis=1).sum())


def _is_beside(path: str, folders: cabc.Container[str]) -> bool:
    return path.rpartition("/")[0] in folders
