"""A sequence for the report's explorer: everyone's boxes as packed numbers, and where its pictures lie."""

import base64
import collections.abc as cabc
import gzip
import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.benchmarks.frames import ImageFrames
from evalkit.boxes import Boxes
from evalkit.modality import Modality
from evalkit.report.pictures.overlay import padded_boxes, truth_per_frame
from evalkit.sequences import Annotation, FrameSource, Trajectory

QUARTERS = 4  # boxes are kept in quarters of a pixel
NONE, ABSENT = -32768, -32767  # no box; the truth says that there is nothing to see
LARGEST = 32766
FEWEST = 24  # frames with boxes, below which a sequence is left out
MAX_SEGMENTS = 200
_NUMBERED = re.compile(r"(.*?)(\d*)(\D*)", re.DOTALL)

Segment = tuple[str, int, str, int, int]
"""Of file names: text before the number, its digits at least (0 = no number), text after it, first number, count."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What the explorer shows of a sequence.

    Attributes:
        frames: Length of the sequence.
        stride: Boxes are there for every ``stride``-th frame; 0 = for none.
        boxes: Truth and trackers, see :func:`packed_boxes`.
        size_wh: Of a frame in pixels; None where it is not known.
        panels: A folder (relative URI, percent-encoded) and file names for each of the images of a frame.
    """

    frames: int
    stride: int
    boxes: str
    size_wh: tuple[int, int] | None = None
    panels: tuple[tuple[str, tuple[Segment, ...]], ...] = ()

    @property
    def json(self) -> list[object]:
        """For the page's program."""
        return [self.frames, self.stride, self.boxes, self.size_wh, self.panels]


def strides(lengths: cabc.Mapping[str, int], lines: int, rows: int, first: int) -> dict[str, int]:
    """Which frames' boxes fit into a file: sequence -> every how manieth, 0 for none.

    Args:
        lengths: Sequence -> frames, the most telling ones first.
        lines: Boxes of a frame: trackers and truth.
        rows: Boxes that fit.
        first: The first so many sequences share up to half of the room.

    Example:
        >>> strides({"a": 100, "b": 1000, "c": 10}, lines=2, rows=400, first=1)
        {'a': 1, 'b': 20, 'c': 1}
        >>> strides({"a": 100, "b": 1000, "c": 10}, lines=2, rows=100, first=1)
        {'a': 4, 'b': 42, 'c': 0}
    """
    room = rows // lines
    names = list(lengths)
    chosen: dict[str, int] = {}
    for part, share_of in ((names[:first], room // 2), (names[first:], room)):
        room_left = share_of - sum(-(-lengths[name] // step) for name, step in chosen.items() if step)
        for place, name in enumerate(part):
            share = max(FEWEST, room_left // (len(part) - place))
            step = -(-lengths[name] // share)
            taken = -(-lengths[name] // step)
            chosen[name] = step if taken <= room_left else 0
            room_left -= taken if chosen[name] else 0
    return chosen


def make_clip(
    annotation: Annotation,
    trajectories: cabc.Sequence[Trajectory | None],
    stride: int,
    *,
    frames: FrameSource | None,
    near: Path,
    origin: int,
) -> Clip:
    """Pack a sequence.

    Args:
        annotation: The truth.
        trajectories: Of all trackers of the part, None where one has no result.
        stride: See :func:`strides`.
        frames: Its images, where they are known; they are linked, not read.
        near: Folder of the report, to which links are relative.
        origin: Coordinate of the first pixel, 0 or 1.
    """
    files = frames if isinstance(frames, ImageFrames) else None
    size = annotation.frame_wh or (files.first_wh() if files else None)
    boxes = packed_boxes(annotation, trajectories, stride, origin) if stride else ""
    return Clip(annotation.frame_count, stride, boxes, size, linked_files(files, near) if files else ())


def packed_boxes(
    annotation: Annotation, trajectories: cabc.Sequence[Trajectory | None], stride: int, origin: int
) -> str:
    """The truth's and the trackers' boxes of every ``stride``-th frame, as base64 of gzip.

    Below are int16 quarters of pixels, in the order box (truth first), coordinate (left, top, width, height), frame;
    each is the difference from the frame before, modulo 2^16. All low bytes come before all high ones.
    """
    count = annotation.frame_count
    truth = truth_per_frame(annotation, count)
    annotated = np.zeros(count, bool)
    rows = np.arange(len(annotation.ground_truth)) * annotation.stride
    annotated[rows[rows < count]] = True
    none = np.full((count, 4), np.nan)
    lines = [truth, *(none if own is None else padded_boxes(own.boxes, count) for own in trajectories)]
    shift = np.array([origin, origin, 0, 0])
    values = np.stack([_quarters(line[::stride] - shift) for line in lines])  # (T + 1, K, 4)
    values[0, (annotated & np.isnan(truth).any(axis=1))[::stride]] = ABSENT
    series = values.transpose(0, 2, 1).astype(np.int16)
    steps = np.diff(series, axis=2, prepend=np.int16(0)).astype("<u2").reshape(-1)
    planes = np.concatenate([(steps & 0xFF).astype(np.uint8), (steps >> 8).astype(np.uint8)])
    return base64.b64encode(gzip.compress(planes.tobytes(), 6, mtime=0)).decode()


def _quarters(boxes: Boxes) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    known = np.isfinite(boxes).all(axis=1, keepdims=True)
    scaled = np.clip(np.nan_to_num(boxes * QUARTERS), ABSENT + 1, LARGEST).round()
    return np.where(known, scaled, NONE).astype(np.int16)


def linked_files(frames: ImageFrames, near: Path) -> tuple[tuple[str, tuple[Segment, ...]], ...]:
    """Folders and names of images that a browser can show (no depth); empty where names follow too many patterns."""
    folders = [(frames.folder, frames.names)]
    if frames.aux_folder is not None and frames.aux_modality is not Modality.DEPTH:
        folders.append((frames.aux_folder, frames.aux_names))
    linked = tuple((relative_uri(Path(folder), near), segments(names)) for folder, names in folders)
    return linked if all(len(parts) <= MAX_SEGMENTS for _, parts in linked) else ()


def relative_uri(folder: Path, near: Path) -> str:
    """A URI of a local folder as seen from another one, that nothing in a name can turn into another place.

    Example:
        >>> relative_uri(Path("/data/LaSOT/a #1"), Path("/data/reports"))
        './../LaSOT/a%20%231/'
    """
    try:
        place = os.path.relpath(folder, near)
    except ValueError:  # another drive
        return folder.resolve().as_uri() + "/"
    parts = Path(place).parts
    return "./" + "".join(f"{urllib.parse.quote(os.fsencode(part), safe='')}/" for part in parts)


def segments(names: cabc.Sequence[str]) -> tuple[Segment, ...]:
    """File names as runs of consecutive numbers; a name without a number is a run of its own.

    Example:
        >>> segments(["f8.jpg", "f9.jpg", "f10.jpg", "f12.jpg", "f014.jpg"])
        (('f', 1, '.jpg', 8, 3), ('f', 2, '.jpg', 12, 1), ('f', 3, '.jpg', 14, 1))
    """
    runs: list[Segment] = []
    for name in names:
        match = _NUMBERED.fullmatch(name)
        assert match is not None
        before, digits, after = match[1], match[2], match[3]
        if runs:
            start, width, end, first, count = runs[-1]
            if digits and (start, str(first + count).zfill(width), end) == (before, digits, after):
                runs[-1] = (start, width, end, first, count + 1)
                continue
        runs.append((before, len(digits), after, int(digits or 0), 1))
    return tuple(runs)
