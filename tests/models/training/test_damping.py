"""SRFT's update rule equals that of the published program on its recorded gradients."""

import numpy as np
import pytest
import torch

from helpers import SHARED
from trackers.training.damping import DampedUpdate, Damping, shares

GOLDEN = SHARED / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")

# name prefix -> rate (finetuning.md, table 2.1)
RATES = {
    "norm_rgb.": 1e-6,
    "norm_event.": 1e-6,
    "patch_embed_rgb.": 5e-5,
    "patch_embed_event.": 5e-5,
    "blocks_rgb.": 1e-4,
    "blocks_event.": 1e-4,
    "blocks_cross.": 5e-5,
}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "srft_step.npz") as file:
        return dict(file)


def seeded(monkeypatch, names, shapes):
    monkeypatch.syspath_prepend(str(GOLDEN))
    import name_seeded

    return {n: torch.from_numpy(name_seeded.tensor(f"backbone.{n}", s)) for n, s in zip(names, shapes, strict=True)}


def backbone_shapes():
    from trackers.layers.vit import VitConfig
    from trackers.srft import SRTrackBackbone, SRTrackConfig

    config = SRTrackConfig(16, 32, VitConfig(patch=4, width=8, depth=12, heads=2))
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in SRTrackBackbone(config).named_parameters()}


def pieces(golden, key):
    offsets = golden["offsets"]
    return {str(n): golden[key][a:b] for n, a, b in zip(golden["names"], offsets[:-1], offsets[1:], strict=True)}


@needs_golden
def test_two_steps_equal_the_published_program(golden, monkeypatch):
    shapes = backbone_shapes()
    names = [str(name) for name in golden["names"]]
    start = seeded(monkeypatch, names, [shapes[name] for name in names])
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    groups = [
        {"params": [value for name, value in parameters.items() if name.startswith(prefix)], "lr": rate}
        for prefix, rate in RATES.items()
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
    update = DampedUpdate(parameters, Damping.CODE)
    compared = [name for name in names if not name.endswith("attn.qkv.bias")]
    assert len(names) - len(compared) == 28
    for step in ("s0", "s1"):
        for name, value in parameters.items():
            value.grad = torch.from_numpy(pieces(golden, f"{step}/grad_clipped")[name].copy()).view_as(value)
        significance = {name: (update.last[name] + 1e8 * value.grad**2) / 2 for name, value in parameters.items()}
        stepped = {}

        def take(stepped=stepped):
            optimizer.step()
            stepped.update({name: value.detach().clone() for name, value in parameters.items()})

        update.step(take)
        for name in compared:
            values = significance[name] / significance[name].max()
            expected = {
                key: pieces(golden, f"{step}/{key}")[name]
                for key in ("adamw", "significance", "momentum", "momentum_ranked", "after")
            }
            np.testing.assert_allclose(stepped[name].flatten(), expected["adamw"], atol=1e-7)
            np.testing.assert_allclose(values.flatten(), expected["significance"], rtol=1e-6)
            np.testing.assert_allclose(shares(values, Damping.CODE).flatten(), expected["momentum"], atol=1e-7)
            np.testing.assert_allclose(shares(values, Damping.RANK).flatten(), expected["momentum_ranked"], atol=1e-7)
            np.testing.assert_allclose(parameters[name].detach().flatten(), expected["after"], atol=1e-7)
        with torch.no_grad():  # the left-out tensors' order is noise: go on from the recorded values
            for name, value in parameters.items():
                value.copy_(torch.from_numpy(pieces(golden, f"{step}/after")[name]).view_as(value))


def test_a_restored_update_goes_on_as_the_first_would():
    value = torch.nn.Parameter(torch.ones(4))
    first = DampedUpdate({"w": value}, Damping.RANK)
    value.grad = torch.tensor([1.0, 2, 3, 4])
    first.step(lambda: None)
    second = DampedUpdate({"w": value}, Damping.RANK)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    gradient = torch.tensor([9.0, 1, 1, 2])
    torch.testing.assert_close(second.significance("w", gradient), first.significance("w", gradient))
