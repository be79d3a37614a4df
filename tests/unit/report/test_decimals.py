"""Decimals are decided in one place: changing a metric's there changes every print of it, and nothing else."""

import dataclasses
import re

import pytest

from evalkit.report import metrics
from evalkit.report.curves import SUCCESS
from evalkit.report.figures.charts import attribute_figure, ranking_figure
from evalkit.report.figures.lines import curve_figure
from evalkit.report.html.page import build_html
from evalkit.report.html.part import part_json, part_styles
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.protocols import PROTOCOLS
from helpers.program import call
from helpers.report_parts import part
from helpers.small_lasot import make_lasot, make_results

KEY = "success_auc"


@pytest.fixture
def more_decimals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four decimals of the area under the success curve."""
    monkeypatch.setitem(metrics.METRICS, KEY, dataclasses.replace(metrics.METRICS[KEY], decimals=4))


def digits(text: str) -> int:
    return len(text.rpartition(".")[2])


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("score", "lasot", "--tracker", "kcf"), 1),
        (("compare", "lasot", "--tracker", "kcf", "--tracker", "ncc"), 1),
        (("explain", "lasot", "--tracker", "kcf"), 1),
        (("make-table", "--benchmark", "lasot", "--tracker", "kcf"), 0),
    ],
)
def test_commands_print_the_decimals_of_the_metric(arguments, more, tmp_path, more_decimals):
    root, results = make_lasot(tmp_path), make_results(tmp_path)
    code, out, err = call(*arguments, "--data-root", root, "--results", results)
    assert code == 0, err
    printed = [number for number in re.findall(r"\d+\.\d+", out) if digits(number) == 4 + more]
    assert printed, out


def test_figures_and_the_report_print_the_decimals_of_the_metric(more_decimals):
    made = part({"kcf": 0.123456789, "eco": 0.5})
    legend = curve_figure(SUCCESS, made.scores, "LaSOT").axes[0].get_legend().get_texts()
    assert legend[1].get_text() == "[0.123457] kcf"
    assert "0.123457" in {text.get_text() for text in ranking_figure(made.scores, "LaSOT", KEY).axes[0].texts}
    ticks = attribute_figure(made.scores, "LaSOT", KEY).axes[0].get_xticklabels()
    assert ticks[0].get_text().endswith("0.450000")
    described = part_json(made, part_styles([made]))["metrics"]
    assert [(item["key"], item["decimals"]) for item in described][:2] == [(KEY, 4), ("normalized_precision_20", 1)]
    assert "12.3457" in build_html([made])


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_score_prints_all_metrics_of_a_protocol_with_as_many_decimals(protocol):
    reported = get_protocol(protocol).reported
    assert {digits(metrics.get_metric(item.key).detailed(0.123456)) for item in reported} == {2}
