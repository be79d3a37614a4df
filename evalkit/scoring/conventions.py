"""The choices in which public toolkits differ, as enums, and the protocol objects made of them."""

import collections.abc as cabc
import enum
from dataclasses import dataclass


class Rounding(enum.Enum):
    """What happens to coordinates before anything is computed."""

    NONE = "kept as they are"
    TRUNCATE = "truncated to integers"
    NEAREST = "rounded to the nearest integer, ties to even"


class LongResult(enum.Enum):
    """A result has more rows than the annotation."""

    CUT = "the first rows are used"
    REFUSE = "refused"


class ShortResult(enum.Enum):
    """A result has fewer rows than the annotation."""

    REFUSE = "refused"
    PAD_WITH_ZEROS = "padded with 0,0,0,0 after the repair of rows"
    PAD_WITH_MISSES = "padded with rows that never hit"
    CUT_BOTH = "annotation cut to the result's length"


class MissingResult(enum.Enum):
    """A sequence has no result."""

    LEFT_OUT = "sequence left out"
    ALL_ZEROS = "scored as a result of zeros"


class BadBox(enum.Enum):
    """A predicted row that is no proper box."""

    REFUSE = "refused"
    REPEAT = "replaced by the (repaired) row before it"
    KEEP = "kept: arithmetic as usual"
    MISS = "miss in every curve"


class PartlyNan(enum.Enum):
    """A predicted row in which some coordinates are NaN and others are not."""

    AS_NAN = "as any row with NaN"
    SCORED = "scored; minimum and maximum skip NaN, so that an axis without its corner is covered whole"


class FirstFrame(enum.Enum):
    """Frame 0, which initializes the tracker."""

    REPLACED = "replaced by the ground truth"
    AS_PREDICTED = "scored as submitted"
    EXCLUDED = "excluded"
    INITIALIZATION = "no box and no confidence, as the VOT toolkit writes it"


class NanGroundTruth(enum.Enum):
    """A row of the annotation holds NaN."""

    REFUSE = "refused"
    UNSCORABLE = "not scorable"


class AbsentFlags(enum.Enum):
    """Frames that the benchmark flags as absent."""

    IGNORED = "flags ignored"
    LEFT_OUT = "frames left out"


class Visibility(enum.Enum):
    """Frames whose annotated visible share is zero (GOT-10k's cover label)."""

    IGNORED = "ignored"
    LEFT_OUT_AT_ZERO = "frames with cover 0 left out"


class Bounds(enum.Enum):
    """Boxes that reach over the frame's border."""

    NONE = "not clipped"
    MOVED_INSIDE = "corner moved inside keeping the size, then the size cut"


class GroundTruths(enum.Enum):
    """Which annotation counts where each modality has its own."""

    FIRST = "the first modality's"
    BETTER_OF_BOTH = "frame by frame the better of both"


class Scorable(enum.Enum):
    """Which rows of the ground truth can be scored."""

    ALL_POSITIVE = "x, y, w, h all > 0"
    POSITIVE_SIZE = "w > 0 and h > 0"
    NO_NAN = "no NaN"
    POSITIVE_CENTER = "center x and y > 0"
    POSITIVE_CENTER_OVER_SIZE = "center x / w and y / h > 0"


class Unscorable(enum.Enum):
    """How a frame counts whose ground truth cannot be scored."""

    MISS = "never a hit"
    HIT = "always a hit (error -1)"
    LEFT_OUT = "left out"


class Divisor(enum.Enum):
    """By what hits are divided."""

    ALL_FRAMES = "all frames of the annotation"
    FRAMES_SCORED = "frames that are not left out"


class OverlapArithmetic(enum.Enum):
    """Order of the arithmetic of overlap; the results differ in the last bits only."""

    INCLUSIVE = "right = left + w - 1, side = right - left + 1"
    CONTINUOUS = "right = left + w"
    CORNERS = "right = left + w, areas from the corners too"


class ZeroOverlap(enum.Enum):
    """Whether an overlap of exactly 0 may pass the threshold 0."""

    COUNTED = "as any other value"
    MISS = "never a hit"


class OverlapRange(enum.Enum):
    """What happens to overlaps that rounding puts just above 1; equal boxes with fractions can."""

    PLAIN = "kept, and above the threshold 1"
    CLIPPED = "clipped to [0, 1]"


class Center(enum.Enum):
    """Center of a box; in exact arithmetic the same up to a constant that cancels."""

    HALF_SIZE = "left + w / 2"
    HALF_SIZE_LESS_ONE = "left + (w - 1) / 2"
    HALF_SIZE_PLUS_ONE = "left + (w + 1) / 2"
    CORNERS = "(left + right) / 2 with right = left + w; sizes are right - left"


class Normalization(enum.Enum):
    """Order of division by the ground truth's size and subtraction of the centers; decides exact ties."""

    DIVIDE_THEN_SUBTRACT = "centers divided, then subtracted"
    SUBTRACT_THEN_DIVIDE = "centers subtracted, then divided"


class SizeFloor(enum.Enum):
    """Guard of the division by the ground truth's size."""

    NONE = "size as it is"
    AT_LEAST_ONE = "max(size, 1)"
    PLUS_TINY = "size + 1e-16"


class Passes(enum.Enum):
    """When a value passes a threshold."""

    ABOVE = "value > threshold"
    AT_LEAST = "value >= threshold"
    AT_MOST = "value <= threshold"


class Readout(enum.Enum):
    """How one number is read off."""

    AT_THRESHOLD = "curve at one threshold"
    MEAN = "mean of the curve"
    TRAPEZOID = "trapezoid under the curve, thresholds scaled to [0, 1]"
    MEAN_OVERLAP = "mean overlap of scorable frames"
    COVERAGE = "share of frames with x + y + w + h > 0 in the result"


class Aggregate(enum.Enum):
    """From sequences to the benchmark."""

    MEAN_OF_SEQUENCES = "plain mean over sequences"
    POOLED_FRAMES = "all frames of all sequences together"


class EmptyCurve(enum.Enum):
    """A sequence whose whole curve is zero."""

    KEPT = "kept"
    LEFT_OUT = "left out of the mean of that curve"


class SpecialOverlap(enum.Enum):
    """Overlap where the tracker says "lost" or the target is absent: regions without a box."""

    ZERO = "0"
    BOUNDS_AT_ORIGIN = "bounds 0,0,0,0: 1 where these and the other region's make a line or a point, else 0"


class DegenerateUnion(enum.Enum):
    """Bounding range of two boxes is at most one pixel wide or high."""

    ONE = "overlap 1"
    COMPUTED = "computed as any other"


@dataclass(frozen=True, slots=True)
class ToolkitSource:
    """Where a rule comes from.

    Attributes:
        toolkit: Public repository.
        revision: Commit or release that was read.
        files: Files or functions of it.
        checked: What our numbers were compared with, and how close they are.
    """

    toolkit: str
    revision: str
    files: str
    checked: str


@dataclass(frozen=True, slots=True)
class CurveRule:
    """One curve: for each threshold the share of frames that pass it.

    Attributes:
        thresholds: As values, since the usual constructions differ in the last bit.
        passes: Comparison.
        scorable: Which ground truth rows can be scored.
        unscorable: How the others count.
    """

    thresholds: tuple[float, ...]
    passes: Passes
    scorable: Scorable
    unscorable: Unscorable


@dataclass(frozen=True, slots=True)
class Reported:
    """One number of a protocol.

    Attributes:
        key: Metric key of the command line's contract.
        label: As the toolkit or the papers print it.
        curve: "success", "precision" or "normalized_precision"; "" where no curve is involved.
        readout: How the number is read off.
        position: Index of the threshold for AT_THRESHOLD, else -1.
    """

    key: str
    label: str
    curve: str
    readout: Readout
    position: int


@dataclass(frozen=True, slots=True)
class LengthRules:
    """Results that are not as long as the annotation.

    Attributes:
        long: More rows than annotated.
        always_cut: Sequences that are cut even where ``long`` refuses.
        short: Fewer rows than annotated.
        missing: No result for a sequence.
    """

    long: LongResult
    always_cut: frozenset[str]
    short: ShortResult
    missing: MissingResult


@dataclass(frozen=True, slots=True)
class RowRules:
    """Predicted rows that are not scored as they are. Frame 0 is never examined, only its own rule applies.

    Attributes:
        nan_or_negative: Row with NaN or a negative size.
        zero_size: Row with a width or height of 0.
        partly_nan: Row with a proper size of which some coordinates are NaN.
        first_frame: Frame 0: REPLACED, AS_PREDICTED or EXCLUDED; applied after the repair of the rows behind it.
    """

    nan_or_negative: BadBox
    zero_size: BadBox
    partly_nan: PartlyNan
    first_frame: FirstFrame


@dataclass(frozen=True, slots=True)
class OverlapRule:
    """Overlap of two boxes.

    Attributes:
        arithmetic: Order of the operations.
        epsilon: Added to the area of the union.
        range: Whether values are clipped.
        zero: Whether overlap 0 may pass the threshold 0.
    """

    arithmetic: OverlapArithmetic
    epsilon: float
    range: OverlapRange
    zero: ZeroOverlap


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Center error and normalized center error.

    Attributes:
        center: Center of a box.
        order: Order of division and subtraction.
        floor: Guard of the division.
    """

    center: Center
    order: Normalization
    floor: SizeFloor


@dataclass(frozen=True, slots=True)
class OpeProtocol:
    """All rules of a one-pass evaluation. No field has a default: every toolkit differs in some of them.

    Attributes:
        id: Name on the command line.
        version: A change of a rule is a new version.
        title: One line.
        source: Where the rules were read and what they were checked against.
        benchmarks: Benchmarks that the toolkit evaluates or that papers evaluate with it.
        prediction_rounding: Of predicted coordinates.
        ground_truth_rounding: Of annotated coordinates.
        coordinate_shift: Added to left and top of all boxes for the arithmetic, so that it matters in the last bit
            only; which frames can be scored is told without it.
        lengths: Long, short and missing results.
        rows: Predicted rows that are no proper box, and frame 0.
        nan_ground_truth: Annotated row with NaN.
        absent_flags: Frames flagged absent.
        visibility: Frames whose visible share is annotated as zero.
        bounds: Clipping of both boxes to the frame.
        ground_truths: Which annotation counts.
        divisor: By what hits are divided.
        overlap: Overlap of two boxes.
        errors: Center errors.
        success: Curve over overlap, None where the toolkit has none.
        precision: Curve over the center error in pixels.
        normalized_precision: Curve over the normalized error.
        aggregate: From sequences to the benchmark.
        empty_curve: Sequences whose whole curve is zero.
        attribute_minimum: Attributes with fewer sequences are not reported.
        reported: Numbers in printing order.
    """

    id: str
    version: int
    title: str
    source: ToolkitSource
    benchmarks: frozenset[str]
    prediction_rounding: Rounding
    ground_truth_rounding: Rounding
    coordinate_shift: float
    lengths: LengthRules
    rows: RowRules
    nan_ground_truth: NanGroundTruth
    absent_flags: AbsentFlags
    visibility: Visibility
    bounds: Bounds
    ground_truths: GroundTruths
    divisor: Divisor
    overlap: OverlapRule
    errors: ErrorRule
    success: CurveRule | None
    precision: CurveRule | None
    normalized_precision: CurveRule | None
    aggregate: Aggregate
    empty_curve: EmptyCurve
    attribute_minimum: int
    reported: tuple[Reported, ...]

    def curves(self) -> cabc.Mapping[str, CurveRule]:
        """Curve name -> rule, for the curves that this protocol has."""
        named = {
            "success": self.success,
            "precision": self.precision,
            "normalized_precision": self.normalized_precision,
        }
        return {name: rule for name, rule in named.items() if rule is not None}


@dataclass(frozen=True, slots=True)
class LongTermProtocol:
    """All rules of the VOT long-term evaluation: precision, recall and F over confidence.

    Attributes:
        id: Name on the command line.
        version: A change of a rule is a new version.
        title: One line.
        source: Where the rules were read and what they were checked against.
        benchmarks: Benchmarks that papers evaluate with it.
        resolution: Number of confidence thresholds, +inf and -inf included.
        special_overlap: Overlap where the tracker says "lost" or the target is absent.
        degenerate_union: Overlap where two boxes together are a line or a point.
        first_frame: Frame 0: AS_PREDICTED or INITIALIZATION.
        lengths: Long, short and missing results.
        missing_confidence: Confidence of a frame for which the tracker gives none.
        empty_precision: Precision of a sequence in which no frame is above the threshold.
        attribute_minimum: Attributes with fewer sequences are not reported.
        reported: Numbers in printing order.
    """

    id: str
    version: int
    title: str
    source: ToolkitSource
    benchmarks: frozenset[str]
    resolution: int
    special_overlap: SpecialOverlap
    degenerate_union: DegenerateUnion
    first_frame: FirstFrame
    lengths: LengthRules
    missing_confidence: float
    empty_precision: float
    attribute_minimum: int
    reported: tuple[Reported, ...]


Protocol = OpeProtocol | LongTermProtocol
