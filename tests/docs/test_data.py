"""The pages about data say what the readers do."""

import re
from pathlib import Path

import pytest

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS, get_benchmark
from evalkit.benchmarks.custom import ANNOTATIONS, AUX_FOLDERS, IMAGE_FOLDERS
from evalkit.benchmarks.custom_layout import CustomLayout, read_layout
from evalkit.benchmarks.data_check import ProblemKind
from helpers import ROOT, trees

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def layouts_page() -> str:
    return (DOCS / "data-layouts.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def custom_page() -> str:
    return (DOCS / "custom.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*BENCHMARKS, *EXTRA_BENCHMARKS])
def test_table_of_layouts_has_every_split_with_its_size(name: str, layouts_page: str) -> None:
    spec = get_benchmark(name)
    row = next(line for line in layouts_page.splitlines() if line.startswith(f"| {spec.title} |"))
    listed = [part.split() for part in row.split("|")[2].split(", ")]
    assert [part[0] for part in listed] == list(spec.splits)
    for split, *size in listed:
        assert not size or int(size[0].replace(",", "")) == spec.splits[split].sequence_count


def test_every_kind_of_problem_is_explained(layouts_page: str) -> None:
    for kind in ProblemKind:
        assert f"| {kind} |" in layouts_page


def test_every_key_and_every_usual_name_is_explained(custom_page: str) -> None:
    folders = [name for names in AUX_FOLDERS.values() for name in names]
    for word in (*set(CustomLayout.model_fields) - {"sequences"}, *IMAGE_FOLDERS[:-1], *ANNOTATIONS, *folders):
        assert f"`{word}`" in custom_page, word


def test_example_layout_file_is_valid(custom_page: str, tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", custom_page, re.DOTALL)
    assert example is not None
    layout = read_layout(trees.text(tmp_path / "evalkit.toml", example[1]))
    assert layout.of("vtuav_bus1_rgbt").stride == 10
    assert layout.of("another").stride is None
