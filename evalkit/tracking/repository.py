"""Where an own tracker's file belongs: the repository that holds it, importable, and the file as one of its modules."""

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from dataclasses import dataclass
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

from evalkit.errors import TrackerError, text_of

_SPEC = re.compile(r"(?P<place>.+?\.py(?=:|$)|[^:]+)(?::(?P<name>[^:]*))?(?::(?P<parameters>.*))?")
_MARKS = (".git", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class OwnSpec:
    """What the user typed: ``FILE.py:CLASS`` or ``module:CLASS``, perhaps with ``:PARAMETERS``.

    Attributes:
        text: All of it.
        place: File or module.
        class_name: Empty if it was left out.
        parameters: Name of the parameters as pytracking's programs take it, None without one.
    """

    text: str
    place: str
    class_name: str
    parameters: str | None

    @property
    def file(self) -> Path | None:
        """The file, None for a module."""
        return Path(self.place).expanduser().resolve() if self.place.endswith(".py") else None

    def portable(self, root: str | None) -> tuple[str, str | None]:
        """The text and the root for a process that works in another folder."""
        if root is not None:
            root = str(Path(root).resolve())
        if self.file is not None:
            return f"{self.file}{self.text[len(self.place) :]}", root
        return self.text, next(map(str, _roots_of_module(self.place, root)), None)


def parse_own(text: str) -> OwnSpec:
    """Take apart what the user typed.

    Example:
        >>> parse_own("lib/test/tracker/ostrack.py:OSTrack:vitb_256").parameters
        'vitb_256'
    """
    match = _SPEC.fullmatch(text)
    if match is None:
        raise TrackerError(f"own tracker {text!r}: expected FILE.py:CLASS or module:CLASS.")
    return OwnSpec(text, match["place"], match["name"] or "", match["parameters"] or None)


def repository_roots(file: Path) -> list[Path]:
    """Folders from which a file's repository imports its own modules, the nearest first.

    They are the folder in which the file's top package lies and the nearest one with ``.git`` or ``pyproject.toml``:
    with ``src/`` they differ, and packages without ``__init__.py`` are known from the second alone.
    """
    package = file.parent
    while (package / "__init__.py").is_file():
        package = package.parent
    marked = next((top for top in file.parents if any((top / mark).exists() for mark in _MARKS)), None)
    roots = [package] if package != file.parent else []
    return [*roots, *([marked] if marked is not None and marked not in roots else [])]


def load_module(spec: OwnSpec, root: str | None) -> ModuleType:
    """Import what holds the tracker.

    Args:
        spec: What the user typed.
        root: Folder of ``--tracker-root``, None = by :func:`repository_roots`; for a module the working folder.

    Raises:
        TrackerError: It is not there, cannot be imported, or another package of that name is in use.
    """
    file = spec.file
    if file is None:
        _make_importable(_roots_of_module(spec.place, root))
        return _import(spec.place)
    if not file.is_file():
        raise TrackerError(f"own tracker: no file {file}.")
    roots = [Path(root).resolve()] if root is not None else repository_roots(file)
    _make_importable(roots)
    package = _dotted(file, roots)
    return _load_alone(file) if package is None else _load_as(*package, file)


def source_of(file: Path) -> ast.Module:
    """Syntax tree of a file.

    Raises:
        TrackerError: It is no Python.
    """
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise TrackerError(f"own tracker: {file} cannot be imported: {explain(problem)}") from problem


def explain(problem: BaseException) -> str:
    """An exception of the user's code in one line, with the place where it happened."""
    if isinstance(problem, SyntaxError):
        return f"line {problem.lineno}: {problem.msg}: {(problem.text or '').strip()}"
    return f"{type(problem).__name__}: {text_of(problem)}{place_of(problem)}"


def place_of(problem: BaseException) -> str:
    """Where in the user's code it happened: the innermost line that is neither ours nor a library's."""
    places = [
        place for place in traceback.extract_tb(problem.__traceback__) if _OURS not in Path(place.filename).parents
    ]
    own = [place for place in places if "site-packages" not in place.filename] or places
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


_OURS = Path(__file__).parents[1]


def _make_importable(roots: list[Path]) -> None:
    for root in reversed(roots):  # the nearest comes first, as a script's folder does
        if not root.is_dir():
            raise TrackerError(f"own tracker: no folder {root} (--tracker-root).")
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))


def _roots_of_module(name: str, root: str | None) -> list[Path]:
    """The folder that was given; else where the module lies if it is in the working folder or its repository."""
    if root is not None:
        return [Path(root).resolve()]
    here, top = Path.cwd(), name.partition(".")[0]
    candidates = [here, *repository_roots(here / "module.py")]
    return [place for place in candidates if (place / top).is_dir() or (place / f"{top}.py").is_file()][:1]


def _dotted(file: Path, roots: list[Path]) -> tuple[Path, str] | None:
    """Root and name of the file as a module of its repository; None for a file that stands alone."""
    in_package = (file.parent / "__init__.py").is_file()
    relative = in_package or any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(source_of(file)))
    for root in roots if relative else []:
        if file.is_relative_to(root):
            parts = file.relative_to(root).with_suffix("").parts
            if len(parts) > 1 and all(part.isidentifier() for part in parts):
                return root, ".".join(parts)
    return None


def _load_as(root: Path, name: str, file: Path) -> ModuleType:
    """Import a file of a package by its full name, anew if it has changed."""
    top = name.partition(".")[0]
    if top in sys.modules:
        places = [str(Path(place).resolve()) for place in getattr(sys.modules[top], "__path__", [])]
        if str((root / top).resolve()) not in places:
            raise TrackerError(
                f"own tracker: {file} is module {name} of its repository, but another package {top!r} is in use, from "
                f"{', '.join(places) or 'elsewhere'}. Run trackers of two such repositories in calls of their own."
            )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__evalkit_sha256__", digest) != digest:
        del sys.modules[name]
        importlib.invalidate_caches()
    module = _import(name)
    module.__evalkit_sha256__ = digest  # type: ignore[attr-defined]
    return module


def _load_alone(path: Path) -> ModuleType:
    """Execute a Python file as a module; its folder is put at the end of the import path, as for a script.

    What is executed is what was read here, never a compiled file beside it: that may be of an equally long text of the
    same second.
    """
    source = path.read_bytes()
    digest = hashlib.sha256(str(path).encode() + source).hexdigest()
    name = f"evalkit_own_{path.stem}_{digest[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert isinstance(spec.loader, SourceLoader)
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module  # dataclasses look their module up while it is executed
    try:
        exec(spec.loader.source_to_code(source, str(path)), module.__dict__)  # noqa: S102 - what the user named
    except BaseException as problem:
        del sys.modules[name]
        if isinstance(problem, KeyboardInterrupt):
            raise
        raise TrackerError(f"own tracker: {path} cannot be imported: {explain(problem)}") from problem
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise TrackerError(
            f"own tracker: module {name} cannot be imported: {explain(problem)}{_hint(problem)}"
        ) from problem


def _hint(problem: BaseException) -> str:
    if not isinstance(problem, ModuleNotFoundError):
        return ""
    return " (an own file is given as FILE.py:CLASS; --tracker-root names the folder from which modules are imported)"
