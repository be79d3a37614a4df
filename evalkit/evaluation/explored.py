"""What the report's explorer shows: boxes and links to frames of every sequence, pictures of the hardest ones."""

import collections.abc as cabc
import functools
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.benchmarks import get_benchmark
from evalkit.errors import EvalkitError
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.request import Request
from evalkit.evaluation.roots import find_root
from evalkit.evaluation.truth import Truth
from evalkit.report.headline import leading
from evalkit.report.html.clip import Clip, make_clip, strides
from evalkit.report.html.part import Part
from evalkit.report.pictures.hardest import (
    Hard,
    Still,
    further_frames,
    hardest,
    overlaps_of,
    strip,
    take_stills,
    telling_frames,
)
from evalkit.sequences import Annotation, FrameSource, Trajectory

DRAWN = 6  # trackers whose boxes are drawn on one small picture; more cannot be told apart
OTHERS = 12  # further pictures of a sequence for the explorer
Runs = cabc.Mapping[str, cabc.Mapping[str, Trajectory]]
"""Tracker -> sequence -> boxes."""


@dataclass(frozen=True, slots=True)
class Clips:
    """What is wanted of a part.

    Attributes:
        worst: Number of hardest sequences, which have pictures.
        near: Folder of the report, to which links to frames are relative.
        boxes: That it may hold.
    """

    worst: int
    near: Path
    boxes: int


def clips_of(request: Request, truth: Truth, part: Part, runs: Runs, *, wanted: Clips, say: Say) -> Part:
    """The part with the hardest sequences and with what the explorer shows of all."""
    annotations = {annotation.name: annotation for annotation in truth.annotations}
    order = hardest(part.scores, leading(part.scores, truth.spec), len(annotations))
    names = dict.fromkeys([*(name for name, _ in order), *part.sequence_names])
    lengths = {name: annotations[name].frame_count for name in names}
    steps = strides(lengths, len(part.names) + 1, wanted.boxes, wanted.worst)
    images = _images(request, truth)
    origin, mark = truth.spec.coordinate_origin, "sample" if truth.is_sample else ""
    problem = "" if images else "No pictures: the ground truth is a copy without images."
    hard = []
    for name, mean in order[: wanted.worst]:
        own = {tracker: by_name[name] for tracker, by_name in runs.items() if name in by_name}
        entry = _hard(annotations[name], own, mean)
        if images and not problem:
            try:
                entry = _with_stills(entry, annotations[name], own, images(name), steps[name], mark=mark, origin=origin)
            except EvalkitError as trouble:
                say(f"{truth.spec.name}: no pictures of the hardest sequences: {trouble}")
                problem = "No pictures: the images cannot be read here."
        hard.append(entry)
    clips = {}
    for name in part.sequence_names:
        own_lines = [runs[tracker].get(name) for tracker in part.names]
        clips[name] = _clip(
            annotations[name],
            own_lines,
            steps[name],
            images=None if problem else images,
            near=wanted.near,
            origin=origin,
        )
    return replace(part, hard=tuple(hard), no_pictures=problem, clips=clips)


def _images(request: Request, truth: Truth) -> cabc.Callable[[str], FrameSource] | None:
    """Sequence -> its frames; None where the request has no images."""
    if not request.has_images:
        return None
    spec = get_benchmark(request.benchmark, layout=request.layout)
    root = functools.cache(lambda: find_root(spec, request.data_root))  # lists a folder, which may hold thousands
    return lambda name: spec.read_sequence(root(), truth.split, name).frames


def _hard(annotation: Annotation, own: cabc.Mapping[str, Trajectory], mean: float) -> Hard:
    strips = {tracker: strip(overlaps_of(annotation, trajectory)) for tracker, trajectory in own.items()}
    return Hard(annotation.name, annotation.frame_count, mean, strips)


def _with_stills(
    hard: Hard,
    annotation: Annotation,
    own: cabc.Mapping[str, Trajectory],
    frames: FrameSource,
    stride: int,
    *,
    mark: str,
    origin: int,
) -> Hard:
    drawn = dict(list(own.items())[:DRAWN])
    wanted = telling_frames([overlaps_of(annotation, trajectory) for trajectory in drawn.values()])
    stride = max(1, stride)
    telling = sorted({frame - frame % stride for frame in wanted})  # where the explorer has boxes
    others = further_frames(annotation.frame_count, stride, telling, OTHERS)

    def take(indices: list[int], trajectories: cabc.Mapping[str, Trajectory]) -> tuple[Still, ...]:
        return tuple(take_stills(annotation, frames, trajectories, indices, mark=mark, origin=origin))

    return replace(hard, drawn=tuple(drawn), telling=take(telling, drawn), others=take(others, {}))


def _clip(
    annotation: Annotation,
    lines: cabc.Sequence[Trajectory | None],
    stride: int,
    *,
    images: cabc.Callable[[str], FrameSource] | None,
    near: Path,
    origin: int,
) -> Clip:
    try:
        frames = images(annotation.name) if images else None
        return make_clip(annotation, lines, stride, frames=frames, near=near, origin=origin)
    except EvalkitError:  # its images cannot be listed
        return make_clip(annotation, lines, stride, frames=None, near=near, origin=origin)
