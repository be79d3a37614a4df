"""Which tracker, sequence and repetition a raw result file belongs to, told by its name and its folders."""

import collections.abc as cabc
import enum
import re
from dataclasses import dataclass, field
from typing import NamedTuple

RESULT_LAYOUTS: cabc.Mapping[str, str] = {
    "plain": "[TRACKER/]SEQUENCE.txt with left,top,width,height; pytracking, OSTrack, PySOT, LoRAT, the kits of "
    "LaSOT, TNL2K, LasHeR and VisEvent, TrackingNet",
    "corners": "the same with x1,y1,x2,y2",
    "polygons": "the same with x1,y1,...,x4,y4, read as the enclosing box",
    "got10k": "[TRACKER/]SEQUENCE/SEQUENCE_001.txt with left,top,width,height; the GOT-10k toolkit",
    "swintrack": "SEQUENCE/bounding_box.txt with x1,y1,x2,y2; SwinTrack's test_metrics folder",
    "vot": "TRACKER/EXPERIMENT/SEQUENCE/SEQUENCE_001.txt with regions, and confidence values; the VOT toolkit",
    "otb-mat": "SEQUENCE_TRACKER.mat or SEQUENCE.mat with boxes called res; the OTB and UAV123 programs in MATLAB",
}
"""Layouts by their name on the command line; ``.csv``, ``.json`` and ``.npy`` may stand for ``.txt``."""

PREFIXES = ("uav_", "nfs_", "tpl_", "otb_")
"""What programs put before sequence names of UAV123, NFS, TC128 and OTB where one folder holds all benchmarks."""

OWN_PREFIX: cabc.Mapping[str, str] = {"uav123": "uav_"}
"""Benchmark -> what pytracking and its descendants put before the names of its sequences."""
_SUFFIXES = frozenset({"txt", "csv", "json", "npy"})

_EXPERIMENTS = frozenset({"rgbd-unsupervised", "unsupervised", "longterm", "longterm-unsupervised"})
_TIMES = frozenset({"time", "times"})
_SHORT = re.compile(r"[a-z]+(?=\d)")  # UAV for UAV123, GOT for GOT-10k
_COPY = re.compile(r"(?:\(\d+\)| - Copy| copy)(?:\s*\(\d+\))?")
_REPETITION = re.compile(r"(.+)_(\d{3})")
_VALUES = re.compile(r"(.+)_(\d{3})_(confidence|time)")
_ALL = re.compile(r"(.+)_all_[a-z]+")
# A run's number has a leading zero and so differs from an input size, as in ostrack_256 and ostrack_384.
_RUN = re.compile(r"(.+)_(0\d\d)")


class Role(enum.Enum):
    """What a file holds."""

    BOXES = "boxes"
    SECONDS = "seconds"
    CONFIDENCE = "confidence"
    SKIPPED = "skipped"  # a by-product that is known and not needed
    FOREIGN = "foreign"  # named as a result of some other sequence
    OTHER = "other"  # no text of results


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of a tree of results.

    Attributes:
        path: Name within the tree.
        role: What it holds.
        layout: Key of :data:`RESULT_LAYOUTS`, empty for files that are not read.
        tracker: Folders that name the tracker.
        sequence: Name of the sequence as the benchmark spells it.
        repetition: (run number of the folder, number in the file's name); 0 where there is none.
        prefix: Which of :data:`PREFIXES` stands before the sequence's name.
        exact: The name is spelled as the benchmark spells it, letter case included.
    """

    path: str
    role: Role
    layout: str = ""
    tracker: tuple[str, ...] = ()
    sequence: str = ""
    repetition: tuple[int, int] = (0, 0)
    prefix: str = ""
    exact: bool = True


class _Claim(NamedTuple):
    """A sequence as a file's name spells it."""

    sequence: str
    prefix: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Tells what a file is, given the benchmark's sequence names.

    Attributes:
        names: Official names.
        benchmark: Name of the benchmark; folders of that name are no trackers.
    """

    names: frozenset[str]
    benchmark: str
    _folders: frozenset[str] = field(init=False, repr=False)
    _lowered: cabc.Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folders", frozenset({self.benchmark, *_SHORT.findall(self.benchmark)}))
        lowered: dict[str, list[str]] = {}
        for name in self.names:
            lowered.setdefault(name.lower(), []).append(name)
        unique = {key: names[0] for key, names in lowered.items() if len(names) == 1}
        object.__setattr__(self, "_lowered", unique)

    def classify(self, path: str) -> ResultFile:
        """Role, layout, tracker, sequence and repetition of one file."""
        *folders, filename = path.split("/")
        stem, dot, suffix = filename.rpartition(".")
        if not dot:
            return ResultFile(path, Role.OTHER)
        suffix = suffix.lower()
        if suffix in _SUFFIXES:
            file = self._text(path, folders, stem)
            other = file.role is Role.FOREIGN and suffix in {"csv", "json"}  # which hold much besides results
            return ResultFile(path, Role.OTHER) if other else file
        if suffix == "value":
            return self._value(path, stem)
        if suffix == "mat":
            return self._matlab(path, folders, stem)
        return ResultFile(path, Role.OTHER)

    def sequence(self, stem: str) -> str | None:
        """The benchmark's name for a file stem, without prefixes, in any letter case."""
        claim = self._claim(stem)
        return claim.sequence if claim else None

    def settled(self, files: cabc.Iterable[ResultFile]) -> list[ResultFile]:
        """Files of one folder or archive, those turned foreign whose sequence others of their tracker name better.

        An archive may mix benchmarks, told apart by prefixes. Beside the benchmark's own prefix, other prefixes and
        names in another letter case are another benchmark's. So are prefixes beside names without one, where prefixes
        are several, or stand before names that the benchmark has not; else two files for a sequence stay ambiguous.
        Of two spellings of a name the benchmark's own counts.
        """
        listed = list(files)
        own = OWN_PREFIX.get(self.benchmark, "")
        used = {prefix: foreign for foreign in (False, True) for prefix in _prefixes(listed, foreign=foreign)}
        mixed = len(used) > 1 or any(used.values())
        named = [file for file in listed if file.sequence]
        plain = {file.tracker for file in named if file.exact and not file.prefix and mixed}
        prefixed = {file.tracker for file in named if own and file.prefix == own}
        spelled = {_place(file) for file in named if file.exact}

        def is_foreign(file: ResultFile) -> bool:
            if file.prefix not in {"", own} and file.tracker in plain | prefixed:
                return True
            return not file.exact and (_place(file) in spelled or (not file.prefix and file.tracker in prefixed))

        return [ResultFile(file.path, Role.FOREIGN) if file.sequence and is_foreign(file) else file for file in listed]

    def _claim(self, stem: str) -> _Claim | None:
        for prefix in ("", *PREFIXES):
            name = stem[len(prefix) :]
            if stem.startswith(prefix) and name in self.names:
                return _Claim(name, prefix, exact=True)
        lowered = stem.lower()
        for prefix in ("", *PREFIXES):
            if lowered.startswith(prefix) and (official := self._lowered.get(lowered[len(prefix) :])):
                return _Claim(official, prefix, exact=False)
        return None

    def _text(self, path: str, folders: list[str], stem: str) -> ResultFile:
        inside = self._claim(folders[-1]) if folders else None
        if inside is not None and stem.lower() in {"bounding_box", "time"}:
            role = Role.BOXES if stem.lower() == "bounding_box" else Role.SECONDS
            return self._found(path, role, "swintrack", inside)
        claim = self._claim(stem)
        if claim is None and stem.startswith("results"):  # a name that VisEvent's kit also looks for
            claim = self._claim(stem.removeprefix("results"))
        if claim is None and folders:  # the tracker's name said twice, as in archives for RGBT234
            claim = self._claim(stem.removeprefix(f"{folders[-1]}_"))
        if claim is not None:
            role = Role.SECONDS if folders and folders[-1] in _TIMES else Role.BOXES
            return self._found(path, role, "plain", claim)
        if (match := _REPETITION.fullmatch(stem)) and (claim := self._claim(match[1])):
            return self._found(path, Role.BOXES, self._kind(folders, claim.sequence), claim, int(match[2]))
        if stem.endswith("_time") and (claim := self._claim(stem.removesuffix("_time"))):
            return self._found(path, Role.SECONDS, self._kind(folders, claim.sequence), claim)
        by_product = _ALL.fullmatch(stem)
        skipped = _COPY.search(stem) or (by_product and self.sequence(by_product[1]))
        return ResultFile(path, Role.SKIPPED if skipped else Role.FOREIGN)

    def _kind(self, folders: list[str], sequence: str) -> str:
        if not folders or self.sequence(folders[-1]) != sequence:
            return "plain"
        return "vot" if len(folders) > 1 and folders[-2] in _EXPERIMENTS else "got10k"

    def _value(self, path: str, stem: str) -> ResultFile:
        match = _VALUES.fullmatch(stem)
        claim = self._claim(match[1]) if match else None
        if match is None or claim is None:
            return ResultFile(path, Role.SKIPPED if _COPY.search(stem) else Role.OTHER)
        role = Role.CONFIDENCE if match[3] == "confidence" else Role.SECONDS
        return self._found(path, role, "vot", claim, int(match[2]))

    def _matlab(self, path: str, folders: list[str], stem: str) -> ResultFile:
        if claim := self._claim(stem):
            return self._found(path, Role.BOXES, "otb-mat", claim)
        parts = stem.split("_")
        for count in range(len(parts) - 1, 0, -1):
            claim = self._claim("_".join(parts[:count]))
            if claim is not None:
                tracker = "_".join(parts[count:])
                above = folders if folders and folders[-1] == tracker else [*folders, tracker]
                sequence, prefix, exact = claim
                return ResultFile(path, Role.BOXES, "otb-mat", tuple(above), sequence, prefix=prefix, exact=exact)
        return ResultFile(path, Role.FOREIGN)

    def _found(self, path: str, role: Role, kind: str, claim: _Claim, repetition: int = 0) -> ResultFile:
        sequence, prefix, exact = claim
        tracker = self._tracker(path.split("/")[:-1], sequence)
        run = 0
        if tracker and (match := _RUN.fullmatch(tracker[-1])):
            tracker[-1], run = match[1], int(match[2])
        return ResultFile(path, role, kind, tuple(tracker), sequence, (run, repetition), prefix, exact)

    def _tracker(self, folders: list[str], sequence: str) -> list[str]:
        """The folders above a file without those that say the sequence, its class, the benchmark or the program."""
        if folders and self.sequence(folders[-1]) == sequence:
            folders.pop()
        if folders and folders[-1] in _TIMES:
            folders.pop()
        if folders and folders[-1] in _EXPERIMENTS:
            folders.pop()
        if self.benchmark == "lasot" and folders and folders[-1] == sequence.rpartition("-")[0]:
            folders.pop()  # LaSOT keeps airplane-1 in airplane/; elsewhere "-" is a letter as any other
        if "test_metrics" in folders:
            del folders[folders.index("test_metrics") :]
        # letters and digits in lower case, so that "GOT-10k" is "got10k"
        kept = [folder for folder in folders if re.sub(r"[^a-z0-9]", "", folder.lower()) not in self._folders]
        if kept and kept[-1].endswith("_tracking_result"):
            kept[-1] = kept[-1].removesuffix("_tracking_result")
        return kept


def _prefixes(files: cabc.Iterable[ResultFile], *, foreign: bool) -> set[str]:
    """Prefixes of the names of files, of those that belong to a sequence or of the others."""
    names = [file.path.rpartition("/")[2].lower() for file in files if (not file.sequence) == foreign]
    return {prefix for prefix in PREFIXES for name in names if name.startswith(prefix)}


def _place(file: ResultFile) -> tuple[object, ...]:
    return file.role, file.tracker, file.sequence, file.repetition


def tracker_labels(groups: cabc.Iterable[tuple[str, ...]], fallback: str) -> dict[tuple[str, ...], str]:
    """Short unique names of trackers from their folders; that of a parameter set called "default" says nothing.

    Example:
        >>> tracker_labels([("results", "ATOM"), ("results", "dimp", "dimp50")], "x")
        {('results', 'ATOM'): 'ATOM', ('results', 'dimp', 'dimp50'): 'dimp/dimp50'}
        >>> tracker_labels([("results", "ostrack", "vitb_256")], "x"), tracker_labels([()], "x")
        ({('results', 'ostrack', 'vitb_256'): 'vitb_256'}, {(): 'x'})
        >>> tracker_labels([("kcf", "default")], "x")
        {('kcf', 'default'): 'kcf'}
    """
    telling = {
        group: group[: -1 if len(group) > 1 and group[-1] == "default" else None] for group in sorted(set(groups))
    }
    if len(set(telling.values())) < len(telling):
        telling = {group: group for group in telling}
    if len(telling) == 1:
        return {group: folders[-1] if folders else fallback for group, folders in telling.items()}
    shared, unique = 0, list(telling.values())
    while all(len(group) > shared + 1 for group in unique) and len({group[shared] for group in unique}) == 1:
        shared += 1
    return {group: "/".join(folders[shared:]) or fallback for group, folders in telling.items()}
