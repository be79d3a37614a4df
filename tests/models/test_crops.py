"""Crops and box mapping of the learned trackers against the reference programs, and by hand."""

import zlib

import numpy as np
import pytest

from evalkit.errors import TrackerError
from helpers.seeded import golden, name_seeded
from trackers.common.crops import (
    Square,
    clip_boxes,
    crop_square,
    square_around,
    window_around,
    window_pixels,
)
from trackers.common.postprocess import inner_hann, square_to_image, symmetric_hann
from trackers.common.taps import aligned_neighbors, draw_window

CROPS = golden("ostrack_crops.json")


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


@pytest.fixture(scope="module")
def frame():
    return name_seeded.video_frame(5)


def test_the_synthetic_frames_are_those_of_the_golden_run():
    assert [crc(name_seeded.video_frame(t)) for t in range(24)] == CROPS["video_frame_crc32"]


@pytest.mark.parametrize("case", CROPS["crops"], ids=lambda case: f"{case['case']}-{case['size']}")
def test_square_crops_have_the_reference_pixels(case, frame):
    square = square_around(np.array(case["box"], dtype=float), case["factor"])
    crop = crop_square(frame, square, case["size"])
    assert square.side == case["crop_side"]
    assert crop.resize_factor == case["resize_factor"]
    assert crc(crop.pixels) == case["crop_crc32"]


def test_square_crop_pixels_equal_the_stored_images(frame, shared_golden):
    stored = np.load(shared_golden / "ostrack_crops.npz")
    for case in CROPS["crops"]:
        if case["size"] == 128:
            square = square_around(np.array(case["box"], dtype=float), case["factor"])
            np.testing.assert_array_equal(
                crop_square(frame, square, 128).pixels, stored[f"{case['case']}_crop_128"], err_msg=case["case"]
            )


@pytest.mark.parametrize("case", CROPS["no_resize_factor2"], ids=lambda case: case["case"])
def test_squares_without_resize_have_the_reference_pixels(case, frame):
    box = next(crop["box"] for crop in CROPS["crops"] if crop["case"] == case["case"])
    square = square_around(np.array(box, dtype=float), 2.0)
    crop = crop_square(frame, square, square.side)
    assert list(crop.pixels.shape) == case["shape"]
    assert crc(crop.pixels) == case["crc32"]


def test_boxes_are_clipped_as_in_the_reference():
    cases = CROPS["clip_box_320x240_margin10"]
    boxes = np.array([case["box"] for case in cases], dtype=float)
    np.testing.assert_array_equal(
        clip_boxes(boxes, np.tile([320.0, 240.0], (len(cases), 1))), [case["clipped"] for case in cases]
    )


def test_a_crop_that_reaches_the_last_column_exactly_loses_it():
    image = np.full((8, 8, 3), 255, dtype=np.uint8)
    crop = crop_square(image, Square(left=4, top=2, side=4), 4)
    assert crop.pixels[:, :, 0].tolist() == [[255, 255, 255, 0]] * 4


def test_a_crop_beside_the_image_is_an_error():
    with pytest.raises(TrackerError, match="does not meet the 320 x 240 image"):
        crop_square(np.zeros((240, 320, 3), np.uint8), square_around(np.array([400.0, 50, 10, 10]), 2.0), 128)


@pytest.mark.parametrize("box", [[5.0, 5, 0, 10], [5.0, 5, -4, -4], [5.0, 5, np.nan, 3]])
def test_a_box_without_area_is_an_error(box):
    with pytest.raises(TrackerError, match="has no area"):
        square_around(np.array(box), 2.0)
    corners = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    with pytest.raises(TrackerError, match="has no area"):
        window_around(corners, 2.0, 112)


def test_corners_are_rounded_half_to_even():
    assert square_around(np.array([0.0, 1.0, 5.0, 5.0]), 2.0) == Square(left=-2, top=-2, side=10)


def test_six_channels_are_cropped_like_three_and_three(frame):
    square = square_around(np.array([290.0, 215, 50, 40]), 4.0)
    both = np.concatenate([crop_square(image, square, 256).pixels for image in (frame, frame[:, :, ::-1])], axis=2)
    stacked = crop_square(np.concatenate([frame, frame[:, :, ::-1]], axis=2), square, 256).pixels
    np.testing.assert_array_equal(both, stacked)


def test_a_box_in_the_center_maps_back_to_itself():
    box = np.array([100.0, 90, 48, 36])
    square = square_around(box, 4.0)
    factor = 256 / square.side
    unit = np.array([[0.5, 0.5, 48 / square.side, 36 / square.side]], dtype=np.float32)
    mapped = square_to_image(unit, np.array([[124.0, 108.0]]), [factor], 256)
    np.testing.assert_allclose(mapped, [box], atol=1e-5)


def test_windows_are_those_of_the_reference(shared_golden):
    ostrack, swintrack = (
        np.load(shared_golden / "ostrack_forward.npz"),
        np.load(shared_golden / "swintrack_forward.npz"),
    )
    for side in (16, 24):
        np.testing.assert_allclose(inner_hann(side), ostrack[f"hann_{side}"], atol=1e-6)
    for side in (14, 24):
        np.testing.assert_allclose(symmetric_hann(side), swintrack[f"hann_{side}"], atol=1e-6)


def test_a_window_maps_to_the_crop_and_back():
    window = window_around(np.array([10.0, 20, 50, 40]), 4.0, 224)
    corners = np.array([12.0, 5, 300, 200])
    np.testing.assert_allclose(window.to_image(window.to_crop(corners)), corners)
    np.testing.assert_allclose(window.to_crop(np.array([30.0, 30, 30, 30])), 112)
    # area factor 4: (40 + 3 * 30) * (20 + 3 * 30) pixels become 224 * 224
    assert window.scale == pytest.approx(224 / np.sqrt(130 * 110))


def test_what_lies_outside_of_the_image_has_the_fill_color():
    fill = np.array([0.25, 0.5, 0.75], dtype=np.float32)
    window = window_around(np.array([-30.0, 0, 10, 40]), 4.0, 64)
    drawn = draw_window(np.full((40, 40, 3), 255, np.uint8), window, fill)
    assert (drawn[:, 0] == fill).all()
    assert (drawn[32, 44] == 1).all()
    away = draw_window(np.full((40, 40, 3), 255, np.uint8), window_around(np.array([500.0, 0, 510, 10]), 2.0, 64), fill)
    assert (away == fill).all()


def drawn_by_numpy(image, window, fill):
    """The rule on whole float images, without taps."""
    canvas = np.empty((window.size, window.size, 3), np.float32)
    canvas[:] = fill
    (left, top, right, bottom), (x1, y1, x2, y2) = window_pixels(window, image.shape[1::-1])
    pixels = image[top : bottom + 1, left : right + 1].astype(np.float32) / np.float32(255)
    for axis, count in ((1, x2 - x1 + 1), (0, y2 - y1 + 1)):
        places = np.linspace(0, pixels.shape[axis] - 1, count)
        first = np.minimum(places.astype(int), pixels.shape[axis] - 1)
        second = np.minimum(first + 1, pixels.shape[axis] - 1)
        share = (places - first).astype(np.float32).reshape((-1, 1) if axis else (-1, 1, 1))
        low, high = pixels.take(first, axis), pixels.take(second, axis)
        pixels = low + (high - low) * share
    canvas[y1 : y2 + 1, x1 : x2 + 1] = pixels
    return canvas


@pytest.mark.parametrize("size", [48, 112])
def test_blended_taps_are_the_bilinear_rule(size):
    numbers = np.random.default_rng(size)
    image = numbers.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    fill = numbers.random(3, dtype=np.float32)
    boxes = numbers.uniform([-10, -10, 3, 3], [85, 55, 60, 40], (40, 4))
    for x, y, w, h in [*boxes, (0, 0, 90, 60), (20, 20, 1.5, 1.5)]:
        window = window_around(np.array([x, y, x + w, y + h]), 4.0, size)
        drawn = draw_window(image, window, fill)
        np.testing.assert_allclose(drawn, drawn_by_numpy(image, window, fill), atol=2e-7, rtol=0)


def test_neighbors_keep_the_first_and_the_last_pixel():
    neighbors, share = aligned_neighbors(7, 25)
    assert neighbors[:, 0].tolist() == [0, 1]
    assert neighbors[:, -1].tolist() == [6, 6]
    np.testing.assert_allclose(neighbors[0] + share, np.arange(25) / 4, atol=1e-6)
    assert aligned_neighbors(4, 1)[0].ravel().tolist() == [0, 1]
