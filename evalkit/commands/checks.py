"""How ``check-data`` shows its progress and its report."""

import collections.abc as cabc
import contextlib
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evalkit.benchmarks.data_check import CheckReport, CheckStep, ProblemKind
from evalkit.commands.common import App
from evalkit.commands.listing import plain
from evalkit.errors import counted
from evalkit.visible import visible


@contextlib.contextmanager
def check_progress(app: App, title: str) -> cabc.Iterator[cabc.Callable[[CheckStep], None]]:
    """Show a bar over sequences; on a terminal only, and not with ``--quiet``."""
    console = Console(stderr=True, quiet=app.quiet)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} sequences, {task.fields[images]} images"),
        TextColumn("{task.fields[sequence]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(title, total=None, images=0, sequence="")

        def progress(step: CheckStep) -> None:
            bar.update(
                task, completed=step.finished, total=step.total, images=step.images, sequence=visible(step.sequence)
            )

        yield progress


def report_document(report: CheckReport) -> dict[str, Any]:
    """JSON values of a report; ``complete`` says in one word what the exit code says."""
    document: dict[str, Any] = plain(report)
    return {"complete": report.complete, **document}


def report_lines(report: CheckReport, *, deep: bool) -> cabc.Iterator[str]:
    """Lines for people: totals, notes, every problem, a verdict."""
    yield (
        f"{report.benchmark}, split {report.split}, in {report.root}: {counted(report.expected, 'sequence')}, "
        f"{counted(report.frames, 'frame')}, {report.absent:,} without target, "
        f"{counted(report.images_decoded, 'image')} decoded"
    )
    for note in report.notes:
        yield f"note: {note}"
    missing = [p.sequence for p in report.problems if p.kind is ProblemKind.MISSING_SEQUENCE and p.sequence]
    if missing:
        yield f"missing sequences ({len(missing)}): {', '.join(missing)}"
    for problem in report.problems:
        if problem.kind is not ProblemKind.MISSING_SEQUENCE:
            yield f"{problem.sequence or 'copy'}: {problem.kind}: {problem.text}"
    if report.complete:
        yield "complete and readable" + ("" if deep else "; add --deep to decode every image")
    else:
        usable = f"{report.readable} of {counted(report.expected, 'sequence')}"
        yield f"{counted(len(report.problems), 'problem')}; usable: {usable}"
