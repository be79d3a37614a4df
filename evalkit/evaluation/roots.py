"""Where the user's copies of the benchmarks are."""

import os
from pathlib import Path

from evalkit.benchmarks import CUSTOM
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import DatasetLayoutError
from evalkit.provenance import OFFICIAL, Origin

ENVIRONMENT_VARIABLE = "EVALKIT_DATA_ROOT"


def find_root(spec: BenchmarkSpec, data_root: Path | None, *, without_images: bool = False) -> Path:
    """Return the folder of a benchmark's copy.

    Looks at ``--data-root``, then at the user's settings, then at the environment variable EVALKIT_DATA_ROOT. Where
    the folder found holds a sub-folder with the benchmark's title (``LaSOT``, ``GOT-10k``, ...), that one is meant.

    Args:
        spec: The benchmark.
        data_root: As the user gave it.
        without_images: Annotations alone would do, which the error says.

    Raises:
        DatasetLayoutError: No folder is configured, or it does not exist.
    """
    if data_root is not None:
        return _existing(spec, data_root, "--data-root")
    from evalkit.settings import load_settings  # pydantic is slow to import

    setting = load_settings().data_root.get(spec.name)
    if setting is not None:
        return _existing(spec, setting, f"the setting data-root.{spec.name}")
    folder = os.environ.get(ENVIRONMENT_VARIABLE)
    if folder:
        return _existing(spec, Path(folder), ENVIRONMENT_VARIABLE)
    annotations = "--annotations PATH (folder or zip, no images needed), or " if without_images else ""
    raise DatasetLayoutError(
        f"{spec.title}: no data folder is known. Pass {annotations}--data-root DIR, or "
        f"`evalkit config set data-root.{spec.name} DIR`, or set {ENVIRONMENT_VARIABLE}."
    )


def data_origin(spec: BenchmarkSpec, root: Path) -> Origin:
    """What a copy holds: the rendered sample, the user's own videos, or official data."""
    from evalkit.sample import sample_origin

    return sample_origin(root) or (Origin.of_custom(root.resolve().name) if spec.name == CUSTOM else OFFICIAL)


def _existing(spec: BenchmarkSpec, folder: Path, origin: str) -> Path:
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DatasetLayoutError(f"{spec.title}: {origin} names {folder}, which is no folder.")
    wanted = {spec.title.lower(), spec.name.lower()}
    inside = sorted(entry for entry in folder.iterdir() if entry.name.lower() in wanted and entry.is_dir())
    return inside[0] if inside else folder
