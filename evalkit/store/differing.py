"""What tells runs of a tracker from one another: the settings in which they differ."""

import collections.abc as cabc
import json

from evalkit.store.manifest import RunIdentity
from evalkit.store.sealed import Json
from evalkit.values import CHOSEN, written

_HASHES = {"source_sha256": "source", "weights": "weights"}
_DIGITS = 8
_LONGEST = 40
_DEEPEST = 8


def settings_of(identity: RunIdentity) -> dict[str, Json]:
    """Everything that a run may differ in from others of its tracker, by short names.

    Nested settings are known by their last name where it is the only one, hashes by their first digits.

    Example:
        >>> config = {"loop": {"rate": 1}, "set": ["rate"]}
        >>> run = RunIdentity("lasot", "test", "official", "", "t", config, None, "fp32", 0, 0, None)
        >>> settings_of(run)
        {'rate': 1, 'weights': 'none', 'precision': 'fp32', 'seed': 0, 'frames': 'all'}
    """
    flat = dict(_flat(identity.config))
    flat.pop((CHOSEN,), None)
    last = [path[-1] for path in flat]
    named = {path[-1] if last.count(path[-1]) == 1 else ".".join(path): value for path, value in flat.items()}
    named |= {
        "weights": identity.weights_sha256 or "none",
        "precision": identity.precision,
        "seed": identity.seed,
        "frames": identity.frame_limit or "all",
    }
    return {
        _HASHES.get(name, name): value[:_DIGITS] if name in _HASHES and isinstance(value, str) else value
        for name, value in named.items()
    }


def chosen(identity: RunIdentity) -> dict[str, Json]:
    """The settings that the user chose with ``--set``."""
    names = identity.config.get(CHOSEN)
    settings = settings_of(identity)
    listed = names if isinstance(names, list) else []  # a stranger's manifest may hold anything
    return {name: settings[name] for name in listed if isinstance(name, str) and name in settings}


def differing(identities: cabc.Sequence[RunIdentity]) -> list[dict[str, Json]]:
    """For each run the settings in which it differs from any of the others; a setting that it has not is left out."""
    every = [settings_of(identity) for identity in identities]
    names = dict.fromkeys(name for settings in every for name in settings)
    telling = [name for name in names if len({_key(settings, name) for settings in every}) > 1]
    return [{name: settings[name] for name in telling if name in settings} for settings in every]


def text(settings: cabc.Mapping[str, Json]) -> str:
    """Settings in one line, as ``--set`` would take them.

    Example:
        >>> text({"rate": 0.5, "scales": [1, 2]})
        'rate=0.5 scales=[1,2]'
    """
    return " ".join(f"{name}={_short(written(value))}" for name, value in settings.items())


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."


def _key(settings: cabc.Mapping[str, Json], name: str) -> str:
    return json.dumps(settings[name], sort_keys=True) if name in settings else ""


def _flat(config: cabc.Mapping[str, Json], above: tuple[str, ...] = ()) -> cabc.Iterator[tuple[tuple[str, ...], Json]]:
    for name, value in config.items():
        path = (*above, str(name))
        if isinstance(value, dict) and value and len(above) < _DEEPEST:
            yield from _flat(value, path)
        else:
            yield path, value
