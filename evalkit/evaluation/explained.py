"""The same boxes under every protocol, for everything that a request asks for."""

import collections.abc as cabc
from dataclasses import dataclass

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import unknown_name
from evalkit.evaluation.candidates import Candidate, read_candidates
from evalkit.evaluation.papers import why_not_comparable
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import ALL, limited, protocols_of, rules_for, single_protocol, told_of
from evalkit.evaluation.truth import Truth, load_truth
from evalkit.report.metrics import key_of
from evalkit.scoring.conventions import Protocol
from evalkit.scoring.explain import Explanation, explain


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One candidate's boxes under every protocol.

    Attributes:
        truth: The ground truth.
        candidate: The results.
        explanation: Protocols, effects of single rules, and the match with a published value.
        caution: Why the results cannot be compared with published numbers; empty if they can.
        notes: What a reader must know.
    """

    truth: Truth
    candidate: Candidate
    explanation: Explanation
    caution: str
    notes: tuple[str, ...]


def explain_request(
    request: Request, *, metric: str | None = None, published: str | None = None
) -> cabc.Iterator[Explained]:
    """Explain every candidate on every benchmark.

    Args:
        request: Its protocol is the one from which single rules are changed.
        metric: Of the published value: key or printed label; None = what ranks.
        published: A value as a paper prints it.

    Raises:
        EvalkitError: As for `evalkit score`; or the protocol has no such metric.
    """
    for single in request.each():
        truth = load_truth(single)
        candidates = read_candidates(single, truth)
        reference = single_protocol(truth.spec, single.protocol)
        key = metric_key(metric, reference, truth.spec)
        for candidate in candidates:
            annotations, notes = limited(truth, candidate)
            caution = why_not_comparable(truth, candidate)
            with told_of(truth, candidate, allow_missing=single.allow_missing):
                explanation = explain(
                    annotations,
                    candidate.trajectories,
                    [rules_for(candidate, protocol) for protocol in protocols_of(truth.spec, ALL)],
                    rules_for(candidate, reference),
                    metric=key,
                    published=published,
                    reason=caution,
                    allow_missing=single.allow_missing,
                )
            notes = (*truth.notes, *notes, *candidate.unreadable_notes, *explanation.notes)
            yield Explained(truth, candidate, explanation, caution, tuple(dict.fromkeys(notes)))


def metric_key(text: str | None, reference: Protocol, spec: BenchmarkSpec) -> str:
    """The metric asked for; else the number that ranks: F in the long-term protocols, else the first of papers."""
    labels = {reported.key: reported.label for reported in reference.reported}
    if text is None:
        return next(key for key in ("longterm_f", *spec.headline, *labels) if key in labels)
    key = key_of(text, labels, spec.name)
    if key is None:
        raise unknown_name(f"metric of {reference.id}", text, labels)
    return key
