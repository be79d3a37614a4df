"""Missing, short, long, NaN and foreign results: all listed by name at once, or scored with a remark when allowed."""

import numpy as np
import pytest

from evalkit.errors import ScoringError
from evalkit.scoring.conventions import LongTermProtocol
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.protocols import PROTOCOLS
from evalkit.scoring.score import score
from evalkit.sequences import Annotation, Trajectory

BOX = np.array([[10.0, 10, 20, 20]] * 6)


def annotation(name, rows=6, **more):
    return Annotation(name, BOX[:rows].copy(), np.zeros(rows, bool), more.pop("frames", rows), **more)


def run(rows=6, **changed):
    boxes = np.resize(BOX, (rows, 4)).copy()
    for row, box in changed.items():
        boxes[int(row[1:])] = box
    return [Trajectory.of_boxes(boxes)]


def scored(annotations, results, protocol="ostrack", **more):
    return score(annotations, results, protocol, benchmark="custom", split="all", tracker="t", run="r", **more)


DAMAGED = {
    "short": run(4),
    "long": run(9),
    "nan": run(r2=[np.nan] * 4),
    "good": run(),
    "foreign-1": run(),
    "foreign-2": run(),
}
NAMES = ["absent-1", "absent-2", "short", "long", "nan", "good"]


def test_everything_wrong_is_listed_by_name_in_one_error():
    with pytest.raises(ScoringError) as error:
        scored([annotation(name) for name in NAMES], DAMAGED)
    text = str(error.value)
    assert "no result, 2: absent-1, absent-2" in text
    assert "result too short, 1: short (4 rows for 6 frames)" in text
    assert "result of an unknown sequence, 2: foreign-1, foreign-2" in text
    assert "NaN or negative size, which this protocol refuses, 1: nan (1 row, first is row 2)" in text
    assert "--allow-missing" in text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_infinite_and_enormous_coordinates_are_named_and_never_hit(protocol):
    if isinstance(PROTOCOLS[protocol], LongTermProtocol):
        return
    whole = annotation("s", frame_wh=(90, 90), visible_eighths=np.full(6, 8), ground_truth_aux=BOX.copy())
    results = {"s": run(r2=[np.inf, 10, 20, 20], r3=[-np.inf, np.inf, 5, np.inf], r4=[1e300, -1e300, 1e300, 1e300])}
    if protocol in {"pytracking", "ostrack"}:
        with pytest.raises(ScoringError, match=r"refuses, 1: s \(2 rows, first is row 2\)"):
            scored([whole], results, protocol)
        return
    done = scored([whole], results, protocol)
    assert any("1 result with rows of NaN or a negative size" in note for note in done.notes)
    assert all(value <= 3 / 6 + 1 / 40 for key, value in done.summary.items() if key != "coverage")


def test_long_results_are_cut_with_a_remark_or_refused():
    annotations = [annotation("long")]
    assert any("longer than the annotation" in note for note in scored(annotations, {"long": run(9)}).notes)
    with pytest.raises(ScoringError, match=r"too long, which this protocol refuses, 1: long \(9 rows for 6 frames\)"):
        scored(annotations, {"long": run(9)}, "pysot")


def test_monkey_17_is_cut_even_where_long_results_are_refused():
    done = scored([annotation("monkey-17")], {"monkey-17": run(9)}, "pysot")
    assert done.summary["success_auc"] == pytest.approx(20 / 21)


def test_allowing_missing_results_says_what_was_left_out():
    results = {name: runs for name, runs in DAMAGED.items() if name != "nan"}
    done = scored([annotation(name) for name in NAMES if name != "nan"], results, "lasher-kit", allow_missing=True)
    assert done.missing == ("absent-1", "absent-2", "short")
    assert done.sequence_names == ("long", "good")
    text = "\n".join(done.notes)
    assert "absent-1, absent-2, short" in text
    assert "foreign-1, foreign-2" in text


def test_a_short_result_is_padded_with_zeros_after_the_repair_of_rows():
    done = scored([annotation("s")], {"s": run(3)}, "ostrack", allow_missing=True)
    assert done.summary["success_rate_50"] == 0.5  # the padded rows stay zero, so they miss
    assert any("short" in note for note in done.notes)


def test_a_missing_trackingnet_result_scores_as_zeros():
    done = scored([annotation("a"), annotation("b")], {"a": run()}, "trackingnet-devkit", allow_missing=True)
    assert done.missing == ("b",)
    assert done.summary["coverage"] == pytest.approx(7 / 12)  # frame 0 of b counts as the annotation
    assert 0.5 < done.summary["success_auc"] < 1


def test_nothing_left_to_score_is_an_error():
    with pytest.raises(ScoringError, match="nothing to score"):
        scored([annotation("a")], {}, allow_missing=True)


def test_an_empty_result_counts_as_none():
    with pytest.raises(ScoringError, match="no result, 1: a"):
        scored([annotation("a")], {"a": [Trajectory.of_boxes(np.zeros((0, 4)))]})


def test_annotations_that_a_protocol_cannot_score_are_named_with_the_reason():
    hidden = [annotation("h", rows=1, frames=50)]
    with pytest.raises(ScoringError, match=r"h \(only 1 of 50 frames are annotated\)"):
        scored(hidden, {"h": run(50)})
    with pytest.raises(ScoringError, match="the frame size is not known"):
        scored([annotation("a")], {"a": run()}, get_protocol("got10k-toolkit", "got10k"))
    with pytest.raises(ScoringError, match="no annotation of the second modality"):
        scored([annotation("a")], {"a": run()}, "rgbt-toolkit")
    with pytest.raises(ScoringError, match="the frame size is not known"):
        scored([annotation("a")], {"a": run()}, "vot-longterm-0.9")


def test_a_stride_scores_every_kth_row_of_the_result():
    sparse = Annotation("s", BOX[:3].copy(), np.zeros(3, bool), 11, stride=5)
    boxes = np.full((11, 4), 300.0)
    boxes[[0, 5, 10]] = BOX[0]
    done = scored([sparse], {"s": [Trajectory.of_boxes(boxes)]})
    assert done.summary["success_auc"] == pytest.approx(20 / 21)
    with pytest.raises(ScoringError, match="3 rows for 11 frames"):
        scored([sparse], {"s": run(3)})


def test_the_long_term_protocol_refuses_repetitions():
    with pytest.raises(ScoringError, match="one run per sequence"):
        scored([annotation("a", frame_wh=(100, 100))], {"a": run() * 2}, "vot-longterm-0.5")


def test_lost_frames_of_the_long_term_protocol_are_no_defect():
    done = scored([annotation("a", frame_wh=(100, 100))], {"a": run(r3=[np.nan] * 4)}, "vot-longterm-0.5")
    assert done.summary["longterm_recall"] == pytest.approx(5 / 6)
    assert done.notes == ()
