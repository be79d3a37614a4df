"""The optimizer of a recipe."""

import collections.abc as cabc
from typing import Any

import torch
from torch import nn

from .recipe import Recipe

FULL_RATE = "full_rate"
"""Entry of every parameter group: the rate that the schedule's factor multiplies."""


class Both(torch.optim.Optimizer):
    """Two optimizers, each with tensors of its own, that step as one."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:  # the parent would want the tensors once more
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Of both."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 - torch's
        """Forget all gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step of each."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Of each, by number."""
        return {str(number): part.state_dict() for number, part in enumerate(self.parts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state."""
        for number, part in enumerate(self.parts):
            part.load_state_dict(state_dict[str(number)])


def make_optimizer(
    recipe: Recipe, groups: cabc.Mapping[float, cabc.Mapping[str, nn.Parameter]], *, fused: bool
) -> torch.optim.Optimizer:
    """AdamW on a recipe's groups (rate -> name -> tensor); Muon on the hidden matrices if it has a rate for them.

    Hidden are matrices of linear layers between others, so not the head's last ones, nor tables of positions.
    """
    matrices = [
        value
        for group in groups.values()
        for name, value in group.items()
        if recipe.muon and value.ndim == 2 and name.endswith("weight") and not name.endswith("layers.2.weight")
    ]
    apart = {id(value) for value in matrices}
    adam = torch.optim.AdamW(
        [
            {"params": [value for value in group.values() if id(value) not in apart], "lr": rate, FULL_RATE: rate}
            for rate, group in groups.items()
        ],
        weight_decay=recipe.weight_decay,
        betas=recipe.betas,
        fused=fused,
    )
    if not matrices:
        return adam
    muon = torch.optim.Muon(
        [{"params": matrices, "lr": recipe.muon, FULL_RATE: recipe.muon}],
        lr=recipe.muon,
        weight_decay=recipe.weight_decay,
        adjust_lr_fn="original",
    )
    return Both(adam, muon)
