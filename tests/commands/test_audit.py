"""``audit`` as a reviewer meets it: somebody's files, first what holds, then the evidence."""

import json
import tarfile

import numpy as np
import pytest

import evalkit.evaluation.audited as audited
from evalkit.published import Published, Unit
from helpers import trees
from helpers.files import zip_folder
from helpers.program import call

TRUTH = {"airplane-1": 90, "book-3": 70, "cat-1": 80}
KIT = ("--annotations", "kit")


def truth(name):
    steps = np.random.default_rng(TRUTH[name]).normal(0, 3, (TRUTH[name], 4)).cumsum(axis=0)
    return np.round(np.abs(steps) + np.array([100, 80, 20, 16]))


def tracked(name, seed):
    boxes = truth(name) + np.random.default_rng(seed).normal(0, 4, (TRUTH[name], 4))
    boxes[0] = truth(name)[0]
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 4)
    return boxes


def results(folder, tracker="Mine", seed=1, **change):
    for name in TRUTH:
        trees.write_rows(folder / tracker / f"{name}.txt", change.get(name.replace("-", "_"), tracked(name, seed)))
    return folder


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {name: truth(name) for name in TRUTH}
    trees.lasot(tmp_path / "kit" / "LaSOT", test=tuple(TRUTH), train=(), values=values, pictures=False)


def score(folder, protocol="papers", metric="success_auc"):
    done = call("score", "lasot", "--predictions", folder, *KIT, "--protocol", protocol, "--json")
    return done.json["scores"][metric]


def published(value):
    return f"{100 * value:.2f}"


def test_the_first_line_says_that_the_published_number_is_reproduced(tmp_path):
    value = published(score(results(tmp_path / "files")))
    done = call("audit", "files", *KIT, "--published", value)
    first = done.stdout.splitlines()[0]
    assert (done.code, first) == (0, f"Mine on LaSOT test: reproduces the published AUC {value} under pytracking.")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_folder_a_zip_a_tar_and_a_zip_in_a_zip_are_judged_alike(tmp_path):
    value = published(score(results(tmp_path / "files")))
    (tmp_path / "inner").mkdir()
    zip_folder(tmp_path / "inner" / "files.zip", tmp_path / "files")
    zip_folder(tmp_path / "outer.zip", tmp_path / "inner")
    with tarfile.open("files.tar.gz", "w:gz") as archive:
        archive.add("files")
    for place in ("files", "inner/files.zip", "outer.zip", "inner", "files.tar.gz"):
        done = call("audit", place, *KIT, "--published", value)
        assert done.code == 0, (place, done)
        assert done.stdout.startswith("Mine on LaSOT test: reproduces"), place


def test_another_protocol_that_gives_the_number_explains_it(tmp_path):
    folder = results(tmp_path / "files")
    value = published(score(folder, "swintrack"))
    assert value != published(score(folder))
    done = call("audit", "files", *KIT, "--published", value)
    told = " ".join(done.stdout.split())
    assert done.code == 0
    assert f"from the published AUC {value}, explained by swintrack" in told


def test_boxes_cut_off_to_integers_explain_what_was_lost(tmp_path):
    value = published(score(results(tmp_path / "exact")))
    for name in TRUTH:
        trees.write_rows(tmp_path / "files" / "Mine" / f"{name}.txt", np.trunc(tracked(name, 1)), "%d")
    lost = score(tmp_path / "files")
    assert abs(100 * lost - float(value)) > 0.5
    done = call("audit", "files", *KIT, "--published", value[:-1])
    told = " ".join(done.stdout.split())
    assert told.startswith("Mine on LaSOT test: differs by")
    assert "explained by boxes cut off to integers" in told
    assert "odd: all boxes are whole numbers" in told


def test_what_nothing_explains_is_said_with_the_difference(tmp_path):
    value = score(results(tmp_path / "files")) - 0.2
    done = call("audit", "files", *KIT, "--published", published(value), "--sequences", "airplane-1,book-3,cat-1")
    assert done.code == 1
    assert "the sequence list is another one" in " ".join(done.stdout.split())  # three sequences say nothing of 280


def test_packaged_numbers_are_found_by_the_trackers_name(tmp_path, monkeypatch):
    value = score(results(tmp_path / "files", "MINE++"))
    base = {"variant": "", "split": "test", "attribute": "", "unit": Unit.FRACTION, "printed_unit": "%"}
    base |= {"training": "", "doubt": None, "note": "", "benchmark": "lasot"}
    rows = [
        ("success_auc", "AUC", value, "a paper"),
        ("success_auc", "AUC", value - 0.1, "an older paper"),
        ("precision_20", "P", score(tmp_path / "files", metric="precision_20") - 0.31, "a paper"),
    ]
    numbers = [
        Published(tracker="Minepp", metric=key, label=label, value=round(number, 3), printed=f"{100 * number:.1f}",
                  source=source, table="Table 1", **base)
        for key, label, number, source in rows
    ]  # fmt: skip
    monkeypatch.setattr(audited, "load_published", lambda: tuple(numbers))
    monkeypatch.setattr(audited, "why_not_comparable", lambda *_: "")
    done = call("audit", "files", *KIT, "--json")
    (result,) = done.json["results"]
    assert done.code == 1
    assert result["verdict"] == "differs"
    assert result["text"].startswith(
        f"reproduces the published AUC {100 * value:.1f} under pytracking; differs by +31.0"
    )
    assert [entry["source"] for entry in result["published"] if entry["metric"] == "success_auc"] == [
        "a paper, Table 1",
        "an older paper, Table 1",
    ]
    assert call("audit", "files", *KIT, "--metric", "AUC").code == 0
    assert call("audit", "files", *KIT, "--metric", "AUC", "--paper", "older").code == 1


def test_results_that_are_not_whole_cannot_be_checked(tmp_path):
    value = published(score(results(tmp_path / "files")))
    (tmp_path / "files" / "Mine" / "cat-1.txt").write_text("hello \x1b[2J\n")
    trees.write_rows(tmp_path / "files" / "Mine" / "book-3.txt", tracked("book-3", 1)[:5])
    done = call("audit", "files", *KIT, "--published", value)
    told = " ".join(done.stdout.split())
    assert done.code == 1
    assert told.startswith("Mine on LaSOT test: cannot be checked, because 2 of 3 sequences have no usable result (")
    assert "book-3 (5 of 70)" in told
    assert "cat-1.txt, line 1: expected numbers" in told
    assert "\x1b" not in done.stdout


def test_results_that_the_protocol_refuses_are_scored_by_the_others(tmp_path):
    lost = tracked("cat-1", 1)
    lost[30:] = np.nan
    results(tmp_path / "files", cat_1=lost)
    (result,) = call("audit", "files", *KIT, "--json").json["results"]
    assert "pytracking refuses the results: NaN" in result["text"]
    assert "pytracking" not in result["scores"]
    assert result["scores"]["pysot"]["success_auc"] > 0
    assert {"no box up to the end"} <= {remark["kind"] for remark in result["odd"]}


def test_numbers_of_any_size_are_judged_without_a_warning(tmp_path):
    results(tmp_path / "files", cat_1=np.full((80, 4), 1e308), book_3=np.full((70, 4), -1e300))
    trees.write_rows(tmp_path / "files" / "None" / "cat-1.txt", np.full((80, 4), np.inf))
    done = call("audit", "files", *KIT)
    assert (done.code, done.stderr) == (1, "")
    assert "None on LaSOT test: cannot be checked, because pytracking refuses" in " ".join(done.stdout.split())


def test_copies_do_not_hold_whatever_they_score(tmp_path):
    results(tmp_path / "files", "First", seed=1)
    results(tmp_path / "files", "Copy", seed=1, cat_1=tracked("cat-1", 9), book_3=truth("book-3"))
    results(tmp_path / "files", "Other", seed=2)
    documents = {entry["tracker"]: entry for entry in call("audit", "files", *KIT, "--json").json["results"]}
    grave = {name: {r["kind"] for r in entry["odd"] if r["grave"]} for name, entry in documents.items()}
    copied, exact = "equal to another tracker's results", "equal to the ground truth"
    assert grave == {"First": {copied}, "Copy": {copied, exact}, "Other": set()}
    assert "beware" in documents["Copy"]["text"]
    assert "beware" not in documents["Other"]["text"]


def test_benchmarks_mixed_in_one_archive_are_told_apart(tmp_path):
    results(tmp_path / "files")
    for other, name in zip(("bike1", "car1_1", "uav1_1"), TRUTH, strict=True):
        trees.write_rows(tmp_path / "files" / "Mine" / f"uav_{other}.txt", tracked(name, 5))
    zip_folder(tmp_path / "files.zip", tmp_path / "files")
    documents = call("audit", "files.zip", "--json").json["results"]
    assert [(entry["tracker"], entry["benchmark"], entry["sequences"]) for entry in documents] == [
        ("Mine", "uav123", 3),
        ("Mine", "lasot", 3),
    ]
    assert {entry["text"] for entry in documents} == {
        f"cannot be checked, because no ground truth of {title} test is at hand: give --annotations or --data-root"
        for title in ("UAV123", "LaSOT")
    }
    (only,) = call("audit", "files.zip", "lasot", "--json").json["results"]
    assert only["benchmark"] == "lasot"


def test_a_published_number_is_of_one_result(tmp_path):
    results(results(tmp_path / "files", "A"), "B", seed=2)
    done = call("audit", "files", *KIT, "--published", "50")
    assert done.code == 2
    assert "Choose with --tracker" in done.stderr
    assert call("audit", "files", *KIT, "--published", "50", "--tracker", "A").stdout.startswith("A on LaSOT")
    assert call("audit", "files", "--tracker", "Nobody").code == 2


def test_names_that_no_benchmark_has_are_an_error_that_shows_some(tmp_path):
    trees.write_rows(tmp_path / "files" / "holiday.txt", truth("cat-1"))
    done = call("audit", "files")
    assert done.code == 1
    assert "no file is named after a sequence" in done.stderr
    assert call("audit", "nowhere.zip").code == 1


def test_another_benchmark_than_the_files_are_of_is_refused_by_its_name(tmp_path):
    done = call("audit", results(tmp_path / "files"), "uav123", *KIT)
    assert done.code == 1
    assert "They are named as those of lasot" in done.stderr


def test_sequences_of_an_own_copy_are_recognized_with_it(tiny_sample, tmp_path):
    call("run-benchmark", "lasot", "--tracker", "still", "--data-root", tiny_sample, "--results", "r")
    call("export-results", "--tracker", "still", "--benchmark", "lasot", "--format", "plain", "--output", "out",
         "--results", "r")  # fmt: skip
    told = call("audit", "out", "lasot", "--data-root", tiny_sample).stdout
    told = " ".join(told.split())
    assert told.startswith("still on LaSOT test: cannot be checked, because the data are the rendered sample")


def test_the_page_stands_alone_and_runs_nothing(tmp_path):
    results(tmp_path / "files", "<script>alert(1)")
    done = call("audit", "files", *KIT, "--format", "html", "--output", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert done.stdout.startswith("<script>alert(1) on LaSOT test: cannot be checked")
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page
    assert page.index("cannot be checked") < page.index("pytracking")
    assert "<tr><th>protocol</th><th>AUC</th>" in page
    assert "<tr><th>pytracking</th><td>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_json_is_one_document(tmp_path):
    results(tmp_path / "files")
    document = json.loads(call("audit", "files", *KIT, "--json").stdout)
    assert document["holds"] is False
    assert len(document["sha256"]) == 64
    assert set(document["results"][0]["scores"]) >= {"pytracking", "pysot", "got10k-toolkit"}


def test_public_results_reproduce_what_was_published(shared_data):
    done = call("audit", shared_data / "lasher_results_A.zip", "--tracker", "APFNet", "--annotations",
                shared_data / "lasher_test_gt.zip", "--json")  # fmt: skip
    (result,) = done.json["results"]
    assert (done.code, result["verdict"], result["benchmark"]) == (0, "reproduces", "lasher")
    assert not any(remark["grave"] for remark in result["odd"])
