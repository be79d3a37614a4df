"""What the commands ask of the trainings: lists of recipes, parameters, dry runs, trainings.

See :class:`evalkit.tracking.training.TrainingProgram`.
"""

import collections.abc as cabc
import dataclasses
import resource
import time
from typing import Any

import torch

from evalkit.tracking.training import DryRun, FinetuneRequest, Parameters, TrainingResult, TrainingStep

from ..learned import LEARNED
from .finetuning import Finetuning, ProcessGroup, make_pairs
from .finetuning import train as run_training
from .initial import RANDOM, init_of
from .plan import TrainingPlan, count_parameters, make_plan
from .recipe import Recipe
from .recipes import RECIPES
from .rendered import Pairs

_PROCESSOR_BATCHES = (1, 2)
_CARD_STEPS = 5
_PAIRS_DRAWN = 16


def recipe_documents() -> list[dict[str, Any]]:
    """Every number of every recipe with its source, and its parameters."""
    return [_document(recipe) for recipe in RECIPES.values()]


def _document(recipe: Recipe) -> dict[str, Any]:
    numbers = {
        name: {"value": getattr(recipe, name), "source": source} for name, source in sorted(recipe.sources.items())
    }
    about = {name: getattr(recipe, name) for name in ("name", "summary", "tracker", "parent")}
    return about | {"steps": recipe.steps, "parameters": count_parameters(recipe), "numbers": numbers}


def tracker_parameters() -> dict[str, dict[str, Parameters]]:
    """Tracker -> recipe that trains it -> parameters."""
    result: dict[str, dict[str, Parameters]] = {name: {} for name in LEARNED}
    for recipe in RECIPES.values():
        result.setdefault(recipe.tracker, {})[recipe.name] = count_parameters(recipe)
    return result


def train(
    request: FinetuneRequest, progress: cabc.Callable[[TrainingStep], None], say: cabc.Callable[[str], None]
) -> TrainingResult:
    """Train to the end; see :func:`trackers.training.finetuning.train`."""
    plan = make_plan(request, ProcessGroup.of_environment().size)
    request = dataclasses.replace(request, init=init_of(plan.recipe, request.init))
    for note in plan.notes:
        say(f"note: {note}")
    say(f"{plan.recipe.name}: {count_parameters(plan.recipe).text()}")
    return run_training(plan, request, progress, say)


def dry_run(request: FinetuneRequest) -> DryRun:
    """Measure a few steps on random pairs; nothing is written.

    On a processor they are of one and of two pairs, and the whole batch is extrapolated from them.
    """
    plan = make_plan(request, ProcessGroup.of_environment().size)
    request = dataclasses.replace(request, init=request.init or RANDOM)
    device = torch.device(request.device)
    run = Finetuning(plan, request, device)
    run.begin(None)
    part = plan.recipe.batch // plan.accumulate // ProcessGroup.of_environment().size
    notes = list(plan.notes)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        pairs = _random_pairs(run, part)
        took = [_timed(run, pairs) for _ in range(_CARD_STEPS)]
        peak, pace = torch.cuda.max_memory_allocated(device), 1 / (min(took) * plan.accumulate)
        measured = f"{_CARD_STEPS} steps of {part} pairs on {torch.cuda.get_device_name(device)}"
    else:
        sizes = sorted({min(size, part) for size in _PROCESSOR_BATCHES})
        peaks, took = [], []
        for size in sizes:
            pairs = _random_pairs(run, size)
            took.append(min(_timed(run, pairs) for _ in range(3)))
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        peak = peaks[-1] + (part - sizes[-1]) * (peaks[-1] - peaks[0] if len(sizes) > 1 else 0)
        pace = sizes[-1] / (took[-1] * part * plan.accumulate)
        measured = f"steps of {' and '.join(map(str, sizes))} pairs on the processor, extrapolated to {part}"
    notes.append("the peak is that of the first epochs, before candidate elimination starts")
    return DryRun(
        plan.recipe.name,
        count_parameters(plan.recipe),
        plan.recipe.batch,
        plan.steps,
        measured,
        int(peak),
        pace,
        _drawing_pace(plan, request, run) if request.data else None,
        3 * (LEARNED[plan.recipe.tracker].multiply_adds or 0.0) * plan.recipe.batch * plan.steps,
        tuple(notes),
    )


def _random_pairs(run: Finetuning, count: int) -> Pairs:
    sizes, channels = run.task.rules.sizes, 3 if run.definition.second is None else 6
    crops = [torch.randn(count, channels, size, size, device=run.device) for size in sizes]
    truth = torch.tensor([[0.4, 0.4, 0.2, 0.2]], device=run.device).expand(count, -1)
    return Pairs(crops[0], crops[1], truth, torch.ones(count, dtype=torch.bool, device=run.device))


def _timed(run: Finetuning, pairs: Pairs) -> float:
    begin = time.perf_counter()
    run.step = 0  # where everything is kept
    run.train_step([pairs])
    if run.device.type == "cuda":
        torch.cuda.synchronize(run.device)
    return time.perf_counter() - begin


def _drawing_pace(plan: TrainingPlan, request: FinetuneRequest, run: Finetuning) -> float:
    pairs, _ = make_pairs(plan, request, run.definition)
    begin = time.perf_counter()
    for number in range(_PAIRS_DRAWN):
        pairs[number]
    return _PAIRS_DRAWN / (time.perf_counter() - begin)
