"""Fixtures that tests of own trackers share."""

import sys
import textwrap

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file; what it makes importable is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    modules = set(sys.modules)

    def write_file(text="", name="mine.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    yield write_file
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
