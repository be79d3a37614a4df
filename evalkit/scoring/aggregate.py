"""From per-sequence tables to a benchmark's numbers: weighted means over sequences, subsets, resamples."""

import collections.abc as cabc
import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from evalkit.boxes import FloatArray, IntArray
from evalkit.scoring.conventions import Aggregate, EmptyCurve, LongTermProtocol, OpeProtocol, Readout, Reported
from evalkit.scoring.longterm import LongTermTables, f_score, optimum
from evalkit.scoring.ope import CurveTable, OpeTables

_EPSILON = float(np.finfo(np.float64).eps)


class SequenceMetric(Protocol):
    """One reported number, for all sequences."""

    @property
    def values(self) -> FloatArray:
        """(S,) fraction of each sequence, NaN where undefined."""
        ...

    def over(self, rows: IntArray) -> float:
        """The number over the sequences at ``rows``, (N,); NaN if it is defined for none of them."""
        ...

    def resampled(self, draws: FloatArray) -> FloatArray:
        """The number over each of many resamples, up to the last digits of :meth:`over`.

        Args:
            draws: (B, S) how often each resample draws each sequence.

        Returns:
            (B,); NaN for a resample in which no sequence is defined.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MeanMetric:
    """A weighted mean over sequences.

    Attributes:
        values: (S,).
        weights: (S,): 1, or the number of frames where frames are pooled; 0 for sequences left out.
    """

    values: FloatArray
    weights: FloatArray

    def over(self, rows: IntArray) -> float:
        """Weighted mean over a selection, (N,) indices; 0 where it holds only sequences left out for an empty curve."""
        weights, values = self.weights[rows], self.values[rows]
        total = weights.sum()
        if total > 0:
            return float(np.where(weights > 0, weights * values, 0.0).sum() / total)
        return math.nan if np.isnan(values).all() else 0.0

    def resampled(self, draws: FloatArray) -> FloatArray:
        """Weighted means of resamples, (B, S) -> (B,), as :meth:`over` has them."""
        weighted = np.where(self.weights > 0, self.weights * self.values, 0.0)
        sums, total, known = _sums(draws, np.stack([weighted, self.weights, ~np.isnan(self.values)], axis=1)).T
        return np.asarray(np.divide(sums, total, out=np.where(known > 0, 0.0, np.nan), where=total > 0))


@dataclass(frozen=True, slots=True, eq=False)
class LongTermMetric:
    """Precision, recall or F at the confidence that is best for the selection as a whole.

    Attributes:
        tables: Curves of all sequences.
        key: "longterm_precision", "longterm_recall" or "longterm_f".
        values: (S,) at the confidence that is best for all sequences together.
    """

    tables: LongTermTables
    key: str
    values: FloatArray

    def over(self, rows: IntArray) -> float:
        """The number over a selection, (N,) indices, at the confidence that is best for it; thresholds kept."""
        best = optimum(self.tables.precision[rows], self.tables.recall[rows], self.tables.thresholds)
        return {"longterm_precision": best.precision, "longterm_recall": best.recall, "longterm_f": best.f}[self.key]

    def resampled(self, draws: FloatArray) -> FloatArray:
        """The numbers at the confidence that is best for each resample, (B, S) -> (B,)."""
        known = ~np.isnan(self.tables.recall).any(axis=1, keepdims=True)
        precision = _sums(draws, self.tables.precision) / draws.sum(axis=1, keepdims=True)
        recall = _sums(draws, np.where(known, self.tables.recall, 0.0))
        recall /= np.maximum(_sums(draws, np.where(known, 1.0, 0.0)), 1)
        columns = {"longterm_precision": precision, "longterm_recall": recall, "longterm_f": f_score(precision, recall)}
        best = np.argmax(columns["longterm_f"], axis=1)
        return np.asarray(np.take_along_axis(columns[self.key], best[:, None], axis=1)[:, 0])


def _sums(draws: FloatArray, table: FloatArray) -> FloatArray:
    """(B, K) sum of each column of a table (S, K) over each resample.

    Column by column: a product of whole matrices starts threads, which here cost more than they save.
    """
    return np.stack([draws @ column for column in table.T.astype(np.float64, order="C")], axis=1)


class Aggregated(NamedTuple):
    """A protocol's numbers.

    Attributes:
        metrics: Metric key -> metric, in the protocol's order.
        curves: Curve name -> values of the benchmark.
        thresholds: Curve name -> x axis.
        left_out: Curve name -> indices of sequences left out for an empty curve.
    """

    metrics: cabc.Mapping[str, SequenceMetric]
    curves: cabc.Mapping[str, FloatArray]
    thresholds: cabc.Mapping[str, FloatArray]
    left_out: cabc.Mapping[str, IntArray]


def aggregate_ope(tables: OpeTables, protocol: OpeProtocol) -> Aggregated:
    """Read every reported number off the curves of a one-pass evaluation."""
    values = {name: table.values() for name, table in tables.curves.items()}
    weights = {name: _weights(table, values[name], protocol) for name, table in tables.curves.items()}
    metrics: dict[str, SequenceMetric] = {}
    for reported in protocol.reported:
        metrics[reported.key] = _metric(reported, tables, values, weights, protocol)
    curves = {name: _curve_mean(values[name], weights[name]) for name in values}
    left_out = {name: np.flatnonzero((weights[name] == 0) & ~np.isnan(values[name]).any(axis=1)) for name in values}
    return Aggregated(metrics, curves, {name: table.thresholds for name, table in tables.curves.items()}, left_out)


def _weights(table: CurveTable, values: FloatArray, protocol: OpeProtocol) -> FloatArray:
    pooled = protocol.aggregate is Aggregate.POOLED_FRAMES
    weights = table.divisor.copy() if pooled else (table.divisor > 0).astype(np.float64)
    if protocol.empty_curve is EmptyCurve.LEFT_OUT:
        with np.errstate(invalid="ignore"):
            weights[values.sum(axis=1) <= _EPSILON] = 0.0
    return weights


def _metric(
    reported: Reported,
    tables: OpeTables,
    values: cabc.Mapping[str, FloatArray],
    weights: cabc.Mapping[str, FloatArray],
    protocol: OpeProtocol,
) -> MeanMetric:
    if reported.readout is Readout.COVERAGE:
        return MeanMetric(_ratio(tables.covered, tables.frames), tables.frames)
    if reported.readout is Readout.MEAN_OVERLAP:
        pooled = protocol.aggregate is Aggregate.POOLED_FRAMES
        count = tables.overlap_count
        return MeanMetric(_ratio(tables.overlap_sum, count), count if pooled else (count > 0).astype(np.float64))
    curve = values[reported.curve]
    return MeanMetric(read_off(curve, tables.curves[reported.curve].thresholds, reported), weights[reported.curve])


def read_off(curves: FloatArray, thresholds: FloatArray, reported: Reported) -> FloatArray:
    """One number from each curve.

    Args:
        curves: (S, K).
        thresholds: (K,).
        reported: AT_THRESHOLD, MEAN or TRAPEZOID.

    Returns:
        (S,).

    Example:
        >>> auc = Reported("precision_auc", "P", "precision", Readout.TRAPEZOID, -1)
        >>> read_off(np.array([[0.0, 1.0, 1.0]]), np.array([0.0, 25.0, 50.0]), auc)
        array([0.75])
    """
    if reported.readout is Readout.AT_THRESHOLD:
        return np.asarray(curves[:, reported.position])
    if reported.readout is Readout.MEAN:
        return np.asarray(curves.mean(axis=1))
    return np.asarray(np.trapezoid(curves, thresholds / thresholds[-1], axis=1))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _curve_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    used = weights > 0
    if not used.any():
        return np.zeros(values.shape[1])
    return np.asarray((values[used] * weights[used, None]).sum(axis=0) / weights[used].sum())


def aggregate_longterm(tables: LongTermTables, protocol: LongTermProtocol) -> Aggregated:
    """Read precision, recall and F off the long-term curves."""
    best = optimum(tables.precision, tables.recall, tables.thresholds)
    precision, recall = tables.precision[:, best.place], tables.recall[:, best.place]
    columns = {"longterm_precision": precision, "longterm_recall": recall, "longterm_f": f_score(precision, recall)}
    metrics: dict[str, SequenceMetric] = {
        reported.key: LongTermMetric(tables, reported.key, columns[reported.key]) for reported in protocol.reported
    }
    known = ~np.isnan(tables.recall).any(axis=1)
    mean_precision = tables.precision.mean(axis=0)
    mean_recall = tables.recall[known].mean(axis=0) if known.any() else np.zeros(len(tables.thresholds))
    curves = {
        "longterm_precision": mean_precision,
        "longterm_recall": mean_recall,
        "longterm_f": f_score(mean_precision, mean_recall),
    }
    return Aggregated(metrics, curves, dict.fromkeys(curves, tables.thresholds), {})
