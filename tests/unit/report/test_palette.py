"""One palette: a tracker looks the same in a chart of the report, in a figure and on a drawn frame."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from evalkit.commands.demo import CLASSIC, NETWORKS
from evalkit.report.curves import SUCCESS
from evalkit.report.figures.charts import difference_figure, speed_figure
from evalkit.report.figures.lines import curve_figure
from evalkit.report.html.page import build_html
from evalkit.report.html.part import part_json, part_styles
from evalkit.report.palette import COLORS, rgb_of, styles_of
from evalkit.report.pictures.hardest import take_stills
from evalkit.report.pictures.overlay import Shown, draw_frame
from evalkit.sequences import Annotation, Trajectory
from helpers.report_parts import Gray, part

NAMES = [f"t{number:02}" for number in range(24)]
BOX = np.array([100.0, 100, 300, 200])


@pytest.mark.parametrize("place", [0, 4, 9, 10, 11, 23])
def test_a_tracker_has_the_same_color_in_chart_figure_and_drawn_frame(place: int) -> None:
    made = part({name: 0.1 + 0.03 * ((7 * number) % 24) for number, name in enumerate(NAMES)})  # ranked otherwise
    name = NAMES[place]
    row = made.names.index(name)
    (chart,) = (tracker for tracker in part_json(made, part_styles([made]))["trackers"] if tracker["name"] == name)
    line = curve_figure(SUCCESS, made.scores, "LaSOT").axes[0].lines[row]
    assert chart["color"] == to_hex(line.get_color())
    assert (chart["dash"] == "solid") == (line.get_linestyle() == "-")
    shown = [Shown(other, BOX if other == name else np.full(4, np.nan)) for other in made.names]
    picture = draw_frame(Gray().read(0), shown, truth=None, heading="x")[-500:]
    assert (np.abs(picture.astype(int) - rgb_of(chart["color"])).max(axis=2) < 25).sum() > 500
    annotation = Annotation(made.hard[0].name, BOX[None], np.array([True]), 1)
    stills = take_stills(annotation, Gray(), {name: Trajectory.of_boxes(BOX[None])}, [0])
    page = build_html([replace(made, hard=(replace(made.hard[0], drawn=(name,), telling=tuple(stills)),))])
    assert re.findall(r'<rect [^>]*stroke="(#\w+)"', page) == [chart["color"]]
    swatch = "".join(re.findall(f'<symbol id="[ms]{chart["swatch"]}".*?</symbol>', page))
    assert set(re.findall(r'(?:stroke|fill)="(#\w+)"', swatch)) == {chart["color"]}
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        for number in re.findall(rf'<use href="#s(\d+)"/></svg>{name}<', table):
            assert number == str(chart["swatch"])


def test_all_figures_of_a_call_agree_even_where_they_leave_trackers_out() -> None:
    scores = part({"a": 0.5, "b": 0.6, "c": 0.7}).scores
    last = next(score for score in scores if score.tracker == "c")
    speeds = {(last.benchmark, last.tracker, last.run): 10.0}
    assert (
        speed_figure(scores, "LaSOT", "success_auc", speeds).axes[0].lines[0].get_color() == styles_of("abc")["c"].color
    )
    figure = difference_figure(scores[:2], "LaSOT", "success_auc")  # "c" is better on all sequences
    assert to_hex(figure.axes[0].patches[0].get_facecolor()) == styles_of("bc")["c"].color


def test_further_benchmarks_change_no_color() -> None:
    first, second = part({"kcf": 0.5, "eco": 0.6}), part({"a-new": 0.9, "eco": 0.3})
    alone, both = part_styles([first]), part_styles([first, second])
    assert {name: both[name] for name in alone} == alone
    assert both["a-new"] not in alone.values()


def test_forty_trackers_have_forty_colors() -> None:
    assert len({style.color for style in styles_of(map(str, range(40))).values()}) == 40


def test_hundreds_of_trackers_have_styles_of_their_own() -> None:
    assert len(set(styles_of(map(str, range(300))).values())) == 300


def test_catalogued_small_trackers_look_the_same_in_whatever_company() -> None:
    names = [*CLASSIC, *NETWORKS, "swintrack-mini", "upvpt-swintrack-mini"]
    whole = styles_of(names)
    assert {style.color for style in whole.values()} <= set(COLORS)
    for pair in itertools.combinations(names, 2):
        assert styles_of(pair) == {name: whole[name] for name in sorted(pair)}


def test_colors_do_not_depend_on_rank_or_order() -> None:
    names = [f"t{number}" for number in range(30)]
    assert styles_of(names) == styles_of(reversed(names))
