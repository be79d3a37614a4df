"""By every recipe a short training reaches a loss that no untrained network of its structure has.

The networks have the structure and the entry names of the recipe's own, and a width that a processor trains in seconds.
Rates keep their proportions; the largest is that of :data:`BOUNDS`, since a recipe's own take thousands of steps.
"""

import functools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from evalkit.tracking.training import FinetuneRequest
from trackers.common.definition import definition
from trackers.training import finetuning, initial
from trackers.training.initial import RANDOM
from trackers.training.loader import PairSet, on_device
from trackers.training.pairs import PairMaker
from trackers.training.plan import TrainingPlan
from trackers.training.recipes import RECIPES
from trackers.training.rendered import Sampling
from trackers.training.sources import DrawnScenes
from trackers.vipt import ViPTConfig

pytestmark = pytest.mark.slow
SIZES = {"template_size": 64, "search_size": 128}
SAMPLING = Sampling(center_jitter=1.5, redraw_empty=False)
TRACKERS = sorted({recipe.tracker for recipe in RECIPES.values()})
BATCH, FROM_SCRATCH, FINE_TUNING = 2, 80, 45  # pairs, steps


class Bound(NamedTuple):
    """Of the trackers with one kind of head.

    Attributes:
        rate: The largest of a training.
        loss: That it reaches.
    """

    rate: float
    loss: float


BOUNDS = {"center": Bound(4e-3, 4.8), "cells": Bound(3e-3, 1.3), "low rank": Bound(2e-2, 6.0)}


@functools.cache
def small(name):
    """A tracker with its structure and entries, but few channels and blocks."""
    made = definition(name)
    config = made.config
    fewer = replace(config, base=narrow(config.base)) if isinstance(config, ViPTConfig) else narrow(config)
    return replace(made, config=fewer, loop=replace(made.loop, **SIZES))


def narrow(config):
    """Of OSTrack, SRTrack or SwinTrack."""
    if hasattr(config, "swin"):
        count = len(config.swin.depths)
        heads = tuple(2 << stage for stage in range(count))
        swin = replace(config.swin, width=24, depths=(1,) * (count - 1) + (2,), heads=heads, window=4)
        return replace(config, **SIZES, swin=swin, heads=4, encoder_depth=1, mlp_ratio=2)
    fewer = {"fusion_after": (1, 3)} if hasattr(config, "fusion_after") else {"elimination_layers": (2,)}
    return replace(config, **SIZES, vit=replace(config.vit, width=32, depth=4, heads=2), head_channels=32, **fewer)


@functools.cache
def pairs(loop, second, seed):
    """Of drawn scenes, for trackers with these crops."""
    made = next(made for made in map(small, TRACKERS) if (made.loop, made.second) == (loop, second))
    return PairSet([DrawnScenes(seed, second, SAMPLING)], PairMaker(made, SAMPLING), seed)


@functools.cache
def batch(loop, second, seed):
    """The first of them."""
    return on_device(
        default_collate([pairs(loop, second, seed)[number] for number in range(BATCH)]), torch.device("cpu")
    )


def bound(name):
    return BOUNDS["cells" if "swintrack" in name else "low rank" if RECIPES[name].low_rank else "center"]


def is_fresh(name):
    """The training begins with random weights; small SwinTracks learn within the few steps even with a frozen part."""
    return RECIPES[name].parent in (None, name) or bound(name) is BOUNDS["cells"]


def begun(name, folder, init, *, steps, seed=0):
    """A training before its first step, its network small, and the pairs that it sees again and again."""
    recipe = RECIPES[name]
    factor = bound(name).rate / max(group.rate for group in recipe.groups)
    groups = tuple(replace(group, rate=group.rate * factor) for group in recipe.groups)
    fisher = recipe.fisher and replace(recipe.fisher, samples=3, kept=2)
    recipe = replace(recipe, batch=BATCH, groups=groups, fisher=fisher, warmup=0.1)
    plan = TrainingPlan(recipe, steps, seed=seed)
    run = finetuning.Finetuning(plan, FinetuneRequest(name, folder, init=init), torch.device("cpu"))
    kind = run.definition.loop, run.definition.second, 1 if is_fresh(name) else 2
    run.begin(pairs(*kind))
    return run, batch(*kind)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Recipe -> losses of a short training, which begins with what its parent's left; tracker -> an untrained one's."""
    folder = tmp_path_factory.mktemp("weights")

    @functools.cache
    def train(name):
        parent = RECIPES[name].parent
        if not is_fresh(name):
            train(parent)
        init = RANDOM if is_fresh(name) else str(folder / f"{parent}.safetensors")
        run, seen = begun(name, folder, init, steps=FROM_SCRATCH if is_fresh(name) else FINE_TUNING)
        losses = [run.train_step([seen])["loss"].item() for _ in range(run.plan.steps)]
        finetuning.save_weights(run, folder / f"{name}.safetensors", 1)
        return losses

    @functools.cache
    def untrained(tracker, fresh):
        names = (recipe.name for recipe in RECIPES.values() if recipe.tracker == tracker)
        name = next(name for name in names if is_fresh(name) is fresh)
        runs = (begun(name, folder, RANDOM, steps=1, seed=seed) for seed in range(3))
        return min(run.train_step([seen])["loss"].item() for run, seen in runs)

    with pytest.MonkeyPatch.context() as patch:
        for module in (finetuning, initial):
            patch.setattr(module, "definition", small)
        yield train, untrained


@pytest.mark.parametrize("name", RECIPES)
def test_a_short_training_reaches_a_loss_that_no_untrained_network_has(name, trained):
    train, untrained = trained
    losses = train(name)
    assert np.mean(losses[-5:]) < bound(name).loss < untrained(RECIPES[name].tracker, is_fresh(name))
