"""Is a copy of a benchmark complete and readable? Collects every problem instead of stopping at the first."""

import collections.abc as cabc
import enum
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evalkit.benchmarks.frames import ImageFrames
from evalkit.benchmarks.names import MissingSequenceError, official_row, official_rows
from evalkit.benchmarks.spec import BenchmarkSpec, Split
from evalkit.benchmarks.videos import VideoFrames
from evalkit.errors import AnnotationError, DatasetLayoutError, EvalkitError, ImageReadError, counted
from evalkit.sequences import Annotation, FrameSource, Sequence

SAMPLE_MARK = "sample.json"
_BATCH = 256  # images handed to the threads at once


class ProblemKind(enum.StrEnum):
    """What is wrong, coarsely."""

    MISSING_SEQUENCE = "missing sequence"
    LAYOUT = "layout"
    ANNOTATION = "annotation"
    IMAGE = "unreadable image"
    SIZE = "image size"
    FACTS = "differs from the official list"


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of a copy.

    Attributes:
        kind: What is wrong.
        sequence: Where; None for the copy as a whole.
        text: The details: file, found against expected.
    """

    kind: ProblemKind
    sequence: str | None
    text: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        benchmark: Benchmark name.
        split: Split name.
        root: Folder of the copy.
        expected: Sequences that the copy should have.
        readable: Sequences without a problem.
        frames: Frames of the sequences that could be opened.
        absent: Frames that are flagged absent or have a row of NaN.
        images_decoded: Images decoded, both modalities counted.
        problems: Every defect found.
        notes: Facts that are no defects.
    """

    benchmark: str
    split: str
    root: str
    expected: int
    readable: int
    frames: int
    absent: int
    images_decoded: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """No problem was found."""
        return not self.problems


class CheckStep(NamedTuple):
    """Progress of a check, after one sequence or one batch of images.

    Attributes:
        sequence: Name of the sequence at work.
        finished: Sequences finished so far.
        total: Sequences altogether.
        images: Images decoded so far.
    """

    sequence: str
    finished: int
    total: int
    images: int


@dataclass(slots=True)
class _Findings:
    """What is being collected. The keys of ``problems`` keep order and refuse repetition."""

    problems: dict[Problem, None] = field(default_factory=dict)
    frames: int = 0
    absent: int = 0
    images: int = 0

    def add(self, kind: ProblemKind, sequence: str | None, text: str) -> None:
        self.problems.setdefault(Problem(kind, sequence, text))


def check_copy(
    spec: BenchmarkSpec,
    root: Path,
    split: Split,
    *,
    deep: bool = False,
    threads: int = 4,
    progress: cabc.Callable[[CheckStep], None] = lambda _step: None,
) -> CheckReport:
    """Check a copy of a benchmark.

    Every sequence's annotation and image names are read and compared, empty image files are looked for, and the first,
    the middle and the last frame are decoded; ``deep`` decodes every frame.

    Args:
        spec: The benchmark.
        root: Folder of the copy.
        split: Part to check.
        deep: Decode every frame.
        threads: Threads that decode.
        progress: Called after each sequence and each batch of images.

    Raises:
        DatasetLayoutError: The root does not exist or holds nothing of this benchmark.
    """
    names = spec.list_sequences(root, split)
    is_sample = any((folder / SAMPLE_MARK).is_file() for folder in (root, root.parent))
    findings = _Findings()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for position, name in enumerate(names):

            def report(images: int, *, name: str = name, position: int = position) -> None:
                findings.images += images
                progress(CheckStep(name, position, len(names), findings.images))

            _check_one(spec, root, split, name, findings, compare_facts=not is_sample)
            frames = _frames(spec, root, split, name)
            if frames is not None:
                findings.frames += len(frames)
                if isinstance(frames, ImageFrames):
                    _empty_files(name, frames, findings)
                _decode(name, frames, pool, findings, report, deep=deep)
            progress(CheckStep(name, position + 1, len(names), findings.images))
    broken = {problem.sequence for problem in findings.problems}
    return CheckReport(
        benchmark=spec.name,
        split=split.name,
        root=str(root),
        expected=len(names),
        readable=sum(name not in broken for name in names),
        frames=findings.frames,
        absent=findings.absent,
        images_decoded=findings.images,
        problems=tuple(findings.problems),
        notes=tuple(_notes(split, names, is_sample=is_sample)),
    )


def _check_one(
    spec: BenchmarkSpec, root: Path, split: Split, name: str, findings: _Findings, *, compare_facts: bool
) -> None:
    """Read annotation, images and both together; report what fails, each defect once."""
    for read in (spec.read_annotation, _read_frames(spec), spec.read_sequence):
        try:
            result = read(root, split, name)
        except MissingSequenceError as problem:  # once, whatever else is missing of it
            findings.add(ProblemKind.MISSING_SEQUENCE, name, str(problem))
            return
        except EvalkitError as problem:
            findings.add(_kind(problem), name, str(problem))
            continue
        if isinstance(result, Sequence):
            annotation = result.annotation
            findings.absent += int((annotation.absent | np.isnan(annotation.ground_truth).any(axis=1)).sum())
            if compare_facts:
                _compare_facts(annotation, split, findings)
            _compare_stated_size(result, findings)


def _kind(problem: EvalkitError) -> ProblemKind:
    if isinstance(problem, AnnotationError):
        return ProblemKind.ANNOTATION
    if isinstance(problem, ImageReadError):
        return ProblemKind.IMAGE
    assert isinstance(problem, DatasetLayoutError)
    return ProblemKind.LAYOUT


def _read_frames(spec: BenchmarkSpec) -> cabc.Callable[[Path, Split, str], FrameSource]:
    assert spec.read_frames is not None, f"{spec.name} has no read_frames"
    return spec.read_frames


def _frames(spec: BenchmarkSpec, root: Path, split: Split, name: str) -> ImageFrames | VideoFrames | None:
    """Frames of a sequence, also of one whose annotation is wrong; None if they cannot be listed."""
    try:
        frames = _read_frames(spec)(root, split, name)
    except EvalkitError:  # reported by _check_one
        return None
    assert isinstance(frames, ImageFrames | VideoFrames)
    return frames


def _compare_stated_size(sequence: Sequence, findings: _Findings) -> None:
    """Compare the size that the benchmark states in a file of its own (GOT-10k) with the first image."""
    stated = sequence.annotation.frame_wh
    assert isinstance(sequence.frames, ImageFrames | VideoFrames)
    real = sequence.frames.first_wh()
    if stated is not None and stated != real:
        text = f"the annotation says {stated[0]} x {stated[1]} pixels, the first image has {real[0]} x {real[1]}."
        findings.add(ProblemKind.SIZE, sequence.name, text)


def _compare_facts(annotation: Annotation, split: Split, findings: _Findings) -> None:
    """Compare the number of frames, the first box and the image size with the packaged official facts."""
    row = official_row(split, annotation.name)
    frames = annotation.frame_count + annotation.dropped_leading
    if row.get("frames") and int(row["frames"]) != frames:
        text = f"{counted(frames, 'frame')}; the official release has {row['frames']}."
        findings.add(ProblemKind.FACTS, annotation.name, text)
    if "left" in row:
        official = [float(row[key]) for key in ("left", "top", "width", "height")]
        if not np.allclose(annotation.ground_truth[0], official, atol=1.0):  # the source rounds to whole pixels
            own = ",".join(f"{value:g}" for value in annotation.ground_truth[0])
            text = f"first box {own}; the official release has {','.join(f'{value:g}' for value in official)}."
            findings.add(ProblemKind.FACTS, annotation.name, text)
    if row.get("width") and "left" not in row and annotation.frame_wh is not None:
        official_wh = (int(row["width"]), int(row["height"]))
        if annotation.frame_wh != official_wh:
            text = "images of {} x {} pixels; the official release has {} x {}.".format(
                *annotation.frame_wh, *official_wh
            )
            findings.add(ProblemKind.FACTS, annotation.name, text)


def _empty_files(name: str, frames: ImageFrames, findings: _Findings) -> None:
    """Look for image files of zero bytes, the usual trace of a broken unpacking."""
    for folder, files in ((frames.folder, frames.names), (frames.aux_folder, frames.aux_names)):
        if folder is None:
            continue
        wanted = set(files)
        with os.scandir(folder) as entries:
            empty = sorted(entry.name for entry in entries if entry.name in wanted and entry.stat().st_size == 0)
        for file in empty:
            findings.add(ProblemKind.IMAGE, name, f"{os.path.join(folder, file)}: the file is empty (0 bytes).")  # noqa: PTH118 - folder is text


class _Decoded(NamedTuple):
    frame: int
    wh: tuple[int, int] | None
    problem: str | None


def _decode(
    name: str,
    frames: ImageFrames | VideoFrames,
    pool: ThreadPoolExecutor,
    findings: _Findings,
    report: cabc.Callable[[int], None],
    *,
    deep: bool,
) -> None:
    """Decode frames in threads; sizes that change within a video are reported once."""
    count = len(frames)
    indices = list(range(count)) if deep else sorted({0, count // 2, count - 1})
    known = tuple(problem.text for problem in findings.problems if problem.sequence == name)
    sizes: dict[tuple[int, int], int] = {}

    def decode(index: int) -> _Decoded:
        try:
            height, width = frames.read(index).rgb.shape[:2]
        except ImageReadError as problem:
            return _Decoded(index, None, str(problem))
        return _Decoded(index, (width, height), None)

    for start in range(0, len(indices), _BATCH):
        batch = indices[start : start + _BATCH]
        for decoded in pool.map(decode, batch):
            if decoded.wh is not None:
                sizes.setdefault(decoded.wh, decoded.frame)
            elif decoded.problem is not None and not decoded.problem.startswith(known):
                findings.add(ProblemKind.IMAGE, name, decoded.problem)
        report(len(batch) * (1 if frames.aux_folder is None else 2))
    if len(sizes) > 1:
        parts = ", ".join(f"{w} x {h} from frame {index}" for (w, h), index in sizes.items())
        findings.add(ProblemKind.SIZE, name, f"the image size changes: {parts} (frames counted from 0).")


def _notes(split: Split, names: list[str], *, is_sample: bool) -> cabc.Iterator[str]:
    if is_sample:
        yield "rendered sample: not compared with the official list"
        return
    official = official_rows(split.names_file)
    if official:
        inside = sum(name in official for name in names)
        if inside == 0:
            yield f"none of the {len(names)} sequences is in the official list of {len(official)}; a copy of its own"
        elif inside != len(official):
            yield f"the copy's list names {inside} of the {len(official)} official sequences"
        if 0 < inside < len(names):
            yield f"not in the official list: {counted(len(names) - inside, 'sequence')}"
    elif split.sequence_count and len(names) != split.sequence_count:
        yield f"{counted(len(names), 'sequence')}; the official split has {split.sequence_count}"
