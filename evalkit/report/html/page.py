"""The report: one HTML file with its charts' program and data inside, which needs no network and runs nothing else.

A content security policy names the two scripts by their hashes and forbids connections, so that a tracker's or a
sequence's name can neither run as a program nor fetch anything.
"""

import base64
import collections.abc as cabc
import functools
import gzip
import hashlib
import json
import math
from dataclasses import dataclass, replace

import plotly.offline

from evalkit.report.headline import remarks, shared_notes
from evalkit.report.html.part import Part, check_parts, part_json, part_styles, swatches
from evalkit.report.html.templates import filled, packaged
from evalkit.report.metrics import get_metric
from evalkit.report.palette import TRUTH, Style
from evalkit.report.pictures.hardest import Hard, Still
from evalkit.report.tables.overview import overview_table
from evalkit.report.tables.table import Rank, Table
from evalkit.scoring.lookup import flat_rules
from evalkit.scoring.verdicts import Verdict

MAX_BYTES = 8_000_000
PLAIN_BYTES = 3_000_000
"""Size of the numbers from which they are packed as the charts' library is: to a third."""
DENSE = 0.5  # share of filled cells from which trackers against benchmarks make a readable table
TOP = 10  # trackers shown at first
_LISTED = 6  # values of a long rule that are printed
_VERDICTS = {
    Verdict.AGREES: ("agrees", "agrees"),
    Verdict.EXPLAINED: ("explained", "explained by a rule"),
    Verdict.DIFFERS: ("differs", "differs, unexplained"),
    Verdict.NOT_COMPARABLE: ("apart", "not comparable"),
    Verdict.NOTHING_PUBLISHED: ("apart", "nothing published"),
}


@dataclass(frozen=True, slots=True)
class _Value:
    """A printed score with everything that stands around it."""

    text: str
    sort: float
    low: float
    high: float
    interval: str
    place: str
    verdict: str
    verdict_text: str
    published: str
    difference: str
    details: str


def build_html(parts: cabc.Sequence[Part], title: str = "Tracking report", max_bytes: int = MAX_BYTES) -> str:
    """Make the report.

    Args:
        parts: One per benchmark, split and protocol, in reading order.
        title: Heading; says "sample" where the data are.
        max_bytes: Pictures of the hardest sequences are left out until the file is smaller: of every sequence the
            further ones, then all of the easiest sequences; and the boxes of all if it is still larger.

    Raises:
        ScoringError: There is nothing to report, or scores of the sample would stand beside real ones.
    """
    check_parts(parts)
    page = _render(parts, title)
    weight = sum(_weight(still) for part in parts for hard in part.hard for still in (*hard.telling, *hard.others))
    room = max_bytes - len(page.encode()) + weight
    while len(page.encode()) > max_bytes and weight:
        room = int(0.98 * room)
        kept, weight = _with_fewer_pictures(parts, room)
        page = _render(kept, title)
    if len(page.encode()) > max_bytes:
        page = _render([replace(part, hard=_bare(part.hard), clips={}) for part in parts], title)
    return page


def _render(parts: cabc.Sequence[Part], title: str) -> str:
    styles = part_styles(parts)
    sample = parts[0].scores[0].sample
    code, program = plotly.offline.get_plotlyjs(), packaged("explorer.js") + packaged("page.js")
    views = [_part_view(part, number, styles) for number, part in enumerate(parts)]
    shown = title if not sample or "sample" in title.lower() else f"{title} (sample)"
    numbers = _safe_json({"title": shown, "truth": TRUTH, "parts": [part_json(part, styles) for part in parts]})
    page = filled(
        "page.html",
        title=shown,
        sample=sample,
        policy=" ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (code, program)
        ),
        # own files and JSON without angle brackets: the only text that is not escaped
        style=packaged("page.css"),
        program=program,
        data=_packed(numbers) if len(numbers) > PLAIN_BYTES else numbers,
        packed=len(numbers) > PLAIN_BYTES,
        plotly=_packed_plotly(),
        parts=views,
        swatches=[
            (style.color, style.strokes(2), " ".join(f"{x:g},{y:g}" for x, y in style.outline))
            for style in styles.values()
        ],
        stills=_safe_json(_stills(parts)),
        matrix=_matrix(parts, styles),
        top=TOP,
        trackers=len({score.tracker for part in parts for score in part.scores}),
        benchmarks=len({part.spec.name for part in parts}),
        sequences=sum(max(len(score.sequence_names) for score in part.scores) for part in parts),
        frames=sum(max(int(score.frames.sum()) for score in part.scores) for part in parts),
        judged=_judged_counts(parts),
        speeds=any(entry.speed is not None for part in parts for entry in part.entries),
        truth_color=TRUTH,
    )
    return page + "\n"


@functools.cache
def _packed_plotly() -> str:
    return _packed(plotly.offline.get_plotlyjs())


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _safe_json(data: object) -> str:
    """JSON that cannot end its script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _with_fewer_pictures(parts: cabc.Sequence[Part], room: int) -> tuple[list[Part], int]:
    """The parts with the pictures that fit, the most telling ones of the hardest sequences first, and their weight."""
    groups = [
        (round_, place, number, stills)
        for number, part in enumerate(parts)
        for place, hard in enumerate(part.hard)
        for round_, stills in enumerate([hard.telling, *((still,) for still in hard.others)])
    ]
    kept: set[int] = set()
    weight = 0
    for *_, stills in sorted(groups, key=lambda group: group[:3]):
        weight += sum(map(_weight, stills))
        if weight > room:
            weight -= sum(map(_weight, stills))
            break
        kept |= set(map(id, stills))
    fewer = [
        replace(
            part,
            hard=tuple(
                replace(
                    hard,
                    telling=tuple(still for still in hard.telling if id(still) in kept),
                    others=tuple(still for still in hard.others if id(still) in kept),
                )
                for hard in part.hard
            ),
        )
        for part in parts
    ]
    return fewer, weight


def _bare(hard: cabc.Iterable[Hard]) -> tuple[Hard, ...]:
    return tuple(replace(sequence, telling=(), others=()) for sequence in hard)


def _weight(still: Still) -> int:
    """Bytes in the page."""
    return 4 * len(still.jpeg) // 3 + 60 + 110 * still.panels * len(still.boxes)


def _part_view(part: Part, number: int, styles: cabc.Mapping[str, Style]) -> dict[str, object]:
    values = {key: _values(part, key) for key in part.keys}
    notes = [remarks(score) for score in part.scores]
    shared = shared_notes(notes)
    first = part.scores[0]
    numbers = swatches(styles)
    return {
        "id": f"part-{number}",
        "number": number,
        "title": part.title,
        "benchmark": part.spec.title,
        "year": part.spec.year,
        "sample": first.sample,
        "protocol": part.rules.id,
        "version": part.rules.version,
        "remark": part.remark,
        "stand_in": part.stand_in,
        "sequences": max(len(score.sequence_names) for score in part.scores),
        "frames": max(int(score.frames.sum()) for score in part.scores),
        "leading": get_metric(part.leading, part.spec.name).label,
        "columns": [(key, get_metric(key, part.spec.name).label) for key in part.keys],
        "rows": [
            {
                "rank": place + 1,
                "name": name,
                "color": styles[name].color,
                "swatch": numbers[name],
                "values": [values[key][place] for key in part.keys],
                "lead": values[part.leading][place],
                "speed": entry.speed,
                "notes": [note for note in notes[place] if note not in shared],
                "facts": entry.facts,
                "judged": [(get_metric(key, part.spec.name).label, judged) for key, judged in entry.judged.items()],
            }
            for place, (name, entry) in enumerate(zip(part.names, part.entries, strict=True))
        ],
        "speeds": any(entry.speed is not None for entry in part.entries),
        "attributes": bool(first.attributes),
        "per_sequence": any(key in first.per_sequence for key in part.keys),
        "notes": shared,
        "facts": part.facts,
        "rules": [(key, _rule_text(value)) for key, value in flat_rules(part.rules).items()],
        "hard": [_hard_view(part, place, styles) for place in range(len(part.hard))],
        "no_pictures": part.no_pictures,
    }


def _values(part: Part, key: str) -> list[_Value]:
    metric = get_metric(key, part.spec.name)
    numbers = [float(score.summary.get(key, math.nan)) for score in part.scores]
    ranks = sorted({value for value in numbers if math.isfinite(value)}, reverse=True)
    shown = []
    for entry, value in zip(part.entries, numbers, strict=True):
        known = math.isfinite(value)
        low, high = entry.scores.intervals.get(key, (math.nan, math.nan)) if known else (math.nan, math.nan)
        rank = ranks.index(value) if known and len(ranks) > 1 else len(ranks)
        judged = entry.judged.get(key, ())
        name, text = _VERDICTS[judged[0].judgment.verdict] if judged else ("", "")
        if name in {"explained", "differs"}:
            text = judged[0].judgment.text
        shown.append(
            _Value(
                text=metric.text(value) if known else "-",
                sort=value if known else -1.0,
                low=low,
                high=high,
                interval=f"{metric.text(low)}\u2013{metric.text(high)}" if math.isfinite(low) else "",
                place={0: "first", 1: "second"}.get(rank, "") if len(ranks) > max(1, rank + 1) else "",
                verdict=name,
                verdict_text=text,
                published=metric.text(judged[0].published.value) if judged else "",
                difference=judged[0].difference if judged else "",
                details="\n".join(judgment.text for judgment in judged),
            )
        )
    assert len(shown) == len(part.entries)
    return shown


def _hard_view(part: Part, place: int, styles: cabc.Mapping[str, Style]) -> dict[str, object]:
    hard = part.hard[place]
    metric = get_metric(part.leading, part.spec.name)
    numbers = swatches(styles)
    return {
        "name": hard.name,
        "row": part.sequence_names.index(hard.name),
        "place": place,
        "frames": hard.frames,
        "mean": metric.text(hard.mean),
        "attributes": sorted(part.attributes.get(hard.name, ())),
        "drawn": [(name, numbers[name]) for name in hard.drawn if hard.telling],
        "wide": any(still.panels > 1 for still in hard.telling),
        "pictures": [_still_view(still, styles) for still in hard.telling],
    }


def _still_view(still: Still, styles: cabc.Mapping[str, Style]) -> dict[str, object]:
    panel = still.width / still.panels
    boxes = [(box, styles[name].color, styles[name].strokes(2)) for name, box in still.boxes.items()]
    if still.truth:
        boxes.append((still.truth, TRUTH, "7,5"))
    return {
        "frame": still.frame,
        "width": still.width,
        "height": still.height,
        "data": base64.b64encode(still.jpeg).decode(),
        "boxes": [
            ((left + place * panel, *others), color, strokes)
            for place in range(still.panels)
            for (left, *others), color, strokes in boxes
        ],
        "absent": still.truth is None,
    }


def _stills(parts: cabc.Sequence[Part]) -> list[dict[int, dict[int, str]]]:
    """Further pictures, a part each: sequence -> frame -> JPEG as base64."""
    return [
        {
            part.sequence_names.index(hard.name): {
                still.frame: base64.b64encode(still.jpeg).decode() for still in hard.others
            }
            for hard in part.hard
        }
        for part in parts
    ]


def _rule_text(value: object) -> str:
    if isinstance(value, list) and len(value) > _LISTED:
        return f"{', '.join(map(str, value[:3]))}, ..., {value[-1]} ({len(value)} values)"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


def _matrix(parts: cabc.Sequence[Part], styles: cabc.Mapping[str, Style]) -> dict[str, object] | None:
    """Trackers against benchmarks, where most cells have a number and each has one."""
    scores = [score for part in parts for score in part.scores]
    pairs = [(score.tracker, score.benchmark) for score in scores]
    trackers, benchmarks = {tracker for tracker, _ in pairs}, {benchmark for _, benchmark in pairs}
    cells = len(trackers) * len(benchmarks)
    if len(benchmarks) < 2 or len(set(pairs)) < len(pairs) or len(pairs) < DENSE * cells:
        return None
    return _table_view(overview_table(scores, {part.spec.name: part.spec for part in parts}), styles)


def _table_view(table: Table, styles: cabc.Mapping[str, Style]) -> dict[str, object]:
    numbers = swatches(styles)
    names = {Rank.FIRST: "first", Rank.SECOND: "second", Rank.NONE: ""}
    lines = zip(table.rows, table.cells, table.places(), strict=True)
    return {
        "columns": [(column.group, column.label) for column in table.columns],
        "rows": [
            (
                row.label,
                numbers[row.label],
                [
                    (cell.text, cell.value if math.isfinite(cell.value) else -1.0, names[place])
                    for cell, place in zip(cells, places, strict=True)
                ],
            )
            for row, cells, places in lines
        ],
        "caption": table.caption,
    }


def _judged_counts(parts: cabc.Sequence[Part]) -> list[tuple[str, str, int]]:
    """CSS class, words and number of every verdict on a headline metric."""
    entries = [(entry, part.keys) for part in parts for entry in part.entries]
    verdicts = [
        entry.judged[key][0].judgment.verdict for entry, keys in entries for key in keys if entry.judged.get(key)
    ]
    return [(*_VERDICTS[verdict], verdicts.count(verdict)) for verdict in _VERDICTS if verdict in verdicts]
