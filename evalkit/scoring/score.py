"""``score``: from annotations and trajectories to Scores under one protocol."""

import collections.abc as cabc
from dataclasses import dataclass

import numpy as np

from evalkit.boxes import IntArray
from evalkit.errors import counted
from evalkit.scoring.aggregate import Aggregated, SequenceMetric, aggregate_longterm, aggregate_ope
from evalkit.scoring.conventions import LongTermProtocol, Protocol
from evalkit.scoring.gather import Gathered, flat_parts, flatten_longterm, gather
from evalkit.scoring.longterm import evaluate_longterm
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.ope import evaluate
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, Trajectories

UNSCORABLE = "no frame can be scored"
TOO_FEW = "too few sequences for an interval"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A protocol applied to results, before it is written down as Scores.

    Attributes:
        protocol: The rules.
        gathered: What was scored.
        numbers: Metrics and curves.
    """

    protocol: Protocol
    gathered: Gathered
    numbers: Aggregated

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scored sequences."""
        return tuple(annotation.name for annotation in self.gathered.annotations)

    def summary(self, rows: IntArray | None = None) -> dict[str, float]:
        """Metric key -> fraction, of every reported number, over all sequences or over those at ``rows``, (N,)."""
        chosen = np.arange(len(self.gathered.annotations)) if rows is None else rows
        return {key: metric.over(chosen) for key, metric in self.numbers.metrics.items()}


def evaluate_results(
    annotations: cabc.Sequence[Annotation],
    trajectories: Trajectories,
    protocol: Protocol,
    *,
    allow_missing: bool = False,
) -> Evaluation:
    """Apply a protocol.

    Raises:
        ScoringError: Results are missing, short, long, foreign or hold NaN and the protocol refuses them, or
            annotations cannot be scored; all of them are listed by name.
    """
    gathered = gather(annotations, trajectories, protocol, allow_missing=allow_missing)
    if isinstance(protocol, LongTermProtocol):
        numbers = aggregate_longterm(evaluate_longterm(flatten_longterm(gathered), protocol), protocol)
    else:
        parts = flat_parts(gathered, protocol)
        numbers = aggregate_ope(evaluate(parts, len(gathered.annotations), protocol), protocol)
    return Evaluation(protocol, gathered, numbers)


def score(
    annotations: cabc.Sequence[Annotation],
    trajectories: Trajectories,
    protocol: Protocol | str,
    *,
    benchmark: str,
    split: str,
    tracker: str,
    run: str,
    allow_missing: bool = False,
    attributes: bool = False,
    interval: float | None = None,
    seed: int = 0,
    notes: cabc.Sequence[str] = (),
    sample: bool = False,
) -> Scores:
    """Score one tracker on one benchmark under one protocol.

    Args:
        annotations: The benchmark's sequences in its order.
        trajectories: Sequence name -> repetitions, at least one.
        protocol: A declaration, or its id; an id is looked up with the benchmark's variant.
        benchmark: Benchmark name.
        split: Split name.
        tracker: Tracker name.
        run: Run id, or "files:..." for raw result files.
        allow_missing: Score what is there and say so.
        attributes: Also score the subset of every challenge attribute.
        interval: Level of bootstrap intervals over sequences, for example 0.95.
        seed: Of the bootstrap.
        notes: Facts to be kept with the numbers.
        sample: The data are the rendered sample.

    Raises:
        ScoringError: See :func:`evaluate_results`.
        UnknownNameError: No protocol has that id.
    """
    rules = get_protocol(protocol, benchmark) if isinstance(protocol, str) else protocol
    done = evaluate_results(annotations, trajectories, rules, allow_missing=allow_missing)
    intervals, few = _intervals(done.numbers.metrics, len(done.names), interval, seed)
    return Scores(
        benchmark=benchmark,
        split=split,
        protocol=rules.id,
        tracker=tracker,
        run=run,
        sequence_names=done.names,
        frames=np.array([len(annotation.ground_truth) for annotation in done.gathered.annotations], dtype=np.int64),
        per_sequence={key: metric.values for key, metric in done.numbers.metrics.items()},
        curves=done.numbers.curves,
        thresholds=done.numbers.thresholds,
        summary=done.summary(),
        intervals=intervals,
        attributes=attribute_scores(done) if attributes else {},
        missing=done.gathered.missing,
        notes=(*notes, *done.gathered.notes, *_empty_notes(done), *_undefined_notes(done), *few),
        sample=sample,
    )


def _intervals(
    metrics: cabc.Mapping[str, SequenceMetric], count: int, level: float | None, seed: int
) -> tuple[dict[str, tuple[float, float]], tuple[str, ...]]:
    """Intervals, and a note where there are too few sequences for them."""
    if level is None:
        return {}, ()
    from evalkit.scoring.statistics import FEWEST, bootstrap_intervals

    intervals = bootstrap_intervals(metrics, count, level=level, seed=seed)
    lacking = [key for key in metrics if key not in intervals]
    if not lacking:
        return intervals, ()
    of = "" if len(lacking) == len(metrics) else f" of {', '.join(lacking)}"
    return intervals, (f"{TOO_FEW}{of}: it needs {FEWEST}, found {count}",)


def attribute_scores(done: Evaluation) -> dict[str, dict[str, float]]:
    """Attribute code -> metric key -> value over the sequences that have it, and "sequences", their number."""
    annotations = done.gathered.annotations
    codes = sorted({code for annotation in annotations for code in annotation.attributes})
    scores: dict[str, dict[str, float]] = {}
    for code in codes:
        rows = np.flatnonzero([code in annotation.attributes for annotation in annotations])
        if len(rows) >= done.protocol.attribute_minimum:
            scores[code] = {"sequences": float(len(rows)), **done.summary(rows)}
    return scores


def _undefined_notes(done: Evaluation) -> list[str]:
    lacking = [key for key, metric in done.numbers.metrics.items() if np.isnan(metric.values).all()]
    if not lacking:
        return []
    return [f"{UNSCORABLE} under {done.protocol.id} (no target, or all frames left out): no {', '.join(lacking)}"]


def _empty_notes(done: Evaluation) -> list[str]:
    return [
        f"{counted(len(rows), 'sequence')} whose {curve.replace('_', ' ')} curve is zero everywhere, left out of its "
        f"mean, as {done.protocol.id} does"
        for curve, rows in done.numbers.left_out.items()
        if len(rows)
    ]
