"""The slot loop: order, isolation of failures, independence of capacity."""

import threading
import time

import numpy as np
import pytest

from evalkit.errors import EvalkitError, ImageReadError, StoreError, TrackerError
from evalkit.tracking import threads
from evalkit.tracking.interface import Predictions
from evalkit.tracking.jobs import JobFeed
from evalkit.tracking.loop import Job, LoopSettings, run_jobs
from evalkit.tracking.threads import DaemonPool
from helpers.program import PATIENCE, wait_until
from helpers.walks import LENGTHS, Memory, Numbers, Walk, jobs, run


@pytest.mark.parametrize("capacity", [1, 2, 3, 16])
def test_boxes_do_not_depend_on_capacity(capacity):
    expected, _ = run(Walk(), jobs(LENGTHS))
    actual, timing = run(Walk(), jobs(LENGTHS), capacity=capacity, decoders=3)
    assert actual.results.keys() == expected.results.keys()
    for name, trajectory in expected.results.items():
        np.testing.assert_array_equal(actual.results[name].boxes, trajectory.boxes)
    assert timing.frames == sum(LENGTHS)


def test_frame_0_is_the_initial_box_with_no_confidence():
    memory, _ = run(Walk(), jobs([3]))
    np.testing.assert_array_equal(memory.results["s0"].boxes[0], [0, 1, 2, 3])
    np.testing.assert_array_equal(memory.results["s0"].confidence, [np.nan, 0.5, 0.5])
    assert (memory.results["s0"].seconds >= 0).all()


def test_longest_sequences_start_first_and_slots_are_refilled_at_once():
    tracker = Walk()
    _, timing = run(tracker, jobs([2, 3, 9, 4]), capacity=2)
    assert tracker.starts == [2, 3, 1, 0]
    assert timing.steps == 8  # the longest sequence alone decides: 9 frames, the first of which initializes
    assert tracker.batches == [2] * 6 + [1] * 2


@pytest.mark.parametrize("capacity", [1, 4])
def test_a_bad_image_ends_its_sequence_alone_and_is_named_with_its_frame(capacity):
    memory, _ = run(Walk(), jobs(LENGTHS, bad=[(2, 6), (5, 0)]), capacity=capacity)
    assert sorted(memory.errors) == ["s2", "s5"]
    assert str(memory.errors["s2"]) == "frame 6 is truncated"
    assert memory.errors["s2"].__notes__ == ["frame 6"]
    assert sorted(memory.results) == ["s0", "s1", "s3", "s4", "s6"]


@pytest.mark.parametrize("capacity", [1, 3, 7])
def test_a_batch_that_raises_is_repeated_stream_by_stream(capacity):
    expected, _ = run(Walk(), jobs(LENGTHS))
    memory, _ = run(Walk(fail_at=(4, 3)), jobs(LENGTHS), capacity=capacity)
    assert list(memory.errors) == ["s4"]
    for name, trajectory in memory.results.items():
        np.testing.assert_array_equal(trajectory.boxes, expected.results[name].boxes)


def test_a_nan_box_ends_its_sequence_alone():
    memory, _ = run(Walk(nan_at=(4, 3)), jobs(LENGTHS), capacity=3)
    assert list(memory.errors) == ["s4"]
    assert "returned [nan nan nan nan] as box" in str(memory.errors["s4"])


def test_errors_of_single_streams_reported_by_the_tracker_end_those_streams():
    class Picky(Walk):
        def track(self, states, inputs):
            answer = super().track(states, inputs)
            errors = {i: ValueError("no") for i, pixel in enumerate(inputs) if tuple(pixel[:2]) == (0, 2)}
            return answer._replace(errors=errors)

    memory, _ = run(Picky(), jobs(LENGTHS), capacity=3)
    assert list(memory.errors) == ["s0"]
    assert len(memory.results) == len(LENGTHS) - 1


def test_a_wrong_shape_is_an_error_that_says_what_came():
    class Wrong(Walk):
        def track(self, states, inputs):
            return Predictions(np.zeros((len(states), 5)), np.zeros(len(states)))

    memory, _ = run(Wrong(), jobs([4, 4]), capacity=2)
    assert "boxes of shape (1, 5)" in str(memory.errors["s0"])
    assert len(memory.errors) == 2


def test_one_stream_that_cannot_start_does_not_stop_the_others():
    class Choosy(Walk):
        def initialize(self, frames, boxes):
            if any(frame.rgb[0, 0, 0] == 2 for frame in frames):
                raise ValueError("I do not like this one")
            return super().initialize(frames, boxes)

    memory, _ = run(Choosy(), jobs(LENGTHS), capacity=4)
    assert list(memory.errors) == ["s2"]
    assert len(memory.results) == len(LENGTHS) - 1


def test_a_batched_tracker_that_never_returns_ends_the_run_with_an_error():
    release = threading.Event()

    class Stuck(Walk):
        def track(self, states, inputs):
            release.wait(PATIENCE)

    with pytest.raises(TrackerError, match=r"did not return within 0\.5 s.*s0"):
        run(Stuck(), jobs([4]), timeout=0.5)
    release.set()


def test_an_image_that_is_never_read_ends_its_sequence_alone():
    release = threading.Event()

    class Slow(Numbers):
        def read(self, index):
            if index == 3:
                release.wait(PATIENCE)
            return super().read(index)

    work = jobs([6, 6, 6])
    work[1] = Job("s1", Slow(1, 6), np.array([1.0, 1, 2, 3]), 6)
    memory, _ = run(Walk(), work, capacity=3, decoders=1, read_timeout=1.0)
    release.set()
    assert "longer than 1.0 s" in str(memory.errors["s1"])
    assert sorted(memory.results) == ["s0", "s2"]


def test_a_timeout_error_raised_by_the_tracker_itself_is_its_own_failure():
    class Timing(Walk):
        def track(self, states, inputs):
            raise TimeoutError("my own")

    memory, _ = run(Timing(), jobs([3]), timeout=5.0)
    assert str(memory.errors["s0"]) == "my own"


def test_a_sink_that_cannot_write_ends_the_run():
    with pytest.raises(StoreError, match="No space left"):
        run_jobs(Walk(), jobs(LENGTHS), Full(), LoopSettings(capacity=2))


class Full(Memory):
    def finished(self, results):
        raise StoreError("No space left on device")


def test_a_failed_write_ends_a_loop_that_waits_for_further_work():
    feed = JobFeed()
    feed.push(jobs([3]))  # and it is never closed
    caught = DaemonPool(1).submit(run_jobs, Walk(), feed, Full(), LoopSettings()).exception(timeout=60)
    assert "No space left" in str(caught)


def test_a_failed_write_is_told_while_a_long_step_is_under_way():
    told = threading.Event()

    class Long(Walk):
        def track(self, states, inputs):
            if len(self.batches) == 5:
                assert told.wait(60)
            return super().track(states, inputs)

    notes = []
    with pytest.raises(StoreError, match="No space left"):
        run_jobs(
            Long(),
            jobs([3, 9]),
            Full(),
            LoopSettings(capacity=2),
            on_note=lambda text: told.set() or notes.append(text),
        )
    assert notes[0] == "a result cannot be stored, the run ends: No space left on device"


def test_a_disk_that_does_not_answer_ends_the_run_and_a_slow_one_does_not(monkeypatch):
    beats = threading.Semaphore(0)

    class Slow(Memory):
        def finished(self, results):
            for _ in range(3):
                assert beats.acquire(timeout=60)
            super().finished(results)

    monkeypatch.setattr(threads, "TICK", 0.01)
    memory = Slow()
    run_jobs(Walk(), jobs([1]), memory, LoopSettings(), on_beat=beats.release)
    assert list(memory.results) == ["s0"]
    monkeypatch.setattr(threads, "WRITE_SECONDS", 0.05)
    with pytest.raises(StoreError, match="did not take a result"):
        run_jobs(Walk(), jobs([1, 2]), Slow(), LoopSettings())


def test_a_loop_beats_before_whatever_it_waits_for_and_not_while_it_stands_still():
    beats = []

    class Stuck(Walk):
        def initialize(self, frames, boxes):
            self.seen = len(beats)
            return super().initialize(frames, boxes)

        def track(self, states, inputs):
            assert len(beats) > self.seen
            self.seen = len(beats)
            if len(self.batches) == 4:
                threading.Event().wait(60)
            return super().track(states, inputs)

    tracker = Stuck()
    with pytest.raises(TrackerError, match="did not return"):
        run_jobs(tracker, jobs([9]), Memory(), LoopSettings(timeout=2.0), on_beat=lambda: beats.append(0))
    assert len(tracker.batches) == 4
    assert len(beats) <= tracker.seen + 1  # the wait itself


def test_a_tracker_that_limits_its_streams_itself_is_told_the_limit_and_called_without_a_detour():
    class Own(Walk):
        def limit_calls(self, seconds, on_beat):
            self.limit = seconds

        def track(self, states, inputs):
            assert threading.current_thread() is threading.main_thread()
            return super().track(states, inputs)

    tracker = Own()
    memory, _ = run(tracker, jobs([4]), timeout=7.0)
    assert tracker.limit == 7.0
    assert not memory.errors


def test_another_number_of_threads_while_the_loop_runs_changes_no_box():
    expected, _ = run(Walk(), jobs(LENGTHS))
    sizes = [None, LoopSettings(decoders=1, workers=5), None, LoopSettings(decoders=7, workers=1, lookahead_bytes=9)]
    memory = Memory()
    settings = LoopSettings(capacity=3, decoders=4)
    timing = run_jobs(Walk(), jobs(LENGTHS), memory, settings, resized=lambda: sizes.pop(0) if sizes else None)
    assert (timing.decoders, timing.croppers) == (7, 1)
    assert memory.results.keys() == expected.results.keys()
    for name, trajectory in memory.results.items():
        np.testing.assert_array_equal(trajectory.boxes, expected.results[name].boxes)


@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 4), (3, 3)])
def test_a_pool_has_as_many_threads_as_it_was_told_last(before, after):
    with DaemonPool(before, "resized") as pool:
        pool.resize(after)
        started = threading.Semaphore(0)
        release = threading.Event()
        blocked = [pool.submit(lambda: started.release() or release.wait(60)) for _ in range(after)]
        assert all(started.acquire(timeout=60) for _ in range(after))
        further = pool.submit(int)
        with pytest.raises(TimeoutError):  # nobody is left for it
            further.result(timeout=0.2)
        release.set()
        assert all(call.result(timeout=60) for call in blocked)
        assert further.result(timeout=60) == 0


def test_what_is_finished_is_written_when_the_user_stops():
    class Stops(Walk):
        def track(self, states, inputs):
            if len(self.batches) == 5:
                raise KeyboardInterrupt
            return super().track(states, inputs)

    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(Stops(), jobs([4, 3, 3]), memory, LoopSettings())
    assert list(memory.results) == ["s0", "s1"]


def test_decoding_runs_ahead_but_within_its_memory():
    lock = threading.Lock()
    reads = []

    class Watched(Numbers):
        def read(self, index):
            with lock:
                reads.append(index)
            return super().read(index)

    class Gate(Walk):
        def track(self, states, inputs):
            if not self.batches:
                wait_until(lambda: max(reads) >= 5)
                time.sleep(0.1)  # time to read too far
                with lock:
                    self.ahead = max(reads)
            return super().track(states, inputs)

    tracker = Gate()
    run_jobs(tracker, [Job("s", Watched(0, 50), np.ones(4), 50)], Memory(), LoopSettings(lookahead_bytes=3 * 5))
    assert tracker.ahead == 5  # frame 1 in hand, 2 to 5 waiting: five frames of three bytes


def test_progress_counts_every_frame():
    counted = []
    run_jobs(Walk(), jobs(LENGTHS), Memory(), LoopSettings(capacity=3), counted.append)
    assert sum(counted) == sum(LENGTHS)


def test_the_error_of_a_frame_is_an_evalkit_error_with_a_text():
    assert issubclass(ImageReadError, EvalkitError)
