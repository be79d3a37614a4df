"""The study: arms are the recipes, scenes are videos of every sensor, and a tiny one goes from scenes to tables."""

import json

import numpy as np
import pytest
import torch

from evalkit.benchmarks import get_benchmark
from evalkit.errors import EvalkitError
from evalkit.sequences import Modality
from helpers.program import call
from trackers.training.recipes import RECIPES
from trackers.training.study.__main__ import StudyPlan, train_and_score
from trackers.training.study.analysis import analyze, arm_scores, differences, gather
from trackers.training.study.arms import START, Length, all_arms, scaled, shortened
from trackers.training.study.figures import fisher_map, sparsity, trajectories
from trackers.training.study.scenes import COLOR, EVENTS, blind, draw_video, paired
from trackers.training.study.trial import concentration


def arms():
    return {(arm.question, arm.name): arm for arm in all_arms(Length(160, 8), Length(80, 8))}


def test_every_arm_is_a_recipe_with_another_length():
    for (question, name), arm in arms().items():
        recipe = RECIPES[arm.recipe.name]
        assert arm.recipe.parent == "ostrack-mini"
        assert (arm.recipe.damping, arm.recipe.fisher) == (recipe.damping, recipe.fisher)
        assert [group.pattern for group in arm.recipe.groups] == [group.pattern for group in recipe.groups]
        factors = [own.rate / group.rate for own, group in zip(arm.recipe.groups, recipe.groups, strict=True)]
        changed = {"fft, own schedule": 4.0, "fft, smaller rates": 0.55}.get(name)
        if question != "rates":
            assert factors == pytest.approx([changed or 1.0] * len(factors))
        assert arm.steps == (0 if name == START else arm.recipe.pairs // arm.recipe.batch)


def test_full_fine_tuning_on_its_own_schedule_sees_the_same_pairs_in_half_the_steps():
    own, upvpts = (arms()["shift", name] for name in ("fft, own schedule", "fft"))
    assert own.recipe.pairs == upvpts.recipe.pairs
    assert own.recipe.batch == 2 * upvpts.recipe.batch


def test_a_shortened_recipe_warms_up_and_averages_in_proportion():
    recipe = RECIPES["upvpt-ostrack-mini"]  # 400 steps
    short = shortened(recipe, Length(800, 8))
    assert (short.steps, short.warmup) == (100, recipe.warmup / 4)
    assert short.average == pytest.approx(recipe.average**4)
    assert [group.rate for group in scaled(short, 3).groups] == [3 * group.rate for group in recipe.groups]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    draw_video(folder, 3, 0)
    return folder


@pytest.mark.parametrize(
    ("domain", "sensors"),
    [
        (COLOR, {Modality.RGB}),
        (EVENTS, {Modality.RGB}),
        *((paired(second), {Modality.RGB, second}) for second in set(Modality) - {Modality.RGB}),
    ],
)
def test_a_domain_shows_its_sensors(domain, sensors, videos, tmp_path):
    layout = tmp_path / "layout.toml"
    layout.write_text(domain.layout())
    spec = get_benchmark("custom", layout=layout, root=videos)
    sequence = spec.read_sequence(videos, spec.splits["all"], "000000")
    assert spec.modalities >= sensors
    frame = sequence.frames.read(1)
    assert len(sequence) == 3
    if Modality.THERMAL in sensors:  # gray in three channels, of no few values
        assert (frame.aux[..., 0] == frame.aux[..., 1]).all()
        assert len(np.unique(frame.aux)) > 10
    if len(sensors) == 2:
        assert (frame.aux.dtype == np.uint16) == (Modality.DEPTH in sensors)
    assert (len(np.unique(frame.rgb.reshape(-1, 3), axis=0)) <= 3) == (domain is EVENTS)


def test_a_blind_sensor_shows_the_same_at_every_place(videos, tmp_path):
    layout = tmp_path / "layout.toml"
    for second in (Modality.THERMAL, Modality.EVENT, Modality.DEPTH):
        layout.write_text(blind(second).layout())
        spec = get_benchmark("custom", layout=layout, root=videos)
        frame = spec.read_sequence(videos, spec.splits["all"], "000000").frames.read(2)
        assert len(np.unique(frame.aux)) == 1


def document(question, arm, seed, target, source):
    roles = {"target": target, "source": source}
    facts = {"recipe": "", "tracker": "", "steps": 1, "batch": 1, "rates": {}}
    scores = {
        role: {"domain": role, "run": "", "scores": {str(number): value for number, value in enumerate(values)}}
        for role, values in roles.items()
    }
    return {"question": question, "arm": arm, "seed": seed, **facts, **scores}


DOCUMENTS = [
    document("rgbe", "start", 0, [0.1, 0.2], [0.5, 0.6]),
    *(document("rgbe", "fft", seed, [0.4, 0.5], [0.5, 0.5]) for seed in range(3)),
    *(document("rgbe", "srft-rank", seed, [0.3, 0.5], [0.5, 0.6]) for seed in range(2)),
]


def test_differences_are_of_the_same_seeds_and_sequences_in_points():
    scores = arm_scores(DOCUMENTS)
    assert scores["rgbe"]["fft"].values["target"].shape == (2, 2)  # the third seed has no partner
    means = {(item.arm, item.other, item.role): item.estimate.mean for item in differences(scores)}
    assert means == pytest.approx(
        {
            ("fft", "start", "target"): 30,
            ("fft", "start", "source"): -5,
            ("srft-rank", "start", "target"): 25,
            ("srft-rank", "start", "source"): 0,
            ("srft-rank", "fft", "target"): -5,
            ("srft-rank", "fft", "source"): 5,
        }
    )


def test_stored_scores_alone_give_the_tables(tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps(DOCUMENTS))
    text = analyze(tmp_path)
    assert "2 seeds, 2 sequences" in text
    assert "| srft-rank minus fft | -5.0 [" in text
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_a_folder_without_finished_arms_is_an_error_that_says_so(tmp_path):
    with pytest.raises(EvalkitError, match="no arm of the study is finished"):
        gather(tmp_path)


def test_a_sparse_gradient_is_held_by_few_values():
    sparse, even = torch.tensor([1e6] + [1.0] * 99), torch.ones(100)
    assert concentration(sparse)[1] > 0.99
    np.testing.assert_allclose(concentration(even), np.linspace(0, 1, 101))


def test_the_figures_of_srft_are_drawn():
    points = [{"step": 1, "loss": 2.0, "val_iou": 0.4}, {"step": 2, "loss": 1.0, "val_iou": 0.5}]
    lines = trajectories({"fft": points}).axes[0].lines
    np.testing.assert_array_equal(lines[0].get_xydata(), [[1, 2.0], [2, 1.0]])
    cells = [
        {"operation": "patch embedding", "block": "", "mean": 1e-3, "kept": 0.9},
        *({"operation": "qkv", "block": str(block), "mean": 10.0**-block, "kept": 0.5} for block in range(2)),
    ]
    picture = fisher_map({"samples": 4, "eigenpairs": 2, "cells": cells}).axes[0].images[0].get_array()
    np.testing.assert_allclose(picture.filled(np.nan)[:2], [[-3, -3], [0, -1]])
    assert sparsity({"qkv": [0.0, 0.9, 1.0]}).axes[0].lines[0].get_ydata().tolist() == [0, 90, 100]


@pytest.mark.slow
def test_a_tiny_study_goes_from_scenes_to_tables_and_a_report_and_is_not_done_twice(tmp_path):
    output = tmp_path / "study"
    plan = StudyPlan(output, tmp_path / "pool", 5, 3, 2, 2, 4, 4, 2, 2, 3, ("rgbe", "rates"), "fp32", "cpu")
    train_and_score(plan)
    done = {path: path.stat().st_mtime_ns for path in output.glob("arms/*/*")}
    text = analyze(output)
    assert "2 seeds, 2 sequences" in text
    assert "| srft-fisher minus srft-rank |" in text
    assert "| upvpt x 3 |" in text
    (tmp_path / "scores.json").write_bytes((output / "scores.json").read_bytes())
    assert analyze(tmp_path) == text
    assert {"trajectory-rgbe.png", "sparsity-rgbe.png", "fisher.png"} <= {path.name for path in output.glob("*.png")}
    train_and_score(plan)
    assert done == {path: path.stat().st_mtime_ns for path in output.glob("arms/*/*")}
    report = call("make-report", "--from", output / "report.toml", "--output", tmp_path / "report.html")
    assert report.code == 0, report.stderr
    assert "rgbe-srft-fisher-seed1" in (tmp_path / "report.html").read_text()
