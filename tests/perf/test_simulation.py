"""The prediction for many devices, held against the steps of the real loop and against sums by hand."""

import numpy as np
import pytest

from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings, run_jobs
from helpers.program import load_perf
from helpers.walks import Memory, Numbers, Walk

simulate = load_perf("simulate")
TINY = simulate.Images("", 1e-9, 1e-9)
FREE = {"decode_ms": 0.0, "crop_ms": 0.0, "start_s": 0.0, "disk": 1e12}


def items(lengths):
    return [simulate.Item.of(length, TINY) for length in lengths]


def test_one_stream_by_hand():
    stages = simulate.Stages(**FREE, fixed_ms=3, each_ms=2, capacity=1)
    assert simulate.simulate(items([10, 20, 30]), stages, 1) == pytest.approx(60 * 0.005)


def test_two_slots_by_hand():
    # 30 and 20 together for 20 steps; then 30 (10 left) and 10 together for 10 steps
    stages = simulate.Stages(**FREE, fixed_ms=3, each_ms=2, capacity=2)
    assert simulate.simulate(items([10, 20, 30]), stages, 1) == pytest.approx(30 * 0.007)


def test_two_devices_by_hand():
    # the first takes 30; the second 20, then 10
    stages = simulate.Stages(**FREE, fixed_ms=3, each_ms=2, capacity=1)
    assert simulate.simulate(items([10, 20, 30]), stages, 2) == pytest.approx(30 * 0.005)


def test_the_disk_is_shared_by_those_that_read():
    stages = simulate.Stages(**{**FREE, "disk": 10.0}, fixed_ms=1, each_ms=0, capacity=1)
    heavy = [simulate.Item.of(10, simulate.Images("", 0, 1.0)) for _ in range(4)]
    assert simulate.simulate(heavy, stages, 1) == pytest.approx(4.0)
    assert simulate.simulate(heavy, stages, 4) == pytest.approx(4.0)


@pytest.mark.parametrize("capacity", [1, 4, 16])
def test_the_loop_takes_the_steps_that_are_predicted(capacity):
    lengths = np.random.default_rng(0).integers(10, 60, 12).tolist()
    tracker = Walk()
    work = [Job(f"s{n}", Numbers(n, length), np.ones(4), length) for n, length in enumerate(lengths)]
    run_jobs(tracker, work, Memory(), LoopSettings(capacity=capacity, waves=1))
    stages = simulate.Stages(**FREE, fixed_ms=4, each_ms=1, capacity=capacity)
    predicted = simulate.simulate(items([length - 1 for length in lengths]), stages, 1)  # the first frame is no step
    assert sum(0.004 + 0.001 * streams for streams in tracker.batches) == pytest.approx(predicted)


def test_more_devices_help_until_a_bound_is_reached_which_is_never_beaten():
    names = ["uav123", "depthtrack"]
    rows = simulate.predictions(simulate.Stages(disk=1e9), [1, 2, 8, 32], names)
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds, reverse=True)
    assert rows[0]["limit"] == "device"
    for row in rows:
        assert row["seconds"] * 1.001 >= max(row["bounds"].values())


def test_stage_times_come_out_of_a_measured_document():
    document = {
        "frame": {"width": 1000, "height": 500},
        "latency": {"stages": {"track": {"median_ms": 5.0}}},
        "throughput": {
            "timing": {
                "frames": 1000,
                "capacity": 11,
                "device": {"wall": 1.5, "calls": 1},
                "decode": {"cpu": 2.0, "calls": 1000},
                "crop": {"cpu": 0.1, "calls": 1000},
            }
        },
    }
    actual = simulate.from_speed(document, simulate.Stages())
    assert actual["decode_ms"] == pytest.approx(4.0)  # 2 ms for half a megapixel
    assert actual["crop_ms"] == pytest.approx(0.1)
    assert actual["fixed_ms"] + actual["each_ms"] == pytest.approx(5.0)
    assert actual["fixed_ms"] + 11 * actual["each_ms"] == pytest.approx(11 * 1.5)
