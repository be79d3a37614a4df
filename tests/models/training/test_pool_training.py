"""Training on drawn scenes: the same pool by seed, pairs that fit, only what a recipe trains moves, resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evalkit.sample.drawn import draw_scene
from evalkit.sample.pool import FRAMES, draw_pool, read_scene, scene_path, write_scene
from evalkit.sequences import Frame, Modality
from trackers.common.build import finish
from trackers.common.definition import definition
from trackers.common.torch_tracker import Engine
from trackers.common.weights import SHIPPED, read_weights
from trackers.learned import LEARNED
from trackers.training.pool_training import CHECKPOINT, PoolSettings, Training, weights_path
from trackers.training.recipe import Start
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Pool, Sampling
from trackers.training.start import new_network
from trackers.training.tasks import make_task

SECOND = (Modality.THERMAL, Modality.EVENT, Modality.DEPTH)
NUMBERS = range(2, 5)  # the last one lies in the dark
MINIS = [name for name, entry in LEARNED.items() if entry.family.endswith(".minis")]
UNUSED = ("backbone.cls_token", "backbone.pos_embed")  # of the authors' files, in no computation


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    scene_path(folder, 5, 0).parent.mkdir()
    for number in NUMBERS:
        write_scene(folder, 5, number)
    return draw_pool(folder, 5, NUMBERS, processes=1)


@pytest.fixture(scope="module")
def pool(paths):
    return Pool(paths, torch.device("cpu"), SECOND)


def training(name, pool, output, **settings):
    return Training(
        RECIPES[name],
        definition(name),
        (pool, pool),
        PoolSettings(output, seed=3, **{"batch": 2, "checks": 1} | settings),
    )


def test_a_scene_of_the_pool_depends_on_seed_and_number_alone(paths, tmp_path):
    scene_path(tmp_path, 5, 2).parent.mkdir()
    write_scene(tmp_path, 5, 2)
    first, again, other = (read_scene(path) for path in (paths[0], scene_path(tmp_path, 5, 2), paths[2]))
    np.testing.assert_array_equal(first.truth, again.truth)
    np.testing.assert_array_equal(first.color, again.color)
    np.testing.assert_array_equal(first.events, again.events)
    assert not np.array_equal(first.color, other.color)
    assert len(first.truth) == FRAMES


def test_every_mover_of_a_drawn_scene_has_the_truth_that_it_has_as_the_target():
    scene = draw_scene(5, 2).scene
    truths = scene.truths(7)
    assert truths.shape == (1 + len(scene.staging.others), 6)
    outline = scene.at(7).target_outline
    low, high = outline.min(axis=0).clip(0, [320, 240]), outline.max(axis=0).clip(0, [320, 240])
    np.testing.assert_allclose(truths[0, :4], [*low, *(high - low)])


@pytest.mark.parametrize("name", ["ostrack-mini", "swintrack-mini", "srft-mini-rgbd"])
def test_without_jitter_the_truth_is_in_the_middle_of_the_crop(name, pool):
    task = make_task(definition(name))
    still = Sampling(scale_jitter=0, center_jitter=0, mirror=0)
    pairs = pool.pairs(16, pool.tracks(still.light), still, task.rules, torch.Generator().manual_seed(1))
    middle = pairs.truth[:, :2] + pairs.truth[:, 2:] / 2
    assert (middle - 0.5).abs().max() < 0.02  # the crop's corner is a whole pixel
    assert pairs.search.shape == (16, 3 if task.rules.second is None else 6, 128, 128)
    assert pairs.present.all()


def test_a_mirrored_pair_carries_its_box_along(pool):
    rules = make_task(definition("ostrack-mini")).rules
    kept, turned = (
        pool.pairs(
            4,
            pool.tracks((0.0, 99.0)),
            Sampling(mirror=mirror, gray=0),
            rules,
            torch.Generator().manual_seed(1),
        )
        for mirror in (0.0, 1.0)
    )
    torch.testing.assert_close(turned.search, kept.search.flip(3))
    torch.testing.assert_close(turned.truth[:, 0] + turned.truth[:, 2], 1 - kept.truth[:, 0])


@pytest.mark.parametrize("name", MINIS)
def test_a_step_moves_exactly_what_the_recipe_trains(name, pool, tmp_path):
    run = training(name, pool, tmp_path, steps=2, precision="bf16")
    run.recipe = replace(run.recipe, warmup=1)
    before = {key: value.clone() for key, value in run.model.state_dict().items()}
    trained = {key for key, value in run.model.named_parameters() if value.requires_grad}
    for _ in range(2):  # after the first, SwinTrack's positions say something, and are told something
        run._step()
    after = run.model.state_dict()
    parameters = {key for key, _ in run.model.named_parameters()}
    moved = {key for key in parameters if not torch.equal(before[key], after[key])}
    assert moved == trained - set(UNUSED)
    statistics = [key for key in before if key.endswith("running_mean")]
    assert all(torch.equal(before[key], after[key]) != run.recipe.head_statistics for key in statistics)


@pytest.mark.parametrize("name", ["ostrack-mini", "srft-mini-rgbt"])
def test_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(name, pool, tmp_path):
    whole, first, second = (training(name, pool, tmp_path, steps=4) for _ in range(3))
    for _ in range(4):
        whole._step()
    for _ in range(2):
        first._step()
    first.save()
    assert second.resume()
    for _ in range(2):
        second._step()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key


@pytest.mark.parametrize("name", ["upvpt-swintrack-mini", "srft-mini-rgbe"])
def test_finished_weights_track(name, pool, tmp_path):
    training(name, pool, tmp_path, steps=1).run()
    assert not (tmp_path / CHECKPOINT).exists()
    made = definition(name)
    tracker = finish(read_weights(made, weights_path(tmp_path, name)), Engine())
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    frame = Frame(image, image) if made.second else Frame(image)
    states = tracker.initialize([frame], np.array([[100.0, 80, 40, 30]]))
    assert np.isfinite(tracker.track(states, [tracker.prepare(states[0], frame)]).boxes).all()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ostrack-mini", "backbone.blocks.0.attn"),
        ("swintrack-mini", "encoder.layers.0.attn"),
        ("swintrack-mini", "decoder.layers.0.attn"),
        ("swintrack-mini", "backbone.stages.0.blocks.1.attn"),
    ],
)
def test_search_tokens_look_at_their_like_in_the_template_from_the_first_step_on(name, path):
    for start, least, most in ((Start.MIMETIC, 0.8, 1.0), (Start.XAVIER, 0.0, 0.2)):
        attention = new_network(definition(name), 3, start).get_submodule(path)
        tokens = torch.randn(64, attention.proj.in_features, generator=torch.Generator().manual_seed(1))
        if hasattr(attention, "qkv"):
            query, key, _ = attention.qkv(tokens).chunk(3, dim=1)
        else:
            query, key = attention.q(tokens), attention.kv(tokens).chunk(2, dim=1)[0]
        alike = (query @ key.T).argmax(dim=1) == torch.arange(64)
        assert least <= alike.float().mean() <= most


def test_the_rate_rises_stays_and_falls_to_nothing(pool, tmp_path):
    run = training("ostrack-mini", pool, tmp_path, steps=1000)
    run.recipe = replace(run.recipe, warmup=100, cooldown=0.4)
    rates = []
    for step in (0, 50, 300, 600, 800, 1000):
        run.step = step
        rates.append(run.plan.rate(run.step))
    np.testing.assert_allclose(rates, [0.01, 0.51, 1, 1, 0.5, 0])


def test_what_is_kept_is_the_average_of_the_weights(pool, tmp_path):
    run = training("ostrack-mini", pool, tmp_path, steps=3)
    states = []
    for _ in range(3):
        run._step()
        states.append({key: value.clone() for key, value in run.model.state_dict().items()})
    run.export()
    kept = load_file(weights_path(tmp_path, "ostrack-mini"))
    name = "box_head.conv5_size.weight"
    low, high = (function(torch.stack([state[name] for state in states]), 0) for function in (torch.amin, torch.amax))
    assert ((kept[name] >= low - 1e-3) & (kept[name] <= high + 1e-3)).all()
    assert not torch.equal(kept[name].float(), states[-1][name].half().float())


def test_the_fisher_mode_holds_back_by_the_parents_information_which_fades(pool, tmp_path):
    parent = SHIPPED / "ostrack-mini.safetensors"
    recipe = RECIPES["srft-mini-rgbt-fisher"]
    recipe = replace(recipe, fisher=replace(recipe.fisher, samples=3, kept=2))
    settings = PoolSettings(tmp_path, seed=3, batch=2, steps=4)
    run = Training(recipe, definition(recipe.tracker), (pool, pool), settings, parent)
    prior = run.damped._prior
    left, right = (prior[f"backbone.blocks_{stream}.0.attn.qkv.weight"] for stream in ("rgb", "event"))
    assert torch.equal(left, right)
    assert 0 == left.min() < left.max() == 1
    assert not any(name.endswith("bias") for name in prior)
    weights = []
    for _ in range(2):
        run._step()
        weights.append(run.damped.kappa)
    np.testing.assert_allclose(weights, [0.5, 0.25 * (1 + 0.5**0.5)])


def test_another_sensor_in_the_place_of_color_is_what_its_trackers_see(pool):
    task = make_task(definition("ostrack-mini"))
    both = make_task(definition("srft-mini-rgbe"))
    draw = {"tracks": pool.tracks((0.0, 99.0)), "sampling": Sampling(gray=0)}
    alone = pool.as_color(Modality.EVENT).pairs(2, **draw, rules=task.rules, generator=torch.Generator().manual_seed(1))
    beside = pool.pairs(2, **draw, rules=both.rules, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(alone.search, beside.search[:, 3:], atol=0.02, rtol=0)


def test_a_training_leaves_the_process_its_tiny_numbers(pool, tmp_path):
    training("ostrack-mini", pool, tmp_path, steps=1).run()
    assert torch.tensor(1e-40) * 1 > 0
