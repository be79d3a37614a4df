"""Progress on stderr: sequences, frames, frames/s, time left, failures."""

import collections.abc as cabc
import contextlib
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evalkit.commands.common import App
from evalkit.visible import visible

REDRAW_SECONDS = 0.1


class FrameProgress:
    """A bar over frames. Updates are gathered, since a tracker may run at thousands of frames per second."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._start = self._drawn = time.perf_counter()
        self._done = 0
        self._failed = 0

    def advance(self, frames: int) -> None:
        """Count frames."""
        self._done += frames
        if time.perf_counter() - self._drawn > REDRAW_SECONDS:
            self.draw()

    def failure(self, name: str, error: str) -> None:
        """Count and print a failed sequence."""
        self._failed += 1
        self._bar.console.print(visible(f"failed: {name}: {error}"), markup=False, highlight=False, soft_wrap=True)
        self.draw()

    def draw(self) -> None:
        """Redraw now."""
        self._drawn = time.perf_counter()
        rate = self._done / max(self._drawn - self._start, 1e-9)
        text = f"{rate:.1f} frames/s" + (f", {self._failed} failed" if self._failed else "")
        self._bar.update(self._task, completed=self._done, rate=text)


@contextlib.contextmanager
def frame_progress(app: App, sequences: int, frames: int) -> cabc.Iterator[FrameProgress]:
    """Show a bar while frames are tracked; on a terminal only, and not with ``--quiet``."""
    console = Console(stderr=True, quiet=app.quiet)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} frames"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(f"{sequences} sequences", total=frames, rate="")
        progress = FrameProgress(bar, task)
        yield progress
        progress.draw()
