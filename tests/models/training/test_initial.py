"""Starts of a fine-tuning from pre-trained backbones."""

import pytest
import torch

from helpers.small_networks import small
from trackers.common.checkpoint import WeightsError
from trackers.common.weights import random_state
from trackers.training import initial
from trackers.training.recipes import RECIPES


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(initial, "definition", small)


def test_mae_becomes_the_backbone_of_ostrack(tiny, tmp_path):
    made = small("ostrack-256")
    state = random_state(made.skeleton(), 3)
    mae = {
        name.removeprefix("backbone."): value
        for name, value in state.items()
        if name.startswith("backbone.") and "pos_embed_" not in name
    } | {"mask_token": torch.zeros(1, 1, 8), "decoder_blocks.0.norm1.weight": torch.ones(8)}
    mae["pos_embed"] = torch.randn(1, 197, 16)
    torch.save({"model": mae}, tmp_path / "mae.pth")
    model, facts = initial.starting_network(RECIPES["ostrack-256"], str(tmp_path / "mae.pth"), 1)
    assert facts == {"init": "backbone", "init_file": "mae.pth"}
    own = model.state_dict()
    assert torch.equal(own["backbone.blocks.2.mlp.fc1.weight"], mae["blocks.2.mlp.fc1.weight"])
    grid = mae["pos_embed"][0, 1:].T.reshape(1, 16, 14, 14)
    resized = torch.nn.functional.interpolate(grid, (8, 8), mode="bicubic")[0].flatten(1).T
    torch.testing.assert_close(own["backbone.pos_embed_z"][0], resized)
    assert own["backbone.pos_embed_x"].shape == (1, 256, 16)
    mae["blocks.2.mlp.fc1.weight"] = torch.zeros(3, 3)
    torch.save({"model": mae}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"is \[3, 3\], expected"):
        initial.starting_network(RECIPES["ostrack-256"], str(tmp_path / "other.pth"), 1)


def test_swin_becomes_the_backbone_of_swintrack(tiny, tmp_path):
    made = small("swintrack-tiny")
    state = random_state(made.skeleton(), 3)
    swin = {"layers.3.blocks.0.norm1.weight": torch.ones(9), "head.weight": torch.zeros(2, 2)}
    for name, value in state.items():
        if name.startswith("backbone.stages.0.pre_stage."):
            swin[name.replace("backbone.stages.0.pre_stage.", "patch_embed.")] = value
        elif ".pre_stage." in name:
            stage, entry = name.removeprefix("backbone.stages.").split(".pre_stage.")
            swin[f"layers.{int(stage) - 1}.downsample.{entry}"] = value
        elif name.startswith("backbone.stages."):
            swin[name.replace("backbone.stages.", "layers.")] = value
    torch.save({"model": swin}, tmp_path / "swin.pth")
    recipe = RECIPES["swintrack-tiny"]
    model, _ = initial.starting_network(recipe, str(tmp_path / "swin.pth"), 1)
    own = model.state_dict()
    stages = [name for name in own if name.startswith("backbone.stages.")]
    assert all(torch.equal(own[name], state[name]) for name in stages)
    assert not torch.equal(own["encoder.layers.0.attn.qkv.weight"], state["encoder.layers.0.attn.qkv.weight"])
