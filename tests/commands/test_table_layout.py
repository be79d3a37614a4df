"""``make-table`` of several benchmarks: one table, with the metrics, order and names that are asked for."""

import csv
import io
import json

import numpy as np
import pytest

from evalkit.evaluation.tables import titled
from evalkit.report.tables.latex import to_latex
from evalkit.report.tables.overview import joint_table
from evalkit.report.tables.terminal import to_text
from helpers import stored, trees
from helpers.program import call
from helpers.scores_by_hand import SPECS, lasot, make_scores, wide_table
from helpers.small_lasot import BOXES, make_lasot, make_results

SEVEN = {f"boat{number}": BOXES for number in range(7)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """LaSOT and UAV123 with runs of kcf and ncc; on LaSOT kcf is better, on UAV123 ncc. Only kcf's times differ."""
    folder = tmp_path_factory.mktemp("two")
    data, results = make_lasot(folder).parent, make_results(folder)
    trees.uav123(data / "UAV123", values=SEVEN)
    for tracker, offset, seconds in (("kcf", 6.0, 1 / 96), ("ncc", 1.0, 1 / 24)):
        moved = {name: BOXES + np.array([offset + row, 0, 0, 0]) for row, name in enumerate(SEVEN)}
        tracks = {name: stored.trajectory(boxes, seconds) for name, boxes in moved.items()}
        stored.store_run(results, "uav123", tracks, tracker=tracker)
    return ["--data-root", str(data), "--results", str(results)]


def table(place: list[str], *arguments: str, benchmarks: str = "lasot,uav123") -> list[list[str]]:
    """The rows of the CSV, unlike those of the text easy to read, of the only table."""
    code, out, err = call("make-table", benchmarks, *arguments, "--format", "csv", *place)
    assert code == 0, err
    rows = list(csv.reader(io.StringIO(out)))
    assert len({row[0] for row in rows[1:]}) == 1
    return rows


def labels(rows: list[list[str]]) -> list[str]:
    return [row[1] for row in rows[1:]]


def test_several_benchmarks_are_groups_of_columns_of_one_table(place):
    code, out, err = call("make-table", "lasot,uav123", *place)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    groups = next(number for number, line in enumerate(lines) if line.split() == ["LaSOT", "UAV123"])
    assert lines[groups + 2].split() == ["Tracker", "AUC", "P_Norm", "P", "AUC", "P"]
    assert [line.split()[0] for line in lines[groups + 4 : groups + 6]] == ["kcf", "ncc"]
    assert lines[groups].index("UAV123") > lines[groups + 2].rindex("P_Norm")
    assert out.count("kcf") == 1


def test_the_group_of_a_benchmark_has_the_numbers_of_its_own_table(place):
    def values(benchmarks: str) -> list[list[str]]:
        _, out, _ = call("make-table", benchmarks, "--format", "markdown", "--no-speed", *place)
        return [line.split("|")[2:-1] for line in out.splitlines() if line.startswith(("| kcf", "| ncc"))]

    joined = [[cell.strip() for cell in row] for row in values("lasot,uav123")]
    alone = [
        [cell.strip() for cell in (*first, *second)]
        for first, second in zip(values("lasot"), values("uav123"), strict=True)
    ]
    assert joined == alone


def test_programs_get_what_they_always_got_until_a_layout_is_asked_for(place):
    _, out, _ = call("make-table", "lasot,uav123", "--json", *place)
    assert [entry["title"] for entry in json.loads(out)] == ["LaSOT test", "UAV123 test", "Overview"]
    _, out, _ = call("make-table", "lasot,uav123", "--json", "--order", "best", *place)
    assert [entry["title"] for entry in json.loads(out)] == ["LaSOT test, UAV123 test"]


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (
            ["--metrics", "P,AUC"],
            ["lasot.precision_20", "lasot.success_auc", "uav123.precision_20", "uav123.success_auc"],
        ),
        (["--metrics", "p_norm"], ["lasot.normalized_precision_20", "uav123.normalized_precision_20"]),
        (["--metrics", "P", "--metrics", "lasot=AUC"], ["lasot.success_auc", "uav123.precision_20"]),
        (["--metrics", "lasot=P,AUC,uav123=P"], ["lasot.precision_20", "lasot.success_auc", "uav123.precision_20"]),
    ],
)
def test_metrics_stand_in_the_order_in_which_they_are_named(place, arguments, columns):
    header = table(place, *arguments)[0]
    assert [column for column in header if column.split(".")[-1] not in {"split", "protocol", "run"}][2:-1] == columns


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--metrics", "AUK"], "unknown metric 'AUK'; did you mean 'AUC'?"),
        (["--metrics", "got10k=AO"], "unknown benchmark of --metrics 'got10k'"),
        (["--metrics", "uav123=AO5"], "unknown metric of UAV123 'AO5'"),
        (["--names", "kfc=Ours"], "unknown tracker of --names 'kfc'; did you mean 'kcf'?"),
        (["--names", "kcf"], "Write TRACKER=NAME"),
        (["--order", "worst"], "'best', 'given'"),
        (["--interval", "2"], "'2' is no level between 0 and 1; write `--interval 0.95`."),
        (["--interval", "nan"], "is no level"),
        (["--interval", "lasot"], "'lasot' is no level between 0 and 1; write `--interval 0.95 lasot`."),
        (["--paper", "upvpt", "--order", "best"], "exclude each other"),
    ],
)
def test_what_cannot_be_laid_out_is_wrong_usage(place, arguments, text):
    code, out, err = call("make-table", "lasot,uav123", *arguments, *place)
    assert (code, out) == (2, "")
    assert text in err


def test_a_papers_table_takes_a_caption_and_no_other_layout(tmp_path):
    asked = ["--paper", "upvpt", "--table", "3", "--results", tmp_path]
    code, _, err = call("make-table", *asked, "--metrics", "AUC")
    assert code == 2
    assert "laid out as printed" in err
    code, out, _ = call("make-table", *asked, "--caption", "UAV123 & more", "--label", "tab:u", "--format", "latex")
    assert code == 0
    assert r"\caption{UAV123 \& more}" in out
    assert r"\label{tab:u}" in out


def test_the_best_stands_first_by_the_first_column(place):
    assert labels(table(place, "--order", "best", "--tracker", "ncc,kcf")) == ["kcf", "ncc"]
    assert labels(table(place, "--order", "given", "--names", "ncc=ncc", "--tracker", "ncc,kcf")) == ["ncc", "kcf"]
    assert labels(table(place, "--order", "best", benchmarks="uav123,lasot")) == ["ncc", "kcf"]


def test_names_are_printed_instead_of_trackers(place):
    assert labels(table(place, "--names", "ncc=Ours (fast, small),KCF=KCF [1]")) == ["KCF [1]", "Ours (fast, small)"]
    code, _, err = call("make-table", "lasot", "--names", "kcf=A,ncc=A", *place)
    assert code == 1
    assert "two rows of the table would be called 'A'" in err


def test_speed_is_one_column_over_all_frames_and_only_where_asked(place):
    # kcf: 24 frames at 24 frames/s, 84 at 96: 108 frames in 1.875 s
    assert "frames_per_second" not in table(place, "--order", "best")[0]
    rows = table(place, "--speed")
    column = rows[0].index("frames_per_second")
    assert [float(row[column]) for row in rows[1:]] == pytest.approx([108 / 1.875, 24], rel=1e-4)
    assert "frames_per_second" not in table(place, "--no-speed", benchmarks="lasot")[0]


def test_intervals_are_those_of_score_and_absent_for_few_sequences(place):
    _, out, _ = call("make-table", "lasot,uav123", "--interval", "--json", *place)
    (made,) = json.loads(out)
    cells = dict(zip([column["key"] for column in made["columns"]], made["rows"][0]["cells"], strict=True))
    _, scored, _ = call("score", "uav123", "--tracker", "kcf", "--interval", "0.95", "--json", *place)
    assert cells["uav123.success_auc"]["interval"] == json.loads(scored)["intervals"]["success_auc"]
    assert "interval" not in cells["lasot.success_auc"]
    rows = table(place, "--interval", "0.5", benchmarks="uav123")
    low, value, high = (float(rows[1][rows[0].index(f"success_auc{end}")]) for end in (".low", "", ".high"))
    assert low < value < high
    assert cells["uav123.success_auc"]["interval"][0] < low
    _, out, _ = call("make-table", "uav123", "--interval", *place)
    assert f"{100 * value:.1f} [" in out
    assert "95 % confidence intervals" in out


def test_a_table_says_sample_whatever_its_caption():
    made = titled(joint_table([make_scores("kcf", lasot(0.1, 0.2, 0.3), sample=True)], SPECS), "Results", "tab:r")
    assert made.title == "Results (sample)"
    assert r"\caption{Results (sample)}" in to_latex(made)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_text_is_as_wide_as_the_terminal_and_keeps_every_number(width):
    made = wide_table(8, 3)
    text = to_text(made, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for row in range(3):
        printed = [
            number for line in text.splitlines() if line.startswith(f"tracker-{row} ") for number in line.split()[1:]
        ]
        assert printed == [cell.text for cell in made.cells[row]]
