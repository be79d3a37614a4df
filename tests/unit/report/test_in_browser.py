"""The report opened in a headless Chromium: charts drawn, tables sort, filters filter, nothing complains or runs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.benchmarks.frames import ImageFrames
from evalkit.report.html import page as report_page
from evalkit.report.html.clip import linked_files
from evalkit.report.html.page import build_html
from evalkit.report.html.part import part_json, part_styles
from evalkit.report.palette import TRUTH
from helpers.browser import Page, chromium
from helpers.report_parts import jpeg, part

pytestmark = pytest.mark.slow

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
        ["success", "precision", "normalized_precision", "precision_recall", "f_score", "speed"]
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
    assert wide.run("document.querySelectorAll('.picture image').length") == 2
    colors = wide.run(
        "(() => { const c = document.querySelector('.strips canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, 1).data;"
        " return [c.width, [...d.slice(0, 3)], [...d.slice(16, 19)], [...d.slice(12, 15)]]; })()"
    )
    assert colors == [6, [150, 205, 250], [0, 0, 0], [112, 20, 24]]  # "9950-0": full overlap, absent, none


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


STATE = "document.querySelector('#explorer-state').textContent"
LEGEND = "[...document.querySelectorAll('[data-readout] button')].map(e => e.innerText.replace(/\\s+/g, ' '))"
BOXES = "[...document.querySelectorAll('[data-stage] rect:not(.edge)')].map(e => e.getAttribute('stroke'))"
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Home": 36, "End": 35, "PageDown": 34,
        "Escape": 27, "Enter": 13}  # fmt: skip


def press(page: Page, key: str, times: int = 1, modifiers: int = 0) -> None:
    text = {"text": "\r"} if key == "Enter" else {}
    for _ in range(times):
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=KEYS[key],
                modifiers=modifiers,
                **(text if kind == "keyDown" else {}),
            )


def open_explorer(page: Page, name: str) -> None:
    """From the row of the per-sequence table, by keyboard."""
    page.run(
        f"[...document.querySelectorAll('#part-0 [data-sequence-table] .link')].find(e => e.textContent === {name!r}).focus()"
    )
    press(page, "Enter")
    page.wait("document.querySelector('#explorer').open")


def test_every_row_leads_to_its_frames_by_keyboard(wide: Page) -> None:
    open_explorer(wide, "car-2")
    assert wide.run("document.querySelector('#explorer-title').textContent") == "car-2"
    assert wide.run(STATE) == "frame 0 (100 frames)"
    press(wide, "ArrowRight", 3)
    assert wide.run(STATE) == "frame 3 (100 frames)"
    press(wide, "ArrowRight", modifiers=8)  # with Shift
    press(wide, "ArrowLeft")
    assert wide.run(STATE) == "frame 12 (100 frames)"
    press(wide, "End")
    assert wide.run(STATE) == "frame 99 (100 frames)"
    press(wide, "Home")
    press(wide, "PageDown", 4)
    assert wide.run(STATE) == "frame 40 (100 frames), target absent"
    assert "Target absent" in wide.run("document.querySelector('[data-said]').textContent")
    press(wide, "ArrowDown")
    wide.wait("document.querySelector('#explorer-title').textContent !== 'car-2'")
    press(wide, "Escape")
    assert wide.run("document.querySelector('#explorer').open") is False
    assert wide.run("document.activeElement.textContent") == "car-2"  # back where it was opened


def test_explorer_draws_all_boxes_in_the_charts_colors_and_says_their_overlap(wide: Page) -> None:
    open_explorer(wide, "car-1")
    colors = {item["name"]: item["color"] for item in part_json(PARTS[0], part_styles(PARTS))["trackers"]}
    ranked = PARTS[0].names
    assert wide.run(BOXES) == [*(colors[name] for name in ranked), TRUTH]
    curves = "[...document.querySelectorAll('#part-0 [data-chart=success]')][0].data.map(trace => trace.line.color)"
    assert wide.run(curves) == [colors[name] for name in ranked]
    overlaps = [(30 - gap) / (30 + gap) for gap in (3, 6, 9)]  # equal boxes, 30 wide, moved to the right
    expected = [f"{name} {value:.2f}" for name, value in zip(ranked, overlaps, strict=True)]
    assert wide.run(LEGEND) == expected
    click(wide, "[data-readout] button", 1)
    assert wide.run(BOXES) == [colors[ranked[0]], colors[ranked[2]], TRUTH]
    click(wide, "[data-readout] button", 1)
    press(wide, "PageDown", 4)  # absent
    assert wide.run(BOXES) == [colors[name] for name in ranked]
    lines = wide.run("[...document.querySelectorAll('[data-curve] .line')].map(e => e.getAttribute('stroke'))")
    assert lines == [colors[name] for name in ranked]
    assert wide.run("document.querySelectorAll('[data-curve] .absent').length") == 10


def test_pictures_enlarge_and_those_that_are_not_inside_are_said(wide: Page) -> None:
    said = "document.querySelector('[data-said]').textContent"
    shown = "document.querySelectorAll('[data-stage] image:not([opacity])').length"
    click(wide, ".picture")
    wide.wait("document.querySelector('#explorer').open")
    assert wide.run(STATE) == "frame 7 (100 frames)"
    assert (wide.run(shown), wide.run(said)) == (1, "")
    larger = "document.querySelector('[data-stage]').getBoundingClientRect().width / document.querySelector('.picture').getBoundingClientRect().width"
    assert wide.run(larger) > 1.5
    press(wide, "ArrowRight")
    assert wide.run(shown) == 0
    assert wide.run(said) == "The picture of this frame is not in this file. Behind the boxes: frame 7."
    choose(wide, "[data-frames]", "50", "input")
    assert (wide.run(STATE), wide.run(shown)) == ("frame 50 (100 frames)", 1)
    press(wide, "Escape")
    open_explorer(wide, "car-9")
    wide.wait("document.querySelector('#explorer-title').textContent === 'car-9'")
    assert "frames are not found on this computer" in wide.run(said)


def test_frames_are_linked_to_local_files_whose_names_do_no_harm(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "data" / 'a #1 %41?"<b>'
    folder.mkdir(parents=True)
    names = ("x#01.jpg", "x#02.jpg", "javascript:1.jpg")
    for name in names[:2]:
        (folder / name).write_bytes(jpeg())
    made = part({"kcf": 0.5})
    frames = ImageFrames(str(folder), names)
    files = linked_files(frames, tmp_path / "reports")
    made = replace(made, hard=(), clips={name: replace(clip, panels=files) for name, clip in made.clips.items()})
    (tmp_path / "reports").mkdir()
    path = tmp_path / "reports" / "linked.html"
    path.write_text(build_html([made]), encoding="utf-8")
    page.open(path, 1280)
    open_explorer(page, "car-1")
    press(page, "ArrowRight")
    href = page.run("document.querySelector('[data-stage] image').getAttribute('href')")
    assert href == "./../data/a%20%231%20%2541%3F%22%3Cb%3E/x%2302.jpg"
    loaded = f"new Promise(done => {{ const i = new Image(); i.onload = () => done(i.naturalWidth); i.onerror = () => done(0); i.src = {href!r}; }})"
    assert page.run(loaded) == 100
    page.problems.clear()
    press(page, "ArrowRight")  # a file that is not there
    page.wait("document.querySelector('[data-said]').textContent.includes('not found on this computer')")
    page.problems.clear()  # the browser says so, too
    assert page.run("[...document.querySelectorAll('a')].filter(e => e.protocol === 'javascript:').length") == 0


def test_filter_and_number_of_trackers_hold_for_the_whole_report(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_text(build_html([part({f"t{number:02}": 0.2 + number / 100 for number in range(25)})]), encoding="utf-8")
    page.open(path, 1280)
    rows = "[...document.querySelectorAll('[data-forest] li:not([hidden]) .name')].map(e => e.textContent)"
    columns = "[...document.querySelectorAll('[data-sequence-table] thead th')].map(e => e.innerText.trim().split(/\\s/)[0]).slice(4)"
    lines = "document.querySelector('[data-chart=success]').data.filter(trace => trace.visible !== false).map(trace => trace.name)"
    best = [f"t{number}" for number in range(24, 14, -1)]
    assert page.run(rows) == page.run(columns) == page.run(lines) == best
    choose(page, "[data-top]", "5")
    assert page.run(rows) == page.run(columns) == page.run(lines) == best[:5]
    choose(page, "[data-tracker-filter]", "T0", "input")
    assert page.run(rows) == page.run(columns) == page.run(lines) == [f"t0{number}" for number in range(9, 4, -1)]
    assert page.run("document.querySelectorAll('table.scores tbody tr').length") == 25
    seen = "[...document.querySelectorAll('#part-0 .legend button')].filter(e => e.offsetParent).map(e => e.innerText)"
    assert page.run(seen) == page.run(rows)
    page.run("document.querySelector('[data-sequence-table] .link').click()")
    page.wait("document.querySelector('#explorer').open")
    explored = "[...document.querySelectorAll('[data-readout] button span')].map(e => e.textContent)"
    assert page.run(explored) == page.run(rows)
    assert len(page.run(BOXES)) == len(page.run("[...document.querySelectorAll('[data-curve] .line')].map(e => 1)")) + 1
    assert page.problems == []


SHADES = (
    "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color, getComputedStyle("
    "document.querySelector('.chart .xtick text')).fill].map(c => c.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3)"
)


@pytest.mark.parametrize("system", ["light", "dark"])
def test_dark_and_light_follow_the_system_and_the_choice(page: Page, report: Path, system: str) -> None:
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": system}])
    page.open(report, 1280)
    dark = {"light": [False, True, True], "dark": [True, False, False]}
    assert [shade < 128 for shade in page.run(SHADES)] == dark[system]
    for choice in ("dark", "light"):
        click(page, f"#scheme-{choice}")
        assert [shade < 128 for shade in page.run(SHADES)] == dark[choice]
    click(page, "#scheme-dark")
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert page.run("getComputedStyle(document.documentElement).colorScheme") == "light"
    page.call("Emulation.setEmulatedMedia", media="", features=[])
    assert page.problems == []


@pytest.mark.parametrize("width", [1280, 390])
def test_all_links_of_the_contents_can_be_seen(page: Page, report: Path, width: int) -> None:
    page.open(report, width)
    hidden = (
        "[...document.querySelectorAll('.contents a')].filter(e => { const b = e.getBoundingClientRect();"
        " return b.left < 0 || b.right > innerWidth || b.width === 0; }).length"
    )
    assert page.run(hidden) == 0
    page.run("document.body.focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0


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
