"""The Python reference builds, and a docstring that speaks of what is not there fails."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import evalkit
from evalkit.benchmarks import BENCHMARKS, get_benchmark
from helpers import ROOT

pytest.importorskip("pdoc", reason="the Python reference needs pdoc, of the extra `dev`")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_every_public_name(reference: ModuleType, tmp_path: Path) -> None:
    assert reference.build(tmp_path) == []
    page = (tmp_path / "evalkit.html").read_text(encoding="utf-8")
    assert [name for name in evalkit.__all__ if f'id="{name}"' not in page] == []


def wrong_argument(boxes: object) -> None:
    """Do it.

    Args:
        boxs: Left, top.
    """


def wrong_reference() -> None:
    """As :func:`evalkit.scores`, and :class:`Request`."""


def no_docstring() -> None:
    pass


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (wrong_argument, "Args speaks of boxs"),
        (wrong_reference, "evalkit.scores is not there"),
        (no_docstring, "no docstring"),
    ],
)
def test_a_broken_docstring_fails(reference: ModuleType, function: object, problem: str) -> None:
    (found,) = reference.problems("it", function)
    assert problem in found


def test_make_check_builds_it() -> None:
    (line,) = re.findall(r"^check: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert "reference" in line.split()


def test_the_page_of_downloads_has_the_place_of_every_benchmark() -> None:
    page = (ROOT / "docs" / "data-downloads.md").read_text(encoding="utf-8")
    for name in BENCHMARKS:
        spec = get_benchmark(name)
        assert spec.homepage in page
        assert f"`{spec.title}`" in page
        assert f"check-data {name} " in page


def test_the_messages_of_the_page_about_trouble_are_those_of_the_program() -> None:
    files = [*(ROOT / "evalkit").rglob("*.py"), *(ROOT / "trackers").rglob("*.py"), ROOT / "Makefile"]
    program = "".join(path.read_text(encoding="utf-8") for path in files)
    program = re.sub(r"\"\s*\n\s*f?\"", "", program)
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    parts = [
        part.strip(" ,.:") for cell in cells for text in re.findall(r"`([^`]+)`", cell) for part in text.split("...")
    ]
    foreign = (
        "command not found",
        "libGL",
        "No module named",
        "needs Python",
        "within 600",
    )  # others' or with a number
    ours = [part for part in parts if len(part) > 6 and not any(text in part for text in foreign)]
    assert len(ours) > 15
    assert [part for part in ours if part not in program] == []
