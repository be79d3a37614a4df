"""What `import evalkit` offers: declared in one list, complete, documented; all else is private."""

import ast
import inspect
import types

import pytest

import evalkit
from evalkit import api
from evalkit.tracking import interface
from helpers import ROOT


def defined_in(module: types.ModuleType) -> set[str]:
    """Public functions and classes that a module defines itself."""
    return {
        name
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def test_all_of_the_notebook_interface_is_public() -> None:
    assert defined_in(api) <= set(evalkit.__all__)


def test_the_interfaces_that_a_tracker_need_not_have_are_not() -> None:
    optional = {"DeviceMemory", "DeviceTracker", "LimitedTracker", "SubmittingTracker"}
    assert defined_in(interface) - optional <= set(evalkit.__all__)


@pytest.mark.parametrize("name", sorted(set(evalkit.__all__) - {"__version__"}))
def test_a_public_name_is_documented_and_the_object_that_its_module_defines(name: str) -> None:
    value = getattr(evalkit, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    methods = vars(value).items() if inspect.isclass(value) else ()
    assert [key for key, method in methods if inspect.isfunction(method) and key[0] != "_" and not method.__doc__] == []


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "evalkit/__init__.py").read_text(encoding="utf-8"))
    imported = {
        (node.module, alias.name)
        for statement in tree.body
        if isinstance(statement, ast.If)
        for node in statement.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {(getattr(evalkit, name).__module__, name) for name in evalkit.__all__ if name != "__version__"}
