"""Plots of the field as matplotlib figures: success, precision, normalized precision, F-score, precision-recall.

Every tracker keeps its style in all plots of a call. Styles differ in line pattern, marker and lightness, so that they
can be told apart in a grey print.
"""

import collections.abc as cabc
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from evalkit.boxes import FloatArray
from evalkit.errors import ScoringError
from evalkit.report.build import labels
from evalkit.scoring.longterm import f_score
from evalkit.scoring.scores import Scores
from evalkit.store.atomic import write_whole

FORMATS = ("pdf", "png", "svg")

# lightness (CIE L*) rises from 8 to 74 in steps of about 9; neighbors differ in hue
COLORS = ("#171723", "#3d127d", "#86103f", "#0b5cab", "#c4470e", "#209a5b", "#e38a10", "#6cc0ec")
DASHES: tuple[object, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LEGEND_INSIDE = 8  # more trackers than these have their legend beside the plot
_GREY, _PALE = "#6b7280", "#e5e7eb"


@dataclass(frozen=True, slots=True)
class Style:
    """How a tracker's line looks."""

    color: str
    dashes: object
    marker: str


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
PLOTS = (SUCCESS, PRECISION, NORMALIZED_PRECISION)


def benchmark_figures(scores: cabc.Sequence[Scores], title: str) -> dict[str, Figure]:
    """All plots that the scores of one benchmark allow, by file name without suffix.

    Args:
        scores: Of one benchmark, split and protocol.
        title: The benchmark's, as printed.
    """
    figures = {plot.name: curve_figure(plot, scores, title) for plot in PLOTS if _all_have(scores, plot.curve)}
    if _all_have(scores, "longterm_precision") and _all_have(scores, "longterm_recall"):
        figures["precision_recall"] = precision_recall_figure(scores, title)
        figures["f_score"] = f_score_figure(scores, title)
    return figures


def curve_figure(plot: Plot, scores: cabc.Sequence[Scores], title: str) -> Figure:
    """A curve of several trackers over its thresholds; the legend is ranked by score.

    Raises:
        ScoringError: No scores, or scores of the sample beside real ones, or of several benchmarks or protocols.
    """
    figure, axes = _empty_figure(scores, f"{plot.title} on {title}")
    key = next((key for key in plot.ranked_by if key in scores[0].summary), "")
    lines = [
        _Line(label, s.summary.get(key, math.nan), s.thresholds[plot.curve], s.curves[plot.curve])
        for s, label in zip(scores, labels(scores), strict=True)
    ]
    _draw(axes, lines)
    if key in plot.marked_at:
        axes.axvline(plot.marked_at[key], color="#9ca3af", linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label, xlim=(lines[0].x[0], lines[0].x[-1]))
    return figure


def precision_recall_figure(scores: cabc.Sequence[Scores], title: str) -> Figure:
    """Tracking precision over recall, with lines of equal F and a ring at each tracker's best F.

    Source: VOT long-term challenge, tracking precision-recall plots.
    """
    figure, axes = _empty_figure(scores, f"Precision and recall on {title}")
    _draw_equal_f(axes)
    lines = [_Line(s.tracker, _best_f(s), s.curves["longterm_recall"], s.curves["longterm_precision"]) for s in scores]
    _draw(axes, lines)
    for line, style in zip(lines, styles(len(lines)), strict=True):
        best = int(np.argmax(f_score(line.y, line.x)))
        axes.plot(line.x[best], line.y[best], "o", ms=11, mfc="none", mec=style.color, mew=1.8, zorder=5)
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1))
    return figure


def f_score_figure(scores: cabc.Sequence[Scores], title: str) -> Figure:
    """F-score over the confidence thresholds, from the strictest to the loosest.

    The thresholds are quantiles of each tracker's own confidences, so their rank is the axis.
    """
    figure, axes = _empty_figure(scores, f"F-score on {title}")
    lines = []
    for score, label in zip(scores, labels(scores), strict=True):
        f = f_score(score.curves["longterm_precision"], score.curves["longterm_recall"])
        lines.append(_Line(label, _best_f(score), np.linspace(0, 1, len(f)), f))
    _draw(axes, lines)
    axes.set(xlabel="Confidence threshold, from strict to loose (rank)", ylabel="F-score", xlim=(0, 1))
    return figure


def styles(count: int) -> list[Style]:
    """Different styles for ``count`` trackers, spread over the range of lightness.

    Up to 8 have colors of their own; all have different combinations of line pattern and marker up to 35.
    """
    steps = np.linspace(0, len(COLORS) - 1, min(count, len(COLORS))).round().astype(int)
    palette = [COLORS[step] for step in steps]
    return [Style(palette[i % len(palette)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)]) for i in range(count)]


def figure_bytes(figure: Figure, form: str) -> bytes:
    """A figure as a PDF, PNG or SVG file; the same bytes for the same figure, library versions being equal."""
    metadata = {
        "pdf": {"Creator": "evalkit", "CreationDate": None},
        "svg": {"Creator": "evalkit", "Date": None},
        "png": {"Software": "evalkit"},
    }[form]
    buffer = io.BytesIO()
    # 42 embeds TrueType outlines: many venues refuse Type 3 fonts
    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "evalkit"}):
        figure.savefig(buffer, format=form, dpi=200, metadata=metadata)
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the path's suffix.

    Raises:
        StoreError: The file cannot be written.
    """
    write_whole(path, figure_bytes(figure, path.suffix.removeprefix(".")))
    return path


def _all_have(scores: cabc.Sequence[Scores], curve: str) -> bool:
    return bool(scores) and all(curve in score.curves for score in scores)


def _empty_figure(scores: cabc.Sequence[Scores], title: str) -> tuple[Figure, Axes]:
    if not scores:
        raise ScoringError(f"no scores for the plot {title!r}.")
    for what in ("benchmark", "split", "protocol", "sample"):
        found = sorted({str(getattr(score, what)) for score in scores})
        if len(found) > 1:
            raise ScoringError(
                f"plot {title!r}: its scores differ in {what} ({', '.join(found)}); make one plot of each."
            )
    sample = " (sample)" if scores[0].sample and "sample" not in title.lower() else ""
    width = 5.6 if len(scores) <= LEGEND_INSIDE else 7.8
    figure = Figure(figsize=(width, 4.3), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title + sample, loc="left", fontsize=12, fontweight="bold", pad=10, parse_math=False)
    axes.set_ylim(0, 1)
    axes.grid(visible=True, color=_PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=_GREY)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color("#9ca3af")
    return figure, axes


def _draw(axes: Axes, lines: cabc.Sequence[_Line]) -> None:
    handles = []
    for number, (line, style) in enumerate(zip(lines, styles(len(lines)), strict=True)):
        step = max(1, len(line.x) // 8)
        handles += axes.plot(
            line.x,
            line.y,
            color=style.color,
            linestyle=style.dashes,
            marker=style.marker,
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.6,
            markevery=((number * 2) % step, step),  # markers of neighboring lines do not cover each other
            linewidth=2,
            label=f"[{line.score:.3f}] {line.tracker}" if math.isfinite(line.score) else f"[  -  ] {line.tracker}",
            clip_on=False,
            zorder=3,
        )
    order = sorted(range(len(lines)), key=lambda i: np.nan_to_num(lines[i].score, nan=-1.0), reverse=True)
    _legend(axes, [handles[i] for i in order])


def _draw_equal_f(axes: Axes) -> None:
    for f in (0.2, 0.4, 0.6, 0.8):
        recall = np.geomspace(f / (2 - f), 1, 200)
        axes.plot(recall, f * recall / (2 * recall - f), color="#cbd5e1", linewidth=0.8, zorder=1)
        axes.annotate(
            f"F = {f}", (1, f / (2 - f)), (-3, 4), textcoords="offset points", ha="right", color=_GREY, size=7
        )


def _legend(axes: Axes, handles: list[Line2D]) -> None:
    look: dict[str, Any] = {"fontsize": 9, "handlelength": 3.2, "framealpha": 0.85, "edgecolor": "none", "loc": "best"}
    if len(handles) > LEGEND_INSIDE:
        look |= {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    legend = axes.legend(handles, [str(line.get_label()) for line in handles], **look)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a tracker's name may hold a dollar


def _best_f(score: Scores) -> float:
    return score.summary.get("longterm_f", math.nan)
