"""A short training of each small tracker's recipe reaches a loss that its start does not have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evalkit.sample.pool import draw_pool
from evalkit.sequences import Modality
from evalkit.tracking.training import FinetuneRequest
from trackers import minis
from trackers.common.definition import definition
from trackers.common.weights import SHIPPED
from trackers.learned import LEARNED
from trackers.training import finetuning, initial
from trackers.training.plan import TrainingPlan
from trackers.training.pool_training import PoolSettings, Training, weights_path
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Pool

pytestmark = pytest.mark.slow
SCENES = 12
CHILDREN = ("srft-mini-rgbt", "srft-mini-rgbe", "srft-mini-rgbd", "upvpt-ostrack-mini")
PARENT = "ostrack-mini"
CHILD_STEPS, CHILD_REACHES = 12, 4.0  # an untrained network of these begins near 8


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    paths = draw_pool(tmp_path_factory.mktemp("pool"), 9, range(SCENES), processes=1)
    return Pool(paths, torch.device("cpu"), (Modality.THERMAL, Modality.EVENT, Modality.DEPTH))


def trained(name, pool, folder, steps, parent=None, part="loss"):
    """Losses, or one part of them, of a short training; all scenes count as dark ones, since there are few."""
    recipe = replace(RECIPES[name], batch=32, warmup=10)
    recipe = replace(recipe, sampling=replace(recipe.sampling, light=(0.0, float("inf"))))
    run = Training(recipe, definition(name), (pool, pool), PoolSettings(folder, seed=1, steps=steps), parent)
    losses = [run._step()[part].item() for _ in range(steps)]
    run.export()
    assert weights_path(folder, name).is_file()
    return losses


def test_a_short_training_from_scratch_learns(pool, tmp_path):
    losses = trained(PARENT, pool, tmp_path, 60)
    assert np.mean(losses[:3]) > 7.0
    assert np.mean(losses[-15:]) < 6.0


def test_so_does_swintrack_and_upvpt_goes_on_from_there(pool, tmp_path):
    losses = trained("swintrack-mini", pool, tmp_path, 45, part="giou")
    assert np.mean(losses[:3]) > 0.95
    assert np.mean(losses[-10:]) < 0.85  # the same box for every crop reaches 0.92
    parent = weights_path(tmp_path, "swintrack-mini")
    losses = trained("upvpt-swintrack-mini", pool, tmp_path, 4, parent, part="giou")
    assert np.mean(losses) < 0.85


@pytest.mark.parametrize("name", CHILDREN)
@pytest.mark.skipif(not LEARNED[PARENT].shipped, reason="the parent's weights are not shipped")
def test_a_short_fine_tuning_from_the_shipped_parent_stays_below_what_random_weights_reach(name, pool, tmp_path):
    losses = trained(name, pool, tmp_path, CHILD_STEPS, SHIPPED / f"{PARENT}.safetensors")
    assert np.mean(losses[-4:]) < CHILD_REACHES
    (untrained,) = trained(name, pool, tmp_path, 1)
    assert untrained > CHILD_REACHES + 2


FULL = (
    *("ostrack-256", "upvpt-ostrack-256", "upvpt-ostrack-256-nofreeze"),
    *(f"upvpt-ostrack-256-{arm}" for arm in ("fft", "mlp", "attention", "head", "prompts")),
    *(f"{family}-rgbt-256" for family in ("fft", "srft", "partial-fusion", "partial-odd", "partial-all", "lora")),
    *("srft-rgbt-256-code", "srft-rgbt-256-fisher", "vipt-rgbt", "vipt-shallow-rgbt"),
)


def small(name):
    """Of a tracker of the published size the small one, with its structure."""
    if not name.startswith("vipt"):
        return definition(
            name.replace("srft-rgbt-256", "srft-mini-rgbt")
            .replace("ostrack-256", "ostrack-mini")
            .removesuffix("-nofreeze")
        )
    made = definition(name)
    config = replace(made.config, base=minis.OSTRACK)
    return replace(made, config=config, loop=replace(made.loop, template_size=minis.TEMPLATE, search_size=minis.SEARCH))


@pytest.mark.parametrize("name", FULL)
@pytest.mark.skipif(not LEARNED[PARENT].shipped, reason="the parent's weights are not shipped")
def test_full_size_recipes_on_small_networks_stay_below_what_random_weights_reach(name, pool, tmp_path, monkeypatch):
    for module in (finetuning, initial):
        monkeypatch.setattr(module, "definition", small)
    recipe = replace(RECIPES[name], batch=16)
    last = {}
    for init in (PARENT, "random"):
        run = finetuning.Finetuning(
            TrainingPlan(recipe, 4), FinetuneRequest(name, tmp_path, init=init), torch.device("cpu")
        )
        run.begin(None)
        generator, tracks = torch.Generator().manual_seed(1), pool.tracks((0.0, float("inf")))
        for _ in range(4):
            pairs = pool.pairs(16, tracks, RECIPES[PARENT].late, run.task.rules, generator)
            last[init] = run.train_step([pairs])["loss"].item()
    assert last[PARENT] < CHILD_REACHES < last["random"]
