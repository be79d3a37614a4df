"""LaTeX tables: what they say, and that they compile on pages with one and with two columns without leaving them."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.metrics import METRICS
from evalkit.report.tables.comparison import compare
from evalkit.report.tables.formats import write_tables
from evalkit.report.tables.latex import latex_text, to_latex
from evalkit.report.tables.overview import benchmark_tables, joint_table
from evalkit.report.tables.shapes import load_tables
from evalkit.report.tables.table import Cell, Column, Row, Table, missing_cell
from helpers.latex import CLASSES, compiled, needs_latex, overfull
from helpers.scores_by_hand import SPECS, lasot, make_scores, wide_table

AUC = METRICS["success_auc"]
HOSTILE = [
    r"\input{/etc/passwd}",
    r"a\\[9cm]b",
    "[red]x[/]",
    "*star",
    "50% & {more} #1 $x^2$ ~",
    "Ünïcödé ğ š ñ ł ß",
    "追跡 😀 \u200c",
    "\u2212 \u2013 \u2014 ± × α",
    'quotes "double" <angle> |bar|',
    "^^5cinput",
    "a" * 70,
    "``a--b---c?`",
    "line\nbreak\x1b[2J",
]


def body(text: str) -> list[str]:
    """The lines that are set: no comments."""
    return [line for line in text.splitlines() if not line.startswith("%")]


def test_a_small_table_stands_in_one_column_with_caption_label_and_marks() -> None:
    scores = [
        make_scores("kcf", lasot(0.17849, 0.2, 0.1665)),
        make_scores("my_tracker", lasot(0.61251, 0.7, 0.65), notes=("data: sample:format=1",)),
        make_scores("still", lasot(0.61249, 0.1, float("nan")), missing=("x-1", "x-2")),
    ]
    (table,) = benchmark_tables(scores, SPECS)
    assert body(to_latex(table)) == [
        r"\begin{table}[t]",
        r"\centering",
        r"\caption{LaSOT test. Scores in percent; the best is bold, the second best underlined.}",
        r"\label{tab:lasot-test}",
        r"\smallskip",
        r"\setlength{\tabcolsep}{6pt}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{@{}lrrr@{}}",
        r"\toprule",
        r"Tracker & AUC & P\textsubscript{Norm} & P \\",
        r"\midrule",
        r"kcf & 17.8 & \underline{20.0} & 16.7 \\",
        r"my\_tracker & \textbf{61.3} & \textbf{70.0} & \textbf{65.0} \\",
        r"still\textsuperscript{a} & \underline{61.2} & 10.0 & --\textsuperscript{b} \\",
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\smallskip{\footnotesize\raggedright \textsuperscript{a} scored without 2 of 4 sequences: x-1, x-2. \textsuperscript{b} undefined on these sequences.\par}",
        r"\end{table}",
    ]


def test_where_numbers_come_from_stands_in_comments_alone() -> None:
    notes = ("data: sample:format=1:seed=0", "run 0123abcd is taken, the newest complete run", "unreadable: /home/me/x")
    text = to_latex(benchmark_tables([make_scores("kcf", lasot(0.1, 0.2, 0.3), notes=notes, run="0123abcd")], SPECS)[0])
    for inside in ("sample:format", "0123abcd", "/home/me", "pytracking"):
        assert inside in text
        assert not [line for line in body(text) if inside in line]


@pytest.mark.parametrize(
    "note",
    [
        "scored without 2 of 4 sequences: x-1",
        "random weights: a dry run, its scores mean nothing",
        "scored on the first 5 frames of every sequence",
        "2 sequences that the data lack, left out: x-1, x-2",
    ],
)
def test_what_a_number_is_worth_is_a_footnote(note: str) -> None:
    scores = [make_scores("kcf", lasot(0.1, 0.2, 0.3), notes=(note,)), make_scores("ncc", lasot(0.1, 0.2, 0.3))]
    assert note.split(":")[0] in "\n".join(body(to_latex(benchmark_tables(scores, SPECS)[0])))


def test_groups_span_their_columns() -> None:
    columns = (
        Column("a", "Year"),
        Column("b", "AUC", "LaSOT"),
        Column("c", "P", "LaSOT"),
        Column("d", "AO", "GOT-10k"),
    )
    cells = ((missing_cell(AUC), Cell(0.1, AUC), Cell(0.2, AUC), Cell(0.3, AUC)),)
    lines = to_latex(Table("T", (Row("x"),), columns, cells)).splitlines()
    start = lines.index(r"\toprule")
    assert lines[start + 1 : start + 4] == [
        r" &  & \multicolumn{2}{c}{LaSOT} & \multicolumn{1}{c}{GOT-10k} \\",
        r"\cmidrule(lr){3-4} \cmidrule(lr){5-5}",
        r"Tracker & Year & AUC & P & AO \\",
    ]


def test_negative_numbers_have_a_minus_and_names_keep_their_hyphen() -> None:
    cells = ((Cell(-0.012, AUC), Cell(0.496, AUC, printed="49.6 (-0.3)")),)
    text = to_latex(Table("T", (Row("ostrack-256"),), (Column("a", "A"), Column("b", "B")), cells))
    assert r"ostrack-256 & $-$1.2 & 49.6 ($-$0.3) \\" in text


def test_a_wide_table_spans_both_columns_and_a_wider_one_is_divided_between_benchmarks() -> None:
    assert r"\begin{table}[t]" in to_latex(wide_table(1, 5))
    text = to_latex(wide_table(3, 5))
    assert r"\begin{table*}[t]" in text
    assert text.count(r"\begin{tabular}") == 1
    panels = re.findall(r"\\toprule\n.*\n(.*)", to_latex(wide_table(8, 5, "a-tracker-with-a-long-name")))
    assert len(panels) > 1
    assert sum(rules.count("cmidrule") for rules in panels) == 8


def test_many_rows_go_on_in_floats_of_the_same_number_with_one_label() -> None:
    text = to_latex(wide_table(2, 100))
    assert text.count(r"\begin{table*}") == 3
    assert text.count(r"\addtocounter{table}{-1}") == text.count("(continued)}") == 2
    assert text.count(r"\label{") == 1
    assert [len(re.findall(rf"^tracker-{row} ", text, re.MULTILINE)) for row in (0, 50, 99)] == [1, 1, 1]


def test_intervals_stand_in_small_type_behind_their_numbers() -> None:
    assert r"\textbf{100.0} {\scriptsize{[}58.0, 64.5]}" in to_latex(
        Table(
            "T",
            (Row("a"), Row("b")),
            (Column("k", "K"),),
            ((Cell(1.0, AUC, interval=(0.58, 0.645)),), (Cell(0.5, AUC),)),
        )
    )


def test_a_papers_table_has_its_own_caption_and_colors_and_no_line_of_ours() -> None:
    text = write_tables([compare(next(t for t in load_tables() if (t.paper, t.table) == ("upvpt", "2")), [])], "latex")
    assert text.startswith(r"% needs \usepackage{booktabs,graphicx,xcolor}")
    shown = "\n".join(body(text))
    assert r"\caption{Comparison with other trackers on GOT-10k test, LaSOT test and TrackingNet test.}" in shown
    assert re.search(r"^OSTrack & .*\\textcolor\{red\}\{69\.1\}", shown, re.MULTILINE)
    assert r"\textcolor{blue}" in shown
    assert not [text for text in (r"\textbf", "Source", r"\textsuperscript") if text in shown]
    assert "% TrDiMP, LaSOT AUC: other sources differ" in text


def test_a_long_name_may_be_broken_between_characters_that_become_codes() -> None:
    text = to_latex(benchmark_tables([make_scores("追" * 40, lasot(0.1, 0.2, 0.3))], SPECS)[0])
    assert text.count(r"\texttt{U+8FFD}") == 40
    assert text.count(r"\texttt{U+8FFD}\allowbreak ") == 39


def test_hyphens_of_a_name_stay_hyphens() -> None:
    assert latex_text("a--b---c") == "a-{}-b-{}-{}-c"


@given(st.text())
def test_escaped_text_has_no_special_character(text: str) -> None:
    known = (
        r"\\(textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar)\{\}|\\[{}$&#%_]"
        r"|\{[\[*]\}|\\texttt\{U\+[0-9A-F]+\}|\\([`'^~=u.\"rHvc])\{(\w|\\[ij])\}|\\(ss|ae|o|l)\{\}"
        r"|-\{\}|\{`\}|\$(-|\\pm|\\times|\\alpha|\\beta)\$"
    )
    rest = re.sub(known, "", latex_text(text))
    assert rest.isascii()
    assert not set(rest) & set('\\{}$&#%_^~<>|\n[*"')


# --- on paper ------------------------------------------------------------------------------------------------------------


def hostile_table() -> Table:
    """Strangers' names for rows, columns, groups, notes."""
    columns = tuple(Column(f"k{i}", text, f"group {text}"[:40]) for i, text in enumerate(HOSTILE[:5]))
    rows = tuple(Row(text, (f"scored {text}",)) for text in HOSTILE)
    cells = tuple(tuple(Cell(0.1 * place, AUC, notes=(f"undefined {text}",)) for place in range(5)) for text in HOSTILE)
    return Table(HOSTILE[0], rows, columns, cells, heading=" ".join(HOSTILE[:6]), label="tab:a_b%c\\d")


TABLES = {
    "one benchmark": lambda: wide_table(1, 5),
    "three benchmarks": lambda: wide_table(3, 9, "ostrack-256-got10k"),
    "eight benchmarks, long names": lambda: wide_table(8, 20, "a-tracker-with-quite-a-long-name-of-its-own"),
    "eight benchmarks with intervals": lambda: wide_table(8, 6, interval=(0.1234, 0.9876)),
    "a hundred trackers": lambda: wide_table(3, 100),
    "hostile names": hostile_table,
    "nothing": lambda: Table("T", (), (Column("k", "AUC"),), ()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_tables_compile_and_stay_on_the_page(name: str, tmp_path: Path) -> None:
    needs_latex(name)
    said = compiled("\\clearpage\n".join(to_latex(make()) for make in TABLES.values()), name, tmp_path)
    assert overfull(said) == []
    assert "multiply defined" not in said


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_papers_tables_compile_and_stay_on_the_page(name: str, tmp_path: Path) -> None:
    needs_latex(name)
    said = compiled(
        "\\clearpage\n".join(write_tables([compare(t, [])], "latex") for t in load_tables()), name, tmp_path
    )
    assert overfull(said) == []


@pytest.mark.slow
def test_the_page_shows_the_numbers_and_nothing_internal(tmp_path: Path) -> None:
    needs_latex()
    notes = ("data: sample:format=1:seed=0",)
    scores = [make_scores(f"tracker_{i}", lasot(0.1 * i, 0.2, 0.3), notes=notes, run="0123abcd") for i in (3, 4, 5)]
    scores += [replace(score, benchmark="lasher") for score in scores]
    compiled(to_latex(joint_table(scores, SPECS)), "one column", tmp_path)
    try:
        done = subprocess.run(["pdftotext", "-layout", tmp_path / "table.pdf", "-"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext is not installed")
    text = done.stdout.decode()
    assert re.search(r"tracker.5\s+50.0\s+20.0\s+30.0\s+30.0\s+50.0", text)
    assert "sample:" not in text
    assert "0123abcd" not in text
