"""The sample's ground truth and its four sensors agree with the scene's geometry."""

import cv2
import numpy as np
import pytest

from evalkit.sample.geometry import SceneTruth, scene_truth
from evalkit.sample.scenarios import SCENARIOS, Scenario
from evalkit.sample.scene import Scene
from evalkit.sample.sensors import (
    ColorCamera,
    EventCamera,
    color_image,
    depth_image,
    radiance,
    thermal_image,
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
NAMES = list(BY_NAME)
ABSENT = {"uav-walk": 4, "lasot-face": 8, "lasot-leave": 36, "dep-leave": 32, "vis-car": 3}
STATIC_EVENTS = ["vis-cup", "vis-car", "vis-fast"]  # no camera motion, no change of light


def scene_of(scenario: Scenario, *, seed: int = 0, wh: tuple[int, int] = (320, 240)) -> Scene:
    return Scene.of_name(scenario.staging, scenario.frames, wh, seed=seed, name=scenario.name)


def target_mask(scene: Scene, t: float, *, hidden: bool = False) -> np.ndarray:
    """Pixels that the target covers by more than half, drawn alone; with ``hidden`` less what covers it."""
    alpha = np.zeros((scene.frame_wh[1], scene.frame_wh[0]))
    for layer in scene.at(t).layers:
        if layer.is_target:
            alpha[layer.area] = layer.alpha
        elif hidden and layer.depth > 0:
            alpha[layer.area] *= 1 - layer.alpha
    return alpha > 0.5


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: scene_of(scenario) for name, scenario in BY_NAME.items()}


@pytest.fixture(scope="module")
def truths(scenes: dict[str, Scene]) -> dict[str, SceneTruth]:
    return {name: scene_truth(scene) for name, scene in scenes.items()}


@pytest.mark.parametrize("name", NAMES)
def test_number_of_absent_frames_is_that_of_the_table(name, truths):
    assert int(truths[name].absent.sum()) == ABSENT.get(name, 0)


def test_absent_frames_do_not_depend_on_the_seed():
    for name in ABSENT:
        assert int(scene_truth(scene_of(BY_NAME[name], seed=7)).absent.sum()) == ABSENT[name]


@pytest.mark.parametrize("name", NAMES)
def test_first_frame_shows_the_whole_target_except_in_one_visevent_sequence(name, truths):
    truth = truths[name]
    if name == "vis-car":
        assert truth.absent[:4].tolist() == [True, True, True, False]
        assert truth.cover[3] > 0.99
    else:
        assert truth.cover[0] > 0.99


@pytest.mark.parametrize("name", NAMES)
def test_box_encloses_the_target_tightly(name, scenes, truths):
    scene, truth = scenes[name], truths[name]
    for frame in range(0, scene.frames, 7):
        if truth.absent[frame]:
            continue
        x, y, w, h = truth.boxes[frame]
        rows, columns = np.nonzero(target_mask(scene, frame))
        right, down = columns + 0.5 - x, rows + 0.5 - y  # pixel centers; one may lie exactly on the border
        assert ((right > -1e-6) & (right < w + 1e-6) & (down > -1e-6) & (down < h + 1e-6)).mean() > 0.99
        if truth.cut_by_image[frame]:  # the box is the full box clipped, not that of the remaining sliver
            continue
        gaps = np.array([columns.min() - x, rows.min() - y, x + w - columns.max() - 1, y + h - rows.max() - 1])
        assert np.abs(gaps).max() <= 1.5, (frame, gaps)


def test_box_is_that_of_the_visible_part_at_the_border_and_of_the_whole_target_behind_a_post(truths):
    leaving = truths["lasot-leave"]
    cut = leaving.cut_by_image
    assert cut.any()
    edges = leaving.boxes[cut]
    assert np.all((edges[:, 0] == 0) | np.isclose(edges[:, 0] + edges[:, 2], 320))
    assert np.isnan(leaving.boxes[leaving.out_of_view]).all()
    passing = truths["lasot-face"]
    assert passing.full_occlusion.sum() == 8
    assert np.isfinite(passing.boxes[passing.full_occlusion]).all()
    assert passing.boxes[passing.full_occlusion, 2].min() > 45  # not only the visible sliver


def test_cover_is_the_visible_share_of_the_whole_target(truths):
    car = truths["las-car"]
    hidden = int(np.argmin(car.visible))
    # A post of 30 pixels hides 30 of the car's 62 columns; the middle ones are higher than the others.
    assert 0.35 < car.visible[hidden] < 1 - 30 / 62
    assert np.allclose(car.cover, car.visible)
    assert truths["vis-car"].cover[0] == 0


@pytest.mark.parametrize("name", ["dep-cat", "dep-leave"])
def test_depth_inside_the_target_is_that_of_its_scale(name, scenes, truths):
    scene = scenes[name]
    for frame in range(0, scene.frames, 9):
        if truths[name].cover[frame] < 0.5:
            continue
        depth = depth_image(scene, frame)
        seen = depth[target_mask(scene, frame, hidden=True) & (depth > 0)]
        expected = 3000 / scene.staging.target.scale(frame / (scene.frames - 1))
        assert abs(np.median(seen) / expected - 1) < 0.02


def test_depth_images_have_holes_at_edges_and_far_away(scenes):
    scene = scenes["dep-cat"]
    depth = depth_image(scene, 0)
    assert depth.dtype == np.uint16
    wall = depth[:60]
    assert 0.20 < (wall == 0).mean() < 0.35
    ground = depth[200:, 20:300]
    assert (ground == 0).mean() < 0.02
    mask = target_mask(scene, 0).astype(np.uint8)
    ring = (cv2.dilate(mask, np.ones((3, 3))) - cv2.erode(mask, np.ones((3, 3)))) > 0
    assert 0.5 < (depth[ring] == 0).mean() < 0.9


@pytest.mark.parametrize("name", ["las-walk", "las-car"])
def test_warm_target_stands_out_in_the_dark(name, scenes):
    scene = scenes[name]
    for frame in (0, 12):
        mask = target_mask(scene, frame, hidden=True)
        around = (cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) > 0) & ~target_mask(scene, frame)
        thermal = thermal_image(scene, frame).astype(float)
        assert thermal[mask].mean() > thermal[around].mean() + 40


def test_cold_walker_has_the_same_shape_but_no_warmth(scenes):
    scene = scenes["las-walk"]
    thermal = thermal_image(scene, 0).astype(float)
    cold = np.zeros(thermal.shape, dtype=bool)
    for layer in scene.at(0).layers:
        if layer.is_mover and not layer.is_target:
            cold[layer.area] = layer.alpha > 0.9
    assert cold.sum() > 100
    assert thermal[target_mask(scene, 0)].mean() > thermal[cold].mean() + 60


def test_thermal_image_does_not_depend_on_the_light(scenes):
    scenario = BY_NAME["las-car"]
    scene = scenes["las-car"]
    dark, bright = color_image(scene, scenario.camera, 24), color_image(scene, scenario.camera, 25)
    assert bright.mean() > 2 * dark.mean()
    assert abs(float(thermal_image(scene, 24).mean()) - float(thermal_image(scene, 25).mean())) < 1


def test_shifted_thermal_camera_moves_the_picture_to_the_right(scenes):
    scene = scenes["las-walk"]
    straight, shifted = (np.nonzero(thermal_image(scene, 0, shift=shift) > 130)[1].mean() for shift in (0, 1))
    assert 0.6 < shifted - straight < 1.4  # the noise of the two pictures differs at the rim


@pytest.mark.parametrize("name", STATIC_EVENTS)
def test_events_of_a_static_camera_lie_at_the_movers(name, scenes):
    scenario, scene = BY_NAME[name], scenes[name]
    events = EventCamera(scene, scenario.camera, noise_share=0)
    near_total, total = 0, 0
    for frame in range(6):
        fired = (events.next_image() != 255).any(axis=2)
        movers = np.zeros(fired.shape, dtype=np.uint8)
        for t in np.linspace(frame - 1, frame, 9):
            for layer in scene.at(t).layers:
                if layer.is_mover:
                    movers[layer.area] |= (layer.alpha > 0.5).astype(np.uint8)
        near = cv2.dilate(movers, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))) > 0
        near_total, total = near_total + int((fired & near).sum()), total + int(fired.sum())
    assert total > 500
    assert near_total / total >= 0.6


@pytest.mark.parametrize("name", ["vis-cup", "vis-flare", "vis-fast"])
def test_first_event_image_is_not_empty(name, scenes):
    events = EventCamera(scenes[name], BY_NAME[name].camera, noise_share=0)
    assert (events.next_image() != 255).any(axis=2).sum() > 200


def test_event_images_have_three_colors_only_and_sparse_noise(scenes):
    scenario = BY_NAME["vis-car"]
    image = EventCamera(scenes["vis-car"], scenario.camera).next_image()
    colors = {tuple(color) for color in image.reshape(-1, 3).tolist()}
    assert colors <= {(255, 255, 255), (30, 30, 220), (200, 30, 30)}
    sky = image[:60]
    assert 0.0005 < (sky != 255).any(axis=2).mean() < 0.004


def test_event_camera_does_not_saturate_with_the_color_camera(scenes):
    scenario, scene = BY_NAME["vis-flare"], scenes["vis-flare"]
    last = scene.frames - 1
    assert (color_image(scene, scenario.camera, last) >= 245).mean() > 0.8
    events = EventCamera(scene, scenario.camera, first=last - 1, noise_share=0)
    events.next_image()
    assert (events.next_image() != 255).any(axis=2).sum() > 300


def test_events_remember_slow_changes_over_frames():
    scene = scene_of(BY_NAME["vis-flare"])
    slowly_brighter = ColorCamera(light=lambda u: 1.0 + 2.0 * u)  # 7 % per frame at first, the threshold is 18 %
    events = EventCamera(scene, slowly_brighter, noise_share=0)
    wall = [(events.next_image()[:50, :40] != 255).any(axis=2).mean() for _ in range(6)]
    assert max(wall[:2]) == 0
    assert max(wall[2:]) > 0.5


def test_motion_blur_smears_along_the_motion(scenes):
    scene = scenes["GOT-10k_Val_000002"]
    sharp = color_image(scene, ColorCamera(noise=0), 10).astype(float)
    blurred = color_image(scene, ColorCamera(shutter=1.0, subrenders=5, noise=0), 10).astype(float)
    x, y, w, h = (int(value) for value in scene_truth(scene, 10, 10).boxes[0])
    part = (slice(y, y + h), slice(x, x + w))
    assert np.abs(np.diff(blurred[part], axis=1)).mean() < 0.7 * np.abs(np.diff(sharp[part], axis=1)).mean()


def test_mirrored_scene_is_the_mirror_image():
    scenario = BY_NAME["GOT-10k_Test_000002"]
    mirrored = scene_of(scenario)
    plain = Scene.of_name(
        BY_NAME["GOT-10k_Val_000002"].staging, scenario.frames, (320, 240), seed=0, name=scenario.name
    )
    left = radiance(plain, plain.at(5))
    assert np.abs(radiance(mirrored, mirrored.at(5))[:, ::-1] - left).max() < 1.5
    a, b = scene_truth(plain, 5, 5).boxes[0], scene_truth(mirrored, 5, 5).boxes[0]
    np.testing.assert_allclose([320 - a[0] - a[2], a[1], a[2], a[3]], b, atol=1e-9)


def test_larger_frames_show_the_same_scene():
    scenario = BY_NAME["uav-walk"]
    small, large = scene_truth(scene_of(scenario)), scene_truth(scene_of(scenario, wh=(640, 480)))
    np.testing.assert_allclose(2 * small.boxes, large.boxes, atol=0.6)
    assert abs(int(small.absent.sum()) - int(large.absent.sum())) <= 1  # a finer image moves the limit a little
