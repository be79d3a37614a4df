"""What reaches the terminal, a pipe, and a table: results alone on stdout, and nothing that a stranger's name forges."""

import ast
import csv
import io
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import click
import pytest

from evalkit.commands.common import App
from evalkit.commands.listing import columns
from evalkit.commands.output import echo
from evalkit.errors import EvalkitError
from evalkit.report.metrics import METRICS
from evalkit.report.tables.formats import FORMATS, write_tables
from evalkit.report.tables.printed import html_page
from evalkit.report.tables.table import Cell, Column, Row, Table
from evalkit.report.tables.values import csv_text
from evalkit.visible import json_text, visible
from helpers import ROOT
from helpers.program import PROGRAM, call, evalkit, python
from helpers.trees import draw_videos

HOSTILE = {
    "clear screen": "a\x1b[2Jb",
    "title": "\x1b]0;title\x07",
    "title, 8 bit": "\x9d0;title\x9c",
    "control sequence, 8 bit": "\x9b2J",
    "line": "c\nforged: line",
    "carriage return": "c\rforged: line",
    "line separator": "c\u2028forged: line",
    "next line": "c\x85forged: line",
    "form feed": "c\x0cforged",
    "vertical tab": "c\x0bforged",
    "backspace": "bad\x08\x08\x08good",
    "direction": "\u202egnp.exe",
    "isolate": "\u2066a",
    "delete": "\x7f",
    "null": "a\x00b",
    "half a character": "a\udcff",
}
ORDINARY = ["plain", "täräkker", "追跡", "😀", "a\\b", "boy`s+head", "ZWNJ\u200cname"]


def obeyed(text):
    """Characters that a terminal would obey, apart from the line breaks of our own lines."""
    return [character for character in text.replace("\n", "") if visible(character) != character]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_control_character_is_shown_as_its_code(kind):
    shown = visible(HOSTILE[kind])
    assert shown.isprintable()
    assert "\\" in shown
    assert shown.encode()
    assert visible(shown) == shown


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text):
    assert visible(text) == text
    assert json.loads(json_text({text: [text, 1.5]})) == {text: [text, 1.5]}


@pytest.mark.parametrize("kind", HOSTILE)
def test_json_keeps_the_name_and_shows_its_codes(kind):
    text = json_text({HOSTILE[kind]: HOSTILE[kind]})
    assert json.loads(text) == {HOSTILE[kind]: HOSTILE[kind]}
    assert not obeyed(text)
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("kind", HOSTILE)
def test_messages_results_and_errors_are_one_line_each(kind):
    @click.command()
    @click.pass_obj
    def command(app):
        app.say(f"message {HOSTILE[kind]}", "second")
        app.detail()
        echo(f"result {HOSTILE[kind]}")
        raise EvalkitError(f"first {HOSTILE[kind]}", f"second {HOSTILE[kind]}")

    group = click.Group(commands={"command": command}, context_settings={"obj": App(verbose=True)})
    code, out, err = call("command", app=group)
    assert code == 1
    assert out == f"result {visible(HOSTILE[kind])}\n"
    assert err.splitlines() == [
        f"message {visible(HOSTILE[kind])}",
        "second",
        f"error: first {visible(HOSTILE[kind])}",
        f"second {visible(HOSTILE[kind])}",
    ]


@pytest.mark.parametrize("kind", HOSTILE)
def test_wrong_usage_is_shown_with_codes(kind):
    group = click.Group(context_settings={"obj": App()})
    for word in (HOSTILE[kind], "--" + HOSTILE[kind]):
        done = call(word, app=group)
        assert done.code == 2
        assert not obeyed(done.stderr)


def test_columns_stay_aligned_beside_a_shown_code():
    first, second = columns([["a\x1b", "z"], ["long", "y"]])
    assert first.index("z") == second.index("y")


def test_commands_print_in_one_place():
    """No other module may print, or open a terminal's console without showing codes; Python's interface shows them."""
    for path in (ROOT / "evalkit").rglob("*.py"):
        if path.name == "output.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if path == ROOT / "evalkit" / "api.py" and "visible(" in ast.unparse(node):
                    continue
                assert called not in {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}, (
                    path
                )


# --- tables ------------------------------------------------------------------------------------------------------------


def table(name):
    metric = next(iter(METRICS.values()))
    cells = ((Cell(0.5, metric, notes=(f"note {name}",)),), (Cell(float("nan"), metric, printed=name),))
    rows = (Row(name, (f"row note {name}",), {"run": name}), Row("second"))
    return Table(f"title {name}", rows, (Column("auc", name, name),), cells, caption=name, notes=(f"remark {name}",))


@pytest.mark.parametrize("form", list(FORMATS))
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_name_forges_no_row_in_any_format(kind, form):
    hostile, plain = write_tables([table(HOSTILE[kind])], form), write_tables([table("plain")], form)
    assert not obeyed(hostile)
    if form == "latex":  # a wide table has a line more, which sets the size of its letters
        for mark in ("%", r"\\", r"\begin"):
            assert sum(mark in line for line in hostile.splitlines()) == sum(
                mark in line for line in plain.splitlines()
            )
    else:
        assert len(hostile.splitlines()) == len(plain.splitlines())
    if form == "csv":
        assert [len(row) for row in csv.reader(io.StringIO(hostile))] == [
            len(row) for row in csv.reader(io.StringIO(plain))
        ]


@pytest.mark.parametrize(
    "name", ["a | b |\n| c", "a & b \\\\ c", "</td></tr><tr><td>x", 'a",b\n"c', "a\n\n\\end{table}", "| --- |"]
)
@pytest.mark.parametrize("form", ["markdown", "latex", "html", "csv"])
def test_what_separates_cells_in_a_format_is_inert_in_a_name(name, form):
    rows = {
        "markdown": lambda text: [line.replace("\\|", "").count("|") for line in text.splitlines() if line[:1] == "|"],
        "latex": lambda text: [line.replace("\\&", "").count("&") for line in text.splitlines() if line.endswith(r" \\")],
        "html": lambda text: [line.count("<td") for line in text.splitlines() if "<tr" in line],
        "csv": lambda text: [len(row) for row in csv.reader(io.StringIO(text))],
    }[form]  # fmt: skip
    assert rows(write_tables([table(name)], form)) == rows(write_tables([table("plain")], form))


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    "\uff1d1",
    "-x",
    "+",
    "--=1",
]
NUMBERS = ["1", "-1", "+1.5", "-0.25", "1e-5", "-", "--", "", "a=b", "x-1", "3f2a", ".5", "-1."]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_like_a_formula_gets_an_apostrophe(text):
    assert csv_text(text) == f"'{text}"


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_and_other_texts_stay(text):
    assert csv_text(text) == text


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_a_sheet_is_a_formula(name):
    for row in csv.DictReader(io.StringIO(write_tables([table(name)], "csv"))):
        for key, cell in row.items():
            assert cell == csv_text(cell), (key, cell)


def test_a_page_with_half_a_character_can_be_written():
    assert html_page([replace(table("a\udcff"), title="\udcff")]).encode()


# --- real runs ---------------------------------------------------------------------------------------------------------


TRACKER = """
import ctypes, os, subprocess, sys, threading, atexit, time
import numpy as np
libc = ctypes.CDLL(None)
atexit.register(print, "at exit")
def background():
    for _ in range(1000):
        print("thread"); os.write(1, b"thread in C\\n"); time.sleep(0.001)
class T:
    def initialize(self, image, box):
        self.box = np.array(box)
        if "left behind" not in {thread.name for thread in threading.enumerate()}:
            threading.Thread(target=background, name="left behind", daemon=True).start()
    def track(self, image):
        print("from Python"); sys.__stdout__.write("from the real one\\n")
        os.write(1, b"from C\\n"); libc.puts(b"buffered in C"); subprocess.run(["echo", "from a child"])
        return self.box
"""


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "noisy.py").write_text(TRACKER)
    return folder, draw_videos(folder / "videos", [3, 3])


@pytest.mark.parametrize(
    "arguments",
    [
        ("run-benchmark", "custom", "--tracker"),
        ("run-benchmark", "custom", "--workers", "2", "--tracker"),
        ("check-tracker",),
        ("measure-speed", "--seconds", "2", "--tracker"),
    ],
    ids=["run", "workers", "check", "speed"],
)
def test_stdout_is_for_results_whatever_a_tracker_prints(arguments, noisy, tmp_path):
    folder, videos = noisy
    more = ("--data-root", videos, "--results", tmp_path) if arguments[0] == "run-benchmark" else ()
    done = evalkit(*arguments, f"{folder / 'noisy.py'}:T", "--json", *more)
    assert done.code == 0, done.stderr[-2000:]
    assert isinstance(done.json, dict)
    for text in ("from Python", "from C", "buffered in C", "from a child", "thread in C"):
        assert text in done.stderr


def test_stdout_is_as_before_afterwards():
    program = """
import ctypes, os, click
from evalkit.commands import common
from evalkit.commands.output import echo, stdout_for_results
@click.command()
@stdout_for_results()
def command():
    os.write(1, b"foreign in C\\n")
    ctypes.CDLL(None).puts(b"buffered")
    print("foreign")
    echo("result")
common.run(click.Group(commands={"command": command}, context_settings={"obj": common.App()}), ["command"])
print("after", flush=True)
os.write(1, b"after in C\\n")
"""
    done = python(program)
    assert done.stdout.split("\n") == ["result", "after", "after in C", ""]
    assert sorted(done.stderr.split("\n")) == ["", "buffered", "foreign", "foreign in C"]


@pytest.mark.parametrize("command", ["list trackers", "run-benchmark custom --tracker kcf --json"])
@pytest.mark.parametrize(
    ("stream", "code", "said"),
    [(">/dev/full", 1, "error: cannot write to stdout"), (">&-", 0, ""), ("2>&-", 0, ""), ("2>/dev/full", 0, "")],
)
def test_a_closed_or_full_stream_gives_no_traceback(command, stream, code, said, noisy, tmp_path):
    data = f"--data-root {noisy[1]} --results {tmp_path}" if command.startswith("run") else ""
    line = f"{shlex.join(PROGRAM)} {command} {data} {stream}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_reader_that_leaves_gives_no_traceback(noisy, tmp_path):
    line = f"{shlex.join(PROGRAM)} run-benchmark custom --tracker kcf --json"
    line = f"{line} --data-root {noisy[1]} --results {tmp_path} | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def on_a_terminal(*arguments):
    """What a terminal would get of the program."""
    pid, handle = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [*PROGRAM, *map(str, arguments)])
    shown = b""
    while True:
        try:
            part = os.read(handle, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.waitpid(pid, 0)
    return shown


FORGED = [b"\x1b[2J", b"\x1b]0;", b"\nforged", b"\x9b", b"\x07"]
NAMES = ["a\x1b[2Jb\x1b]0;title\x07", "c\nforged: line", "=1+1"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    source = draw_videos(folder / "source", [4])
    for name in NAMES:
        shutil.copytree(next(path for path in source.iterdir() if path.is_dir()), folder / "videos" / name)
    broken = folder / "videos" / "d\x1b[2J\nforged: too"
    shutil.copytree(folder / "videos" / NAMES[0], broken)
    (broken / "groundtruth.txt").write_text("no numbers\x1b[2J\nforged: text\n")
    results = folder / "results"
    evalkit("run-benchmark", "custom", "--tracker", "kcf", "--data-root", folder / "videos", "--results", results)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("run-benchmark", "custom", "--tracker", "kcf", "--fresh"),
        ("run-benchmark", "custom", "--tracker", "kcf", "--sequences", "x\x1b[2J\nforged"),
        ("check-data", "custom"),
        ("score", "custom", "--tracker", "kcf", "--per-sequence", "--allow-missing"),
        ("score", "custom", "--tracker", "kcf"),
        ("score", "custom", "--tracker", "no\x1b[2J\nforged"),
        ("make-table", "--benchmark", "custom", "--tracker", "kcf", "--allow-missing"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_names_of_sequences_and_files_do_not_steer_the_terminal(arguments, videos):
    results = () if arguments[0] == "check-data" else ("--results", videos / "results")
    shown = on_a_terminal(*arguments, "--data-root", videos / "videos", *results)
    assert shown
    assert not [text for text in FORGED if text in shown], shown


CODES = "\x1b[2J\x1b]0;title\x07"
STEERING = r"""
import ctypes, io, logging, os, subprocess, sys, warnings
CODES = "\x1b[2J\x1b]0;title\x07"
class T:
    def initialize(self, image, box):
        self.box = box
        print("print" + CODES)
        sys.stderr.writelines(["error" + CODES, "\n"])
        print("[/partly]" + CODES, end="", flush=True)
        self.wrapped = io.TextIOWrapper(sys.stdout.buffer, write_through=True)
        self.wrapped.write("wrapped" + CODES + "\n")
        sys.__stderr__.write("real" + CODES + "\n")
        os.write(1, ("one" + CODES + "\n").encode())
        os.write(2, ("two" + CODES + "\n").encode())
        ctypes.CDLL(None).puts(("puts" + CODES).encode())
        subprocess.run([sys.executable, "-c", f"print('child' + {CODES!r})"], stdout=sys.stderr)
        warnings.warn("warned" + CODES)
        logging.error("logged" + CODES)
    def track(self, image):
        return self.box
"""


@pytest.mark.parametrize(
    "arguments",
    [("run-benchmark", "custom"), ("run-benchmark", "custom", "--workers", "2"), ("track",)],
    ids=["run", "workers", "track"],
)
def test_nothing_that_a_tracker_prints_steers_the_terminal(arguments, tmp_path):
    videos = draw_videos(tmp_path / "videos", [3])
    (tmp_path / "mine.py").write_text(STEERING)
    if arguments == ("track",):
        more = (videos / "s0" / "img", "--init-box", "1,2,9,9", "--output", tmp_path / "out", "--no-video")
    else:
        more = ("--data-root", videos, "--results", tmp_path / "results")
    shown = on_a_terminal(*arguments, "--tracker", f"{tmp_path / 'mine.py'}:T", *more)
    assert not [text for text in FORGED if text in shown], shown
    for word in ["print", "error", "[/partly]", "wrapped", "real", "one", "two", "puts", "child", "warned", "logged"]:
        assert f"{word}{visible(CODES)}".encode() in shown, word


def test_names_in_an_archive_do_not_steer_the_terminal(tmp_path):
    with zipfile.ZipFile(tmp_path / "e\x1b[2J.zip", "w") as file:
        for name in ("t\x1b[2J/GOT-10k_Val_000001.txt", "x\nforged: member.txt", "\x1b]0;title\x07/y.txt"):
            file.writestr(name, "1,2,3,4\n")
    shown = on_a_terminal(
        "import-results", tmp_path / "e\x1b[2J.zip", "--benchmark", "got10k", "--results", tmp_path / "r"
    )
    assert shown
    assert not [text for text in FORGED if text in shown], shown


# --- files that should give an error and no traceback --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images = " + "[" * 100_000, "is not valid TOML"),
        ('images = "\\u0000"', "a null byte in its name"),
        ('images = "a\\u0000/*.png"', "a null byte in its name"),
    ],
)
def test_a_hostile_layout_file_is_an_error_without_a_traceback(text, said, videos, tmp_path):
    (tmp_path / "layout.toml").write_text(text)
    done = evalkit("check-data", "custom", "--data-root", videos / "videos", "--layout", tmp_path / "layout.toml")
    assert done.code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trackers_own_prints_forge_nothing_on_the_terminal(tmp_path):
    loud = "print('\\x1b[2J\\x1b]0;owned\\x07hello\\tyou')"
    (tmp_path / "loud.py").write_text(
        f"class Loud:\n    def initialize(self, image, box):\n        self.box = box\n        {loud}\n"
        "    def track(self, image):\n        return self.box\n"
    )
    videos = draw_videos(tmp_path / "videos", [3])
    done = call("run-benchmark", "custom", "--tracker", tmp_path / "loud.py:Loud", "--data-root", videos,
                "--results", tmp_path / "results", "--json")  # fmt: skip
    assert done.json["status"] == "complete"
    assert obeyed(done.stderr) == []
    assert "\\x1b[2J\\x1b]0;owned\\x07hello" in done.stderr
