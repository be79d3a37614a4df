"""Pairs from training sets in their official layouts."""

import json

import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark
from evalkit.errors import DatasetLayoutError, EvalkitError
from evalkit.sequences import Modality
from helpers import trees
from trackers.common.definition import definition
from trackers.training import sources
from trackers.training.loader import PairSet
from trackers.training.pairs import EmptyPairError, PairMaker
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Sampling

LAYOUTS = {
    "lasot": lambda root: trees.lasot(root, test=("cup-1",), train=("cup-2", "cup-4", "cup-5")),
    "got10k": lambda root: trees.got10k(root, splits=("train",)),
    "trackingnet": lambda root: trees.trackingnet(root, chunks=("TRAIN_3", "TRAIN_7")),
    "visevent": lambda root: trees.visevent(root, split="train"),
    "lasher": lambda root: trees.lasher(root, base="trainingset"),
    "depthtrack": lambda root: trees.depthtrack(root, base="train"),
}
USABLE = {
    "lasot": [1, 1, 0, 0, 0, 1],
    "got10k": [1, 1, 0, 1, 1, 1],
    "trackingnet": [1] * 12,
    "visevent": [1, 0, 1],  # begins where the target appears
    "lasher": [1] * 12,
    "depthtrack": [1, 0, 0, 0, 1],
}
SECOND = {"visevent": "rgbe", "lasher": "rgbt", "depthtrack": "rgbd"}


@pytest.fixture(autouse=True)
def short_videos(monkeypatch):
    monkeypatch.setattr(sources, "_FEWEST_FRAMES", 2)
    monkeypatch.setattr(sources, "_FEWEST_USABLE", 1)


@pytest.mark.parametrize("name", LAYOUTS)
def test_training_splits_give_pairs_of_the_frames_that_show_the_target(name, tmp_path):
    root = LAYOUTS[name](tmp_path / name)
    sampling = Sampling(mirror_each=0.5, redraw_empty=False)
    parts = [sources.Videos(get_benchmark(name), root, sampling, validation=validation) for validation in (False, True)]
    assert parts[0].names
    assert parts[1].names
    assert not set(parts[0].names) & set(parts[1].names)
    clip = parts[0].clip(0, np.random.default_rng(1))
    assert clip.usable.astype(int).tolist() == USABLE[name]
    tracker = f"srft-{SECOND[name]}-256" if name in SECOND else "ostrack-256"
    made = definition(tracker)
    pairs = PairSet(parts, PairMaker(made, sampling), 5)
    item = pairs[0]
    channels = 6 if name in SECOND else 3
    assert item.template.shape == (channels, 128, 128)
    assert item.search.shape == (channels, 256, 256)
    assert item.search.any()


def test_a_list_file_says_which_videos_are_used(tmp_path):
    root = trees.got10k(tmp_path / "got10k", names=("000001", "000002", "000003", "000004"), splits=("train",))
    data = {
        "got10k": str(root),
        "got10k.list": str(trees.text(tmp_path / "vot.txt", "3\n0\nGOT-10k_Train_000002\n3\n")),
    }
    (training,), (held,) = (
        sources.open_sources(data, Sampling(), None, seed=0, validation=validation) for validation in (False, True)
    )
    assert training.names == ["GOT-10k_Train_000004", "GOT-10k_Train_000001"]
    assert held.names == ["GOT-10k_Train_000002"]
    for content, text in (("4\n", "'4' is no training video.*number from 0 to 3"), ("x", "'x' is no training video")):
        trees.text(tmp_path / "vot.txt", content)
        with pytest.raises(DatasetLayoutError, match=text):
            sources.open_sources(data, Sampling(), None, seed=0)
    with pytest.raises(EvalkitError, match=r"no --data lasot=FOLDER"):
        sources.open_sources({"got10k": str(root), "lasot.list": "x"}, Sampling(), None, seed=0)
    with pytest.raises(DatasetLayoutError, match="cannot read the list"):
        sources.open_sources({**data, "got10k.list": str(tmp_path / "no.txt")}, Sampling(), None, seed=0)


def test_boxes_that_are_too_small_are_not_usable(tmp_path):
    root = LAYOUTS["trackingnet"](tmp_path)
    with pytest.raises(EmptyPairError):
        sources.Videos(get_benchmark("trackingnet"), root, Sampling(smallest=16)).clip(0, np.random.default_rng(1))


@pytest.fixture
def coco(tmp_path):
    trees.images(tmp_path / "train2017", [f"{number:012d}.jpg" for number in (9, 25)])
    content = {
        "images": [{"id": 9, "file_name": "000000000009.jpg"}, {"id": 25, "file_name": "000000000025.jpg"}],
        "annotations": [
            {"image_id": 25, "bbox": [10.5, 12, 20, 16], "iscrowd": 0},
            {"image_id": 9, "bbox": [0, 0, 30, 30], "iscrowd": 1},
            {"image_id": 9, "bbox": [5, 5, 0, 9], "iscrowd": 0},
            {"image_id": 9, "bbox": [8, 9, 20, 12], "iscrowd": 0},
        ],
    }
    trees.text(tmp_path / "annotations" / "instances_train2017.json", json.dumps(content))
    return tmp_path


def test_an_object_of_coco_is_template_and_search_at_once(coco):
    source = sources.Coco(coco)
    clip = source.clip(0, np.random.default_rng(1))
    assert clip.still
    np.testing.assert_array_equal(clip.boxes, [[10.5, 12, 20, 16]])
    assert clip.frames.read(0).rgb[20, 30, 0] == 10  # the second image
    assert len(sources.Coco(coco, validation=True).clip(0, np.random.default_rng(1)).boxes) == 1
    item = PairSet([source], PairMaker(definition("ostrack-256"), Sampling()), 1)[0]
    assert item.search.shape == (3, 256, 256)


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"images": [], "annotations": [{"image_id": 1}]}', '{"images": 3}', "null", "[" * 100_000],
)
def test_a_damaged_annotation_of_coco_is_said_to_be_one(content, coco):
    trees.text(coco / "annotations" / "instances_train2017.json", content)
    with pytest.raises(DatasetLayoutError, match="COCO"):
        sources.Coco(coco)


def test_coco_reads_no_image_outside_of_its_folder(coco):
    content = {
        "images": [{"id": 9, "file_name": "../../secret.jpg"}],
        "annotations": [{"image_id": 9, "bbox": [1, 1, 5, 5]}] * 3,
    }
    trees.text(coco / "annotations" / "instances_train2017.json", json.dumps(content))
    with pytest.raises(DatasetLayoutError, match="outside"):
        sources.Coco(coco)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"lasot": ""}, "write lasot=FOLDER"),
        ({"rendered": "x"}, "expected a seed"),
        ({"uav123": "/tmp"}, "no training split"),
        ({"nothing": "/tmp"}, "unknown benchmark"),
    ],
)
def test_sources_that_cannot_be_are_refused(data, text):
    with pytest.raises(EvalkitError, match=text):
        sources.open_sources(data, Sampling(), None, seed=0)


def test_a_tracker_of_two_sensors_refuses_color_alone(coco):
    with pytest.raises(EvalkitError, match="color alone"):
        sources.open_sources({"coco": str(coco)}, Sampling(), Modality.THERMAL, seed=0)


@pytest.mark.parametrize("tracker", ["srft-mini-rgbe", "srft-mini-rgbd", "swintrack-mini"])
def test_drawn_scenes_are_a_source_for_every_tracker(tracker):
    made, recipe = definition(tracker), RECIPES[tracker]
    opened = sources.open_sources({"rendered": "5"}, recipe.sampling, made.second, seed=0)
    item = PairSet(opened, PairMaker(made, recipe.sampling), 1)[3]
    assert item.search.shape[0] == (6 if made.second else 3)
    others = sources.open_sources({"rendered": "5"}, recipe.sampling, made.second, seed=0, validation=True)
    held = PairSet(others, PairMaker(made, recipe.sampling), 1)[3]
    assert not (item.search == held.search).all()
