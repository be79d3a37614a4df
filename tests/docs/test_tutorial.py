"""The pages that are read from top to bottom: their commands and code run as they stand, one after the other."""

import re
import shlex
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.program import call

BLOCK = re.compile(r'```(sh|python)(?: title="([^"]+)")?\n(.*?)```', re.DOTALL)


def evalkit(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "evalkit"
    done = call(*arguments)
    assert done.code == 0, (line, done)


def run(page: str) -> set[str]:
    """Run a page in the working folder; the kinds of its blocks."""
    names: dict[str, object] = {"__name__": "__main__"}
    path = ROOT / "docs" / page
    blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
    for kind, title, text in blocks:
        if title:
            Path(title).parent.mkdir(parents=True, exist_ok=True)
            Path(title).write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(compile(text, str(path), "exec"), names)
        else:
            for line in text.splitlines():
                evalkit(line)
    return {kind for kind, _, _ in blocks}


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("tutorial.md", {"success.pdf", "difference.png", "leave.mp4"}),
        ("journey.md", {"lib", "figures"}),
    ],
)
def test_a_page_runs_as_it_stands(page: str, made: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(page) == {"sh", "python"}
    assert made | {"table.tex", "report.html", "got10k-sample.zip"} <= {path.name for path in tmp_path.iterdir()}
    assert "sample" in (tmp_path / "table.tex").read_text()


def test_the_page_about_python_runs_as_it_stands(
    tiny_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample").symlink_to(tiny_sample)
    assert run("python.md") == {"python"}
    assert Path("success.png").is_file()
