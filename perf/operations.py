"""What one step of one stream asks of torch, counted, and its processor time; of today's code and of another commit's.

    python perf/operations.py --trackers ostrack-256 --precisions fp32,bf16
    python perf/operations.py --commit e92e0dc        # in turn under that commit's code (version 0.1)

On a card each operation that computes is a launch. Copies and casts are those that make new memory; waits are calls
at which the processor stands still until a device is done, counted from the crop to the network's answers.
"""

import argparse
import collections
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import trackers
from evalkit.sequences import Frame
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


def frames(count: int, second: str | None) -> list[Frame]:
    """Noise with a bright rectangle that moves; the second image is the first, or a plane of it as depth."""
    noise = np.random.default_rng(0)
    made = []
    for t in range(count):
        image = noise.integers(0, 120, (480, 640, 3), dtype=np.uint8)
        image[90 + t : 135 + t, 100 + 2 * t : 160 + 2 * t] += 100
        depth = image[:, :, 0].astype(np.uint16) * 40
        made.append(Frame(image, None if second is None else depth if second == "depth" else image))
    return made


def measured(name: str, options: TrackerOptions, steps: int) -> dict[str, Any]:
    """Counts of one step after one that warmed up, and the least processor time of further ones."""
    tracker = load_tracker(trackers.CATALOG, name, options)
    second = next((str(kind) for kind in tracker.info.modalities if str(kind) != "rgb"), None)
    clip = frames(3, second)
    (state,) = tracker.initialize(clip[:1], np.array([[100.0, 90.0, 60.0, 45.0]]))
    tracker.track([state], [tracker.prepare(state, clip[1])])
    kinds: collections.Counter[str] = collections.Counter(operations=0, copies=0, casts=0, waits=0)
    inputs = [tracker.prepare(state, clip[2])]
    with Waits(kinds), Operations(kinds):
        tracker.track([state], inputs)
    spent: dict[str, list[float]] = {"crop_ms": [], "step_ms": []}
    for _ in range(steps):
        marks = [time.process_time()]
        inputs = [tracker.prepare(state, clip[2])]
        marks.append(time.process_time())
        tracker.track([state], inputs)
        marks.append(time.process_time())
        for key, seconds in zip(spent, np.diff(marks), strict=True):
            spent[key].append(1000 * float(seconds))
    least = {key: round(min(values), 2) for key, values in spent.items() if values}
    return {"tracker": name, "precision": options.precision, **kinds, **least}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", default="ostrack-256,swintrack-tiny,srft-rgbt-256,vipt-rgbe")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=0, help="timed, crop and step apart")
    parser.add_argument("--commit", help="also under this commit's code, in turn for each tracker")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        codes: list[tuple[str, Path | None]] = [("", None)]
        if arguments.commit:
            from against import code_of

            codes.insert(0, (arguments.commit, stack.enter_context(code_of(arguments.commit))))
        for name in arguments.trackers.split(","):
            for precision in arguments.precisions.split(","):
                if not arguments.commit:
                    options = TrackerOptions("random", arguments.device, precision)
                    print(json.dumps(measured(name, options, arguments.steps)), flush=True)
                    continue
                for commit, code in codes:
                    own = [sys.executable, __file__, "--trackers", name, "--precisions", precision]
                    own += ["--device", arguments.device, "--steps", str(arguments.steps)]
                    path = os.environ if code is None else os.environ | {"PYTHONPATH": str(code)}
                    done = subprocess.run(own, env=path, capture_output=True, text=True, check=True)
                    print(f"{commit or 'today':8} {done.stdout}", end="", flush=True)


if __name__ == "__main__":
    main()
