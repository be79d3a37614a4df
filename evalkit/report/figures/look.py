"""Look of all figures: lines, empty axes, legends, files."""

import collections.abc as cabc
import io
from typing import TYPE_CHECKING, Any

from evalkit.errors import ScoringError
from evalkit.report.palette import Style
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:  # matplotlib is loaded where the first figure is made: the names of figures are for `--help`, too
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg")

GRAY, PALE = "#6b7280", "#e5e7eb"


def line_look(style: Style) -> dict[str, Any]:
    """A tracker's style as keywords of matplotlib's ``plot``."""
    return {
        "color": style.color,
        "linestyle": (0, style.dashes) if style.dashes else "-",
        "marker": style.marker,
        "markeredgecolor": "white",
    }


def figure_bytes(figure: "Figure", form: str) -> bytes:
    """A figure as a PDF, PNG or SVG file; the same bytes for the same figure, library versions being equal."""
    import matplotlib as mpl

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


def checked_title(scores: cabc.Sequence[Scores], title: str) -> str:
    """The title of a figure that holds all these scores; says "sample" where they are the sample's.

    Raises:
        ScoringError: No scores, or scores of the sample beside real ones, or of several benchmarks or protocols.
    """
    if not scores:
        raise ScoringError(f"no scores for the plot {title!r}.")
    for what in ("benchmark", "split", "protocol", "sample"):
        kinds = sorted({str(getattr(score, what)) for score in scores})
        if len(kinds) > 1:
            raise ScoringError(
                f"plot {title!r}: its scores differ in {what} ({', '.join(kinds)}); make one plot of each."
            )
    return title + (" (sample)" if scores[0].sample and "sample" not in title.lower() else "")


def empty_figure(
    title: str, width: float = 5.6, height: float = 4.3, projection: str | None = None
) -> "tuple[Figure, Axes]":
    """A figure with empty axes in the common look; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from evalkit.report.figures.shown import ShownFigure

    figure = ShownFigure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection=projection)
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=10, parse_math=False)
    axes.grid(visible=True, color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=GRAY)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color("#9ca3af")
    return figure, axes


def add_legend(axes: "Axes", handles: "cabc.Sequence[Artist]", **others: Any) -> None:
    """A legend in the order of the handles, beside the plot: inside it would cover a curve sooner or later."""
    look: dict[str, Any] = {"fontsize": 9, "handlelength": 3.2, "frameon": False, "borderaxespad": 0.0}
    look |= {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)}
    legend = axes.legend(handles, [str(line.get_label()) for line in handles], **(look | others))
    for text in legend.get_texts():
        text.set_parse_math(False)  # a tracker's name may hold a dollar
