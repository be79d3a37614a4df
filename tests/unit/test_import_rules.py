"""Who may import whom; what must stay cheap to import."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

import evalkit
from helpers import ROOT
from helpers.program import python
from helpers.trees import draw_videos

# Module prefix -> evalkit and trackers modules that it may import. The longest prefix decides; arrows never turn back.
CORE = [
    "evalkit.atomic",
    "evalkit.hardware",
    "evalkit.machine",
    "evalkit.errors",
    "evalkit.boxes",
    "evalkit.numbers",
    "evalkit.flat",
    "evalkit.modality",
    "evalkit.values",
    "evalkit.visible",
    "evalkit.provenance",
    "evalkit.zips",
]
DATA = [*CORE, "evalkit.sequences", "evalkit.images", "evalkit.archive"]
LAYERS = [
    *("evalkit.benchmarks", "evalkit.published", "evalkit.report", "evalkit.results", "evalkit.sample"),
    *("evalkit.scoring", "evalkit.settings", "evalkit.store", "evalkit.tracking"),
]
PUBLIC = {getattr(evalkit, name).__module__ for name in evalkit.__all__ if name != "__version__"}
RULES = {
    "evalkit": [*PUBLIC],
    "evalkit.api": [
        "evalkit.errors",
        "evalkit.benchmarks",
        "evalkit.evaluation",
        "evalkit.report",
        "evalkit.results",
        "evalkit.scoring",
        "evalkit.store",
        "evalkit.tracking.interface",
        "evalkit.visible",
    ],
    "evalkit.hardware": ["evalkit.machine"],
    "evalkit.machine": [],
    "evalkit.errors": [],
    "evalkit.modality": [],
    "evalkit.provenance": [],
    "evalkit.values": [],
    "evalkit.visible": [],
    "evalkit.zips": CORE,
    "evalkit.boxes": CORE,
    "evalkit.flat": CORE,
    "evalkit.numbers": CORE,
    "evalkit.sequences": CORE,
    "evalkit.images": DATA,
    "evalkit.archive": CORE,
    "evalkit.sample": [*DATA, "evalkit.sample"],
    "evalkit.benchmarks": [*DATA, "evalkit.benchmarks"],
    "evalkit.store": [*DATA, "evalkit.store"],
    "evalkit.results": [*DATA, "evalkit.results", "evalkit.store"],
    "evalkit.scoring": [*DATA, "evalkit.published", "evalkit.scoring", "evalkit.benchmarks.spec"],
    "evalkit.tracking": [*DATA, "evalkit.tracking", "evalkit.store"],
    "evalkit.testing": [*DATA, "evalkit.tracking"],
    "evalkit.settings": CORE,
    "evalkit.atomic": CORE,
    "evalkit.evaluation": [*DATA, *LAYERS, "evalkit.evaluation"],
    "evalkit.published": CORE,
    "evalkit.report": [
        *DATA,
        "evalkit.published",
        "evalkit.report",
        "evalkit.scoring",
        "evalkit.benchmarks",
        "evalkit.store",
    ],
    "evalkit.submission": [*DATA, "evalkit.submission", "evalkit.benchmarks", "evalkit.store"],
    "evalkit.commands": [
        *(*DATA, *LAYERS, "evalkit.commands", "evalkit.evaluation", "evalkit.submission", "evalkit.testing"),
    ],
    "trackers": [*DATA, "trackers", "evalkit.tracking"],
    "trackers.training": [*DATA, "trackers", "evalkit.benchmarks", "evalkit.sample", "evalkit.tracking"],
    "trackers.training.study": [*DATA, "trackers", "evalkit.evaluation", "evalkit.sample", "evalkit.tracking"],
    "trackers.__main__": ["evalkit.commands", "trackers"],
    "cli": ["trackers"],
}


def modules() -> dict[str, Path]:
    files = [*ROOT.glob("evalkit/**/*.py"), *ROOT.glob("trackers/**/*.py"), ROOT / "cli.py"]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files}
    return {name: path for path, name in names.items()}


def imports(path: Path, *, typing: bool = True) -> set[str]:
    """Names that a module imports anywhere; with or without those for type checkers alone."""
    actual = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not typing:
        for node in tree.body:
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                node.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            actual |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            assert bool(node.level) == module.startswith("trackers") or path.name == "cli.py", (
                f"{path}: trackers import each other relatively, since the wheel has them as evalkit.trackers; all else "
                f"is imported by its full name, not {module}"
            )
            actual |= {f"{module}.{alias.name}" for alias in node.names}
    return actual


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def rule_of(module: str) -> str:
    return max((prefix for prefix in RULES if below(module, prefix)), key=len)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_its_layer_may(module):
    rule = rule_of(module)
    known = modules()
    for target in imports(modules()[module]):
        if not (below(target, "evalkit") or below(target, "trackers") or target == "cli"):
            continue
        target_module = target if target in known else target.rpartition(".")[0]
        if target_module == "evalkit":  # the bare package, which loads nothing: its version and place, no public name
            assert target in {"evalkit", "evalkit.__version__"}, f"{module} imports {target}"
            continue
        assert any(below(target_module, prefix) for prefix in RULES[rule]), (
            f"{module} ({rule}) must not import {target}"
        )


def test_only_the_entry_programs_import_commands_and_only_commands_know_click():
    for module, path in modules().items():
        if below(module, "evalkit.commands") or module == "trackers.__main__":
            continue
        assert not any(below(target, "evalkit.commands") for target in imports(path)), module
        assert "click" not in imports(path) or below(module, "trackers"), (
            f"{module}: options are the commands' business"
        )


SHARED_BY_TESTS = re.compile(
    r"^\s*(from|import) (tests|test_\w+|click\.testing)\b|^\s*from evalkit\.commands\.common import .*\brun\b",
    re.MULTILINE,
)


def test_tests_share_helpers_alone_and_the_command_line_is_called_in_one_of_them():
    files = (
        path for path in (ROOT / "tests").rglob("*.py") if SHARED_BY_TESTS.search(path.read_text(encoding="utf-8"))
    )
    assert list(files) == [ROOT / "tests" / "helpers" / "program.py"]


def test_no_modules_import_one_another_in_a_circle():
    """Imports within functions count; those that type checkers alone see do not."""
    known = modules()
    graph = {
        name: {target if target in known else target.rpartition(".")[0] for target in imports(path, typing=False)}
        for name, path in known.items()
    }
    try:
        graphlib.TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()
    except graphlib.CycleError as circle:
        pytest.fail(" imports ".join(circle.args[1]))


@pytest.mark.parametrize("module", sorted(name for name in modules() if not below(name, "trackers")))
def test_torch_stays_in_the_trackers(module):
    lazily = {"evalkit.tracking.local_workers"}  # asks whether there is a CUDA device
    actual = {name.partition(".")[0] for name in imports(modules()[module])}
    assert "torch" not in actual or module in lazily


@pytest.mark.parametrize(
    ("program", "forbidden"),
    [
        ("import evalkit", {"numpy", "torch", "matplotlib", "cv2", "pandas", "scipy"}),
        *[
            (f"import cli; from evalkit.commands.common import run; run(cli.make_app(), {words.split()})", heavy)
            for words, more in (
                ("--help", {"numpy", "rich", "pydantic"}),
                ("list trackers", {"numpy", "rich", "pydantic"}),
                ("list trackers --json", {"numpy", "rich", "pydantic"}),
                ("list benchmarks", set()),
                ("list protocols", set()),
                ("list tables", set()),
            )
            for heavy in [{"torch", "matplotlib", "cv2", "pandas", "scipy"} | more]
        ],
    ],
)
def test_light_commands_load_no_heavy_library(program, forbidden):
    check = f"{program}\nimport sys; print('LOADED', *sorted(set(sys.modules) & {forbidden!r}))"
    assert python(check).stdout.strip().splitlines()[-1] == "LOADED"


def test_a_tracker_without_a_network_runs_where_torch_is_forbidden(tmp_path):
    draw_videos(tmp_path / "videos", [4])
    program = (
        "import sys\n"
        "class Forbidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'safetensors', 'got10k', 'six'}:\n"
        "            raise ImportError(name + ' is forbidden')\n"
        "sys.meta_path.insert(0, Forbidden())\n"
        "import cli; from evalkit.commands.common import run; sys.exit(run(cli.make_app()))"
    )
    for tracker, code in {"kcf": 0, "ostrack-256": 1}.items():
        words = [
            "run-benchmark",
            "custom",
            "--data-root",
            tmp_path / "videos",
            "--results",
            tmp_path / "r",
            "--tracker",
            tracker,
        ]
        weights = ["--weights", "random"] if code else []
        done = python(program, *words, *weights)
        assert done.code == code, done.stderr
        assert ("pip install 'evalkit[networks]'" in done.stderr) == bool(code)
