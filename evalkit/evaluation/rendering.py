"""Sequences of a request with the truth and the candidates' boxes drawn on their frames."""

import collections.abc as cabc
from dataclasses import dataclass, replace

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.benchmarks.frames import ImageFrames
from evalkit.errors import EvalkitError, ScoringError, StoreError, counted, unknown_name
from evalkit.evaluation.candidates import Candidate, Say, read_candidates
from evalkit.evaluation.request import Request
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.evaluation.scored import compute_scores, protocols_of
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.report.headline import leading
from evalkit.report.metrics import get_metric
from evalkit.report.pictures.hardest import hardest, lowest_stretch, overlaps_of
from evalkit.report.pictures.overlay import Picture, draw_sequence
from evalkit.sequences import Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """A sequence whose pictures are drawn when they are taken.

    Attributes:
        sequence: Its name.
        pictures: Frame number and picture.
        scores: What the candidates reach on it under the protocols of the request, a line each.
    """

    sequence: str
    pictures: cabc.Iterator[tuple[int, Picture]]
    scores: tuple[str, ...]


def worst_sequences(request: Request, say: Say, count: int) -> list[str]:
    """Names of the sequences with the lowest mean score over the candidates, the worst first.

    Args:
        request: On one benchmark; its sequences, if any, are those to choose from.
        say: Is told which trackers are left out.
        count: Length of the answer, at most.

    Raises:
        EvalkitError: There is no truth to score with, or no result.
    """
    truth = load_truth(request)
    protocol = protocols_of(truth.spec, request.protocol)[0].id
    candidates = read_candidates(replace(request, allow_missing=True), truth, say)
    scores = compute_scores(replace(request, protocol=protocol, allow_missing=True), truth, candidates)
    listed = hardest(scores, leading(scores, truth.spec), count)
    if not listed:
        raise ScoringError(f"{truth.spec.name}: protocol {protocol} has no score per sequence. Name the SEQUENCE.")
    for name, mean in listed:
        say(
            f"{name}: {get_metric(leading(scores, truth.spec)).text(mean)}, mean over {counted(len(scores), 'tracker')}"
        )
    return [name for name, _ in listed]


def drawn_sequences(request: Request, say: Say, *, every: int, moment: int = 0) -> cabc.Iterator[Rendering]:
    """Draw the sequences of a request.

    Args:
        request: On one benchmark, with the names of its sequences.
        say: Is told which trackers are left out.
        every: Only every N-th frame.
        moment: Only the so many frames in a row in which the overlap is lowest; 0 = all.

    Raises:
        EvalkitError: There is no such sequence, its images cannot be read, or a tracker has no result for it.
    """
    spec = get_benchmark(request.benchmark, layout=request.layout)
    part = get_split(spec, request.split)
    root = find_root(spec, request.data_root)
    protocols_of(spec, request.protocol)  # an unknown one is refused before anything is drawn
    names = spec.list_sequences(root, part)
    origin = data_origin(spec, root)
    for name in request.sequences or ():
        if name not in names:
            raise unknown_name("sequence", name, names)
    for name in request.sequences or ():
        single = replace(request, sequences=(name,))
        clip = spec.read_sequence(root, part, name)
        truth = Truth(spec, part, (clip.annotation,), tuple(names), origin)
        whole = _whole_truth(single)
        if whole is not None:
            truth = replace(whole, origin=origin)
            clip = Sequence(truth.annotations[0], clip.frames)
        candidates = _candidates(single, truth, name, say)
        boxes = {_label(candidate, candidates): candidate.trajectories[name][0] for candidate in candidates}
        modality = clip.frames.aux_modality if isinstance(clip.frames, ImageFrames) else None
        overlaps = [overlaps_of(truth.annotations[0], boxes[label]) for label in boxes]
        first = lowest_stretch(overlaps, moment) if moment else 0
        pictures = draw_sequence(
            clip,
            boxes,
            range(first, min(len(clip), first + moment) if moment else len(clip), every),
            auxiliary=modality.value if modality else "second image",
            mark="sample" if origin.is_sample else "",
            origin=spec.coordinate_origin,
        )
        yield Rendering(name, pictures, () if whole is None else _scores(single, truth, candidates))


def _whole_truth(request: Request) -> Truth | None:
    """More than the first box, where it is at hand."""
    try:
        return load_truth(request)
    except EvalkitError:
        if request.annotations is not None or request.local_truth:
            raise
        return None


def _candidates(request: Request, truth: Truth, sequence: str, say: Say) -> list[Candidate]:
    """Whoever has boxes of the sequence; a partial run will do."""
    candidates = read_candidates(replace(request, allow_missing=True), truth, say)
    kept = [candidate for candidate in candidates if sequence in candidate.trajectories]
    lacking = [candidate.tracker for candidate in candidates if sequence not in candidate.trajectories]
    if not kept or (lacking and request.trackers and not request.allow_missing):
        raise StoreError(
            f"{', '.join(lacking)} has no result for sequence {sequence} of {truth.spec.name} ({truth.split.name}) in "
            f"{request.predictions or request.results}. {_remedy(request, lacking)}, or draw the others with "
            "--allow-missing."
        )
    for tracker in lacking:
        say(f"{sequence}: {tracker} is left out, it has no result")
    for candidate in kept:
        for note in candidate.notes:
            say(f"note: {candidate.tracker}: {note}")
    return kept


def _remedy(request: Request, lacking: cabc.Iterable[str]) -> str:
    if request.predictions is None:
        return f"Run `{request.run_command(lacking)}` first"
    return "Name the files' layout with --layout-of-results, where it was not recognized"


def _label(candidate: Candidate, candidates: cabc.Sequence[Candidate]) -> str:
    several = sum(other.tracker == candidate.tracker for other in candidates) > 1
    return f"{candidate.tracker} ({candidate.run[:12]})" if several else candidate.tracker


def _scores(request: Request, truth: Truth, candidates: cabc.Sequence[Candidate]) -> tuple[str, ...]:
    try:
        scores = compute_scores(request, truth, candidates)
    except ScoringError as problem:
        return (f"no scores: {problem.lines[0]}",)
    return tuple(
        f"{score.tracker}, {score.protocol}: "
        + ", ".join(f"{key} {get_metric(key).detailed(value)}" for key, value in score.summary.items())
        for score in scores
    )
