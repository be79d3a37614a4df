"""The hardest sequences of a benchmark: which they are, where every tracker loses the target, and how that looks."""

import collections.abc as cabc
import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from evalkit.boxes import FloatArray
from evalkit.report.palette import Style
from evalkit.report.pictures.overlay import (
    Picture,
    aux_picture,
    draw_boxes,
    frame_overlaps,
    padded_boxes,
    stamp,
    truth_per_frame,
)
from evalkit.scoring.scores import Scores
from evalkit.sequences import Annotation, FrameSource, Trajectory

BINS = 120
ABSENT = "-"
SIDE = 300  # width of a thumbnail's panel in pixels
QUALITY = 68  # of JPEG


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A frame with boxes drawn on it.

    Attributes:
        frame: Its index.
        jpeg: The picture.
        width: In pixels.
        height: In pixels.
    """

    frame: int
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Hard:
    """A sequence that trackers do badly on.

    Attributes:
        name: Of the sequence.
        frames: Its length.
        mean: Over trackers, of the metric that ranks.
        strips: Tracker -> overlap over time, see :func:`strip`.
        drawn: Trackers whose boxes are drawn.
        thumbnails: Empty where there are no images.
    """

    name: str
    frames: int
    mean: float
    strips: cabc.Mapping[str, str]
    drawn: tuple[str, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()


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


def draw_thumbnails(
    annotation: Annotation,
    frames: FrameSource,
    trajectories: cabc.Mapping[str, Trajectory],
    indices: cabc.Iterable[int],
    styles: cabc.Mapping[str, Style],
    *,
    mark: str = "",
    origin: int = 0,
) -> list[Thumbnail]:
    """Small pictures with the truth and the trackers' boxes, the second modality beside the first.

    Args:
        annotation: The truth.
        frames: Images of the same sequence.
        trajectories: Tracker -> boxes.
        indices: Frames to draw.
        styles: Tracker -> style, for its color.
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
        seen = truth[index] if np.isfinite(truth[index]).all() else None
        drawn = [(styles[name].rgb, own[index]) for name, own in boxes.items()]
        height = round(SIDE * frame.rgb.shape[0] / frame.rgb.shape[1])
        shown = np.hstack([draw_boxes(panel, drawn, seen, (SIDE, height)) for panel in panels])
        jpeg = _jpeg(stamp(shown, mark, 12) if mark else shown)
        pictures.append(Thumbnail(index, jpeg, shown.shape[1], shown.shape[0]))
    return pictures


def _jpeg(picture: Picture) -> bytes:
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()
