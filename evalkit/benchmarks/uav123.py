"""UAV123: videos from drones; several sequences are parts of one image folder.

Layout: ``<root>/data_seq/UAV123/<folder>/000001.jpg``, ``<root>/anno/UAV123/<sequence>.txt`` (a row of NaN where the
target is fully absent), ``<root>/anno/UAV123/att/<sequence>.txt`` (12 flags). Which frames of which folder belong to
a sequence is in the packaged table; for sequences of other names in ``<root>/anno/UAV123/sequences.csv`` (columns
name, folder, start_frame, end_frame). Row k of an annotation is image ``start_frame + k``. The benchmark has no absent
flags: absence is the NaN in its boxes.
"""

import csv
import dataclasses
from pathlib import Path
from typing import NamedTuple

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import (
    MissingSequenceError,
    nothing_found,
    official_row,
    official_rows,
    require_root,
    text_files,
)
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import DatasetLayoutError
from evalkit.images import last_number
from evalkit.sequences import Annotation, Modality

TITLE = "UAV123"
NAMES = "uav123_test.csv"
CODES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
ANNOTATIONS = Path("anno", "UAV123")
IMAGES = Path("data_seq", "UAV123")


class FrameRange(NamedTuple):
    """A sequence's part of an image folder; both ends belong to it."""

    folder: str
    start_frame: int
    end_frame: int


def list_sequences(root: Path, split: Split) -> list[str]:  # noqa: ARG001 - signature of all readers
    """Names of a copy: its own table, else the official list, else all its annotation files."""
    require_root(root, title=TITLE)
    ranges = copy_ranges(root)
    if ranges:
        return list(ranges)
    present = text_files(root / ANNOTATIONS)
    official = official_rows(NAMES)
    if any(name in official for name in present):
        return list(official)
    if not present:
        raise nothing_found(root, title=TITLE, expected=f"{ANNOTATIONS}/<sequence>.txt")
    return present


def copy_ranges(root: Path) -> dict[str, FrameRange]:
    """Read the copy's own table of frame ranges; empty if it has none.

    Raises:
        DatasetLayoutError: A column is missing or a number is none.
    """
    path = root / ANNOTATIONS / "sequences.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return {r["name"]: FrameRange(r["folder"], int(r["start_frame"]), int(r["end_frame"])) for r in rows}
    except (KeyError, TypeError, ValueError) as problem:
        raise DatasetLayoutError(
            f"{TITLE}: {path} must have the columns name, folder, start_frame, end_frame, the last two with frame "
            f"numbers; problem: {problem}."
        ) from problem


def frame_range(root: Path, name: str) -> FrameRange | None:
    """Part of an image folder that is a sequence; None for a sequence that is in no table."""
    own = copy_ranges(root).get(name)
    if own is not None:
        return own
    row = official_rows(NAMES).get(name)
    return None if row is None else FrameRange(row["folder"], int(row["start_frame"]), int(row["end_frame"]))


def box_file(root: Path, split: Split, name: str) -> Path:  # noqa: ARG001 - signature of all readers
    """File with a sequence's boxes in a full copy.

    Raises:
        MissingSequenceError: There is none.
    """
    path = root / ANNOTATIONS / f"{name}.txt"
    if not path.is_file():
        raise MissingSequenceError(f"{TITLE}: sequence {name} is missing; no file {path}. Unpack the annotations.")
    return path


def annotate(files: Files, split: Split) -> Annotation:
    """Read one sequence's annotation."""
    boxes = files.boxes()
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=nothing_absent(boxes),
        frame_count=len(boxes),
        object_class=official_row(split, files.name).get("object_class"),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:  # noqa: ARG001 - signature of all readers
    """List one sequence's images: its range of the folder, or a folder of its own name."""
    part = frame_range(root, name)
    folder = root / IMAGES / (name if part is None else part.folder)
    if not folder.is_dir():
        raise MissingSequenceError(f"{TITLE}: sequence {name} is missing; no folder {folder}. Unpack its images.")
    frames = open_folder(folder, title=TITLE, name=name)
    if part is None:
        return frames
    by_number = {last_number(image): image for image in frames.names}
    wanted = range(part.start_frame, part.end_frame + 1)
    missing = [number for number in wanted if number not in by_number]
    if missing:
        raise DatasetLayoutError(
            f"{TITLE}: sequence {name} is frames {part.start_frame} to {part.end_frame} of {folder}, but "
            f"{len(missing)} of them are missing, the first is number {missing[0]}. "
            "Check that the archive is unpacked completely."
        )
    return dataclasses.replace(frames, names=tuple(by_number[number] for number in wanted))


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
SPEC = BenchmarkSpec(
    name="uav123",
    title=TITLE,
    year=2016,
    citation=Citation(
        authors="Matthias Mueller, Neil Smith, Bernard Ghanem",
        title="A Benchmark and Simulator for UAV Tracking",
        venue="ECCV",
        year=2016,
    ),
    homepage="https://cemse.kaust.edu.sa/ivul/uav123",
    license=None,
    modalities=frozenset({Modality.RGB}),
    splits={"test": Split("test", 123, 112_578, Access.FULL, NAMES)},
    coordinate_origin=1,
    protocols={"official": "otb", "papers": "ostrack"},
    headline=("success_auc", "precision_20"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(folders=("UAV123", "anno")),
)
