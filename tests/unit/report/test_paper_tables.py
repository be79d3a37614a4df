"""Papers' tables: as the papers print them, and what was measured beside them with a verdict."""

import csv
import dataclasses
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS
from evalkit.errors import ScoringError, UnknownNameError
from evalkit.published import Printed, PublishedDataError, load_published
from evalkit.report.metrics import METRICS, Metric
from evalkit.report.tables.comparison import MeasuredScores, compare, difference_text, is_named
from evalkit.report.tables.formats import FORMATS, write_tables
from evalkit.report.tables.shapes import PaperTable, get_tables, load_tables, paper_cells, published_table
from evalkit.report.tables.table import Rank, Ranking
from evalkit.report.tables.values import paper_csv, paper_json
from evalkit.scoring.protocols import PROTOCOLS
from evalkit.scoring.verdicts import ExplainedNumber, Verdict, judge
from helpers.scores_by_hand import lasot, make_scores

AUC = METRICS["success_auc"]


def get_table(paper: str, table: str) -> PaperTable:
    return next(item for item in get_tables(paper, table) if item.table == table)


TABLE_2 = get_table("upvpt", "2")


@pytest.fixture
def upvpt(shared_spec: Path) -> dict[str, Any]:
    return json.loads((shared_spec / "paper_tables.json").read_text(encoding="utf-8"))


# The published tables


@pytest.mark.parametrize("number", range(1, 8))
def test_upvpt_tables_are_the_papers_cell_by_cell(upvpt: dict[str, Any], number: int):
    paper = upvpt["tables"][number - 1]
    table = published_table(get_table("upvpt", str(number)))
    labels = [column["label"] for column in paper["columns"]]
    assert [column.label for column in table.columns] == (labels[1:] if number == 1 else labels)
    assert [row.label for row in table.rows] == [row["label"] for row in paper["rows"]]
    for ours, theirs in zip(table.cells, paper["rows"], strict=True):
        numbers = ["-" if cell is None else str(cell) for cell in theirs["cells"]]
        assert [cell.text for cell in ours] == theirs.get("text", numbers)
    assert sum(cell.text == "-" for line in table.cells for cell in line) == len(paper["missing"])


@pytest.mark.parametrize("number", range(2, 8))
def test_upvpt_highlights_are_the_best_by_plain_comparison(upvpt: dict[str, Any], number: int):
    paper = upvpt["tables"][number - 1]
    values = [[-1.0 if cell is None else cell for cell in row["cells"]] for row in paper["rows"]]
    lines = values if "row" in paper["highlight"]["rule"] else [list(line) for line in zip(*values, strict=True)]
    expected = []
    for line in lines:
        ranked = sorted(set(line), reverse=True)
        places = {ranked[0]: Rank.FIRST} | ({ranked[1]: Rank.SECOND} if "two" in paper["highlight"]["rule"] else {})
        expected.append([places.get(value, Rank.NONE) for value in line])
    table = published_table(get_table("upvpt", str(number)))
    actual = table.places()
    assert (actual if table.ranking is Ranking.ROWS else [list(line) for line in zip(*actual, strict=True)]) == expected


def test_every_suspicious_entry_of_upvpt_is_told(upvpt: dict[str, Any]):
    for entry in upvpt["suspicious"]:
        if entry["table"] is None:
            continue
        table = published_table(get_table("upvpt", str(entry["table"])))
        for name in entry["row"].split(", "):
            told = table.notes if name == "all" else _notes_on(table, name)
            assert told, entry


def _notes_on(table: Any, label: str) -> list[str]:
    rows = [k for k, row in enumerate(table.rows) if row.label == label]
    columns = [k for k, column in enumerate(table.columns) if column.label == label]
    cells = [cell for i, line in enumerate(table.cells) for j, cell in enumerate(line) if i in rows or j in columns]
    assert cells, label
    return [note for cell in cells for note in cell.notes] + [note for i in rows for note in table.rows[i].notes]


@pytest.mark.parametrize("shape", load_tables(), ids=lambda shape: f"{shape.paper}-{shape.table}")
def test_every_table_is_complete_and_printable_in_every_format(shape: PaperTable):
    compared = compare(shape, [])
    for form in FORMATS:
        text = write_tables([compared], form)
        assert text.endswith("\n")
        assert shape.rows[0].label.split("_")[0] in text
    assert all(cell.text for line in compared.table.cells for cell in line)
    assert shape.source in compared.table.notes[0]


@pytest.mark.parametrize("shape", load_tables(), ids=lambda shape: f"{shape.paper}-{shape.table}")
def test_every_table_names_known_protocols_and_splits(shape: PaperTable):
    ours = {**BENCHMARKS, **EXTRA_BENCHMARKS}
    if shape.is_text:
        return
    for line in paper_cells(shape):
        for cell in line:
            assert cell.names
            assert (cell.benchmark in ours) == bool(cell.protocols)
            if cell.benchmark in ours:
                assert set(cell.protocols) <= set(PROTOCOLS)
                assert cell.split in ours[cell.benchmark].splits


def test_own_trackers_in_the_tables_exist():
    from trackers import CATALOG

    names = {name for shape in load_tables() for h in (*shape.rows, *shape.columns) for name in h.names}
    ours = {name for name in names if name.startswith(("ostrack-", "swintrack-", "upvpt-", "srft-", "vipt-"))}
    assert len(ours) > 10
    assert ours <= set(CATALOG)


def test_a_value_that_is_missing_or_doubled_is_an_error():
    values = load_published()
    with pytest.raises(PublishedDataError, match=r"0 published values of Ours.*one number"):
        paper_cells(get_table("upvpt", "3"), [v for v in values if v.tracker != "UPVPT"])
    with pytest.raises(PublishedDataError, match="2 published values"):
        paper_cells(get_table("upvpt", "3"), [*values, *values])
    dash = dataclasses.replace(
        next(v for v in values if v.tracker == "SwinTrack" and v.benchmark == "tnl2k" and v.table == "Table 4"),
        tracker="OSTrack",
        variant="OSTrack-256",
        metric="precision_20",
    )
    with pytest.raises(PublishedDataError, match=r"1 published values of OSTracK-256.*a dash"):
        paper_cells(get_table("upvpt", "4"), [*values, dash])


@pytest.mark.parametrize(("paper", "table", "hint"), [("upvtp", "2", "'upvpt'"), ("upvpt", "8", "known: 1, 2")])
def test_unknown_tables_suggest_known_ones(paper: str, table: str, hint: str):
    with pytest.raises(UnknownNameError, match=hint):
        get_table(paper, table)


def test_papers_have_all_their_tables():
    assert [len(get_tables(paper)) for paper in ("upvpt", "srft", "vipt")] == [7, 1, 6]


# Verdicts


@pytest.mark.parametrize(
    ("published", "measured", "reason", "text"),
    [
        ("49.6", 0.49563, "", "agrees to the printed digit"),
        ("49.6", 0.49449, "", "differs by -0.2 points, unexplained"),
        ("49.6", 0.56, "", "differs by +6.4 points, unexplained"),
        ("49.6", 0.496, "random weights", "not comparable because: random weights"),
        ("0.758", 0.7584, "", "agrees to the printed digit"),
        ("0.758", 0.7586, "", "differs by +0.1 points, unexplained"),
        (None, 0.496, "", "the paper prints no number"),
    ],
)
def test_verdicts(published: str | None, measured: float, reason: str, text: str):
    printed = Printed.parse(published) if published else None
    assert judge("success_auc", printed, measured, "pytracking", reason=reason).text == text


def test_rules_are_asked_only_where_a_comparable_number_disagrees():
    asked = []

    def explain(key: str, published: Printed, attribute: str) -> ExplainedNumber:
        asked.append((key, published.value, attribute))
        return ExplainedNumber("pytracking", "predicted coordinates are: truncated to integers", key, 0.49638)

    printed = Printed.parse("49.6")
    for value, reason in ((0.4956, ""), (0.51, "random weights")):
        judge("success_auc", printed, value, "pytracking", reason=reason, explain=explain)
    assert asked == []
    actual = judge("success_auc", printed, 0.501, "pytracking", explain=explain, attribute="FM")
    assert asked == [("success_auc", 0.496, "FM")]
    assert actual.verdict is Verdict.EXPLAINED
    assert actual.text == "explained by predicted coordinates are: truncated to integers (49.64)"


def test_differences_have_the_papers_digits():
    assert difference_text(Metric("precision_20", "PR", 1, 3), -0.0044) == "-0.004"


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("siamrpnpp", ["SiamRPN++"], True),
        ("SIAMRPN++", ["SiamRPN++"], True),
        ("SiamRPN", ["SiamRPN++"], False),
        ("ostrack_256", ["OSTrack", "OSTrack-256"], True),
        ("ostrack-384", ["OSTrack", "OSTrack-256"], False),
    ],
)
def test_runs_find_their_row_by_name(name: str, names: list[str], expected: bool):
    assert is_named(name, names) is expected


# Measured rows


def siamrpn(
    *, protocol: str = "pytracking", auc: float = 0.4956, tracker: str = "siamrpnpp", **others: Any
) -> MeasuredScores:
    settings = {name: others.pop(name) for name in ("reason", "origin", "explain") if name in others}
    scores = make_scores(tracker, lasot(auc, 0.5694, 0.4914), protocol=protocol, **others)
    return MeasuredScores(scores, **settings)


def line_under(table: Any, label: str) -> dict[str, str]:
    labels = [row.label for row in table.rows]
    return {c.key: cell.text for c, cell in zip(table.columns, table.cells[labels.index(label) + 1], strict=True)}


def test_a_measured_row_stands_under_the_published_one_with_differences():
    compared = compare(TABLE_2, [siamrpn()])
    assert [row.label for row in compared.table.rows][2:5] == ["siamRPN++", "measured: siamrpnpp", "SiamBAN"]
    shown = line_under(compared.table, "siamRPN++")
    assert shown["lasot.success_auc"] == "49.6 (0.0)"
    assert shown["lasot.normalized_precision_20"] == "56.9 (0.0)"
    assert shown["lasot.precision_20"] == "49.1 (0.0)"
    assert shown["got10k.average_overlap"] == ""
    assert [comparison.judgment.verdict for comparison in compared.comparisons] == [Verdict.AGREES] * 3
    assert "agrees to the printed digit" in compared.table.footnotes()


def test_a_mismatch_is_told_with_its_size_or_with_the_rule_behind_it():
    def explain(key: str, published: Printed, attribute: str) -> ExplainedNumber | None:
        return ExplainedNumber("swintrack", "", key, published.value) if published.value == 0.496 else None

    compared = compare(TABLE_2, [siamrpn(auc=0.51, explain=explain), siamrpn(auc=0.6, tracker="ATOM", explain=explain)])
    verdicts = {
        (comparison.row, comparison.column): comparison.judgment.text
        for comparison in compared.comparisons
        if comparison.cell.metric == "success_auc"
    }
    assert verdicts == {
        ("siamRPN++", "AUC"): "explained by swintrack (49.60)",
        ("ATOM", "AUC"): "differs by +8.5 points, unexplained",
    }
    assert line_under(compared.table, "ATOM")["lasot.success_auc"] == "60.0 (+8.5)"
    assert set(verdicts.values()) <= set(compared.table.footnotes())


def test_another_protocol_is_not_comparable():
    compared = compare(TABLE_2, [siamrpn(protocol="swintrack")])
    assert {comparison.judgment.verdict for comparison in compared.comparisons} == {Verdict.NOT_COMPARABLE}
    assert {comparison.judgment.detail for comparison in compared.comparisons} == {
        "other protocol: measured by swintrack, published by pytracking or ostrack"
    }


def test_the_kit_of_tnl2k_made_some_numbers_of_table_4():
    table = get_table("upvpt", "4")
    scores = make_scores("ATOM", {"success_auc": 0.401, "precision_20": 0.392}, "tnl2k", protocol="tnl2k-kit")
    measured = [MeasuredScores(scores), MeasuredScores(dataclasses.replace(scores, tracker="TransT"))]
    compared = compare(table, measured)
    verdicts = {
        (comparison.column, comparison.cell.metric): comparison.judgment.verdict for comparison in compared.comparisons
    }
    assert verdicts["ATOM", "precision_20"] is Verdict.AGREES
    assert verdicts["ATOM", "success_auc"] is Verdict.DIFFERS  # the paper's slip, 49.1 for 40.1
    assert verdicts["TransT", "success_auc"] is Verdict.NOT_COMPARABLE
    labels = [row.label for row in compared.table.rows]
    assert labels == ["AUC", "AUC, measured", "P", "P, measured"]
    atom = compared.table.cells[0][3]
    assert any("slip for 40.1" in note for note in atom.notes)


@pytest.mark.parametrize(
    ("tracker", "benchmark", "reason"),
    [
        ("ostrack-256", "got10k", "other training data: GOT-10k's protocol asks for training on GOT-10k alone"),
        ("ostrack-256-got10k", "got10k", ""),
        ("ostrack-256", "lasot", ""),
        ("ostrack-256-got10k", "lasot", "other training data: this model was trained on GOT-10k alone"),
    ],
)
def test_models_of_other_training_data_are_not_comparable(tracker: str, benchmark: str, reason: str):
    summary = lasot(0.691, 0.787, 0.752) | {"average_overlap": 0.71, "success_rate_50": 0.804}
    protocol = {"got10k": "got10k-toolkit", "lasot": "pytracking"}[benchmark]
    compared = compare(TABLE_2, [MeasuredScores(make_scores(tracker, summary, benchmark, protocol=protocol))])
    assert {comparison.row for comparison in compared.comparisons} == {"OSTrack"}
    assert {comparison.judgment.detail for comparison in compared.comparisons} == {reason}
    assert {comparison.judgment.verdict for comparison in compared.comparisons} == {
        Verdict.NOT_COMPARABLE if reason else Verdict.AGREES
    }


def test_reasons_of_the_caller_are_kept():
    compared = compare(TABLE_2, [siamrpn(reason="random weights")])
    assert "not comparable because: random weights" in compared.table.footnotes()


def test_measured_numbers_do_not_take_the_papers_highlights():
    compared = compare(TABLE_2, [siamrpn(auc=0.9)])
    rows = [row.label for row in compared.table.rows]
    places = compared.table.places()
    assert places[rows.index("OSTrack")][3] is Rank.FIRST
    assert all(place is Rank.NONE for place in places[rows.index("measured: siamrpnpp")])


def test_scores_of_the_sample_never_stand_in_a_papers_table():
    with pytest.raises(ScoringError, match="sample"):
        compare(TABLE_2, [siamrpn(sample=True)])


def test_trackers_that_the_paper_does_not_list_are_passed_over():
    assert compare(TABLE_2, [siamrpn(tracker="kcf")]).table.rows == published_table(TABLE_2).rows


def test_attributes_are_compared_one_by_one():
    scores = make_scores(
        "vipt-rgbt",
        {"precision_20": 0.6512, "success_auc": 0.5251},
        "lasher",
        protocol="lasher-kit",
        attributes={"LI": {"precision_20": 0.4981, "success_auc": 0.5}},
    )
    compared = compare(get_table("vipt", "attributes"), [MeasuredScores(scores)])
    verdicts = {(comparison.row, comparison.column): comparison.judgment.verdict for comparison in compared.comparisons}
    assert verdicts == {
        ("LI", "PR"): Verdict.AGREES,
        ("LI", "SR"): Verdict.DIFFERS,
        ("ALL", "PR"): Verdict.AGREES,
        ("ALL", "SR"): Verdict.AGREES,
    }


# Formats


def test_json_has_every_comparison_with_its_provenance():
    compared = compare(TABLE_2, [siamrpn(origin={"predictions_sha256": "ab"})], ["x: because"])
    document = paper_json(compared)
    first = document["comparisons"][0]
    assert first["published"]["value"] == 0.496
    assert first["published"]["source"].endswith("Table 2")
    assert first["measured"]["run"] == "run-siamrpnpp"
    assert first["measured"]["predictions_sha256"] == "ab"
    assert first["difference"] == pytest.approx(-0.0004)
    assert (first["verdict"], first["reason"]) == ("agrees", None)
    assert document["left_out"] == ["x: because"]
    json.dumps(document, allow_nan=False)


def test_csv_has_fractions_and_verdicts_beside_measured_numbers():
    rows = list(csv.DictReader(io.StringIO(paper_csv([compare(TABLE_2, [siamrpn(auc=0.51)])]))))
    by_label = {row["row"]: row for row in rows}
    assert float(by_label["siamRPN++"]["lasot.success_auc"]) == 0.496
    measured = by_label["measured: siamrpnpp"]
    assert float(measured["lasot.success_auc"]) == 0.51
    assert float(measured["lasot.success_auc.difference"]) == pytest.approx(0.014)
    assert measured["lasot.success_auc.verdict"] == "differs by +1.4 points, unexplained"
    assert measured["lasot.precision_20.verdict"] == "agrees to the printed digit"
    assert (measured["got10k.average_overlap"], measured["got10k.average_overlap.verdict"]) == ("", "")
    assert by_label["SiamBAN"]["got10k.average_overlap"] == ""


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and ("td" in self.open or "th" in self.open) and "sup" not in self.open:
            self.rows[-1][-1] += data


def test_html_is_well_formed_and_escaped(upvpt: dict[str, Any]):
    compared = compare(TABLE_2, [siamrpn(run="<script>alert(1)</script>")], ["a & b <i>"])
    page = write_tables([compared], "html")
    assert "<script" not in page
    assert "a &amp; b &lt;i&gt;" in page
    parser = _Cells()
    parser.feed(page)
    assert parser.open == []
    assert parser.rows[0] == ["", "GOT-10k", "LaSOT", "TrackingNet"]
    assert parser.rows[2] == ["SiamFC", *upvpt["tables"][1]["rows"][0]["text"]]
    assert parser.rows[5][4] == "49.6 (0.0)"


def test_latex_has_as_many_cells_in_every_row():
    text = write_tables([compare(TABLE_2, [siamrpn()])], "latex")
    assert r"\begin{tabular}{@{}lrrrrrrrrr@{}}" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert len(body) == 17
    assert {line.count(" & ") for line in body} == {9}
    assert text.isascii()
