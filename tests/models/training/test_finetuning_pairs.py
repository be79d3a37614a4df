"""Pairs: where crops lie and what is in them, against the references; the same pairs whatever the workers."""

import json
import zlib

import numpy as np
import pytest
import torch

from evalkit.errors import TrackerError
from evalkit.sequences import Frame
from helpers import ROOT
from trackers.common.center_tracker import CenterLoop
from trackers.common.crops import crop_square, square_around
from trackers.common.definition import definition
from trackers.training import pairs
from trackers.training.loader import BatchShare, PairNumbers, PairSet, batches, on_device
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Sampling
from trackers.training.sources import DrawnScenes

GOLDEN = ROOT / ".." / "shared" / "golden"
CPU = torch.device("cpu")
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")


@pytest.fixture(scope="module")
def golden():
    return json.loads((GOLDEN / "train_rgb.json").read_text())


@pytest.fixture(scope="module")
def image():
    import importlib.util

    spec = importlib.util.spec_from_file_location("name_seeded", ROOT / "tests" / "golden" / "name_seeded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.video_frame(5)


@needs_golden
def test_jittered_crops_and_their_boxes_equal_the_references(golden, image):
    for case in golden["jitter"]:
        cutter = pairs.SquareCutter(CenterLoop(search_size=case["size"], search_factor=case["factor"]))
        box = np.array(case["box"], dtype=np.float64)
        normal, uniform = np.array(case["normal"]), np.array(case["uniform"])
        moved = cutter.jitter(box, normal, uniform, scale=case["scale_jitter"], center=case["centre_jitter"])
        np.testing.assert_allclose(moved, case["jittered"], atol=1e-4)
        square = square_around(moved, case["factor"])
        assert square.side == case["crop_side"]
        crop = crop_square(image, square, case["size"]).pixels
        (own,) = cutter.cut([image], moved, 1, np.zeros(3))
        np.testing.assert_array_equal(own, crop)
        assert zlib.crc32(own.tobytes()) == case["crop_crc32"]
        placed = cutter.place(box, moved, 1)
        np.testing.assert_allclose(placed, case["crop_box"], atol=2e-6)
        np.testing.assert_allclose(1 - placed[0] - placed[2], case["crop_box_mirrored"][0], atol=2e-6)
        assert cutter.is_empty(moved, 1, (image.shape[1], image.shape[0])) == case["all_padding"]


@needs_golden
def test_gray_mirror_and_brightness_equal_the_references(golden, image):
    mirrored = golden["mirror_frame"]
    np.testing.assert_allclose(pairs.mirror_box(np.array(mirrored["box"]), image.shape[1]), mirrored["mirrored"])
    assert zlib.crc32(np.ascontiguousarray(image[:, ::-1]).tobytes()) == mirrored["image_crc32"]
    assert zlib.crc32(pairs.gray_image(image).tobytes()) == golden["grey"]["image_crc32"]
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    for case in golden["brightness"]:
        gains = torch.tensor([[case["factor"], case["factor"]]])
        item = pairs.Item(pixels, pixels, torch.eye(3)[None], gains, torch.zeros(1, 4), torch.ones(1))
        values = on_device(item, torch.device("cpu")).search
        np.testing.assert_allclose(values.mean(dim=(0, 2, 3)), case["normalised_mean"], atol=1e-5)


@pytest.mark.parametrize("name", ["ostrack-256", "swintrack-tiny"])
def test_without_jitter_the_box_lies_in_the_middle_of_its_crop(name):
    cutter = pairs.make_cutter(definition(name))
    box = np.array([100.0, 80.0, 40.0, 30.0])
    placed = cutter.place(box, box, 1)
    np.testing.assert_allclose(placed[:2] + placed[2:] / 2, 0.5, atol=0.003)  # OSTrack: (S - 1) / 2
    assert 0.1 < placed[3] < placed[2] < 0.5


class Still:
    """Frames of one color."""

    def __len__(self):
        return 40

    def read(self, index):
        return Frame(np.full((60, 80, 3), index, dtype=np.uint8))


def clip(usable, boxes=None):
    boxes = np.tile([30.0, 20, 20, 15], (40, 1)) if boxes is None else boxes
    return pairs.TrainingClip(boxes, usable, usable, Still())


def test_the_search_frame_follows_the_template_within_reach():
    usable = np.ones(40, dtype=bool)
    usable[10:30] = False
    drawn = [pairs.choose_frames(clip(usable), Sampling(reach=5), np.random.default_rng(n)) for n in range(200)]
    assert all(usable[list(numbers)].all() and numbers[0] < numbers[1] for numbers in drawn)
    assert all(last - first < 5 for first, last in drawn if first < 5 or first >= 30)
    assert any(first < 10 and last >= 30 for first, last in drawn)  # the reach grows until there is a frame


def test_a_clip_without_usable_frames_gives_no_pair():
    usable = np.zeros(40, dtype=bool)
    usable[39] = True
    with pytest.raises(pairs.EmptyPairError):
        pairs.choose_frames(clip(usable), Sampling(), np.random.default_rng(1))

    class Empty:
        def clip(self, index, rng):
            return clip(usable)

    made = PairSet([Empty()], pairs.PairMaker(definition("ostrack-256"), Sampling()), 1)
    with pytest.raises(TrackerError, match="no frame for a template"):
        made[0]


@pytest.fixture(scope="module")
def drawn():
    recipe = RECIPES["ostrack-mini"]
    source = DrawnScenes(3, None, recipe.sampling)
    return PairSet([source], pairs.PairMaker(definition("ostrack-mini"), recipe.sampling), 7)


def test_pairs_do_not_depend_on_the_workers_or_on_where_they_begin(drawn):
    share = BatchShare(4)
    alone = list(batches(drawn, PairNumbers(share, 0, 3), 0, CPU))
    helped = list(batches(drawn, PairNumbers(share, 0, 3), 2, CPU))
    later = list(batches(drawn, PairNumbers(share, 2, 3), 1, CPU))
    for first, second in zip([*alone, alone[2]], [*helped, later[0]], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(alone[0].search, alone[1].search)


def test_loading_leaves_the_generator_of_the_network_alone(drawn):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    next(iter(batches(drawn, PairNumbers(BatchShare(2), 0, 1), 0, CPU)))
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_share_the_pairs_of_a_step():
    own = [list(BatchShare(8, 2, rank, 2).numbers(3, 4)) for rank in (0, 1)]
    assert own == [[[24, 25], [28, 29]], [[26, 27], [30, 31]]]
