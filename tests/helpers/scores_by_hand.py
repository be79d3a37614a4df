"""Scores and benchmark facts made by hand, for the tests of tables and figures."""

import numpy as np

from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.report.metrics import METRICS
from evalkit.report.tables.table import Cell, Column, Row, Table
from evalkit.scoring.scores import Scores
from evalkit.sequences import Modality


def _no_reader(*_: object) -> None:
    raise AssertionError("a table reads no data")


def make_spec(name: str, title: str, headline: tuple[str, ...]) -> BenchmarkSpec:
    return BenchmarkSpec(
        name=name,
        title=title,
        year=2019,
        citation=Citation("A. Author", "A benchmark", "CVPR", 2019),
        homepage="https://example.org",
        license=None,
        modalities=frozenset({Modality.RGB}),
        splits={"test": Split("test", 2, 30, Access.FULL, None)},
        coordinate_origin=1,
        protocols={"official": "lasot-kit", "papers": "pytracking"},
        headline=headline,
        submission=None,
        attributes=(),
        list_sequences=_no_reader,
        read_sequence=_no_reader,
        read_annotation=_no_reader,
    )


SPECS = {
    spec.name: spec
    for spec in (
        make_spec("lasot", "LaSOT", ("success_auc", "normalized_precision_20", "precision_20")),
        make_spec("lasher", "LasHeR", ("precision_20", "success_auc")),
        make_spec("got10k", "GOT-10k", ("average_overlap", "success_rate_50", "success_rate_75")),
        make_spec("depthtrack", "DepthTrack", ("longterm_precision", "longterm_recall", "longterm_f")),
    )
}


def make_scores(tracker: str, summary: dict[str, float], benchmark: str = "lasot", **others: object) -> Scores:
    values: dict[str, object] = {
        "benchmark": benchmark,
        "split": "test",
        "protocol": "pytracking",
        "tracker": tracker,
        "run": f"run-{tracker}",
        "sequence_names": ("a-1", "b-1"),
        "frames": np.array([10, 20]),
        "per_sequence": {},
        "curves": {},
        "thresholds": {},
        "summary": summary,
    }
    return Scores(**{**values, **others})


def lasot(auc: float, normalized: float, precision: float) -> dict[str, float]:
    return {"success_auc": auc, "precision_20": precision, "normalized_precision_20": normalized}


def curves_of(quality: float) -> dict[str, dict[str, np.ndarray]]:
    """Success and precision curves of a tracker; ``quality`` in [0, 1]."""
    overlap, pixels = np.linspace(0, 1, 21), np.arange(51.0)
    reach = 1 - np.exp(-pixels / (12 - 8 * quality))
    return {
        "curves": {
            "success": quality * (1 - overlap),
            "precision": quality * reach,
            "normalized_precision": quality * reach,
        },
        "thresholds": {"success": overlap, "precision": pixels, "normalized_precision": pixels / 100},
    }


def longterm_of(quality: float) -> dict[str, dict[str, np.ndarray]]:
    share = np.linspace(0, 1, 100)
    curves = {"longterm_recall": share * quality, "longterm_precision": 1 - share**2 * (1 - quality)}
    return {"curves": curves, "thresholds": dict.fromkeys(curves, 1 - share)}


def wide_table(
    benchmarks: int, trackers: int, name: str = "tracker", interval: tuple[float, float] | None = None
) -> Table:
    """Three metrics of every benchmark."""
    titles = ["LaSOT", "TrackingNet", "GOT-10k", "UAV123", "TNL2K", "LasHeR", "VisEvent", "DepthTrack"][:benchmarks]
    columns = tuple(Column(f"{t}.{key}", METRICS[key].label, t) for t in titles for key in list(METRICS)[:3])
    lines = tuple(
        tuple(
            Cell((row * 7 + place) % 101 / 100, METRICS["success_auc"], interval=interval)
            for place in range(len(columns))
        )
        for row in range(trackers)
    )
    rows = tuple(Row(f"{name}-{row}") for row in range(trackers))
    return Table(", ".join(titles), rows, columns, lines, heading="Comparison with other trackers.")
