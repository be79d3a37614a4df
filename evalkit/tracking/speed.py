"""Speed of a tracker, measured so that it can be compared: latency of one stream, throughput of many.

Five different numbers are called FPS in public tools; all of them are derived here from the same measurement, see
``docs/speed.md``.
"""

import collections.abc as cabc
import itertools
import math
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import TrackerError
from evalkit.tracking.interface import DeviceTracker, SubmittingTracker, Tracker
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings, Sink, run_jobs
from evalkit.tracking.timing import LoopTiming

WARM_UP_FRAMES = 20
WARM_UP_SHARE = 1 / 3
"""Of the time of the throughput measurement: kernels are chosen, capacity grows, caches fill."""


class Latency(NamedTuple):
    """Seconds of every frame of one stream after the warm-up, device synchronized after each step.

    Attributes:
        start: Of ``initialize``, the first frame's decoding left out.
        decode: (F,) reading and decoding.
        prepare: (F,) crops.
        track: (F,) the tracker's step.
        forward: Seconds per frame inside the network, where the tracker tells; else NaN.
        warm_up: Frames before these that were not counted.
    """

    start: float
    decode: FloatArray
    prepare: FloatArray
    track: FloatArray
    forward: float
    warm_up: int

    @property
    def step(self) -> FloatArray:
        """(F,) seconds without decoding."""
        return self.prepare + self.track

    @property
    def whole(self) -> FloatArray:
        """(F,) seconds with decoding."""
        return self.decode + self.step


class Spread(NamedTuple):
    """Milliseconds: median and 95th percentile."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: FloatArray) -> "Spread":
        """Of frame times.

        Example:
            >>> Spread.of(np.array([0.001, 0.002, 0.003])).median_ms
            2.0
        """
        median, p95 = np.percentile(seconds, [50, 95]) * 1000
        return cls(float(median), float(p95))


def measure_latency(tracker: Tracker[Any, Any], job: Job, *, seconds: float, warm_up: int = WARM_UP_FRAMES) -> Latency:
    """Track one stream, one frame at a time, nothing beside it.

    Args:
        tracker: The tracker.
        job: A sequence; it is begun again when it ends.
        seconds: Time to spend after the warm-up; at least two frames are measured.
        warm_up: Frames that are not counted; fewer if they take longer than ``seconds``.

    Raises:
        TrackerError: The tracker fails.
    """
    wait = tracker.synchronize if isinstance(tracker, DeviceTracker) else (lambda: None)
    if isinstance(tracker, SubmittingTracker):
        tracker.reserve(1)
    first = job.frames.read(0)
    begin = time.perf_counter()
    (state,) = tracker.initialize([first], job.initial_box[None])
    wait()
    start = time.perf_counter() - begin
    rows: list[tuple[float, float, float]] = []
    warm, forward, deadline = 0, 0.0, time.perf_counter() + seconds
    indices = itertools.cycle(range(1, job.length))
    for count in itertools.count():
        if not warm and (count == warm_up or (count and time.perf_counter() > deadline)):
            warm, forward, deadline = count, _forward(tracker), time.perf_counter() + seconds
        elif warm and count - warm >= 2 and time.perf_counter() > deadline:
            break
        marks = [time.perf_counter()]
        frame = job.frames.read(next(indices))
        marks.append(time.perf_counter())
        inputs = tracker.prepare(state, frame)
        marks.append(time.perf_counter())
        answer = tracker.track([state], [inputs])
        wait()
        marks.append(time.perf_counter())
        if answer.errors:
            raise TrackerError(f"the tracker failed while its speed was measured: {answer.errors[0]}")
        rows.append((marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]))
    decode, prepare, track = np.array(rows[warm:]).T
    inside = (_forward(tracker) - forward) / len(decode)
    return Latency(start, decode, prepare, track, inside, warm)


class Throughput(NamedTuple):
    """Frames per second of many streams, end to end: decoding, crops, device, results written.

    Attributes:
        rate: After the warm-up.
        frames: Counted for it.
        seconds: Of it.
        warm_up: Seconds before.
        timing: Of the whole measurement.
        joules: Energy that the device used for a frame of it, NaN where it does not tell.
    """

    rate: float
    frames: int
    seconds: float
    warm_up: float
    timing: LoopTiming
    joules: float = math.nan


def measure_throughput(
    tracker: Tracker[Any, Any],
    jobs: cabc.Sequence[Job],
    sink: Sink,
    settings: LoopSettings,
    *,
    seconds: float,
    energy: cabc.Callable[[], float | None] = lambda: None,
) -> Throughput:
    """Run the slot loop on jobs, again and again, for a while.

    Args:
        tracker: The tracker.
        jobs: Sequences.
        sink: Writes results as a run does.
        settings: Of the loop.
        seconds: To spend, the warm-up included.
        energy: Joules that the device has used so far.

    Raises:
        TrackerError: No frame was finished after the warm-up.
    """
    begin = time.perf_counter()
    marks: list[tuple[float, int]] = []
    source = _Repeated(jobs, begin + seconds)
    used, before = energy(), _inside(tracker)
    timing = run_jobs(
        tracker, source, sink, settings, lambda frames: marks.append((time.perf_counter() - begin, frames))
    )
    after = energy()
    timing.inside = {name: spent - before.get(name, 0.0) for name, spent in timing.inside.items()}
    joules = math.nan if used is None or after is None else (after - used) / max(1, timing.frames)
    counted = [mark for mark in marks if mark[0] >= WARM_UP_SHARE * seconds]
    if len(counted) < 2:
        raise TrackerError(f"the tracker finished no two steps within {seconds:g} s; raise --seconds.")
    frames = sum(count for _, count in counted[1:])
    spent = counted[-1][0] - counted[0][0]
    return Throughput(frames / spent, frames, spent, counted[0][0], timing, joules)


def definitions(latency: Latency, throughput: Throughput) -> dict[str, float]:
    """The five numbers that public tools call FPS, from one measurement; ``docs/speed.md`` explains them.

    Returns:
        ``read-excluded``: frames over the sum of their times, decoding left out, start included;
        ``read-included``: frames minus one over the sum of their times, decoding and start included;
        ``mean-of-rates``: mean over frames of 1 / time, decoding included;
        ``batch-share``: batch size over the batch's wall time, decoding left out;
        ``forward-only``: one over the mean time inside the network (of the whole step, if the tracker has none).
    """
    count = len(latency.step)
    timing = throughput.timing
    batches = timing.total - timing.wait_decode - timing.wait_write
    inside = latency.forward if latency.forward > 0 else float(latency.step.mean())
    return {
        "read-excluded": (count + 1) / float(latency.start + latency.step.sum()),
        "read-included": count / float(latency.start + latency.whole.sum()),
        "mean-of-rates": float((1 / latency.whole).mean()),
        "batch-share": timing.frames / batches if batches > 0 else float("nan"),
        "forward-only": 1 / inside,
    }


@dataclass(slots=True)
class _Repeated:
    """Jobs forever, until a moment."""

    jobs: cabc.Sequence[Job]
    deadline: float
    _next: cabc.Iterator[Job] = field(init=False)

    def __post_init__(self) -> None:
        self._next = itertools.cycle(self.jobs)

    @property
    def stopped(self) -> bool:
        return time.perf_counter() > self.deadline

    def take(self, *, wait: bool) -> Job | None:  # noqa: ARG002 - the interface's signature
        return None if self.stopped else next(self._next)

    def begun(self, job: Job) -> None:
        pass


def _forward(tracker: Tracker[Any, Any]) -> float:
    return _inside(tracker).get("forward", 0.0)


def _inside(tracker: Tracker[Any, Any]) -> dict[str, float]:
    return dict(tracker.stage_seconds()) if isinstance(tracker, DeviceTracker) else {}
