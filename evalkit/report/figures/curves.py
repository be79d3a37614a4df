"""Plots of the field as matplotlib figures: success, precision, normalized precision, F-score, precision-recall."""

import collections.abc as cabc
import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalkit.boxes import FloatArray
from evalkit.report.figures.look import GRAY, add_legend, checked_title, empty_figure, figure_width, line_look
from evalkit.report.headline import labels
from evalkit.report.metrics import Metric, get_metric
from evalkit.report.palette import styles_of
from evalkit.scoring.longterm import f_score
from evalkit.scoring.scores import Scores


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    tracker: str
    score: float
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True, slots=True)
class Plot:
    """A kind of curve plot.

    Attributes:
        name: File name without suffix.
        curve: Curve name in the scores.
        title: Printed.
        x_label: Printed.
        y_label: Printed.
        ranked_by: Metric keys; the first one that the scores have ranks the legend.
        marked_at: Metric key -> threshold at which it is read off, drawn as a thin line.
    """

    name: str
    curve: str
    title: str
    x_label: str
    y_label: str
    ranked_by: tuple[str, ...]
    marked_at: cabc.Mapping[str, float] = field(default_factory=dict)


SUCCESS = Plot(
    "success",
    "success",
    "Success",
    "Overlap threshold",
    "Success rate",
    ("success_auc", "average_overlap", "maximum_success_auc"),
)
PRECISION = Plot(
    "precision",
    "precision",
    "Precision",
    "Center error threshold (pixels)",
    "Precision",
    ("precision_20", "precision_auc", "maximum_precision_20"),
    {"precision_20": 20.0, "maximum_precision_20": 20.0},
)
NORMALIZED_PRECISION = Plot(
    "normalized_precision",
    "normalized_precision",
    "Normalized precision",
    "Normalized center error threshold",
    "Normalized precision",
    ("normalized_precision_20", "normalized_precision_auc"),
    {"normalized_precision_20": 0.2},
)
CURVES = (SUCCESS, PRECISION, NORMALIZED_PRECISION)


def benchmark_figures(scores: cabc.Sequence[Scores], title: str) -> dict[str, Figure]:
    """All plots that the scores of one benchmark allow, by file name without suffix.

    Args:
        scores: Of one benchmark, split and protocol.
        title: The benchmark's, as printed.
    """
    figures = {plot.name: curve_figure(plot, scores, title) for plot in CURVES if _all_have(scores, plot.curve)}
    if _all_have(scores, "longterm_precision") and _all_have(scores, "longterm_recall"):
        figures["precision_recall"] = precision_recall_figure(scores, title)
        figures["f_score"] = f_score_figure(scores, title)
    return figures


def curve_figure(plot: Plot, scores: cabc.Sequence[Scores], title: str) -> Figure:
    """A curve of several trackers over its thresholds; the legend is ranked by score.

    Raises:
        ScoringError: No scores, or scores of the sample beside real ones, or of several benchmarks or protocols.
    """
    figure, axes = _curve_axes(scores, f"{plot.title} on {title}")
    key = next((key for key in plot.ranked_by if key in scores[0].summary), "")
    lines = [
        _Line(label, s.summary.get(key, math.nan), s.thresholds[plot.curve], s.curves[plot.curve])
        for s, label in zip(scores, labels(scores), strict=True)
    ]
    _draw(axes, lines, get_metric(key))
    if key in plot.marked_at:
        axes.axvline(plot.marked_at[key], color="#9ca3af", linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label, xlim=(lines[0].x[0], lines[0].x[-1]))
    return figure


def precision_recall_figure(scores: cabc.Sequence[Scores], title: str) -> Figure:
    """Tracking precision over recall, with lines of equal F and a ring at each tracker's best F.

    Source: VOT long-term challenge, tracking precision-recall plots.
    """
    figure, axes = _curve_axes(scores, f"Precision and recall on {title}")
    _draw_equal_f(axes)
    lines = [
        _Line(label, _best_f(s), s.curves["longterm_recall"], s.curves["longterm_precision"])
        for s, label in zip(scores, labels(scores), strict=True)
    ]
    _draw(axes, lines, get_metric("longterm_f"))
    styles = styles_of(line.tracker for line in lines)
    for line in lines:
        best = int(np.argmax(f_score(line.y, line.x)))
        axes.plot(line.x[best], line.y[best], "o", ms=11, mfc="none", mec=styles[line.tracker].color, mew=1.8, zorder=5)
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1))
    return figure


def f_score_figure(scores: cabc.Sequence[Scores], title: str) -> Figure:
    """F-score over the confidence thresholds, from the strictest to the loosest.

    The thresholds are quantiles of each tracker's own confidences, so their rank is the axis.
    """
    figure, axes = _curve_axes(scores, f"F-score on {title}")
    lines = []
    for score, label in zip(scores, labels(scores), strict=True):
        f = f_score(score.curves["longterm_precision"], score.curves["longterm_recall"])
        lines.append(_Line(label, _best_f(score), np.linspace(0, 1, len(f)), f))
    _draw(axes, lines, get_metric("longterm_f"))
    axes.set(xlabel="Confidence threshold, from strict to loose (rank)", ylabel="F-score", xlim=(0, 1))
    return figure


def _all_have(scores: cabc.Sequence[Scores], curve: str) -> bool:
    return bool(scores) and all(curve in score.curves for score in scores)


def _curve_axes(scores: cabc.Sequence[Scores], title: str) -> tuple[Figure, Axes]:
    figure, axes = empty_figure(checked_title(scores, title), figure_width(len(scores)))
    axes.set_ylim(0, 1)
    return figure, axes


def _draw(axes: Axes, lines: cabc.Sequence[_Line], metric: Metric) -> None:
    handles = []
    styles = styles_of(line.tracker for line in lines)
    for number, line in enumerate(lines):
        step = max(1, len(line.x) // 8)
        handles += axes.plot(
            line.x,
            line.y,
            **line_look(styles[line.tracker]),
            markersize=5,
            markeredgewidth=0.6,
            markevery=((number * 2) % step, step),  # markers of neighboring lines do not cover each other
            linewidth=2,
            label=f"[{metric.unscaled(line.score) if math.isfinite(line.score) else '  -  '}] {line.tracker}",
            clip_on=False,
            zorder=3,
        )
    order = sorted(range(len(lines)), key=lambda i: np.nan_to_num(lines[i].score, nan=-1.0), reverse=True)
    add_legend(axes, [handles[i] for i in order])


def _draw_equal_f(axes: Axes) -> None:
    for f in (0.2, 0.4, 0.6, 0.8):
        recall = np.geomspace(f / (2 - f), 1, 200)
        axes.plot(recall, f * recall / (2 * recall - f), color="#cbd5e1", linewidth=0.8, zorder=1)
        axes.annotate(f"F = {f}", (1, f / (2 - f)), (-3, 4), textcoords="offset points", ha="right", color=GRAY, size=7)


def _best_f(score: Scores) -> float:
    return score.summary.get("longterm_f", math.nan)
