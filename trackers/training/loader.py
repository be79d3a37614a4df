"""Batches of pairs from worker processes: the same by seed, whatever the number of workers and after a resume."""

import collections.abc as cabc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from evalkit.errors import EvalkitError, TrackerError

from ..common.torch_tracker import IMAGENET_MEAN, IMAGENET_STD
from .pairs import Item, PairMaker
from .rendered import Pairs, constant
from .sources import PairSource

_ATTEMPTS = 100


class Late(NamedTuple):
    """From this pair number on, another maker (of :attr:`~.recipe.Recipe.late`)."""

    first: int
    maker: PairMaker


class PairSet(Dataset[Item]):
    """Pair number i of a training; all that is random in it comes from the seed and i.

    Args:
        sources: Equally probable.
        maker: Draws and cuts.
        seed: Of the training.
        late: What draws and cuts at the training's end.
    """

    def __init__(
        self, sources: cabc.Sequence[PairSource], maker: PairMaker, seed: int, late: Late | None = None
    ) -> None:
        self._sources, self._maker, self._seed, self._late = tuple(sources), maker, seed, late

    def __getitem__(self, index: int) -> Item:
        """Draw until there is a pair.

        Raises:
            TrackerError: 100 draws gave none; the text says why the last one did not.
        """
        rng = np.random.default_rng([self._seed, index])
        maker = self._maker if self._late is None or index < self._late.first else self._late.maker
        problem: EvalkitError | None = None
        for _ in range(_ATTEMPTS):
            try:
                source = self._sources[int(rng.integers(len(self._sources)))]
                return maker.draw(source.clip(index, rng), rng)
            except EvalkitError as trouble:
                problem = trouble
        raise TrackerError(f"no pair can be drawn from the training data; the last of {_ATTEMPTS} tries: {problem}")


@dataclass(frozen=True, slots=True)
class BatchShare:
    """Which pairs of every step are this process's.

    Attributes:
        batch: Pairs of a step, of all processes together.
        parts: Micro-batches of a step in each process.
        rank: This process.
        processes: How many there are.

    Micro-batch a of process r is chunk ``a * processes + r`` of the step's pairs: several processes compute what one
    would by accumulation.
    """

    batch: int
    parts: int = 1
    rank: int = 0
    processes: int = 1

    @property
    def size(self) -> int:
        """Pairs of a micro-batch."""
        return self.batch // (self.parts * self.processes)

    def numbers(self, first: int, last: int) -> cabc.Iterator[list[int]]:
        """Pair numbers of this process's micro-batches in steps ``first`` to ``last`` - 1.

        Example:
            >>> list(BatchShare(4, parts=2).numbers(1, 2)), list(BatchShare(4, rank=1, processes=2).numbers(0, 2))
            ([[4, 5], [6, 7]], [[2, 3], [6, 7]])
        """
        for step in range(first, last):
            for part in range(self.parts):
                begin = step * self.batch + (part * self.processes + self.rank) * self.size
                yield list(range(begin, begin + self.size))


@dataclass(frozen=True, slots=True)
class PairNumbers:
    """Pair numbers of some steps, made when they are asked for."""

    share: BatchShare
    first: int
    last: int

    def __iter__(self) -> cabc.Iterator[list[int]]:
        return self.share.numbers(self.first, self.last)


def batches(pairs: PairSet, numbers: cabc.Iterable[list[int]], workers: int, device: torch.device) -> DataLoader[Item]:
    """Decode ahead in workers, for a device; 0 = in this process.

    Workers are forked: OpenCV must have no threads then (:func:`evalkit.images.single_opencv_thread`), since a child
    that inherits its pool waits for threads which it does not have.
    """
    return DataLoader(
        pairs,
        batch_sampler=numbers,
        num_workers=workers,
        generator=torch.Generator(),  # else the loader would draw from the generator of the network's noise
        pin_memory=device.type == "cuda",
    )


def on_device(item: Item, device: torch.device) -> Pairs:
    """Normalized crops of a collated batch: colors mixed, gains applied, limited to 0..1."""
    mixed = not torch.equal(item[2], torch.eye(3).expand_as(item[2]))  # asked here, where no device is waited for
    template, search, colors, gains, truth, present = (part.to(device, non_blocking=True) for part in item)
    mixing = colors if mixed else None
    crops = [_normalized(crop, mixing, gains[:, which]) for which, crop in enumerate((template, search))]
    return Pairs(crops[0], crops[1], truth, present)


def _normalized(crops: Tensor, colors: Tensor | None, gains: Tensor) -> Tensor:
    """(B, C, S, S) bytes to what the network sees."""
    triples = crops.shape[1] // 3
    mean, std = (constant(part * triples, crops.device)[:, None, None] for part in (IMAGENET_MEAN, IMAGENET_STD))
    values = crops.float()
    if colors is not None:
        values = torch.cat([torch.einsum("bij,bjhw->bihw", colors, values[:, :3]), values[:, 3:]], dim=1)
    return ((values * (gains / 255)[:, None, None, None]).clamp(0, 1) - mean) / std
