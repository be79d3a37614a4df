"""`evalkit measure-speed`: what is measured, and that every number says what it is."""

import json
import time

import numpy as np
import pytest
from program import draw_video, evalkit
from test_slot_loop import Memory, Numbers, Walk

from evalkit.errors import TrackerError
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.source import Job
from evalkit.tracking.speed import Latency, Spread, Throughput, definitions, measure_latency, measure_throughput
from evalkit.tracking.timing import LoopTiming


class Costs(Walk):
    """Known costs: crop 2 ms, step 4 ms, synchronizing another 3 ms."""

    def prepare(self, state, frame):
        time.sleep(0.002)
        return super().prepare(state, frame)

    def track(self, states, inputs):
        time.sleep(0.004)
        return super().track(states, inputs)

    def synchronize(self):
        time.sleep(0.003)

    def device_memory(self):
        return None

    def release_memory(self):
        pass

    def stage_seconds(self):
        return {"forward": 0.001 * len(self.batches)}


class Slow(Numbers):
    def read(self, index):
        time.sleep(0.005)
        return super().read(index)


def job(length=50):
    return Job("s", Slow(0, length), np.ones(4), length)


def test_latency_separates_decoding_and_waits_for_the_device():
    latency = measure_latency(Costs(), job(), seconds=0.4, warm_up=5)
    assert latency.warm_up == 5
    assert 0.005 <= np.median(latency.decode) < 0.02
    assert 0.002 <= np.median(latency.prepare) < 0.01
    assert 0.007 <= np.median(latency.track) < 0.02
    assert latency.forward == pytest.approx(0.001)
    assert Spread.of(latency.whole).median_ms > Spread.of(latency.step).median_ms + 5


def test_a_slow_tracker_is_not_warmed_up_for_ever():
    begin = time.perf_counter()
    latency = measure_latency(Costs(), job(), seconds=0.1, warm_up=10_000)
    assert time.perf_counter() - begin < 5
    assert 1 <= latency.warm_up < 100


def test_throughput_counts_after_the_warm_up_only():
    jobs = [Job(f"s{n}", Numbers(n, 30), np.ones(4), 30) for n in range(4)]
    found = measure_throughput(Costs(), jobs, Memory(), LoopSettings(capacity=4), seconds=0.6)
    assert found.warm_up >= 0.2
    assert found.frames == pytest.approx(found.rate * found.seconds)
    assert found.rate > 4 / 0.02


def test_a_tracker_that_fails_has_no_speed():
    class Fails(Walk):
        def track(self, states, inputs):
            return super().track(states, inputs)._replace(errors={0: ValueError("no")})

    with pytest.raises(TrackerError, match="failed while its speed was measured: no"):
        measure_latency(Fails(), job(), seconds=0.1)


def test_the_five_definitions_by_hand():
    # start 0.1 s; frames of 0.01 s decoding and 0.01, 0.02 and 0.05 s in the tracker
    seconds = np.array([0.01, 0.02, 0.05])
    latency = Latency(0.1, np.full(3, 0.01), np.zeros(3), seconds, 0.004, 5)
    timing = LoopTiming(frames=100, total=10.0, wait_decode=4.0, wait_write=1.0)
    found = definitions(latency, Throughput(10.0, 100, 10.0, 0.0, timing))
    assert found["read-excluded"] == pytest.approx(4 / 0.18)
    assert found["read-included"] == pytest.approx(3 / 0.21)
    assert found["mean-of-rates"] == pytest.approx((1 / 0.02 + 1 / 0.03 + 1 / 0.06) / 3)
    assert found["batch-share"] == pytest.approx(20.0)
    assert found["forward-only"] == pytest.approx(250.0)


def test_the_document_states_everything_that_a_speed_depends_on():
    arguments = ["--tracker", "ncc", "--size", "160x128", "--seconds", "0.5", "--capacity", "2"]
    done = evalkit("measure-speed", *arguments, "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["frame"] == {"width": 160, "height": 128}
    assert document["precision"] == "fp32"
    assert document["device"] == "cpu"
    assert document["card"] is None
    assert set(document["libraries"]) == {"numpy", "opencv-python", "torch"}
    assert document["latency"]["decode_excluded"]["median_ms"] <= document["latency"]["decode_excluded"]["p95_ms"]
    assert document["latency"]["warm_up_frames"] > 0
    assert document["throughput"]["capacity"] == 2
    assert document["throughput"]["frames_per_second"] > 0
    assert len(document["fps_definitions"]) == 5
    text = evalkit("measure-speed", *arguments).stdout
    assert "95th percentile" in text
    assert "warm-up" in text
    assert "got10k toolkit" in text


def test_a_folder_of_images_can_be_used(tmp_path):
    draw_video(tmp_path / "video", 4)
    done = evalkit("measure-speed", "--tracker", "still", "--images", tmp_path / "video" / "img", "--seconds", "0.3")
    assert done.code == 0, done.stderr
    assert "frames of 64 x 48" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--tracker", "kfc"], 2, "did you mean 'kcf'"),
        (["--tracker", "still", "--size", "big"], 2, "is no size"),
        (["--tracker", "still", "--images", "nowhere"], 1, "nowhere"),
        (["--tracker", "x.py:X", "--device", "cuda:0,1"], 2, "one device"),
    ],
)
def test_wrong_usage(arguments, code, text):
    done = evalkit("measure-speed", *arguments)
    assert done.code == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr
