"""Runs made by hand, as ``run-benchmark`` leaves them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.sequences import Trajectory
from evalkit.store.manifest import RunIdentity, SequenceRecord, names_sha256
from evalkit.store.runs import ResultStore, Run


def identity(benchmark: str, names: Sequence[str], **changes: Any) -> RunIdentity:
    fields: dict[str, Any] = {
        "split": "test",
        "data": "official",
        "sequence_list_sha256": names_sha256(names),
        "tracker": "mine",
        "config": {},
        "weights_sha256": None,
        "precision": "fp32",
        "seed": 0,
        "repeat": 0,
        "frame_limit": None,
    }
    return RunIdentity(benchmark, **(fields | changes))


def trajectory(boxes: np.ndarray, seconds: float = 1 / 24) -> Trajectory:
    """Boxes without confidences; the same time for every frame."""
    return Trajectory(boxes, np.full(len(boxes), np.nan), np.full(len(boxes), seconds))


def store_run(
    results: Path,
    benchmark: str,
    tracks: Mapping[str, Trajectory],
    *,
    names: Sequence[str] | None = None,
    note: Sequence[str] = (),
    finished: str = "2026-01-01T00:00:00+00:00",
    **changes: Any,
) -> Run:
    """Sequences of ``names`` without a trajectory are missing; ``changes`` are fields of the identity."""
    asked = tuple(names or tracks)
    run = ResultStore(results).open_or_create(identity(benchmark, asked, **changes), asked, tuple(note))
    for name, track in tracks.items():
        first = tuple(track.boxes[0].tolist())
        run.write(SequenceRecord(name, len(track), first, "", "", 1.0, "cpu", 1, 0, finished, ""), track)
    return run
