"""Results of other programs into the store, and runs of the store into the formats of other programs."""

import collections.abc as cabc
import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.benchmarks import CUSTOM, get_benchmark, get_split
from evalkit.benchmarks.annotations import read_annotations
from evalkit.benchmarks.names import MissingSequenceError, official_row, official_rows
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.boxes import Boxes
from evalkit.errors import ResultFormatError, StoreError, counted, unknown_name
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.request import Request
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.provenance import OFFICIAL, Origin
from evalkit.results.exporters import EXPORT_FORMATS, NumberStyle, write_results
from evalkit.results.importing import store_results
from evalkit.results.reader import ImportedResults, read_results
from evalkit.sample import sample_origin
from evalkit.sequences import Annotation
from evalkit.store.runs import ResultStore, Run


@dataclass(frozen=True, slots=True)
class KnownSequences:
    """What is known of the sequences to which results are matched.

    Attributes:
        split: Name of the split.
        names: Sequence names, in the benchmark's order.
        frame_counts: Frames, where known.
        initial_boxes: First boxes, where known.
        data: Origin as in RunIdentity.data.
    """

    split: str
    names: tuple[str, ...]
    frame_counts: cabc.Mapping[str, int]
    initial_boxes: cabc.Mapping[str, Boxes] | None
    data: Origin


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """What was brought into the store: the results as they were read, their split, a run per repetition."""

    results: ImportedResults
    split: str
    runs: tuple[Run, ...]


def import_files(request: Request, say: Say) -> Imported:
    """Bring the raw results of a request's tracker on its benchmark into the store.

    Raises:
        ResultFormatError: Nothing fits, or something is missing and that is not allowed; lists all of it.
        StoreError: The store cannot be written.
    """
    spec = get_benchmark(request.benchmark, layout=request.layout)
    results, known = _read(request, spec, _known(request, spec))
    for remark in results.remarks():
        say(remark)
    problems = results.problems()
    if problems and not request.allow_missing:
        raise ResultFormatError(*_incomplete(spec, known, results))
    for problem in problems:
        say(problem)
    runs = store_results(
        results,
        ResultStore(request.results),
        benchmark=spec.name,
        split=known.split,
        data=known.data,
        names=known.names,
        initial_boxes=known.initial_boxes,
    )
    return Imported(results, known.split, tuple(runs))


def _known(request: Request, spec: BenchmarkSpec) -> list[KnownSequences]:
    """Sequences of the annotation, of the data folder, or of the packaged lists of all splits that may be meant."""
    split, annotations, data_root = request.split, request.annotations, request.data_root
    if annotations is not None:
        found_split, read = read_annotations(spec, split, annotations)
        origin = sample_origin(annotations) if annotations.is_dir() else None
        return [_of_annotations(found_split, read, origin or OFFICIAL)]
    if data_root is not None or spec.name == CUSTOM:
        return [_of_copy(spec, split, data_root)]
    splits = [get_split(spec, split)] if split is not None else list(spec.splits.values())
    known = [
        KnownSequences(
            part.name,
            tuple(rows),
            {name: int(row["frames"]) for name, row in rows.items() if row.get("frames")},
            None,
            OFFICIAL,
        )
        for part in splits
        if (rows := official_rows(part.names_file))
    ]
    if not known:
        raise ResultFormatError(
            f"{spec.title}: no list of sequence names is packaged for it. Pass --annotations or --data-root."
        )
    return known


def _of_copy(spec: BenchmarkSpec, split: str | None, data_root: Path | None) -> KnownSequences:
    """Sequences of a copy; of those that it lacks, the length in the packaged list is taken."""
    root = find_root(spec, data_root)
    part = get_split(spec, split)
    names = spec.list_sequences(root, part)
    read: list[Annotation] = []
    for name in names:
        with contextlib.suppress(MissingSequenceError):
            read.append(spec.read_annotation(root, part, name))
    packaged = {name: int(rows["frames"]) for name in names if (rows := official_row(part, name)).get("frames")}
    known = _of_annotations(part.name, read, data_origin(spec, root))
    return dataclasses.replace(known, names=tuple(names), frame_counts={**packaged, **known.frame_counts})


def _of_annotations(split: str, annotations: cabc.Sequence[Annotation], data: Origin) -> KnownSequences:
    return KnownSequences(
        split,
        tuple(annotation.name for annotation in annotations),
        {annotation.name: annotation.frame_count for annotation in annotations},
        {annotation.name: annotation.ground_truth[0] for annotation in annotations},
        data,
    )


def _read(
    request: Request, spec: BenchmarkSpec, known: cabc.Sequence[KnownSequences]
) -> tuple[ImportedResults, KnownSequences]:
    """Read with the first list of names that fits; the error of the first one if none does."""
    assert request.predictions is not None
    problem: ResultFormatError | None = None
    for names in known:
        try:
            (results,) = read_results(
                request.predictions,
                names=names.names,
                benchmark=spec.name,
                tracker=request.trackers[0],
                layout=request.layout_of_results,
                frame_counts=names.frame_counts,
                initial_boxes=names.initial_boxes,
                with_times=True,
            )
        except ResultFormatError as reason:
            problem = problem or reason
            continue
        return results, names
    assert problem is not None
    if known[0].initial_boxes is None:
        raise ResultFormatError(*problem.lines, "For sequences of other names pass --annotations or --data-root.")
    raise problem


def _incomplete(spec: BenchmarkSpec, known: KnownSequences, results: ImportedResults) -> list[str]:
    """Everything that is wrong, and what to do."""
    lines = [f"results of {results.tracker} in {results.where} are incomplete.", *results.problems()]
    fitting = [
        split.name for split in spec.splits.values() if set(official_rows(split.names_file)) == set(results.sequences)
    ]
    if fitting and fitting[0] != known.split:
        return [*lines, f"The files are those of split {fitting[0]}: pass --split {fitting[0]}."]
    return [*lines, "Pass --allow-missing to import what is there."]


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """Runs that were written as files, and what the format has lost of them."""

    runs: tuple[Run, ...]
    files: int
    losses: tuple[str, ...]


def export_runs(
    store: ResultStore, folder: Path, format: str, *, run_id: str | None, tracker: str | None, benchmark: str | None
) -> Exported:
    """Write a run, or all repetitions of one, in another program's format.

    Args:
        store: The results folder.
        folder: Gets the files.
        format: A name of :data:`EXPORT_FORMATS`.
        run_id: The id or its beginning.
        tracker: Name of the tracker, with ``benchmark``.
        benchmark: Name of the benchmark.

    Raises:
        UnknownNameError: There is no such format.
        StoreError: No run or several fit, or it is not complete.
    """
    if format not in EXPORT_FORMATS:
        raise unknown_name("export format", format, EXPORT_FORMATS)
    runs = _runs(store, run_id, tracker, benchmark)
    identity = runs[0].identity
    trajectories = {sequence: [run.read(sequence) for run in runs] for sequence in runs[0].names}
    files = write_results(
        trajectories,
        folder,
        format=format,
        tracker=identity.tracker,
        benchmark=identity.benchmark,
        title=get_benchmark(identity.benchmark).title,
    )
    losses = []
    if EXPORT_FORMATS[format].numbers is not NumberStyle.EXACT:
        losses.append(
            f"The format {format!r} rounds ({EXPORT_FORMATS[format].numbers.value}); scores may change slightly."
        )
    confident = any(
        np.isfinite(trajectory.confidence).any() for repeated in trajectories.values() for trajectory in repeated
    )
    if EXPORT_FORMATS[format].confidence is None and confident:
        losses.append(f"The format {format!r} has no place for confidences, which long-term scores need; `vot` has.")
    return Exported(tuple(runs), len(files), tuple(losses))


def _runs(store: ResultStore, run_id: str | None, tracker: str | None, benchmark: str | None) -> list[Run]:
    """The run meant, or all repetitions of one; complete."""
    runs = store.find(benchmark=benchmark, tracker=tracker, run_id=run_id)
    if not runs:
        raise StoreError(f"no such run in {store.root}. `evalkit run-benchmark` or `evalkit import-results` makes one.")
    same = {dataclasses.replace(run.identity, repeat=0).run_id for run in runs}
    if len(same) > 1 or (run_id is not None and len(runs) > 1):
        listed = ", ".join(f"{run.run_id} ({run.identity.tracker} on {run.identity.benchmark})" for run in runs)
        raise StoreError(f"{len(runs)} runs match: {listed}. Name one with --run.")
    partial = {run.run_id: run.missing() for run in runs if run.missing()}
    if partial:
        name, missing = next(iter(partial.items()))
        raise StoreError(
            f"run {name} is not complete, it lacks {counted(len(missing), 'sequence')}, the first is {missing[0]}. "
            "Finish it."
        )
    return sorted(runs, key=lambda run: run.identity.repeat)
