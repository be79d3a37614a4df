"""Scoring runs of the store: which runs are taken, repetitions, limited and partial runs, own long-term runs."""

import dataclasses

import numpy as np
import pytest

from evalkit.errors import ScoringError, StoreError
from evalkit.evaluation.candidates import Candidate, read_candidates
from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import compute_scores
from evalkit.evaluation.truth import load_truth
from evalkit.results.importing import store_results
from evalkit.results.reader import read_results
from evalkit.sequences import Trajectory
from evalkit.store.manifest import names_sha256
from evalkit.store.runs import ResultStore
from helpers import stored, trees
from helpers.trees import boxes, rows, text

NAMES = ("one", "two")
FRAMES = {"one": 12, "two": 8}


@pytest.fixture
def root(tmp_path):
    """A UAV123 copy with two sequences of its own, annotations only."""
    return trees.uav123(tmp_path / "UAV123", values={name: boxes(FRAMES[name]) for name in NAMES})


def store_run(folder, trajectories, names=NAMES, benchmark="uav123", **changed):
    values = {"tracker": "t", "config": {"size": [1, 2]}} | changed
    return stored.store_run(folder, benchmark, trajectories, names=names, **values)


def answers(shift, frames=None):
    actual = {}
    for name in NAMES:
        rows_ = boxes(FRAMES[name])[:frames]
        moved = rows_ + np.array([shift, 0, 0, 0])
        moved[0] = rows_[0]
        actual[name] = stored.trajectory(moved, 0.01)
    return actual


def truth_of(root, benchmark="uav123", **options):
    return load_truth(Request(benchmarks=(benchmark,), data_root=root, **options))


def from_store(truth, results, say=print, **options):
    return read_candidates(Request(benchmarks=(truth.spec.name,), results=results, **options), truth, say)


def scores_of(truth, candidates, **options):
    return compute_scores(Request(**options), truth, candidates)


def test_a_run_is_scored_and_its_speed_is_known(root, tmp_path):
    run = store_run(tmp_path / "results", answers(0))
    truth = truth_of(root)
    (candidate,) = from_store(truth, tmp_path / "results")
    (score,) = scores_of(truth, [candidate])
    assert (score.tracker, score.run, score.protocol) == ("t", run.run_id, "ostrack")
    assert score.summary["success_auc"] == pytest.approx(20 / 21)
    assert candidate.frames_per_second() == pytest.approx(100)


def test_repetitions_of_a_run_are_averaged(root, tmp_path):
    for repeat, shift in enumerate((0, 30)):
        store_run(tmp_path / "results", answers(shift), repeat=repeat)
    truth = truth_of(root)
    (candidate,) = from_store(truth, tmp_path / "results", trackers=("t",))
    assert all(len(runs) == 2 for runs in candidate.trajectories.values())
    (score,) = scores_of(truth, [candidate])
    alone = []
    for shift in (0, 30):
        single = dataclasses.replace(
            candidate, trajectories={name: [track] for name, track in answers(shift).items()}, run="x"
        )
        alone += scores_of(truth, [single])
    for key, value in score.summary.items():
        assert value == pytest.approx(np.mean([item.summary[key] for item in alone]))


def test_of_several_runs_the_newest_complete_one_is_taken_and_a_note_says_so(root, tmp_path):
    results, answer = tmp_path / "results", answers(0)
    older = store_run(results, answer, finished="2026-01-01T00:00:00+00:00")
    newer = store_run(results, answers(5), finished="2026-01-02T00:00:00+00:00", config={"size": [3, 4]})
    store_run(results, {"one": answer["one"]}, finished="2026-01-03T00:00:00+00:00", config={"size": [5, 6]})
    store_run(results, answers(0, frames=5), finished="2026-01-04T00:00:00+00:00", frame_limit=5)
    truth = truth_of(root)
    (candidate,) = from_store(truth, results, trackers=("t",))
    assert candidate.run == newer.run_id
    (note,) = candidate.notes
    assert note.startswith(f"run {newer.run_id} ")
    assert "is taken, the newest complete run; there are also: " in note
    assert f"{older.run_id} (2 sequences)" in note
    (score,) = scores_of(truth, [candidate])
    assert note in score.notes
    (candidate,) = from_store(truth, results, run_ids=(older.run_id[:6],))
    assert (candidate.run, candidate.notes) == (older.run_id, ())


def test_all_runs_are_candidates_of_their_own_and_equal_boxes_count_once(root, tmp_path):
    results = tmp_path / "results"
    store_run(results, answers(0), finished="2026-01-01T00:00:00+00:00")
    again = store_run(results, answers(0), finished="2026-01-02T00:00:00+00:00", config={"threads": 4})
    other = store_run(results, answers(5), finished="2026-01-03T00:00:00+00:00", config={"size": [3, 4]})
    store_run(results, {"one": answers(0)["one"]}, config={"size": [5, 6]})
    said = []
    actual = from_store(truth_of(root), results, said.append, trackers=("t",), all_runs=True)
    assert [item.run for item in actual] == [again.run_id, other.run_id]
    assert [item.tracker for item in actual] == ["t", "t size=[3,4]"]
    assert {item.plain_name for item in actual} == {"t"}
    assert f"run {again.run_id} threads=4 has the same boxes as " in actual[0].notes[0]
    assert actual[0].notes[0].endswith(" size=[1,2]: they count as one")
    assert said == ["uav123: t size=[5,6] is left out, it lacks 1 of 2 sequences"]


def test_runs_with_equal_boxes_are_no_choice(root, tmp_path):
    results = tmp_path / "results"
    store_run(results, answers(0), finished="2026-01-01T00:00:00+00:00")
    again = store_run(results, answers(0), finished="2026-01-02T00:00:00+00:00", config={"threads": 4})
    (candidate,) = from_store(truth_of(root), results)
    assert (candidate.run, candidate.notes) == (again.run_id, ())


def test_who_was_not_named_and_has_not_finished_is_left_out(root, tmp_path):
    results, said = tmp_path / "results", []
    store_run(results, answers(0))
    store_run(results, {"two": answers(0)["two"]}, tracker="u")
    truth = truth_of(root)
    assert [item.tracker for item in from_store(truth, results, said.append)] == ["t"]
    assert said == ["uav123: u is left out, it lacks 1 of 2 sequences"]
    assert [item.tracker for item in from_store(truth, results, allow_missing=True)] == ["t", "u"]
    assert [item.tracker for item in from_store(truth, results, None)] == ["t", "u"]
    (named,) = from_store(truth, results, trackers=("u",))
    with pytest.raises(ScoringError, match="no result, 1: one"):
        scores_of(truth, [named])


def test_runs_on_other_data_are_not_taken(root, tmp_path):
    store_run(tmp_path / "results", answers(0), data="sample:format=1:seed=0")
    with pytest.raises(StoreError, match="no tracker has a run"):
        from_store(truth_of(root), tmp_path / "results")


def test_a_partial_run_names_what_is_missing_and_the_command_that_continues(root, tmp_path):
    answer = answers(0)
    store_run(tmp_path / "results", {"one": answer["one"]})
    truth = truth_of(root)
    candidates = from_store(truth, tmp_path / "results", trackers=("t",))
    for refused in (lambda: scores_of(truth, candidates), lambda: from_store(truth, tmp_path / "results")):
        with pytest.raises((ScoringError, StoreError)) as error:
            refused()
        assert "no result, 1: two" in str(error.value)
        assert "evalkit run-benchmark uav123 --tracker t" in str(error.value)
    (score,) = scores_of(truth, candidates, allow_missing=True)
    assert score.missing == ("two",)


def test_a_run_limited_to_the_first_frames_is_scored_on_them_and_says_so(root, tmp_path):
    store_run(tmp_path / "results", answers(0, frames=5), frame_limit=5)
    truth = truth_of(root)
    (score,) = scores_of(truth, from_store(truth, tmp_path / "results"))
    assert score.frames.tolist() == [5, 5]
    assert "scored on the first 5 frames of every sequence" in score.notes


def test_imported_results_score_as_the_files_they_came_from(root, tmp_path):
    folder = tmp_path / "files" / "mine"
    for name, answer in answers(3).items():
        text(folder / f"{name}.txt", rows(answer.boxes))
    truth = truth_of(root)
    (actual,) = read_results(tmp_path / "files", names=NAMES, benchmark="uav123")
    store_results(
        actual, ResultStore(tmp_path / "results"), benchmark="uav123", split="test", data="official", names=NAMES
    )
    (stored,) = scores_of(truth, from_store(truth, tmp_path / "results"))
    (raw,) = scores_of(truth, read_candidates(Request(predictions=tmp_path / "files"), truth, print))
    assert stored.summary == raw.summary
    assert stored.run.startswith("imported:")
    assert raw.run.startswith("files:")


def test_frame_zero_of_an_own_long_term_run_counts_as_the_vot_toolkit_writes_it(tmp_path):
    folder = tmp_path / "DepthTrack" / "test" / "bag_indoor"
    text(folder / "groundtruth.txt", rows(boxes(6)))
    text(folder / "sequence", "width=640\nheight=360\n")
    (folder.parent / "list.txt").write_text("bag_indoor\n")
    truth = truth_of(tmp_path, "depthtrack")
    moved = boxes(6)
    run = Trajectory(moved, np.full(6, np.nan), np.full(6, np.nan))
    own = Candidate("t", "r", {"bag_indoor": [run]}, own=True)
    foreign = dataclasses.replace(own, own=False)
    (first,), (second,) = (scores_of(truth, [item]) for item in (own, foreign))
    assert first.summary["longterm_recall"] == pytest.approx(5 / 6)
    assert second.summary["longterm_recall"] == 1.0


@pytest.mark.parametrize("benchmark", ["got10k", "trackingnet"])
def test_local_truth_needs_the_sample(tmp_path, benchmark):
    (tmp_path / "copy").mkdir()
    with pytest.raises(Exception, match="no folder"):
        truth_of(tmp_path / "copy", benchmark, local_truth=True)


def test_of_several_runs_the_one_on_the_sequences_of_the_data_is_taken(root, tmp_path):
    answer = answers(0)
    longer = (*NAMES, "removed")
    older = store_run(tmp_path / "results", answer, names=longer, sequence_list_sha256=names_sha256(longer))
    newer = store_run(tmp_path / "results", answer)
    (candidate,) = from_store(truth_of(root), tmp_path / "results")
    assert candidate.run == newer.run_id
    assert any(f"there are also: {older.run_id} (3 sequences)" in note for note in candidate.notes)


def test_of_several_runs_the_one_on_the_sequences_asked_for_is_taken(root, tmp_path):
    answer = answers(0)
    whole = store_run(tmp_path / "results", answer)
    one = {"one": answer["one"]}
    part = store_run(tmp_path / "results", one, names=["one"], sequence_list_sha256=names_sha256(["one"]))
    for sequences, run in ((None, whole), (["one"], part), (["two"], whole)):
        truth = truth_of(root, sequences=sequences)
        (candidate,) = from_store(truth, tmp_path / "results")
        assert candidate.run == run.run_id


def test_a_folder_that_cannot_be_read_does_not_block_another_tracker(root, tmp_path):
    store_run(tmp_path / "results", answers(0))
    future = tmp_path / "results" / "uav123" / "other" / "abc"
    text(future / "manifest.json", '{"schema": 99}')
    with pytest.raises(StoreError, match="other"):
        from_store(truth_of(root), tmp_path / "results")
    (candidate,) = from_store(truth_of(root), tmp_path / "results", trackers=("t",))
    assert candidate.tracker == "t"


def test_a_run_id_chooses_among_the_runs_of_its_own_tracker_only(root, tmp_path):
    first = store_run(tmp_path / "results", answers(0))
    store_run(tmp_path / "results", answers(5), config={"size": [3, 4]})
    other = store_run(tmp_path / "results", answers(9), tracker="u")
    truth = truth_of(root)
    for run_ids in ((first.run_id,), (first.run_id, other.run_id[:8])):
        actual = from_store(truth, tmp_path / "results", trackers=("t", "u"), run_ids=run_ids)
        assert [item.run for item in actual] == [first.run_id, other.run_id]
    with pytest.raises(StoreError, match=r"--run zz: no such run of t, u on uav123 test"):
        from_store(truth, tmp_path / "results", trackers=("t", "u"), run_ids=(first.run_id, "zz"))


def test_a_run_id_of_another_benchmark_of_the_same_command_is_passed_over(root, tmp_path):
    here = store_run(tmp_path / "results", answers(0))
    there = store_run(tmp_path / "results", answers(0), benchmark="lasot")
    truth = truth_of(root)
    (actual,) = from_store(truth, tmp_path / "results", trackers=("t",), run_ids=(here.run_id, there.run_id))
    assert actual.run == here.run_id
    with pytest.raises(StoreError, match=rf"--run {there.run_id}: no such run"):
        from_store(truth, tmp_path / "results", trackers=("t",), run_ids=(there.run_id,))


# ---- which settings tell runs apart


def test_the_footnote_on_the_newest_run_tells_the_settings_of_all(root, tmp_path):
    results = tmp_path / "results"
    store_run(results, answers(0), config={"size": [1, 2], "rate": 1}, finished="2026-01-01T00:00:00+00:00")
    store_run(results, answers(5), config={"size": [1, 2], "rate": 2}, finished="2026-01-02T00:00:00+00:00")
    (candidate,) = from_store(truth_of(root), results)
    assert candidate.tracker == "t"
    note = candidate.notes[0]
    assert note.startswith(f"run {candidate.run} rate=2 is taken, the newest complete run; there are also: ")
    assert note.endswith("(2 sequences) rate=1 (--all-runs shows each, --run ID one of them)")


def test_runs_are_named_by_the_settings_that_differ_and_by_no_others(root, tmp_path):
    results = tmp_path / "results"
    loops = [{"loop": {"rate": rate, "area": 4.0}, "name": "x"} for rate in (0.1, 0.2)]
    for number, config in enumerate(loops):
        store_run(results, answers(number), config=config)
    store_run(results, answers(7), config=loops[0], precision="bf16", weights_sha256="ab" * 32)
    actual = from_store(truth_of(root), results, all_runs=True)
    assert sorted(item.tracker for item in actual) == [
        "t rate=0.1 weights=abababab precision=bf16",
        "t rate=0.1 weights=none precision=fp32",
        "t rate=0.2 weights=none precision=fp32",
    ]
    (score,) = scores_of(truth_of(root), [actual[0]])
    assert (score.tracker, score.plain_name, score.settings) == (actual[0].tracker, "t", actual[0].settings)


def test_a_tracker_has_the_same_names_on_every_benchmark_of_a_store(root, tmp_path):
    results = tmp_path / "results"
    store_run(results, answers(0), config={"rate": 1})
    store_run(results, answers(1), config={"rate": 1}, benchmark="lasot")
    store_run(results, answers(2), config={"rate": 2}, benchmark="lasot")
    (candidate,) = from_store(truth_of(root), results, all_runs=True)
    assert candidate.tracker == "t rate=1"
    (candidate,) = from_store(truth_of(root), results)
    assert candidate.tracker == "t"


def test_runs_that_no_setting_tells_apart_have_their_ids_in_their_names(root, tmp_path):
    results = tmp_path / "results"
    runs = [store_run(results, answers(0)), store_run(results, {"one": answers(3)["one"]}, names=("one",))]
    actual = from_store(truth_of(root), results, all_runs=True, allow_missing=True)
    assert sorted(item.tracker for item in actual) == sorted(f"t ({run.run_id[:8]})" for run in runs)


def test_the_command_that_continues_has_the_settings_and_the_name(root, tmp_path):
    config = {"rate": 1, "mode": "a b", "tracker": "kcf", "set": ["rate", "mode"]}
    store_run(tmp_path / "results", {"one": answers(0)["one"]}, config=config, tracker="ours x")
    (candidate,) = from_store(truth_of(root), tmp_path / "results", allow_missing=True)
    expected = "evalkit run-benchmark uav123 --tracker kcf --set rate=1 --set 'mode=a b' --name 'ours x' "
    assert candidate.how_to_continue.startswith(expected)
    assert candidate.how_to_continue.endswith(f" --results {tmp_path / 'results'}")


# ---- random weights


def dry_and_real(results):
    real = store_run(results, answers(0), finished="2026-01-01T00:00:00+00:00", weights_sha256="ab" * 32)
    dry = store_run(results, answers(5), finished="2026-01-02T00:00:00+00:00", weights_sha256="random")
    other = store_run(results, answers(7), tracker="u", weights_sha256="random")
    return real, dry, other


@pytest.mark.parametrize("asked", [{}, {"trackers": ("u", "t")}, {"all_runs": True}])
def test_random_weights_do_not_stand_beside_results(root, tmp_path, asked):
    real, dry, other = dry_and_real(tmp_path / "results")
    said = []
    actual = from_store(truth_of(root), tmp_path / "results", said.append, **asked)
    assert [item.run for item in actual] == [real.run_id]
    (text,) = said
    assert text.startswith("uav123: left out, their weights are random: ")
    assert f"t (run {dry.run_id})" in text
    assert f"u (run {other.run_id})" in text
    assert "--with-random-weights" in text
    (candidate,) = from_store(truth_of(root), tmp_path / "results", None, **asked)
    assert text in candidate.notes


def test_a_run_id_is_not_enough_to_put_random_weights_beside_results(root, tmp_path):
    real, dry, _ = dry_and_real(tmp_path / "results")
    ids = {"run_ids": (real.run_id, dry.run_id)}
    assert [item.run for item in from_store(truth_of(root), tmp_path / "results", print, **ids)] == [real.run_id]
    asked = from_store(truth_of(root), tmp_path / "results", print, with_random_weights=True, **ids)
    assert {item.run for item in asked} == {real.run_id, dry.run_id}
    assert {item.tracker for item in asked} == {"t weights=random", "t weights=abababab"}


def test_random_weights_alone_are_scored(root, tmp_path):
    dry = store_run(tmp_path / "results", answers(5), weights_sha256="random")
    assert [item.run for item in from_store(truth_of(root), tmp_path / "results")] == [dry.run_id]


def test_random_weights_on_one_benchmark_do_not_stand_beside_results_on_another(root, tmp_path):
    results = tmp_path / "results"
    store_run(results, answers(5), weights_sha256="random")
    store_run(results, answers(0), benchmark="lasot", tracker="u")
    with pytest.raises(StoreError, match=r"their weights are random: t \(run"):
        from_store(truth_of(root), results)
    assert len(from_store(truth_of(root), results, trackers=("t",))) == 1
    assert len(from_store(truth_of(root), results, with_random_weights=True)) == 1


def test_a_setting_that_moves_no_box_is_in_no_name(root, tmp_path):
    results = tmp_path / "results"
    for rate in (1, 2):
        for mode in ("a", "b"):
            store_run(results, answers(rate), config={"rate": rate, "mode": mode})
    actual = from_store(truth_of(root), results, all_runs=True)
    assert sorted(item.tracker for item in actual) == ["t rate=1", "t rate=2"]
    assert all("mode=a" in item.notes[0] and "mode=b" in item.notes[0] for item in actual)
