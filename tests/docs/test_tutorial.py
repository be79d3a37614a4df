"""The tutorial's commands and code run as they stand, in one folder, one after the other."""

import re
import shlex
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.program import call

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r'```(sh|python)(?: title="([^"]+)")?\n(.*?)```', re.DOTALL)


def evalkit(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "evalkit"
    done = call(*arguments)
    assert done.code == 0, (line, done)


def test_tutorial_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert {kind for kind, _, _ in blocks} == {"sh", "python"}
    for kind, title, text in blocks:
        if title:
            Path(title).write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
        else:
            for line in text.splitlines():
                evalkit(line)
    made = {"success.pdf", "difference.png", "leave.mp4", "table.tex", "report.html", "got10k-sample.zip"}
    assert made <= {path.name for path in tmp_path.iterdir()}
    assert "sample" in (tmp_path / "table.tex").read_text()
