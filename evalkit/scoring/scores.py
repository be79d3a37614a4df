"""Scores: what a protocol makes of a run, per sequence, as curves and as a summary. Fractions in [0, 1]."""

import collections.abc as cabc
from dataclasses import dataclass, field
from typing import Any

from evalkit.boxes import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of one tracker on one benchmark under one protocol.

    Attributes:
        benchmark: Benchmark name.
        split: Split name.
        protocol: Protocol id without version, as on the command line.
        tracker: Name to print: the tracker's, followed by the settings that tell it from the tracker's other scores.
        run: Run id, "imported:..." or "files:..." for raw result files.
        sequence_names: S names, in the benchmark's order.
        frames: (S,) rows of ground truth per sequence.
        per_sequence: Metric key -> (S,), NaN = undefined for that sequence.
        curves: Curve name ("success", "precision", "normalized_precision", "longterm_precision", ...) -> values.
        thresholds: Curve name -> thresholds, the x axis.
        summary: Metric key -> value, in the order of the protocol.
        intervals: Metric key -> (low, high), empty unless asked for.
        attributes: Attribute code -> metric key -> value, empty unless asked for.
        missing: Sequences without a result that were left out because the user allowed it.
        notes: Facts that a reader of the number must know ("sample data", "3 files longer than the annotation").
        sample: The data are the rendered sample.
        settings: Those that tell it from the tracker's other scores.
        plain: The tracker's name without settings; empty if there are none.
    """

    benchmark: str
    split: str
    protocol: str
    tracker: str
    run: str
    sequence_names: tuple[str, ...]
    frames: IntArray
    per_sequence: cabc.Mapping[str, FloatArray]
    curves: cabc.Mapping[str, FloatArray]
    thresholds: cabc.Mapping[str, FloatArray]
    summary: cabc.Mapping[str, float]
    intervals: cabc.Mapping[str, tuple[float, float]] = field(default_factory=dict)
    attributes: cabc.Mapping[str, cabc.Mapping[str, float]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sample: bool = False
    settings: cabc.Mapping[str, Any] = field(default_factory=dict)
    plain: str = ""

    @property
    def plain_name(self) -> str:
        """The tracker's name without settings."""
        return self.plain or self.tracker
