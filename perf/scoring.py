"""Speed of scoring in one run: whole process, arithmetic, trackers, sequences, memory, import, help, and a peer.

Usage:
    python perf/scoring.py [--data DIR] [--repeat N]

Without --data the files are made here, shaped like LaSOT's test split (280 sequences, 685,360 rows, four trackers);
with --data DIR (a folder with lasot_test_gt.zip and results_lasot.zip) the real annotations and results are taken.
The peer is the PyPI package got10k in a process of its own: it reads the same files from folders with numpy.loadtxt, as
it does in its experiments, and computes its overlaps, center errors and curves. It has no LaSOT experiment and no
normalized precision; this is the part of it that such an experiment consists of, without its figures.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from against import spend

from evalkit.archive import open_tree
from evalkit.boxes import Boxes
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import evaluate_results
from evalkit.sequences import Annotation, Trajectories, Trajectory

SEQUENCES, ROWS, TRACKERS = 280, 685_360, 4
LIMITS = {"whole process": 1.5, "arithmetic": 0.15, "four trackers": 1.6, "many sequences": 10.0, "memory": 1.0}
LIMITS |= {"import": 2.0, "help": 0.15}  # both of processor time
CALL = "import sys; from cli import make_app; from evalkit.commands.common import run; sys.exit(run(make_app(), {!r}))"

PEER = """
import pathlib, sys, time
import numpy as np
from got10k.experiments import ExperimentOTB
from got10k.utils.metrics import center_error, rect_iou
folder = pathlib.Path(sys.argv[1])
experiment = ExperimentOTB.__new__(ExperimentOTB)
experiment.nbins_iou, experiment.nbins_ce = 21, 51
spent, curves = 0.0, []
for path in sorted((folder / "truth").glob("*.txt")):
    truth = np.loadtxt(path, delimiter=",")
    boxes = np.loadtxt(folder / "results" / path.name, delimiter=",")[: len(truth)]
    start = time.perf_counter()
    curves.append(experiment._calc_curves(rect_iou(boxes, truth), center_error(boxes, truth)))
    spent += time.perf_counter() - start
print(np.mean([curve[0] for curve in curves]), spent)
"""


def make_tracks(sequences: int, rows: int, seed: int) -> tuple[list[Boxes], list[Boxes]]:
    """Integer boxes that wander, and predictions near them."""
    rng = np.random.default_rng(seed)
    lengths = np.full(sequences, rows // sequences)
    lengths[: rows - lengths.sum()] += 1
    truths: list[Boxes] = []
    predictions: list[Boxes] = []
    for length in lengths:
        corner = 200 + np.cumsum(rng.integers(-2, 3, (length, 2)), axis=0)
        truth = np.concatenate([np.abs(corner) + 1, rng.integers(30, 200, (length, 2))], axis=1).astype(float)
        moved = truth + rng.integers(-15, 16, truth.shape).astype(float)
        moved[:, 2:] = np.maximum(moved[:, 2:], 1)
        truths.append(truth)
        predictions.append(moved)
    return truths, predictions


def write_files(folder: Path) -> None:
    """A LaSOT-like annotations-only zip and a zip with four trackers."""
    truths, _ = make_tracks(SEQUENCES, ROWS, 0)
    names = [f"bench-{number}" for number in range(1, SEQUENCES + 1)]
    with zipfile.ZipFile(folder / "lasot_test_gt.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lasot/testing_set.txt", "\n".join(names))
        for name, truth in zip(names, truths, strict=True):
            archive.writestr(f"lasot/{name}/groundtruth.txt", _text(truth))
            archive.writestr(f"lasot/{name}/absent.txt", "0\n" * len(truth))
    with zipfile.ZipFile(folder / "results_lasot.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for tracker in range(TRACKERS):
            rng = np.random.default_rng(tracker + 1)
            for name, truth in zip(names, truths, strict=True):
                archive.writestr(f"T{tracker}/{name}.txt", _text(truth + rng.integers(0, 9, truth.shape)))


def _text(boxes: Boxes) -> str:
    return "\n".join(",".join(map(str, row)) for row in boxes.astype(int).tolist()) + "\n"


def process_seconds(arguments: list[str], repeat: int) -> float:
    """Best wall-clock seconds of a cold process."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", CALL.format(arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[1],
        )
        best = min(best, time.perf_counter() - start)
    return best


def arithmetic_seconds(annotations: list[Annotation], results: Trajectories, repeat: int) -> float:
    """Best seconds from boxes in memory to numbers: success, precision, normalized precision."""
    protocol = get_protocol("pytracking", "lasot")
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        evaluate_results(annotations, results, protocol).summary()
        best = min(best, time.perf_counter() - start)
    return best


def import_ratio(truth: Path, results: Path, tracker: str, repeat: int) -> float:
    """Processor seconds of importing a tracker by those of scoring it, the best of both."""
    scoring = ["score", "lasot", "--predictions", str(results), "--annotations", str(truth), "--tracker", tracker]
    importing = [
        "import-results",
        str(results),
        "--benchmark",
        "lasot",
        "--annotations",
        str(truth),
        "--tracker",
        tracker,
    ]
    costs: dict[str, list[float]] = {"score": [], "import": []}
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as own:
            costs["score"].append(spend(["evalkit", *scoring], own=Path(own)).processor)
            costs["import"].append(
                spend(["evalkit", *importing, "--results", "{own}/results"], own=Path(own)).processor
            )
    return min(costs["import"]) / min(costs["score"])


def peer_seconds(truth: Path, results: Path, tracker: str, repeat: int) -> tuple[float, float]:
    """Best seconds of the peer's whole process on unpacked files, and of its arithmetic alone."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, tree, top in (("truth", open_tree(truth), "lasot/"), ("results", open_tree(results), f"{tracker}/")):
            (folder / name).mkdir()
            for path in (entry for entry in tree.names if entry.startswith(top) and entry.endswith(".txt")):
                stem = path.removesuffix("/groundtruth.txt").removesuffix(".txt").rpartition("/")[2]
                if path.endswith("/groundtruth.txt") or (name == "results" and not stem.endswith("_time")):
                    (folder / name / f"{stem}.txt").write_bytes(tree.read(path).replace(b"\t", b","))
        whole = arithmetic = float("inf")
        for _ in range(repeat):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PEER, made], check=True, capture_output=True, text=True
            )
            whole = min(whole, time.perf_counter() - start)
            arithmetic = min(arithmetic, float(done.stdout.split()[-1]))
    return whole, arithmetic


def in_memory(sequences: int, rows: int) -> tuple[list[Annotation], Trajectories]:
    """Annotations and results of made tracks."""
    truths, predictions = make_tracks(sequences, rows, 3)
    names = [f"s{number}" for number in range(sequences)]
    annotations = [
        Annotation(name, truth, np.zeros(len(truth), dtype=np.bool_), len(truth))
        for name, truth in zip(names, truths, strict=True)
    ]
    return annotations, {name: [Trajectory.of_boxes(boxes)] for name, boxes in zip(names, predictions, strict=True)}


def main() -> int:
    """Measure, print, and return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.data or Path(made)
        if options.data is None:
            write_files(folder)
        return report(folder.resolve(), options.repeat)


def report(folder: Path, repeat: int) -> int:
    """Measure and print one line per question."""
    truth, results = folder / "lasot_test_gt.zip", folder / "results_lasot.zip"
    files = ["--predictions", str(results), "--annotations", str(truth), "--quiet"]
    tracker = min(open_tree(results).names).split("/")[0]
    whole = process_seconds(["score", "lasot", *files, "--tracker", tracker], repeat)
    four = process_seconds(["score", "lasot", *files], repeat)
    arithmetic = arithmetic_seconds(*in_memory(SEQUENCES, ROWS), repeat=3 * repeat)
    many = arithmetic_seconds(*in_memory(20_000, 2_000_000), repeat=1)
    imported = import_ratio(truth, results, tracker, repeat)
    shown = min(spend(["evalkit", "--help"]).processor for _ in range(repeat))
    peer, peer_arithmetic = peer_seconds(truth, results, tracker, repeat)
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20
    lines = [
        ("whole process", whole, "s", f"one tracker, cold Python, three curves, from zips; got10k {peer:.2f} s"),
        ("four trackers", four / whole, "x", f"of the time of one ({four:.2f} s)"),
        (
            "arithmetic",
            arithmetic,
            "s",
            f"boxes in memory to three curves; got10k, two curves: {peer_arithmetic:.2f} s",
        ),
        ("many sequences", many, "s", "20,000 sequences of 100 frames"),
        ("memory", memory, "GiB", "largest process of this run"),
        ("import", imported, "x", "of the processor time of scoring one tracker"),
        ("help", shown, "s", "of processor time: evalkit --help"),
    ]
    missed = 0
    for name, value, unit, text in lines:
        good = value <= LIMITS[name]
        missed += not good
        print(f"{name:15} {value:6.2f} {unit:3} limit {LIMITS[name]:5.2f}  {'ok    ' if good else 'MISSED'} {text}")
    print(f"got10k / evalkit: whole process {peer / whole:.1f}, arithmetic {peer_arithmetic / arithmetic:.1f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
