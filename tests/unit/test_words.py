"""The words of the program: American spelling, and no names that say nothing."""

import ast
import re
from pathlib import Path

import pytest

from helpers import ROOT

PROGRAM = [
    *(path for folder in ("evalkit", "trackers", "perf") for path in ROOT.glob(f"{folder}/**/*.py")),
    ROOT / "cli.py",
]
TEXTS = [
    path
    for folder in ("evalkit", "trackers", "perf", "docs", "tests")
    for suffix in ("py", "md", "html", "js", "css")
    for path in ROOT.glob(f"{folder}/**/*.{suffix}")
    if not path.is_relative_to(ROOT / "tests/golden") and path != Path(__file__)  # golden programs came from outside
]
BRITISH = re.compile(
    r"(?<!\[\")\b("  # keys of golden files came from outside
    r"(?:behavi|col|fav|flav|hon|lab|neighb)our(?:s|ed|ing|able|hood|less)?"
    r"|cent(?:re)s?|fibres?|litres?|metres?|millimetres?|theatres?"
    r"|catalogues?|dialogues?|programmes?|licences?|defences?|grey(?:s|er)?|artefacts?|judgements?|acknowledgements?"
    r"|(?:analy|paraly)s(?:ed|er|ers|ing)"
    r"|(?:apolog|author|categor|character|custom|emphas|equal|final|general|initial|local|maxim|minim|modern|normal"
    r"|optim|organ|parallel|penal|priorit|quant|random|real|recogn|serial|special|stabil|standard|summar|symbol"
    r"|synchron|token|util|vector|visual)is(?:e|ed|er|ers|es|ing|ation|ations)"
    r"|(?:cancel|label|level|model|signal|total|travel|tunnel)l(?:ed|er|ers|ing)|focuss(?:ed|ing)"
    r"|learnt|spelt|whilst|amongst|for ever"
    r")\b",
    re.IGNORECASE,
)
# a published word: the field `found` of a submission's finding stands beside `expected` in `check-submission --json`
KNOWN = {("evalkit/submission/findings.py", "found")}


def test_spelling_is_american() -> None:
    texts = [*TEXTS, ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "pyproject.toml"]
    assert [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts
        for match in BRITISH.finditer(path.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    "text", ["colour", "recognised", "normalisation", "Grey", "labelled", "for ever", "neighbours"]
)
def test_british_words_are_seen(text: str) -> None:
    assert BRITISH.search(f"a {text}.")


@pytest.mark.parametrize("text", ["for every", "color", "organism", "realism", "exercises", "promise", "analysis"])
def test_other_words_are_not(text: str) -> None:
    assert not BRITISH.search(f"a {text}.")


def names_bound(tree: ast.AST) -> set[str]:
    return {
        node.arg if isinstance(node, ast.arg) else node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }


def test_names_say_what_they_hold() -> None:
    """Neither `one` nor `found`: what is it?"""
    assert {
        (path.relative_to(ROOT).as_posix(), name)
        for path in PROGRAM
        for name in names_bound(ast.parse(path.read_text(encoding="utf-8"))) & {"one", "found"}
    } == KNOWN
