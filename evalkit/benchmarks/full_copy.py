"""Sequences of a full copy: the benchmark's reader over its files, joined with the images."""

import collections.abc as cabc
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from evalkit.benchmarks.files import Files, FolderFiles
from evalkit.benchmarks.frames import ImageFrames
from evalkit.benchmarks.names import official_attributes
from evalkit.benchmarks.reading import make_sequence
from evalkit.benchmarks.spec import Access, Split
from evalkit.sequences import Annotation, Sequence


@dataclass(frozen=True, slots=True)
class FullCopy:
    """Reads sequences of full copies of a benchmark.

    Attributes:
        title: Benchmark, for error texts.
        box_file: (root, split, name) -> the sequence's box file, whether it is there or not.
        annotate: The benchmark's reader.
        read_frames: (root, split, name) -> the images, leading absent frames included.
        attributes: Codes in the order of the official files.
        states_size: Scoring clips boxes to the size that the annotation states, not to that of the images.
    """

    title: str
    box_file: cabc.Callable[[Path, Split, str], Path]
    annotate: cabc.Callable[[Files, Split], Annotation]
    read_frames: cabc.Callable[[Path, Split, str], ImageFrames]
    attributes: tuple[str, ...] = ()
    states_size: bool = False

    def read_annotation(self, root: Path, split: Split, name: str) -> Annotation:
        """Read one sequence's annotation; images may be missing."""
        files = FolderFiles(self.title, name, root, self.box_file(root, split, name))
        annotation = self.annotate(files, split)
        own = files.attributes(self.attributes)
        return dataclasses.replace(annotation, attributes=official_attributes(split, name) if own is None else own)

    def read_sequence(self, root: Path, split: Split, name: str) -> Sequence:
        """Read one sequence, annotation checked against the images; it starts where the target is first present."""
        annotation = self.read_annotation(root, split, name)
        frames = self.read_frames(root, split, name)
        if len(frames) <= annotation.dropped_leading:  # let the check below compare whole numbers
            annotation = dataclasses.replace(annotation, dropped_leading=0)
        sequence = make_sequence(
            annotation,
            frames.without_leading(annotation.dropped_leading),
            title=self.title,
            where=self.box_file(root, split, name),
            accepted_rows=(1,) if split.access is Access.FIRST_FRAME_ONLY else (),
        )
        if self.states_size and annotation.frame_wh is not None:
            stated = dataclasses.replace(sequence.annotation, frame_wh=annotation.frame_wh)
            return dataclasses.replace(sequence, annotation=stated)
        return sequence
