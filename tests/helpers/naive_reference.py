"""A second opinion on every protocol: loops over frames in plain Python, written from the toolkits' descriptions alone.

A sequence is a dict with lists: ``gt`` and ``pred`` (rows of four floats), ``absent`` (bools), and where the toolkit
reads them ``aux`` (the second annotation), ``wh`` (frame size), ``cover`` (0..8), ``confidence`` (floats or None).
"""

import itertools
import math
import statistics

NAN = math.nan
K05 = [k * 0.05 for k in range(20)] + [1.0]
TORCH = [0.6500000000000001 if k == 13 else 0.7500000000000001 if k == 15 else K05[k] for k in range(21)]
TWO_ENDED = [k * 0.05 for k in range(10)] + [0.5] + [1 - (20 - k) * 0.05 for k in range(11, 21)]
PIXELS, HUNDREDTHS, STEPS = list(range(51)), [k / 100 for k in range(51)], [*(k * 0.01 for k in range(50)), 0.5]


def over(a, b):
    if b:
        return a / b
    return NAN if a == 0 or math.isnan(a) else math.copysign(math.inf, a)


def has_nan(row):
    return any(math.isnan(value) for value in row)


def positive(row):
    return all(value > 0 for value in row)


def iou_inclusive(p, g, skip_nan=False):
    """With ``skip_nan`` as MATLAB and pandas do it: their min and max of a number and NaN is the number."""
    sides = []
    for k in (0, 1):
        start, stop = [p[k], g[k]], [p[k] + p[k + 2] - 1, g[k] + g[k + 2] - 1]
        if skip_nan:
            start, stop = ([value for value in ends if not math.isnan(value)] for ends in (start, stop))
        side = min(stop, default=NAN) - max(start, default=NAN) + 1
        sides.append(NAN if has_nan(p + g) and not skip_nan else max(0.0, side))
    both = sides[0] * sides[1]
    return over(both, p[2] * p[3] + g[2] * g[3] - both)


def iou_exclusive(p, g, eps=0.0):
    if has_nan(p + g):
        return NAN
    sides = [max(0.0, min(p[k] + p[k + 2], g[k] + g[k + 2]) - max(p[k], g[k])) for k in (0, 1)]
    both = sides[0] * sides[1]
    value = over(both, p[2] * p[3] + g[2] * g[3] - both + eps)
    return value if math.isnan(value) else min(max(value, 0.0), 1.0)


def center(row, k, constant=-1):
    return row[k] + (row[k + 2] + constant) / 2


def distance(p, g, constant=-1):
    return math.sqrt(sum((center(p, k, constant) - center(g, k, constant)) ** 2 for k in (0, 1)))


def divided_then_subtracted(p, g, constant=-1, tiny=0.0):
    parts = [
        over(center(p, k, constant), g[k + 2] + tiny) - over(center(g, k, constant), g[k + 2] + tiny) for k in (0, 1)
    ]
    return math.sqrt(sum(part * part for part in parts))


def subtracted_then_divided(p, g, constant=-1, floor=-math.inf):
    parts = [over(center(p, k, constant) - center(g, k, constant), max(g[k + 2], floor)) for k in (0, 1)]
    return math.sqrt(sum(part * part for part in parts))


def above(values, grid, divisor):
    return [sum(value > t for value in values) / divisor for t in grid]


def at_least(values, grid, divisor):
    return [sum(value >= t for value in values) / divisor for t in grid]


def within(values, grid, divisor):
    return [sum(value <= t for value in values) / divisor for t in grid]


def mean(values):
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else NAN


def headline(success, errors, normalized_precision, overlaps):
    return {
        "success_auc": sum(success) / 21,
        "success_rate_50": success[10],
        "success_rate_75": success[15],
        "precision_20": within(errors, PIXELS, len(errors))[20],
        "normalized_precision_20": normalized_precision[20],
        "average_overlap": mean(overlaps),
    }


def pytracking(sequence, tag="", sizes_only=False):
    gt, pred = sequence["gt"], [list(row) for row in sequence["pred"]]
    for i in range(1, len(pred)):
        if 0 in pred[i][2:] and not (i < len(gt) and has_nan(gt[i])):
            pred[i] = list(pred[i - 1])
    pred = (pred + [[0.0] * 4] * len(gt))[: len(gt)]
    pred[0] = gt[0]
    overlaps, errors, normalized, valid_overlaps = [], [], [], []
    for p, g, absent in zip(pred, gt, sequence["absent"], strict=True):
        hidden = tag == "lasot" and absent
        if positive(g[2:] if sizes_only else g) and not hidden:
            overlaps.append(iou_inclusive(p, g))
            errors.append(distance(p, g))
            normalized.append(divided_then_subtracted(p, g))
            valid_overlaps.append(overlaps[-1])
        else:
            overlaps.append(-1.0)
            errors.append(-1.0 if tag == "uav123" else math.inf)
            normalized.append(math.inf if hidden else -1.0)
    return headline(above(overlaps, TORCH, len(gt)), errors, within(normalized, HUNDREDTHS, len(gt)), valid_overlaps)


def matlab_kit(sequence, grid, absent_flags=True, vector_test=False):
    """Curves of the LaSOT family of kits and of the OTB program.

    The latter tests a row with a vector of four, ``isnan(r) | r(3) <= 0 | r(4) <= 0``, which MATLAB takes for true only
    if all four are: a proper size with NaN in part is not replaced.
    """
    gt = sequence["gt"]
    n = len(gt)
    pred = [list(row) for row in sequence["pred"][:n]]
    for i in range(1, n):
        nan = all(map(math.isnan, pred[i])) if vector_test else has_nan(pred[i])
        if (nan or pred[i][2] <= 0 or pred[i][3] <= 0) and not has_nan(gt[i]):
            pred[i] = list(pred[i - 1])
    pred[0] = gt[0]
    kept = [i for i in range(n) if not (absent_flags and sequence["absent"][i])]
    overlaps, errors, normalized = [], [], []
    for p, g in ((pred[i], gt[i]) for i in kept):
        good = positive(g)
        overlaps.append(iou_inclusive(p, g, skip_nan=True) if good else -1.0)
        errors.append(distance(p, g) if good else -1.0)
        normalized.append(divided_then_subtracted(p, g) if good else -1.0)
    return above(overlaps, grid, n), within(errors, PIXELS, n), within(normalized, HUNDREDTHS, n)


def kit_scores(curves):
    """Dataset numbers of a kit: sequences whose whole curve is zero leave the mean of that curve."""
    means = []
    for number in range(3):
        used = [curve[number] for curve in curves if sum(curve[number]) > 2.2e-16]
        means.append([sum(column) / len(used) for column in zip(*used, strict=True)] if used else [0.0] * 51)
    success, precision, normalized = means
    return {
        "success_auc": statistics.fmean(success[:21]),
        "success_rate_50": success[10],
        "success_rate_75": success[15],
        "precision_20": precision[20],
        "precision_auc": statistics.fmean(precision),
        "normalized_precision_20": normalized[20],
        "normalized_precision_auc": statistics.fmean(normalized),
    }


def pysot(sequence, tag=""):
    gt, n = sequence["gt"], len(sequence["gt"])
    overlaps, errors, normalized = [], [], []
    for p, g, absent in zip(sequence["pred"][:n], gt, sequence["absent"], strict=True):
        if tag == "lasot" and absent:
            continue
        overlaps.append(iou_exclusive(p, g) if positive(g) else -1.0)
        errors.append(distance(p, g) if center(g, 0) > 0 and center(g, 1) > 0 else -1.0)
        scaled = [over(center(g, k), g[k + 2] + 1e-16) for k in (0, 1)]
        normalized.append(divided_then_subtracted(p, g, tiny=1e-16) if positive(scaled) else -1.0)
    return {
        "success_auc": sum(above(overlaps, K05, n)) / 21,
        "precision_20": within(errors, PIXELS, n)[20],
        "normalized_precision_20": within(normalized, HUNDREDTHS, n)[20],
    }


def got10k_otb(sequence):
    n = min(len(sequence["gt"]), len(sequence["pred"]))
    pred, gt = sequence["pred"][:n], sequence["gt"][:n]
    pairs = [(p, g) for p, g in zip([gt[0], *pred[1:]], gt, strict=True) if not has_nan(g)]
    success = above([iou_exclusive(p, g, 2.220446049250313e-16) for p, g in pairs], K05, len(pairs))
    normalized = [subtracted_then_divided(p, g, floor=1.0) for p, g in pairs]
    return {
        "success_auc": sum(success) / 21,
        "success_rate_50": success[10],
        "precision_20": within([distance(p, g) for p, g in pairs], PIXELS, len(pairs))[20],
        "normalized_precision_auc": sum(within(normalized, STEPS, len(pairs))) / 51,
    }


def got10k(sequences):
    def bounded(row, wh):
        x, y = (min(max(row[k], 0.0), wh[k]) for k in (0, 1))
        return [x, y, min(max(row[2], 0.0), wh[0] - x), min(max(row[3], 0.0), wh[1] - y)]

    values = []
    for sequence in sequences:
        for p, g, cover in list(zip(sequence["pred"], sequence["gt"], sequence["cover"], strict=True))[1:]:
            if cover > 0:
                inside = (bounded(row, sequence["wh"]) for row in (p, g))
                values.append(iou_exclusive(*inside, 2.220446049250313e-16))
    percent = [k * 0.01 for k in range(100)]
    curve = above(values, percent, len(values))
    return {"average_overlap": mean(values), "success_rate_50": curve[50], "success_rate_75": curve[75]}


def trackingnet(sequence):
    def whole(row):
        return [value if math.isnan(value) else float(round(value)) for value in row]

    gt = [whole(row) for row in sequence["gt"]]
    pred = [whole(row) for row in sequence["pred"]] + [[NAN] * 4] * len(gt)
    pred[0] = gt[0]
    pairs = list(zip(pred, gt, strict=False))
    n = len(gt)

    def area(curve):
        return sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / 20

    return {
        "success_auc": area(at_least([iou_inclusive(p, g, skip_nan=True) for p, g in pairs], K05, n)),
        "precision_auc": area(within([distance(p, g, 1) for p, g in pairs], [2.5 * k for k in range(21)], n)),
        "normalized_precision_auc": area(
            within([subtracted_then_divided(p, g, 1) for p, g in pairs], [*(0.025 * k for k in range(20)), 0.5], n)
        ),
    }, sum(sum(p) > 0 for p, _ in pairs)


def swintrack(sequence, shift=0.0):
    overlaps, errors, normalized, plain = [], [], [], []
    first = [sequence["gt"][0], *sequence["pred"][1 : len(sequence["gt"])]]
    for submitted, truth, absent in zip(first, sequence["gt"], sequence["absent"], strict=True):
        if absent or not positive(truth[2:]) or has_nan(truth):
            continue
        p, g = ([row[0] + shift, row[1] + shift, *row[2:]] for row in (submitted, truth))
        (px, py, pr, pb), (gx, gy, gr, gb) = ((x, y, x + w, y + h) for x, y, w, h in (p, g))
        if not (px < pr and py < pb):
            overlaps.append(-1.0)
            errors.append(math.inf)
            normalized.append(math.inf)
            plain.append(0.0)
            continue
        both = max(0.0, min(pr, gr) - max(px, gx)) * max(0.0, min(pb, gb) - max(py, gy))
        overlap = both / ((pr - px) * (pb - py) + (gr - gx) * (gb - gy) - both)
        plain.append(overlap)
        overlaps.append(overlap if overlap != 0 else -1.0)
        middles = [((px + pr) / 2, (gx + gr) / 2), ((py + pb) / 2, (gy + gb) / 2)]
        errors.append(math.sqrt(sum((a - b) ** 2 for a, b in middles)))
        scaled = [a / side - b / side for (a, b), side in zip(middles, (gr - gx, gb - gy), strict=True)]
        normalized.append(math.sqrt(sum(part * part for part in scaled)))
    n = len(overlaps)
    return headline(at_least(overlaps, K05, n), errors, within(normalized, STEPS, n), plain) if n else None


def rgbt(sequence):
    overlaps, errors = [], []
    for p, g, second in zip(sequence["pred"][: len(sequence["gt"])], sequence["gt"], sequence["aux"], strict=True):
        pair = [iou_inclusive(p, g), iou_inclusive(p, second)]
        overlaps.append(NAN if has_nan(pair) else max(pair))
        errors.append(min(distance(p, g), distance(p, second)))
    n = len(overlaps)
    return {
        "maximum_precision_20": within(errors, PIXELS, n)[20],
        "maximum_success_auc": sum(above(overlaps, TWO_ENDED, n)) / 21,
    }


def pixel_overlap(p, g, wh, newer):
    """Overlap of the VOT toolkit, counting pixels one by one."""
    lost = has_nan(p) or has_nan(g)
    # an empty region has the bounds 0, 0, 0, 0: those of the one pixel at the origin
    boxes = [[0, 0, 1, 1] if has_nan(row) else [round(value) for value in row] for row in (p, g)]
    low, high = [[x, y] for x, y, _, _ in boxes], [[x + w - 1, y + h - 1] for x, y, w, h in boxes]
    union_low = [min(item[k] for item in low) for k in (0, 1)]
    union_high = [max(item[k] for item in high) for k in (0, 1)]
    if newer and any(union_low[k] >= union_high[k] for k in (0, 1)):
        return 1.0
    if lost:
        return 0.0
    start = [max(union_low[k], 0) for k in (0, 1)]
    stop = [min(union_high[k], wh[k] - 1) for k in (0, 1)]
    if any(start[k] >= stop[k] for k in (0, 1)):
        return 0.0
    both = either = 0
    for x in range(start[0], stop[0] + 1):
        for y in range(start[1], stop[1] + 1):
            inside = [a[0] <= x <= b[0] and a[1] <= y <= b[1] for a, b in zip(low, high, strict=True)]
            both += all(inside)
            either += any(inside)
    return both / either if either else 0.0


def longterm(sequences, newer):
    overlaps = [
        [pixel_overlap(p, g, sequence["wh"], newer) for p, g in zip(sequence["pred"], sequence["gt"], strict=False)]
        for sequence in sequences
    ]
    confidences = [[0.0 if value is None else value for value in sequence["confidence"]] for sequence in sequences]
    ordered = sorted((value for item in confidences for value in item), reverse=True)
    if len(ordered) > 98:
        d, n = len(ordered) // 98, len(ordered)
        ordered = [ordered[round(d + (n - 2 * d) * k / 97)] for k in range(98)]
    best = (-1.0, 0.0, 0.0)
    for threshold in [math.inf, *ordered, -math.inf]:
        precision, recall = [], []
        for sequence, values, confidence in zip(sequences, overlaps, confidences, strict=True):
            kept = [value for value, c in zip(values, confidence, strict=True) if c >= threshold]
            precision.append(sum(kept) / len(kept) if kept else 1.0)
            recall.append(sum(kept) / sum(not has_nan(g) for g in sequence["gt"]))
        p, r = statistics.fmean(precision), statistics.fmean(recall)
        f = 2 * p * r / (p + r) if p + r else 0.0
        if f > best[0] + 1e-15:
            best = (f, p, r)
    return {"longterm_f": best[0], "longterm_precision": best[1], "longterm_recall": best[2]}
