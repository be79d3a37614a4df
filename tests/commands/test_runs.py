"""``list runs`` and ``delete-runs``: what a results folder holds, and what is never touched."""

import numpy as np
import pytest

from evalkit.store.runs import ResultStore
from helpers.program import call
from helpers.stored import store_run, trajectory

BOXES = np.tile([10.0, 10, 20, 20], (4, 1))
TRACKS = {"one": trajectory(BOXES), "two": trajectory(BOXES)}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    store_run(folder, "uav123", TRACKS, tracker="kcf", config={"rate": 0.1, "size": 2})
    later = {"finished": "2026-03-04T05:06:07+00:00"}
    store_run(folder, "uav123", TRACKS, tracker="kcf", config={"rate": 0.2, "size": 2, "set": ["rate"]}, **later)
    store_run(folder, "lasot", {"one": TRACKS["one"]}, names=("one", "two"), tracker="ncc")
    store_run(folder, "lasot", TRACKS, tracker="net", weights_sha256="random")
    return folder


def listed(results, *more):
    done = call("list", "runs", "--results", results, "--json", *more)
    assert done.code == 0, done.stderr
    return done.json


def delete(results, *more):
    return call("delete-runs", "--results", results, *more)


def test_every_run_is_listed_with_what_tells_it_apart(results):
    partial, dry, first, second = listed(results)
    assert (partial["tracker"], partial["state"], partial["finished"], partial["sequences"]) == ("ncc", "partial", 1, 2)
    assert dry["random_weights"]
    assert [run["settings"] for run in (first, second)] == [{"rate": 0.1}, {"rate": 0.2}]
    assert first["digest"] == second["digest"]
    assert second["finished_utc"] == "2026-03-04T05:06:07+00:00"
    text = call("list", "runs", "--results", results).stdout.splitlines()
    assert text[0].split() == ["run", "benchmark", "tracker", "settings", "state", "date", "(UTC)", "digest"]
    assert "partial 1/2" in text[1]
    assert "complete 2/2, random weights" in text[2]
    row = f"{second['run']}  uav123 test  kcf      rate=0.2  complete 2/2                  2026-03-04 05:06"
    assert text[4] == f"{row}  {second['digest'][:12]}"


def test_filters_leave_what_fits_all_of_them(results):
    (run,) = listed(results, "--tracker", "kcf,ncc", "--benchmark", "lasot")
    assert run["tracker"] == "ncc"
    assert [run["tracker"] for run in listed(results, "--state", "partial")] == ["ncc"]
    assert [other["run"] for other in listed(results, "--run", run["run"][:7])] == [run["run"]]
    assert call("list", "runs", "--results", results, "--tracker", "none").stderr == f"no such runs in {results}\n"
    assert call("list", "trackers", "--state", "partial").code == 2


def test_a_damaged_run_is_listed_and_hides_no_other(results):
    (path,) = (results / "lasot" / "ncc").glob("*/manifest.json")
    path.write_text("{")
    damaged = listed(results)[0]
    assert (damaged["tracker"], damaged["state"]) == ("ncc", "damaged")
    assert "is damaged" in damaged["problem"]
    assert len(listed(results)) == 4
    assert delete(results, "--state", "damaged", "--yes").code == 0
    assert len(listed(results)) == 3


def test_a_run_that_is_being_written_is_listed_as_such_and_not_deleted(results):
    for shard in (None, (1, 2)):
        with ResultStore(results).find(tracker="ncc")[0].lock(shard):
            assert [run["tracker"] for run in listed(results, "--state", "running")] == ["ncc"]
            done = delete(results, "--all", "--yes")
            assert done.code == 1
            assert "is being written by a process" in done.stderr
    assert len(listed(results)) == 4
    assert delete(results, "--all", "--yes").code == 0


def test_deleted_runs_are_gone_with_their_empty_folders_and_others_stay(results):
    done = delete(results, "--tracker", "ncc", "--yes", "--json")
    assert done.code == 0
    assert [run["tracker"] for run in done.json["deleted"]] == ["ncc"]
    assert done.json["bytes"] > 0
    assert not (results / "lasot" / "ncc").exists()
    assert len(listed(results)) == 3
    (results / "notes.txt").write_text("mine")
    assert delete(results, "--all", "--yes").code == 0
    assert [path.name for path in results.iterdir()] == ["notes.txt"]


def test_deletion_asks_and_what_is_no_yes_deletes_nothing(results):
    done = delete(results, "--tracker", "kcf")  # nobody answers
    assert done.code == 1
    assert "Delete 2 runs, " in done.stderr
    assert "rate=0.2" in done.stdout
    assert len(listed(results)) == 4


@pytest.mark.parametrize(("words", "code"), [((), 2), (("nothing",), 1), (("--tracker", "none"), 1), (("..",), 1)])
def test_what_fits_no_run_deletes_nothing(results, words, code):
    assert delete(results, "--yes", *words).code == code
    assert len(listed(results)) == 4


@pytest.mark.parametrize("level", [1, 2, 3])
def test_no_link_is_followed_out_of_the_results_folder(results, tmp_path, level):
    (run,) = ResultStore(results).find(tracker="ncc")
    link = (run.path, run.path.parent, run.path.parent.parent)[level - 1]
    outside = tmp_path / "outside"
    link.rename(outside)
    link.symlink_to(outside)
    before = sorted(path.name for path in outside.rglob("*"))
    done = delete(results, "--tracker", "ncc", "--yes")
    assert done.code == 1
    assert "nothing is deleted through links" in done.stderr
    assert sorted(path.name for path in outside.rglob("*")) == before


def test_a_link_inside_of_a_run_goes_and_its_target_stays(results, tmp_path):
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").write_text("x")
    (run,) = ResultStore(results).find(tracker="ncc")
    (run.path / "link").symlink_to(target)
    (run.path.parent / ".replaced").symlink_to(target)
    assert delete(results, "--tracker", "ncc", "--yes").code == 1  # the folder to move to leads outside
    (run.path.parent / ".replaced").unlink()
    assert delete(results, "--tracker", "ncc", "--yes").code == 0
    assert (target / "file").read_text() == "x"
    assert not run.path.exists()


@pytest.mark.parametrize("config", [{"set": [["x"], 3]}, {"set": "rate"}, [], None, {"a": {}}, "deep"])
def test_settings_that_are_none_of_ours_are_listed_all_the_same(results, config):
    deep = {"rate": 1}
    for _ in range(300):
        deep = {"a": deep}
    store_run(results, "uav123", TRACKS, tracker="strange", config=deep if config == "deep" else config)
    store_run(results, "uav123", TRACKS, tracker="strange", config={"rate": 3})
    assert len(listed(results, "--tracker", "strange")) == 2
    assert len(call("list", "runs", "--results", results, "--tracker", "strange").stdout.splitlines()) == 3


def test_names_of_strangers_are_inert(results):
    store_run(results, "uav123", TRACKS, tracker="\x1b[2J\nforged  complete", config={"a": "\x1b]0;x\x07", "b": ["\n"]})
    store_run(results, "uav123", TRACKS, tracker="\x1b[2J\nforged  complete", config={"a": "\x1b]0;y\x07", "b": ["\n"]})
    for done in (call("list", "runs", "--results", results), delete(results, "--all")):
        assert "\x1b" not in done.stdout
        assert len(done.stdout.splitlines()) == 7
