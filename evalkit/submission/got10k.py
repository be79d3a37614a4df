"""GOT-10k's server: ``[TRACKER/]SEQUENCE/SEQUENCE_001.txt`` to ``_003.txt`` and ``SEQUENCE_time.txt``, 180 sequences.

Source: the packers of the GOT-10k toolkit, pytracking, SwinTrack and LoRAT; both layouts are in public use with the
server (got-10k/toolkit, issue 3). The live server was not tried.
"""

import collections
import collections.abc as cabc
import itertools
import re

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import counted
from evalkit.sequences import Trajectories
from evalkit.submission import rows
from evalkit.submission.content import Content
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding, Kind, error, warning
from evalkit.submission.form import SubmissionFormat
from evalkit.submission.placing import (
    Names,
    Placed,
    PlacedFile,
    Purpose,
    folder_prefix,
    missing_file,
    missing_sequence,
)

REPETITIONS = 3
FLAT, TRACKER_FOLDER = "flat", "tracker-folder"
BOX_ROW = "left,top,width,height with commas"
TIME_ROW = "seconds, with commas between repetitions"

_REPETITION = re.compile(r"(.+)_(\d+)")
_SHAPE = "SEQUENCE/... or TRACKER/SEQUENCE/..."


def write(trajectories: Trajectories, tracker: str, layout: str) -> cabc.Iterator[tuple[str, str]]:
    """Names and texts of all files: boxes with 4 decimals, times with 8 and one column per repetition."""
    above = f"{tracker}/" if layout == TRACKER_FOLDER else ""
    for name, repetitions in trajectories.items():
        for number, trajectory in enumerate(repetitions, start=1):
            yield f"{above}{name}/{name}_{number:03d}.txt", number_rows(trajectory.boxes, 4)
        seconds = np.stack([trajectory.seconds for trajectory in repetitions], axis=1)
        yield f"{above}{name}/{name}_time.txt", number_rows(seconds, 8)


def number_rows(values: Boxes, decimals: int) -> str:
    r"""Lines of numbers with commas.

    Example:
        >>> number_rows(np.array([[1.0, 2.55555], [-0.00001, 3.0]]), 2)
        '1.00,2.56\n0.00,3.00\n'
    """
    rounded = np.round(values, decimals) + 0.0  # no "-0.00"
    return "".join(",".join(f"{value:.{decimals}f}" for value in row) + "\n" for row in rounded.tolist())


def obstacles(trajectories: Trajectories) -> cabc.Iterator[str]:
    """What a run lacks for this server."""
    yield from without_box(trajectories)
    untimed = [name for name, runs in trajectories.items() if any(np.isnan(run.seconds).any() for run in runs)]
    if untimed:
        yield (
            f"frames without a time in {counted(len(untimed), 'sequence')}, the first is {untimed[0]}. The server "
            "wants a time for every frame, and evalkit invents none; run the tracker with evalkit, or import "
            "results with times."
        )


def without_box(trajectories: Trajectories) -> cabc.Iterator[str]:
    """Say which sequences have rows without a box."""
    lost = [name for name, runs in trajectories.items() if not all(np.isfinite(run.boxes).all() for run in runs)]
    if lost:
        yield (
            f"frames without a box in {counted(len(lost), 'sequence')}, the first is {lost[0]}. The format has no word "
            "for them, and evalkit invents no boxes."
        )


def check(content: Content, expected: Expected) -> list[Finding]:
    """Everything that is wrong with names, places, lines and numbers."""
    placed = _place(content, expected)
    findings = list(placed.findings)
    present = placed.by_sequence()
    usual = _usual_repetitions(present)
    above = folder_prefix(next((place.above for place in placed.files.values()), ()))
    identical = []
    for name in expected.names:
        stem = f"{above}{name}/{name}"
        if name not in present:
            findings.append(missing_sequence(name, f"{stem}_001.txt"))
            continue
        boxes, times = (present[name].get(purpose, []) for purpose in (Purpose.BOXES, Purpose.TIMES))
        findings += _check_repetitions(stem, boxes, usual)
        counts = set()
        for place in boxes:
            count, faults = check_boxes(content, place, expected)
            findings += faults
            counts.add(count)
        if len(boxes) > 1 and len({content.files[place.name] for place in boxes}) == 1:
            identical.append(boxes[1].name)
        frames = expected.frame_counts.get(name) or max(counts, default=0)
        findings += _check_times(content, times, stem, frames, len(boxes))
    if identical and len(identical) == sum(len(files.get(Purpose.BOXES, [])) > 1 for files in present.values()):
        advice = "A tracker that always gives the same boxes is submitted with one repetition."
        findings.append(
            warning(
                Kind.SAME_REPETITIONS,
                identical[0],
                "the same boxes as in _001.txt",
                "different repetitions",
                more_files=tuple(identical[1:]),
                advice=advice,
            )
        )
    return findings


def _place(content: Content, expected: Expected) -> Placed:
    names = Names(expected)
    placed = Placed()
    for path in sorted(content.files):
        *folders, base = path.split("/")
        meaning = _meaning(base, names)
        if meaning is None:
            placed.findings.append(names.extra_file(path, advice=_by_product(base, names)))
            continue
        sequence, purpose, repetition, right_name = meaning
        if base != right_name:
            placed.misname(path, right_name)
        if folders and names.find(folders[-1]) == sequence:
            above = tuple(folders[:-1])
            if folders[-1] != sequence:
                placed.misplace(path, f"the folder {folders[-1]}", f"the folder {sequence}")
        else:
            above = tuple(folders[:-1]) if folders and names.find(folders[-1]) else tuple(folders)
            where = f"the folder {folders[-1]}" if folders else "the top folder"
            placed.misplace(path, f"result files in {where}", "a folder for each sequence, SEQUENCE/SEQUENCE_001.txt")
        if len(above) > 1:
            placed.misplace(path, f"{len(above)} folders above the sequences, {folder_prefix(above)}", _SHAPE)
        placed.add(PlacedFile(path, sequence, purpose, repetition, above))
    placed.settle()
    return placed


def _meaning(base: str, names: Names) -> tuple[str, Purpose, int, str] | None:
    """Sequence, purpose, repetition and right name of a file; None for others."""
    stem, dot, suffix = base.rpartition(".")
    if not dot or suffix.lower() != "txt":
        return None
    if (sequence := names.find(stem)) is not None:
        return sequence, Purpose.BOXES, 1, f"{sequence}_001.txt"
    if stem.lower().endswith("_time") and (sequence := names.find(stem[: -len("_time")])) is not None:
        return sequence, Purpose.TIMES, 1, f"{sequence}_time.txt"
    match = _REPETITION.fullmatch(stem)
    if match is not None and (sequence := names.find(match[1])) is not None:
        return sequence, Purpose.BOXES, int(match[2]), f"{sequence}_{int(match[2]):03d}.txt"
    return None


def _by_product(base: str, names: Names) -> str:
    for by_product in ("_all_boxes.txt", "_all_scores.txt"):
        if base.endswith(by_product) and names.find(base.removesuffix(by_product)):
            return "OSTrack's programs write it; it is not for the server."
    return ""


def _usual_repetitions(present: cabc.Mapping[str, cabc.Mapping[Purpose, list[PlacedFile]]]) -> int:
    """The number of repetitions that most sequences have."""
    counts = collections.Counter(len(files.get(Purpose.BOXES, [])) for files in present.values())
    return counts.most_common(1)[0][0] if counts else 1


def _check_repetitions(stem: str, boxes: cabc.Sequence[PlacedFile], usual: int) -> cabc.Iterator[Finding]:
    numbers = [place.repetition for place in boxes]
    for place in boxes:
        if not 1 <= place.repetition <= REPETITIONS:
            expected = "repetitions from 001 to 003"
            yield error(Kind.REPETITIONS, place.name, f"repetition {place.repetition:03d}", expected)
    wanted = max(1, usual, max(numbers, default=1))
    for number in range(1, min(wanted, REPETITIONS) + 1):
        if number not in numbers:
            others = f"; most sequences have {usual} repetitions" if usual > 1 else ""
            yield missing_file(f"{stem}_{number:03d}.txt", f"boxes of repetition {number}{others}")
    if usual and len(numbers) > usual:
        yield error(Kind.REPETITIONS, f"{stem}_001.txt", f"{len(numbers)} repetitions", f"{usual} as in most sequences")


def check_boxes(content: Content, place: PlacedFile, expected: Expected) -> tuple[int, list[Finding]]:
    """Number of rows, 0 where they cannot be read, and what is wrong with a file of boxes."""
    data = content.files[place.name]
    if data is None:  # reported with the archive
        return 0, []
    boxes, findings = rows.read_rows(place.name, data, columns={4}, what=BOX_ROW)
    if boxes is None:
        return 0, findings
    frames, initial = expected.frame_counts.get(place.sequence), expected.initial_boxes.get(place.sequence)
    findings += rows.check_boxes(place.name, boxes, frames=frames, initial=initial)
    findings += rows.check_integers(place.name, boxes)
    return len(boxes), findings


def _check_times(
    content: Content, times: cabc.Sequence[PlacedFile], stem: str, frames: int, repetitions: int
) -> cabc.Iterator[Finding]:
    if not times:
        yield missing_file(f"{stem}_time.txt", "seconds per frame")
    for place in itertools.islice(times, 1):
        data = content.files[place.name]
        if data is None:
            continue
        columns = {1, max(1, repetitions)}
        table, findings = rows.read_rows(place.name, data, columns=range(1, 100), what=TIME_ROW)
        yield from findings
        if table is not None:
            yield from rows.check_times(place.name, table, rows=frames or len(table), columns=columns)


FORM = SubmissionFormat(
    benchmark="got10k",
    receiver="the GOT-10k server",
    repetitions=REPETITIONS,
    layouts=(FLAT, TRACKER_FOLDER),
    write=write,
    obstacles=obstacles,
    check=check,
    caveat="The layout is that of public packers; the live server was not tried.",
)
