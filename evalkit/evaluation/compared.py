"""Two candidates of a request on the same sequences, and how sure the difference is."""

import collections.abc as cabc
from dataclasses import dataclass

from evalkit.errors import ScoringError
from evalkit.evaluation.candidates import Candidate, read_candidates
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import limited, rules_for, single_protocol, told_of
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.scoring.score import Evaluation, evaluate_results
from evalkit.scoring.statistics import MetricComparison, compare_metric


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Two candidates on one benchmark.

    Attributes:
        truth: The ground truth.
        trackers: Names of the candidates.
        protocol: Its id.
        sequences: How many both have.
        comparisons: One per metric; the first one leads.
        notes: What a reader must know.
    """

    truth: Truth
    trackers: tuple[str, str]
    protocol: str
    sequences: int
    comparisons: tuple[MetricComparison, ...]
    notes: tuple[str, ...]


def compare_request(request: Request, *, level: float, listed: int) -> Compared:
    """Compare the two candidates of a request on its benchmark.

    Args:
        request: Names two trackers, or two runs.
        level: Of the intervals, inside (0, 1).
        listed: How many of the sequences that differ most are listed.

    Raises:
        ScoringError: Not two candidates, several protocols, or no sequence in common.
        EvalkitError: As for `evalkit score`.
    """
    truth = load_truth(request)
    candidates = read_candidates(request, truth)
    if len(candidates) != 2:
        raise ScoringError(
            f"compare needs two trackers, found {len(candidates)}: "
            f"{', '.join(candidate.tracker for candidate in candidates)}. Name them: --tracker A --tracker B."
        )
    first, second, notes = _evaluated(request, truth, candidates)
    comparisons = [
        compare_metric(
            key, metric, second.numbers.metrics[key], first.names, level=level, seed=request.seed, listed=listed
        )
        for key, metric in first.numbers.metrics.items()
    ]
    names = candidates[0].tracker, candidates[1].tracker
    return Compared(truth, names, first.protocol.id, len(first.names), tuple(comparisons), tuple(notes))


def _evaluated(request: Request, truth: Truth, candidates: list[Candidate]) -> tuple[Evaluation, Evaluation, list[str]]:
    """Both candidates under the protocol, on the sequences that both have, and what a reader must know."""
    rules = single_protocol(truth.spec, request.protocol)

    def evaluated(candidate: Candidate, names: cabc.Container[str] | None) -> Evaluation:
        annotations, _ = limited(truth, candidate)
        results = candidate.trajectories
        if names is not None:
            annotations = tuple(annotation for annotation in annotations if annotation.name in names)
            results = {name: runs for name, runs in results.items() if name in names}
        with told_of(truth, candidate, allow_missing=request.allow_missing):
            return evaluate_results(
                annotations, results, rules_for(candidate, rules), allow_missing=request.allow_missing
            )

    done = []
    problems: list[str] = []
    for candidate in candidates:
        try:
            done.append(evaluated(candidate, None))
        except ScoringError as problem:
            problems += problem.lines
    if problems:
        raise ScoringError(*problems)
    notes = [
        f"{candidate.tracker}: {note}"
        for candidate, evaluation in zip(candidates, done, strict=True)
        for note in (*candidate.notes, *candidate.unreadable_notes, *evaluation.gathered.notes)
    ]
    common = set(done[0].names) & set(done[1].names)
    if not common:
        raise ScoringError("the two trackers have no sequence in common; there is nothing to compare.")
    apart = sorted({*done[0].names, *done[1].names} - common)
    if apart:
        notes.append(f"compared on the {len(common)} sequences that both have; left out: {', '.join(apart)}")
        done = [evaluated(candidate, common) for candidate in candidates]
    return done[0], done[1], [*truth.notes, *notes]
