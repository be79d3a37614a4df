"""Running a tracker in a child of this process, so that no death is silent: not that of ``exit`` in C, not a fault.

A process that runs foreign code can end at any moment with any exit code, 0 included; only another one can tell. And
only another one can read what is printed in C, whoever holds Python's lock: it shows control characters as codes. The
child is forked before heavy libraries are loaded, which takes a few milliseconds and no memory. Systems other than
Linux do without.
"""

import collections.abc as cabc
import ctypes
import faulthandler
import json
import os
import signal
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import Any, TextIO, cast

import click

from evalkit.commands.common import EXIT_FAILED, App
from evalkit.commands.output import echo, show_printed
from evalkit.visible import Shown

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_FROM_TERMINAL = 0x80  # SI_KERNEL of sigaction(2): Ctrl-C, which the child has got as well
_FORWARDED = (signal.SIGINT, signal.SIGTERM)
_SHOWN = 8
_ROOM = 1 << 16
_LAST_WORDS_SECONDS = 0.5
"""To wait for what was printed; a process that a tracker has left behind may print without end."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A note that outlives its writer.

    Attributes:
        handle: Memory that both processes see.
    """

    handle: int

    def note(self, **facts: Any) -> None:
        """Replace the note."""
        os.pwrite(self.handle, json.dumps(facts).encode()[: _ROOM - 1] + b"\n", 0)

    def under_way(self, names: cabc.Iterable[str]) -> None:
        """Say which sequences the tracker works on."""
        self.note(under_way=[name[:200] for name in names][:_SHOWN])

    def read(self) -> dict[str, Any]:
        """The note; empty if there is none."""
        first, _, _ = os.pread(self.handle, _ROOM, 0).partition(b"\n")
        return dict(json.loads(first)) if first else {}


def watch(app: App, *, advice: str = "") -> None:
    """Go on in a child; this process waits for it and ends with its exit code, or says how it died.

    Args:
        app: Its ``witness`` is set in the child. Nothing happens where the process goes on after the command.
        advice: How the user can go on.

    Raises:
        click.exceptions.Exit: In the watching process, with the exit code.
    """
    if sys.platform != "linux" or not app.owns_process or app.witness is not None or sys.stderr is None:
        return
    witness, parent = Witness(os.memfd_create("evalkit")), os.getpid()
    signals = {*_FORWARDED, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    sys.stderr.flush()
    heard, said = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: numpy's library has some, and expects forks
        child = os.fork()
    if child:
        os.close(said)
        listener = threading.Thread(target=show_printed, args=(heard,), daemon=True)
        listener.start()
        raise click.exceptions.Exit(_wait(child, listener, witness, signals, advice))
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    os.close(heard)
    _hand_over(said)
    faulthandler.enable()
    app.witness = witness


def _hand_over(said: int) -> None:
    """Give C's stdout and stderr to the watching process; Python's lines go where they went, in their order."""
    assert sys.__stderr__ is not None
    lines = open(os.dup(sys.__stderr__.fileno()), "w", 1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115 - to the end
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        os.dup2(said, stream.fileno())
    os.close(said)
    sys.stdout = sys.stderr = cast("TextIO", Shown(lines, sys.__stderr__))


def _wait(child: int, listener: threading.Thread, witness: Witness, signals: set[signal.Signals], advice: str) -> int:
    ended, status = 0, 0
    while not ended:
        came = signal.sigwaitinfo(signals)
        if came.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
        elif came.si_code != _FROM_TERMINAL:
            os.kill(child, came.si_signo)
    listener.join(_LAST_WORDS_SECONDS)
    left = witness.read()
    if "code" in left:
        return int(left["code"])
    lines = [f"error: the process of the tracker {_death(status)} before the command was done."]
    if names := left.get("under_way"):
        lines.append(f"Sequences under way: {', '.join(names)}.")
    echo(*lines, *([advice] if advice else []), err=True)
    return EXIT_FAILED


def _death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended itself with exit code {code} (exit or os._exit in the tracker or a library)"
    hints = {
        signal.SIGKILL: "by the system for lack of memory, or by someone",
        signal.SIGSEGV: "a fault in native code; the lines above say where",
        signal.SIGABRT: "native code gave up; the lines above say where",
    }
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"was ended by signal {-code}"
    return f"was ended by {number.name}" + (f" ({hints[number]})" if number in hints else "")
