"""Raw results of other programs: a folder or zip of any known layout, recognized by content, as trajectories."""

import collections.abc as cabc
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evalkit.archive import Tree, open_tree
from evalkit.boxes import Boxes
from evalkit.errors import ResultFormatError, listed, unknown_name
from evalkit.results.encodings import load_json, rows_of
from evalkit.results.layouts import RESULT_LAYOUTS, Recognizer, ResultFile, Role, tracker_labels
from evalkit.results.trajectories import Remarks, box_files, read_boxes, read_confidences, read_times, result_key
from evalkit.sequences import Trajectory

_SINGLE = frozenset({".txt", ".csv", ".json", ".npy", ".mat"})


@dataclass(frozen=True, slots=True, eq=False)
class ImportedResults:
    """Raw results of one tracker.

    Attributes:
        tracker: Its name: the caller's, or that of the folder.
        layout: Key of :data:`evalkit.results.layouts.RESULT_LAYOUTS`.
        where: Folder or archive.
        sequences: Sequence name -> one trajectory per repetition, in the order of the official names.
        missing: Official names without a file.
        unreadable: Texts about files that could not be read, each with file, line and content. Their sequences are
            not in ``sequences``.
        short: Sequence name -> (rows found, frames expected), files with fewer rows than the sequence has frames.
        long: The same for files with more rows.
        with_nan: Sequence name -> rows with a coordinate that is NaN or infinite. Lost frames of the VOT format count.
        foreign: Files that are named as results of other sequences; ignored.
        notes: What a reader of the numbers must know, in whole sentences.
        digest: () -> SHA-256 of the archive, or over the names and contents of the folder.
    """

    tracker: str
    layout: str
    where: str
    sequences: cabc.Mapping[str, list[Trajectory]]
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    short: cabc.Mapping[str, tuple[int, int]]
    long: cabc.Mapping[str, tuple[int, int]]
    with_nan: cabc.Mapping[str, int]
    foreign: tuple[str, ...]
    notes: tuple[str, ...]
    digest: cabc.Callable[[], str] = field(repr=False)

    def problems(self) -> list[str]:
        """Everything that keeps the results from being complete: missing, unreadable, short; one text per kind."""
        texts = []
        if self.missing:
            texts.append(f"no result for {len(self.missing)} sequences: {listed(self.missing)}")
        if self.unreadable:
            texts += [f"{len(self.unreadable)} unreadable files:", *(f"  {text}" for text in self.unreadable)]
        if self.short:
            texts.append(f"{len(self.short)} results have fewer rows than frames: {_counts(self.short)}")
        return texts

    def remarks(self) -> list[str]:
        """What was noticed and does not keep the results from being scored: long, NaN, foreign files; notes."""
        texts = list(self.notes)
        if self.long:
            texts.append(f"{len(self.long)} results have more rows than frames: {_counts(self.long)}.")
        if self.with_nan:
            total = sum(self.with_nan.values())
            texts.append(f"{total} rows without a box in {len(self.with_nan)} results: {listed(self.with_nan)}.")
        if self.foreign:
            texts.append(f"{len(self.foreign)} files of other sequences ignored: {listed(self.foreign)}.")
        return texts


def read_results(
    path: Path,
    *,
    names: cabc.Sequence[str],
    benchmark: str,
    tracker: str | None = None,
    layout: str | None = None,
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
        layout: Key of :data:`~evalkit.results.layouts.RESULT_LAYOUTS`; None recognizes it.
        frame_counts: Sequence name -> frames, to report short and long files.
        initial_boxes: Sequence name -> (4,) first box of the annotation; tells corners from width and height.
        with_times: Read times per frame too.

    Returns:
        One value per tracker, sorted by name.

    Raises:
        ResultFormatError: Nothing is there, no file belongs to the benchmark, the layout is ambiguous, or the tracker
            asked for is none of several. What is wrong with single files is in the value, not an error.
    """
    if layout is not None and layout not in RESULT_LAYOUTS:
        raise unknown_name("layout of results", layout, RESULT_LAYOUTS)
    recognizer = Recognizer(frozenset(names), benchmark)
    tree, files = _classified(path, recognizer)
    wanted = [file for file in files if file.sequence and _fits(file, layout)]
    if not any(file.role is Role.BOXES for file in wanted):
        raise ResultFormatError(*_nothing_found(tree, files, names, benchmark, layout))
    labels = tracker_labels([file.tracker for file in wanted if file.role is Role.BOXES], path.stem)
    reading = _Reading(tree, names, layout, frame_counts or {}, initial_boxes, with_times)
    return [
        _read_tracker(reading, label, [file for file in wanted if file.tracker == folders], files)
        for folders, label in sorted(_selected(labels, tracker, tree).items(), key=lambda item: item[1])
    ]


def trackers_in(path: Path, *, names: cabc.Sequence[str], benchmark: str) -> tuple[str, ...]:
    """Names of the trackers in a folder or zip of raw results, by file names alone; see :func:`read_results`."""
    _, files = _classified(path, Recognizer(frozenset(names), benchmark))
    groups = [file.tracker for file in files if file.sequence and file.role is Role.BOXES]
    return tuple(sorted(tracker_labels(groups, path.stem).values()))


def _classified(path: Path, recognizer: Recognizer) -> tuple[Tree, list[ResultFile]]:
    tree = _unfolded(open_tree(path, single=_SINGLE), recognizer)
    return tree, recognizer.settled(recognizer.classify(name) for name in tree.names)


def _unfolded(tree: Tree, recognizer: Recognizer) -> Tree:
    """The tree with JSON files of whole benchmarks, ``{SEQUENCE: rows}``, as folders of one file per sequence."""
    inside: dict[str, bytes] = {}
    whole: set[str] = set()
    for name in tree.names:
        if name.lower().endswith(".json") and recognizer.classify(name).role is Role.OTHER:
            try:
                document = load_json(tree.read(name), where=tree.location(name))
            except ResultFormatError:
                if len(tree.names) > 1:  # may be anything; what is missed is listed as missing
                    continue
                raise
            parts = _sequences_in(document, name[: -len(".json")], recognizer)
            whole |= {name} if parts else set()
            inside |= parts
    if clash := inside.keys() & set(tree.names):
        raise ResultFormatError(f"{tree.where} has results twice: {listed(sorted(clash))}. Remove one of both.")

    def read_many(names: cabc.Sequence[str]) -> list[bytes]:
        stored = iter(tree.read_many([name for name in names if name not in inside]))
        return [inside[name] if name in inside else next(stored) for name in names]

    if not inside:
        return tree
    return replace(tree, names=tuple(sorted({*tree.names, *inside} - whole)), read_many=read_many)


def _sequences_in(document: object, above: str, recognizer: Recognizer, levels: int = 3) -> dict[str, bytes]:
    """Rows of sequences in a JSON document, by the names of files that would hold them; trackers may stand above."""
    if not isinstance(document, dict) or not levels:
        return {}
    keys = {key: value for key, value in document.items() if "/" not in key}
    rows = {f"{above}/{key}.json": value for key, value in keys.items() if rows_of(value) is not None}
    if any(recognizer.sequence(key) for key in keys):
        return {name: json.dumps(value).encode() for name, value in rows.items()}
    deeper = [_sequences_in(value, f"{above}/{key}", recognizer, levels - 1) for key, value in keys.items()]
    return {name: data for part in deeper for name, data in part.items()}


def _fits(file: ResultFile, wanted: str | None) -> bool:
    """Whether a file belongs to a layout; what differs by content only has the names of plain boxes."""
    if wanted is None or file.layout == wanted:
        return True
    return file.layout in {"corners": {"plain"}, "polygons": {"plain"}, "vot": {"plain", "got10k"}}.get(wanted, ())


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
) -> list[str]:
    """Lines that say what was found instead."""
    texts = [file.path for file in files if file.role in {Role.FOREIGN, Role.BOXES, Role.SKIPPED}]
    zips = [name for name in tree.names if name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))]
    expected = f"expected names such as {listed(sorted(names)[:3])}"
    layouts = [f"  {key:10} {text}" for key, text in RESULT_LAYOUTS.items()]
    if zips and not texts:
        return [f"{tree.where} holds archives only: {listed(zips)}. Name one: {tree.where}/{zips[0]}."]
    if any(name.endswith(".bin") for name in tree.names) and not texts:
        return [f"{tree.where} holds binary VOT results. Have the VOT toolkit write them as text."]
    if not texts:
        return [f"{tree.where}: no result files among {len(tree.names)} files; {expected}. Known layouts:", *layouts]
    what = f"in the layout {wanted!r}" if wanted else f"named after a sequence of {benchmark}"
    return [f"{tree.where}: none of {len(texts)} files is {what}; found {listed(texts[:4])}; {expected}.", *layouts]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the caller of read_results asks for."""

    tree: Tree
    names: cabc.Sequence[str]
    wanted: str | None
    frame_counts: cabc.Mapping[str, int]
    initial_boxes: cabc.Mapping[str, Boxes] | None
    with_times: bool


def _read_tracker(
    reading: _Reading, label: str, files: cabc.Sequence[ResultFile], everything: cabc.Sequence[ResultFile]
) -> ImportedResults:
    """Read one tracker's files."""
    tree, remarks = reading.tree, Remarks()
    who = f"{tree.where}: {label}"
    chosen = box_files(files, reading.names, who=who)
    boxes, beside, kind = read_boxes(tree, chosen, reading.wanted, reading.initial_boxes, remarks, who=who)
    rows = {result_key(file): len(table) for file, table in boxes}
    confidences, unfit = read_confidences(tree, files, rows, remarks)
    confidences = beside | confidences
    boxes = [(file, table) for file, table in boxes if result_key(file) not in unfit]
    if kind == "vot":
        without = dict.fromkeys(file.sequence for file, _ in boxes if result_key(file) not in confidences)
        if without:
            remarks.notes.append(f"No confidence file for {len(without)} sequences, counted as 0: {listed(without)}.")
    times = read_times(tree, files, rows, remarks) if reading.with_times else {}
    sequences: dict[str, list[Trajectory]] = {}
    for file, table in boxes:
        nothing = np.full(len(table), np.nan)
        # the VOT toolkit counts a missing confidence as 0
        confidence = confidences.get(result_key(file), np.zeros(len(table)) if kind == "vot" else nothing)
        trajectory = Trajectory(table, confidence, times.get(result_key(file), nothing))
        sequences.setdefault(file.sequence, []).append(trajectory)
    folders = {_folder(file) for file in chosen}
    return ImportedResults(
        tracker=label,
        layout=kind,
        where=tree.where,
        sequences=sequences,
        missing=tuple(sorted(set(reading.names) - {file.sequence for file in chosen})),
        unreadable=tuple(remarks.unreadable),
        short=_mismatches(sequences, reading.frame_counts, -1),
        long=_mismatches(sequences, reading.frame_counts, 1),
        with_nan=_rows_without_box(sequences),
        foreign=tuple(file.path for file in everything if file.role is Role.FOREIGN and _folder(file) in folders),
        notes=(*remarks.notes, *_repetition_notes(sequences)),
        digest=tree.digest,
    )


def _folder(file: ResultFile) -> str:
    return file.path.rpartition("/")[0]


def _mismatches(
    sequences: cabc.Mapping[str, list[Trajectory]], counts: cabc.Mapping[str, int], sign: int
) -> dict[str, tuple[int, int]]:
    """Rows and frames of results that are shorter (sign -1) or longer (sign 1) than their sequence."""
    return {
        name: (len(trajectory), counts[name])
        for name, trajectories in sequences.items()
        for trajectory in trajectories
        if name in counts and (len(trajectory) - counts[name]) * sign > 0
    }


def _rows_without_box(sequences: cabc.Mapping[str, list[Trajectory]]) -> dict[str, int]:
    counts = {}
    for name, runs in sequences.items():
        finite = [np.isfinite(run.boxes) for run in runs]
        if not all(values.all() for values in finite):  # rarely: the sum by rows takes longer than the rest
            counts[name] = sum(int((~values).any(axis=1).sum()) for values in finite)
    return counts


def _repetition_notes(sequences: cabc.Mapping[str, list[Trajectory]]) -> list[str]:
    most = max(map(len, sequences.values()), default=1)
    fewer = [name for name, trajectories in sequences.items() if len(trajectories) < most]
    notes = [f"{most} repetitions."] if most > 1 else []
    return notes + ([f"Fewer than {most} repetitions: {listed(fewer)}."] if fewer else [])


def _counts(lengths: cabc.Mapping[str, tuple[int, int]]) -> str:
    return listed(f"{name} ({rows} of {expected})" for name, (rows, expected) in lengths.items())
