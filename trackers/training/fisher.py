"""The prior of ``srft-fisher``: empirical Fisher information of the weights before the training, cut to few eigenpairs.

The SRFT paper's page describes a block-diagonal matrix of which the largest eigenvalues are kept; it gives neither
groups nor numbers, and the program has no such matrix. What is here is our completion of it (``docs/finetuning.md``).
"""

import collections.abc as cabc
import re
from typing import NamedTuple

import torch
from torch import Tensor, nn

_MEMORY = 2 << 30  # bytes for the gradients of one pass; a pass sees as many tensors as fit
_MATRICES = r"\.(proj|qkv|fc1|fc2)\.weight$"


class Eigenpairs(NamedTuple):
    """Of F = G^T G / N.

    Attributes:
        values: (N,) all eigenvalues that F can have beside 0, largest first.
        vectors: (K, d) unit vectors of the first K.
    """

    values: Tensor
    vectors: Tensor


def eigenpairs(gradients: Tensor, kept: int) -> Eigenpairs:
    """Largest eigenpairs of the mean outer product of gradients (N, d), by way of the N x N Gram matrix.

    The cut's error has spectral norm ``values[kept]`` and squared Frobenius norm ``sum(values[kept:] ** 2)``.
    """
    rows = gradients / len(gradients) ** 0.5
    values, vectors = torch.linalg.eigh(rows @ rows.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    count = min(kept, int((values > values[0] * 1e-6).sum()))
    return Eigenpairs(values, (rows.T @ vectors[:, :count] / values[:count].sqrt()).T)


def diagonal(pairs: Eigenpairs) -> Tensor:
    """Diagonal (d,) of the cut matrix."""
    return (pairs.values[: len(pairs.vectors), None] * pairs.vectors**2).sum(dim=0)


def ranks(values: Tensor) -> Tensor:
    """Place of each element among all, 0..1, same shape.

    Example:
        >>> ranks(torch.tensor([5.0, 1.0, 3.0]))
        tensor([1.0000, 0.0000, 0.5000])
    """
    flat = values.flatten()
    line = torch.linspace(0, 1, flat.numel(), device=flat.device)
    return torch.empty_like(line).scatter_(0, flat.argsort(stable=True), line).view_as(values)


def prior_ranks(
    parameters: cabc.Mapping[str, nn.Parameter],
    losses: cabc.Callable[[], cabc.Iterator[Tensor]],
    *,
    samples: int,
    kept: int,
) -> dict[str, Tensor]:
    """Ranks of the elements by the diagonal of their tensor's cut Fisher matrix.

    Args:
        parameters: Name -> tensor.
        losses: Every call begins the same series of single-sample losses again.
        samples: N.
        kept: K.
    """
    return {
        name: ranks(diagonal(pairs)).view_as(parameters[name])
        for name, pairs in spectra(parameters, losses, samples=samples, kept=kept)
    }


def matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """Tensors that have a prior: patch embedding, attention, MLP. Biases and norms have none."""
    return {name: value for name, value in model.named_parameters() if re.search(_MATRICES, name)}


def spectra(
    parameters: cabc.Mapping[str, nn.Parameter],
    losses: cabc.Callable[[], cabc.Iterator[Tensor]],
    *,
    samples: int,
    kept: int,
) -> cabc.Iterator[tuple[str, Eigenpairs]]:
    """Name and eigenpairs of each tensor; see :func:`prior_ranks`."""
    for part in _passes(parameters, samples):
        values = [parameters[name] for name in part]
        stored = {name: torch.empty(samples, value.numel()) for name, value in zip(part, values, strict=True)}
        for number, loss in zip(range(samples), losses(), strict=False):
            gradients: cabc.Sequence[Tensor | None] = torch.autograd.grad(loss, values, allow_unused=True)
            for name, gradient in zip(part, gradients, strict=True):
                stored[name][number] = 0.0 if gradient is None else gradient.flatten().cpu()
        for name in part:
            yield name, eigenpairs(stored.pop(name), kept)


def _passes(parameters: cabc.Mapping[str, nn.Parameter], samples: int) -> cabc.Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for name, value in parameters.items():
        own = 4 * samples * value.numel()
        if part and size + own > _MEMORY:
            yield part
            part, size = [], 0
        part.append(name)
        size += own
    if part:
        yield part
