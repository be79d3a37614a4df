"""The Fisher prior against brute force on small matrices and a small network."""

import pytest
import torch

from trackers.training.damping import Damping, shares
from trackers.training.fisher import diagonal, eigenpairs, prior_ranks, ranks
from trackers.training.plan import TrainingPlan
from trackers.training.recipes import RECIPES


@pytest.fixture
def gradients():
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_eigenpairs_rebuild_the_whole_matrix(gradients):
    matrix = gradients.T @ gradients / 6
    values, vectors = eigenpairs(gradients, 6)
    torch.testing.assert_close(vectors.T * values[: len(vectors)] @ vectors, matrix)
    torch.testing.assert_close(values.sum(), matrix.trace())
    torch.testing.assert_close(diagonal(eigenpairs(gradients, 6)), matrix.diagonal())


@pytest.mark.parametrize("kept", [1, 3])
def test_the_error_of_the_cut_is_that_of_the_left_out_eigenvalues(gradients, kept):
    matrix = gradients.T @ gradients / 6
    values, vectors = eigenpairs(gradients, kept)
    assert len(vectors) == kept
    error = matrix - vectors.T * values[:kept] @ vectors
    torch.testing.assert_close(torch.linalg.matrix_norm(error, 2), values[kept])
    torch.testing.assert_close((error**2).sum(), (values[kept:] ** 2).sum())


def test_the_prior_of_a_network_is_the_order_of_its_brute_force_matrix(monkeypatch):
    monkeypatch.setattr("trackers.training.fisher._MEMORY", 300)  # a pass for each tensor
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    inputs, targets = torch.randn(9, 3), torch.randn(9, 2)

    def losses():
        return (((model(row) - target) ** 2).sum() for row, target in zip(inputs, targets, strict=True))

    named = dict(model.named_parameters())
    prior = prior_ranks(named, losses, samples=9, kept=9)
    for name, value in named.items():
        matrix = torch.zeros(value.numel(), value.numel())
        for loss in losses():
            (gradient,) = torch.autograd.grad(loss, value)
            matrix += torch.outer(gradient.flatten(), gradient.flatten()) / 9
        torch.testing.assert_close(prior[name].flatten(), ranks(matrix.diagonal()))


def test_without_weight_the_prior_changes_nothing():
    values = torch.rand(40, generator=torch.Generator().manual_seed(2))
    prior = ranks(values.flip(0))
    assert torch.equal(shares(values, Damping.FISHER, prior, 0.0), shares(values, Damping.RANK))
    mixed = shares(values, Damping.FISHER, prior, 0.5)
    torch.testing.assert_close(mixed, 0.25 + 0.4 * (prior + ranks(values)) / 2)


def test_the_weight_of_the_prior_falls_from_its_start_and_never_below_zero():
    epochs = TrainingPlan(RECIPES["srft-rgbd-256-fisher"], 40)  # of 20 epochs
    weights = [epochs.kappa(step) for step in range(40)]
    assert weights[:2] == [0.5, 0.5]
    assert weights[20:22] == [0.25, 0.25]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0
    steps = TrainingPlan(RECIPES["srft-mini-rgbd-fisher"], 4)  # of one epoch
    assert [round(steps.kappa(step), 4) for step in range(4)] == [0.5, 0.4268, 0.25, 0.0732]
    assert TrainingPlan(RECIPES["srft-mini-rgbd"], 4).kappa(0) == 0
