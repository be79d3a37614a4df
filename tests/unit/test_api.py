"""The notebook interface: the same numbers as the command line, as DataFrames and Figures; cheap to import."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import evalkit
from evalkit.errors import ScoringError, StoreError, UnknownNameError
from evalkit.store.runs import Run
from helpers.program import python
from helpers.small_lasot import NAMES, make_lasot, make_results, store_run, write_raw

KEY = "success_auc"


@pytest.fixture
def lasot(tmp_path: Path) -> Path:
    return make_lasot(tmp_path)


@pytest.fixture
def options(lasot: Path, tmp_path: Path) -> dict:
    return {"data_root": lasot, "results": make_results(tmp_path)}


def test_import_loads_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "matplotlib", "cv2", "torch", "scipy"}
    code = f"import evalkit, sys; dir(evalkit); print(sorted(set(sys.modules) & {heavy!r}))"
    assert python(code).stdout.strip() == "[]"


def test_every_name_exists_and_is_listed() -> None:
    for name in evalkit.__all__:
        assert getattr(evalkit, name) is not None
        assert name in dir(evalkit)
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        evalkit.scores  # noqa: B018 - the access is the test


def test_scores_are_a_row_per_tracker(options: dict) -> None:
    frame = evalkit.score("lasot", **options)
    assert list(frame.index) == ["kcf", "ncc"]
    assert frame[KEY].is_monotonic_decreasing
    assert frame[KEY].between(0, 1).all()
    assert list(frame["sequences"]) == [2, 2]
    assert not frame["sample"].any()


def test_intervals_are_columns_beside_their_metric(options: dict) -> None:
    frame = evalkit.score("lasot", interval=0.9, **options)
    assert frame[[f"{KEY}_low", f"{KEY}_high"]].isna().all(axis=None)  # of two sequences


def test_runs_scores_and_names_give_the_same(options: dict) -> None:
    expected = evalkit.score("lasot", trackers=["kcf"], **options)
    opened = evalkit.load_run("lasot", "kcf", results=options["results"])
    assert isinstance(opened, Run)
    for what, given in (
        (opened, {"data_root": options["data_root"]}),
        ([opened], {"data_root": options["data_root"]}),
        (evalkit.load_scores("lasot", trackers=["kcf"], **options), {}),
    ):
        pd.testing.assert_frame_equal(evalkit.score(what, **given), expected)


def test_raw_files_are_scored_like_runs(options: dict, tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", "one", 1.0)
    frame = evalkit.score("lasot", predictions=tmp_path / "raw", annotations=options["data_root"])
    assert list(frame.index) == ["one"]
    assert frame["run"].iloc[0].startswith("files:")


def test_values_per_sequence_have_their_names(options: dict) -> None:
    frame = evalkit.per_sequence("lasot", **options)
    assert (list(frame.index), list(frame.columns)) == (list(NAMES), ["kcf", "ncc"])
    np.testing.assert_allclose(frame.mean(), evalkit.score("lasot", **options)[KEY])
    with pytest.raises(UnknownNameError, match="did you mean 'precision_20'"):
        evalkit.per_sequence("lasot", "precision_2", **options)


def test_table_prints_what_papers_print(options: dict) -> None:
    frame = evalkit.table(["lasot"], **options)
    assert list(frame.columns) == [("LaSOT", "AUC"), ("LaSOT", "P Norm"), ("LaSOT", "P")]
    expected = round(100 * evalkit.score("lasot", **options).loc["kcf", KEY], 1)
    assert frame.loc["kcf", ("LaSOT", "AUC")] == expected
    assert list(frame.index) == ["kcf", "ncc"]


def test_figures_are_figures(options: dict) -> None:
    scores = evalkit.load_scores("lasot", **options)
    assert isinstance(evalkit.plot_success(scores), Figure)
    for kind in ("precision", "normalized_precision", "ranking", "attributes", "difference"):
        assert isinstance(evalkit.plot(scores, kind), Figure)
    with pytest.raises(UnknownNameError, match="did you mean 'success'"):
        evalkit.plot(scores, "succes")
    with pytest.raises(ScoringError, match="no plot f_score"):
        evalkit.plot(scores, "f_score")
    with pytest.raises(ScoringError, match="of two trackers, these are 1"):
        evalkit.plot(scores[:1], "difference")


def test_several_runs_of_a_tracker_are_listed(options: dict) -> None:
    other = store_run(options["results"], "kcf", offset=4.0, seed=1)
    with pytest.raises(StoreError, match=other.run_id):
        evalkit.load_run("lasot", "kcf", results=options["results"])
    assert evalkit.load_run("lasot", "kcf", results=options["results"], run_id=other.run_id) == other
    both = [evalkit.load_run("lasot", name, results=options["results"], run_id=run_id)
            for name, run_id in (("kcf", other.run_id), ("ncc", ""))]  # fmt: skip
    assert list(evalkit.score(both, data_root=options["data_root"]).index) == ["kcf", "ncc"]


def test_what_cannot_be_scored_says_why(options: dict) -> None:
    with pytest.raises(StoreError, match="mosse has no run on lasot"):
        evalkit.load_run("lasot", "mosse", results=options["results"])
    with pytest.raises(ScoringError, match="expected a benchmark's name, runs, or scores"):
        evalkit.score(7)
    with pytest.raises(ScoringError, match="expected a benchmark's name"):
        evalkit.score([])


def test_a_misspelled_option_is_an_error_and_not_ignored(options: dict) -> None:
    with pytest.raises(UnknownNameError, match="unknown option 'tracker'; did you mean 'trackers'"):
        evalkit.score("lasot", tracker="kcf", **options)


def test_options_that_would_have_no_effect_are_refused(options: dict) -> None:
    opened = evalkit.load_run("lasot", "kcf", results=options["results"])
    with pytest.raises(ScoringError, match="trackers: the runs say already"):
        evalkit.score(opened, trackers=["ncc"], **options)
    with pytest.raises(ScoringError, match="scores already; pass protocol to"):
        evalkit.score(evalkit.load_scores("lasot", **options), protocol="official")


def test_a_single_name_is_a_list_of_one(options: dict) -> None:
    assert list(evalkit.score("lasot", trackers="ncc", **options).index) == ["ncc"]
