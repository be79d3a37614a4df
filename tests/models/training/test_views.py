"""Where training crops lie, and that the batched ones are those that the trackers cut."""

import json

import numpy as np
import pytest
import torch

from helpers import SHARED
from trackers.common.crops import crop_square, square_around
from trackers.training.views import Views, cut, jittered, square_views

GOLDEN = SHARED / "golden"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")
def test_jittered_boxes_and_crop_sides_equal_the_references():
    for case in json.loads((GOLDEN / "train_rgb.json").read_text())["jitter"]:
        box = torch.tensor([case["box"]], dtype=torch.float32)
        normal, uniform = (torch.tensor([case[name]], dtype=torch.float32) for name in ("normal", "uniform"))
        moved = jittered(box, normal, uniform, scale=case["scale_jitter"], center=case["centre_jitter"])
        np.testing.assert_allclose(moved[0], case["jittered"], atol=1e-4)
        views = square_views(moved, case["factor"])
        assert int(views.side) == case["crop_side"]


def smooth_image(rng):
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 12, 16)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, size=(120, 160), mode="bicubic").clamp(0, 255).round()


@pytest.mark.parametrize("box", [[60.0, 40, 30, 20], [2.0, 3, 30, 40], [130.5, 90.25, 28, 28]])
def test_batched_crops_are_those_of_the_tracker(box):
    image = smooth_image(np.random.default_rng(1))
    views = square_views(torch.tensor([box]), 4.0)
    actual = cut(image, views, 64)[0].permute(1, 2, 0).numpy()
    pixels = image[0].permute(1, 2, 0).numpy().astype(np.uint8)
    expected = crop_square(pixels, square_around(np.array(box), 4.0), 64).pixels
    difference = np.abs(actual - expected)
    inside = np.ones((64, 64), dtype=bool)
    padded = (expected == 0).all(axis=2)  # the tracker's crop loses the last column to the padding
    for shift in range(-4, 5):
        inside &= ~np.roll(padded, shift, axis=0) & ~np.roll(padded, shift, axis=1)
    assert inside.mean() > 0.2
    assert difference[inside].max() < 2


def test_a_box_is_placed_in_its_view_as_the_tracker_reads_it():
    box = torch.tensor([[50.0, 40, 20, 10]])
    views = Views(torch.tensor([[70.0, 45]]), torch.tensor([80.0]))
    torch.testing.assert_close(views.place(box), torch.tensor([[0.25, 0.4375, 0.25, 0.125]]))


def test_what_lies_outside_is_filled():
    views = Views(torch.tensor([[-40.0, 60]]), torch.tensor([40.0]))
    actual = cut(torch.full((1, 3, 120, 160), 9.0), views, 8, fill=torch.tensor([[1.0, 2, 3]]))
    torch.testing.assert_close(actual[0, :, 0, 0], torch.tensor([1.0, 2, 3]))
