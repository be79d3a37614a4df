"""Properties that the rules have, on generated sequences; and a naive loop over frames as the second opinion."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.flat import count_at_or_above, in_parts, sum_by
from evalkit.scoring.conventions import Divisor, FirstFrame, OpeProtocol, Passes
from evalkit.scoring.gather import flat_parts, gather
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.ope import evaluate, passed
from evalkit.scoring.protocols import PROTOCOLS
from evalkit.scoring.score import evaluate_results
from evalkit.sequences import Annotation, Trajectory

ONE_PASS = [
    name for name, protocol in PROTOCOLS.items() if isinstance(protocol, OpeProtocol) and name != "rgbt-toolkit"
]
# these round to integers, or compare positions with the border: moving the scene changes what they see
SHIFT_FREE = [name for name in ONE_PASS if name not in {"trackingnet-devkit"}]
QUICK = settings(max_examples=40, deadline=None)
EIGHTH = 0.125  # coordinates on a grid of eighths: sums and differences are exact
COUNT, FRAMES = st.integers(1, 4), st.integers(1, 12)


@st.composite
def sequences(draw, count=COUNT, frames=FRAMES):
    """Annotations well inside the positive quadrant, and predictions near them."""
    annotations, results = [], {}
    for number in range(draw(count)):
        length = draw(frames)
        seed = draw(st.integers(0, 2**32 - 1))
        rng = np.random.default_rng(seed)
        corner = rng.integers(400, 1600, (length, 2))
        size = rng.integers(40, 800, (length, 2))
        truth = np.concatenate([corner, size], axis=1) * EIGHTH
        moved = truth + rng.integers(-160, 160, (length, 4)) * EIGHTH
        moved[:, 2:] = np.maximum(moved[:, 2:], EIGHTH)
        absent = rng.random(length) < 0.15
        absent[0] = False
        name = f"s{number}"
        annotations.append(Annotation(name, truth, absent, length))
        results[name] = [Trajectory.of_boxes(moved)]
    return annotations, results


def changed(annotations, results, function):
    moved = [
        dataclasses.replace(annotation, ground_truth=function(annotation.ground_truth)) for annotation in annotations
    ]
    return moved, {name: [Trajectory.of_boxes(function(run.boxes)) for run in runs] for name, runs in results.items()}


def summary(annotations, results, name):
    return evaluate_results(annotations, results, get_protocol(name)).summary()


@QUICK
@given(sequences(), st.sampled_from(SHIFT_FREE))
def test_moving_scene_and_boxes_together_changes_nothing(drawn, name):
    annotations, results = drawn
    here = summary(annotations, results, name)
    # arithmetic on eighths is exact, so only the order of division and subtraction can meet another tie
    there = summary(*changed(annotations, results, lambda boxes: boxes + np.array([64.0, 32.0, 0, 0])), name)
    for key in here:
        if not key.startswith("normalized"):
            assert there[key] == pytest.approx(here[key], abs=1e-12)


@QUICK
@given(sequences(), st.sampled_from(SHIFT_FREE))
def test_doubling_all_coordinates_keeps_overlap(drawn, name):
    annotations, results = drawn
    here = summary(annotations, results, name)
    there = summary(*changed(annotations, results, lambda boxes: boxes * 2), name)
    for key in ("success_auc", "success_rate_50", "success_rate_75", "average_overlap"):
        if key in here:
            assert there[key] == pytest.approx(here[key], abs=1e-12)


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS), st.randoms(use_true_random=False))
def test_the_order_of_sequences_does_not_matter(drawn, name, random):
    annotations, results = drawn
    mixed = list(annotations)
    random.shuffle(mixed)
    here, there = summary(annotations, results, name), summary(mixed, results, name)
    assert there == pytest.approx(here, abs=1e-12, nan_ok=True)


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS))
def test_own_boxes_score_all_but_the_threshold_one(drawn, name):
    annotations, _ = drawn
    present = [
        dataclasses.replace(annotation, absent=np.zeros(len(annotation.absent), dtype=bool))
        for annotation in annotations
    ]
    results = {item.name: [Trajectory.of_boxes(item.ground_truth)] for item in present}
    protocol = get_protocol(name)
    scores = evaluate_results(present, results, protocol).summary()
    strict = protocol.success.passes is Passes.ABOVE
    assert scores["success_auc"] == pytest.approx(20 / 21 if strict else 1.0, abs=1e-12)
    for key in ("precision_20", "normalized_precision_20", "success_rate_50", "average_overlap", "coverage"):
        if key in scores:
            assert scores[key] == pytest.approx(1.0, abs=1e-12)


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS))
def test_curves_are_monotone_and_between_zero_and_one(drawn, name):
    curves = evaluate_results(*drawn, get_protocol(name)).numbers.curves
    for curve, values in curves.items():
        steps = np.diff(values)
        assert (steps <= 1e-12).all() if curve == "success" else (steps >= -1e-12).all()
        assert (values >= 0).all()
        assert (values <= 1 + 1e-12).all()


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS), st.data())
def test_turning_a_frame_into_a_miss_never_raises_a_score(drawn, name, data):
    annotations, results = drawn
    before = summary(annotations, results, name)
    sequence = data.draw(st.sampled_from(sorted(results)))
    row = data.draw(st.integers(0, len(results[sequence][0]) - 1))
    boxes = results[sequence][0].boxes.copy()
    boxes[row] = [9000.0, 9000.0, 1.0, 1.0]
    after = summary(annotations, results | {sequence: [Trajectory.of_boxes(boxes)]}, name)
    kept = evaluate_results(annotations, results, get_protocol(name)).numbers.left_out
    if any(len(rows) for rows in kept.values()):
        return  # a kit that leaves out sequences without success can rise; see the test below
    for key in before:
        if key == "success_auc" and get_protocol(name).empty_curve.name == "LEFT_OUT":
            continue
        assert after[key] <= before[key] + 1e-12


def test_leaving_out_sequences_without_success_raises_a_score_as_in_the_kits():
    good = Annotation("good", np.array([[10.0, 10, 20, 20]] * 4), np.zeros(4, bool), 4)
    # frame 0 cannot be scored (x = 0), so a lost tracker has no success at all
    hard = Annotation("hard", np.array([[0.0, 10, 20, 20]] + [[10.0, 10, 20, 20]] * 3), np.zeros(4, bool), 4)
    far = np.array([[500.0, 500, 5, 5]] * 4)
    results = {"good": [Trajectory.of_boxes(good.ground_truth)], "hard": [Trajectory.of_boxes(far)]}
    once = hard.ground_truth.copy()
    once[2:] = far[2:]
    better = results | {"hard": [Trajectory.of_boxes(once)]}
    assert summary([good, hard], results, "lasher-kit")["success_auc"] == pytest.approx(20 / 21)
    assert summary([good, hard], better, "lasher-kit")["success_auc"] < 20 / 21
    assert summary([good, hard], results, "ostrack")["success_auc"] < 20 / 21


@QUICK
@given(sequences(count=st.integers(2, 4)), st.sampled_from(ONE_PASS))
def test_a_sequence_scores_the_same_alone_and_among_others(drawn, name):
    annotations, results = drawn
    together = evaluate_results(annotations, results, get_protocol(name)).numbers.metrics
    for row, annotation in enumerate(annotations):
        alone = evaluate_results(
            [annotation], {annotation.name: results[annotation.name]}, get_protocol(name)
        ).numbers.metrics
        for key, metric in alone.items():
            assert metric.values[0] == pytest.approx(together[key].values[row], abs=0, nan_ok=True)


@QUICK
@given(sequences(count=st.just(1), frames=st.integers(4, 12)), st.data())
def test_pooled_frames_do_not_care_where_a_sequence_is_split(drawn, data):
    (annotation,), results = drawn
    protocol = dataclasses.replace(
        get_protocol("got10k-toolkit", "got10k"),
        rows=dataclasses.replace(get_protocol("got10k-toolkit", "got10k").rows, first_frame=FirstFrame.AS_PREDICTED),
    )
    cut = data.draw(st.integers(1, len(annotation.ground_truth) - 1))
    boxes = results["s0"][0].boxes
    cover = np.full(len(boxes), 8)

    def piece(name, part):
        truth = annotation.ground_truth[part]
        return Annotation(
            name, truth, annotation.absent[part], len(truth), frame_wh=(400, 300), visible_eighths=cover[part]
        )

    whole = [piece("s0", slice(None))]
    halves = [piece("a", slice(0, cut)), piece("b", slice(cut, None))]
    split = {"a": [Trajectory.of_boxes(boxes[:cut])], "b": [Trajectory.of_boxes(boxes[cut:])]}
    assert evaluate_results(halves, split, protocol).summary() == pytest.approx(
        evaluate_results(whole, results, protocol).summary(), abs=1e-12
    )


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS))
def test_repeating_the_same_run_changes_nothing(drawn, name):
    annotations, results = drawn
    thrice = {sequence: runs * 3 for sequence, runs in results.items()}
    assert summary(annotations, thrice, name) == pytest.approx(
        summary(annotations, results, name), abs=1e-12, nan_ok=True
    )


@QUICK
@given(sequences(), st.sampled_from(ONE_PASS))
def test_nothing_is_changed_in_place(drawn, name):
    annotations, results = drawn
    before = (
        [annotation.ground_truth.copy() for annotation in annotations],
        {k: v[0].boxes.copy() for k, v in results.items()},
    )
    summary(annotations, results, name)
    assert all((annotation.ground_truth == kept).all() for annotation, kept in zip(annotations, before[0], strict=True))
    assert all((results[key][0].boxes == kept).all() for key, kept in before[1].items())


# --- a loop over frames, written from the definition ----------------------------------------------------------------


def naive_ostrack(annotations, results):
    """Success, precision and normalized precision as the protocol's page describes them, frame by frame."""
    rates = {"success_auc": [], "precision_20": [], "normalized_precision_20": []}
    for annotation in annotations:
        boxes = [list(map(float, box)) for box in results[annotation.name][0].boxes]
        boxes[0] = list(annotation.ground_truth[0])
        success = [0] * 21
        near = near_normalized = 0
        for (x, y, w, h), (gx, gy, gw, gh) in zip(boxes, annotation.ground_truth, strict=True):
            wide = max(0.0, min(x + w, gx + gw) - max(x, gx))
            high = max(0.0, min(y + h, gy + gh) - max(y, gy))
            share = wide * high / (w * h + gw * gh - wide * high)
            for step in range(21):
                success[step] += share > step / 20 + 1e-9
            dx, dy = (x + w / 2) - (gx + gw / 2), (y + h / 2) - (gy + gh / 2)
            near += math.hypot(dx, dy) <= 20 + 1e-9
            near_normalized += math.hypot(dx / gw, dy / gh) <= 0.2 + 1e-9
        frames = len(boxes)
        rates["success_auc"].append(sum(success) / 21 / frames)
        rates["precision_20"].append(near / frames)
        rates["normalized_precision_20"].append(near_normalized / frames)
    return {key: sum(values) / len(values) for key, values in rates.items()}


def test_the_vectorized_arithmetic_equals_a_loop_over_frames():
    rng = np.random.default_rng(7)
    annotations, results = [], {}
    for number, length in enumerate((1, 5, 80, 33)):
        # eighths: equal boxes have an overlap of exactly 1
        truth = np.concatenate([rng.integers(80, 1600, (length, 2)), rng.integers(40, 720, (length, 2))], axis=1) / 8
        moved = truth + rng.integers(-200, 200, truth.shape) / 8
        moved[:, 2:] = np.abs(moved[:, 2:]) + 0.5
        annotations.append(Annotation(f"s{number}", truth, np.zeros(length, bool), length))
        results[f"s{number}"] = [Trajectory.of_boxes(moved)]
    actual = summary(annotations, results, "ostrack")
    for key, value in naive_ostrack(annotations, results).items():
        assert actual[key] == pytest.approx(value, abs=1e-12)


# --- building blocks -------------------------------------------------------------------------------------------------


GRIDS = st.sampled_from(
    [
        PROTOCOLS["ostrack"].success.thresholds,
        PROTOCOLS["otb"].success.thresholds,
        PROTOCOLS["otb"].precision.thresholds,
    ]
)


@QUICK
@given(GRIDS, st.lists(st.floats(-2, 60) | st.sampled_from([math.nan, math.inf, -math.inf])), st.data())
def test_counting_thresholds_equals_comparing_with_each(grid, values, data):
    thresholds = np.array(grid)
    exact = data.draw(st.lists(st.sampled_from(grid)))
    around = [math.nextafter(value, side) for value in exact for side in (-math.inf, math.inf)]
    checked = np.array([*values, *exact, *around])
    table = checked[:, None], thresholds[None, :]
    assert passed(checked, thresholds, Passes.ABOVE).tolist() == (table[0] > table[1]).sum(axis=1).tolist()
    assert passed(checked, thresholds, Passes.AT_LEAST).tolist() == (table[0] >= table[1]).sum(axis=1).tolist()
    assert passed(checked, thresholds, Passes.AT_MOST).tolist() == (table[0] <= table[1]).sum(axis=1).tolist()


def test_sums_by_owner_survive_empty_owners():
    owners = np.array([0, 0, 3])
    assert sum_by(owners, np.array([1.0, 2, 4]), 5).tolist() == [3, 0, 0, 4, 0]
    assert count_at_or_above(owners, np.array([2, 0, 1]), 5, 2).tolist() == [[1, 1], [0, 0], [0, 0], [1, 0], [0, 0]]


@QUICK
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 20))
def test_parts_cover_all_tracks_once_and_are_small(lengths, frames):
    ranges = in_parts(lengths, frames)
    assert [index for start, stop in ranges for index in range(start, stop)] == list(range(len(lengths)))
    assert all(sum(lengths[start:stop]) <= frames or stop == start + 1 for start, stop in ranges)


def test_the_size_of_parts_does_not_change_a_number():
    rng = np.random.default_rng(3)
    truth = [np.abs(rng.normal(60, 20, (length, 4))) + 1 for length in (40, 3, 70, 25)]
    annotations = [Annotation(f"s{k}", boxes, np.zeros(len(boxes), bool), len(boxes)) for k, boxes in enumerate(truth)]
    results = {
        f"s{k}": [Trajectory.of_boxes(boxes + rng.normal(0, 4, boxes.shape))] * 2 for k, boxes in enumerate(truth)
    }
    protocol = get_protocol("pysot")
    gathered = gather(annotations, results, protocol, allow_missing=False)
    whole, parts = (evaluate(flat_parts(gathered, protocol, frames), 4, protocol) for frames in (10**6, 30))
    assert len(list(flat_parts(gathered, protocol, 30))) == 7
    assert all((whole.curves[name].hits == parts.curves[name].hits).all() for name in whole.curves)
    assert whole.overlap_sum == pytest.approx(parts.overlap_sum)
    assert (whole.frames == parts.frames).all()


def test_dividing_by_scored_frames_needs_frames():
    absent = np.array([True, True])
    annotations = [
        Annotation("gone", np.array([[10.0, 10, 5, 5]] * 2), absent, 2),
        Annotation("here", np.array([[10.0, 10, 5, 5]] * 2), ~absent, 2),
    ]
    results = {annotation.name: [Trajectory.of_boxes(annotation.ground_truth)] for annotation in annotations}
    protocol = get_protocol("swintrack")
    assert protocol.divisor is Divisor.FRAMES_SCORED
    done = evaluate_results(annotations, results, protocol)
    assert math.isnan(done.numbers.metrics["success_auc"].values[0])  # undefined is not zero
    assert done.summary()["success_auc"] == 1.0


def test_equal_boxes_with_fractions_can_pass_the_threshold_one_unless_clipped():
    box = np.array([[34.62, 45.22, 83.63, 43.87]])  # (x + w - 1) - x + 1 is not w here
    annotation, results = Annotation("s", box, np.zeros(1, bool), 1), {"s": [Trajectory.of_boxes(box)]}
    curves = {name: evaluate_results([annotation], results, get_protocol(name)).numbers.curves for name in ONE_PASS}
    assert curves["ostrack"]["success"][20] == 1.0  # as the toolkit does
    assert curves["pysot"]["success"][20] == 0.0
