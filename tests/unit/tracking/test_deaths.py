"""However a stranger's tracker ends, in Python or with its process: the user is told, and the exit code is not 0."""

import re
import signal
import sys

import pytest

from evalkit.errors import TrackerError
from evalkit.tracking.threads import DaemonPool, call_here
from helpers.program import alive, evalkit, python, start, wait_until
from helpers.trees import draw_videos

SOURCE = """
import ctypes, os, signal, sys, time, threading
import numpy as np
from evalkit.tracking.interface import Predictions, TrackerInfo
libc = ctypes.CDLL(None)
class Own(BaseException): pass
class Odd(Exception):
    def __str__(self): raise ValueError("no text")
def trouble(box):
    if abs(box[0] - 6) < 0.5:  # the second sequence
        {trouble}
class T:
    def initialize(self, image, box): self.box = np.array(box); self.frame = 0
    def track(self, image):
        self.frame += 1
        if self.frame == 2: trouble(self.box)
        return self.box
class B:
    def __init__(self): self.info = TrackerInfo("B")
    def initialize(self, frames, boxes): return [np.array(box) for box in boxes]
    def prepare(self, state, frame): return 0
    def track(self, states, inputs):
        for state in states: trouble(state)
        return Predictions(np.array(states), np.full(len(states), np.nan))
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return draw_videos(tmp_path_factory.mktemp("videos"), [4, 4, 4])


def tracker(folder, trouble):
    (folder / "mine.py").write_text(SOURCE.format(trouble=trouble))
    return folder / "mine.py"


def run_it(folder, trouble, videos, *more, kind="T"):
    spec = f"{tracker(folder, trouble)}:{kind}"
    where = ("--data-root", videos, "--results", folder / "results")
    return evalkit("run-benchmark", "custom", "--tracker", spec, *where, "--json", *more)


RAISED = {
    "SystemExit": "sys.exit(0)",
    "GeneratorExit": "raise GeneratorExit",
    "Own": "raise Own('enough')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "CancelledError": "import asyncio; raise asyncio.CancelledError",
    "Odd": "raise Odd",
}


@pytest.mark.parametrize("kind", ["T", "B"])
def test_an_exception_of_any_kind_fails_its_sequence_alone(kind, tmp_path):
    videos = draw_videos(tmp_path / "videos", [4] * (len(RAISED) + 1))  # sequence n starts at 5 + n
    trouble = "exec(%r[round(box[0]) - 6])" % list(RAISED.values())  # noqa: UP031 - braces would clash
    source = SOURCE.replace("if abs(box[0] - 6) < 0.5:", "if box[0] > 5.5:")
    (tmp_path / "mine.py").write_text(source.replace("{trouble}", trouble))
    where = ("--data-root", videos, "--results", tmp_path / "results")
    done = evalkit("run-benchmark", "custom", "--tracker", f"{tmp_path / 'mine.py'}:{kind}", *where, "--json")
    assert done.code == 1
    assert "Traceback" not in done.stderr
    assert done.json["sequences"] == 1
    for number, name in enumerate(RAISED, start=1):
        assert name in done.json["failed"][f"s{number}"]


ENDED = {
    "os._exit(0)": "ended itself with exit code 0",
    "libc._exit(0)": "ended itself with exit code 0",
    "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(60)": "ended itself with exit code 0",
    "ctypes.string_at(0)": "was ended by SIGSEGV (a fault in native code",
    "os.kill(os.getpid(), signal.SIGKILL)": "was ended by SIGKILL (by the system for lack of memory",
}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without the watching process")
@pytest.mark.parametrize("trouble", ENDED)
def test_a_death_of_the_process_is_told_and_the_rest_can_go_on(trouble, videos, tmp_path):
    done = run_it(tmp_path, trouble, videos, "--capacity", "1")
    assert done.code == 1
    assert f"error: the process of the tracker {ENDED[trouble]}" in done.stderr
    assert re.search(
        r"^Sequences under way: (s0, )?s1\.$", done.stderr, re.MULTILINE
    )  # s0 may be on its way to the disk
    assert "With --workers 2" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without the watching process")
@pytest.mark.parametrize("command", ["check-tracker", "measure-speed --seconds 1 --tracker"])
def test_other_commands_tell_of_a_death_too(command, tmp_path):
    (tmp_path / "mine.py").write_text(SOURCE.format(trouble="pass") + "    os._exit(0)\n".replace("    ", "\n", 1))
    done = evalkit(*command.split(), f"{tmp_path / 'mine.py'}:T")
    assert done.code == 1
    assert "ended itself with exit code 0" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without the watching process")
def test_a_death_after_the_end_changes_nothing(videos, tmp_path):
    done = run_it(tmp_path, "import atexit; atexit.register(os._exit, 5)", videos)
    assert (done.code, done.json["status"]) == (0, "complete")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without the watching process")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_reaches_the_tracker_too(number, videos, tmp_path):
    spec = f"{tracker(tmp_path, f'''open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)''')}:T"
    process = start("run-benchmark", "custom", "--tracker", spec, "--data-root", videos, "--results", tmp_path / "r")
    try:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), process)
        child = int((tmp_path / "pid").read_text())
        process.send_signal(number)
        process.wait(60)
        wait_until(lambda: not alive(child))
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 1)


def test_an_import_of_any_kind_of_death_is_named(videos, tmp_path):
    for place, text in (("top", "raise GeneratorExit('at import')\n"), ("constructor", "")):
        source = SOURCE.format(trouble="pass") + text
        if place == "constructor":
            source += "    def __init__(self): raise Own('in the constructor')\n"
        (tmp_path / f"{place}.py").write_text(source)
        where = ("--data-root", videos, "--results", tmp_path / "r")
        done = evalkit("run-benchmark", "custom", "--tracker", f"{tmp_path / place}.py:{'T' if text else 'B'}", *where)
        assert done.code == 1
        assert "Traceback" not in done.stderr
        assert ("GeneratorExit: at import" if text else "Own: in the constructor") in done.stderr


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, BaseException])
def test_what_would_end_the_program_ends_a_call(kind):
    def call():
        raise kind("enough")

    with DaemonPool(1) as pool:
        for future in (pool.submit(call), call_here(call)):
            with pytest.raises(TrackerError, match=f"{kind.__name__}: enough") as caught:
                future.result(10)
            assert isinstance(caught.value.__cause__, kind)


def test_the_watching_process_costs_no_second_start():
    """It is forked before the heavy libraries are loaded: they are not in the parent."""
    program = (
        "import sys, cli\n"
        "from evalkit.commands import run, speed, trackers, watched\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'matplotlib', 'cv2'} & set(sys.modules)))"
    )
    assert python(program).stdout.strip() in {"[]", "['cv2']"}
