"""The installed toolkit got10k as a second opinion: the same boxes, both programs, numbers that must agree."""

import sys

import numpy as np
import pytest

from evalkit.errors import ScoringError
from evalkit.scoring.second_opinion import second_opinion
from evalkit.sequences import Annotation, Trajectory

FRAME_WH = (200, 150)


def annotated(rng, name, rows, *, absent=0.0):
    boxes = np.concatenate([rng.uniform(-10, FRAME_WH, (rows, 2)), rng.uniform(8, 70, (rows, 2))], axis=1).round(2)
    boxes[1:][rng.random(rows - 1) < absent] = np.nan
    cover = rng.integers(0, 9, rows)
    return Annotation(name, boxes, np.zeros(rows, bool), rows, frame_wh=FRAME_WH, visible_eighths=cover)


def near(rng, annotation, rows=None):
    truth = annotation.ground_truth[:rows]
    moved = np.where(np.isnan(truth), 5.0, truth) + rng.normal(0, 6, truth.shape)
    return Trajectory.of_boxes(moved.round(int(rng.integers(0, 3))))


def results(seed, repetitions=1, *, absent=0.0):
    rng = np.random.default_rng(seed)
    # names of an annotations-only copy are a stranger's
    annotations = [annotated(rng, f"../{number}", int(rng.integers(2, 60)), absent=absent) for number in range(5)]
    return annotations, {
        annotation.name: [near(rng, annotation) for _ in range(repetitions)] for annotation in annotations
    }


@pytest.mark.parametrize(
    ("benchmark", "repetitions", "absent"),
    [("got10k", 3, 0.0), ("got10k", 1, 0.0), ("uav123", 1, 0.1), ("lasot", 1, 0.0), ("custom", 1, 0.2)],
)
@pytest.mark.parametrize("seed", range(3))
def test_both_programs_agree_and_nothing_is_written_or_printed(
    tmp_path, monkeypatch, capsys, benchmark, repetitions, absent, seed
):
    monkeypatch.chdir(tmp_path)
    opinion = second_opinion(*results(seed, repetitions, absent=absent), benchmark=benchmark, tracker="T")
    assert opinion.agrees, opinion.explanation()
    assert opinion.explanation() == []
    assert opinion.theirs == pytest.approx(opinion.ours, abs=1e-12)
    assert opinion.protocol == "got10k-toolkit/2"
    assert set(opinion.ours) == (
        {"average_overlap", "success_rate_50", "success_rate_75"}
        if benchmark == "got10k"
        else {"success_auc", "precision_20", "success_rate_50"}
    )
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_toolkit_that_computes_otherwise_is_found_out(monkeypatch):
    import got10k.experiments.uav123 as theirs

    annotations, trajectories = results(1)
    original = theirs.center_error
    monkeypatch.setattr(theirs, "center_error", lambda *boxes: original(*boxes) + 15 * (len(boxes[0]) > 20))
    opinion = second_opinion(annotations, trajectories, benchmark="uav123", tracker="T")
    assert not opinion.agrees
    assert opinion.differences["success_auc"] == pytest.approx(0, abs=1e-12)
    assert opinion.differences["precision_20"] < -0.01
    assert set(opinion.sequences) == {annotation.name for annotation in annotations if annotation.frame_count > 20}
    text = "\n".join(opinion.explanation())
    for part in ("got10k 0.1", "got10k-toolkit/2", "precision_20", next(iter(opinion.sequences)), "956e728"):
        assert part in text
    assert "success_auc" not in text


def test_rows_without_a_box_spoil_the_mean_of_the_toolkit_and_the_text_says_so():
    annotations, trajectories = results(2, absent=0.0)
    boxes = trajectories["../1"][0].boxes.copy()
    boxes[1] = np.nan
    annotations[1] = Annotation(
        "../1", annotations[1].ground_truth, annotations[1].absent, len(boxes), FRAME_WH, np.full(len(boxes), 8)
    )
    trajectories["../1"] = [Trajectory.of_boxes(boxes)]
    opinion = second_opinion(annotations, trajectories, benchmark="got10k", tracker="T")
    assert not opinion.agrees
    assert np.isnan(opinion.theirs["average_overlap"])
    assert list(opinion.sequences) == ["../1"]
    assert "rows without a box" in opinion.explanation()[-1]


def test_short_and_missing_results_are_left_out_for_both_where_that_is_allowed():
    annotations, trajectories = results(3)
    del trajectories["../0"]
    trajectories["../1"] = [near(np.random.default_rng(0), annotations[1], rows=2)]
    with pytest.raises(ScoringError, match=r"\.\./0"):
        second_opinion(annotations, trajectories, benchmark="lasot", tracker="T")
    assert second_opinion(annotations, trajectories, benchmark="lasot", tracker="T", allow_missing=True).agrees


@pytest.mark.parametrize(
    ("benchmark", "repetitions", "text"),
    [("depthtrack", 1, "cannot evaluate depthtrack; it can evaluate custom, got10k"), ("lasot", 2, "one run per seq")],
)
def test_what_the_toolkit_cannot_evaluate_is_refused(benchmark, repetitions, text):
    with pytest.raises(ScoringError, match=text):
        second_opinion(*results(4, repetitions), benchmark=benchmark, tracker="T")


def test_without_the_package_the_text_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "got10k.experiments", None)
    with pytest.raises(ScoringError, match=r"pip install 'evalkit\[got10k\]'"):
        second_opinion(*results(5), benchmark="lasot", tracker="T")


def test_a_toolkit_that_fails_is_no_traceback(monkeypatch):
    import got10k.experiments.otb as theirs

    monkeypatch.setattr(theirs, "np", None)
    with pytest.raises(ScoringError, match=r"got10k cannot evaluate these results \(AttributeError"):
        second_opinion(*results(6), benchmark="lasot", tracker="T")
