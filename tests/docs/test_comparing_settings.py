"""Every command of docs/comparing-settings.md works when pasted one after another."""

import re
import shlex

from helpers import ROOT
from helpers.program import call

PAGE = (ROOT / "docs" / "comparing-settings.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_command_of_the_page_works_when_pasted(tiny_sample, tmp_path):
    (tmp_path / "sample").symlink_to(tiny_sample)
    assert len(COMMANDS) > 7
    printed = {}
    for line in COMMANDS:
        program, *words = shlex.split(line)
        assert program == "evalkit"
        if words[0] != "make-sample":
            done = call(*words, cwd=tmp_path)
            assert done.code == (1 if words[0] == "delete-runs" else 0), done.stderr  # it asks, nobody answers
            printed[words[0]] = done.stdout
    for rate in ("0.005", "0.02", "0.08"):
        assert f"kcf rate={rate} " in printed["make-table"]
        assert f"kcf rate={rate} " in printed["compare"]


def test_the_page_names_the_settings_that_an_unknown_one_lists(tiny_sample, tmp_path):
    (words,) = re.findall(r"`evalkit (run-benchmark uav123 --tracker kcf --set help=1 [^`]*)`", PAGE)
    (tmp_path / "sample").symlink_to(tiny_sample)
    done = call(*shlex.split(words), cwd=tmp_path)
    assert done.code == 1
    assert "Its settings: padding=2.5" in done.stderr
