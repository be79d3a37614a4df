"""The study's interval: by seed, then sequence; against all resamples, against the formula, and by coverage."""

import itertools

import numpy as np
import pytest

from trackers.training.study.bootstrap import degrees_of_freedom, estimate, standard_error, widened


def test_the_standard_error_is_that_of_all_resamples_of_seeds_then_sequences():
    values = np.random.default_rng(1).normal(50, 10, (2, 3))
    wide = widened(values)
    means = [
        wide[np.ix_(rows, columns)].mean()
        for rows in itertools.product(range(2), repeat=2)
        for columns in itertools.product(range(3), repeat=3)
    ]
    assert standard_error(values, resamples=40_000) == pytest.approx(np.std(means), rel=0.02)


def test_of_effects_that_add_up_it_is_the_root_of_both_variances_over_their_numbers():
    rng = np.random.default_rng(2)
    seeds, sequences = rng.normal(0, 3, (4, 1)), rng.normal(0, 8, (1, 15))
    expected = np.sqrt(seeds.var(ddof=1) / 4 + sequences.var(ddof=1) / 15)
    assert standard_error(seeds + sequences, resamples=40_000) == pytest.approx(expected, rel=0.02)


def test_sequences_that_all_seeds_share_do_not_become_surer_with_more_seeds():
    sequences = np.random.default_rng(3).normal(0, 8, (1, 15))
    few, many = (standard_error(np.repeat(sequences, seeds, axis=0)) for seeds in (2, 12))
    assert few == pytest.approx(many, rel=0.05)


def test_a_single_seed_leaves_the_uncertainty_of_its_sequences():
    values = np.random.default_rng(4).normal(0, 8, (1, 12))
    assert degrees_of_freedom(values) == pytest.approx(11)
    assert standard_error(values, resamples=40_000) == pytest.approx(values.std(ddof=1) / np.sqrt(12), rel=0.02)


def test_where_nothing_varies_the_interval_is_the_mean():
    assert estimate(np.full((3, 5), 2.5)) == pytest.approx((2.5, 2.5, 2.5, 0.0))


def trial(rng, effect, shape=(3, 12)):
    return effect + rng.normal(0, 2, (shape[0], 1)) + rng.normal(0, 5, (1, shape[1])) + rng.normal(0, 2, shape)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    intervals = [estimate(trial(rng, 1.0), resamples=200) for _ in range(300)]
    assert 0.92 <= np.mean([one.low <= 1.0 <= one.high for one in intervals]) <= 0.99


def test_a_difference_of_the_smallest_detectable_size_is_found_about_four_times_in_five():
    rng = np.random.default_rng(6)
    shape = 12, 30
    size = np.mean([estimate(trial(rng, 0.0, shape), resamples=200).smallest for _ in range(50)])
    clear = [estimate(trial(rng, size, shape), resamples=200).is_clear for _ in range(200)]
    assert 0.7 <= np.mean(clear) <= 0.9
