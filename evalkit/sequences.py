"""A benchmark's unit of work: one video with one target, its annotation, its frames, and a tracker's answer to it."""

import collections.abc as cabc
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, Flags, FloatArray, IntArray
from evalkit.modality import Modality as Modality  # noqa: PLC0414 - a part of this module for who imports it


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One time step.

    Attributes:
        rgb: (height, width, 3) uint8, RGB order.
        aux: The second modality as stored, unconverted: depth (height, width) uint16 in millimeters, 0 = not
            measured; thermal and event images (height, width, 3) uint8 in RGB order. None if there is none.
    """

    rgb: npt.NDArray[np.uint8]
    aux: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None = None


class FrameSource(Protocol):
    """Random access to the frames of a sequence; safe to call from several threads."""

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def read(self, index: int) -> Frame:
        """Decode frame ``index`` (0-based).

        Raises:
            ImageReadError: The file is missing, truncated or not an image; the text names it.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What the benchmark says of a sequence, without its images. Arrays are read-only.

    Attributes:
        name: Sequence name as the benchmark spells it.
        ground_truth: (F, 4) left, top, width, height in pixels exactly as the annotation file has them (no shift of
            origin); (1, 4) where the server keeps the rest. NaN rows where the file says NaN.
        absent: (F,) bool, True = target absent, whatever the polarity of the file; all False where the benchmark
            has no such flag. Its length is that of ``ground_truth``.
        frame_count: Number of frames of the sequence, N; more than F where only the first row is public or
            where the annotation has a stride.
        frame_wh: Width and height in pixels, if the annotation alone tells.
        visible_eighths: (F,) GOT-10k's ``cover.label`` values 0..8, else None.
        ground_truth_aux: The second modality's own boxes (LasHeR, RGBT234, VTUAV), else None.
        attributes: Short codes of the challenge attributes that apply.
        object_class: For class means.
        description: Language description, where given.
        stride: One annotation row every ``stride`` frames (1 for all eight benchmarks).
        dropped_leading: Frames left out before frame 0 because the target is not yet there (VisEvent).
    """

    name: str
    ground_truth: Boxes
    absent: Flags
    frame_count: int
    frame_wh: tuple[int, int] | None = None
    visible_eighths: IntArray | None = None
    ground_truth_aux: Boxes | None = None
    attributes: frozenset[str] = frozenset()
    object_class: str | None = None
    description: str | None = None
    stride: int = 1
    dropped_leading: int = 0

    def __post_init__(self) -> None:
        for array in (self.ground_truth, self.absent, self.visible_eighths, self.ground_truth_aux):
            if array is not None:
                array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """An annotation together with its frames."""

    annotation: Annotation
    frames: FrameSource

    @property
    def name(self) -> str:
        """Sequence name as the benchmark spells it."""
        return self.annotation.name

    @property
    def initial_box(self) -> Boxes:
        """The box that initializes a tracker in frame 0, shape (4,)."""
        box: Boxes = self.annotation.ground_truth[0]
        return box

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """A tracker's answer to one sequence, frame 0 included.

    Attributes:
        boxes: (F, 4) left, top, width, height in pixels. Row 0 is the initial box. A row of NaN says "no box
            reported" and occurs only in imported results.
        confidence: (F,), NaN where the tracker gives none.
        seconds: (F,) time spent on the frame, NaN where unknown.
    """

    boxes: Boxes
    confidence: FloatArray
    seconds: FloatArray

    @classmethod
    def of_boxes(cls, boxes: Boxes) -> "Trajectory":
        """A trajectory of boxes (F, 4) without confidence and time, which are NaN.

        Example:
            >>> Trajectory.of_boxes(np.ones((2, 4))).confidence
            array([nan, nan])
        """
        nothing = np.full(len(boxes), np.nan)
        return cls(boxes=boxes, confidence=nothing, seconds=nothing)

    def __len__(self) -> int:
        return len(self.boxes)


Trajectories = cabc.Mapping[str, cabc.Sequence[Trajectory]]
"""Sequence name -> repetitions, at least one."""
