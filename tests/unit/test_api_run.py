"""`evalkit.run`: a name, a class or an object over benchmarks from Python, as the command runs it."""

import linecache
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.errors import OptionError, TrackerError, UnknownNameError
from evalkit.provenance import hash_files
from evalkit.tracking.own import _source_hash
from helpers.program import call

CELL = """
import numpy as np
class Slow:
    started = 0
    def __init__(self, speed=1.0):
        self.speed = speed
    def initialize(self, image, box):
        type(self).started += 1
        self.box = np.array(box)
    def track(self, image):
        self.box[0] += self.speed
        return self.box.copy()
"""


def cell(text: str, number: int) -> type:
    """A class as a notebook makes it: executed text that Python's line cache knows by a name."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)
    return names["Slow"]


class Held:
    """An object of a program: it serves one sequence after the other."""

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def initialize(self, image: np.ndarray, box: np.ndarray) -> None:
        self.box = np.array(box)

    def track(self, image: np.ndarray) -> np.ndarray:
        self.box[0] += self.speed
        return self.box.copy()


@pytest.fixture
def place(tiny_sample: Path, tmp_path: Path) -> dict[str, Any]:
    return {"data_root": tiny_sample, "results": tmp_path / "results", "progress": False}


def test_a_class_of_a_notebook_runs_and_is_known_by_its_cell(place: dict[str, Any]) -> None:
    kind = cell(CELL, 1)
    first = evalkit.run(kind, "lasot", **place)
    assert first.complete
    assert not first.failed
    assert first.runs[0].identity.tracker == "Slow"
    assert kind.started == 1
    again = evalkit.run(cell(CELL, 2), "lasot", **place)
    assert again.runs[0].path == first.runs[0].path
    changed = evalkit.run(cell(CELL.replace("+= self.speed", "-= self.speed"), 3), "lasot", **place)
    faster = evalkit.run(kind, "lasot", settings={"speed": 3.0}, **place)
    assert len({first.runs[0].path, changed.runs[0].path, faster.runs[0].path}) == 3


def test_the_result_shows_the_scores_of_the_command(place: dict[str, Any]) -> None:
    result = evalkit.run("ncc", ["lasot", "visevent", "got10k"], **place)
    options = ["--data-root", place["data_root"], "--results", place["results"], "--json"]
    lasot, visevent = call("score", "lasot,visevent", "--tracker", "ncc", *options).json
    assert result.scores.loc[("lasot", "ncc"), "success_auc"] == lasot["scores"]["success_auc"]
    assert result.scores.loc[("visevent", "ncc"), "precision_20"] == visevent["scores"]["precision_20"]
    assert f"{100 * lasot['scores']['success_auc']:.1f}" in repr(result)
    assert repr(result).startswith("ncc: complete\n")
    assert "<table" in result._repr_html_()
    alone = evalkit.run("ncc", "got10k", **place)  # whose truth a server has
    assert (repr(alone), len(alone.scores)) == ("ncc: complete", 0)


def test_an_object_runs_and_another_one_with_other_values_is_another_run(place: dict[str, Any]) -> None:
    results = [evalkit.run(Held(speed), "lasot", capacity=8, **place) for speed in (1.0, 1.0, 2.0)]
    assert results[0].runs[0].path == results[1].runs[0].path != results[2].runs[0].path
    unknown = Held(1.0)
    unknown.callback = lambda: None  # nothing tells what it does, so that no earlier run is its
    assert evalkit.run(unknown, "lasot", **place).runs[0].path != evalkit.run(unknown, "lasot", **place).runs[0].path


def test_a_sequence_that_fails_is_named(place: dict[str, Any]) -> None:
    broken = cell(CELL.replace("return self.box.copy()", "return None"), 4)
    result = evalkit.run(broken, "lasot", **place)
    assert not result.complete
    (name,) = result.failed
    assert name.startswith("lasot/")
    assert "1 failed" in repr(result)


def test_what_cannot_be_run_is_said_before_anything_runs(place: dict[str, Any]) -> None:
    with pytest.raises(UnknownNameError, match="limit_frames"):
        evalkit.run("ncc", "lasot", limit_frame=3, **place)
    with pytest.raises(UnknownNameError, match="ncc"):
        evalkit.run("nc", "lasot", **place)
    with pytest.raises(TrackerError, match="fits no interface"):
        evalkit.run(object(), "lasot", **place)
    with pytest.raises(OptionError, match=r"FILE\.py:CLASS"):
        evalkit.run(Held, "lasot", settings={"speed": 1.0}, workers=2, **place)
    with pytest.raises(TrackerError, match="speed"):
        evalkit.run(Held, "lasot", **place)
    assert not place["results"].exists()


def test_progress_and_notes_go_to_stderr(place: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    evalkit.run("still", "lasot", **{**place, "progress": True})
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "note: lasot: data: sample:" in shown.err


def test_a_cell_of_a_notebook_shows_one_bar_that_is_redrawn(
    place: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []

    def display(data: dict[str, str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(update=lambda data, raw: shown.append(data))

    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    evalkit.run("still", "lasot", **place)
    assert shown == []
    evalkit.run("still", "lasot", fresh=True, **{**place, "progress": True})
    assert shown[-1]["text/plain"].startswith("1 of 1 sequences, 12 of 12 frames")
    assert shown[-1]["text/html"].startswith('<progress value="12" max="12"></progress> 1 of 1 sequences')
    assert "sequences" not in capsys.readouterr().err


def test_a_class_of_a_main_module_without_a_file_is_known_by_the_files_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typed.py").write_text(CELL)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(CELL, str(tmp_path / "typed.py"), "exec"), names)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert _source_hash(names["Slow"]) == hash_files([tmp_path / "typed.py"])
