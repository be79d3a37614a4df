"""How sure is a mean over trainings and sequences: a hierarchical bootstrap, and what it could have detected.

Every training (seed) is scored on the same sequences, so that a resample draws seeds, then one set of sequences for all
of them. Sequences that were drawn anew for each seed would hide that all seeds share the luck of their sequences.
"""

from typing import NamedTuple

import numpy as np

from evalkit.boxes import FloatArray

LEVEL, POWER = 0.95, 0.8
RESAMPLES = 4000


class Estimate(NamedTuple):
    """A mean over seeds and sequences.

    Attributes:
        mean: Of all scores.
        low: Of the interval.
        high: Of the interval.
        smallest: Difference from 0 that would have been detected with probability :data:`POWER`.
    """

    mean: float
    low: float
    high: float
    smallest: float

    @property
    def is_clear(self) -> bool:
        """The interval leaves out 0."""
        return self.low > 0 or self.high < 0


def estimate(values: FloatArray, *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """Mean with Student's t interval, its standard error by the bootstrap.

    Args:
        values: (seeds, sequences): scores, or differences of two arms with the same seeds.
        seed: Of the bootstrap.
        resamples: Number of resamples.
    """
    from scipy.special import stdtrit  # slow to import

    mean = float(values.mean())
    error = standard_error(values, seed=seed, resamples=resamples)
    degrees = degrees_of_freedom(values)
    reach = float(stdtrit(degrees, (1 + LEVEL) / 2))
    return Estimate(mean, mean - reach * error, mean + reach * error, (reach + float(stdtrit(degrees, POWER))) * error)


def standard_error(values: FloatArray, *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Standard deviation of the mean over resamples of seeds, then sequences (S, Q).

    Effects of seeds and sequences are widened beforehand by the root of n / (n - 1), without which a bootstrap of three
    seeds would be too sure by a fifth (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
    """
    rng = np.random.default_rng(seed)
    wide = widened(values)
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), resamples) / n for n in wide.shape)
    return float(np.einsum("bs,sq,bq->b", rows, wide, columns).std())


def widened(values: FloatArray) -> FloatArray:
    """The same mean; effects of seeds, of sequences, and of both together times the root of n / (n - 1) each."""
    mean, (by_seed, by_sequence) = values.mean(), effects(values)
    factors = [np.sqrt(n / (n - 1)) if n > 1 else 1.0 for n in values.shape]
    rest = values - mean - by_seed - by_sequence
    return np.asarray(mean + factors[0] * by_seed + factors[1] * by_sequence + factors[0] * factors[1] * rest)


def effects(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far each seed (S, 1) and each sequence (1, Q) lies from the mean."""
    mean = values.mean()
    return values.mean(axis=1, keepdims=True) - mean, values.mean(axis=0, keepdims=True) - mean


def degrees_of_freedom(values: FloatArray) -> float:
    """Satterthwaite's, of the variances of seeds and of sequences; of a single seed those of the sequences."""
    parts = [(effect.var(ddof=1) / effect.size, effect.size - 1) for effect in effects(values) if effect.size > 1]
    total = sum(part for part, _ in parts)
    below = sum(part**2 / degrees for part, degrees in parts)
    return float(total**2 / below) if below > 0 else float(sum(degrees for _, degrees in parts))
