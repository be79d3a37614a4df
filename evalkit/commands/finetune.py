"""``evalkit finetune``: train a tracker by a recipe."""

import collections.abc as cabc
import contextlib
import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evalkit.commands.assignments import settings_option
from evalkit.commands.common import App, common_options, json_option, precision_option, print_json
from evalkit.commands.listing import plain
from evalkit.commands.output import echo
from evalkit.tracking.training import FinetuneRequest, TrainingStep, load_training
from evalkit.values import written

EPILOG = """\b
Examples:
  evalkit finetune upvpt-ostrack-256 --dry-run --device cuda
  evalkit finetune upvpt-ostrack-256 --init ostrack-256.safetensors --output out --device cuda \\
    --data lasot=/data/LaSOT,got10k=/data/GOT-10k,coco=/data/coco,trackingnet=/data/TrackingNet --set workers=8
  evalkit finetune srft-rgbt-256 --init ostrack-256.safetensors --data lasher=/data/LasHeR --output out
  evalkit finetune ostrack-mini --data rendered --output out --set workers=2
  evalkit finetune upvpt-ostrack-mini --data rendered --output out
  torchrun --nproc-per-node 8 --no-python evalkit finetune ostrack-256 --init mae.pth ... --device cuda
  evalkit run-benchmark lasot --tracker upvpt-ostrack-256 --weights out/weights.safetensors
"""


def _sources(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Values ``B=ROOT`` of a repeatable option that also takes comma lists."""
    parsed: dict[str, str] = {}
    for item in (part.strip() for value in values for part in value.split(",") if part.strip()):
        key, _, root = item.partition("=")
        if key in parsed:
            raise click.BadParameter(f"{key} is given twice.")
        parsed[key] = root
    return parsed


@click.command("finetune", epilog=EPILOG)
@click.argument("recipe")
@click.option(
    "--data",
    multiple=True,
    callback=_sources,
    metavar="B=ROOT",
    help="Training data: a benchmark or coco with its folder, or rendered[=SEED] for drawn scenes without end; "
    "B.list=FILE: use these videos of B alone.",
)
@click.option(
    "--init",
    help="Weights to start from: FILE, a tracker that has its own, or `random`. [default: the parent's, if shipped]",
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder for weights, checkpoints, logs.")
@settings_option("batch, batch_rule, accumulate, epochs, pairs, seed, workers, keep, save_every, checks. Repeatable.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1.")
@precision_option
@click.option("--steps", type=click.IntRange(min=1), help="Length; the recipe's schedule is shortened to it.")
@click.option("--dry-run", is_flag=True, help="Parameters, memory, speed and time to finish; trains nothing.")
@click.option("--resume", is_flag=True, help="Go on with the training in --output, exactly where it stopped.")
@json_option
@common_options
@click.pass_obj
def finetune(  # noqa: PLR0917 - one parameter per option
    app: App,
    recipe: str,
    data: dict[str, str],
    init: str | None,
    output: Path | None,
    settings: dict[str, Any],
    device: str,
    precision: str,
    steps: int | None,
    dry_run: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a tracker by RECIPE (`evalkit list recipes`); docs/finetuning.md has sizes, costs and commands.

    The folder --output gets weights.safetensors, which `run-benchmark --weights` takes, a manifest, the last epochs'
    checkpoints, a log, TensorBoard's log where that is installed, and the state to --resume from.
    """
    if output is None and not dry_run:
        raise click.UsageError("--output is missing: a folder for the weights.")
    if not data and not dry_run:
        raise click.UsageError("--data is missing: B=ROOT for each training set, or rendered.")
    program = load_training(app.training)
    texts = {key: written(value) for key, value in settings.items()}
    request = FinetuneRequest(recipe, output or Path(), data, init, texts, device, precision, steps, resume)
    if dry_run:
        measured = program.dry_run(request)
        if as_json:
            print_json(plain(measured))
        else:
            echo(*measured.lines())
        return
    first = os.environ.get("RANK", "0") == "0"  # of torchrun's processes, it speaks for all
    app.quiet |= not first
    with _progress(app, recipe) as progress:
        finished = program.train(request, progress, app.say)
    if not first:
        return
    if as_json:
        print_json(finished._asdict())
    else:
        echo(str(finished.weights))
        app.say(", ".join(f"{name} {value:.4g}" for name, value in finished.values.items()))


@contextlib.contextmanager
def _progress(app: App, recipe: str) -> cabc.Iterator[cabc.Callable[[TrainingStep], None]]:
    """A bar over steps, with the last losses; on a terminal only, and not with ``--quiet``."""
    console = Console(stderr=True, quiet=app.quiet)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps {task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=300,
    )
    with bar:
        task = bar.add_task(recipe, total=None, loss="")

        def advance(step: TrainingStep) -> None:
            bar.update(task, completed=step.number, total=step.total)
            if "loss" in step.values:
                bar.update(task, loss=f"loss {step.values['loss']:.3f}")
                app.detail(f"step {step.number} of {step.total}: loss {step.values['loss']:.4f}")

        yield advance
