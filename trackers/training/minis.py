"""Train the small trackers: ``python -m trackers.training.minis --help``."""

import sys
import time
from pathlib import Path

import click

from evalkit.machine import usable_cores
from evalkit.sample.pool import draw_pool  # torch comes later: every process that draws imports this module

_SHARES = {  # of --minutes; the parents get most of it
    "ostrack-mini": 0.36,
    "swintrack-mini": 0.22,
    "srft-mini-rgbt": 0.12,
    "srft-mini-rgbe": 0.12,
    "srft-mini-rgbd": 0.12,
    "upvpt-ostrack-mini": 0.03,
    "upvpt-swintrack-mini": 0.03,
}


def _stages(given: tuple[str, ...]) -> dict[str, float | None]:
    """Recipe -> its own minutes; all recipes, in order, if none is named."""
    stages: dict[str, float | None] = {}
    for item in given:
        name, _, minutes = item.partition("=")
        if name not in _SHARES:
            raise click.BadParameter(f"{name!r}; known: {', '.join(_SHARES)}", param_hint="--stage")
        stages[name] = float(minutes) if minutes else None
    return stages or dict.fromkeys(_SHARES)


@click.command()
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for weights and log.")
@click.option("--pool", type=click.Path(path_type=Path), required=True, help="Folder for the drawn scenes.")
@click.option("--scenes", default=5500, show_default=True, help="Scenes to draw for training.")
@click.option("--check-scenes", default=200, show_default=True, help="Further scenes, for validation.")
@click.option("--draw-minutes", default=float("inf"), help="Stop drawing then, and train on what is there.")
@click.option("--processes", type=int, default=usable_cores, show_default="cores", help="For drawing and decoding.")
@click.option("--minutes", default=9.0, show_default=True, help="Of all trainings together.")
@click.option("--stage", "given", multiple=True, help="RECIPE or RECIPE=MINUTES; repeat. Default: all seven.")
@click.option("--steps", type=int, help="Length of every stage in steps instead of minutes.")
@click.option("--batch", type=int, help="Instead of the recipes'.")
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="cuda", show_default=True)
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16"]), default="bf16", show_default=True)
@click.option("--every", default=20.0, show_default=True, help="Seconds between checks and checkpoints.")
def main(
    *,
    output: Path,
    pool: Path,
    scenes: int,
    check_scenes: int,
    draw_minutes: float,
    processes: int,
    minutes: float,
    given: tuple[str, ...],
    steps: int | None,
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

    torch.set_flush_denormal(True)  # tiny numbers cost a processor a hundred times the usual

    from ..minis import DEFINITIONS
    from .loop import Settings, Training, weights_path
    from .recipes import RECIPES
    from .rendered import Pool

    output.mkdir(parents=True, exist_ok=True)
    stages = {name: own for name, own in wanted.items() if not weights_path(output, name).is_file()}
    modalities = {second for name in stages if (second := DEFINITIONS[name].second)}
    parts = paths[check_scenes:], paths[:check_scenes]
    training, check = (Pool(part, torch.device(device), modalities, processes) for part in parts)
    click.echo(f"in memory, {time.monotonic() - begin:.0f} s")
    for name, own in stages.items():
        recipe = RECIPES[name]
        length = minutes * _SHARES[name] if own is None else own
        settings = Settings(output, seed, device, precision, length, steps, batch, every)
        parent = weights_path(output, recipe.parent) if recipe.parent else None
        stage = Training(recipe, DEFINITIONS[name], (training, check), settings, parent)
        if stage.resume():
            click.echo(f"{name}: goes on at step {stage.step}")
        stage.run()
    click.echo(f"done, {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
