"""The benchmarks: facts, readers, checks.

A benchmark is a module ``evalkit/benchmarks/NAME.py`` with facts and reader, and its packaged sequence lists
``evalkit/data/sequences/NAME_SPLIT.csv``; who adds these two has added it.
"""

import collections.abc as cabc
import importlib
import importlib.resources
import types
from pathlib import Path

from evalkit.benchmarks import depthtrack, got10k, lasher, lasot, tnl2k, trackingnet, uav123, visevent
from evalkit.benchmarks.spec import BenchmarkSpec, Split
from evalkit.errors import unknown_name

_MODULES = (uav123, got10k, lasot, tnl2k, trackingnet, visevent, lasher, depthtrack)

BENCHMARKS: cabc.Mapping[str, BenchmarkSpec] = types.MappingProxyType({m.SPEC.name: m.SPEC for m in _MODULES})
"""Name -> specification of the eight benchmarks. Importing this loads neither OpenCV nor pydantic."""


def _extras() -> dict[str, BenchmarkSpec]:
    """The other modules that packaged sequence lists belong to."""
    lists = importlib.resources.files("evalkit").joinpath("data", "sequences").iterdir()
    names = {file.name.partition("_")[0] for file in lists if file.name.endswith(".csv")} - set(BENCHMARKS)
    return {name: importlib.import_module(f"{__name__}.{name}").SPEC for name in sorted(names)}


EXTRA_BENCHMARKS: cabc.Mapping[str, BenchmarkSpec] = types.MappingProxyType(_extras())
"""Extensions that :func:`get_benchmark` knows too; not part of the eight."""

CUSTOM = "custom"


def get_benchmark(name: str, *, layout: Path | None = None, root: Path | None = None) -> BenchmarkSpec:
    """Look up a benchmark.

    Args:
        name: One of :data:`BENCHMARKS` or :data:`EXTRA_BENCHMARKS`, or ``custom`` for the user's own videos.
        layout: A layout file for ``custom``; it has no meaning for the others.
        root: Data folder, for ``custom`` only: its sequences tell which second modalities there are.

    Raises:
        UnknownNameError: No such benchmark; suggests the nearest name.

    Example:
        >>> get_benchmark("lasot").title
        'LaSOT'
    """
    if name == CUSTOM:
        from evalkit.benchmarks.custom import custom_benchmark

        return custom_benchmark(layout, root=root)
    known = {**BENCHMARKS, **EXTRA_BENCHMARKS}
    if name not in known:
        raise unknown_name("benchmark", name, [*known, CUSTOM])
    return known[name]


def get_split(spec: BenchmarkSpec, name: str | None) -> Split:
    """Look up a split of a benchmark; the default one for None.

    Raises:
        UnknownNameError: No such split; suggests the nearest name.

    Example:
        >>> get_split(get_benchmark("got10k"), None).name
        'test'
    """
    if name is None:
        return spec.default_split
    if name not in spec.splits:
        raise unknown_name(f"split of {spec.name}", name, spec.splits)
    return spec.splits[name]
