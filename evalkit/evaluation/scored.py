"""Scores of what a request asks for: every candidate under its protocols, and what readers must know of them."""

import collections.abc as cabc
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError
from evalkit.evaluation.candidates import Candidate, Say, read_candidates
from evalkit.evaluation.parallel import fork_map
from evalkit.evaluation.request import Request, names_in
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.scoring.conventions import FirstFrame, LongTermProtocol, Protocol
from evalkit.scoring.lookup import get_protocol, protocols_for
from evalkit.scoring.score import score
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation

if TYPE_CHECKING:
    from evalkit.scoring.explain import Variants

ROLES = ("papers", "official")
ALL = "all"
_WORTH_FORKING = 500_000  # frames times trackers; below, starting processes costs more than it saves


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of one benchmark, and what they were made of."""

    truth: Truth
    candidates: tuple[Candidate, ...]
    scores: tuple[Scores, ...]


def score_request(request: Request) -> list[Scores]:
    """Score what is asked for on every benchmark; several trackers' raw files are read on several cores.

    Nobody is left out: results that are missing are an error, unless the request allows them.

    Raises:
        EvalkitError: As :func:`load_truth`, :func:`read_candidates` and :func:`compute_scores`.
    """
    scores = []
    for single in request.each():
        truth = load_truth(single)
        if single.predictions is None:
            scores += compute_scores(single, truth, read_candidates(single, truth))
        else:
            scores += _score_files(single, truth)
    return scores


def score_benchmark(request: Request, say: Say | None = None) -> Scored:
    """Score what is asked for on one benchmark; ``say`` as for :func:`read_candidates`."""
    truth = load_truth(request)
    candidates = read_candidates(request, truth, say)
    return Scored(truth, tuple(candidates), tuple(compute_scores(request, truth, candidates)))


def _score_files(request: Request, truth: Truth) -> list[Scores]:
    from evalkit.results.reader import trackers_in

    path, names = request.predictions, request.trackers
    assert path is not None
    if not names and request.layout_of_results is None:
        names = tuple(trackers_in(path, names=truth.known, benchmark=truth.spec.name))
    frames = sum(annotation.frame_count for annotation in truth.annotations)
    if len(names) < 2 or len(names) * frames < _WORTH_FORKING:
        return compute_scores(request, truth, read_candidates(request, truth))

    def of_tracker(name: str) -> tuple[list[Scores], list[str]]:
        candidates = read_candidates(replace(request, trackers=(name,)), truth)
        done = [_scores_of(request, truth, candidate) for candidate in candidates]
        return [score for scores, _ in done for score in scores], [text for _, texts in done for text in texts]

    return _united(fork_map(of_tracker, names))


def compute_scores(request: Request, truth: Truth, candidates: cabc.Iterable[Candidate]) -> list[Scores]:
    """Score every candidate under the protocols of the request.

    Raises:
        ScoringError: Something is missing or wrong; every problem of every candidate is listed.
        UnknownNameError: Unknown protocol.
    """
    return _united([_scores_of(request, truth, candidate) for candidate in candidates])


def protocols_of(spec: BenchmarkSpec, names: str) -> list[Protocol]:
    """The protocols that ``--protocol`` means for a benchmark: ids and roles, or all that fit.

    Raises:
        UnknownNameError: Neither a role nor an id.
    """
    if names == ALL:
        return protocols_for(spec.name, spec.protocols.values())
    ids = dict.fromkeys(spec.protocols[name] if name in ROLES else name for name in names_in(names) or (names,))
    return [get_protocol(name, spec.name) for name in ids]


def single_protocol(spec: BenchmarkSpec, names: str) -> Protocol:
    """The only protocol that ``--protocol`` means.

    Raises:
        ScoringError: It means several.
    """
    rules = protocols_of(spec, names)
    if len(rules) != 1:
        raise ScoringError(f"--protocol: one protocol is needed here, `{names}` names {len(rules)}.")
    return rules[0]


def _scores_of(request: Request, truth: Truth, candidate: Candidate) -> tuple[list[Scores], list[str]]:
    """Scores of one candidate under every protocol asked for, and what went wrong.

    Of all protocols those that refuse the results are told in a note of the first score.
    """
    scores: list[Scores] = []
    problems: dict[str, tuple[str, ...]] = {}
    for rules in protocols_of(truth.spec, request.protocol):
        try:
            scores.append(_score(request, truth, candidate, rules))
        except ScoringError as problem:
            problems[rules.id] = problem.lines
    if request.protocol != ALL or not scores:
        return scores, [line for lines in problems.values() for line in lines]
    refusals = [f"not scored under {name}: {' '.join(' '.join(lines).split())}" for name, lines in problems.items()]
    scores[0] = replace(scores[0], notes=(*scores[0].notes, *refusals))
    return scores, []


def _united(done: cabc.Iterable[tuple[list[Scores], list[str]]]) -> list[Scores]:
    """All scores, or one error with all problems."""
    scores: list[Scores] = []
    problems: list[str] = []
    for scored, texts in done:
        scores += scored
        problems += texts
    if problems:
        raise ScoringError(*dict.fromkeys(problems))
    return scores


def rules_for(candidate: Candidate, rules: Protocol) -> Protocol:
    """A protocol for a candidate: frame 0 of an own run counts as the VOT toolkit would have written it."""
    if candidate.own and isinstance(rules, LongTermProtocol):
        return replace(rules, first_frame=FirstFrame.INITIALIZATION)
    return rules


def variants(truth: Truth, candidate: Candidate, protocol: str, *, allow_missing: bool = False) -> "Variants":
    """A candidate's boxes under the rules that may explain a published number; nothing is scored yet."""
    from evalkit.scoring.explain import Variants

    return Variants(
        limited(truth, candidate)[0],
        candidate.trajectories,
        rules_for(candidate, get_protocol(protocol, truth.spec.name)),
        [rules_for(candidate, rules) for rules in protocols_of(truth.spec, ALL)],
        allow_missing=allow_missing,
    )


def _score(request: Request, truth: Truth, candidate: Candidate, rules: Protocol) -> Scores:
    annotations, notes = limited(truth, candidate)
    with told_of(truth, candidate, allow_missing=request.allow_missing):
        scores = score(
            annotations,
            candidate.trajectories,
            rules_for(candidate, rules),
            benchmark=truth.spec.name,
            split=truth.split.name,
            tracker=candidate.tracker,
            run=candidate.run,
            allow_missing=request.allow_missing,
            attributes=request.attributes,
            interval=request.interval,
            seed=request.seed,
            notes=(*truth.notes, *notes, *candidate.unreadable_notes),
            sample=truth.is_sample,
        )
    missing = {*scores.missing, *truth.left_out}
    left_out = tuple(name for name in truth.known if name in missing)
    return replace(scores, missing=left_out, settings=candidate.settings, plain=candidate.plain_name)


@contextlib.contextmanager
def told_of(truth: Truth, candidate: Candidate, *, allow_missing: bool) -> cabc.Iterator[None]:
    """Errors of scoring say whose results they are, why files could not be read, and how to go on."""
    try:
        yield
    except ScoringError as problem:
        first, *more = problem.lines
        text = f"{candidate.tracker} on {truth.spec.title} {truth.split.name}: {first}"
        lines = [text, *more, *(f"  {line}" for line in (*candidate.unreadable_notes, *candidate.notes))]
        if candidate.how_to_continue and not allow_missing:
            lines.append(f"What is missing is computed by `{candidate.how_to_continue}`.")
        raise ScoringError(*lines) from problem


def limited(truth: Truth, candidate: Candidate) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    """Annotations for a candidate, cut to the first frames where its run was limited to them, and its notes."""
    limit = candidate.frame_limit
    if limit is None:
        return truth.annotations, candidate.notes
    return tuple(cut(annotation, limit) for annotation in truth.annotations), (
        *candidate.notes,
        f"scored on the first {limit} frames of every sequence",
    )


def cut(annotation: Annotation, limit: int) -> Annotation:
    """The annotation of the first frames, as a run has them that was limited to so many."""
    rows = -(-limit // annotation.stride)
    visible, second = annotation.visible_eighths, annotation.ground_truth_aux
    return replace(
        annotation,
        ground_truth=annotation.ground_truth[:rows],
        absent=annotation.absent[:rows],
        frame_count=min(annotation.frame_count, limit),
        visible_eighths=None if visible is None else visible[:rows],
        ground_truth_aux=None if second is None else second[:rows],
    )
