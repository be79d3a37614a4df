"""``make-table``, ``make-plots``, ``render`` from a user's side, on a small LaSOT tree and runs made in the test."""

import csv
import hashlib
import io
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from evalkit.store.runs import ResultStore
from helpers import trees
from helpers.program import call
from helpers.small_lasot import FRAMES, NAMES, PROTOCOL, make_lasot, make_results, store_run, write_raw


@pytest.fixture
def lasot(tmp_path: Path) -> Path:
    return make_lasot(tmp_path)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return make_results(tmp_path)


@pytest.fixture
def place(lasot: Path, results: Path) -> list[str]:
    return ["--data-root", str(lasot.parent), "--results", str(results)]


def success_auc(offset: float) -> float:
    """Mean over 21 thresholds and both sequences; frame 0 hits, the absent frame of the second never does."""
    overlap = (20 - offset) / (20 + offset)
    first, later = 20 / 21, sum(overlap > number / 20 for number in range(21)) / 21
    return ((first + 11 * later) / 12 + (first + 10 * later) / 12) / 2


def test_table_on_the_terminal(place: list[str]) -> None:
    code, out, _ = call("make-table", "--benchmark", "lasot", "--tracker", "kcf,ncc", *place)
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.lstrip().startswith(("kcf", "ncc"))}
    assert rows["kcf"][0] == f"{100 * success_auc(2):.1f}"
    assert rows["ncc"][0] == f"{100 * success_auc(8):.1f}"
    assert out.startswith(f"LaSOT test\nProtocol {PROTOCOL}, 2 sequences, 24 frames.")


def test_without_tracker_all_complete_runs_are_taken(place: list[str], results: Path) -> None:
    store_run(results, "half", offset=1.0, names=NAMES[:1])
    code, out, err = call("make-table", "--benchmark", "lasot", "--format", "csv", *place)
    assert code == 0
    assert [row["tracker"] for row in csv.DictReader(io.StringIO(out))] == ["kcf", "ncc"]
    assert "half" in err


def test_csv_has_unrounded_fractions(place: list[str]) -> None:
    _, out, _ = call("make-table", "--benchmark", "lasot", "--tracker", "kcf", "--format", "csv", *place)
    (row,) = csv.DictReader(io.StringIO(out))
    assert float(row["success_auc"]) == pytest.approx(success_auc(2), abs=1e-12)
    assert float(row["frames_per_second"]) == pytest.approx(24, rel=1e-4)


def test_json_option_and_format_agree(place: list[str]) -> None:
    _, option, _ = call("make-table", "--benchmark", "lasot", "--json", *place)
    _, form, _ = call("make-table", "--benchmark", "lasot", "--format", "json", *place)
    assert json.loads(option) == json.loads(form)
    assert json.loads(option)[0]["rows"][0]["cells"][0]["place"] == 1


@pytest.mark.parametrize(("suffix", "start"), [("md", "**LaSOT test**"), ("tex", "% needs"), ("csv", "table,")])
def test_suffix_of_the_output_decides_the_format(place: list[str], tmp_path: Path, suffix: str, start: str) -> None:
    path = tmp_path / "new folder" / f"table.{suffix}"
    code, out, err = call("make-table", "--benchmark", "lasot", "--output", path, *place)
    assert code == 0
    assert path.read_text().startswith(start)
    assert out.startswith("LaSOT test\n")
    assert str(path) in err


def test_format_and_output_leave_the_terminal_empty(place: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scores.dat"
    _, out, _ = call("make-table", "--benchmark", "lasot", "--format", "csv", "--output", path, *place)
    assert out == ""
    assert path.read_text().startswith("table,")


def test_of_several_runs_of_a_tracker_one_is_taken_and_a_footnote_says_so(place: list[str], results: Path) -> None:
    other = store_run(results, "kcf", offset=4.0, seed=1)
    code, out, _ = call("make-table", "lasot", "--tracker", "kcf", *place)
    assert code == 0
    assert "is taken, the newest complete run; there are also: " in " ".join(out.split())
    code, out, _ = call("make-table", "lasot", "--tracker", "kcf", "--all-runs", "--format", "csv", *place)
    assert code == 0
    assert len({row["run"] for row in csv.DictReader(io.StringIO(out))}) == 2
    arguments = ["--tracker", "kcf", "--run", other.run_id, "--format", "csv"]
    code, out, _ = call("make-table", "--benchmark", "lasot", *arguments, *place)
    assert code == 0
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["run"] == other.run_id
    assert float(row["success_auc"]) == pytest.approx(success_auc(4), abs=1e-12)


def test_incomplete_run_is_refused_unless_allowed_and_then_said(place: list[str], results: Path) -> None:
    store_run(results, "half", offset=1.0, names=NAMES[:1])
    code, _, err = call("make-table", "--benchmark", "lasot", "--tracker", "half", *place)
    assert code == 1
    assert "cup-2" in err
    arguments = ["--tracker", "half", "--allow-missing", "--format", "markdown"]
    code, out, _ = call("make-table", "--benchmark", "lasot", *arguments, *place)
    assert code == 0
    assert "cup-2" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--tracker", "kcf"], "which benchmark? Name it: BENCHMARK"),
        (["--benchmark", "lasot", "--paper", "upvpt"], "exclude each other"),
        (["--benchmark", "lasot", "--format", "xls"], "xls"),
        (["--benchmark", "lasot", "--output", "table.xyz"], "--format"),
        (["--benchmark", "lassot"], "did you mean 'lasot'"),
    ],
)
def test_wrong_usage_ends_with_2(place: list[str], arguments: list[str], text: str) -> None:
    code, out, err = call("make-table", *arguments, *place)
    assert (code, out) == (2, "")
    assert text in err


def test_no_run_at_all_says_how_to_get_one(place: list[str]) -> None:
    code, _, err = call("make-table", "--benchmark", "lasot", "--tracker", "mosse", *place)
    assert code == 1
    assert "mosse" in err
    assert "evalkit run-benchmark lasot" in err


def test_plots_and_their_report(place: list[str], tmp_path: Path, results: Path) -> None:
    output = tmp_path / "reports"
    formats = ["--format", "png,svg", "--format", "pdf"]
    code, out, err = call("make-plots", "lasot", *formats, "--output", output, "--verbose", *place)
    assert code == 0
    folder = output / "lasot"
    stems = ["success", "precision", "normalized_precision", "ranking", "speed", "attributes", "difference"]
    expected = {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg", "pdf")} | {"report.json"}
    assert {path.name for path in folder.iterdir()} == expected
    assert out.splitlines() == [str(folder)]
    assert sorted(Path(line).name for line in err.splitlines()) == sorted(expected)
    report = json.loads((folder / "report.json").read_text())
    assert [entry["tracker"] for entry in report["inputs"]] == ["kcf", "ncc"]
    stored = ResultStore(results).find(benchmark="lasot", tracker="kcf")[0]
    assert report["inputs"][0]["run"] == stored.run_id
    assert report["inputs"][0]["predictions_sha256"] == stored.digest()
    assert len(report["inputs"][0]["ground_truth_sha256"]) == 64
    assert report["protocol"] == PROTOCOL
    for name, digest in report["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_raw_files_of_two_trackers_have_their_own_hashes(lasot: Path, tmp_path: Path) -> None:
    for tracker, shift in (("one", 1), ("two", 5)):
        write_raw(tmp_path / "raw", tracker, shift)
    place = ["--predictions", tmp_path / "raw", "--data-root", lasot.parent, "--output", tmp_path]
    code, _, err = call("make-plots", "lasot", "--format", "svg", *place)
    assert (code, err) == (0, "")
    inputs = json.loads((tmp_path / "lasot" / "report.json").read_text())["inputs"]
    assert [entry["tracker"] for entry in inputs] == ["one", "two"]
    assert inputs[0]["predictions_sha256"] != inputs[1]["predictions_sha256"]
    assert inputs[0]["ground_truth_sha256"] == inputs[1]["ground_truth_sha256"]


def test_only_the_plots_asked_for_are_drawn(place: list[str], tmp_path: Path) -> None:
    chosen = ["--plot", "ranking,difference", "--format", "svg", "--output", tmp_path]
    assert call("make-plots", "lasot", *chosen, *place)[0] == 0
    assert sorted(path.stem for path in (tmp_path / "lasot").iterdir()) == ["difference", "ranking", "report"]


def test_a_plot_that_the_scores_do_not_allow_is_an_error_that_says_why(place: list[str], tmp_path: Path) -> None:
    chosen = ["--plot", "difference", "--tracker", "kcf", "--output", tmp_path]
    code, _, err = call("make-plots", "lasot", *chosen, *place)
    assert code == 1
    assert "no plot difference" in err
    assert "needs two trackers" in err
    code, _, err = call("make-plots", "lasot", "--plot", "succes", "--output", tmp_path, *place)
    assert code == 2
    assert "did you mean 'success'" in err


def test_unknown_plot_format_is_wrong_usage(place: list[str]) -> None:
    code, _, err = call("make-plots", "lasot", "--format", "png,gif", *place)
    assert code == 2
    assert "'gif'" in err


def test_render_draws_every_nth_frame(place: list[str], tmp_path: Path) -> None:
    output = tmp_path / "pictures"
    code, _, err = call("render", "lasot", "cup-1", "--tracker", "kcf,ncc", "--every", 5, "--output", output, *place)
    assert (code, sorted(path.name for path in output.iterdir())) == (0, ["000000.png", "000005.png", "000010.png"])
    assert "3 pictures" in err
    assert cv2.imread(str(output / "000005.png")).shape[1] == 80 * 8


def test_render_draws_the_boxes_of_a_benchmark_that_counts_from_one_on_their_pixels(
    place: list[str], lasot: Path, tmp_path: Path
) -> None:
    trees.save(lasot / "cup" / "cup-1" / "img" / "00000001.jpg", np.full((60, 80, 3), 90, np.uint8))
    output = tmp_path / "pictures"
    arguments = ["--tracker", "kcf", "--every", 99, "--output", output]
    assert call("render", "lasot", "cup-1", *arguments, *place)[0] == 0
    picture = cv2.imread(str(output / "000000.png"))[-60 * 8 :]
    rows, columns = (abs(picture.astype(int) - 90).max(axis=2) > 20).nonzero()
    edges = [columns.min(), columns.max(), rows.min(), rows.max()]
    # 10,20,20,10 from one is 9,19,20,10 from zero; enlarged by 8
    assert edges == pytest.approx([9 * 8, 29 * 8, 19 * 8, 29 * 8], abs=4)


def test_render_writes_a_video_that_plays(place: list[str], tmp_path: Path) -> None:
    path = tmp_path / "clips" / "cup.mp4"
    code, _, err = call("render", "lasot", "cup-1", "--tracker", "kcf", "--output", path, "--fps", 10, *place)
    assert (code, f"{FRAMES} pictures in {path}" in err) == (0, True)
    video = cv2.VideoCapture(str(path))
    frames = list(itertools.takewhile(lambda frame: frame is not None, (video.read()[1] for _ in range(99))))
    assert len(frames) == FRAMES
    assert (video.get(cv2.CAP_PROP_FPS), frames[0].shape[1]) == (10, 80 * 8)


def test_render_writes_an_animated_gif(place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("render", "lasot", "cup-1", "--tracker", "kcf", "--format", "gif", "--every", 4, *place)[0] == 0
    with Image.open(tmp_path / "reports" / "lasot" / "cup-1.gif") as gif:
        assert gif.n_frames == 3


def test_render_finds_the_sequences_with_the_lowest_scores(place: list[str], tmp_path: Path) -> None:
    """The second sequence has a frame without the target, which is never a hit."""
    output = tmp_path / "pictures"
    code, _, err = call("render", "lasot", "--worst", 1, "--tracker", "ncc", "--every", 6, "--output", output, *place)
    assert code == 0, err
    assert f"{NAMES[1]}: " in err
    assert f"{NAMES[0]}: " not in err
    assert sorted(path.name for path in output.iterdir()) == ["000000.png", "000006.png"]
    code, _, err = call("render", "lasot", "--worst", 9, "--tracker", "ncc", "--every", 6, "--output", output, *place)
    assert code == 0, err
    assert {path.name for path in output.iterdir() if path.is_dir()} == set(NAMES)


def test_reel_is_one_video_of_all_sequences(place: list[str], tmp_path: Path) -> None:
    path = tmp_path / "worst.avi"
    arguments = ["--worst", 2, "--reel", "--tracker", "kcf,ncc"]
    code, _, err = call("render", "lasot", *arguments, "--output", path, *place)
    assert code == 0, err
    video = cv2.VideoCapture(str(path))
    frames = list(itertools.takewhile(lambda frame: frame is not None, (video.read()[1] for _ in range(99))))
    assert (len(frames), frames[0].shape) == (2 * FRAMES, (720, 960, 3))
    code, _, err = call("render", "lasot", "--worst", 2, "--tracker", "kcf", "--output", tmp_path / "x.mp4", *place)
    assert code == 2
    assert "--reel" in err


def test_render_refuses_a_suffix_that_does_not_fit(place: list[str], tmp_path: Path) -> None:
    for form, name in (("gif", "a.mp4"), ("mp4", "folder")):
        arguments = ["--tracker", "kcf", "--format", form, "--output", tmp_path / name]
        code, _, err = call("render", "lasot", "cup-1", *arguments, *place)
        assert code == 2
        assert "--output" in err


@pytest.mark.parametrize(
    ("sequence", "tracker", "code", "text"),
    [
        ("cup-9", "kcf", 2, "unknown sequence 'cup-9'; did you mean"),
        ("cup-1", "mosse", 1, "evalkit run-benchmark lasot --tracker mosse --data-root {root} --results {results}`"),
    ],
)
def test_render_says_what_is_missing(place: list[str], sequence: str, tracker: str, code: int, text: str) -> None:
    actual, _, err = call("render", "lasot", sequence, "--tracker", tracker, *place)
    assert actual == code
    assert text.format(root=place[1], results=place[3]) in " ".join(err.split())
