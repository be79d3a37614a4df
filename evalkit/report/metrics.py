"""How metrics are printed: label, scale, decimals, direction; papers of one benchmark may use their own labels.

Decimals are decided here alone: tables print them, the commands that explain numbers one more.
"""

import collections.abc as cabc
import dataclasses
import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is printed.

    Attributes:
        key: Metric key, as in scores and in JSON.
        label: Heading of a column. One underscore starts a subscript.
        scale: Factor between the stored value and the printed one.
        decimals: Digits after the point, as tables print it.
        higher_is_better: Direction.
        ranked: Whether the best two of a column are highlighted.
    """

    key: str
    label: str
    scale: float = 100.0
    decimals: int = 1
    higher_is_better: bool = True
    ranked: bool = True

    def text(self, value: float, sign: str = "") -> str:
        """Print a value as papers do; ``sign`` "+" writes the sign of positive values, too.

        Example:
            >>> METRICS["success_auc"].text(0.49563)
            '49.6'
        """
        return f"{value * self.scale:{sign}.{self.decimals}f}"

    def detailed(self, value: float, sign: str = "") -> str:
        """With one digit more than papers print, as `score`, `compare` and `explain` do; "-" for NaN.

        Args:
            value: Stored value, or a difference of two.
            sign: "+" writes the sign of positive values, too.

        Example:
            >>> METRICS["success_auc"].detailed(0.49563), METRICS["success_auc"].detailed(0.001, "+")
            ('49.56', '+0.10')
        """
        return "-" if math.isnan(value) else f"{value * self.scale:{sign}.{self.decimals + 1}f}"

    def unscaled(self, value: float) -> str:
        """The stored value with the digits of :meth:`text`, as in the legends of plots.

        Example:
            >>> METRICS["success_auc"].unscaled(0.49563)
            '0.496'
        """
        return f"{value:.{self.decimals + round(math.log10(self.scale))}f}"


METRICS = {
    metric.key: metric
    for metric in (
        Metric("success_auc", "AUC"),
        Metric("success_rate_50", "SR_0.5"),
        Metric("success_rate_75", "SR_0.75"),
        Metric("precision_20", "P"),
        Metric("precision_auc", "P_AUC"),
        Metric("normalized_precision_20", "P_Norm"),
        Metric("normalized_precision_auc", "P_Norm AUC"),
        Metric("average_overlap", "AO"),
        Metric("longterm_precision", "Pr"),
        Metric("longterm_recall", "Re"),
        Metric("longterm_f", "F-score"),
        Metric("maximum_precision_20", "MPR"),
        Metric("maximum_success_auc", "MSR"),
        Metric("coverage", "Coverage"),
        # speed depends on the machine: it is told, not ranked
        Metric("frames_per_second", "frames/s", scale=1.0, ranked=False),
    )
}

_RGB_X = {"success_auc": "SR", "precision_20": "PR", "normalized_precision_20": "NPR"}

LABELS = {
    # SR is a rate at one threshold in GOT-10k, and the area under the success curve in the papers of these two
    "lasher": _RGB_X,
    "visevent": _RGB_X,
    # TrackingNet's server calls the areas under its curves precision and normalized precision
    "trackingnet": {"precision_auc": "P", "normalized_precision_auc": "P_Norm"},
}


def key_of(text: str, labels: cabc.Mapping[str, str], benchmark: str = "") -> str | None:
    """The metric that people mean by a key or by a label as programs and papers print it; None if there is none.

    Args:
        text: Upper case and punctuation do not matter, nor does a percent sign.
        labels: Metric key -> label of the program, for all metrics that can be meant; the first ones win.
        benchmark: Whose papers' labels count.

    Example:
        >>> labels = {"success_auc": "AUC", "normalized_precision_20": "P_Norm", "precision_20": "P"}
        >>> [key_of(text, labels, "lasot") for text in ("p_norm", "$P_{Norm}$ (%)", "precision_20", "NPR")]
        ['normalized_precision_20', 'normalized_precision_20', 'precision_20', None]
    """
    for key, label in labels.items():
        names = key, label, get_metric(key).label, get_metric(key, benchmark).label
        if _letters(text) in map(_letters, names):
            return key
    return None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def get_metric(key: str, benchmark: str = "") -> Metric:
    """Return how a metric is printed, with the label of a benchmark's papers; an unknown key is its own label.

    Example:
        >>> get_metric("success_auc").label, get_metric("success_auc", "lasher").label
        ('AUC', 'SR')
    """
    metric = METRICS.get(key) or Metric(key, key.replace("_", " "))
    label = LABELS.get(benchmark, {}).get(key)
    return dataclasses.replace(metric, label=label) if label else metric
