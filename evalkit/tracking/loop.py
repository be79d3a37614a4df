"""The slot loop: many sequences advance together, a finished one frees its slot at once, nothing waits needlessly.

Threads of their own decode ahead, cut crops, and write results. With two waves the device works on one half of the
streams while the other half is prepared. None of this changes a box: a stream's answers depend on its own frames and
its own state alone.
"""

import collections
import collections.abc as cabc
import dataclasses
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from evalkit.errors import TrackerError
from evalkit.images import single_opencv_thread
from evalkit.sequences import Frame, Trajectory
from evalkit.tracking.ahead import Budget, FramesAhead, Reader, frame_bytes, keep_freed_memory
from evalkit.tracking.interface import DeviceTracker, LimitedTracker, SubmittingTracker, Tracker
from evalkit.tracking.jobs import Job, JobList, JobSource
from evalkit.tracking.sizing import LoopSettings
from evalkit.tracking.streams import Batch, Stream, Wave, checked, initialized
from evalkit.tracking.threads import DaemonPool, HangingError, Writes, call_here, limited
from evalkit.tracking.timing import LoopTiming, Timed, timed
from evalkit.tracking.tuning import GrowingCapacity, Round, WaveChooser, fixed, is_out_of_memory

__all__ = ["Job", "JobList", "JobSource", "LoopSettings", "LoopTiming", "Sink", "run_jobs"]

R = TypeVar("R")
COMING = 2
"""Sequences whose first frame is read before a slot is free."""
INLINE_SECONDS = 100e-6
"""A ``prepare`` that takes less is called by the loop itself: a thread would cost as much."""


class Sink(Protocol):
    """Where results go; called from one thread that is not the loop's."""

    def finished(self, results: cabc.Sequence[tuple[Job, Trajectory]]) -> None:
        """Keep the trajectories of finished jobs, one or more. An exception ends the run."""
        ...

    def failed(self, job: Job, error: Exception) -> None:
        """Keep the error of a job that could not be finished; the others go on."""
        ...


def run_jobs(
    tracker: Tracker[Any, Any],
    jobs: cabc.Iterable[Job] | JobSource,
    sink: Sink,
    settings: LoopSettings,
    on_frames: cabc.Callable[[int], None] = lambda _: None,
    *,
    on_note: cabc.Callable[[str], None] = lambda _: None,
    on_beat: cabc.Callable[[], None] = lambda: None,
    resized: cabc.Callable[[], LoopSettings | None] = lambda: None,
    timing: LoopTiming | None = None,
) -> LoopTiming:
    """Track all jobs, longest first.

    Args:
        tracker: The tracker.
        jobs: Sequences, or a queue of them.
        sink: Receives each job's trajectory or error.
        settings: Capacity, threads, limits.
        on_frames: Called after each round with the number of frames done in it.
        on_note: Called with what the user should know (a reduced capacity); from several threads.
        on_beat: Called before everything that the loop waits for, each of which has a time limit; from several threads.
            A loop that stands still does not call it.
        resized: Asked in each round; may answer with other numbers of threads and bytes. The rest stays.
        timing: Counters to fill, for callers that look at them while the loop runs.

    Returns:
        Where the time went.

    Raises:
        EvalkitError: The sink cannot write, or the tracker hangs; jobs under way are lost, finished ones are not.
    """
    source = JobList(jobs) if isinstance(jobs, cabc.Iterable) else jobs
    keep_freed_memory()
    with (
        single_opencv_thread(),
        DaemonPool(settings.decoders, "decode") as decoders,
        DaemonPool(settings.workers, "prepare") as croppers,
        DaemonPool(1, "device") as device,
        DaemonPool(1, "write") as writer,
    ):
        timing = LoopTiming() if timing is None else timing
        if isinstance(tracker, LimitedTracker):
            tracker.limit_calls(settings.timeout, on_beat)
            settings = dataclasses.replace(settings, timeout=None)
        ahead = FramesAhead(decoders, Budget(settings.lookahead_bytes), timing.decode, settings.read_timeout, on_beat)
        writes = Writes(writer, timing, on_note, on_beat)
        loop = _Loop(
            *(tracker, source, sink, settings, on_frames, on_note, on_beat, resized),
            *(ahead, croppers, device, writes, timing),
        )
        return loop.run()


@dataclass(slots=True, eq=False)
class _Loop:
    tracker: Tracker[Any, Any]
    source: JobSource
    sink: Sink
    settings: LoopSettings
    on_frames: cabc.Callable[[int], None]
    on_note: cabc.Callable[[str], None]
    on_beat: cabc.Callable[[], None]
    resized: cabc.Callable[[], LoopSettings | None]
    ahead: FramesAhead
    croppers: DaemonPool
    device: DaemonPool
    writes: Writes
    timing: LoopTiming
    waves: list[Wave] = field(init=False)
    coming: collections.deque[Stream] = field(default_factory=collections.deque)
    finished: collections.deque[tuple[Job, Trajectory]] = field(default_factory=collections.deque)
    growing: GrowingCapacity = field(init=False)
    chooser: WaveChooser = field(init=False)
    largest_batch: int = field(init=False)
    submitting: SubmittingTracker | None = field(init=False)

    def __post_init__(self) -> None:
        self.growing = GrowingCapacity(self.settings.capacity, settled=not self.settings.grow)
        tracker = self.tracker
        self.submitting = tracker if isinstance(tracker, SubmittingTracker) and tracker.overlaps else None
        waves = self.settings.waves
        if waves is None and self.submitting is not None:
            waves = 2  # the device has the next half of the streams before it needs it
        self.chooser = WaveChooser() if waves is None else fixed(waves)
        self.waves = [Wave() for _ in range(self.chooser.waves)]
        self.timing.waves = len(self.waves)
        self.largest_batch = self.settings.batch or 1 << 30
        self._resize(self.settings)

    def _resize(self, settings: LoopSettings) -> None:
        self.ahead.resize(settings.decoders, settings.lookahead_bytes)
        self.croppers.resize(settings.workers)
        self.timing.decoders, self.timing.croppers = settings.decoders, settings.workers

    @property
    def capacity(self) -> int:
        return self.growing.capacity

    def live(self) -> int:
        return sum(len(wave.streams) for wave in self.waves)

    def run(self) -> LoopTiming:
        start, cpu = time.perf_counter(), time.process_time()
        try:
            while not self.source.stopped and self._round():
                self.timing.total = time.perf_counter() - start
        finally:  # also after Ctrl-C: what is finished must reach the disk
            problem = self.writes.finish()
            self.timing.total, self.timing.cpu = time.perf_counter() - start, time.process_time() - cpu
            self.timing.peak_frame_bytes = self.ahead.budget.peak
            if isinstance(self.tracker, DeviceTracker):
                self.timing.inside = dict(self.tracker.stage_seconds())
        if problem is not None:
            raise problem
        return self.timing

    def _round(self) -> bool:
        """Advance every live stream by one frame; False if there is nothing left to do."""
        timing = self.timing
        if (settings := self.resized()) is not None:
            self._resize(settings)
        before, frames = self._clocks(), timing.frames
        full = self.live() == self.capacity
        for wave in self.waves:
            self._collect(wave)
            self._refill(wave)
            self._launch(wave)
        self.writes.check(wait=len(self.writes) > 2 * self.capacity)
        timing.steps += any(wave.batches for wave in self.waves)
        if full and self.live() == self.capacity:
            spent = (now - then for now, then in zip(self._clocks(), before, strict=True))
            self._tune(Round(self.live(), *spent))
        if done := timing.frames - frames:
            self.on_frames(done)
        return self.live() > 0 or self._wait_for_work()

    def _clocks(self) -> tuple[float, float, float]:
        now, wait = time.perf_counter(), self.timing.wait_decode
        # of steps that overlap, the tracker's calls do not tell what they cost
        return now, self.timing.device.wall if self.submitting is None else now - wait, wait

    def _wait_for_work(self) -> bool:
        """Nothing is left in the slots: wait until a sequence comes; False if none will."""
        self.writes.check(wait=True)  # nobody would look at one that fails while the loop sleeps
        begin = time.perf_counter()
        if not self.coming and (job := self.source.take(wait=True)) is not None:
            self.coming.append(self._opened(job))
        self.timing.wait_work += time.perf_counter() - begin
        return bool(self.coming)

    # ---- starting streams

    def _opened(self, job: Job) -> Stream:
        return Stream.of(job, self.ahead.open(job.frames, job.length))

    def _look_out(self, count: int) -> None:
        """Open up to ``count`` sequences before a slot is free."""
        while len(self.coming) < count and (job := self.source.take(wait=False)) is not None:
            self.coming.append(self._opened(job))

    def _refill(self, wave: Wave) -> None:
        """Fill free slots; the first frames of new streams go through ``initialize`` together."""
        share = -(-self.capacity // len(self.waves))
        while (room := min(self.capacity - self.live(), share - len(wave.streams))) > 0:
            fitting = max(1, min(8, self.ahead.lookahead(1) // 2) if self.ahead.largest else COMING)
            self._look_out(min(room, fitting))
            if not self.coming:
                break
            new = [self.coming.popleft() for _ in range(min(room, fitting, len(self.coming)))]
            for stream in new:
                self.source.begun(stream.job)
            started = [(stream, frame) for stream in new if (frame := self._next_frame(stream, ())) is not None]
            wave.streams += self._initialize(started)
            self._retire(wave)
            self.timing.capacity = max(self.timing.capacity, self.live())
        self._look_out(COMING)
        if not self.coming:
            self._balance(wave)

    def _balance(self, wave: Wave) -> None:
        """When no new streams come: hand some at rest to a smaller wave, or all to a larger where one call takes them.

        Calls of one fixed shape cost the same however few streams they have.
        """
        fullest = max(self.waves, key=lambda other: len(other.streams))
        if self.submitting is not None and self.live() <= self._batch_size():
            if fullest is not wave:
                fullest.streams += wave.streams
                wave.streams = []
            return
        smallest = min(self.waves, key=lambda other: len(other.streams))
        while len(wave.streams) > len(smallest.streams) + 1:
            smallest.streams.append(wave.streams.pop())

    def _initialize(self, started: list[tuple[Stream, Frame]]) -> list[Stream]:
        if len(started) > self.largest_batch:
            parts = (started[n : n + self.largest_batch] for n in range(0, len(started), self.largest_batch))
            return [stream for part in parts for stream in self._initialize(part)]
        if not started:
            return []
        begin = time.perf_counter()
        boxes = np.array([stream.job.initial_box for stream, _ in started], dtype=np.float64)
        try:
            states = self._on_device(initialized, self.tracker, [frame for _, frame in started], boxes)
        except HangingError:
            raise self._hanging("initialize") from None
        except Exception as problem:  # noqa: BLE001 - isolation: one stream's failure must not stop the others
            return self._initialize_apart(started, problem)
        share = (time.perf_counter() - begin) / len(started)
        for (stream, frame), state in zip(started, states, strict=True):
            stream.state = state
            stream.record(stream.job.initial_box, np.nan, share)
            self._release(frame)
        self.timing.frames += len(started)
        return [stream for stream, _ in started]

    def _initialize_apart(self, started: list[tuple[Stream, Frame]], problem: Exception) -> list[Stream]:
        if len(started) > 1:
            return [stream for pair in started for stream in self._initialize([pair])]
        stream, frame = started[0]
        self._release(frame)
        if is_out_of_memory(problem) and self.live():  # it may fit once a slot is free
            self._shrink(self.live() + 1, problem)
            self.growing.shrink(self.live())
            self.ahead.drop(stream.reader)
            self.coming.appendleft(self._opened(stream.job))
        else:
            self._fail(stream, problem)
        return []

    # ---- one step of a wave

    def _launch(self, wave: Wave) -> None:
        """Cut the crops of a wave and hand them to the device."""
        begin = time.perf_counter()
        ready = self._prepare(wave)
        size = self._batch_size()
        for first in range(0, len(ready), size):
            part = ready[first : first + size]
            called = time.perf_counter()
            wave.batches.append(self._begun([stream for stream, _ in part], [given for _, given in part], begin))
            self.timing.wait_device += time.perf_counter() - called

    def _batch_size(self) -> int:
        """Most streams in one call; on a device beside the processor the one shape of all calls."""
        if self.submitting is None:
            return self.largest_batch
        size = min(self.largest_batch, -(-self.capacity // len(self.waves)))
        if size != self.timing.batch:
            self.timing.batch = size
            self._on_device(self.submitting.reserve, size)
        return size

    def _begun(self, streams: list[Stream], inputs: list[Any], begin: float) -> Batch:
        step = self.tracker.track if self.submitting is None else self.submitting.submit
        return Batch(streams, inputs, self._called(step, [stream.state for stream in streams], inputs), begin)

    def _prepare(self, wave: Wave) -> list[tuple[Stream, Any]]:
        mean = self.timing.crop.wall / self.timing.crop.calls if self.timing.crop.calls else 1.0
        inline = len(wave.streams) == 1 or mean < INLINE_SECONDS
        pending = []
        for position, stream in enumerate(list(wave.streams)):
            frame = self._next_frame(stream, self._following(wave, position))
            if frame is not None:
                self.ahead.budget.begin_crop()
                submit = call_here if inline else self.croppers.submit
                pending.append((stream, submit(self._crop, stream.state, frame)))
            del frame
        begin = time.perf_counter()
        inputs = []
        for stream, future in pending:
            try:
                inputs.append((stream, self.timing.crop.add(self._result(future))))
            except HangingError:
                raise self._hanging("prepare") from None
            except Exception as problem:  # noqa: BLE001 - isolation
                self._fail(stream, problem)
        self.timing.wait_crop += time.perf_counter() - begin
        return inputs

    def _crop(self, state: Any, frame: Frame) -> Timed[Any]:
        size = frame_bytes(frame)
        try:
            return timed(self.tracker.prepare, state, frame)
        finally:
            self.ahead.budget.end_crop(size)

    def _collect(self, wave: Wave) -> None:
        """Wait for a wave's calls under way and keep their answers."""
        batches, wave.batches = wave.batches, []
        for batch in batches:
            begin = time.perf_counter()
            self._keep(batch)
            self.timing.wait_device += time.perf_counter() - begin
        self._retire(wave)

    def _keep(self, batch: Batch) -> None:
        streams = batch.streams
        try:
            predictions = self.timing.device.add(self._result(batch.answer))
            if self.submitting is not None:
                called = self._called(self.submitting.collect, predictions)
                predictions = self.timing.device.add(self._result(called))
            boxes, confidence = checked(predictions, len(streams))
        except HangingError:
            raise self._hanging("track") from None
        except Exception as problem:  # noqa: BLE001 - isolation
            self._track_apart(batch, problem)
            return
        share = (time.perf_counter() - batch.begin) / len(streams)
        for position, stream in enumerate(streams):
            if position in predictions.errors:
                self._fail(stream, predictions.errors[position])
            elif not np.isfinite(boxes[position]).all():
                self._fail(stream, TrackerError(f"the tracker returned {boxes[position]} as box."))
            else:
                stream.record(boxes[position], float(confidence[position]), share)
        self.timing.frames += len(streams)

    def _track_apart(self, batch: Batch, problem: Exception) -> None:
        """Repeat a failed step in halves where memory was short, else stream by stream, to find the one that fails."""
        size = len(batch.streams)
        if size == 1:
            self._fail(batch.streams[0], problem)
            return
        part = 1
        if is_out_of_memory(problem):
            part = -(-size // 2)
            self._shrink(size, problem)
            self._batch_size()
        for first in range(0, size, part):
            streams, inputs = batch.streams[first : first + part], batch.inputs[first : first + part]
            self._keep(self._begun(streams, inputs, time.perf_counter()))

    def _shrink(self, size: int, problem: Exception) -> None:
        """The device's memory did not suffice for ``size`` streams at once: go on with half as many."""
        problem.__traceback__ = None  # its frames keep the arrays of the failed step alive
        self.timing.out_of_memory += 1
        self.largest_batch = min(self.largest_batch, max(1, size // 2))
        before = self.capacity
        self.growing.shrink(self.largest_batch * len(self.waves))
        if isinstance(self.tracker, DeviceTracker):
            self._on_device(self.tracker.release_memory)
        if self.capacity < before:
            self.on_note(
                f"out of memory with {size} streams at once: capacity reduced from {before} to {self.capacity}"
            )

    # ---- frames

    def _next_frame(self, stream: Stream, following: cabc.Iterable[Reader]) -> Frame | None:
        """Wait for the next frame; None after a failure, which ends the stream."""
        begin = time.perf_counter()
        try:
            return self.ahead.next(stream.reader, following, self.capacity)
        except Exception as problem:  # noqa: BLE001 - isolation
            self._fail(stream, problem)
            return None
        finally:
            self.timing.wait_decode += time.perf_counter() - begin

    def _following(self, wave: Wave, position: int) -> cabc.Iterator[Reader]:
        """Streams in the order in which their next frames will be needed."""
        for stream in wave.streams[position + 1 :]:
            yield stream.reader
        for other in self.waves:
            if other is not wave:
                yield from (stream.reader for stream in other.streams)
        for stream in wave.streams[: position + 1]:
            yield stream.reader

    def _release(self, frame: Frame) -> None:
        self.ahead.budget.give_back(frame_bytes(frame))

    # ---- tuning

    def _tune(self, step: Round) -> None:
        if not self.growing.settled:
            meter = self.tracker if isinstance(self.tracker, DeviceTracker) else None
            memory = None if meter is None else self._on_device(meter.device_memory)
            self.growing.observe(step, memory, self.ahead.budget.limit // max(1, self.ahead.largest))
        elif step.frames > 1:
            self.chooser.observe(step)
        if len(self.waves) != self.chooser.waves:
            self._set_waves(self.chooser.waves)

    def _set_waves(self, count: int) -> None:
        for wave in self.waves:
            self._collect(wave)
        streams = [stream for wave in self.waves for stream in wave.streams]
        self.waves = [Wave(streams[first::count]) for first in range(count)]
        self.timing.waves = count

    # ---- ends

    def _called(self, call: cabc.Callable[..., R], *args: Any) -> Future[Timed[R]]:
        """A call of the tracker: in this thread where nothing overlaps and nothing is limited in time."""
        self.on_beat()
        inline = len(self.waves) == 1 and self.settings.timeout is None
        return (call_here if inline else self.device.submit)(timed, call, *args)

    def _on_device(self, call: cabc.Callable[..., R], *args: Any) -> R:
        """A call that must not run beside ``track``."""
        begin = time.perf_counter()
        try:
            return self.timing.device.add(self._result(self._called(call, *args)))
        finally:
            self.timing.wait_device += time.perf_counter() - begin

    def _result(self, future: Future[R]) -> R:
        self.on_beat()
        return limited(future, self.settings.timeout)

    def _hanging(self, what: str) -> TrackerError:
        names = ", ".join(stream.job.name for wave in self.waves for stream in wave.streams) or "the first sequences"
        return TrackerError(
            f"the tracker's {what} did not return within {self.settings.timeout} s (sequences under way: {names}). "
            "Raise --timeout if it is only slow."
        )

    def _fail(self, stream: Stream, problem: Exception) -> None:
        problem.add_note(f"frame {stream.next_index}")
        self.ahead.drop(stream.reader)
        for wave in self.waves:
            if stream in wave.streams:
                wave.streams.remove(stream)
        self.writes.submit(self.sink.failed, stream.job, problem)

    def _retire(self, wave: Wave) -> None:
        for stream in [stream for stream in wave.streams if stream.done]:
            wave.streams.remove(stream)
            result = Trajectory(stream.boxes, stream.confidence, stream.seconds)
            self.finished.append((stream.job, result))
            self.writes.submit(self._keep_finished)

    def _keep_finished(self) -> None:
        """Hand over all that has come since the last time: written together, results wait for the disk once."""
        if results := [self.finished.popleft() for _ in range(len(self.finished))]:
            self.sink.finished(results)
