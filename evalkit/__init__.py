"""evalkit: evaluate and reproduce visual single-object trackers.

Importing this package loads neither torch nor OpenCV nor matplotlib nor pandas; the names below load them when used.
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0.dev0"

__all__ = ["__version__", "load_run", "load_scores", "per_sequence", "plot", "plot_success", "score", "table"]

if TYPE_CHECKING:
    from evalkit.api import load_run, load_scores, per_sequence, plot, plot_success, score, table
else:

    def __getattr__(name: str) -> object:
        """Load the notebook interface when one of its names is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module("evalkit.api"), name)

    def __dir__() -> list[str]:
        """Names of the module, those included that are loaded late."""
        return sorted({*globals(), *__all__})
