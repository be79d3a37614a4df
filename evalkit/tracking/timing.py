"""Where a run's time went: counters per stage, the bottleneck they show, and their place on disk."""

import collections.abc as cabc
import dataclasses
import time
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from evalkit.errors import counted
from evalkit.machine import usable_cores

T = TypeVar("T")
BUSY = 0.85
"""From this share on, the cores of a machine count as the bottleneck."""


class Timed(NamedTuple, Generic[T]):
    """A call's result, its wall time and its thread's processor time in seconds."""

    value: T
    wall: float
    cpu: float


def timed(call: cabc.Callable[..., T], *arguments: object) -> Timed[T]:
    """Call and measure.

    Example:
        >>> timed(max, 3, 5).value
        5
    """
    wall, cpu = time.perf_counter(), time.thread_time()
    value = call(*arguments)
    return Timed(value, time.perf_counter() - wall, time.thread_time() - cpu)


@dataclass(slots=True)
class Stage:
    """Work of one kind, summed over the threads that do it.

    Attributes:
        calls: Number of calls.
        wall: Seconds, waiting inside the call included (for the disk, for a processor core).
        cpu: Seconds of processor time.
    """

    calls: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    def add(self, call: Timed[T]) -> T:
        """Count a call and return its result."""
        self.calls += 1
        self.wall += call.wall
        self.cpu += call.cpu
        return call.value

    def merge(self, other: "Stage") -> None:
        """Add another process's numbers."""
        self.calls += other.calls
        self.wall += other.wall
        self.cpu += other.cpu


@dataclass(slots=True)
class LoopTiming:
    """Counters of the slot loop.

    Attributes:
        frames: Frames tracked.
        steps: Rounds of the loop.
        total: Wall time in seconds; of several workers, the longest.
        cpu: Processor seconds of the whole process meanwhile.
        decode: Reading and decoding images, in the decoder threads.
        crop: The tracker's ``prepare``, in its threads.
        device: The tracker's ``initialize`` and ``track``.
        write: Storing results, in the writer thread.
        inside: Stages inside ``device`` that the tracker reports, seconds (``upload``).
        wait_decode: Seconds in which the loop waited for decoded frames.
        wait_crop: ... for crops.
        wait_device: ... for the tracker.
        wait_write: ... for results to be written.
        wait_work: ... for a further sequence, with several workers.
        capacity: Most streams that were tracked together.
        batch: Streams in every call on a device beside the processor, whose last bits depend on it; 0 = calls differ.
        waves: 2 if the device worked on one half of the streams while the other half was prepared.
        decoders: Threads.
        croppers: Threads.
        workers: Processes; the other numbers are sums over them.
        out_of_memory: How often the device's memory did not suffice and the capacity was halved.
        peak_frame_bytes: Most memory that decoded frames held at once, of any one worker.
    """

    frames: int = 0
    steps: int = 0
    total: float = 0.0
    cpu: float = 0.0
    decode: Stage = field(default_factory=Stage)
    crop: Stage = field(default_factory=Stage)
    device: Stage = field(default_factory=Stage)
    write: Stage = field(default_factory=Stage)
    inside: dict[str, float] = field(default_factory=dict)
    wait_decode: float = 0.0
    wait_crop: float = 0.0
    wait_device: float = 0.0
    wait_write: float = 0.0
    wait_work: float = 0.0
    capacity: int = 0
    batch: int = 0
    waves: int = 1
    decoders: int = 0
    croppers: int = 0
    workers: int = 1
    out_of_memory: int = 0
    peak_frame_bytes: int = 0

    @property
    def rate(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.total if self.total else 0.0

    def busy(self) -> dict[str, float]:
        """Stage -> share of the time of its threads (of the workers' device calls) in which it worked."""
        slots = {
            "decode": (self.decode, self.decoders),
            "crop": (self.crop, self.croppers),
            "device": (self.device, self.workers),
            "write": (self.write, self.workers),
        }
        return {name: _share(stage.wall, self.total * max(count, 1)) for name, (stage, count) in slots.items()}

    def waits(self) -> dict[str, float]:
        """What the loop waited for -> share of its time."""
        waits = {
            "decode": self.wait_decode,
            "crop": self.wait_crop,
            "device": self.wait_device,
            "write": self.wait_write,
            "work": self.wait_work,
        }
        return {name: _share(seconds, self.total * self.workers) for name, seconds in waits.items()}

    @property
    def processor(self) -> float:
        """Share of this machine's cores that the process kept busy (of several workers, as if all were here)."""
        return _share(self.cpu, self.total * usable_cores())

    def bottleneck(self) -> str:
        """``cores`` if all of them were busy, else the stage that the loop waited for most."""
        if self.processor > BUSY and self.workers == 1:
            return "cores"
        waits = self.waits()
        return max(waits, key=lambda name: waits[name])

    def as_json(self) -> dict[str, object]:
        """Values for a file or a document."""
        document = dataclasses.asdict(self)
        return {
            **document,
            "rate": self.rate,
            "busy": self.busy(),
            "waits": self.waits(),
            "processor": self.processor,
            "limit": self.bottleneck(),
        }


def merged(parts: cabc.Sequence[LoopTiming]) -> LoopTiming:
    """The counters of several workers that ran side by side.

    Example:
        >>> both = merged([LoopTiming(frames=5, total=2.0), LoopTiming(frames=3, total=1.0)])
        >>> both.frames, both.total, both.workers
        (8, 2.0, 2)
    """
    if len(parts) == 1:
        return parts[0]
    whole = LoopTiming(workers=len(parts))
    for part in parts:
        for stage in ("decode", "crop", "device", "write"):
            getattr(whole, stage).merge(getattr(part, stage))
        for name in _SUMS:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        for name in _LARGEST:
            setattr(whole, name, max(getattr(whole, name), getattr(part, name)))
        for name, seconds in part.inside.items():
            whole.inside[name] = whole.inside.get(name, 0.0) + seconds
    return whole


def summary(timing: LoopTiming) -> str:
    """One line: the rate, how busy each stage was, what the loop waited for, what would help."""
    busy, waits = timing.busy(), timing.waits()
    threads = {"decode": timing.decoders, "crop": timing.croppers}
    stages = ", ".join(
        f"{name} {100 * share:.0f}%" + (f" of {counted(threads[name], 'thread')}" if name in threads else "")
        for name, share in busy.items()
    )
    longest = max(waits, key=lambda name: waits[name])
    return (
        f"{counted(timing.frames, 'frame')} in {timing.total:.1f} s, {timing.rate:.1f} frames/s at capacity "
        f"{timing.capacity}; busy: {stages}, processor {100 * timing.processor:.0f}%; waited for {longest} "
        f"{100 * waits[longest]:.0f}% of the time; limit: {timing.bottleneck()}{_advice(timing)}"
    )


def details(timing: LoopTiming) -> list[str]:
    """Further lines for ``--verbose``."""
    lines = []
    for name in ("decode", "crop", "device", "write"):
        stage: Stage = getattr(timing, name)
        each = 1000 * stage.wall / stage.calls if stage.calls else 0.0
        lines.append(f"  {name}: {stage.calls} calls, {stage.wall:.2f} s ({each:.2f} ms each), {stage.cpu:.2f} s cpu")
    lines += [f"  {name} (inside device): {seconds:.2f} s" for name, seconds in timing.inside.items()]
    waits = ", ".join(f"{name} {100 * share:.0f}%" for name, share in timing.waits().items())
    lines.append(f"  the loop waited for: {waits}")
    if timing.batch:
        lines.append(f"  every call of the device for {timing.batch} streams: --capacity {timing.capacity} repeats it")
    lines.append(
        f"  {timing.steps} steps, {timing.waves} wave(s), {timing.workers} worker(s), out of memory "
        f"{timing.out_of_memory} times, decoded frames held at most {timing.peak_frame_bytes / 2**20:.0f} MiB"
    )
    return lines


def _advice(timing: LoopTiming) -> str:
    limit, cores = timing.bottleneck(), usable_cores()
    if limit == "decode" and timing.decoders < cores:
        return f" (more --decoders would help, this machine has {cores} cores)"
    return {
        "decode": " (more cores, or a faster disk, would help)",
        "cores": " (more cores would help)",
        "write": " (a faster disk would help)",
    }.get(limit, "")


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


_SUMS = (
    "frames",
    "steps",
    "cpu",
    "wait_decode",
    "wait_crop",
    "wait_device",
    "wait_write",
    "wait_work",
    "decoders",
    "croppers",
    "out_of_memory",
)
_LARGEST = ("total", "capacity", "batch", "waves", "peak_frame_bytes")
