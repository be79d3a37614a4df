"""Reused memory for crops: threads cut into it, the device reads from it, no copy lies between."""

import collections

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Bytes = npt.NDArray[np.uint8]


class Slots:
    """Arrays of one shape that are used again once nobody looks at them any more.

    Args:
        shape: Of an array of bytes.
        pinned: Page-locked memory, from which a CUDA device reads while the processor goes on.
    """

    def __init__(self, shape: tuple[int, ...], *, pinned: bool = False) -> None:
        self._shape = shape
        self._pinned = pinned
        self._free: collections.deque[Tensor] = collections.deque()

    def take(self) -> Bytes:
        """An array with any content; may be called from several threads."""
        try:
            memory = self._free.pop()
        except IndexError:
            memory = torch.empty(self._shape, dtype=torch.uint8, pin_memory=self._pinned)
        return np.asarray(_Slot(memory, self._free))


class _Slot:
    """The base of an array from :meth:`Slots.take` and of all its views: ends with the last of them."""

    def __init__(self, memory: Tensor, free: collections.deque[Tensor]) -> None:
        self.__array_interface__ = memory.numpy().__array_interface__
        self._memory = memory
        self._free = free

    def __del__(self) -> None:
        self._free.append(self._memory)
