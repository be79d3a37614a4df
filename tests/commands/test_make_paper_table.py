"""``make-table --paper`` from a user's side: without runs, beside runs of the store, and on real result files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.benchmarks.names import official_rows
from evalkit.report.tables.shapes import load_tables
from evalkit.store.runs import Run
from helpers import stored, trees
from helpers.program import call


def test_without_a_run_the_published_table_is_printed_alone(tmp_path: Path):
    code, out, err = call("make-table", "--paper", "upvpt", "--table", "2", "--results", tmp_path)
    assert (code, err) == (0, "")
    assert "siamRPN++" in out
    assert "measured" not in out


def test_a_papers_tables_all_at_once_as_html(tmp_path: Path):
    path = tmp_path / "upvpt.html"
    code, _, err = call("make-table", "--paper", "upvpt", "--output", path, "--results", tmp_path)
    assert code == 0
    assert str(path) in err
    page = path.read_text(encoding="utf-8")
    assert [f"<h2>UPVPT table {number}</h2>" in page for number in range(1, 8)] == [True] * 7


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--table", "2"], "--paper"),
        (["--paper", "upvpt", "--benchmark", "lasot"], "exclude each other"),
        (["--paper", "upvtp"], "did you mean 'upvpt'"),
        (["--paper", "upvpt", "--table", "9"], "known: 1, 2"),
        (["--paper", "upvpt", "--table", "2", "--tracker", "SiamRPNpp3"], "did you mean 'SiamRPN++'"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: list[str], text: str):
    code, out, err = call("make-table", *arguments, "--results", tmp_path)
    assert (code, out) == (2, "")
    assert text in err


def test_list_tables_names_all_and_how_to_print_them():
    code, out, _ = call("list", "tables")
    assert code == 0
    assert len(out.splitlines()) == len(load_tables())
    assert out.startswith("--paper upvpt --table 1 ")
    _, text, _ = call("list", "tables", "--json")
    second = json.loads(text)[1]
    assert (second["paper"], second["table"], len(second["rows"])) == ("upvpt", "2", 16)
    assert second["about"]["venue"] == "ACM Multimedia Asia 2023"


BOX = np.array([[10.0, 20, 20, 10]])


def store_run(
    results: Path, benchmark: str, tracker: str, names: tuple[str, ...], *, finished: int | None = None, **changes: Any
) -> Run:
    tracks = dict.fromkeys(names[:finished], stored.trajectory(BOX))
    return stored.store_run(results, benchmark, tracks, names=names, tracker=tracker, **changes)


def test_runs_that_cannot_be_compared_are_named_with_the_reason(tmp_path: Path):
    lasot_names = tuple(official_rows("lasot_test.csv"))
    store_run(tmp_path, "lasot", "SiamFC", ("cup-1",), data="sample:12")
    store_run(tmp_path, "lasot", "ATOM", ("cup-1", "cup-2"))
    store_run(tmp_path, "lasot", "Ocean", lasot_names, finished=1)
    store_run(tmp_path, "got10k", "DiMP", ("GOT-10k_Val_000001",), split="val")
    store_run(tmp_path, "got10k", "kcf", ("GOT-10k_Val_000001",), split="val")
    arguments = ["--paper", "upvpt", "--table", "2", "--results", tmp_path]
    code, out, _ = call("make-table", *arguments, "--json")
    assert code == 0
    (table,) = json.loads(out)
    assert table["comparisons"] == []
    left_out = {text.split(" on ")[0]: text for text in table["left_out"]}
    assert sorted(left_out) == ["ATOM", "DiMP", "Ocean", "SiamFC"]
    assert "rendered sample" in left_out["SiamFC"]
    assert "another sequence list (2 sequences, not 280)" in left_out["ATOM"]
    assert "279 of 280 sequences are missing" in left_out["Ocean"]
    assert "split val, published test" in left_out["DiMP"]
    assert all(any(text in note for note in table["notes"]) for text in left_out.values())


def test_what_only_a_server_can_score_is_said(tmp_path: Path):
    store_run(tmp_path, "trackingnet", "ATOM", tuple(official_rows("trackingnet_test.csv")), finished=0)
    _, out, _ = call("make-table", "--paper", "upvpt", "--table", "2", "--results", tmp_path, "--json")
    (text,) = json.loads(out)[0]["left_out"]
    assert "only the organizers' server has the ground truth" in text


def test_a_run_without_ground_truth_is_said(tmp_path: Path):
    store_run(tmp_path / "results", "uav123", "ATOM", tuple(official_rows("uav123_test.csv")))
    arguments = ["--results", tmp_path / "results", "--data-root", tmp_path / "nothing"]
    code, out, _ = call("make-table", "--paper", "upvpt", "--table", "3", *arguments)
    assert code == 0
    assert "ATOM on UAV123" in out
    assert "no ground truth" in out


@pytest.fixture
def small_lasot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A LaSOT copy with one sequence of one frame, whose name passes for the whole list."""
    from evalkit.evaluation import papers

    monkeypatch.setattr(papers, "official_rows", lambda _: {"cup-1": {}})
    return trees.lasot(tmp_path / "LaSOT", test=("cup-1",), train=(), values={"cup-1": BOX})


def test_random_weights_are_left_out_unless_asked_for(tmp_path: Path, small_lasot: Path):
    store_run(tmp_path / "results", "lasot", "ostrack-256", ("cup-1",), weights_sha256="random")
    arguments = ["--results", tmp_path / "results", "--data-root", small_lasot, "--json"]
    code, out, _ = call("make-table", "--paper", "upvpt", "--table", "2", *arguments)
    (table,) = json.loads(out)
    assert (code, table["comparisons"]) == (0, [])
    (told,) = table["left_out"]
    assert told.startswith("ostrack-256 on LaSOT")
    assert "--with-random-weights" in told


@pytest.mark.parametrize(
    ("weights", "reason"), [("random", "random weights"), (None, "the sequence list is another one (1 ")]
)
def test_random_weights_and_other_data_are_not_comparable(
    tmp_path: Path, small_lasot: Path, weights: str | None, reason: str
):
    store_run(tmp_path / "results", "lasot", "ostrack-256", ("cup-1",), weights_sha256=weights)
    arguments = ["--results", tmp_path / "results", "--data-root", small_lasot, "--json"]
    code, out, err = call("make-table", "--paper", "upvpt", "--table", "2", *arguments, "--with-random-weights")
    assert (code, err) == (0, "")
    (table,) = json.loads(out)
    assert table["left_out"] == []
    assert [comparison["verdict"] for comparison in table["comparisons"]] == ["not_comparable"] * 3
    assert all(comparison["reason"].startswith(reason) for comparison in table["comparisons"])
    assert table["comparisons"][0]["measured"]["value"] == pytest.approx(20 / 21)


def test_of_several_complete_runs_one_stands_in_the_table_and_run_chooses_another(tmp_path: Path, small_lasot: Path):
    runs = {store_run(tmp_path / "r", "lasot", "ostrack-256", ("cup-1",), weights_sha256=item).run_id for item in "ab"}
    arguments = ["--paper", "upvpt", "--table", "2", "--results", tmp_path / "r", "--data-root", small_lasot, "--json"]
    code, out, _ = call("make-table", *arguments)
    assert code == 0
    ((taken,),) = [{comparison["measured"]["run"] for comparison in table["comparisons"]} for table in json.loads(out)]
    (other,) = runs - {taken}
    code, out, _ = call("make-table", *arguments, "--run", other)
    assert code == 0
    assert {comparison["measured"]["run"] for comparison in json.loads(out)[0]["comparisons"]} == {other}


def test_all_runs_are_rows_named_by_the_settings_that_differ(tmp_path: Path, small_lasot: Path):
    for step, rate in enumerate((0.1, 0.2)):
        tracks = {"cup-1": stored.trajectory(BOX + step)}
        stored.store_run(tmp_path / "r", "lasot", tracks, tracker="ATOM", config={"rate": rate, "set": ["rate"]})
    arguments = ["--paper", "upvpt", "--table", "2", "--results", tmp_path / "r", "--data-root", small_lasot]
    code, out, _ = call("make-table", *arguments, "--all-runs")
    assert code == 0
    assert "measured: ATOM rate=0.1" in out
    assert "measured: ATOM rate=0.2" in out
    code, out, _ = call("make-table", *arguments)
    assert code == 0
    assert "measured: ATOM" in out
    assert "measured: ATOM rate" not in out


def test_files_without_a_tracker_of_the_table_are_an_error(tmp_path: Path, small_lasot: Path):
    (tmp_path / "kcf").mkdir()
    (tmp_path / "kcf" / "cup-1.txt").write_text("10,20,20,10\n")
    arguments = ["--predictions", tmp_path / "kcf", "--data-root", small_lasot]
    code, out, err = call("make-table", "--paper", "upvpt", "--table", "7", *arguments)
    assert (code, out) == (1, "")
    assert "no tracker of the table" in err


def test_ground_truth_of_one_benchmark_is_not_read_as_anothers(tmp_path: Path):
    for file in (tmp_path / "truth" / "cup-1" / "groundtruth.txt", tmp_path / "files" / "cup-1.txt"):
        file.parent.mkdir(parents=True)
        file.write_text("10,20,20,10\n" * 3)
    arguments = ["--predictions", tmp_path / "files", "--annotations", tmp_path / "truth"]
    code, out, err = call("make-table", "--paper", "upvpt", "--table", "5", *arguments)
    assert (code, out) == (1, "")
    assert "not GOT-10k test's: none of its 1 sequences (cup-1, ...) is among the 180 official ones" in err


def test_raw_files_of_lasot_stand_in_a_table_of_three_benchmarks(shared_data: Path):
    arguments = ["--predictions", shared_data / "results_lasot.zip", "--annotations", shared_data / "lasot_test_gt.zip"]
    code, out, err = call(
        "make-table", "--paper", "upvpt", "--table", "2", "--tracker", "SiamRPN++", *arguments, "--json"
    )
    assert code == 0, err
    comparisons = json.loads(out)[0]["comparisons"]
    assert {(comparison["row"], comparison["verdict"]) for comparison in comparisons} == {("siamRPN++", "agrees")}


def test_real_results_of_siamrpn_agree_to_the_printed_digit(shared_data: Path, tmp_path: Path):
    archive = shared_data / "results_lasot.zip"
    code, _, err = call(
        "import-results", archive, "--benchmark", "lasot", "--tracker", "SiamRPN++", "--results", tmp_path, "--quiet"
    )
    assert code == 0, err
    truth = ["--annotations", shared_data / "lasot_test_gt.zip"]
    code, out, err = call("make-table", "--paper", "upvpt", "--table", "2", "--results", tmp_path, *truth, "--json")
    assert code == 0, err
    (table,) = json.loads(out)
    actual = {
        comparison["metric"]: (comparison["measured"]["value"], comparison["verdict"])
        for comparison in table["comparisons"]
    }
    assert {comparison["row"] for comparison in table["comparisons"]} == {"siamRPN++"}
    assert {verdict for _, verdict in actual.values()} == {"agrees"}
    assert actual["success_auc"][0] == pytest.approx(0.4956, abs=5e-5)
    assert actual["normalized_precision_20"][0] == pytest.approx(0.5694, abs=5e-5)
    assert actual["precision_20"][0] == pytest.approx(0.4914, abs=5e-5)


def test_real_raw_files_stand_in_vipts_lasher_figure(shared_data: Path, tmp_path: Path):
    arguments = ["--predictions", shared_data / "lasher_results_A.zip", "--tracker", "APFNet", "--tracker", "CAT"]
    truth = ["--annotations", shared_data / "lasher_test_gt.zip", "--results", tmp_path]
    code, out, err = call("make-table", "--paper", "vipt", "--table", "figure-4", *arguments, *truth, "--json")
    assert code == 0, err
    comparisons = json.loads(out)[0]["comparisons"]
    assert len(comparisons) == 4
    assert {comparison["verdict"] for comparison in comparisons} == {"agrees"}


def test_a_stand_in_annotation_is_recognized(shared_data: Path, tmp_path: Path):
    arguments = ["--benchmark", "depthtrack", "--results", tmp_path, "--quiet"]
    archive = shared_data / "depthtrack_results_A.zip/DiMP50"
    assert call("import-results", archive, "--tracker", "DeT", *arguments)[0] == 0
    truth = ["--annotations", shared_data / "depthtrack_proxy_gt.zip", "--results", tmp_path]
    code, out, err = call("make-table", "--paper", "vipt", "--table", "1", *truth, "--json")
    assert code == 0, err
    comparisons = json.loads(out)[0]["comparisons"]
    assert {comparison["verdict"] for comparison in comparisons} == {"not_comparable"}
    assert "stand-in" in comparisons[0]["reason"]
