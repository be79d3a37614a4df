"""SwinTrack against the reference program: entries, index tables, maps, preprocessing, loops, batches."""

import zlib

import numpy as np
import pytest
import torch

from evalkit.sequences import Frame
from helpers.seeded import (
    MAPS,
    Clip,
    check_capacities,
    entries,
    first_difference,
    golden,
    images,
    name_seeded,
    run_clip,
    seeded,
)
from trackers.common.definition import definition
from trackers.common.postprocess import symmetric_hann
from trackers.common.taps import blend_taps
from trackers.layers.heads import MlpHead
from trackers.layers.swin import merge_windows, relative_index, shift_mask, split_windows

LOOPS = golden("swintrack_tracking.json")["sequences"]
NAMES = {
    "swintrack-tiny": "swintrack_tiny",
    "swintrack-base": "swintrack_base",
    "swintrack-base-384": "swintrack_base384",
}


tiny = seeded("swintrack-tiny")
base_384 = seeded("swintrack-base-384")


@pytest.fixture(scope="module")
def stored(shared_golden):
    return np.load(shared_golden / "swintrack_forward.npz")


@pytest.mark.parametrize(("name", "reference"), NAMES.items())
def test_entries_are_those_of_the_authors_files(name, reference):
    assert entries(definition(name).skeleton()) == golden("rgb_state_dicts.json")[reference]


@pytest.mark.parametrize(
    ("name", "encoder", "decoder"),
    [("swintrack-tiny", 1260474508, 907051545), ("swintrack-base-384", 3310899748, 2826473288)],
)
def test_fusion_index_tables_are_those_of_the_reference(name, encoder, decoder, stored):
    network = definition(name).skeleton()
    for part, expected in (("encoder", encoder), ("decoder", decoder)):
        index = getattr(network, part).rpe_bias_table.index.numpy().astype("<i4")
        assert zlib.crc32(np.ascontiguousarray(index).tobytes()) == expected
        rows = stored[f"{NAMES[name]}_{part}_rpe_index_rows"]
        assert all((index == row).all(axis=1).any() for row in rows)


def test_an_anchored_head_that_says_nothing_answers_a_box_in_the_middle_of_every_cell():
    head = MlpHead(8, anchors=4).requires_grad_(False)
    for value in head.reg_mlp.parameters():
        value.zero_()
    boxes = head(torch.randn(2, 16, 8))[1]
    middle = (torch.arange(4) + 0.5) / 4
    torch.testing.assert_close(boxes[..., 0], middle.expand(2, 4, 4))
    torch.testing.assert_close(boxes[..., 1], middle[:, None].expand(2, 4, 4))
    torch.testing.assert_close(boxes[..., 2:], torch.full((2, 4, 4, 2), 0.25))


def check_forward(seeded, stored, batch):
    prefix, model = NAMES[seeded.name], seeded.network()
    key = f"{prefix}_b{batch}"
    with torch.inference_mode():
        template = model.embed(images(f"{key}/template", batch, model.config.template_size))
        score, boxes = model(template, images(f"{key}/search", batch, model.config.search_size))
    np.testing.assert_allclose(template[:, :4, :16], stored[f"{key}_template_feature_probe"], atol=MAPS, rtol=0)
    np.testing.assert_allclose(score, stored[f"{key}_class_score"], atol=MAPS, rtol=0)
    np.testing.assert_allclose(boxes, stored[f"{key}_bbox"], atol=MAPS, rtol=0)
    weighted = 0.51 * score.flatten(1) + 0.49 * torch.from_numpy(symmetric_hann(score.shape[-1])).flatten()
    np.testing.assert_array_equal(weighted.argmax(dim=1), stored[f"{key}_best_index"])
    np.testing.assert_allclose(weighted.amax(dim=1), stored[f"{key}_best_confidence"], atol=MAPS, rtol=0)


@pytest.mark.parametrize("batch", [1, 3])
def test_tiny_forward_equals_the_reference(tiny, stored, batch):
    check_forward(tiny, stored, batch)


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_base_384_forward_equals_the_reference(base_384, stored, batch):
    check_forward(base_384, stored, batch)


base = seeded("swintrack-base")


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_base_forward_equals_the_reference(base, stored, batch):
    check_forward(base, stored, batch)


def test_every_stage_equals_the_reference(tiny, stored):
    model, actual = tiny.network(), []
    order = [layer for stage in model.backbone.stages for layer in (stage.pre_stage, *stage.blocks)]
    fusion = [*model.encoder.layers, *model.decoder.layers, model.out_norm]
    for layer in [*order, model.backbone.norm2, *fusion]:
        layer.register_forward_hook(lambda _module, _inputs, output: actual.append(output.flatten(1, -2).double()))
    with torch.inference_mode():
        template = model.embed(images("swintrack_tiny_b1/template", 1, 112))
        model(template, images("swintrack_tiny_b1/search", 1, 224))
    names = stored["swintrack_tiny_b1_probe_names"]
    for tokens, row, name in zip(actual, stored["swintrack_tiny_b1_probe"], names, strict=True):
        probe = [tokens.shape[1], tokens.mean(), tokens.std(correction=0), tokens.abs().max()]
        np.testing.assert_allclose(probe, row[:4], rtol=1e-4, atol=1e-5, err_msg=str(name))
        np.testing.assert_allclose(tokens[0, 0, :4], row[4:8], atol=5e-5, err_msg=str(name))


def normalized(pixels):
    mean, std = (np.array(v, dtype=np.float32) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return ((pixels - mean) / std).transpose(2, 0, 1).astype(np.float64)


@pytest.mark.parametrize("name", ["swintrack_tiny", "swintrack_tiny_border", "swintrack_base384"])
def test_crops_equal_those_of_the_reference(name, tiny, base_384, monkeypatch):
    expected = np.load(name_seeded.__file__.replace("name_seeded.py", "swintrack_preprocess.npz"))
    tracker = (base_384 if "384" in name else tiny).tracker()
    taps = []
    embed = tracker._runner.embed
    monkeypatch.setattr(tracker._runner, "embed", lambda function, crops: taps.extend(crops) or embed(function, crops))
    x1, y1, x2, y2 = LOOPS[name]["init_xyxy"]
    (state,) = tracker.initialize([Frame(name_seeded.video_frame(0))], np.array([[x1, y1, x2 - x1, y2 - y1]]))
    taps.append(tracker.prepare(state, Frame(name_seeded.video_frame(1))).pixels)
    sizes = tracker.loop.template_size, tracker.loop.search_size
    for which, gathered, size in zip(("template", "search1"), taps, sizes, strict=True):
        crop, item = normalized(blend_taps(torch.from_numpy(gathered)[None], size)[0].numpy()), f"{name}_{which}"
        np.testing.assert_allclose(crop.mean(axis=(1, 2)), expected[f"{item}_mean"], atol=2e-5)
        np.testing.assert_allclose(crop[:, :4, :4], expected[f"{item}_corner"], atol=2e-5)
        side = expected[f"{item}_pooled"].shape[-1]
        pooled = crop.reshape(3, side, crop.shape[1] // side, side, -1).mean(axis=(2, 4))
        np.testing.assert_allclose(pooled, expected[f"{item}_pooled"], atol=2e-5)


def track_loop(tracker, name, frames=None):
    loop = LOOPS[name]
    x1, y1, x2, y2 = loop["init_xyxy"]
    expected = np.array(loop["boxes"][:frames])
    actual = run_clip(tracker, Clip(len(expected)), [x1, y1, x2 - x1, y2 - y1])
    corners = np.concatenate([actual.boxes[:, :2], actual.boxes[:, :2] + actual.boxes[:, 2:]], axis=1)
    assert first_difference(corners, expected) is None
    np.testing.assert_allclose(actual.confidence[1:], loop["peak_response"][: len(expected) - 1], atol=1e-4)


def test_the_first_frames_of_the_loops_equal_the_reference(tiny, base_384):
    track_loop(base_384.tracker(), "swintrack_base384", 2)
    track_loop(tiny.tracker(), "swintrack_tiny", 4)
    track_loop(tiny.tracker(), "swintrack_tiny_border", 3)


@pytest.mark.slow
def test_the_whole_loops_equal_the_reference(tiny, base_384):
    track_loop(tiny.tracker(), "swintrack_tiny")
    track_loop(tiny.tracker(), "swintrack_tiny_border")
    track_loop(base_384.tracker(), "swintrack_base384")


@pytest.mark.parametrize(("count", "capacities"), [(4, [3]), pytest.param(8, [3, 8], marks=pytest.mark.slow)])
def test_boxes_do_not_depend_on_capacity(tiny, count, capacities):
    clips = {f"clip{n}": (Clip(2 + n % 2, start=n), [80 + n * 10, 100, 48 + n, 36]) for n in range(count)}
    check_capacities(tiny.tracker(), clips, *capacities)


def test_template_tokens_are_computed_once_per_sequence(tiny, monkeypatch):
    tracker = tiny.tracker()
    sizes = []
    tracker._model.backbone.register_forward_pre_hook(lambda _module, inputs: sizes.append(inputs[0].shape[-1]))
    run_clip(tracker, Clip(4), [86, 102, 48, 36])
    assert sizes == [112, 224, 224, 224]


def test_positional_terms_do_not_depend_on_being_precomputed(tiny):
    model = tiny.network()
    with torch.inference_mode():
        template = model.embed(images("swintrack_tiny_b1/template", 1, 112))
        search = images("swintrack_tiny_b1/search", 1, 224)
        assert torch.equal(model(template, search)[1], model(template, search, model.positional_terms())[1])


def test_windows_are_merged_back_where_they_came_from():
    tokens = torch.arange(2 * 6 * 4 * 3.0).view(2, 6, 4, 3)
    windows = split_windows(tokens, 2)
    assert windows.shape == (12, 4, 3)
    assert windows[1, :, 0].tolist() == tokens[0, :2, 2:, 0].flatten().tolist()
    assert torch.equal(merge_windows(windows, 2, 6, 4), tokens)


def test_a_shifted_map_of_one_window_is_divided_into_four_regions():
    mask = shift_mask(4, 4, 4, 2)
    assert mask.shape == (1, 16, 16)
    # the roll brought rows 2, 3 in front of rows 0, 1, likewise columns: four 2 x 2 regions that do not see each other
    assert (mask == 0).sum() == 4 * 4 * 4
    assert mask[0, 0, 5] == 0
    assert mask[0, 0, 2] == -100


def test_window_index_counts_rows_first():
    index = relative_index(3)
    assert index[4, 4] == 2 * 5 + 2
    assert index[8, 0] == 4 * 5 + 4
    assert index[1, 0] == 2 * 5 + 3


def test_the_known_difference_in_the_start_box_is_noted_with_every_run(tiny):
    (note,) = tiny.tracker().info.notes
    assert "half a pixel on each side" in note
