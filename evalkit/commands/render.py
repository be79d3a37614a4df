"""``evalkit render``: truth and predictions drawn on the frames of a sequence."""

import collections.abc as cabc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.benchmarks.frames import ImageFrames
from evalkit.commands.common import App, common_options, data_root_option, results_option
from evalkit.errors import StoreError, unknown_name
from evalkit.evaluation.roots import find_root
from evalkit.sample import sample_origin
from evalkit.sequences import Trajectory
from evalkit.store.atomic import file_name
from evalkit.store.runs import ResultStore

if TYPE_CHECKING:
    from evalkit.report.pictures.overlay import Picture

FORMATS = ("png", "mp4", "gif")
SUFFIXES = {"png": "", "mp4": ".mp4", "gif": ".gif"}


@click.command()
@click.argument("benchmark")
@click.argument("sequence")
@click.option("--tracker", "trackers", multiple=True, required=True, help="Repeatable, or names with commas.")
@click.option("--run", "run_ids", multiple=True, help="Run id (or its beginning) where a tracker has several runs.")
@click.option("--split", help="Default: the split that papers report.")
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Only every N-th frame.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the suffix of --output, else png.")
@click.option("--fps", type=click.FloatRange(min=0.5, max=100), default=20.0, show_default=True, help="Of mp4, gif.")
@click.option("--layout", type=click.Path(path_type=Path), help="Names of folders and files for `custom`.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="reports/BENCHMARK/SEQUENCE",
    help="Folder for the pictures, or file for mp4 and gif.",
)
@data_root_option
@results_option
@common_options
@click.pass_obj
def render(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    benchmark: str,
    sequence: str,
    trackers: tuple[str, ...],
    run_ids: tuple[str, ...],
    split: str | None,
    every: int,
    form: str | None,
    fps: float,
    layout: Path | None,
    output: Path | None,
    data_root: Path | None,
    results: Path,
) -> None:
    r"""Draw the truth and trackers' boxes on the frames of SEQUENCE: PNG pictures, an mp4 or an animated gif.

    The truth is green and dashed; frames count from 0. A second modality stands beside the RGB image. Partial runs can
    be drawn, too. Sample data say so in every picture.

    \b
    Examples:
      evalkit render uav123 uav-car --tracker kcf,ncc --data-root sample
      evalkit render lasot airplane-1 --tracker kcf --every 25 --output pictures
      evalkit render visevent dvSave-car --tracker kcf,ncc --output car.mp4 --fps 30
    """
    from evalkit.report.pictures.overlay import draw_sequence

    chosen = _format(form, output)
    spec = get_benchmark(benchmark, layout=layout)
    part = get_split(spec, split)
    root = find_root(spec, data_root)
    names = spec.list_sequences(root, part)
    if sequence not in names:
        raise unknown_name("sequence", sequence, names)
    clip = spec.read_sequence(root, part, sequence)
    store = ResultStore(results)
    wanted = [name for text in trackers for name in text.split(",") if name]
    found = {name: _trajectory(store, spec.name, part.name, sequence, name, run_ids) for name in wanted}
    target = output or Path("reports") / spec.name / (file_name(sequence) + SUFFIXES[chosen])
    modality = clip.frames.aux_modality if isinstance(clip.frames, ImageFrames) else None
    auxiliary = modality.value if modality else "second image"
    mark = "sample" if sample_origin(root) else ""
    indices = range(0, len(clip), every)
    drawn = draw_sequence(clip, found, indices, auxiliary=auxiliary, mark=mark, origin=spec.coordinate_origin)
    count = _write(drawn, chosen, target, fps)
    app.say(f"{count} pictures in {target}")


def _format(form: str | None, output: Path | None) -> str:
    """What was asked for, else what the output's suffix says, else png."""
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items() if suffix}
    suffix = output.suffix.lower() if output else ""
    if form and by_suffix.get(suffix, form) != form:
        raise click.UsageError(f"--format {form} does not fit --output {output}.")
    if form in {"mp4", "gif"} and output is not None and suffix != SUFFIXES[form]:
        raise click.UsageError(f"--output {output}: a file for --format {form} ends in {SUFFIXES[form]}.")
    return form or by_suffix.get(suffix, "png")


def _write(drawn: "cabc.Iterator[tuple[int, Picture]]", form: str, target: Path, fps: float) -> int:
    from evalkit.report.pictures.animation import write_gif, write_mp4
    from evalkit.report.pictures.overlay import save_picture

    if form == "png":
        count = 0
        for index, picture in drawn:
            save_picture(picture, target / f"{index:06d}.png")
            count += 1
        return count
    write = write_mp4 if form == "mp4" else write_gif
    return write((picture for _, picture in drawn), target, fps)


def _trajectory(  # noqa: PLR0917 - names that belong together
    store: ResultStore, benchmark: str, split: str, sequence: str, tracker: str, run_ids: tuple[str, ...]
) -> Trajectory:
    runs = [run for run in store.find(benchmark=benchmark, tracker=tracker) if run.identity.split == split]
    runs = [run for run in runs if run.record(sequence) is not None]
    runs = [run for run in runs if run.run_id.startswith(run_ids)] if run_ids and len(runs) > 1 else runs
    if not runs:
        raise StoreError(
            f"{tracker} has no result for sequence {sequence} of {benchmark} ({split}) in {store.root}. Run "
            f"`evalkit run-benchmark {benchmark} --tracker {tracker}` first."
        )
    if len(runs) > 1:
        listed = ", ".join(run.run_id for run in runs)
        raise StoreError(f"{tracker} has several runs on {benchmark} ({split}): {listed}. Choose with --run ID.")
    return runs[0].read(sequence)
