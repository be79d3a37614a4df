"""How sure is a number: intervals over sequences, and the paired comparison of two trackers.

An interval is Student's t interval on the logistic scale with the bootstrap's standard error. Scores lie between 0 and
1 and are skewed, so percentile intervals are too narrow for few sequences; ``perf/intervals.py`` measures both.
"""

import collections.abc as cabc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.scoring.aggregate import SequenceMetric

LEVEL = 0.95  # where nobody asks for another
FEWEST = 7  # sequences; of fewer the intervals cover too seldom (perf/intervals.py)
RESAMPLES = 2000
_EDGE = 1e-3  # from 0 and 1, where the logistic scale ends
_BATCH_CELLS = 1 << 18  # of resamples times sequences at once


class Ranked(NamedTuple):
    """One sequence of a comparison."""

    name: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """Two trackers on the same sequences, one metric; differences are first minus second.

    Attributes:
        metric: Metric key.
        first: Value of the first tracker.
        second: Value of the second.
        difference: first - second.
        interval: Of the difference, resampling sequences of both together; None of too few sequences.
        level: Of the interval.
        p_value: Of Wilcoxon's signed-rank test over sequences, two-sided; 1 where no sequence differs.
        effect: Rank-biserial correlation, what the test ranks as a share: 1 where the first is better in every sequence
            that differs, -1 where the second is.
        wins: Sequences in which the first is better.
        ties: Sequences in which both are equal.
        losses: Sequences in which the second is better.
        most_different: Sequences by size of the difference.
    """

    metric: str
    first: float
    second: float
    difference: float
    interval: tuple[float, float] | None
    level: float
    p_value: float
    effect: float
    wins: int
    ties: int
    losses: int
    most_different: tuple[Ranked, ...]


def bootstrap_intervals(
    metrics: cabc.Mapping[str, SequenceMetric], count: int, *, level: float, seed: int, resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """Intervals of every metric over sequences like these.

    Args:
        metrics: Metric key -> metric.
        count: Number of sequences.
        level: For example 0.95.
        seed: The same seed gives the same intervals, for any order of the metrics.
        resamples: Number of resamples.

    Returns:
        Metric key -> (low, high) around the metric's value; without metrics of fewer than :data:`FEWEST` sequences.
    """
    counts = {key: int(np.isfinite(metric.values).sum()) for key, metric in metrics.items()}
    parts: dict[str, list[FloatArray]] = {key: [] for key, number in counts.items() if number >= FEWEST}
    for draws in _draws(count, seed, resamples) if parts else ():  # the same for all metrics
        for key, values in parts.items():
            values.append(metrics[key].resampled(draws))
    rows = np.arange(count)
    return {key: _around(metrics[key].over(rows), values, counts[key], level) for key, values in parts.items()}


def _draws(count: int, seed: int, resamples: int) -> cabc.Iterator[FloatArray]:
    """(B, count) how often each resample draws each sequence, in batches that fit into memory."""
    rng = np.random.default_rng(seed)
    size = max(1, _BATCH_CELLS // max(1, count))
    for start in range(0, resamples, size):
        rows = rng.integers(0, count, (min(size, resamples - start), count))
        cells = rows + count * np.arange(len(rows))[:, None]
        yield np.bincount(cells.ravel(), minlength=rows.size).reshape(rows.shape).astype(np.float64)


def _around(value: float, parts: list[FloatArray], count: int, level: float) -> tuple[float, float]:
    """Interval around a fraction, from its values over resamples of ``count`` sequences."""
    from scipy.special import stdtrit  # slow to import

    error = np.nanstd(np.concatenate(parts)) * np.sqrt(count / (count - 1))
    inside = min(max(value, _EDGE), 1 - _EDGE)
    center = np.log(inside / (1 - inside))
    reach = stdtrit(count - 1, (1 + level) / 2) * error / (inside * (1 - inside))
    low, high = 1 / (1 + np.exp(reach - center)), 1 / (1 + np.exp(-reach - center))
    return min(float(low), value), max(float(high), value)


def compare_metric(
    key: str,
    first: SequenceMetric,
    second: SequenceMetric,
    names: cabc.Sequence[str],
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    listed: int = 10,
) -> MetricComparison:
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
    values = first.over(rows), second.over(rows)
    interval = None
    if known.sum() >= FEWEST:
        drawn = _draws(len(names), seed, resamples)
        halves = [(1 + first.resampled(draws) - second.resampled(draws)) / 2 for draws in drawn]
        low, high = _around((1 + values[0] - values[1]) / 2, halves, int(known.sum()), level)
        interval = 2 * low - 1, 2 * high - 1
    return MetricComparison(
        metric=key,
        first=values[0],
        second=values[1],
        difference=values[0] - values[1],
        interval=interval,
        level=level,
        p_value=_signed_rank(difference),
        effect=rank_biserial(difference),
        wins=int((difference > 0).sum()),
        ties=int((known & (difference == 0)).sum()),
        losses=int((difference < 0).sum()),
        most_different=tuple(
            Ranked(names[row], float(first.values[row]), float(second.values[row])) for row in order if difference[row]
        ),
    )


def rank_biserial(difference: FloatArray) -> float:
    """Sum of the signed ranks of differences (S,) over the sum of the ranks; zeros are left out, 0 without any other.

    Source: Kerby, The simple difference formula, Comprehensive Psychology 2014.

    Example:
        >>> rank_biserial(np.array([3.0, -1.0, 2.0, 0.0]))
        0.6666666666666666
    """
    nonzero = difference[difference != 0]
    if len(nonzero) == 0:
        return 0.0
    from scipy import stats  # slow to import

    ranks = stats.rankdata(np.abs(nonzero))
    return float((ranks * np.sign(nonzero)).sum() / ranks.sum())


def holm(p_values: cabc.Sequence[float]) -> list[float]:
    """P values corrected for their number: the chance of a single false claim among all stays below the level.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _signed_rank(difference: FloatArray) -> float:
    nonzero = difference[difference != 0]
    if len(nonzero) == 0:
        return 1.0
    from scipy import stats  # slow to import; intervals do without it

    return float(stats.wilcoxon(nonzero).pvalue)
