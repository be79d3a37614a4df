"""Every protocol against plain loops over frames, on random sequences full of rows that programs treat differently."""

import math

import numpy as np
import pytest

from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import evaluate_results
from evalkit.sequences import Annotation, Trajectory
from helpers import naive_reference as naive

NAN = math.nan
SIZES = [(20, 20), (40, 20), (100, 50), (5, 8), (61, 37), (200, 120)]
LOST = {"nan": [NAN] * 4, "half_nan": [5.0, NAN, 9.0, 9.0], "negative": [40.0, 40.0, -6.0, 9.0]}
ZERO = [[70.0, 50.0, 0.0, 9.0], [70.0, 50.0, 8.0, 0.0], [0.0, 0.0, 0.0, 0.0]]


def near(rng, g):
    """A prediction for one annotated row: often exactly on a threshold of overlap or of an error."""
    x, y, w, h = g
    kind = rng.integers(8)
    if kind == 0:
        return list(g)
    if kind == 1:  # overlap k / 20
        return [x, y, w * rng.integers(1, 21) / 20, h]
    if kind == 2:  # 20 px and other whole distances, 0.2 of the size
        dx, dy = [(12, 16), (16, -12), (0, 20), (w / 5, 0), (0, h / 5), (3, 4)][rng.integers(6)]
        return [x + dx, y + dy, w, h]
    if kind == 3:
        return [float(v) for v in np.round(np.array(g) + rng.normal(0, 6, 4), 2)]
    if kind == 4:
        return [1e5, 1e5, 3.0, 3.0]
    if kind == 5:
        return [x - 300, y - 200, w + 600, h + 400]
    if kind == 6:
        return [x + 0.1, y + 0.3, w, h]
    return [float(v) for v in np.array(g) + rng.integers(-9, 10, 4)]


def annotated(rng, bad):
    """One row of ground truth; ``bad`` are the kinds of rows beside plain ones."""
    w, h = SIZES[rng.integers(len(SIZES))]
    row = [float(rng.integers(1, 300)), float(rng.integers(1, 200)), float(w), float(h)]
    if rng.random() < 0.3:
        row = [value + float(rng.integers(0, 100)) / 100 for value in row]
    kind = bad[rng.integers(len(bad))] if bad and rng.random() < 0.35 else ""
    changes = {
        "left": {0: 0.0}, "above": {1: -3.0}, "flat": {3: 0.0}, "empty": {2: 0.0, 3: 0.0}, "negative": {2: -4.0},
        "nan": {0: NAN, 1: NAN, 2: NAN, 3: NAN}, "zeros": {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0}, "outside": {0: 395.0},
    }.get(kind, {})  # fmt: skip
    return [changes.get(k, value) for k, value in enumerate(row)]


def drawn(rng, *, truth, lost=(), zero=True, short=False, surplus=True, tag=""):
    """Some sequences as dicts of lists; the first one has one frame, the second is lost, the third always absent."""
    sequences = []
    for number in range(7):
        n = 1 if number == 0 else int(rng.integers(2, 30))
        gt = [annotated(rng, [kind for kind in truth if i or kind not in {"nan"}]) for i in range(n)]
        absent = [bool(rng.random() < 0.2) for _ in gt]
        if number == 2:
            absent = [True] * n
            gt = [[g[0], g[1], 0.0, 0.0] if rng.random() < 0.5 and not naive.has_nan(g) else g for g in gt]
        pred = [near(rng, [10.0 if math.isnan(value) else value for value in g]) for g in gt]
        if number == 1:
            gt[0][0] = 0.0 if "left" in truth else gt[0][0]
            pred = [[5e4, 5e4, 2.0, 2.0] for _ in gt]
        for i in range(n):
            if number == 1 or rng.random() > 0.25:
                continue
            if lost and rng.random() < 0.5:
                pred[i] = list(LOST[lost[rng.integers(len(lost))]])
            elif zero:
                pred[i] = list(ZERO[rng.integers(3)])
        if not lost:  # these programs refuse negative sizes
            pred = [[*row[:2], *(max(value, 0.0) for value in row[2:])] for row in pred]
        if surplus and rng.random() < 0.3:
            pred += [[9.0, 9.0, 9.0, 9.0]] * 3
        elif short and n > 3 and rng.random() < 0.4:
            pred = pred[: n - 2]
        aux = [[g[0] + rng.integers(-3, 4), g[1], g[2], g[3]] for g in gt]
        cover = [int(rng.integers(0, 9)) for _ in gt]
        confidence = [None if rng.random() < 0.1 else float(rng.integers(0, 12)) / 11 for _ in pred]
        sequences.append({
            "gt": gt, "pred": pred, "absent": absent, "aux": aux, "wh": (400, 260), "cover": cover, "confidence": confidence,
        })  # fmt: skip
    return sequences


def evaluated(sequences, protocol):
    annotations, results = [], {}
    for number, sequence in enumerate(sequences):
        annotations.append(
            Annotation(
                f"s{number}",
                np.array(sequence["gt"]),
                np.array(sequence["absent"]),
                len(sequence["gt"]),
                frame_wh=sequence["wh"],
                visible_eighths=np.array(sequence["cover"]),
                ground_truth_aux=np.array(sequence["aux"]),
            )
        )
        boxes = np.array(sequence["pred"])
        confidence = np.array([NAN if value is None else value for value in sequence["confidence"]])
        results[f"s{number}"] = [Trajectory(boxes, confidence[: len(boxes)], np.full(len(boxes), NAN))]
    return evaluate_results(annotations, results, protocol, allow_missing=True)


def agree(done, expected, rows=None):
    assert set(done.summary()) <= set(expected)
    for key, value in done.summary().items():
        assert value == pytest.approx(expected[key], abs=1e-12, nan_ok=True), key
    for name, row in (rows or {}).items():
        actual = {key: metric.values[done.names.index(name)] for key, metric in done.numbers.metrics.items()}
        assert actual == pytest.approx({key: row[key] for key in actual}, abs=1e-12, nan_ok=True), name


def plain_mean(rows):
    return {key: naive.mean([row[key] for row in rows if row]) for key in next(row for row in rows if row)}


BORDER = ("left", "above", "flat", "empty", "negative", "zeros")
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["pytracking", "ostrack"])
@pytest.mark.parametrize("tag", ["", "uav123", "lasot"])
def test_pytracking_and_ostrack(name, tag, seed):
    truth = (*BORDER, "nan") if tag == "uav123" else BORDER
    sequences = drawn(np.random.default_rng(seed), truth=truth, short=tag != "lasot")
    rows = [naive.pytracking(sequence, tag, sizes_only=name == "ostrack") for sequence in sequences]
    agree(evaluated(sequences, get_protocol(name, tag)), plain_mean(rows), {f"s{k}": row for k, row in enumerate(rows)})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "grid", "flags"),
    [
        ("otb", naive.TWO_ENDED, False),
        ("lasot-kit", naive.K05, True),
        ("tnl2k-kit", naive.K05, True),
        ("visevent-kit", naive.TWO_ENDED, True),
        ("lasher-kit", naive.TWO_ENDED, False),
    ],
)
def test_matlab_kits(name, grid, flags, seed):
    sequences = drawn(np.random.default_rng(seed), truth=(*BORDER, "nan"), lost=tuple(LOST))
    curves = [naive.matlab_kit(sequence, grid, flags, vector_test=name == "otb") for sequence in sequences]
    done = evaluated(sequences, get_protocol(name))
    agree(done, naive.kit_scores(curves))
    empty = sum(sum(curve[0]) == 0 for curve in curves)
    assert len(done.numbers.left_out["success"]) == empty
    assert empty >= 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tag", ["", "lasot"])
def test_pysot(tag, seed):
    sequences = drawn(np.random.default_rng(seed), truth=(*BORDER, "nan"), lost=tuple(LOST), surplus=False)
    rows = [naive.pysot(sequence, tag) for sequence in sequences]
    agree(evaluated(sequences, get_protocol("pysot", tag)), plain_mean(rows), {f"s{k}": r for k, r in enumerate(rows)})


@pytest.mark.parametrize("seed", SEEDS)
def test_got10k_toolkit_on_other_benchmarks(seed):
    sequences = drawn(np.random.default_rng(seed), truth=(*BORDER, "nan"), lost=tuple(LOST), short=True)
    rows = [naive.got10k_otb(sequence) for sequence in sequences]
    agree(evaluated(sequences, get_protocol("got10k-toolkit")), plain_mean(rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_got10k_toolkit_on_got10k(seed):
    sequences = drawn(np.random.default_rng(seed), truth=(*BORDER, "outside"), lost=("negative",), surplus=False)
    agree(evaluated(sequences, get_protocol("got10k-toolkit", "got10k")), naive.got10k(sequences))


@pytest.mark.parametrize("seed", SEEDS)
def test_trackingnet_devkit(seed):
    sequences = drawn(np.random.default_rng(seed), truth=BORDER, lost=tuple(LOST), short=True)
    rows = [naive.trackingnet(sequence) for sequence in sequences]
    covered = sum(count for _, count in rows) / sum(len(sequence["gt"]) for sequence in sequences)
    expected = plain_mean([row for row, _ in rows]) | {"coverage": covered}
    agree(evaluated(sequences, get_protocol("trackingnet-devkit", "trackingnet")), expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("tag", "shift"), [("", 0.0), ("lasot", -1.0)])
def test_swintrack(tag, shift, seed):
    sequences = drawn(np.random.default_rng(seed), truth=(*BORDER, "nan"), lost=tuple(LOST))
    rows = [naive.swintrack(sequence, shift) for sequence in sequences]
    assert rows[2] is None
    agree(evaluated(sequences, get_protocol("swintrack", tag)), plain_mean(rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_rgbt_toolkit(seed):
    sequences = drawn(np.random.default_rng(seed), truth=BORDER, lost=tuple(LOST))
    agree(
        evaluated(sequences, get_protocol("rgbt-toolkit")), plain_mean([naive.rgbt(sequence) for sequence in sequences])
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "newer"), [("vot-longterm-0.5", False), ("vot-longterm-0.9", True)])
def test_longterm(name, newer, seed):
    rng = np.random.default_rng(seed)
    sequences = drawn(rng, truth=("left", "above", "nan", "outside"), lost=("nan",), zero=True, surplus=False)
    for sequence in sequences:  # boxes of a few pixels keep the counting short
        small = np.array([1, 1, 0.2, 0.2])
        sequence["gt"] = [(np.array(g) * small / 4).tolist() for g in sequence["gt"]]
        sequence["pred"] = [(np.minimum(p, 999) * small / 4).tolist() for p in sequence["pred"]]
        sequence["wh"] = (70, 40)
        if seed % 2:  # many frames: thresholds at every third confidence
            sequence["gt"], sequence["pred"], sequence["absent"], sequence["cover"], sequence["aux"] = (
                sequence[key] * 4 for key in ("gt", "pred", "absent", "cover", "aux")
            )
            sequence["confidence"] = [float(value) for value in rng.random(len(sequence["pred"]))]
    agree(evaluated(sequences, get_protocol(name)), naive.longterm(sequences, newer))
