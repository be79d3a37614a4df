"""``docs/protocols.md`` shows the declarations as they are."""

from evalkit.scoring.conventions import LongTermProtocol, OpeProtocol
from evalkit.scoring.lookup import flat_rules
from evalkit.scoring.protocols import PROTOCOLS, VARIANTS
from evalkit.scoring.rules import value_text
from helpers import ROOT

PAGE = ROOT / "docs" / "protocols.md"
GRIDS = {
    "OVERLAP_TORCH": "0, 0.05 .. 1 (torch)",
    "OVERLAP_PLAIN": "0, 0.05 .. 1 (plain)",
    "OVERLAP_TWO_ENDED": "0, 0.05 .. 1 (two-ended)",
    "OVERLAP_PERCENT": "0, 0.01 .. 1",
    "PIXELS": "0, 1 .. 50",
    "PIXELS_TRACKINGNET": "0, 2.5 .. 50",
    "HUNDREDTHS": "0, 0.01 .. 0.5",
    "HUNDREDTHS_LINSPACE": "0, 0.01 .. 0.5 (linspace)",
    "NORMALIZED_TRACKINGNET": "0, 0.025 .. 0.5",
}
LEFT_OUT = ("id", "version", "title", "source", "benchmarks", "reported")


def cell(value) -> str:
    from evalkit.scoring import grids

    if isinstance(value, list) and value and isinstance(value[0], float):
        return next(text for name, text in GRIDS.items() if list(getattr(grids, name)) == value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value_text(value)


def rules_of(protocol) -> dict[str, str]:
    return {
        key: cell(value)
        for key, value in flat_rules(protocol).items()
        if not key.startswith(LEFT_OUT) and value is not None
    }


def tables() -> list[str]:
    """One table per group of protocols: a row per rule, a column per protocol."""
    ope = [item for item in PROTOCOLS.values() if isinstance(item, OpeProtocol)]
    groups = [ope[:4], ope[4:8], ope[8:], [item for item in PROTOCOLS.values() if isinstance(item, LongTermProtocol)]]
    lines = []
    for group in groups:
        columns = [rules_of(protocol) for protocol in group]
        keys = list(dict.fromkeys(key for column in columns for key in column))
        lines += [f"| rule | {' | '.join(protocol.id for protocol in group)} |", "|---" * (len(group) + 1) + "|"]
        for key in keys:
            lines.append(f"| `{key}` | {' | '.join(column.get(key, 'no curve') for column in columns)} |")
        numbers = ["; ".join(f"{item.label} `{item.key}`" for item in protocol.reported) for protocol in group]
        lines += [f"| reports | {' | '.join(numbers)} |", ""]
    return lines


def variant_lines() -> list[str]:
    lines = ["| protocol | benchmark | rule | instead of | there |", "|---|---|---|---|---|"]
    for (name, benchmark), variant in VARIANTS.items():
        general, special = rules_of(PROTOCOLS[name]), rules_of(variant)
        for key in dict.fromkeys([*general, *special]):
            if general.get(key) != special.get(key):
                before, after = general.get(key, "no curve"), special.get(key, "no curve")
                lines.append(f"| {name} | {benchmark} | `{key}` | {before} | {after} |")
    return lines


def source_lines() -> list[str]:
    lines = ["| protocol | read in | revision | checked against |", "|---|---|---|---|"]
    for protocol in PROTOCOLS.values():
        source = protocol.source
        row = (protocol.id, f"{source.toolkit}: {source.files}", source.revision, source.checked)
        lines.append(f"| {' | '.join(row)} |")
    return lines


def test_the_page_has_every_rule_as_declared():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    lacking = [line for line in (*tables(), *variant_lines(), *source_lines()) if line and line not in page]
    assert lacking == []


def test_the_page_names_every_protocol():
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in PROTOCOLS)
