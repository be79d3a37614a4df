"""The reference loops through the command line: images on disk, weights in a file, boxes from the store."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from helpers.program import only_run, run_videos
from helpers.seeded import SECOND, Seeded, first_difference, golden, name_seeded

FOLDERS = {"event": "event", "thermal": "infrared", "depth": "depth"}


def write_clip(folder: Path, box, frames: int, second: str | None) -> None:
    """The synthetic clip as a user's folder."""
    (folder / "img").mkdir(parents=True)
    if second:
        (folder / FOLDERS[second]).mkdir()
    for t in range(frames):
        images = {"img": name_seeded.video_frame(t)[:, :, ::-1]}
        if second:
            aux = SECOND[second](t)
            images[FOLDERS[second]] = aux if aux.ndim == 2 else aux[:, :, ::-1]
        for name, image in images.items():
            assert cv2.imwrite(str(folder / name / f"{t + 1:04d}.png"), image)
    (folder / "groundtruth.txt").write_text(",".join(map(str, box)) + "\n")


def track(tracker, weights, root: Path, *options):
    done = run_videos(root / "videos", root / "results", tracker, "--weights", weights, *options)
    assert done.code == 0, done.stderr
    return only_run(root / "results")


@pytest.fixture
def weight_file(tmp_path):
    """Write the seeded numbers of a tracker; the large files do not outlive their test."""
    paths = []

    def write(seeded):
        paths.append(tmp_path / f"{seeded.name}.safetensors")
        save_file({name: tensor.contiguous() for name, tensor in seeded.state.items()}, paths[-1])
        return paths[-1]

    yield write
    for path in paths:
        path.unlink()


def test_swintrack_boxes_in_the_store_equal_the_reference(weight_file, tmp_path):
    loop = golden("swintrack_tracking.json")["sequences"]["swintrack_tiny"]
    x1, y1, x2, y2 = loop["init_xyxy"]
    write_clip(tmp_path / "videos" / "clip", [x1, y1, x2 - x1, y2 - y1], 6, None)
    weights = weight_file(Seeded("swintrack-tiny"))
    stored = track("swintrack-tiny", weights, tmp_path)
    boxes = stored.read("clip").boxes
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    assert first_difference(corners, loop["boxes"][:6]) is None
    assert stored.identity.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert stored.identity.config["network"]["encoder_depth"] == 4


@pytest.mark.slow
def test_ostrack_boxes_in_the_store_equal_the_reference(weight_file, tmp_path):
    loops = golden("ostrack_tracking.json")["sequences"]
    for name in ("ostrack256_ce", "ostrack256_ce_border"):
        write_clip(tmp_path / "videos" / name, loops[name]["init"], 4, None)
    stored = track("ostrack-256", weight_file(Seeded("ostrack-256")), tmp_path, "--capacity", "2")
    for name in ("ostrack256_ce", "ostrack256_ce_border"):
        assert first_difference(stored.read(name).boxes, loops[name]["boxes"][:4]) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tracker", "reference", "second"),
    [
        ("vipt-rgbd", "vipt_deep_256/depth_bgr", "depth"),
        ("vipt-rgbe", "vipt_deep_256/event", "event"),
        ("srft-rgbt-256", "srtrack_256/thermal", "thermal"),
    ],
)
def test_multimodal_boxes_in_the_store_equal_the_reference(
    tracker, reference, second, weight_file, tmp_path, shared_golden
):
    loops = np.load(shared_golden / "mm_track.npz")
    boxes, scores = (loops[f"{reference}/{item}"][:3] for item in ("boxes", "scores"))
    write_clip(tmp_path / "videos" / "clip", boxes[0].tolist(), 3, second)
    actual = track(tracker, weight_file(Seeded(tracker)), tmp_path).read("clip")
    assert first_difference(actual.boxes, boxes) is None
    np.testing.assert_allclose(actual.confidence[1:], scores[1:], atol=1e-4)


def test_a_color_tracker_on_two_modalities_is_noted_and_the_reverse_refused(tmp_path):
    write_clip(tmp_path / "videos" / "clip", [86, 102, 48, 36], 2, "thermal")
    stored = track("swintrack-tiny", "random", tmp_path)
    manifest = json.loads(next((tmp_path / "results").rglob("manifest.json")).read_text())
    assert any("ignores the thermal image" in note for note in manifest["notes"])
    assert any("random weights" in note for note in manifest["notes"])
    assert stored.identity.weights_sha256 == "random"
    done = run_videos(tmp_path / "videos", tmp_path / "results", "vipt-rgbe", "--weights", "random")
    assert done.code == 1
    assert "tracker vipt-rgbe needs a second image (event)" in done.stderr
