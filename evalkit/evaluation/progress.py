"""Progress of a run: sequences, frames, frames/s, time left, failures, the score so far."""

import collections.abc as cabc
import contextlib
import datetime as dt
import html
import importlib
import sys
import time
from typing import Any, Self, TextIO, cast

from rich.console import Console, RenderableType
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from evalkit.visible import Shown, visible

REDRAW_SECONDS = 0.1
LINE_SECONDS = 60.0
"""Between two lines where there is no terminal to redraw on."""


class FrameProgress:
    """Two lines that are redrawn on a terminal, one in a notebook. Elsewhere a line a minute.

    Updates are gathered, since a tracker may run at thousands of frames per second.

    Args:
        sequences: To do; 0 = one video, of which only frames are counted.
        frames: To do; 0 = nobody knows.
        score: The score so far, "" if there is none.
        say: Takes messages for people.
        quiet: Show nothing.
    """

    def __init__(
        self,
        sequences: int,
        frames: int,
        score: cabc.Callable[[], str] = lambda: "",
        *,
        say: cabc.Callable[[str], None],
        quiet: bool = False,
    ) -> None:
        console = Console(stderr=True, quiet=quiet, markup=False, highlight=False)
        self._shown = console.is_terminal
        self._bar = _Bar(console, disable=not self._shown)
        self._redirected = contextlib.ExitStack()
        self._cell = _Cell() if console.is_jupyter and not quiet else None
        self._pause = REDRAW_SECONDS if self._shown or self._cell else LINE_SECONDS
        self._task = self._bar.add_task("", total=frames or None, rate="")
        self._say, self._score = say, score
        self._sequences, self._frames = sequences, frames
        self._start = self._drawn = time.perf_counter()
        self._done = self._finished = self._failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        for redirect in (contextlib.redirect_stdout, contextlib.redirect_stderr) if self._shown else ():
            self._redirected.enter_context(redirect(self._above()))
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown or self._cell:
            self.draw()
        self._redirected.close()
        self._bar.stop()

    def _above(self) -> Any:
        """What a tracker prints while the bar is drawn stands above it, its control characters as codes."""
        return Shown(cast("TextIO", FileProxy(self._bar.console, self._bar.console.file)), sys.stderr)

    def advance(self, frames: int) -> None:
        """Count frames."""
        self._done += frames
        if time.perf_counter() - self._drawn > self._pause:
            self.draw()

    def finished(self) -> None:
        """Count a sequence whose result is stored; perhaps from another thread."""
        self._finished += 1

    def failure(self, name: str, error: str) -> None:
        """Count and print a failed sequence."""
        self._failed += 1
        text = f"failed: {name}: {error}"
        if self._shown:
            self._bar.console.print(visible(text))
            self.draw()
        else:
            self._say(text)

    def draw(self) -> None:
        """Redraw, or write a line, now."""
        self._drawn = time.perf_counter()
        per_second = self._done / max(self._drawn - self._start, 1e-9)
        rate, failed = f"{per_second:.1f} frames/s", [f"{self._failed} failed"] if self._failed else []
        parts = [_of(self._done, self._frames, "frames"), *failed]
        if score := self._score():
            parts.append(f"so far: {score}")
        sequences = _of(self._finished, self._sequences, "sequences") if self._sequences else ""
        if self._shown:
            self._bar.below = ", ".join(parts)
            self._bar.update(self._task, description=sequences, completed=self._done, rate=rate)
            return
        parts[1:1] = [rate]
        if self._frames and self._done:
            left = dt.timedelta(seconds=round((self._frames - self._done) / per_second))
            parts[2:2] = [f"about {left} left"]
        text = ", ".join([*([sequences] if sequences else []), *parts])
        if self._cell:
            self._cell.show(text, self._done, self._frames)
        else:
            self._say(text)


class _Cell:
    """A bar and a line among a notebook cell's outputs, by IPython alone: rich's own bar would need ipywidgets."""

    def __init__(self) -> None:
        self._output = importlib.import_module("IPython.display").display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, text: str, done: int, total: int) -> None:
        share = f' value="{done}" max="{total}"' if total else ""
        marked = f"<progress{share}></progress> {html.escape(text)}"
        self._output.update({"text/plain": text, "text/html": marked}, raw=True)


class _Bar(Progress):
    """A bar, and below it a line of text that is cut where the terminal ends."""

    def __init__(self, console: Console, *, disable: bool) -> None:
        self.below = ""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=disable,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def get_renderables(self) -> cabc.Iterable[RenderableType]:
        yield from super().get_renderables()
        yield Text(self.below, no_wrap=True, overflow="ellipsis")


def _of(done: int, total: int, what: str) -> str:
    return f"{done} of {total} {what}" if total else f"{done} {what}"
