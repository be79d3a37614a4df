"""TrackingNet's server: a flat zip of 511 files ``SEQUENCE.txt``, two decimals, no times.

Source: the packers of pytracking and OSTrack, and the evaluation script of the benchmark's development kit, which pairs
files by names that contain one another. The live server was not tried.
"""

import collections.abc as cabc

from evalkit.sequences import Trajectories
from evalkit.submission.content import Content
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding, Kind, Severity, warning
from evalkit.submission.form import SubmissionFormat
from evalkit.submission.got10k import FLAT, check_boxes, number_rows, without_box
from evalkit.submission.placing import Names, Placed, PlacedFile, Purpose, folder_prefix, missing_sequence

_PAIRING = "The development kit scores a sequence as lost when two names contain that of the sequence."
_DEEPER = "The development kit looks at names only, and other packers do the same; flat is the common form."


def write(
    trajectories: Trajectories,
    tracker: str,  # noqa: ARG001 - the same signature for all formats
    layout: str,  # noqa: ARG001
) -> cabc.Iterator[tuple[str, str]]:
    """Names and texts of all files: boxes with 2 decimals."""
    for name, (trajectory,) in trajectories.items():
        yield f"{name}.txt", number_rows(trajectory.boxes, 2)


def obstacles(trajectories: Trajectories) -> cabc.Iterator[str]:
    """What a run lacks for this server."""
    yield from without_box(trajectories)


def check(content: Content, expected: Expected) -> list[Finding]:
    """Everything that is wrong with names, places, lines and numbers."""
    placed = _place(content, expected)
    findings = list(placed.findings)
    counts = []
    for name in expected.names:
        place = placed.files.get((name, Purpose.BOXES, 1))
        if place is None:
            findings.append(missing_sequence(name, f"{name}.txt"))
            continue
        count, faults = check_boxes(content, place, expected)
        findings += faults
        if count and name not in expected.frame_counts:
            counts.append((count, place.name))
    findings += _check_lengths(counts)
    return findings


def _check_lengths(counts: cabc.Sequence[tuple[int, str]]) -> cabc.Iterator[Finding]:
    """Where the numbers of frames are not known: files that hold the first row only."""
    single = [name for count, name in counts if count == 1]
    if single:
        yield warning(
            Kind.ROW_COUNT,
            single[0],
            "1 row",
            "a row for every frame",
            more_files=tuple(single[1:]),
            advice="This looks like the annotation of the first frame.",
        )


def _place(content: Content, expected: Expected) -> Placed:
    names = Names(expected)
    placed = Placed()
    for path in sorted(content.files):
        *folders, base = path.split("/")
        stem, dot, suffix = base.rpartition(".")
        sequence = names.find(stem) if dot and suffix.lower() == "txt" else None
        if sequence is None or folders[:1] == ["__MACOSX"]:
            ignored = Severity.WARNING if folders[:1] == ["__MACOSX"] else Severity.ERROR  # the kit ignores these
            doubles = any(name in path for name in _prefixes(stem, names)) and ignored is Severity.ERROR
            placed.findings.append(names.extra_file(path, severity=ignored, advice=_PAIRING if doubles else ""))
            continue
        if base != f"{sequence}.txt":
            placed.misname(path, f"{sequence}.txt")
        if folders:
            shown = folder_prefix([folder if folder != sequence else "SEQUENCE" for folder in folders])
            placed.misplace(path, f"files in {shown}", "files at the top", _DEEPER)
        above = tuple(folders[:-1] if folders[-1:] == [sequence] else folders)
        placed.add(PlacedFile(path, sequence, Purpose.BOXES, above=above))
    placed.settle(Severity.WARNING)
    return placed


def _prefixes(stem: str, names: Names) -> cabc.Iterator[str]:
    """Official names that a longer name begins with, as in ``SEQUENCE_time``."""
    parts = stem.split("_")
    for count in range(len(parts) - 1, 0, -1):
        sequence = names.find("_".join(parts[:count]))
        if sequence is not None:
            yield sequence


FORM = SubmissionFormat(
    benchmark="trackingnet",
    receiver="the TrackingNet server",
    repetitions=1,
    layouts=(FLAT,),
    write=write,
    obstacles=obstacles,
    check=check,
    caveat="The layout is that of public packers; the live server was not tried.",
)
