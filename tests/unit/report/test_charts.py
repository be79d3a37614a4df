"""Figures beside the curves: bars, radar, speed, differences; each shows the numbers it was given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from evalkit.errors import ScoringError
from evalkit.report.figures.charts import (
    Material,
    all_figures,
    attribute_figure,
    common_attributes,
    difference_figure,
    ranking_figure,
    sequence_differences,
    speed_figure,
)
from evalkit.report.figures.look import figure_bytes
from evalkit.report.palette import styles_of
from helpers.scores_by_hand import lasot, make_scores

KEY = "success_auc"


def with_attributes(tracker: str, auc: float, codes: tuple[str, ...] = ("ARC", "FM", "OV"), **others: object):
    rows = {code: {"sequences": 3.0, KEY: auc - place / 10} for place, code in enumerate(codes)}
    return make_scores(tracker, lasot(auc, auc, auc), attributes=rows, **others)


def per_sequence(tracker: str, **values: float):
    rows = {KEY: np.array(list(values.values()))}
    names = tuple(values)
    return make_scores(tracker, lasot(0.5, 0.5, 0.5), sequence_names=names, per_sequence=rows)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_bars_stand_in_the_order_of_the_scores_with_their_values() -> None:
    scores = [make_scores(name, lasot(value, 0, 0)) for name, value in (("kcf", 0.3), ("eco", 0.5), ("ncc", 0.1))]
    figure = ranking_figure(scores, "LaSOT", KEY)
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["ncc", "kcf", "eco"]  # from below
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.3, 0.5]
    assert texts(figure) == ["0.100", "0.300", "0.500"]


def test_figures_show_themselves_in_a_notebook() -> None:
    figure = ranking_figure([make_scores("kcf", lasot(0.3, 0, 0))], "LaSOT", KEY)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_bars_have_the_colors_of_their_trackers() -> None:
    scores = [make_scores(name, lasot(value, 0, 0)) for name, value in (("kcf", 0.3), ("eco", 0.5), ("ncc", 0.1))]
    colors = [to_hex(bar.get_facecolor()) for bar in ranking_figure(scores, "LaSOT", KEY).axes[0].patches]
    styles = styles_of(["kcf", "eco", "ncc"])
    assert colors == [styles[name].color for name in ("ncc", "kcf", "eco")]  # from below


def test_intervals_are_whiskers() -> None:
    (score,) = [make_scores("kcf", lasot(0.3, 0, 0), intervals={KEY: (0.2, 0.45)})]
    bars = ranking_figure([score], "LaSOT", KEY).axes[0].containers[1]
    (segment,) = bars.lines[2][0].get_segments()
    np.testing.assert_allclose(segment[:, 0], [0.2, 0.45])


def test_radar_starts_at_the_top_runs_clockwise_and_closes() -> None:
    figure = attribute_figure([with_attributes("kcf", 0.5)], "LaSOT", KEY)
    axes = figure.axes[0]
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), [0.5, 0.4, 0.3, 0.5])
    assert (axes.get_theta_direction(), axes.get_theta_offset()) == (-1, np.pi / 2)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["ARC (3)\n0.500", "FM (3)\n0.400", "OV (3)\n0.300"]


def test_radar_has_only_attributes_that_all_trackers_have() -> None:
    first, second = with_attributes("a", 0.5, ("ARC", "FM", "OV", "IV")), with_attributes("b", 0.6, ("FM", "OV", "ARC"))
    assert common_attributes([first, second], KEY) == ["ARC", "FM", "OV"]
    with pytest.raises(ScoringError, match="needs 3 attributes, the scores share 2"):
        attribute_figure([first, with_attributes("c", 0.6, ("FM", "OV"))], "LaSOT", KEY)


def test_radar_legend_is_ranked() -> None:
    scores = [with_attributes("low", 0.4), with_attributes("high", 0.8), with_attributes("mid", 0.6)]
    legend = attribute_figure(scores, "LaSOT", KEY).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["high", "mid", "low"]


def test_speed_plot_shows_trackers_whose_speed_is_known() -> None:
    scores = [make_scores("kcf", lasot(0.3, 0, 0)), make_scores("slow", lasot(0.6, 0, 0))]
    figure = speed_figure(scores, "LaSOT", KEY, {("lasot", "kcf", "run-kcf"): 120.0})
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert points == [(120.0, 0.3)]
    assert texts(figure)[0] == "kcf"
    with pytest.raises(ScoringError, match="no tracker's speed"):
        speed_figure(scores, "LaSOT", KEY, {})


def test_labels_of_near_neighbors_do_not_meet() -> None:
    scores = [make_scores(name, lasot(value, 0, 0)) for name, value in (("a", 0.50), ("b", 0.47))]
    speeds = {("lasot", "a", "run-a"): 100.0, ("lasot", "b", "run-b"): 105.0}
    figure = speed_figure(scores, "LaSOT", KEY, speeds)
    figure.canvas.draw()
    first, second = (text.get_window_extent() for text in figure.axes[0].texts[:2])
    assert not first.overlaps(second)


def test_differences_are_first_minus_second_and_fall() -> None:
    first = per_sequence("a", x=0.9, y=0.1, z=0.5, only=1.0, lost=np.nan)
    second = per_sequence("b", z=0.5, y=0.7, x=0.2, lost=0.3)
    names, values = sequence_differences(first, second, KEY)
    assert names == ["x", "z", "y"]
    np.testing.assert_allclose(values, [0.7, 0.0, -0.6])
    figure = difference_figure([first, second], "LaSOT", KEY)
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a is better: 1", "b is better: 1"]
    assert legend.get_title().get_text() == "equal: 1"
    assert "largest wins: x\nlargest losses: y" in figure.axes[0].get_xlabel()


def test_wins_and_losses_differ_in_color_and_pattern() -> None:
    figure = difference_figure([per_sequence("a", x=0.9, y=0.1), per_sequence("b", x=0.1, y=0.9)], "LaSOT", KEY)
    won, lost = figure.axes[0].patches[:2]
    styles = styles_of("ab")
    assert [to_hex(bar.get_facecolor()) for bar in (won, lost)] == [styles["a"].color, styles["b"].color]
    assert won.get_hatch() != lost.get_hatch()


def test_trackers_without_a_common_sequence_have_no_difference() -> None:
    with pytest.raises(ScoringError, match="no sequence in common"):
        difference_figure([per_sequence("a", x=0.9), per_sequence("b", y=0.1)], "LaSOT", KEY)


def test_titles_say_sample_and_names_are_printed_as_they_are() -> None:
    scores = [with_attributes("_a$b$_", 0.5, sample=True), with_attributes("50%", 0.6, sample=True)]
    speeds = {(s.benchmark, s.tracker, s.run): 10.0 for s in scores}
    figures = all_figures(Material(scores, "LaSOT test", KEY, speeds))
    assert set(figures) == {"ranking", "speed", "attributes"}
    for figure in figures.values():
        assert figure.axes[0].get_title(loc="left").endswith("on LaSOT test (sample)")
        assert b"IEND" in figure_bytes(figure, "png")


def test_scores_of_sample_and_real_data_make_no_common_figure() -> None:
    scores = [with_attributes("a", 0.5), with_attributes("b", 0.6, sample=True)]
    for draw in (ranking_figure, attribute_figure):
        with pytest.raises(ScoringError, match="differ in sample"):
            draw(scores, "LaSOT", KEY)


def test_a_metric_that_the_protocol_lacks_is_an_error() -> None:
    with pytest.raises(ScoringError, match="reports no average_overlap"):
        ranking_figure([make_scores("kcf", lasot(0.1, 0.1, 0.1))], "LaSOT", "average_overlap")
