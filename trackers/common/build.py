"""From a name of the catalog and the user's options to a tracker: definition, weights, manifest entry, loop."""

import dataclasses
from typing import Any

from evalkit.sequences import Modality
from evalkit.tracking.interface import Json, Tracker, TrackerInfo, TrackerOptions

from .definition import Definition, definition
from .torch_tracker import Engine
from .weights import LoadedNetwork, load_weights


def build_named(name: str, options: TrackerOptions) -> Tracker[Any, Any]:
    """The factory of all learned trackers of the catalog; see :func:`build`."""
    return build(definition(name), options)


def build(made: Definition, options: TrackerOptions) -> Tracker[Any, Any]:
    """Build a tracker.

    Args:
        made: What to build.
        options: Weights (a file, or "random"), device, precision, seed.

    Raises:
        WeightsError: No weights given, or the file does not fit.
        TrackerError: The device or precision cannot be had.
    """
    engine = Engine.of(options)  # before the weights: an impossible device is said at once
    return finish(load_weights(made, options), engine)


def finish(loaded: LoadedNetwork, engine: Engine, **loop: Any) -> Tracker[Any, Any]:
    """The tracker around a network with its numbers; ``loop`` replaces settings of its loop."""
    made = loaded.definition
    settings = dataclasses.replace(made.loop, **loop)
    described: dict[str, Json] = {"network": _json(made.config), "loop": _json(settings)}
    if engine.compiled:
        described["compiled"] = True
    second = frozenset() if made.second is None else frozenset({made.second})
    info = TrackerInfo(
        name=made.name,
        modalities=frozenset({Modality.RGB}) | second,
        config=described,
        weights_sha256=loaded.sha256,
        notes=made.notes,
        required=second,
    )
    return made.adapter(loaded.network, info, settings, engine)


# the answer is part of the run's identity: a library that wrote one number otherwise would give old runs new ids
def _json(value: Any) -> Json:
    if dataclasses.is_dataclass(value):
        return {item.name: _json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
