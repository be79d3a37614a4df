"""evalkit: evaluate and reproduce visual single-object trackers.

The names of ``__all__`` are the public interface: what notebooks use, and what the author of a tracker needs. Modules
may change with any version; the command line and the file formats are documented in ``docs/``.

Importing this package loads neither torch nor OpenCV nor matplotlib nor pandas; the names below load them when used.
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0.dev0"

__all__ = [
    "EvalkitError",
    "Frame",
    "Modality",
    "Predictions",
    "Request",
    "RunResult",
    "SimpleTracker",
    "Tracker",
    "TrackerInfo",
    "TrackerOptions",
    "TrackerReport",
    "__version__",
    "check_tracker",
    "load_run",
    "load_scores",
    "per_sequence",
    "plot",
    "plot_success",
    "run",
    "score",
    "table",
]

if TYPE_CHECKING:
    from evalkit.api import RunResult, load_run, load_scores, per_sequence, plot, plot_success, run, score, table
    from evalkit.errors import EvalkitError
    from evalkit.evaluation.request import Request
    from evalkit.modality import Modality
    from evalkit.sequences import Frame
    from evalkit.testing import TrackerReport, check_tracker
    from evalkit.tracking.interface import Predictions, SimpleTracker, Tracker, TrackerInfo, TrackerOptions
else:
    _HOMES = {
        "evalkit.errors": {"EvalkitError"},
        "evalkit.evaluation.request": {"Request"},
        "evalkit.modality": {"Modality"},
        "evalkit.sequences": {"Frame"},
        "evalkit.testing": {"TrackerReport", "check_tracker"},
        "evalkit.tracking.interface": {"Predictions", "SimpleTracker", "Tracker", "TrackerInfo", "TrackerOptions"},
    }

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        home = next((module for module, names in _HOMES.items() if name in names), "evalkit.api")
        return getattr(importlib.import_module(home), name)

    def __dir__() -> list[str]:
        """Names of the module, those included that are loaded late."""
        return sorted({*globals(), *__all__})
