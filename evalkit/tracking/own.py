"""Trackers of the user: a class in a file or an importable module, in any of three interfaces."""

import collections.abc as cabc
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import TrackerError, text_of, unknown_name
from evalkit.provenance import RANDOM_WEIGHTS, hash_files
from evalkit.sequences import Modality
from evalkit.tracking.interface import Image, Json, SimpleTracker, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.per_stream import per_stream

METHODS = {
    "evalkit's simple interface": ("initialize", "track"),
    "the got10k package's interface": ("init", "update"),
    "evalkit's batched interface": ("info", "initialize", "prepare", "track"),
}


def load_own(spec: str, options: TrackerOptions, *, timeout: float | None = None) -> Tracker[Any, Any]:
    """Load a user's tracker.

    A class may take one argument named ``options`` (:class:`TrackerOptions`: weights, device, precision, seed);
    else it is made without arguments.

    Args:
        spec: ``FILE.py:CLASS`` or ``module:Class``.
        options: For classes that take them.
        timeout: Seconds for one call of a simple or got10k tracker, None = no limit.

    Returns:
        The tracker. The name is that of the class; the SHA-256 of the source file is part of ``info.config``.

    Raises:
        TrackerError: The file or class cannot be used; the text says what is missing.
    """
    place, _, class_name = spec.rpartition(":")
    if not place:
        place, class_name = spec, ""
    module = _load_file(Path(place)) if place.endswith(".py") else _import(place)
    kind = _find_class(module, class_name, spec)
    weights = _weights_hash(kind, options, spec)
    if hasattr(kind, "prepare") and hasattr(kind, "track"):
        return _batched(_make(kind, options, spec), kind, spec, weights)
    spare = [_make(kind, options, spec)]  # the first object tells what the class says of itself, then serves
    info = describe(spare[0], _source_hash(kind), weights)

    def make() -> SimpleTracker:
        try:
            tracker = spare.pop()
        except IndexError:
            tracker = _make(kind, options, spec)
        return tracker if _is_simple(kind) else Got10kAdapter(tracker)

    return per_stream(make, info, concurrent=bool(getattr(kind, "concurrent", False)), timeout=timeout)


class Got10kAdapter:
    """A tracker of the got10k package's API as a simple one.

    Source: got10k 0.1.3, ``got10k/trackers/__init__.py``: ``init(image, box)`` and ``update(image) -> box`` with PIL
    images in mode RGB and boxes left, top, width, height.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def initialize(self, image: Image, box: Boxes) -> None:
        """Hand the first image over as a PIL image."""
        self.tracker.init(_to_pil(image), box)

    def track(self, image: Image) -> Any:
        """Return what ``update`` returns."""
        return self.tracker.update(_to_pil(image))


def describe(tracker: Any, source_sha256: str, weights_sha256: str | None = None) -> TrackerInfo:
    """Read what a simple or got10k tracker says of itself with its attributes.

    Raises:
        TrackerError: ``modalities`` or ``config`` have no valid content.
    """
    name = type(tracker).__name__
    seconds = _modalities(tracker, name) - {Modality.RGB}
    if seconds and not _is_simple(type(tracker)):
        raise TrackerError(f"tracker {name}: a got10k tracker gets one image; `modalities` needs initialize and track.")
    known = True if _is_simple(type(tracker)) else getattr(tracker, "is_deterministic", False)
    return TrackerInfo(
        name=name,
        modalities=seconds | {Modality.RGB},
        config={**_config(tracker, name), "source_sha256": source_sha256},
        weights_sha256=weights_sha256,
        deterministic=bool(getattr(tracker, "deterministic", known)),
        required=seconds,
    )


def _modalities(tracker: Any, name: str) -> frozenset[Modality]:
    said = getattr(tracker, "modalities", (Modality.RGB,))
    known = [modality.value for modality in Modality]
    if isinstance(said, str) or not isinstance(said, cabc.Iterable):
        raise TrackerError(f"tracker {name}: `modalities` must be a tuple of names out of {known}, found {said!r}.")
    for item in (names := list(said)):
        if item not in known:
            raise TrackerError(f"tracker {name}: {unknown_name('modality', str(item), known)}")
    return frozenset(Modality(item) for item in names)


def _config(tracker: Any, name: str) -> dict[str, Json]:
    config = getattr(tracker, "config", {})
    try:
        return dict(json.loads(json.dumps(dict(config), allow_nan=False)))
    except (TypeError, ValueError) as problem:
        raise TrackerError(f"tracker {name}: `config` must be a dict of JSON values: {problem}.") from problem


def _is_simple(kind: type) -> bool:
    return hasattr(kind, "initialize") and hasattr(kind, "track")


def _batched(tracker: Any, kind: type, spec: str, weights: str | None) -> Tracker[Any, Any]:
    info = getattr(tracker, "info", None)
    if not isinstance(info, TrackerInfo):
        raise TrackerError(f"own tracker {spec}: `info` must be a TrackerInfo, found {type(info).__name__}.")
    return _WithSource(tracker, info, _source_hash(kind), weights)


class _WithSource:
    """A user's batched tracker whose identity also names its source file."""

    def __init__(self, tracker: Tracker[Any, Any], info: TrackerInfo, source: str, weights: str | None) -> None:
        self.info = TrackerInfo(
            name=info.name,
            modalities=info.modalities,
            config={**info.config, "source_sha256": source},
            weights_sha256=info.weights_sha256 or weights,
            deterministic=info.deterministic,
            notes=info.notes,
            required=info.required,
        )
        self.initialize = tracker.initialize
        self.prepare = tracker.prepare
        self.track = tracker.track
        for name in ("device_memory", "release_memory", "stage_seconds", "synchronize"):
            if hasattr(tracker, name):  # see interface.DeviceTracker
                setattr(self, name, getattr(tracker, name))


def _load_file(path: Path) -> ModuleType:
    """Execute a Python file as a module; its folder is put at the end of the import path, as for a script."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise TrackerError(f"own tracker: no file {path}.")
    digest = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()
    name = f"evalkit_own_{path.stem}_{digest[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module  # dataclasses look their module up while it is executed
    try:
        found.loader.exec_module(module)
    except BaseException as problem:
        del sys.modules[name]
        if isinstance(problem, KeyboardInterrupt):
            raise
        raise TrackerError(f"own tracker: {path} cannot be imported: {_explain(problem)}") from problem
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        hint = " (an own file is given as FILE.py:CLASS)" if isinstance(problem, ModuleNotFoundError) else ""
        raise TrackerError(f"own tracker: module {name} cannot be imported: {_explain(problem)}{hint}") from problem


def _explain(problem: BaseException) -> str:
    if isinstance(problem, SyntaxError):
        return f"line {problem.lineno}: {problem.msg}: {(problem.text or '').strip()}"
    import traceback

    last = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__}: {text_of(problem)} ({Path(last.filename).name}, line {last.lineno})"


def _find_class(module: ModuleType, class_name: str, spec: str) -> type:
    candidates = {
        name: kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and (kind.__module__ == module.__name__ or name == class_name)
    }
    if not class_name:
        raise TrackerError(f"own tracker {spec}: which class? Give FILE.py:CLASS; found: {_names(candidates)}.")
    if class_name not in candidates:
        if hasattr(module, class_name):
            raise TrackerError(f"own tracker {spec}: {class_name} is no class. Classes found: {_names(candidates)}.")
        raise TrackerError(f"own tracker {spec}: {unknown_name('class', class_name, candidates)}")
    kind = candidates[class_name]
    present = {method for methods in METHODS.values() for method in methods if hasattr(kind, method)}
    if not any(set(methods) <= present | {"info"} for methods in METHODS.values()):
        wanted = "; ".join(f"{title}: {', '.join(methods)}" for title, methods in METHODS.items())
        raise TrackerError(
            f"own tracker {spec}: class {class_name} fits no interface. It has {', '.join(sorted(present)) or 'none'} "
            f"of these methods. Needed are, for {wanted}."
        )
    return kind


def _names(candidates: cabc.Iterable[str]) -> str:
    return ", ".join(sorted(candidates)) or "none"


def _takes_options(kind: type, spec: str) -> bool:
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (ValueError, TypeError):
        return False
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        and parameter.name != "options"
    ]
    if needed:
        raise TrackerError(
            f"own tracker {spec}: the constructor needs {', '.join(needed)}. Give defaults: a tracker is made "
            f"without arguments, or with one named `options` (weights, device, precision, seed)."
        )
    return any(parameter.name == "options" for parameter in parameters)


def _make(kind: type, options: TrackerOptions, spec: str) -> Any:
    arguments = {"options": options} if _takes_options(kind, spec) else {}
    try:
        return kind(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise TrackerError(f"own tracker {spec}: the constructor raised {_explain(problem)}") from problem


def _source_hash(kind: type) -> str:
    file = inspect.getsourcefile(kind)
    return hash_files([Path(file)]) if file is not None else "unknown"


def _weights_hash(kind: type, options: TrackerOptions, spec: str) -> str | None:
    if options.weights is None:
        return None
    if not _takes_options(kind, spec):
        raise TrackerError(
            f"own tracker {spec}: --weights {options.weights} has no effect, since the constructor takes no `options`."
        )
    path = Path(options.weights)
    if path.is_dir():
        return hash_files(file for file in sorted(path.rglob("*")) if file.is_file())
    if not path.is_file():
        return options.weights if options.weights == RANDOM_WEIGHTS else _no_weights(path)
    return hash_files([path])


def _no_weights(path: Path) -> str:
    raise TrackerError(f"no weights: neither file nor folder {path}.")


def _to_pil(image: Image) -> Any:
    import PIL.Image

    return PIL.Image.fromarray(np.ascontiguousarray(image))
