"""Raw results of other programs: a folder or zip of any known layout, recognized by content, as trajectories."""

import collections.abc as cabc
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evalkit.archive import Tree, open_tree
from evalkit.boxes import Boxes
from evalkit.errors import ResultFormatError, counted, listed, unknown_name
from evalkit.results.encodings import load_json, rows_of
from evalkit.results.layouts import RESULT_LAYOUTS, Recognizer, ResultFile, Role, tracker_labels
from evalkit.results.trajectories import Remarks, box_files, read_boxes, read_confidences, read_times, result_key
from evalkit.sequences import Trajectory

_SINGLE = frozenset({".txt", ".csv", ".json", ".npy", ".mat"})
_STRAYS = 0.05  # share of the sequences of a tracker's other benchmark below which files count as strays


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
            texts.append(f"no result for {counted(len(self.missing), 'sequence')}: {listed(self.missing)}")
        if self.unreadable:
            texts += [
                f"{counted(len(self.unreadable), 'unreadable file')}:",
                *(f"  {text}" for text in self.unreadable),
            ]
        if self.short:
            texts.append(f"fewer rows than frames in {counted(len(self.short), 'result')}: {_counts(self.short)}")
        return texts

    def remarks(self) -> list[str]:
        """What was noticed and does not keep the results from being scored: long, NaN, foreign files; notes."""
        texts = list(self.notes)
        if self.long:
            texts.append(f"more rows than frames in {counted(len(self.long), 'result')}: {_counts(self.long)}.")
        if self.with_nan:
            total = sum(self.with_nan.values())
            texts.append(
                f"{counted(total, 'row')} without a box in {counted(len(self.with_nan), 'result')}: "
                f"{listed(self.with_nan)}."
            )
        if self.foreign:
            texts.append(f"{counted(len(self.foreign), 'file')} of other sequences ignored: {listed(self.foreign)}.")
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
    raw = open_results(path, names=names, benchmark=benchmark, layout=layout)
    chosen = sorted(_selected(raw.labels, tracker, raw.tree).items(), key=lambda item: item[1])
    return [
        raw.read(folders, label, frame_counts=frame_counts, initial_boxes=initial_boxes, with_times=with_times)
        for folders, label in chosen
    ]


def open_results(path: Path, *, names: cabc.Sequence[str], benchmark: str, layout: str | None = None) -> "RawResults":
    """Sort out whose files a folder or zip of raw results holds, to be read tracker by tracker.

    Args:
        path: As of :func:`read_results`.
        names: Official sequence names.
        benchmark: Name of the benchmark.
        layout: As of :func:`read_results`.

    Raises:
        ResultFormatError: Nothing is there, or no file belongs to the benchmark.
    """
    if layout is not None and layout not in RESULT_LAYOUTS:
        raise unknown_name("layout of results", layout, RESULT_LAYOUTS)
    tree, files = _classified(path, Recognizer(frozenset(names), benchmark))
    wanted = [file for file in files if file.sequence and _fits(file, layout)]
    if not any(file.role is Role.BOXES for file in wanted):
        raise ResultFormatError(*_nothing_found(tree, files, names, benchmark, layout))
    labels = tracker_labels([file.tracker for file in wanted if file.role is Role.BOXES], path.stem)
    foreign = tuple(file.path for file in files if file.role is Role.FOREIGN)
    return RawResults(tree, tuple(wanted), foreign, labels, names, layout)


def trackers_in(path: Path, *, names: cabc.Sequence[str], benchmark: str) -> tuple[str, ...]:
    """Names of the trackers in a folder or zip of raw results, by file names alone; see :func:`read_results`."""
    _, files = _classified(path, Recognizer(frozenset(names), benchmark))
    groups = [file.tracker for file in files if file.sequence and file.role is Role.BOXES]
    return tuple(sorted(tracker_labels(groups, path.stem).values()))


def digest_of(path: Path) -> str:
    """SHA-256 of an archive, or over the names and contents of a folder."""
    return open_tree(path, single=_SINGLE).digest()


@dataclass(frozen=True, slots=True)
class Held:
    """Results of one tracker on one benchmark, by the names of files alone.

    Attributes:
        benchmark: Name of the benchmark.
        tracker: As of :func:`read_results`.
        folders: That name the tracker.
        files: Box files.
        sequences: That they are of.
    """

    benchmark: str
    tracker: str
    folders: tuple[str, ...]
    files: frozenset[str] = field(repr=False)
    sequences: frozenset[str] = field(repr=False)


def results_held(path: Path, known: cabc.Mapping[str, cabc.Collection[str]]) -> list[Held]:
    """Find out which trackers' results on which benchmarks a folder or zip holds.

    A file whose name several benchmarks know counts for the one that knows more names of its tracker; a few files of
    another benchmark among a tracker's are strays.

    Args:
        path: As of :func:`read_results`.
        known: Benchmark -> names of its sequences, of all splits.

    Returns:
        In the order of ``known``, then of trackers; empty where nothing is recognized.

    Raises:
        ResultFormatError: Nothing is there, or it cannot be opened.
    """
    tree = open_tree(path, single=_SINGLE)
    groups: list[Held] = []
    for benchmark, names in known.items():
        _, files = _sorted_out(tree, Recognizer(frozenset(names), benchmark))
        boxes: dict[tuple[str, ...], list[ResultFile]] = {}
        for file in files:
            if file.sequence and file.role is Role.BOXES:
                boxes.setdefault(file.tracker, []).append(file)
        for folders, label in (
            sorted(tracker_labels(boxes, path.stem).items(), key=lambda item: item[1]) if boxes else ()
        ):
            mine = boxes[folders]
            paths, sequences = (frozenset(file.path for file in mine), frozenset(file.sequence for file in mine))
            groups.append(Held(benchmark, label, folders, paths, sequences))
    owner: dict[str, Held] = {}
    for group in sorted(groups, key=lambda group: -len(group.sequences)):
        owner |= dict.fromkeys(group.files - owner.keys(), group)
    largest: dict[tuple[str, ...], int] = {}
    for group in groups:
        largest[group.folders] = max(largest.get(group.folders, 0), len(group.sequences))

    def is_kept(group: Held) -> bool:
        own = sum(owner[name] is group for name in group.files)
        whole = 2 * len(group.sequences) >= len(known[group.benchmark])
        return 2 * own >= len(group.files) and (whole or len(group.sequences) >= _STRAYS * largest[group.folders])

    return [group for group in groups if is_kept(group)]


def _classified(path: Path, recognizer: Recognizer) -> tuple[Tree, list[ResultFile]]:
    return _sorted_out(open_tree(path, single=_SINGLE), recognizer)


def _sorted_out(tree: Tree, recognizer: Recognizer) -> tuple[Tree, list[ResultFile]]:
    tree = _unfolded(tree, recognizer)
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
        return [
            f"{tree.where}: no result files among {counted(len(tree.names), 'file')}; {expected}. Known layouts:",
            *layouts,
        ]
    what = f"in the layout {wanted!r}" if wanted else f"named after a sequence of {benchmark}"
    return [
        f"{tree.where}: none of {counted(len(texts), 'file')} is {what}; found {listed(texts[:4])}; {expected}.",
        *layouts,
    ]


@dataclass(frozen=True, slots=True)
class RawResults:
    """Files of a folder or zip, sorted out, but not read.

    Attributes:
        tree: The folder or archive.
        files: That belong to sequences of the benchmark.
        foreign: That are named as results of other sequences.
        labels: Folders -> name, of all trackers.
        names: Official sequence names.
        layout: That the user names; None recognizes it.
    """

    tree: Tree
    files: tuple[ResultFile, ...]
    foreign: tuple[str, ...]
    labels: dict[tuple[str, ...], str]
    names: cabc.Sequence[str]
    layout: str | None

    def read(
        self,
        folders: tuple[str, ...],
        label: str,
        *,
        frame_counts: cabc.Mapping[str, int] | None = None,
        initial_boxes: cabc.Mapping[str, Boxes] | None = None,
        with_times: bool = False,
    ) -> ImportedResults:
        """Read one tracker's files.

        Args:
            folders: Of the tracker, a key of ``labels``.
            label: The name to give it.
            frame_counts: As of :func:`read_results`.
            initial_boxes: As there.
            with_times: As there.

        Raises:
            ResultFormatError: Two files are for one place, or the layout is ambiguous.
        """
        tree, remarks, counts = self.tree, Remarks(), frame_counts or {}
        files = [file for file in self.files if file.tracker == folders]
        who = f"{tree.where}: {label}"
        chosen = box_files(files, self.names, who=who)
        boxes, beside, kind = read_boxes(tree, chosen, self.layout, initial_boxes, remarks, who=who)
        rows = {result_key(file): len(table) for file, table in boxes}
        confidences, unfit = read_confidences(tree, files, rows, remarks)
        confidences = beside | confidences
        boxes = [(file, table) for file, table in boxes if result_key(file) not in unfit]
        if kind == "vot":
            without = dict.fromkeys(file.sequence for file, _ in boxes if result_key(file) not in confidences)
            if without:
                text = f"No confidence file for {counted(len(without), 'sequence')}, counted as 0: {listed(without)}."
                remarks.notes.append(text)
        times = read_times(tree, files, rows, remarks) if with_times else {}
        sequences: dict[str, list[Trajectory]] = {}
        for file, table in boxes:
            nothing = np.full(len(table), np.nan)
            # the VOT toolkit counts a missing confidence as 0
            confidence = confidences.get(result_key(file), np.zeros(len(table)) if kind == "vot" else nothing)
            trajectory = Trajectory(table, confidence, times.get(result_key(file), nothing))
            sequences.setdefault(file.sequence, []).append(trajectory)
        places = {_folder(file.path) for file in chosen}
        return ImportedResults(
            tracker=label,
            layout=kind,
            where=tree.where,
            sequences=sequences,
            missing=tuple(sorted(set(self.names) - {file.sequence for file in chosen})),
            unreadable=tuple(remarks.unreadable),
            short=_mismatches(sequences, counts, -1),
            long=_mismatches(sequences, counts, 1),
            with_nan=_rows_without_box(sequences),
            foreign=tuple(path for path in self.foreign if _folder(path) in places),
            notes=(*remarks.notes, *_repetition_notes(sequences)),
            digest=tree.digest,
        )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


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
