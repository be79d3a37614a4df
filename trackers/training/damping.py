"""SRFT's update rule: after the optimizer's step, every weight moves only a part of the way that the step proposed.

Source: SRTrack's trainer as published; the paper's Fisher information is not in it (``docs/finetuning.md``).
"""

import collections.abc as cabc
import enum
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST, MOST = 0.25, 0.65  # share of the old value that stays (SRTrack's program)
_SCALE = 1e8  # of squared gradients, against underflow (SRTrack's program)


class Damping(enum.StrEnum):
    """How the shares of a tensor's elements are ordered."""

    CODE = "srft-code"
    """As published: the inverse permutation of the intended order."""
    RANK = "srft-rank"
    """As intended: the larger an element's squared gradient, the more of its old value stays."""
    FISHER = "srft-fisher"
    """As intended, mixed with the Fisher information of the weights before the training: our completion."""


@dataclass(frozen=True, slots=True)
class FisherSettings:
    """Of the mode ``srft-fisher``; the paper's are not known.

    Attributes:
        samples: Single-sample gradients that the information is estimated from.
        kept: Largest eigenvalues that are kept of each tensor.
        kappa: Share of the prior at the beginning; it falls on a cosine to 0.
    """

    samples: int = 64
    kept: int = 8
    kappa: float = 0.5


def shares(significance: Tensor, mode: Damping, prior: Tensor | None = None, kappa: float = 0.0) -> Tensor:
    """Share of the old value that stays, same shape.

    Args:
        significance: Of the elements; only its order matters.
        mode: How the shares are ordered.
        prior: Ranks in 0..1 before the training, same shape; 0 everywhere if None. Of ``srft-fisher`` alone.
        kappa: Weight of the prior against the significance.

    Example:
        >>> shares(torch.tensor([4.0, 1.0, 3.0, 2.0]), Damping.RANK)
        tensor([0.6500, 0.2500, 0.5167, 0.3833])
        >>> shares(torch.tensor([4.0, 1.0, 3.0, 2.0]), Damping.CODE)
        tensor([0.3833, 0.6500, 0.5167, 0.2500])
    """
    flat = significance.flatten()
    order = flat.argsort(stable=True)
    ramp = torch.linspace(LEAST, MOST, flat.numel(), device=flat.device, dtype=flat.dtype)
    if mode is Damping.CODE:
        return ramp[order].view_as(significance)
    ranked = torch.empty_like(flat).scatter_(0, order, ramp).view_as(significance)
    if mode is Damping.RANK:
        return ranked
    before = LEAST if prior is None else LEAST + (MOST - LEAST) * prior
    return (1 - kappa) * ranked + kappa * before


class DampedUpdate:
    """Wraps the steps of any optimizer.

    Args:
        parameters: Name -> trainable tensor of the backbone; the head is not damped.
        mode: Order of the shares.
        prior: Name -> ranks in 0..1 (:func:`trackers.training.fisher.prior_ranks`), for ``srft-fisher``.

    Attributes:
        kappa: Weight of the prior in the next step.
    """

    def __init__(
        self,
        parameters: cabc.Mapping[str, torch.nn.Parameter],
        mode: Damping,
        prior: cabc.Mapping[str, Tensor] | None = None,
    ) -> None:
        self.mode = mode
        self.kappa = 0.0
        self._parameters = dict(parameters)
        self._prior = dict(prior or {})
        self.last = {name: torch.zeros_like(value) for name, value in self._parameters.items()}

    @torch.no_grad()
    def step(self, optimizer_step: cabc.Callable[[], object]) -> None:
        """Let the optimizer step on clipped gradients, then interpolate."""
        old = {name: value.detach().clone() for name, value in self._parameters.items()}
        optimizer_step()
        for name, value in self._parameters.items():
            if value.grad is None:
                continue
            share = shares(self.significance(name, value.grad), self.mode, self._prior.get(name), self.kappa)
            value.copy_(share * old[name] + (1 - share) * value)

    def significance(self, name: str, gradient: Tensor) -> Tensor:
        """Mean of this and the last step's squared gradient over its maximum; remembers the current one."""
        square = _SCALE * gradient**2
        mean = (self.last[name] + square) / 2
        self.last[name] = square
        return mean / mean.max()

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed training needs; the published program forgets it."""
        return {f"last.{name}": value for name, value in self.last.items()} | {
            f"prior.{name}": value for name, value in self._prior.items()
        }

    def load_state_dict(self, state: cabc.Mapping[str, Tensor]) -> None:
        """Take over a saved state."""
        for name, tensor in self.last.items():
            tensor.copy_(state[f"last.{name}"])
        self._prior = {name.removeprefix("prior."): value for name, value in state.items() if name.startswith("prior.")}
