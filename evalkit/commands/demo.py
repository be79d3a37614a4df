"""``evalkit demo``: the whole way once, on rendered data, as the commands that a user would type."""

import importlib.util
import shlex
import time
from pathlib import Path

import click

from evalkit.benchmarks import BENCHMARKS
from evalkit.commands.common import App, LazyGroup, common_options, run
from evalkit.commands.output import command_line

CLASSIC = ("still", "ncc", "mosse", "kcf")
NETWORKS = {
    "ostrack-mini": tuple(BENCHMARKS),
    "upvpt-ostrack-mini": tuple(BENCHMARKS),
    "swintrack-mini": tuple(BENCHMARKS),
    "upvpt-swintrack-mini": tuple(BENCHMARKS),
    "srft-mini-rgbe": ("visevent",),
    "srft-mini-rgbt": ("lasher",),
    "srft-mini-rgbd": ("depthtrack",),
}
"""Small networks that bring their weights, and the benchmarks that have their sensors."""

NEXT = {
    "the eight benchmarks, their protocols and sizes": "list benchmarks",
    "which rule of which toolkit moves this number": "explain visevent --tracker kcf {place}",
    "is the difference more than chance?": "compare lasot --tracker kcf --tracker ncc {place}",
    "every number of every sequence": "score uav123 --tracker kcf,ncc --per-sequence {place}",
    "what a tracker needs to be run here; FILE.py:CLASS names an own one": "check-tracker kcf",
}
"""What a command shows, and the command; every one works as it is printed."""


@click.command()
@click.option(
    "--sample", type=click.Path(path_type=Path), default=Path("sample"), show_default=True, help="Where to render."
)
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Runs.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("reports/sample"),
    show_default=True,
    help="Tables, plots, the report.",
)
@click.option("--tiny", is_flag=True, help="The tiny sample: 12 frames of each benchmark.")
@common_options
@click.pass_context
def demo(ctx: click.Context, *, sample: Path, results: Path, output: Path, tiny: bool) -> int:
    r"""Render the sample benchmark, run classical trackers and small networks over all eight layouts, show the scores.

    The scores are those of rendered data: they say that everything works, nothing about the trackers' rank.

    \b
    Example:
      evalkit demo
    """
    program = ctx.find_root().command
    assert isinstance(program, LazyGroup)
    app = ctx.ensure_object(App)
    app.owns_process = False  # several commands follow each other in it
    start = time.perf_counter()
    place = ["--data-root", str(sample), "--results", str(results)]
    for arguments in [["make-sample", str(sample), *(["--tiny"] if tiny else [])], *_steps(place, output)]:
        first, *more = command_line(arguments)
        app.say("", f"$ {first}", *more)
        code = run(program, arguments)
        if code:
            return code
    app.say(
        "",
        f"Done in {time.perf_counter() - start:.0f} s. Tables and plots are in {output}/; open {output}/report.html.",
        "",
        "What to try next, as it stands here:",
    )
    for what, line in NEXT.items():
        app.say(f"# {what}", *command_line(shlex.split(line.format(place=shlex.join(place)))))
    return 0


def _steps(place: list[str], output: Path) -> list[list[str]]:
    names = ",".join(BENCHMARKS)
    truth = [*place, "--local-truth"]  # the sample brings the ground truth that servers keep
    files = ["--format", "png", "--format", "pdf", "--output", str(output)]
    return [
        *(["run-benchmark", ",".join(where), "--tracker", name, *place] for name, where in _trackers().items()),
        ["make-table", "--benchmark", names, *truth, "--output", str(output / "tables.md")],
        ["make-plots", names, *truth, *files],
        ["make-report", "--benchmark", names, *truth, "--output", str(output / "report.html")],
    ]


def _trackers() -> dict[str, tuple[str, ...]]:
    """Tracker -> its benchmarks; networks only where torch is installed."""
    networks = NETWORKS if importlib.util.find_spec("torch") else {}
    return dict.fromkeys(CLASSIC, tuple(BENCHMARKS)) | networks
