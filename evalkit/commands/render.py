"""``evalkit render``: truth and predictions drawn on the frames of a sequence."""

import collections.abc as cabc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.atomic import file_name
from evalkit.commands.common import App, common_options
from evalkit.commands.options import request_options
from evalkit.errors import counted
from evalkit.evaluation.request import Request, names_in

if TYPE_CHECKING:
    from evalkit.evaluation.rendering import Rendering
    from evalkit.report.pictures.overlay import Picture

FORMATS = ("png", "mp4", "avi", "gif")
SUFFIXES = {"png": "", "mp4": ".mp4", "avi": ".avi", "gif": ".gif"}
MOMENT = 50  # frames of each sequence in a reel
REEL_WH = (960, 720)


@click.command()
@request_options(required=False, several=False)
@click.argument("sequence", required=False)
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Only every N-th frame.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the suffix of --output, else png.")
@click.option("--fps", type=click.FloatRange(min=0.5, max=100), default=20.0, show_default=True, help="Of videos.")
@click.option("--worst", type=click.IntRange(min=1), metavar="N", help="The N sequences with the lowest scores.")
@click.option("--reel", is_flag=True, help="One video of the moments in which the overlap is lowest.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="reports/BENCHMARK/SEQUENCE",
    help="Folder for the pictures, or file that ends in .mp4, .avi or .gif; of several sequences a folder for all.",
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
    worst: int | None,
    reel: bool,
    output: Path | None,
) -> None:
    r"""Draw the truth and trackers' boxes on the frames of SEQUENCE: PNG pictures, a video or an animated gif.

    The truth is green and dashed; frames count from 0. A second modality stands beside the RGB image. Partial runs can
    be drawn, too. Sample data say so in every picture.

    \b
    Examples:
      evalkit render uav123 uav-car --tracker kcf,ncc --data-root sample
      evalkit render lasot airplane-1 --tracker kcf --every 25 --output pictures
      evalkit render visevent dvSave-car --tracker kcf,ncc --output car.mp4 --fps 30
      evalkit render lasot --worst 3 --tracker kcf,ncc --format mp4
      evalkit render lasot --worst 5 --reel --tracker kcf,ncc --output worst.mp4
    """
    from evalkit.evaluation.rendering import drawn_sequences, worst_sequences

    request = _with_sequence(request, sequence, worst)
    chosen = _format(form, output, reel=reel, several=(worst or len(request.sequences or ())) > 1)
    if worst:
        request = replace(request, sequences=tuple(worst_sequences(request, app.say, worst)))
    names = request.sequences or ()
    if reel:
        target = output or Path("reports") / request.benchmark / f"reel{SUFFIXES[chosen]}"
        parts = drawn_sequences(request, app.say, every=every, moment=MOMENT)
        app.say(
            f"{_write(_joined(parts), chosen, target, fps)} pictures of {counted(len(names), 'sequence')} in {target}"
        )
        return
    for drawn in drawn_sequences(request, app.say, every=every):
        place = file_name(drawn.sequence) + SUFFIXES[chosen]
        target = Path("reports") / request.benchmark / place if output is None else output
        target = output / place if output is not None and len(names) > 1 else target
        app.say(f"{_write(drawn.pictures, chosen, target, fps)} pictures in {target}")
        for line in drawn.scores:
            app.say(line)


def _with_sequence(request: Request, sequence: str | None, worst: int | None) -> Request:
    """BENCHMARK SEQUENCE, or BENCHMARK alone with ``--sequences`` or ``--worst``: which word is the benchmark?"""
    if sequence is not None and not request.benchmarks and (request.sequences or worst):
        request, sequence = replace(request, benchmarks=names_in(sequence)), None
    names = (*((sequence,) if sequence else ()), *(request.sequences or ()))
    if len(request.benchmarks) != 1 or not (names or worst):
        raise click.UsageError(
            "which BENCHMARK, which SEQUENCE? `evalkit render lasot airplane-1 --tracker kcf`, or --worst N."
        )
    return replace(request, sequences=tuple(dict.fromkeys(names)) or None)


def _format(form: str | None, output: Path | None, *, reel: bool, several: bool) -> str:
    """What was asked for, else what the output's suffix says, else png, of a reel mp4."""
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items() if suffix}
    suffix = output.suffix.lower() if output else ""
    if form and by_suffix.get(suffix, form) != form:
        raise click.UsageError(f"--format {form} does not fit --output {output}.")
    chosen = form or by_suffix.get(suffix, "mp4" if reel else "png")
    if suffix and suffix not in by_suffix and (reel or form != "png") and not (output and output.is_dir()):
        raise click.UsageError(
            f"--output {output}: files can end in {', '.join(by_suffix)}. PNG pictures go to a folder: name one "
            "without a suffix, or say --format png."
        )
    if reel and chosen == "png":
        raise click.UsageError(f"--reel is a video: --format {', '.join(by_suffix.values())}.")
    if several and not reel and suffix in by_suffix:
        raise click.UsageError(
            f"--output {output} is one file, these are several sequences. Name a folder and say --format "
            f"{chosen}, or add --reel for one video of their worst moments."
        )
    if (reel or not several) and chosen != "png" and output is not None and suffix != SUFFIXES[chosen]:
        raise click.UsageError(f"--output {output}: a file for --format {chosen} ends in {SUFFIXES[chosen]}.")
    return chosen


def _joined(parts: "cabc.Iterator[Rendering]") -> "cabc.Iterator[tuple[int, Picture]]":
    """All pictures one after the other, in one size."""
    from evalkit.report.pictures.animation import fitted

    for part in parts:
        for index, picture in part.pictures:
            yield index, fitted(picture, REEL_WH)


def _write(drawn: "cabc.Iterator[tuple[int, Picture]]", form: str, target: Path, fps: float) -> int:
    from evalkit.report.pictures.animation import write_gif, write_video
    from evalkit.report.pictures.overlay import save_picture

    if form == "png":
        count = 0
        for index, picture in drawn:
            save_picture(picture, target / f"{index:06d}.png")
            count += 1
        return count
    write = write_gif if form == "gif" else write_video
    return write((picture for _, picture in drawn), target, fps)
