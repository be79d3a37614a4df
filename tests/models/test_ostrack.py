"""OSTrack against the reference program: entries, maps, kept tokens, tracking loops, batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.seeded import MAPS, Clip, check_capacities, entries, first_difference, golden, images, run_clip, seeded
from trackers.common.definition import definition
from trackers.common.postprocess import inner_hann
from trackers.layers.candidate_elimination import TemplateRows, kept_count, restore, template_rows
from trackers.layers.heads import decode_center
from trackers.learned import LEARNED
from trackers.ostrack import OSTrack, OSTrackConfig

LOOPS = golden("ostrack_tracking.json")["sequences"]
LAYERS = (3, 6, 9)


seeded_256 = seeded("ostrack-256")
seeded_384 = seeded("ostrack-384")


@pytest.fixture(scope="module")
def stored(shared_golden):
    return np.load(shared_golden / "ostrack_forward.npz")


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("ostrack-256", "ostrack256_ce"),
        ("ostrack-256-noce", "ostrack256"),
        ("ostrack-256-got10k", "ostrack256_ce"),
        ("ostrack-384", "ostrack384_ce"),
        ("ostrack-384-noce", "ostrack384"),
        ("ostrack-384-got10k", "ostrack384_ce"),
    ],
)
def test_entries_are_those_of_the_authors_files(name, reference):
    assert entries(definition(name).skeleton()) == golden("rgb_state_dicts.json")[reference]


def test_a_further_variant_is_one_row_of_the_catalog(monkeypatch):
    row = LEARNED["ostrack-256"]
    further = replace(row, name="ostrack-wide", settings={**row.settings, "search_factor": 6.0, "eliminating": False})
    monkeypatch.setitem(LEARNED, "ostrack-wide", further)
    made = definition("ostrack-wide")
    assert (made.name, made.loop.search_factor, made.config.elimination_layers) == ("ostrack-wide", 6.0, ())
    assert further.factory == LEARNED["vipt-rgbd"].factory  # by name, for every family


def check_forward(model, stored, prefix, batch, size):
    key = f"{prefix.removesuffix('_ce')}_b{batch}"
    with torch.inference_mode():
        maps = model(images(f"{key}/template", batch, size // 2), images(f"{key}/search", batch, size))
    item = f"{prefix}_b{batch}_"
    for name in ("score", "size", "offset"):
        np.testing.assert_allclose(getattr(maps, name), stored[f"{item}{name}_map"], atol=MAPS, rtol=0, err_msg=name)
    boxes, _ = decode_center(maps.score, maps.size, maps.offset)
    np.testing.assert_allclose(boxes, stored[f"{item}pred_boxes"][:, 0], atol=MAPS, rtol=0)
    window = torch.from_numpy(inner_hann(maps.score.shape[-1]))
    boxes, _ = decode_center(maps.score * window, maps.size, maps.offset)
    np.testing.assert_allclose(boxes, stored[f"{item}pred_boxes_hann"], atol=MAPS, rtol=0)
    assert len(maps.kept) == (3 if prefix.endswith("_ce") else 0)
    for layer, kept in zip(LAYERS, maps.kept, strict=False):
        np.testing.assert_array_equal(kept.sort(dim=1).values, stored[f"{item}kept_layer{layer}"])


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "prefix"), [("ostrack-256", "ostrack256_ce"), ("ostrack-256-noce", "ostrack256")])
def test_forward_256_equals_the_reference(seeded_256, stored, name, prefix, batch):
    check_forward(seeded_256.network(name), stored, prefix, batch, 256)


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "prefix"), [("ostrack-384", "ostrack384_ce"), ("ostrack-384-noce", "ostrack384")])
def test_forward_384_equals_the_reference(seeded_384, stored, name, prefix, batch):
    check_forward(seeded_384.network(name), stored, prefix, batch, 384)


def test_every_stage_equals_the_reference(seeded_256, stored):
    model = seeded_256.network()
    actual = {}

    def entering(name):
        return lambda _module, inputs: actual.update({name: inputs[0]})

    def leaving(_module, inputs, output):
        actual[f"patch_embed_{inputs[0].shape[-1]}"] = output

    for index, block in enumerate(model.backbone.blocks):
        if index:
            block.norm1.register_forward_pre_hook(entering(f"block{index - 1}"))
    model.backbone.norm.register_forward_pre_hook(entering("block11"))
    model.backbone.patch_embed.register_forward_hook(leaving)
    with torch.inference_mode():
        model(images("ostrack256_b1/template", 1, 128), images("ostrack256_b1/search", 1, 256))
    order = ["patch_embed_256", "patch_embed_128", *(f"block{index}" for index in range(12))]
    for row, name in zip(stored["ostrack256_ce_b1_probe"][:-1], order, strict=True):
        tokens = actual[name].double()
        probe = [tokens.shape[1], tokens.mean(), tokens.std(correction=0), tokens.abs().max()]
        np.testing.assert_allclose(probe, row[:4], rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(tokens[0, 0, :4], row[4:8], atol=5e-5, err_msg=name)


def track_loop(tracker, name, frames=None):
    loop = LOOPS[name]
    expected = loop["boxes"][:frames]
    actual = run_clip(tracker, Clip(len(expected)), loop["init"])
    assert first_difference(actual.boxes, expected) is None
    np.testing.assert_allclose(actual.confidence[1:], loop["peak_response"][: len(expected) - 1], atol=1e-4)


def test_the_first_frames_of_the_loops_equal_the_reference(seeded_256, seeded_384):
    track_loop(seeded_256.tracker(), "ostrack256_ce", 3)
    track_loop(seeded_256.tracker(), "ostrack256_ce_border", 3)
    track_loop(seeded_256.tracker("ostrack-256-noce"), "ostrack256", 2)
    track_loop(seeded_384.tracker(), "ostrack384_ce", 2)


@pytest.mark.slow
def test_the_whole_loops_equal_the_reference(seeded_256, seeded_384):
    track_loop(seeded_256.tracker(), "ostrack256_ce")
    track_loop(seeded_256.tracker(), "ostrack256_ce_border")
    track_loop(seeded_256.tracker("ostrack-256-noce"), "ostrack256")
    track_loop(seeded_384.tracker(), "ostrack384_ce")


def clips(count, length):
    boxes = [LOOPS["ostrack256_ce"]["init"], LOOPS["ostrack256_ce_border"]["init"], [40.5, 60.25, 30, 70]]
    return {f"clip{n}": (Clip(length + (n == 0), start=n), boxes[n % 3]) for n in range(count)}


@pytest.mark.slow
def test_boxes_do_not_depend_on_capacity(seeded_256):
    check_capacities(seeded_256.tracker(), clips(8, 2), 3, 8)


def test_no_elimination_at_a_keep_ratio_of_one(seeded_256):
    inputs = images("ostrack256_b1/template", 1, 128), images("ostrack256_b1/search", 1, 256)
    with torch.inference_mode():
        whole = seeded_256.network()(*inputs, keep_ratio=1.0)
        plain = seeded_256.network("ostrack-256-noce")(*inputs)
    assert whole.kept == ()
    assert torch.equal(whole.score, plain.score)


def small_network(**changes):
    base = OSTrackConfig(64, 128, replace(OSTrackConfig().vit, width=32, depth=4, heads=2), (1,), head_channels=16)
    return OSTrack(replace(base, judges=TemplateRows.ALL, **changes)).eval()


def test_each_sample_keeps_its_own_tokens():
    torch.manual_seed(1)
    network = small_network()
    template, search = torch.randn(3, 3, 64, 64), torch.randn(3, 3, 128, 128)
    with torch.inference_mode():
        together = network(template, search)
        for index in range(3):
            alone = network(template[index : index + 1], search[index : index + 1])
            assert torch.equal(alone.kept[0].sort().values, together.kept[0][index : index + 1].sort().values)
            np.testing.assert_allclose(alone.score[0], together.score[index], atol=1e-6)
    assert not torch.equal(together.kept[0][0].sort().values, together.kept[0][1].sort().values)


def test_removed_tokens_reach_the_head_as_zeros():
    network = small_network()
    with torch.inference_mode():
        features, kept = network.backbone(torch.randn(2, 3, 64, 64), torch.randn(2, 3, 128, 128))
    for sample in range(2):
        zero = (features[sample] == 0).all(dim=1)
        assert int(zero.sum()) == 64 - kept_count(64, 0.7)
        assert not zero[kept[0][sample]].any()


def test_restore_is_the_inverse_of_gathering():
    tokens = torch.arange(1.0, 5).view(1, 4, 1)
    assert restore(tokens, torch.tensor([[5, 0, 3, 1]]), 6).flatten().tolist() == [2, 4, 0, 3, 0, 1]


def test_the_judging_cells_are_those_of_the_reference():
    assert template_rows(TemplateRows.CENTER_POINT, 12) == (65,)
    assert template_rows(TemplateRows.CENTER_RECTANGLE, 8) == (27, 28, 35, 36)
    assert template_rows(TemplateRows.ALL, 2) == (0, 1, 2, 3)
    with pytest.raises(ValueError, match="no center-point on a template grid of 9"):
        template_rows(TemplateRows.CENTER_POINT, 9)
