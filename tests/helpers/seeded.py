"""Learned trackers filled by the name-seeded rule, the synthetic clips, and a way to run them through the slot loop."""

import collections.abc as cabc
import gc
import json
import os
from dataclasses import dataclass, field
from typing import Any

import mm_video
import name_seeded
import numpy as np
import pytest
import torch

from evalkit.sequences import Frame, Trajectory
from evalkit.tracking.loop import Job, LoopSettings, run_jobs
from helpers import GOLDEN
from trackers.common.build import finish
from trackers.common.definition import definition, entry_shapes
from trackers.common.torch_tracker import Engine
from trackers.common.weights import LoadedNetwork, assign

# workers that run side by side take one core each
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, torch.get_num_threads()))

MAPS = 2e-5
PIXELS = 1e-2
SECOND = {"event": mm_video.event, "thermal": mm_video.thermal, "depth": mm_video.depth}


def golden(name):
    return json.loads((GOLDEN / name).read_text())


def seeded_state(model):
    """Name-seeded numbers for a network; integer entries as the network builds them, counters zero."""
    values = name_seeded.state_dict(model.state_dict())
    state = {}
    for name, entry in model.state_dict().items():
        if name in values:
            state[name] = torch.from_numpy(values[name])
        else:
            state[name] = torch.zeros(entry.shape, dtype=entry.dtype) if entry.device.type == "meta" else entry
    return state


@dataclass
class Seeded:
    """Networks and trackers that share one set of name-seeded numbers."""

    name: str
    state: dict[str, torch.Tensor] = field(init=False)

    def __post_init__(self):
        self.state = seeded_state(definition(self.name).skeleton())

    def network(self, name=None):
        """The network of this or of another tracker with the same entries."""
        return self.loaded(name).network

    def loaded(self, name=None):
        made = definition(name or self.name).sized(entry_shapes(self.state))
        return LoadedNetwork(made, assign(made.skeleton(), self.state), "name-seeded")

    def tracker(self, name=None, engine=None, **loop):
        return finish(self.loaded(name), engine or Engine(), **loop)


def seeded(name):
    """A fixture of a module; the memory of its networks is free afterwards."""

    @pytest.fixture(scope="module")
    def made():
        yield Seeded(name)
        gc.collect()

    return made


@dataclass(frozen=True)
class Clip:
    """Frames of the synthetic clip, with a second modality or without, from frame 0 or later."""

    length: int
    second: str | None = None
    start: int = 0

    def __len__(self):
        return self.length

    def read(self, index):
        rgb = name_seeded.video_frame(self.start + index)
        return Frame(rgb, SECOND[self.second](self.start + index) if self.second else None)


@dataclass
class Kept:
    """A sink that keeps trajectories and raises what a job failed with."""

    trajectories: dict[str, Trajectory] = field(default_factory=dict)

    def finished(self, results):
        self.trajectories |= {job.name: trajectory for job, trajectory in results}

    def failed(self, job, error):
        raise AssertionError(job.name) from error


def run_clips(
    tracker: Any,
    clips: cabc.Mapping[str, tuple[Clip, cabc.Sequence[float]]],
    capacity: int = 1,
    settings: LoopSettings | None = None,
    **told: Any,
) -> dict[str, Trajectory]:
    """Track clips, name -> (frames, start box), with the slot loop."""
    jobs = [Job(name, clip, np.array(box, dtype=np.float64), len(clip)) for name, (clip, box) in clips.items()]
    sink = Kept()
    run_jobs(tracker, jobs, sink, settings or LoopSettings(capacity=capacity), **told)
    return sink.trajectories


def run_clip(tracker: Any, clip: Clip, box: cabc.Sequence[float]) -> Trajectory:
    """Track one clip."""
    return run_clips(tracker, {"clip": (clip, box)})["clip"]


def check_capacities(tracker: Any, clips: cabc.Mapping[str, tuple[Clip, cabc.Sequence[float]]], *capacities: int):
    """Boxes must not depend on how many clips are tracked together."""
    alone = run_clips(tracker, clips, capacity=1)
    for capacity in capacities:
        together = run_clips(tracker, clips, capacity=capacity)
        for name, trajectory in alone.items():
            np.testing.assert_allclose(together[name].boxes, trajectory.boxes, atol=1e-4, rtol=0, err_msg=name)


def first_difference(actual, expected, tolerance=PIXELS):
    """Index of the first row that differs, None if all agree; later rows mean nothing once one differs."""
    wrong = ~(np.abs(np.asarray(actual) - np.asarray(expected)) <= tolerance).all(axis=1)
    return int(np.flatnonzero(wrong)[0]) if wrong.any() else None


def images(key, batch, size):
    return torch.from_numpy(name_seeded.image_batch(key, batch, size))


def entries(model):
    """Name, shape and number type of every entry, in order."""
    return [
        [name, list(entry.shape), str(entry.dtype).removeprefix("torch.")] for name, entry in model.state_dict().items()
    ]
