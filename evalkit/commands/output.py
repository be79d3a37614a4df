"""The one place where commands print: nothing forged on the terminal, nothing but results on stdout."""

import codecs
import collections.abc as cabc
import contextlib
import ctypes
import io
import os
import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TextIO, cast

import click

from evalkit.errors import EvalkitError
from evalkit.visible import Shown, visible

WIDTH = 80
"""Columns that printed lines are made for."""
_RESULTS = "evalkit.results"
"""Key of the stream for results in click's shared context."""


def echo(*lines: object, err: bool = False) -> None:
    """Print lines, each on a line of its own: a line break inside of them is shown as its code.

    Args:
        *lines: None of them: an empty one.
        err: To stderr, for messages; else to stdout, for results.
    """
    shown = [visible(str(line)) for line in lines or ("",)]
    terminal = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    if err and terminal is not None and terminal.isatty():
        shown = [part for line in shown for part in _wrapped(line, terminal)]
    echo_text("".join(f"{line}\n" for line in shown), err=err)


def _wrapped(line: str, terminal: TextIO) -> list[str]:
    """Lines that break between words where the terminal ends, and would otherwise break anywhere."""
    columns = os.get_terminal_size(terminal.fileno()).columns or WIDTH  # stdout's is a pipe where foreign code runs
    width = max(20, shutil.get_terminal_size((columns, 1)).columns)
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [
        line
    ]


def echo_text(text: str, *, err: bool = False) -> None:
    """Print text that has its lines already and is made visible.

    Raises:
        EvalkitError: A result cannot be written: the disk is full.
        BrokenPipeError: Nobody reads the results any more.
    """
    context = click.get_current_context(silent=True)
    stream = sys.stderr if err else None if context is None else context.meta.get(_RESULTS)
    try:
        click.echo(text, file=stream, nl=False, err=err)
    except OSError as problem:
        _abandon(stream or sys.stdout)
        if isinstance(problem, BrokenPipeError):
            raise
        if not err:
            raise EvalkitError(f"cannot write to stdout: {problem.strerror}.") from problem


def _abandon(stream: TextIO) -> None:
    """What is left in the buffer would fail again when the program ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def program() -> str:
    """How this program is called in the shell that has called it: ``evalkit`` only if that is on the path there.

    Example:
        >>> program()
        'evalkit'
    """
    called = Path(sys.argv[0])
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    if called.name == "cli.py":
        return shlex.join([python, sys.argv[0]])
    if called.name == "__main__.py" and called.parent.name == "trackers":
        return shlex.join([python, "-m", "evalkit.trackers"])
    on_path = shutil.which("evalkit")
    if called.name != "evalkit" or (on_path is not None and called.exists() and called.samefile(on_path)):
        return "evalkit"
    return shlex.quote(sys.argv[0])


def command_line(arguments: cabc.Sequence[str]) -> list[str]:
    """Lines that can be pasted: this program with arguments, continued where they reach :data:`WIDTH`."""
    lines = [program()]
    parts = re.sub(r"(?<!\S)(--\S+) (?!--)", "\\1\0", shlex.join(arguments)).split(" ")  # options keep their values
    for part in parts:
        if len(lines[-1]) + len(part) + len("  \\") > WIDTH:
            lines[-1] += " \\"
            lines.append(" ")
        lines[-1] += " " + part.replace("\0", " ")
    return lines


@contextlib.contextmanager
def stdout_for_results() -> cabc.Iterator[None]:
    """Keep stdout for results while foreign code may print.

    Whatever else is written there, in Python or in C, by a thread or by a child process, goes to stderr; in a process
    of our own up to its end, since foreign code may leave a thread behind or print when the interpreter ends. Of what
    Python prints, control characters are shown as codes; :func:`~evalkit.commands.watched.watch` sees to the rest.
    """
    context, stdout, stderr = click.get_current_context(), sys.stdout, sys.stderr
    moved = _moved(stdout)
    context.meta[_RESULTS] = stdout if moved is None else moved
    sys.stdout = sys.stderr = stderr and cast("TextIO", Shown(stderr))  # None where it is closed
    try:
        yield
    finally:
        if not getattr(context.obj, "owns_process", False):
            del context.meta[_RESULTS]
            sys.stdout, sys.stderr = stdout, stderr
            if moved is not None:
                _move_back(moved, stdout)


def show_printed(heard: int) -> None:
    """Show what foreign code prints into a pipe, until nobody holds its other end."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
    while part := os.read(heard, 1 << 16):
        with contextlib.suppress(OSError):  # there is nobody to see it
            sys.stderr.write(decoder.decode(part))
            sys.stderr.flush()


def _moved(stdout: TextIO) -> TextIO | None:
    """Give stdout's descriptor to stderr; return a stream on a new one. None for streams that have no descriptor."""
    try:
        number, messages = stdout.fileno(), sys.stderr.fileno()
    except (AttributeError, ValueError, io.UnsupportedOperation):  # closed, or a notebook's: nothing in C prints there
        return None
    stdout.flush()
    kept = os.dup(number)
    os.dup2(messages, number)
    return open(kept, "w", encoding=stdout.encoding, errors=stdout.errors)  # noqa: PTH123 - closed by _move_back


def _move_back(moved: TextIO, stdout: TextIO) -> None:
    ctypes.CDLL(None).fflush(None)  # what C has buffered is no result either
    os.dup2(moved.fileno(), stdout.fileno())
    moved.close()
