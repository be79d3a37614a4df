"""The arms of the study: shortened recipes of the small trackers, on a shifted domain or with a second sensor."""

import collections.abc as cabc
from dataclasses import dataclass, replace
from typing import NamedTuple

from evalkit.modality import Modality

from ..damping import LEAST, MOST
from ..recipe import Recipe
from ..recipes import RECIPES
from .scenes import COLOR, EVENTS, Domain, blind, paired

PARENT = "ostrack-mini"
START, FULL, SLOW = "start", "fft", "fft, smaller rates"
_PREFIX = f"upvpt-{PARENT}"
_CONTROLS = ("fft", "mlp", "prompts", "attention", "head")
_MOVED = 1 - (LEAST + MOST) / 2  # share of a step that SRFT lets happen on average
_PAIRS = {"rgbe": Modality.EVENT, "rgbd": Modality.DEPTH, "rgbt": Modality.THERMAL}


class Length(NamedTuple):
    """Pairs and batch of every arm."""

    pairs: int
    batch: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train.

    Attributes:
        question: Arms of a question are compared with each other.
        name: Within the question.
        recipe: What is trained, with the study's length.
        target: Domain that it trains for.
        source: Domain of the parent's training, as this tracker can see it.
    """

    question: str
    name: str
    recipe: Recipe
    target: Domain
    source: Domain

    def run_name(self, seed: int) -> str:
        """Name of its runs."""
        return run_name(self.question, self.name, seed)

    @property
    def steps(self) -> int:
        """Of the training; none for the weights that all arms of a question start from."""
        return 0 if self.name == START else self.recipe.steps


def run_name(question: str, arm: str, seed: int) -> str:
    """Name of an arm's runs.

    Example:
        >>> run_name("rgbe", "fft, smaller rates", 0)
        'rgbe-fft-smaller-rates-seed0'
    """
    return f"{question}-{arm.replace(', ', '-').replace(' ', '-')}-seed{seed}"


def all_arms(color: Length, second: Length) -> list[Arm]:
    """All arms, question by question: UPVPT and its controls, SRFT of each sensor, rates of the two main arms."""
    shifted = list(_shifted(color))
    return [*shifted, *(arm for pair in _PAIRS for arm in _sensors(pair, second)), *_rates(shifted)]


def shortened(recipe: Recipe, length: Length) -> Recipe:
    """The same with another batch, its rates kept (rule ``none``); warm-up and average in proportion to the length."""
    steps = length.pairs // length.batch
    share = steps / recipe.steps
    average = recipe.average ** (1 / share) if share else 0.0
    return replace(
        recipe, batch=length.batch, pairs=length.pairs, warmup=max(1.0, recipe.warmup * share), average=average
    )


def scaled(recipe: Recipe, factor: float) -> Recipe:
    """The same recipe with other rates."""
    return replace(recipe, groups=tuple(replace(group, rate=group.rate * factor) for group in recipe.groups))


def _shifted(length: Length) -> cabc.Iterator[Arm]:
    """Event images in the place of color: a network that saw color alone must learn them."""

    def arm(name: str, recipe: Recipe) -> Arm:
        lit = replace(recipe, sampling=replace(recipe.sampling, light=(0.0, float("inf"))))
        return Arm("shift", name, lit, EVENTS, COLOR)

    recipes = {name: shortened(RECIPES[f"{_PREFIX}-{name}"], length) for name in _CONTROLS}
    yield arm(START, recipes[FULL])
    # OSTrack's own schedule has twice UPVPT's batch, half its steps, and four times its rates
    own = shortened(RECIPES[f"{_PREFIX}-fft"], length._replace(batch=2 * length.batch))
    yield arm("fft, own schedule", scaled(own, 4.0))
    yield arm(FULL, recipes.pop(FULL))
    yield arm("upvpt", shortened(RECIPES[_PREFIX], length))
    yield from (arm(name, recipe) for name, recipe in recipes.items())


def _sensors(pair: str, length: Length) -> cabc.Iterator[Arm]:
    second = _PAIRS[pair]
    full = shortened(RECIPES[f"fft-mini-{pair}"], length)
    modes = {"rank": "", "code": "-code", "fisher": "-fisher"}
    recipes = {START: full, FULL: full, SLOW: scaled(full, _MOVED)} | {
        f"srft-{mode}": shortened(RECIPES[f"srft-mini-{pair}{suffix}"], length) for mode, suffix in modes.items()
    }
    for name, recipe in recipes.items():
        yield Arm(pair, name, recipe, paired(second), blind(second))


def _rates(arms: cabc.Sequence[Arm]) -> cabc.Iterator[Arm]:
    for arm in arms:
        for factor in (1 / 3, 3) if arm.name in {FULL, "upvpt"} else ():
            yield replace(arm, question="rates", name=f"{arm.name} x {factor:.2g}", recipe=scaled(arm.recipe, factor))
