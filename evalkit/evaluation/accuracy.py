"""What a precision costs in boxes: the same tracker at every precision of a device, on sequences with ground truth."""

import collections.abc as cabc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.boxes import FloatArray, to_corners
from evalkit.errors import ScoringError, TrackerError
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.executors import ExecutorOptions, loop_settings
from evalkit.evaluation.roots import find_root
from evalkit.scoring.aggregate import MeanMetric
from evalkit.scoring.conventions import OverlapArithmetic
from evalkit.scoring.gather import annotation_problem
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.overlap import overlap
from evalkit.scoring.score import evaluate_results
from evalkit.scoring.statistics import compare_metric
from evalkit.sequences import Sequence, Trajectory
from evalkit.tracking.catalog import check_modalities, load_tracker
from evalkit.tracking.interface import Tracker
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings, run_jobs

PROTOCOL = "ostrack"
METRIC = "success_auc"
EXACT = "fp32"
TOGETHER = "together"
MOVED = 1.0  # pixel
PRECISIONS = {"cpu": (EXACT, "bf16", "fp16"), "cuda": (EXACT, "tf32", "bf16", "fp16")}


@dataclass(frozen=True, slots=True)
class Copy:
    """Sequences of a benchmark, to be tracked at several precisions."""

    spec: BenchmarkSpec
    sequences: tuple[Sequence, ...]

    @classmethod
    def read(
        cls, name: str, *, split: str | None, data_root: Path | None, layout: Path | None, limit: int | None
    ) -> "Copy":
        """Read the first sequences of a copy.

        Raises:
            EvalkitError: There is no such benchmark or copy, it is damaged, or its annotation cannot be scored.
        """
        root = find_root(get_benchmark(name, layout=layout), data_root)
        spec = get_benchmark(name, layout=layout, root=root)
        part = get_split(spec, split)
        names = spec.list_sequences(root, part)[:limit]
        sequences = tuple(spec.read_sequence(root, part, sequence) for sequence in names)
        for truth in (sequence.annotation for sequence in sequences):
            if problem := annotation_problem(truth, get_protocol(PROTOCOL, spec.name)):
                raise ScoringError(
                    f"{spec.title} {part.name} cannot be scored under {PROTOCOL}: {truth.name}: {problem}. "
                    "Choose another --split or benchmark."
                )
        return cls(spec, sequences)


@dataclass(frozen=True, slots=True)
class Cost:
    """One precision on one benchmark, against fp32.

    Attributes:
        benchmark: Its name, or ``TOGETHER``.
        precision: Its name.
        sequences: How many.
        auc: Area under the success curve.
        difference: That minus the area at fp32.
        interval: Of the difference, 95 %, over sequences; None of too few.
        overlap: Mean overlap with the boxes at fp32, first frames left out.
        moved: Share of these frames where a side of the box is more than ``MOVED`` away from that at fp32.
    """

    benchmark: str
    precision: str
    sequences: int
    auc: float
    difference: float
    interval: tuple[float, float] | None
    overlap: float
    moved: float


class _Compared(NamedTuple):
    """One precision beside fp32: AUC of S sequences, and of their F frames the overlap and how far a side moved."""

    names: tuple[str, ...]
    own: MeanMetric
    exact: MeanMetric
    overlaps: FloatArray
    distances: FloatArray


@dataclass(slots=True)
class _Kept:
    trajectories: dict[str, Trajectory] = field(default_factory=dict)

    def finished(self, results: cabc.Sequence[tuple[Job, Trajectory]]) -> None:
        self.trajectories |= {job.name: trajectory for job, trajectory in results}

    def failed(self, job: Job, error: Exception) -> None:
        raise TrackerError(f"the tracker failed on {job.name}: {error}") from error


def precision_costs(
    build: cabc.Callable[[str], Tracker[Any, Any]], device: str, copies: cabc.Sequence[Copy], settings: LoopSettings
) -> list[Cost]:
    """Track all copies at every precision of a device; of several, the last row of a precision is of all sequences.

    Args:
        build: Precision -> tracker.
        device: "cpu", "cuda:1".
        copies: What to track.
        settings: Of the loop.

    Raises:
        EvalkitError: The tracker fails, or the ground truth does not suffice for scores.
    """
    costs = []
    exact: dict[str, dict[str, Trajectory]] = {}
    for precision in PRECISIONS[device.partition(":")[0]]:
        tracker = build(precision)
        compared = []
        for copy in copies:
            boxes = _tracked(tracker, copy, settings)
            compared.append(_compared(copy, boxes, exact.setdefault(copy.spec.name, boxes)))
            costs.append(_cost(copy.spec.name, precision, compared[-1]))
        if len(copies) > 1:
            costs.append(_cost(TOGETHER, precision, _together(compared)))
    return costs


def costs_of(asked: ExecutorOptions, device: str, copies: cabc.Sequence[Copy], say: Say) -> list[Cost]:
    """:func:`precision_costs` of the tracker that was asked for.

    Raises:
        EvalkitError: As there, or the tracker cannot be built.
    """
    settings = replace(loop_settings(asked, device, share=1), grow=False)  # one shape for all that is compared

    def build(precision: str) -> Tracker[Any, Any]:
        say(f"tracking at {precision}, at most {settings.capacity} together ...")
        options = replace(asked.options, device=device, precision=precision)
        return load_tracker(asked.catalog, asked.tracker, options, timeout=asked.timeout)

    return precision_costs(build, device, copies, settings)


def _tracked(tracker: Tracker[Any, Any], copy: Copy, settings: LoopSettings) -> dict[str, Trajectory]:
    check_modalities(tracker.info, copy.spec.modalities, copy.spec.title)
    kept = _Kept()
    jobs = [Job(sequence.name, sequence.frames, sequence.initial_box, len(sequence)) for sequence in copy.sequences]
    run_jobs(tracker, jobs, kept, settings)
    return kept.trajectories


def _compared(copy: Copy, boxes: cabc.Mapping[str, Trajectory], exact: cabc.Mapping[str, Trajectory]) -> _Compared:
    annotations = [sequence.annotation for sequence in copy.sequences]
    protocol = get_protocol(PROTOCOL, copy.spec.name)
    own, reference = (
        evaluate_results(annotations, {name: [trajectory] for name, trajectory in tracks.items()}, protocol)
        for tracks in (boxes, exact)
    )
    first, second = own.numbers.metrics[METRIC], reference.numbers.metrics[METRIC]
    assert isinstance(first, MeanMetric)
    assert isinstance(second, MeanMetric)
    pairs = [np.concatenate([tracks[name].boxes[1:] for name in own.names]) for tracks in (boxes, exact)]
    overlaps = overlap(pairs[0].T, pairs[1].T, OverlapArithmetic.CONTINUOUS, 0.0)
    distances = np.abs(to_corners(pairs[0]) - to_corners(pairs[1])).max(axis=1)
    return _Compared(own.names, first, second, overlaps, distances)


def _together(parts: cabc.Sequence[_Compared]) -> _Compared:
    own, exact = (
        MeanMetric(
            np.concatenate([each.values for each in metrics]), np.concatenate([each.weights for each in metrics])
        )
        for metrics in ([part.own for part in parts], [part.exact for part in parts])
    )
    names = tuple(name for part in parts for name in part.names)
    frames = (np.concatenate([part.overlaps for part in parts]), np.concatenate([part.distances for part in parts]))
    return _Compared(names, own, exact, *frames)


def _cost(benchmark: str, precision: str, measured: _Compared) -> Cost:
    compared = compare_metric(METRIC, measured.own, measured.exact, measured.names)
    return Cost(
        benchmark,
        precision,
        len(measured.names),
        compared.first,
        compared.difference,
        compared.interval,
        float(measured.overlaps.mean()),
        float((measured.distances > MOVED).mean()),
    )
