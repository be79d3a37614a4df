"""Which sequences a copy of a benchmark has, and where: list files, packaged official lists, folders."""

import collections
import collections.abc as cabc
import csv
import functools
import importlib.resources
import os
import types
from dataclasses import dataclass
from pathlib import Path

from evalkit.benchmarks.spec import Split
from evalkit.errors import DatasetLayoutError, listed

Facts = cabc.Mapping[str, str]


class MissingSequenceError(DatasetLayoutError):
    """A sequence of the list is not in the copy."""


@functools.cache
def official_rows(names_file: str | None) -> cabc.Mapping[str, Facts]:
    """Packaged facts of a split: sequence name -> column -> text, in the official order; empty without a file."""
    if names_file is None:
        return types.MappingProxyType({})
    folder = importlib.resources.files("evalkit").joinpath("data", "sequences")
    with folder.joinpath(names_file).open(encoding="utf-8") as file:
        return types.MappingProxyType({row["name"]: types.MappingProxyType(row) for row in csv.DictReader(file)})


def official_row(split: Split, name: str) -> Facts:
    """Packaged facts of one sequence; empty for a name that is not in the official list."""
    return official_rows(split.names_file).get(name, types.MappingProxyType({}))


def official_attributes(split: Split, name: str) -> frozenset[str]:
    """Packaged attribute codes of one sequence."""
    return frozenset(official_row(split, name).get("attributes", "").split())


def read_name_list(path: Path, *, title: str) -> list[str]:
    """Read a list file, one sequence name per line; blank lines are ignored.

    Raises:
        DatasetLayoutError: No name in it, or a name twice.
    """
    names = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    names = [name for name in names if name]
    if not names:
        raise DatasetLayoutError(f"{title}: the list {path} holds no sequence name.")
    twice = repeated(names)
    if twice:
        raise DatasetLayoutError(f"{title}: the list {path} has names twice: {listed(twice)}.")
    return names


def repeated(names: list[str]) -> list[str]:
    """Names that occur more than once.

    Example:
        >>> repeated(["a", "b", "a"])
        ['a']
    """
    return sorted(name for name, count in collections.Counter(names).items() if count > 1)


def text_files(folder: Path) -> list[str]:
    """Names of the visible ``.txt`` files of a folder without the suffix, sorted; empty without the folder.

    Raises:
        DatasetLayoutError: A name cannot be written as text.
    """
    if not folder.is_dir():
        return []
    names = os.listdir(folder)  # noqa: PTH208 - names only, 30,000 of them in TrackingNet
    files = [name for name in names if name.endswith(".txt") and not name.startswith(".")]
    return [name.removesuffix(".txt") for name in _as_text(folder, files)]


def subfolders(folder: Path) -> list[str]:
    """Names of the visible sub-folders, sorted; empty if the folder does not exist.

    Raises:
        DatasetLayoutError: A name cannot be written as text.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return _as_text(folder, [e.name for e in entries if not e.name.startswith(".") and e.is_dir()])


def _as_text(folder: Path, names: list[str]) -> list[str]:
    """Sort names; refuse those whose bytes are no UTF-8, which no result file could hold."""
    for name in names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise DatasetLayoutError(
                f"{folder}: the name {os.fsencode(name)!r} is not valid UTF-8, probably from an archive with another "
                "encoding. Rename it."
            )
    return sorted(names)


def require_root(root: Path, *, title: str) -> None:
    """Refuse a data folder that is not there.

    Raises:
        DatasetLayoutError: No such folder.
    """
    if not root.is_dir():
        raise DatasetLayoutError(f"{title}: the data folder {root} does not exist.")


def nothing_found(root: Path, *, title: str, expected: str) -> DatasetLayoutError:
    """Build the error for a folder that does not look like a copy of the benchmark at all."""
    entries = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in root.iterdir())
    return DatasetLayoutError(
        f"{title}: no sequences in {root}. Expected {expected}. Found: {listed(entries) or 'an empty folder'}. "
        "See docs/data-layouts.md for the layout."
    )


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """A split with one folder per sequence.

    Attributes:
        title: Benchmark, for error texts.
        bases: Folders below the root that may hold the sequence folders, in the order of looking.
        lists: List files below the root that name the sequences, in the order of looking.
        marker: File that a sequence folder holds; tells sequences from other folders where the names are unknown.
        traces: What a sequence folder that lacks the marker may still hold; such a one is unpacked by half.
        foreign: Packaged name lists of other splits, which may lie in the same folder.
        official_only: The split is a selection from the official list; a copy of other content does not have it.
    """

    title: str
    bases: tuple[str, ...]
    lists: tuple[str, ...]
    marker: str
    traces: tuple[str, ...]
    foreign: tuple[str, ...] = ()
    official_only: bool = False

    def names(self, root: Path, split: Split) -> list[str]:
        """Sequences of a copy.

        A list file in the copy decides. Without one, a copy that holds at least one sequence of the official list is
        taken for an official copy, perhaps an incomplete one: the whole official list is returned, so that a missing
        sequence is noticed. A copy with other names consists of all its sequence folders.

        Raises:
            DatasetLayoutError: The root does not exist, or holds neither.
        """
        require_root(root, title=self.title)
        official = official_rows(split.names_file)
        # TNL2K has one name in both of its lists
        others = {name for file in self.foreign for name in official_rows(file)} - set(official)
        for path in (root / relative for relative in self.lists):
            if path.is_file():
                listed = [name for name in read_name_list(path, title=self.title) if name not in others]
                if listed:
                    return listed
        present = [(base, name) for base in self.bases for name in subfolders(root / base)]
        if any(name in official for _, name in present):
            return list(official)
        own = {n for base, n in present if n not in others and self._is_sequence(root / base / n)}
        if own and not self.official_only:
            return sorted(own)
        folders = " or ".join(f"{base}/<sequence>/" if base else "<sequence>/" for base in self.bases)
        raise nothing_found(root, title=self.title, expected=f"{folders} with {self.marker} (split {split.name})")

    def _is_sequence(self, folder: Path) -> bool:
        """Also true of a sequence without its annotation, so that reading it says what is missing."""
        return any((folder / entry).exists() for entry in (self.marker, *self.traces))

    def folder(self, root: Path, name: str) -> Path:
        """Folder of a sequence.

        Raises:
            MissingSequenceError: None of the places holds it.
        """
        places = [root / base / name for base in self.bases]
        for place in places:
            if place.is_dir():
                return place
        raise MissingSequenceError(
            f"{self.title}: sequence {name} is missing; no folder {' or '.join(map(str, places))}. "
            "Unpack its archive, or remove its name from the list file of your copy."
        )
