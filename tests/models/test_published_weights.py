"""A learned tracker with its published weights, NanoTrack V1 and V2, on six real clips: OpenCV's loop and evalkit's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from evalkit.boxes import Boxes
from evalkit.store.runs import ResultStore
from helpers import trees
from helpers.clips import CLIPS, THERMAL_CLIP
from helpers.program import call

pytestmark = pytest.mark.data

# Mean overlap over the frames after the first, whose box is given; printed to three digits with the weights' description.
PUBLISHED = {
    "v1": {"otb_Crossing": 0.744, "otb_DragonBaby": 0.716},
    "v2": {"otb_Crossing": 0.769},
}
PLAIN_FRAMES = 30
IMAGES = ("img", "color", "rgb")


@dataclass(frozen=True)
class Tracked:
    """The boxes of one version on all clips, and evalkit's scores of them."""

    version: str
    weights: Path
    boxes: dict[str, Boxes]
    scores: dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=PUBLISHED)
def tracked(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    root = tmp_path_factory.mktemp(request.param)
    for file in (shared_data / "weights/nanotrack").glob(f"{request.param}_*.onnx"):
        (root / file.name).symlink_to(file)
    layout = trees.text(root / "layout.toml", THERMAL_CLIP)
    place = ("--data-root", shared_data / "sequences", "--layout", layout, "--results", root / "results")
    options = ["--tracker", "opencv-nano", "--weights", root, "--capacity", 6]
    document = call("run-benchmark", "custom", "--json", *options, *place).json
    (stored,) = ResultStore(root / "results").find(run_id=document["run"])
    scores = call("score", "custom", "--json", "--per-sequence", *place).json["per_sequence"]
    return Tracked(request.param, root, {name: stored.read(name).boxes for name in CLIPS}, scores)


def overlaps(boxes: Boxes, truth: Boxes) -> Boxes:
    """Intersection over union, row by row."""
    corner = np.maximum(boxes[:, :2], truth[:, :2])
    opposite = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    common = np.clip(opposite - corner, 0, None).prod(axis=1)
    return common / (boxes[:, 2:].prod(axis=1) + truth[:, 2:].prod(axis=1) - common)


def opencv_boxes(tracker: Any, clip: Path, box: list[float], frames: int) -> Boxes:
    """OpenCV's loop without evalkit; the start box in whole pixels."""
    first, *others = (cv2.imread(str(path)) for path in sorted(clip.glob("*.jpg"))[:frames])
    left, top, right, bottom = np.round([*box[:2], box[0] + box[2], box[1] + box[3]]).astype(int).tolist()
    tracker.init(first, (left, top, right - left, bottom - top))
    actual = [tracker.update(image) for image in others]
    assert all(done for done, _ in actual)
    return np.array([box for _, box in actual], dtype=np.float64)


def test_published_weights_give_the_overlaps_that_are_known_of_them(tracked: Tracked, shared_data: Path):
    for name, published in PUBLISHED[tracked.version].items():
        rows = (shared_data / "sequences" / name / "groundtruth_rect.txt").read_text().replace(",", "\t")
        truth = np.array([row.split() for row in rows.splitlines()], dtype=np.float64)
        assert overlaps(tracked.boxes[name][1:], truth[1:]).mean() == pytest.approx(published, abs=0.001)
        # the default protocol counts the first frame, in which the boxes are equal
        with_first = (published * (len(truth) - 1) + 1) / len(truth)
        assert tracked.scores[name]["average_overlap"] == pytest.approx(with_first, abs=0.001)


def test_published_weights_follow_the_target_of_every_clip(tracked: Tracked):
    assert set(tracked.scores) == set(CLIPS)
    assert min(scores["average_overlap"] for scores in tracked.scores.values()) > 0.6


@pytest.mark.parametrize("name", CLIPS)
def test_the_boxes_are_those_of_opencv_s_own_loop(tracked: Tracked, name: str, shared_data: Path):
    parameters = cv2.TrackerNano_Params()
    parameters.backbone, parameters.neckhead = map(str, sorted(tracked.weights.glob("*.onnx")))
    folder = next(path for path in sorted((shared_data / "sequences" / name).iterdir()) if path.name in IMAGES)
    actual = opencv_boxes(cv2.TrackerNano_create(parameters), folder, CLIPS[name][2], PLAIN_FRAMES)
    assert np.array_equal(tracked.boxes[name][1:PLAIN_FRAMES], actual)
