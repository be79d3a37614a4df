"""What one step of one stream asks of torch, counted, and its processor time; of today's code and of another commit's.

    python perf/operations.py --trackers ostrack-256 --precisions fp32,bf16
    python perf/operations.py --commit e92e0dc --rounds 3 --steps 20     # in turn with version 0.1's code

On a card each operation that computes is a launch. Copies and casts are those that make new memory; waits are calls
at which the processor stands still until a device is done, counted from the crop to the network's answers.
"""

import argparse
import collections
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from frames import START, make_frames
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import trackers
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions

COPIES = {"clone", "copy_", "contiguous", "cat", "stack"}
CASTS = {"to", "_to_copy", "float", "half", "bfloat16"}
WAITS = {"cpu", "item", "tolist", "nonzero", "masked_select", "__bool__", "__int__", "__float__", "__index__"}


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations."""

    def __init__(self, kinds: collections.Counter[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kinds = kinds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.kinds["operations"] += 1
        for kind, names in (("copies", COPIES), ("casts", CASTS)):
            self.kinds[kind] += name in names and not _same_memory(answer, args)
        return answer


class Waits(TorchFunctionMode):
    """Counts calls that wait for a device; on a processor these never reach the operations."""

    def __init__(self, kinds: collections.Counter[str]) -> None:
        super().__init__()
        self.kinds = kinds

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.kinds["waits"] += getattr(func, "__name__", "") in WAITS
        return func(*args, **(kwargs or {}))


def _same_memory(answer: Any, args: Any) -> bool:
    given = args[0] if args and isinstance(args[0], torch.Tensor) else None
    return isinstance(answer, torch.Tensor) and given is not None and answer.data_ptr() == given.data_ptr()


def measured(name: str, options: TrackerOptions, steps: int) -> dict[str, Any]:
    """Counts of one step after one that warmed up, and the least processor time of further ones."""
    tracker = load_tracker(trackers.CATALOG, name, options)
    second = next((str(kind) for kind in tracker.info.modalities if str(kind) != "rgb"), None)
    clip = make_frames(3, second=second)
    (state,) = tracker.initialize(clip[:1], START[None])
    tracker.track([state], [tracker.prepare(state, clip[1])])
    kinds: collections.Counter[str] = collections.Counter(operations=0, copies=0, casts=0, waits=0)
    inputs = [tracker.prepare(state, clip[2])]
    with Waits(kinds), Operations(kinds):
        tracker.track([state], inputs)
    least = {"crop_ms": math.inf, "step_ms": math.inf} if steps else {}
    for _ in range(steps):
        begin = time.process_time()
        inputs = [tracker.prepare(state, clip[2])]
        cut = time.process_time()
        tracker.track([state], inputs)
        for key, seconds in (("crop_ms", cut - begin), ("step_ms", time.process_time() - cut)):
            least[key] = min(least[key], round(1000 * seconds, 3))
    return {"tracker": name, "precision": options.precision, **kinds, **least}


def in_turn(own: list[str], codes: dict[str, Path], rounds: int) -> dict[str, dict[str, Any]]:
    """What this program measures under several codes, each time in a process of its own; of times the median."""
    every: dict[str, list[dict[str, Any]]] = {commit: [] for commit in codes}
    for number in range(rounds):
        for commit in codes if number % 2 == 0 else reversed(codes):
            environment = os.environ | {"PYTHONPATH": str(codes[commit])}
            done = subprocess.run(own, env=environment, capture_output=True, text=True, check=True)
            every[commit].append(json.loads(done.stdout))
    times = {key for key in every["today"][0] if key.endswith("_ms")}
    return {
        commit: rows[0] | {key: statistics.median(row[key] for row in rows) for key in times}
        for commit, rows in every.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", default="ostrack-256,swintrack-tiny,srft-rgbt-256,vipt-rgbe")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=0, help="timed on one thread, crop and step apart")
    parser.add_argument("--rounds", type=int, default=1, help="of processes in turn, with --commit")
    parser.add_argument("--commit", help="also under this commit's code, in turn for each tracker")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = itertools.product(arguments.trackers.split(","), arguments.precisions.split(","))
    if not arguments.commit:
        for name, precision in cases:
            options = TrackerOptions("random", arguments.device, precision)
            print(json.dumps(measured(name, options, arguments.steps)), flush=True)
        return
    from against import ROOT, code_of

    with code_of(arguments.commit) as then:
        for name, precision in cases:
            own = [sys.executable, __file__, "--trackers", name, "--precisions", precision]
            own += ["--device", arguments.device, "--steps", str(arguments.steps)]
            rows = in_turn(own, {arguments.commit: then, "today": ROOT}, arguments.rounds)
            for commit, row in rows.items():
                print(f"{commit:8} {json.dumps(row)}", flush=True)
            first, last = rows.values()
            if arguments.steps:
                before, today = (row["crop_ms"] + row["step_ms"] for row in (first, last))
                print(f"today by then: {today / before:.2f}", flush=True)


if __name__ == "__main__":
    main()
