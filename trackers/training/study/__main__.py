"""Train, score and compare the arms of the study: ``python -m trackers.training.study --help``."""

import time
from dataclasses import dataclass
from pathlib import Path

import click

from evalkit.sample.pool import draw_pool  # torch comes later: every process that draws imports this module


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """How the study is run.

    Attributes:
        output: Folder for everything.
        pool: Folder of the drawn training scenes.
        pool_seed: Of their series.
        scenes: For training; the first of the series are for validation.
        check_scenes: For validation.
        seeds: Number of seeds of every arm.
        pairs: Of an arm with color alone.
        second_pairs: Of an arm with a second sensor.
        batch: Of all arms.
        videos: Sequences in which every checkpoint is scored.
        frames: Of each.
        questions: Only these.
        precision: Of training and tracking.
        device: Of both.
    """

    output: Path
    pool: Path
    pool_seed: int
    scenes: int
    check_scenes: int
    seeds: int
    pairs: int
    second_pairs: int
    batch: int
    videos: int
    frames: int
    questions: tuple[str, ...]
    precision: str
    device: str


@click.command()
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for weights, runs and tables.")
@click.option("--pool", type=click.Path(path_type=Path), help="Folder of the drawn training scenes.")
@click.option("--pool-seed", default=1, show_default=True, help="Of the training scenes' series.")
@click.option("--scenes", default=160, show_default=True, help="Training scenes.")
@click.option("--check-scenes", default=16, show_default=True, help="Scenes for validation.")
@click.option("--seeds", default=3, show_default=True, help="Trainings of every arm.")
@click.option("--pairs", default=1200, show_default=True, help="Pairs of a training with color alone.")
@click.option("--second-pairs", default=480, show_default=True, help="Pairs of a training with a second sensor.")
@click.option("--batch", default=8, show_default=True)
@click.option("--videos", default=24, show_default=True, help="Sequences for the scores.")
@click.option("--frames", default=16, show_default=True, help="Frames of each.")
@click.option("--question", "questions", multiple=True, help="shift, rgbe, rgbd, rgbt or rates; repeat. Default: all.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16"]), default="bf16", show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--analyze", is_flag=True, help="Train nothing; table and figures of the scores in OUTPUT.")
def main(*, analyze: bool, pool: Path | None, output: Path, **numbers: object) -> None:
    """Train every arm with several seeds, score it on two domains, and compare; what is finished is left out."""
    if not analyze:
        plan = StudyPlan(output, pool or output / "pool", **numbers)  # type: ignore[arg-type]  # click has checked them
        train_and_score(plan)
    from .analysis import analyze as write_tables

    click.echo(write_tables(output))


def train_and_score(plan: StudyPlan) -> None:
    """Every arm, seed by seed, so that what is there at any time can be compared."""
    from .arms import Length, all_arms
    from .scenes import draw_videos
    from .work import Study

    arms = all_arms(Length(plan.pairs, plan.batch), Length(plan.second_pairs, plan.batch))
    arms = [arm for arm in arms if not plan.questions or arm.question in plan.questions]
    plan.output.mkdir(parents=True, exist_ok=True)
    draw_videos(plan.output / "videos", plan.videos, plan.frames)
    numbers = range(plan.check_scenes + plan.scenes)
    paths = draw_pool(plan.pool, plan.pool_seed, numbers, processes=1)
    study = Study(plan.output, paths, plan.check_scenes, arms, precision=plan.precision, device=plan.device)
    for seed in range(plan.seeds):
        for arm in arms:
            begin = time.monotonic()
            if study.do(arm, seed):
                click.echo(f"seed {seed}, {arm.question}, {arm.name}: {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
