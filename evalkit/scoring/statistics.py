"""How sure is a number: bootstrap intervals over sequences, and the paired comparison of two trackers (scipy)."""

import collections.abc as cabc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from evalkit.boxes import FloatArray
from evalkit.flat import IntArray
from evalkit.scoring.aggregate import Metric

RESAMPLES = 2000
_BATCH = 100


class Ranked(NamedTuple):
    """One sequence of a comparison."""

    name: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two trackers on the same sequences, one metric; differences are first minus second.

    Attributes:
        metric: Metric key.
        first: Value of the first tracker.
        second: Value of the second.
        difference: first - second.
        interval: Bootstrap interval of the difference, resampling sequences of both together.
        level: Of the interval.
        p_value: Of Wilcoxon's signed-rank test over sequences, two-sided; 1 where no sequence differs.
        wins: Sequences in which the first is better.
        ties: Sequences in which both are equal.
        losses: Sequences in which the second is better.
        most_different: Sequences by size of the difference.
    """

    metric: str
    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    level: float
    p_value: float
    wins: int
    ties: int
    losses: int
    most_different: tuple[Ranked, ...]


def bootstrap_intervals(
    metrics: cabc.Mapping[str, Metric], count: int, *, level: float, seed: int, resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of every metric under resampling of sequences.

    Args:
        metrics: Metric key -> metric.
        count: Number of sequences.
        level: For example 0.95.
        seed: The same seed gives the same intervals, for any order of the metrics.
        resamples: Number of resamples.

    Returns:
        Metric key -> (low, high). With a single sequence both are its value.
    """
    return {
        key: _interval(metric.over, count, level=level, seed=seed, resamples=resamples)
        for key, metric in metrics.items()
    }


def _interval(
    statistic: cabc.Callable[[IntArray], FloatArray], count: int, *, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    rows = np.arange(count)
    if count < 2:
        value = float(statistic(rows))
        return value, value

    def of_rows(sample: IntArray, axis: int = -1) -> FloatArray:
        return statistic(np.moveaxis(sample, axis, -1))

    drawn = stats.bootstrap(
        (rows,),
        of_rows,
        n_resamples=resamples,
        batch=_BATCH,
        vectorized=True,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def compare_metric(
    key: str,
    first: Metric,
    second: Metric,
    names: cabc.Sequence[str],
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    listed: int = 10,
) -> Comparison:
    """Compare two trackers on the same sequences.

    Args:
        key: Metric key.
        first: The first tracker's metric.
        second: The second tracker's, for the same sequences in the same order.
        names: Names of the sequences.
        level: Of the interval.
        seed: Of the bootstrap.
        resamples: Number of resamples.
        listed: Number of sequences to list.
    """
    rows = np.arange(len(names))
    known = ~(np.isnan(first.values) | np.isnan(second.values))
    difference = np.where(known, first.values - second.values, 0.0)
    order = np.argsort(-np.abs(difference), kind="stable")[:listed]
    values = float(first.over(rows)), float(second.over(rows))
    interval = _interval(
        lambda sample: first.over(sample) - second.over(sample),
        len(names),
        level=level,
        seed=seed,
        resamples=resamples,
    )
    return Comparison(
        metric=key,
        first=values[0],
        second=values[1],
        difference=values[0] - values[1],
        interval=interval,
        level=level,
        p_value=_signed_rank(difference),
        wins=int((difference > 0).sum()),
        ties=int((known & (difference == 0)).sum()),
        losses=int((difference < 0).sum()),
        most_different=tuple(
            Ranked(names[row], float(first.values[row]), float(second.values[row])) for row in order if difference[row]
        ),
    )


def _signed_rank(difference: FloatArray) -> float:
    nonzero = difference[difference != 0]
    if len(nonzero) == 0:
        return 1.0
    return float(stats.wilcoxon(nonzero).pvalue)
