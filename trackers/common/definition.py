"""What makes one learned tracker, as frozen values, and how a name of the catalog leads to it."""

import collections.abc as cabc
import dataclasses
import functools
import importlib
from typing import Any

import torch
from torch import nn

from evalkit.sequences import Modality
from evalkit.tracking.interface import Tracker, TrackerInfo

from ..learned import LEARNED
from .torch_tracker import Engine

Shapes = cabc.Mapping[str, tuple[int, ...]]
"""Entry of a network -> its shape."""
Resize = cabc.Callable[[Any, Shapes], Any]


def keep_config(config: Any, _shapes: Shapes) -> Any:
    """The settings do not depend on the weight file."""
    return config


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """What makes one learned tracker; frozen values, no code of its own.

    Attributes:
        name: In the catalog.
        origin: Whose checkpoint layout it reads, a key of :data:`trackers.common.weights.ORIGINS`.
        config: Settings of the network.
        loop: Settings of crops and loop.
        network: ``config -> module``.
        adapter: ``(module, info, loop, engine) -> tracker``.
        resized: ``(config, shapes in the weight file) -> config``, for settings that the file decides.
        second: Second modality that every frame must have.
        notes: Where it knowingly differs from its authors' program; shown with every run.
    """

    name: str
    origin: str
    config: Any
    loop: Any
    network: cabc.Callable[[Any], nn.Module]
    adapter: cabc.Callable[[nn.Module, TrackerInfo, Any, Engine], Tracker[Any, Any]]
    resized: Resize = keep_config
    second: Modality | None = None
    notes: tuple[str, ...] = ()

    def sized(self, shapes: Shapes) -> "Definition":
        """With the settings that a file with these entries decides."""
        return dataclasses.replace(self, config=self.resized(self.config, shapes))

    def skeleton(self) -> nn.Module:
        """The network without memory for its parameters (torch's meta device)."""
        with torch.device("meta"):
            return self.network(self.config)

    def fits(self, shapes: Shapes) -> bool:
        """Whether a file with these entries holds this network."""
        return _entry_shapes(self.network, self.resized(self.config, shapes)) == shapes


@functools.lru_cache(maxsize=32)
def _entry_shapes(network: cabc.Callable[[Any], nn.Module], config: Any) -> Shapes:
    with torch.device("meta"):
        return entry_shapes(network(config).state_dict())


def entry_shapes(state: cabc.Mapping[str, torch.Tensor]) -> Shapes:
    """The shapes of a network's or a file's entries."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def definition(name: str) -> Definition:
    """The definition behind a name of :data:`trackers.learned.LEARNED`, made by ``define`` of its family's module."""
    entry = LEARNED[name]
    made: Definition = importlib.import_module(entry.family).define(name, **entry.settings)
    return made
