"""From one object per stream to the batched interface: answers, threads, and trackers that misbehave."""

import threading

import numpy as np
import pytest

from evalkit.errors import TrackerError
from evalkit.sequences import Frame, Modality
from evalkit.testing import draw_video
from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.per_stream import per_stream, read_answer
from helpers.program import PATIENCE

VIDEO = draw_video(frame_count=4)
BOX = [10.0, 20.0, 30.0, 40.0]


class Scripted:
    """Answers what it is told: a value, or a function of the image."""

    def __init__(self, answer):
        self.answer = answer

    def initialize(self, image, box):
        pass

    def track(self, image):
        return self.answer(image) if callable(self.answer) else self.answer


def adapt(*answers, **options):
    """A tracker whose n-th stream gives the n-th answer."""
    waiting = list(answers)
    return per_stream(lambda: Scripted(waiting.pop(0)), TrackerInfo("scripted"), **options)


def step(tracker, count, frames=1):
    """Start ``count`` streams and return the predictions of the last of ``frames`` steps."""
    states = tracker.initialize([VIDEO.frames[0]] * count, np.tile(BOX, (count, 1)))
    for frame in VIDEO.frames[1 : frames + 1]:
        predictions = tracker.track(states, [tracker.prepare(state, frame) for state in states])
    return predictions


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        (BOX, np.nan),
        (tuple(BOX), np.nan),
        (np.array(BOX), np.nan),
        (np.array(BOX, np.float32), np.nan),
        ([10, 20, 30, 40], np.nan),
        ((BOX, 0.25), 0.25),
        ((np.array(BOX), np.float32(0.25)), 0.25),
        ([BOX, 1], 1.0),
        ((BOX, float("nan")), np.nan),
        ((BOX, None), np.nan),
    ],
)
def test_a_box_and_an_optional_confidence_come_in_any_numeric_form(answer, confidence):
    predictions = step(adapt(answer), 1)
    assert predictions.errors == {}
    assert predictions.boxes.tolist() == [BOX]
    np.testing.assert_array_equal(predictions.confidence, [confidence])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1, 2, np.nan, 4], "must be finite, found [1.0, 2.0, nan, 4.0]"),
        ([1, 2, np.inf, 4], "must be finite"),
        ([1, 2, -3, 4], "must not be negative"),
        ([1, 2, 3], "expected a box of 4 numbers"),
        (np.zeros((2, 4)), "ndarray of shape (2, 4)"),
        (np.zeros((0,)), "ndarray of shape (0,)"),
        (None, "found NoneType None"),
        ("1,2,3,4", "found str '1,2,3,4'"),
        (["1", "2", "3", "4"], "expected a box of 4 numbers"),
        ([True, True, True, True], "expected a box of 4 numbers"),
        ([[1, 2], [3]], "expected a box of 4 numbers"),
        ((BOX, [1, 2]), "the confidence must be one finite number or NaN, found list [1, 2]"),
        ((BOX, "high"), "found str 'high'"),
        ((BOX, float("inf")), "confidence must be"),
    ],
)
def test_an_answer_that_is_no_box_is_an_error_of_that_stream_alone(answer, words):
    predictions = step(adapt(BOX, answer, BOX), 3, frames=2)
    assert list(predictions.errors) == [1]
    assert isinstance(predictions.errors[1], TrackerError)
    assert words in str(predictions.errors[1])
    assert "scripted, frame 2" in str(predictions.errors[1])
    assert predictions.boxes[[0, 2]].tolist() == [BOX, BOX]


def test_an_answer_of_zero_size_is_a_box():
    assert read_answer([5, 5, 0, 0], "here")[0].tolist() == [5, 5, 0, 0]


@pytest.mark.parametrize("options", [{}, {"timeout": 30.0}, {"concurrent": True}], ids=["plain", "timeout", "threads"])
def test_an_exception_ends_one_stream_and_names_file_line_and_frame(options):
    def fail(image):
        raise ZeroDivisionError("no area")

    predictions = step(adapt(BOX, fail, **options), 2, frames=3)
    assert list(predictions.errors) == [1]
    text = str(predictions.errors[1])
    assert text.startswith("scripted raised ZeroDivisionError in frame 3 (test_per_stream.py, line ")
    assert text.endswith("): no area.")
    assert predictions.errors[1].__cause__.args == ("no area",)


def test_a_tracker_that_exits_does_not_end_the_program():
    def leave(image):
        raise SystemExit(3)

    assert "SystemExit in frame 1" in str(step(adapt(leave), 1).errors[0])


def test_a_stream_that_cannot_start_raises_so_that_the_loop_starts_them_one_by_one():
    class Picky(Scripted):
        def initialize(self, image, box):
            if box[2] < 10:
                raise ValueError("too small")

    tracker = per_stream(lambda: Picky(BOX), TrackerInfo("picky"))
    frames, boxes = [VIDEO.frames[0]] * 2, np.array([BOX, [1, 1, 5, 5]])
    with pytest.raises(TrackerError, match=r"picky raised ValueError in frame 0 .*: too small\."):
        tracker.initialize(frames, boxes)
    assert len(tracker.initialize(frames[:1], boxes[:1])) == 1


def test_a_tracker_that_writes_into_the_image_is_told_to_copy():
    def paint(image):
        image[:5] = 0
        return BOX

    before = VIDEO.frames[1].rgb.copy()
    error = step(adapt(BOX, paint), 2).errors[1]
    assert "read-only: work on a copy" in str(error)
    np.testing.assert_array_equal(VIDEO.frames[1].rgb, before)


def test_images_are_read_only_even_where_the_loop_hands_out_writable_ones():
    seen = []
    tracker = adapt(lambda image: seen.append(image.flags.writeable) or BOX)
    writable = Frame(np.zeros((8, 8, 3), np.uint8))
    states = tracker.initialize([writable], np.array([BOX]))
    tracker.track(states, [tracker.prepare(states[0], writable)])
    assert seen == [False]
    assert writable.rgb.flags.writeable


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_tracker_that_never_answers_ends_its_stream_and_not_the_run(concurrent):
    release = threading.Event()
    tracker = adapt(
        BOX,
        lambda image: release.wait(PATIENCE),
        lambda image: release.wait(PATIENCE),
        BOX,
        timeout=1.0,
        concurrent=concurrent,
    )
    predictions = step(tracker, 4)
    assert sorted(predictions.errors) == [1, 2]
    assert str(predictions.errors[1]) == (
        "scripted did not answer within 1 s (frame 1). If it is slow and not stuck, raise --timeout."
    )
    assert predictions.boxes[[0, 3]].tolist() == [BOX, BOX]
    release.set()


def test_a_tracker_that_never_starts_is_reported():
    release = threading.Event()

    class Stuck(Scripted):
        def initialize(self, image, box):
            release.wait(PATIENCE)

    tracker = per_stream(lambda: Stuck(BOX), TrackerInfo("stuck"), timeout=0.1)
    with pytest.raises(TrackerError, match=r"stuck did not answer within 0\.1 s \(frame 0\)"):
        tracker.initialize([VIDEO.frames[0]], np.array([BOX]))
    release.set()


def test_a_timeout_error_of_the_tracker_itself_is_its_own_error():
    def fail(image):
        raise TimeoutError("camera")

    assert "raised TimeoutError in frame 1" in str(step(adapt(fail, timeout=30.0), 1).errors[0])


def test_streams_of_a_concurrent_tracker_step_at_the_same_time():
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def meet(image):
        meeting.wait()
        return BOX

    tracker = adapt(meet, meet, concurrent=True)
    tracker._workers = 2  # whatever this machine has
    assert step(tracker, 2).errors == {}


def test_streams_of_other_trackers_step_one_after_the_other_in_one_thread():
    threads = set()
    tracker = adapt(*[lambda image: threads.add(threading.get_ident()) or BOX] * 3, timeout=30.0)
    assert step(tracker, 3).errors == {}
    assert len(threads) == 1


def test_the_box_that_a_tracker_keeps_is_its_own():
    kept = []

    class Keeper(Scripted):
        def initialize(self, image, box):
            kept.append(box)

        def track(self, image):
            kept[0] += 1
            return kept[0]

    boxes = np.array([BOX])
    tracker = per_stream(lambda: Keeper(BOX), TrackerInfo("keeper"))
    states = tracker.initialize([VIDEO.frames[0]], boxes)
    first = tracker.track(states, [VIDEO.frames[1]])
    second = tracker.track(states, [VIDEO.frames[2]])
    assert boxes.tolist() == [BOX]
    assert first.boxes[0].tolist() == [11, 21, 31, 41]
    assert second.boxes[0].tolist() == [12, 22, 32, 42]


def test_a_tracker_with_a_second_modality_gets_the_second_image():
    seen = []

    class Depth:
        def initialize(self, image, box, aux):
            seen.append(aux.dtype)

        def track(self, image, aux):
            seen.append(aux.shape)
            return BOX

    video = draw_video(frame_count=2, second=Modality.DEPTH)
    tracker = per_stream(Depth, TrackerInfo("depth", modalities=frozenset({Modality.RGB, Modality.DEPTH})))
    states = tracker.initialize(video.frames[:1], video.boxes[:1])
    assert tracker.track(states, video.frames[1:]).errors == {}
    assert seen == [np.uint16, (120, 160)]
    lone = tracker.track(states, [Frame(video.frames[1].rgb)])
    assert "reads a second image (depth), but this frame has none" in str(lone.errors[0])


def test_tensors_with_a_gradient_are_read():
    import torch

    box, confidence = read_answer((torch.ones(4, requires_grad=True) * 2, torch.tensor([0.5])), "here")
    assert (box.tolist(), confidence) == ([2, 2, 2, 2], 0.5)
