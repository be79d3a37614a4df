"""Published numbers with their provenance: what papers, repositories and lists say, as fractions.

The data are ``evalkit/data/published/values.csv``, carried over from the sources without correction; a doubt about a
number is a field beside it. ``docs/published.md`` says how to add one.
"""

import collections.abc as cabc
import csv
import enum
import functools
import math
import types
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib import resources

from evalkit.errors import EvalkitError

FOREIGN_BENCHMARKS: cabc.Mapping[str, str] = types.MappingProxyType(
    {
        "LaSOT_ext": "LaSOT's extension subset",
        "NFS": "Need for Speed",
        "OTB100": "Object Tracking Benchmark 2015",
        "VOT-RGBD2022": "VOT challenge 2022, color and depth",
        "COESOT": "color and event tracking",
        "FE108": "frames and events",
        "COCO": "training data",
        "ImageNet-1K": "pre-training data",
        "ImageNet-21K": "pre-training data",
    }
)
"""Benchmarks and data sets that numbers are published on and evalkit does not run."""

OTHER_METRICS: cabc.Mapping[str, str] = types.MappingProxyType(
    {
        "expected_average_overlap": "EAO of the VOT challenges",
        "accuracy": "accuracy of the VOT challenges",
        "robustness": "robustness of the VOT challenges",
        "precision": "precision of COESOT's kit; at 20 px or averaged, the source does not say",
        "normalized_precision": "normalized precision of COESOT's kit; at 0.2 or averaged, the source does not say",
        "average_overlap_gain": "difference of two average overlaps",
        "success_auc_gain": "difference of two success AUCs",
        "year": "publication of a data set",
        "size": "of a data set on disk",
        "categories": "object classes of a data set",
        "added_parameters": "share of the backbone's parameters, an upper bound",
        "template_size": "of a tracker",
        "search_size": "of a tracker",
        "backbone_layers": "of a tracker",
        "epochs": "of a training",
        "pairs_per_epoch": "of a training",
        "batch_size": "of a training",
        "weight_decay": "of a training",
        "learning_rate_backbone": "of a training",
        "learning_rate_other": "of a training",
        "epoch_of_decay": "of a training",
    }
)
"""What is published besides the metrics that evalkit computes."""


class Unit(enum.Enum):
    """Of a published value, after normalization."""

    FRACTION = "fraction"
    FRAMES_PER_SECOND = "frames/s"
    PIXELS = "px"
    GIGABYTES = "GB"
    YEAR = "year"
    COUNT = "count"
    NUMBER = "number"


class Doubt(enum.Enum):
    """Why a published value should not be trusted as it stands."""

    SUSPECT = "suspect"
    WRONG_DIGIT = "wrong digit"
    OTHER_SOURCES_DIFFER = "other sources differ"
    SUPERSEDED = "superseded"
    UNCONFIRMED = "unconfirmed"
    NOT_VERIFIED = "not verified"
    SECOND_HAND = "second hand"
    INFERRED = "inferred"


class PublishedDataError(EvalkitError):
    """A row of the published numbers is not what it should be."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed.

    Attributes:
        value: As a fraction.
        tolerance: Half a unit of the last printed digit, as a fraction.
    """

    value: float
    tolerance: float

    @classmethod
    def parse(cls, text: str) -> "Printed":
        """A score as people print it; numbers above 1 and numbers with a percent sign are percentages.

        Example:
            >>> Printed.parse("0.691"), Printed.parse("69.1 %")
            (Printed(value=0.691, tolerance=0.0005), Printed(value=0.691, tolerance=0.0005))

        Raises:
            EvalkitError: No number from 0 to 100.
        """
        bare = text.strip().removesuffix("%")
        try:
            number = Decimal(bare)
        except InvalidOperation:
            raise EvalkitError(f"published value {text!r}: expected a number such as 0.691, 69.1 or 69.1%.") from None
        if not number.is_finite() or not 0 <= number <= 100:
            raise EvalkitError(f"published value {text!r}: expected a fraction or a percentage, 0 to 100.")
        return cls.of(number, 100 if number > 1 or bare != text.strip() else 1)

    @classmethod
    def of(cls, number: Decimal, scale: int) -> "Printed":
        """A decimal number that is ``scale`` times the fraction."""
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        return cls(float(number / scale), float(Decimal(5).scaleb(exponent - 1) / scale))

    def agrees(self, value: float) -> bool:
        """Whether a fraction prints as this number."""
        return abs(value - self.value) <= self.tolerance + 1e-12

    def points(self, value: float) -> str:
        """A fraction's distance from this number in points, with the printed digits, more where it would be 0."""
        distance = 100 * (value - self.value)
        digits = max(1, self._decimals)
        return f"{distance:+.{digits if abs(distance) >= 0.5 * 10**-digits else digits + 1}f} points"

    @property
    def text(self) -> str:
        """As a percentage with the printed digits."""
        return f"{100 * self.value:.{self._decimals}f}"

    @property
    def _decimals(self) -> int:
        return max(0, round(-math.log10(200 * self.tolerance)))


@dataclass(frozen=True, slots=True)
class Published:
    """One published number.

    Attributes:
        tracker: As the source means it, without variant; empty for facts of data sets.
        variant: "OSTrack-256", "on SwinTrack-T", ...; empty where the source names none.
        benchmark: Registry name, or a key of :data:`FOREIGN_BENCHMARKS`; empty for settings.
        split: Split name; empty where the source names none.
        attribute: Code of a challenge attribute; empty for whole splits.
        metric: Metric key, or a key of :data:`OTHER_METRICS`.
        label: The source's own name of the metric.
        value: In ``unit``; scores are fractions in [0, 1].
        unit: Of ``value``.
        printed: The source's text, in ``printed_unit``.
        printed_unit: "%", "fraction", "points", "TB", ...
        training: Where the source says so: "all data", "GOT-10k alone"; else empty.
        source: Paper, repository with revision, or list.
        table: Where in the source.
        doubt: None, or why it should not be trusted.
        note: Remark of whoever carried it over.

    Raises:
        PublishedDataError: On creation: out of range, or without source, tracker or metric.
    """

    tracker: str
    variant: str
    benchmark: str
    split: str
    attribute: str
    metric: str
    label: str
    value: float
    unit: Unit
    printed: str
    printed_unit: str
    training: str
    source: str
    table: str
    doubt: Doubt | None
    note: str

    def __post_init__(self) -> None:
        low = -1.0 if self.metric.endswith("_gain") else 0.0
        high = 1.0 if self.unit is Unit.FRACTION else math.inf
        if not low <= self.value <= high or not math.isfinite(self.value):
            raise PublishedDataError(f"{self}: the value must be a number in [{low}, {high}].")
        empty = [name for name in ("metric", "label", "printed", "source", "table") if not getattr(self, name)]
        if empty or not (self.tracker or self.benchmark):
            raise PublishedDataError(f"{self}: empty {', '.join(empty) or 'tracker and benchmark'}.")

    @property
    def as_printed(self) -> Printed:
        """The value with the precision of its text."""
        return Printed.of(Decimal(self.printed), 100 if self.printed_unit in {"%", "points"} else 1)

    @property
    def provenance(self) -> str:
        """Source and place in one text."""
        return f"{self.source}, {self.table}"

    @property
    def remark(self) -> str:
        """The doubt as a footnote; empty if there is none."""
        if self.doubt is None:
            return ""
        return f"{self.doubt.value}: {self.note}" if self.note else self.doubt.value


@functools.cache
def load_published() -> tuple[Published, ...]:
    """All published numbers, in the order of the file.

    Raises:
        PublishedDataError: A row is wrong; names its line.

    Example:
        >>> first = find_published(load_published(), tracker="UPVPT", benchmark="lasot", metric="success_auc")[0]
        >>> first.value, first.printed, first.provenance
        (0.683, '68.3', 'UPVPT paper (MMAsia 2023, doi 10.1145/3595916.3626410), Table 2')
    """
    path = resources.files("evalkit") / "data" / "published" / "values.csv"
    reader = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return tuple(_published(row, reader.line_num) for row in reader)


def find_published(
    values: cabc.Iterable[Published],
    *,
    tracker: str | None = None,
    variant: str | None = None,
    benchmark: str | None = None,
    split: str | None = None,
    attribute: str | None = None,
    metric: str | None = None,
    source: str | None = None,
    table: str | None = None,
) -> list[Published]:
    """Values that agree with everything that is given; None means any, an empty text means "named none"."""
    asked = {
        "tracker": tracker,
        "variant": variant,
        "benchmark": benchmark,
        "split": split,
        "attribute": attribute,
        "metric": metric,
        "source": source,
        "table": table,
    }
    wanted = {name: text for name, text in asked.items() if text is not None}
    return [value for value in values if all(getattr(value, name) == text for name, text in wanted.items())]


def _published(row: dict[str, str], line: int) -> Published:
    try:
        value, unit = float(row.pop("value")), Unit(row.pop("unit"))
        doubt = row.pop("doubt")
        return Published(value=value, unit=unit, doubt=Doubt(doubt) if doubt else None, **row)
    except (KeyError, TypeError, ValueError, PublishedDataError) as problem:
        raise PublishedDataError(f"published/values.csv, line {line}: {problem}") from problem
