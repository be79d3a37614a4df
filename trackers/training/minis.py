"""Train the small trackers: ``python -m trackers.training.minis --help``."""

import sys
import time
from pathlib import Path

import click

from evalkit.machine import usable_cores
from evalkit.sample.pool import draw_pool  # torch comes later: every process that draws imports this module

_ORDER = (
    "ostrack-mini",
    *(f"srft-mini-{pair}" for pair in ("rgbt", "rgbe", "rgbd")),
    "upvpt-ostrack-mini",
    "swintrack-mini",
    "upvpt-swintrack-mini",
)


def _stages(given: tuple[str, ...]) -> dict[str, int | None]:
    """Recipe -> its own number of steps; all recipes, parents first, if none is named."""
    stages: dict[str, int | None] = {}
    for item in given:
        name, _, steps = item.partition("=")
        if name not in _ORDER or not (steps.isdigit() or not steps):
            raise click.BadParameter(f"{item!r}; known: {', '.join(_ORDER)}", param_hint="--stage")
        stages[name] = int(steps) if steps else None
    return stages or dict.fromkeys(_ORDER)


@click.command()
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for weights and log.")
@click.option("--pool", type=click.Path(path_type=Path), required=True, help="Folder for the drawn scenes.")
@click.option("--scenes", default=1290, show_default=True, help="Scenes to draw for training.")
@click.option("--check-scenes", default=64, show_default=True, help="Further scenes, for validation.")
@click.option("--draw-minutes", default=float("inf"), help="Stop drawing then, and train on what is there.")
@click.option("--processes", type=int, default=usable_cores, show_default="cores", help="For drawing and decoding.")
@click.option("--stage", "given", multiple=True, help="RECIPE or RECIPE=STEPS; repeat. Default: all seven.")
@click.option("--batch", type=int, help="Instead of the recipes'.")
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16"]), default="bf16", show_default=True)
@click.option("--every", default=60.0, show_default=True, help="Seconds between checks and checkpoints.")
def main(
    *,
    output: Path,
    pool: Path,
    scenes: int,
    check_scenes: int,
    draw_minutes: float,
    processes: int,
    given: tuple[str, ...],
    batch: int | None,
    seed: int,
    device: str,
    precision: str,
    every: float,
) -> None:
    """Draw scenes, then train one recipe after the other; what is finished in OUTPUT is left out."""
    click.echo(" ".join(sys.argv[1:]))
    begin = time.monotonic()
    wanted = _stages(given)
    paths = draw_pool(pool, seed, range(check_scenes + scenes), processes=processes, minutes=draw_minutes)
    click.echo(f"{len(paths)} scenes, {time.monotonic() - begin:.0f} s")

    import torch

    from ..common.definition import definition
    from .pool_training import PoolSettings, Training, weights_path
    from .recipes import RECIPES
    from .rendered import Pool

    output.mkdir(parents=True, exist_ok=True)
    stages = {name: own for name, own in wanted.items() if not weights_path(output, name).is_file()}
    modalities = {second for name in stages if (second := definition(name).second)}
    parts = paths[check_scenes:], paths[:check_scenes]
    training, check = (Pool(part, torch.device(device), modalities, processes) for part in parts)
    click.echo(f"in memory, {time.monotonic() - begin:.0f} s")
    for name, own in stages.items():
        recipe = RECIPES[name]
        steps = own or recipe.epochs * (recipe.pairs // (batch or recipe.batch))
        settings = PoolSettings(output, seed, device, precision, steps, batch, every, packed=True)
        parent = weights_path(output, recipe.parent) if recipe.parent else None
        stage = Training(recipe, definition(name), (training, check), settings, parent)
        if stage.resume():
            click.echo(f"{name}: goes on at step {stage.step}")
        stage.run()
    click.echo(f"done, {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
