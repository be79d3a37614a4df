"""Twenty tiny sequences on which public toolkits differ; what a toolkit refuses for a reason, we refuse with a text."""

import json

import numpy as np
import pytest

from evalkit.errors import ScoringError
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import evaluate_results
from evalkit.sequences import Annotation, Trajectory
from helpers import GOLDEN

STORED = json.loads((GOLDEN / "edge_cases_rgb.json").read_text())
TOOLKITS = {
    "pytracking": "pytracking",
    "ostrack": "ostrack",
    "pysot": "pysot",
    "got10k": "got10k-toolkit",
    "lasot_matlab": "lasot-kit",
}
BENCHMARKS = {"lasot": "lasot", "uav": "uav123", "tnl2k": "tnl2k", "any": ""}
TOLERANCE = {"pytracking": 2e-6, "ostrack": 2e-6}  # float32 curves
# these two toolkits cannot read a result of one row (IndexError): a defect of theirs; ours is the plain answer
ONE_FRAME = {("pytracking", "one_frame"), ("ostrack", "one_frame")}

CASES = [(toolkit, *case.split("/")) for toolkit, cases in STORED["expected"].items() for case in cases]


def numbers(rows):
    return np.array([[float(value) for value in row] for row in rows])


def evaluate_case(toolkit, tag, case, *, allow_missing=True):
    given = STORED["inputs"][case]
    truth = numbers(given["gt"])
    absent = np.array(given["absent"], dtype=bool)
    annotation = Annotation("s", truth, absent, len(truth))
    results = {"s": [Trajectory.of_boxes(numbers(given["pred"]))]}
    protocol = get_protocol(TOOLKITS[toolkit], BENCHMARKS[tag])
    return evaluate_results([annotation], results, protocol, allow_missing=allow_missing)


def test_the_file_is_the_one_we_know():
    assert len(STORED["inputs"]) == 20
    assert len(CASES) == 60 + 60 + 40 + 20 + 20


@pytest.mark.parametrize(("toolkit", "tag", "case"), CASES)
def test_edge_case_equals_the_toolkit(toolkit, tag, case):
    expected = STORED["expected"][toolkit][f"{tag}/{case}"]
    if "error" in expected and (toolkit, case) not in ONE_FRAME:
        with pytest.raises(ScoringError):
            evaluate_case(toolkit, tag, case)
        return
    done = evaluate_case(toolkit, tag, case)
    curves = done.numbers.curves
    if "error" in expected:
        assert done.summary()["success_auc"] == pytest.approx(20 / 21)
        return
    tolerance = TOLERANCE.get(toolkit, 1e-6)
    assert curves["success"] == pytest.approx(expected["success"], abs=tolerance)
    assert curves["success"].mean() == pytest.approx(expected["auc"], abs=tolerance)
    assert curves["precision"][0] == pytest.approx(expected["precision0"], abs=tolerance)
    assert curves["precision"][20] == pytest.approx(expected["precision20"], abs=tolerance)
    assert curves["normalized_precision"][20] == pytest.approx(expected["norm_precision0.20"], abs=tolerance)
    if "norm_precision_mean" in expected:
        mean = done.summary()["normalized_precision_auc"]
        assert mean == pytest.approx(expected["norm_precision_mean"], abs=tolerance)


@pytest.mark.parametrize(
    ("toolkit", "tag", "case", "text"),
    [
        ("pytracking", "lasot", "pred_nan", "NaN or negative size, which this protocol refuses, 1: s (1 row, first"),
        ("pytracking", "lasot", "pred_negative_width", "NaN or negative size"),
        ("pytracking", "tnl2k", "gt_nan", "the annotation has NaN, which this protocol refuses"),
        ("lasot_matlab", "lasot", "pred_shorter", "result too short, 1: s (9 rows for 12 frames)"),
        ("pysot", "lasot", "pred_longer", "result too long, which this protocol refuses, 1: s (15 rows for 12 frames)"),
    ],
)
def test_refusals_name_the_sequence_and_the_reason(toolkit, tag, case, text):
    with pytest.raises(ScoringError) as error:
        evaluate_case(toolkit, tag, case, allow_missing=False)
    assert text in str(error.value)


def test_a_short_result_is_refused_unless_the_user_allows_it():
    with pytest.raises(ScoringError, match="too short"):
        evaluate_case("got10k", "any", "pred_shorter", allow_missing=False)
    done = evaluate_case("got10k", "any", "pred_shorter")
    assert any("short" in note for note in done.gathered.notes)
