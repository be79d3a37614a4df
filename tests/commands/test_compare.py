"""``compare``: any number of trackers and settings against a baseline, corrected for their number."""

import json

import numpy as np
import pytest

from evalkit.scoring.statistics import holm
from helpers import stored, trees
from helpers.program import call
from helpers.trees import boxes

NAMES = tuple(f"s{number}" for number in range(9))
FRAMES = 8


@pytest.fixture
def place(tmp_path):
    """Nine sequences; kcf with two settings, ncc, a tracker that is far off, and a dry run."""
    root = trees.uav123(tmp_path / "UAV123", values={name: boxes(FRAMES) for name in NAMES})
    results = tmp_path / "results"
    for tracker, config, offset, more in (
        ("kcf", {"rate": 0.1}, 2.0, {}),
        ("kcf", {"rate": 0.2}, 3.0, {}),
        ("ncc", {}, 2.5, {}),
        ("far", {}, 900.0, {}),
        ("net", {}, 1.0, {"weights_sha256": "random"}),
    ):
        tracks = {}
        for number, name in enumerate(NAMES):
            moved = boxes(FRAMES) + np.array([offset + 0.3 * ((number * 7) % 5), 0, 0, 0])
            moved[0] = boxes(FRAMES)[0]
            tracks[name] = stored.trajectory(moved)
        stored.store_run(results, "uav123", tracks, tracker=tracker, config=config, **more)
    return ("compare", "uav123", "--data-root", root, "--results", results)


def test_all_are_compared_with_the_baseline(place):
    done = call(*place, "--tracker", "ncc,far", "--baseline", "kcf", "--json")
    assert done.code == 0, done.stderr
    document = done.json
    assert (document["baseline"], document["correction"], document["sequences"]) == ("kcf", "holm", 9)
    assert [row["tracker"] for row in document["comparisons"]] == ["ncc", "far"]
    for metric in document["comparisons"][0]["metrics"]:
        rows = [row["metrics"][metric] for row in document["comparisons"]]
        assert [row["p_adjusted"] for row in rows] == holm([row["p_value"] for row in rows])
        assert rows[0]["values"][1] == rows[1]["values"][1]
        for row in rows:
            assert row["difference"] == pytest.approx(row["values"][0] - row["values"][1])
    far = document["comparisons"][1]["metrics"]["success_auc"]
    assert (far["effect"], far["wins"], far["losses"]) == (-1.0, 0, 9)
    assert far["p_adjusted"] > far["p_value"]
    assert far["interval"][1] < 0
    assert "metrics" not in document


@pytest.mark.parametrize("command", [("compare", "--baseline", "a"), ("score",)])
def test_what_holds_of_all_is_said_once(place, tmp_path, command):
    tracks = {name: stored.trajectory(boxes(FRAMES)) for name in NAMES}
    for tracker, note in (("a", ()), ("b", ("b alone",))):
        stored.store_run(tmp_path / "r", "uav123", tracks, tracker=tracker, note=("of all", *note))
    done = call(command[0], *place[1:4], "--results", tmp_path / "r", "--tracker", "a,b", *command[1:])
    assert done.code == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "of all" in line] == ["note: of all"]
    assert len([line for line in done.stderr.splitlines() if line.endswith("b: b alone")]) == 1


def test_the_text_says_who_is_better_and_what_was_corrected(place):
    lines = call(*place, "--tracker", "ncc,far", "--baseline", "kcf").stdout.splitlines()
    assert lines[0].startswith("UAV123 ")
    assert lines[1] == "better than kcf: ncc (success_auc, p adjusted < 0.05)"
    assert lines[2] == "worse than kcf: far (success_auc, p adjusted < 0.05)"
    begin = lines.index("") + 1
    assert lines[begin].split()[:3] == ["success_auc", "value", "difference"]
    assert lines[begin + 1].startswith("kcf (baseline) ")
    assert [line.split()[0] for line in lines[begin + 2 : begin + 4]] == ["ncc", "far"]
    assert lines[-3].startswith("p adjusted: Holm's correction for 2 comparisons")


def test_settings_are_compared_under_the_names_of_tables(place):
    done = call(*place, "--tracker", "kcf", "--all-runs", "--baseline", "kcf rate=0.1", "--json")
    assert done.json["trackers"] == ["kcf rate=0.2", "kcf rate=0.1"]
    assert done.json["metrics"]["success_auc"]["difference"] < 0
    assert done.json["comparisons"][0]["metrics"] == done.json["metrics"]
    (run,) = (row["run"] for row in done.json["comparisons"])
    by_id = call(*place, "--tracker", "kcf", "--all-runs", "--baseline", run[:9], "--json")
    assert by_id.json["trackers"] == ["kcf rate=0.1", "kcf rate=0.2"]


def test_a_baseline_that_fits_several_or_none_is_refused_with_the_names(place):
    several = call(*place, "--tracker", "kcf,ncc", "--all-runs", "--baseline", "kcf")
    assert several.code == 1
    assert "--baseline 'kcf rate=0.2' (run " in several.stderr
    none = call(*place, "--baseline", "kfc")
    assert none.code == 2
    assert "unknown baseline 'kfc'; did you mean 'kcf'" in none.stderr


def test_more_than_two_need_a_baseline(place):
    done = call(*place, "--tracker", "kcf,ncc,far")
    assert done.code == 1
    assert "--baseline 'kcf'" in done.stderr


def test_a_dry_run_is_no_baseline_unless_asked(place):
    refused = call(*place, "--tracker", "kcf,ncc", "--baseline", "net", "--json")
    assert refused.code == 2
    asked = call(*place, "--tracker", "kcf,ncc", "--baseline", "net", "--with-random-weights", "--json")
    assert json.loads(asked.stdout)["baseline"] == "net"
    told = call(*place, "--tracker", "kcf,net")
    assert told.code == 1
    assert "their weights are random: net" in told.stderr
