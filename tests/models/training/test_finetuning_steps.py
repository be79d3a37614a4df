"""Whole optimization steps against those of the authors' programs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import ROOT
from trackers.common.definition import definition
from trackers.layers.vit import VitConfig
from trackers.ostrack import OSTrackConfig
from trackers.srft import SRTrackConfig
from trackers.training import finetuning, initial
from trackers.training.finetuning import FinetuneRequest, Finetuning
from trackers.training.plan import TrainingPlan, scheduled_keep_rate
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Pairs

GOLDEN = ROOT / ".." / "shared" / "golden"
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")


@pytest.fixture(scope="module")
def rule():
    import importlib.util

    path = ROOT / "tests" / "golden" / "name_seeded.py"
    spec = importlib.util.spec_from_file_location("name_seeded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "train_rgb.npz") as file:
        return dict(file)


def tiny(monkeypatch, name, prompts=0):
    """The structure of the step goldens."""
    config = OSTrackConfig(
        vit=VitConfig(width=16, depth=4, heads=2), elimination_layers=(2,), head_channels=16, prompts=prompts
    )
    made = replace(definition(name), config=config)
    monkeypatch.setattr(finetuning, "definition", lambda _: made)
    monkeypatch.setattr(initial, "definition", lambda _: made)


def training(recipe, steps=300, epoch=60):
    """A training in an epoch of 300."""
    recipe = replace(recipe, batch=2, depth=(0.0, 0.0))
    request = FinetuneRequest(recipe.name, Path(), {"rendered": ""}, "random")
    made = Finetuning(TrainingPlan(recipe, steps), request, torch.device("cpu"))
    made.step = epoch - 1
    made.begin(None)
    return made


def seed_weights(made, rule, prefix):
    state = made.model.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(np.asarray(rule.tensor(prefix + name, tuple(value.shape)))))


def pairs(rule, key, sizes, boxes, suffixes=("",)):
    crops = []
    for which, size in zip(("template", "search"), sizes, strict=True):
        parts = [rule.image_batch(f"{key}_{which}{suffix}", len(boxes), size) for suffix in suffixes]
        crops.append(torch.from_numpy(np.concatenate(parts, axis=1)))
    truth = torch.tensor(boxes, dtype=torch.float32)
    return Pairs(crops[0], crops[1], truth, torch.ones(len(boxes), dtype=torch.bool))


def gathered(made, names, value_of):
    own = dict(made.model.named_parameters())
    return np.concatenate([value_of(own[name]).flatten().numpy() for name in names])


@pytest.mark.parametrize(("key", "recipe", "prompts"), [("full", "ostrack-256", 0), ("upvpt", "upvpt-ostrack-256", 3)])
def test_steps_equal_the_references(key, recipe, prompts, golden, rule, monkeypatch):
    part = {
        name.removeprefix(f"step_{key}/"): value for name, value in golden.items() if name.startswith(f"step_{key}/")
    }
    setup = json.loads((GOLDEN / "train_rgb.json").read_text())["step_setup"]
    tiny(monkeypatch, RECIPES[recipe].tracker, prompts)
    made = training(RECIPES[recipe])
    seed_weights(made, rule, "tiny24.")
    frozen = {n: v.clone() for n, v in made.model.named_parameters() if not v.requires_grad}
    names = [str(name) for name in part["names"]]
    assert [name for name, value in made.model.named_parameters() if value.requires_grad] == names
    rates = {id(value): group["lr"] for group in made.optimizer.param_groups for value in group["params"]}
    np.testing.assert_allclose([rates[id(made.trained[name])] for name in names], part["lr"])
    per_value = np.repeat(part["lr"], part["sizes"])
    for step in (0, 1):
        made.step = 59  # both steps lie in epoch 60
        batch = pairs(rule, f"train_step{step}", (128, 256), setup["gt_xywh"][step])
        values = made.train_step([batch])
        gradient = gathered(made, names, lambda v: torch.zeros_like(v) if v.grad is None else v.grad)
        after = gathered(made, names, lambda v: v.detach())
        np.testing.assert_allclose(values["loss"], part["loss"][step][0], rtol=1e-5)
        np.testing.assert_allclose([values[n] for n in ("giou", "l1", "focal")], part["loss"][step][1:4], rtol=1e-5)
        np.testing.assert_allclose(values["gradient_norm"], part["grad_norm"][step], rtol=1e-4)
        np.testing.assert_allclose(gradient, part[f"s{step}/grad_clipped"], atol=1e-6)
        stable = np.unpackbits(part[f"s{step}/stable"])[: len(after)].astype(bool)
        off = np.abs(after - part[f"s{step}/after"])[stable] / per_value[stable]
        assert (off < 0.05).mean() >= 0.999
        assert off.max() < 0.25
    for name, value in made.model.named_parameters():
        assert name not in frozen or torch.equal(value, frozen[name]), name
    buffers = dict(made.model.named_buffers())
    for name, value in part.items():
        if name.startswith("buffers/"):
            np.testing.assert_allclose(
                buffers[name.removeprefix("buffers/")], value, rtol=1e-4, atol=1e-4, err_msg=name
            )


@pytest.mark.parametrize("epoch", [10, 120])
def test_a_first_step_of_another_epoch_equals_the_references(epoch, golden, rule, monkeypatch):
    tiny(monkeypatch, "ostrack-256")
    made = training(RECIPES["ostrack-256"], epoch=epoch)
    seed_weights(made, rule, "tiny24.")
    boxes = json.loads((GOLDEN / "train_rgb.json").read_text())["step_setup"]["gt_xywh"][0]
    values = made.train_step([pairs(rule, "train_step0", (128, 256), boxes)])
    np.testing.assert_allclose(values["loss"], golden[f"step_full/epoch{epoch}/loss"][0], rtol=1e-5)
    np.testing.assert_allclose(values["gradient_norm"], golden[f"step_full/epoch{epoch}/grad_norm"], rtol=1e-4)


@pytest.mark.parametrize(("name", "epochs"), [("ostrack-256", 300), ("ostrack-256-got10k", 100)])
def test_keep_rates_equal_the_references(name, epochs, golden):
    recipe = RECIPES[name]
    rates = [scheduled_keep_rate(epoch / epochs, recipe.elimination, 0.7) for epoch in range(1, epochs + 1)]
    np.testing.assert_allclose(rates, golden[f"keep_rate/{epochs}_epochs"], atol=1e-12)
    plan = TrainingPlan(recipe, recipe.epochs)
    assert [plan.keep_rate(step, 0.7) for step in range(epochs)] == rates


def test_whole_steps_of_srft_equal_the_published_program(rule, monkeypatch):
    config = SRTrackConfig(16, 32, VitConfig(patch=4, width=8, depth=12, heads=2), head_channels=16)
    made = replace(definition("srft-rgbe-256"), config=config)
    monkeypatch.setattr(finetuning, "definition", lambda _: made)
    monkeypatch.setattr(initial, "definition", lambda _: made)
    with np.load(GOLDEN / "srft_step.npz") as file:
        golden = dict(file)
    made = training(RECIPES["srft-rgbe-256-code"], steps=30, epoch=1)
    seed_weights(made, rule, "")
    names = [f"backbone.{name}" for name in golden["names"]]
    assert set(made.trained) == set(names)
    head = {n: v.clone() for n, v in made.model.state_dict().items() if n.startswith("box_head")}
    noise = np.repeat([name.endswith("attn.qkv.bias") for name in names], golden["sizes"])
    boxes = (
        [[0.30, 0.35, 0.25, 0.20], [0.45, 0.20, 0.30, 0.40]],
        [[0.20, 0.40, 0.35, 0.30], [0.50, 0.50, 0.25, 0.25]],
    )
    for step in (0, 1):
        values = made.train_step([pairs(rule, f"srft_step{step}", (16, 32), boxes[step], ("_rgb", "_x"))])
        np.testing.assert_allclose(values["loss"], golden["loss"][step][0], rtol=1e-5)
        np.testing.assert_allclose([values[n] for n in ("giou", "l1", "focal")], golden["loss"][step][1:4], rtol=1e-5)
        np.testing.assert_allclose(values["gradient_norm"], golden["grad_norm"][step], rtol=1e-4)
        gradient = gathered(made, names, lambda v: v.grad)
        np.testing.assert_allclose(gradient[~noise], golden[f"s{step}/grad_clipped"][~noise], atol=1e-6)
        own, offsets = dict(made.model.named_parameters()), golden["offsets"]
        with torch.no_grad():  # neighbors in the order may swap: go on from the recorded weights
            for name, first, last in zip(names, offsets[:-1], offsets[1:], strict=True):
                own[name].copy_(torch.from_numpy(golden[f"s{step}/after"][first:last]).view_as(own[name]))
    for name, value in made.model.state_dict().items():
        assert name not in head or torch.equal(value, head[name]), name
