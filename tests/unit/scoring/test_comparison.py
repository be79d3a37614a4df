"""Intervals, paired comparison, single rules: worked by hand or against a second computation."""

import dataclasses
import os
import tracemalloc

import numpy as np
import pytest

from evalkit.errors import EvalkitError, ScoringError
from evalkit.evaluation.parallel import fork_map
from evalkit.published import Printed
from evalkit.scoring.aggregate import LongTermMetric, MeanMetric
from evalkit.scoring.conventions import Divisor, OpeProtocol, Rounding, Unscorable
from evalkit.scoring.explain import Variants, explain, variations
from evalkit.scoring.longterm import LongTermTables
from evalkit.scoring.lookup import flat_rules, get_protocol, protocols_for
from evalkit.scoring.rules import rules_of
from evalkit.scoring.score import evaluate_results
from evalkit.scoring.statistics import bootstrap_intervals, compare_metric, holm, rank_biserial
from evalkit.scoring.verdicts import Verdict
from evalkit.sequences import Annotation, Trajectory
from helpers.program import load_perf

intervals = load_perf("intervals")


def metric(values, weights=None):
    values = np.array(values, dtype=float)
    return MeanMetric(values, np.ones(len(values)) if weights is None else np.array(weights, dtype=float))


def test_the_interval_of_many_sequences_is_that_of_resampled_means():
    values = np.random.default_rng(0).uniform(0, 1, 60)
    low, high = bootstrap_intervals({"m": metric(values)}, 60, level=0.95, seed=1)["m"]
    rng = np.random.default_rng(99)
    means = [values[rng.integers(0, 60, 60)].mean() for _ in range(4000)]
    assert low == pytest.approx(np.quantile(means, 0.025), abs=0.01)
    assert high == pytest.approx(np.quantile(means, 0.975), abs=0.01)


def test_the_interval_of_few_sequences_is_students_on_the_logistic_scale():
    values = np.array([0.2, 0.9, 0.7, 0.55, 0.8, 0.35, 0.6])
    low, high = bootstrap_intervals({"m": metric(values)}, 7, level=0.95, seed=0, resamples=20_000)["m"]
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(7)
    reach = 2.446912 * error / (mean * (1 - mean))  # Student's t, 6 degrees of freedom
    expected = [1 / (1 + np.exp(-np.log(mean / (1 - mean)) - sign * reach)) for sign in (-1, 1)]
    assert [low, high] == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("count", [7, 10, 20])
def test_intervals_cover_as_often_as_they_say(count):
    ours, percentile = np.mean([intervals.coverage(shape, count, 400) for shape in intervals.shapes().values()], axis=0)
    assert 0.93 <= ours <= 0.97
    assert percentile < ours


def test_too_few_sequences_have_no_interval():
    values = np.linspace(0.2, 0.8, 7)
    undefined = np.append(values[:6], np.nan)
    actual = bootstrap_intervals({"m": metric(values), "n": metric(undefined, [1] * 6 + [0])}, 7, level=0.95, seed=0)
    assert list(actual) == ["m"]
    assert compare_metric("m", metric(values[:6]), metric(values[1:]), list("abcdef")).interval is None


def test_intervals_stay_in_range_and_hold_the_value():
    for values in (np.zeros(9), np.ones(9), np.append(np.zeros(8), 1e-5), np.append(np.ones(8), 0.99)):
        low, high = bootstrap_intervals({"m": metric(values)}, 9, level=0.95, seed=0)["m"]
        assert 0 <= low <= values.mean() <= high <= 1


def test_intervals_are_seeded_and_grow_with_the_level():
    metrics = {"m": metric(np.linspace(0, 1, 30))}
    first = bootstrap_intervals(metrics, 30, level=0.95, seed=4)
    assert first == bootstrap_intervals(metrics, 30, level=0.95, seed=4)
    assert first != bootstrap_intervals(metrics, 30, level=0.95, seed=5)
    wide = bootstrap_intervals(metrics, 30, level=0.99, seed=4)["m"]
    assert wide[0] < first["m"][0] < first["m"][1] < wide[1]


def test_pooled_metrics_resample_with_their_frames():
    weighted = metric([0.0, 1.0], [1, 3])
    assert weighted.over(np.array([0, 1])) == 0.75
    assert weighted.resampled(np.array([[2.0, 0.0], [0.0, 2.0]])).tolist() == [0.0, 1.0]


def test_resamples_are_selections_with_repetition():
    rng = np.random.default_rng(3)
    values = np.where(np.arange(9) < 2, np.nan, rng.uniform(0, 1, 9))
    tables = LongTermTables(np.array([np.inf, 0.5, -np.inf]), rng.uniform(0, 1, (9, 3)), rng.uniform(0, 1, (9, 3)))
    tables.recall[1:4] = np.nan  # no visible target
    metrics = [
        MeanMetric(values, np.where(np.isnan(values), 0.0, 1.0)),
        MeanMetric(values, np.where(np.arange(9) < 4, 0.0, rng.integers(1, 90, 9))),  # two left out, two undefined
        *(LongTermMetric(tables, f"longterm_{key}", values) for key in ("precision", "recall", "f")),
    ]
    rows = [*rng.integers(0, 9, (200, 9)), np.zeros(9, dtype=int), np.full(9, 2), np.array([0, 1, 2] * 3)]
    draws = np.array([np.bincount(row, minlength=9) for row in rows], dtype=float)
    for metric in metrics:
        assert metric.resampled(draws) == pytest.approx([metric.over(row) for row in rows], nan_ok=True)


def test_intervals_of_many_sequences_take_little_memory():
    tracemalloc.start()
    bootstrap_intervals({"m": metric(np.linspace(0, 1, 20_000))}, 20_000, level=0.95, seed=0, resamples=100)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_comparison_by_hand():
    names = ["a", "b", "c", "d"]
    actual = compare_metric("m", metric([0.5, 0.9, 0.4, 0.2]), metric([0.4, 0.3, 0.4, 0.5]), names, listed=2)
    assert actual.difference == pytest.approx(0.5 - 0.4)
    assert (actual.wins, actual.ties, actual.losses) == (2, 1, 1)
    assert [row.name for row in actual.most_different] == ["b", "d"]
    assert actual.interval is None  # too few
    assert actual.p_value == pytest.approx(0.75)  # signed ranks 1, 3 against 2 of three: 6 of 8 orders are as far


def test_a_tracker_equals_itself():
    actual = compare_metric("m", metric([0.5, 0.9]), metric([0.5, 0.9]), ["a", "b"])
    assert (actual.difference, actual.p_value, actual.ties) == (0.0, 1.0, 2)
    assert actual.most_different == ()


def test_swapping_the_trackers_mirrors_the_comparison():
    rng = np.random.default_rng(8)
    first, second = metric(rng.uniform(0, 1, 25)), metric(rng.uniform(0, 1, 25))
    names = [str(number) for number in range(25)]
    there, back = compare_metric("m", first, second, names), compare_metric("m", second, first, names)
    assert there.difference == -back.difference
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert (there.wins, there.losses, there.p_value) == (back.losses, back.wins, back.p_value)
    assert there.effect == pytest.approx(-back.effect)


def test_the_effect_is_the_share_of_favorable_ranks_minus_that_of_others():
    difference = np.array([0.3, -0.1, 0.1, 0.0, -0.4, 0.2])
    sizes = sorted(abs(value) for value in difference if value)
    mean_rank = {size: np.mean([place + 1 for place, other in enumerate(sizes) if other == size]) for size in sizes}
    ranks = [np.sign(value) * mean_rank[abs(value)] for value in difference if value]
    expected = (sum(rank for rank in ranks if rank > 0) + sum(rank for rank in ranks if rank < 0)) / sum(
        map(abs, ranks)
    )
    assert rank_biserial(difference) == pytest.approx(expected)
    assert (rank_biserial(np.ones(3)), rank_biserial(-np.ones(3)), rank_biserial(np.zeros(3))) == (1, -1, 0)


def test_holm_rejects_what_its_step_down_procedure_rejects():
    rng = np.random.default_rng(5)
    for count in (1, 2, 3, 7):
        values = rng.uniform(0, 0.2, count).round(3)
        adjusted = holm(values)
        for level in np.linspace(0.001, 0.999, 97):
            rejected = set()
            for step, place in enumerate(np.argsort(values, kind="stable")):
                if values[place] * (count - step) > level:
                    break
                rejected.add(int(place))
            assert {place for place, value in enumerate(adjusted) if value <= level} == rejected


# --- single rules ----------------------------------------------------------------------------------------------------

REFERENCES = ["uav123", "got10k", "lasot", "tnl2k", "visevent", "lasher", "depthtrack", "trackingnet", "custom"]


@pytest.mark.parametrize("benchmark", REFERENCES)
def test_every_variation_changes_the_protocol_where_it_says(benchmark):
    protocols = protocols_for(benchmark)
    reference = protocols[0]
    actual = variations(reference, protocols)
    assert actual
    for rule, value, changed in actual:
        assert changed != reference
        assert rule.get(changed) == value
        different = [key for key, rules in flat_rules(changed).items() if rules != flat_rules(reference)[key]]
        assert 1 <= len(different) <= 4  # one field, or one field of each curve


def test_rules_cover_every_field_that_moves_a_number():
    # not rules of arithmetic: who and where, and what is refused
    known = {"id", "version", "title", "source", "benchmarks", "lengths", "attribute_minimum", "reported"}
    fields = {field.name for field in dataclasses.fields(OpeProtocol)} - known
    touched = set()
    for benchmark in ("uav123", "got10k", "lasot", "trackingnet", "rgbt234", "lasher", "custom"):
        for protocol in protocols_for(benchmark):
            for other in (item for name in REFERENCES for item in protocols_for(name)):
                for rule, _, changed in variations(protocol, [other]) if isinstance(protocol, OpeProtocol) else []:
                    assert rule in rules_of(protocol)
                    touched |= {field for field in fields if getattr(changed, field) != getattr(protocol, field)}
    assert fields - touched == set()


def still(shift):
    truth = np.array([[20.5, 30.5, 20, 10]] * 8)
    absent = np.array([False] * 6 + [True] * 2)
    return [Annotation("s", truth, absent, 8)], {"s": [Trajectory.of_boxes(truth + np.array([shift, 0, 0, 0]))]}


def test_truncation_is_reported_in_points():
    annotations, results = still(0.0)
    reference = get_protocol("pytracking", "lasot")
    actual = explain(annotations, results, protocols_for("lasot"), reference, metric="success_auc")
    (effect,) = [item for item in actual.effects if item.after == Rounding.TRUNCATE.value]
    truncated = dataclasses.replace(reference, prediction_rounding=Rounding.TRUNCATE)
    expected = evaluate_results(annotations, results, truncated).summary()
    assert effect.scores == expected
    assert effect.change["success_auc"] < 0
    assert effect.used_by == ()


def test_the_visible_only_divisor_leaves_out_what_cannot_be_scored():
    annotations, results = still(0.0)
    reference = get_protocol("pytracking", "lasot")
    actual = explain(annotations, results, protocols_for("lasot"), reference, metric="success_auc")
    (effect,) = [item for item in actual.effects if item.after == Divisor.FRAMES_SCORED.value]
    assert effect.scores["precision_20"] == 1.0
    assert effect.change["precision_20"] == pytest.approx(0.25)
    assert "swintrack" in effect.used_by


def test_precision_is_also_read_as_the_mean_of_its_curve():
    annotations, results = still(10.0)
    reference = get_protocol("visevent-kit", "visevent")
    actual = explain(annotations, results, protocols_for("visevent"), reference, metric="precision_20")
    (effect,) = [item for item in actual.effects if item.rule.startswith("precision is read off")]
    assert effect.change["precision_20"] == pytest.approx(5 / 8 * (41 / 51 - 1))  # frame 0 is exact


def test_a_protocol_that_refuses_the_results_is_listed_with_its_reason():
    annotations, results = still(0.0)
    boxes = results["s"][0].boxes.copy()
    boxes[3] = np.nan
    actual = explain(
        annotations,
        {"s": [Trajectory.of_boxes(boxes)]},
        protocols_for("lasot"),
        get_protocol("lasot-kit", "lasot"),
        metric="success_auc",
    )
    assert "NaN or negative size" in actual.refused["pytracking"]
    assert "swintrack" in actual.protocols


def test_explain_refuses_a_metric_that_is_not_reported():
    annotations, results = still(0.0)
    with pytest.raises(ScoringError, match="does not report longterm_f"):
        explain(annotations, results, [], get_protocol("pysot"), metric="longterm_f")


@pytest.mark.parametrize(
    ("text", "value", "half"),
    [
        ("0.691", 0.691, 0.0005),
        ("69.1", 0.691, 0.0005),
        ("69.12", 0.6912, 0.00005),
        ("65.0%", 0.65, 0.0005),
        (" 65.0 % ", 0.65, 0.0005),
        ("0.9%", 0.009, 0.0005),
        ("1.0", 1.0, 0.05),
        ("0", 0, 0.5),
    ],
)
def test_published_values_carry_their_precision(text, value, half):
    actual = Printed.parse(text)
    assert (actual.value, actual.tolerance) == pytest.approx((value, half))


@pytest.mark.parametrize(
    ("text", "problem"), [("n/a", "expected a number"), ("%", "expected a number"), ("6 5%", "expected a number"),
                          ("101", "0 to 100"), ("nan", "0 to 100"), ("inf", "0 to 100"), ("-1", "0 to 100")],
)  # fmt: skip
def test_published_values_are_numbers(text, problem):
    with pytest.raises(EvalkitError, match=problem):
        Printed.parse(text)


def test_a_distance_is_told_in_points_with_the_printed_digits():
    printed = Printed.parse("0.496")
    assert [printed.points(value) for value in (0.51, 0.4954, 0.49)] == ["+1.4 points", "-0.1 points", "-0.6 points"]
    assert Printed.parse("69.12").points(0.6918) == "+0.06 points"
    assert [Printed.parse(text).text for text in ("65.0%", "0.65", "0.6", "69.12")] == ["65.0", "65", "60", "69.12"]


# --- what explains a published number --------------------------------------------------------------------------------


def moving(protocol="pytracking", benchmark="lasot"):
    """Forty frames that drift by fractions of a pixel, with absent frames, and all rules that may explain a number."""
    truth = np.array([[20.0 + k, 30.0, 20, 10] for k in range(40)])
    absent = np.arange(40) >= 30
    boxes = truth + np.column_stack([np.arange(40) * 0.83, np.arange(40) * 0.1, np.arange(40) * 0.07, np.zeros(40)])
    annotations = [Annotation("s", truth, absent, 40, attributes=frozenset({"FM"}))]
    results = {"s": [Trajectory.of_boxes(boxes)]}
    return Variants(annotations, results, get_protocol(protocol, benchmark), protocols_for(benchmark))


def printed_by(variants, rules, key, digits=4):
    return Printed.parse(f"{100 * variants.summary(rules)[key]:.{digits}f}")


def test_public_protocols_explain_before_single_rules():
    variants = moving()
    swintrack = get_protocol("swintrack", "lasot")
    actual = variants.explain("precision_20", printed_by(variants, swintrack, "precision_20"))
    assert (actual.protocol, actual.rule, actual.key) == ("swintrack", "", "precision_20")
    kit = get_protocol("lasot-kit", "lasot")
    actual = variants.explain("precision_20", printed_by(variants, kit, "precision_auc"))
    assert (actual.protocol, actual.key) == ("lasot-kit", "precision_auc")
    assert actual.text("precision_20", "pytracking") == "lasot-kit, read as precision_auc"


@pytest.mark.parametrize("rounding", [Rounding.TRUNCATE, Rounding.NEAREST])
def test_boxes_stored_as_integers_explain_a_number(rounding):
    variants = moving()
    rules = dataclasses.replace(variants.reference, prediction_rounding=rounding)
    actual = variants.explain("success_auc", printed_by(variants, rules, "success_auc"))
    assert actual.text("success_auc", "pytracking") == f"predicted coordinates are {rounding.value}"
    assert actual.value == variants.summary(rules)["success_auc"] != variants.summary(variants.reference)["success_auc"]


def test_rules_of_last_bits_explain_nothing_and_are_never_nearest():
    truth = np.array([[1.0, 50, 40, 40]] * 12)
    boxes = truth + np.array([8.0, 0, 0, 0])  # 8 px of 40 px: a tie that the order of division decides
    results = {"s": [Trajectory.of_boxes(boxes)]}
    annotations = [Annotation("s", truth, np.zeros(12, bool), 12)]
    reference = get_protocol("pytracking", "lasot")
    variants = Variants(annotations, results, reference, protocols_for("lasot"))
    (tie,) = [change.rules for change in variants.changes if change.rule.name == "normalized error"]
    decided = variants.summary(tie)["normalized_precision_20"]
    assert abs(decided - variants.summary(reference)["normalized_precision_20"]) > 0.5
    published = Printed.parse(f"{decided:.4f}")
    actual = variants.explain("normalized_precision_20", published)
    assert actual is None or actual.rule == "" or "normalized error" not in actual.rule
    assert "normalized error" not in variants.nearest("normalized_precision_20", published).rule
    explanation = explain(annotations, results, protocols_for("lasot"), reference, metric="normalized_precision_20")
    ties = [effect.last_bits for effect in explanation.effects]
    assert ties == sorted(ties)
    assert any(ties)


def test_a_shift_of_the_origin_moves_last_bits_only():
    truth = np.array([[1.0, 1, 20, 10]] * 8)  # at the border: a shift must not make these frames unscorable
    reference = get_protocol("pytracking", "lasot")
    shifted = dataclasses.replace(reference, coordinate_shift=-1.0)
    results = {"s": [Trajectory.of_boxes(truth + np.array([3.0, 0, 0, 0]))]}
    plain, moved = (
        evaluate_results([Annotation("s", truth, np.zeros(8, bool), 8)], results, item).summary()
        for item in (reference, shifted)
    )
    assert moved == pytest.approx(plain, abs=1e-12)


def test_nothing_is_scored_until_a_number_disagrees():
    variants = moving()
    assert variants._done == {}
    variants.explain("success_auc", printed_by(variants, get_protocol("swintrack", "lasot"), "success_auc"))
    assert 0 < len(variants._done) <= len(variants.others) + 1


def test_subsets_are_explained_on_their_sequences():
    variants = moving()
    swintrack = get_protocol("swintrack", "lasot")
    published = printed_by(variants, swintrack, "precision_20")
    assert variants.explain("precision_20", published, "FM").protocol == "swintrack"
    assert variants.explain("precision_20", published, "OV") is None


def test_a_match_says_what_agrees_what_explains_and_what_remains():
    annotations, results = still(0.0)
    reference = get_protocol("pytracking", "lasot")
    measured = evaluate_results(annotations, results, reference).summary()["success_auc"]

    def match(published, reason=""):
        return explain(
            annotations, results, protocols_for("lasot"), reference,
            metric="success_auc", published=published, reason=reason,
        ).match  # fmt: skip

    assert match(f"{measured:.4f}").judgment.verdict is Verdict.AGREES
    assert match(f"{measured:.4f}", "sample").judgment.verdict is Verdict.AGREES
    swintrack = evaluate_results(annotations, results, get_protocol("swintrack", "lasot")).summary()["success_auc"]
    explained = match(f"{swintrack:.4f}")
    assert explained.judgment.text == f"explained by swintrack ({100 * swintrack:.2f})"
    assert explained.nearest.protocol == "swintrack"
    differs = match("12.3")
    assert differs.judgment.text == f"differs by {100 * measured - 12.3:+.1f} points, unexplained"
    assert match("12.3", "the data are the rendered sample").judgment.text == (
        "not comparable because: the data are the rendered sample"
    )


def test_the_divisor_rule_keeps_hits_of_unscorable_frames_out():
    reference = get_protocol("lasher-kit", "lasher")
    for rule, value, changed in variations(reference, protocols_for("lasher")):
        if value is Divisor.FRAMES_SCORED:
            assert {curve.unscorable for curve in changed.curves().values()} == {Unscorable.LEFT_OUT}
            assert rule.name == "hits are divided by"


# --- processes -------------------------------------------------------------------------------------------------------


def test_forked_work_gives_the_same_in_order():
    assert fork_map(lambda number: number**2, list(range(7)), workers=3) == [number**2 for number in range(7)]


def fail_at_three(number):
    if number == 3:
        raise ScoringError("three")
    return number


def test_an_error_in_a_process_reaches_the_caller():
    with pytest.raises(ScoringError, match="three"):
        fork_map(fail_at_three, [1, 2, 3, 4], workers=2)


def test_a_killed_process_is_replaced_by_this_one():
    parent = os.getpid()

    def die_in_child(number):
        if os.getpid() != parent:
            os._exit(1)
        return number

    assert fork_map(die_in_child, [1, 2, 3], workers=2) == [1, 2, 3]
