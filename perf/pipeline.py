"""Frames per second of the whole pipeline against the plain loop that everybody uses, in one run.

JPEG sequences are written with LaSOT's real lengths, scaled down, and 1280 x 720 pixels. Compared are

* ``decode``  the pure rate of as many decoder threads, nothing else: the ceiling where the tracker costs nothing;
* ``plain``   read, crop, track, one frame and one sequence after the other;
* ``ours``    the slot loop at several capacities.

Trackers: ``stub`` with a given cost of the device (``--cost a+bn`` milliseconds for a step of n streams, during which
the processor is free) and of the crop, or one of the catalog (``--tracker ostrack-256 --weights random --device
cuda``). With ``--cost 0+0`` the pipeline's own overhead is visible. Rounds alternate between the loops, so that a
machine's drift cancels out in their ratios; processor seconds are counted too, which other programs do not disturb.
With ``--at-least`` the program fails unless each of ours reaches this share of the pure decode rate, in wall or in
processor time, in the best of its rounds: a pipeline that cost more would miss it in every round.

    python perf/pipeline.py --cost 0+0
    python perf/pipeline.py --cost 0+0 --scale 200 --sequences 16 --capacity 4,16 --rounds 4 --no-plain --at-least 0.9
    python perf/pipeline.py --cost 4+0.05 --crop 1 --capacity 1,8,32
    python perf/pipeline.py --tracker ostrack-256 --weights random --device cuda --precision bf16 --scale 10
"""

import argparse
import collections.abc as cabc
import csv
import functools
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import evalkit
import trackers
from evalkit.evaluation.clips import write_clip
from evalkit.hardware import describe_machine
from evalkit.machine import usable_cores
from evalkit.sequences import Trajectory
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import Predictions, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings, run_jobs
from evalkit.tracking.timing import LoopTiming, details, summary

LENGTHS = Path(evalkit.__file__).parent / "data" / "sequences" / "lasot_test.csv"


@dataclass(frozen=True)
class Cost:
    """Milliseconds: of a device step of n streams ``fixed + each * n``, and of a crop on the processor."""

    fixed: float
    each: float
    crop: float

    @classmethod
    def parse(cls, text: str, crop: float) -> "Cost":
        fixed, _, each = text.partition("+")
        return cls(float(fixed), float(each or 0), crop)


class Stub:
    """A tracker with known costs that does nothing."""

    def __init__(self, cost: Cost) -> None:
        self.info = TrackerInfo("stub")
        self._cost = cost

    def initialize(self, frames: Any, boxes: Any) -> list[Any]:
        return list(boxes)

    def prepare(self, state: Any, frame: Any) -> Any:
        if self._cost.crop:
            end = time.thread_time() + self._cost.crop / 1000
            while time.thread_time() < end:  # work on the processor that releases the lock, as OpenCV's does
                cv2.resize(frame.rgb[:384, :384], (256, 256))
        return state

    def track(self, states: Any, inputs: Any) -> Predictions:
        if seconds := (self._cost.fixed + self._cost.each * len(states)) / 1000:
            time.sleep(seconds)
        return Predictions(np.array(inputs), np.full(len(states), np.nan))


@dataclass
class Keep:
    """A sink that keeps the boxes."""

    boxes: dict[str, Any] = field(default_factory=dict)

    def finished(self, results: cabc.Sequence[tuple[Job, Trajectory]]) -> None:
        self.boxes |= {job.name: trajectory.boxes for job, trajectory in results}

    def failed(self, job: Job, error: Exception) -> None:
        raise error


@dataclass
class Case:
    """One way to go through the frames, and what it took in each round."""

    name: str
    run: cabc.Callable[[], dict[str, Any] | None]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self) -> dict[str, Any] | None:
        wall, cpu = time.perf_counter(), time.process_time()
        boxes = self.run()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return boxes


def lasot_lengths(scale: float, count: int) -> list[int]:
    """Lengths of ``count`` sequences spread evenly over LaSOT's test split, in its order, scaled down."""
    with LENGTHS.open(newline="", encoding="utf-8") as file:
        lengths = [int(row["frames"]) for row in csv.DictReader(file)]
    picked = np.linspace(0, len(lengths) - 1, min(count, len(lengths))).round().astype(int)
    return [max(2, round(lengths[index] / scale)) for index in picked]


def write_sequences(folder: Path, lengths: list[int], wh: tuple[int, int], files: int) -> list[Job]:
    return [
        write_clip(folder / f"s{number:03d}", frames=min(files, length), wh=wh, seed=number, length=length)
        for number, length in enumerate(lengths)
    ]


def pure_decode(jobs: list[Job], threads: int) -> None:
    """Decode every frame once with a number of threads; nothing is kept."""
    frames = iter([(job.frames, index) for job in jobs for index in range(job.length)])
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                given = next(frames, None)
            if given is None:
                return
            given[0].read(given[1])

    pool = [threading.Thread(target=work) for _ in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()


def plain_loop(tracker: Tracker[Any, Any], jobs: list[Job]) -> dict[str, Any]:
    """One sequence after the other, one frame after the other."""
    results = {}
    for job in jobs:
        (state,) = tracker.initialize([job.frames.read(0)], job.initial_box[None])
        boxes = [job.initial_box]
        for index in range(1, job.length):
            inputs = tracker.prepare(state, job.frames.read(index))
            boxes.append(tracker.track([state], [inputs]).boxes[0])
        results[job.name] = np.array(boxes)
    return results


def slot_loop(
    tracker: Tracker[Any, Any], jobs: list[Job], settings: LoopSettings, timing: LoopTiming
) -> dict[str, Any]:
    """The loop of run-benchmark, without the store."""
    keep = Keep()
    run_jobs(tracker, jobs, keep, settings, timing=timing)
    return keep.boxes


def measure(arguments: argparse.Namespace, jobs: list[Job]) -> dict[str, Any]:
    """Run all cases in turn, round after round."""
    tracker = make_tracker(arguments)
    timings: dict[str, LoopTiming] = {}

    def ours(name: str, capacity: int, waves: str) -> dict[str, Any]:
        timings[name] = timing = LoopTiming()
        chosen = None if waves == "auto" else int(waves)
        settings = LoopSettings(capacity, arguments.decoders, arguments.croppers, waves=chosen)
        return slot_loop(tracker, jobs, settings, timing)

    cases = [Case("decode", lambda: pure_decode(jobs, arguments.decoders))]
    if not arguments.no_plain:
        cases.append(Case("plain", lambda: plain_loop(tracker, jobs)))
    for capacity in arguments.capacities:
        for waves in arguments.waves.split(","):
            name = f"ours, capacity {capacity}, waves {waves}"
            cases.append(Case(name, functools.partial(ours, name, capacity, waves)))
    for _ in range(arguments.rounds):
        measured = [boxes for case in cases if (boxes := case.measure()) is not None]
        for other in measured[1:]:
            for name, boxes in measured[0].items():
                np.testing.assert_allclose(other[name], boxes, rtol=0, atol=arguments.tolerance)
    return {"cases": [as_json(case, cases[0], jobs) for case in cases], "timings": timings}


def as_json(case: Case, reference: Case, jobs: list[Job]) -> dict[str, Any]:
    frames = sum(job.length for job in jobs)
    return {
        "name": case.name,
        "frames_per_second": frames / statistics.median(case.wall),
        "cpu_ms_per_frame": 1000 * statistics.median(case.cpu) / frames,
        "of_decode_wall": statistics.median(a / b for a, b in zip(reference.wall, case.wall, strict=True)),
        "of_decode_cpu": statistics.median(a / b for a, b in zip(reference.cpu, case.cpu, strict=True)),
        "best_of_decode": max(a / b for a, b in zip(reference.wall + reference.cpu, case.wall + case.cpu, strict=True)),
    }


def make_tracker(arguments: argparse.Namespace) -> Tracker[Any, Any]:
    if arguments.tracker == "stub":
        return Stub(Cost.parse(arguments.cost, arguments.crop))
    options = TrackerOptions(arguments.weights, arguments.device, arguments.precision)
    return load_tracker(trackers.CATALOG, arguments.tracker, options)


def read_arguments(words: cabc.Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = usable_cores()
    parser.add_argument("--scale", type=float, default=100, help="divide LaSOT's lengths by this")
    parser.add_argument("--sequences", type=int, default=32, help="of the 280, spread evenly")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--files", type=int, default=12, help="JPEG files per sequence, read to and fro")
    parser.add_argument("--capacity", default="1,4,16")
    parser.add_argument("--decoders", type=int, default=cores)
    parser.add_argument("--croppers", type=int, default=cores)
    parser.add_argument("--waves", default="auto", help="auto, 1, 2, or several of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tracker", default="stub")
    parser.add_argument("--cost", default="0+0", help="of the stub's device step in ms: fixed+each")
    parser.add_argument("--crop", type=float, default=0.0, help="of the stub's crop in ms of processor time")
    parser.add_argument("--weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--tolerance", type=float, default=0.0, help="pixels; devices are not equal to the last bit")
    parser.add_argument("--no-plain", action="store_true", help="leave the plain loop out, which is slow")
    parser.add_argument("--at-least", type=float, help="share of the pure decode rate that ours must reach, else fail")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(words)
    arguments.capacities = [int(part) for part in arguments.capacity.split(",")]
    return arguments


def main(words: cabc.Sequence[str] | None = None) -> int:
    arguments = read_arguments(words)
    width, height = (int(part) for part in arguments.size.split("x"))
    lengths = lasot_lengths(arguments.scale, arguments.sequences)
    with tempfile.TemporaryDirectory() as folder:
        jobs = write_sequences(Path(folder), lengths, (width, height), arguments.files)
        measured = measure(arguments, jobs)
    report(arguments, measured, lengths)
    least = min(case["best_of_decode"] for case in measured["cases"] if case["name"].startswith("ours"))
    return int(arguments.at_least is not None and least < arguments.at_least)


def report(arguments: argparse.Namespace, measured: dict[str, Any], lengths: list[int]) -> None:
    hardware = describe_machine(arguments.device)
    if arguments.json:
        print(json.dumps({"hardware": hardware, "arguments": vars(arguments), "cases": measured["cases"]}, indent=1))
        return
    print(f"{hardware['processor']}, {hardware['cores']} cores, {hardware['card'] or 'no card'}")
    print(f"{len(lengths)} sequences, {sum(lengths)} frames of {arguments.size}, {arguments.decoders} decoder threads")
    for case in measured["cases"]:
        print(
            f"{case['name']:28s} {case['frames_per_second']:8.1f} frames/s   {case['cpu_ms_per_frame']:6.2f} ms of "
            f"processor per frame   {case['of_decode_wall']:.2f} of the decode rate (wall), "
            f"{case['of_decode_cpu']:.2f} (processor)"
        )
    for name, timing in measured["timings"].items():
        print(f"last round, {name}: {summary(timing)}", *details(timing), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
