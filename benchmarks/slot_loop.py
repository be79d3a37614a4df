"""Frames per second of the slot loop against the plain loop over frames that everybody writes, in one run.

Both read the same JPEG files with the same decoder and call the same tracker; only the loop differs. Trackers:

* ``nothing``  costs nothing, so decoding alone decides (what a fast GPU tracker sees);
* ``ncc``, ``kcf``  real trackers on the processor;
* ``sleep-4ms``  a device that works while the processor is free.

Usage: python benchmarks/slot_loop.py [--frames 300] [--size 1280x720] [--rounds 5]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import trackers
from evalkit.benchmarks.frames import ImageFrames
from evalkit.sequences import Trajectory
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import Predictions, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.loop import Job, LoopSettings, run_jobs


class Device:
    """A tracker that costs a fixed time per step, however many streams take part."""

    def __init__(self, seconds: float) -> None:
        self.info = TrackerInfo(f"sleep-{seconds * 1000:.0f}ms" if seconds else "nothing")
        self._seconds = seconds

    def initialize(self, frames: Any, boxes: Any) -> list[Any]:
        return [box for _, box in zip(frames, boxes, strict=True)]

    def prepare(self, state: Any, frame: Any) -> Any:
        return state

    def track(self, states: Any, inputs: Any) -> Predictions:
        if self._seconds:
            time.sleep(self._seconds)
        return Predictions(np.array(inputs), np.full(len(states), np.nan))


class Keep:
    """A sink that keeps the boxes."""

    def __init__(self) -> None:
        self.boxes: dict[str, Any] = {}

    def finished(self, job: Job, trajectory: Trajectory) -> None:
        self.boxes[job.name] = trajectory.boxes

    def failed(self, job: Job, error: Exception) -> None:
        raise error


def write_sequences(folder: Path, *, sequences: int, frames: int, wh: tuple[int, int]) -> list[Job]:
    """Write JPEG sequences with a moving bright square on a textured ground."""
    noise = np.random.default_rng(0)
    ground = cv2.resize(noise.integers(0, 255, (wh[1] // 4, wh[0] // 4, 3), dtype=np.uint8), wh)
    jobs = []
    for number in range(sequences):
        place = folder / f"s{number}"
        place.mkdir()
        for index in range(frames):
            image = ground.copy()
            x, y = 40 + (3 * index) % (wh[0] // 2), 40 + (2 * index) % (wh[1] // 2)
            image[y : y + 40, x : x + 50] = 255 - image[y : y + 40, x : x + 50]
            cv2.imwrite(str(place / f"{index:08d}.jpg"), image)
        names = tuple(f"{index:08d}.jpg" for index in range(frames))
        jobs.append(Job(place.name, ImageFrames(str(place), names), np.array([40.0, 40, 50, 40]), frames))
    return jobs


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


def slot_loop(tracker: Tracker[Any, Any], jobs: list[Job], capacity: int) -> dict[str, Any]:
    """The loop of run-benchmark, without the store."""
    keep = Keep()
    run_jobs(tracker, jobs, keep, LoopSettings(capacity=capacity))
    return keep.boxes


def make_tracker(name: str) -> Tracker[Any, Any]:
    if name == "nothing":
        return Device(0.0)
    if name == "sleep-4ms":
        return Device(0.004)
    return load_tracker(trackers.CATALOG, name, TrackerOptions())


def compare(name: str, jobs: list[Job], rounds: int) -> None:
    """Alternate the loops and print the median ratio of the pairs, so that a machine's drift cancels out."""
    frames = sum(job.length for job in jobs)
    ratios: dict[int, list[float]] = {1: [], 4: []}
    plain_seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        expected = plain_loop(make_tracker(name), jobs)
        plain = time.perf_counter() - begin
        plain_seconds.append(plain)
        for capacity, list_of_ratios in ratios.items():
            begin = time.perf_counter()
            found = slot_loop(make_tracker(name), jobs, capacity)
            list_of_ratios.append(plain / (time.perf_counter() - begin))
            for key, boxes in expected.items():
                np.testing.assert_array_equal(found[key], boxes)
    texts = [f"x{statistics.median(values):.2f} at capacity {capacity}" for capacity, values in ratios.items()]
    print(
        f"{name:10s} plain loop {frames / statistics.median(plain_seconds):8.1f} frames/s, slot loop "
        + ", ".join(texts)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        jobs = write_sequences(Path(folder), sequences=arguments.sequences, frames=arguments.frames, wh=(width, height))
        print(f"{len(jobs)} sequences of {arguments.frames} frames, {arguments.size} JPEG, OpenCV {cv2.__version__}")
        for name in ("nothing", "ncc", "kcf", "sleep-4ms"):
            compare(name, jobs, arguments.rounds)


if __name__ == "__main__":
    main()
