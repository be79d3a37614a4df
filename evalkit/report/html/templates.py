"""Files of the pages in this folder; whatever is put into a template is escaped, and nothing may be missing."""

from importlib import resources

import jinja2

from evalkit import __version__


def packaged(name: str) -> str:
    """Text of a file."""
    return (resources.files("evalkit.report.html") / name).read_text(encoding="utf-8")


def filled(template: str, /, **values: object) -> str:
    """The page of a template with these values, and ``version``."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["thousands"] = lambda number: f"{number:,}"
    return environment.from_string(packaged(template)).render(version=__version__, **values)
