"""The report opened in a headless Chromium: charts drawn, tables sort, filters filter, nothing complains or runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.report.html import page as report_page
from evalkit.report.html.page import build_html
from helpers.browser import Page, chromium
from helpers.report_parts import part

EVIL = "<img src=x onerror=window.hacked=1></script><script>window.hacked=2</script>%{y}$x$"
NAMES = tuple(f"car-{number}" for number in range(1, 31))
PARTS = [
    part({"kcf": 0.3, "eco": 0.6, EVIL: 0.45}, (*NAMES, EVIL), speed=40.0),
    part({"eco": 0.5, "new": 0.4}, ("dep-1", "dep-2"), "depthtrack", protocol="vot-longterm-0.5"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(build_html(PARTS, "Report"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def packed(report: Path) -> Path:
    """The report as it is with very many trackers."""
    path = report.with_name("packed.html")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_page, "PLAIN_BYTES", 0)
        path.write_text(build_html(PARTS, "Report"), encoding="utf-8")
    return path


@pytest.fixture
def wide(page: Page, report: Path) -> Iterator[Page]:
    page.open(report, 1280)
    yield page
    assert page.problems == []


def column(page: Page, table: str, number: int) -> list[str]:
    cells = (
        f"[...document.querySelectorAll({table!r} + ' tbody tr')].map(row => row.children[{number}].innerText.trim())"
    )
    return page.run(cells)


def click(page: Page, selector: str, number: int = 0) -> None:
    page.run(f"document.querySelectorAll({selector!r})[{number}].click()")


def choose(page: Page, selector: str, value: str, event: str = "change") -> None:
    page.run(
        f"(() => {{ const e = document.querySelector({selector!r}); e.value = {value!r}; e.dispatchEvent(new Event({event!r})); }})()"
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_is_drawn_and_nothing_overflows(page: Page, report: Path, width: int) -> None:
    page.open(report, width)
    assert page.run("document.documentElement.dataset.charts") == "drawn"
    charts = page.run("[...document.querySelectorAll('.chart')].map(e => e.dataset.chart)")
    assert sorted(charts) == sorted(
        ["overview", "success", "precision", "normalized_precision", "precision_recall", "f_score", "speed"]
        + ["radar", "difference"] * 2
    )
    empty = page.run(
        "[...document.querySelectorAll('.chart')].filter(e => !e.querySelector('.trace path, .trace .point path, .points path')"
        " || e.getBoundingClientRect().height < 200).map(e => e.dataset.chart)"
    )
    assert empty == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    outside = page.run(
        "[...document.querySelectorAll('.chart .main-svg')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert outside == 0
    assert page.problems == []


def test_packed_numbers_draw_the_same(page: Page, report: Path, packed: Path) -> None:
    drawn = []
    for path in (report, packed):
        page.open(path, 1280)
        assert page.run("document.documentElement.dataset.charts") == "drawn"
        drawn.append(page.run("[...document.querySelectorAll('main')].map(box => box.innerText)"))
    assert drawn[0] == drawn[1]
    assert page.problems == []


def test_pictures_and_strips_are_shown(wide: Page) -> None:
    assert wide.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert wide.run("document.images.length") == 2
    colors = wide.run(
        "(() => { const c = document.querySelector('.strips canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, 1).data;"
        " return [c.width, [...d.slice(0, 3)], [...d.slice(16, 19)], [...d.slice(12, 15)]]; })()"
    )
    assert colors == [6, [42, 98, 201], [217, 222, 230], [179, 38, 30]]  # "9950-0": full overlap, absent, none


def test_a_score_table_sorts_by_number_both_ways(wide: Page) -> None:
    table = "#part-0 table.scores"
    assert [text.split()[0] for text in column(wide, table, 1)] == ["60.0", "45.0", "30.0"]
    click(wide, f"{table} thead button", 1)
    click(wide, f"{table} thead button", 1)
    assert [text.split()[0] for text in column(wide, table, 1)] == ["30.0", "45.0", "60.0"]
    sorted_by = wide.run(f"document.querySelectorAll('{table} thead th')[1].getAttribute('aria-sort')")
    assert sorted_by == "ascending"
    click(wide, f"{table} thead button", 0)
    assert column(wide, table, 0)[1:] == ["eco", "kcf"]


def test_sequences_sort_naturally_and_are_filtered_by_name_and_attribute(wide: Page) -> None:
    table = "#part-0 [data-sequence-table]"
    assert len(column(wide, table, 0)) == 15
    click(wide, "#part-0 [data-sequence-more]")
    assert len(column(wide, table, 0)) == 31
    click(wide, f"{table} thead button", 0)
    assert [name for name in column(wide, table, 0) if name.startswith("car")][:3] == ["car-1", "car-2", "car-3"]
    choose(wide, "#part-0 [data-sequence-filter]", "CAR-1", "input")
    assert column(wide, table, 0) == ["car-1", *(f"car-{number}" for number in range(10, 20))]
    assert wide.run("document.querySelector('#part-0 [data-sequence-count]').textContent") == "11 of 31 sequences"
    choose(wide, "#part-0 [data-sequence-attribute]", "2")  # OV: every third sequence
    assert column(wide, table, 0) == ["car-12", "car-15", "car-18"]


def test_values_per_sequence_follow_the_metric_and_the_order(wide: Page) -> None:
    table = "#part-1 [data-sequence-table]"
    assert column(wide, table, 0) == ["dep-1", "dep-2"]
    assert column(wide, table, 4) == ["0.0", "50.0"]
    click(wide, f"{table} thead button", 3)  # by mean, the other way round
    assert column(wide, table, 4) == ["50.0", "0.0"]
    choose(wide, "#part-1 [data-sequence-metric]", "longterm_recall")
    assert column(wide, table, 4) == ["50.0", "0.0"]


def test_legend_hides_a_tracker_in_all_charts_of_its_benchmark(wide: Page) -> None:
    shown = (
        "[...document.querySelectorAll('#part-0 [data-curves] .chart, #part-0 [data-chart=radar]')]"
        ".map(e => e.data.slice(0, 3).map(trace => trace.visible !== false))"
    )
    click(wide, "#part-0 [data-legend] button", 0)
    assert wide.run(shown) == [[False, True, True]] * 4
    assert wide.run("document.querySelector('#part-0 [data-legend] button').getAttribute('aria-pressed')") == "false"
    wide.run("document.querySelectorAll('#part-0 [data-legend] button')[2].dispatchEvent(new MouseEvent('dblclick'))")
    assert wide.run(shown) == [[False, False, True]] * 4


def test_two_trackers_are_compared_as_chosen(wide: Page) -> None:
    count = "document.querySelector('#part-1 [data-difference-count]').textContent"
    assert wide.run(count) == "eco better on 1, new on 0, equal on 1"
    choose(wide, "#part-1 [data-first]", "1")
    choose(wide, "#part-1 [data-second]", "0")
    assert wide.run(count) == "new better on 0, eco on 1, equal on 1"
    bars = "document.querySelector('#part-1 [data-chart=difference]').data.map(trace => trace.y)"
    assert wide.run(bars) == [[None, None], [None, -10]]


def test_attribute_table_follows_its_metric(wide: Page) -> None:
    assert column(wide, "#part-0 [data-attribute-table]", 2) == ["54.0"] * 4
    choose(wide, "#part-0 [data-attribute-metric]", "precision_20")
    assert wide.run("document.querySelector('#part-0 [data-chart=radar]').data[0].r[0]") == 54
    assert "P by attribute" in wide.run("document.querySelector('#part-0 .pair figcaption').textContent")


def test_names_of_strangers_run_nothing_and_are_shown_as_they_are(wide: Page) -> None:
    assert wide.run("window.hacked") is None
    assert EVIL in column(wide, "#part-0 table.scores", 0)
    assert wide.run("document.querySelectorAll('img[src=x]').length") == 0
    wide.run("document.querySelector('[data-chart=speed]').scrollIntoView()")
    labels = wide.run("[...document.querySelectorAll('[data-chart=speed] text')].map(e => e.textContent)")
    assert EVIL in labels


def test_script_that_is_not_the_reports_own_is_refused(page: Page, report: Path) -> None:
    page.open(report, 1280)
    page.run(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 3'}))"
    )
    assert page.run("window.hacked") is None
    assert len(page.problems) == 1
    assert "Content Security Policy" in page.problems.pop()


def test_links_of_the_contents_lead_to_their_sections(wide: Page) -> None:
    broken = wide.run(
        "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.querySelector(a.getAttribute('href'))).length"
    )
    assert broken == 0
