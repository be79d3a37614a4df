"""One-pass evaluation: curves of all sequences at once, from FlatTracks and the rules of an OpeProtocol."""

import collections.abc as cabc
import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalkit.boxes import Flags, FloatArray, IntArray
from evalkit.flat import FlatTracks, count_at_or_above, count_by, sum_by
from evalkit.scoring import overlap as geometry
from evalkit.scoring.conventions import (
    AbsentFlags,
    BadBox,
    Bounds,
    Center,
    CurveRule,
    Divisor,
    FirstFrame,
    GroundTruths,
    OpeProtocol,
    OverlapRange,
    PartlyNan,
    Passes,
    RowRules,
    Scorable,
    Unscorable,
    Visibility,
    ZeroOverlap,
)

_UNIFORM = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class OpeInput:
    """Everything that an evaluation reads.

    Attributes:
        tracks: Predictions, ground truth, absent flags.
        padded: (F,) True for rows that were added because the result is too short; they are not repaired. None if
            there is none.
        frame_wh: (2, F) frame size, where the protocol clips boxes; else None.
        visible_eighths: (F,) GOT-10k's cover label, where the protocol reads it; else None.
        ground_truth_aux: (4, F) the second modality's boxes, where the protocol reads them; else None.
    """

    tracks: FlatTracks
    padded: Flags | None = None
    frame_wh: FloatArray | None = None
    visible_eighths: IntArray | None = None
    ground_truth_aux: FloatArray | None = None


class CurveTable(NamedTuple):
    """One curve of every sequence.

    Attributes:
        thresholds: (K,).
        hits: (S, K) frames that pass.
        divisor: (S,) frames that count; 0 = undefined.
    """

    thresholds: FloatArray
    hits: FloatArray
    divisor: FloatArray

    def values(self) -> FloatArray:
        """(S, K) fractions, NaN for a sequence of which no frame counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.hits / self.divisor[:, None], dtype=np.float64)


class OpeTables(NamedTuple):
    """What an evaluation yields for every sequence.

    Attributes:
        curves: Curve name -> table.
        overlap_sum: (S,) sum of overlaps of the frames that can be scored.
        overlap_count: (S,) number of those frames.
        covered: (S,) frames for which the result holds a box.
        frames: (S,) all frames.
    """

    curves: cabc.Mapping[str, CurveTable]
    overlap_sum: FloatArray
    overlap_count: FloatArray
    covered: FloatArray
    frames: FloatArray


class _Frames(NamedTuple):
    """Per-frame quantities shared by the curves."""

    predictions: FloatArray
    ground_truths: tuple[FloatArray, ...]
    annotated: FloatArray  # the first ground truth without the shift, which is for the arithmetic alone
    missed: Flags
    left_out: Flags
    owners: IntArray


def repaired(
    predictions: FloatArray,
    ground_truth: FloatArray,
    protocol: OpeProtocol,
    offsets: IntArray,
    padded: Flags | None = None,
) -> FloatArray:
    """Predictions after the repair of rows and the rule for frame 0.

    A row to be replaced takes the row before it as already repaired, so that runs of bad rows take the last good
    one; frame 0 is never examined and is a source as submitted. Where the ground truth has NaN nothing is replaced.

    Args:
        predictions: (4, F).
        ground_truth: (4, F).
        protocol: ``rows`` matters.
        offsets: (T + 1,) start of each track.
        padded: (F,) rows that are left as they are.

    Returns:
        (4, F), a new array where something changed.

    Source: pytracking ``extract_results.py``, LaSOT toolkit ``eval_tracker.m``.
    """
    starts = offsets[:-1][np.diff(offsets) > 0]
    rows = protocol.rows
    broken = _broken(predictions, rows, BadBox.REPEAT)
    result = predictions
    if broken.any():
        broken &= ~np.isnan(ground_truth).any(axis=0)
        broken[starts] = False
        if padded is not None:
            broken &= ~padded
        source = np.where(broken, 0, np.arange(len(broken)))
        np.maximum.accumulate(source, out=source)
        result = predictions[:, source]
    if rows.first_frame is FirstFrame.REPLACED:
        result = result.copy() if result is predictions else result
        result[:, starts] = ground_truth[:, starts]
    return result


def _broken(predictions: FloatArray, rows: RowRules, action: BadBox) -> Flags:
    """Rows that the rules treat in this way."""
    left, top, width, height = predictions
    broken = np.zeros(predictions.shape[1], dtype=np.bool_)
    if rows.nan_or_negative is action:
        broken |= ~((width >= 0) & (height >= 0)) | np.isnan(left + top)
        if rows.partly_nan is PartlyNan.SCORED:
            broken &= np.isnan(predictions).all(axis=0) | (width < 0) | (height < 0)
    if rows.zero_size is action:
        broken |= (width == 0) | (height == 0)
    return broken


def evaluate(parts: cabc.Iterable[tuple[int, OpeInput]], sequence_count: int, protocol: OpeProtocol) -> OpeTables:
    """Compute every curve of every sequence.

    Args:
        parts: (index of the first sequence, input of some tracks); small enough for the processor's cache. Sequences of
            a part are counted from its first one; repetitions of a sequence may lie in two parts.
        sequence_count: Number of sequences S.
        protocol: The rules.

    Returns:
        Tables with one row per sequence.
    """
    nothing = functools.partial(np.zeros, sequence_count)
    whole = OpeTables(
        curves={
            name: CurveTable(np.array(rule.thresholds), np.zeros((sequence_count, len(rule.thresholds))), nothing())
            for name, rule in protocol.curves().items()
        },
        overlap_sum=nothing(),
        overlap_count=nothing(),
        covered=nothing(),
        frames=nothing(),
    )
    for first, data in parts:
        with np.errstate(invalid="ignore", over="ignore"):  # infinite and enormous coordinates hit nothing
            _add(whole, _evaluate_part(data, protocol), first)
    return whole


def _add(whole: OpeTables, part: OpeTables, first: int) -> None:
    """Add the tables of a part whose sequences start at ``first``."""
    rows = slice(first, first + len(part.frames))
    for name, table in part.curves.items():
        whole.curves[name].hits[rows] += table.hits
        whole.curves[name].divisor[rows] += table.divisor
    whole.overlap_sum[rows] += part.overlap_sum
    whole.overlap_count[rows] += part.overlap_count
    whole.covered[rows] += part.covered
    whole.frames[rows] += part.frames


def _evaluate_part(data: OpeInput, protocol: OpeProtocol) -> OpeTables:
    frames = _prepare(data, protocol)
    count = data.tracks.sequence_count
    total = np.bincount(frames.owners, minlength=count).astype(np.float64)
    overlaps = _best(frames, np.maximum, lambda truth: _overlap(frames, truth, protocol))
    curves = {
        name: _curve(frames, rule, _quantity(name, frames, overlaps, protocol), total, protocol)
        for name, rule in protocol.curves().items()
    }
    overlap_sum, overlap_count = _overlap_sums(frames, overlaps, protocol, count)
    # frame 0 counts as what its rule made of it, as in the TrackingNet script
    covered = count_by(frames.owners, np.asarray(frames.predictions.sum(axis=0) > 0), count)
    return OpeTables(curves, overlap_sum, overlap_count, covered, total)


def _prepare(data: OpeInput, protocol: OpeProtocol) -> _Frames:
    tracks = data.tracks
    shift = protocol.coordinate_shift
    annotated = geometry.rounded(tracks.ground_truth, protocol.ground_truth_rounding)
    truths = [geometry.shifted(annotated, shift)]
    if protocol.ground_truths is GroundTruths.BETTER_OF_BOTH:
        assert data.ground_truth_aux is not None
        truths.append(geometry.shifted(geometry.rounded(data.ground_truth_aux, protocol.ground_truth_rounding), shift))
    predictions = geometry.shifted(geometry.rounded(tracks.predictions, protocol.prediction_rounding), shift)
    predictions = repaired(predictions, truths[0], protocol, tracks.offsets, data.padded)
    missed = _broken(predictions, protocol.rows, BadBox.MISS)
    if protocol.errors.center is Center.CORNERS and protocol.rows.zero_size is BadBox.MISS:
        missed |= ~(predictions[:2] + predictions[2:] > predictions[:2]).all(axis=0)  # a size below the last bit
    if protocol.bounds is not Bounds.NONE:
        assert data.frame_wh is not None
        predictions = geometry.bounded(predictions, data.frame_wh, protocol.bounds)
        truths = [geometry.bounded(truth, data.frame_wh, protocol.bounds) for truth in truths]
    return _Frames(predictions, tuple(truths), annotated, missed, _left_out(data, protocol), tracks.owners())


def _left_out(data: OpeInput, protocol: OpeProtocol) -> Flags:
    tracks = data.tracks
    left_out = np.zeros(len(tracks.absent), dtype=np.bool_)
    if protocol.absent_flags is AbsentFlags.LEFT_OUT:
        left_out |= tracks.absent
    if protocol.visibility is Visibility.LEFT_OUT_AT_ZERO:
        assert data.visible_eighths is not None
        left_out |= data.visible_eighths <= 0
    if protocol.rows.first_frame is FirstFrame.EXCLUDED:
        left_out[tracks.first_frames] = True
    return left_out


def _overlap(frames: _Frames, truth: FloatArray, protocol: OpeProtocol) -> FloatArray:
    rule = protocol.overlap
    values = geometry.overlap(frames.predictions, truth, rule.arithmetic, rule.epsilon, protocol.rows.partly_nan)
    return np.clip(values, 0.0, 1.0, out=values) if rule.range is OverlapRange.CLIPPED else values


def _best(frames: _Frames, better: np.ufunc, quantity: cabc.Callable[[FloatArray], FloatArray]) -> FloatArray:
    values = [quantity(truth) for truth in frames.ground_truths]
    for other in values[1:]:
        better(values[0], other, out=values[0])
    return values[0]


def _quantity(name: str, frames: _Frames, overlaps: FloatArray, protocol: OpeProtocol) -> FloatArray:
    if name == "success":
        return overlaps
    error = geometry.center_error if name == "precision" else geometry.normalized_center_error
    return _best(frames, np.minimum, lambda truth: error(frames.predictions, truth, protocol.errors))


def scorable_rows(ground_truth: FloatArray, rule: Scorable, protocol: OpeProtocol) -> Flags:
    """Which rows of the ground truth, shape (4, F), can be scored; NaN never can."""
    left, top, width, height = ground_truth
    if rule is Scorable.ALL_POSITIVE:
        return np.asarray((left > 0) & (top > 0) & (width > 0) & (height > 0))
    if rule is Scorable.POSITIVE_SIZE:
        return np.asarray((width > 0) & (height > 0))
    if rule is Scorable.NO_NAN:
        return np.asarray(~np.isnan(ground_truth).any(axis=0))
    place = geometry.center if rule is Scorable.POSITIVE_CENTER else geometry.normalized_center
    return np.asarray((place(ground_truth, 0, protocol.errors) > 0) & (place(ground_truth, 1, protocol.errors) > 0))


def _curve(
    frames: _Frames, rule: CurveRule, quantity: FloatArray, total: FloatArray, protocol: OpeProtocol
) -> CurveTable:
    thresholds = np.array(rule.thresholds)
    levels = passed(quantity, thresholds, rule.passes)
    levels[frames.missed] = 0
    if rule.passes is Passes.AT_LEAST and protocol.overlap.zero is ZeroOverlap.MISS:
        levels[quantity == 0] = 0
    unscorable = ~scorable_rows(frames.annotated, rule.scorable, protocol)
    levels[unscorable] = len(thresholds) if rule.unscorable is Unscorable.HIT else 0
    out = frames.left_out | unscorable if rule.unscorable is Unscorable.LEFT_OUT else frames.left_out
    levels[out] = 0
    count = len(total)
    hits = count_at_or_above(frames.owners, levels, count, len(thresholds))
    if rule.passes is Passes.AT_MOST:
        # a frame within threshold k is within every larger one: the k-th largest level is threshold K - k
        hits = hits[:, ::-1]
    divisor = total if protocol.divisor is Divisor.ALL_FRAMES else total - count_by(frames.owners, out, count)
    return CurveTable(thresholds, hits, divisor)


def passed(values: FloatArray, thresholds: FloatArray, passes: Passes) -> IntArray:
    """How many thresholds each value passes; NaN passes none.

    Args:
        values: (F,).
        thresholds: (K,) ascending.
        passes: ABOVE and AT_LEAST pass the lowest thresholds first, AT_MOST the highest first.

    Returns:
        (F,) 0..K.

    Example:
        >>> passed(np.array([0.0, 0.5, 0.6, np.nan]), np.array([0.0, 0.5, 1.0]), Passes.ABOVE)
        array([0, 1, 2, 0])
    """
    right = passes is Passes.AT_LEAST
    if passes is Passes.AT_MOST:
        values = np.where(np.isnan(values), np.inf, values)
    else:
        values = np.where(np.isnan(values), -np.inf, values)
    below = _below(values, thresholds, right=right)
    return len(thresholds) - below if passes is Passes.AT_MOST else below


def _below(values: FloatArray, thresholds: FloatArray, *, right: bool) -> IntArray:
    """How many thresholds are below each value (``right``: or equal to it), as ``searchsorted`` tells; no NaN.

    On a grid with even steps the position is computed and then corrected by comparing with the thresholds
    themselves, which is exact and several times faster.
    """
    last = len(thresholds) - 1
    step = (thresholds[-1] - thresholds[0]) / last if last else 0.0
    if step <= 0 or np.abs(thresholds[0] + step * np.arange(last + 1) - thresholds).max() > _UNIFORM * step:
        return np.asarray(np.searchsorted(thresholds, values, side="right" if right else "left"), dtype=np.int64)
    place = (values - thresholds[0]) * (1.0 / step)
    np.clip(place, -1.0, last, out=place)
    guess = place.astype(np.int64)
    guess += 1
    edges = np.concatenate([[-np.inf], thresholds, [np.inf, np.inf]])
    before, after = edges, edges[1:]  # around the guessed place: thresholds[guess - 1] and thresholds[guess]
    if right:
        guess -= before.take(guess) > values
        guess += after.take(guess) <= values
    else:
        guess -= before.take(guess) >= values
        guess += after.take(guess) < values
    # infinite values meet the infinite edges
    place_of: IntArray = np.clip(guess, 0, last + 1, out=guess)
    return place_of


def _overlap_sums(
    frames: _Frames, overlaps: FloatArray, protocol: OpeProtocol, count: int
) -> tuple[FloatArray, FloatArray]:
    rule = protocol.success
    if rule is None:
        return np.zeros(count), np.zeros(count)
    counted = scorable_rows(frames.annotated, rule.scorable, protocol) & ~frames.left_out
    values = np.where(counted & ~frames.missed & ~np.isnan(overlaps), overlaps, 0.0)
    return sum_by(frames.owners, values, count), count_by(frames.owners, counted, count)
