"""Protocols by id and benchmark, and their rules as plain text for people and programs."""

import collections.abc as cabc
import dataclasses
import enum
from dataclasses import replace

from evalkit.errors import unknown_name
from evalkit.scoring.conventions import (
    AbsentFlags,
    Divisor,
    NanGroundTruth,
    OpeProtocol,
    Protocol,
    ShortResult,
    Unscorable,
)
from evalkit.scoring.protocols import GOT10K_TOOLKIT_ON_GOT10K, OSTRACK, PROTOCOLS, PYSOT, PYTRACKING, SWINTRACK


def _on_uav123(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis with dataset tag "uav": NaN rows allowed, invalid frames hit in precision."""
    assert protocol.precision is not None
    return replace(
        protocol,
        nan_ground_truth=NanGroundTruth.UNSCORABLE,
        precision=replace(protocol.precision, unscorable=Unscorable.HIT),
    )


def _on_lasot(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis with dataset tag "lasot": absent frames never hit, short results refused."""
    return replace(
        protocol, absent_flags=AbsentFlags.LEFT_OUT, lengths=replace(protocol.lengths, short=ShortResult.REFUSE)
    )


def _on_custom(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis on own videos: rows of NaN say that there is no target, and are left out altogether."""
    return replace(
        protocol,
        nan_ground_truth=NanGroundTruth.UNSCORABLE,
        absent_flags=AbsentFlags.LEFT_OUT,
        divisor=Divisor.FRAMES_SCORED,
    )


VARIANTS: cabc.Mapping[tuple[str, str], Protocol] = {
    ("pytracking", "uav123"): _on_uav123(PYTRACKING),
    ("pytracking", "lasot"): _on_lasot(PYTRACKING),
    ("ostrack", "uav123"): _on_uav123(OSTRACK),
    ("ostrack", "lasot"): _on_lasot(OSTRACK),
    ("pytracking", "custom"): _on_custom(PYTRACKING),
    ("ostrack", "custom"): _on_custom(OSTRACK),
    ("pysot", "lasot"): replace(PYSOT, absent_flags=AbsentFlags.LEFT_OUT),
    # the trainer's LaSOT loader makes boxes 0-based; dividing before subtracting then meets other exact ties
    ("swintrack", "lasot"): replace(SWINTRACK, coordinate_shift=-1.0),
    ("got10k-toolkit", "got10k"): GOT10K_TOOLKIT_ON_GOT10K,
}


def get_protocol(name: str, benchmark: str = "") -> Protocol:
    """The protocol of that id as it treats a benchmark.

    Raises:
        UnknownNameError: No protocol has that id; suggests the nearest.

    Example:
        >>> get_protocol("pytracking", "lasot").absent_flags.value
        'frames left out'
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, PROTOCOLS)
    return VARIANTS.get((name, benchmark), PROTOCOLS[name])


def protocols_for(benchmark: str, declared: cabc.Iterable[str] = ()) -> list[Protocol]:
    """All protocols that fit a benchmark, in the order of the table.

    Args:
        benchmark: Name.
        declared: Ids that its specification names.

    Example:
        >>> [protocol.id for protocol in protocols_for("depthtrack")]
        ['vot-longterm-0.5', 'vot-longterm-0.9']
    """
    ids = {*declared, *(name for name, protocol in PROTOCOLS.items() if benchmark in protocol.benchmarks)}
    return [get_protocol(name, benchmark) for name in PROTOCOLS if name in ids]


def flat_rules(protocol: Protocol) -> dict[str, object]:
    """Every rule of a protocol as ``dotted.name -> value``; enums as their text, thresholds as numbers.

    Example:
        >>> flat_rules(get_protocol("swintrack"))["divisor"]
        'frames that are not left out'
        >>> flat_rules(get_protocol("pysot"))["rows.first_frame"]
        'scored as submitted'
    """
    rules: dict[str, object] = {}
    for field in dataclasses.fields(protocol):
        _flatten(field.name, getattr(protocol, field.name), rules)
    return rules


# dotted names with the text of enums are the contract of `explain` and `list protocols`; no library gives them
def _flatten(name: str, value: object, rules: dict[str, object]) -> None:
    if isinstance(value, enum.Enum):
        rules[name] = value.value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _flatten(f"{name}.{field.name}", getattr(value, field.name), rules)
    elif isinstance(value, frozenset):
        rules[name] = sorted(value)
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        for number, item in enumerate(value):
            _flatten(f"{name}.{number}", item, rules)
    else:
        rules[name] = list(value) if isinstance(value, tuple) else value


def describe(name: str) -> dict[str, object]:
    """A protocol for ``list protocols --json``: every rule, its source, and where a benchmark is treated differently.

    Example:
        >>> describe("pysot")["variants"]
        {'lasot': {'absent_flags': 'frames left out'}}
    """
    general = flat_rules(get_protocol(name))
    variants = {
        benchmark: {key: value for key, value in flat_rules(variant).items() if general.get(key) != value}
        for (owner, benchmark), variant in VARIANTS.items()
        if owner == name
    }
    return {**general, "variants": variants}
