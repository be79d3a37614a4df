"""The pipeline's benchmark runs, and with a tracker that costs nothing the pipeline keeps up with pure decoding."""

import json
import subprocess
import sys

import pytest
from program import ROOT


def bench(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(ROOT / "perf" / "pipeline.py"), *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_tracker_that_costs_nothing_leaves_nine_tenths_of_the_decode_rate():
    # wall time and processor time are judged round by round, since other programs disturb both; a pipeline that cost
    # more than a tenth would fail every round
    best = {}
    for _ in range(4):
        found = bench("--scale", "200", "--sequences", "16", "--capacity", "4,16", "--rounds", "1", "--no-plain")
        for case in found["cases"][1:]:
            ratio = max(case["of_decode_wall"], case["of_decode_cpu"])
            best[case["name"]] = max(best.get(case["name"], 0.0), ratio)
        if min(best.values()) >= 0.9:
            break
    assert min(best.values()) >= 0.9, best


@pytest.mark.parametrize(
    "arguments", [["--cost", "2+0.1", "--crop", "0.5", "--waves", "2"], ["--tracker", "ncc", "--capacity", "1,3"]]
)
def test_all_loops_give_the_same_boxes_with_costs_and_real_trackers(arguments):
    found = bench("--scale", "500", "--sequences", "4", "--size", "320x240", "--rounds", "1", *arguments)
    rates = {case["name"]: case["frames_per_second"] for case in found["cases"]}
    assert rates["plain"] > 0
    assert len(rates) >= 4
