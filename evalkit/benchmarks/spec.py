"""What evalkit knows of a benchmark: a frozen value with facts, and the functions that read copies of it."""

import collections.abc as cabc
import enum
from dataclasses import dataclass
from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.sequences import Annotation, FrameSource, Modality, Sequence


class Access(enum.Enum):
    """How much of the annotation is public."""

    FULL = "full"
    FIRST_FRAME_ONLY = "first frame only"


@dataclass(frozen=True, slots=True)
class Citation:
    """The paper that introduced a benchmark or tracker."""

    authors: str
    title: str
    venue: str
    year: int


@dataclass(frozen=True, slots=True)
class Split:
    """A part of a benchmark.

    Attributes:
        name: "test", "val", "train", ...
        sequence_count: Sequences of the official list.
        frame_count: Frames of the official list, None where not known.
        access: FULL or FIRST_FRAME_ONLY.
        names_file: Package data file under ``evalkit/data/sequences`` with the official names, None if we have none.
    """

    name: str
    sequence_count: int
    frame_count: int | None
    access: Access
    names_file: str | None


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """One benchmark.

    Attributes:
        name: Identifier on the command line.
        title: As papers print it.
        year: Of publication.
        citation: The paper.
        homepage: Where to get it.
        license: Of the data, None where the authors state none.
        modalities: Sensors.
        splits: Name -> split; the first one is the default.
        coordinate_origin: 0 or 1, as stored; a fact, not a shift that we apply.
        protocols: Role -> protocol id: "official" and "papers".
        headline: Metric keys in the order in which papers print them.
        submission: Module of ``evalkit.submission`` with the packaging, if a server or a toolkit takes one; else None.
        attributes: Codes of the challenge attributes in the order of the official files.
        list_sequences: (root, split) -> names of this copy, in the benchmark's order.
        read_sequence: (root, split, name) -> annotation and frames, checked against each other.
        read_annotation: (root, split, name) -> annotation alone of a full copy; images may be missing.
        superseded_by: Name of a corrected successor.
        read_frames: (root, split, name) -> frames alone, also where the annotation is wrong; ``check-data`` uses it.
        annotate: (files, split) -> one sequence's annotation but for its attributes, wherever its files lie.
        copies: What its annotations-only copies consist of; None if there are none.
    """

    name: str
    title: str
    year: int
    citation: Citation
    homepage: str
    license: str | None
    modalities: frozenset[Modality]
    splits: cabc.Mapping[str, Split]
    coordinate_origin: int
    protocols: cabc.Mapping[str, str]
    headline: tuple[str, ...]
    submission: str | None
    attributes: tuple[str, ...]
    list_sequences: cabc.Callable[[Path, Split], list[str]]
    read_sequence: cabc.Callable[[Path, Split, str], Sequence]
    read_annotation: cabc.Callable[[Path, Split, str], Annotation]
    superseded_by: str | None = None
    read_frames: cabc.Callable[[Path, Split, str], FrameSource] | None = None
    annotate: cabc.Callable[[Files, Split], Annotation] | None = None
    copies: CopyLayout | None = None

    @property
    def default_split(self) -> Split:
        """The split that tables report."""
        return next(iter(self.splits.values()))
