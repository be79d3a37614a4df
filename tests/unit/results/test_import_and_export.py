"""Raw results go into the store and out of it again: nothing lost, nothing invented, every defect named."""

import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import ResultFormatError, StoreError, UnknownNameError
from evalkit.results.exporters import EXPORT_FORMATS, NumberStyle, write_results
from evalkit.results.reader import read_results
from evalkit.sequences import Trajectory
from evalkit.store.runs import ResultStore
from helpers import trees
from helpers.program import call

NAMES = [f"GOT-10k_Val_{number:06d}" for number in range(1, 181)]


def trajectory(seed, rows=5, confidence=True):
    generator = np.random.default_rng(seed)
    boxes = np.column_stack([generator.uniform(300, 400, (rows, 2)), generator.uniform(5, 60, (rows, 2))])
    return Trajectory(
        boxes=boxes,
        confidence=np.append(np.nan, generator.uniform(size=rows - 1)) if confidence else np.full(rows, np.nan),
        seconds=np.round(generator.uniform(0.001, 0.1, rows), 6),
    )


def export(folder, layout, trajectories, **options):
    fixed = {"tracker": "KCF", "benchmark": "lasot", "title": "LaSOT"}
    return write_results(trajectories, folder, format=layout, **{**fixed, **options})


TRACKS = {name: [trajectory(seed)] for seed, name in enumerate(["boy`s+head", "car-1", "zebra-2"])}
ROUNDING = {
    NumberStyle.EXACT: 0,
    NumberStyle.TRUNCATED: 1,
    NumberStyle.TWO_DECIMALS: 0.005,
    NumberStyle.THREE_DECIMALS: 0.001,
}
ROUNDING[NumberStyle.FOUR_DECIMALS] = 0.00005


@pytest.mark.parametrize("layout", EXPORT_FORMATS)
def test_what_is_written_reads_back(tmp_path, layout):
    kind = EXPORT_FORMATS[layout]
    files = export(tmp_path / "out", layout, TRACKS)
    assert all(path.is_file() for path in files)
    (results,) = read_results(tmp_path / "out", names=list(TRACKS), benchmark="lasot", with_times=True)
    assert not results.problems()
    for name, (original,) in TRACKS.items():
        (actual,) = results.sequences[name]
        start = 1 if kind.initialization_code else 0
        assert np.isnan(actual.boxes[:start]).all()
        differences = np.abs(actual.boxes - original.boxes)[start:]
        assert differences.max() <= ROUNDING[kind.numbers]
        if kind.seconds is not None:
            np.testing.assert_allclose(actual.seconds, original.seconds, atol=0.0005, rtol=0)
        if kind.confidence is not None:
            np.testing.assert_allclose(actual.confidence, np.nan_to_num(original.confidence), atol=1e-6)


@pytest.mark.parametrize(
    ("layout", "benchmark", "path", "first_line"),
    [
        ("plain", "lasot", "KCF/car-1.txt", "1.25,-2.5,30,40.125"),
        ("tab", "lasot", "KCF/car-1.txt", "1.25\t-2.5\t30\t40.125"),
        ("pytracking", "lasot", "KCF/default/car-1.txt", "1\t-2\t30\t40"),
        ("pytracking", "uav123", "KCF/default/uav_car-1.txt", "1\t-2\t30\t40"),
        ("ostrack", "trackingnet", "KCF/default/trackingnet/car-1.txt", "1\t-2\t30\t40"),
        ("got10k", "got10k", "GOT-10k/KCF/car-1/car-1_001.txt", "1.250,-2.500,30.000,40.125"),
        ("got10k-toolkit", "lasot", "LaSOT/KCF/car-1.txt", "1.250,-2.500,30.000,40.125"),
        ("trackingnet", "trackingnet", "car-1.txt", "1.25,-2.50,30.00,40.12"),
        ("kit", "lasher", "KCF_tracking_result/car-1.txt", "1.25,-2.5,30,40.125"),
        ("swintrack", "lasot", "test_metrics/lasot/car-1/bounding_box.txt", "1.250,-2.500,31.250,37.625"),
        ("vot", "depthtrack", "KCF/rgbd-unsupervised/car-1/car-1_001.txt", "1"),
    ],
)
def test_files_look_as_the_other_program_writes_them(tmp_path, layout, benchmark, path, first_line):
    box = np.array([[1.25, -2.5, 30, 40.125]])
    track = Trajectory(np.repeat(box, 2, axis=0), np.array([np.nan, 0.5]), np.array([0.5, 0.125]))
    export(tmp_path, layout, {"car-1": [track]}, benchmark=benchmark)
    lines = (tmp_path / path).read_text().split("\n")
    assert lines[0] == first_line
    assert lines[2:] == [""]


def test_times_and_confidences_look_as_the_other_program_writes_them(tmp_path):
    track = trajectory(1, rows=2)
    track = Trajectory(track.boxes, np.array([np.nan, 0.5]), np.array([0.5, 0.125]))
    for layout in ("pytracking", "got10k", "vot"):
        export(tmp_path, layout, {"a": [track]})
    assert (tmp_path / "KCF/default/a_time.txt").read_text() == "0.500000\n0.125000\n"
    assert (tmp_path / "GOT-10k/KCF/a/a_time.txt").read_text() == "0.50000000\n0.12500000\n"
    assert (tmp_path / "KCF/rgbd-unsupervised/a/a_001_confidence.value").read_text() == "\n0.500000\n"
    assert (tmp_path / "KCF/rgbd-unsupervised/a/a_001_time.value").read_text() == "0.50000000\n0.12500000\n"


def test_repetitions_become_numbered_files_and_columns_of_times(tmp_path):
    export(tmp_path, "got10k", {"a": [trajectory(seed, rows=2) for seed in range(3)]})
    folder = tmp_path / "GOT-10k/KCF/a"
    assert sorted(path.name for path in folder.iterdir()) == ["a_001.txt", "a_002.txt", "a_003.txt", "a_time.txt"]
    assert all(line.count(",") == 2 for line in (folder / "a_time.txt").read_text().split())
    with pytest.raises(ResultFormatError, match="holds one repetition, but there are more of 1 sequence"):
        export(tmp_path, "plain", {"a": [trajectory(0), trajectory(1)]})


def test_a_tracker_without_confidence_gets_no_confidence_file(tmp_path):
    files = export(tmp_path, "vot", {"a": [trajectory(0, confidence=False)]})
    assert [path.name for path in files] == ["a_001.txt", "a_001_time.value"]


class TestRowsWithoutABox:
    LOST = Trajectory.of_boxes(np.array([[1.0, 2, 3, 4], [np.nan] * 4, [np.inf, 2, 3, 4]]))

    @pytest.mark.parametrize("layout", ["pytracking", "got10k", "trackingnet", "swintrack"])
    def test_are_refused_where_the_format_has_no_word_for_them(self, tmp_path, layout):
        with pytest.raises(ResultFormatError, match=r"rows without a box.* in 1 sequence: a"):
            export(tmp_path / "out", layout, {"a": [self.LOST], "b": [trajectory(0)]})
        assert not (tmp_path / "out").exists()

    def test_are_written_as_they_are_or_as_a_code(self, tmp_path):
        export(tmp_path, "plain", {"a": [self.LOST]})
        export(tmp_path, "vot", {"a": [self.LOST]})
        assert (tmp_path / "KCF/a.txt").read_text() == "1,2,3,4\nnan,nan,nan,nan\ninf,2,3,4\n"
        assert (tmp_path / "KCF/rgbd-unsupervised/a/a_001.txt").read_text() == "1\n0\n0\n"


def test_existing_files_are_never_overwritten(tmp_path):
    export(tmp_path, "plain", {"a": [trajectory(0)]})
    before = (tmp_path / "KCF/a.txt").read_bytes()
    with pytest.raises(StoreError, match="1 of the files exist already"):
        export(tmp_path, "plain", {"a": [trajectory(1)], "b": [trajectory(2)]})
    assert (tmp_path / "KCF/a.txt").read_bytes() == before
    assert not (tmp_path / "KCF/b.txt").exists()


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOSTILE = [
    "../../up",
    "..",
    ".",
    "",
    "/absolute",
    "a/b",
    "a\\b",
    "C:evil",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "\x9b2J",
    "a\ud800",
]


@pytest.mark.parametrize("layout", EXPORT_FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_names_lead_nowhere(tmp_path, name, layout):
    (tmp_path / "zone/out").mkdir(parents=True)
    for named in ({"tracker": name, "trajectories": TRACKS}, {"trajectories": {**TRACKS, name: [trajectory(9)]}}):
        with pytest.raises(StoreError, match="cannot be the name of a file"):
            export(tmp_path / "zone/out", layout, **named)
    assert not contents(tmp_path)


def test_a_link_in_the_output_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/KCF").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"is a link that leads out of .*out\. Choose another"):
        export(tmp_path / "out", "plain", TRACKS)
    (tmp_path / "out/KCF").unlink()
    (tmp_path / "out/KCF").mkdir()
    (tmp_path / "out/KCF/car-1.txt").symlink_to(tmp_path / "new.txt")  # nothing is there yet
    with pytest.raises(StoreError, match="exist already"):
        export(tmp_path / "out", "plain", TRACKS)
    assert not contents(tmp_path)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    (tmp_path / "KCF").mkdir()
    (tmp_path / "KCF/a.txt").write_text("mine")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(StoreError, match="cannot write"):
        export(tmp_path, "plain", {"a": [trajectory(0)]})
    assert (tmp_path / "KCF/a.txt").read_text() == "mine"


def test_a_sequence_called_as_the_times_of_another_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"would both be .*a_time\.txt"):
        export(tmp_path, "pytracking", {"a": [trajectory(0)], "a_time": [trajectory(1)]})
    assert not contents(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot write .* 0 of 1 files were written"):
        export(tmp_path / "file", "plain", {"a": [trajectory(0)]})


def test_a_file_that_could_not_be_finished_is_not_left_behind(tmp_path, monkeypatch):
    real = Path.open

    def full(path, *arguments, **options):
        file = real(path, *arguments, **options)

        def half(text):
            type(file).write(file, text[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.write = half
        return file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StoreError, match=r"No space left on device\. 0 of 1 files were written"):
        export(tmp_path, "plain", {"a": [trajectory(0)]})
    assert not (tmp_path / "KCF/a.txt").exists()


def test_unknown_export_format_suggests_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'pytracking'"):
        export(tmp_path, "pytraking", TRACKS)


# --- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number, name in enumerate(NAMES):
            boxes = np.array([[200.0 + number, 20, 3, 4], [200.25 + number, 21, 3, 4]])
            rows = "\n".join(",".join(map(repr, row)) for row in boxes.tolist())
            file.writestr(f"KCF/{name}/{name}_001.txt", rows)
            file.writestr(f"KCF/{name}/{name}_time.txt", "0.5\n0.25\n")
    return path


def test_import_then_export_gives_the_same_boxes(tmp_path, archive):
    store = tmp_path / "results"
    code, out, err = call(
        "import-results", archive, "--benchmark", "got10k", "--tracker", "mine", "--results", store, "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    assert (document["split"], document["format"], document["sequences"], document["frames"]) == (
        "val",
        "got10k",
        180,
        360,
    )
    assert document["runs"][0]["status"] == "complete"
    (stored,) = ResultStore(store).find(benchmark="got10k", tracker="mine")
    assert stored.identity.source == "imported"
    assert stored.identity.archive_sha256 == document["archive_sha256"]
    assert stored.read(NAMES[2]).boxes.tolist() == [[202, 20, 3, 4], [202.25, 21, 3, 4]]
    assert stored.read(NAMES[2]).seconds.tolist() == [0.5, 0.25]
    code, out, err = call("export-results", "--run", stored.run_id[:6], "--format", "plain", "--output", tmp_path / "o",
        "--results", store,
    )  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "o" / "mine" / f"{NAMES[2]}.txt").read_text() == "202,20,3,4\n202.25,21,3,4\n"


def test_importing_twice_changes_nothing(tmp_path, archive):
    arguments = ("import-results", archive, "--benchmark", "got10k", "--tracker", "mine", "--results", tmp_path / "r")
    first = call(*arguments, "--json")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.csv")}
    assert call(*arguments, "--json") == first
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*.csv")}


def test_incomplete_results_are_refused_with_all_names_and_imported_on_demand(tmp_path):
    for name in NAMES[:3]:
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / f"{name}.txt").write_text("200,2,3,4\n")
    arguments = (
        "import-results",
        tmp_path / "raw",
        "--benchmark",
        "got10k",
        "--tracker",
        "x",
        "--results",
        tmp_path / "r",
    )
    code, _, err = call(*arguments)
    assert code == 1
    assert "no result for 177 sequences: GOT-10k_Val_000004" in err
    assert "Pass --allow-missing" in err
    assert not (tmp_path / "r").exists()
    code, out, err = call(*arguments, "--allow-missing")
    assert code == 0
    assert "(partial)" in out
    code, _, err = call("export-results", "--tracker", "x", "--benchmark", "got10k", "--format", "plain",
        "--output", tmp_path / "o", "--results", tmp_path / "r",
    )  # fmt: skip
    assert code == 1
    assert "not complete, it lacks 177 sequences" in err


def test_annotations_tell_names_lengths_and_corners(tmp_path):
    kit, raw = tmp_path / "kit" / "gt", tmp_path / "raw"
    kit.mkdir(parents=True)
    raw.mkdir()
    for name in ("a`b", "c"):
        (kit / f"{name}.txt").write_text("10,20,5,6\n11,21,5,6\n")
        (raw / f"{name}.txt").write_text("10,20,15,26\n11,21,16,27\n11,21,16,27\n")
    arguments = ("--benchmark", "lasher", "--tracker", "t", "--results", tmp_path / "r", "--json")
    code, out, err = call("import-results", raw, "--annotations", tmp_path / "kit", *arguments)
    assert code == 0, err
    document = json.loads(out)
    assert document["format"] == "corners"
    assert document["notes"][-1] == "more rows than frames in 2 results: a`b (3 of 2), c (3 of 2)."
    (stored,) = ResultStore(tmp_path / "r").find()
    assert stored.read("a`b").boxes[0].tolist() == [10, 20, 5, 6]
    assert stored.record("c").initial_box == (10, 20, 5, 6)


def test_export_needs_one_run(tmp_path, archive):
    base = ("export-results", "--format", "plain", "--output", tmp_path / "o", "--results", tmp_path / "r")
    assert call(*base)[0] == 2
    code, _, err = call(*base, "--tracker", "a", "--benchmark", "got10k")
    assert (code, "no such run" in err) == (1, True)
    for tracker in ("a", "b"):
        call("import-results", archive, "--benchmark", "got10k", "--tracker", tracker,
            "--results", tmp_path / "r",
        )  # fmt: skip
    code, _, err = call(*base, "--run", "")
    assert (code, "2 runs match" in err) == (1, True)
    code, _, err = call(*base[:1], "--format", "plian", *base[3:], "--run", "0")
    assert (code, "did you mean 'plain'" in err) == (2, True)


@pytest.mark.data
def test_results_of_a_sub_list_name_their_split(shared_data, tmp_path):
    arguments = (
        "import-results", shared_data / "visevent_results_A.zip", "--benchmark", "visevent", "--tracker", "CEUTrack",
        "--results", tmp_path,
    )  # fmt: skip
    code, _, err = call(*arguments)
    assert code == 1
    assert "pass --split test-172" in err
    code, out, _ = call(*arguments, "--split", "test-172")
    assert (code, "172 sequences, 106,836 rows" in out) == (0, True)


def export_own_videos(tmp_path, layout="plain"):
    videos = trees.custom(tmp_path / "videos")
    where = ("--data-root", videos, "--results", tmp_path / "r")
    assert call("run-benchmark", "custom", "--tracker", "kcf", *where)[0] == 0
    code, _, err = call("export-results", "--tracker", "kcf", "--benchmark", "custom", "--results", tmp_path / "r",
        "--format", layout, "--output", tmp_path / "o",
    )  # fmt: skip
    assert code == 0, err
    return videos, err


def test_own_videos_go_out_and_in_again_with_equal_scores(tmp_path, monkeypatch):
    videos, _ = export_own_videos(tmp_path)
    monkeypatch.setenv("EVALKIT_DATA_ROOT", str(videos))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    imported = ("--tracker", "kcf", "--results", tmp_path / "imported")
    code, _, err = call("import-results", tmp_path / "o", "--benchmark", "custom", *imported)
    assert code == 0, err
    before = call("score", "custom", "--tracker", "kcf", "--results", tmp_path / "r", "--json")
    after = call("score", "custom", *imported, "--json")
    assert (before[0], after[0]) == (0, 0), after
    assert json.loads(after[1])["scores"] == json.loads(before[1])["scores"]


def test_a_format_without_confidences_says_that_they_are_lost(tmp_path):
    assert "'plain' has no place for confidences" in export_own_videos(tmp_path / "1")[1]
    assert "confidences" not in export_own_videos(tmp_path / "2", "vot")[1]


def test_results_are_imported_though_the_data_are_not_complete(tmp_path):
    root = trees.lasot(tmp_path / "LaSOT", test=("mug-1", "mug-2"), train=())
    shutil.rmtree(root / "mug/mug-2")
    trees.text(tmp_path / "raw/mug-1.txt", (root / "mug/mug-1/groundtruth.txt").read_text())
    arguments = ("import-results", tmp_path / "raw", "--benchmark", "lasot", "--tracker", "mine", "--data-root", root)
    code, _, err = call(*arguments, "--results", tmp_path / "r", "--allow-missing")
    assert code == 0, err
    (stored,) = ResultStore(tmp_path / "r").find()
    assert (stored.names, stored.missing()) == (("mug-1", "mug-2"), ["mug-2"])
