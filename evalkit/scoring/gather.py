"""From annotations and trajectories to flat tracks; all that is wrong with the results is reported at once."""

import collections.abc as cabc
from dataclasses import dataclass, field

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import ScoringError, counted, listed
from evalkit.flat import FlatTracks, in_parts, offsets_of, stack_boxes
from evalkit.scoring.conventions import (
    BadBox,
    Bounds,
    GroundTruths,
    LongResult,
    LongTermProtocol,
    MissingResult,
    NanGroundTruth,
    OpeProtocol,
    PartlyNan,
    Protocol,
    ShortResult,
    Visibility,
)
from evalkit.scoring.longterm import LongTermInput
from evalkit.scoring.ope import OpeInput
from evalkit.sequences import Annotation, Trajectory

PART_FRAMES = 32_768


@dataclass(slots=True)
class Faults:
    """What is not as it should be, by sequence name.

    Attributes:
        missing: No result.
        short: Fewer rows than annotated, with both counts.
        long: More rows than annotated, with both counts.
        nan: Rows with NaN, an infinite coordinate or a negative size.
        foreign: Results of sequences that the benchmark does not have.
        unscorable: Annotations that the protocol cannot score, with the reason.
    """

    missing: list[str] = field(default_factory=list)
    short: dict[str, str] = field(default_factory=dict)
    long: dict[str, str] = field(default_factory=dict)
    nan: dict[str, str] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    unscorable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredTrack:
    """One run over one sequence, cut or padded to the annotation's rows.

    Attributes:
        sequence: Index of the annotation.
        boxes: (F, 4), at least one row.
        confidence: (F,).
        rows: Rows of the annotation that count; fewer than it has where the protocol cuts both.
        padded: Number of rows at the end that were added.
    """

    sequence: int
    boxes: Boxes
    confidence: np.ndarray[tuple[int], np.dtype[np.float64]]
    rows: int
    padded: int


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Results and annotations that belong together.

    Attributes:
        annotations: S annotations that are scored.
        tracks: Runs, by sequence.
        missing: Names of the sequences without a result; scored as zeros where the protocol does so.
        notes: Facts that a reader of the numbers must know.
    """

    annotations: tuple[Annotation, ...]
    tracks: tuple[ScoredTrack, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def gather(
    annotations: cabc.Sequence[Annotation],
    trajectories: cabc.Mapping[str, cabc.Sequence[Trajectory]],
    protocol: Protocol,
    *,
    allow_missing: bool,
) -> Gathered:
    """Pair results with annotations under the rules of a protocol.

    Args:
        annotations: In the benchmark's order.
        trajectories: Sequence name -> repetitions.
        protocol: The rules.
        allow_missing: Score what is there; missing, short and foreign results become notes.

    Raises:
        ScoringError: Lists every missing, short, long, NaN and foreign result and every annotation that cannot be
            scored, all at once.
    """
    faults = Faults()
    known = {annotation.name for annotation in annotations}
    faults.foreign = [name for name in trajectories if name not in known]
    kept: list[Annotation] = []
    tracks: list[ScoredTrack] = []
    for annotation in annotations:
        runs = _runs(annotation, trajectories.get(annotation.name, ()), protocol, faults, allow_missing=allow_missing)
        tracks += [_track(len(kept), annotation, run, protocol, faults) for run in runs]
        if runs:
            kept.append(annotation)
    _raise_for(faults, protocol, allow_missing=allow_missing)
    if not kept:
        raise ScoringError("nothing to score: no sequence has a result.")
    return Gathered(tuple(kept), tuple(tracks), tuple(faults.missing), _notes(faults, protocol))


def _runs(
    annotation: Annotation,
    runs: cabc.Sequence[Trajectory],
    protocol: Protocol,
    faults: Faults,
    *,
    allow_missing: bool,
) -> cabc.Sequence[Trajectory]:
    """The runs of one sequence that can be scored; empty if it is left out."""
    problem = annotation_problem(annotation, protocol)
    if problem:
        faults.unscorable[annotation.name] = problem
        return ()
    if not all(len(run) for run in runs) or not runs:
        faults.missing.append(annotation.name)
        if allow_missing and protocol.lengths.missing is MissingResult.ALL_ZEROS:
            return (Trajectory.of_boxes(np.zeros((_expected_rows(annotation), 4))),)
        return ()
    too_short = any(len(run) < _expected_rows(annotation) for run in runs)
    if too_short and allow_missing and protocol.lengths.short is ShortResult.REFUSE:
        counts = "/".join(str(len(run)) for run in runs)
        faults.short[annotation.name] = f"{counts} of {counted(_expected_rows(annotation), 'row')}, left out"
        faults.missing.append(annotation.name)
        return ()
    return runs


def annotation_problem(annotation: Annotation, protocol: Protocol) -> str:
    """Why an annotation cannot be scored under a protocol; empty if it can."""
    if len(annotation.ground_truth) < annotation.frame_count and annotation.stride == 1:
        return f"only {len(annotation.ground_truth)} of {counted(annotation.frame_count, 'frame')} are annotated"
    if isinstance(protocol, LongTermProtocol):
        return "" if annotation.frame_wh else "the frame size is not known"
    problems = (
        (protocol.bounds is not Bounds.NONE and annotation.frame_wh is None, "the frame size is not known"),
        (protocol.visibility is not Visibility.IGNORED and annotation.visible_eighths is None, "no cover labels"),
        (
            protocol.ground_truths is GroundTruths.BETTER_OF_BOTH and annotation.ground_truth_aux is None,
            "no annotation of the second modality",
        ),
        (
            protocol.nan_ground_truth is NanGroundTruth.REFUSE and bool(np.isnan(annotation.ground_truth).any()),
            "the annotation has NaN, which this protocol refuses",
        ),
    )
    return next((text for holds, text in problems if holds), "")


def _expected_rows(annotation: Annotation) -> int:
    return annotation.frame_count if annotation.stride > 1 else len(annotation.ground_truth)


def _track(sequence: int, annotation: Annotation, run: Trajectory, protocol: Protocol, faults: Faults) -> ScoredTrack:
    expected = _expected_rows(annotation)
    if len(run) > expected:
        faults.long[annotation.name] = f"{counted(len(run), 'row')} for {counted(expected, 'frame')}"
    if len(run) < expected:
        faults.short[annotation.name] = f"{counted(len(run), 'row')} for {counted(expected, 'frame')}"
    boxes, confidence = run.boxes[:expected], run.confidence[:expected]
    if isinstance(protocol, OpeProtocol):
        _note_bad_rows(annotation.name, boxes, faults)
    if annotation.stride > 1:
        boxes, confidence = boxes[:: annotation.stride], confidence[:: annotation.stride]
    return _fitted(sequence, annotation, boxes, confidence, protocol.lengths.short)


def _note_bad_rows(name: str, boxes: Boxes, faults: Faults) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(boxes.sum()) and (boxes[:, 2:] >= 0).all():
            return
    bad = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < 0).any(axis=1)
    if not bad.any():  # finite numbers whose sum is not
        return
    rows = np.flatnonzero(bad)
    faults.nan[name] = f"{counted(len(rows), 'row')}, first is row {rows[0]}"


def _fitted(
    sequence: int,
    annotation: Annotation,
    boxes: Boxes,
    confidence: np.ndarray[tuple[int], np.dtype[np.float64]],
    short: ShortResult,
) -> ScoredTrack:
    rows = len(annotation.ground_truth)
    lacking = rows - len(boxes)
    if lacking <= 0:
        return ScoredTrack(sequence, boxes[:rows], confidence[:rows], rows, 0)
    if short is ShortResult.CUT_BOTH:
        return ScoredTrack(sequence, boxes, confidence, len(boxes), 0)
    fill = 0.0 if short is ShortResult.PAD_WITH_ZEROS else np.nan
    boxes = np.concatenate([boxes, np.full((lacking, 4), fill)])
    confidence = np.concatenate([confidence, np.full(lacking, np.nan)])
    return ScoredTrack(sequence, boxes, confidence, rows, lacking)


def _raise_for(faults: Faults, protocol: Protocol, *, allow_missing: bool) -> None:
    parts: list[str] = []
    if not allow_missing:
        parts += _part("no result", faults.missing)
        parts += _part("result too short", faults.short)
        parts += _part("result of an unknown sequence", faults.foreign)
        parts += _part("cannot be scored under this protocol", faults.unscorable)
    refused, remarks = _long_and_bad(faults, protocol)
    parts += refused
    if parts:
        hint = [] if allow_missing else ["Or score what is there with --allow-missing (the output says so)."]
        raise ScoringError(f"the results cannot be scored under {protocol.id}:", *parts, *remarks, *hint)


def _long_and_bad(faults: Faults, protocol: Protocol) -> tuple[list[str], list[str]]:
    """Texts on long results and on rows without a proper box: those refused, and those that the protocol mends."""
    refused: list[str] = []
    remarks: list[str] = []
    refuses = protocol.lengths.long is LongResult.REFUSE
    beyond = {name: text for name, text in faults.long.items() if refuses and name not in protocol.lengths.always_cut}
    refused += _part("result too long, which this protocol refuses", beyond)
    remarks += _part("result too long, would be cut", {k: v for k, v in faults.long.items() if k not in beyond})
    if isinstance(protocol, OpeProtocol):
        if protocol.rows.nan_or_negative is BadBox.REFUSE:
            refused += _part("NaN or negative size, which this protocol refuses", faults.nan)
        else:
            remarks += _part(f"NaN or negative size, would be {_bad_rows(protocol)}", faults.nan)
    return refused, remarks


def _part(what: str, names: cabc.Collection[str] | cabc.Mapping[str, str]) -> list[str]:
    if not names:
        return []
    texts = [f"{name} ({text})" for name, text in names.items()] if isinstance(names, cabc.Mapping) else list(names)
    return [f"  {what}, {len(texts)}: {', '.join(texts)}"]


def _notes(faults: Faults, protocol: Protocol) -> tuple[str, ...]:
    notes: list[str] = []
    if faults.missing:
        what = "scored as zeros" if protocol.lengths.missing is MissingResult.ALL_ZEROS else "left out"
        notes.append(
            f"{counted(len(faults.missing), 'sequence')} without a complete result, {what}: {listed(faults.missing)}"
        )
    if faults.short:
        notes.append(
            f"{counted(len(faults.short), 'short result')} ({protocol.lengths.short.value}): {listed(faults.short)}"
        )
    if faults.long:
        notes.append(f"{counted(len(faults.long), 'result')} longer than the annotation, cut: {listed(faults.long)}")
    if faults.foreign:
        notes.append(
            f"{counted(len(faults.foreign), 'result')} of unknown sequences, ignored: {listed(faults.foreign)}"
        )
    if faults.unscorable:
        lost = counted(len(faults.unscorable), "sequence")
        notes.append(f"{lost} that cannot be scored, left out: {listed(faults.unscorable)}")
    if faults.nan and isinstance(protocol, OpeProtocol):
        rule = _bad_rows(protocol)
        notes.append(
            f"{counted(len(faults.nan), 'result')} with rows of NaN or a negative size ({rule}): {listed(faults.nan)}"
        )
    return tuple(notes)


def _bad_rows(protocol: OpeProtocol) -> str:
    rows = protocol.rows
    partly = f"; NaN in part: {rows.partly_nan.value}" if rows.partly_nan is PartlyNan.SCORED else ""
    return rows.nan_or_negative.value + partly


def flat_parts(
    gathered: Gathered, protocol: OpeProtocol, frames: int = PART_FRAMES
) -> cabc.Iterator[tuple[int, OpeInput]]:
    """Lay tracks end to end, about ``frames`` frames at a time, so that all arrays of a part stay in the cache.

    Yields:
        Index of the first sequence of the part, and its input.
    """
    for start, stop in in_parts([track.rows for track in gathered.tracks], frames):
        tracks = gathered.tracks[start:stop]
        yield tracks[0].sequence, _flat(tracks, gathered.annotations, protocol)


def _flat(
    tracks: cabc.Sequence[ScoredTrack], annotations: cabc.Sequence[Annotation], protocol: OpeProtocol
) -> OpeInput:
    pairs = [(annotations[track.sequence], track) for track in tracks]  # without labels that the rules need: refused
    lengths = np.array([track.rows for track in tracks], dtype=np.int64)
    frame_wh = visible = truth_aux = padded = None
    if protocol.bounds is not Bounds.NONE:
        sizes = np.array([owner.frame_wh for owner, _ in pairs], dtype=np.float64)
        frame_wh = np.repeat(sizes, lengths, axis=0).T
    if protocol.visibility is not Visibility.IGNORED:
        labels = [(owner.visible_eighths, track.rows) for owner, track in pairs]
        visible = np.concatenate([values[:rows] for values, rows in labels if values is not None])
    if protocol.ground_truths is GroundTruths.BETTER_OF_BOTH:
        others = [(owner.ground_truth_aux, track.rows) for owner, track in pairs]
        truth_aux = stack_boxes([values[:rows] for values, rows in others if values is not None])
    if any(track.padded for track in tracks):
        padded = np.concatenate([np.arange(track.rows) >= track.rows - track.padded for track in tracks])
    flat = FlatTracks(
        predictions=stack_boxes([track.boxes for track in tracks]),
        ground_truth=stack_boxes([owner.ground_truth[: track.rows] for owner, track in pairs]),
        absent=np.concatenate([owner.absent[: track.rows] for owner, track in pairs]),
        offsets=offsets_of(lengths),
        sequence=np.array([track.sequence - tracks[0].sequence for track in tracks], dtype=np.int64),
        sequence_count=tracks[-1].sequence - tracks[0].sequence + 1,
    )
    return OpeInput(flat, padded, frame_wh, visible, truth_aux)


def flatten_longterm(gathered: Gathered) -> LongTermInput:
    """Lay the tracks of a long-term evaluation end to end; repetitions are refused there."""
    tracks, annotations = gathered.tracks, gathered.annotations
    if len(tracks) != len(annotations):
        raise ScoringError("the long-term protocol scores one run per sequence; several repetitions were given.")
    lengths = np.array([track.rows for track in tracks], dtype=np.int64)
    sizes = np.array([annotations[track.sequence].frame_wh for track in tracks], dtype=np.float64)
    return LongTermInput(
        predictions=np.concatenate([track.boxes for track in tracks]),
        ground_truth=np.concatenate([annotations[track.sequence].ground_truth for track in tracks]),
        confidence=np.concatenate([track.confidence for track in tracks]),
        frame_wh=np.repeat(sizes, lengths, axis=0),
        lengths=lengths,
    )
