"""One training of the study: the pool's loop, with what the figures show written down on the way."""

import collections.abc as cabc
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evalkit.atomic import write_whole

from ...common.definition import Definition
from ..pool_training import PoolSettings, Training
from ..rendered import Pool
from .arms import Arm

_POINTS = 6  # of a trajectory
_QUANTILES = 101


class Trial(Training):
    """A training that remembers its losses, and its gradients at the end.

    Args:
        arm: What to train.
        definition: Of its tracker.
        pools: Training and validation scenes.
        settings: Where and how long; ``checks`` > 0 asks for a trajectory.
        parent: Weights to start from.
    """

    def __init__(
        self, arm: Arm, definition: Definition, pools: tuple[Pool, Pool], settings: PoolSettings, parent: Path
    ) -> None:
        super().__init__(arm.recipe, definition, pools, settings, parent)
        self._losses: list[Tensor] = []
        self.trajectory: list[dict[str, float]] = []

    def _step(self) -> dict[str, Tensor]:
        losses = super()._step()
        self._losses.append(losses["loss"])
        every = max(1, self.total // _POINTS)
        if self.settings.checks and (self.step % every == 0 or self.step == self.total):
            loss = torch.stack(self._losses).mean().item()
            self.trajectory.append({"step": self.step, "loss": loss, **self.check()})
            self._losses.clear()
        return losses

    def gradients(self) -> dict[str, list[float]]:
        """Operation -> share of the squared gradient of the last step that its largest 0, 1, ..., 100 % values hold."""
        squares: dict[str, list[Tensor]] = {}
        for name, value in self.model.named_parameters():
            if value.grad is not None and value.ndim > 1 and (operation := operation_of(name)):
                squares.setdefault(operation, []).append(value.grad.flatten() ** 2)
        return {name: concentration(torch.cat(parts)) for name, parts in sorted(squares.items())}

    def observed(self) -> dict[str, Any]:
        """For the figures."""
        return {"trajectory": self.trajectory, "gradients": self.gradients()}


def operation_of(name: str) -> str | None:
    """Operation that a backbone's matrix belongs to; None of biases, norms and the head.

    Example:
        >>> operation_of("backbone.blocks_rgb.3.attn.qkv.weight"), operation_of("box_head.conv1_ctr.0.weight")
        ('qkv', None)
    """
    last = name.removesuffix(".weight").rsplit(".", 1)[-1]
    if name.startswith("backbone.patch_embed") and name.endswith(".weight"):
        return "patch embedding"
    known = name.startswith("backbone.") and name.endswith(".weight") and last in {"qkv", "proj", "fc1", "fc2"}
    return last if known else None


def concentration(squares: Tensor) -> list[float]:
    """Share of the sum in the largest 0, 1, ..., 100 % of the values.

    Example:
        >>> [round(value, 2) for value in concentration(torch.tensor([4.0, 0.0, 1.0, 3.0]))[::25]]
        [0.0, 0.5, 0.88, 1.0, 1.0]
    """
    ordered = squares.double().sort(descending=True).values
    whole = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    places = torch.linspace(0, len(ordered), _QUANTILES, dtype=torch.float64)
    low = places.long().clamp(max=len(ordered) - 1)
    values = whole[low] + (places - low) * (whole[low + 1] - whole[low])
    return (values / whole[-1].clamp(min=torch.finfo(torch.float64).tiny)).tolist()


def write_json(path: Path, content: cabc.Mapping[str, Any]) -> None:
    """A whole file or none."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
