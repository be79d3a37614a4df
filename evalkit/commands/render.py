"""``evalkit render``: truth and predictions drawn on the frames of a sequence."""

import collections.abc as cabc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.atomic import file_name
from evalkit.commands.common import App, common_options
from evalkit.commands.options import request_options
from evalkit.evaluation.request import Request, names_in

if TYPE_CHECKING:
    from evalkit.report.pictures.overlay import Picture

FORMATS = ("png", "mp4", "gif")
SUFFIXES = {"png": "", "mp4": ".mp4", "gif": ".gif"}


@click.command()
@request_options(required=False, several=False)
@click.argument("sequence", required=False)
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Only every N-th frame.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the suffix of --output, else png.")
@click.option("--fps", type=click.FloatRange(min=0.5, max=100), default=20.0, show_default=True, help="Of mp4, gif.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="reports/BENCHMARK/SEQUENCE",
    help="Folder for the pictures, or file for mp4 and gif; of several sequences a folder for all.",
)
@common_options
@click.pass_obj
def render(
    app: App,
    /,
    *,
    request: Request,
    sequence: str | None,
    every: int,
    form: str | None,
    fps: float,
    output: Path | None,
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
    from evalkit.evaluation.rendering import drawn_sequences

    request = _with_sequence(request, sequence)
    names = request.sequences or ()
    chosen = _format(form, output if len(names) == 1 else None)
    for drawn in drawn_sequences(request, app.say, every=every):
        place = file_name(drawn.sequence) + SUFFIXES[chosen]
        target = Path("reports") / request.benchmark / place if output is None else output
        target = output / place if output is not None and len(names) > 1 else target
        app.say(f"{_write(drawn.pictures, chosen, target, fps)} pictures in {target}")
        for line in drawn.scores:
            app.say(line)


def _with_sequence(request: Request, sequence: str | None) -> Request:
    """BENCHMARK SEQUENCE, or BENCHMARK alone with ``--sequences``: which of the words is the benchmark?"""
    if sequence is not None and not request.benchmarks and request.sequences:
        request, sequence = replace(request, benchmarks=names_in(sequence)), None
    names = (*((sequence,) if sequence else ()), *(request.sequences or ()))
    if len(request.benchmarks) != 1 or not names:
        raise click.UsageError("which BENCHMARK, which SEQUENCE? `evalkit render lasot airplane-1 --tracker kcf`.")
    return replace(request, sequences=tuple(dict.fromkeys(names)))


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
