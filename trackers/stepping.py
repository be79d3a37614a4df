"""Base of trackers without a network: one pure step per frame, computed in the loop's threads."""

import abc
import collections.abc as cabc
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from evalkit.boxes import Boxes
from evalkit.sequences import Frame
from evalkit.tracking.interface import Predictions, TrackerInfo

Memory = TypeVar("Memory")


class Step(NamedTuple, Generic[Memory]):
    """What one frame brings.

    Attributes:
        memory: What the tracker remembers from now on; the old one is unchanged.
        box: (4,) left, top, width, height in pixels.
        confidence: In [0, 1], NaN if the tracker has none.
    """

    memory: Memory
    box: Boxes
    confidence: float


@dataclass(slots=True)
class SteppingState(Generic[Memory]):
    """The mutable state of one stream: its memory, replaced after each frame."""

    memory: Memory


class SteppingTracker(abc.ABC, Generic[Memory]):
    """A batched tracker made of two pure functions.

    All work is done in :meth:`prepare`, which the loop calls from threads; :meth:`track` only stores the outcome.
    So streams are independent of one another, and boxes cannot depend on the capacity.
    """

    info: TrackerInfo

    @abc.abstractmethod
    def begin(self, frame: Frame, box: Boxes) -> Memory:
        """Return the memory of a stream that starts with ``box`` (4,)."""

    @abc.abstractmethod
    def step(self, memory: Memory, frame: Frame) -> Step[Memory]:
        """Find the target in the next frame; ``memory`` is not changed."""

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[SteppingState[Memory]]:
        """Start one stream per frame, N of them with boxes (N, 4)."""
        return [SteppingState(self.begin(frame, box)) for frame, box in zip(frames, boxes, strict=True)]

    def prepare(self, state: SteppingState[Memory], frame: Frame) -> Step[Memory]:
        """Compute the step without taking it."""
        return self.step(state.memory, frame)

    def track(self, states: cabc.Sequence[SteppingState[Memory]], inputs: cabc.Sequence[Step[Memory]]) -> Predictions:
        """Take the steps."""
        for state, step in zip(states, inputs, strict=True):
            state.memory = step.memory
        boxes = np.array([step.box for step in inputs], dtype=np.float64).reshape(len(inputs), 4)
        return Predictions(boxes, np.array([step.confidence for step in inputs], dtype=np.float64))
