"""From runs to a zip: complete, exact, the same every time, checked, and readable by the GOT-10k toolkit."""

import dataclasses
import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.archive import open_tree
from evalkit.benchmarks import get_benchmark
from evalkit.errors import StoreError, SubmissionError
from evalkit.sequences import Trajectory
from evalkit.store.runs import ResultStore
from evalkit.submission.checking import FORMATS, check_content, check_submission
from evalkit.submission.content import content_of_bytes
from evalkit.submission.expected import Expected, official
from evalkit.submission.packaging import make_package, select_runs, write_package, zip_bytes
from helpers import trees
from helpers.stored import store_run
from helpers.submission_files import NAMES, files, trajectories, trajectory

SAMPLE = "sample:format=1:seed=0:size=64x48:tiny=true"


def sample_runs(root, benchmark, repetitions=1, **changes):
    tracks = trajectories(benchmark, repetitions)
    return [
        store_run(
            root,
            benchmark,
            {name: several[repeat] for name, several in tracks.items()},
            data=SAMPLE,
            repeat=repeat,
            **changes,
        )
        for repeat in range(repetitions)
    ]


def packaged(root, benchmark, *, layout=None, **selection):
    runs = select_runs(ResultStore(root), FORMATS[benchmark], **selection)
    return make_package(runs, get_benchmark(benchmark), FORMATS[benchmark], layout=layout)


def official_tracks(benchmark, frames=3):
    """Made-up results for the whole official list."""
    facts = official(get_benchmark(benchmark))
    return {
        name: trajectory(number, facts.frame_counts.get(name, frames), first=facts.initial_boxes.get(name))
        for number, name in enumerate(facts.names)
    }


@pytest.fixture(scope="module", params=sorted(FORMATS))
def official_run(request, tmp_path_factory):
    benchmark = request.param
    tracks = official_tracks(benchmark)
    if benchmark == "depthtrack":
        tracks = {name: trajectory(1, len(track)) for name, track in tracks.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)  # a thousand files; whether they survive a crash is no matter here
        return store_run(tmp_path_factory.mktemp("results"), benchmark, tracks)


def root_of(run):
    return run.path.parents[2]


def hashes(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_an_official_run_becomes_a_submission_that_passes_and_nothing_is_changed(official_run, tmp_path):
    benchmark = official_run.identity.benchmark
    before = hashes(root_of(official_run))
    package = packaged(root_of(official_run), benchmark, tracker="mine")
    assert write_package(package, tmp_path / "out" / "mine.zip")
    assert hashes(root_of(official_run)) == before
    assert not package.sample
    assert package.file_name == f"{benchmark}-mine-{official_run.run_id[:8]}.zip"
    form = FORMATS[benchmark]
    report = check_submission(tmp_path / "out" / "mine.zip", form, official(get_benchmark(benchmark)))
    assert report.findings == ()
    assert report.sha256 == package.sha256
    assert report.files == {"got10k": 360, "trackingnet": 511, "depthtrack": 150}[benchmark]


def test_the_same_runs_give_the_same_bytes_with_fixed_dates_and_sorted_names(tmp_path):
    sample_runs(tmp_path, "got10k", 2)
    first, second = (packaged(tmp_path, "got10k", tracker="mine") for _ in range(2))
    assert first.data == second.data
    with zipfile.ZipFile(io.BytesIO(first.data)) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_numbers_are_exact_to_the_decimals_of_the_format(tmp_path):
    (run,) = sample_runs(tmp_path, "got10k")
    data = packaged(tmp_path, "got10k", tracker="mine").data
    name = NAMES["got10k"][1]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        boxes = np.loadtxt(archive.open(f"{name}/{name}_001.txt"), delimiter=",")
        times = np.loadtxt(archive.open(f"{name}/{name}_time.txt"), delimiter=",")
    np.testing.assert_allclose(boxes, run.read(name).boxes, atol=5.0001e-5, rtol=0)
    np.testing.assert_allclose(times, run.read(name).seconds, atol=5.0001e-9, rtol=0)


def test_repetitions_are_numbered_and_times_have_a_column_for_each(tmp_path):
    runs = sample_runs(tmp_path, "got10k", 3)
    order = [runs[2].run_id, runs[0].run_id, runs[1].run_id[:8]]
    package = packaged(tmp_path, "got10k", run_ids=order, layout="tracker-folder")
    name = NAMES["got10k"][0]
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive:
        times = np.loadtxt(archive.open(f"mine/{name}/{name}_time.txt"), delimiter=",")
        first = np.loadtxt(archive.open(f"mine/{name}/{name}_001.txt"), delimiter=",")
    assert times.shape == (6, 3)
    np.testing.assert_allclose(first, runs[2].read(name).boxes, atol=1e-4)


def test_a_sample_says_so(tmp_path):
    sample_runs(tmp_path, "trackingnet")
    package = packaged(tmp_path, "trackingnet", tracker="mine")
    assert package.sample
    assert package.file_name.endswith("-sample.zip")
    assert package.report.sequences == 3
    report = check_content(
        content_of_bytes(package.data, "x.zip"), FORMATS["trackingnet"], official(get_benchmark("trackingnet"))
    )
    assert [error.kind for error in report.errors] == ["missing sequence"] * 508


BOX = st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(0, 1e5), st.floats(0, 1e5))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(FORMATS)),
    st.integers(1, 3),
    st.lists(BOX, min_size=1, max_size=5),
    st.sampled_from(["flat", "tracker-folder"]),
)
def test_whatever_is_packaged_passes_the_check(benchmark, repetitions, boxes, layout):
    form = FORMATS[benchmark]
    rows = np.array(boxes)
    track = Trajectory(rows, np.append(np.nan, np.linspace(0, 1, len(rows) - 1)), np.full(len(rows), 0.01))
    names = NAMES[benchmark]
    tracks = dict.fromkeys(names, [track] * min(repetitions, form.repetitions))
    data = zip_bytes(dict(form.write(tracks, "mine", layout if layout in form.layouts else form.layouts[0])))
    expected = Expected(names, dict.fromkeys(names, len(rows)), dict.fromkeys(names, rows[0]), "", {})
    assert check_content(content_of_bytes(data, "mine.zip"), form, expected).errors == ()


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_incomplete_run_is_refused_with_the_missing_sequences(tmp_path):
    names = NAMES["got10k"]
    tracks = {names[0]: trajectories("got10k")[names[0]][0]}
    run = store_run(tmp_path, "got10k", tracks, names=names, data=SAMPLE)
    run.write_failure(names[1], "unreadable image", "")
    with pytest.raises(
        SubmissionError, match=r"lacks 2 of 3 sequences: .*000002 \(unreadable image\), .*000003\. Finish"
    ):
        packaged(tmp_path, "got10k", tracker="mine")


def test_a_selection_of_the_official_sequences_is_refused(tmp_path):
    store_run(tmp_path, "got10k", {name: track for name, (track,) in trajectories("got10k").items()})
    with pytest.raises(
        SubmissionError, match=r"lacks 177 of 180 official sequences: GOT-10k_Test_000004, .* and 165 more"
    ):
        packaged(tmp_path, "got10k", tracker="mine")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame_limit": 5}, "was cut to 5 frames"),
        ({"split": "val"}, "no run of mine on got10k test"),
        ({"benchmark": "lasot"}, "no run of mine on got10k test"),
    ],
)
def test_runs_of_other_things_are_refused(tmp_path, changes, message):
    tracks = {name: track for name, (track,) in trajectories("got10k").items()}
    store_run(tmp_path, **{"benchmark": "got10k", "tracks": tracks, "data": SAMPLE, **changes})
    with pytest.raises(SubmissionError, match=message):
        packaged(tmp_path, "got10k", tracker="mine")


def test_a_named_run_of_another_benchmark_split_or_tracker_is_refused(tmp_path):
    (run,) = sample_runs(tmp_path, "trackingnet")
    (val,) = sample_runs(tmp_path, "got10k", split="val")
    with pytest.raises(
        SubmissionError, match=r"is of trackingnet, split test; the GOT-10k server takes got10k, split test"
    ):
        packaged(tmp_path, "got10k", run_ids=[run.run_id])
    with pytest.raises(SubmissionError, match=r"is of got10k, split val"):
        packaged(tmp_path, "got10k", run_ids=[val.run_id])
    with pytest.raises(SubmissionError, match=r"is of the tracker mine, not of other"):
        packaged(tmp_path, "trackingnet", run_ids=[run.run_id], tracker="other")


def test_unknown_ambiguous_and_repeated_run_ids_are_refused(tmp_path):
    runs = [*sample_runs(tmp_path, "got10k", 3), *sample_runs(tmp_path, "trackingnet")]
    for ids, message in (
        (["zzz"], "no run 'zzz'"),
        ([""], "4 runs begin with ''"),
        ([runs[0].run_id] * 2, "named twice"),
    ):
        with pytest.raises(SubmissionError, match=message):
            packaged(tmp_path, "got10k", run_ids=ids)


def test_runs_that_are_no_repetitions_are_refused_with_the_difference(tmp_path):
    sample_runs(tmp_path, "got10k")
    sample_runs(tmp_path, "got10k", seed=1, precision="bf16")
    with pytest.raises(SubmissionError, match=r"no repetitions of one another: .* They differ in precision, seed"):
        packaged(tmp_path, "got10k", tracker="mine")


def test_too_many_repetitions_are_refused(tmp_path):
    sample_runs(tmp_path, "got10k", 4)
    sample_runs(tmp_path, "trackingnet", 2)
    with pytest.raises(SubmissionError, match="takes at most 3 repetitions, found 4"):
        packaged(tmp_path, "got10k", tracker="mine")
    with pytest.raises(SubmissionError, match="takes one run, found 2"):
        packaged(tmp_path, "trackingnet", tracker="mine")


def test_frames_without_box_or_time_are_refused_and_nothing_is_invented(tmp_path):
    tracks = {name: track for name, (track,) in trajectories("got10k").items()}
    first = NAMES["got10k"][0]
    lost, untimed = tracks[first].boxes.copy(), tracks[first].seconds.copy()
    lost[3], untimed[0] = np.nan, np.nan
    tracks[first] = dataclasses.replace(tracks[first], boxes=lost, seconds=untimed)
    store_run(tmp_path, "got10k", tracks, data=SAMPLE)
    with pytest.raises(SubmissionError) as caught:
        packaged(tmp_path, "got10k", tracker="mine")
    assert "frames without a box in 1 sequence, the first is GOT-10k_Test_000001" in str(caught.value)
    assert "frames without a time in 1 sequence, the first is GOT-10k_Test_000001" in str(caught.value)


def test_confidences_in_some_sequences_only_are_refused(tmp_path):
    tracks = {name: track for name, (track,) in trajectories("depthtrack").items()}
    first = NAMES["depthtrack"][0]
    tracks[first] = Trajectory.of_boxes(tracks[first].boxes)
    store_run(tmp_path, "depthtrack", tracks, data=SAMPLE)
    with pytest.raises(SubmissionError, match="no confidences in 1 sequence"):
        packaged(tmp_path, "depthtrack", tracker="mine")


def test_a_run_whose_boxes_break_the_format_is_refused_with_every_line(tmp_path):
    tracks = {name: track for name, (track,) in trajectories("trackingnet").items()}
    first = NAMES["trackingnet"][0]
    boxes = tracks[first].boxes.copy()
    boxes[2:4, 2] = -5
    tracks[first] = dataclasses.replace(tracks[first], boxes=boxes)
    store_run(tmp_path, "trackingnet", tracks, data=SAMPLE)
    with pytest.raises(
        SubmissionError, match=r"1 errors; nothing was written:\nerror: -Dz7OIf54b0_0.txt, lines 3-4: negative size"
    ):
        packaged(tmp_path, "trackingnet", tracker="mine")


def test_a_changed_result_file_is_refused(tmp_path):
    (run,) = sample_runs(tmp_path, "trackingnet")
    path = next((run.path / "sequences").glob("*.csv"))
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(StoreError, match="was changed after it was written"):
        packaged(tmp_path, "trackingnet", tracker="mine")


# --- the file --------------------------------------------------------------------------------------------------------


def test_another_file_is_not_replaced_without_force(tmp_path):
    sample_runs(tmp_path / "results", "trackingnet")
    package = packaged(tmp_path / "results", "trackingnet", tracker="mine")
    path = tmp_path / "mine.zip"
    path.write_bytes(b"precious")
    with pytest.raises(SubmissionError, match="exists and differs"):
        write_package(package, path)
    assert path.read_bytes() == b"precious"
    assert write_package(package, path, force=True)
    assert path.read_bytes() == package.data
    assert not write_package(package, path)
    with pytest.raises(SubmissionError, match="is a folder"):
        write_package(package, tmp_path, force=True)


def test_a_full_disk_leaves_no_part_of_a_zip(tmp_path, monkeypatch):
    sample_runs(tmp_path / "results", "trackingnet")
    package = packaged(tmp_path / "results", "trackingnet", tracker="mine")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_package(package, tmp_path / "out" / "mine.zip")
    assert list((tmp_path / "out").iterdir()) == []


# --- the GOT-10k toolkit ---------------------------------------------------------------------------------------------


def overlap(box, other, wh):
    """Intersection over union inside the image, written from the definition."""

    def clipped(b):
        left, top = max(b[0], 0), max(b[1], 0)
        return left, top, min(b[0] + b[2], wh[0]), min(b[1] + b[3], wh[1])

    (l1, t1, r1, b1), (l2, t2, r2, b2) = clipped(box), clipped(other)
    inter = max(0.0, min(r1, r2) - max(l1, l2)) * max(0.0, min(b1, b2) - max(t1, t2))
    return inter / ((r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - inter)


def unpack(data, folder):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_got10k_toolkit_reads_our_files_and_finds_the_same_overlap(tmp_path, capsys):
    from got10k.experiments import ExperimentGOT10k

    root = trees.got10k(tmp_path / "GOT-10k", splits=("val",))
    names = [f"GOT-10k_Val_{number}" for number in ("000001", "000002")]
    truth = trees.boxes(6)
    generator = np.random.default_rng(0)
    tracks = {}
    for name in names:
        boxes = truth + np.vstack([np.zeros(4), generator.uniform(-2, 2, (5, 4))])
        tracks[name] = [Trajectory(boxes, np.full(6, np.nan), np.full(6, 0.02)) for _ in range(1)]
    form = FORMATS["got10k"]
    unpack(zip_bytes(dict(form.write(tracks, "mine", "tracker-folder"))), tmp_path / "results" / "GOT-10k")
    toolkit = ExperimentGOT10k(
        str(root), subset="val", result_dir=str(tmp_path / "results"), report_dir=str(tmp_path / "reports")
    )
    toolkit.report(["mine"])
    actual = json.loads((tmp_path / "reports/GOT-10k/mine/performance.json").read_text())["mine"]["overall"]
    capsys.readouterr()
    visible = [1, 3, 4, 5]  # frame 2 has cover 0
    ours = [overlap(tracks[name][0].boxes[k], truth[k], trees.WH) for name in names for k in visible]
    assert actual["ao"] == pytest.approx(np.mean(ours), abs=1e-4)
    assert actual["speed_fps"] == pytest.approx(50)


def test_the_zip_of_the_got10k_toolkit_has_our_names_and_passes_our_check(tmp_path, monkeypatch, capsys):
    from got10k.experiments import ExperimentGOT10k

    monkeypatch.chdir(tmp_path)
    names = NAMES["got10k"]
    root = trees.got10k(tmp_path / "data", names=[name[-6:] for name in names], splits=("test",))
    ours = files("got10k", 3)
    unpack(zip_bytes({name: data.decode() for name, data in ours.items()}), tmp_path / "results/GOT-10k/mine")
    toolkit = ExperimentGOT10k(str(root), subset="test", result_dir=str(tmp_path / "results"))
    toolkit.report(["mine"])
    capsys.readouterr()
    theirs = tmp_path / "results" / "GOT-10k" / "mine.zip"
    tree = open_tree(theirs)
    assert dict(zip(tree.names, tree.read_many(tree.names), strict=True)) == ours
    tracks = trajectories("got10k")
    expected = Expected(
        names, dict.fromkeys(names, 6), {name: track.boxes[0] for name, (track,) in tracks.items()}, "", {}
    )
    assert check_submission(theirs, FORMATS["got10k"], expected).findings == ()
