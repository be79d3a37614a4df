"""Every published number: complete, in range, from a known source, carried over without change."""

import csv
import doctest
import re
from decimal import Decimal
from pathlib import Path

import pytest

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS
from evalkit.published import (
    FOREIGN_BENCHMARKS,
    OTHER_METRICS,
    Doubt,
    Published,
    PublishedDataError,
    Unit,
    find_published,
    load_published,
)
from evalkit.report.metrics import METRICS
from evalkit.scoring.verdicts import Verdict
from helpers import ROOT
from trackers import CATALOG

VALUES = load_published()
OURS = {**BENCHMARKS, **EXTRA_BENCHMARKS}
SPEAK_FOR_THEMSELVES = {Doubt.SECOND_HAND, Doubt.NOT_VERIFIED}
PER_UNIT = {"%": Decimal(100), "points": Decimal(100), "% of backbone": Decimal(100), "TB": Decimal("0.001")}


def same(value: Published) -> str:
    return f"{value.tracker} ({value.variant}) {value.benchmark} {value.split} {value.metric} in {value.provenance}"


def test_there_are_as_many_as_were_collected():
    assert len(VALUES) == 1128


def test_every_metric_is_ours_or_declared():
    unknown = [same(v) for v in VALUES if v.metric not in METRICS and v.metric not in OTHER_METRICS]
    assert unknown == []
    assert set(OTHER_METRICS).isdisjoint(METRICS)
    assert set(OTHER_METRICS) <= {v.metric for v in VALUES}


def test_every_benchmark_is_ours_or_declared_foreign():
    assert {v.benchmark for v in VALUES} - set(OURS) - {""} == set(FOREIGN_BENCHMARKS)


def test_every_split_and_attribute_of_our_benchmarks_exists():
    for v in VALUES:
        if v.benchmark not in OURS or (v.benchmark, v.split) == ("lasher", "all"):
            continue
        spec = OURS[v.benchmark]
        dataset_fact = v.metric in {"year", "size", "categories"}
        assert v.split in spec.splits or (dataset_fact and v.split == ""), same(v)
        assert v.attribute in {"", "ALL", *spec.attributes}, same(v)


def test_every_value_is_its_printed_text_in_our_unit():
    for v in VALUES:
        assert Decimal(repr(v.value)) == Decimal(v.printed) / PER_UNIT.get(v.printed_unit, Decimal(1)), same(v)


def test_every_score_is_a_fraction():
    scores = [v for v in VALUES if v.metric in METRICS and v.metric != "frames_per_second"]
    assert {v.unit for v in scores} == {Unit.FRACTION}
    assert len(scores) > 900


def test_every_doubt_says_why():
    silent = [same(v) for v in VALUES if v.doubt and not v.note and v.doubt not in SPEAK_FOR_THEMSELVES]
    assert silent == []


def test_no_source_says_the_same_twice():
    seen: set[str] = set()
    for v in VALUES:
        key = f"{same(v)} {v.attribute} {v.training}"
        assert key not in seen, key
        seen.add(key)


def test_sources_that_contradict_each_other_are_remarked():
    groups: dict[tuple[str, ...], list[Published]] = {}
    for v in VALUES:
        key = (v.tracker, v.variant, v.benchmark, v.split, v.attribute, v.metric, v.training)
        groups.setdefault(key, []).append(v)
    contradictions = [group for group in groups.values() if max(v.value for v in group) != min(v.value for v in group)]
    assert len(contradictions) > 10
    for group in contradictions:
        assert any(v.doubt for v in group), [f"{same(v)}: {v.value}" for v in group]


@pytest.mark.parametrize(
    ("asked", "value", "doubt"),
    [
        ({"tracker": "SiamBAN", "benchmark": "trackingnet", "metric": "precision_auc"}, 0.794, Doubt.SUSPECT),
        (
            {"tracker": "ATOM", "benchmark": "tnl2k", "metric": "success_auc", "table": "Table 4"},
            0.491,
            Doubt.WRONG_DIGIT,
        ),
        ({"tracker": "SRFT", "benchmark": "visevent"}, 0.815, Doubt.UNCONFIRMED),
        ({"tracker": "ViPT", "benchmark": "depthtrack", "metric": "longterm_f", "table": "Table 1"}, 0.594, None),
        ({"tracker": "OSTrack", "variant": "OSTrack-256", "metric": "frames_per_second"}, 105.4, Doubt.SECOND_HAND),
    ],
)
def test_look_up(asked: dict[str, str], value: float, doubt: Doubt | None):
    (actual,) = find_published(VALUES, **asked)
    assert (actual.value, actual.doubt) == (value, doubt)


def test_transt_on_got10k_has_two_trainings():
    actual = find_published(VALUES, tracker="TransT", benchmark="got10k", metric="average_overlap")
    assert {(v.value, v.training) for v in actual} >= {(0.671, "GOT-10k alone"), (0.723, "all data")}


@pytest.mark.parametrize(
    "wrong", [{"value": "34.8"}, {"value": "nan"}, {"unit": "percent"}, {"source": ""}, {"doubt": "x"}]
)
def test_a_wrong_row_is_refused(wrong: dict[str, str]):
    from evalkit import published

    row = {
        **dict.fromkeys(("tracker", "benchmark", "metric", "label", "printed", "source", "table"), "text"),
        **dict.fromkeys(("variant", "split", "attribute", "printed_unit", "training", "doubt", "note"), ""),
        "value": "0.348",
        "unit": "fraction",
    }
    assert published._published(dict(row), 7).value == 0.348
    with pytest.raises(PublishedDataError, match="line 7"):
        published._published({**row, **wrong}, 7)


def test_rgb_numbers_are_those_of_the_collection(shared_spec: Path):
    rows = list(csv.DictReader((shared_spec / "published_rgb.csv").read_text(encoding="utf-8").splitlines()))
    ours = VALUES[: len(rows)]
    for row, v in zip(rows, ours, strict=True):
        assert (v.printed, v.source, v.table) == (row["value"], row["source"], row["table"]), row
        assert v.tracker == row["tracker"] or v.metric in {"year", "size", "categories"}
        assert (v.benchmark == row["benchmark"]) or (
            v.benchmark in OURS and OURS[v.benchmark].title == row["benchmark"]
        )
        flagged = re.match("SUSPECT|WRONG DIGIT|DIFFERS", row["note"])
        assert v.doubt is not None if flagged else True
        assert v.note in row["note"] or v.metric in {"frames_per_second", "normalized_precision_auc"} or flagged


def test_multimodal_numbers_are_those_of_the_collection(shared_spec: Path):
    rows = list(csv.DictReader((shared_spec / "published_multimodal.csv").read_text(encoding="utf-8").splitlines()))
    ours = VALUES[-len(rows) :]
    for row, v in zip(rows, ours, strict=True):
        assert Decimal(v.printed) == Decimal(row["value"]), row
        assert v.value == pytest.approx(float(row["value"]) / (100 if float(row["value"]) > 1 else 1), abs=1e-12)
        assert row["tracker"].startswith(v.tracker)
        assert (v.label, v.source in row["source"]) == (row["metric"], True)
        if "unconfirmed" in row["note"]:
            assert v.doubt is Doubt.UNCONFIRMED


def test_the_documentation_shows_what_is_there():
    path = ROOT / "docs" / "published.md"
    failures, examples = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert (failures, examples > 1) == (0, True)
    text = path.read_text(encoding="utf-8")
    assert all(f"| {doubt.value} |" in text for doubt in Doubt)
    assert all(f"| {verdict.value} |" in text for verdict in Verdict)


def test_srft_is_introduced_with_both_titles_of_its_paper():
    path = ROOT / "docs" / "trackers.md"
    for text in (path.read_text(encoding="utf-8"), CATALOG["srft-rgbe-256"].reference):
        assert "Significance-Regularized" in text
        assert "Sensitivity-regularized" in text
