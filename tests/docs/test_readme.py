"""The README tells the truth: its commands and options exist, its tracker works, its links lead somewhere."""

import re
import shlex

import click
import pytest

import cli
from helpers import ROOT
from helpers.program import evalkit
from helpers.trees import draw_videos

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
LINES = [line.removeprefix("$ ") for _, block in BLOCKS for line in block.splitlines()]
COMMANDS = sorted({line for line in LINES if line.startswith("evalkit ")})


def test_the_readme_shows_commands():
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_exists_with_its_options(line):
    name, *arguments = shlex.split(line)[1:]
    app = cli.make_app()
    command = app.get_command(click.Context(app), name)
    assert command is not None, f"no command {name}"
    if isinstance(command, click.Group):
        command = command.commands[arguments[0]]
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    assert {word for word in arguments if word.startswith("--")} <= known


def test_the_set_up_commands_of_the_readme_are_make_s():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {words[1] for line in LINES if (words := line.split()) and words[0] == "make"}
    assert shown == {"demo", "test"}
    assert shown <= targets


def test_the_tracker_of_the_readme_runs_and_passes_the_conformance_suite(tmp_path):
    (code,) = [block for language, block in BLOCKS if language == "python"]
    body = [line for line in code.split("class ", 1)[1].splitlines() if line.strip()]
    assert len(body) <= 10
    (tmp_path / "mine.py").write_text(code)
    assert evalkit("check-tracker", "mine.py:Template", cwd=tmp_path).code == 0
    draw_videos(tmp_path / "videos", [5, 4])
    done = evalkit("run-benchmark", "custom", "--tracker", "mine.py:Template", "--data-root", "videos", cwd=tmp_path)
    assert done.code == 0, done.stderr


def test_the_links_of_the_readme_and_the_docs_lead_to_files():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
