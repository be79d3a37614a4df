"""Scores of the runs of a session: those so far while it goes on, and those at its end."""

import collections
import collections.abc as cabc
import contextlib
import time
from dataclasses import dataclass, field

import numpy as np

from evalkit.errors import EvalkitError, counted
from evalkit.evaluation.candidates import Candidate, of_tracker
from evalkit.evaluation.request import Request
from evalkit.evaluation.running import Plan
from evalkit.evaluation.scored import compute_scores, cut, rules_for, single_protocol
from evalkit.evaluation.truth import Truth
from evalkit.report.headline import headline_of, leading_of
from evalkit.report.metrics import get_metric
from evalkit.scoring.aggregate import MeanMetric, SequenceMetric
from evalkit.scoring.conventions import LongTermProtocol, Protocol
from evalkit.scoring.score import evaluate_results
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, Trajectory

SHARE = 0.02
"""Of the time of a run that scores so far may take; when they lag behind, they speak of fewer sequences."""


def scores_of(plan: Plan) -> Scores | None:
    """The scores of a run that has ended; None where the truth is not there, or nothing is finished.

    Raises:
        EvalkitError: What is finished cannot be scored.
    """
    truth = _truth(plan)
    if truth is None or len(plan.run.missing()) == len(plan.run.names):
        return None
    request = Request(results=plan.run.path.parents[2], run_ids=(plan.run.run_id,), allow_missing=True)
    (scores,) = compute_scores(request, truth, of_tracker(request, truth, [plan.run]))
    return scores


def _truth(plan: Plan) -> Truth | None:
    target = plan.target
    truth = Truth(target.spec, target.split, plan.annotations, target.names, target.data)
    return None if truth.is_hidden else truth


class ScoreSoFar:
    """The leading score of the sequences that are finished, for each benchmark of a session.

    Results are read back from the store and scored one by one when somebody looks, for at most :data:`SHARE` of the
    time, so that the run is not slower for it. What was finished before counts as well.

    Args:
        plans: Of the session.
        clock: Seconds.
    """

    def __init__(self, plans: cabc.Iterable[Plan], clock: cabc.Callable[[], float] = time.perf_counter) -> None:
        self._parts = {id(plan): _Part.of(plan) for plan in plans if _truth(plan) is not None}
        self._clock = clock
        self._begin = clock()
        self._spent = 0.0

    def finished(self, plan: Plan, name: str) -> None:
        """Take note of a sequence whose result is stored; any thread may call it."""
        if (part := self._parts.get(id(plan))) is not None:
            part.waiting.append(name)

    def text(self) -> str:
        """Such as "lasot AUC 61.2 over 3 sequences"; of several benchmarks without the count. "" if there is none."""
        for part in self._parts.values():
            while part.waiting and self._spent <= SHARE * (self._clock() - self._begin):
                begin = self._clock()
                part.take(part.waiting.popleft())
                self._spent += self._clock() - begin
        known = [part for part in self._parts.values() if part.scored]
        if len(known) == 1:
            return f"{known[0].text} over {counted(known[0].scored, 'sequence')}"
        return ", ".join(part.text for part in known)


@dataclass(slots=True)
class _Part:
    """One run: what waits to be scored, and what was scored already."""

    plan: Plan
    rules: Protocol
    waiting: collections.deque[str]
    annotations: dict[str, Annotation]
    means: list[MeanMetric] = field(default_factory=list)
    whole: dict[str, tuple[Annotation, Trajectory]] = field(default_factory=dict)
    text: str = ""
    scored: int = 0

    @classmethod
    def of(cls, plan: Plan) -> "_Part":
        spec, to_do = plan.target.spec, {job.name for job in plan.jobs}
        own = Candidate(plan.run.identity.tracker, plan.run.run_id, {}, own=True)
        before = (name for name in plan.names if name not in to_do and name not in plan.failed)
        annotations = {annotation.name: annotation for annotation in plan.annotations}
        return cls(plan, rules_for(own, single_protocol(spec, "papers")), collections.deque(before), annotations)

    def take(self, name: str) -> None:
        """Score one more sequence. What cannot be scored is left out here; the scores at the end tell why."""
        spec, limit = self.plan.target.spec, self.plan.target.frame_limit
        with contextlib.suppress(EvalkitError):
            annotation = self.annotations[name]
            results = annotation if limit is None else cut(annotation, limit), self.plan.run.read(name)
            if isinstance(self.rules, LongTermProtocol):  # its thresholds come from the confidences of all sequences
                self.whole[name] = results
            metrics = _metrics(self.whole or {name: results}, self.rules)
            key = leading_of(headline_of(metrics, spec))
            leading = metrics[key]
            if isinstance(leading, MeanMetric):
                self.means.append(leading)
                leading = MeanMetric(
                    np.concatenate([mean.values for mean in self.means]),
                    np.concatenate([mean.weights for mean in self.means]),
                )
            metric, self.scored = get_metric(key, spec.name), len(leading.values)
            self.text = f"{spec.name} {metric.label} {metric.text(leading.over(np.arange(self.scored)))}"


def _metrics(
    results: cabc.Mapping[str, tuple[Annotation, Trajectory]], rules: Protocol
) -> cabc.Mapping[str, SequenceMetric]:
    annotations = [annotation for annotation, _ in results.values()]
    trajectories = {name: [trajectory] for name, (_, trajectory) in results.items()}
    return evaluate_results(annotations, trajectories, rules).numbers.metrics
