"""Which tracker, sequence and repetition a raw result file belongs to, told by its name and its folders."""

import collections.abc as cabc
import enum
import re
from dataclasses import dataclass, field

DESCRIPTIONS: cabc.Mapping[str, str] = {
    "plain": "[TRACKER/]SEQUENCE.txt with left,top,width,height; pytracking, OSTrack, PySOT, LoRAT, the kits of "
    "LaSOT, TNL2K, LasHeR and VisEvent, TrackingNet",
    "corners": "the same with x1,y1,x2,y2",
    "polygons": "the same with x1,y1,...,x4,y4, read as the enclosing box",
    "got10k": "[TRACKER/]SEQUENCE/SEQUENCE_001.txt with left,top,width,height; the GOT-10k toolkit",
    "swintrack": "SEQUENCE/bounding_box.txt with x1,y1,x2,y2; SwinTrack's test_metrics folder",
    "vot": "TRACKER/EXPERIMENT/SEQUENCE/SEQUENCE_001.txt with regions, and confidence values; the VOT toolkit",
    "otb-mat": "SEQUENCE_TRACKER.mat; the OTB and UAV123 programs in MATLAB",
}
"""Formats by their name on the command line."""

PREFIXES = ("uav_", "nfs_", "tpl_")
"""What pytracking puts before sequence names of UAV123, NFS and TC128."""

_EXPERIMENTS = frozenset({"rgbd-unsupervised", "unsupervised", "longterm", "longterm-unsupervised"})
_TIMES = frozenset({"time", "times"})
_TITLES: cabc.Mapping[str, tuple[str, ...]] = {"uav123": ("uav",), "got10k": ("got",), "rgbt234": ("rgbt",)}
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
        format: Key of :data:`DESCRIPTIONS`, empty for files that are not read.
        tracker: Folders that name the tracker.
        sequence: Name of the sequence as the benchmark spells it.
        repetition: (run number of the folder, number in the file's name); 0 where there is none.
    """

    path: str
    role: Role
    format: str = ""
    tracker: tuple[str, ...] = ()
    sequence: str = ""
    repetition: tuple[int, int] = (0, 0)


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

    def __post_init__(self) -> None:
        titles = (self.benchmark, *_TITLES.get(self.benchmark, ()))
        object.__setattr__(self, "_folders", frozenset(titles))

    def classify(self, path: str) -> ResultFile:
        """Role, format, tracker, sequence and repetition of one file."""
        *folders, filename = path.split("/")
        stem, dot, suffix = filename.rpartition(".")
        if not dot:
            return ResultFile(path, Role.OTHER)
        if suffix == "txt":
            return self._text(path, folders, stem)
        if suffix == "value":
            return self._value(path, stem)
        if suffix == "mat":
            return self._matlab(path, folders, stem)
        return ResultFile(path, Role.OTHER)

    def sequence(self, stem: str) -> str | None:
        """The benchmark's name for a file stem, without pytracking's prefixes."""
        if stem in self.names:
            return stem
        for prefix in PREFIXES:
            if stem.startswith(prefix) and stem.removeprefix(prefix) in self.names:
                return stem.removeprefix(prefix)
        return None

    def _text(self, path: str, folders: list[str], stem: str) -> ResultFile:
        inside = self.sequence(folders[-1]) if folders else None
        if inside is not None and stem in {"bounding_box", "time"}:
            role = Role.BOXES if stem == "bounding_box" else Role.SECONDS
            return self._found(path, role, "swintrack", inside)
        sequence = self.sequence(stem)
        if sequence is None and stem.startswith("results"):  # a name that VisEvent's kit also looks for
            sequence = self.sequence(stem.removeprefix("results"))
        if sequence is None and folders:  # the tracker's name said twice, as in archives for RGBT234
            sequence = self.sequence(stem.removeprefix(f"{folders[-1]}_"))
        if sequence is not None:
            role = Role.SECONDS if folders and folders[-1] in _TIMES else Role.BOXES
            return self._found(path, role, "plain", sequence)
        if match := _REPETITION.fullmatch(stem):
            sequence = self.sequence(match[1])
            if sequence is not None:
                kind = self._kind(folders, sequence)
                return self._found(path, Role.BOXES, kind, sequence, int(match[2]))
        if stem.endswith("_time"):
            sequence = self.sequence(stem.removesuffix("_time"))
            if sequence is not None:
                return self._found(path, Role.SECONDS, self._kind(folders, sequence), sequence)
        by_product = _ALL.fullmatch(stem)
        skipped = _COPY.search(stem) or (by_product and self.sequence(by_product[1]))
        return ResultFile(path, Role.SKIPPED if skipped else Role.FOREIGN)

    def _kind(self, folders: list[str], sequence: str) -> str:
        if not folders or self.sequence(folders[-1]) != sequence:
            return "plain"
        return "vot" if len(folders) > 1 and folders[-2] in _EXPERIMENTS else "got10k"

    def _value(self, path: str, stem: str) -> ResultFile:
        match = _VALUES.fullmatch(stem)
        sequence = self.sequence(match[1]) if match else None
        if match is None or sequence is None:
            return ResultFile(path, Role.SKIPPED if _COPY.search(stem) else Role.OTHER)
        role = Role.CONFIDENCE if match[3] == "confidence" else Role.SECONDS
        return self._found(path, role, "vot", sequence, int(match[2]))

    def _matlab(self, path: str, folders: list[str], stem: str) -> ResultFile:
        parts = stem.split("_")
        for count in range(len(parts) - 1, 0, -1):
            sequence = self.sequence("_".join(parts[:count]))
            if sequence is not None:
                tracker = "_".join(parts[count:])
                above = folders if folders and folders[-1] == tracker else [*folders, tracker]
                return ResultFile(path, Role.BOXES, "otb-mat", tuple(above), sequence)
        return ResultFile(path, Role.FOREIGN)

    def _found(self, path: str, role: Role, kind: str, sequence: str, repetition: int = 0) -> ResultFile:
        tracker = self._tracker(path.split("/")[:-1], sequence)
        run = 0
        if tracker and (match := _RUN.fullmatch(tracker[-1])):
            tracker[-1], run = match[1], int(match[2])
        return ResultFile(path, role, kind, tuple(tracker), sequence, (run, repetition))

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
        kept = [folder for folder in folders if _plain_name(folder) not in self._folders]
        if kept and kept[-1].endswith("_tracking_result"):
            kept[-1] = kept[-1].removesuffix("_tracking_result")
        return kept


def _plain_name(folder: str) -> str:
    """Letters and digits in lower case, so that "GOT-10k" is "got10k"."""
    return re.sub(r"[^a-z0-9]", "", folder.lower())


def tracker_labels(groups: cabc.Iterable[tuple[str, ...]], fallback: str) -> dict[tuple[str, ...], str]:
    """Short unique names of trackers from their folders.

    Example:
        >>> tracker_labels([("results", "ATOM"), ("results", "dimp", "dimp50")], "x")
        {('results', 'ATOM'): 'ATOM', ('results', 'dimp', 'dimp50'): 'dimp/dimp50'}
        >>> tracker_labels([("results", "ostrack", "vitb_256")], "x"), tracker_labels([()], "x")
        ({('results', 'ostrack', 'vitb_256'): 'vitb_256'}, {(): 'x'})
    """
    unique = sorted(set(groups))
    if len(unique) == 1:
        return {unique[0]: unique[0][-1] if unique[0] else fallback}
    shared = 0
    while all(len(group) > shared + 1 for group in unique) and len({group[shared] for group in unique}) == 1:
        shared += 1
    return {group: "/".join(group[shared:]) or fallback for group in unique}
