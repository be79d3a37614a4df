"""The trackers without weights on the full sample: plausible, apart from one another, helped by scales and sensors."""

import dataclasses

import numpy as np
import pytest

import trackers
from evalkit.benchmarks import get_benchmark
from evalkit.sample.render import make_sample
from evalkit.sequences import Frame
from evalkit.testing import Video, track_together
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions
from trackers.kcf import KcfTracker

pytestmark = pytest.mark.slow

BENCHMARKS = ["uav123", "lasot", "tnl2k", "visevent", "lasher", "depthtrack"]
NAMES = ["still", "ncc", "mosse", "kcf"]


def read_video(sequence):
    """Frames with all boxes, and which of them show the target."""
    boxes = sequence.annotation.ground_truth
    seen = np.isfinite(boxes).all(axis=1) & ~sequence.annotation.absent
    return Video([sequence.frames.read(index) for index in range(len(sequence))], boxes), seen


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Name -> video and the frames with a target, of all benchmarks whose boxes are public."""
    root = make_sample(tmp_path_factory.mktemp("bands") / "sample").folder
    parts = [(get_benchmark(name), get_benchmark(name).default_split) for name in BENCHMARKS]
    got10k = get_benchmark("got10k")
    parts.append((got10k, got10k.splits["val"]))
    actual = {}
    for spec, split in parts:
        for name in spec.list_sequences(root / spec.title, split):
            actual[name] = read_video(spec.read_sequence(root / spec.title, split, name))
    anno = root / ".truth" / "TrackingNet" / "TEST" / "anno"
    spec = get_benchmark("trackingnet")
    for path in sorted(anno.glob("*.txt")):
        sequence = spec.read_sequence(root / spec.title, spec.default_split, path.stem)
        boxes = np.loadtxt(path, delimiter=",")
        frames = [sequence.frames.read(index) for index in range(len(sequence))]
        actual[path.stem] = Video(frames, boxes), np.ones(len(boxes), bool)
    return actual


def success(tracker, video, seen):
    """Area under the success curve, by the definition: 21 thresholds, strictly above, frame 0 counts."""
    path = np.concatenate([video.boxes[:1], track_together(tracker, [video])[0].boxes])
    low = np.maximum(path[:, :2], video.boxes[:, :2])
    high = np.minimum(path[:, :2] + path[:, 2:], video.boxes[:, :2] + video.boxes[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    overlap = common / (path[:, 2:].prod(axis=1) + video.boxes[:, 2:].prod(axis=1) - common)
    return (overlap[seen, None] > np.linspace(0, 1, 21)).mean()


@pytest.fixture(scope="module")
def scores(videos):
    """Tracker -> sequence -> area under the success curve."""
    return {
        name: {
            key: success(load_tracker(trackers.CATALOG, name, TrackerOptions()), *value)
            for key, value in videos.items()
        }
        for name in NAMES
    }


def test_there_are_all_sequences(videos):
    assert len(videos) == 18


def test_still_is_the_floor_and_the_others_are_plausible(scores):
    means = {name: np.mean(list(values.values())) for name, values in scores.items()}
    assert means["still"] < 0.15
    assert all(0.45 < means[name] < 0.75 for name in NAMES[1:])


def test_the_trackers_differ_on_half_of_the_sequences(scores):
    spread = [np.ptp([scores[name][key] for name in NAMES[1:]]) for key in scores["kcf"]]
    assert np.mean(np.array(spread) >= 0.1) >= 0.5


def test_scales_help_where_the_target_changes_its_size(videos, scores):
    flat = KcfTracker()
    flat.settings = dataclasses.replace(flat.settings, scales=(1.0,))
    for name in [key for key in videos if "tn-car" in key or "dep-cat" in key]:
        assert scores["kcf"][name] > success(flat, *videos[name]) + 0.2


def gains_of_the_second_sensor(folder, seed):
    """(score with color alone, gain by the second sensor) of each tracker on the sequences of two sensors."""
    root = make_sample(folder / str(seed), seed=seed).folder
    for spec in map(get_benchmark, ("visevent", "lasher", "depthtrack")):
        for name in spec.list_sequences(root / spec.title, spec.default_split):
            video, seen = read_video(spec.read_sequence(root / spec.title, spec.default_split, name))
            colors = Video([Frame(frame.rgb) for frame in video.frames], video.boxes)
            for tracker in NAMES[1:]:
                alone, both = (
                    success(load_tracker(trackers.CATALOG, tracker, TrackerOptions()), seen_as, seen)
                    for seen_as in (colors, video)
                )
                yield alone, both - alone


def test_the_second_sensor_helps_where_color_fails(tmp_path):
    # a single sequence is decided by the last bits of a processor's arithmetic; the mean over many is not
    gains = [gain for seed in range(3) for alone, gain in gains_of_the_second_sensor(tmp_path, seed) if alone < 0.5]
    assert len(gains) >= 15
    assert np.mean(gains) > 0.15
