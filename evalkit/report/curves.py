"""The curves of the field: one row each, drawn by ``make-plots`` as figures and by ``make-report`` as charts."""

import collections.abc as cabc
import functools
from dataclasses import dataclass, field

import numpy as np

from evalkit.boxes import FloatArray
from evalkit.scoring.longterm import f_score
from evalkit.scoring.scores import Scores

Points = tuple[FloatArray, FloatArray]
"""x and y, shape (N,) each."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A kind of curve.

    Attributes:
        name: File name without suffix.
        title: Printed.
        x_label: Printed.
        y_label: Printed.
        points: Scores -> x and y of a tracker's line; None where its protocol has no such curve.
        ranked_by: Metric keys; the first one that the scores have ranks the legend.
        marked_at: Metric key -> x at which it is read off, drawn as a thin line.
        ends: Ends of the x axis; None = those of the lines.
        of_f: Whether lines of equal F and each tracker's best F are drawn.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    points: cabc.Callable[[Scores], Points | None]
    ranked_by: tuple[str, ...]
    marked_at: cabc.Mapping[str, float] = field(default_factory=dict)
    ends: tuple[float, float] | None = None
    of_f: bool = False

    def ranking_key(self, scores: cabc.Sequence[Scores]) -> str:
        """The metric key that ranks the legend; empty if the scores have none of them."""
        return next((key for key in self.ranked_by if key in scores[0].summary), "")


def _stored(name: str, scores: Scores) -> Points | None:
    return (scores.thresholds[name], scores.curves[name]) if name in scores.curves else None


def _recall_and_precision(scores: Scores) -> Points | None:
    if not {"longterm_recall", "longterm_precision"} <= set(scores.curves):
        return None
    return scores.curves["longterm_recall"], scores.curves["longterm_precision"]


def _f_by_rank(scores: Scores) -> Points | None:
    """F over the rank of the threshold: thresholds are quantiles of each tracker's own confidences."""
    if (points := _recall_and_precision(scores)) is None:
        return None
    return np.linspace(0, 1, len(points[0])), f_score(points[1], points[0])


SUCCESS = Curve(
    "success",
    "Success",
    "Overlap threshold",
    "Success rate",
    functools.partial(_stored, "success"),
    ("success_auc", "average_overlap", "maximum_success_auc"),
)
PRECISION = Curve(
    "precision",
    "Precision",
    "Center error threshold (pixels)",
    "Precision",
    functools.partial(_stored, "precision"),
    ("precision_20", "precision_auc", "maximum_precision_20"),
    {"precision_20": 20.0, "maximum_precision_20": 20.0},
)
NORMALIZED_PRECISION = Curve(
    "normalized_precision",
    "Normalized precision",
    "Normalized center error threshold",
    "Normalized precision",
    functools.partial(_stored, "normalized_precision"),
    ("normalized_precision_20", "normalized_precision_auc"),
    {"normalized_precision_20": 0.2},
)
CURVES = (
    SUCCESS,
    PRECISION,
    NORMALIZED_PRECISION,
    # VOT long-term challenge, tracking precision-recall plots
    Curve(
        "precision_recall",
        "Precision and recall",
        "Recall",
        "Precision",
        _recall_and_precision,
        ("longterm_f",),
        ends=(0, 1),
        of_f=True,
    ),
    Curve(
        "f_score",
        "F-score",
        "Confidence threshold, from strict to loose (rank)",
        "F-score",
        _f_by_rank,
        ("longterm_f",),
    ),
)
