"""The slot loop's values: a live sequence, a batch handed to the tracker, a wave of streams that advance together."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import TrackerError
from evalkit.sequences import Frame
from evalkit.tracking.ahead import Reader
from evalkit.tracking.interface import Predictions, Tracker
from evalkit.tracking.jobs import Job
from evalkit.tracking.timing import Timed


@dataclass(slots=True, eq=False)
class Stream:
    """A live sequence: its state, its answers so far, and its frames under way.

    Attributes:
        job: The sequence.
        reader: Its frames.
        boxes: (F, 4) in pixels; NaN from ``next_index`` on, as are the two others.
        confidence: (F,).
        seconds: (F,) of the step, shared evenly by the streams of a call.
        state: The tracker's.
        next_index: Frame without an answer yet.
    """

    job: Job
    reader: Reader
    boxes: Boxes
    confidence: Boxes
    seconds: Boxes
    state: Any = None
    next_index: int = 0

    @classmethod
    def of(cls, job: Job, reader: Reader) -> "Stream":
        """A stream at its start."""
        empty = np.full(job.length, np.nan)
        return cls(job, reader, np.full((job.length, 4), np.nan), empty, empty.copy())

    def record(self, box: Boxes, confidence: float, seconds: float) -> None:
        """Keep the box (4,), confidence and seconds of the next frame."""
        self.boxes[self.next_index] = box
        self.confidence[self.next_index] = confidence
        self.seconds[self.next_index] = seconds
        self.next_index += 1

    @property
    def done(self) -> bool:
        """All frames have an answer."""
        return self.next_index == self.job.length


class Batch(NamedTuple):
    """Streams that were handed to ``track`` (or ``submit``) together, and what became of it."""

    streams: list[Stream]
    inputs: list[Any]
    answer: Future[Timed[Any]]
    begin: float


@dataclass(slots=True, eq=False)
class Wave:
    """Streams that advance together, and their calls of ``track`` under way."""

    streams: list[Stream] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)


def initialized(tracker: Tracker[Any, Any], frames: list[Frame], boxes: Boxes) -> list[Any]:
    """The states of new streams, one for each of N frames and boxes (N, 4).

    Raises:
        TrackerError: The tracker answered another number of states.
    """
    states = tracker.initialize(frames, boxes)
    if len(states) != len(frames):
        raise TrackerError(f"initialize returned {len(states)} states for {len(frames)} streams.")
    return states


def checked(predictions: Predictions, count: int) -> tuple[Boxes, Boxes]:
    """Boxes (N, 4) and confidence (N,) of a step with N = ``count`` streams, both float64.

    Raises:
        TrackerError: They have other shapes.
    """
    boxes = np.asarray(predictions.boxes, dtype=np.float64)
    confidence = np.asarray(predictions.confidence, dtype=np.float64)
    if boxes.shape != (count, 4) or confidence.shape != (count,):
        raise TrackerError(
            f"track returned boxes of shape {boxes.shape} and confidence of shape {confidence.shape}; "
            f"expected ({count}, 4) and ({count},)."
        )
    return boxes, confidence
