"""What `evalkit run-benchmark` says: the score so far, the scores at the end, lines for a terminal of 80 columns."""

import fcntl
import os
import pty
import re
import shlex
import struct
import termios
from pathlib import Path

import pytest

from evalkit.evaluation import progress
from helpers import ROOT
from helpers.program import PROGRAM, call

ALL = "uav123,got10k,lasot,tnl2k,trackingnet,visevent,lasher,depthtrack"


def on_terminal(*arguments: object, columns: int = 80) -> tuple[int, str]:
    """Run the program on a terminal; its exit code and what the terminal gets, without the codes for colors."""
    child, terminal = pty.fork()
    if not child:
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm")
        os.environ.pop("COLUMNS", None)
        os.execv(PROGRAM[0], [*PROGRAM, *map(str, arguments)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    got = b""
    try:
        while part := os.read(terminal, 1 << 16):
            got += part
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got.decode()).replace("\r\n", "\n")


def test_on_a_terminal_of_80_columns_lines_break_between_words(tiny_sample: Path, tmp_path: Path) -> None:
    code, shown = on_terminal(
        *("run-benchmark", ALL, "--tracker", "ncc,still", "--data-root", tiny_sample, "--results", tmp_path / "r")
    )
    assert code == 0, shown
    lines = [line for text in shown.splitlines() for line in text.split("\r")]
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []
    assert shown.count("data: sample:") == 1
    assert re.search(r"8 of 8 sequences +[━╸╺ ]+100% ", shown)
    assert re.search(r"94 of 94 frames, so far: uav123 AUC \d", shown)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_with_its_scores(tiny_sample: Path, tmp_path: Path, workers: int) -> None:
    place = ["--tracker", "ncc", "--data-root", tiny_sample, "--results", tmp_path / "results"]
    done = call("run-benchmark", "lasot,depthtrack,got10k", *place, "--workers", workers)
    scored = call("score", "lasot,depthtrack", *place, "--json").json
    lasot, depth = (entry["scores"] for entry in scored)
    assert f"\n  AUC {100 * lasot['success_auc']:.1f}  P_Norm " in done.stdout
    assert f"\n  F-score {100 * depth['longterm_f']:.1f}  Pr " in done.stdout
    assert done.stdout.count("scored by its server alone") == 1
    assert max(map(len, done.stdout.splitlines())) <= 80
    again = call("run-benchmark", "lasot,got10k", *place, "--json").json
    assert [document["scores"] for document in again] == [lasot, {}]
    assert [document["protocol"] for document in again] == ["pytracking", None]


def test_the_next_command_is_one_that_works(tiny_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("run-benchmark", ALL, "--tracker", "ncc", "--data-root", tiny_sample)
    lines = done.stderr.partition("next:\n")[2]
    assert max(map(len, lines.splitlines()[1:])) <= 80
    program, *arguments = shlex.split(lines.replace("\\\n", ""))
    assert program == "evalkit"
    assert call(*arguments).code == 0


def test_without_a_terminal_there_is_a_line_now_and_then(
    tiny_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    place = ["--data-root", tiny_sample, "--results", tmp_path / "results"]
    done = call("run-benchmark", "lasot", "--tracker", "ncc", *place)
    assert re.search(r"^0 of 1 sequences, \d+ of 12 frames, [\d.]+ frames/s, about 0:00:0\d left$", done.stderr, re.M)
    quiet = call("run-benchmark", "lasot", "--tracker", "still", "--quiet", *place)
    assert quiet.stderr == ""
