"""Machines misbehave: odd file systems, clocks that jump, devices without memory. Results stay whole and resumable."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from evalkit.atomic import write_whole
from helpers.own_trackers import own_tracker
from helpers.program import only_run, run_videos
from helpers.trees import draw_videos

LENGTHS = [6, 9, 4, 12]


@pytest.fixture
def videos(tmp_path) -> Path:
    return draw_videos(tmp_path / "videos", LENGTHS)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_exclusive_creation(videos, tmp_path, monkeypatch, number):
    assert run_videos(videos, tmp_path / "plain").code == 0
    real = os.open

    def refuse(path, flags, *more, **settings):
        if flags & os.O_EXCL:
            raise OSError(number, os.strerror(number), str(path))
        return real(path, flags, *more, **settings)

    monkeypatch.setattr(os, "open", refuse)
    assert run_videos(videos, tmp_path / "odd").code == 0
    monkeypatch.undo()
    assert only_run(tmp_path / "odd").digest() == only_run(tmp_path / "plain").digest()
    assert not list((tmp_path / "odd").rglob(".writing-*"))


def test_another_error_of_the_exclusive_creation_is_not_hidden(tmp_path, monkeypatch):
    def refuse(path, flags, *more, **settings):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Exception, match="Permission denied"):
        write_whole(tmp_path / "file", b"data")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_cannot_lock_is_remarked_and_used(videos, tmp_path, monkeypatch, number):
    def refuse(handle, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    done = run_videos(videos, tmp_path / "results")
    assert done.code == 0
    assert "cannot lock files; do not start the same run twice" in done.stderr
    assert run_videos(videos, tmp_path / "results", "ncc", "--shard", "1/2").code == 0


class Jumping:
    """A clock that goes back an hour at every call."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now -= 3600
        return self.now


def test_a_clock_that_goes_backwards_changes_nothing(videos, tmp_path, monkeypatch):
    assert run_videos(videos, tmp_path / "plain").code == 0
    clock = Jumping()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(time, "time_ns", lambda: int(clock() * 1e9))
    assert (
        run_videos(videos, tmp_path / "jumps", "ncc", "--sequences", "s0,s1,s2,s3", "--limit-sequences", "4").code == 0
    )
    run = only_run(tmp_path / "jumps")
    assert run.digest() == only_run(tmp_path / "plain").digest()
    for number, path in enumerate(sorted(run.path.rglob("*.json"))):  # files from the future and from the past
        os.utime(path, (number * 2_000_000_000, number * 2_000_000_000))
    before = {path: path.stat().st_mtime for path in run.path.rglob("sequences/*")}
    assert run_videos(videos, tmp_path / "jumps").code == 0
    assert {path: path.stat().st_mtime for path in run.path.rglob("sequences/*")} == before


def test_timings_of_two_calls_in_the_same_second_are_both_kept(videos, tmp_path):
    assert run_videos(videos, tmp_path / "results").code == 0
    run = only_run(tmp_path / "results")
    paths = {run.add_timing({"frames": number}) for number in range(5)}
    assert len(paths) == 5
    assert len(run.timings()) == 6


def test_a_run_set_aside_twice_in_the_same_moment_keeps_both(videos, tmp_path, monkeypatch):
    from evalkit.evaluation import running

    class Frozen(running.dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr(running.dt, "datetime", Frozen)
    for _ in range(3):
        assert run_videos(videos, tmp_path / "results", "ncc", "--fresh").code == 0
    assert len(list((tmp_path / "results").glob("custom/ncc/.replaced/*/manifest.json"))) >= 2


OUT_OF_MEMORY = """
from evalkit.sequences import Modality
from evalkit.tracking.interface import Predictions, TrackerInfo


class OutOfMemoryError(RuntimeError):
    pass


class Batched:
    def __init__(self):
        self.info = TrackerInfo("batched")

    def initialize(self, frames, boxes):
        return [np.array(box) for box in boxes]

    def prepare(self, state, frame):
        return frame.rgb.mean()

    def track(self, states, inputs):
        if len(states) > 2:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        for state, mean in zip(states, inputs):
            state[:2] += mean / 1000
        return Predictions(np.array(states), np.full(len(states), 0.5))
"""


@pytest.mark.parametrize("more", [[], ["--waves", "2"], ["--workers", 2]])
def test_a_device_without_memory_halves_the_capacity_and_completes_the_run(videos, tmp_path, more):
    tracker = own_tracker(tmp_path, top=OUT_OF_MEMORY).replace(":Drift", ":Batched")
    small = run_videos(videos, tmp_path / "small", tracker, "--capacity", 1)
    large = run_videos(videos, tmp_path / "large", tracker, "--capacity", 16, *more)
    assert large.code == 0, large.stderr
    assert large.json["digest"] == small.json["digest"]
    if not more:
        assert "capacity reduced from 16 to 2" in large.stderr
        (timing,) = [json.loads(path.read_text()) for path in (tmp_path / "large").rglob("timings/*.json")]
        assert timing["out_of_memory"] == 1


@pytest.mark.parametrize("step", ["initialize", "prepare", "track"])
def test_a_batched_tracker_of_the_user_that_hangs_ends_the_run_after_the_limit(videos, tmp_path, step):
    hangs = OUT_OF_MEMORY + f"\n    def {step}(self, *_):\n        time.sleep(500)\n"
    tracker = own_tracker(tmp_path, top=hangs).replace(":Drift", ":Batched")
    done = run_videos(videos, tmp_path / "results", tracker, "--timeout", "2")
    assert done.code == 1
    assert f"the tracker's {step} did not return within 2.0 s" in done.stderr
