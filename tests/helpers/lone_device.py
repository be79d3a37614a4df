"""A device that holds shapes and no numbers: what a card would wait for, or find elsewhere, is an error or noted."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = "meta"  # asked for a number, it raises


class Strangers(TorchDispatchMode):
    """Operations that take or make arrays of the processor; single numbers are parameters of kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, answer)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type != DEVICE and tensor.dim() for tensor in tensors):
            self.seen.append(f"{func}: {[(tensor.device.type, *tensor.shape) for tensor in tensors]}")
        self.count += 1
        return answer


class Card:
    """What :class:`trackers.common.torch_tracker.Card` does, without numbers."""

    def upload(self, rows: Any, count: int) -> Tensor:
        return torch.empty((count, *rows[0].shape), dtype=torch.uint8, device=DEVICE)

    def download(self, answers: Tensor) -> Tensor:
        assert answers.device.type == DEVICE
        return answers

    def mark(self) -> None:
        return None
