"""`evalkit demo`: the commands that it prints work in the shell that has called it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.commands import output
from evalkit.commands.demo import NEXT
from helpers import ROOT
from helpers.program import PROGRAM, call


def commands(text: str) -> list[str]:
    """Shell commands below their descriptions, continued lines joined."""
    return re.findall(r"^# .*\n((?:.*\\\n)*.*)$", text, re.M)


def test_each_command_that_it_names_runs(tiny_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("run-benchmark", "uav123,lasot,visevent", "--tracker", "kcf,ncc", "--data-root", tiny_sample)
    for line in NEXT.values():
        done = call(*shlex.split(line.format(place=f"--data-root {shlex.quote(str(tiny_sample))}")))
        assert done.code == 0, (line, done)


@pytest.mark.slow
def test_what_it_prints_can_be_pasted_where_evalkit_is_not_on_the_path(tmp_path: Path) -> None:
    system = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    shell = ["sh", "-c", f"{shlex.join(PROGRAM)} demo --tiny"]
    done = subprocess.run(shell, cwd=tmp_path, env=system, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = commands(done.stderr)
    assert len(printed) == len(NEXT)
    for line in printed:
        again = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=system, capture_output=True, text=True, check=False
        )
        assert again.returncode == 0, (line, again.stderr)


@pytest.mark.parametrize(
    ("called", "path", "expected"),
    [
        (".venv/bin/evalkit", "", ".venv/bin/evalkit"),
        ("{folder}/.venv/bin/evalkit", "{folder}/.venv/bin", "evalkit"),
        ("{folder}/.venv/bin/evalkit", "{folder}/other", "{folder}/.venv/bin/evalkit"),
        ("with blank/evalkit", "", "'with blank/evalkit'"),
        ("cli.py", "", ".venv/bin/python cli.py"),
        ("{folder}/trackers/__main__.py", "", ".venv/bin/python -m evalkit.trackers"),
        ("/usr/bin/pytest", "", "evalkit"),
    ],
)
def test_commands_are_named_as_this_one_was_called(
    called: str, path: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (".venv/bin", "other"):
        file = tmp_path / folder / "evalkit"
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path.format(folder=tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(sys, "argv", [called.format(folder=tmp_path)])
    assert output.program() == expected.format(folder=tmp_path)


def test_a_long_command_is_continued_between_an_option_with_its_value_and_the_next() -> None:
    arguments = ["make-table", "a,b", "--tracker", "x y", "--data-root", "d" * 60, "--local-truth", "--json"]
    lines = output.command_line(arguments)
    assert lines == [
        "evalkit make-table a,b --tracker 'x y' \\",
        f"  --data-root {'d' * 60} \\",
        "  --local-truth --json",
    ]
    joined = "\n".join(lines).replace("\\\n", "")
    assert shlex.split(joined)[1:] == arguments
