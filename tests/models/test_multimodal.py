"""SRFT and ViPT against the authors' programs: second modality, entries, maps, stages, tracking loops."""

import gc
import itertools
import re

import cv2
import numpy as np
import pytest
import torch

from evalkit.errors import TrackerError
from evalkit.sequences import Frame, Modality
from helpers.seeded import (
    GOLDEN,
    MAPS,
    SECOND,
    Clip,
    Seeded,
    check_capacities,
    entries,
    first_difference,
    golden,
    images,
    mm_video,
    name_seeded,
    run_clip,
    seeded,
)
from trackers.common.crops import Square, crop_square, square_around
from trackers.common.definition import definition
from trackers.common.multimodal import ChannelOrder, clip_depth, depth_color_map, network_images
from trackers.layers.heads import decode_center
from trackers.layers.vit import VitConfig
from trackers.ostrack import OSTrack, OSTrackConfig
from trackers.vipt import ViPT, ViPTConfig

MISC = np.load(GOLDEN / "mm_misc.npz")
DEPTHS = {"full": mm_video.depth(1), "half": mm_video.depth(1) // 2, "nohole": np.maximum(mm_video.depth(1), 700) // 3}
LARGE = {"srtrack_384": "srft-rgbe-ostrack-384", "srtrack_dropmae_384": "srft-rgbe-384"}
STRUCTURES = {"srtrack_256": "srft-rgbe-256", "vipt_deep_256": "vipt-rgbe"} | LARGE
START = [float(number) for number in name_seeded.video_box(0)]


srtrack_256 = seeded("srft-rgbe-256")


@pytest.fixture(scope="module", params=LARGE)
def large(request):
    yield Seeded(LARGE[request.param]), request.param
    gc.collect()


vipt = seeded("vipt-rgbe")


@pytest.fixture(scope="module")
def stored_loops(shared_golden):
    return np.load(shared_golden / "mm_track.npz")


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_color_maps_have_the_reference_pixels(name):
    depth = DEPTHS[name].astype(np.uint16)
    assert np.median(depth) == MISC[f"depth/{name}/median"]
    assert clip_depth(depth).max() <= MISC[f"depth/{name}/max_depth"]
    expected = MISC[f"depth/{name}/colormap_bgr"]
    np.testing.assert_array_equal(depth_color_map(depth, ChannelOrder.BGR), expected)
    np.testing.assert_array_equal(depth_color_map(depth), expected[:, :, ::-1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (4, 6)])
def test_far_pixels_are_judged_by_the_median(shape):
    for seed in range(20):
        depth = np.random.default_rng(seed).integers(0, [3, 60, 9000, 65536][seed % 4], shape).astype(np.uint16)
        limit = min(3 * np.median(depth), 10000)
        np.testing.assert_array_equal(clip_depth(depth), np.minimum(depth, int(limit)))


def test_the_color_table_is_that_of_the_reference():
    steps = np.arange(256, dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(cv2.applyColorMap(steps, cv2.COLORMAP_JET)[:, 0], MISC["jet_bgr"])


def test_depth_without_any_measurement_is_one_color():
    colors = depth_color_map(np.zeros((4, 5), np.uint16), ChannelOrder.BGR)
    assert (colors == MISC["jet_bgr"][0]).all()


@pytest.mark.parametrize("order", ChannelOrder)
def test_coloring_only_the_square_that_is_cut_changes_no_pixel_of_the_crop(order):
    depth = np.random.default_rng(0).integers(300, 6000, (48, 64)).astype(np.uint16)
    frame = Frame(np.zeros((48, 64, 3), np.uint8), depth)
    _, everywhere = network_images(frame, Modality.DEPTH, order)
    seen = {"inside": 0, "across": 0, "outside": 0}
    for side, left, top in itertools.product((1, 2, 7, 30, 47, 64, 400), range(-70, 80, 11), range(-70, 60, 9)):
        square = Square(left, top, side)
        _, nearby = network_images(frame, Modality.DEPTH, order, square)
        try:
            expected = crop_square(everywhere, square, 16).pixels
        except TrackerError as error:
            with pytest.raises(TrackerError, match=re.escape(str(error))):
                crop_square(nearby, square, 16)
            seen["outside"] += 1
            continue
        np.testing.assert_array_equal(crop_square(nearby, square, 16).pixels, expected, err_msg=str(square))
        inside = min(left, top) >= 0 and left + side < 64 and top + side < 48
        seen["inside" if inside else "across"] += 1
    assert min(seen.values()) > 50
    partly = network_images(frame, Modality.DEPTH, order, Square(20, 10, 5))[1]
    assert np.count_nonzero(partly.any(axis=2)) == 25


@pytest.mark.parametrize("second", ["event", "thermal", "depth"])
def test_network_images_are_those_of_the_reference(second, stored_loops):
    for t in (0, 1, 9):
        frame = Frame(name_seeded.video_frame(t), SECOND[second](t))
        seen = network_images(frame, Modality(second), ChannelOrder.RGB)
        sums = np.concatenate([image.sum(axis=(0, 1), dtype=np.int64) for image in seen])
        np.testing.assert_array_equal(sums, stored_loops[f"frame_sum/{second}/{t}"])
        if t == 1:
            np.testing.assert_array_equal(seen[1], stored_loops[f"frame/{second}/1"])


def test_template_crops_are_those_of_the_reference(stored_loops):
    seen = network_images(Frame(name_seeded.video_frame(0), mm_video.thermal(0)), Modality.THERMAL, ChannelOrder.RGB)
    square = square_around(np.array(START, dtype=np.float32), 2.0)
    for variant, size in (("srtrack_256", 128), ("srtrack_dropmae_384", 192), ("vipt_deep_256", 128)):
        crops = np.concatenate([crop_square(image, square, size).pixels for image in seen], axis=2)
        np.testing.assert_array_equal(crops, stored_loops[f"{variant}/template_crop"])


@pytest.mark.parametrize(
    ("second", "aux", "message"),
    [
        (Modality.EVENT, None, "needs a second image \\(event\\)"),
        (Modality.THERMAL, np.zeros((4, 5), np.uint16), "three 8-bit channels"),
        (Modality.DEPTH, np.zeros((4, 5, 3), np.uint8), "16-bit depth"),
        (Modality.EVENT, np.zeros((4, 6, 3), np.uint8), "6 x 4, the color image 5 x 4"),
    ],
)
def test_a_second_image_of_the_wrong_kind_is_refused(second, aux, message):
    with pytest.raises(TrackerError, match=message):
        network_images(Frame(np.zeros((4, 5, 3), np.uint8), aux), second, ChannelOrder.RGB)


def test_a_color_tracker_ignores_the_second_image():
    frame = Frame(np.ones((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint16))
    (seen,) = network_images(frame, None, ChannelOrder.RGB)
    assert seen is frame.rgb


@pytest.mark.parametrize("structure", STRUCTURES)
def test_entries_are_those_of_the_authors_files(structure):
    expected = golden("mm_state_dict.json")[structure]
    network = definition(STRUCTURES[structure]).skeleton()
    assert [[name, shape] for name, shape, _ in entries(network)] == list(map(list, expected["entries"].items()))
    assert [name for name, _ in network.named_buffers()] == expected["buffers"]
    assert sum(parameter.numel() for parameter in network.parameters()) == expected["parameters"]


def check_forward(seeded, structure, batch, shared_golden):
    stored, loop = np.load(shared_golden / f"mm_forward_{structure}.npz"), definition(seeded.name).loop
    template, search = (
        torch.cat([images(f"mm_{which}_rgb", batch, size), images(f"mm_{which}_x", batch, size)], dim=1)
        for which, size in (("template", loop.template_size), ("search", loop.search_size))
    )
    if batch == 1:
        np.testing.assert_array_equal(template[0, :, ::32, ::32], stored["input_probe_template"])
    with torch.inference_mode():
        maps = seeded.network()(template, search)
    for name in ("score", "size", "offset"):
        np.testing.assert_allclose(getattr(maps, name), stored[f"b{batch}/{name}_map"], atol=MAPS, rtol=0, err_msg=name)
    boxes, _ = decode_center(maps.score, maps.size, maps.offset)
    np.testing.assert_allclose(boxes, stored[f"b{batch}/pred_boxes"][:, 0], atol=MAPS, rtol=0)
    present = {index: set(range(256)) for index in range(batch)}
    for stage, kept in enumerate(maps.kept):
        for sample, row in enumerate(kept.tolist()):
            removed = present[sample] - set(row)
            assert removed == set(stored[f"b{batch}/removed_{stage}"][sample].tolist())
            present[sample] = set(row)


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_srtrack_256_forward_equals_the_reference(srtrack_256, batch, shared_golden):
    check_forward(srtrack_256, "srtrack_256", batch, shared_golden)


@pytest.mark.parametrize("batch", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_vipt_forward_equals_the_reference(vipt, batch, shared_golden):
    check_forward(vipt, "vipt_deep_256", batch, shared_golden)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
def test_srtrack_384_forward_equals_the_reference(large, batch, shared_golden):
    check_forward(*large, batch, shared_golden)


def check_taps(seeded, structure, modules, shared_golden):
    """Stored activations of modules, in the order in which they are computed."""
    stored, actual, loop = np.load(shared_golden / f"mm_forward_{structure}.npz"), {}, definition(seeded.name).loop
    network = seeded.network()

    def keep(name):
        def hook(_module, _inputs, output):
            actual.setdefault(name, output)

        return hook

    for name in modules:
        network.get_submodule(name).register_forward_hook(keep(name))
    template, search = (
        torch.cat([images(f"mm_{which}_rgb", 1, size), images(f"mm_{which}_x", 1, size)], dim=1)
        for which, size in (("template", loop.template_size), ("search", loop.search_size))
    )
    with torch.inference_mode():
        network(template, search)
    for name in modules:
        probe = actual[name][0, :: max(1, actual[name].shape[1] // 8), ::96]
        np.testing.assert_allclose(probe, stored[f"tap/{name}/0"], atol=1e-4, rtol=1e-4, err_msg=name)


def test_every_srtrack_stage_equals_the_reference(srtrack_256, shared_golden):
    modules = ["patch_embed_rgb", "patch_embed_event"]
    for index in range(12):
        modules += [f"blocks_rgb.{index}", f"blocks_event.{index}"]
        modules += [f"blocks_cross.{index // 3}"] if index % 3 == 2 else []
    modules = [f"backbone.{name}" for name in (*modules, "norm_rgb", "norm_event")]
    check_taps(srtrack_256, "srtrack_256", modules, shared_golden)


def test_the_last_vipt_stage_equals_the_reference(vipt, shared_golden):
    check_taps(vipt, "vipt_deep_256", ["backbone.norm"], shared_golden)


def test_a_shallow_vipt_is_a_deep_one_whose_later_prompts_are_nothing():
    base = OSTrackConfig(64, 128, VitConfig(width=16, depth=4, heads=2), elimination_layers=(2,), head_channels=16)
    shallow, deep = (ViPT(ViPTConfig(base, prompts)).eval() for prompts in (1, None))
    for part in (*deep.parameters(), *shallow.parameters()):
        torch.nn.init.normal_(part, std=0.1, generator=torch.Generator().manual_seed(part.numel()))
    deep.load_state_dict(shallow.state_dict(), strict=False)
    crops = torch.randn(2, 6, 64, 64), torch.randn(2, 6, 128, 128)
    assert not torch.equal(shallow(*crops).score, deep(*crops).score)
    for block in deep.backbone.prompt_blocks[1:]:
        torch.nn.init.zeros_(block.conv1x1.weight)
        torch.nn.init.zeros_(block.conv1x1.bias)
    torch.testing.assert_close(shallow(*crops).score, deep(*crops).score)
    plain = OSTrack(base).eval()
    plain.load_state_dict({key: value for key, value in shallow.state_dict().items() if "prompt" not in key})
    torch.nn.init.zeros_(shallow.backbone.prompt_blocks[0].conv1x1.weight)
    torch.nn.init.zeros_(shallow.backbone.prompt_blocks[0].conv1x1.bias)
    torch.testing.assert_close(shallow(*crops).score, plain(*(part[:, :3] for part in crops)).score)


def track_loop(seeded, stored, structure, modality, frames=None):
    second = modality.removesuffix("_bgr")
    boxes, scores = (stored[f"{structure}/{modality}/{item}"][:frames] for item in ("boxes", "scores"))
    name = seeded.name.replace("rgbe", {"event": "rgbe", "thermal": "rgbt", "depth": "rgbd"}[second])
    order = ChannelOrder.BGR if modality.endswith("_bgr") else ChannelOrder.RGB
    tracker = seeded.tracker(name, depth_channel_order=order)
    actual = run_clip(tracker, Clip(len(boxes), second), boxes[0])
    assert first_difference(actual.boxes, boxes) is None
    np.testing.assert_allclose(actual.confidence[1:], scores[1:], atol=1e-4, rtol=0)


@pytest.mark.parametrize("modality", ["event", "thermal", "depth", "depth_bgr"])
def test_srtrack_256_first_frames_equal_the_reference(srtrack_256, stored_loops, modality):
    track_loop(srtrack_256, stored_loops, "srtrack_256", modality, 2)


@pytest.mark.parametrize("modality", ["event", "thermal", "depth_bgr"])
def test_vipt_first_frames_equal_the_reference(vipt, stored_loops, modality):
    track_loop(vipt, stored_loops, "vipt_deep_256", modality, 3)


@pytest.mark.slow
def test_whole_loops_equal_the_reference(srtrack_256, vipt, stored_loops):
    for modality in ("event", "thermal", "depth", "depth_bgr"):
        track_loop(srtrack_256, stored_loops, "srtrack_256", modality)
    for modality in ("event", "thermal", "depth_bgr"):
        track_loop(vipt, stored_loops, "vipt_deep_256", modality)


@pytest.mark.slow
@pytest.mark.parametrize("large", ["srtrack_dropmae_384"], indirect=True)
def test_srtrack_dropmae_384_loops_equal_the_reference(large, stored_loops):
    for modality, frames in (("event", 10), ("thermal", 3), ("depth", 3)):
        track_loop(large[0], stored_loops, large[1], modality, frames)


def test_the_published_depth_orders_are_the_defaults():
    assert definition("srft-rgbd-256").loop.depth_channel_order is ChannelOrder.RGB
    assert definition("vipt-rgbd").loop.depth_channel_order is ChannelOrder.BGR


@pytest.mark.slow
def test_vipt_boxes_do_not_depend_on_capacity(vipt):
    clips = {f"clip{n}": (Clip(2, "event", start=n), [80 + n * 10, 100, 48 + n, 36]) for n in range(4)}
    check_capacities(vipt.tracker(), clips, 4)


def test_a_fractional_start_box_is_rounded_to_float32(vipt):
    box = np.array([[86.1, 102.3, 48.7, 36.9]])
    frame = Clip(1, "event").read(0)
    tracker = vipt.tracker()
    (state,) = tracker.initialize([frame], box)
    assert state.box.dtype == np.float32
    assert tracker.prepare(state, frame).center[0] == np.float32(86.1) + np.float32(0.5) * np.float32(48.7)
