"""Catalog of trackers: what can be said of one without importing it, and how a name becomes a tracker."""

import collections.abc as cabc
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.errors import TrackerError, text_of, unknown_name
from evalkit.modality import Modality

if TYPE_CHECKING:
    from evalkit.tracking.interface import Tracker, TrackerInfo, TrackerOptions

STEP_TIMEOUT = 300.0
"""Seconds that an own tracker may take for one frame unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One tracker of the catalog.

    Attributes:
        name: Name on the command line.
        summary: One line.
        factory: "module:function" of a function ``(name, TrackerOptions) -> Tracker``; trackers of a family share one.
        modalities: Sensors that it reads.
        weights: What file it takes and who publishes it; None if it needs none.
        reference: Paper, "authors, title, venue year".
        parameters: Number of parameters, None without a network.
        multiply_adds: Of one frame, None where not applicable.
        input_sizes: Template and search side in pixels, empty where not applicable.
        benchmark: Benchmark for which its weights are meant, None = any.
        converter: "module:function" of a function ``(name, source, destination, entry) -> dict`` that rewrites the
            authors' checkpoint as safetensors and returns what the new file says of its origin; None if there is none.
    """

    name: str
    summary: str
    factory: str
    modalities: frozenset[Modality]
    weights: str | None
    reference: str
    parameters: int | None = None
    multiply_adds: float | None = None
    input_sizes: tuple[int, ...] = ()
    benchmark: str | None = None
    converter: str | None = None

    def load(self, function: str) -> cabc.Callable[..., Any]:
        """Import ``factory`` or ``converter``.

        Raises:
            TrackerError: A network's library cannot be imported; the text says how to install it.
        """
        module, _, name = function.partition(":")
        try:
            loaded: cabc.Callable[..., Any] = getattr(importlib.import_module(module), name)
        except ImportError as problem:
            if self.parameters is None:
                raise
            raise TrackerError(
                f"tracker {self.name} is a network and needs PyTorch, which cannot be imported ({text_of(problem)}). "
                "Install it: pip install 'evalkit[networks]'"
            ) from problem
        return loaded


def load_tracker(
    catalog: cabc.Mapping[str, TrackerEntry],
    name: str,
    options: "TrackerOptions",
    *,
    timeout: float | None = STEP_TIMEOUT,
) -> "Tracker[Any, Any]":
    """Build a tracker from what the user typed.

    Args:
        catalog: Trackers known by name.
        name: A name of the catalog, ``FILE.py:CLASS`` or ``module:Class``.
        options: Weights, device, precision, seed, settings.
        timeout: Seconds that an own tracker may take for one frame; None = no limit.

    Returns:
        The tracker, ready to run.

    Raises:
        UnknownNameError: No such name; the text offers the nearest one.
        TrackerError: The own file cannot be used, weights are missing, unfit or not wanted, or a setting is unknown.
    """
    check_name(catalog, name)
    if (entry := catalog.get(name)) is not None:
        if entry.weights is None and options.weights is not None:
            raise TrackerError(f"tracker {name} takes no weights; leave out --weights {options.weights}.")
        known: Tracker[Any, Any] = entry.load(entry.factory)(name, options)
        return known
    from evalkit.tracking.own import load_own

    tracker = load_own(name, options, timeout=timeout)
    refuse_known(catalog, tracker, name)
    return tracker


def refuse_known(catalog: cabc.Mapping[str, TrackerEntry], tracker: "Tracker[Any, Any]", name: str) -> None:
    """Refuse an own tracker that is called as one of the catalog.

    Raises:
        TrackerError: It is.
    """
    if tracker.info.name in catalog:
        raise TrackerError(
            f"own tracker {name}: the name {tracker.info.name!r} belongs to a tracker of the catalog, and their "
            f"results would be mixed up. Rename the class."
        )


def check_name(catalog: cabc.Mapping[str, TrackerEntry], name: str) -> None:
    """Refuse what is neither a name of the catalog nor of the form of an own tracker.

    Raises:
        UnknownNameError: The text offers the nearest name.
    """
    if name not in catalog and ":" not in name and not name.endswith(".py"):
        raise unknown_name("tracker", name, catalog, "An own tracker is given as FILE.py:CLASS.")


def check_modalities(info: "TrackerInfo", available: cabc.Set[Modality], where: str) -> None:
    """Refuse a tracker that needs a second modality which the data lack.

    Args:
        info: The tracker's facts.
        available: Sensors of the benchmark.
        where: Name of the benchmark for the error text.

    Raises:
        TrackerError: None of the modalities that the tracker requires is there.

    Example:
        >>> from evalkit.tracking.interface import TrackerInfo
        >>> check_modalities(TrackerInfo("kcf"), {Modality.RGB}, "LaSOT")
    """
    if info.required and not info.required & available:
        wanted, there = (", ".join(sorted(names)) for names in (info.required, available))
        raise TrackerError(
            f"tracker {info.name} needs a second image ({wanted}), but {where} has only: {there}. "
            f"Choose a benchmark that has it, or a tracker that runs on RGB alone."
        )
