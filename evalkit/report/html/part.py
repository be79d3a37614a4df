"""What a report holds: one part per benchmark, and the part's numbers as compact JSON for its charts and tables."""

import collections.abc as cabc
import math
from dataclasses import dataclass, field

import numpy as np

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import ScoringError
from evalkit.report.curves import CURVES, Points
from evalkit.report.headline import headline, labels, leading
from evalkit.report.html.clip import Clip
from evalkit.report.metrics import get_metric
from evalkit.report.palette import Style, styles_of
from evalkit.report.pictures.hardest import Hard
from evalkit.report.tables.comparison import Judged
from evalkit.scoring.conventions import Protocol
from evalkit.scoring.scores import Scores

LINE_WIDTH = 2.2  # pixels, of the lines in charts
SYMBOLS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
}
"""Matplotlib's codes of markers -> Plotly's names."""
CURVE_POINTS = 101  # more thresholds are thinned out for the screen
_Axis = list[float | None]
_Line = tuple[_Axis | None, _Axis] | None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One tracker of a part.

    Attributes:
        scores: With intervals and attributes.
        facts: Where its numbers come from: label -> text.
        speed: Frames per second; None where not known.
        judged: Metric key -> published numbers and verdicts.
    """

    scores: Scores
    facts: cabc.Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None
    judged: cabc.Mapping[str, cabc.Sequence[Judged]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One benchmark, split and protocol of a report.

    Attributes:
        spec: The benchmark.
        rules: The protocol as it treats this benchmark.
        entries: Trackers, the best first.
        attributes: Sequence -> attribute codes.
        hard: The hardest sequences.
        clips: Sequence -> what the explorer shows of it.
        facts: About the ground truth: label -> text.
        remark: What a reader must know of the results before any number; may be empty.
        stand_in: Why the ground truth is not the benchmark's own; empty if it is.
        no_pictures: Why the hardest sequences have no pictures; empty if they have.
    """

    spec: BenchmarkSpec
    rules: Protocol
    entries: tuple[Entry, ...]
    attributes: cabc.Mapping[str, frozenset[str]] = field(default_factory=dict)
    hard: tuple[Hard, ...] = ()
    clips: cabc.Mapping[str, Clip] = field(default_factory=dict)
    facts: cabc.Mapping[str, str] = field(default_factory=dict)
    remark: str = ""
    stand_in: str = ""
    no_pictures: str = ""

    @property
    def scores(self) -> list[Scores]:
        """Of all trackers."""
        return [entry.scores for entry in self.entries]

    @property
    def names(self) -> list[str]:
        """Of the trackers, with the run where a tracker occurs twice."""
        return labels(self.scores)

    @property
    def sequence_names(self) -> list[str]:
        """Of all scored sequences."""
        return list(dict.fromkeys(name for score in self.scores for name in score.sequence_names))

    @property
    def title(self) -> str:
        """Benchmark and split."""
        return f"{self.spec.title} {self.scores[0].split}"

    @property
    def leading(self) -> str:
        """Key of the metric that ranks."""
        return leading(self.scores, self.spec)

    @property
    def keys(self) -> list[str]:
        """Metric keys that the part shows."""
        return headline(self.scores, self.spec)


def ranked(entries: cabc.Iterable[Entry], spec: BenchmarkSpec) -> tuple[Entry, ...]:
    """Entries by their leading metric, the best first, undefined ones last."""
    listed = list(entries)
    key = leading([entry.scores for entry in listed], spec)
    return tuple(sorted(listed, key=lambda entry: -_number(entry.scores.summary.get(key))))


def check_parts(parts: cabc.Sequence[Part]) -> None:
    """Refuse a report that would put the rendered sample beside real data.

    Raises:
        ScoringError: There is no part, or some are of the sample and some are not.
    """
    if not parts:
        raise ScoringError("a report needs the scores of at least one tracker.")
    if len({score.sample for part in parts for score in part.scores}) > 1:
        real = next(part for part in parts if not part.scores[0].sample)
        raise ScoringError(
            f"the report would put scores of the rendered sample beside real ones ({real.title}). The sample is no "
            "benchmark: make one report of each."
        )


def part_styles(parts: cabc.Iterable[Part]) -> dict[str, Style]:
    """Tracker, as :attr:`Part.names` has it -> style, the same in all parts; further parts change nothing before."""
    return styles_of(*(part.names for part in parts))


def swatches(styles: cabc.Iterable[str]) -> dict[str, int]:
    """Tracker -> number of its swatch in the page."""
    return {name: number for number, name in enumerate(styles)}


def part_json(part: Part, styles: cabc.Mapping[str, Style]) -> dict[str, object]:
    """A part's numbers for the page's program; scores per sequence in ten-thousandths."""
    scores = part.scores
    names = part.sequence_names
    numbers = swatches(styles)
    return {
        "title": part.title,
        "sample": scores[0].sample,
        "leading": part.leading,
        "metrics": [
            {"key": key, "label": metric.label.replace("_", " "), "scale": metric.scale, "decimals": metric.decimals}
            for key, metric in ((key, get_metric(key, part.spec.name)) for key in part.keys)
        ],
        "trackers": [
            {
                "name": name,
                "color": styles[name].color,
                "dash": styles[name].strokes(LINE_WIDTH),
                "symbol": SYMBOLS[styles[name].marker],
                "swatch": numbers[name],
            }
            for name in part.names
        ],
        "scores": {key: [_rounded(score.summary.get(key)) for score in scores] for key in part.keys},
        "intervals": {
            key: [
                [_rounded(end) for end in score.intervals[key]] if key in score.intervals else None for score in scores
            ]
            for key in part.keys
        },
        "speeds": [entry.speed if entry.speed is None else round(entry.speed, 3) for entry in part.entries],
        "curves": _curves_json(scores),
        "attributes": _attributes_json(part),
        "sequences": _sequences_json(part, names),
        "hard": [
            {"sequence": names.index(hard.name), "strips": [hard.strips.get(name, "") for name in part.names]}
            for hard in part.hard
        ],
        "clips": [part.clips[name].json if name in part.clips else None for name in names],
        "command": f"evalkit render {part.spec.name}",
    }


def _curves_json(scores: cabc.Sequence[Scores]) -> list[dict[str, object]]:
    return [
        {
            "name": curve.name,
            "title": curve.title,
            "x_label": curve.x_label,
            "y_label": curve.y_label,
            "mark": curve.marked_at.get(curve.ranking_key(scores)),
            "lines": _lines(points),
        }
        for curve in CURVES
        if any(points := [curve.points(score) for score in scores])
    ]


def _lines(pairs: cabc.Iterable[Points | None]) -> list[_Line]:
    """Points of lines, x and y; the x of a line is None where it is that of the first line, as in most charts."""
    lines: list[_Line] = []
    first: _Axis | None = None
    for pair in pairs:
        if pair is None:
            lines.append(None)
            continue
        x, y = pair
        step = max(1, -(-len(x) // CURVE_POINTS))
        places = sorted({*range(0, len(x), step), len(x) - 1})
        across, up = ([_rounded(value) for value in np.asarray(values)[places].tolist()] for values in (x, y))
        lines.append((None if across == first else across, up))
        first = first or across
    return lines


def _attributes_json(part: Part) -> dict[str, object]:
    scores = part.scores
    codes = [code for code in scores[0].attributes if all(code in score.attributes for score in scores)]
    return {
        "codes": codes,
        "sizes": [int(scores[0].attributes[code]["sequences"]) for code in codes],
        "values": {
            key: [[_rounded(score.attributes[code].get(key)) for code in codes] for score in scores]
            for key in part.keys
        },
    }


def _sequences_json(part: Part, names: list[str]) -> dict[str, object]:
    frames = {name: int(count) for score in part.scores for name, count in _by_name(score, score.frames)}
    codes = sorted({code for name in names for code in part.attributes.get(name, ())})
    number = {code: place for place, code in enumerate(codes)}
    keys = [key for key in part.keys if all(key in score.per_sequence for score in part.scores)]
    return {
        "names": names,
        "frames": [frames[name] for name in names],
        "codes": codes,
        "tags": [sorted(number[code] for code in part.attributes.get(name, ())) for name in names],
        "keys": keys,
        "values": {key: [_per_sequence(score, key, names) for score in part.scores] for key in keys},
    }


def _per_sequence(score: Scores, key: str, names: list[str]) -> list[int | None]:
    values = dict(_by_name(score, score.per_sequence[key]))
    numbers = [values.get(name, math.nan) for name in names]
    return [round(value * 10_000) if math.isfinite(value) else None for value in numbers]


def _by_name(score: Scores, values: cabc.Iterable[float]) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in zip(score.sequence_names, values, strict=True)]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 5)


def _number(value: float | None) -> float:
    return -1.0 if value is None or not math.isfinite(value) else float(value)
