"""Tables as one HTML page: no scripts, no outside files, everything escaped."""

import collections.abc as cabc
import itertools
from importlib import resources

import jinja2

from evalkit.report.table import Cell, Row, Table


def html_page(tables: cabc.Sequence[Table]) -> str:
    """One self-contained page with all tables: best bold, second underlined, footnotes carry letters."""
    shown = [table.shown() for table in tables]
    template = resources.files("evalkit.report") / "templates" / "tables.html"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        title=shown[0].title if len(shown) == 1 else "Tables",
        tables=[(table, table.footnotes()) for table in shown],
        groups=_groups,
        signs=_signs,
        zip=zip,
    )


def _groups(table: Table) -> list[tuple[str, int]]:
    return [
        (group, len(list(members))) for group, members in itertools.groupby(column.group for column in table.columns)
    ]


def _signs(owner: Row | Cell, marks: cabc.Mapping[str, str]) -> str:
    return ",".join(sorted({marks[note] for note in owner.notes}, key=lambda sign: (len(sign), sign)))
