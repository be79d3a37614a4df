"""A live second opinion: the PyPI package got10k evaluates the same files, and our numbers equal its report."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.scoring.score import score
from evalkit.sequences import Annotation, Trajectory
from helpers import trees

FRAME_WH = (200, 150)


def boxes_near(rng, truth):
    moved = truth + rng.normal(0, 6, truth.shape)
    moved[:, 2:] = np.maximum(moved[:, 2:], 1)
    return np.round(moved, 3)


def truth_boxes(rng, rows):
    corner = rng.uniform(-10, [FRAME_WH[0], FRAME_WH[1]], (rows, 2))  # some reach over the border
    return np.round(np.concatenate([corner, rng.uniform(8, 70, (rows, 2))], axis=1), 4)


def report(experiment):
    """Run a report; the package draws figures and is careless with warnings, which are not ours."""
    import matplotlib as mpl
    from matplotlib import _pylab_helpers

    mpl.use("Agg")
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")
        actual = experiment.report(["ours"])
    _pylab_helpers.Gcf.destroy_all()  # the figures that it leaves open
    return actual["ours"]


@pytest.fixture
def package():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import got10k.experiments
    return got10k.experiments


def test_got10k_report_with_three_repetitions(tmp_path, package):
    rng = np.random.default_rng(11)
    root, results = tmp_path / "data", tmp_path / "results"
    names = ["GOT-10k_Val_000001", "GOT-10k_Val_000002", "GOT-10k_Val_000003"]
    runs = {}
    for name, rows in zip(names, (12, 30, 21), strict=True):
        folder = root / "val" / name
        truth = truth_boxes(rng, rows)
        trees.write_rows(folder / "groundtruth.txt", truth)
        trees.write_rows(folder / "cover.label", rng.integers(0, 9, rows), "%d")
        trees.write_rows(folder / "absence.label", np.zeros(rows), "%d")
        trees.write_rows(folder / "cut_by_image.label", np.zeros(rows), "%d")
        (folder / "meta_info.ini").write_text(f"[METAINFO]\nobject_class: cat\nresolution: {FRAME_WH}\n")
        for frame in range(rows):
            (folder / f"{frame + 1:08d}.jpg").touch()
        runs[name] = [boxes_near(rng, truth) for _ in range(3)]
        for number, boxes in enumerate(runs[name], start=1):
            trees.write_rows(results / "GOT-10k" / "ours" / name / f"{name}_{number:03d}.txt", boxes, "%.3f")
        trees.write_rows(results / "GOT-10k" / "ours" / name / f"{name}_time.txt", np.full((rows, 3), 0.02), "%.8f")
    (root / "val" / "list.txt").write_text("\n".join(names) + "\n")
    theirs = report(package.ExperimentGOT10k(str(root), "val", str(results), str(tmp_path / "reports")))

    spec = get_benchmark("got10k")
    annotations = [spec.read_annotation(root, spec.splits["val"], name) for name in names]
    ours = score(
        annotations,
        {name: [Trajectory.of_boxes(boxes) for boxes in repeated] for name, repeated in runs.items()},
        "got10k-toolkit",
        benchmark="got10k",
        split="val",
        tracker="ours",
        run="",
    )
    assert ours.summary["average_overlap"] == pytest.approx(theirs["overall"]["ao"], abs=1e-12)
    assert ours.summary["success_rate_50"] == pytest.approx(theirs["overall"]["sr"], abs=1e-12)
    assert ours.curves["success"].tolist() == pytest.approx(theirs["overall"]["succ_curve"], abs=1e-12)
    for row, name in enumerate(names):
        assert ours.per_sequence["average_overlap"][row] == pytest.approx(theirs["seq_wise"][name]["ao"], abs=1e-12)


def test_uav123_report(tmp_path, package):
    import got10k.datasets

    rng = np.random.default_rng(12)
    root, results = tmp_path / "data", tmp_path / "results"
    names = ("car16_1", "car8_2", "uav4")
    metas = json.loads((Path(got10k.datasets.__file__).parent / "uav123.json").read_text())["UAV123"]
    results_by_name, truths = {}, {}
    for part in ("data_seq", "anno", "a", "b"):  # the package wants more than three entries in the root
        (root / part).mkdir(parents=True, exist_ok=True)
    for name in names:
        rows = metas[name]["end_frame"] - metas[name]["start_frame"] + 1
        truth = np.round(truth_boxes(rng, rows))
        truth[rng.random(rows) < 0.05] = np.nan
        truth[0] = [20, 30, 25, 35]
        trees.write_rows(root / "anno" / "UAV123" / f"{name}.txt", truth)
        boxes = np.where(np.isnan(truth), 5.0, truth)
        boxes = boxes_near(rng, boxes)
        trees.write_rows(results / "UAV123" / "ours" / f"{name}.txt", boxes, "%.3f")
        results_by_name[name], truths[name] = [Trajectory.of_boxes(boxes)], truth
    theirs = report(package.ExperimentUAV123(str(root), "UAV123", str(results), str(tmp_path / "reports")))

    annotations = [
        Annotation(name, truth, np.zeros(len(truth), bool), len(truth)) for name, truth in sorted(truths.items())
    ]
    ours = score(
        annotations, results_by_name, "got10k-toolkit", benchmark="uav123", split="test", tracker="ours", run=""
    )
    overall = theirs["overall"]
    assert ours.curves["success"].tolist() == pytest.approx(overall["success_curve"], abs=1e-12)
    assert ours.curves["precision"].tolist() == pytest.approx(overall["precision_curve"], abs=1e-12)
    assert ours.summary["success_auc"] == pytest.approx(overall["success_score"], abs=1e-12)
    assert ours.summary["precision_20"] == pytest.approx(overall["precision_score"], abs=1e-12)
    assert ours.summary["success_rate_50"] == pytest.approx(overall["success_rate"], abs=1e-12)
