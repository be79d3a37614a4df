"""Tables: what is printed, in every format; footnotes, highlights, missing numbers, and the rule about the sample."""

import csv
import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from evalkit.errors import ScoringError
from evalkit.report.metrics import METRICS, get_metric
from evalkit.report.tables.formats import FORMATS, write_tables
from evalkit.report.tables.overview import benchmark_tables, overview_table
from evalkit.report.tables.printed import to_markdown
from evalkit.report.tables.table import Cell, Column, NumberSource, Rank, Ranking, Row, Table, mark, missing_cell
from evalkit.report.tables.terminal import to_text
from evalkit.report.tables.values import to_csv, to_json
from helpers.scores_by_hand import SPECS, lasot, make_scores

AUC = METRICS["success_auc"]


def three_trackers(**others: object) -> list:
    return [
        make_scores("kcf", lasot(0.17849, 0.2, 0.1665), **others),
        make_scores("my_tracker", lasot(0.61251, 0.7, 0.65), notes=("scored with 100% care",), **others),
        make_scores("still", lasot(0.61249, 0.1, math.nan), missing=("x-1", "x-2", "x-3", "x-4", "x-5"), **others),
    ]


def column_of(values: list[float], **others: object) -> Table:
    rows = tuple(Row(f"t{i}") for i in range(len(values)))
    cells = tuple((Cell(value, AUC) if math.isfinite(value) else missing_cell(AUC),) for value in values)
    return Table("T", rows, (Column("success_auc", "AUC"),), cells, **others)


def test_markdown_prints_percent_marks_best_two_and_footnotes() -> None:
    (table,) = benchmark_tables(three_trackers(), SPECS)
    assert to_markdown(table).splitlines() == [
        "**LaSOT test**",
        "",
        "Protocol pytracking, 2 sequences, 30 frames. Scores times 100.",
        "",
        "| Tracker     |         AUC |      P_Norm |        P |",
        "| :---------- | ----------: | ----------: | -------: |",
        "| kcf         |        17.8 | <u>20.0</u> |     16.7 |",
        "| my_trackerᵃ |    **61.3** |    **70.0** | **65.0** |",
        "| stillᵇ      | <u>61.2</u> |        10.0 |       -ᶜ |",
        "",
        "ᵃ scored with 100% care",
        "",
        "ᵇ scored without 5 of 7 sequences: x-1, x-2, x-3, x-4, x-5",
        "",
        "ᶜ undefined on these sequences",
    ]


def test_csv_keeps_unrounded_fractions_and_leaves_missing_cells_empty() -> None:
    (table,) = benchmark_tables(three_trackers(), SPECS)
    assert to_csv([table]).splitlines() == [
        "table,tracker,benchmark,split,protocol,run,success_auc,normalized_precision_20,precision_20,notes",
        "LaSOT test,kcf,lasot,test,pytracking,run-kcf,0.17849,0.2,0.1665,",
        "LaSOT test,my_tracker,lasot,test,pytracking,run-my_tracker,0.61251,0.7,0.65,scored with 100% care",
        'LaSOT test,still,lasot,test,pytracking,run-still,0.61249,0.1,,"scored without 5 of 7 sequences: x-1, x-2, x-3, x-4, x-5; undefined on these sequences"',
    ]


def test_csv_of_tables_with_other_columns_is_one_sheet() -> None:
    scores = [*three_trackers(), make_scores("kcf", {"precision_20": 0.5, "success_auc": 1 / 3}, "lasher")]
    rows = list(csv.DictReader(io.StringIO(to_csv(benchmark_tables(scores, SPECS)))))
    assert [row["table"] for row in rows] == ["LaSOT test"] * 3 + ["LasHeR test"]
    assert float(rows[3]["success_auc"]) == 1 / 3
    assert rows[3]["normalized_precision_20"] == ""


@pytest.mark.parametrize("name", ["a|b", "a`b", "<u>", "*x*", "_x_", "[x](y)", "back\\slash", "~~x~~", "$x$", "&lt;"])
def test_markdown_names_do_not_change_the_table(name: str) -> None:
    table = Table("T", (Row(name),), (Column("success_auc", "AUC"),), ((Cell(0.5, AUC),),))
    row = to_markdown(table).splitlines()[4]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert row.split(" |")[0].removeprefix("| ").strip() != name
    assert re.sub(r"\\(.)", r"\1", row.rsplit(" | ", 1)[0]).removeprefix("| ").strip() == name


def test_terminal_table_has_no_color_codes_and_says_everything() -> None:
    (table,) = benchmark_tables(three_trackers(), SPECS)
    text = to_text(table)
    assert "\x1b" not in text
    assert [line.split() for line in text.splitlines() if line.lstrip().startswith(("kcf", "my_", "still"))] == [
        ["kcf", "17.8", "20.0", "16.7"],
        ["my_trackerᵃ", "61.3", "70.0", "65.0"],
        ["stillᵇ", "61.2", "10.0", "-ᶜ"],
    ]
    assert text.startswith("LaSOT test\nProtocol pytracking")
    assert "ᵃ scored with 100% care" in text


def test_terminal_table_takes_brackets_in_names_literally() -> None:
    table = Table("T", (Row("[red]x[/]"),), (Column("success_auc", "AUC"),), ((Cell(0.5, AUC),),))
    assert "[red]x[/]" in to_text(table)


def test_json_has_values_origin_and_source_of_every_number() -> None:
    (table,) = benchmark_tables(three_trackers(), SPECS)
    document = json.loads(write_tables([table], "json"))[0]
    assert document["columns"][1] == {"key": "normalized_precision_20", "label": "P_Norm", "group": ""}
    assert document["rows"][1]["origin"] == {
        "benchmark": "lasot",
        "split": "test",
        "protocol": "pytracking",
        "run": "run-my_tracker",
    }
    assert document["rows"][1]["cells"][0] == {"value": 0.61251, "printed": "61.3", "source": "measured", "place": 1}
    assert document["rows"][2]["cells"][2] == {
        "value": None,
        "printed": "-",
        "source": "missing",
        "notes": ["undefined on these sequences"],
    }


def test_benchmark_papers_labels_are_used() -> None:
    (table,) = benchmark_tables([make_scores("kcf", {"success_auc": 0.1, "precision_20": 0.2}, "lasher")], SPECS)
    assert [column.label for column in table.columns] == ["PR", "SR"]
    assert get_metric("success_auc", "got10k").label == "AUC"
    assert get_metric("my_new_metric").label == "my new metric"


def test_other_protocol_shows_all_that_it_reports() -> None:
    scores = [make_scores("kcf", {"coverage": 1.0, "success_auc": 0.25, "precision_auc": 0.5})]
    (table,) = benchmark_tables(scores, SPECS)
    assert [column.key for column in table.columns] == ["success_auc", "coverage", "precision_auc"]


def test_speed_is_a_column_where_known_and_is_not_ranked() -> None:
    scores = three_trackers()
    (table,) = benchmark_tables(
        scores, SPECS, {("lasot", "kcf", "run-kcf"): 812.34, ("lasot", "still", "run-still"): 20000.0}
    )
    assert table.columns[-1].label == "frames/s"
    assert [line[-1].text for line in table.cells] == ["812.3", "-", "20000.0"]
    assert [places[-1] for places in table.places()] == [Rank.NONE] * 3


def test_note_of_all_rows_is_said_once_without_mark() -> None:
    scores = [make_scores(name, lasot(0.1, 0.2, 0.3), notes=("files of 2 kinds",)) for name in ("a", "b")]
    (table,) = benchmark_tables(scores, SPECS)
    assert table.notes == ("files of 2 kinds",)
    assert table.footnotes() == {}


def test_scores_on_other_sequences_carry_a_footnote() -> None:
    few = make_scores("b", lasot(0.1, 0.2, 0.3), sequence_names=("a-1",), frames=np.array([10]))
    (table,) = benchmark_tables([make_scores("a", lasot(0.1, 0.2, 0.3)), few], SPECS)
    assert table.rows[1].notes == ("scored on other sequences than a: 1 of them",)
    assert "2 sequences, 30 frames" in table.caption


def test_two_runs_of_a_tracker_are_told_apart() -> None:
    scores = [replace(score, tracker="kcf") for score in three_trackers()[:2]]
    (table,) = benchmark_tables(scores, SPECS)
    assert [row.label for row in table.rows] == ["kcf (run-kcf)", "kcf (run-my_track)"]


def test_overview_has_the_first_headline_metric_of_each_benchmark() -> None:
    scores = [*three_trackers()[:2], make_scores("kcf", {"precision_20": 0.5, "success_auc": 0.25}, "lasher")]
    table = overview_table(scores, SPECS)
    assert [(column.key, column.group, column.label) for column in table.columns] == [
        ("lasot.success_auc", "LaSOT", "AUC"),
        ("lasher.precision_20", "LasHeR", "PR"),
    ]
    assert [[cell.text for cell in line] for line in table.cells] == [["17.8", "50.0"], ["61.3", "-"]]
    assert table.rows[1].notes == ("scored with 100% care",)
    assert "LaSOT: pytracking; LasHeR: pytracking" in table.caption


def test_overview_says_once_what_a_row_a_column_or_all_share() -> None:
    def scored(tracker: str, benchmark: str, *notes: str) -> object:
        keys = SPECS[benchmark].headline
        return make_scores(tracker, dict.fromkeys(keys, 0.5), benchmark, notes=("everywhere", *notes))

    scores = [
        scored("a", "lasot", "of lasot", "of a"),
        scored("b", "lasot", "of lasot"),
        scored("a", "lasher", "of a", "of one cell"),
        scored("b", "lasher"),
        scored("b", "got10k"),
    ]
    table = overview_table(scores, SPECS)
    assert table.notes == ("everywhere", "LaSOT: of lasot")
    assert [row.notes for row in table.rows] == [("of a",), ()]
    assert [cell.notes for line in table.cells for cell in line if cell.notes] == [("of one cell",)]


def test_overview_refuses_two_scores_of_a_tracker() -> None:
    scores = [replace(score, tracker="kcf") for score in three_trackers()[:2]]
    with pytest.raises(ScoringError, match=r"run-kcf .*run-my_tracker.*Choose one run"):
        overview_table(scores, SPECS)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([], []),
        ([0.5], [0]),
        ([0.5, 0.4], [1, 0]),
        ([0.4, 0.5, 0.3], [2, 1, 0]),
        ([0.5, 0.5, 0.4], [1, 1, 0]),
        ([0.5, 0.5], [0, 0]),
        ([0.1, 0.4, 0.4, 0.9], [0, 2, 2, 1]),
        ([0.50001, 0.50002, 0.1], [2, 1, 0]),
        ([math.nan, 0.5, 0.4], [0, 1, 0]),
    ],
)
def test_best_two_different_values_are_highlighted(values: list[float], places: list[int]) -> None:
    assert [row[0].value for row in column_of(values).places()] == places


def test_highlights_along_rows_or_not_at_all() -> None:
    columns = tuple(Column(name, name) for name in "abc")
    cells = ((Cell(0.1, AUC), Cell(0.3, AUC), Cell(0.2, AUC)),)
    along = Table("T", (Row("AUC"),), columns, cells, ranking=Ranking.ROWS)
    assert [place.value for place in along.places()[0]] == [0, 1, 2]
    assert replace(along, ranking=Ranking.NONE).places() == [[Rank.NONE] * 3]


def test_lower_is_better_turns_the_ranking() -> None:
    metric = replace(AUC, higher_is_better=False)
    cells = tuple((Cell(value, metric),) for value in (0.3, 0.1, 0.2))
    table = Table("T", (Row("a"), Row("b"), Row("c")), (Column("k", "K"),), cells)
    assert [row[0].value for row in table.places()] == [0, 1, 2]


def test_published_text_is_printed_as_it_stands() -> None:
    cell = Cell(0.694, AUC, NumberSource.PUBLISHED, printed="69.40")
    assert to_markdown(Table("T", (Row("x"),), (Column("k", "AUC"),), ((cell,),))).count("69.40") == 1


def test_sample_tables_say_so_in_every_title() -> None:
    scores = three_trackers(sample=True)
    tables = [*benchmark_tables(scores, SPECS), overview_table(scores, SPECS)]
    for table in tables:
        assert "sample" in table.title
        assert {cell.source for line in table.cells for cell in line} <= {NumberSource.SAMPLE, NumberSource.MISSING}
        for form in FORMATS:
            assert table.title in write_tables([table], form)


def test_sample_scores_never_stand_beside_real_ones() -> None:
    mixed = [*three_trackers(), make_scores("ncc", lasot(0.1, 0.2, 0.3), sample=True)]
    with pytest.raises(ScoringError, match="sample beside measured"):
        benchmark_tables(mixed, SPECS)
    with pytest.raises(ScoringError, match="sample beside measured"):
        overview_table([mixed[0], replace(mixed[3], benchmark="lasher")], SPECS)


def test_sample_scores_never_stand_beside_published_ones() -> None:
    cells = ((Cell(0.5, AUC, NumberSource.SAMPLE),), (Cell(0.6, AUC, NumberSource.PUBLISHED),))
    with pytest.raises(ScoringError, match="sample beside published"):
        Table("LaSOT (sample)", (Row("a"), Row("b")), (Column("k", "AUC"),), cells)


def test_sample_table_without_the_word_is_refused() -> None:
    with pytest.raises(ScoringError, match="must say 'sample'"):
        Table("LaSOT", (Row("a"),), (Column("k", "AUC"),), ((Cell(0.5, AUC, NumberSource.SAMPLE),),))


def test_footnote_marks_are_unique_and_printable_as_superscripts() -> None:
    marks = [mark(number) for number in range(2000)]
    assert len(set(marks)) == len(marks)
    assert all("q" not in text for text in marks)
    assert [mark(24), mark(25), mark(26)] == ["z", "aa", "ab"]


@pytest.mark.parametrize("benchmark", ["", "lasher", "visevent"])
def test_no_two_metrics_share_a_label(benchmark: str) -> None:
    labels = [get_metric(key, benchmark).label for key in METRICS]
    assert len(set(labels)) == len(labels)


def test_table_json_round_trip_keeps_every_digit() -> None:
    values = np.random.default_rng(0).random(50)
    document = json.loads(json.dumps(to_json(column_of(values.tolist()))))
    assert [row["cells"][0]["value"] for row in document["rows"]] == values.tolist()
