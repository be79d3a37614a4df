"""Learned trackers on a CUDA device in fp32: the authors' numbers, the processor's boxes, batches, memory, the command line."""

import gc
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.loop import LoopSettings
from helpers.program import evalkit, only_run, start
from helpers.seeded import Clip, Seeded, first_difference, golden, images, name_seeded, run_clip, run_clips
from helpers.trees import draw_videos
from trackers.common.build import build
from trackers.common.definition import definition
from trackers.common.torch_tracker import Engine
from trackers.layers.heads import decode_center
from trackers.layers.vit import VitConfig
from trackers.ostrack import OSTrackConfig

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype"),
    pytest.mark.filterwarnings("ignore:Plan failed with"),  # of cuDNN, which then takes another plan
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

MAPS = 1e-4  # sums of 768 products in another order
PIXELS = 1e-3
START = [float(number) for number in name_seeded.video_box(0)]
SMALL = OSTrackConfig(vit=VitConfig(width=32, depth=4, heads=2), elimination_layers=(1,), head_channels=16)
TRACKERS = {
    "ostrack-256": (None, 20),
    "ostrack-256-noce": (None, 6),
    "ostrack-384": (None, 4),
    "swintrack-tiny": (None, 12),
    "swintrack-base-384": (None, 3),
    "upvpt-ostrack-256": (None, 6),
    "upvpt-swintrack-t": (None, 6),
    "srft-rgbe-256": ("event", 5),
    "srft-rgbt-256": ("thermal", 4),
    "srft-rgbd-256": ("depth", 4),
    "srft-rgbe-384": ("event", 3),
    "vipt-rgbe": ("event", 5),
}


def cuda():
    return Engine("cuda")


def small(**options):
    made = replace(definition("ostrack-256"), config=SMALL)
    return build(made, TrackerOptions(weights="random", seed=1, **options))


@pytest.mark.parametrize("name", TRACKERS)
def test_the_loop_gives_the_processors_boxes(name):
    second, frames = TRACKERS[name]
    seeded = Seeded(name)
    clip = Clip(frames, second)
    expected = run_clip(seeded.tracker(), clip, START)
    tracked = run_clip(seeded.tracker(engine=cuda()), clip, START)
    print(f"{name}: {np.abs(tracked.boxes - expected.boxes).max():.2e} px over {frames} frames")
    assert first_difference(tracked.boxes, expected.boxes, PIXELS) is None
    np.testing.assert_allclose(tracked.confidence[1:], expected.confidence[1:], atol=1e-4)
    gc.collect()


@pytest.mark.parametrize(
    ("name", "file", "loop"),
    [
        ("ostrack-256", "ostrack_tracking.json", "ostrack256_ce"),
        ("ostrack-256", "ostrack_tracking.json", "ostrack256_ce_border"),
        ("ostrack-384", "ostrack_tracking.json", "ostrack384_ce"),
        ("swintrack-tiny", "swintrack_tracking.json", "swintrack_tiny"),
    ],
)
def test_the_whole_loop_is_the_authors(name, file, loop):
    stored = golden(file)["sequences"][loop]
    tracked = run_clip(Seeded(name).tracker(engine=cuda()), Clip(len(stored["boxes"])), stored["init"])
    assert first_difference(tracked.boxes, stored["boxes"]) is None


@pytest.mark.parametrize("structure", ["srtrack_256", "vipt_deep_256"])
@pytest.mark.parametrize("modality", ["event", "thermal"])
def test_the_whole_loop_of_two_modalities_is_the_authors(structure, modality, shared_golden):
    stored = np.load(shared_golden / "mm_track.npz")[f"{structure}/{modality}/boxes"]
    name = {"srtrack_256": "srft-rgb", "vipt_deep_256": "vipt-rgb"}[structure] + modality[0]
    seeded = Seeded(f"{name}-256" if structure == "srtrack_256" else name)
    tracked = run_clip(seeded.tracker(engine=cuda()), Clip(len(stored), modality), stored[0])
    assert first_difference(tracked.boxes, stored) is None


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("name", "prefix", "size"), [("ostrack-256", "ostrack256", 256), ("ostrack-384", "ostrack384", 384)]
)
def test_ostrack_maps_are_the_authors(name, prefix, size, batch, shared_golden):
    stored, key = np.load(shared_golden / "ostrack_forward.npz"), f"{prefix}_b{batch}"
    model = Seeded(name).network().cuda()
    inputs = (images(f"{key}/template", batch, size // 2).cuda(), images(f"{key}/search", batch, size).cuda())
    with cuda().running():
        maps = model(*inputs)
        boxes, _ = decode_center(maps.score, maps.size, maps.offset)
    item = f"{prefix}_ce_b{batch}_"
    for what in ("score", "size", "offset"):
        np.testing.assert_allclose(getattr(maps, what).cpu(), stored[f"{item}{what}_map"], atol=MAPS, rtol=0)
    np.testing.assert_allclose(boxes.cpu(), stored[f"{item}pred_boxes"][:, 0], atol=MAPS, rtol=0)
    for layer, kept in zip((3, 6, 9), maps.kept, strict=True):
        np.testing.assert_array_equal(kept.cpu().sort(dim=1).values, stored[f"{item}kept_layer{layer}"])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("name", "structure"), [("srft-rgbe-256", "srtrack_256"), ("vipt-rgbe", "vipt_deep_256")])
def test_maps_of_two_modalities_are_the_authors(name, structure, batch, shared_golden):
    stored, loop = np.load(shared_golden / f"mm_forward_{structure}.npz"), definition(name).loop
    template, search = (
        torch.cat([images(f"mm_{which}_rgb", batch, size), images(f"mm_{which}_x", batch, size)], dim=1).cuda()
        for which, size in (("template", loop.template_size), ("search", loop.search_size))
    )
    model = Seeded(name).network().cuda()
    with cuda().running():
        maps = model(template, search)
    for what in ("score", "size", "offset"):
        np.testing.assert_allclose(getattr(maps, what).cpu(), stored[f"b{batch}/{what}_map"], atol=MAPS, rtol=0)


def test_swintrack_maps_are_the_authors(shared_golden):
    stored, model = np.load(shared_golden / "swintrack_forward.npz"), Seeded("swintrack-tiny").network().cuda()
    for batch in (1, 3):
        key = f"swintrack_tiny_b{batch}"
        with cuda().running():
            template = model.embed(images(f"{key}/template", batch, model.config.template_size).cuda())
            score, boxes = model(template, images(f"{key}/search", batch, model.config.search_size).cuda())
        np.testing.assert_allclose(score.cpu(), stored[f"{key}_class_score"], atol=MAPS, rtol=0)
        np.testing.assert_allclose(boxes.cpu(), stored[f"{key}_bbox"], atol=MAPS, rtol=0)


def clips(count, length):
    return {
        f"clip{n}": (Clip(length + n % 4, start=n), [START[0] + n, START[1] - n, START[2] + 2 * n, START[3]])
        for n in range(count)
    }


@pytest.mark.parametrize("name", ["ostrack-256", "swintrack-tiny", "upvpt-ostrack-256"])
def test_mixed_batches_and_two_waves_give_the_boxes_of_streams_alone(name):
    tracker = Seeded(name).tracker(engine=cuda())
    alone = run_clips(tracker, clips(9, 6), capacity=1)
    for settings in (LoopSettings(capacity=4), LoopSettings(capacity=9, waves=1), LoopSettings(capacity=8, waves=2)):
        together = run_clips(tracker, clips(9, 6), settings=settings)
        worst = max(np.abs(together[n].boxes - alone[n].boxes).max() for n in alone)
        print(f"{name}, capacity {settings.capacity}, waves {settings.waves}: {worst:.2e} px")
        assert worst < PIXELS


def test_at_one_capacity_boxes_depend_on_nothing_but_their_stream():
    tracker, few = Seeded("ostrack-256").tracker(engine=cuda()), dict(list(clips(9, 6).items())[:3])
    runs = [run_clips(tracker, videos, capacity=8) for videos in (clips(9, 6), clips(9, 6), few)]
    for name in few:
        np.testing.assert_array_equal(runs[1][name].boxes, runs[0][name].boxes)
        np.testing.assert_array_equal(runs[2][name].boxes, runs[0][name].boxes)


@pytest.mark.parametrize("name", ["ostrack-256", "swintrack-tiny"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_waits_for_the_card_between_the_begin_of_a_step_and_its_end(name, precision):
    tracker, clip = Seeded(name).tracker(engine=Engine("cuda", precision)), Clip(3)
    states = tracker.initialize([clip.read(0)], np.array([START]))
    tracker.reserve(4)
    tracker.track(states, [tracker.prepare(states[0], clip.read(1))])
    inputs = [tracker.prepare(states[0], clip.read(2))]
    try:
        torch.cuda.set_sync_debug_mode("error")
        pending = tracker.submit(states, inputs)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert np.isfinite(tracker.collect(pending).boxes).all()
    assert tracker.stage_seconds()["forward"] > 0


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_other_precisions_give_finite_boxes_near_those_of_fp32(precision):
    exact, reduced = (run_clip(small(device="cuda", precision=p), Clip(3), START).boxes for p in ("fp32", precision))
    assert not np.array_equal(exact[1:], reduced[1:])
    np.testing.assert_allclose(reduced[1], exact[1], atol=8)


def test_memory_that_does_not_suffice_halves_the_batch_and_changes_no_box():
    tracker, notes = Seeded("ostrack-256").tracker(engine=cuda()), []
    expected = run_clips(tracker, clips(24, 3), capacity=1)
    gc.collect()
    torch.cuda.empty_cache()
    limit = torch.cuda.memory_reserved() + (160 << 20)  # 24 streams need some 300 MiB, 6 some 100
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(0).total_memory)
    try:
        together = run_clips(tracker, clips(24, 3), settings=LoopSettings(capacity=24, waves=1), on_note=notes.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    print(notes)
    assert notes
    for name, trajectory in expected.items():
        np.testing.assert_allclose(together[name].boxes, trajectory.boxes, atol=PIXELS)


def command(root, *options):
    """Of a run with a small tracker: here the way through the program matters."""
    return (
        *("run-benchmark", "custom", "--tracker", "ostrack-mini", "--data-root", root / "videos"),
        *("--results", root / "results", "--json", *options),
    )


def test_two_workers_share_a_card(tmp_path):
    draw_videos(tmp_path / "videos", [6] * 6, wh=(160, 120))
    plain = evalkit(*command(tmp_path, "--device", "cuda", "--capacity", 1), timeout=400).json
    shared = evalkit(*command(tmp_path, "--device", "cuda:0,0", "--capacity", 1, "--fresh"), timeout=400)
    assert shared.code == 0, shared.stderr
    assert shared.json["status"] == "complete"
    assert shared.json["digest"] == plain["digest"]


def test_a_killed_run_goes_on_to_the_digest_of_an_undisturbed_one(tmp_path):
    draw_videos(tmp_path / "videos", [40] * 12, wh=(160, 120))
    options = ("--device", "cuda", "--capacity", 4, "--waves", 1)
    process = start(*command(tmp_path, *options))
    until = time.monotonic() + 300
    while not (stored := len(list((tmp_path / "results").rglob("sequences/*.json")))) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert stored > 0
    resumed = evalkit(*command(tmp_path, *options), timeout=400)
    assert resumed.code == 0, resumed.stderr
    again = evalkit(*command(tmp_path, *options, "--fresh"), timeout=400)
    assert resumed.json["status"] == again.json["status"] == "complete"
    assert resumed.json["digest"] == again.json["digest"]


def test_a_run_begun_on_the_processor_and_ended_on_the_card_says_so(tmp_path):
    videos = draw_videos(tmp_path / "videos", [4, 4], wh=(160, 120))
    image = sorted((videos / "s1" / "img").iterdir())[2]
    whole = image.read_bytes()
    image.write_bytes(b"")
    assert evalkit(*command(tmp_path, "--device", "cpu"), timeout=400).code == 1
    image.write_bytes(whole)
    ended = evalkit(*command(tmp_path, "--device", "cuda"), timeout=400)
    assert ended.code == 0, ended.stderr
    assert ended.json["status"] == "complete"
    (mixed,) = [remark for remark in only_run(tmp_path / "results").remarks() if remark.startswith("mixed: ")]
    assert "device: cpu / cuda" in mixed
