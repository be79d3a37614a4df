"""From a recipe and the user's changes to the numbers of one run, checked."""

import collections.abc as cabc
import functools
import math
import re
from dataclasses import dataclass, replace
from types import MappingProxyType

from evalkit.errors import EvalkitError, unknown_name
from evalkit.tracking.training import FinetuneRequest, Parameters

from ..common.definition import definition
from ..common.torch_tracker import Engine
from .adaptation import add_low_rank
from .recipe import BatchRule, LowRank, Recipe
from .recipes import RECIPES
from .rendered import Sampling

_LEAST = MappingProxyType(
    {
        "batch": 1,
        "accumulate": 1,
        "epochs": 1,
        "pairs": 1,
        "save_every": 1,
        "seed": 0,
        "workers": 0,
        "keep": 0,
        "checks": 0,
    }
)
"""Settings that are whole numbers -> the least that makes sense."""
_RULE = "batch_rule"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """One run.

    Attributes:
        recipe: With the user's batch, epochs, pairs; rates as they are used.
        steps: Of the whole training.
        accumulate: Micro-batches of a step in each process.
        seed: Of weights, pairs and noise.
        workers: Processes that decode.
        keep: Checkpoints of the last epochs that stay.
        save_every: Steps between two states to resume from; each epoch's end is another.
        checks: Held-out pairs that are looked at after every epoch.
        notes: What the user should know.
    """

    recipe: Recipe
    steps: int
    accumulate: int = 1
    seed: int = 0
    workers: int = 0
    keep: int = 5
    save_every: int = 500
    checks: int = 64
    notes: tuple[str, ...] = ()

    def epoch(self, step: int) -> int:
        """Epoch, counted from 1, of the step that follows ``step`` done ones."""
        return 1 + step * self.recipe.epochs // self.steps

    @property
    def late_from(self) -> int:
        """Number of done steps from which the recipe's ``late`` sampling holds."""
        return math.ceil(self.steps * (1 - (self.recipe.cooldown or 0.0)))

    def sampling(self, step: int) -> Sampling:
        """How the pairs of the step that follows ``step`` done ones are drawn."""
        late = self.recipe.late
        return self.recipe.sampling if late is None or step < self.late_from else late

    def rate(self, step: int) -> float:
        """Factor of the learning rates in the step that follows ``step`` done ones."""
        recipe = self.recipe
        warmup = recipe.warmup if recipe.warmup >= 1 else recipe.warmup * self.steps
        rising = 1.0
        if step < warmup:
            rising = recipe.warmup_start + (1 - recipe.warmup_start) * min(1.0, (step + 1) / warmup)
        if recipe.cooldown is not None:
            return rising * min(1.0, (1 - step / self.steps) / recipe.cooldown)
        if recipe.drop is not None:
            return rising * (0.1 if self.epoch(step) > recipe.drop else 1.0)
        return rising * (recipe.floor + (1 - recipe.floor) * (1 + math.cos(math.pi * step / self.steps)) / 2)

    def keep_rate(self, step: int, least: float) -> float:
        """Share of search tokens that stay; ``least`` is the network's.

        Recipes that drop their rate at an epoch change it from epoch to epoch, as OSTrack does; others at every step.
        """
        recipe = self.recipe
        if recipe.elimination is None:
            return least
        done = step / self.steps if recipe.drop is None else self.epoch(step) / recipe.epochs
        return scheduled_keep_rate(done, recipe.elimination, least)

    def kappa(self, step: int) -> float:
        """Weight of SRFT's prior in the step that follows ``step`` done ones: a cosine to nearly 0 (our default).

        It changes when the keep rate does: from epoch to epoch, or at every step.
        """
        recipe = self.recipe
        if recipe.fisher is None:
            return 0.0
        done = step / self.steps if recipe.drop is None else (self.epoch(step) - 1) / recipe.epochs
        return recipe.fisher.kappa * (1 + math.cos(math.pi * done)) / 2


def scheduled_keep_rate(done: float, span: tuple[float, float], least: float) -> float:
    """1 before the span, ``least`` after it, a cosine between.

    Example:
        >>> round(scheduled_keep_rate(60 / 300, (20 / 300, 100 / 300), 0.7), 6)
        0.85
    """
    share = min(1.0, max(0.0, (done - span[0]) / (span[1] - span[0])))
    return least + (1 - least) * (1 + math.cos(math.pi * share)) / 2


def make_plan(request: FinetuneRequest, processes: int = 1) -> TrainingPlan:
    """The run that a request means.

    Raises:
        UnknownNameError: No such recipe or setting.
        EvalkitError: A value cannot be used, another batch has no rule, or the device or its precision is not there.
    """
    if request.recipe not in RECIPES:
        raise unknown_name("recipe", request.recipe, RECIPES)
    Engine(request.device, request.precision)
    if request.precision == "fp16" and not request.device.startswith("cuda"):
        raise EvalkitError("--precision fp16 scales the loss, on CUDA devices only; on a processor use bf16 or fp32.")
    values = {key: _number(key, text) for key, text in request.settings.items() if key != _RULE}
    recipe = RECIPES[request.recipe]
    batch = values.get("batch", recipe.batch)
    notes: list[str] = []
    if batch != recipe.batch:
        recipe, note = _other_batch(recipe, batch, request.settings.get(_RULE))
        notes.append(note)
    recipe = replace(recipe, epochs=values.get("epochs", recipe.epochs), pairs=values.get("pairs", recipe.pairs))
    accumulate = values.get("accumulate", 1)
    if batch % (accumulate * processes):
        raise EvalkitError(
            f"a batch of {batch} cannot be divided into {accumulate} x {processes} equal parts (accumulate x devices)."
        )
    if accumulate > 1 and recipe.head_statistics and recipe.losses != (1.5, 1.5):
        notes.append(
            f"accumulating {accumulate} parts is not a batch of {batch}: the head's batch norms are in training mode "
            f"and see {batch // accumulate // processes} pairs at a time."
        )
    steps = request.steps or recipe.steps
    if steps < 1:
        raise EvalkitError(
            f"recipe {recipe.name}: {recipe.pairs} pairs an epoch do not fill a batch of {recipe.batch}."
        )
    plan = TrainingPlan(recipe, steps, accumulate, values.get("seed", recipe.seed), notes=tuple(notes))
    return replace(
        plan,
        workers=values.get("workers", plan.workers),
        keep=values.get("keep", plan.keep),
        save_every=values.get("save_every", plan.save_every),
        checks=values.get("checks", plan.checks),
    )


def _number(key: str, text: str) -> int:
    if key not in _LEAST:
        raise unknown_name("setting", key, [*_LEAST, _RULE])
    if not text.isdecimal() or not _LEAST[key] <= int(text[:12]) < 1 << 31:
        raise EvalkitError(f"--set {key}={text}: expected a whole number from {_LEAST[key]} to {(1 << 31) - 1}.")
    return int(text)


def _other_batch(recipe: Recipe, batch: int, given: str | None) -> tuple[Recipe, str]:
    if given not in set(BatchRule):
        raise EvalkitError(
            f"recipe {recipe.name} is made for batches of {recipe.batch}, not {batch}. Say what becomes of its rates: "
            "--set batch_rule=linear (scaled with the batch) or --set batch_rule=none (kept)."
        )
    rule = BatchRule(given)
    scale = batch / recipe.batch if rule is BatchRule.LINEAR else 1.0
    groups = tuple(replace(group, rate=group.rate * scale) for group in recipe.groups)
    text = f"batch {batch} instead of the recipe's {recipe.batch}, rates times {scale:g} (rule {rule})"
    return replace(recipe, batch=batch, groups=groups), text


@functools.cache
def _sizes(tracker: str, low_rank: LowRank | None) -> cabc.Mapping[str, int]:
    """Parameter -> number of its values."""
    model = definition(tracker).skeleton()
    if low_rank is not None:
        add_low_rank(model, low_rank)
    return {name: value.numel() for name, value in model.named_parameters()}


def count_parameters(recipe: Recipe) -> Parameters:
    """Trained and added values of a recipe, from the network itself, without memory for it.

    Frozen entries that take no part (``cls_token``, ``pos_embed`` of the authors' files) count as the files have them.
    """
    own = _sizes(recipe.tracker, recipe.low_rank)
    base = _sizes(recipe.parent, None) if recipe.parent else own
    trained = [size for name, size in own.items() if any(re.search(group.pattern, name) for group in recipe.groups)]
    backbone = sum(size for name, size in base.items() if name.startswith("backbone."))
    total = sum(own.values())
    return Parameters(total, backbone, sum(trained), len(trained), total - sum(base.values()))
