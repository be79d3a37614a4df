"""DepthTrack in the VOT toolkit's layout: regions, confidences, times."""

import numpy as np
import pytest

from evalkit.archive import open_tree
from evalkit.benchmarks import get_benchmark
from evalkit.results.reader import read_results
from evalkit.sequences import Trajectory
from evalkit.submission.checking import FORMATS
from evalkit.submission.expected import official
from helpers.submission_files import FRAMES, NAMES, check, errors, files, found, trajectories

FIRST, SECOND, THIRD = NAMES["depthtrack"]
FORM = FORMATS["depthtrack"]
STEM = f"mine/rgbd-unsupervised/{FIRST}/{FIRST}_001"
REGIONS, CONFIDENCE, TIMES = f"{STEM}.txt", f"{STEM}_confidence.value", f"{STEM}_time.value"


def test_a_right_submission_has_no_defects():
    assert found(check("depthtrack", files("depthtrack"))) == []


def test_what_is_written_reads_back_with_exact_confidences(tmp_path):
    for name, data in files("depthtrack").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (read,) = read_results(tmp_path, names=NAMES["depthtrack"], benchmark="depthtrack", with_times=True)
    assert (read.tracker, read.layout, read.problems()) == ("mine", "vot", [])
    for name, (written,) in trajectories("depthtrack").items():
        (got,) = read.sequences[name]
        assert np.isnan(got.boxes[0]).all()
        np.testing.assert_allclose(got.boxes[1:], written.boxes[1:], atol=5.1e-5, rtol=0)
        np.testing.assert_array_equal(got.confidence[1:], written.confidence[1:])
        assert got.confidence[0] == 0
        np.testing.assert_allclose(got.seconds, written.seconds, atol=5.1e-7, rtol=0)


def test_a_lost_frame_is_the_code_zero_and_an_empty_confidence():
    boxes = np.array([[1.0, 2, 3, 4], [np.nan] * 4, [1, 2, 3, 4]])
    track = Trajectory(boxes, np.array([np.nan, np.nan, 0.5]), np.array([0.1, 0.1, 0.1]))
    written = dict(FORM.write({"a": [track]}, "t", "tracker-folder"))
    assert written["t/rgbd-unsupervised/a/a_001.txt"] == "1\n0\n1.0000,2.0000,3.0000,4.0000\n"
    assert written["t/rgbd-unsupervised/a/a_001_confidence.value"] == "\n\n0.5\n"


def test_public_results_with_confidences_pass(shared_data):
    from evalkit.submission.content import Content

    names = official(get_benchmark("depthtrack"))
    tree = open_tree(shared_data / "depthtrack_results_A.zip")
    for tracker, extra in (("DeT_DiMP50_Max", set()), ("SynNoConf", {"confidence"})):
        chosen = [name for name in tree.names if name.startswith(f"{tracker}/")]
        content = Content("x.zip", True, dict(zip(chosen, tree.read_many(chosen), strict=True)), (), None)
        kinds = {(item.severity.value, item.kind.value) for item in FORM.check(content, names)}
        assert kinds == {("warning", kind) for kind in {"times", *extra}}


@pytest.mark.parametrize(
    ("row", "line", "kind", "severity"),
    [
        (3, b"1", "region code", "error"),
        (3, b"2", "region code", "error"),
        (1, b"0", "region code", "error"),
        (3, b"5 6 7 8", "wrong separator", "error"),
        (3, b"5,6,7", "wrong number of columns", "error"),
        (3, b"nan,nan,nan,nan", "NaN or infinite", "error"),
        (3, b"1,2,3,4,5,x,7,8", "no numbers", "error"),
        (3, b"m0,0,5,5,1", "mask", "warning"),
        (1, b"1,2,3,4", "first row is not the given box", "error"),
        (3, b"", "blank line", "error"),
    ],
)
def test_a_wrong_region_is_named(row, line, kind, severity):
    content = files("depthtrack")
    lines = content[REGIONS].splitlines()
    content[REGIONS] = b"\n".join([*lines[: row - 1], line, *lines[row:]]) + b"\n"
    assert found(check("depthtrack", content)) == [(severity, kind, REGIONS, (row,))]


@pytest.mark.parametrize("line", [b"0", b"1,2,8,2,8,9,1,9", b"1,2,8,2,8,9"])
def test_codes_for_lost_frames_and_polygons_are_regions(line):
    content = files("depthtrack")
    lines = content[REGIONS].splitlines()
    content[REGIONS] = b"\n".join([*lines[:2], line, *lines[3:]]) + b"\n"
    assert found(check("depthtrack", content)) == []


def test_the_given_box_may_stand_in_the_first_row():
    content = files("depthtrack")
    box = trajectories("depthtrack")[FIRST][0].boxes[0]
    content[REGIONS] = ",".join(map(str, box)).encode() + content[REGIONS][1:]
    assert found(check("depthtrack", content)) == []


def test_confidences_and_times_are_checked():
    content = files("depthtrack")
    content[CONFIDENCE] = b"\n0.5\n\nhigh\n0.5\ninf\n"
    content[TIMES] = b"0.1\n" * (FRAMES - 1)
    second = REGIONS.replace(FIRST, SECOND)
    content[second.replace(".txt", "_time.value")] = b"0.1\n-0.1\n" * (FRAMES // 2)
    content[second.replace(".txt", "_confidence.value")] = b"\n\n"
    report = check("depthtrack", content)
    assert sorted(
        (finding.kind.value, finding.file.rpartition("/")[2], finding.lines) for finding in report.findings
    ) == [
        ("NaN or infinite", f"{FIRST}_001_confidence.value", (6,)),
        ("confidence", f"{FIRST}_001_confidence.value", (3,)),
        ("empty file", f"{SECOND}_001_confidence.value", ()),
        ("no numbers", f"{FIRST}_001_confidence.value", (4,)),
        ("row count", f"{FIRST}_001_time.value", ()),
        ("times", f"{SECOND}_001_time.value", (2, 4, 6)),
    ]


def test_a_missing_confidence_file_is_an_error_where_others_have_one():
    content = files("depthtrack")
    del content[CONFIDENCE]
    assert errors(check("depthtrack", content)) == [("missing file", CONFIDENCE)]


def test_a_tracker_without_confidences_gets_a_warning():
    content = {name: data for name, data in files("depthtrack").items() if "confidence" not in name}
    report = check("depthtrack", content)
    assert found(report) == [("warning", "confidence", CONFIDENCE, ())]
    assert "0 in every frame" in report.findings[0].advice


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.removeprefix("mine/"),
        lambda name: name.replace("rgbd-unsupervised", "baseline"),
        lambda name: f"results/{name}",
        lambda name: name.rpartition("/")[2],
        lambda name: "mine/rgbd-unsupervised/" + name.rpartition("/")[2],
    ],
)
def test_a_wrong_folder_level_is_named(change):
    report = check("depthtrack", {change(name): data for name, data in files("depthtrack").items()})
    assert {kind for kind, _ in errors(report)} == {"wrong folder level"}
    assert "TRACKER/rgbd-unsupervised/SEQUENCE/..." in report.errors[0].expected


def test_missing_sequences_and_regions_are_named_and_strays_are_warnings():
    content = {name: data for name, data in files("depthtrack").items() if SECOND not in name}
    del content[REGIONS]
    content[f"{STEM}(1).txt"] = b"1\n"
    content[f"{STEM}.bin"] = b"1\n"
    report = check("depthtrack", content)
    assert sorted(errors(report)) == [
        ("missing file", REGIONS),
        ("missing sequence", REGIONS.replace(FIRST, SECOND)),
    ]
    assert {warning.file for warning in report.warnings} == {f"{STEM}(1).txt", f"{STEM}.bin"}


def test_a_second_repetition_and_wrong_case_are_errors():
    content = files("depthtrack")
    content[f"{STEM[:-1]}2.txt"] = content[REGIONS]
    content[f"{STEM}_time.VALUE"] = content.pop(TIMES)
    assert sorted(errors(check("depthtrack", content))) == [
        ("repetitions", f"{STEM[:-1]}2.txt"),
        ("wrong name", f"{STEM}_time.VALUE"),
    ]


def test_carriage_returns_are_a_warning():
    content = {name: data.replace(b"\n", b"\r\n") for name, data in files("depthtrack").items()}
    report = check("depthtrack", content)
    assert errors(report) == []
    assert {warning.kind.value for warning in report.warnings} == {"line ends"}
