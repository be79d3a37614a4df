"""A tracker that walks over frames of numbers, and the slot loop around it: every box can be told from another."""

from dataclasses import dataclass, field

import numpy as np

from evalkit.errors import ImageReadError
from evalkit.sequences import Frame, Trajectory
from evalkit.tracking.interface import Predictions, TrackerInfo
from evalkit.tracking.loop import Job, LoopSettings, run_jobs

LENGTHS = [5, 1, 12, 2, 7, 7, 3]


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@dataclass
class Numbers:
    """Frames whose pixels hold sequence and frame number."""

    sequence: int
    length: int
    bad: int | None = None

    def __len__(self) -> int:
        return self.length

    def read(self, index: int) -> Frame:
        if index == self.bad:
            raise ImageReadError(f"frame {index} is truncated")
        return Frame(np.array([[[self.sequence, index, 0]]], dtype=np.uint8))


@dataclass
class Walk:
    """A batched tracker whose box depends on its own past and its own frames only."""

    info: TrackerInfo = field(default_factory=lambda: TrackerInfo("walk"))
    fail_at: tuple[int, int] | None = None
    nan_at: tuple[int, int] | None = None
    batches: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def initialize(self, frames, boxes):
        self.starts += [int(frame.rgb[0, 0, 0]) for frame in frames]
        return [{"box": box.copy()} for box in boxes]

    def prepare(self, state, frame):
        return frame.rgb[0, 0].astype(int)

    def track(self, states, inputs):
        if self.fail_at in [tuple(pixel[:2]) for pixel in inputs]:
            raise RuntimeError("cuda is unhappy")
        self.batches.append(len(states))
        for state, pixel in zip(states, inputs, strict=True):
            state["box"] = state["box"] * 0.9 + pixel.sum()
        boxes = np.array([state["box"] for state in states])
        for row, pixel in enumerate(inputs):
            if self.nan_at == tuple(pixel[:2]):
                boxes[row] = np.nan
        return Predictions(boxes, np.full(len(states), 0.5))


@dataclass
class Memory:
    results: dict[str, Trajectory] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def finished(self, results):
        self.results |= {job.name: trajectory for job, trajectory in results}
        self.order += [job.name for job, _ in results]

    def failed(self, job, error):
        self.errors[job.name] = error


def jobs(lengths, bad=()):
    bad = dict(bad)
    return [
        Job(f"s{n}", Numbers(n, length, bad.get(n)), np.array([n, 1.0, 2.0, 3.0]), length)
        for n, length in enumerate(lengths)
    ]


def run(tracker, work, notes=None, **settings):
    memory = Memory()
    timing = run_jobs(
        tracker, work, memory, LoopSettings(**settings), on_note=(notes if notes is not None else []).append
    )
    return memory, timing


def same_boxes(actual, expected):
    assert actual.results.keys() == expected.results.keys()
    for name, trajectory in expected.results.items():
        np.testing.assert_array_equal(actual.results[name].boxes, trajectory.boxes)
        np.testing.assert_array_equal(actual.results[name].confidence, trajectory.confidence)
