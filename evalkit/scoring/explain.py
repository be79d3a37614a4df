"""Why numbers differ: the same boxes under every protocol, and the effect of each single rule."""

import collections.abc as cabc
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from evalkit.errors import ScoringError
from evalkit.published import Printed
from evalkit.scoring.conventions import Protocol
from evalkit.scoring.rules import STORED_BOXES, Rule, phrase, rules_of, value_text
from evalkit.scoring.score import Evaluation, evaluate_results
from evalkit.scoring.verdicts import ExplainedNumber, Judgment, Verdict, judge
from evalkit.sequences import Annotation, Trajectories

# numbers that papers print under one name
_FAMILIES = (
    ("success_auc", "average_overlap", "maximum_success_auc"),
    ("precision_20", "precision_auc", "maximum_precision_20"),
    ("normalized_precision_20", "normalized_precision_auc"),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One rule changed, all others as in the reference.

    Attributes:
        rule: What is changed.
        before: The reference's value.
        after: The other value.
        used_by: Protocols of this benchmark that have the other value.
        last_bits: The rule orders the arithmetic and nothing else.
        scores: Metric key -> value.
        change: Metric key -> value minus the reference's.
    """

    rule: str
    before: str
    after: str
    used_by: tuple[str, ...]
    last_bits: bool
    scores: cabc.Mapping[str, float]
    change: cabc.Mapping[str, float]

    @property
    def largest(self) -> float:
        """The largest change of any metric."""
        return max((abs(value) for value in self.change.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Match:
    """How a published value is met.

    Attributes:
        metric: Metric key that was asked for.
        published: The value.
        measured: The reference's value.
        judgment: On both.
        nearest: The number nearest to the published one, and its rules.
    """

    metric: str
    published: Printed
    measured: float
    judgment: Judgment
    nearest: ExplainedNumber

    @property
    def met(self) -> bool:
        """Some rules give the published value."""
        return self.judgment.verdict in {Verdict.AGREES, Verdict.EXPLAINED}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The same boxes under many rules.

    Attributes:
        reference: Protocol from which rules are changed.
        protocols: Protocol id -> metric key -> value.
        refused: Protocol id or changed rule -> why it cannot score these boxes.
        effects: Rules that change a number, largest first; those that move last bits only come last.
        without_effect: Rules that change nothing on these boxes.
        notes: Of the reference.
        match: For a published value.
    """

    reference: str
    protocols: cabc.Mapping[str, cabc.Mapping[str, float]]
    refused: cabc.Mapping[str, str]
    effects: tuple[Effect, ...]
    without_effect: tuple[str, ...]
    notes: tuple[str, ...]
    match: Match | None


@dataclass(frozen=True, slots=True)
class _Change:
    """The reference with one rule changed."""

    rule: Rule
    value: object
    rules: Protocol
    used_by: tuple[str, ...]

    @property
    def name(self) -> str:
        return phrase(self.rule.name, value_text(self.value))


class Variants:
    """The same boxes under other rules, each scored when it is asked for first.

    Args:
        annotations: The benchmark's sequences.
        trajectories: Sequence name -> repetitions.
        reference: Protocol whose rules are changed one at a time.
        protocols: All that fit the benchmark.
        allow_missing: Score what is there.
    """

    def __init__(
        self,
        annotations: cabc.Sequence[Annotation],
        trajectories: Trajectories,
        reference: Protocol,
        protocols: cabc.Sequence[Protocol],
        *,
        allow_missing: bool = False,
    ) -> None:
        self.reference = reference
        self.others = [other for other in protocols if other.id != reference.id]
        self._protocols = protocols
        self._evaluate = partial(evaluate_results, annotations, trajectories, allow_missing=allow_missing)
        self._done: dict[Protocol, Evaluation | ScoringError] = {}

    @cached_property
    def changes(self) -> list[_Change]:
        """The reference with one rule changed, for every value that another protocol has."""
        reference = self.reference
        return [
            _Change(rule, value, rules, tuple(o.id for o in self._protocols if _changed(rule, reference, o) == rules))
            for rule, value, rules in variations(reference, self._protocols)
        ]

    def evaluation(self, rules: Protocol) -> Evaluation:
        """The boxes under some rules.

        Raises:
            ScoringError: They refuse the boxes.
        """
        if rules not in self._done:
            try:
                self._done[rules] = self._evaluate(rules)
            except ScoringError as problem:
                self._done[rules] = problem
        done = self._done[rules]
        if isinstance(done, ScoringError):
            raise done
        return done

    def summary(self, rules: Protocol, attribute: str = "") -> dict[str, float]:
        """Numbers over all sequences, or over those with an attribute; none where the rules refuse the boxes."""
        try:
            done = self.evaluation(rules)
        except ScoringError:
            return {}
        if not attribute:
            return done.summary()
        having = [attribute in annotation.attributes for annotation in done.gathered.annotations]
        return done.summary(np.flatnonzero(having))

    def explain(self, key: str, published: Printed, attribute: str = "") -> ExplainedNumber | None:
        """The most plausible rules that give a published number; None if none do.

        Public protocols come first, then other numbers that papers print under the same name, then boxes stored as
        integers, then single rules that another public protocol has, then the others. Rules that order the arithmetic
        are left out: they move exact ties alone, and meet a printed digit by chance.
        """
        for group in self._by_plausibility(key):
            fitting = [number for number in self._numbers(group, attribute) if published.agrees(number.value)]
            if fitting:
                return min(fitting, key=lambda number: abs(number.value - published.value))
        return None

    def nearest(self, key: str, published: Printed) -> ExplainedNumber:
        """The number nearest to a published one under any rules, the reference's own included."""
        groups = [[(self.reference, "", key)], *self._by_plausibility(key)]
        numbers = [number for group in groups for number in self._numbers(group, "")]
        return min(numbers, key=lambda number: abs(number.value - published.value))

    def _by_plausibility(self, key: str) -> list[list[tuple[Protocol, str, str]]]:
        """Groups of (rules, name of the changed rule, metric key), the most plausible group first."""
        related = [other for keys in _FAMILIES if key in keys for other in keys if other != key]
        changes = [change for change in self.changes if not change.rule.last_bits]
        stored = [change for change in changes if change.rule.name == STORED_BOXES]
        shared = [change for change in changes if change.used_by and change not in stored]
        rest = [change for change in changes if change not in stored and change not in shared]
        return [
            [(rules, "", key) for rules in self.others],
            [(rules, "", other) for rules in (self.reference, *self.others) for other in related],
            *([(change.rules, change.name, key) for change in group] for group in (stored, shared, rest)),
        ]

    def _numbers(
        self, group: cabc.Iterable[tuple[Protocol, str, str]], attribute: str
    ) -> cabc.Iterator[ExplainedNumber]:
        for rules, name, key in group:
            value = self.summary(rules, attribute).get(key)
            if value is not None and np.isfinite(value):
                yield ExplainedNumber(rules.id, name, key, value)


def explain(
    annotations: cabc.Sequence[Annotation],
    trajectories: Trajectories,
    protocols: cabc.Sequence[Protocol],
    reference: Protocol,
    *,
    metric: str,
    published: str | None = None,
    reason: str = "",
    allow_missing: bool = False,
) -> Explanation:
    """Score the same boxes under every protocol, and under the reference with one rule changed at a time.

    Args:
        annotations: The benchmark's sequences.
        trajectories: Sequence name -> repetitions.
        protocols: All that fit the benchmark.
        reference: The one whose rules are changed; the benchmark's `papers` protocol, as a rule.
        metric: Metric key of the published value.
        published: A published value as printed, "0.691", "69.1" or "69.1%"; its digits say how exact it is.
        reason: Why a published value that no rules give cannot be compared; empty if it can.
        allow_missing: Score what is there.

    Raises:
        ScoringError: The reference itself cannot score the results, or lacks the metric.
        EvalkitError: The published value is no number.
    """
    printed = None if published is None else Printed.parse(published)
    variants = Variants(annotations, trajectories, reference, protocols, allow_missing=allow_missing)
    base = variants.evaluation(reference)
    start = base.summary()
    if metric not in start:
        raise ScoringError(f"{reference.id} does not report {metric}; it reports {', '.join(start)}.")
    refused: dict[str, str] = {}
    everything = [(other.id, other) for other in variants.others]
    everything += [(change.name, change.rules) for change in variants.changes]
    for name, rules in everything:
        try:
            variants.evaluation(rules)
        except ScoringError as problem:
            refused[name] = " ".join(str(problem).split("\nOr score")[0].split())
    effects = [
        _effect(change, variants.summary(change.rules), variants)
        for change in variants.changes
        if change.name not in refused
    ]
    moving = [effect for effect in effects if effect.largest > 0]
    moving.sort(key=lambda effect: (effect.last_bits, -effect.largest))
    return Explanation(
        reference.id,
        {rules.id: variants.summary(rules) for rules in (reference, *variants.others) if rules.id not in refused},
        refused,
        tuple(moving),
        tuple(phrase(effect.rule, effect.after) for effect in effects if effect.largest == 0),
        base.gathered.notes,
        None if printed is None else _match(variants, metric, printed, start[metric], reason),
    )


def _effect(change: _Change, scores: cabc.Mapping[str, float], variants: Variants) -> Effect:
    start = variants.summary(variants.reference)
    return Effect(
        rule=change.rule.name,
        before=value_text(change.rule.get(variants.reference)),
        after=value_text(change.value),
        used_by=change.used_by,
        last_bits=change.rule.last_bits,
        scores=scores,
        change={key: scores[key] - start[key] for key in start},
    )


def _match(variants: Variants, metric: str, published: Printed, measured: float, reason: str) -> Match:
    judgment = judge(metric, published, measured, variants.reference.id, explain=variants.explain)
    if judgment.verdict is Verdict.DIFFERS and reason:
        judgment = replace(judgment, verdict=Verdict.NOT_COMPARABLE, detail=reason)
    nearest = variants.nearest(metric, published)
    if judgment.verdict is Verdict.AGREES:
        nearest = ExplainedNumber(variants.reference.id, "", metric, measured)
    elif judgment.verdict is Verdict.EXPLAINED:
        nearest = variants.explain(metric, published) or nearest
    return Match(metric, published, measured, judgment, nearest)


def variations(reference: Protocol, protocols: cabc.Sequence[Protocol]) -> list[tuple[Rule, object, Protocol]]:
    """Every protocol that differs from the reference in one rule, with a value that some protocol has.

    Args:
        reference: Where to start.
        protocols: Protocols that give values; those of another kind are left out.
    """
    changes: list[tuple[Rule, object, Protocol]] = []
    for rule in rules_of(reference):
        candidates = [_changed(rule, reference, protocol) for protocol in protocols]
        candidates += [rule.put(reference, value) for value in rule.extra if rule.get(reference) is not None]
        different = dict.fromkeys(protocol for protocol in candidates if protocol is not None and protocol != reference)
        changes += [(rule, rule.get(protocol), protocol) for protocol in different]
    return changes


def _changed(rule: Rule, reference: Protocol, other: Protocol) -> Protocol | None:
    """The reference with one rule as another protocol has it; None where one of them has no such rule."""
    if type(other) is not type(reference) or rule.get(reference) is None or rule.get(other) is None:
        return None
    return rule.put(reference, rule.get(other))
