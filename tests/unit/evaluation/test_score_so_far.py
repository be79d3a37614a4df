"""The score so far: that of the sequences which are finished, equal to the score command's, for little time."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.evaluation.roots import data_origin
from evalkit.evaluation.running import Plan, RunTarget, make_plan
from evalkit.evaluation.score_so_far import ScoreSoFar, scores_of
from evalkit.sequences import Trajectory
from evalkit.store.manifest import SequenceRecord
from helpers import stored, trees
from helpers.program import call


def record(name: str, track: Trajectory) -> SequenceRecord:
    first = tuple(track.boxes[0].tolist())
    return SequenceRecord(name, len(track), first, "", "", 1.0, "cpu", 1, 0, "2026-01-01T00:00:00+00:00", "")


def planned(benchmark: str, root: Path, results: Path, finished: int = 0) -> tuple[Plan, dict[str, Trajectory]]:
    """A run on a copy, of which the first sequences are finished, and the answers to all sequences."""
    spec = get_benchmark(benchmark)
    split = get_split(spec, None)
    names = tuple(spec.list_sequences(root, split))
    answers = {}
    for number, name in enumerate(names):
        truth = spec.read_sequence(root, split, name)
        boxes = np.tile(truth.initial_box, (len(truth), 1)) + np.arange(len(truth))[:, None] * (number % 3) * [
            1,
            0,
            0,
            0,
        ]
        confidence = np.linspace(0.9 - number / 10, 0.1, len(truth))
        answers[name] = Trajectory(boxes, confidence, np.full(len(truth), 0.01))
    origin = data_origin(spec, root)
    run = stored.store_run(results, benchmark, dict(list(answers.items())[:finished]), names=names, data=origin)
    return make_plan(RunTarget(spec, split, root, origin, names), run, aux=False), answers


def a_copy(benchmark: str, root: Path) -> Path:
    builder = {"lasot": trees.lasot, "depthtrack": trees.depthtrack, "lasher": trees.lasher, "got10k": trees.got10k}
    return builder[benchmark](root / benchmark)


@pytest.mark.parametrize("benchmark", ["lasot", "lasher", "depthtrack"])
def test_when_all_is_finished_it_is_the_score_of_the_run(benchmark: str, tmp_path: Path) -> None:
    plan, answers = planned(benchmark, a_copy(benchmark, tmp_path), tmp_path / "results", finished=1)
    ticks = itertools.chain([0.0], itertools.repeat(1e6))
    so_far = ScoreSoFar([plan], lambda: next(ticks))
    assert so_far.text().endswith(" over 1 sequence")
    for name, track in list(answers.items())[1:]:
        plan.run.write(record(name, track), track)
        so_far.finished(plan, name)
    scores = scores_of(plan)
    assert scores is not None
    first = {"lasot": "success_auc", "lasher": "precision_20", "depthtrack": "longterm_f"}[benchmark]
    label = {"lasot": "AUC", "lasher": "PR", "depthtrack": "F-score"}[benchmark]
    assert so_far.text() == f"{benchmark} {label} {100 * scores.summary[first]:.1f} over {len(answers)} sequences"
    told = call("score", benchmark, "--data-root", tmp_path / benchmark, "--results", tmp_path / "results", "--json")
    assert told.json["scores"] == pytest.approx(dict(scores.summary), abs=0)


def test_it_takes_a_fiftieth_of_the_time_and_lags_behind_then(tmp_path: Path) -> None:
    root = trees.lasot(tmp_path / "lasot", test=[f"cup-{number}" for number in range(1, 7)])
    plan, _ = planned("lasot", root, tmp_path / "results", finished=6)
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5  # every look at the clock costs that, so that a sequence takes half a second at least
        return now[0]

    so_far = ScoreSoFar([plan], clock)
    assert so_far.text().endswith(" over 1 sequence")
    assert so_far.text().endswith(" over 1 sequence")
    now[0] += 200.0
    assert so_far.text().endswith(" over 6 sequences")


def test_there_is_none_where_a_server_has_the_truth(tmp_path: Path) -> None:
    plan, _ = planned("got10k", a_copy("got10k", tmp_path), tmp_path / "results", finished=2)
    assert ScoreSoFar([plan]).text() == ""
    assert scores_of(plan) is None


def test_a_file_that_was_damaged_meanwhile_is_left_out(tmp_path: Path) -> None:
    plan, _ = planned("lasot", a_copy("lasot", tmp_path), tmp_path / "results", finished=2)
    ticks = itertools.chain([0.0], itertools.repeat(1e6))
    next((plan.run.path / "sequences").glob("*.csv")).write_text("nonsense")
    assert ScoreSoFar([plan], lambda: next(ticks)).text().endswith(" over 1 sequence")
