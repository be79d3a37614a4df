"""UPVPT: prompts in OSTrack and SwinTrack, against the stored reference and by construction."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.tracking.interface import TrackerInfo, TrackerOptions
from helpers.seeded import MAPS, Clip, entries, images, run_clip, seeded
from trackers.common.build import build
from trackers.common.definition import definition, entry_shapes
from trackers.common.torch_tracker import Engine
from trackers.common.weights import assign
from trackers.layers.vit import Block, VitConfig
from trackers.learned import LEARNED
from trackers.upvpt import PROMPTS

ostrack = seeded("upvpt-ostrack-256")
swintrack = seeded("upvpt-swintrack-t")


@pytest.mark.parametrize(
    ("name", "base", "prompts"),
    [
        ("upvpt-ostrack-256", "ostrack-256", {"backbone.prompts": [12, PROMPTS, 768]}),
        ("upvpt-ostrack-256-nofreeze", "ostrack-256", {"backbone.prompts": [12, PROMPTS, 768]}),
        (
            "upvpt-swintrack-t",
            "swintrack-tiny",
            {
                "backbone.stages.0.prompts": [2, PROMPTS, 96],
                "backbone.stages.1.prompts": [2, PROMPTS, 192],
                "backbone.stages.2.prompts": [6, PROMPTS, 384],
            },
        ),
    ],
)
def test_entries_are_those_of_the_base_and_the_prompts(name, base, prompts):
    own = {entry: shape for entry, shape, _ in entries(definition(name).skeleton())}
    plain = {entry: shape for entry, shape, _ in entries(definition(base).skeleton())}
    assert own == plain | prompts


@pytest.mark.parametrize("batch", [1, 3])
def test_ostrack_forward_equals_the_stored_reference(ostrack, batch, shared_golden):
    stored = np.load(shared_golden / "upvpt_ostrack_reference.npz")
    key, item = f"ostrack256_b{batch}", f"upvpt_ostrack256_b{batch}_"
    with torch.inference_mode():
        maps = ostrack.network()(images(f"{key}/template", batch, 128), images(f"{key}/search", batch, 256))
    for name in ("score", "size", "offset"):
        np.testing.assert_allclose(getattr(maps, name), stored[f"{item}{name}_map"], atol=MAPS, rtol=0, err_msg=name)
    for layer, kept in zip((3, 6, 9), maps.kept, strict=True):
        np.testing.assert_array_equal(kept.sort(dim=1).values, stored[f"{item}kept_layer{layer}"])


@pytest.mark.parametrize("batch", [1, 3])
def test_swintrack_forward_equals_the_stored_reference(swintrack, batch, shared_golden):
    stored = np.load(shared_golden / "upvpt_swintrack_reference.npz")
    key, model = f"swintrack_tiny_b{batch}", swintrack.network()
    with torch.inference_mode():
        score, boxes = model(model.embed(images(f"{key}/template", batch, 112)), images(f"{key}/search", batch, 224))
    np.testing.assert_allclose(score, stored[f"upvpt_{key}_class_score"], atol=MAPS, rtol=0)
    np.testing.assert_allclose(boxes, stored[f"upvpt_{key}_bbox"], atol=MAPS, rtol=0)


@pytest.mark.parametrize(
    ("name", "base"), [("upvpt-ostrack-256", "ostrack-256"), ("upvpt-swintrack-t", "swintrack-tiny")]
)
def test_without_prompts_the_base_tracker_is_reproduced_bit_for_bit(name, base, request):
    seeded = request.getfixturevalue("ostrack" if "ostrack" in base else "swintrack")
    plain = {name: tensor for name, tensor in seeded.state.items() if not name.endswith("prompts")}
    none = entry_shapes(plain) | {"backbone.prompts": (12, 0, 768), "backbone.stages.0.prompts": (2, 0, 96)}
    own, other = definition(name), definition(base)
    trackers = [
        made.adapter(assign(made.sized(none).skeleton(), plain), TrackerInfo(made.name), made.loop, Engine())
        for made in (own, other)
    ]
    actual, expected = (run_clip(tracker, Clip(2), [86.0, 102, 48, 36]).boxes for tracker in trackers)
    np.testing.assert_array_equal(actual, expected)


def test_prompt_outputs_are_dropped_but_prompts_are_seen():
    torch.manual_seed(0)
    block = Block(VitConfig(width=16, heads=2)).eval()
    tokens, prompts = torch.randn(2, 5, 16), torch.randn(3, 16)
    with torch.inference_mode():
        expected = block.attend(torch.cat([prompts.expand(2, -1, -1), tokens], dim=1))[:, 3:]
        actual, rows = block.attend_with_rows(tokens, (1, 4), prompts)
        np.testing.assert_allclose(actual, expected, atol=1e-6)
        assert not torch.allclose(actual, block.attend(tokens), atol=1e-3)
    assert rows.shape == (2, 2, 2, 5)
    # the prompts keep their share of the softmax
    assert (rows.sum(dim=-1) < 0.999).all()


def test_the_number_of_prompts_comes_from_the_weight_file(tmp_path):
    made = definition("upvpt-swintrack-t")
    shapes = {"backbone.stages.0.prompts": (2, 3, 96)}
    model = made.sized(shapes).skeleton()
    state = {
        n: t if t.device.type != "meta" else torch.zeros(t.shape, dtype=t.dtype) for n, t in model.state_dict().items()
    }
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "three.safetensors")
    tracker = build(made, TrackerOptions(weights=str(tmp_path / "three.safetensors")))
    assert tracker.info.config["network"]["swin"]["prompts"] == 3
    (tmp_path / "three.safetensors").unlink()


@pytest.mark.parametrize("name", ["upvpt-ostrack-256", "upvpt-ostrack-256-nofreeze", "upvpt-swintrack-t"])
def test_every_run_says_that_it_is_a_reconstruction(name):
    assert any("reconstruction" in note for note in definition(name).notes)


@pytest.mark.parametrize("name", ["upvpt-ostrack-256", "upvpt-ostrack-256-nofreeze"])
def test_what_a_weight_file_cannot_tell_is_said_in_the_list_and_in_every_run(name):
    assert definition("upvpt-ostrack-256").network is definition("upvpt-ostrack-256-nofreeze").network
    assert any("cannot tell which" in note and "nofreeze" in note for note in definition(name).notes)
    assert "upvpt-ostrack-256 and upvpt-ostrack-256-nofreeze" in LEARNED[name].weights
