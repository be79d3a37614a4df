"""Parts of a report made by hand, for its tests."""

from pathlib import Path

import cv2
import numpy as np

from evalkit.published import Published, Unit
from evalkit.report.html.clip import Clip, make_clip
from evalkit.report.html.part import Entry, Part, ranked
from evalkit.report.pictures.hardest import Hard, Still
from evalkit.report.tables.comparison import Judged
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.verdicts import Judgment, Verdict
from evalkit.sequences import Annotation, Frame, Trajectory
from helpers.scores_by_hand import SPECS, curves_of, longterm_of, make_scores

CODES = ("ARC", "FM", "OV", "IV")
KEYS = {
    "lasot": ("success_auc", "precision_20", "normalized_precision_20"),
    "depthtrack": ("longterm_precision", "longterm_recall", "longterm_f"),
}


def entry(tracker: str, quality: float, names: tuple[str, ...], benchmark: str = "lasot", **others: object) -> Entry:
    """A tracker that is better, the larger its quality in (0, 1)."""
    keys = KEYS[benchmark]
    speed, judged = others.pop("speed", None), others.pop("judged", {})
    values = np.linspace(0, quality, len(names))
    scores = make_scores(
        tracker,
        dict.fromkeys(keys, quality),
        benchmark,
        sequence_names=names,
        frames=np.full(len(names), 100),
        per_sequence=dict.fromkeys(keys, values),
        intervals=dict.fromkeys(keys, (quality - 0.05, quality + 0.04)),
        attributes={code: {"sequences": 2.0, **dict.fromkeys(keys, quality * 0.9)} for code in CODES},
        **(longterm_of(quality) if benchmark == "depthtrack" else curves_of(quality)),
        **others,
    )
    return Entry(scores, {"Run": f"run-{tracker}", "Predictions, SHA-256": "ab" * 32}, speed, judged)


def judged(value: float, verdict: Verdict = Verdict.AGREES) -> Judged:
    number = Published(
        "T", "", "lasot", "test", "", "success_auc", "AUC", value, Unit.FRACTION, f"{100 * value:.1f}", "%", "",
        "A paper", "Table 1", None, "",
    )  # fmt: skip
    return Judged(number, Judgment(verdict, "because" if verdict is Verdict.NOT_COMPARABLE else ""), "0.0")


def jpeg(seed: int = 0) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (60, 100, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


class Gray:
    """Frames without content, which remember those that were asked for."""

    def __init__(self, count: int = 1, wh: tuple[int, int] = (600, 500), aux: np.ndarray | None = None) -> None:
        self.count, self.frame, self.asked = count, Frame(np.full((*wh[::-1], 3), 90, np.uint8), aux), []

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Frame:
        assert 0 <= index < self.count
        self.asked.append(index)
        return self.frame


def clip(trackers: int) -> Clip:
    """100 frames of a target that moves right, absent in ten of them, with trackers behind it."""
    lefts = np.arange(100.0)[:, None]
    boxes = np.hstack([lefts, np.tile([9.0, 30, 20], (100, 1))])
    absent = (lefts[:, 0] >= 40) & (lefts[:, 0] < 50)
    annotation = Annotation("x", boxes, absent, 100, frame_wh=(150, 60))
    own = [Trajectory.of_boxes(boxes + np.array([3.0 * (place + 1), 0, 0, 0])) for place in range(trackers)]
    return make_clip(annotation, own, 1, frames=None, near=Path(), origin=0)


def part(
    trackers: dict[str, float],
    names: tuple[str, ...] = ("car-1", "cup-2", "dog-10"),
    benchmark: str = "lasot",
    **others: object,
) -> Part:
    spec = SPECS[benchmark]
    made = {"remark", "stand_in", "no_pictures", "facts"} & others.keys()
    fields = {key: others.pop(key) for key in made}
    entries = [entry(tracker, quality, names, benchmark, **others) for tracker, quality in trackers.items()]
    still = Still(7, jpeg(), 100, 60, boxes=dict.fromkeys(trackers, (10.0, 10, 30, 20)), truth=(12.0, 9, 30, 20))
    strips = dict.fromkeys(trackers, "9950-0")
    hard = Hard(names[0], 100, 0.1, strips, tuple(trackers), (still,), (Still(50, jpeg(1), 100, 60),))
    return Part(
        spec=spec,
        rules=get_protocol("vot-longterm-0.5" if benchmark == "depthtrack" else "pytracking", benchmark),
        entries=ranked(entries, spec),
        attributes={name: frozenset(CODES[: 1 + place % 3]) for place, name in enumerate(names)},
        hard=(hard,),
        clips={name: clip(len(trackers)) for name in names},
        **fields,
    )
