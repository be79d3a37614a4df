"""Single rules of a protocol as values that can be read, replaced and named: the vocabulary of ``explain``."""

import collections.abc as cabc
import dataclasses
import enum
from dataclasses import dataclass, replace
from typing import Any

from evalkit.scoring.conventions import (
    CurveRule,
    DegenerateUnion,
    Divisor,
    FirstFrame,
    LongTermProtocol,
    OpeProtocol,
    Protocol,
    Readout,
    Rounding,
    SpecialOverlap,
    Unscorable,
)

STORED_BOXES = "predicted coordinates are"
"""Name of the rule that stands for how boxes were written into files."""

_CURVES = ("success", "precision", "normalized_precision")
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a kind of protocol.

    Attributes:
        name: For people.
        get: Its value in a protocol; None where the protocol has no such rule.
        put: The protocol with another value; None where the value does not fit it.
        extra: Values to try beside those that other protocols have.
        last_bits: It orders the arithmetic and nothing else: exact ties move with it, and it explains no number.
    """

    name: str
    get: cabc.Callable[[Any], object]
    put: cabc.Callable[[Any, Any], Protocol | None]
    extra: tuple[object, ...] = ()
    last_bits: bool = False


@dataclass(frozen=True, slots=True)
class ReadAt:
    """How a number is read off a curve.

    Attributes:
        readout: The way.
        threshold: For AT_THRESHOLD, else None.
    """

    readout: Readout
    threshold: float | None


def phrase(name: str, value: str) -> str:
    """A rule with a value, as one phrase.

    Example:
        >>> phrase("frame 0 is", "excluded"), phrase("absent flags", "flags ignored")
        ('frame 0 is excluded', 'absent flags: flags ignored')
    """
    joined = name.rpartition(" ")[2] in {"is", "are", "by", "when", "has", "as"}
    return f"{name} {value}" if joined else f"{name}: {value}"


def value_text(value: object) -> str:
    """A rule's value for people.

    Example:
        >>> value_text((Unscorable.MISS, Unscorable.MISS, Unscorable.HIT))
        'never a hit / never a hit / always a hit (error -1)'
    """
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, ReadAt):
        return value.readout.value if value.threshold is None else f"value at {value.threshold:g}"
    if isinstance(value, tuple) and value and isinstance(value[0], float):
        return f"{len(value)} values, for example {value[len(value) * 3 // 5]!r}"
    if isinstance(value, tuple):
        parts = [value_text(part) for part in value if part is not None]
        return parts[0] if len(set(parts)) == 1 else " / ".join(parts)
    return str(value)


def _leaf(path: str) -> tuple[cabc.Callable[[Any], object], cabc.Callable[[Any, Any], Protocol | None]]:
    """Read and replace a field by its dotted path."""
    names = path.split(".")

    def get(protocol: Any) -> object:
        for name in names:
            protocol = getattr(protocol, name)
        return protocol

    def put(protocol: Any, value: Any) -> Protocol | None:
        changed: Protocol = _put(protocol, names, value)
        return changed

    return get, put


def _put(owner: Any, names: list[str], value: Any) -> Any:
    inner = value if len(names) == 1 else _put(getattr(owner, names[0]), names[1:], value)
    return dataclasses.replace(owner, **{names[0]: inner})


def _field(name: str, path: str, *extra: object, last_bits: bool = False) -> Rule:
    get, put = _leaf(path)
    return Rule(name, get, put, extra, last_bits)


def _of_curves(name: str, field: str) -> Rule:
    """A rule that all curves of a protocol have, as one value per curve."""

    def get(protocol: OpeProtocol) -> object:
        return tuple(None if rule is None else getattr(rule, field) for rule in _curve_rules(protocol))

    def put(protocol: OpeProtocol, values: tuple[Any, ...]) -> Protocol | None:
        changed = {
            curve: replace(rule, **{field: value})
            for curve, rule, value in zip(_CURVES, _curve_rules(protocol), values, strict=True)
            if rule is not None and value is not None
        }
        return replace(protocol, **changed)  # type: ignore[arg-type]  # names and values of curves only

    return Rule(name, get, put)


def _curve_rules(protocol: OpeProtocol) -> tuple[CurveRule | None, ...]:
    return protocol.success, protocol.precision, protocol.normalized_precision


def _thresholds(curve: str) -> Rule:
    """The grid of one curve; only grids of the same thresholds, which differ in the last bits, replace each other."""

    def get(protocol: OpeProtocol) -> object:
        rule: CurveRule | None = getattr(protocol, curve)
        return None if rule is None else rule.thresholds

    def put(protocol: OpeProtocol, grid: tuple[float, ...]) -> Protocol | None:
        rule: CurveRule | None = getattr(protocol, curve)
        if rule is None or len(grid) != len(rule.thresholds):
            return None
        if any(abs(a - b) > _SAME for a, b in zip(grid, rule.thresholds, strict=True)):
            return None
        changed: Protocol = _put(protocol, [curve, "thresholds"], grid)
        return changed

    return Rule(f"thresholds of the {curve.replace('_', ' ')} curve", get, put, last_bits=True)


def _passes() -> Rule:
    get, put = _leaf("success.passes")

    def changed(protocol: OpeProtocol, value: object) -> Protocol | None:
        return None if protocol.success is None else put(protocol, value)

    return Rule("overlap passes a threshold when", lambda p: None if p.success is None else get(p), changed)


def _readout(curve: str) -> Rule:
    """How the first number of a curve is read off; the other numbers of that curve stay."""

    def get(protocol: OpeProtocol) -> object:
        readouts = [reported for reported in protocol.reported if reported.curve == curve]
        if not readouts:
            return None
        rule: CurveRule = getattr(protocol, curve)
        at = rule.thresholds[readouts[0].position] if readouts[0].readout is Readout.AT_THRESHOLD else None
        return ReadAt(readouts[0].readout, at)

    def put(protocol: OpeProtocol, value: ReadAt) -> Protocol | None:
        place = next((k for k, reported in enumerate(protocol.reported) if reported.curve == curve), None)
        rule: CurveRule | None = getattr(protocol, curve)
        if place is None or rule is None or (value.threshold is not None and value.threshold not in rule.thresholds):
            return None
        position = -1 if value.threshold is None else rule.thresholds.index(value.threshold)
        reported = list(protocol.reported)
        reported[place] = replace(reported[place], readout=value.readout, position=position)
        return replace(protocol, reported=tuple(reported))

    name = f"{curve.replace('_', ' ')} is read off its curve as"
    return Rule(name, get, put, (ReadAt(Readout.MEAN, None),))


def _divisor() -> Rule:
    def put(protocol: OpeProtocol, value: Divisor) -> Protocol | None:
        changed = replace(protocol, divisor=value)
        if value is Divisor.ALL_FRAMES:
            return changed
        # "only frames that count" means nothing while unscorable frames still count as misses or hits
        left_out = (Unscorable.LEFT_OUT,) * len(_CURVES)
        return _UNSCORABLE.put(changed, left_out)

    return Rule("hits are divided by", lambda protocol: protocol.divisor, put, (Divisor.FRAMES_SCORED,))


_UNSCORABLE = _of_curves("frames that cannot be scored are", "unscorable")

OPE_RULES: tuple[Rule, ...] = (
    _field(STORED_BOXES, "prediction_rounding", Rounding.TRUNCATE, Rounding.NEAREST),
    _field("annotated coordinates are", "ground_truth_rounding"),
    _field("added to all coordinates", "coordinate_shift", last_bits=True),
    _field("predicted rows with NaN or negative size are", "rows.nan_or_negative"),
    _field("predicted rows of zero size are", "rows.zero_size"),
    _field("predicted rows with NaN in part are", "rows.partly_nan"),
    _field("frame 0 is", "rows.first_frame", FirstFrame.EXCLUDED),
    _field("annotated rows with NaN are", "nan_ground_truth"),
    _field("absent flags", "absent_flags"),
    _field("frames with visible share 0", "visibility"),
    _field("boxes over the border are", "bounds"),
    _field("ground truth", "ground_truths"),
    _divisor(),
    _of_curves("a frame can be scored if its annotation has", "scorable"),
    _UNSCORABLE,
    _field("order of arithmetic of overlap", "overlap.arithmetic", last_bits=True),
    _field("added to the union", "overlap.epsilon", last_bits=True),
    _field("overlaps just above 1 are", "overlap.range", last_bits=True),
    _field("an overlap of 0 is counted", "overlap.zero"),
    _field("center", "errors.center", last_bits=True),
    _field("normalized error", "errors.order", last_bits=True),
    _field("divisor of the normalized error", "errors.floor"),
    _passes(),
    *(_thresholds(curve) for curve in _CURVES),
    *(_readout(curve) for curve in _CURVES),
    _field("mean over", "aggregate"),
    _field("a sequence whose curve is zero is", "empty_curve"),
)

LONG_TERM_RULES: tuple[Rule, ...] = (
    _field("overlap of `lost` or of an absent target", "special_overlap", *SpecialOverlap),
    _field("overlap of boxes that together are a line or a point", "degenerate_union", *DegenerateUnion),
    _field("frame 0 is", "first_frame", FirstFrame.INITIALIZATION),
    _field("number of confidence thresholds", "resolution"),
    _field("confidence where there is none", "missing_confidence"),
)


def rules_of(protocol: Protocol) -> tuple[Rule, ...]:
    """The rules of a protocol's kind."""
    return LONG_TERM_RULES if isinstance(protocol, LongTermProtocol) else OPE_RULES
