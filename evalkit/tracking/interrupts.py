"""Ctrl-C and SIGTERM held back to safe points: an exception in mid-message would garble what comes after it."""

import collections.abc as cabc
import contextlib
import signal
import threading
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """How often the user or the batch system asked to stop."""

    def __init__(self) -> None:
        self.count = 0

    def check(self) -> None:
        """A safe point.

        Raises:
            KeyboardInterrupt: A stop was asked for.
        """
        if self.count:
            raise KeyboardInterrupt


@contextlib.contextmanager
def held_back() -> cabc.Iterator[Interrupts]:
    """Count signals instead of raising; outside the main thread, which gets none, nothing changes."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupts.count += 1

    before = [(number, signal.signal(number, note)) for number in NUMBERS]
    try:
        yield interrupts
    finally:
        for number, handler in before:
            signal.signal(number, handler)
