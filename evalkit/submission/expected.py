"""What a submission must cover: sequences, frames, first boxes; from packaged facts, a copy of the data, or runs."""

import collections.abc as cabc
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.benchmarks.names import official_rows
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.boxes import Boxes
from evalkit.errors import AnnotationError, DatasetLayoutError, counted
from evalkit.store.runs import Run

SPLIT = "test"


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The sequences of a submission.

    Attributes:
        names: Sequence names.
        frame_counts: Frames, where known.
        initial_boxes: (4,) first boxes, where known.
        source: Where the names are from, for reports.
        other_splits: Names that are known to be of another split -> that split.
    """

    names: tuple[str, ...]
    frame_counts: cabc.Mapping[str, int]
    initial_boxes: cabc.Mapping[str, Boxes]
    source: str
    other_splits: cabc.Mapping[str, str]

    def notes(self) -> list[str]:
        """What cannot be compared for want of knowledge, in whole sentences."""
        notes = []
        for known, what in ((self.frame_counts, "numbers of frames"), (self.initial_boxes, "first boxes")):
            lacking = len(set(self.names) - set(known))
            if lacking:
                which = f"all {lacking} sequences" if lacking == len(self.names) else counted(lacking, "sequence")
                notes.append(
                    f"The {what} of {which} are not known here and were not compared; pass --data-root with a copy of "
                    "the benchmark."
                )
        return notes


def official(spec: BenchmarkSpec) -> Expected:
    """The official test split, as far as its facts are packaged.

    GOT-10k: names, frames and first boxes; DepthTrack: names and frames; TrackingNet: names.
    """
    rows = official_rows(spec.splits[SPLIT].names_file)
    others = {
        name: split.name
        for split in spec.splits.values()
        if split.name != SPLIT
        for name in official_rows(split.names_file)
        if name not in rows
    }
    return Expected(
        names=tuple(rows),
        frame_counts={name: int(row["frames"]) for name, row in rows.items() if row.get("frames")},
        initial_boxes={
            name: np.array([float(row[key]) for key in ("left", "top", "width", "height")])
            for name, row in rows.items()
            if row.get("left")
        },
        source=f"the official list of {len(rows)} sequences",
        other_splits=others,
    )


def of_copy(spec: BenchmarkSpec, root: Path, *, own_names: bool) -> tuple[Expected, list[str]]:
    """The official test split with frames and first boxes from a copy of the data.

    Args:
        spec: The benchmark.
        root: Folder of the copy.
        own_names: The copy's names are the ones that count, as for the rendered sample.

    Returns:
        What is expected; remarks on sequences that the copy lacks or has differently from the packaged facts.

    Raises:
        DatasetLayoutError: No copy of the benchmark is there.
    """
    facts = official(spec)
    split = spec.splits[SPLIT]
    present = spec.list_sequences(root, split)
    names = tuple(present) if own_names else facts.names
    counts = {} if own_names else dict(facts.frame_counts)
    boxes = {} if own_names else dict(facts.initial_boxes)
    problems: list[str] = []
    for name in names:
        try:
            annotation = spec.read_annotation(root, split, name)
        except (DatasetLayoutError, AnnotationError) as problem:
            problems.append(str(problem))
            continue
        boxes[name] = annotation.ground_truth[0]
        if annotation.frame_count > 1:  # without images only the first row is known
            counts[name] = annotation.frame_count
    remarks = (
        [f"{counted(len(problems), 'sequence')} could not be read from {root}, the first: {problems[0]}"]
        if problems
        else []
    )
    source = f"the {len(names)} sequences of {root}" if own_names else f"{facts.source} and the copy in {root}"
    return dataclasses.replace(facts, names=names, frame_counts=counts, initial_boxes=boxes, source=source), remarks


def of_run(spec: BenchmarkSpec, run: Run) -> Expected:
    """What a run should give: the official split, or for other data the run's own sequences.

    Frames and first boxes that are not packaged are those that the run recorded from the data.
    """
    records = run.records()
    counts = {name: record.frames for name, record in records.items()}
    boxes = {name: np.array(record.initial_box) for name, record in records.items() if record.initial_box}
    facts = official(spec)
    if not run.identity.data.is_official:
        source = f"the {len(run.names)} sequences of the run ({run.identity.data})"
        return Expected(run.names, counts, boxes, source, {})
    return dataclasses.replace(
        facts, frame_counts={**counts, **facts.frame_counts}, initial_boxes={**boxes, **facts.initial_boxes}
    )
