"""What the parity tests share: the research data read by evalkit's own readers, and comparison with stored numbers."""

import functools
from pathlib import Path

import numpy as np

from evalkit.benchmarks import get_benchmark
from evalkit.benchmarks.annotations import read_annotations
from evalkit.results.reader import read_results
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import Evaluation, evaluate_results
from evalkit.sequences import Annotation, Trajectory

FILES = {
    "uav123": ("test", "uav123_gt.zip", "results_uav123.zip"),
    "lasot": ("test", "lasot_test_gt.zip", "results_lasot.zip"),
    "tnl2k": ("test", "tnl2k_test_gt.zip", "results_tnl2k.zip"),
    "got10k": ("val", "got10k_val_like.zip", "results_got10k_val_like.zip"),
    "visevent": ("test", "visevent_test_gt.zip", "visevent_results_A.zip"),
    "lasher": ("test", "lasher_test_gt.zip", "lasher_results_A.zip"),
    "depthtrack": ("test", "depthtrack_proxy_gt.zip", "depthtrack_results_A.zip"),
    "rgbt234": ("test", "rgbt234_gt.zip", "rgbt234_results_A.zip"),
}


@functools.cache
def annotations_of(data: Path, benchmark: str) -> tuple[Annotation, ...]:
    split, truth, _ = FILES[benchmark]
    return tuple(read_annotations(get_benchmark(benchmark), split, data / truth)[1])


@functools.lru_cache(maxsize=3)
def results_of(data: Path, benchmark: str, tracker: str) -> dict[str, list[Trajectory]]:
    annotations = annotations_of(data, benchmark)
    actual = read_results(
        data / FILES[benchmark][2],
        names=[annotation.name for annotation in annotations],
        benchmark=benchmark,
        tracker=tracker,
    )
    assert [item.tracker for item in actual] == [tracker]
    return dict(actual[0].sequences)


def evaluated(data: Path, benchmark: str, tracker: str, protocol: str, names=None) -> Evaluation:
    annotations = annotations_of(data, benchmark)
    results = results_of(data, benchmark, tracker)
    if names is not None:
        annotations = [annotation for annotation in annotations if annotation.name in set(names)]
        results = {annotation.name: results[annotation.name] for annotation in annotations}
    return evaluate_results(annotations, results, get_protocol(protocol, benchmark))


def differences(actual: dict, expected: dict, tolerance: float) -> dict:
    """Entries that differ by more than the tolerance; the stored numbers have six decimals."""
    return {
        key: (actual[key], expected[key])
        for key in expected
        if not np.allclose(actual[key], expected[key], rtol=0, atol=tolerance)
    }


def per_sequence(evaluation: Evaluation, *keys: str) -> dict[str, list[float]]:
    columns = np.stack([evaluation.numbers.metrics[key].values for key in keys], axis=1)
    return {name: list(row) for name, row in zip(evaluation.names, columns, strict=True)}
