"""Curves as matplotlib figures: a line per tracker, the legend ranked by score."""

import collections.abc as cabc
import math
from typing import TYPE_CHECKING

import numpy as np

from evalkit.errors import ScoringError
from evalkit.report.curves import CURVES, Curve
from evalkit.report.figures.look import GRAY, add_legend, checked_title, empty_figure, line_look
from evalkit.report.headline import labels
from evalkit.report.metrics import get_metric
from evalkit.report.palette import styles_of
from evalkit.scoring.longterm import f_score
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curve_figure(curve: Curve, scores: cabc.Sequence[Scores], title: str) -> "Figure":
    """A curve of several trackers.

    Args:
        curve: Of :data:`CURVES`.
        scores: Of one benchmark, split and protocol.
        title: The benchmark's, as printed.

    Raises:
        ScoringError: No scores; scores that lack the curve; scores of the sample beside real ones, or of several
            benchmarks or protocols.
    """
    text = checked_title(scores, f"{curve.title} on {title}")
    lines = [points for score in scores if (points := curve.points(score)) is not None]
    if len(lines) < len(scores):
        has = ", ".join(other.name for other in CURVES if has_curve(other, scores))
        raise ScoringError(f"{title}: protocol {scores[0].protocol} has no plot {curve.name}; it has {has}.")
    figure, axes = empty_figure(text, 7.6)
    if curve.of_f:
        _draw_equal_f(axes)
    key = curve.ranking_key(scores)
    ranks = [score.summary.get(key, math.nan) for score in scores]
    metric, names = get_metric(key), labels(scores)
    styles = styles_of(names)
    handles = []
    for number, (name, (x, y), rank) in enumerate(zip(names, lines, ranks, strict=True)):
        step = max(1, len(x) // 8)
        handles += axes.plot(
            x,
            y,
            **line_look(styles[name]),
            markersize=5,
            markeredgewidth=0.6,
            markevery=((number * 2) % step, step),  # markers of neighboring lines do not cover each other
            linewidth=2,
            label=f"[{metric.unscaled(rank) if math.isfinite(rank) else '  -  '}] {name}",
            clip_on=False,
            zorder=3,
        )
    add_legend(axes, [handles[i] for i in np.argsort(-np.nan_to_num(ranks, nan=-1.0), kind="stable")])
    for name, (x, y) in zip(names, lines, strict=True) if curve.of_f else ():
        best = int(np.argmax(f_score(y, x)))
        axes.plot(x[best], y[best], "o", ms=11, mfc="none", mec=styles[name].color, mew=1.8, zorder=5)
    if key in curve.marked_at:
        axes.axvline(curve.marked_at[key], color="#9ca3af", linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    first = lines[0][0]
    axes.set(xlabel=curve.x_label, ylabel=curve.y_label, xlim=curve.ends or (first[0], first[-1]), ylim=(0, 1))
    return figure


def has_curve(curve: Curve, scores: cabc.Iterable[Scores]) -> bool:
    """Whether all scores have a curve."""
    return all(curve.points(score) is not None for score in scores)


def _draw_equal_f(axes: "Axes") -> None:
    for f in (0.2, 0.4, 0.6, 0.8):
        recall = np.geomspace(f / (2 - f), 1, 200)
        axes.plot(recall, f * recall / (2 * recall - f), color="#cbd5e1", linewidth=0.8, zorder=1)
        axes.annotate(f"F = {f}", (1, f / (2 - f)), (-3, 4), textcoords="offset points", ha="right", color=GRAY, size=7)
