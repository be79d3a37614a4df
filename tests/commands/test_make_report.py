"""``make-report`` from a user's side: runs of the store, raw files, a file that lists several sources."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from evalkit import published
from evalkit.errors import EvalkitError
from evalkit.evaluation.report_sources import REMARKS, read_report_file
from evalkit.evaluation.request import Request
from evalkit.store.manifest import names_sha256
from evalkit.store.runs import ResultStore
from helpers import ROOT
from helpers.files import zip_folder
from helpers.program import call
from helpers.small_lasot import FRAMES, NAMES, make_lasot, make_results, store_run, write_raw


@pytest.fixture
def lasot(tmp_path: Path) -> Path:
    return make_lasot(tmp_path)


@pytest.fixture
def place(lasot: Path, tmp_path: Path) -> list[str]:
    return ["--data-root", str(lasot.parent), "--results", str(make_results(tmp_path))]


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page)[1])


def report(tmp_path: Path, *arguments: object) -> tuple[str, dict]:
    path = tmp_path / "out" / "report.html"
    code, out, err = call("make-report", *arguments, "--output", path)
    assert (code, out) == (0, f"{path}\n"), err
    page = path.read_text(encoding="utf-8")
    return page, data_of(page)


def test_all_benchmarks_with_runs_are_reported(place: list[str], tmp_path: Path) -> None:
    page, data = report(tmp_path, *place)
    (part,) = data["parts"]
    assert part["title"] == "LaSOT test"
    assert [tracker["name"] for tracker in part["trackers"]] == ["kcf", "ncc"]
    (stored,) = ResultStore(tmp_path / "results").find(tracker="kcf")
    for text in (stored.run_id, stored.digest(), "Ground truth, SHA-256", "Rules of"):
        assert text in page
    assert round(part["speeds"][0]) == 24


def test_the_store_is_searched_and_published_numbers_read_as_often_for_many_trackers_as_for_few(
    place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for owner, name in ((ResultStore, "find"), (published, "_published")):
        whole = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, n=name, w=whole, **k: (calls.append(n), w(*a, **k))[1])
    counts = []
    for tracker in ("one", "two"):
        store_run(tmp_path / "results", tracker, offset=1.0)
        published.load_published.cache_clear()
        calls.clear()
        report(tmp_path, *place)
        counts.append((calls.count("find"), calls.count("_published")))
    assert len(set(counts)) == 1


def test_hardest_sequences_are_drawn_from_the_images(place: list[str], tmp_path: Path) -> None:
    page, data = report(tmp_path, "--worst", 1, "--tracker", "kcf", *place)
    assert len(data["parts"][0]["hard"]) == 1
    assert len(data["parts"][0]["hard"][0]["strips"][0]) == FRAMES
    assert page.count('<image href="data:image/jpeg;base64,') == 4


def test_splits_that_servers_score_are_left_out_and_named(place: list[str], tmp_path: Path) -> None:
    run_on(tmp_path / "results", "got10k", "test")
    path = tmp_path / "report.html"
    code, _, err = call("make-report", "--output", path, *place)
    assert code == 0
    assert "got10k test is left out: a server has its truth" in err
    assert [part["title"] for part in data_of(path.read_text())["parts"]] == ["LaSOT test"]
    code, _, err = call("make-report", "--benchmark", "got10k", "--output", path, *place)
    assert code == 1


def run_on(results: Path, benchmark: str, split: str) -> None:
    """An empty run on a benchmark."""
    fields = ResultStore(results).find(benchmark="lasot")[0].identity
    changed = replace(fields, benchmark=benchmark, split=split, sequence_list_sha256=names_sha256(["x"]))
    ResultStore(results).open_or_create(changed, ["x"])


def test_raw_files_and_runs_stand_in_one_report(place: list[str], lasot: Path, tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", "one", 1)
    zip_folder(tmp_path / "raw.zip", tmp_path / "raw")
    page, data = report(tmp_path, "--source", "lasot", tmp_path / "raw.zip", lasot, "--benchmark", "lasot", *place)
    assert [[tracker["name"] for tracker in part["trackers"]] for part in data["parts"]] == [["one"], ["kcf", "ncc"]]
    assert "raw.zip" in page
    assert "Files, SHA-256" in page


def test_a_report_file_lists_sources_relative_to_itself(lasot: Path, tmp_path: Path) -> None:
    write_raw(lasot.parent / "raw", "one", 1)
    listed = lasot.parent / "report.toml"
    listed.write_text(
        'title = "Mine <b>"\n[[source]]\nbenchmark = "lasot"\npredictions = "raw"\nannotations = "LaSOT"\n'
        'remark = "Read me first."\nstand_in = "Not the real thing."\n'
    )
    page, _ = report(tmp_path, "--from", listed)
    assert "<h1>Mine &lt;b&gt;</h1>" in page
    assert page.count("Read me first.") == page.count("Not the real thing.") == 2
    assert "No pictures: the ground truth is a copy without images." in page


def test_tracker_without_a_complete_run_is_left_out_and_named(place: list[str], tmp_path: Path) -> None:
    store_run(tmp_path / "results", "half", offset=1.0, names=NAMES[:1])
    path = tmp_path / "report.html"
    code, _, err = call("make-report", "--output", path, *place)
    assert code == 0
    assert "half is left out, it lacks 1 of 2 sequences" in err
    assert "MB, 1 benchmark; open it" in err
    names = [tracker["name"] for tracker in data_of(path.read_text())["parts"][0]["trackers"]]
    assert names == ["kcf", "ncc"]
    _, data = report(tmp_path, "--allow-missing", "--tracker", "half", *place)
    assert data["parts"][0]["sequences"]["names"] == list(NAMES[:1])


def test_missing_images_are_said_and_cost_only_the_pictures(place: list[str], lasot: Path, tmp_path: Path) -> None:
    for path in lasot.rglob("*.jpg"):
        path.write_bytes(b"no image")
    page, data = report(tmp_path, *place)
    assert "No pictures: the images cannot be read here." in page
    assert len(data["parts"][0]["hard"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--predictions", "x"], 2, "BENCHMARK"),
        (["--tracker", "mosse"], 1, "no run of these trackers"),
        (["--benchmark", "lassot"], 2, "did you mean 'lasot'"),
        (["--from", "nothing.toml"], 1, "cannot read nothing.toml"),
    ],
)
def test_what_cannot_be_reported_says_why(place: list[str], arguments: list[str], code: int, text: str) -> None:
    actual, out, err = call("make-report", *arguments, *place)
    assert (actual, out) == (code, "")
    assert text in err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title = 3 4", "no TOML"),
        ('title = "x"', "expected one or more tables [[source]]"),
        ('titel = "x"\n[[source]]\nbenchmark = "lasot"', "not titel"),
        ('[[source]]\nbenchmark = "lasot"\nprediction = "x"', "did you mean 'predictions'? ("),
        ('[[source]]\nbenchmark = "lasot"\nallow_missing = "perhaps"', "source 1: allow_missing: Input should be a"),
        ('[[source]]\nbenchmark = "lasot"\nremark = 3', "source 1: remark: expected a text"),
        ('[[source]]\npredictions = "x"', "source 1: expected one benchmark, not none"),
    ],
)
def test_a_wrong_report_file_is_refused_with_its_key(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "report.toml"
    path.write_text(text)
    with pytest.raises(EvalkitError, match=re.escape(problem)):
        read_report_file(path)


REAL = {
    "lasot": ("results_lasot", "lasot_test_gt", 4),
    "uav123": ("results_uav123", "uav123_gt", 12),
    "lasher": ("lasher_results_A", "lasher_test_gt", 7),
    "visevent": ("visevent_results_A", "visevent_test_gt", 4),
    "depthtrack": ("depthtrack_results_A", "depthtrack_proxy_gt", 6),
    "got10k": ("results_got10k_val_like", "got10k_val_like", 2),
    "tnl2k": ("results_tnl2k", "tnl2k_test_gt", 1),
    "rgbt234": ("rgbt234_results_A", "rgbt234_gt", 2),
}


@pytest.mark.slow
@pytest.mark.data
def test_real_raw_results_of_eight_benchmarks_stand_in_one_file(shared_data: Path, tmp_path: Path) -> None:
    sources = [
        f'[[source]]\nbenchmark = "{name}"\npredictions = "{shared_data / results}.zip"\n'
        f'annotations = "{shared_data / truth}.zip"\nallow_missing = {str(name == "visevent").lower()}\n'
        for name, (results, truth, _) in REAL.items()
    ]
    (tmp_path / "real.toml").write_text("\n".join(sources))
    page, data = report(tmp_path, "--from", tmp_path / "real.toml")
    assert [len(part["trackers"]) for part in data["parts"]] == [count for _, _, count in REAL.values()]
    assert len(page.encode()) < 8_000_000
    # most raw results give the tables' numbers; SiamFC's AUC of LaSOT is one that no rule explains
    assert (
        "49.6 in UPVPT paper (MMAsia 2023, doi 10.1145/3595916.3626410), Table 2: agrees to the printed digit" in page
    )
    assert 'class="verdict agrees"' in page
    assert "33.6</b> differs by +1.2 points, unexplained" in page


def test_pages_about_reports_and_requests_explain_every_key(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    page = (docs / "report.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in REMARKS)
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "report.toml").write_text(example[1])
    assert len(read_report_file(tmp_path / "report.toml").sources) == 2
    page = (docs / "requests.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| .* \| `(\w+)` \| ", page, re.MULTILINE) == [field.name for field in fields(Request)]
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "request.toml").write_text(example[1])
    assert Request.read(tmp_path / "request.toml").benchmarks == ("lasot", "uav123")
