"""Call the command line as a user does."""

import contextlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click
from click.testing import CliRunner

import cli
from evalkit.commands.common import run
from evalkit.store.runs import ResultStore, Run
from helpers import ROOT

PATIENCE = 300.0
"""Seconds until a test gives up waiting; no test passes or fails by what a loaded machine needs."""


PROGRAM = (sys.executable, str(ROOT / "cli.py"))


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def call(*arguments: object, cwd: Path | None = None, app: click.Group | None = None) -> Done:
    """Run a command in this process, which saves the start of another one."""
    with contextlib.chdir(cwd or Path.cwd()), CliRunner().isolation() as (out, err, _):
        code = run(app or cli.make_app(), [*map(str, arguments)])
        return Done(code, out.getvalue().decode(), err.getvalue().decode())


def evalkit(*arguments: object, cwd: Path | None = None, timeout: float = PATIENCE) -> Done:
    """Run the program in a process of its own: where a tracker kills it, hangs, or prints beside Python's streams."""
    return _apart([*PROGRAM, *map(str, arguments)], cwd, timeout)


def unknown_options(line: str) -> set[str]:
    """Options in a line of a page that its command does not have; fails where there is no such command."""
    name, *arguments = shlex.split(line)[1:]
    app = cli.make_app()
    command = app.get_command(click.Context(app), name)
    assert command is not None, line
    if isinstance(command, click.Group):
        command = command.commands[arguments[0]]
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    return {word for word in arguments if word.startswith("--")} - known


def python(program: str, *arguments: object, cwd: Path = ROOT) -> Done:
    """Run the text of a program in an interpreter that has loaded nothing yet."""
    return _apart([sys.executable, "-c", program, *map(str, arguments)], cwd, PATIENCE)


def _apart(line: list[str], cwd: Path | None, timeout: float) -> Done:
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=cwd, env=settings, capture_output=True, text=True, timeout=timeout, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def run_videos(videos: Path, results: Path, tracker: str = "ncc", *more: object, apart: bool = False) -> Done:
    """Run a tracker over videos of the user; with several workers in a process of its own."""
    program = evalkit if apart or "--workers" in more else call
    return program(
        "run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", results, "--json", *more
    )


def only_run(results: Path) -> Run:
    """The run of a results folder that has no other."""
    (stored,) = ResultStore(results).find()
    return stored


def start(*arguments: object, cwd: Path | None = None) -> "subprocess.Popen[str]":
    """Start the program and return at once."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def wait_until(condition: Callable[[], object], process: "subprocess.Popen[str] | None" = None) -> None:
    """Wait for something that another thread or process does; the process must not end before."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


class Clock:
    """Stands in for the module ``time`` inside evalkit: only what is asked to cost time takes any."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def perf_counter(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return 0.0

    process_time = thread_time


def load_perf(name: str) -> ModuleType:
    """Import a program of ``perf/``, which may import its neighbors."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "perf" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "perf"))
    spec.loader.exec_module(module)
    sys.path.pop(0)
    return module
