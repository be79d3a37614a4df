"""DepthTrack in the VOT toolkit's layout: ``TRACKER/rgbd-unsupervised/SEQUENCE/SEQUENCE_001.txt`` with confidences.

Beside the regions lie ``SEQUENCE_001_confidence.value`` and ``SEQUENCE_001_time.value``, one value per line. The first
region is the code 1 (initialization), the first confidence an empty line, as the toolkit writes them. The folder goes
into the ``results`` folder of a VOT workspace; the annotation is public, so there is no server.
"""

import collections.abc as cabc
import math
import re
from dataclasses import dataclass

import numpy as np

from evalkit.boxes import Boxes, Flags
from evalkit.errors import counted
from evalkit.sequences import Trajectories
from evalkit.submission import rows
from evalkit.submission.content import Content
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding, Kind, Severity, error, warning
from evalkit.submission.form import SubmissionFormat
from evalkit.submission.got10k import TRACKER_FOLDER, number_rows
from evalkit.submission.placing import (
    Names,
    Placed,
    PlacedFile,
    Purpose,
    folder_prefix,
    folder_text,
    missing_file,
    missing_sequence,
)

EXPERIMENT = "rgbd-unsupervised"
REGION = "left,top,width,height with commas, a polygon, or the code 0 (no target)"

_CODES = frozenset({b"0", b"1", b"2"})
_CODE_ROW = b"0,0,1,1"  # stands for a line that is no box, so that the other lines keep their numbers
_NAME = re.compile(r"(.+)_(\d{3})(?:_(time|confidence))?")
_PURPOSES = {None: Purpose.BOXES, "time": Purpose.TIMES, "confidence": Purpose.CONFIDENCE}
_SUFFIXES = {Purpose.BOXES: ".txt", Purpose.TIMES: "_time.value", Purpose.CONFIDENCE: "_confidence.value"}
_SHAPE = f"TRACKER/{EXPERIMENT}/SEQUENCE/..."


def write(
    trajectories: Trajectories,
    tracker: str,
    layout: str,  # noqa: ARG001 - the same signature for all formats
) -> cabc.Iterator[tuple[str, str]]:
    """Names and texts of all files: regions with 4 decimals, exact confidences, times with 6 decimals."""
    for name, (trajectory,) in trajectories.items():
        stem = f"{tracker}/{EXPERIMENT}/{name}/{name}_001"
        lines = number_rows(trajectory.boxes, 4).splitlines()
        for index in np.flatnonzero(~np.isfinite(trajectory.boxes).all(axis=1)).tolist():
            lines[index] = "0"
        yield f"{stem}.txt", "".join(f"{line}\n" for line in ["1", *lines[1:]])
        if not np.isnan(trajectory.confidence[1:]).all():
            values = ["", *("" if math.isnan(value) else repr(value) for value in trajectory.confidence[1:].tolist())]
            yield f"{stem}_confidence.value", "".join(f"{value}\n" for value in values)
        if np.isfinite(trajectory.seconds).all():
            yield f"{stem}_time.value", "".join(f"{value:.6f}\n" for value in trajectory.seconds.tolist())


def obstacles(trajectories: Trajectories) -> cabc.Iterator[str]:
    """What a run lacks: a confidence in some sequences, where others have it."""
    without = [name for name, (run,) in trajectories.items() if len(run) > 1 and np.isnan(run.confidence[1:]).all()]
    if without and len(without) < len(trajectories):
        yield f"no confidences in {counted(len(without), 'sequence')}, the first is {without[0]}; others have them."


def check(content: Content, expected: Expected) -> list[Finding]:
    """Everything that is wrong with names, places, lines and numbers."""
    placed = _place(content, expected)
    findings = list(placed.findings)
    above = next((place.above for place in placed.files.values()), ("TRACKER", EXPERIMENT))
    present = placed.by_sequence()
    for name in expected.names:
        stem = f"{folder_prefix(above)}{name}/{name}_001"
        if name not in present:
            findings.append(missing_sequence(name, f"{stem}.txt"))
            continue
        files = {purpose: places[0] for purpose, places in present[name].items()}
        if Purpose.BOXES not in files:
            findings.append(missing_file(f"{stem}.txt", "regions"))
        frames = expected.frame_counts.get(name)
        if (place := files.get(Purpose.BOXES)) is not None:
            count, faults = _check_regions(content, place, frames, expected.initial_boxes.get(name))
            frames = frames or count
            findings += faults
        for purpose in (Purpose.CONFIDENCE, Purpose.TIMES):
            if (place := files.get(purpose)) is not None and (data := content.files[place.name]) is not None:
                findings += _check_values(place, data, frames)
    findings += _check_confidence_files(present, expected, above)
    findings += _check_time_files(present, above)
    return findings


def _check_regions(
    content: Content, place: PlacedFile, frames: int | None, initial: Boxes | None
) -> tuple[int | None, list[Finding]]:
    """Number of regions, and what is wrong with them."""
    data = content.files[place.name]
    if data is None:
        return None, []
    lines = _Lines.of(data)
    boxes, findings = rows.read_rows(place.name, lines.text, columns={4}, what=REGION)
    if boxes is None:
        return None, findings
    if len(boxes) != len(lines.codes):  # blank lines at the end
        lines = _Lines(lines.text, lines.codes[: len(boxes)], lines.polygons[: len(boxes)], lines.masks[: len(boxes)])
    again = tuple(index + 1 for index, code in enumerate(lines.codes) if index and code in {b"1", b"2"})
    if again:
        what = "a code of initialization or failure"
        advice = "The tracker is never started again in this protocol."
        findings.append(error(Kind.REGION_CODE, place.name, what, "boxes", lines=again, advice=advice))
    if lines.codes[0] in {b"0", b"2"}:
        code = f"the code {lines.codes[0].decode()}"
        findings.append(error(Kind.REGION_CODE, place.name, code, "the code 1, or the given box", lines=(1,)))
    masks = tuple((np.flatnonzero(lines.masks) + 1).tolist())
    if masks:
        advice = "The VOT toolkit reads masks, this check does not."
        findings.append(warning(Kind.MASK, place.name, "segmentation masks", "boxes", lines=masks, advice=advice))
    first = None if lines.codes[0] or lines.polygons[0] or lines.masks[0] else initial
    findings += rows.check_boxes(place.name, boxes, frames=frames, initial=first)
    return len(boxes), findings


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Regions with a stand-in box for every line that is no box.

    Attributes:
        text: The lines.
        codes: The code of each line, empty where it is none.
        polygons: (F,) lines with a polygon.
        masks: (F,) lines with a mask.
    """

    text: bytes
    codes: list[bytes]
    polygons: Flags
    masks: Flags

    @classmethod
    def of(cls, data: bytes) -> "_Lines":
        lines = data.split(b"\n")
        stripped = [line.strip() for line in lines]
        codes = [line if line in _CODES else b"" for line in stripped]
        masks = np.array([line.startswith(b"m") for line in stripped])
        polygons = np.array([line.count(b",") >= 5 and line.count(b",") % 2 == 1 for line in stripped])
        for index, line in enumerate(stripped):
            if polygons[index] and rows.read_rows("", line, columns={line.count(b",") + 1}, what="").findings:
                polygons[index] = False
            if codes[index] or masks[index] or polygons[index]:
                lines[index] = lines[index].replace(line, _CODE_ROW)
        return cls(b"\n".join(lines), codes, polygons, masks)


def _check_values(place: PlacedFile, data: bytes, frames: int | None) -> cabc.Iterator[Finding]:
    """Judge a ``.value`` file; empty lines are frames without a value."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    least = frames if frames is not None and place.purpose is Purpose.CONFIDENCE else 0  # the last one may be empty
    while len(lines) > least and not lines[-1].strip():
        lines.pop()
    if not any(line.strip() for line in lines):
        yield error(Kind.EMPTY, place.name, "no value", "one value per line")
        return
    filled = b"\n".join([line if line.strip() else b"0" for line in lines])
    table, findings = rows.read_rows(place.name, filled, columns={1}, what="one number per line")
    yield from findings
    if table is None:
        return
    if frames is not None and len(lines) != frames:
        yield error(Kind.ROW_COUNT, place.name, f"{len(lines)} lines", f"{frames}, as many as frames")
    blank = tuple(index for index, line in enumerate(lines, start=1) if index > 1 and not line.strip())
    if blank and place.purpose is Purpose.CONFIDENCE:
        advice = "The VOT toolkit takes an empty line for 0."
        what = "an empty line"
        yield warning(Kind.CONFIDENCE, place.name, what, "a number after the first line", lines=blank, advice=advice)
    if place.purpose is Purpose.TIMES and (table < 0).any():
        negative = tuple((np.flatnonzero((table < 0).any(axis=1)) + 1).tolist())
        yield error(Kind.TIMES, place.name, f"{table.min():g}", "seconds of 0 or more", lines=negative)


def _check_confidence_files(
    present: cabc.Mapping[str, cabc.Mapping[Purpose, list[PlacedFile]]], expected: Expected, above: tuple[str, ...]
) -> cabc.Iterator[Finding]:
    """A missing file of confidences is a defect where others have one, else a property of the tracker."""
    prefix = folder_prefix(above)
    lacking = [name for name in expected.names if name in present and Purpose.CONFIDENCE not in present[name]]
    paths = [f"{prefix}{name}/{name}_001_confidence.value" for name in lacking]
    advice = "The VOT toolkit takes a missing file for a confidence of 0 in every frame."
    if len(lacking) == len(present) and lacking:
        rest = tuple(paths[1:])
        yield warning(Kind.CONFIDENCE, paths[0], "none", "a confidence per frame", more_files=rest, advice=advice)
    else:
        for path in paths:
            yield missing_file(path, "a confidence per frame, as in the other sequences", advice)


def _check_time_files(
    present: cabc.Mapping[str, cabc.Mapping[Purpose, list[PlacedFile]]], above: tuple[str, ...]
) -> cabc.Iterator[Finding]:
    lacking = [name for name, files in present.items() if Purpose.TIMES not in files]
    paths = [f"{folder_prefix(above)}{name}/{name}_001_time.value" for name in lacking]
    if paths:
        advice = "The measures do not need times; the speed cannot be told without."
        rest = tuple(paths[1:])
        yield warning(Kind.TIMES, paths[0], "no file", "seconds per frame", more_files=rest, advice=advice)


def _place(content: Content, expected: Expected) -> Placed:
    names = Names(expected)
    placed = Placed()
    for path in sorted(content.files):
        *folders, base = path.split("/")
        meaning = _meaning(base, names)
        if meaning is None:
            advice = "The VOT toolkit ignores it."
            placed.findings.append(names.extra_file(path, severity=Severity.WARNING, advice=advice))
            continue
        sequence, purpose, repetition = meaning
        right = f"{sequence}_{repetition:03d}{_SUFFIXES[purpose]}"
        if base != right:
            placed.misname(path, right)
        if repetition != 1:
            expected_text = "one repetition, _001: the tracker runs once"
            placed.findings.append(error(Kind.REPETITIONS, path, f"repetition {repetition:03d}", expected_text))
        inside = bool(folders) and names.find(folders[-1]) == sequence
        above = tuple(folders[:-1] if inside else folders)
        if not inside or folders[-1] != sequence:
            placed.misplace(path, f"files in {folder_text(folders)}", _SHAPE)
        elif len(above) != 2 or above[1] != EXPERIMENT:
            placed.misplace(path, f"sequences in {folder_text(above)}", _SHAPE)
        placed.add(PlacedFile(path, sequence, purpose, repetition, above))
    placed.settle()
    return placed


def _meaning(base: str, names: Names) -> tuple[str, Purpose, int] | None:
    """Sequence, purpose and repetition of a file; None for others."""
    stem, _, suffix = base.rpartition(".")
    match = _NAME.fullmatch(stem)
    if match is None or (sequence := names.find(match[1])) is None:
        return None
    purpose = _PURPOSES[match[3]]
    wanted = "txt" if purpose is Purpose.BOXES else "value"
    return (sequence, purpose, int(match[2])) if suffix.lower() == wanted else None


FORM = SubmissionFormat(
    benchmark="depthtrack",
    receiver="the VOT toolkit",
    repetitions=1,
    layouts=(TRACKER_FOLDER,),
    write=write,
    obstacles=obstacles,
    check=check,
    caveat="The annotation is public, so there is no server: put the folder into `results` of a VOT workspace.",
)
