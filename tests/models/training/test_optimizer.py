"""Which optimizer steps which tensor."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from trackers.common.definition import definition
from trackers.training.optimizer import make_optimizer
from trackers.training.recipe import Group
from trackers.training.recipes import RECIPES
from trackers.training.start import new_network, trained_groups


def stepped(muon: float) -> dict[str, torch.Tensor]:
    """Name -> change of every tensor of swintrack-mini in one step on gradients of one."""
    recipe = replace(RECIPES["swintrack-mini"], muon=muon, groups=(Group("", 1e-3),), weight_decay=0.0)
    model = new_network(definition("swintrack-mini"), seed=3)
    groups = trained_groups(model, recipe)
    optimizer = make_optimizer(recipe, groups, fused=False)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    optimizer.step()
    return {name: value.detach() - before[name] for name, value in model.named_parameters()}


def test_muon_steps_hidden_matrices_and_adamw_all_else():
    both, adam = stepped(0.01), stepped(0.0)
    by_muon = {name for name in both if not torch.equal(both[name], adam[name])}
    assert {"encoder.layers.3.mlp.fc1.weight", "backbone.stages.1.pre_stage.reduction.weight"} <= by_muon
    assert not any(name.endswith(("bias", "_pos", "places", "table", "layers.2.weight")) for name in by_muon)
    assert not any(both[name].ndim != 2 for name in by_muon)
    change = both["encoder.layers.3.mlp.fc1.weight"]  # of rank one, since all gradients are equal
    assert torch.linalg.matrix_norm(change, 2) == pytest.approx(0.01 * 2**0.5, rel=0.4)


def test_both_optimizers_forget_gradients_and_give_their_state_back():
    recipe = replace(RECIPES["swintrack-mini"], muon=0.01)
    model = nn.ModuleDict({"fc": nn.Linear(4, 4)})
    groups = {1e-3: {f"fc.{name}": value for name, value in model["fc"].named_parameters()}}

    def step(optimizer: torch.optim.Optimizer) -> None:
        for value in model.parameters():
            value.grad = torch.linspace(-1, 1, value.numel()).view_as(value)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    first = make_optimizer(recipe, groups, fused=False)
    step(first)
    assert all(value.grad is None for value in model.parameters())
    kept, weights = (
        copy.deepcopy(first.state_dict()),
        {name: value.clone() for name, value in model.state_dict().items()},
    )
    step(first)
    expected = model["fc"].weight.detach().clone()
    model.load_state_dict(weights)
    second = make_optimizer(recipe, groups, fused=False)
    second.load_state_dict(kept)
    step(second)
    assert torch.equal(model["fc"].weight, expected)
