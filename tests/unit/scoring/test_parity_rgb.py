"""Our numbers equal those of the public toolkits on real results: UAV123, LaSOT, TNL2K, GOT-10k, TrackingNet."""

import io
import json
import zipfile

import numpy as np
import pytest

from evalkit.numbers import parse_numbers
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import attribute_scores, evaluate_results
from evalkit.sequences import Annotation, Trajectory
from helpers.parity import differences, evaluated, per_sequence

pytestmark = pytest.mark.data

TOOLKITS = {
    "pytracking": "pytracking",
    "ostrack": "ostrack",
    "got10k": "got10k-toolkit",
    "pysot": "pysot",
    "swintrack": "swintrack",
    "lasot_matlab": "lasot-kit",
    "tnl2k_matlab": "tnl2k-kit",
    "uav_matlab_stored": "otb",
}
# the toolkits' names of a number -> ours; "curve/..." is read off the curve since the toolkit prints more than we report
NAMES = {
    "AUC": "success_auc",
    "OP50": "curve/success/10",
    "OP75": "curve/success/15",
    "Precision20": "precision_20",
    "NormPrecision0.20": "curve/normalized_precision/20",
    "NormPrecision_AUC": "curve/normalized_precision/mean",
    "NormPrecAUC": "curve/normalized_precision/mean",
    "mean_overlap_on_valid_frames": "average_overlap",
    "success_score": "success_auc",
    "precision_score": "precision_20",
    "success_rate_0.5": "curve/success/10",
    "normalized_precision_score_is_curve_mean": "normalized_precision_auc",
    "normalized_precision_at_0.20": "curve/normalized_precision/20",
    "success": "success_auc",
    "precision20": "precision_20",
    "norm_precision0.20": "curve/normalized_precision/20",
    "norm_precision_score": "curve/normalized_precision/20",
    "average_overlap": "average_overlap",
    "sr0.5": "curve/success/10",
    "sr0.75": "curve/success/15",
}
# the file says: curves of the first two are float32; MATLAB stored its values with few digits
TOLERANCE = {"pytracking": 2e-6, "ostrack": 2e-6, "uav_matlab_stored": 3e-5}

TRACKERS = [
    *(("lasot", tracker) for tracker in ("ATOM", "SiamRPN++", "SiamFC", "SiamRPNCF")),
    *(
        ("uav123", tracker)
        for tracker in (
            "SiamFC",
            "SiamRPN",
            "KCF_GaussHog",
            "SRDCF",
            "SAMF",
            "ECO_HC",
            "BACF",
            "TADT",
            "Staple",
            "MCCT",
            "UDT",
            "fDSST",
        )
    ),
    ("tnl2k", "SynthA"),
]


def number(evaluation, name):
    if not name.startswith("curve/"):
        return evaluation.summary()[name]
    _, curve, place = name.split("/")
    values = evaluation.numbers.curves[curve]
    return values.mean() if place == "mean" else values[int(place)]


@pytest.fixture(scope="module")
def golden(shared_golden):
    return json.loads((shared_golden / "scores_rgb.json").read_text())


@pytest.mark.parametrize(("benchmark", "tracker"), TRACKERS)
def test_every_toolkit_prints_our_number(shared_data, golden, benchmark, tracker):
    compared = 0
    for toolkit, expected in golden[benchmark][tracker].items():
        if toolkit == "published":
            continue
        done = evaluated(shared_data, benchmark, tracker, TOOLKITS[toolkit])
        actual = {name: number(done, NAMES[name]) for name in expected}
        assert differences(actual, expected, TOLERANCE.get(toolkit, 1e-6)) == {}, toolkit
        compared += len(expected)
    assert compared >= 16


@pytest.mark.parametrize(
    ("key", "benchmark", "protocol"),
    [
        ("lasot", "lasot", "pytracking"),
        ("uav123", "uav123", "pytracking"),
        ("tnl2k_pytracking", "tnl2k", "pytracking"),
        ("tnl2k_ostrack", "tnl2k", "ostrack"),
    ],
)
def test_every_sequence_has_the_toolkits_number(shared_data, shared_golden, key, benchmark, protocol):
    stored = json.loads((shared_golden / "per_sequence_rgb.json").read_text())[key]
    for tracker, expected in stored.items():
        done = evaluated(shared_data, benchmark, tracker, protocol)
        actual = per_sequence(done, "success_auc", "precision_20", "normalized_precision_20")
        percent = {name.removeprefix("uav_"): np.array(row) / 100 for name, row in expected.items()}
        assert len(percent) == len(actual)
        assert differences(actual, percent, 2e-6) == {}, tracker


@pytest.mark.parametrize(("key", "benchmark", "tracker"), [("lasot", "lasot", "ATOM"), ("uav", "uav123", "SiamRPN")])
def test_attribute_subsets_equal_the_toolkits(shared_data, golden, key, benchmark, tracker):
    expected = golden["per_attribute_pytracking"][key][tracker]
    actual = attribute_scores(evaluated(shared_data, benchmark, tracker, "pytracking"))
    assert set(actual) == set(expected)
    for code, row in expected.items():
        ours = {
            "sequences": actual[code]["sequences"],
            "AUC": actual[code]["success_auc"],
            "Precision20": actual[code]["precision_20"],
            "NormPrecision0.20": actual[code]["normalized_precision_20"],
        }
        assert differences(ours, row, 6e-6) == {}, code  # stored with five decimals


@pytest.mark.parametrize("tracker", ["ATOM", "Trio"])
def test_got10k_report_equals_the_toolkits_with_one_and_three_repetitions(shared_data, golden, tracker):
    expected = golden["got10k_val_like"][tracker]
    done = evaluated(shared_data, "got10k", tracker, "got10k-toolkit")
    curve = done.numbers.curves["success"]
    actual = {
        "AO": done.summary()["average_overlap"],
        "SR0.50": done.summary()["success_rate_50"],
        "SR0.75_from_curve": done.summary()["success_rate_75"],
        "mean_of_101_point_curve": curve.mean(),
        "succ_curve": curve,
        **done_overlap(done),
    }
    stored = {key: expected[key] for key in actual if key in expected} | expected["seq_wise_ao"]
    assert len(stored) == 5 + 180
    assert differences(actual, stored, 1e-6) == {}


def done_overlap(done):
    return {name: row[0] for name, row in per_sequence(done, "average_overlap").items()}


def nested(shared_data, member):
    outer = zipfile.ZipFile(shared_data / "trackingnet_style.zip")
    inner = zipfile.ZipFile(io.BytesIO(outer.read(f"trackingnet/{member}")))
    names = [name for name in inner.namelist() if name.endswith(".txt") and "__MACOSX" not in name]
    return {name.rsplit("/", 1)[-1][:-4]: parse_numbers(inner.read(name), where=name) for name in names}


@pytest.mark.parametrize(
    ("tracker", "truth", "submission"),
    [
        ("dummy", "devkit_dummy/dummy_GT.zip", "devkit_dummy/dummy_subm.zip"),
        ("dummy_self", "devkit_dummy/dummy_GT.zip", "devkit_dummy/dummy_GT.zip"),
        ("ATOM", "lasot_heads/GT.zip", "lasot_heads/subm_ATOM.zip"),
        ("SiamRPN++", "lasot_heads/GT.zip", "lasot_heads/subm_SiamRPN++.zip"),
    ],
)
def test_trackingnet_metrics_equal_the_development_kits(shared_data, golden, tracker, truth, submission):
    annotations = [
        Annotation(name, boxes, np.zeros(len(boxes), dtype=bool), len(boxes))
        for name, boxes in nested(shared_data, truth).items()
    ]
    results = {name: [Trajectory.of_boxes(boxes)] for name, boxes in nested(shared_data, submission).items()}
    protocol = get_protocol("trackingnet-devkit", "trackingnet")
    summary = evaluate_results(annotations, results, protocol, allow_missing=True).summary()
    actual = {
        "Coverage": summary["coverage"],
        "Success": summary["success_auc"],
        "Precision": summary["precision_auc"],
        "Normalized Precision": summary["normalized_precision_auc"],
    }
    assert differences(actual, golden["trackingnet"][tracker], 1e-6) == {}


def test_published_figures_of_real_trackers_are_met_to_the_printed_digit(shared_data):
    siamrpn = evaluated(shared_data, "lasot", "SiamRPN++", "pytracking").summary()
    assert [round(siamrpn[key], 3) for key in ("success_auc", "precision_20", "normalized_precision_20")] == [
        0.496,
        0.491,
        0.569,
    ]
    kcf = evaluated(shared_data, "uav123", "KCF_GaussHog", "otb").summary()
    assert [round(kcf[key], 3) for key in ("success_auc", "precision_20")] == [0.331, 0.523]
