"""The hardest sequences of a benchmark: which they are, where every tracker loses the target, and how that looks."""

import collections.abc as cabc
import itertools
import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from evalkit.boxes import Boxes, FloatArray
from evalkit.report.pictures.overlay import (
    Picture,
    aux_picture,
    frame_overlaps,
    padded_boxes,
    stamp,
    truth_per_frame,
)
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, FrameSource, Trajectory

BINS = 120
ABSENT = "-"
SIDE = 400  # width of a picture's panel in pixels
QUALITY = 62  # of JPEG
Corners = tuple[float, float, float, float]
"""Left, top, width, height in pixels of a reduced picture."""


@dataclass(frozen=True, slots=True)
class Still:
    """A frame as a small picture, and what is to be drawn on it.

    Attributes:
        frame: Its index.
        jpeg: The picture, the second modality beside the first.
        width: In pixels, of all panels.
        height: In pixels.
        panels: Images side by side.
        boxes: Tracker -> box in the first panel; without those that have none.
        truth: Box of the truth, None where there is none.
    """

    frame: int
    jpeg: bytes
    width: int
    height: int
    panels: int = 1
    boxes: cabc.Mapping[str, Corners] = field(default_factory=dict)
    truth: Corners | None = None


@dataclass(frozen=True, slots=True)
class Hard:
    """A sequence that trackers do badly on.

    Attributes:
        name: Of the sequence.
        frames: Its length.
        mean: Over trackers, of the metric that ranks.
        strips: Tracker -> overlap over time, see :func:`strip`.
        drawn: Trackers whose boxes are drawn.
        telling: Frames that tell what happened; empty where there are no images.
        others: Further frames for the explorer, in the order in which they are wanted.
    """

    name: str
    frames: int
    mean: float
    strips: cabc.Mapping[str, str]
    drawn: tuple[str, ...] = ()
    telling: tuple[Still, ...] = ()
    others: tuple[Still, ...] = ()


def hardest(scores: cabc.Sequence[Scores], key: str, count: int) -> list[tuple[str, float]]:
    """Sequences with the lowest mean of a metric over trackers, the worst first.

    Args:
        scores: Of one benchmark; a sequence counts for the trackers that have a value for it.
        key: Metric key; scores that do not have it per sequence are passed over.
        count: Length of the answer, at most.
    """
    values: dict[str, list[float]] = {}
    for score in scores:
        for name, value in zip(score.sequence_names, score.per_sequence.get(key, ()), strict=False):
            if math.isfinite(value):
                values.setdefault(name, []).append(float(value))
    means = [(name, float(np.mean(known))) for name, known in values.items()]
    return sorted(means, key=lambda pair: pair[1])[:count]


def strip(overlaps: FloatArray, bins: int = BINS) -> str:
    """Overlap over time as text, one character per bin: tenths "0" to "9", "-" where there is nothing to overlap with.

    Example:
        >>> strip(np.array([1.0, 0.55, 0.0, np.nan]), bins=4)
        '950-'
        >>> strip(np.array([1.0, 0.5, 0.0, np.nan]), bins=2)
        '70'
    """
    bins = min(bins, len(overlaps))
    places = np.arange(len(overlaps)) * bins // len(overlaps)
    known = np.isfinite(overlaps)
    sums = np.bincount(places[known], overlaps[known], minlength=bins)
    counts = np.bincount(places[known], minlength=bins)
    # the small addend keeps 0.7 from becoming 6 tenths
    tenths = np.minimum(9, (sums / np.maximum(counts, 1) * 10 + 1e-9).astype(int))
    return "".join(str(tenth) if count else ABSENT for tenth, count in zip(tenths, counts, strict=True))


def overlaps_of(annotation: Annotation, trajectory: Trajectory) -> FloatArray:
    """Overlap per frame, shape (N,); NaN where the target is absent, 0 where it is not and no box was reported."""
    count = annotation.frame_count
    truth = truth_per_frame(annotation, count)
    overlaps = frame_overlaps(padded_boxes(trajectory.boxes, count), truth)
    return np.where(np.isfinite(truth).all(axis=1), np.nan_to_num(overlaps), np.nan)


def lowest_stretch(overlaps: cabc.Sequence[FloatArray], length: int) -> int:
    """First of the ``length`` frames in a row with the lowest mean overlap over trackers; absent targets do not count.

    Example:
        >>> lowest_stretch([np.array([1.0, 0.9, 0.2, np.nan, 0.0, 0.8])], 3)
        2
    """
    count = len(overlaps[0])
    if length >= count:
        return 0
    lines = np.stack(overlaps)
    known = np.isfinite(lines)
    sums, counts = (np.insert(np.cumsum(rows.sum(axis=0)), 0, 0.0) for rows in (np.where(known, lines, 0.0), known))
    windows = counts[length:] - counts[:-length]
    means = (sums[length:] - sums[:-length]) / np.maximum(windows, 1)
    return int(np.argmin(np.where(windows > 0, means, np.inf)))


def telling_frames(overlaps: cabc.Sequence[FloatArray], count: int = 4) -> list[int]:
    """Frames that tell what happened: the first, the one where the median tracker has lost the target, and others.

    The others halve the largest gaps between those, among the frames in which the target can be seen.

    Args:
        overlaps: One array per tracker, of the same length.
        count: Number of frames, at most.
    """
    median = np.median(np.stack([np.nan_to_num(line, nan=-1.0) for line in overlaps]), axis=0)
    visible = np.flatnonzero(median >= 0)
    if len(visible) == 0:
        return [0]
    lost = visible[median[visible] <= 0]
    turn = int(lost[0]) if len(lost) else int(visible[np.argmin(median[visible])])
    chosen = sorted({0, turn})
    while len(chosen) < min(count, len(visible)):
        ends = [*chosen, int(visible[-1]) + 1]
        inside = [visible[(visible > low) & (visible < high)] for low, high in itertools.pairwise(ends)]
        widest = max(inside, key=len)
        if len(widest) == 0:
            break
        chosen = sorted([*chosen, int(widest[len(widest) // 2])])
    return chosen


def further_frames(count: int, stride: int, before: cabc.Iterable[int], most: int) -> list[int]:
    """Frames spread over a sequence, coarse to fine, without those of before; multiples of ``stride``.

    Example:
        >>> further_frames(9, 1, [0], most=3)
        [8, 4, 2]
    """
    steps = -(-count // stride)
    known, chosen = set(before), list[int]()
    gap = 1 << max(1, (steps - 1).bit_length())
    while gap > 1 and len(chosen) < most:
        gap //= 2
        fine = (step * stride for step in range(gap, steps, 2 * gap))
        chosen += [frame for frame in fine if frame not in known]
    return chosen[:most]


def take_stills(
    annotation: Annotation,
    frames: FrameSource,
    trajectories: cabc.Mapping[str, Trajectory],
    indices: cabc.Iterable[int],
    *,
    mark: str = "",
    origin: int = 0,
) -> list[Still]:
    """Small pictures with the boxes that belong on them, the second modality beside the first.

    Args:
        annotation: The truth.
        frames: Images of the same sequence.
        trajectories: Tracker -> boxes.
        indices: Frames to take.
        mark: Text in the corner of every picture: "sample" for the rendered sample.
        origin: Coordinate of the first pixel, 0 or 1.

    Raises:
        ImageReadError: A frame cannot be read.
    """
    shift = np.array([origin, origin, 0, 0])
    truth = truth_per_frame(annotation, len(frames)) - shift
    boxes = {name: padded_boxes(trajectory.boxes, len(frames)) - shift for name, trajectory in trajectories.items()}
    pictures = []
    for index in indices:
        frame = frames.read(index)
        panels = [frame.rgb] if frame.aux is None else [frame.rgb, aux_picture(frame.aux)]
        scale = min(1.0, SIDE / frame.rgb.shape[1])
        height, width = (max(1, round(side * scale)) for side in frame.rgb.shape[:2])
        small = [cv2.resize(panel, (width, height), interpolation=cv2.INTER_AREA) for panel in panels]
        shown = np.hstack(small).astype(np.uint8)
        jpeg = _jpeg(stamp(shown, mark, 12) if mark else shown)
        drawn = {name: box for name, own in boxes.items() if (box := _corners(own[index] * scale))}
        pictures.append(Still(index, jpeg, shown.shape[1], height, len(panels), drawn, _corners(truth[index] * scale)))
    return pictures


def _corners(box: Boxes) -> Corners | None:
    if not np.isfinite(box).all():
        return None
    left, top, width, height = np.clip(box, -1e5, 1e5).round(1).tolist()
    return left, top, max(0.0, width), max(0.0, height)


def _jpeg(picture: Picture) -> bytes:
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()
