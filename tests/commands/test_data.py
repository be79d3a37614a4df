"""``check-data`` and ``list``: every problem at once, exit codes, JSON."""

import shutil
from pathlib import Path

import pytest

from evalkit.benchmarks import BENCHMARKS, get_benchmark, get_split
from evalkit.benchmarks.data_check import CheckReport, CheckStep, ProblemKind, check_copy
from helpers import trees
from helpers.program import call
from helpers.trees import BUILDERS


def check(benchmark: str, root: Path, split: str | None = None, *, deep: bool = False) -> CheckReport:
    spec = get_benchmark(benchmark)
    return check_copy(spec, root, get_split(spec, split), deep=deep, threads=2)


def found(report: CheckReport) -> list[tuple[str, str | None]]:
    return [(problem.kind.value, problem.sequence) for problem in report.problems]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("benchmark", BUILDERS)
def test_good_copy_has_no_problem(benchmark: str, deep: bool, tmp_path: Path) -> None:
    if benchmark in {"got10k", "lasot"}:  # their names are official, their content is not
        trees.text(tmp_path / "sample.json", "{}")
    report = check(benchmark, BUILDERS[benchmark](tmp_path / "copy"), deep=deep)
    assert report.problems == ()
    assert report.complete
    assert report.readable == report.expected == 2
    second = benchmark in {"visevent", "lasher", "depthtrack"}
    images = report.frames if deep else 3 * 2
    assert report.images_decoded == images * (2 if second else 1)


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path, test=("mug-1", "mug-2", "mug-3", "mug-4", "mug-5"), train=())
    shutil.rmtree(root / "mug/mug-1")
    (root / "mug/mug-2/groundtruth.txt").write_text("1,2,3\n")
    (root / "mug/mug-2/img/00000002.jpg").write_bytes(b"")
    (root / "mug/mug-3/full_occlusion.txt").write_text("0,0,0")
    (root / "mug/mug-4/img/00000004.jpg").unlink()
    (root / "mug/mug-4/groundtruth.txt").write_text("0,0,0,0\n" * 6)
    report = check("lasot", root)
    assert found(report) == [
        ("missing sequence", "mug-1"),
        ("annotation", "mug-2"),
        ("unreadable image", "mug-2"),
        ("annotation", "mug-3"),
        ("annotation", "mug-4"),
        ("layout", "mug-4"),
    ]
    assert report.readable == 1
    assert "frame number 4 is missing" in report.problems[-1].text


def test_official_copy_names_all_missing_sequences(tmp_path: Path) -> None:
    root = trees.depthtrack(tmp_path, names=("adapter01_indoor", "backpack_indoor"))
    (root / "test/list.txt").unlink()
    report = check("depthtrack", root)
    missing = [problem for problem in report.problems if problem.kind is ProblemKind.MISSING_SEQUENCE]
    assert len(missing) == 48
    other = [problem.text for problem in report.problems if problem.kind is ProblemKind.FACTS]
    assert other == [f"5 frames; the official release has {count}." for count in (2775, 2111)]


def test_missing_sequence_counts_once_where_annotation_and_images_lie_apart(tmp_path: Path) -> None:
    root = trees.uav123(tmp_path)
    (root / "anno/UAV123/sequences.csv").write_text("name,folder,start_frame,end_frame\ngone,gone,1,5\n")
    report = check("uav123", root)
    assert found(report) == [("missing sequence", "gone")]


def test_damage_inside_a_video_needs_a_deep_check(tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path)
    victim = sorted((root / "test/walk_done/imgs").iterdir())[1]
    victim.write_bytes(victim.read_bytes()[:-100])
    assert check("tnl2k", root).complete
    report = check("tnl2k", root, deep=True)
    assert found(report) == [("unreadable image", "walk_done")]
    assert str(victim) in report.problems[0].text
    assert "truncated JPEG" in report.problems[0].text


def test_empty_file_is_found_without_decoding_and_reported_once(tmp_path: Path) -> None:
    root = trees.visevent(tmp_path)
    (root / "test/early/event_imgs/frame0004.bmp").write_bytes(b"")
    for deep in (False, True):
        report = check("visevent", root, deep=deep)
        assert found(report) == [("unreadable image", "early")]
        assert "frame0004.bmp: the file is empty" in report.problems[0].text


def test_changing_image_size_is_reported(tmp_path: Path) -> None:
    root = trees.custom(tmp_path)
    trees.save(root / "my cat/img/0004.jpg", trees.picture(3, (32, 24)))
    report = check("custom", root)
    assert found(report) == [("image size", "my cat")]
    assert "64 x 48 from frame 0, 32 x 24 from frame 3" in report.problems[0].text


def test_stated_size_is_compared_with_the_images(tmp_path: Path) -> None:
    root = trees.got10k(tmp_path, names=("900001", "900002"))
    meta = root / "val/GOT-10k_Val_900001/meta_info.ini"
    meta.write_text(meta.read_text().replace("(64, 48)", "(640, 480)"))
    report = check("got10k", root, "val")
    assert found(report) == [("image size", "GOT-10k_Val_900001")]
    assert "says 640 x 480 pixels, the first image has 64 x 48" in report.problems[0].text


def test_official_first_box_is_compared(tmp_path: Path) -> None:
    report = check("got10k", trees.got10k(tmp_path))
    texts = [problem.text for problem in report.problems if problem.sequence == "GOT-10k_Test_000001"]
    assert texts == [
        "6 frames; the official release has 100.",
        "first box 10,12,20,16; the official release has 395,340,532,407.",
    ]


def test_copies_of_other_content_get_a_note(tmp_path: Path) -> None:
    assert (
        "none of the 2 sequences is in the official list of 245"
        in check("lasher", trees.lasher(tmp_path / "a")).notes[0]
    )
    trees.text(tmp_path / "sample.json", "{}")
    assert check("lasher", tmp_path / "a").notes == ("rendered sample: not compared with the official list",)
    part = trees.depthtrack(tmp_path / "b" / "c", names=("adapter01_indoor", "cat_indoor"))
    assert check("depthtrack", part).notes == (
        "the copy's list names 1 of the 50 official sequences",
        "not in the official list: 1 sequence",
    )
    train = trees.trackingnet(tmp_path / "b" / "d", chunks=("TRAIN_3",))
    assert check("trackingnet", train, "train").notes == ("2 sequences; the official split has 30132",)


def test_progress_tells_sequences_and_images(tmp_path: Path) -> None:
    spec = get_benchmark("custom")
    steps: list[CheckStep] = []
    check_copy(spec, trees.custom(tmp_path), spec.default_split, deep=True, progress=steps.append)
    assert [(step.finished, step.total, step.images) for step in steps] == [(0, 2, 4), (1, 2, 4), (1, 2, 8), (2, 2, 8)]


def test_absent_frames_are_counted_from_flags_and_nan(tmp_path: Path) -> None:
    assert check("depthtrack", trees.depthtrack(tmp_path / "a")).absent == 6
    assert check("visevent", trees.visevent(tmp_path / "b")).absent == 2


def test_command_prints_problems_and_ends_with_1(tmp_path: Path) -> None:
    root = trees.tnl2k(tmp_path / "TNL2K")
    (root / "test/list.txt").write_text("walk_done\ncup_done\ngone\nlost\n")
    (root / "test/cup_done/groundtruth.txt").write_text("1,2,3,4\n")
    done = call("check-data", "tnl2k", "--data-root", tmp_path)
    assert done.code == 1
    printed = done.stdout.splitlines()
    assert printed[0].startswith("tnl2k, split test, in ")
    assert "missing sequences (2): gone, lost" in printed
    assert any(line.startswith("cup_done: annotation: ") and "1 rows but" in line for line in printed)
    assert printed[-1] == "3 problems; usable: 1 of 4 sequences"


def test_command_ends_with_0_on_a_good_copy(tmp_path: Path) -> None:
    trees.custom(tmp_path)
    done = call("check-data", "custom", "--data-root", tmp_path, "--deep")
    assert done.code == 0
    assert done.stdout.splitlines()[-1] == "complete and readable"


def test_command_prints_one_json_document(tmp_path: Path) -> None:
    trees.custom(tmp_path)
    (tmp_path / "my cat/img/0002.jpg").write_bytes(b"")
    done = call("check-data", "custom", "--data-root", tmp_path, "--json")
    assert done.code == 1
    document = done.json
    assert document["complete"] is False
    assert document["expected"] == 2
    assert document["readable"] == 1
    assert document["problems"][0]["kind"] == "unreadable image"
    assert document["problems"][0]["sequence"] == "my cat"


def test_command_without_a_copy_says_what_to_do(tmp_path: Path) -> None:
    done = call("check-data", "lasot", "--data-root", tmp_path / "no")
    assert done.code == 1
    assert str(tmp_path / "no") in done.stderr
    done = call("check-data", "lasto", "--data-root", tmp_path)
    assert done.code == 2
    assert "did you mean 'lasot'" in done.stderr
    done = call("check-data", "got10k", "--split", "vla", "--data-root", tmp_path)
    assert done.code == 2
    assert "did you mean 'val'" in done.stderr


@pytest.mark.parametrize(
    ("kind", "first"), [("benchmarks", "uav123"), ("trackers", "still"), ("protocols", "pytracking")]
)
def test_list_prints_one_line_each_and_full_json(kind: str, first: str) -> None:
    lines = call("list", kind).stdout.splitlines()
    documents = call("list", kind, "--json").json
    assert lines[0].startswith(first)
    assert documents[0].get("name", documents[0].get("id")) == first
    assert len(lines) == len(documents) + (kind == "benchmarks")  # plus the user's own videos


def test_listed_benchmark_has_year_sensors_size_and_reference() -> None:
    lines = call("list", "benchmarks").stdout.splitlines()
    line = next(line for line in lines if line.startswith("lasher"))
    for part in ("2022", "rgb+thermal", "245 sequences, 220,703 frames", "Chenglong Li et al., LasHeR", "Transactions"):
        assert part in line
    documents = call("list", "benchmarks", "--json").json
    assert [document["name"] for document in documents] == list(BENCHMARKS)
    assert documents[1]["splits"]["val"]["sequence_count"] == 180


def test_list_of_an_unknown_kind_suggests_the_nearest() -> None:
    done = call("list", "benchmark")
    assert done.code == 2
    assert "did you mean 'benchmarks'" in done.stderr
