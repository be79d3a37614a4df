"""Parameter files as pytracking and its descendants lay them out: a folder ``parameter`` beside the folder ``tracker``.

pytracking has a file per setting, ``parameter/dimp/dimp50.py`` with ``parameters()``; its descendants a file per
tracker, ``parameter/ostrack.py`` with ``parameters(yaml_name)``. The class gets what the function returns.
"""

import collections.abc as cabc
import hashlib
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from evalkit.errors import TrackerError, listed
from evalkit.tracking.foreign import required
from evalkit.tracking.interface import Json, TrackerOptions
from evalkit.tracking.repository import OwnSpec, explain


def read(kind: type, spec: OwnSpec) -> Any:
    """The parameters that the user named, as the repository's own function makes them.

    Raises:
        TrackerError: They were not named, or there are none of that name; lists those that there are.
    """
    above, _, rest = kind.__module__.rpartition(".tracker.")
    if not above:
        raise TrackerError(
            f"own tracker {spec.text}: the constructor needs `params`, and {kind.__module__} does not lie in a package "
            f"`tracker` with `parameter` beside it, as pytracking's do. Write a class that makes them."
        )
    module = f"{above}.parameter.{rest.partition('.')[0]}"
    if spec.parameters is None:
        raise TrackerError(
            f"own tracker {spec.text}: the constructor needs `params`. Say which: {spec.text}:NAME with a NAME of "
            f"{module}{_known(module)}."
        )
    whole = f"{module}.{spec.parameters}"
    try:
        if _is_package(module):
            return importlib.import_module(whole).parameters()
        make = importlib.import_module(module).parameters
        return make(*[spec.parameters][: max(1, len(required(make)))])
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise TrackerError(
            f"own tracker {spec.text}: parameters {spec.parameters!r} of {module}{_known(module)}: {explain(problem)}"
        ) from problem


def change(params: Any, options: TrackerOptions) -> set[str]:
    """Set what the repository's programs set, then what the command line says.

    Returns:
        Names of settings that were used, "weights" if those were.
    """
    for usual in ("debug", "visualization"):
        if not hasattr(params, usual):
            setattr(params, usual, 0)
    net, used = vars(params).get("net"), set[str]()
    if options.device == "cpu":
        for owner in (params, net):
            if "use_gpu" in getattr(owner, "__dict__", {}):
                owner.use_gpu = False
    for owner, name in ((params, "checkpoint"), (net, "net_path")):
        if options.weights is not None and name in getattr(owner, "__dict__", {}):
            setattr(owner, name, str(Path(options.weights).resolve()))
            used.add("weights")
    for name, value in options.settings.items():
        if hasattr(params, name):
            setattr(params, name, value)
            used.add(name)
    return used


def weights_of(params: Any) -> str | None:
    """The weight file that the parameters name, if it is there."""
    named = getattr(params, "checkpoint", None)
    return named if isinstance(named, str) and Path(named).is_file() else None


def identity(params: Any) -> dict[str, Json]:
    """What of the parameters is part of a run's identity: a hash of their values, without paths of this machine."""
    text = json.dumps(_plain(vars(params)), sort_keys=True)
    return {"parameters_sha256": hashlib.sha256(text.encode()).hexdigest()}


def _plain(value: object) -> Json:
    if isinstance(value, cabc.Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return Path(value).name if "/" in value else value
    if value is None or isinstance(value, bool | int | float):
        return value
    return type(value).__name__


def _known(module: str) -> str:
    """Names of a package's parameter files, for error texts."""
    if not _is_package(module):
        return ""
    places = importlib.import_module(module).__path__
    return f" ({listed(sorted(file.stem for place in places for file in Path(place).glob('[!_]*.py')))})"


def _is_package(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.submodule_search_locations is not None
