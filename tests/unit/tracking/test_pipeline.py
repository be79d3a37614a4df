"""The pipeline around the tracker: waves, memory, capacity found by measuring, counters. None of it changes a box."""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from evalkit.errors import ImageReadError
from evalkit.sequences import Frame
from evalkit.tracking import loop, timing
from evalkit.tracking.interface import DeviceMemory
from evalkit.tracking.loop import Job
from evalkit.tracking.timing import LoopTiming, details, merged, summary
from evalkit.tracking.tuning import GrowingCapacity, Round, WaveChooser
from helpers.program import Clock, wait_until
from helpers.walks import LENGTHS, Numbers, OutOfMemoryError, Walk, jobs, run, same_boxes


@pytest.mark.parametrize("waves", [1, 2, None])
@pytest.mark.parametrize("capacity", [1, 2, 3, 8])
@pytest.mark.parametrize("timeout", [None, 20.0])
def test_boxes_do_not_depend_on_waves(waves, capacity, timeout):
    work = [40, 3, 25, 1, 31, 7, 2, 60]
    expected, _ = run(Walk(), jobs(work))
    actual, timing = run(Walk(), jobs(work), capacity=capacity, waves=waves, timeout=timeout)
    same_boxes(actual, expected)
    assert timing.frames == sum(work)


def test_with_two_waves_one_half_is_prepared_while_the_other_is_tracked():
    class Watched(Walk):
        prepared = 0

        def prepare(self, state, frame):
            self.prepared += 1
            return super().prepare(state, frame)

        def track(self, states, inputs):
            answer = super().track(states, inputs)
            if (
                2 < len(self.batches) < 20
            ):  # the second half starts after the first step; one half ends before the other
                wait_until(lambda: self.prepared > sum(self.batches))
            return answer

    tracker = Watched()
    run(tracker, jobs([12] * 4), capacity=4, waves=2)
    assert set(tracker.batches) == {2}


def test_failures_in_one_wave_do_not_disturb_the_other():
    expected, _ = run(Walk(), jobs(LENGTHS))
    actual, _ = run(Walk(fail_at=(4, 3)), jobs(LENGTHS, bad=[(2, 6)]), capacity=4, waves=2)
    assert sorted(actual.errors) == ["s2", "s4"]
    for name, trajectory in actual.results.items():
        np.testing.assert_array_equal(trajectory.boxes, expected.results[name].boxes)


@dataclass
class Big:
    """Frames of a given size that count how many are alive at once."""

    number: int
    length: int
    side: int = 100
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self):
        return self.length

    def read(self, index):
        pixels = np.zeros((self.side, self.side, 3), dtype=np.uint8)
        pixels[0, 0] = self.number, index, 0
        time.sleep(0.001)
        return Frame(pixels)


@pytest.mark.parametrize("frames_that_fit", [0.5, 3, 20, 1000])
@pytest.mark.parametrize("waves", [1, 2])
def test_decoded_frames_stay_within_their_memory_however_many_streams(frames_that_fit, waves):
    size = 100 * 100 * 3
    work = [Job(f"s{n}", Big(n, 12), np.array([n, 1.0, 2, 3]), 12) for n in range(10)]
    small = [Job(f"s{n}", Numbers(n, 12), np.array([n, 1.0, 2, 3]), 12) for n in range(10)]
    expected, _ = run(Walk(), small)
    limit = int(frames_that_fit * size)
    actual, timing = run(Walk(), work, capacity=10, lookahead_bytes=limit, waves=waves, decoders=3, workers=2)
    same_boxes(actual, expected)
    assert timing.peak_frame_bytes <= limit + size * 2  # one that is needed now; the first one has no known size
    assert timing.peak_frame_bytes >= min(limit, 5 * size) * 0.5


def test_memory_is_given_back_when_streams_fail():
    class Bad(Big):
        def read(self, index):
            if index == 4:
                raise ImageReadError("frame 4 is damaged")
            return super().read(index)

    work = [Job(f"s{n}", Bad(n, 12), np.ones(4), 12) for n in range(6)]
    work += [Job(f"good{n}", Big(n, 12), np.ones(4), 12) for n in range(6)]
    actual, _ = run(Walk(), work, capacity=3, lookahead_bytes=100 * 100 * 3 * 4)
    assert len(actual.errors) == 6
    assert len(actual.results) == 6


@dataclass
class Cramped(Walk):
    """A tracker whose device holds so many streams in one step."""

    room: int = 3
    released: int = 0

    def track(self, states, inputs):
        if len(states) > self.room:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().track(states, inputs)

    def device_memory(self):
        return DeviceMemory(total=1000, peak=100)

    def release_memory(self):
        self.released += 1

    def stage_seconds(self):
        return {"upload": 0.25}

    def synchronize(self):
        pass


def test_a_tracker_that_must_not_see_batches_gets_one_stream_per_call():
    class Alone(Walk):
        def initialize(self, frames, boxes):
            assert len(frames) == 1
            return super().initialize(frames, boxes)

    expected, _ = run(Walk(), jobs(LENGTHS))
    tracker = Alone()
    actual, timing = run(tracker, jobs(LENGTHS), capacity=4, batch=1)
    same_boxes(actual, expected)
    assert set(tracker.batches) == {1}
    assert timing.capacity == 4


@pytest.mark.parametrize("waves", [1, 2])
def test_out_of_memory_halves_the_capacity_and_the_run_goes_on(waves):
    expected, _ = run(Walk(), jobs(LENGTHS * 3))
    tracker, notes = Cramped(), []
    actual, timing = run(tracker, jobs(LENGTHS * 3), notes, capacity=16, waves=waves)
    same_boxes(actual, expected)
    assert not actual.errors
    assert max(tracker.batches) <= 3
    assert timing.out_of_memory >= 2
    assert tracker.released == timing.out_of_memory
    assert "capacity reduced from 16 to" in notes[0]
    assert timing.inside == {"upload": 0.25}


def test_a_stream_that_does_not_fit_alone_fails_by_itself():
    actual, _ = run(Cramped(room=0), jobs([4, 3]), capacity=2)
    assert sorted(actual.errors) == ["s0", "s1"]
    assert "out of memory" in str(actual.errors["s0"])


def test_out_of_memory_at_the_start_of_a_sequence_puts_it_back():
    live = []

    class Templates(Walk):
        def initialize(self, frames, boxes):
            if len(live) + len(frames) > 2:
                raise MemoryError("no room for a template")
            live.extend(frames)
            return super().initialize(frames, boxes)

        def track(self, states, inputs):
            answer = super().track(states, inputs)
            for pixel in inputs:
                if pixel[1] == 4:
                    live.pop()
            return answer

    expected, _ = run(Walk(), jobs([5] * 6))
    actual, timing = run(Templates(), jobs([5] * 6), capacity=6)
    same_boxes(actual, expected)
    assert timing.out_of_memory >= 1


def steps(growing, count=20, *, frames=None, device=0.01, seconds=0.02, wait=0.0, memory=None, room=1000):
    for _ in range(count):
        growing.observe(Round(frames or growing.capacity, seconds, device, wait), memory, room)


def test_capacity_grows_while_the_device_gets_faster_and_stops_when_it_does_not():
    growing = GrowingCapacity(8)
    steps(growing)
    steps(growing)
    assert growing.capacity == 32  # same time for twice the streams
    steps(growing, device=0.02)
    assert (growing.capacity, growing.settled) == (32, True)


@pytest.mark.parametrize(
    "limit",
    [
        {"wait": 0.015},
        {"room": 15},
        {"memory": DeviceMemory(total=1000, peak=400)},
    ],
)
def test_capacity_does_not_grow_beyond_decoding_or_memory(limit):
    growing = GrowingCapacity(8)
    steps(growing, **limit)
    assert (growing.capacity, growing.settled) == (8, True)


def test_memory_is_predicted_from_the_last_doubling():
    growing = GrowingCapacity(8)
    steps(growing, memory=DeviceMemory(10_000, 2000))
    steps(growing, memory=DeviceMemory(10_000, 2600))
    steps(growing, memory=DeviceMemory(10_000, 3800))
    assert growing.capacity == 64
    steps(growing, memory=DeviceMemory(10_000, 6200))  # the next doubling adds 4800
    assert (growing.capacity, growing.settled) == (64, True)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (loop, timing):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_auto_capacity_in_the_loop(clock):
    class Batching(Walk):
        def track(self, states, inputs):
            clock.sleep(0.001)
            return super().track(states, inputs)

    expected, _ = run(Walk(), jobs([90] * 40))
    actual, timing = run(Batching(), jobs([90] * 40), capacity=4, grow=True)
    same_boxes(actual, expected)
    assert timing.capacity > 4


def decide(single, double, hidden=0.5):
    chooser = WaveChooser()
    for _ in range(100):
        seconds = single if chooser.waves == 1 else double
        chooser.observe(Round(16, seconds, seconds * (1 - hidden), 0.0))
    assert chooser.decided
    return chooser.waves


def test_two_waves_are_kept_only_where_they_were_measured_to_be_faster():
    assert decide(0.020, 0.015) == 2
    assert decide(0.020, 0.0199) == 1
    assert decide(0.020, 0.030) == 1
    assert decide(0.020, 0.001, hidden=0.0) == 1  # nothing to hide: not even tried


def test_a_disturbance_during_one_measurement_does_not_decide():
    chooser = WaveChooser()
    for number in range(100):
        slow = 3.0 if number < 20 else 1.0  # another program during the first measurement with one wave
        chooser.observe(Round(16, 0.020 * slow, 0.010, 0.0))
    assert (chooser.decided, chooser.waves) == (True, 1)


def test_counters_name_the_bottleneck():
    class Slow(Numbers):
        def read(self, index):
            time.sleep(0.01)
            return super().read(index)

    work = [Job(f"s{n}", Slow(n, 20), np.ones(4), 20) for n in range(4)]
    _, timing = run(Walk(), work, capacity=4, decoders=2)
    assert timing.bottleneck() == "decode"
    assert max(timing.busy(), key=timing.busy().get) == "decode"
    assert timing.decode.calls == 80
    assert timing.crop.calls == timing.frames - 4 == 76
    assert timing.write.calls == 4
    text = summary(timing)
    assert "80 frames" in text
    assert "waited for decode" in text
    assert len(details(timing)) > 4
    document = timing.as_json()
    assert document["limit"] == "decode"
    assert document["decode"]["calls"] == 80


def test_a_slow_tracker_is_named_as_the_bottleneck(clock):
    class Slow(Walk):
        def track(self, states, inputs):
            clock.sleep(0.005)
            return super().track(states, inputs)

    _, timing = run(Slow(), jobs([20] * 4), capacity=4)
    assert timing.bottleneck() == "device"
    assert timing.busy()["device"] == pytest.approx(1)


def test_counters_of_several_workers_add_up():
    parts = [
        LoopTiming(frames=10, steps=4, total=2.0, decoders=2, capacity=4, inside={"upload": 1.0}),
        LoopTiming(frames=30, steps=6, total=3.0, decoders=2, capacity=8, inside={"upload": 0.5}),
    ]
    whole = merged(parts)
    assert (whole.frames, whole.steps, whole.total, whole.decoders, whole.capacity) == (40, 10, 3.0, 4, 8)
    assert whole.inside == {"upload": 1.5}
    assert whole.workers == 2
