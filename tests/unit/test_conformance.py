"""The conformance suite finds each broken promise, and the command says so."""

import json

import numpy as np
import pytest

from evalkit.sequences import Modality
from evalkit.testing import Status, check_tracker, draw_video, track_together
from evalkit.tracking.interface import Predictions, TrackerInfo
from helpers.program import call, evalkit
from trackers.stepping import Step, SteppingTracker


class Sound(SteppingTracker):
    """Moves the box by the frame's brightness; keeps all promises."""

    info = TrackerInfo("sound", modalities=frozenset({Modality.RGB, Modality.DEPTH}))

    def begin(self, frame, box):
        return np.array(box)

    def step(self, memory, frame):
        box = memory + np.array([frame.rgb.mean() / 100, 0, 0, 0])
        return Step(box, box, 0.5)


class Random(Sound):
    generator = np.random.default_rng()

    def step(self, memory, frame):
        return Step(memory, memory + self.generator.random(4), 0.5)


def statuses(tracker, **options):
    return {check.name: check.status for check in check_tracker(tracker, **options).checks}


def failures(tracker, **options):
    return {
        check.name: check.detail for check in check_tracker(tracker, **options).checks if check.status == Status.FAILED
    }


def test_a_sound_tracker_passes_everything():
    report = check_tracker(Sound())
    assert {check.status for check in report.checks} == {Status.PASSED}
    assert report.passed
    assert report.frames_per_second > 0
    assert report.frames_per_second_batched > 0
    assert len({check.name for check in report.checks}) == len(report.checks) >= 12


def test_a_state_that_is_shared_between_streams_is_found():
    class Shared(Sound):
        boxes = np.zeros(4)

        def step(self, memory, frame):
            Shared.boxes = Shared.boxes + frame.rgb.mean() / 100
            return Step(memory, memory + Shared.boxes, 0.5)

    actual = failures(Shared())
    assert {"same answer twice", "streams do not share state", "capacity does not matter"} <= set(actual)
    assert "stream 0, frame 1: alone" in actual["streams do not share state"]


def test_answers_that_depend_on_the_capacity_are_found_unless_within_the_tolerance():
    class Batchy(Sound):
        def track(self, states, inputs):
            predictions = super().track(states, inputs)
            return predictions._replace(boxes=predictions.boxes + 0.05 * len(states))

    assert set(failures(Batchy())) == {"capacity does not matter"}
    assert failures(Batchy(), tolerance=0.5) == {}
    details = {check.name: check.detail for check in check_tracker(Batchy(), tolerance=0.5).checks}
    assert details["capacity does not matter"] == "differs by at most 0.1 (allowed 0.5)"


def test_a_prepare_that_changes_the_state_is_found():
    class Impatient(Sound):
        def prepare(self, state, frame):
            step = super().prepare(state, frame)
            state.memory = step.memory
            return step

    assert set(failures(Impatient())) == {"prepare changes nothing"}


def test_a_random_tracker_that_calls_itself_deterministic_is_found():
    assert "same answer twice" in failures(Random())


def test_a_tracker_that_says_it_is_random_is_not_compared():
    class Honest(Random):
        info = TrackerInfo("random", deterministic=False)

    actual = statuses(Honest())
    assert actual["same answer twice"] == actual["capacity does not matter"] == Status.SKIPPED
    assert actual["second image"] == Status.SKIPPED
    assert Status.FAILED not in actual.values()


def test_a_tracker_that_writes_into_images_is_found():
    class Painter(Sound):
        def step(self, memory, frame):
            frame.rgb.flags.writeable = True
            frame.rgb[:2] = 0
            return super().step(memory, frame)

    assert "wrote into the images" in failures(Painter())["images are not modified"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p._replace(boxes=p.boxes[:, :3]), "boxes of shape (3, 4) expected, found (3, 3)"),
        (lambda p: p._replace(boxes=p.boxes.tolist()), "boxes of shape (3, 4) expected, found None"),
        (lambda p: p._replace(confidence=p.confidence[:, None]), "confidence of shape (3,) expected, found (3, 1)"),
        (lambda p: p._replace(boxes=p.boxes * np.nan), "boxes must be finite"),
        (lambda p: p._replace(boxes=-p.boxes), "negative width or height"),
        (lambda p: p._replace(confidence=p.confidence + np.inf), "infinite confidence"),
        (lambda p: p._replace(errors={0: ValueError("lost")}), "ValueError: lost"),
    ],
)
def test_answers_of_wrong_form_are_found(change, words):
    class Wrong(Sound):
        def track(self, states, inputs):
            return change(super().track(states, inputs))

    assert words in failures(Wrong())["answers"]


def test_too_few_states_are_found():
    class Few(Sound):
        def initialize(self, frames, boxes):
            return super().initialize(frames, boxes)[:1]

    assert failures(Few())["answers"] == "initialize returned 1 states for 3 streams."


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (TrackerInfo("a/b"), "cannot be a folder"),
        (TrackerInfo("a", config={"x": {1}}), "TypeError"),
        (TrackerInfo("a", config={"x": float("nan")}), "ValueError"),
        (TrackerInfo("a", modalities=frozenset({"sonar"})), "not all Modality"),
    ],
)
def test_facts_that_cannot_be_stored_are_found(info, words):
    class Odd(Sound):
        pass

    Odd.info = info
    assert words in failures(Odd())["information"]


@pytest.mark.parametrize(
    ("condition", "check"),
    [
        (lambda frame, box: frame.rgb.max() == 0, "black frames"),
        (lambda frame, box: box[2] <= 1, "one-pixel box"),
        (lambda frame, box: box[0] < 0, "boxes at the border"),
        (lambda frame, box: frame.rgb.shape[1] == 17, "odd frame sizes"),
        (lambda frame, box: frame.aux is not None, "second image"),
    ],
)
def test_what_real_videos_bring_is_tried(condition, check):
    class Fragile(Sound):
        def step(self, memory, frame):
            if condition(frame, memory):
                raise RuntimeError("fragile")
            return super().step(memory, frame)

    assert "fragile" in failures(Fragile())[check]


def test_a_tracker_that_always_raises_fails_and_has_no_speed():
    class Broken(Sound):
        def step(self, memory, frame):
            raise RuntimeError("broken")

    report = check_tracker(Broken())
    assert not report.passed
    assert np.isnan(report.frames_per_second)


def test_a_tracker_that_needs_a_second_image_gets_one_in_every_check():
    class Needy(Sound):
        info = TrackerInfo(
            "needy", modalities=frozenset({Modality.RGB, Modality.EVENT}), required=frozenset({Modality.EVENT})
        )

        def step(self, memory, frame):
            assert frame.aux.shape == frame.rgb.shape
            return super().step(memory, frame)

    assert failures(Needy()) == {}


def test_drawn_videos_are_read_only_and_depend_on_the_seed_alone():
    first, again, other = draw_video(1), draw_video(1), draw_video(2)
    assert not first.frames[0].rgb.flags.writeable
    assert all((a.rgb == b.rgb).all() for a, b in zip(first.frames, again.frames, strict=True))
    assert (first.frames[0].rgb != other.frames[0].rgb).any()


def test_a_stream_that_ends_early_leaves_the_others():
    videos = [draw_video(0, frame_count=3), draw_video(1, frame_count=6)]
    paths = track_together(Sound(), videos)
    assert [len(path.boxes) for path in paths] == [2, 5]
    assert isinstance(paths[0].boxes, np.ndarray)
    assert Predictions._fields[:2] == ("boxes", "confidence")


# ---- the command


def test_the_command_prints_every_check_and_ends_with_0():
    code, out, _ = call("check-tracker", "still")
    assert code == 0
    assert out.count("ok  ") == 12
    assert "skip  second image" in out
    assert "still: all checks passed" in out
    assert "frames/s alone" in out


def test_the_command_ends_with_1_and_names_the_failed_check(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "class Fails:\n"
        "    def initialize(self, image, box):\n        self.box = box\n"
        "    def track(self, image):\n        return self.box / (image.max() > 0)\n"
    )
    code, out, _ = call("check-tracker", f"{path}:Fails")
    assert code == 1
    assert "FAIL  black frames" in out
    assert "1 check failed" in out


def test_the_command_prints_one_json_document():
    code, out, _ = call("check-tracker", "still", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["tracker"] == "still"
    assert document["passed"] is True
    assert {check["status"] for check in document["checks"]} == {"passed", "skipped"}
    assert document["frames_per_second"] > 0


def test_the_command_ends_with_2_for_an_unknown_name():
    code, out, err = call("check-tracker", "stil")
    assert code == 2
    assert out == ""
    assert "did you mean 'still'?" in err


def test_what_a_tracker_prints_does_not_get_between_the_results(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "print('loading')\n"
        "class Talks:\n"
        "    def initialize(self, image, box):\n        self.box = box\n"
        "    def track(self, image):\n        print('tracking')\n        return self.box\n"
    )
    code, out, err = evalkit("check-tracker", f"{path}:Talks", "--json")
    assert (code, json.loads(out)["passed"]) == (0, True)
    assert "loading" in err
    assert "tracking" in err
