"""Cost of a run of many short sequences, of resuming, scoring and reporting it, against version 0.1 in the same run.

    python perf/store.py [--sequences 20000] [--rounds 1]

The videos have four frames of 32 x 24 pixels, the tracker costs next to nothing: what is left is reading the copy, the
loop, and the results store with everything that it promises. Limits are seconds on two quiet cores; the ratio is that
of processor seconds, which other programs on the machine disturb less.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from against import compare, table

FRAMES = 4
LIMITS = {"run": 60.0, "resume": 20.0, "score": 20.0, "report": 20.0}
TRACKER = """
import numpy as np

class Cheap:
    def initialize(self, image, box):
        self.box = np.array(box, float)

    def track(self, image):
        self.box[0] += image[0, 0, 0] / 1000
        return self.box.copy()
"""


def write_videos(folder: Path, count: int) -> None:
    """Folders with ``img/0001.png ...`` and ``groundtruth.txt``."""
    noise = np.random.default_rng(0)
    images = [cv2.imencode(".png", noise.integers(0, 255, (24, 32, 3), np.uint8))[1].tobytes() for _ in range(64)]
    for number in range(count):
        video = folder / f"video-{number:05d}"
        (video / "img").mkdir(parents=True)
        for frame in range(FRAMES):
            (video / "img" / f"{frame + 1:04d}.png").write_bytes(images[(number + frame) % len(images)])
        (video / "groundtruth.txt").write_text("5,6,12,10\n" * FRAMES)


def main() -> int:
    """Measure, print, and return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="store-") as made:
        folder = Path(made)
        write_videos(folder / "videos", options.sequences)
        (folder / "cheap.py").write_text(TRACKER)
        given = ["--data-root", str(folder / "videos"), "--results", "{own}/results"]
        run = ["evalkit", "run-benchmark", "custom", "--tracker", f"{folder}/cheap.py:Cheap", *given, "--quiet"]
        steps = {
            "run": run,
            "resume": run,
            "score": ["evalkit", "score", "custom", *given],
            "report": ["evalkit", "make-report", "--benchmark", "custom", *given, "--output", "{own}/report.html"],
        }
        measured = compare(steps, rounds=options.rounds)
    print(table(measured))
    missed = 0
    for name, limit in LIMITS.items():
        good = measured[name].today.wall <= limit
        missed += not good
        print(f"{name:8} {measured[name].today.wall:6.1f} s  limit {limit:4.0f} s  {'ok' if good else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
