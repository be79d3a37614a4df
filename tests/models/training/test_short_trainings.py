"""A short training of each small tracker's recipe reaches a loss that its start does not have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evalkit.sample.pool import draw_pool
from evalkit.sequences import Modality
from trackers.common.definition import definition
from trackers.common.weights import SHIPPED
from trackers.learned import LEARNED
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


def trained(name, pool, folder, steps, parent=None):
    """Losses of a short training; all scenes count as dark ones, since there are few."""
    recipe = replace(RECIPES[name], batch=32, warmup=10)
    recipe = replace(recipe, sampling=replace(recipe.sampling, light=(0.0, float("inf"))))
    run = Training(recipe, definition(name), (pool, pool), PoolSettings(folder, seed=1, steps=steps), parent)
    losses = [run._step()["loss"].item() for _ in range(steps)]
    run.export()
    assert weights_path(folder, name).is_file()
    return losses


def test_a_short_training_from_scratch_learns(pool, tmp_path):
    losses = trained(PARENT, pool, tmp_path, 60)
    assert np.mean(losses[:3]) > 7.0
    assert np.mean(losses[-15:]) < 6.0


def test_so_does_swintrack_and_upvpt_goes_on_from_there(pool, tmp_path):
    losses = trained("swintrack-mini", pool, tmp_path, 45)
    assert np.mean(losses[:3]) > 1.6
    assert np.mean(losses[-10:]) < 1.5
    losses = trained("upvpt-swintrack-mini", pool, tmp_path, 4, weights_path(tmp_path, "swintrack-mini"))
    assert np.mean(losses) < 1.5


@pytest.mark.parametrize("name", CHILDREN)
@pytest.mark.skipif(not LEARNED[PARENT].shipped, reason="the parent's weights are not shipped")
def test_a_short_fine_tuning_from_the_shipped_parent_stays_below_what_random_weights_reach(name, pool, tmp_path):
    losses = trained(name, pool, tmp_path, CHILD_STEPS, SHIPPED / f"{PARENT}.safetensors")
    assert np.mean(losses[-4:]) < CHILD_REACHES
    (untrained,) = trained(name, pool, tmp_path, 1)
    assert untrained > CHILD_REACHES + 2
