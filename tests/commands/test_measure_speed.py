"""`evalkit measure-speed`: what is measured, and that every number says what it is."""

import itertools
import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from evalkit import hardware
from evalkit.commands.speed import cost_rows
from evalkit.errors import TrackerError
from evalkit.evaluation.accuracy import Copy, precision_costs
from evalkit.tracking import speed
from evalkit.tracking.interface import Predictions
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.speed import Latency, Spread, Throughput, definitions, measure_latency, measure_throughput
from evalkit.tracking.timing import LoopTiming
from helpers.program import Clock, call
from helpers.trees import draw_video, draw_videos
from helpers.walks import Memory, Numbers, Walk


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    return clock


class Costs(Walk):
    """Known costs: start 10 ms, crop 2 ms, step 4 ms, synchronizing another 3 ms."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def initialize(self, frames, boxes):
        self.clock.sleep(0.010)
        return super().initialize(frames, boxes)

    def prepare(self, state, frame):
        self.clock.sleep(0.002)
        return super().prepare(state, frame)

    def track(self, states, inputs):
        self.clock.sleep(0.004)
        return super().track(states, inputs)

    def synchronize(self):
        self.clock.sleep(0.003)

    def device_memory(self):
        return None

    def release_memory(self):
        pass

    def stage_seconds(self):
        return {"forward": 0.001 * len(self.batches)}


@dataclass
class Slow(Numbers):
    clock: Clock = None

    def read(self, index):
        self.clock.sleep(0.005)
        return super().read(index)


def slow_job(clock):
    return Job("s", Slow(0, 50, clock=clock), np.ones(4), 50)


def test_latency_separates_decoding_and_waits_for_the_device(clock):
    latency = measure_latency(Costs(clock), slow_job(clock), seconds=0.4, warm_up=5)
    assert latency.warm_up == 5
    assert latency.start == pytest.approx(0.013)
    frames = len(latency.decode)
    assert frames == pytest.approx(0.4 / 0.014, abs=1)
    np.testing.assert_allclose(latency.decode, [0.005] * frames)
    np.testing.assert_allclose(latency.prepare, [0.002] * frames)
    np.testing.assert_allclose(latency.track, [0.007] * frames)
    assert latency.forward == pytest.approx(0.001)
    assert Spread.of(latency.whole).median_ms == pytest.approx(14)
    assert Spread.of(latency.step).median_ms == pytest.approx(9)


def test_a_slow_tracker_is_not_warmed_up_for_ever(clock):
    latency = measure_latency(Costs(clock), slow_job(clock), seconds=0.1, warm_up=10_000)
    assert latency.warm_up == 8  # of 14 ms each, and 0.1 s are over


def test_throughput_counts_after_the_warm_up_only(clock):
    class Settled(Costs):
        """Its first steps take 90 ms more."""

        def track(self, states, inputs):
            self.clock.sleep(0.090 if self.clock.now < 100.15 else 0)
            return super().track(states, inputs)

    jobs = [Job(f"s{n}", Numbers(n, 30), np.ones(4), 30) for n in range(4)]
    actual = measure_throughput(Settled(clock), jobs, Memory(), LoopSettings(capacity=1, waves=1), seconds=0.6)
    assert actual.warm_up >= 0.2
    assert actual.frames == pytest.approx(actual.rate * actual.seconds)
    assert actual.rate == pytest.approx(1 / 0.006, rel=0.05)  # 110 with the first steps


def test_a_tracker_that_fails_has_no_speed():
    class Fails(Walk):
        def track(self, states, inputs):
            return super().track(states, inputs)._replace(errors={0: ValueError("no")})

    with pytest.raises(TrackerError, match="failed while its speed was measured: no"):
        measure_latency(Fails(), Job("s", Numbers(0, 50), np.ones(4), 50), seconds=0.1)


def test_the_five_definitions_by_hand():
    # start 0.1 s; frames of 0.01 s decoding and 0.01, 0.02 and 0.05 s in the tracker
    seconds = np.array([0.01, 0.02, 0.05])
    latency = Latency(0.1, np.full(3, 0.01), np.zeros(3), seconds, 0.004, 5)
    timing = LoopTiming(frames=100, total=10.0, wait_decode=4.0, wait_write=1.0)
    actual = definitions(latency, Throughput(10.0, 100, 10.0, 0.0, timing))
    assert actual["read-excluded"] == pytest.approx(4 / 0.18)
    assert actual["read-included"] == pytest.approx(3 / 0.21)
    assert actual["mean-of-rates"] == pytest.approx((1 / 0.02 + 1 / 0.03 + 1 / 0.06) / 3)
    assert actual["batch-share"] == pytest.approx(20.0)
    assert actual["forward-only"] == pytest.approx(250.0)


@pytest.fixture
def ticks(monkeypatch):
    """Each look at the clock is a millisecond: the number of frames measured does not depend on the machine."""
    moments = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(moments) / 1000)
    monkeypatch.setattr(speed, "time", clock)


@pytest.mark.usefixtures("ticks")
def test_the_document_states_everything_that_a_speed_depends_on():
    arguments = ["--tracker", "ncc", "--size", "160x128", "--seconds", "0.5", "--capacity", "2"]
    done = call("measure-speed", *arguments, "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["frame"] == {"width": 160, "height": 128}
    assert document["precision"] == "fp32"
    assert document["device"] == "cpu"
    assert document["card"] is None
    assert set(document["libraries"]) == {"numpy", "opencv-python", "simplejpeg", "torch"}
    assert document["latency"]["decode_excluded"]["median_ms"] <= document["latency"]["decode_excluded"]["p95_ms"]
    assert document["latency"]["warm_up_frames"] > 0
    assert document["throughput"]["capacity"] == 2
    assert document["throughput"]["frames_per_second"] > 0
    assert len(document["fps_definitions"]) == 5
    text = call("measure-speed", *arguments).stdout
    assert "95th percentile" in text
    assert "warm-up" in text
    assert "got10k toolkit" in text


@pytest.mark.usefixtures("ticks")
def test_a_folder_of_images_can_be_used(tmp_path):
    draw_video(tmp_path / "video", 4)
    done = call("measure-speed", "--tracker", "still", "--images", tmp_path / "video" / "img", "--seconds", "0.3")
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
    done = call("measure-speed", *arguments)
    assert done.code == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_of_precisions_compares_each_with_fp32(tmp_path):
    draw_videos(tmp_path / "videos", [3] * 8, wh=(160, 120))
    where = {"split": None, "data_root": tmp_path / "videos", "layout": None}
    copy = Copy.read("custom", **where, limit=7)
    assert [sequence.name for sequence in copy.sequences] == [f"s{number}" for number in range(7)]
    built = []

    class Shifted(Walk):
        """A box beside the target, the farther the fewer digits."""

        def __init__(self, precision):
            super().__init__()
            self.shift = {"fp32": 0.0, "bf16": 4.0, "fp16": 0.0}[precision]
            built.append(precision)

        def track(self, states, inputs):
            boxes = np.array([state["box"] + [self.shift, 0, 0, 0] for state in states])
            return Predictions(boxes, np.full(len(states), np.nan))

    costs = precision_costs(Shifted, "cpu", [copy], LoopSettings(capacity=2))
    assert built == [cost.precision for cost in costs] == ["fp32", "bf16", "fp16"]
    exact, coarse, half = costs
    assert (exact.difference, exact.interval, exact.overlap, exact.moved) == (0.0, (0.0, 0.0), 1.0, 0.0)
    assert half == replace(exact, precision="fp16")
    assert coarse.interval[0] <= coarse.difference <= coarse.interval[1]
    width = copy.sequences[0].initial_box[2]
    assert coarse.overlap == pytest.approx((width - 4) / (width + 4))
    assert coarse.difference == pytest.approx(coarse.auc - exact.auc)
    assert coarse.moved == 1.0  # by four pixels, in every frame
    table = cost_rows(costs)
    assert [len(row) for row in table] == [8] * 4
    assert table[1][4:6] == ["+0.000", "+0.000 to +0.000"]
    few = Copy.read("custom", **where, limit=2)
    assert cost_rows(precision_costs(Shifted, "cpu", [few], LoopSettings(capacity=2)))[1][5] == "too few sequences"
    parts = [replace(copy, spec=replace(copy.spec, name="first"), sequences=copy.sequences[:3])]
    parts.append(replace(copy, spec=replace(copy.spec, name="second"), sequences=copy.sequences[3:]))
    divided = precision_costs(Shifted, "cpu", parts, LoopSettings(capacity=2))
    assert [cost.interval for cost in divided[:2]] == [None, None]
    assert [replace(cost, benchmark="custom") for cost in divided[2::3]] == costs


def test_accuracy_needs_ground_truth(tmp_path):
    answer = call("measure-speed", "--tracker", "still", "--accuracy", "uav123", "--data-root", tmp_path)
    assert answer.code == 1
    assert "Traceback" not in answer.stderr
    draw_video(tmp_path / "videos" / "s0", 4)
    rows = tmp_path / "videos" / "s0" / "groundtruth.txt"
    rows.write_text(rows.read_text().splitlines()[0] + "\n")
    answer = call("measure-speed", "--tracker", "still", "--accuracy", "custom", "--data-root", tmp_path / "videos")
    assert answer.code == 1
    assert "s0: only 1 of 4 frames are annotated" in answer.stderr
    assert "tracking at" not in answer.stderr


def driver(asked, *, tells=True):
    """NVML as far as it is called; cards are asked for by number or by name."""

    def energy(_handle, value):
        value._obj.value = 12_500
        return 0 if tells else 3

    return SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlShutdown=lambda: asked.append("end"),
        nvmlDeviceGetHandleByIndex_v2=lambda index, _: asked.append(index.value),
        nvmlDeviceGetHandleByUUID=lambda name, _: asked.append(name),
        nvmlDeviceGetTotalEnergyConsumption=energy,
    )


def test_energy_is_asked_of_the_card_that_is_meant(monkeypatch):
    asked = []
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda _: driver(asked))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc")
    assert hardware.energy_joules("cuda") == 12.5
    assert hardware.energy_joules("cuda:1") == 12.5
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert hardware.energy_joules("cuda:1") == 12.5
    assert asked == [3, "end", b"GPU-abc", "end", 1, "end"]
    assert hardware.energy_joules("cpu") is None
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda _: driver([], tells=False))
    assert hardware.energy_joules("cuda") is None


def test_energy_of_a_frame_is_that_of_the_whole_measurement(clock):
    used = iter([100.0, 160.0])
    actual = measure_throughput(
        Costs(clock), [slow_job(clock)], Memory(), LoopSettings(decoders=1), seconds=2.0, energy=lambda: next(used)
    )
    assert actual.joules == pytest.approx(60 / actual.timing.frames)


def test_time_inside_the_tracker_is_that_of_the_measurement_alone(clock):
    tracker = Costs(clock)
    tracker.batches += [1] * 1000  # of the latency's measurement
    actual = measure_throughput(tracker, [slow_job(clock)], Memory(), LoopSettings(decoders=1), seconds=2.0)
    assert actual.timing.inside["forward"] == pytest.approx(0.001 * (len(tracker.batches) - 1000))
