"""Recipes: sources, schedules, and which entries of the full-size networks they train."""

import json
import re

import numpy as np
import pytest

from helpers import SHARED
from trackers.common.definition import definition
from trackers.training.plan import count_parameters
from trackers.training.recipe import NOT_NUMBERS, Recipe
from trackers.training.recipes import RECIPES

GOLDEN = SHARED / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens beside the repository are absent")


def entries(name):
    made = definition(name)
    return {name: tuple(value.shape) for name, value in made.skeleton().named_parameters()}


def trained(name):
    recipe = RECIPES[name]
    patterns = [group.pattern for group in recipe.groups]
    return {key: shape for key, shape in entries(recipe.tracker).items() if any(re.search(p, key) for p in patterns)}


def count(shapes):
    return sum(int(np.prod(shape)) for shape in shapes.values())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_number_of_a_recipe_has_a_source(recipe):
    assert set(recipe.sources) == set(Recipe.__dataclass_fields__) - NOT_NUMBERS
    assert all(recipe.sources.values())
    assert recipe.summary


@needs_golden
def test_the_trained_entries_of_the_papers_recipes_are_the_references():
    golden = json.loads((GOLDEN / "train_rgb.json").read_text())
    for name, key in (("upvpt-ostrack-256", "ostrack256"), ("upvpt-swintrack-t", "swintrack_tiny")):
        expected = {name: tuple(shape) for name, shape in golden[f"upvpt_trainable_{key}"]}
        assert trained(name) == expected
        assert count(trained(name)) == golden[f"upvpt_trainable_{key}_count"]
    groups = golden["groups_ostrack256"]
    recipe = RECIPES["ostrack-256"]
    for label, rate in (("backbone", 4e-5), ("rest", 4e-4)):
        for name in groups[label]:
            assert next(group.rate for group in recipe.groups if re.search(group.pattern, name)) == rate


@pytest.mark.parametrize(
    ("name", "values", "tensors"),
    [
        ("upvpt-ostrack-256", 63_235_461, 103),
        ("upvpt-swintrack-t", 18_418_333, 153),
        ("srft-rgbt-256", 199_644_672, 344),
        ("fft-rgbd-256", 199_644_672, 344),
        ("lora-rgbt-256", 1_376_256, 112),
        ("vipt-rgbe", 839_628, 110),
        ("vipt-shallow-rgbt", 590_592 + 1_536 + 19_217, 11),  # patch embedding, norm, prompt block
        ("upvpt-ostrack-256-mlp", 63_143_301, 102),
        ("upvpt-ostrack-256-prompts", 92_160 + 6_474_117, 55),
        ("upvpt-ostrack-256-head", 6_474_117, 54),
    ],
)
def test_recipes_train_as_many_values_as_published(name, values, tensors):
    counted = count_parameters(RECIPES[name])
    assert (counted.trained, counted.tensors) == (values, tensors)


def test_upvpt_takes_twice_the_steps_of_ostrack_and_its_controls_take_the_same():
    assert RECIPES["ostrack-256"].epochs * 60_000 / RECIPES["ostrack-256"].batch == 140_625
    upvpt = RECIPES["upvpt-ostrack-256"]
    assert upvpt.epochs * upvpt.pairs / upvpt.batch == 281_250
    for arm in ("fft", "mlp", "prompts", "attention", "head"):
        control = RECIPES[f"upvpt-ostrack-256-{arm}"]
        same = ("batch", "epochs", "pairs", "drop", "clip", "weight_decay", "sampling", "elimination", "depth")
        assert all(getattr(control, name) == getattr(upvpt, name) for name in same)
        assert {group.rate for group in control.groups} <= {1e-4, 1e-5}
