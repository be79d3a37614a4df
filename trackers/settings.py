"""Settings of a tracker of the catalog that the user may change with ``--set``, and how a manifest tells them."""

import collections.abc as cabc
import dataclasses
from typing import Any, TypeGuard, TypeVar

from evalkit.errors import TrackerError, unknown_name
from evalkit.tracking.interface import Json
from evalkit.values import CHOSEN

Settings = TypeVar("Settings")


def changed(name: str, own: cabc.Mapping[str, Any], values: cabc.Mapping[str, Json]) -> dict[str, Any]:
    """The user's values, checked against a tracker's own.

    Args:
        name: Of the tracker, for error texts.
        own: What may be changed: numbers and tuples of numbers by name.
        values: Of ``--set``.

    Returns:
        Those of the values that differ from the tracker's own.

    Raises:
        TrackerError: No such setting, or another kind of value; names what there is.

    Example:
        >>> changed("kcf", {"rate": 0.02, "scales": (0.97, 1.0)}, {"rate": 0.05, "scales": [0.97, 1]})
        {'rate': 0.05}
    """
    chosen = {}
    for key, value in values.items():
        if not own:
            raise TrackerError(f"tracker {name} has no settings; leave out --set {key}.")
        if key not in own:
            listed = ", ".join(f"{known}={plain(number)}" for known, number in own.items())
            raise TrackerError(f"tracker {name}: {unknown_name('setting', key, own)} Its settings: {listed}.")
        if kind := _unfit(value, own[key]):
            raise TrackerError(f"tracker {name}: --set {key} takes {kind}, not {value!r}.")
        chosen[key] = tuple(value) if isinstance(value, list) else value
    return {key: value for key, value in chosen.items() if value != own[key]}


def replaced(name: str, default: Settings, values: cabc.Mapping[str, Json]) -> Settings:
    """A frozen dataclass of settings with the values of the user; errors as for :func:`changed`."""
    own = dataclasses.asdict(default)  # type: ignore[call-overload]
    return dataclasses.replace(default, **changed(name, own, values))  # type: ignore[type-var]


def described(settings: Any, default: Any) -> dict[str, Json]:
    """Settings for a manifest; where some are not the tracker's own, ``set`` names them."""
    values, own = dataclasses.asdict(settings), dataclasses.asdict(default)
    return {key: plain(value) for key, value in values.items()} | names(key for key in own if values[key] != own[key])


def names(keys: cabc.Iterable[str]) -> dict[str, Json]:
    """An entry with the names of changed settings; none without any, so that a tracker's own run keeps its identity."""
    listed: list[Json] = [*sorted(keys)]
    return {CHOSEN: listed} if listed else {}


def plain(value: Any) -> Json:
    """A number as it is, a tuple as a list."""
    return list(value) if isinstance(value, tuple) else value


def _unfit(value: Json, own: Any) -> str:
    """What is expected instead of a value; empty if it fits."""
    if isinstance(own, tuple):
        fits = isinstance(value, list) and value and all(_is_number(item) and item > 0 for item in value)
        return "" if fits else "a list of numbers above 0, such as [0.97,1,1.03]"
    if isinstance(own, int):
        return "" if isinstance(value, int) and _is_number(value) and value >= 1 else "a whole number from 1"
    return "" if _is_number(value) and value >= 0 else "a number from 0"


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
