"""still, ncc, mosse, kcf: they follow what they should, use the second image, and survive what videos bring."""

import cv2
import numpy as np
import pytest

import trackers
from evalkit.errors import TrackerError
from evalkit.sequences import Frame, Modality
from evalkit.testing import Video, check_tracker, draw_video, track_together
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions
from trackers.correlation import (
    FilterSettings,
    backward,
    confidence_of,
    forward,
    fuse,
    hann,
    label_spectrum,
    signed_shift,
)
from trackers.kcf import KERNEL_SIGMA, KcfTracker, gaussian_kernel
from trackers.ncc import NccTracker
from trackers.patches import TargetState, crop, depth_gate, median_depth, read_patches, target_of
from trackers.peaks import peak_to_sidelobe, subpixel

NAMES = ["still", "ncc", "mosse", "kcf"]
MOVING = NAMES[1:]


def load(name):
    return load_tracker(trackers.CATALOG, name, TrackerOptions())


def overlap(first, second):
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    return common / (first[:, 2:].prod(axis=1) + second[:, 2:].prod(axis=1) - common)


def follow(tracker, video):
    """Overlap in every frame after the first."""
    return overlap(track_together(tracker, [video])[0].boxes, video.boxes[1:])


def smooth(video, sigma=2.0):
    """The same video with blurred images: sharp blocks of single pixels occur in no photograph."""
    return Video([Frame(cv2.GaussianBlur(frame.rgb, (0, 0), sigma), frame.aux) for frame in video.frames], video.boxes)


# ---- all of them


@pytest.mark.parametrize("name", NAMES)
def test_the_conformance_suite_passes_bit_for_bit(name):
    report = check_tracker(load(name), tolerance=0.0)
    assert [check for check in report.checks if check.status == "failed"] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_catalog_and_the_tracker_say_the_same(name):
    entry, info = trackers.CATALOG[name], load(name).info
    assert entry.name == info.name
    assert entry.modalities == info.modalities
    assert not info.required
    assert info.deterministic
    assert info.weights_sha256 is None


def test_still_answers_the_first_box_exactly_and_reads_no_image():
    tracker = load("still")
    box = np.array([[1.25, -3.5, 0.5, 1e4]])
    states = tracker.initialize([None], box)
    assert tracker.track(states, [tracker.prepare(states[0], None)]).boxes.tolist() == box.tolist()
    assert tracker.info.modalities == frozenset()


@pytest.mark.parametrize("name", MOVING)
def test_a_moving_target_is_followed(name):
    video = smooth(draw_video(seed=3, frame_count=25, frame_wh=(320, 240), speed=(3.0, -2.0)))
    overlaps = follow(load(name), video)
    assert overlaps.min() > 0.8
    assert overlaps.mean() > 0.9


@pytest.mark.parametrize("name", MOVING)
def test_a_target_that_does_not_move_keeps_its_place(name):
    video = smooth(draw_video(frame_count=20, frame_wh=(200, 150), speed=(0.0, 0.0)))
    path = track_together(load(name), [video])[0]
    assert np.abs(path.boxes - video.boxes[0]).max() < 0.1


@pytest.mark.parametrize("name", MOVING)
def test_shifted_images_give_shifted_boxes(name):
    video = smooth(draw_video(frame_count=8, frame_wh=(320, 240)))
    shift = np.array([13.0, 7, 0, 0])
    moved = [Frame(np.roll(frame.rgb, (7, 13), axis=(0, 1))) for frame in video.frames]
    original = track_together(load(name), [video])[0].boxes
    shifted = track_together(load(name), [Video(moved, video.boxes + shift)])[0].boxes
    np.testing.assert_allclose(shifted, original + shift, atol=0.05)


@pytest.mark.parametrize("name", ["mosse", "ncc"])
def test_light_that_changes_slowly_does_not_matter(name):
    video = smooth(draw_video(seed=3, frame_count=20, frame_wh=(320, 240)))
    light = 1 - 0.6 * np.sin(np.linspace(0, np.pi, 20))
    dimmed = [Frame((frame.rgb * gain).astype(np.uint8)) for frame, gain in zip(video.frames, light, strict=True)]
    assert follow(load(name), Video(dimmed, video.boxes)).mean() > 0.9


def test_kcf_follows_the_size_of_the_target():
    rng = np.random.default_rng(5)
    still, target = (cv2.GaussianBlur(rng.integers(0, 255, (240, 240, 3), dtype=np.uint8), (0, 0), 4) for _ in range(2))
    still, target = (cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX) for image in (still, target))
    sides = np.round(60 * 1.015 ** np.arange(40)).astype(int)
    frames, boxes = [], []
    for side in sides:
        image = still.copy()
        low = (240 - side) // 2
        image[low : low + side, low : low + side] = cv2.resize(target, (int(side), int(side)))
        frames.append(Frame(image))
        boxes.append([low, low, side, side])
    video = Video(frames, np.array(boxes, dtype=np.float64))
    path = track_together(load("kcf"), [video])[0]
    assert path.boxes[-1, 2] / sides[-1] == pytest.approx(1, abs=0.15)
    assert path.boxes[-1, 2] > 1.4 * sides[0]
    assert follow(load("kcf"), video)[-5:].mean() > follow(load("mosse"), video)[-5:].mean()


@pytest.mark.parametrize("name", MOVING)
def test_confidence_falls_when_the_target_is_gone(name):
    video = smooth(draw_video(seed=3, frame_count=16, frame_wh=(320, 240)))
    gone = smooth(draw_video(seed=3, frame_count=1, frame_wh=(320, 240), speed=(1.0, 1.0)))
    empty = gone.frames[0].rgb.copy()
    x, y, w, h = video.boxes[0].astype(int)
    empty[y : y + h, x : x + w] = empty[:h, :w]
    frames = video.frames[:8] + [Frame(empty)] * 8
    confidence = track_together(load(name), [Video(frames, video.boxes)])[0].confidence
    assert confidence[:7].min() > confidence[7] + 0.1


# ---- the second image


def invisible(second):
    """A video whose target has the background's look in RGB: only the second sensor shows it."""
    video = draw_video(seed=3, frame_count=20, frame_wh=(320, 240), second=second, speed=(3.0, 2.0))
    noise = np.random.default_rng(0)
    frames = [
        Frame(noise.integers(0, 4, frame.rgb.shape, dtype=np.uint8), frame.aux if second else None)
        for frame in video.frames
    ]
    return Video(frames, video.boxes)


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("second", [Modality.THERMAL, Modality.EVENT, Modality.DEPTH])
def test_the_second_image_finds_a_target_that_rgb_does_not_show(name, second):
    assert follow(load(name), invisible(second))[5:].mean() > 0.6
    assert follow(load(name), invisible(None))[5:].mean() < 0.4


@pytest.mark.parametrize("name", MOVING)
def test_two_images_of_different_size_are_refused(name):
    frame = Frame(np.zeros((60, 80, 3), np.uint8), np.zeros((30, 40), np.uint16))
    with pytest.raises(TrackerError, match="registered with the first: 40x30 against 80x60"):
        load(name).initialize([frame], np.array([[10.0, 10, 20, 20]]))


@pytest.mark.parametrize("name", MOVING)
def test_a_second_image_that_disappears_is_an_error(name):
    tracker, video = load(name), draw_video(frame_count=2, second=Modality.DEPTH)
    states = tracker.initialize(video.frames[:1], video.boxes[:1])
    with pytest.raises(TrackerError, match=r"began with 2 image\(s\) per frame, and this frame has 1"):
        tracker.prepare(states[0], Frame(video.frames[1].rgb))


def test_the_depth_gate_follows_a_target_that_comes_nearer():
    frames = [
        Frame(np.zeros((60, 80, 3), np.uint8), np.full((60, 80), depth, np.uint16)) for depth in (3000, 2500, 800)
    ]
    target = target_of(frames[0], np.array([20.0, 20, 20, 20]))
    assert target.depth == 3000
    nearer = target._replace(depth=median_depth(frames[1], target))
    assert nearer.depth == 2500
    assert median_depth(frames[2], nearer) == 2500  # an occluder jumps in front of it


@pytest.mark.parametrize("name", MOVING)
def test_behind_an_occluder_the_tracker_waits_where_the_target_was_seen(name):
    video = smooth(draw_video(seed=3, frame_count=12, frame_wh=(320, 240), second=Modality.DEPTH, speed=(2.0, 0.0)))
    near = np.full((240, 320), 700, np.uint16)
    wall = np.full((240, 320, 3), 128, np.uint8)
    hidden = [Frame(wall, near)] * 4
    path = track_together(
        load(name), [Video(video.frames[:6] + hidden + video.frames[6:8], np.zeros((12, 4)) + video.boxes[0])]
    )[0]
    waiting, before = path.boxes[5:9], path.boxes[4]
    np.testing.assert_array_equal(waiting, np.tile(before, (4, 1)))
    assert path.confidence[5:9].max() < 0.2
    assert overlap(path.boxes[-1:], video.boxes[7:8])[0] > 0.8


def test_depth_without_measurements_says_nothing():
    frame = Frame(np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint16))
    assert target_of(frame, np.array([20.0, 20, 20, 20])).depth == 0
    assert depth_gate(frame.aux, 0.0).tolist() == np.full((60, 80), 128.0).tolist()


# ---- parts, against definitions


def test_a_crop_at_scale_one_is_the_image_itself():
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    patch = crop(image, np.array([20.0, 15.0]), np.array([10.0, 8.0]), (10, 8))
    np.testing.assert_array_equal(patch, image[11:19, 15:25])


def test_a_crop_shrunk_by_a_whole_factor_is_the_mean_of_blocks():
    image = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    patch = crop(image, np.array([32.0, 32.0]), np.array([64.0, 64.0]), (16, 16))
    means = image.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    assert np.abs(patch - means).max() <= 1


def test_a_crop_outside_repeats_the_edge():
    image = np.full((20, 20, 3), 7, np.uint8)
    for center in ([-100.0, 10.0], [500.0, -500.0], [1e6, 1e6]):
        assert (crop(image, np.array(center), np.array([50.0, 50.0]), (16, 16)) == 7).all()


def test_depth_is_not_interpolated():
    image = np.zeros((20, 20), np.uint16)
    image[:, 10:] = 4000
    patch = crop(image, np.array([10.3, 10.0]), np.array([7.0, 7.0]), (32, 32))
    assert set(np.unique(patch)) == {0, 4000}


def test_patches_of_several_scales_and_sensors_come_in_one_array():
    frame = draw_video(frame_count=1, second=Modality.THERMAL).frames[0]
    patches = read_patches(
        frame, TargetState(np.array([80.0, 60]), np.array([40.0, 30])), [np.full(2, 50.0)] * 3, (24, 16)
    )
    assert patches.shape == (3, 2, 16, 24)


def test_the_gaussian_kernel_agrees_with_its_definition():
    rng = np.random.default_rng(1)
    features, template = rng.normal(size=(2, 6, 8)).astype(np.float32) * 0.2
    kernel = gaussian_kernel(features, forward(features), forward(template))
    for dy in range(6):
        for dx in range(8):
            distance = np.square(features - np.roll(template, (dy, dx), axis=(0, 1))).sum()
            assert kernel[dy, dx] == pytest.approx(np.exp(-distance / 48 / KERNEL_SIGMA**2), rel=1e-4)


def test_the_filters_answer_their_own_training_patch_with_the_label():
    rng = np.random.default_rng(2)
    features = cv2.GaussianBlur(rng.normal(size=(32, 40)).astype(np.float32), (0, 0), 1.5)[None] * hann((40, 32)) * 5
    label = label_spectrum((40, 32), 2.0)
    wanted = backward(label, features[0])
    assert wanted[0, 0] == pytest.approx(1, abs=1e-5)
    response = KcfTracker().respond(KcfTracker().train(features, label), features[None])[0, 0]
    np.testing.assert_allclose(response, wanted, atol=0.02)


def test_a_displaced_patch_moves_the_peak_by_the_displacement():
    features = cv2.GaussianBlur(np.random.default_rng(2).normal(size=(32, 32)).astype(np.float32), (0, 0), 2)
    features = (features / features.std())[None]
    for name in ("mosse", "kcf"):
        tracker = load(name)
        model = tracker.train(features, label_spectrum((32, 32), 2.0))
        response = tracker.respond(model, np.roll(features, (-3, 5), axis=(1, 2))[None])[0, 0]
        row, column = np.unravel_index(response.argmax(), response.shape)
        np.testing.assert_allclose(signed_shift(response, int(row), int(column)), [5, -3], atol=0.1)


def test_peak_to_sidelobe_agrees_with_a_plain_loop():
    response = np.random.default_rng(4).normal(size=(30, 40))
    response[2, 38] = 9.0
    rest = [
        response[y, x]
        for y in range(30)
        for x in range(40)
        if min(abs(y - 2), 30 - abs(y - 2)) > 5 or min(abs(x - 38), 40 - abs(x - 38)) > 5
    ]
    assert peak_to_sidelobe(response, 2, 38) == pytest.approx((9.0 - np.mean(rest)) / np.std(rest))


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (8, 200)])
def test_peak_to_sidelobe_of_small_and_flat_maps_is_zero_or_finite(shape):
    assert peak_to_sidelobe(np.ones(shape), 0, 0) == 0
    assert np.isfinite(peak_to_sidelobe(np.random.default_rng(0).normal(size=shape), 0, 0))


def test_a_parabola_is_found_between_the_pixels():
    columns = np.arange(9.0)
    response = np.tile(-((columns - 4.3) ** 2), (9, 1)) - (np.arange(9.0)[:, None] - 3.8) ** 2
    assert subpixel(response, 4, 4) == pytest.approx((3.8, 4.3))


def test_a_sensor_without_a_peak_has_little_say():
    rng = np.random.default_rng(0)
    clear = np.zeros((1, 1, 64, 64), np.float32)
    clear[0, 0, 20, 30] = 0.1
    noise = rng.normal(size=(1, 1, 64, 64)).astype(np.float32) * 100
    fused = fuse(np.concatenate([clear, noise], axis=1))[0]
    assert np.unravel_index(fused.argmax(), fused.shape) == (20, 30)


def test_confidence_grows_with_the_peak_from_0_towards_1():
    values = [confidence_of(psr) for psr in (-3.0, 0.0, 2.0, 8.0, 30.0)]
    assert values == sorted(values)
    assert values[0] == values[1] == 0
    assert values[-1] < 1


def test_settings_are_part_of_the_identity():
    for name in ("mosse", "kcf"):
        config = load(name).info.config
        assert set(FilterSettings.__dataclass_fields__) <= set(config)


def test_ncc_ignores_a_constant_target():
    frames = [Frame(np.full((60, 80, 3), 90, np.uint8))] * 3
    path = track_together(NccTracker(), [Video(frames, np.tile([30.0, 20, 20, 20], (3, 1)))])[0]
    np.testing.assert_allclose(path.boxes, np.tile([30.0, 20, 20, 20], (2, 1)))
    assert path.confidence.tolist() == [0, 0]
