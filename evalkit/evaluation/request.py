"""Which results are scored, against which truth, by which rules."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks to be scored."""

    trackers: tuple[str, ...]
    run_ids: tuple[str, ...]
    split: str | None
    protocol: str
    predictions: Path | None
    annotations: Path | None
    local_truth: bool
    allow_missing: bool
    layout: Path | None
    data_root: Path | None
    results: Path
