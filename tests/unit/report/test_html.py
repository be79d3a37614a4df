"""The report as a file: what stands in it, what cannot get into it, how large it gets."""

import base64
import gzip
import hashlib
import html.parser
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from evalkit.errors import ScoringError
from evalkit.published import load_published
from evalkit.report.html.page import MAX_BYTES, build_html
from evalkit.report.html.part import Part, part_json, part_styles, ranked
from evalkit.report.pictures.hardest import Hard, Still
from evalkit.report.tables.comparison import judge_scores
from evalkit.scoring.verdicts import Verdict
from helpers.report_parts import entry, judged, part

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"' {{ 7 * 7 }} &amp;"


class Reader(html.parser.HTMLParser):
    """Elements of a page with their attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])


@pytest.fixture(scope="module")
def page() -> Reader:
    first = part({"kcf": 0.3, "eco": 0.6}, judged={"success_auc": [judged(0.6)]}, speed=123.4)
    second = part({"eco": 0.5, "new": 0.4}, benchmark="depthtrack", stand_in="A stand-in.", protocol="vot-longterm-0.5")
    return Reader(build_html([first, second], "Two benchmarks"))


def test_report_needs_no_other_file_and_no_network(page: Reader) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, name, value[:80])
    assert not [tag for tag, _ in page.elements if tag in {"iframe", "object", "embed", "form", "base"}]


def test_policy_allows_the_two_scripts_and_nothing_else(page: Reader) -> None:
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    rules = {name: rest for name, *rest in (rule.split() for rule in policy.split(";"))}
    assert rules["default-src"] == ["'none'"]
    own = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert f"'sha256-{own}'" in rules["script-src"]
    assert len(rules["script-src"]) == 2
    assert not [name for tag, attributes in page.elements for name in attributes if name.startswith("on")]


def test_every_score_interval_and_verdict_is_in_the_text(page: Reader) -> None:
    assert "2 benchmarks" in page.text
    for text in ("60.0", "55.0–64.0", "30.0", "123.4", "protocol pytracking/1", "A stand-in."):
        assert text in page.text
    assert any(attributes.get("class") == "verdict agrees" for _, attributes in page.elements)
    assert "60.0 in A paper, Table 1: agrees to the printed digit" in page.text


def test_provenance_names_run_hashes_rules_and_sources(page: Reader) -> None:
    for text in ("run-kcf", "ab" * 32, "Rules of pytracking/1 on LaSOT", "lengths.short", "vot-longterm-0.5"):
        assert text in page.text


def test_trackers_are_ranked_and_keep_their_color_across_benchmarks(page: Reader) -> None:
    first, second = page.data["parts"]
    assert [tracker["name"] for tracker in first["trackers"]] == ["eco", "kcf"]
    colors = [{tracker["name"]: tracker["color"] for tracker in item["trackers"]} for item in (first, second)]
    assert colors[0]["eco"] == colors[1]["eco"]
    assert len({tracker["color"] for tracker in second["trackers"]}) == 2


def test_page_has_the_numbers_per_sequence_and_the_strips(page: Reader) -> None:
    first = page.data["parts"][0]
    assert first["sequences"]["values"]["success_auc"] == [[0, 3000, 6000], [0, 1500, 3000]]
    assert first["sequences"]["tags"] == [[0], [0, 1], [0, 1, 2]]
    assert first["hard"] == [{"sequence": 0, "strips": ["9950-0", "9950-0"]}]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert build_html([part({"kcf": 0.3})]) == build_html([part({"kcf": 0.3})])


def test_names_of_strangers_stay_text() -> None:
    made = part({EVIL: 0.5, "b": 0.4}, names=(EVIL, "x"), remark=EVIL, notes=(EVIL,), facts={EVIL: EVIL})
    page = Reader(build_html([made], EVIL))
    kinds = [tag for tag, _ in page.elements]
    assert kinds.count("script") == 4
    assert all(a.get("src", "data:").startswith("data:") for tag, a in page.elements if tag == "img")
    assert page.data["parts"][0]["trackers"][0]["name"] == EVIL
    assert page.data["parts"][0]["sequences"]["names"][0] == EVIL
    assert "{{ 7 * 7 }}" in page.text
    assert EVIL.split(" ")[0] in page.text


def test_sample_is_named_everywhere_and_never_beside_real_data() -> None:
    sample = part({"kcf": 0.3}, sample=True)
    page = Reader(build_html([sample]))
    assert any(attributes.get("class") == "banner" for _, attributes in page.elements)
    assert "Tracking report (sample)" in page.text
    headings = [attributes for tag, attributes in page.elements if attributes.get("class") == "chip sample"]
    assert len(headings) >= 2
    assert page.data["parts"][0]["sample"] is True
    assert "frame 7 · sample" in page.text
    with pytest.raises(ScoringError, match="one report of each"):
        build_html([sample, part({"kcf": 0.3})])


def test_nothing_to_report_is_an_error() -> None:
    with pytest.raises(ScoringError, match="at least one tracker"):
        build_html([])


def test_undefined_scores_are_dashes() -> None:
    made = part({"kcf": 0.3, "odd": 0.2})
    odd = made.entries[1]
    summary = dict.fromkeys(odd.scores.summary, float("nan"))
    made = replace(made, entries=(made.entries[0], replace(odd, scores=replace(odd.scores, summary=summary))))
    page = Reader(build_html([made]))
    assert page.data["parts"][0]["scores"]["success_auc"] == [0.3, None]


def test_two_runs_of_a_tracker_are_two_rows_with_two_colors() -> None:
    runs = [entry("kcf", 0.5, ("a", "b"), run="1111"), entry("kcf", 0.4, ("a", "b"), run="2222")]
    made = replace(part({"x": 0.1}), entries=tuple(runs), hard=())
    page = Reader(build_html([made]))
    trackers = page.data["parts"][0]["trackers"]
    assert [tracker["name"] for tracker in trackers] == ["kcf (1111)", "kcf (2222)"]
    assert trackers[0]["color"] != trackers[1]["color"]


def large(trackers: int, sequences: int, pictures: int) -> Part:
    """A part of real size whose pictures are incompressible."""
    random = np.random.default_rng(0)
    names = tuple(f"sequence-{number}" for number in range(sequences))
    made = part({f"tracker-{number}": 0.4 + number / 100 for number in range(trackers)}, names)
    entries = tuple(
        replace(
            item,
            scores=replace(
                item.scores, per_sequence={key: random.random(sequences) for key in item.scores.per_sequence}
            ),
        )
        for item in made.entries
    )
    strips = {item.scores.tracker: "".join(map(str, random.integers(0, 10, 120))) for item in entries}
    hard = [
        Hard(
            name,
            100,
            0.1,
            strips,
            tuple(strips)[:6],
            tuple(Still(f, random.bytes(12_000), 300, 200) for f in range(4)),
            tuple(Still(f, random.bytes(2_000), 300, 200) for f in range(4, 9)),
        )
        for name in names[:pictures]
    ]
    return replace(made, entries=entries, hard=tuple(hard))


def test_ten_trackers_on_eight_benchmarks_stay_under_eight_megabytes() -> None:
    sizes = (123, 180, 280, 700, 511, 320, 245, 50)
    page = build_html([large(10, size, 4) for size in sizes])
    assert len(page.encode()) < MAX_BYTES == 8_000_000
    assert page.count('<image href="data:image/jpeg;base64,') == 8 * 4 * 4


def test_pictures_are_left_out_where_the_file_would_get_too_large() -> None:
    parts = [large(2, 10, 6), large(2, 10, 6)]
    sizes = [len(build_html(parts).encode())]
    for most in (2_600_000, 2_400_000, 2_100_000):
        page = build_html(parts, max_bytes=most)
        sizes.append(len(page.encode()))
        assert sizes[-1] <= most
    assert sizes == sorted(sizes, reverse=True)


def test_further_pictures_are_left_out_before_those_that_tell_what_happened() -> None:
    parts = [large(2, 10, 6), large(2, 10, 6)]
    whole = len(build_html(parts).encode())
    page = build_html(parts, max_bytes=whole - 20_000)
    assert page.count('<image href="data:image/jpeg;base64,') == 48
    left = [len(frames) for stills in json_of(page, "report-stills") for frames in stills.values()]
    assert 0 < sum(left) < 60
    assert max(left) - min(left) <= 1  # the same in all sequences


def json_of(page: str, name: str) -> object:
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.DOTALL)[1])


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    made = part({"kcf": 0.5})
    curve = np.linspace(1, 0, 1001)
    scores = replace(made.entries[0].scores, curves={"success": curve}, thresholds={"success": curve[::-1]})
    made = replace(made, entries=(replace(made.entries[0], scores=scores),))
    ((x, y),) = part_json(made, part_styles([made]))["curves"][0]["lines"]
    assert len(x) <= 102
    assert (x[0], x[-1], y[0], y[-1]) == (0.0, 1.0, 1.0, 0.0)


def test_lines_over_the_same_thresholds_share_them() -> None:
    made = part({"kcf": 0.5, "eco": 0.6, "odd": 0.4})
    odd = made.entries[-1].scores
    fewer = {name: values[::2] for name, values in odd.thresholds.items()}
    odd = replace(odd, curves={name: values[::2] for name, values in odd.curves.items()}, thresholds=fewer)
    made = replace(made, entries=(*made.entries[:-1], replace(made.entries[-1], scores=odd)))
    for curve in part_json(made, part_styles([made]))["curves"]:
        first, second, third = curve["lines"]
        assert second[0] is None
        assert len(first[0]) == len(first[1]) == len(second[1])
        assert third[0] == first[0][::2]


def test_many_numbers_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [part({"kcf": 0.5, "eco": 0.6})]
    element = re.compile(r'<script type="([a-z/]+)" id="report-data">(.*?)</script>', re.DOTALL)
    kind, numbers = element.search(build_html(parts)).groups()
    assert kind == "application/json"
    monkeypatch.setattr("evalkit.report.html.page.PLAIN_BYTES", 1000)
    kind, packed = element.search(build_html(parts)).groups()
    assert kind == "text/plain"
    assert gzip.decompress(base64.b64decode(packed)).decode() == numbers


def test_entries_are_ranked_and_undefined_ones_come_last() -> None:
    names = ("a", "b")
    listed = [entry("nan", float("nan"), names), entry("low", 0.1, names), entry("high", 0.9, names)]
    spec = part({"x": 0.1}).spec
    assert [item.scores.tracker for item in ranked(listed, spec)] == ["high", "low", "nan"]


def test_published_numbers_are_judged_by_name_benchmark_and_protocol() -> None:
    made = part({"siamrpnpp": 0.496, "nobody": 0.5})
    actual = {item.scores.tracker: judge_scores(item.scores, made.spec, load_published()) for item in made.entries}
    assert actual["nobody"] == {}
    first = actual["siamrpnpp"]["success_auc"][0]
    assert (first.judgment.verdict, first.published.printed, first.difference) == (Verdict.AGREES, "49.6", "0.0")
    assert actual["siamrpnpp"]["precision_20"][0].judgment.verdict is Verdict.DIFFERS
    scores = made.entries[1].scores
    other = judge_scores(replace(scores, protocol="lasot-kit"), made.spec, load_published())
    assert other["success_auc"][0].judgment.verdict is Verdict.NOT_COMPARABLE
    assert "measured by lasot-kit" in other["success_auc"][0].judgment.detail
    assert judge_scores(replace(scores, sample=True), made.spec, load_published()) == {}


def test_doubtful_numbers_come_after_the_others() -> None:
    made = part({"ATOM": 0.515})
    actual = judge_scores(made.entries[0].scores, made.spec, load_published())["success_auc"]
    doubts = [item.published.doubt is not None for item in actual]
    assert doubts == sorted(doubts)
    assert len(actual) > 1


def test_page_without_scripts_has_all_tables(page: Reader) -> None:
    assert sum(tag == "table" for tag, _ in page.elements) >= 4
    assert any(tag == "noscript" for tag, _ in page.elements)
    assert re.search(r"tables are complete", page.text)
