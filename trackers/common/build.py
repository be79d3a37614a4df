"""From a name of the catalog and the user's options to a tracker: definition, weights, manifest entry, loop."""

import collections.abc as cabc
import dataclasses
from typing import Any

from evalkit.sequences import Modality
from evalkit.tracking.interface import Json, Tracker, TrackerInfo, TrackerOptions

from ..settings import changed, names
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
        options: Weights (a file, or "random"), device, precision, seed, settings.

    Raises:
        WeightsError: No weights given, or the file does not fit.
        TrackerError: The device or precision cannot be had, or there is no such setting.
    """
    engine = Engine.of(options)  # before the weights: an impossible device is said at once
    network, loop = _adjustable(made)
    chosen = changed(made.name, network | loop, options.settings)
    config = dataclasses.replace(made.config, **{key: value for key, value in chosen.items() if key in network})
    loaded = load_weights(dataclasses.replace(made, config=config), options)
    loop = {key: value for key, value in chosen.items() if key in loop}
    return finish(loaded, engine, chosen, **loop)


def _adjustable(made: Definition) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``--set`` may change of the network and of the loop: nothing that the weights decide."""
    eliminates = getattr(made.config, "elimination_layers", ())
    network = {"keep_ratio": made.config.keep_ratio} if eliminates else {}
    values = {item.name: getattr(made.loop, item.name) for item in dataclasses.fields(made.loop)}
    return network, {key: value for key, value in values.items() if isinstance(value, float)}


def finish(
    loaded: LoadedNetwork, engine: Engine, changes: cabc.Iterable[str] = (), /, **loop: Any
) -> Tracker[Any, Any]:
    """The tracker around a network with its numbers.

    Args:
        loaded: The network.
        engine: Device and precision.
        changes: Names of the settings that are not the tracker's own.
        **loop: Replace settings of its loop.
    """
    made = loaded.definition
    settings = dataclasses.replace(made.loop, **loop)
    described: dict[str, Json] = {"network": _json(made.config), "loop": _json(settings), **names(changes)}
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
