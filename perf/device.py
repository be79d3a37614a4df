"""Trackers on a device, from JPEG files to boxes: one row per tracker, precision and capacity, and what limits it.

Beside them a plain loop in the style of the papers' programs, one frame at a time; all in one run, on the same files.
Without a CUDA device it runs on the processor, slowly, and shows that it works.

    python perf/device.py > device.json                       # on a card: a quarter of an hour
    python perf/device.py --trackers ostrack-256 --precisions fp32,bf16 > ostrack.json

Numbers of a card: milliseconds of one frame inside the network by the card's own clock, upload as the host sees it,
most memory, joules where the driver tells. A case that fails says why and the others go on; each row is shown on
stderr when it is there.
"""

import argparse
import collections.abc as cabc
import dataclasses
import gc
import itertools
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from models import plain_loop
from pipeline import Keep, write_sequences

import trackers
from evalkit.hardware import describe_machine, energy_joules
from evalkit.machine import usable_cores
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import DeviceTracker, Tracker, TrackerOptions
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.speed import measure_throughput

TRACKERS = "ostrack-256,ostrack-384,swintrack-tiny,srft-rgbt-256,upvpt-ostrack-256"


def measured(tracker: Tracker[Any, Any], jobs: list[Job], capacity: int, asked: argparse.Namespace) -> dict[str, Any]:
    """One row: the loop of run-benchmark, without the store, warm."""
    if isinstance(tracker, DeviceTracker):
        tracker.release_memory()
    batch = 1 if asked.device == "cpu" else None
    settings = LoopSettings(capacity, asked.threads, asked.threads, timeout=600, batch=batch)
    done = measure_throughput(
        tracker, jobs, Keep(), settings, seconds=asked.seconds, energy=lambda: energy_joules(asked.device)
    )
    timing = done.timing
    memory = tracker.device_memory() if isinstance(tracker, DeviceTracker) else None
    return {
        "frames_per_second": round(done.rate, 1),
        "batch": timing.batch,
        "ms_of_a_frame": {name: round(1000 * spent / timing.frames, 3) for name, spent in timing.inside.items()},
        "decode_ms": round(1000 * timing.decode.wall / timing.frames, 2),
        "crop_ms": round(1000 * timing.crop.wall / timing.frames, 2),
        "waits": {name: round(share, 2) for name, share in timing.waits().items()},
        "limit": timing.bottleneck(),
        "device_mib": None if memory is None else memory.peak >> 20,
        "joules": None if math.isnan(done.joules) else round(done.joules, 3),
    }


def plain(name: str, options: TrackerOptions, job: Job) -> dict[str, Any]:
    """Decode, then crop, normalize on the processor, forward, decode the box; one frame after the other."""
    frames = [job.frames.read(0)] * 3
    loop = plain_loop(name, frames, options)
    loop()
    begin = time.perf_counter()
    frames[:] = [job.frames.read(index) for index in range(job.length)]
    loop()
    return {"frames_per_second": round(job.length / (time.perf_counter() - begin), 1)}


def cases(asked: argparse.Namespace, jobs: list[Job]) -> cabc.Iterator[dict[str, Any]]:
    """One row for each, a failure told in its row."""
    for name, precision in itertools.product(asked.trackers.split(","), asked.precisions.split(",")):
        row: dict[str, Any] = {"tracker": name, "precision": precision}
        options = TrackerOptions("random", asked.device, precision)
        two = trackers.CATALOG[name].modalities - {"rgb"}
        used = [dataclasses.replace(job, frames=Doubled(job.frames)) for job in jobs] if two else jobs
        try:
            yield row | {"capacity": "plain"} | plain(name, options, used[0])
            gc.collect()
            tracker = load_tracker(trackers.CATALOG, name, options)
        except Exception as problem:  # noqa: BLE001 - the other cases go on
            yield row | {"failed": f"{problem}"[:300]}
            continue
        for capacity in map(int, asked.capacities.split(",")):
            row["capacity"] = capacity
            try:
                yield row | measured(tracker, used, capacity, asked)
            except Exception as problem:  # noqa: BLE001 - as above
                yield row | {"failed": f"{type(problem).__name__}: {problem}"[:300]}
        del tracker
        gc.collect()


@dataclasses.dataclass(frozen=True)
class Doubled:
    """Frames whose color image is also the second one."""

    frames: Any

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> Any:
        frame = self.frames.read(index)
        return dataclasses.replace(frame, aux=frame.rgb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    card = torch.cuda.is_available()
    parser.add_argument("--trackers", default=TRACKERS)
    parser.add_argument("--device", default="cuda" if card else "cpu")
    parser.add_argument("--precisions", default="fp32,tf32,bf16,fp16" if card else "fp32,bf16")
    parser.add_argument("--capacities", default="1,4,16,64,128,256" if card else "1,2")
    parser.add_argument("--frames", type=int, default=24, help="of a sequence; sequences follow each other")
    parser.add_argument(
        "--seconds", type=float, default=6 if card else 20, help="for a row, the first third to warm up"
    )
    parser.add_argument("--threads", type=int, default=usable_cores(), help="that decode, and as many that crop")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (first,) = write_sequences(Path(folder), [arguments.frames], (1280, 720), 24)
        jobs = [dataclasses.replace(first, name=f"s{number}") for number in range(256)]
        rows = []
        for row in cases(arguments, jobs):
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    print(json.dumps({**describe_machine(arguments.device), "arguments": vars(arguments), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
