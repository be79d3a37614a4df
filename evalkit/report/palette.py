"""One palette: a tracker's color, line pattern and marker, the same in charts, figures, tables and drawn frames."""

import cmath
import collections.abc as cabc
import math
import zlib
from dataclasses import dataclass

RGB = tuple[int, int, int]
Outline = tuple[tuple[float, float], ...]
"""Corners of a polygon."""

TRUTH = "#46eb5a"
# all stand out from white paper and from a dark screen alike (contrast 2.8 and more); none is near the truth's green
COLORS = (
    "#2f62e6", "#e8751a", "#c02a68", "#2aa0d6", "#8a5a30", "#dd62b8", "#0e7d78", "#bd9412", "#cf2f2f", "#8f7df0",
    "#5b6675", "#9a45c8",
)  # fmt: skip
# lengths of strokes and gaps in widths of the line
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (1, 1.2), (6, 1.5, 1, 1.5), (3, 1, 1, 1, 1, 1))
# matplotlib's codes
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_START = 13469  # of the checksum of names: under this one the catalog's small and classical trackers share no color


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

    @property
    def outline(self) -> Outline:
        """The marker as a polygon around (0, 0), about 1 in radius, y downwards."""
        return _OUTLINES[self.marker]

    def strokes(self, width: float) -> str:
        """The line pattern as SVG and Plotly write it, for a line ``width`` pixels wide."""
        return ",".join(f"{length * width:.4g}px" for length in self.dashes) or "solid"


def styles_of(*groups: cabc.Iterable[str]) -> dict[str, Style]:
    """Tracker -> style: the one place that decides it.

    A tracker's name alone leads to its place in the palette, so that it looks the same whatever stands beside it. Where
    two names lead to one place, the later one in alphabetical order takes the next that is free, whatever the trackers'
    rank; a later group changes nothing for the trackers of those before it. No two styles are equal.

    Example:
        >>> styles_of(["ncc", "kcf"])["kcf"] == styles_of(["eco", "kcf", "still"])["kcf"]
        True
        >>> list(styles_of(["ncc", "kcf"], ["eco"]))
        ['kcf', 'ncc', 'eco']
    """
    places: dict[str, int] = {}
    taken: set[int] = set()
    for name in dict.fromkeys(name for group in groups for name in sorted(group)):
        wanted = zlib.crc32(name.encode("utf-8", "surrogatepass"), _START) % len(COLORS)
        turns = ((wanted + step) % len(COLORS) for step in range(len(COLORS)))
        places[name] = next((place for place in turns if place not in taken), len(taken))
        taken.add(places[name])
    return {name: _style(place) for name, place in places.items()}


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
    """Of the same contrasts: lightness and chroma of Oklab are fixed, steps of the golden ratio keep hues apart."""
    turn = 0.47 + 0.82 * (place * 0.618034 % 1)  # green is left out
    ab = 0.13 * cmath.exp(2j * math.pi * turn)
    lightness = (0.53, 0.67)[place % 2]
    # Source: B. Ottosson, "A perceptual color space for image processing", 2020
    long, medium, short = (
        (lightness + first * ab.real + second * ab.imag) ** 3
        for first, second in (
            (0.3963377774, 0.2158037573),
            (-0.1055613458, -0.0638541728),
            (-0.0894841775, -1.291485548),
        )
    )
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
    )
    return "#" + bytes(round(255 * min(1.0, max(0.0, value) ** (1 / 2.2))) for value in linear).hex()


def _turned(outline: Outline, degrees: float) -> Outline:
    turn = cmath.exp(1j * math.radians(degrees))
    points = (complex(x, y) * turn for x, y in outline)
    return tuple((round(point.real, 3), round(point.imag, 3)) for point in points)


_TRIANGLE: Outline = ((0.0, -1.1), (1.0, 0.75), (-1.0, 0.75))
_SQUARE: Outline = ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))
_PLUS: Outline = (
    (-0.35, -1.1), (0.35, -1.1), (0.35, -0.35), (1.1, -0.35), (1.1, 0.35), (0.35, 0.35), (0.35, 1.1), (-0.35, 1.1),
    (-0.35, 0.35), (-1.1, 0.35), (-1.1, -0.35), (-0.35, -0.35),
)  # fmt: skip
_OUTLINES: cabc.Mapping[str, Outline] = {
    "o": tuple(_turned(((1.0, 0.0),), 22.5 * step)[0] for step in range(16)),
    "s": _SQUARE,
    "^": _TRIANGLE,
    "D": _turned(_SQUARE, 45),
    "v": _turned(_TRIANGLE, 180),
    "P": _PLUS,
    "X": _turned(_PLUS, 45),
}
