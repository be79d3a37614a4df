"""The page on the study prints what the program makes of the scores beside it."""

from helpers import ROOT
from trackers.training.study.analysis import analyze


def test_the_tables_of_the_page_are_those_of_its_scores():
    page = (ROOT / "docs" / "finetuning-study.md").read_text(encoding="utf-8")
    assert analyze(ROOT / "docs" / "finetuning-study").strip() in page
