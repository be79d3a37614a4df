"""Losses and targets of training equal those of the authors' programs, values and gradients."""

import numpy as np
import pytest
import torch

from helpers import SHARED
from trackers.layers.heads import CenterMaps
from trackers.training import losses

GOLDEN = SHARED / "golden"
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "train_rgb.npz") as file:
        return dict(file)


@pytest.mark.parametrize("side", [16, 24])
def test_heat_maps_equal_the_references(golden, side):
    boxes = torch.from_numpy(golden["heatmap/boxes"])
    maps = losses.heat_maps(boxes, side)
    torch.testing.assert_close(maps, torch.from_numpy(golden[f"heatmap/{side}"]), atol=1e-6, rtol=0)
    raw = losses.radius(boxes[:, 2:] * side)
    np.testing.assert_array_equal(raw.clamp(min=0).trunc().int(), golden[f"heatmap/radius_{side}"])
    np.testing.assert_array_equal((maps == 1).sum(dim=(1, 2)), golden[f"heatmap/ones_{side}"])


@pytest.mark.parametrize("case", ["a_16", "b_16", "no_peak_16", "a_24", "b_24", "no_peak_24"])
def test_the_center_loss_and_its_gradients_equal_the_references(golden, case):
    part = {key.rsplit("/", 1)[1]: value for key, value in golden.items() if key.startswith(f"loss/{case}/")}
    inputs = {name: torch.from_numpy(part[name]).requires_grad_() for name in ("score", "size", "offset")}
    loss = losses.center_loss(CenterMaps(**inputs), torch.from_numpy(part["gt_xywh"]))
    np.testing.assert_allclose([value.item() for value in loss], part["values"], rtol=1e-6, atol=1e-7)
    loss.total.backward()
    for name, tensor in inputs.items():
        np.testing.assert_allclose(tensor.grad, part[f"grad_{name}"], atol=5e-6, err_msg=name)


def test_one_inverted_box_switches_the_overlap_terms_off(golden):
    boxes = torch.from_numpy(golden["loss/inverted/pred_boxes"])
    score = torch.from_numpy(golden["loss/a_16/score"][:2])
    best = score.flatten(1).argmax(dim=1)
    cell = torch.stack([best % 16, best // 16], dim=1)
    spread = torch.ones(2, 2, 16, 16)
    maps = CenterMaps(score, boxes[:, 2:, None, None] * spread, (boxes[:, :2] * 16 - cell)[:, :, None, None] * spread)
    loss = losses.center_loss(maps, torch.from_numpy(golden["loss/inverted/gt_xywh"]))
    np.testing.assert_allclose([value.item() for value in loss], golden["loss/inverted/values"], rtol=1e-6, atol=1e-6)


def test_a_crop_without_the_target_gives_the_score_alone_a_gradient():
    maps = CenterMaps(*(torch.full((2, n, 4, 4), 0.4, requires_grad=True) for n in (1, 2, 2)))
    loss = losses.center_loss(maps, torch.tensor([[0.1, 0.1, 0.3, 0.3]] * 2), present=torch.tensor([False, True]))
    loss.total.backward()
    assert maps.score.grad[0].gt(0).all()
    assert not maps.size.grad[0].any()
    assert maps.size.grad[1].any()


@pytest.mark.parametrize("case", ["a", "b"])
def test_the_cell_loss_and_its_gradients_equal_the_references(golden, case):
    part = {key.rsplit("/", 1)[1]: value for key, value in golden.items() if key.startswith(f"swintrack_loss/{case}/")}
    score, boxes = (torch.from_numpy(part[name]).requires_grad_() for name in ("class_score", "bbox"))
    truth = torch.from_numpy(part["gt_xyxy"]) / 224
    np.testing.assert_array_equal(losses.positive_cells(truth, 14), part["positive"])
    loss = losses.cell_loss(score, boxes, truth)
    np.testing.assert_allclose([value.item() for value in loss], part["values"], rtol=1e-6)
    loss.total.backward()
    np.testing.assert_allclose(score.grad, part["grad_class_score"], atol=2e-6)
    np.testing.assert_allclose(boxes.grad, part["grad_bbox"], atol=2e-6)


def test_the_cell_losses_of_two_processes_have_the_mean_gradient_of_one(golden):
    part = {key.rsplit("/", 1)[1]: value for key, value in golden.items() if key.startswith("swintrack_loss/a/")}
    score, boxes = (torch.from_numpy(part[name]).requires_grad_() for name in ("class_score", "bbox"))
    truth = torch.from_numpy(part["gt_xyxy"]) / 224
    positive = torch.from_numpy(part["positive"]).bool()
    weight = score.detach().squeeze(1)[positive].sum() / 2  # means over two processes
    sharing = losses.Sharing(positive.sum() / 2, lambda own: weight)
    for rows in (slice(0, 1), slice(1, 4)):
        (losses.cell_loss(score[rows], boxes[rows], truth[rows], sharing=sharing).total / 2).backward()
    np.testing.assert_allclose(score.grad, part["grad_class_score"], atol=2e-6)
    np.testing.assert_allclose(boxes.grad, part["grad_bbox"], atol=2e-6)


@pytest.mark.parametrize(("variant", "side"), [("srtrack_256", 16), ("srtrack_dropmae_384", 24)])
def test_the_loss_of_srtrack_equals_the_references(variant, side):
    with np.load(GOLDEN / "mm_misc.npz") as file, np.load(GOLDEN / f"mm_forward_{variant}.npz") as outputs:
        boxes = torch.from_numpy(file["boxes"])
        heat = losses.heat_maps(boxes, side)
        torch.testing.assert_close(heat, torch.from_numpy(file[f"heatmap/{side}"]), atol=1e-6, rtol=0)
        maps = CenterMaps(*(torch.from_numpy(outputs[f"b3/{name}_map"]) for name in ("score", "size", "offset")))
        loss = losses.center_loss(maps, boxes)
        np.testing.assert_allclose([value.item() for value in loss], file[f"loss/{variant}"], rtol=1e-5)
