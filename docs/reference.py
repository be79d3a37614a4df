"""Build the Python reference, one page of all public names: ``make reference``.

A docstring that names what is not there fails: a parameter, an attribute, an object in a role such as ``:class:``.
"""

import contextlib
import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pdoc
import pdoc.render

import evalkit

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`~?([^`<]+?)`")


def documented(names: tuple[str, ...] = tuple(evalkit.__all__)) -> Iterator[tuple[str, Any]]:
    """Public objects and the methods of public classes, by the name that a user writes."""
    for name in names:
        value = getattr(evalkit, name)
        yield name, value
        if inspect.isclass(value):
            yield from (
                (f"{name}.{key}", getattr(value, key))
                for key, member in vars(value).items()
                if key[0] != "_" and (inspect.isfunction(member) or isinstance(member, classmethod))
            )


def problems(name: str, value: Any) -> Iterator[str]:
    """What is wrong with a docstring."""
    text = inspect.getdoc(value) or ""
    if not text and name != "__version__":
        yield f"{name}: no docstring"
    home = inspect.getmodule(value)
    for target in ROLE.findall(text):
        if not _resolves(target, home, value):
            yield f"{name}: {target} is not there"
    known = _fields(value)
    for title in ("Args", "Attributes"):
        section = re.search(rf"^{title}:\n((?:    .*\n|\n)+)", text + "\n", re.MULTILINE)
        for entry in re.findall(r"^    \*{0,2}(\w+):", section[1], re.MULTILINE) if section else []:
            if entry not in known:
                yield f"{name}: {title} speaks of {entry}, which is not there"


def _fields(value: Any) -> set[str]:
    names = set(dir(value)) | set(getattr(value, "__annotations__", {}))
    with contextlib.suppress(TypeError, ValueError):  # no function, or an exception's constructor
        names |= set(inspect.signature(value).parameters)
    return names


def _resolves(target: str, home: Any, value: Any) -> bool:
    """Whether a name is one of the module, of the object, of ``evalkit``, or complete."""
    parts = target.split(".")
    for count in range(len(parts), 0, -1):
        with contextlib.suppress(ImportError):
            return _has(importlib.import_module(".".join(parts[:count])), parts[count:])
    return any(_has(owner, parts) for owner in (home, value, evalkit))


def _has(owner: Any, parts: list[str]) -> bool:
    missing = object()
    for part in parts:
        owner = getattr(owner, part, missing)
    return owner is not missing


def build(folder: Path) -> list[str]:
    """Write the pages, unless something is wrong; returns what is."""
    wrong = [problem for name, value in documented() for problem in problems(name, value)]
    if wrong:
        return wrong
    for name in evalkit.__all__:  # pdoc looks for what is there already
        setattr(evalkit, name, getattr(evalkit, name))
    pdoc.render.configure(docformat="google", footer_text=f"evalkit {evalkit.__version__}", search=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc("evalkit", output_directory=folder)
    return []


if __name__ == "__main__":
    wrong = build(Path(sys.argv[1]))
    sys.exit("\n".join(wrong) or 0)
