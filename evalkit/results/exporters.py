"""Text formats of other programs, for results that leave evalkit."""

import collections.abc as cabc
import contextlib
import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.boxes import FloatArray, to_corners
from evalkit.errors import ResultFormatError, StoreError, counted, listed, unknown_name
from evalkit.results.layouts import OWN_PREFIX
from evalkit.sequences import Trajectory


class NumberStyle(enum.Enum):
    """How coordinates are written."""

    EXACT = "exact"  # shortest decimals that give the same double
    TRUNCATED = "truncated"  # integers, toward zero
    TWO_DECIMALS = ".2f"
    THREE_DECIMALS = ".3f"
    FOUR_DECIMALS = ".4f"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One program's files.

    Patterns know ``{tracker}``, ``{benchmark}``, ``{title}``, ``{sequence}``, ``{prefix}`` (see
    :data:`evalkit.results.layouts.OWN_PREFIX`) and ``{repetition}`` (from 1).

    Attributes:
        description: For the list of formats.
        boxes: Pattern of the box file.
        numbers: How coordinates are written.
        separator: Between them.
        corners: x1,y1,x2,y2 instead of left,top,width,height.
        seconds: Pattern of the file of times, None without one; without ``{repetition}`` it has one column for each.
        seconds_format: Of one time.
        confidence: Pattern of the file of confidences, None without one.
        repetitions: The format can hold more than one.
        initialization_code: First row is the code ``1`` and a frame without a box the code ``0``, as in VOT.
    """

    description: str
    boxes: str
    numbers: NumberStyle
    separator: str = ","
    corners: bool = False
    seconds: str | None = None
    seconds_format: str = ".8f"
    confidence: str | None = None
    repetitions: bool = False
    initialization_code: bool = False


_UNFIT = re.compile(r"^[A-Za-z]:|[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_VOT = "{tracker}/rgbd-unsupervised/{sequence}/{sequence}_{repetition:03d}"

EXPORT_FORMATS: cabc.Mapping[str, ExportFormat] = {
    "plain": ExportFormat("TRACKER/SEQUENCE.txt, commas, exact", "{tracker}/{sequence}.txt", NumberStyle.EXACT),
    "tab": ExportFormat("TRACKER/SEQUENCE.txt, tabs, exact", "{tracker}/{sequence}.txt", NumberStyle.EXACT, "\t"),
    "pytracking": ExportFormat(
        "pytracking: TRACKER/default/SEQUENCE.txt, tabs, truncated to integers, with times",
        "{tracker}/default/{prefix}{sequence}.txt",
        NumberStyle.TRUNCATED,
        "\t",
        seconds="{tracker}/default/{prefix}{sequence}_time.txt",
        seconds_format=".6f",
    ),
    "ostrack": ExportFormat(
        "OSTrack, for server benchmarks: TRACKER/default/BENCHMARK/SEQUENCE.txt, otherwise as pytracking",
        "{tracker}/default/{benchmark}/{prefix}{sequence}.txt",
        NumberStyle.TRUNCATED,
        "\t",
        seconds="{tracker}/default/{benchmark}/{prefix}{sequence}_time.txt",
        seconds_format=".6f",
    ),
    "got10k": ExportFormat(
        "GOT-10k toolkit: GOT-10k/TRACKER/SEQUENCE/SEQUENCE_001.txt, 3 decimals, with times and repetitions",
        "GOT-10k/{tracker}/{sequence}/{sequence}_{repetition:03d}.txt",
        NumberStyle.THREE_DECIMALS,
        seconds="GOT-10k/{tracker}/{sequence}/{sequence}_time.txt",
        repetitions=True,
    ),
    "got10k-toolkit": ExportFormat(
        "GOT-10k toolkit, other benchmarks: BENCHMARK/TRACKER/SEQUENCE.txt, 3 decimals, with times",
        "{title}/{tracker}/{sequence}.txt",
        NumberStyle.THREE_DECIMALS,
        seconds="{title}/{tracker}/times/{sequence}_time.txt",
    ),
    "trackingnet": ExportFormat("TrackingNet: SEQUENCE.txt, 2 decimals", "{sequence}.txt", NumberStyle.TWO_DECIMALS),
    "kit": ExportFormat(
        "evaluation kits of LaSOT, TNL2K, LasHeR, VisEvent: TRACKER_tracking_result/SEQUENCE.txt, exact",
        "{tracker}_tracking_result/{sequence}.txt",
        NumberStyle.EXACT,
    ),
    "swintrack": ExportFormat(
        "SwinTrack: test_metrics/BENCHMARK/SEQUENCE/bounding_box.txt, corners, 3 decimals, with times",
        "test_metrics/{benchmark}/{sequence}/bounding_box.txt",
        NumberStyle.THREE_DECIMALS,
        corners=True,
        seconds="test_metrics/{benchmark}/{sequence}/time.txt",
        seconds_format=".3f",
    ),
    "vot": ExportFormat(
        "VOT toolkit: TRACKER/rgbd-unsupervised/SEQUENCE/SEQUENCE_001.txt, 4 decimals, with confidences and times",
        f"{_VOT}.txt",
        NumberStyle.FOUR_DECIMALS,
        seconds=f"{_VOT}_time.value",
        confidence=f"{_VOT}_confidence.value",
        repetitions=True,
        initialization_code=True,
    ),
}
"""Formats by their name on the command line."""


def write_results(
    trajectories: cabc.Mapping[str, cabc.Sequence[Trajectory]],
    folder: Path,
    *,
    format: str,
    tracker: str,
    benchmark: str,
    title: str,
) -> list[Path]:
    """Write results in another program's format.

    Args:
        trajectories: Sequence name -> repetitions.
        folder: Where the files go, and nowhere else; it may exist, the files may not.
        format: Key of :data:`EXPORT_FORMATS`.
        tracker: Name of the tracker in the files' names.
        benchmark: Name of the benchmark.
        title: Its title, for formats that have it in a path.

    Returns:
        The files, in the order of writing.

    Raises:
        ResultFormatError: A row without a box in a format that has no word for it, or more than one repetition in a
            format for one; lists the sequences. Nothing is written then.
        StoreError: A name that cannot be a file's, two files of one name, a file that exists already, a folder that
            leads elsewhere, or a full disk.
    """
    if format not in EXPORT_FORMATS:
        raise unknown_name("export format", format, EXPORT_FORMATS)
    kind = EXPORT_FORMATS[format]
    _check(trajectories, kind, format)
    values = {"tracker": tracker, "benchmark": benchmark, "title": title}
    for what, name in [*values.items(), *(("sequence", name) for name in trajectories)]:
        _require_plain(name, what)
    files: dict[Path, str] = {}
    for name, repetitions in trajectories.items():
        prefix = OWN_PREFIX.get(benchmark, "")
        for pattern, text in _texts(repetitions, kind):
            path = folder / pattern.format(sequence=name, prefix=prefix, **values)
            if path in files:
                raise StoreError(f"two files of sequence {name!r} or another would both be {path}. Rename a sequence.")
            files[path] = text
    _refuse_existing(files, folder)
    return _write(files, folder)


def _require_plain(name: str, what: str) -> None:
    """Refuse a name that as part of a path would lead elsewhere: runs may be a stranger's."""
    if name in {"", ".", ".."} or _UNFIT.search(name):
        raise StoreError(
            f"the {what} of this run is called {name!r}, which cannot be the name of a file: it is empty, leads "
            "elsewhere, or holds a slash or a control character. Nothing was written; rename it."
        )


def _check(trajectories: cabc.Mapping[str, cabc.Sequence[Trajectory]], kind: ExportFormat, name: str) -> None:
    several = [sequence for sequence, repetitions in trajectories.items() if len(repetitions) > 1]
    if several and not kind.repetitions:
        raise ResultFormatError(
            f"the format {name!r} holds one repetition, but there are more of "
            f"{counted(len(several), 'sequence')}. Export one run."
        )
    unfit = [
        sequence
        for sequence, repetitions in trajectories.items()
        if not (kind.initialization_code or kind.numbers is NumberStyle.EXACT)
        and not all(np.isfinite(trajectory.boxes).all() for trajectory in repetitions)
    ]
    if unfit:
        raise ResultFormatError(
            f"rows without a box, which the format {name!r} cannot express, in {counted(len(unfit), 'sequence')}: "
            f"{listed(unfit)}."
        )


def _texts(repetitions: cabc.Sequence[Trajectory], kind: ExportFormat) -> cabc.Iterator[tuple[str, str]]:
    """Pattern with the repetition's number filled in, and content, of each file of one sequence."""
    for number, trajectory in enumerate(repetitions, start=1):
        yield _numbered(kind.boxes, number), _rows(trajectory, kind)
        if kind.confidence is not None and not np.isnan(trajectory.confidence).all():
            lines = [f"{value:.6f}" if value == value else "" for value in trajectory.confidence.tolist()]  # noqa: PLR0124 - NaN
            yield _numbered(kind.confidence, number), _lines(["", *lines[1:]])  # frame 0 has no confidence in VOT
        if kind.seconds is not None and "{repetition" in kind.seconds and not np.isnan(trajectory.seconds).any():
            yield _numbered(kind.seconds, number), _times([trajectory], kind)
    if kind.seconds is not None and "{repetition" not in kind.seconds:
        timed = [trajectory for trajectory in repetitions if not np.isnan(trajectory.seconds).any()]
        if len(timed) == len(repetitions) and len({len(trajectory) for trajectory in timed}) == 1:
            yield kind.seconds, _times(timed, kind)


def _numbered(pattern: str, number: int) -> str:
    return pattern.replace("{repetition:03d}", f"{number:03d}")


def _rows(trajectory: Trajectory, kind: ExportFormat) -> str:
    boxes: FloatArray = to_corners(trajectory.boxes) if kind.corners else trajectory.boxes
    lines = [kind.separator.join([_number(value, kind.numbers) for value in row]) for row in boxes.tolist()]
    if kind.initialization_code:
        for index in np.flatnonzero(~np.isfinite(boxes).all(axis=1)).tolist():
            lines[index] = "0"
        lines[0] = "1"
    return _lines(lines)


def _number(value: float, style: NumberStyle) -> str:
    """Write one coordinate.

    Example:
        >>> [_number(-1.25, style) for style in NumberStyle]
        ['-1.25', '-1', '-1.25', '-1.250', '-1.2500']
        >>> _number(3.0, NumberStyle.EXACT)
        '3'
    """
    if style is NumberStyle.EXACT:
        return repr(value).removesuffix(".0")
    if value != value:  # noqa: PLR0124 - NaN; the row becomes a code
        return "nan"
    return str(int(value)) if style is NumberStyle.TRUNCATED else format(value, style.value)


def _times(trajectories: cabc.Sequence[Trajectory], kind: ExportFormat) -> str:
    columns = np.stack([trajectory.seconds for trajectory in trajectories], axis=1)
    return _lines([",".join([format(value, kind.seconds_format) for value in row]) for row in columns.tolist()])


def _lines(lines: cabc.Sequence[str]) -> str:
    return "\n".join([*lines, ""])


def _refuse_existing(files: cabc.Iterable[Path], folder: Path) -> None:
    existing = [str(path) for path in files if os.path.lexists(path)]
    if existing:
        raise StoreError(
            f"{len(existing)} of the files exist already in {folder}, the first is {existing[0]}. "
            "Choose another --output folder."
        )


def _write(files: cabc.Mapping[Path, str], folder: Path) -> list[Path]:
    for count, (path, text) in enumerate(files.items()):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(folder.resolve()):
                raise StoreError(f"{path.parent} is a link that leads out of {folder}. Choose another --output folder.")
            with path.open("x", encoding="ascii") as file, _removed_unless_whole(path):  # "x": never an existing file
                file.write(text)
                file.flush()
        except OSError as problem:
            raise StoreError(
                f"cannot write {path}: {problem.strerror or problem}. {count} of {len(files)} files were written."
            ) from problem
    return list(files)


@contextlib.contextmanager
def _removed_unless_whole(path: Path) -> cabc.Iterator[None]:
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
