"""What ``evalkit list`` prints: one line per name, or every field as JSON values."""

import collections.abc as cabc
import dataclasses
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import counted
from evalkit.tracking.catalog import TrackerEntry
from evalkit.visible import visible

if TYPE_CHECKING:
    from evalkit.benchmarks.spec import BenchmarkSpec
    from evalkit.tracking.training import Parameters

_READING = {"list_sequences", "read_sequence", "read_annotation", "read_frames", "annotate", "copies"}


# pydantic's to_jsonable_python leaves sets unsorted: the same document would differ from call to call
def plain(value: object) -> Any:  # noqa: PLR0911 - one line per kind of value
    """JSON values of a declaration: dataclasses become dicts, enums their value, sets sorted lists.

    Example:
        >>> plain(frozenset({"b", "a"}))
        ['a', 'b']
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, cabc.Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    return value


def benchmark_documents() -> list[dict[str, Any]]:
    """All facts of the eight benchmarks, without the functions that read them."""
    from evalkit.benchmarks import BENCHMARKS

    return [_benchmark_document(spec) for spec in BENCHMARKS.values()]


def _benchmark_document(spec: "BenchmarkSpec") -> dict[str, Any]:
    fields = (f.name for f in dataclasses.fields(spec))
    return {name: plain(getattr(spec, name)) for name in fields if name not in _READING}


def benchmark_rows() -> list[list[str]]:
    """Name, year, modalities, size and reference of the eight benchmarks and of the user's own videos."""
    from evalkit.benchmarks import BENCHMARKS

    rows = [_benchmark_row(spec) for spec in BENCHMARKS.values()]
    return [*rows, ["custom", "-", "any", "your own videos", "docs/custom.md"]]


def _benchmark_row(spec: "BenchmarkSpec") -> list[str]:
    from evalkit.benchmarks.spec import Access

    split = spec.default_split
    frames = "" if split.frame_count is None else f", {counted(split.frame_count, 'frame')}"
    server = ", server" if split.access is Access.FIRST_FRAME_ONLY else ""
    others = ", ".join(name for name in spec.splits if name != split.name)
    size = f"{split.name}: {counted(split.sequence_count, 'sequence')}{frames}{server}" + (
        f" (also {others})" if others else ""
    )
    cited = spec.citation
    author = cited.authors.partition(",")[0]
    reference = f"{author} et al., {cited.title}, {cited.venue} {cited.year}"
    return [spec.name, str(spec.year), _sensors(spec.modalities), size, reference]


def tracker_rows(catalog: cabc.Mapping[str, TrackerEntry]) -> list[list[str]]:
    """Name, sensors, parameters, multiply-adds, input sizes, benchmark, summary with weights and reference."""
    return [
        [
            entry.name,
            _sensors(entry.modalities) or "none",
            "-" if entry.parameters is None else f"{entry.parameters / 1e6:.1f} M",
            "-" if entry.multiply_adds is None else f"{entry.multiply_adds / 1e9:.1f} GMAC",
            "/".join(map(str, entry.input_sizes)) + " px" if entry.input_sizes else "-",
            entry.benchmark or "any",
            f"{entry.summary} ({entry.reference})" + (f" Weights: {entry.weights}" if entry.weights else ""),
        ]
        for entry in catalog.values()
    ]


def training_rows(listed: list[dict[str, Any]] | dict[str, dict[str, "Parameters"]]) -> list[list[str]]:
    """Recipes with what they start from, their length and both shares; or trackers with those of their recipes."""
    if isinstance(listed, list):
        return [
            [
                document["name"],
                f"from {document['parent'] or 'scratch'}",
                f"{document['steps']:,} steps of {document['numbers']['batch']['value']}",
                f"{document['summary']} {document['parameters'].text()}",
            ]
            for document in listed
        ]
    trained = [
        [name, recipe, training.text()] for name, recipes in listed.items() for recipe, training in recipes.items()
    ]
    return trained + [[name, "-", "no recipe trains it"] for name, recipes in listed.items() if not recipes]


def protocol_documents() -> list[dict[str, Any]]:
    """Every rule of every scoring protocol, and under "variants" the rules that differ on a benchmark."""
    from evalkit.scoring.lookup import describe_protocol
    from evalkit.scoring.protocols import PROTOCOLS

    return [
        plain(protocol) | {"variants": plain(describe_protocol(name)["variants"])}
        for name, protocol in PROTOCOLS.items()
    ]


def protocol_rows() -> list[list[str]]:
    """Id with version, benchmarks that use it by default, title."""
    from evalkit.benchmarks import BENCHMARKS
    from evalkit.scoring.protocols import PROTOCOLS

    uses = {
        name: ", ".join(spec.name for spec in BENCHMARKS.values() if name in spec.protocols.values())
        for name in PROTOCOLS
    }
    return [[f"{p.id}/{p.version}", uses[name] or "-", p.title] for name, p in PROTOCOLS.items()]


def table_documents() -> list[dict[str, Any]]:
    """The shape of every paper's table: rows, columns, dashes, highlights, protocols, source."""
    from evalkit.report.tables.shapes import load_papers, load_tables

    papers = load_papers()
    return [{**plain(table), "about": papers[table.paper]} for table in load_tables()]


def table_rows() -> list[list[str]]:
    """Paper, table, size, benchmarks, caption."""
    from evalkit.report.tables.shapes import load_tables

    return [
        [
            f"--paper {table.paper} --table {table.table}",
            f"{len(table.rows)} x {len(table.columns)}",
            ", ".join(table.benchmarks) or "-",
            f"{table.caption.rstrip('.')} ({table.source}, {table.place})",
        ]
        for table in load_tables()
    ]


# rich fits tables to the terminal's width, wraps or cuts names, and costs 30 ms: these lines are read by programs, too
def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def columns(rows: cabc.Sequence[cabc.Sequence[str]]) -> list[str]:
    """Lines with all but the last column padded to one width, without blanks at their ends.

    Example:
        >>> columns([["a", "x"], ["long", "y"]])
        ['a     x', 'long  y']
    """
    rows = [[visible(text) for text in row] for row in rows]
    widths = [max(_cells(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    padded = ([c + " " * (w - _cells(c)) for c, w in zip(row, widths, strict=False)] for row in rows)
    return ["  ".join([*cells, row[-1]]).rstrip() for cells, row in zip(padded, rows, strict=True)]


def _sensors(modalities: cabc.Iterable[enum.StrEnum]) -> str:
    order = ["rgb", "depth", "thermal", "event"]
    return "+".join(sorted((str(modality) for modality in modalities), key=order.index))
