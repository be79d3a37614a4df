"""Trackers of the user: a class in a file or an importable module, in any of the field's interfaces."""

import collections.abc as cabc
import hashlib
import inspect
import json
import linecache
import marshal
import pickle
import uuid
import warnings
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from evalkit.errors import TrackerError, listed, unknown_name
from evalkit.provenance import RANDOM_WEIGHTS, hash_files
from evalkit.sequences import Modality
from evalkit.tracking import foreign, parameter_files, vot_process
from evalkit.tracking.foreign import Interface, interface_of
from evalkit.tracking.interface import Json, SimpleTracker, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.per_stream import per_stream
from evalkit.tracking.repository import OwnSpec, explain, load_module, parse_own
from evalkit.values import CHOSEN

WEIGHTS = ("weights", "net_path", "model_path", "checkpoint", "checkpoint_path", "weights_path", "ckpt")
"""Names under which constructors take a weight file."""


def load_own(text: str, options: TrackerOptions, *, timeout: float | None = None) -> Tracker[Any, Any]:
    """Load a user's tracker.

    A constructor gets what it asks for by name: ``options`` (:class:`TrackerOptions`), ``device``, ``seed``, a weight
    file (:data:`WEIGHTS`), settings; pytracking's ``params`` and ``dataset_name`` come from the repository's parameter
    files.

    Args:
        text: ``FILE.py:CLASS`` or ``module:CLASS``, perhaps with ``:PARAMETERS``; or a VOT script, ``FILE.py``.
        options: Weights, device, precision, seed, settings, root of the repository.
        timeout: Seconds for one call of a tracker of one stream, None = no limit.

    Returns:
        The tracker. The name is that of the class; the SHA-256 of the source file is part of ``info.config``.

    Raises:
        TrackerError: The file or class cannot be used; the text says what is missing.
    """
    spec = parse_own(text)
    if vot_process.is_script(spec):
        return vot_process.load_script(spec, options, timeout=timeout)
    module = load_module(spec, options.root)
    kind, interface = _find_class(module, spec)
    return _build(_Maker(spec, kind, interface, options), timeout)


def of_python(tracker: Any, options: TrackerOptions, *, timeout: float | None = None) -> Tracker[Any, Any]:
    """A tracker of a program or a notebook: a class, whose objects are made as for a file, or an object.

    An object serves one sequence after the other. What it holds is part of its identity as a hash; where that cannot
    be computed, every call begins anew.

    Raises:
        TrackerError: It fits no interface; the text says which there are.
    """
    kind = tracker if isinstance(tracker, type) else type(tracker)
    spec = OwnSpec(kind.__qualname__, kind.__module__, kind.__name__, None)
    interface = _interface(kind, spec)
    if interface is Interface.VOT and kind is not tracker:
        raise TrackerError(f"own tracker {spec.text}: give the class; an object of {interface.value} has its image.")
    return _build(_Maker(spec, kind, interface, options, None if kind is tracker else tracker), timeout)


def _build(maker: "_Maker", timeout: float | None) -> Tracker[Any, Any]:
    # PyTorch's lines about read-only arrays would stand in every log; who writes into one is told by the error
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    kind, interface = maker.kind, maker.interface
    if interface is Interface.BATCHED:
        return maker.batched()
    return per_stream(
        maker.simple,
        maker.info(),
        concurrent=bool(getattr(kind, "concurrent", False)),
        timeout=timeout,
        writable=bool(getattr(kind, "writable", interface in {Interface.PYTRACKING, Interface.VOT})),
        interface=interface.value,
    )


class _Maker:
    """Makes the objects of a user's class and says what identifies them."""

    def __init__(
        self, spec: OwnSpec, kind: type, interface: Interface, options: TrackerOptions, given: Any = None
    ) -> None:
        self._spec = spec
        self._given = given
        self._source: dict[str, Json] = {"source_sha256": _source_hash(kind)}
        if given is not None:
            self._source["object_sha256"] = _object_hash(given)
        self.kind = kind
        self.interface = interface
        self.options = options
        self._used: set[str] = set()
        self._params: Any = None
        # the first object tells what the class says of itself, then serves
        self._spare = [] if interface is Interface.VOT else [self._make()]
        self._weights = self._weights_hash()
        self._refuse_unused()

    def batched(self) -> Tracker[Any, Any]:
        """The one object of a batched class."""
        tracker = self._spare.pop()
        info = getattr(tracker, "info", None)
        if not isinstance(info, TrackerInfo):
            raise TrackerError(
                f"own tracker {self._spec.text}: `info` must be a TrackerInfo, not {type(info).__name__}."
            )
        more = {**self._settings(), **self._source}
        return _WithSource(tracker, info, more, self._weights)

    def simple(self) -> SimpleTracker:
        """An object for one stream."""
        if self.interface is Interface.VOT:
            return foreign.VotAdapter(self._make)
        try:
            tracker = self._spare.pop()
        except IndexError:
            tracker = self._make()
        return foreign.adapted(tracker, self.interface, self.options)

    def info(self) -> TrackerInfo:
        """Read what a tracker of one stream says of itself with its attributes.

        Raises:
            TrackerError: ``modalities`` or ``config`` have no valid content.
        """
        tracker, name = (*self._spare, self.kind)[0], self.kind.__name__
        seconds = _modalities(tracker, name) - {Modality.RGB}
        if seconds and self.interface is not Interface.SIMPLE:
            raise TrackerError(
                f"tracker {name}: `modalities` needs initialize(image, box, aux) and track(image, aux); the interface "
                f"is {self.interface.value}, which has one image."
            )
        known = getattr(tracker, "is_deterministic", False) if self.interface is Interface.GOT10K else True
        config = {**_config(tracker, name), **self._settings(), **self._source}
        if self._params is not None:
            config |= {"parameters": self._spec.parameters, **parameter_files.identity(self._params)}
        return TrackerInfo(
            name=name,
            modalities=seconds | {Modality.RGB},
            config=config,
            weights_sha256=self._weights,
            deterministic=bool(getattr(tracker, "deterministic", known)),
            required=seconds,
        )

    def _settings(self) -> dict[str, Json]:
        """The user's, and their names."""
        settings, names = self.options.settings, list[Json](sorted(self.options.settings))
        return {**settings, CHOSEN: names} if settings else {}

    def _make(self, *given: Any) -> Any:
        if self._given is not None:
            return self._given
        arguments = self._arguments(len(given))
        if self.options.device == "cpu":
            foreign.stay_on_processor()
        try:
            return self.kind(*given, **arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:
            said = f"{explain(problem)}.{foreign.no_device(problem)}"
            raise TrackerError(f"own tracker {self._spec.text}: the constructor raised {said}") from problem

    def _arguments(self, given: int) -> dict[str, Any]:
        """What the constructor asks for by name."""
        options, arguments = self.options, dict[str, Any]()
        known = {"options": options, "device": options.device, "seed": options.seed, **options.settings}
        if options.weights is not None:
            known |= dict.fromkeys(WEIGHTS, options.weights)
        parameters = foreign.parameters_of(self.kind)[given:]
        for parameter in parameters:
            if parameter.kind not in {parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
                continue
            if parameter.name == "params" and parameter.default is parameter.empty:
                arguments["params"] = self._params = self._pytracking_params()
            elif parameter.name in known:
                arguments[parameter.name] = known[parameter.name]
                self._used.add(parameter.name)
            elif parameter.name == "dataset_name" and parameter.default is parameter.empty:
                arguments["dataset_name"] = ""
        lacking = [name for name in foreign.required(self.kind)[given:] if name not in arguments]
        if lacking:
            raise TrackerError(
                f"own tracker {self._spec.text}: the constructor needs {', '.join(lacking)}. Give defaults, or values "
                f"with --set {lacking[0]}=VALUE: a tracker is made without arguments, or with those that it asks for "
                f"by name (options, params, device, seed, {', '.join(WEIGHTS)})."
            )
        return arguments

    def _pytracking_params(self) -> Any:
        params = parameter_files.read(self.kind, self._spec)
        self._used |= parameter_files.change(params, self.options)
        return params

    def _refuse_unused(self) -> None:
        if self.interface is Interface.VOT:  # no object was made yet
            self._arguments(2)
        if "options" in self._used:
            return
        for name in self.options.settings:
            if name not in self._used:
                raise TrackerError(
                    f"own tracker {self._spec.text}: --set {name} has no effect, since the constructor takes neither "
                    f"`{name}` nor `options`."
                )

    def _weights_hash(self) -> str | None:
        options, spec = self.options, self._spec.text
        used = self._used & {"options", *WEIGHTS} or self.interface is Interface.VOT
        if options.weights is not None and not used:
            raise TrackerError(
                f"own tracker {spec}: --weights {options.weights} has no effect, since the constructor takes neither "
                f"`options` nor one of {', '.join(WEIGHTS)}."
            )
        weights = options.weights if options.weights is not None else parameter_files.weights_of(self._params)
        return None if weights is None else weights_hash(weights)


def weights_hash(weights: str) -> str:
    """SHA-256 of a weight file or of all files of a folder; the word "random" as it is.

    Raises:
        TrackerError: There is neither file nor folder.
    """
    path = Path(weights)
    if path.is_dir():
        return hash_files(file for file in sorted(path.rglob("*")) if file.is_file())
    if not path.is_file():
        if weights == RANDOM_WEIGHTS:
            return weights
        raise TrackerError(f"no weights: neither file nor folder {path}.")
    return hash_files([path])


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


class _WithSource:
    """A user's batched tracker whose identity also names its source file."""

    interface = Interface.BATCHED.value

    def __init__(
        self, tracker: Tracker[Any, Any], info: TrackerInfo, more: cabc.Mapping[str, Json], weights: str | None
    ) -> None:
        self.info = TrackerInfo(
            name=info.name,
            modalities=info.modalities,
            config={**info.config, **more},
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


def _find_class(module: ModuleType, spec: OwnSpec) -> tuple[type, Interface]:
    name, text = spec.class_name, spec.text
    candidates = {
        other: kind
        for other, kind in vars(module).items()
        if inspect.isclass(kind) and (kind.__module__ == module.__name__ or other == name)
    }
    if not name:
        raise TrackerError(f"own tracker {text}: which class? Give FILE.py:CLASS; found: {_names(candidates)}.")
    if name not in candidates:
        if hasattr(module, name):
            raise TrackerError(f"own tracker {text}: {name} is no class. Classes found: {_names(candidates)}.")
        raise TrackerError(f"own tracker {text}: {unknown_name('class', name, candidates)}")
    return candidates[name], _interface(candidates[name], spec)


def _interface(kind: type, spec: OwnSpec) -> Interface:
    interface = interface_of(kind)
    if interface is None:
        methods = [method for method in dir(kind) if not method.startswith("_") and callable(getattr(kind, method))]
        raise TrackerError(
            f"own tracker {spec.text}: class {spec.class_name} fits no interface. "
            f"Its methods: {listed(methods) or 'none'}. "
            "Interfaces:",
            *(f"  {family.value}" for family in (*foreign.FAMILIES, Interface.BATCHED)),
        )
    return interface


def _names(candidates: cabc.Iterable[str]) -> str:
    return ", ".join(sorted(candidates)) or "none"


def _source_hash(kind: type) -> str:
    """SHA-256 of the file that defines a class; of a notebook's class that of its cells."""
    functions = [value for cls in kind.__mro__[:-1] for value in vars(cls).values() if isinstance(value, FunctionType)]
    cells = {function.__code__.co_filename: function.__code__ for function in functions}
    if all(Path(name).is_file() for name in cells):
        try:
            file = inspect.getsourcefile(kind)
        except OSError:  # of a __main__ that no file holds
            return hash_files(sorted(map(Path, cells)))
        return hash_files([Path(file)]) if file is not None else "unknown"
    texts = ["".join(linecache.getlines(name)).encode() or marshal.dumps(code) for name, code in cells.items()]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _object_hash(tracker: Any) -> str:
    """SHA-256 of what an object holds; a text that never comes again where that cannot be computed."""
    try:
        return hashlib.sha256(pickle.dumps(getattr(tracker, "__dict__", {}))).hexdigest()
    except Exception:  # noqa: BLE001 - objects may answer anything
        return uuid.uuid4().hex
