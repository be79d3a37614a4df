"""The small trackers: their weights come with evalkit, are small, load without a file, and track."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evalkit.boxes import from_corners
from evalkit.provenance import RANDOM_WEIGHTS, is_dry_run
from evalkit.sample.drawn import draw_scene
from evalkit.sample.sensors import EventCamera, color_image, depth_image, thermal_image
from evalkit.sequences import Frame, Modality
from evalkit.tracking.interface import TrackerOptions
from trackers.common.build import build
from trackers.common.definition import definition
from trackers.common.weights import SHIPPED, packed, unpacked
from trackers.learned import LEARNED
from trackers.minis import agreed, mirrored_back

SHIPPED_NAMES = [name for name, entry in LEARNED.items() if entry.shipped]
SCENES = (3, 8, 11, 17)  # of a series that no weights were trained on
SERIES, FRAMES, APART = 4242, 12, 2


def second_image(drawn, modality, number):
    if modality is Modality.EVENT:
        return EventCamera(drawn.scene, drawn.camera, first=number).next_image()
    image = {Modality.THERMAL: thermal_image, Modality.DEPTH: depth_image}[modality](drawn.scene, number)
    return np.repeat(image[..., None], 3, axis=2) if modality is Modality.THERMAL else image


@pytest.fixture(scope="module")
def scenes():
    made = []
    for number in SCENES:
        drawn = draw_scene(SERIES, number)
        truth = [drawn.scene.truths(APART * frame)[0] for frame in range(FRAMES)]
        colors = [color_image(drawn.scene, drawn.camera, APART * frame)[..., ::-1].copy() for frame in range(FRAMES)]
        made.append((drawn, truth, colors))
    return made


def mean_overlap(tracker, scenes, second):
    values = []
    for drawn, truth, colors in scenes:
        frames = [
            Frame(color) if second is None else Frame(color, second_image(drawn, second, APART * number))
            for number, color in enumerate(colors)
        ]
        (state,) = tracker.initialize(frames[:1], truth[0][None, :4])
        for frame, true in zip(frames[1:], truth[1:], strict=True):
            box = tracker.track([state], [tracker.prepare(state, frame)]).boxes[0]
            low, high = np.maximum(box[:2], true[:2]), np.minimum(box[:2] + box[2:], true[:2] + true[2:4])
            shared = (high - low).clip(0).prod()
            values.append(shared / (box[2:].prod() + true[2:4].prod() - shared))
    return float(np.mean(values))


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_a_small_tracker_needs_no_file_and_follows_what_random_weights_lose(name, scenes):
    made = definition(name)
    tracker = build(made, TrackerOptions())
    assert not is_dry_run(tracker.info.weights_sha256)
    random = build(made, TrackerOptions(weights=RANDOM_WEIGHTS, seed=1))
    assert is_dry_run(random.info.weights_sha256)
    reached, by_chance = (mean_overlap(one, scenes, made.second) for one in (tracker, random))
    assert reached > by_chance + 0.2
    assert reached > 0.45


def test_all_shipped_weights_together_stay_small():
    files = list(SHIPPED.glob("*.safetensors"))
    assert sorted(path.stem for path in files) == sorted(SHIPPED_NAMES)
    assert sum(path.stat().st_size for path in files) < 12e6


def test_packed_weights_are_close_and_packing_again_changes_nothing():
    generator = torch.Generator().manual_seed(1)
    state = {
        "matrix": torch.randn(7, 20, generator=generator),
        "convolution": torch.randn(4, 3, 3, 3, generator=generator) * 1e-3,
        "bias": torch.randn(5, generator=generator),
        "count": torch.tensor(3),
    }
    small = packed(state)
    assert small["matrix"].dtype == torch.int8
    back = unpacked(small)
    assert back.keys() == state.keys()
    for name in ("matrix", "convolution"):
        rows, exact = back[name].flatten(1), state[name].flatten(1)
        assert ((rows - exact).abs() <= exact.abs().amax(dim=1, keepdim=True) * 0.006).all()
    again = packed(back)
    assert all(torch.equal(small[name], again[name]) for name in small)


def test_a_stray_scale_stays_an_entry_that_strict_loading_refuses():
    state = {"matrix": torch.ones(3, 4), "matrix.row_scale": torch.ones(3)}
    assert unpacked(state).keys() == state.keys()


@pytest.mark.parametrize("name", ["ostrack-mini", "swintrack-mini"])
def test_the_size_follows_the_network_by_rate_times_score(name):
    calm = build(definition(name), TrackerOptions(weights=RANDOM_WEIGHTS, seed=2))
    loop = calm.loop
    image = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    box = np.array([[100.0, 80, 40, 30]])
    steps = []
    for rate in (1 / 0.6, loop.size_rate):  # the first takes the size over at once
        calm.loop = replace(loop, size_rate=rate)
        (state,) = calm.initialize([Frame(image)], box)
        inputs = calm.prepare(state, Frame(image))
        answers = np.array([[0.5, 0.5, 0.4, 0.5, 0.6]], dtype=np.float32)
        predictions = calm._predictions([state], [inputs], answers)
        kept = from_corners(state.corners[None])[0] if name == "swintrack-mini" else state.box
        steps.append((predictions, kept))
    (plain, _), (slow, kept) = steps
    share = loop.size_rate * 0.6
    assert abs(plain.boxes[0, 2] - box[0, 2]) > 1
    np.testing.assert_allclose(slow.boxes[0, 2:], (1 - share) * box[0, 2:] + share * plain.boxes[0, 2:], rtol=1e-6)
    np.testing.assert_allclose(
        slow.boxes[0, :2] + slow.boxes[0, 2:] / 2, plain.boxes[0, :2] + plain.boxes[0, 2:] / 2, rtol=1e-6
    )
    np.testing.assert_allclose(kept[2:], slow.boxes[0, 2:], rtol=1e-12)


def test_a_fast_target_is_looked_for_where_it_goes_and_a_slow_target_where_it_was():
    calm = build(definition("ostrack-mini"), TrackerOptions(weights=RANDOM_WEIGHTS, seed=2))
    image = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    ahead = []
    for place in (0.55, 0.75):  # of the crop, whose side is 2.66 of the target's: moves of 0.13 and 0.66 of its size
        (state,) = calm.initialize([Frame(image)], np.array([[100.0, 80, 40, 40]]))
        inputs = calm.prepare(state, Frame(image))
        answers = np.array([[place, 0.5, 0.375, 0.375, 0.9]], dtype=np.float32)
        box = calm._predictions([state], [inputs], answers).boxes[0]
        ahead.append((state.box[0] - box[0]) / (box[0] + box[2] / 2 - 120))
    np.testing.assert_allclose(ahead, [0, 0.7], atol=1e-6)


def test_swintrack_mini_asks_about_the_mirrored_crop_too():
    tracker = build(definition("swintrack-mini"), TrackerOptions(weights=RANDOM_WEIGHTS, seed=2))
    generator = torch.Generator().manual_seed(1)
    template, search = (torch.rand(1, 3, size, size, generator=generator) for size in (64, 128))
    tracker._drawn = lambda image, _size: image
    with torch.inference_mode():
        box, mirrored = (
            tracker._forward(tracker._embed(z), x) for z, x in ((template, search), (template.flip(3), search.flip(3)))
        )
    torch.testing.assert_close(mirrored_back(mirrored[:, :4]), box[:, :4], atol=1e-4, rtol=0)
    torch.testing.assert_close(mirrored[:, 4], box[:, 4], atol=1e-4, rtol=0)
    with torch.inference_mode():
        alone = tracker._answers(tracker._embed(template).chunk(2, dim=1)[0], search)
    assert not torch.allclose(alone, box, atol=1e-3)


def test_two_answers_that_lie_together_are_averaged_and_of_others_the_surer_counts_half():
    first = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]])
    second = torch.tensor([[0.52, 0.5, 0.4, 0.2], [0.8, 0.5, 0.2, 0.2]])
    answer = agreed(first, torch.tensor([[0.6], [0.3]]), second, torch.tensor([[0.2], [0.8]]))
    expected = torch.tensor([[0.505, 0.5, 0.25, 0.2, 0.4], [0.8, 0.5, 0.2, 0.2, 0.4]])
    torch.testing.assert_close(answer, expected)


def test_a_mirrored_video_gives_mirrored_boxes():
    made = definition("ostrack-mini")
    tracker = build(made, TrackerOptions(weights=RANDOM_WEIGHTS, seed=2))
    image = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    box = np.array([100.0, 80, 60, 60])  # its crops have even sides, so their mirror images are crops, too
    ends = []
    for picture, start in ((image, box), (image[:, ::-1].copy(), np.array([160.0, 80, 60, 60]))):
        (state,) = tracker.initialize([Frame(picture)], start[None])
        ends.append(tracker.track([state], [tracker.prepare(state, Frame(picture))]).boxes[0])
    np.testing.assert_allclose([320 - ends[0][0] - ends[0][2], *ends[0][1:]], ends[1], atol=0.1)
