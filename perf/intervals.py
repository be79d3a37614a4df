"""How often do intervals of few sequences cover? Sequences are drawn again and again from known populations.

The populations are shapes of per-sequence scores as trackers have them: broad, skewed, with a second hump of lost
sequences; or raw results of real trackers, each a population of its own. For each number of sequences the share of
intervals that hold the population's mean is printed: of evalkit's, and of percentile intervals for comparison.

    python perf/intervals.py
    python perf/intervals.py lasot results_lasot.zip lasot_test_gt.zip success_auc
"""

import argparse

import numpy as np

import evalkit
from evalkit.boxes import FloatArray
from evalkit.scoring.aggregate import MeanMetric
from evalkit.scoring.statistics import FEWEST, LEVEL, bootstrap_intervals

COUNTS = (5, 7, 8, 10, 15, 20, 40)
RESAMPLES = 400


def shapes(size: int = 20_000) -> dict[str, FloatArray]:
    """Populations of per-sequence scores in [0, 1]."""
    rng = np.random.default_rng(0)
    lost = rng.random(size) < 0.3
    return {
        "broad": rng.uniform(0, 1, size),
        "good, skewed": rng.beta(3, 1.8, size),
        "weak, skewed": rng.beta(1.2, 2.5, size),
        "two humps": np.where(lost, rng.beta(1.2, 5, size), rng.beta(7, 3.5, size)),
        "nearly all or nothing": rng.beta(0.5, 0.5, size),
    }


def coverage(population: FloatArray, count: int, trials: int, seed: int = 0) -> tuple[float, float]:
    """Share of trials in which evalkit's interval and the percentile interval hold the population's mean."""
    rng = np.random.default_rng([seed, count])
    truth, weights = population.mean(), np.ones(count)
    ours = percentile = 0
    for trial in range(trials):
        values = rng.choice(population, count)
        metrics = {"x": MeanMetric(values, weights)}
        measured = bootstrap_intervals(metrics, count, level=LEVEL, seed=trial, resamples=RESAMPLES)
        low, high = measured.get("x", (np.nan, np.nan))
        ours += low <= truth <= high
        means = values[rng.integers(0, count, (RESAMPLES, count))].mean(axis=1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        percentile += low <= truth <= high
    return ours / trials, percentile / trials


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", nargs="*", help="benchmark, results, annotations, metric")
    parser.add_argument("--trials", type=int, default=1000)
    given = parser.parse_args()
    populations = shapes()
    if given.real:
        benchmark, results, annotations, metric = given.real
        frame = evalkit.per_sequence(benchmark, predictions=results, annotations=annotations, metric=metric)
        populations = {str(name): frame[name].dropna().to_numpy() for name in frame}
    print(f"coverage of {LEVEL:.0%} intervals, {given.trials} trials; percentile intervals in brackets")
    print(f"{'sequences':24}" + "".join(f"{count:>14}" for count in COUNTS))
    for name, population in populations.items():
        cells = []
        for count in COUNTS:
            ours, percentile = coverage(population, count, given.trials)
            cells.append(f"{f'{ours:.3f}' if count >= FEWEST else 'too few'} ({percentile:.3f})")
        print(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
