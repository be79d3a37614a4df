"""Protocols by id and benchmark, and their rules as plain text for people and programs."""

import collections.abc as cabc
import dataclasses
import enum

from evalkit.errors import unknown_name
from evalkit.scoring.conventions import Protocol
from evalkit.scoring.protocols import PROTOCOLS, VARIANTS


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


def describe_protocol(name: str) -> dict[str, object]:
    """A protocol for ``list protocols --json``: every rule, its source, and where a benchmark is treated differently.

    Example:
        >>> describe_protocol("pysot")["variants"]
        {'lasot': {'absent_flags': 'frames left out'}}
    """
    general = flat_rules(get_protocol(name))
    variants = {
        benchmark: {key: value for key, value in flat_rules(variant).items() if general.get(key) != value}
        for (owner, benchmark), variant in VARIANTS.items()
        if owner == name
    }
    return {**general, "variants": variants}
