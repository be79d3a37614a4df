"""The page about submissions names every defect and every shape that the code has."""

import pytest

from evalkit.submission.checking import FORMATS
from evalkit.submission.findings import Kind
from helpers import ROOT

PAGE = (ROOT / "docs" / "submissions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", Kind)
def test_every_defect_is_on_the_page(kind):
    assert kind.value in " ".join(PAGE.split())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_on_the_page(name):
    assert f"`{name}`" in PAGE
    layouts = FORMATS[name].layouts
    assert len(layouts) == 1 or all(f"`{layout}`" in PAGE for layout in layouts)


def test_the_page_says_what_was_not_verified():
    assert "**Not verified: the live servers.**" in PAGE
