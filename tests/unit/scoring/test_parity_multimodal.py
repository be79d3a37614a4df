"""Our numbers equal those of the official multi-modal toolkits: LasHeR, VisEvent, DepthTrack (proxy), RGBT234."""

import json

import numpy as np
import pytest

from evalkit.benchmarks.annotations import read_sequence_list
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import attribute_scores, evaluate_results
from helpers.parity import annotations_of, differences, evaluated, per_sequence, results_of

pytestmark = pytest.mark.data

LASHER = ("APFNet", "mfDiMP", "CAT", "DAFNet", "MANet++", "SGT", "MTNet")
VISEVENT = ("SynA", "SynB", "SynC", "CEUTrack")
DEPTHTRACK = ("DeT_DiMP50_Max", "DeT_ATOM_Mean", "DiMP50", "DeT_DiMP50_MC", "SynLost", "SynNoConf")
CURVES = {
    "success_curve": "success",
    "precision_curve": "precision",
    "norm_precision_curve": "normalized_precision",
}


@pytest.fixture(scope="module")
def golden(shared_golden):
    return json.loads((shared_golden / "scores_multimodal.json").read_text())


def numbers_of(done):
    summary, curves = done.summary(), done.numbers.curves
    return {
        "n_sequences": len(done.names),
        "n_sequences_kept_success": len(done.names) - len(done.numbers.left_out["success"]),
        "n_sequences_kept_precision": len(done.names) - len(done.numbers.left_out["precision"]),
        "PR": summary["precision_20"],
        "NPR": summary["normalized_precision_20"],
        "SR": summary["success_auc"],
        "SR_at_0_5": summary["success_rate_50"],
        "PR_auc_mode": curves["precision"].mean(),
        **{name: curves[curve] for name, curve in CURVES.items()},
    }


def compare(done, expected, reported):
    actual = numbers_of(done)
    stored = {key: value for key, value in expected.items() if key in actual}
    assert len(stored) >= reported
    assert differences(actual, stored, 1e-6) == {}
    attributes = attribute_scores(done)
    for code, row in expected.get("attributes", {}).items():
        ours = {
            "n": attributes[code]["sequences"],
            "PR": attributes[code]["precision_20"],
            "NPR": attributes[code]["normalized_precision_20"],
            "SR": attributes[code]["success_auc"],
        }
        assert differences(ours, row, 1e-6) == {}, code
    if expected.get("per_sequence"):
        rows = per_sequence(done, "precision_20", "normalized_precision_20", "success_auc")
        assert differences(rows, expected["per_sequence"], 1e-6) == {}


@pytest.mark.parametrize("tracker", LASHER)
def test_lasher_equals_the_toolkit_and_the_published_digits(shared_data, golden, tracker):
    expected = golden["lasher_test"]["trackers"][tracker]
    done = evaluated(shared_data, "lasher", tracker, "lasher-kit")
    compare(done, expected, reported=8)
    printed = [round(done.summary()[key], 3) for key in ("precision_20", "normalized_precision_20", "success_auc")]
    assert printed == expected["published_PR_NPR_SR"]


def test_the_two_ended_grid_decides_a_published_digit_of_lasher(shared_data, golden):
    plain = evaluated(shared_data, "lasher", "CAT", "lasot-kit").summary()["success_auc"]
    two_ended = evaluated(shared_data, "lasher", "CAT", "lasher-kit").summary()["success_auc"]
    assert plain == pytest.approx(golden["lasher_test"]["trackers"]["CAT"]["SR_with_plain_thresholds"], abs=1e-6)
    assert (round(plain, 3), round(two_ended, 3)) == (0.313, 0.314)


@pytest.mark.parametrize("tracker", LASHER)
def test_lasher_is_close_to_the_single_precision_package(shared_data, golden, tracker):
    expected = golden["lasher_test"]["trackers"][tracker]["rgbt_package_1_0_1"]
    summary = evaluated(shared_data, "lasher", tracker, "lasher-kit").summary()
    actual = {
        "PR": summary["precision_20"],
        "NPR": summary["normalized_precision_20"],
        "SR": summary["success_auc"],
    }
    # the package rounds predictions to integers and computes in single precision
    assert differences({key: actual[key] for key in expected if key in actual}, expected, 1e-4) == {}


@pytest.mark.parametrize("tracker", VISEVENT)
def test_visevent_equals_the_toolkit(shared_data, golden, tracker):
    expected = golden["visevent_test"]["trackers"][tracker]
    names = list(results_of(shared_data, "visevent", tracker)) if tracker == "CEUTrack" else None
    compare(evaluated(shared_data, "visevent", tracker, "visevent-kit", names), expected, reported=8)


@pytest.mark.parametrize("tracker", ["SynA", "SynB"])
def test_visevent_on_another_list_is_another_number(shared_data, golden, tracker):
    names = read_sequence_list(shared_data / "visevent_test_gt.zip" / "lists" / "srtrack_val_218.txt")
    done = evaluated(shared_data, "visevent", tracker, "visevent-kit", names)
    expected = golden["visevent_test"]["trackers"][f"{tracker}_on_srtrack_218"]
    compare(done, expected, reported=4)
    assert (
        done.summary()["success_auc"]
        != evaluated(shared_data, "visevent", tracker, "visevent-kit").summary()["success_auc"]
    )


def test_sequences_without_any_success_leave_visevents_mean(shared_data, golden):
    expected = golden["visevent_test"]["trackers"]["SynC"]
    done = evaluated(shared_data, "visevent", "SynC", "visevent-kit")
    assert len(done.numbers.left_out["success"]) == 22
    assert done.numbers.metrics["success_auc"].values.mean() == pytest.approx(
        expected["SR_without_dropping_zero_sequences"], abs=1e-6
    )


@pytest.mark.parametrize("protocol", ["vot-longterm-0.9", "vot-longterm-0.5"])
@pytest.mark.parametrize("tracker", DEPTHTRACK)
def test_longterm_scores_equal_both_toolkit_versions(shared_data, golden, tracker, protocol):
    stored = golden["depthtrack_proxy"]["trackers"][tracker]
    expected = stored if protocol.endswith("0.9") else stored["legacy_0_5_3"]
    done = evaluated(shared_data, "depthtrack", tracker, protocol)
    summary, curves = done.summary(), done.numbers.curves
    actual = {
        "Pr": summary["longterm_precision"],
        "Re": summary["longterm_recall"],
        "F": summary["longterm_f"],
        "threshold_index": int(np.argmax(curves["longterm_f"])),
        "precision_curve": curves["longterm_precision"],
        "recall_curve": curves["longterm_recall"],
    }
    chosen = {key: value for key, value in expected.items() if key in actual}
    assert len(chosen) >= 4
    assert differences(actual, chosen, 1e-6) == {}
    if "thresholds" in expected:
        thresholds = done.numbers.thresholds["longterm_f"]
        assert (thresholds[0], thresholds[-1]) == (np.inf, -np.inf)
        stored_thresholds = [float(value) for value in expected["thresholds"]]
        assert np.allclose(thresholds[1:-1], stored_thresholds[1:-1], rtol=0, atol=1e-6)
        rows = per_sequence(done, "longterm_precision", "longterm_recall")
        assert differences(rows, expected["per_sequence_at_best_threshold"], 1e-6) == {}


@pytest.mark.parametrize("tracker", ["SynP", "SynQ"])
def test_rgbt234_takes_the_better_annotation(shared_data, golden, tracker):
    expected = golden["rgbt234"]["trackers"][tracker]
    done = evaluated(shared_data, "rgbt234", tracker, "rgbt-toolkit")
    actual = {"MPR": done.summary()["maximum_precision_20"], "MSR": done.summary()["maximum_success_auc"]}
    assert differences(actual, expected["double_precision"], 1e-6) == {}
    assert differences(actual, expected["rgbt_package_1_0_1"], 5e-4) == {}  # single precision
    attributes = attribute_scores(done)
    for code, row in expected.get("attributes_rgbt_package", {}).items():
        ours = {
            "n": attributes[code]["sequences"],
            "MPR": attributes[code]["maximum_precision_20"],
            "MSR": attributes[code]["maximum_success_auc"],
        }
        assert differences(ours, row, 5e-4) == {}, code


@pytest.mark.parametrize(
    "wrong", ["polarity", "divisor", "never a hit"], ids=["wrong polarity", "wrong divisor", "forgotten -1 rule"]
)
def test_a_wrong_rule_on_visevent_shows(shared_data, golden, wrong):
    import dataclasses

    from evalkit.scoring.conventions import Divisor, Unscorable

    expected = golden["visevent_test"]["trackers"]["SynA"]
    protocol = get_protocol("visevent-kit", "visevent")
    annotations = annotations_of(shared_data, "visevent")
    if wrong == "polarity":
        annotations = [dataclasses.replace(annotation, absent=~annotation.absent) for annotation in annotations]
    elif wrong == "divisor":
        protocol = dataclasses.replace(protocol, divisor=Divisor.FRAMES_SCORED)
    else:
        rule = dataclasses.replace(protocol.precision, unscorable=Unscorable.MISS)
        protocol = dataclasses.replace(protocol, precision=rule)
    done = evaluate_results(annotations, results_of(shared_data, "visevent", "SynA"), protocol)
    assert abs(done.summary()["precision_20"] - expected["PR"]) > 0.005
