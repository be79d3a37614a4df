"""``package-submission`` and ``check-submission`` as a user calls them: exit codes, text, JSON, names of files."""

import hashlib
import json

import pytest

from helpers import trees
from helpers.files import write_zip, zipped
from helpers.program import call
from helpers.stored import store_run
from helpers.submission_files import NAMES, files, trajectories

SAMPLE = "sample:format=1:seed=0:size=64x48:tiny=true"


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def results(tmp_path):
    tracks = {name: track for name, (track,) in trajectories("got10k").items()}
    store_run(tmp_path / "results", "got10k", tracks, data=SAMPLE, note=("sample data",))
    return tmp_path / "results"


def test_packaging_prints_file_and_hash_and_marks_a_sample(results, tmp_path):
    code, out, err = call("package-submission", "got10k", "--tracker", "mine")
    assert code == 0
    (path,) = (tmp_path / "reports").iterdir()
    assert path.name.endswith("-sample.zip")
    assert out.splitlines() == [
        f"reports/{path.name}: 3 sequences, 6 files, 1 repetition, {path.stat().st_size:,} bytes",
        f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}",
    ]
    assert "This is sample data" in err
    assert "note: sample data" in err
    assert "live server was not tried" in err


def test_packaging_in_json_and_a_second_time(results, tmp_path):
    arguments = ("package-submission", "got10k", "--tracker", "mine", "--layout", "tracker-folder", "--json")
    code, out, _ = call(*arguments, "--output", "up/mine.zip")
    document = json.loads(out)
    assert code == 0
    assert document["output"] == "up/mine-sample.zip"
    assert (document["sample"], document["files"], document["layout"], document["warnings"]) == (
        True,
        6,
        "tracker-folder",
        [],
    )
    assert document["sha256"] == hashlib.sha256((tmp_path / "up/mine-sample.zip").read_bytes()).hexdigest()
    code, again, err = call(*arguments, "--output", "up/mine.zip")
    assert (code, json.loads(again)) == (0, document)
    assert "was there already with the same content" in err


def test_another_file_needs_force(results, tmp_path):
    (tmp_path / "sample.zip").write_bytes(b"other")
    arguments = ("package-submission", "got10k", "--tracker", "mine", "--output", "sample.zip")
    code, _, err = call(*arguments)
    assert code == 1
    assert "exists and differs" in err
    assert call(*arguments, "--force")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("got10k",), "say which run"),
        (("got-10k", "--tracker", "mine"), "did you mean 'got10k'?"),
        (("lasot", "--tracker", "mine"), "known: depthtrack, got10k, trackingnet"),
        (("trackingnet", "--tracker", "mine", "--layout", "tracker-folder"), "no layout 'tracker-folder'"),
        (("got10k", "--tracker", "mine", "--output", "mine.tar"), "ends in .zip"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, word):
    code, _, err = call("package-submission", *arguments)
    assert code == 2
    assert word in err


def test_no_run_ends_with_1_and_says_what_to_do():
    code, _, err = call("package-submission", "got10k", "--tracker", "mine")
    assert code == 1
    assert "evalkit run-benchmark got10k --tracker mine" in err


def test_checking_lists_everything_and_ends_with_1(tmp_path):
    content = files("got10k")
    first = NAMES["got10k"][0]
    content[f"{first}/{first}_001.txt"] = content[f"{first}/{first}_001.txt"].replace(b",", b" ")
    (tmp_path / "mine.zip").write_bytes(zipped(content))
    code, out, _ = call("check-submission", "got10k", "mine.zip")
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "mine.zip: 6 files, compared with the official list of 180 sequences"
    assert lines[-1].startswith("not acceptable: ")
    assert "missing sequence (177)" in lines[-1]
    assert any(line.startswith(f"error: {first}/{first}_001.txt, lines 1-6: wrong separator") for line in lines)
    assert sum(": missing sequence: found" in line for line in lines) == 5
    assert "error: missing sequence: 172 more; --json lists all" in lines
    code, out, _ = call("check-submission", "got10k", "mine.zip", "--json")
    document = json.loads(out)
    assert code == 1
    assert (document["ok"], document["sequences"], document["errors"]) == (False, 180, len(document["findings"]))
    separator = next(finding for finding in document["findings"] if finding["kind"] == "wrong separator")
    assert (separator["line"], separator["lines"], separator["severity"]) == (1, [[1, 6]], "error")


def test_a_packaged_sample_is_right_for_its_copy_and_lacks_the_official_sequences(tmp_path):
    names = ("000001", "000002")
    root = trees.got10k(tmp_path / "sample" / "GOT-10k", names=names)
    record = {"format": 1, "seed": 0, "size": [64, 48], "tiny": True}
    (tmp_path / "sample" / "sample.json").write_text(json.dumps(record))
    assert call("run-benchmark", "got10k", "--tracker", "still", "--data-root", "sample")[0] == 0
    code, out, _ = call("package-submission", "got10k", "--tracker", "still", "--json")
    assert code == 0
    path = json.loads(out)["output"]
    code, out, _ = call("check-submission", "got10k", path, "--data-root", "sample")
    assert code == 0
    assert out.splitlines()[0].endswith(f"the 2 sequences of sample/{root.name}")
    code, out, _ = call("check-submission", "got10k", path)
    assert code == 1
    assert "missing sequence (178)" in out.splitlines()[-1]


def test_another_benchmarks_results_get_a_short_answer(tmp_path):
    archive = write_zip(tmp_path / "lasot.zip", {f"airplane-{number}.txt": b"1,2,3,4\n" for number in range(300)})
    code, out, _ = call("check-submission", "got10k", archive)
    assert code == 1
    assert len(out.splitlines()) < 20
    assert "none of the 180 sequences is in it; `evalkit audit FILE` says whose results it holds" in out.splitlines()
    assert out.splitlines()[-1].endswith("missing sequence (180)")


def test_warnings_alone_end_with_0(tmp_path):
    root = trees.trackingnet(tmp_path / "TrackingNet", names=("one_0",))
    assert root.is_dir()
    (tmp_path / "sample.json").write_text(json.dumps({"format": 1, "seed": 0, "size": [64, 48], "tiny": True}))
    (tmp_path / "mine.zip").write_bytes(zipped({"mine/one_0.txt": b"10,12,20,16\n" * 12}))
    code, out, _ = call("check-submission", "trackingnet", "mine.zip", "--data-root", ".")
    assert code == 0
    assert out.splitlines()[-1] == "acceptable, 2 warnings: wrong folder level (1), integers only (1)"


def test_nothing_to_check_ends_with_1_and_a_wrong_name_with_2():
    code, _, err = call("check-submission", "got10k", "no.zip")
    assert (code, "no such file" in err) == (1, True)
    code, _, err = call("check-submission", "lasher", "no.zip")
    assert (code, "known: depthtrack, got10k, trackingnet" in err) == (2, True)


def test_the_real_submission_is_imported_packaged_and_right(shared_data, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    archive = shared_data / "results_got10k_test.zip"
    before = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert call("import-results", archive, "--benchmark", "got10k", "--tracker", "Ocean")[0] == 0
    code, out, _ = call("package-submission", "got10k", "--tracker", "Ocean", "--output", "ocean.zip", "--json")
    assert (code, json.loads(out)["sequences"], json.loads(out)["sample"]) == (0, 180, False)
    code, out, _ = call("check-submission", "got10k", "ocean.zip")
    assert (code, out.splitlines()[-1]) == (0, "acceptable, no defects")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == before
