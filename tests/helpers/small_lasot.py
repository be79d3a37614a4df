"""A LaSOT copy with two small sequences and runs on it, for tests of commands from a user's side."""

from pathlib import Path
from typing import Any

import numpy as np

from evalkit.benchmarks import get_benchmark
from evalkit.store.runs import Run
from helpers import stored, trees

NAMES = ("cup-1", "cup-2")
FRAMES = 12
PROTOCOL = get_benchmark("lasot").protocols["papers"]
OFFSETS = {"kcf": 2.0, "ncc": 8.0}
BOXES = np.array([[10.0 + frame, 20, 20, 10] for frame in range(FRAMES)])


def make_lasot(folder: Path) -> Path:
    """A LaSOT copy with two sequences; the target of the second one is absent in its last frame."""
    values, unseen = dict.fromkeys(NAMES, BOXES), {NAMES[1]: [FRAMES - 1]}
    return trees.lasot(folder / "data" / "LaSOT", test=NAMES, train=(), values=values, unseen=unseen)


def store_run(results: Path, tracker: str, *, offset: float, names: tuple[str, ...] = NAMES, **changes: Any) -> Run:
    """A run whose boxes after the first lie ``offset`` pixels to the right; sequences that are not named are missing."""
    moved = BOXES + np.array([offset, 0, 0, 0])
    moved[0] = BOXES[0]
    tracks = dict.fromkeys(names, stored.trajectory(moved))
    return stored.store_run(results, "lasot", tracks, names=NAMES, tracker=tracker, **changes)


def make_results(folder: Path) -> Path:
    for tracker, offset in OFFSETS.items():
        store_run(folder / "results", tracker, offset=offset)
    return folder / "results"


def write_raw(folder: Path, tracker: str, shift: float) -> None:
    """Raw result files of a tracker on both sequences."""
    for name in NAMES:
        trees.text(folder / tracker / f"{name}.txt", trees.rows(BOXES + np.array([shift, 0, 0, 0])))
