"""``evalkit make-sample``: render the sample benchmark."""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from evalkit.commands.common import App, common_options, json_option, print_json
from evalkit.commands.output import echo
from evalkit.errors import counted


def _frame_size(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not of the form WxH, for example 320x240.", ctx, param)
    return int(match[1]), int(match[2])


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random choices.")
@click.option("--tiny", is_flag=True, help="160x120, 12 frames, one sequence per benchmark: a second of work.")
@click.option("--size", metavar="WxH", callback=_frame_size, help="Size of the frames, else 320x240.")
@json_option
@common_options
@click.pass_context
def make_sample(
    ctx: click.Context, folder: Path, *, seed: int, tiny: bool, size: tuple[int, int] | None, as_json: bool
) -> None:
    r"""Render the sample benchmark into DIR: all eight official layouts, no download.

    Color, thermal, depth and event images of small drawn scenes; the same seed gives the same files. Scores on it
    say that everything works, and must never stand beside published numbers. A second call with the same options
    finds the folder and returns at once; no existing file is ever changed.

    \b
    Examples:
      evalkit make-sample sample
      evalkit make-sample tiny --tiny --seed 7
      evalkit run-benchmark lasot --tracker kcf --data-root sample
    """
    from evalkit.sample import render  # OpenCV is slow to import

    app = ctx.ensure_object(App)
    with _progress_bar(app) as advance:
        result = render.make_sample(folder, seed, tiny=tiny, size=size, progress=advance)
    if as_json:
        identity = dataclasses.asdict(result.identity) | {"origin": result.identity.origin}
        facts = {key: value for key, value in dataclasses.asdict(result).items() if key != "identity"}
        print_json({**facts, "folder": str(result.folder), "identity": identity})
        return
    done = f"rendered in {result.seconds:.1f} s" if result.created else "already there"
    size_mb = result.size_bytes / 1e6
    app.say(
        f"{result.folder}: {counted(result.sequences, 'sequence')}, {counted(result.frames, 'frame')}, "
        f"{size_mb:.0f} MB, {done}"
    )
    echo(str(result.folder))


@contextlib.contextmanager
def _progress_bar(app: App) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr while frames are rendered; none with ``--quiet``."""
    if app.quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rendering", total=None, visible=False)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield advance
