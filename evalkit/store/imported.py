"""Raw results of one tracker as they were read, with everything that is wrong or remarkable about them."""

import collections.abc as cabc
from dataclasses import dataclass, field

from evalkit.errors import listed
from evalkit.sequences import Trajectory


@dataclass(frozen=True, slots=True, eq=False)
class ImportedResults:
    """Raw results of one tracker.

    Attributes:
        tracker: Its name: the caller's, or that of the folder.
        format: Key of :data:`evalkit.store.layouts.DESCRIPTIONS`.
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
    format: str
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


def _counts(lengths: cabc.Mapping[str, tuple[int, int]]) -> str:
    return listed(f"{name} ({found} of {expected})" for name, (found, expected) in lengths.items())
