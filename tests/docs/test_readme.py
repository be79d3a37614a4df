"""The README tells the truth: its commands run as they stand, its links lead somewhere."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.program import call, unknown_options

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
LINES = [line.removeprefix("$ ") for _, block in BLOCKS for line in block.splitlines()]
COMMANDS = list(dict.fromkeys(line for line in LINES if line.startswith("evalkit ")))


def test_the_readme_is_short_begins_with_a_picture_and_shows_commands():
    assert len(README.splitlines()) <= 150
    assert README.splitlines()[2].startswith("![")
    assert "## Verified / not verified" in README
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_exists_with_its_options(line):
    assert not unknown_options(line)


def test_the_set_up_commands_of_the_readme_are_make_s():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {words[1] for line in LINES if (words := line.split()) and words[0] == "make"}
    assert shown == {"demo", "test"}
    assert shown <= targets


def test_the_commands_of_the_readme_run_as_they_stand(tiny_sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = [block for language, block in BLOCKS if language == "python"]
    assert len([line for line in code.split("class ", 1)[1].splitlines() if line.strip()]) <= 10
    Path("mine.py").write_text(code)
    Path("docs").mkdir()
    shutil.copytree(ROOT / "docs" / "clip", "docs/clip")
    Path("sample").symlink_to(tiny_sample)  # what `make demo` leaves, but smaller
    assert call("run-benchmark", "got10k", "--tracker", "kcf", "--data-root", "sample").code == 0
    for line in COMMANDS:
        if not line.startswith("evalkit make-plots "):  # seconds, which the tutorial's page takes already
            done = call(*shlex.split(line)[1:])
            assert done.code == line.startswith("evalkit audit "), (line, done)  # nothing holds of a sample
    assert {"report.html", "car.mp4", "raw", "tracks"} <= {path.name for path in Path().iterdir()}


def test_the_links_of_the_readme_and_the_docs_lead_to_files():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
