"""Rows on which public programs differ from each other, each worked by hand."""

import dataclasses

import numpy as np
import pytest

from evalkit.scoring import grids
from evalkit.scoring.conventions import BadBox, Center, OpeProtocol, PartlyNan
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.protocols import PROTOCOLS
from evalkit.scoring.score import evaluate_results
from evalkit.sequences import Annotation, Trajectory

NAN = np.nan
TRUTH = [50.0, 40.0, 20.0, 10.0]


def scored(protocol, rows, truth=TRUTH, aux=None):
    """Scores of one sequence: the ground truth in frame 0 and in every frame, ``rows`` from frame 1 on."""
    frames = len(rows) + 1
    ground_truth = np.tile(np.array(truth, float), (frames, 1))
    boxes = np.vstack([ground_truth[:1], np.array(rows, float)])
    second = None if aux is None else np.tile(np.array(aux, float), (frames, 1))
    annotation = Annotation("s", ground_truth, np.zeros(frames, bool), frames, ground_truth_aux=second)
    done = evaluate_results([annotation], {"s": [Trajectory.of_boxes(boxes)]}, protocol)
    return done.summary(), done.gathered.notes


@pytest.mark.parametrize(("name", "benchmark"), [("otb", "uav123"), ("trackingnet-devkit", "trackingnet")])
@pytest.mark.parametrize(
    ("row", "as_if"),
    [
        ([NAN, 40, 20, 10], TRUTH),  # without its left corner the box covers the annotation's width
        ([50, NAN, 20, 10], TRUTH),
        ([NAN, NAN, 20, 10], TRUTH),
        ([NAN, 40, 80, 10], [50, 40, 80, 10]),  # 200 px of 200 + 800 - 200
    ],
)
def test_a_row_that_is_nan_in_part_scores_its_overlap_and_misses_its_center(name, benchmark, row, as_if):
    protocol = get_protocol(name, benchmark)
    far = [900.0, 900.0, 20.0, 10.0]  # what a replaced row would be
    scores, notes = scored(protocol, [far, row])
    center = "precision_20" if name == "otb" else "precision_auc"
    assert scores["success_auc"] == scored(protocol, [far, as_if])[0]["success_auc"]
    assert scores[center] == scored(protocol, [far, far])[0][center]
    assert "minimum and maximum skip NaN" in notes[0]


def test_a_row_without_a_width_is_no_hit_anywhere():
    row, far = [50.0, 40.0, NAN, 10.0], [900.0, 900.0, 20.0, 10.0]
    assert scored(PROTOCOLS["otb"], [TRUTH, row])[0] == scored(PROTOCOLS["otb"], [TRUTH, far])[0]


def test_only_two_programs_score_rows_that_are_nan_in_part():
    ope = [protocol for protocol in PROTOCOLS.values() if isinstance(protocol, OpeProtocol)]
    assert [item.id for item in ope if item.rows.partly_nan is PartlyNan.SCORED] == ["otb", "trackingnet-devkit"]
    replaced = {item.id for item in ope if item.rows.nan_or_negative is BadBox.REPEAT} - {"otb"}
    assert replaced == {"lasot-kit", "tnl2k-kit", "visevent-kit", "lasher-kit"}
    for name in replaced:
        scores, _ = scored(PROTOCOLS[name], [TRUTH, [NAN, 40, 20, 10]])
        assert scores["precision_20"] == 1.0


@pytest.mark.parametrize("name", ["otb", "lasot-kit"])
@pytest.mark.parametrize("row", [[NAN] * 4, [NAN, 40, -3, 10], [NAN, 40, 20, 0]])
def test_rows_of_nan_and_rows_without_a_size_are_replaced_in_every_matlab_program(name, row):
    assert scored(PROTOCOLS[name], [TRUTH, row])[0]["success_auc"] == pytest.approx(20 / 21)


def test_rgbt234_has_matlabs_thresholds_where_the_package_has_numpys():
    protocol = PROTOCOLS["rgbt-toolkit"]
    box = [50.0, 40.0, 100.0, 10.0]
    row = [50.0, 40.0, 65.0, 10.0]  # overlap 0.65, above MATLAB's 0.6499999999999999 and not above numpy's 0.65
    package = dataclasses.replace(
        protocol, success=dataclasses.replace(protocol.success, thresholds=grids.OVERLAP_PLAIN)
    )
    ours, theirs = (scored(item, [row], box, aux=box)[0]["maximum_success_auc"] for item in (protocol, package))
    assert ours - theirs == pytest.approx(1 / 42)


def test_rgbt234_misses_a_frame_whose_overlap_with_one_annotation_is_no_number():
    protocol = PROTOCOLS["rgbt-toolkit"]
    # the areas of prediction and second annotation cancel: 0 / 0
    scores, _ = scored(protocol, [TRUTH], aux=[900.0, 900.0, -20.0, 10.0])
    assert scores["maximum_success_auc"] == 0.0
    assert scores["maximum_precision_20"] == 1.0


def test_swintrack_computes_centers_and_sizes_from_corners():
    protocol = PROTOCOLS["swintrack"]
    on_sizes = dataclasses.replace(protocol, errors=dataclasses.replace(protocol.errors, center=Center.HALF_SIZE))
    # 18.342 px of 91.71 px, a tie at 0.2: 0.19999999999999973 from corners, 0.20000000000000062 from sizes
    truth, row = [244.17, 40.0, 91.71, 50.0], [262.512, 40.0, 91.71, 50.0]
    hits = [scored(item, [row], truth)[0]["normalized_precision_20"] for item in (protocol, on_sizes)]
    assert hits == [1.0, 0.5]


def test_a_width_that_the_right_corner_cannot_hold_is_no_box_for_swintrack():
    scores, _ = scored(PROTOCOLS["swintrack"], [[1e6, 40, 1e-12, 10]], [1e6, 40, 20, 10])
    assert scores["precision_20"] == 0.5


@pytest.mark.parametrize(("name", "benchmark"), [("got10k-toolkit", "lasot"), ("swintrack", "lasot")])
def test_hundredths_are_linspaces_where_the_program_takes_linspace(name, benchmark):
    protocol = get_protocol(name, benchmark)
    grid = protocol.normalized_precision.thresholds
    assert grid == grids.HUNDREDTHS_LINSPACE
    assert [k for k in range(51) if grid[k] != grids.HUNDREDTHS[k]] == [35, 41, 47]
