"""The pipeline's benchmark runs, and fails where the pipeline costs more than it may."""

import json

import pytest

from helpers.program import load_perf

pipeline = load_perf("pipeline")
SMALL = ("--scale", "500", "--sequences", "4", "--size", "320x240", "--rounds", "1")


@pytest.mark.parametrize(
    "arguments", [["--cost", "2+0.1", "--crop", "0.5", "--waves", "2"], ["--tracker", "ncc", "--capacity", "1,3"]]
)
def test_all_loops_give_the_same_boxes_with_costs_and_real_trackers(arguments, capsys):
    assert pipeline.main([*SMALL, *arguments, "--json"]) == 0
    rates = {case["name"]: case["frames_per_second"] for case in json.loads(capsys.readouterr().out)["cases"]}
    assert rates["plain"] > 0
    assert len(rates) >= 4


def test_a_share_of_the_decode_rate_that_is_not_reached_is_a_failure(capsys):
    small = [*SMALL, "--no-plain", "--capacity", "1"]
    assert pipeline.main([*small, "--at-least", "1e9"]) == 1
    assert pipeline.main([*small, "--at-least", "1e-9"]) == 0
    assert "of the decode rate" in capsys.readouterr().out
