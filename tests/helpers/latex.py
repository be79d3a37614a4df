"""Compiled LaTeX: where there is pdflatex, in the classes that papers use."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CLASSES = {
    "one column": r"\documentclass{article}",
    "two columns": r"\documentclass[twocolumn]{article}",
    "IEEEtran": r"\documentclass[journal]{IEEEtran}",
}
_PAGE = r"""
\usepackage{booktabs,graphicx,xcolor}
\hbadness=10000
\begin{document}
Text.
%s
\end{document}
"""


def needs_latex(name: str = "one column") -> None:
    """Skip where the class cannot be compiled."""
    kind = re.search(r"\{(\w+)\}", CLASSES[name])
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    if kind and subprocess.run(["kpsewhich", f"{kind[1]}.cls"], capture_output=True, check=False).returncode:
        pytest.skip(f"the LaTeX class {kind[1]} is not installed")


def compiled(text: str, name: str, folder: Path) -> str:
    """Compile a table in a class of :data:`CLASSES` and return what LaTeX said; ``folder/table.pdf`` is the page."""
    (folder / "table.tex").write_text(CLASSES[name] + _PAGE % text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
    environment = {**os.environ, "max_print_line": "1000"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[-2000:]
    return said


def overfull(said: str) -> list[str]:
    """The boxes that leave their column, and the floats that are higher than a page."""
    return [line for line in said.splitlines() if line.startswith("Overfull") or "Float too large" in line]
