"""Why numbers differ: the same boxes under every protocol, and the effect of each single rule."""

import collections.abc as cabc
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from evalkit.errors import EvalkitError, ScoringError
from evalkit.scoring.conventions import Protocol
from evalkit.scoring.rules import Rule, rules_for, text_of
from evalkit.scoring.score import Trajectories, evaluate_results
from evalkit.sequences import Annotation

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
        scores: Metric key -> value.
        change: Metric key -> value minus the reference's.
    """

    rule: str
    before: str
    after: str
    used_by: tuple[str, ...]
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
        published: The value as a fraction.
        tolerance: Half a unit of its last printed digit.
        protocol: The nearest protocol.
        rule: The rule changed in it, empty if none.
        key: Metric key of the nearest number.
        value: That number.
        explained: It prints as the published value.
    """

    metric: str
    published: float
    tolerance: float
    protocol: str
    rule: str
    key: str
    value: float
    explained: bool

    @property
    def difference(self) -> float:
        """Nearest minus published."""
        return self.value - self.published


@dataclass(frozen=True, slots=True)
class Explanation:
    """The same boxes under many rules.

    Attributes:
        reference: Protocol from which rules are changed.
        protocols: Protocol id -> metric key -> value.
        refused: Protocol id or changed rule -> why it cannot score these boxes.
        effects: Rules that change a number, largest first.
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


def explain(
    annotations: cabc.Sequence[Annotation],
    trajectories: Trajectories,
    protocols: cabc.Sequence[Protocol],
    reference: Protocol,
    *,
    metric: str,
    published: str | None = None,
    allow_missing: bool = False,
) -> Explanation:
    """Score the same boxes under every protocol, and under the reference with one rule changed at a time.

    Args:
        annotations: The benchmark's sequences.
        trajectories: Sequence name -> repetitions.
        protocols: All that fit the benchmark.
        reference: The one whose rules are changed; the benchmark's `papers` protocol, as a rule.
        metric: Metric key of the published value.
        published: A published value as printed, "0.691" or "69.1"; its digits say how exact it is.
        allow_missing: Score what is there.

    Raises:
        ScoringError: The reference itself cannot score the results, or lacks the metric.
    """

    def summary(protocol: Protocol) -> dict[str, float]:
        return evaluate_results(annotations, trajectories, protocol, allow_missing=allow_missing).summary()

    base = evaluate_results(annotations, trajectories, reference, allow_missing=allow_missing)
    start = base.summary()
    if metric not in start:
        raise ScoringError(f"{reference.id} does not report {metric}; it reports {', '.join(start)}.")
    table: dict[str, dict[str, float]] = {reference.id: start}
    refused: dict[str, str] = {}
    for protocol in protocols:
        if protocol.id != reference.id:
            _try(partial(summary, protocol), protocol.id, table, refused)
    effects: list[Effect] = []
    for rule, value, changed in variations(reference, protocols):
        name = f"{rule.name}: {text_of(value)}"
        found: dict[str, dict[str, float]] = {}
        _try(partial(summary, changed), name, found, refused)
        if name in found:
            users = tuple(one.id for one in protocols if _changed(rule, reference, one) == changed)
            change = {key: found[name][key] - start[key] for key in start}
            before = text_of(rule.get(reference))
            effects.append(Effect(rule.name, before, text_of(value), users, found[name], change))
    moving = sorted((effect for effect in effects if effect.largest > 0), key=lambda effect: -effect.largest)
    still = tuple(f"{effect.rule}: {effect.after}" for effect in effects if effect.largest == 0)
    ordered = {one.id: table[one.id] for one in (reference, *protocols) if one.id in table}
    match = None if published is None else _match(metric, published, reference.id, ordered, moving)
    return Explanation(reference.id, ordered, refused, tuple(moving), still, base.gathered.notes, match)


def _try(
    compute: cabc.Callable[[], dict[str, float]],
    name: str,
    table: dict[str, dict[str, float]],
    refused: dict[str, str],
) -> None:
    try:
        table[name] = compute()
    except ScoringError as problem:
        refused[name] = " ".join(str(problem).split("\nOr score")[0].split())


def variations(reference: Protocol, protocols: cabc.Sequence[Protocol]) -> list[tuple[Rule, object, Protocol]]:
    """Every protocol that differs from the reference in one rule, with a value that some protocol has.

    Args:
        reference: Where to start.
        protocols: Protocols that give values; those of another kind are left out.
    """
    found: list[tuple[Rule, object, Protocol]] = []
    for rule in rules_for(reference):
        candidates = [_changed(rule, reference, one) for one in protocols]
        candidates += [rule.put(reference, value) for value in rule.extra if rule.get(reference) is not None]
        different = dict.fromkeys(one for one in candidates if one is not None and one != reference)
        found += [(rule, rule.get(one), one) for one in different]
    return found


def _changed(rule: Rule, reference: Protocol, other: Protocol) -> Protocol | None:
    """The reference with one rule as another protocol has it; None where one of them has no such rule."""
    if type(other) is not type(reference) or rule.get(reference) is None or rule.get(other) is None:
        return None
    return rule.put(reference, rule.get(other))


def parse_published(text: str) -> tuple[float, float]:
    """A printed score as a fraction, and half a unit of its last digit.

    Example:
        >>> parse_published("0.691"), parse_published("69.1")
        ((0.691, 0.0005), (0.691, 0.0005))

    Raises:
        EvalkitError: No number from 0 to 100.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise EvalkitError(f"published value {text!r}: expected a number such as 0.691 or 69.1.") from None
    if not 0 <= number <= 100:
        raise EvalkitError(f"published value {text!r}: expected a fraction or a percentage, 0 to 100.")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal(5).scaleb(exponent - 1)
    scale = Decimal(100) if number > 1 else Decimal(1)
    return float(number / scale), float(half / scale)


def _match(
    metric: str,
    text: str,
    reference: str,
    protocols: cabc.Mapping[str, cabc.Mapping[str, float]],
    effects: cabc.Sequence[Effect],
) -> Match:
    published, tolerance = parse_published(text)
    family = next((keys for keys in _FAMILIES if metric in keys), (metric,))
    found: list[tuple[float, int, str, str, str, float]] = []
    for name, scores in protocols.items():
        for key in family:
            if key in scores:
                # among equally near ones: the number asked for, the reference, a whole protocol, then a changed rule
                rank = (0 if key == metric else 2) + (0 if name == reference else 1)
                found.append((abs(scores[key] - published), rank, name, "", key, scores[key]))
    for effect in effects:
        rule = f"{effect.rule}: {effect.after}"
        found.append((abs(effect.scores[metric] - published), 5, reference, rule, metric, effect.scores[metric]))
    within = [one for one in found if one[0] <= tolerance + 1e-12]
    best = min(within, key=lambda one: (one[1], one[0])) if within else min(found)
    return Match(metric, published, tolerance, best[2], best[3], best[4], best[5], explained=bool(within))
