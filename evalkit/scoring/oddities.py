"""What is odd about somebody's raw results: numbers cut off, copies, boxes of the ground truth, rows without a box."""

import collections.abc as cabc
import enum
import hashlib
from dataclasses import dataclass

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import counted, listed
from evalkit.sequences import Annotation, Trajectories, Trajectory

_ENOUGH = 10  # rows from which equal boxes are no accident
_NEAR = 0.5  # pixels: annotators do not agree to that, so that no tracker can
_COPIED = 1 / 3  # of the rows in which the target has moved; public results stay below a tenth
_DECIMALS = 6
_FAR = 1.0  # pixels that a first row may be from the annotated box: integers, and boxes counted from 1
_MOSTLY = 0.9


class Oddity(enum.StrEnum):
    """What is odd."""

    TRUTH = "equal to the ground truth"
    COPY = "equal to another tracker's results"
    REPEATED = "the same boxes for several sequences"
    FIRST_BOX = "first row is not the given box"
    SHIFTED = "shifted against the annotation"
    WHOLE = "whole numbers"
    DECIMALS = "few decimals"
    NO_BOX = "rows without a box"
    ENDS = "no box up to the end"
    NEGATIVE = "negative size"
    ZERO = "zero size"
    FROZEN = "the box stands still"
    REPETITIONS = "equal repetitions"


GRAVE = frozenset({Oddity.TRUTH, Oddity.COPY, Oddity.REPEATED})
"""Oddities with which results cannot stand, whatever they score."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One oddity of a tracker's results.

    Attributes:
        oddity: What it is.
        text: In a sentence without a full stop.
        sequences: Where; empty for a property of all files.
        details: The sequences for people, each with what was found there; empty where ``text`` says it all.
    """

    oddity: Oddity
    text: str
    sequences: tuple[str, ...] = ()
    details: str = ""

    @property
    def is_grave(self) -> bool:
        """Results cannot stand with it."""
        return self.oddity in GRAVE

    @property
    def full_text(self) -> str:
        """With the details."""
        return f"{self.text}: {self.details}" if self.details else self.text


@dataclass(frozen=True, slots=True)
class Print:
    """What is left of one sequence's boxes to compare them with others': hashes of them as they are and as integers.

    Attributes:
        sequence: Name.
        exact: Of the boxes.
        coarse: Of the boxes cut off and rounded to integers.
    """

    sequence: str
    exact: bytes
    coarse: frozenset[bytes]


def find_oddities(trajectories: Trajectories, annotations: cabc.Iterable[Annotation] = ()) -> list[Remark]:
    """Look at one tracker's boxes.

    Args:
        trajectories: Sequence name -> repetitions.
        annotations: Of these sequences, where there are any; without them nothing is said of first rows and truth.
    """
    truth = {annotation.name: annotation for annotation in annotations}
    seen: dict[Oddity, dict[str, str]] = {oddity: {} for oddity in Oddity}
    shifts: dict[tuple[float, float], list[str]] = {}
    for name, runs in trajectories.items():
        for run in runs:
            for oddity, text in _of_rows(run.boxes):
                seen[oddity][name] = text
            if annotation := truth.get(name):
                _compare(run.boxes, annotation, seen, shifts)
        if len(runs) > 1 and len({_hash(run.boxes) for run in runs}) == 1:
            seen[Oddity.REPETITIONS][name] = ""
    _settle_shifts(seen, shifts, len(trajectories))
    remarks = [_remark(oddity, where) for oddity, where in seen.items() if where]
    return [*remarks, *_repeated(trajectories), *_precision(trajectories)]


def is_whole(trajectories: Trajectories) -> bool:
    """Whether all boxes after the first rows are whole numbers."""
    return _decimals(trajectories) == 0


def prints(trajectories: Trajectories) -> list[Print]:
    """What copies are recognized by; sequences whose box hardly moves have no print."""
    return [
        Print(name, _hash(run.boxes), frozenset({_hash(np.trunc(run.boxes)), _hash(np.rint(run.boxes))}))
        for name, runs in trajectories.items()
        for run in runs
        if _tells(run.boxes)
    ]


def find_copies(everyone: cabc.Mapping[str, cabc.Sequence[Print]]) -> dict[str, list[Remark]]:
    """Trackers whose boxes are another tracker's, digit by digit or but for the digits that were written.

    Args:
        everyone: Tracker -> prints of its results on one benchmark.

    Returns:
        Tracker -> one remark for each other tracker.
    """
    owners: dict[tuple[str, bytes], dict[str, bool]] = {}
    for tracker, mine in everyone.items():
        for printed in mine:
            for mark in (printed.exact, *printed.coarse):
                owners.setdefault((printed.sequence, mark), {}).setdefault(tracker, mark == printed.exact)
    pairs: dict[tuple[str, str], dict[str, bool]] = {}
    for (sequence, _), sharing in owners.items():
        for tracker, exact in sharing.items() if len(sharing) > 1 else ():
            for other, also in sharing.items():
                if other != tracker:
                    places = pairs.setdefault((tracker, other), {})
                    places[sequence] = places.get(sequence, False) or (exact and also)
    remarks: dict[str, list[Remark]] = {}
    for (tracker, other), places in pairs.items():
        how = "" if all(places.values()) else " but for the digits written"
        total = len({printed.sequence for printed in everyone[tracker]})
        text = f"equal to the boxes of {other}{how} in {len(places)} of {counted(total, 'sequence')}"
        remarks.setdefault(tracker, []).append(Remark(Oddity.COPY, text, tuple(places), listed(places)))
    return remarks


def give_back_half(trajectories: Trajectories) -> dict[str, list[Trajectory]]:
    """Boxes that were cut off to integers, with what cutting takes away on average: half a pixel of each coordinate.

    First rows and rows of zero size stay: the first are given, the others mean that there is no box.
    """
    return {
        name: [Trajectory(_with_half(run.boxes), run.confidence, run.seconds) for run in runs]
        for name, runs in trajectories.items()
    }


def _with_half(boxes: Boxes) -> Boxes:
    back = np.where((boxes[:, 2:] > 0).all(axis=1), 0.5, 0.0)
    back[:1] = 0
    return boxes + back[:, None]


def _hash(boxes: Boxes) -> bytes:
    plain = boxes[1:] + 0.0  # -0 is 0
    return hashlib.blake2b(np.ascontiguousarray(plain).tobytes(), digest_size=16).digest()


def _tells(boxes: Boxes) -> bool:
    """Whether boxes are so many and so different that others are not equal by accident."""
    rows = boxes[1:]
    return len(rows) >= _ENOUGH and int((np.diff(rows, axis=0) != 0).any(axis=1).sum()) >= _ENOUGH // 2


def _of_rows(boxes: Boxes) -> cabc.Iterator[tuple[Oddity, str]]:
    rows = boxes[1:]
    lost = ~np.isfinite(rows).all(axis=1)
    if lost.any():
        first = int(np.flatnonzero(lost)[0]) + 1
        after = int(np.flatnonzero(~lost)[-1]) + 2 if not lost.all() else 1
        if len(boxes) - after >= _ENOUGH:
            yield Oddity.ENDS, f"from row {after}"
        else:
            yield Oddity.NO_BOX, f"{int(lost.sum())}, the first is row {first}"
    sizes = rows[~lost, 2:]
    if (count := int((sizes < 0).any(axis=1).sum())) > 0:
        yield Oddity.NEGATIVE, counted(count, "row")
    if (count := int(((sizes >= 0).all(axis=1) & (sizes == 0).any(axis=1)).sum())) > 0:
        yield Oddity.ZERO, counted(count, "row")
    half = rows[len(rows) // 2 :]
    if len(half) >= _ENOUGH and not lost.any() and (half == half[-1]).all() and (half[-1, 2:] > 0).all():
        same = (rows == half[-1]).all(axis=1)
        start = int(np.flatnonzero(~same)[-1]) + 2 if not same.all() else 1
        yield Oddity.FROZEN, f"from row {start}"


def _compare(
    boxes: Boxes,
    annotation: Annotation,
    seen: cabc.Mapping[Oddity, dict[str, str]],
    shifts: dict[tuple[float, float], list[str]],
) -> None:
    boxes = boxes[:: annotation.stride]
    count = min(len(boxes), len(annotation.ground_truth))
    boxes, truth = boxes[:count], annotation.ground_truth[:count]
    given = boxes[0] - truth[0] if count else np.full(4, np.nan)
    if np.isfinite(given).all():
        if (np.abs(given) > _FAR).any():
            seen[Oddity.FIRST_BOX][annotation.name] = f"off by {np.abs(given).max():.4g} px"
        if (given[2:] == 0).all() and given[:2].any():
            shifts.setdefault((float(given[0]), float(given[1])), []).append(annotation.name)
    moved = np.isfinite(truth).all(axis=1) & (truth[:, 2:] > 0).all(axis=1) & (truth != truth[:1]).any(axis=1)
    if int(moved.sum()) < _ENOUGH:
        return
    off = np.abs(boxes[moved] - truth[moved]).max(axis=1)
    cut = (boxes[moved] == np.trunc(truth[moved])).all(axis=1)
    with np.errstate(invalid="ignore"):
        near = (off <= _NEAR) | cut
    if (
        near.mean() >= _COPIED and len(np.unique(truth[moved][near], axis=0)) >= _ENOUGH
    ):  # it stood still and moved once
        seen[Oddity.TRUTH][annotation.name] = f"{int(near.sum())} of {counted(len(off), 'row')}"


def _settle_shifts(
    seen: cabc.Mapping[Oddity, dict[str, str]], shifts: cabc.Mapping[tuple[float, float], list[str]], total: int
) -> None:
    """A first row that is off by the same in nearly all files is another origin of coordinates."""
    for (x, y), names in shifts.items():
        if len(names) >= max(2, _MOSTLY * total):
            seen[Oddity.SHIFTED].update(dict.fromkeys(names, f"{x:+g}, {y:+g} px"))
            for name in names:
                seen[Oddity.FIRST_BOX].pop(name, None)


def _remark(oddity: Oddity, where: cabc.Mapping[str, str]) -> Remark:
    sequences = f"in {counted(len(where), 'sequence')}"
    if oddity is Oddity.SHIFTED:  # the same in all of them
        text = f"the first boxes lie {next(iter(where.values()))} from the annotated ones {sequences}"
        return Remark(oddity, f"{text}: another origin of coordinates (annotations may count from 1)", tuple(where))
    texts = {
        Oddity.TRUTH: f"within {_NEAR} px of the ground truth {sequences}, which no tracker is",
        Oddity.FIRST_BOX: f"the first row is not the given box {sequences}",
        Oddity.NO_BOX: f"rows without a box (NaN) {sequences}",
        Oddity.ENDS: f"no box any more (NaN) up to the end {sequences}",
        Oddity.NEGATIVE: f"negative sizes {sequences}",
        Oddity.ZERO: f"boxes of zero size {sequences}",
        Oddity.FROZEN: f"the box stands still for half of the frames or more {sequences}",
        Oddity.REPETITIONS: f"all repetitions are equal {sequences}, so that they say nothing of chance",
    }
    details = listed(f"{name} ({text})" if text else name for name, text in where.items())
    return Remark(oddity, texts[oddity], tuple(where), details)


def _repeated(trajectories: Trajectories) -> list[Remark]:
    """Files that hold the boxes of another sequence."""
    same: dict[bytes, list[str]] = {}
    for printed in prints({name: runs[:1] for name, runs in trajectories.items()}):
        same.setdefault(printed.exact, []).append(printed.sequence)
    return [
        Remark(Oddity.REPEATED, f"the same boxes stand for {len(names)} sequences", tuple(names), listed(names))
        for names in same.values()
        if len(names) > 1
    ]


def _decimals(trajectories: Trajectories) -> int | None:
    """The decimals that all boxes after the first rows have at most; None for more than six."""
    rows = [run.boxes[1:] for runs in trajectories.values() for run in runs if len(run) > 1]
    most = 0
    for boxes in rows:
        values = boxes[np.isfinite(boxes)]
        while most <= _DECIMALS and (np.abs(values * 10**most - np.rint(values * 10**most)) > 1e-4).any():
            most += 1
    return most if rows and most <= _DECIMALS else None


def _precision(trajectories: Trajectories) -> list[Remark]:
    digits = _decimals(trajectories)
    if digits is None or digits > 2:
        return []
    if digits == 0:
        return [Remark(Oddity.WHOLE, "all boxes are whole numbers: cut off or rounded when they were written")]
    return [Remark(Oddity.DECIMALS, f"all boxes have at most {counted(digits, 'decimal')}")]
