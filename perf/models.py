"""Learned trackers: our tracker at capacity 1 against the plain per-frame loop, and frames/s over capacities.

Both sides run in one process, in turn, on the same frames with the same random weights, at the same precision. The
plain loop is what a paper's program does, one frame of one video at a time: crop, normalize on the processor, forward,
decode. Peak memory is that of the process so far: name one tracker at a time to compare.

    python perf/models.py [--tracker ostrack-256 ...] [--frames 20] [--threads 2] [--device cpu|cuda]
                                [--precision fp32] [--capacities 1,8,32]
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from frames import SIZE_WH, START, make_frames

from evalkit.sequences import Frame
from evalkit.tracking.interface import Tracker, TrackerOptions
from trackers.common.build import build
from trackers.common.center_tracker import CenterLoop
from trackers.common.crops import clip_boxes, crop_square, square_around, window_around
from trackers.common.definition import definition
from trackers.common.multimodal import network_images
from trackers.common.postprocess import inner_hann, square_to_image, symmetric_hann
from trackers.common.taps import draw_window
from trackers.common.torch_tracker import IMAGENET_MEAN, IMAGENET_STD, Engine
from trackers.common.weights import assign, random_state
from trackers.layers.heads import decode_center
from trackers.swintrack import SwinTrackLoop


def plain_loop(name: str, frames: Sequence[Frame], options: TrackerOptions) -> Callable[[], np.ndarray]:
    """The straightforward program over the plain network; returns boxes of frames 1, 2, ..."""
    made = definition(name)
    skeleton = made.skeleton()
    network: Any = assign(skeleton, random_state(skeleton, options.seed))
    network = network.to(options.device)
    engine, loop = Engine.of(options), made.loop
    repeat = 1 if made.second is None else 2
    mean, std = (np.array(v * repeat, dtype=np.float32) for v in (IMAGENET_MEAN, IMAGENET_STD))

    def tensor(pixels: np.ndarray) -> torch.Tensor:
        scaled = pixels.astype(np.float32) / 255 if pixels.dtype == np.uint8 else pixels
        return torch.from_numpy(((scaled - mean) / std).transpose(2, 0, 1)[None]).contiguous().to(options.device)

    def center(loop: CenterLoop) -> np.ndarray:
        def crop(frame: Frame, box: np.ndarray, factor: float, size: int) -> tuple[torch.Tensor, float]:
            images = network_images(frame, loop.second, loop.depth_channel_order)
            cut = crop_square(np.concatenate(images, axis=2), square_around(box, factor), size)
            return tensor(cut.pixels), cut.resize_factor

        box, boxes = START.copy(), []
        template, _ = crop(frames[0], box, loop.template_factor, loop.template_size)
        window = torch.from_numpy(inner_hann(loop.search_size // 16)).to(options.device)
        for frame in frames[1:]:
            search, factor = crop(frame, box, loop.search_factor, loop.search_size)
            maps = network(template, search)
            unit, _ = decode_center(maps.score * window, maps.size, maps.offset)
            middle = (box[:2] + box[2:] / 2)[None]
            measured = square_to_image(unit.cpu().numpy(), middle, [factor], loop.search_size)
            box = clip_boxes(measured, np.array([SIZE_WH], dtype=float))[0]
            boxes.append(box)
        return np.array(boxes)

    def swin(loop: SwinTrackLoop) -> np.ndarray:
        corners, boxes = np.concatenate([START[:2], START[:2] + START[2:]]), []
        fill = (frames[0].rgb.mean(axis=(0, 1)) / 255).astype(np.float32)
        first = window_around(corners, loop.template_area, loop.template_size)
        template = network.embed(tensor(draw_window(frames[0].rgb, first, fill)))
        hann = torch.from_numpy(symmetric_hann(loop.search_size // 16).ravel()).to(options.device)
        for frame in frames[1:]:
            where = window_around(corners, loop.search_area, loop.search_size, loop.smallest)
            score, unit = network(template, tensor(draw_window(frame.rgb, where, fill)))
            best = int((score.flatten() * 0.51 + hann * 0.49).argmax())
            cx, cy, w, h = (unit.view(-1, 4)[best].cpu().numpy() * loop.search_size).astype(float)
            corners = where.to_image(np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]))
            boxes.append(np.concatenate([corners[:2], corners[2:] - corners[:2]]))
            corners = np.clip(corners, 0.5, np.array([*SIZE_WH, *SIZE_WH]) - 0.5)
        return np.array(boxes)

    def go() -> np.ndarray:
        with engine.running():
            return center(loop) if isinstance(loop, CenterLoop) else swin(loop)

    return go


def batched(tracker: Tracker[Any, Any], frames: Sequence[Frame], capacity: int) -> np.ndarray:
    """``capacity`` streams over the same frames; boxes of the first."""
    states = tracker.initialize([frames[0]] * capacity, np.tile(START, (capacity, 1)))
    boxes = []
    for frame in frames[1:]:
        inputs = [tracker.prepare(state, frame) for state in states]
        boxes.append(tracker.track(states, inputs).boxes[0].copy())
    return np.array(boxes)


def seconds(call: Callable[[], object], device: str) -> tuple[float, float]:
    """Wall and processor time with the device idle before and after; the latter bears a busy machine better."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    wall, processor = time.perf_counter(), time.process_time()
    call()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(name: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Medians of interleaved repetitions."""
    options = TrackerOptions("random", arguments.device, arguments.precision, compiled=arguments.compile)
    made = definition(name)
    frames = make_frames(arguments.frames + 1, second=None if made.second is None else str(made.second))
    plain, ours = plain_loop(name, frames, options), build(made, options)
    difference = float(np.abs(plain()[:3] - batched(ours, frames[:4], 1)).max())
    runs: dict[str, Callable[[], object]] = {"plain": plain, "ours": partial(batched, ours, frames, 1)}
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in runs}
    for _ in range(arguments.repeat):
        for side, call in runs.items():
            times[side].append(seconds(call, arguments.device))
    wall, processor = (
        {side: statistics.median(taken[which] for taken in times[side]) / arguments.frames for side in runs}
        for which in (0, 1)
    )
    speeds = {}
    for capacity in arguments.capacities:
        batched(ours, frames[:3], capacity)
        took, _ = seconds(partial(batched, ours, frames, capacity), arguments.device)
        speeds[capacity] = round(capacity * arguments.frames / took, 2)
    return {
        "tracker": name,
        "plain_ms": round(1000 * wall["plain"], 1),
        "ours_ms": round(1000 * wall["ours"], 1),
        "ours_over_plain": round(wall["ours"] / wall["plain"], 3),
        "ours_over_plain_processor": round(processor["ours"] / processor["plain"], 3),
        "largest_difference_px": difference,
        "frames_per_second": speeds,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracker", nargs="+", default=["ostrack-256", "swintrack-tiny", "srft-rgbt-256", "vipt-rgbd"])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--capacities", type=lambda text: [int(n) for n in text.split(",")])
    arguments = parser.parse_args()
    if arguments.capacities is None:
        arguments.capacities = [1, 8, 32, 64, 128] if arguments.device.startswith("cuda") else [1, 4]
    torch.set_num_threads(arguments.threads)
    card = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else f"{arguments.threads} threads"
    rows = [measure(name, arguments) for name in arguments.tracker]
    print(
        json.dumps(
            {"device": card, "precision": arguments.precision, "torch": torch.__version__, "rows": rows}, indent=1
        )
    )


if __name__ == "__main__":
    main()
