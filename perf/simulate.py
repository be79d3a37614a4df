"""Predict how long the eight benchmarks take on 1 to 256 devices, from stage times measured on one.

The simulation follows the program: one queue over all benchmarks, longest sequence first; each device has slots, a free
slot takes the next sequence at once, all streams of a device advance together. A step of n streams takes as long as the
slowest of: the device (``fixed + each * n``), the device's share of the processor cores for decoding and crops, and its
share of the disk that all machines read from. Starting a worker costs seconds.

    python perf/simulate.py                                   # assumed stage times, stated in the output
    evalkit measure-speed --tracker T --json > speed.json
    python perf/simulate.py --speed speed.json --cores 16 --disk 2000
"""

import argparse
import collections.abc as cabc
import csv
import heapq
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import evalkit

SEQUENCES = Path(evalkit.__file__).parent / "data" / "sequences"
TRACKINGNET = (511, 225_589)
"""Sequences and frames of its test split; lengths of single sequences are not in our table, the mean is taken."""


class Images(NamedTuple):
    """A benchmark's files: megapixels decoded and megabytes read per frame, both modalities together."""

    table: str
    megapixels: float
    megabytes: float


BENCHMARKS = {  # usual frame sizes; a benchmark's sequences differ
    "uav123": Images("uav123_test", 0.92, 0.15),
    "got10k": Images("got10k_test", 2.07, 0.45),
    "lasot": Images("lasot_test", 0.92, 0.26),
    "tnl2k": Images("tnl2k_test", 0.65, 0.15),
    "trackingnet": Images("", 0.92, 0.20),
    "visevent": Images("visevent_test", 0.18, 0.10),
    "lasher": Images("lasher_test", 0.60, 0.15),
    "depthtrack": Images("depthtrack_test", 0.61, 0.40),
}


@dataclass(frozen=True)
class Stages:
    """Stage times; the defaults are assumptions, except where a comment names a measurement.

    Attributes:
        decode_ms: Processor time per megapixel; 720p at 317 images per second and core is 3.4 ms.
        crop_ms: Processor time per frame; 8,100 crops per second and core.
        fixed_ms: Of a device step.
        each_ms: Of a device step, per stream.
        start_s: Of a worker: process, library, weights.
        cores: Per device.
        capacity: Streams per device.
        disk: MB/s that all devices share.
    """

    decode_ms: float = 3.4
    crop_ms: float = 0.12
    fixed_ms: float = 4.0
    each_ms: float = 0.25
    start_s: float = 15.0
    cores: int = 16
    capacity: int = 64
    disk: float = 2000.0


@dataclass(frozen=True, order=True)
class Item:
    """A sequence in the queue; sorts longest first."""

    key: int
    length: int
    megapixels: float
    megabytes: float

    @classmethod
    def of(cls, length: int, images: Images) -> "Item":
        return cls(-length, length, images.megapixels, images.megabytes)


@dataclass
class Device:
    """One device: its streams as (step at which it ends, item)."""

    step: float = 0.0
    time: float = 0.0
    streams: list[tuple[float, int, Item]] = field(default_factory=list)

    def step_seconds(self, stages: Stages, sharing: int) -> float:
        """Of a step, while so many devices read from the disk."""
        count = len(self.streams)
        pixels = sum(item.megapixels for _, _, item in self.streams)
        size = sum(item.megabytes for _, _, item in self.streams)
        cores = (pixels * stages.decode_ms + count * stages.crop_ms) / stages.cores / 1000
        device = (stages.fixed_ms + stages.each_ms * count) / 1000
        return max(cores, device, size * sharing / stages.disk)


def lengths(name: str) -> list[int]:
    table = BENCHMARKS[name].table
    if not table:
        count, frames = TRACKINGNET
        return [frames // count + (number < frames % count) for number in range(count)]
    with (SEQUENCES / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return [int(row["frames"]) for row in csv.DictReader(file)]


def items(names: cabc.Iterable[str]) -> list[Item]:
    return [Item.of(length, BENCHMARKS[name]) for name in names for length in lengths(name)]


def simulate(work: list[Item], stages: Stages, devices: int) -> float:
    """Seconds from the start to the last result."""
    queue = sorted(work)
    queue.reverse()  # the longest last, to be popped
    machines = [Device(time=stages.start_s) for _ in range(devices)]
    open_count = len(queue)
    serial = 0

    def refill() -> None:
        nonlocal serial
        share = -(-open_count // devices)
        while queue:
            fewest = min(machines, key=lambda machine: len(machine.streams))
            if len(fewest.streams) >= min(stages.capacity, share):
                return
            item = queue.pop()
            serial += 1
            heapq.heappush(fewest.streams, (fewest.step + item.length, serial, item))

    def next_end(machine: Device) -> float:
        steps = machine.streams[0][0] - machine.step
        return machine.time + steps * machine.step_seconds(stages, len(busy))

    busy: list[Device] = []
    refill()
    end = stages.start_s
    while busy := [machine for machine in machines if machine.streams]:
        machine = min(busy, key=next_end)
        end = max(end, next_end(machine))
        for other in machines:  # all clocks to this moment
            if other.streams and other is not machine:
                other.step += (end - other.time) / other.step_seconds(stages, len(busy))
            other.time = end
        machine.step = machine.streams[0][0]
        heapq.heappop(machine.streams)
        open_count -= 1
        refill()
    return end


def bounds(work: list[Item], stages: Stages, devices: int) -> dict[str, float]:
    """Seconds that each resource alone needs at least; the largest is the limit."""
    frames = sum(item.length for item in work)
    pixels = sum(item.length * item.megapixels for item in work)
    size = sum(item.length * item.megabytes for item in work)
    full = (stages.fixed_ms / stages.capacity + stages.each_ms) / 1000
    longest = max(work, key=lambda item: item.length)
    alone = max(stages.fixed_ms + stages.each_ms, longest.megapixels * stages.decode_ms / stages.cores) / 1000
    return {
        "decoding": (pixels * stages.decode_ms + frames * stages.crop_ms) / 1000 / stages.cores / devices,
        "device": frames * full / devices,
        "disk": size / stages.disk,
        "longest sequence": longest.length * alone,
        "start": stages.start_s,
    }


def from_speed(document: dict[str, Any], stages: Stages) -> dict[str, float]:
    """Stage times out of ``evalkit measure-speed --json``."""
    timing = document["throughput"]["timing"]
    megapixels = document["frame"]["width"] * document["frame"]["height"] / 1e6
    capacity = max(1, timing["capacity"])
    per_frame = 1000 * timing["device"]["wall"] / max(1, timing["frames"])
    alone = document["latency"]["stages"]["track"]["median_ms"]
    each = max(0.0, (per_frame * capacity - alone) / max(1, capacity - 1))  # the line through one stream and many
    return {
        "decode_ms": 1000 * timing["decode"]["cpu"] / max(1, timing["decode"]["calls"]) / megapixels,
        "crop_ms": 1000 * timing["crop"]["cpu"] / max(1, timing["crop"]["calls"]),
        "each_ms": each,
        "fixed_ms": max(0.0, alone - each),
        "capacity": stages.capacity,
    }


def predictions(stages: Stages, counts: cabc.Iterable[int], names: cabc.Sequence[str]) -> list[dict[str, Any]]:
    work = items(names)
    frames = sum(item.length for item in work)
    rows = []
    single = None
    for devices in counts:
        seconds = simulate(work, stages, devices)
        single = seconds if single is None else single
        needs = bounds(work, stages, devices)
        rows.append(
            {
                "devices": devices,
                "seconds": round(seconds, 1),
                "frames_per_second": round(frames / seconds),
                "efficiency": round(single / seconds / devices, 3),
                "limit": max(needs, key=lambda name: needs[name]),
                "bounds": {name: round(value, 1) for name, value in needs.items()},
            }
        )
    return rows


def read_arguments(words: cabc.Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in vars(Stages()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"default {value}")
    parser.add_argument("--speed", type=Path, help="a document of measure-speed --json")
    parser.add_argument("--benchmarks", default=",".join(BENCHMARKS))
    parser.add_argument("--devices", default="1,2,4,8,16,32,64,128,256")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


def main(words: cabc.Sequence[str] | None = None) -> None:
    arguments = read_arguments(words)
    known = {name: value for name in vars(Stages()) if (value := getattr(arguments, name)) is not None}
    measured: dict[str, Any] = {}
    if arguments.speed is not None:
        measured = from_speed(json.loads(arguments.speed.read_text(encoding="utf-8")), Stages())
    stages = Stages(**{**measured, **known})
    names = arguments.benchmarks.split(",")
    rows = predictions(stages, [int(part) for part in arguments.devices.split(",")], names)
    if arguments.json:
        print(json.dumps({"stages": vars(stages), "rows": rows}, indent=1))
        return
    work = items(names)
    print(f"{len(work)} sequences, {sum(item.length for item in work)} frames of {', '.join(names)}")
    print(", ".join(f"{name} {value:g}" for name, value in vars(stages).items()))
    print("devices   seconds   frames/s   efficiency   limit")
    for row in rows:
        print(
            f"{row['devices']:7d} {row['seconds']:9.1f} {row['frames_per_second']:10d} {row['efficiency']:12.2f}   "
            f"{row['limit']}"
        )


if __name__ == "__main__":
    main()
