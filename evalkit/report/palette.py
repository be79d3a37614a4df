"""One palette: a tracker's color, line pattern and marker, the same in charts, figures and drawn frames."""

import collections.abc as cabc
import colorsys
from dataclasses import dataclass

RGB = tuple[int, int, int]

TRUTH = "#46eb5a"
# dark and light take turns, so that neighbors can be told apart in a gray print; all stay visible on white, and none is
# near the green of the truth
COLORS = (
    "#1d4ed8", "#f28e1c", "#86103f", "#38b6e8", "#171723", "#e84fc0", "#0f766e", "#d9b310", "#dc2626", "#8f7bf0",
)  # fmt: skip
# lengths of strokes and gaps in widths of the line
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (1, 1.2), (6, 1.5, 1, 1.5), (3, 1, 1, 1, 1, 1))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True, slots=True)
class Style:
    """How a tracker looks.

    Attributes:
        color: "#rrggbb".
        dashes: Lengths of strokes and gaps in widths of the line; empty = solid.
        marker: Matplotlib's code.
    """

    color: str
    dashes: tuple[float, ...]
    marker: str

    @property
    def rgb(self) -> RGB:
        """The color's channels, 0 to 255."""
        return rgb_of(self.color)

    def strokes(self, width: float) -> str:
        """The line pattern as SVG and Plotly write it, for a line ``width`` pixels wide."""
        return ",".join(f"{length * width:.4g}px" for length in self.dashes) or "solid"


def styles_of(*groups: cabc.Iterable[str]) -> dict[str, Style]:
    """Tracker -> style: the one place that decides it.

    Within a group trackers are taken by name, whatever their rank or the order they were asked for; a later group
    changes nothing for the trackers of those before it.

    Example:
        >>> [style.color for style in styles_of(["ncc", "kcf"], ["eco"]).values()] == list(COLORS[:3])
        True
        >>> list(styles_of(["ncc", "kcf"], ["eco"]))
        ['kcf', 'ncc', 'eco']
    """
    names = dict.fromkeys(name for group in groups for name in sorted(group))
    return {name: _style(place) for place, name in enumerate(names)}


def rgb_of(color: str) -> RGB:
    """Channels of "#rrggbb", 0 to 255.

    Example:
        >>> rgb_of(TRUTH)
        (70, 235, 90)
    """
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def _style(place: int) -> Style:
    color = COLORS[place] if place < len(COLORS) else _further_color(place)
    return Style(color, DASHES[place % len(DASHES)], MARKERS[place % len(MARKERS)])


def _further_color(place: int) -> str:
    hue = 0.45 + 0.7 * (place * 0.618034 % 1)  # steps of the golden ratio lie far apart; green is left out
    channels = colorsys.hls_to_rgb(hue % 1, 0.25 if place % 2 == 0 else 0.6, 0.6)
    return "#" + bytes(round(255 * channel) for channel in channels).hex()
