"""Candidates of a request against a baseline on the same sequences, and how sure the differences are."""

import collections.abc as cabc
from dataclasses import dataclass, replace

from evalkit.errors import ScoringError, counted, unknown_name
from evalkit.evaluation.candidates import Candidate, read_candidates
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import limited, rules_for, single_protocol, told_of
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.report.headline import shared_notes
from evalkit.scoring.score import Evaluation, evaluate_results
from evalkit.scoring.statistics import MetricComparison, compare_metric, holm


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """A candidate against the baseline.

    Attributes:
        tracker: Its name.
        run: Its run.
        comparisons: Metric key -> comparison, differences are the candidate minus the baseline; the first one leads.
        adjusted: Metric key -> p value, corrected (Holm) for as many comparisons as there are candidates.
    """

    tracker: str
    run: str
    comparisons: cabc.Mapping[str, MetricComparison]
    adjusted: cabc.Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Candidates against a baseline on one benchmark.

    Attributes:
        truth: The ground truth.
        baseline: Name of the candidate that the others are compared with.
        others: The others.
        protocol: Its id.
        sequences: How many all have.
        level: Of the intervals.
        notes: What a reader must know.
    """

    truth: Truth
    baseline: str
    others: tuple[Against, ...]
    protocol: str
    sequences: int
    level: float
    notes: tuple[str, ...]


def compare_request(request: Request, *, level: float, listed: int, baseline: str | None = None) -> Compared:
    """Compare the candidates of a request on its benchmark with one of them.

    Args:
        request: Names trackers or runs; two without a baseline.
        level: Of the intervals, inside (0, 1).
        listed: How many of the sequences that differ most are listed.
        baseline: Name of a tracker, as tables print it, or the beginning of a run id; None = the second of two.

    Raises:
        ScoringError: Nothing to compare with, several protocols, or no sequence in common.
        UnknownNameError: The baseline fits none.
        EvalkitError: As for `evalkit score`.
    """
    truth = load_truth(request)
    candidates = read_candidates(request, truth)
    if baseline is None:
        if len(candidates) != 2:
            raise _not_two(candidates)
        base = candidates[1]
    else:
        candidates, base = _with_baseline(request, truth, candidates, baseline)
    ordered = [candidate for candidate in candidates if candidate is not base] + [base]
    if len(ordered) < 2:
        raise ScoringError(f"{base.tracker} is the only candidate; name others to compare with it: --tracker A,B.")
    done, notes = _evaluated(request, truth, ordered)
    rows = [
        {
            key: compare_metric(
                key,
                metric,
                done[-1].numbers.metrics[key],
                done[-1].names,
                level=level,
                seed=request.seed,
                listed=listed,
            )
            for key, metric in evaluation.numbers.metrics.items()
        }
        for evaluation in done[:-1]
    ]
    adjusted = {key: holm([row[key].p_value for row in rows]) for key in rows[0]}
    others = tuple(
        Against(candidate.tracker, candidate.run, row, {key: values[number] for key, values in adjusted.items()})
        for number, (candidate, row) in enumerate(zip(ordered, rows, strict=False))
    )
    return Compared(truth, base.tracker, others, done[0].protocol.id, len(done[0].names), level, tuple(notes))


def _not_two(candidates: cabc.Sequence[Candidate]) -> ScoringError:
    names = ", ".join(candidate.tracker for candidate in candidates)
    if len(candidates) > 2:
        return ScoringError(
            f"compare needs two trackers, or a baseline, found {len(candidates)}: {names}. Say what all are compared "
            f"with: --baseline '{candidates[0].tracker}'."
        )
    left_out = [note for candidate in candidates for note in candidate.notes if "--with-random-weights" in note]
    return ScoringError(
        f"compare needs two trackers, found {len(candidates)}: {names}. Name them: --tracker A --tracker B.", *left_out
    )


def _with_baseline(
    request: Request, truth: Truth, candidates: list[Candidate], baseline: str
) -> tuple[list[Candidate], Candidate]:
    """All candidates, and the one that is meant; it need not be named among the trackers."""
    fitting = _fitting(candidates, baseline)
    if not fitting and (request.trackers or request.run_ids):
        names = request.trackers or tuple(dict.fromkeys(candidate.plain_name for candidate in candidates))
        candidates = read_candidates(replace(request, trackers=(*names, baseline)), truth)
        fitting = _fitting(candidates, baseline)
    if len(fitting) > 1:
        raise ScoringError(
            f"--baseline {baseline}: {len(fitting)} candidates have that name. Write the settings too, or the run id:",
            *(f"  --baseline '{candidate.tracker}' (run {candidate.run})" for candidate in fitting),
        )
    if not fitting:
        raise unknown_name("baseline", baseline, [candidate.tracker for candidate in candidates])
    return candidates, fitting[0]


def _fitting(candidates: cabc.Sequence[Candidate], baseline: str) -> list[Candidate]:
    """Candidates of that name with settings; else without settings; else of that run."""
    for names_of in (
        lambda candidate: candidate.tracker == baseline,
        lambda candidate: candidate.plain_name == baseline,
        lambda candidate: bool(baseline) and candidate.run.startswith(baseline),
    ):
        if fitting := list(filter(names_of, candidates)):
            return fitting
    return []


def _evaluated(
    request: Request, truth: Truth, candidates: cabc.Sequence[Candidate]
) -> tuple[list[Evaluation], list[str]]:
    """Candidates under the protocol, on the sequences that all have, and what a reader must know."""
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
    said = [
        (*candidate.notes, *candidate.unreadable_notes, *evaluation.gathered.notes)
        for candidate, evaluation in zip(candidates, done, strict=True)
    ]
    shared = dict.fromkeys(shared_notes(said))
    own = [(candidate, note) for candidate, notes in zip(candidates, said, strict=True) for note in notes]
    notes = [*shared, *(f"{candidate.tracker}: {note}" for candidate, note in own if note not in shared)]
    every = [set(evaluation.names) for evaluation in done]
    common = set.intersection(*every)
    if not common:
        raise ScoringError("the trackers have no sequence in common; there is nothing to compare.")
    apart = sorted(set.union(*every) - common)
    if apart:
        who = "both" if len(done) == 2 else "all"
        notes.append(
            f"compared on the {counted(len(common), 'sequence')} that {who} have; left out: {', '.join(apart)}"
        )
        done = [evaluated(candidate, common) for candidate in candidates]
    return done, [*truth.notes, *notes]
