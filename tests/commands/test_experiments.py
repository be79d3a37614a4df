"""Experiments: settings of one tracker, names, several of both in one call."""

import json

import pytest

import trackers
from evalkit.commands.assignments import MOST, combinations
from evalkit.errors import TrackerError
from evalkit.store.runs import ResultStore
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions
from evalkit.values import alternatives, written
from helpers.program import call
from helpers.trees import draw_videos

OWN = """
class Mine:
    def __init__(self, step=0.0, mode="slow", weights=None):
        if mode == "broken":
            raise ValueError("no such mode")
        self.step = step if isinstance(step, (int, float)) else 0.0
    def initialize(self, image, box):
        self.box = box.copy()
    def track(self, image):
        self.box[0] += self.step
        return self.box
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    return f"{tmp_path / 'mine.py'}:Mine"


@pytest.fixture
def place(tmp_path):
    draw_videos(tmp_path / "videos", [4, 4])
    return ("--data-root", tmp_path / "videos", "--results", tmp_path / "results")


def run(place, *more):
    return call("run-benchmark", "custom", *place, *more)


# ---- the grammar


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2.5,true,null", [1, 2.5, True, None]),
        ("fast, slow", ["fast", "slow"]),
        ("[0.9,1],[1]", [[0.9, 1], [1]]),
        ('{"a": [1, 2]},3', [{"a": [1, 2]}, 3]),
        ('"a,b",c', ["a,b", "c"]),
        (r'"say \"a,b\"",c', ['say "a,b"', "c"]),
        ("(1,2)", ["(1,2)"]),
        ("[1,2", ["[1,2"]),
        ("1,1.0,1", [1, 1.0, 1]),
        ("NaN,Infinity,1e999", ["NaN", "Infinity", "1e999"]),
        ("", [""]),
        ("a=b", ["a=b"]),
        ("9" * 5000, ["9" * 5000]),
        ("[" * 5000, ["[" * 5000]),
    ],
)
def test_commas_outside_of_quotes_and_brackets_stand_between_values(text, values):
    assert [json.dumps(value) for value in alternatives(text)] == [json.dumps(value) for value in values]


@pytest.mark.parametrize("value", [1, 0.5, "fast", "1", "a,b", "", [1, 2], {"a": None}, True, "true", 'say "x"', "[1"])
def test_what_a_value_is_written_as_reads_as_that_value(value):
    assert alternatives(written(value)) == [value]


def test_every_combination_is_run_once():
    settings = combinations({"a": [1, 2], "b": ["x", "y"]})
    assert settings == [{"a": a, "b": b} for a in (1, 2) for b in ("x", "y")]


# ---- runs


def test_each_combination_of_settings_is_a_run_of_its_own(own, place, tmp_path):
    done = run(place, "--tracker", own, "--set", "step=1,2", "--set", "mode=slow,fast", "--json")
    assert done.code == 0, done.stderr
    expected = [{"step": step, "mode": mode} for step in (1, 2) for mode in ("slow", "fast")]
    assert [document["settings"] for document in done.json] == expected
    assert len({document["run"] for document in done.json}) == 4
    assert len({document["digest"] for document in done.json}) == 2  # `mode` moves no box
    stored = {run.run_id: run.identity.config for run in ResultStore(tmp_path / "results").find()}
    for document in done.json:
        assert stored[document["run"]].items() >= document["settings"].items()
        assert stored[document["run"]]["set"] == ["mode", "step"]


def test_runs_are_printed_with_their_settings_and_the_next_command_names_them(own, place):
    done = run(place, "--tracker", own, "--set", "step=1", "--set", "step=2")
    lines = done.stdout.splitlines()
    heads = [line.split(":")[0] for line in lines if not line.startswith(" ")]
    assert heads == ["custom all Mine step=1", "custom all Mine step=2"]
    assert "1 of 2: " in done.stderr
    following = done.stderr.partition("next:")[2]
    ids = [line.split()[1].rstrip(",") for line in lines if line.startswith("  run ")]
    assert f"--run {','.join(ids)}" in following
    assert "--run" not in run(place, "--tracker", own).stderr


def test_the_same_settings_in_another_order_are_the_same_run(own, place, tmp_path):
    run(place, "--tracker", own, "--set", "step=1", "--set", "mode=fast")
    again = run(place, "--tracker", own, "--set", "mode=fast", "--set", "step=1")
    assert "custom: 2 of 2 sequences were finished before" in again.stderr
    assert len(ResultStore(tmp_path / "results").find()) == 1


def test_a_setting_that_fails_leaves_the_others_their_turn(own, place, tmp_path):
    done = run(place, "--tracker", own, "--set", "mode=slow,broken,fast", "--json")
    assert done.code == 1
    assert [document["settings"]["mode"] for document in done.json] == ["slow", "fast"]
    assert "no such mode" in done.stderr
    assert f"not run: {own} mode=broken" in done.stderr
    assert run(place, "--tracker", own, "--set", "mode=broken,slow").stdout == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("step", "write KEY=V1,V2"),
        ("1=2", "is no setting"),
        ("step=1,,2", "between two commas there is nothing"),
        (f"step={','.join(map(str, range(MOST + 1)))}", f"more than {MOST}"),
    ],
)
def test_what_is_no_setting_is_wrong_usage(own, place, text, told):
    done = run(place, "--tracker", own, "--set", text)
    assert done.code == 2
    assert told in " ".join(done.stderr.split())


def test_commands_that_make_one_tracker_take_one_value(own):
    done = call("check-tracker", own, "--set", "step=1,2")
    assert done.code == 2
    assert "step takes one value here, not 2: 1, 2" in " ".join(done.stderr.split())
    done = call("finetune", "ostrack-mini", "--dry-run", "--set", "batch=2,workers=1")
    assert done.code == 2
    assert "Every setting has a --set of its own" in " ".join(done.stderr.split())


# ---- trackers of the catalog


def config_of(name, **settings):
    return load_tracker(trackers.CATALOG, name, TrackerOptions(settings=settings)).info.config


@pytest.mark.parametrize("name", ["ncc", "mosse", "kcf", "ostrack-mini"])
def test_own_values_of_a_tracker_leave_its_identity_as_it_is(name):
    own = config_of(name)
    numbers = own.get("loop", own) if name == "ostrack-mini" else own
    key = {"ncc": "window", "ostrack-mini": "size_rate"}.get(name, "rate")
    assert config_of(name, **{key: numbers[key]}) == own
    assert "set" not in own
    other = config_of(name, **{key: 1})
    assert other["set"] == [key]
    assert other != own


def test_numbers_of_a_network_that_no_weights_decide_can_be_set():
    config = config_of("ostrack-mini", keep_ratio=0.5, window_power=1)
    assert config["network"]["keep_ratio"] == 0.5
    assert config["loop"]["window_power"] == 1
    assert config["set"] == ["keep_ratio", "window_power"]
    with pytest.raises(TrackerError, match=r"unknown setting 'search_size'.*Its settings: keep_ratio=0.7, "):
        config_of("ostrack-mini", search_size=256)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("kcf", {"rat": 1}, r"unknown setting 'rat'; did you mean 'rate'.*Its settings: padding=2.5, .*scales=\[0.97"),
        ("kcf", {"rate": "fast"}, "--set rate takes a number from 0, not 'fast'"),
        ("kcf", {"rate": -1}, "takes a number from 0, not -1"),
        ("kcf", {"rate": True}, "takes a number from 0, not True"),
        ("kcf", {"scales": 1}, r"takes a list of numbers above 0"),
        ("ncc", {"window": 2.5}, "takes a whole number from 1, not 2.5"),
        ("still", {"rate": 1}, "tracker still has no settings; leave out --set rate"),
        ("opencv-mil", {"rate": 1}, "tracker opencv-mil has no settings"),
    ],
)
def test_a_setting_that_cannot_be_names_what_can(name, settings, told):
    with pytest.raises(TrackerError, match=told):
        config_of(name, **settings)


def test_every_tracker_without_weights_refuses_a_setting_that_it_does_not_have():
    for name, entry in trackers.CATALOG.items():
        if entry.weights is None:
            with pytest.raises(TrackerError, match="setting"):
                config_of(name, no_such_setting=1)


def test_a_setting_of_a_known_tracker_moves_its_boxes(place):
    done = run(place, "--tracker", "kcf", "--set", "rate=0.02,0.5", "--json")
    assert len({document["digest"] for document in done.json}) == 2
    own = run(place, "--tracker", "kcf", "--json").json
    assert own["run"] == done.json[0]["run"]  # 0.02 is what it has by itself


# ---- names


def test_a_name_stands_where_the_trackers_would(own, place, tmp_path):
    done = run(place, "--tracker", own, "--set", "step=1,2", "--name", "ours", "--json")
    assert [document["tracker"] for document in done.json] == ["ours", "ours"]
    assert (tmp_path / "results" / "custom" / "ours").is_dir()
    assert {run.identity.config["tracker"] for run in ResultStore(tmp_path / "results").find()} == {"Mine"}


def test_a_name_is_inert(own, place, tmp_path):
    name = "../../<b>=cmd|'$(x)`%s"
    assert run(place, "--tracker", own, "--name", name).code == 0
    (stored,) = ResultStore(tmp_path / "results").find()
    assert stored.identity.tracker == name
    assert stored.path.parents[2] == tmp_path / "results"


@pytest.mark.parametrize("name", ["", " ", "a,b", "a\nb", "\x1b[2J", " x", "\u202ea"])
def test_a_name_that_cannot_be_typed_again_is_refused(own, place, name):
    assert run(place, "--tracker", own, "--name", name).code == 2


def test_a_name_of_the_catalog_and_one_name_for_two_trackers_are_refused(own, place):
    assert "is a tracker of the catalog" in run(place, "--tracker", own, "--name", "kcf").stderr
    assert "is one tracker's" in run(place, "--tracker", "ncc,kcf", "--name", "ours").stderr
    assert run(place, "--tracker", own, "--name", "long" * 100).code == 2
