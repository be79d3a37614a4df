"""All figures by name: the curves, ranking bars, attribute radar, speed against accuracy, two trackers per sequence.

A new one is a function and a row of :data:`CHARTS`; a new curve is a row of ``evalkit/report/curves.py``.
"""

import collections.abc as cabc
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.errors import ScoringError, counted
from evalkit.report.curves import CURVES, Curve
from evalkit.report.figures.lines import curve_figure, has_curve
from evalkit.report.figures.look import GRAY, add_legend, checked_title, empty_figure, line_look
from evalkit.report.headline import Key, labels, result_key
from evalkit.report.metrics import get_metric
from evalkit.report.palette import styles_of
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

MIN_ATTRIBUTES = 3  # fewer make no radar
REAL_TIME = 25.0  # frames per second, drawn as a line
_EDGE = "#171723"
_NAMED = 3  # sequences named at each end of a difference plot


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What figures are drawn from.

    Attributes:
        scores: Of one benchmark, split and protocol.
        title: The benchmark's, as printed.
        key: Metric of the figures that show a single one.
        speeds: :func:`result_key` -> frames per second, where known.
    """

    scores: cabc.Sequence[Scores]
    title: str
    key: str
    speeds: cabc.Mapping[Key, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """A kind of figure.

    Attributes:
        fits: Whether the material allows it.
        draw: Draws it; raises ScoringError where the material does not allow it.
    """

    fits: cabc.Callable[[Material], bool]
    draw: cabc.Callable[[Material], "Figure"]


def all_figures(material: Material) -> dict[str, "Figure"]:
    """Every figure that the scores of one benchmark allow, by file name without suffix."""
    return {name: chart.draw(material) for name, chart in CHARTS.items() if material.scores and chart.fits(material)}


def ranking_figure(scores: cabc.Sequence[Scores], title: str, key: str) -> "Figure":
    """Bars of one metric, the best tracker on top, with bootstrap intervals where the scores have them.

    Source: GOT-10k's ranking by average overlap.

    Args:
        scores: Of one benchmark and protocol.
        title: The benchmark's, as printed.
        key: Metric key.

    Raises:
        ScoringError: The scores lack the metric or cannot be drawn together.
    """
    metric = get_metric(key, scores[0].benchmark if scores else "")
    named = sorted(_values(scores, key, title), key=lambda pair: pair[1].summary[key])
    height = 1.3 + 0.34 * len(named)
    figure, axes = empty_figure(checked_title(scores, f"{_spoken(key, metric.label)} on {title}"), height=height)
    values = np.array([score.summary[key] for _, score in named])
    styles = styles_of(labels(scores))
    colors = [styles[label].color for label, _ in named]
    places = np.arange(len(named))
    axes.barh(places, values, height=0.66, color=colors, edgecolor=_EDGE, linewidth=0.6, zorder=3)
    _whiskers(axes, [score.intervals.get(key) for _, score in named], values)
    ends = [max(value, *score.intervals.get(key, (0.0, 0.0))) for value, (_, score) in zip(values, named, strict=True)]
    for place, (value, end) in enumerate(zip(values, ends, strict=True)):
        axes.annotate(metric.unscaled(value), (end, place), (5, 0), textcoords="offset points", va="center", size=9)
    axes.set_yticks(places, [label for label, _ in named], parse_math=False)
    axes.tick_params(axis="y", labelcolor=_EDGE)
    axes.set(xlim=(0, min(1.0, max(ends) * 1.16) or 1.0), xlabel=_spoken(key, metric.label))
    axes.grid(visible=False, axis="y")
    return figure


def attribute_figure(scores: cabc.Sequence[Scores], title: str, key: str) -> "Figure":
    """A radar of one metric over the challenge attributes that all scores have.

    Every attribute is written with its number of sequences and the best value.

    Raises:
        ScoringError: Fewer than three common attributes, or the scores cannot be drawn together.
    """
    metric = get_metric(key, scores[0].benchmark if scores else "")
    text = checked_title(scores, f"{_spoken(key, metric.label)} by attribute on {title}")
    codes = common_attributes(scores, key)
    if len(codes) < MIN_ATTRIBUTES:
        raise ScoringError(
            f"plot {text!r}: a radar needs {MIN_ATTRIBUTES} attributes, the scores share {len(codes)}. "
            "Score with attributes, or leave this plot out."
        )
    from matplotlib.projections.polar import PolarAxes

    # equal sides leave no room for the engine to shrink: the legend's comes on top
    width = 6.8 + 0.09 * min(60, max(map(len, labels(scores))))
    figure, axes = empty_figure(text, width, 5.4, "polar")
    assert isinstance(axes, PolarAxes)
    angles = np.linspace(0, 2 * np.pi, len(codes), endpoint=False)
    values = np.array([[score.attributes[code][key] for code in codes] for score in scores])  # (T, A)
    closed = np.append(angles, angles[0])
    handles = []
    styles = styles_of(labels(scores))
    for line, label in zip(values, labels(scores), strict=True):
        handles += axes.plot(
            closed,
            np.append(line, line[0]),
            **line_look(styles[label]),
            markersize=4.5,
            markeredgewidth=0.5,
            linewidth=1.7,
            label=label,
            clip_on=False,
        )
    sizes = [int(scores[0].attributes[code]["sequences"]) for code in codes]
    ticks = [
        f"{code} ({size})\n{metric.unscaled(best)}"
        for code, size, best in zip(codes, sizes, values.max(axis=0), strict=True)
    ]
    _shape_radar(axes, angles, ticks, float(np.nanmax(values)))
    order = np.argsort([-score.summary.get(key, math.nan) for score in scores])
    add_legend(axes, [handles[i] for i in order], bbox_to_anchor=(1.12, 1.02))
    return figure


def speed_figure(scores: cabc.Sequence[Scores], title: str, key: str, speeds: cabc.Mapping[Key, float]) -> "Figure":
    """One metric over frames per second, both of the same runs; trackers whose speed is not known are left out.

    Raises:
        ScoringError: No tracker's speed is known, or the scores cannot be drawn together.
    """
    metric = get_metric(key, scores[0].benchmark if scores else "")
    text = checked_title(scores, f"Speed and {_spoken(key, metric.label)} on {title}")
    known = [(label, score) for label, score in _values(scores, key, title) if result_key(score) in speeds]
    if not known:
        raise ScoringError(f"plot {text!r}: no tracker's speed is known.")
    figure, axes = empty_figure(text)
    x = [speeds[result_key(score)] for _, score in known]
    values = [score.summary[key] for _, score in known]
    styles = styles_of(labels(scores))
    for (label, _), speed, y, place in zip(known, x, values, _label_places(x, values), strict=True):
        look = line_look(styles[label]) | {"linestyle": "none"}
        axes.plot([speed], [y], **look, markersize=10, markeredgewidth=0.8, zorder=4, clip_on=False)
        axes.annotate(
            label, (speed, y), (0, place), textcoords="offset points", ha="center", size=9, parse_math=False, zorder=5
        )
    axes.axvline(REAL_TIME, color="#9ca3af", linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    note = f" {REAL_TIME:.0f} frames/s"
    axes.annotate(note, (REAL_TIME, 0.0), (0, 4), xycoords=("data", "axes fraction"), size=8, color=GRAY,
                  textcoords="offset points")  # fmt: skip
    from matplotlib.ticker import FuncFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlim=(min(*x, REAL_TIME) / 2, max(*x, REAL_TIME) * 2), xlabel="Frames per second (log scale)")
    axes.set(ylim=(0, min(1.0, max(values) * 1.25) or 1.0), ylabel=_spoken(key, metric.label))
    return figure


def difference_figure(scores: cabc.Sequence[Scores], title: str, key: str) -> "Figure":
    """The difference of two trackers on every sequence, from the first one's largest win to its largest loss.

    Raises:
        ScoringError: These are not two trackers, no sequence is in both, the metric is not one per sequence, or they
            cannot be drawn together.
    """
    if len(scores) != 2:
        raise ScoringError(f"{title}: a difference is drawn of two trackers, these are {len(scores)}.")
    first, second = scores
    names = labels(scores)
    metric = get_metric(key, first.benchmark)
    text = checked_title(scores, f"{_spoken(key, metric.label)} per sequence on {title}")
    sequences, difference = sequence_differences(first, second, key)
    if not sequences:
        raise ScoringError(f"plot {text!r}: {' and '.join(names)} have no sequence in common with a value of {key}.")
    figure, axes = empty_figure(text, 9.4)
    few, styles = len(sequences) < 60, styles_of(names)
    for name, better in zip(names, (difference > 0, difference < 0), strict=True):
        axes.bar(
            np.flatnonzero(better),
            difference[better],
            0.9 if len(sequences) < 150 else 1.0,
            color=styles[name].color,
            hatch="///" if few and name == names[1] else None,
            label=f"{name} is better: {better.sum()}",
            edgecolor=_EDGE,
            linewidth=0.4 if few else 0.0,
            zorder=3,
        )
    axes.axhline(0, color=_EDGE, linewidth=0.8, zorder=4)
    reach = max(0.05, float(np.abs(difference).max())) * 1.12
    axes.set(
        xlim=(-1, len(sequences)),
        ylim=(-reach, reach),
        ylabel=" minus ".join(names),
        xlabel=_ends(sequences, difference),
    )
    axes.yaxis.label.set_parse_math(False)
    axes.xaxis.label.set_parse_math(False)
    axes.set_xticks([])
    axes.grid(visible=False, axis="x")
    equal = int((difference == 0).sum())
    add_legend(axes, axes.get_legend_handles_labels()[0], title=f"equal: {equal}", title_fontsize=9)
    return figure


def sequence_differences(first: Scores, second: Scores, key: str) -> tuple[list[str], FloatArray]:
    """Names of the sequences that both have, and first minus second, shape (S,), falling."""
    if key not in first.per_sequence or key not in second.per_sequence:
        return [], np.zeros(0)
    other = dict(zip(second.sequence_names, second.per_sequence[key], strict=True))
    pairs = [
        (name, float(value - other[name]))
        for name, value in zip(first.sequence_names, first.per_sequence[key], strict=True)
        if name in other and math.isfinite(value - other[name])
    ]
    pairs.sort(key=lambda pair: -pair[1])
    return [name for name, _ in pairs], np.array([difference for _, difference in pairs])


def common_attributes(scores: cabc.Sequence[Scores], key: str) -> list[str]:
    """Attribute codes for which every score has a finite value of a metric."""
    codes = scores[0].attributes if scores else {}
    return [code for code in codes if all(math.isfinite(s.attributes.get(code, {}).get(key, math.nan)) for s in scores)]


def _values(scores: cabc.Sequence[Scores], key: str, title: str) -> list[tuple[str, Scores]]:
    pairs = [
        (label, score)
        for label, score in zip(labels(scores), scores, strict=True)
        if math.isfinite(score.summary.get(key, math.nan))
    ]
    if scores and not pairs:
        raise ScoringError(f"{title}: protocol {scores[0].protocol} reports no {key}.")
    return pairs


def _label_places(x: list[float], y: list[float]) -> list[float]:
    """Vertical offsets of labels in points: above the point, below where a near neighbor lies above it."""
    above, below = 9.0, -17.0
    near = [
        any(j != i and abs(math.log10(x[i] / x[j])) < 0.3 and 0 <= y[j] - y[i] < 0.06 for j in range(len(x)))
        for i in range(len(x))
    ]
    return [below if crowded else above for crowded in near]


def _whiskers(axes: "Axes", intervals: list[tuple[float, float] | None], values: FloatArray) -> None:
    for place, (interval, value) in enumerate(zip(intervals, values, strict=True)):
        if interval is not None:
            reach = [[max(0.0, value - interval[0])], [max(0.0, interval[1] - value)]]
            axes.errorbar([value], [place], xerr=reach, color=_EDGE, elinewidth=1.2, capsize=3, zorder=4)


def _shape_radar(axes: "PolarAxes", angles: FloatArray, ticks: list[str], top: float) -> None:
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, ticks, parse_math=False)
    axes.tick_params(axis="x", labelsize=8, pad=9, labelcolor=_EDGE)
    axes.tick_params(axis="y", labelsize=7, labelcolor=GRAY)
    step = 0.1 if top < 0.55 else 0.2
    axes.set_ylim(0, max(step, math.ceil(top / step) * step))
    axes.set_yticks(np.arange(step, max(step, math.ceil(top / step) * step) + step / 2, step))
    axes.set_rlabel_position(180 / max(1, len(angles)))
    axes.spines["polar"].set_visible(False)
    axes.title.set_position((0.0, 1.0))


def _ends(names: list[str], difference: FloatArray) -> str:
    best = [name for name, value in zip(names, difference, strict=True) if value > 0][:_NAMED]
    worst = [name for name, value in zip(names, difference, strict=True) if value < 0][-_NAMED:][::-1]
    parts = [f"largest wins: {', '.join(best)}" if best else "", f"largest losses: {', '.join(worst)}" if worst else ""]
    return "\n".join([f"{counted(len(names), 'sequence')}, sorted", *(part for part in parts if part)])


_SPOKEN = {"success_auc": "Success", "average_overlap": "Average overlap", "precision_20": "Precision"}


def _spoken(key: str, label: str) -> str:
    """A metric's name in a title: words first, the papers' label in parentheses."""
    return f"{_SPOKEN[key]} ({label})" if key in _SPOKEN else label.replace("_", " ")


def _curve_chart(curve: Curve) -> Chart:
    return Chart(lambda it: has_curve(curve, it.scores), lambda it: curve_figure(curve, it.scores, it.title))


def _has_value(it: Material) -> bool:
    return any(math.isfinite(score.summary.get(it.key, math.nan)) for score in it.scores)


CHARTS: cabc.Mapping[str, Chart] = {
    **{curve.name: _curve_chart(curve) for curve in CURVES},
    "ranking": Chart(_has_value, lambda it: ranking_figure(it.scores, it.title, it.key)),
    "speed": Chart(
        lambda it: _has_value(it) and any(result_key(score) in it.speeds for score in it.scores),
        lambda it: speed_figure(it.scores, it.title, it.key, it.speeds),
    ),
    "attributes": Chart(
        lambda it: len(common_attributes(it.scores, it.key)) >= MIN_ATTRIBUTES,
        lambda it: attribute_figure(it.scores, it.title, it.key),
    ),
    "difference": Chart(
        lambda it: len(it.scores) == 2 and bool(sequence_differences(it.scores[0], it.scores[1], it.key)[0]),
        lambda it: difference_figure(it.scores, it.title, it.key),
    ),
}
