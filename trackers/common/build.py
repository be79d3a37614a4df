"""From a name of the catalog and the user's options to a tracker: definition, network, weights, manifest entry."""

import collections.abc as cabc
import dataclasses
import functools
import importlib
from typing import Any

import torch
from torch import nn

from evalkit.sequences import Modality
from evalkit.tracking.interface import Json, Tracker, TrackerInfo, TrackerOptions

from ..learned import LEARNED
from .torch_tracker import Engine
from .weights import Shapes, Weights, assign, load_weights

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

    def skeleton(self, shapes: Shapes | None = None) -> nn.Module:
        """The network without memory for its parameters (torch's meta device)."""
        return _skeleton(self.network, self._sized(shapes))

    def entry_shapes(self, shapes: Shapes) -> cabc.Mapping[str, tuple[int, ...]]:
        """The entries of the network that a file with these ones would get."""
        return _entry_shapes(self.network, self._sized(shapes))

    def _sized(self, shapes: Shapes | None) -> Any:
        return self.config if shapes is None else self.resized(self.config, shapes)


def _skeleton(network: cabc.Callable[[Any], nn.Module], config: Any) -> nn.Module:
    with torch.device("meta"):
        return network(config)


@functools.lru_cache(maxsize=32)
def _entry_shapes(network: cabc.Callable[[Any], nn.Module], config: Any) -> cabc.Mapping[str, tuple[int, ...]]:
    return {name: tuple(entry.shape) for name, entry in _skeleton(network, config).state_dict().items()}


def definition(name: str) -> Definition:
    """The definition behind a name of :data:`trackers.learned.LEARNED`."""
    module = importlib.import_module(LEARNED[name].factory.partition(":")[0])
    found: Definition = module.DEFINITIONS[name]
    return found


def make_factory(made: Definition) -> cabc.Callable[[TrackerOptions], Tracker[Any, Any]]:
    """The catalog's factory of a definition."""
    return functools.partial(build, made)


def build(made: Definition, options: TrackerOptions) -> Tracker[Any, Any]:
    """Build a tracker.

    Args:
        made: What to build.
        options: Weights (a file, or "random"), device, precision, seed.

    Raises:
        WeightsError: No weights given, or the file does not fit.
        TrackerError: The device or precision cannot be had.
    """
    engine = Engine.of(options)
    return finish(made, load_weights(made.name, made.origin, made.skeleton, options), engine)


def finish(made: Definition, weights: Weights, engine: Engine, **loop: Any) -> Tracker[Any, Any]:
    """The tracker of a definition with checked weights; ``loop`` replaces settings of its loop."""
    config = made.resized(made.config, weights.shapes)
    settings = dataclasses.replace(made.loop, **loop)
    described: dict[str, Json] = {"network": _json(config), "loop": _json(settings)}
    if engine.compiled:
        described["compiled"] = True
    second = frozenset() if made.second is None else frozenset({made.second})
    info = TrackerInfo(
        name=made.name,
        modalities=frozenset({Modality.RGB}) | second,
        config=described,
        weights_sha256=weights.sha256,
        notes=made.notes,
        required=second,
    )
    return made.adapter(assign(made.skeleton(weights.shapes), weights), info, settings, engine)


# the answer is part of the run's identity: a library that wrote one number otherwise would give old runs new ids
def _json(value: Any) -> Json:
    if dataclasses.is_dataclass(value):
        return {item.name: _json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
