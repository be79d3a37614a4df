"""Plots: valid files, ranked legends, the same look every time, readable in gray, honest about the sample."""

import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from evalkit.errors import ScoringError
from evalkit.report.curves import NORMALIZED_PRECISION, PRECISION, SUCCESS
from evalkit.report.figures.charts import Material, all_figures
from evalkit.report.figures.lines import curve_figure
from evalkit.report.figures.look import FORMATS, figure_bytes
from evalkit.report.palette import styles_of
from helpers.scores_by_hand import curves_of, lasot, longterm_of, make_scores


def scores(*names: str, **others: object) -> list:
    qualities = np.linspace(0.2, 0.9, len(names))
    return [
        make_scores(name, lasot(quality / 2, quality / 3, quality / 4), **curves_of(quality), **others)
        for name, quality in zip(names, qualities, strict=True)
    ]


def longterm_scores(*names: str) -> list:
    qualities = np.linspace(0.3, 0.8, len(names))
    return [
        make_scores(name, {"longterm_f": quality}, "depthtrack", **longterm_of(quality))
        for name, quality in zip(names, qualities, strict=True)
    ]


def legend_of(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def lightness(color: str) -> float:
    """CIE L* from the sRGB definition."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return 116 * luminance ** (1 / 3) - 16


def test_legend_is_ranked_by_score() -> None:
    figure = curve_figure(SUCCESS, scores("still", "ncc", "kcf"), "LaSOT test")
    assert legend_of(figure) == ["[0.450] kcf", "[0.275] ncc", "[0.100] still"]
    assert legend_of(curve_figure(PRECISION, scores("still", "kcf"), "LaSOT"))[0] == "[0.225] kcf"
    assert legend_of(curve_figure(NORMALIZED_PRECISION, scores("still", "kcf"), "LaSOT"))[0] == "[0.300] kcf"


def test_undefined_score_comes_last_in_the_legend() -> None:
    two = [make_scores("nan", lasot(np.nan, 0.1, 0.1), **curves_of(0.5)), *scores("kcf")]
    assert legend_of(curve_figure(SUCCESS, two, "LaSOT")) == ["[0.100] kcf", "[  -  ] nan"]


def test_curves_are_drawn_as_they_are() -> None:
    data = scores("still", "kcf")
    lines = curve_figure(SUCCESS, data, "LaSOT").axes[0].lines
    for line, score in zip(lines, data, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), score.thresholds["success"])
        np.testing.assert_array_equal(line.get_ydata(), score.curves["success"])


def figures_of(scores: list, title: str) -> dict:
    return all_figures(Material(scores, title, key=""))


def test_one_pass_scores_give_three_plots_and_longterm_scores_two() -> None:
    assert list(figures_of(scores("kcf"), "LaSOT")) == ["success", "precision", "normalized_precision"]
    assert list(figures_of(longterm_scores("kcf"), "DepthTrack")) == ["precision_recall", "f_score"]


def test_a_curve_that_one_score_lacks_is_not_drawn() -> None:
    data = scores("still", "kcf")
    del data[1].curves["precision"]
    assert list(figures_of(data, "LaSOT")) == ["success", "normalized_precision"]


def test_ring_marks_the_best_f() -> None:
    (score,) = longterm_scores("kcf")
    axes = figures_of([score], "DepthTrack")["precision_recall"].axes[0]
    precision, recall = score.curves["longterm_precision"], score.curves["longterm_recall"]
    best = max(range(len(recall)), key=lambda i: 0 if recall[i] == 0 else 2 / (1 / precision[i] + 1 / recall[i]))
    rings = [line for line in axes.lines if line.get_markersize() > 10]
    assert [(ring.get_xdata()[0], ring.get_ydata()[0]) for ring in rings] == [(recall[best], precision[best])]


def test_styles_can_be_told_apart_in_gray() -> None:
    looks = list(styles_of(f"t{number:02}" for number in range(35)).values())
    assert len({(look.dashes, look.marker) for look in looks}) == 35


def test_colors_stand_out_from_white_and_from_a_dark_screen() -> None:
    levels = [lightness(look.color) for look in styles_of(map(str, range(100))).values()]
    assert min(levels) > 40
    assert max(levels) < 66


def test_a_tracker_keeps_its_style_in_all_plots() -> None:
    figures = figures_of(scores("still", "ncc", "kcf"), "LaSOT").values()
    looks = {tuple((line.get_color(), line.get_marker()) for line in figure.axes[0].lines[:3]) for figure in figures}
    assert len(looks) == 1


def test_title_says_sample() -> None:
    for data in (scores("kcf", sample=True), [*longterm_scores("kcf")]):
        for figure in figures_of(data, "LaSOT test").values():
            title = figure.axes[0].get_title(loc="left")
            assert title.endswith("on LaSOT test" + (" (sample)" if data[0].sample else ""))


@pytest.mark.parametrize(
    ("change", "what"),
    [({"sample": True}, "sample"), ({"benchmark": "uav123"}, "benchmark"), ({"protocol": "otb"}, "protocol")],
)
def test_scores_that_cannot_be_compared_are_not_drawn_together(change: dict, what: str) -> None:
    with pytest.raises(ScoringError, match=f"differ in {what}"):
        curve_figure(SUCCESS, [*scores("kcf"), *scores("ncc", **change)], "LaSOT")


def test_no_scores_is_an_error_not_an_empty_plot() -> None:
    with pytest.raises(ScoringError, match="no scores"):
        curve_figure(SUCCESS, [], "LaSOT")


def test_names_with_dollars_and_underscores_are_printed_as_they_are() -> None:
    figure = curve_figure(SUCCESS, scores("_a$b$_", "50%"), "A $x$ B")
    assert legend_of(figure) == ["[0.450] 50%", "[0.100] _a$b$_"]
    assert b"IEND" in figure_bytes(figure, "png")


@pytest.mark.parametrize("count", [1, 2, 12])
def test_legends_cover_no_curve(count: int) -> None:
    sequences = {"sequence_names": ("a", "b"), "per_sequence": {"success_auc": np.array([0.2, 0.7])}}
    codes = {code: {"sequences": 2.0, "success_auc": 0.5} for code in ("ARC", "FM", "OV")}
    listed = scores(*(f"a-tracker-with-a-long-name-{i}" for i in range(count)), attributes=codes, **sequences)
    listed[-1] = replace(listed[-1], per_sequence={"success_auc": np.array([0.9, 0.8])})  # better on all sequences
    figures = all_figures(Material(listed, "LaSOT", "success_auc"))
    assert {"success", "attributes"} <= set(figures)
    assert ("difference" in figures) == (count == 2)
    for name, figure in figures.items():
        figure.canvas.draw()
        legend, axes = figure.axes[0].get_legend(), figure.axes[0]
        if legend is None:
            continue
        assert legend.get_window_extent().x0 >= axes.get_window_extent().x1, name
        assert legend.get_window_extent().x1 <= figure.bbox.x1 + 1, name  # and stays on the paper
        assert axes.get_window_extent().width > 0.4 * figure.bbox.width, name


def test_two_runs_of_a_tracker_have_different_names() -> None:
    first, second = scores("kcf", run="1234567890abcd")[0], scores("kcf", run="ffff")[0]
    assert legend_of(curve_figure(SUCCESS, [first, second], "LaSOT")) == [
        "[0.100] kcf (1234567890ab)",
        "[0.100] kcf (ffff)",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_valid_and_equal_when_made_again(form: str) -> None:
    contents = [figure_bytes(curve_figure(SUCCESS, scores("still", "kcf"), "LaSOT test"), form) for _ in range(2)]
    assert contents[0] == contents[1]
    {"pdf": check_pdf, "png": check_png, "svg": check_svg}[form](contents[0])


def check_pdf(data: bytes) -> None:
    assert data.startswith(b"%PDF-1.")
    assert data.rstrip().endswith(b"%%EOF")
    offset = int(re.search(rb"startxref\s+(\d+)", data)[1])
    assert data[offset:].startswith(b"xref")
    assert b"CreationDate" not in data
    assert b"/Subtype /Type3" not in data  # venues refuse Type 3 fonts


def check_png(data: bytes) -> None:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1520, 860)
    position, pixels = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[position + 8 + length : position + 12 + length])[0]
        pixels += body if kind == b"IDAT" else b""
        position += 12 + length
    assert len(set(zlib.decompress(pixels))) > 20  # something is drawn


def check_svg(data: bytes) -> None:
    text = data.decode()
    assert text.rstrip().endswith("</svg>")
    assert "<dc:date>" not in text
    assert "evalkit" in text
