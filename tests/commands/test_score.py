"""``score``, ``explain`` and ``compare`` as a user meets them: files, text, JSON, errors, exit codes."""

import json

import numpy as np
import pytest

from helpers import trees
from helpers.files import zip_folder
from helpers.program import call

TRUTH = {"airplane-1": 40, "book-3": 25, "cat-1": 30}


def boxes(name):
    steps = np.arange(TRUTH[name], dtype=float)
    return np.stack([50 + 2 * steps, 40 + steps, np.full_like(steps, 40), np.full_like(steps, 30)], axis=1)


@pytest.fixture
def kit(tmp_path):
    """The annotations of three LaSOT sequences, and two trackers' files; airplane-1 is absent for 4 frames."""
    values = {name: boxes(name) for name in TRUTH}
    unseen = {"airplane-1": range(20, 24)}
    trees.lasot(tmp_path / "kit" / "LaSOT", test=tuple(TRUTH), train=(), values=values, unseen=unseen, pictures=False)
    rng = np.random.default_rng(5)
    for name in TRUTH:
        trees.write_rows(
            tmp_path / "results" / "near" / f"{name}.txt", boxes(name) + rng.normal(0, 1.5, (TRUTH[name], 4)), "%.2f"
        )
        lost = boxes(name)
        lost[len(lost) // 3 :, :2] += 90
        trees.write_rows(tmp_path / "results" / "lost" / f"{name}.txt", lost, "%d", "\t")
    return tmp_path


@pytest.fixture(autouse=True)
def inside(kit, monkeypatch):
    monkeypatch.chdir(kit)


FILES = ("--predictions", "results", "--annotations", "kit")


def test_one_score_is_one_json_object_with_the_contracts_keys():
    code, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--json")
    document = json.loads(out)
    assert code == 0
    assert list(document)[:7] == ["benchmark", "split", "protocol", "tracker", "run", "sequences", "frames"]
    assert {"scores", "intervals", "per_sequence", "missing"} <= set(document)
    assert (document["benchmark"], document["split"], document["tracker"]) == ("lasot", "test", "near")
    assert (document["protocol"], document["sequences"], document["frames"]) == ("pytracking", 3, 95)
    assert document["run"].startswith("files:")
    assert 0 < document["scores"]["success_auc"] < 1
    assert document["per_sequence"] == document["intervals"] == {}
    assert document["missing"] == []


def test_a_toolkit_as_second_opinion_is_printed_beside_our_numbers():
    code, out, _ = call("score", "lasot", *FILES, "--cross-check", "got10k")
    assert code == 0
    assert out.startswith("lasot test, pytracking/1")
    blocks = out.strip().split("\n\n")
    assert len(blocks) == 3  # the scores, and an opinion on each tracker
    head, labels, theirs, ours, difference = (line.split() for line in blocks[2].splitlines())
    assert " ".join(head).startswith("got10k 0.1.3 on the same boxes of lasot: got10k-toolkit/2 must agree, and does;")
    assert labels == ["near", "AUC", "P", "OP50"]
    assert theirs[2:] == ours[1:]
    assert [abs(float(text)) for text in difference[1:]] == [0, 0, 0]

    document = call("score", "lasot", *FILES, "--tracker", "near", "--cross-check", "got10k", "--json").json
    opinion = document["cross_check"]
    assert document["protocol"] == "pytracking"
    assert (opinion["toolkit"], opinion["protocol"], opinion["agrees"]) == ("got10k 0.1.3", "got10k-toolkit/2", True)
    alone = call("score", "lasot", *FILES, "--tracker", "near", "--protocol", "got10k-toolkit", "--json").json
    assert opinion["ours"] == {key: alone["scores"][key] for key in opinion["ours"]}
    assert opinion["theirs"] == pytest.approx(opinion["ours"], abs=1e-12)
    assert opinion["sequences"] == {}
    assert "cross_check" not in alone


def test_a_toolkit_that_disagrees_ends_with_1_and_the_sequences(monkeypatch):
    import got10k.experiments.uav123 as theirs

    monkeypatch.setattr(theirs, "rect_iou", lambda boxes, _: np.full(len(boxes), 0.25))
    code, out, err = call("score", "lasot", *FILES, "--tracker", "near", "--cross-check", "got10k")
    assert code == 1
    assert "got10k-toolkit/2 must agree, but does not" in out
    for part in ("near on lasot: got10k 0.1.3 and evalkit's got10k-toolkit/2 must agree", "success_auc", *TRUTH):
        assert part in err
    code, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--cross-check", "got10k", "--json")
    assert code == 1
    assert json.loads(out)["cross_check"]["agrees"] is False
    assert json.loads(out)["cross_check"]["differences"]["success_auc"] < -0.1


def test_an_unknown_toolkit_is_wrong_usage():
    code, _, err = call("score", "lasot", *FILES, "--cross-check", "vot")
    assert (code, "'vot' is not" in err) == (2, True)


def test_several_scores_are_a_list():
    _, out, _ = call("score", "lasot", *FILES, "--json")
    assert [document["tracker"] for document in json.loads(out)] == ["lost", "near"]
    _, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--protocol", "all", "--json")
    actual = {document["protocol"] for document in json.loads(out)}
    assert actual == {"pytracking", "ostrack", "lasot-kit", "pysot", "got10k-toolkit", "swintrack"}


def test_roles_and_ids_choose_the_protocol():
    for asked, actual in (("official", "lasot-kit"), ("papers", "pytracking"), ("swintrack", "swintrack")):
        _, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--protocol", asked, "--json")
        assert json.loads(out)["protocol"] == actual
    code, _, err = call("score", "lasot", *FILES, "--protocol", "swintrak")
    assert (code, "did you mean 'swintrack'" in err) == (2, True)


def test_text_has_one_table_with_printed_scores():
    code, out, err = call("score", "lasot", *FILES)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "lasot test, pytracking/1, 3 sequences, 95 frames"
    assert lines[1].split() == ["tracker", "AUC", "OP50", "OP75", "P", "P_Norm", "AO"]
    assert [line.split()[0] for line in lines[2:]] == ["lost", "near"]
    assert err == ""


def test_per_sequence_attributes_and_intervals():
    options = ("--per-sequence", "--attributes", "--interval", "0.95")
    code, out, _ = call("score", "lasot", *FILES, "--tracker", "near", *options, "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document["per_sequence"]) == set(TRUTH)
    mean = np.mean([row["success_auc"] for row in document["per_sequence"].values()])
    assert document["scores"]["success_auc"] == pytest.approx(mean)
    few = "too few sequences for an interval: it needs 7, found 3"
    assert document["intervals"] == {}
    assert few in document["notes"]
    code, out, _ = call("score", "lasot", *FILES, "--tracker", "near", *options)
    assert code == 0
    assert few in out.splitlines()[0]
    assert "airplane-1" in out


def test_a_zip_scores_as_its_folder(kit):
    zip_folder(kit / "results.zip", kit / "results")
    _, folder, _ = call("score", "lasot", *FILES, "--json")
    _, packed, _ = call("score", "lasot", "--predictions", "results.zip", "--annotations", "kit", "--json")
    for first, second in zip(json.loads(folder), json.loads(packed), strict=True):
        assert first["scores"] == second["scores"]


def test_a_missing_result_is_an_error_that_names_it_and_the_way_out(kit):
    (kit / "results" / "near" / "cat-1.txt").unlink()
    code, out, err = call("score", "lasot", *FILES, "--tracker", "near")
    assert (code, out) == (1, "")
    assert "no result, 1: cat-1" in err
    assert "--allow-missing" in err
    code, out, err = call("score", "lasot", *FILES, "--tracker", "near", "--allow-missing", "--json")
    assert code == 0
    assert json.loads(out)["missing"] == ["cat-1"]
    _, out, err = call("score", "lasot", *FILES, "--tracker", "near", "--allow-missing")
    assert "note: lasot, pytracking, near: 1 sequence without a complete result, left out: cat-1" in err


def test_an_unreadable_file_is_named_with_its_line(kit):
    path = kit / "results" / "near" / "book-3.txt"
    path.write_text(path.read_text().replace("\n", "\nhello\n", 1))
    code, _, err = call("score", "lasot", *FILES, "--tracker", "near")
    assert code == 1
    assert "book-3.txt" in err
    assert "line 2" in err


def test_problems_of_all_trackers_are_told_at_once(kit):
    (kit / "results" / "near" / "cat-1.txt").unlink()
    (kit / "results" / "lost" / "book-3.txt").unlink()
    code, _, err = call("score", "lasot", *FILES)
    assert code == 1
    assert "no result, 1: cat-1" in err
    assert "no result, 1: book-3" in err


def test_a_list_of_sequences_is_scored_and_told(kit):
    (kit / "list.txt").write_text("cat-1\nbook-3\n")
    for choice in ("cat-1,book-3", "@list.txt"):
        _, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--sequences", choice, "--json")
        document = json.loads(out)
        assert document["sequences"] == 2
        assert "scored on a list of 2 of 3 sequences" in document["notes"]
    code, _, err = call("score", "lasot", *FILES, "--sequences", "cat-2")
    assert (code, "did you mean 'cat-1'" in err) == (2, True)


def test_a_split_that_a_server_scores_says_where_to_submit(kit):
    folder = kit / "TrackingNet" / "TEST"
    trees.write_rows(folder / "anno" / "video_1.txt", np.array([[1.0, 2, 3, 4]]), "%g")
    (folder / "frames" / "video_1").mkdir(parents=True)
    code, _, err = call("score", "trackingnet", "--data-root", ".", "--predictions", "results")
    assert code == 1
    assert "server" in err
    assert "--local-truth" in err


def test_no_data_and_no_run_are_clear_errors(monkeypatch, kit):
    monkeypatch.delenv("EVALKIT_DATA_ROOT", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(kit / "config"))
    code, _, err = call("score", "lasot")
    assert (code, "--data-root" in err) == (1, True)
    code, _, err = call("score", "lasot", "--annotations", "kit", "--results", "nowhere")
    assert (code, "evalkit run-benchmark lasot" in err) == (1, True)


def test_explain_shows_all_protocols_and_single_rules():
    code, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["reference"] == "pytracking"
    assert set(document["protocols"]) >= {"pytracking", "ostrack", "lasot-kit", "pysot", "swintrack"}
    rules = {(rule["rule"], rule["to"]): rule for rule in document["rules"]}
    truncated = rules["predicted coordinates are", "truncated to integers"]
    assert truncated["change"]["success_auc"] != 0
    assert truncated["protocols"] == []
    visible = rules["hits are divided by", "frames that are not left out"]
    # 36 of 40 frames of one of three sequences are visible
    assert visible["change"]["precision_20"] == pytest.approx((1 - 36 / 40) / 3)
    reference = document["protocols"]["pytracking"]
    for rule in document["rules"]:
        for key, change in rule["change"].items():
            assert rule["scores"][key] - reference[key] == pytest.approx(change)


def test_explain_finds_the_rule_behind_a_published_value():
    _, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--protocol", "swintrack", "--json")
    value = json.loads(out)["scores"]["success_auc"]
    code, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--published", f"{value:.3f}", "--json")
    actual = json.loads(out)["published"]
    assert code == 0
    assert actual["explained"] is True
    assert actual["nearest"]["protocol"] == "swintrack"
    _, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--published", "12.3", "--json")
    assert json.loads(out)["published"]["explained"] is False
    _, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--published", f"{100 * value:.1f}")
    assert "explained by swintrack" in out.splitlines()[0]
    assert out.index("explained by") < out.index("the same boxes, all protocols")


def test_explain_takes_labels_and_percent_signs_as_papers_print_them():
    _, out, _ = call("score", "lasot", *FILES, "--tracker", "near", "--json")
    value = json.loads(out)["scores"]["normalized_precision_20"]
    asked = ("explain", "lasot", *FILES, "--tracker", "near", "--published", f"{100 * value:.2f}%")
    for label in ("P_Norm", "p_norm", "$P_{Norm}$ (%)", "normalized_precision_20"):
        code, out, _ = call(*asked, "--metric", label)
        assert code == 0
        assert out.startswith(f"normalized_precision_20, published {100 * value:.2f}: agrees to the printed digit;")


def test_explain_says_why_a_value_that_no_rule_gives_cannot_be_compared():
    _, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--published", "12.3")
    assert "not comparable because: the sequence list is another one (3 sequences, not 280)" in out.splitlines()[0]
    _, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--published", "12.3", "--json")
    assert json.loads(out)["published"]["verdict"] == "not_comparable"


def test_explain_refuses_a_published_value_that_is_none():
    for value in ("abc", "-3", "4711"):
        code, _, err = call("explain", "lasot", *FILES, "--tracker", "near", "--published", value)
        assert (code, "published value" in err) == (1, True)


def test_explain_needs_a_metric_that_the_protocol_reports():
    code, _, err = call("explain", "lasot", *FILES, "--tracker", "near", "--metric", "precison_20")
    assert (code, "did you mean 'precision_20'" in err) == (2, True)


def test_compare_two_trackers():
    code, out, _ = call("compare", "lasot", *FILES, "--tracker", "near", "--tracker", "lost", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["trackers"] == ["near", "lost"]
    auc = document["metrics"]["success_auc"]
    assert auc["difference"] == pytest.approx(auc["values"][0] - auc["values"][1])
    assert auc["wins"] + auc["ties"] + auc["losses"] == 3
    assert auc["wins"] == 3
    assert auc["interval"] is None  # of three sequences
    assert len(auc["most_different"]) == 3
    code, out, _ = call("compare", "lasot", *FILES, "--tracker", "near,lost")
    assert code == 0
    assert "too few sequences" in out
    assert "3/0/0" in out


def test_compare_needs_exactly_two():
    code, _, err = call("compare", "lasot", *FILES, "--tracker", "near")
    assert (code, "needs two trackers, found 1" in err) == (1, True)


@pytest.mark.parametrize("command", ["score", "explain", "compare"])
def test_help_has_examples(command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Examples:" in out
    assert f"evalkit {command} " in out


@pytest.fixture
def spoiled(kit):
    """One result of each tracker's is missing, short, long, unreadable or has NaN; a foreign file lies beside."""
    near, lost = kit / "results" / "near", kit / "results" / "lost"
    (near / "cat-1.txt").unlink()
    rows = (near / "book-3.txt").read_text().splitlines()
    (near / "book-3.txt").write_text("\n".join([*rows[:3], "nan,nan,nan,nan", *rows[4:], rows[-1]]) + "\n")
    (near / "zebra-1.txt").write_text("1,2,3,4\n")
    (lost / "book-3.txt").write_text("1,2,3,x\n")
    return kit


@pytest.mark.usefixtures("spoiled")
def test_missing_long_nan_foreign_and_unreadable_files_are_listed_in_one_error():
    for command in ("score", "explain"):
        code, _, err = call(command, "lasot", *FILES, "--tracker", "near", "--protocol", "lasot-kit")
        assert code == 1
        assert "near on LaSOT test: the results cannot be scored under lasot-kit" in err
        assert "no result, 1: cat-1" in err
        assert "result too long, would be cut, 1: book-3 (26 rows for 25 frames)" in err
        assert "NaN or negative size, would be replaced by the (repaired) row before it, 1: book-3 (1 row" in err
        assert "1 file of other sequences ignored: near/zebra-1.txt" in err
    code, _, err = call("compare", "lasot", *FILES)
    assert code == 1
    assert "near on LaSOT test" in err
    assert "unreadable: results/lost/book-3.txt, line 1: expected numbers, found '1,2,3,x'" in err


@pytest.mark.usefixtures("spoiled")
def test_all_protocols_name_those_that_refuse_the_results():
    asked = ("score", "lasot", *FILES, "--tracker", "near", "--protocol", "all", "--allow-missing")
    code, out, _ = call(*asked, "--json")
    assert code == 0
    scores = json.loads(out)
    assert [score["protocol"] for score in scores] == ["lasot-kit", "got10k-toolkit", "swintrack"]
    refused = [note for note in scores[0]["notes"] if note.startswith("not scored under")]
    assert [note.split()[3] for note in refused] == ["pytracking:", "ostrack:", "pysot:"]
    assert "book-3" in refused[0]


@pytest.mark.usefixtures("spoiled")
def test_compare_says_which_sequences_only_one_tracker_has():
    asked = ("compare", "lasot", *FILES, "--protocol", "lasot-kit", "--allow-missing")
    code, out, err = call(*asked, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["sequences"] == 1
    left_out = "compared on the 1 sequence that both have; left out: book-3, cat-1"
    assert document["notes"][-1] == left_out
    assert left_out in err
    assert any("unreadable" in note for note in document["notes"])


def test_explain_tells_in_json_what_was_left_out(kit):
    (kit / "results" / "near" / "cat-1.txt").unlink()
    _, out, _ = call("explain", "lasot", *FILES, "--tracker", "near", "--allow-missing", "--json")
    assert "1 sequence without a complete result, left out: cat-1" in json.loads(out)["notes"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_without_a_scorable_frame_nothing_is_done_and_the_user_is_told(kit, form):
    for name, rows in TRUTH.items():
        folder = kit / "kit" / "LaSOT" / name.partition("-")[0] / name
        (folder / "out_of_view.txt").write_text(",".join("1" * rows))
        first = (folder / "groundtruth.txt").read_text().splitlines()[0]
        (folder / "groundtruth.txt").write_text("\n".join([first, *["0,0,0,0"] * (rows - 1)]) + "\n")
    code, out, err = call("score", "lasot", *FILES, "--tracker", "near", "--protocol", "swintrack", *form)
    assert code == 1
    assert "no frame can be scored under swintrack" in err
    if form:
        assert "no frame can be scored" in json.loads(out)["notes"][-1]


def test_without_truth_the_error_names_both_ways_to_give_it():
    done = call("score", "lasot", "--predictions", "results", "--tracker", "near")
    assert done.code == 1
    assert "Pass --annotations PATH (folder or zip, no images needed), or --data-root DIR" in done.stderr
