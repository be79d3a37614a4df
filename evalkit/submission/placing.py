"""Which file of a submission is which: sequence, repetition, purpose; and what is wrong with names and places."""

import collections.abc as cabc
import enum
from dataclasses import dataclass, field

from evalkit.submission.content import ARCHIVE_SUFFIXES
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding, Kind, Severity, error


class Purpose(enum.StrEnum):
    """What a file holds."""

    BOXES = "boxes"
    TIMES = "times"
    CONFIDENCE = "confidences"


Key = tuple[str, Purpose, int]


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file that was recognized.

    Attributes:
        name: As it is in the submission.
        sequence: Official name.
        purpose: What it holds.
        repetition: From 1; 1 for files that hold all of them.
        above: Folders above the part of the path that the format prescribes.
    """

    name: str
    sequence: str
    purpose: Purpose
    repetition: int = 1
    above: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What may be there once."""
        return self.sequence, self.purpose, self.repetition


@dataclass(slots=True)
class Placed:
    """Files of a submission by their meaning.

    Attributes:
        files: Sequence, purpose, repetition -> the file; filled by :meth:`settle`.
        findings: What is wrong with names and places.
    """

    files: dict[Key, PlacedFile] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _all: list[PlacedFile] = field(default_factory=list)
    _misplaced: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def add(self, place: PlacedFile) -> None:
        """Take a file that was recognized."""
        self._all.append(place)

    def misname(self, name: str, expected: str) -> None:
        """Remark on a file's name."""
        self.findings.append(error(Kind.WRONG_NAME, name, name.rpartition("/")[2], expected))

    def misplace(self, name: str, what: str, expected: str, advice: str = "") -> None:
        """Remark on a file's folder; files with the same remark become one finding."""
        self._misplaced.setdefault((what, expected, advice), []).append(name)

    def settle(self, severity: Severity = Severity.ERROR) -> None:
        """Decide which file counts where several claim one place, and report the others.

        Files below the folder that has the most come first. Another folder with the same sequences is another
        tracker; one with other sequences is a wrong place, whose files are checked all the same.

        Args:
            severity: Of remarks on folders.
        """
        groups: dict[tuple[str, ...], list[PlacedFile]] = {}
        for place in self._all:
            groups.setdefault(place.above, []).append(place)
        (most, places), *others = sorted(groups.items(), key=lambda item: -len(item[1])) or [((), [])]
        self._take(places)
        for above, rest in others:
            names = [place.name for place in rest]
            place_text, wanted = f"files below {folder_text(above)}", f"all files below {folder_text(most)}"
            if any(place.key in self.files for place in rest):
                advice = "Not checked further; submit one tracker."
                more = tuple(names[1:])
                self.findings.append(
                    error(Kind.SEVERAL_TRACKERS, names[0], place_text, wanted, more_files=more, advice=advice)
                )
                continue
            self._take(rest)
            for name in names:
                self.misplace(name, place_text, wanted)
        self.findings += [
            Finding(
                severity, Kind.WRONG_FOLDER, names[0], place_text, expected, more_files=tuple(names[1:]), advice=advice
            )
            for (place_text, expected, advice), names in self._misplaced.items()
        ]

    def _take(self, places: cabc.Iterable[PlacedFile]) -> None:
        for place in places:
            first = self.files.setdefault(place.key, place)
            if first is not place:
                what = f"a second file of {place.purpose} for {place.sequence}, besides {first.name}"
                advice = "The first one was checked."
                self.findings.append(error(Kind.DUPLICATE, place.name, what, "one", advice=advice))

    def by_sequence(self) -> dict[str, dict[Purpose, list[PlacedFile]]]:
        """Files by sequence and purpose, ordered by repetition."""
        files: dict[str, dict[Purpose, list[PlacedFile]]] = {}
        for place in sorted(self.files.values(), key=lambda place: place.repetition):
            files.setdefault(place.sequence, {}).setdefault(place.purpose, []).append(place)
        return files


@dataclass(frozen=True, slots=True)
class Names:
    """Finds official names whatever their case."""

    expected: Expected
    _lower: cabc.Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lower", {name.lower(): name for name in self.expected.names})

    def find(self, text: str) -> str | None:
        """The official name that a text is, but for upper and lower case."""
        return self._lower.get(text.lower())

    def extra_file(self, name: str, *, severity: Severity = Severity.ERROR, advice: str = "") -> Finding:
        """The finding for a file that does not belong to the submission."""
        base = name.rpartition("/")[2]
        stem = base.rpartition(".")[0]
        if base.lower().endswith(ARCHIVE_SUFFIXES):
            advice = "A server does not look into it; submit the inner archive itself."
            return Finding(severity, Kind.NESTED_ARCHIVE, name, "an archive", "text files", advice=advice)
        if "__MACOSX" in name or base.startswith(".") or base in {"Thumbs.db", "desktop.ini"}:
            advice = advice or "The operating system added it; make the zip with a program that does not."
        what = "a file that is no part of the format"
        for split_name, split in self._other_splits(stem):
            what = f"{split_name}, a sequence of the split {split}"
        return Finding(severity, Kind.EXTRA_FILE, name, what, "result files only", advice=advice)

    def _other_splits(self, stem: str) -> cabc.Iterator[tuple[str, str]]:
        for candidate in (stem, stem.rpartition("_")[0]):
            if candidate in self.expected.other_splits:
                yield candidate, self.expected.other_splits[candidate]


def missing_sequence(sequence: str, path: str) -> Finding:
    """The finding for a sequence without any file; ``path`` is the first file that it should have."""
    return error(Kind.MISSING_SEQUENCE, path, "nothing", f"results of {sequence}")


def missing_file(path: str, what: str, advice: str = "") -> Finding:
    """The finding for a file that other files of its sequence call for."""
    return error(Kind.MISSING_FILE, path, "nothing", what, advice=advice)


def folder_prefix(above: cabc.Sequence[str]) -> str:
    """Folders as the beginning of a path.

    Example:
        >>> folder_prefix(["a", "b"]), folder_prefix([])
        ('a/b/', '')
    """
    return "".join(f"{folder}/" for folder in above)


def folder_text(above: cabc.Sequence[str]) -> str:
    """Folders for people."""
    return folder_prefix(above) or "the top folder"
