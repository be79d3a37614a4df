"""docs/architecture.md: short, about files that exist, and its tasks take as many files as it says."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from helpers import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: (cells[1], int(cells[2]))
    for line in PAGE.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3 and cells[2].isdigit()
}
PROVEN = {task.removesuffix(" *") for task in ROWS if task.endswith(" *")}

# What is done for a task: file -> (old text, new text), or (None, text) for a new file.
RGBT234 = (ROOT / "evalkit/benchmarks/rgbt234.py").read_text(encoding="utf-8")
SITE = "from evalkit.tracking.local_workers import LocalSite\n\n\nclass MineSite(LocalSite):\n    pass\n"
CHANGES = {
    "a benchmark": {"evalkit/benchmarks/again.py": (None, RGBT234.replace('name="rgbt234"', 'name="again"'))},
    "a variant of a protocol's rule": {
        "evalkit/scoring/protocols.py": (
            '    ("pytracking", "uav123"):',
            '    ("pytracking", "tnl2k"): replace(PYTRACKING, coordinate_shift=-1.0),\n    ("pytracking", "uav123"):',
        )
    },
    "an executor": {
        "evalkit/tracking/mine.py": (None, SITE),
        "evalkit/evaluation/executors.py": (
            '    "local": lambda',
            """    "mine": lambda asked: __import__("evalkit.tracking.mine", fromlist=["x"]).MineSite(asked.workers),
    "local": lambda""",
        ),
    },
    "a chart": {
        "evalkit/report/curves.py": (
            "CURVES = (\n",
            'CURVES = (\n    __import__("dataclasses").replace(SUCCESS, name="twice"),\n',
        )
    },
    "a table format": {
        "evalkit/report/tables/printed.py": (
            "def html_page(",
            'def to_words(table: Table) -> str:\n    return f"in words: {table.title}"\n\n\ndef html_page(',
        ),
        "evalkit/report/tables/formats.py": (
            '        TableFormat("latex"',
            '        TableFormat("words", ".words", _each(printed.to_words)),\n        TableFormat("latex"',
        ),
    },
    "a tracker's color": {"evalkit/report/palette.py": ('"#c02a68"', '"#010203"')},
    "printed decimals": {
        "evalkit/report/metrics.py": ('Metric("success_auc", "AUC")', 'Metric("success_auc", "AUC", decimals=4)')
    },
}

PROGRAM = """
import json
from evalkit.benchmarks import get_benchmark
from evalkit.commands.run import run_benchmark
from evalkit.commands.plots import make_plots
from evalkit.commands.tables import make_table
from evalkit.evaluation.executors import ExecutorOptions
from evalkit.report.curves import SUCCESS
from evalkit.report.figures.lines import curve_figure
from evalkit.report.html.part import part_json, part_styles
from evalkit.report.palette import styles_of
from evalkit.report.tables.formats import write_tables
from evalkit.report.tables.overview import benchmark_tables
from evalkit.scoring.lookup import get_protocol
from evalkit.tracking.interface import TrackerOptions
from helpers.report_parts import part

made = part({"kcf": 0.4321987, "ncc": 0.6})
tables = benchmark_tables(made.scores, {made.spec.name: made.spec})
chart = part_json(made, part_styles([made]))
line = curve_figure(SUCCESS, made.scores, "LaSOT").axes[0].lines[made.names.index("kcf")]
print(json.dumps({
    "a benchmark": get_benchmark("again").title,
    "a variant of a protocol's rule": get_protocol("pytracking", "tnl2k").coordinate_shift,
    "an executor": [
        type(ExecutorOptions("kcf", TrackerOptions(), executor="mine").site).__name__,
        any("mine" in getattr(option.type, "choices", ()) for option in run_benchmark.params),
    ],
    "a chart": [[curve["name"] for curve in chart["curves"]][0], "twice" in str(make_plots.params and
        [option.help for option in make_plots.params if hasattr(option, "help")])],
    "a table format": [
        write_tables(tables, "words"),
        any("words" in getattr(option.type, "choices", ()) for option in make_table.params),
    ],
    "a tracker's color": [styles_of(["kcf"])["kcf"].rgb, line.get_color(),
                          next(entry["color"] for entry in chart["trackers"] if entry["name"] == "kcf")],
    "printed decimals": ["43.2199" in write_tables(tables, "markdown"), chart["metrics"][0]["decimals"]],
}))
"""
EXPECTED = {
    "a benchmark": "RGBT234",
    "a variant of a protocol's rule": -1.0,
    "an executor": ["MineSite", True],
    "a chart": ["twice", True],
    "a table format": ["in words: LaSOT test", True],
    "a tracker's color": [[1, 2, 3], "#010203", "#010203"],
    "printed decimals": [True, 4],
}


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 120


def test_every_file_of_the_page_exists() -> None:
    paths = [path for path in re.findall(r"`([\w./-]+)`", PAGE) if "/" in path or path.endswith(".py")]
    assert len(paths) > 60
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "evalkit" / path).exists()] == []


def test_every_package_is_named() -> None:
    packages = [
        file.parent.relative_to(ROOT / "evalkit").as_posix() for file in (ROOT / "evalkit").rglob("__init__.py")
    ]
    assert [name for name in packages if name != "." and f"{name}/" not in PAGE] == []


def test_no_task_takes_more_than_two_program_files_but_for_a_new_modality() -> None:
    assert len(ROWS) >= 20
    assert {task for task, (_, number) in ROWS.items() if number > 2} == {"a benchmark with a new modality"}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """All tasks done in a copy of the program, and what the program then says."""
    copy = tmp_path_factory.mktemp("changed")
    for folder in ("evalkit", "trackers"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    lists = copy / "evalkit/data/sequences"
    shutil.copy(lists / "rgbt234_test.csv", lists / "again_test.csv")
    for files in CHANGES.values():
        for name, (old, new) in files.items():
            file = copy / name
            text = file.read_text(encoding="utf-8") if old else ""
            assert text.count(old or "") == 1, f"{name}: {old}"
            file.write_text(text.replace(old, new) if old else new, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_tasks_that_the_page_marks_are_those_done_here() -> None:
    assert PROVEN == set(CHANGES) == set(EXPECTED)


@pytest.mark.parametrize("task", CHANGES)
def test_a_task_takes_the_files_that_the_page_names(task: str, done: dict) -> None:
    text, number = ROWS[f"{task} *"]
    assert done[task] == EXPECTED[task]
    assert len(CHANGES[task]) == number
    for name, (old, _) in CHANGES[task].items():  # of a new file the page names one like it
        assert old is None or name.removeprefix("evalkit/") in text
