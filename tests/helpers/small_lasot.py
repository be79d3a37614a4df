"""A LaSOT copy with two small sequences and runs on it, for tests of commands from a user's side."""

from pathlib import Path

import cv2
import numpy as np

from evalkit.benchmarks import get_benchmark
from evalkit.sequences import Trajectory
from evalkit.store.manifest import RunIdentity, SequenceRecord, names_sha256
from evalkit.store.runs import ResultStore, Run

NAMES = ("cup-1", "cup-2")
FRAMES = 12
PROTOCOL = get_benchmark("lasot").protocols["papers"]
OFFSETS = {"kcf": 2.0, "ncc": 8.0}


def make_lasot(folder: Path) -> Path:
    """A LaSOT copy with two sequences; the target of the second one is absent in its last frame."""
    root = folder / "data" / "LaSOT"
    for number, name in enumerate(NAMES):
        inside = root / "cup" / name
        (inside / "img").mkdir(parents=True)
        for frame in range(FRAMES):
            cv2.imwrite(str(inside / "img" / f"{frame + 1:08d}.jpg"), np.full((60, 80, 3), 90 + number, np.uint8))
        rows = [f"{10 + frame},20,20,10\n" for frame in range(FRAMES)]
        (inside / "groundtruth.txt").write_text("".join(rows))
        (inside / "full_occlusion.txt").write_text(",".join(["0"] * FRAMES))
        (inside / "out_of_view.txt").write_text(",".join(["0"] * (FRAMES - 1) + [str(number)]))
        (inside / "nlp.txt").write_text("a cup\n")
    (root / "testing_set.txt").write_text("\n".join(NAMES))
    return root


def store_run(results: Path, tracker: str, *, offset: float, seed: int = 0, names: tuple[str, ...] = NAMES) -> Run:
    identity = RunIdentity(
        benchmark="lasot",
        split="test",
        data="official",
        sequence_list_sha256=names_sha256(NAMES),
        tracker=tracker,
        config={},
        weights_sha256=None,
        precision="fp32",
        seed=seed,
        repeat=0,
        frame_limit=None,
    )
    stored = ResultStore(results).open_or_create(identity, NAMES, ())
    for name in names:
        boxes = np.array([[10.0 + frame, 20, 20, 10] for frame in range(FRAMES)])
        boxes[1:, 0] += offset
        record = SequenceRecord(name, FRAMES, (10.0, 20.0, 20.0, 10.0), "", "", 0.5, "cpu", 1, 0, "2026-01-01", "")
        stored.write(record, Trajectory(boxes, np.full(FRAMES, np.nan), np.full(FRAMES, 1 / 24)))
    return stored


def make_results(folder: Path) -> Path:
    for tracker, offset in OFFSETS.items():
        store_run(folder / "results", tracker, offset=offset)
    return folder / "results"


def write_raw(folder: Path, tracker: str, shift: float) -> None:
    """Raw result files of a tracker on both sequences."""
    for name in NAMES:
        path = folder / tracker / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{10 + frame + shift},20,20,10\n" for frame in range(FRAMES)))
