"""The slot loop: many sequences advance together, a finished one frees its slot at once, decoding runs ahead.

Order: longest first, so that the last slots do not wait for one long sequence.
"""

import collections
import collections.abc as cabc
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import ImageReadError, TrackerError
from evalkit.sequences import Frame, FrameSource, Trajectory
from evalkit.tracking.interface import Predictions, Tracker
from evalkit.tracking.threads import DaemonPool

R = TypeVar("R")
MAX_LOOKAHEAD = 16


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One sequence to track.

    Attributes:
        name: For messages.
        frames: Its frames.
        initial_box: (4,) box of the target in frame 0.
        length: Number of frames to track, at most ``len(frames)``.
    """

    name: str
    frames: FrameSource
    initial_box: Boxes
    length: int


class Sink(Protocol):
    """Where results go; called from one thread that is not the loop's."""

    def finished(self, job: Job, trajectory: Trajectory) -> None:
        """Keep the trajectory of a finished job. An exception ends the run."""
        ...

    def failed(self, job: Job, error: Exception) -> None:
        """Keep the error of a job that could not be finished; the others go on."""
        ...


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to run; none of these changes a box.

    Attributes:
        capacity: Streams tracked together.
        decoders: Threads that read and decode images.
        workers: Threads that call ``prepare``.
        lookahead_bytes: Memory for decoded frames that wait, all streams together.
        timeout: Seconds after which a call of the tracker counts as hanging; None = no limit, and the tracker is
            called without the detour over a thread.
        read_timeout: The same for reading one image.
    """

    capacity: int = 1
    decoders: int = 2
    workers: int = 2
    lookahead_bytes: int = 1 << 30
    timeout: float | None = None
    read_timeout: float | None = None


@dataclass(slots=True)
class LoopTiming:
    """Where the time went, in seconds of the loop's thread.

    Attributes:
        frames: Frames tracked.
        steps: Rounds of the loop.
        wait_decode: Waiting for decoded frames.
        prepare: Preparing inputs.
        track: In the tracker.
        wait_write: Waiting for results to be written.
        total: Wall time.
    """

    frames: int = 0
    steps: int = 0
    wait_decode: float = 0.0
    prepare: float = 0.0
    track: float = 0.0
    wait_write: float = 0.0
    total: float = 0.0


@dataclass(slots=True, eq=False)
class _Stream:
    """A live sequence: its state, what was found so far, and its frames under way."""

    job: Job
    boxes: Boxes
    confidence: Boxes
    seconds: Boxes
    state: Any = None
    next_index: int = 0
    next_read: int = 0
    ahead: collections.deque[Future[Frame]] = field(default_factory=collections.deque)

    @classmethod
    def of(cls, job: Job) -> "_Stream":
        empty = np.full(job.length, np.nan)
        return cls(job, np.full((job.length, 4), np.nan), empty, empty.copy())

    def record(self, box: Boxes, confidence: float, seconds: float) -> None:
        self.boxes[self.next_index] = box
        self.confidence[self.next_index] = confidence
        self.seconds[self.next_index] = seconds
        self.next_index += 1

    @property
    def done(self) -> bool:
        return self.next_index == self.job.length


def run_jobs(
    tracker: Tracker[Any, Any],
    jobs: cabc.Iterable[Job],
    sink: Sink,
    settings: LoopSettings,
    on_frames: cabc.Callable[[int], None] = lambda _: None,
) -> LoopTiming:
    """Track all jobs, longest first.

    Args:
        tracker: The tracker.
        jobs: Sequences.
        sink: Receives each job's trajectory or error.
        settings: Capacity, threads, limits.
        on_frames: Called after each round with the number of frames done in it.

    Returns:
        Where the time went.

    Raises:
        EvalkitError: The sink cannot write, or the tracker hangs; jobs under way are lost, finished ones are not.
    """
    queue = collections.deque(sorted(jobs, key=lambda job: -job.length))
    with (
        DaemonPool(settings.decoders, "decode") as decoders,
        DaemonPool(settings.workers, "prepare") as workers,
        DaemonPool(1, "device") as device,
        DaemonPool(1, "write") as writer,
    ):
        return _Loop(tracker, queue, sink, settings, on_frames, decoders, workers, device, writer).run()


@dataclass(slots=True, eq=False)
class _Loop:
    tracker: Tracker[Any, Any]
    queue: collections.deque[Job]
    sink: Sink
    settings: LoopSettings
    on_frames: cabc.Callable[[int], None]
    decoders: DaemonPool
    workers: DaemonPool
    device: DaemonPool
    writer: DaemonPool
    live: list[_Stream] = field(default_factory=list)
    writes: collections.deque[Future[None]] = field(default_factory=collections.deque)
    timing: LoopTiming = field(default_factory=LoopTiming)

    def run(self) -> LoopTiming:
        start = time.perf_counter()
        try:
            while self.queue or self.live:
                self._refill()
                self._step()
                self._check_writes(wait=len(self.writes) > 2 * self.settings.capacity)
        finally:  # also after Ctrl-C: what is finished must reach the disk
            problems = [write.exception() for write in self.writes]
        for problem in problems:
            if problem is not None:
                raise problem
        self.timing.total = time.perf_counter() - start
        return self.timing

    # ---- starting streams

    def _refill(self) -> None:
        """Fill free slots; the first frames of all new streams go through one ``initialize``."""
        while self.queue and len(self.live) < self.settings.capacity:
            room = self.settings.capacity - len(self.live)
            new = [_Stream.of(self.queue.popleft()) for _ in range(min(room, len(self.queue)))]
            for stream in new:
                self._read_ahead(stream, count=1)
            started = [(stream, frame) for stream in new if (frame := self._next_frame(stream)) is not None]
            self.live += self._initialize(started)
            self._retire()

    def _initialize(self, started: list[tuple[_Stream, Frame]]) -> list[_Stream]:
        if not started:
            return []
        begin = time.perf_counter()
        frames = [frame for _, frame in started]
        boxes = np.array([stream.job.initial_box for stream, _ in started], dtype=np.float64)
        try:
            states = self._on_device(_initialized, self.tracker, frames, boxes)
        except _Hanging:
            raise self._hanging("initialize") from None
        except Exception as problem:  # noqa: BLE001 - isolation: one stream's failure must not stop the others
            if len(started) == 1:
                self._fail(started[0][0], problem)
                return []
            return [stream for pair in started for stream in self._initialize([pair])]
        share = (time.perf_counter() - begin) / len(started)
        self.timing.track += share * len(started)
        for (stream, frame), state in zip(started, states, strict=True):
            stream.state = state
            stream.record(stream.job.initial_box, np.nan, share)
            self._read_ahead(stream, count=self._lookahead(frame))
        self._count(len(started))
        return [stream for stream, _ in started]

    # ---- one round

    def _step(self) -> None:
        """Advance every live stream by one frame."""
        ready = [(stream, frame) for stream in self.live if (frame := self._next_frame(stream)) is not None]
        begin = time.perf_counter()
        ready_inputs = self._prepare(ready)
        prepared = time.perf_counter()
        self._track(ready_inputs, begin)
        self.timing.prepare += prepared - begin
        self.timing.track += time.perf_counter() - prepared
        self.timing.steps += 1
        self._count(len(ready_inputs))
        self._retire()

    def _prepare(self, ready: list[tuple[_Stream, Frame]]) -> list[tuple[_Stream, Any]]:
        if len(ready) == 1:  # no other stream to overlap with
            pending = [(ready[0][0], _call(self.tracker.prepare, ready[0][0].state, ready[0][1]))]
        else:
            pending = [(s, self.workers.submit(self.tracker.prepare, s.state, frame)) for s, frame in ready]
        inputs = []
        for stream, future in pending:
            try:
                inputs.append((stream, _result(future, self.settings.timeout)))
            except _Hanging:
                raise self._hanging("prepare") from None
            except Exception as problem:  # noqa: BLE001 - isolation
                self._fail(stream, problem)
        return inputs

    def _track(self, ready: list[tuple[_Stream, Any]], begin: float) -> None:
        if not ready:
            return
        streams = [stream for stream, _ in ready]
        try:
            predictions = self._on_device(
                self.tracker.track, [stream.state for stream in streams], [inputs for _, inputs in ready]
            )
            boxes, confidence = _checked(predictions, len(streams))
        except _Hanging:
            raise self._hanging("track") from None
        except Exception as problem:  # noqa: BLE001 - isolation
            if len(ready) == 1:
                self._fail(streams[0], problem)
                return
            for pair in ready:
                self._track([pair], time.perf_counter())
            return
        share = (time.perf_counter() - begin) / len(ready)
        for position, stream in enumerate(streams):
            if position in predictions.errors:
                self._fail(stream, predictions.errors[position])
            elif not np.isfinite(boxes[position]).all():
                self._fail(stream, TrackerError(f"the tracker returned {boxes[position]} as box."))
            else:
                stream.record(boxes[position], float(confidence[position]), share)

    # ---- frames

    def _read_ahead(self, stream: _Stream, count: int) -> None:
        """Keep up to ``count`` frames of a stream under way."""
        while len(stream.ahead) < count and stream.next_read < stream.job.length:
            stream.ahead.append(self.decoders.submit(stream.job.frames.read, stream.next_read))
            stream.next_read += 1

    def _next_frame(self, stream: _Stream) -> Frame | None:
        """Wait for the next frame; None after a failure, which ends the stream."""
        begin = time.perf_counter()
        try:
            frame = self._decoded(stream.ahead.popleft())
        except Exception as problem:  # noqa: BLE001 - isolation
            self._fail(stream, problem)
            return None
        finally:
            self.timing.wait_decode += time.perf_counter() - begin
        self._read_ahead(stream, count=max(1, self._lookahead(frame)))
        return frame

    def _decoded(self, future: Future[Frame]) -> Frame:
        while True:
            try:
                return _result(future, self.settings.read_timeout)
            except _Hanging:
                self.decoders.replace_lost()
                if future.running():  # else it only waits behind one that hangs
                    raise ImageReadError(
                        f"reading the image takes longer than {self.settings.read_timeout} s."
                    ) from None

    def _lookahead(self, frame: Frame) -> int:
        size = frame.rgb.nbytes + (0 if frame.aux is None else frame.aux.nbytes)
        return max(1, min(MAX_LOOKAHEAD, self.settings.lookahead_bytes // (size * self.settings.capacity)))

    # ---- ends

    def _on_device(self, call: cabc.Callable[..., R], *args: Any) -> R:
        if self.settings.timeout is None:
            return call(*args)
        return _result(self.device.submit(call, *args), self.settings.timeout)

    def _hanging(self, what: str) -> TrackerError:
        names = ", ".join(stream.job.name for stream in self.live) or "the first sequences"
        return TrackerError(
            f"the tracker's {what} did not return within {self.settings.timeout} s (sequences under way: {names}). "
            "Raise --timeout if it is only slow."
        )

    def _fail(self, stream: _Stream, problem: Exception) -> None:
        problem.add_note(f"frame {stream.next_index}")
        for future in stream.ahead:
            future.cancel()
        stream.ahead.clear()
        if stream in self.live:
            self.live.remove(stream)
        self.writes.append(self.writer.submit(self.sink.failed, stream.job, problem))

    def _retire(self) -> None:
        for stream in [stream for stream in self.live if stream.done]:
            self.live.remove(stream)
            result = Trajectory(stream.boxes, stream.confidence, stream.seconds)
            self.writes.append(self.writer.submit(self.sink.finished, stream.job, result))

    def _check_writes(self, *, wait: bool) -> None:
        begin = time.perf_counter()
        while self.writes and (wait or self.writes[0].done()):
            self.writes.popleft().result()
        self.timing.wait_write += time.perf_counter() - begin

    def _count(self, frames: int) -> None:
        self.timing.frames += frames
        self.on_frames(frames)


class _Hanging(Exception):  # noqa: N818 - a signal inside this module, not an error that anyone sees
    """A call did not return in time."""


def _result(future: Future[R], timeout: float | None) -> R:
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the call itself raised a TimeoutError
            raise
        raise _Hanging from None


def _initialized(tracker: Tracker[Any, Any], frames: list[Frame], boxes: Boxes) -> list[Any]:
    states = tracker.initialize(frames, boxes)
    if len(states) != len(frames):
        raise TrackerError(f"initialize returned {len(states)} states for {len(frames)} streams.")
    return states


def _call(function: cabc.Callable[..., R], *args: Any) -> Future[R]:
    future: Future[R] = Future()
    try:
        future.set_result(function(*args))
    except Exception as problem:  # noqa: BLE001 - same boundary as a pool's thread
        future.set_exception(problem)
    return future


def _checked(predictions: Predictions, count: int) -> tuple[Boxes, Boxes]:
    boxes = np.asarray(predictions.boxes, dtype=np.float64)
    confidence = np.asarray(predictions.confidence, dtype=np.float64)
    if boxes.shape != (count, 4) or confidence.shape != (count,):
        raise TrackerError(
            f"track returned boxes of shape {boxes.shape} and confidence of shape {confidence.shape}; "
            f"expected ({count}, 4) and ({count},)."
        )
    return boxes, confidence
