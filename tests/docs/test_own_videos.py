"""Commands of the docs' pages exist with their options, and those from an mp4 to results run as they stand."""

import re
import shlex
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.program import call, unknown_options
from helpers.videos import write_video

PAGES = (
    *("own-tracker.md", "coming-from-pytracking.md", "custom.md", "from-mp4-to-results.md"),
    *("installation.md", "data-downloads.md", "protocols-in-short.md"),
)
BLOCK = re.compile(r"```(?:\w*)\n(.*?)```", re.DOTALL)


def commands(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [line for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("evalkit ")]


@pytest.mark.parametrize("page", PAGES)
def test_a_command_of_the_page_exists_with_its_options(page: str) -> None:
    assert commands(page)
    for line in commands(page):
        assert not unknown_options(line), line


def test_from_an_mp4_to_results_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "cat.mp4", frames=60)
    write_video(tmp_path / "videos" / "cat.mp4", frames=60)
    rows = [f"{10 + number % 40},20,16,16" for number in range(60)]
    (tmp_path / "videos" / "cat.txt").write_text("\n".join(rows))
    for line in commands("from-mp4-to-results.md"):
        done = call(*shlex.split(line)[1:])
        assert done.code == 0, (line, done)
    made = {path.name for path in (tmp_path / "tracks" / "cat-kcf").iterdir()}
    assert made == {"boxes.csv", "overlay.mp4", "page.html"}
    assert {"cat.html", "cat-both.mp4", "later"} <= {path.name for path in tmp_path.iterdir()}
