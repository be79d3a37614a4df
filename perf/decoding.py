"""Decoding: every decoder at hand on the same files, and what freed memory costs in the loop.

    python perf/decoding.py [--also FOLDER]     # a folder with further packages: pyturbojpeg
    python perf/decoding.py --memory            # page faults of the loop, thresholds as they come and raised

The first prints for each decoder whether its pixels equal OpenCV's, for baseline, progressive and gray files and three
subsamplings, and the median ratio of its processor time to OpenCV's in alternating rounds on one thread. The second
runs the loop with a tracker that costs nothing in a fresh process for each setting, in turn.
"""

import argparse
import collections.abc as cabc
import importlib
import io
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image
from pipeline import Cost, Stub, lasot_lengths, slot_loop, write_sequences

from evalkit.evaluation.clips import write_clip
from evalkit.images import single_opencv_thread
from evalkit.tracking.jobs import Job
from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.timing import LoopTiming

Decoder = cabc.Callable[[bytes], Any]
KINDS = {
    "4:2:0": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420],
    "4:2:2": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422],
    "4:4:4": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
}
KEPT, RAISED = "as it comes", "raised"


def opencv(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def pillow(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def pyav(data: bytes) -> Any:
    with av.open(io.BytesIO(data), mode="r", format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def decoders() -> dict[str, Decoder]:
    """Those that can be imported; PyTurboJPEG also needs the system's libturbojpeg."""
    listed: dict[str, Decoder] = {"opencv": opencv, "pillow": pillow, "pyav": pyav}
    try:
        simple = importlib.import_module("simplejpeg")
        listed["simplejpeg"] = lambda data: simple.decode_jpeg(data, "RGB")
    except ImportError as problem:
        print(f"simplejpeg: {problem}")
    try:
        turbo = importlib.import_module("turbojpeg")
        instance = turbo.TurboJPEG()
        listed["pyturbojpeg"] = lambda data: instance.decode(data, pixel_format=turbo.TJPF_RGB)
    except (ImportError, RuntimeError) as problem:
        print(f"pyturbojpeg: {str(problem).splitlines()[0]}")
    return listed


def files(folder: Path) -> dict[str, list[bytes]]:
    """The same drawn frames of 1280 x 720, encoded in several ways."""
    job = write_clip(folder / "clip", frames=4, wh=(1280, 720))
    images = [cv2.cvtColor(job.frames.read(index).rgb, cv2.COLOR_RGB2BGR) for index in range(4)]
    encoded = {
        kind: [cv2.imencode(".jpg", image, [*how, cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for image in images]
        for kind, how in KINDS.items()
    }
    gray = [cv2.imencode(".jpg", image[:, :, 0])[1].tobytes() for image in images]
    return {"as drawn": [path.read_bytes() for path in sorted((folder / "clip").iterdir())], **encoded, "gray": gray}


def difference(decode: Decoder, data: bytes) -> int:
    """Largest difference to OpenCV's pixels; 256 where the decoder gives another shape or fails."""
    expected = opencv(data).astype(int)
    try:
        pixels = decode(data)
    except Exception:  # noqa: BLE001 - a decoder that cannot read a kind of file is no candidate
        return 256
    return int(np.abs(pixels - expected).max()) if pixels.shape == expected.shape else 256


def compare(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, single_opencv_thread():
        kinds = files(Path(folder))
        known = decoders()
        times: dict[str, list[float]] = {name: [] for name in known}
        for _ in range(rounds):
            for name, decode in known.items():
                begin = time.thread_time()
                for data in kinds["as drawn"] * 3:
                    decode(data)
                times[name].append((time.thread_time() - begin) / (3 * len(kinds["as drawn"])))
        print(f"{'decoder':12s} {'ms':>6s} {'of OpenCV':>9s}  largest difference to OpenCV's pixels")
        for name, decode in known.items():
            ratio = statistics.median(own / base for own, base in zip(times[name], times["opencv"], strict=True))
            worst = {kind: max(difference(decode, data) for data in listed) for kind, listed in kinds.items()}
            text = ", ".join(f"{kind} {value}" for kind, value in worst.items())
            print(f"{name:12s} {1000 * statistics.median(times[name]):6.2f} {ratio:9.2f}  {text}")


def single_run(jobs_file: str, capacity: int) -> None:
    """Run the loop and print what it cost; the caller's environment decides the thresholds."""
    jobs: list[Job] = pickle.loads(Path(jobs_file).read_bytes())
    frames = sum(job.length for job in jobs)
    before = resource.getrusage(resource.RUSAGE_SELF)
    slot_loop(Stub(Cost(0, 0, 0)), jobs, LoopSettings(capacity), LoopTiming())
    after = resource.getrusage(resource.RUSAGE_SELF)
    costs = {
        "faults_per_frame": (after.ru_minflt - before.ru_minflt) / frames,
        "user_ms": 1000 * (after.ru_utime - before.ru_utime) / frames,
        "system_ms": 1000 * (after.ru_stime - before.ru_stime) / frames,
        "peak_mib": after.ru_maxrss // 1024,
    }
    print(json.dumps(costs))


def memory(rounds: int) -> None:
    # glibc's own defaults, named: the loop then leaves the thresholds alone, and they stay adaptive
    settings = {KEPT: {"GLIBC_TUNABLES": "glibc.malloc.check=0"}, RAISED: {}}
    with tempfile.TemporaryDirectory() as folder:
        jobs = write_sequences(Path(folder) / "clips", lasot_lengths(60, 16), (1280, 720), 8)
        listed = Path(folder) / "jobs"
        listed.write_bytes(pickle.dumps(jobs))
        for capacity in (1, 4, 16):
            measured: dict[str, list[dict[str, float]]] = {name: [] for name in settings}
            for _ in range(rounds):
                for name, extra in settings.items():
                    command = [sys.executable, __file__, "--single", str(listed), "--capacity", str(capacity)]
                    done = subprocess.run(command, env=os.environ | extra, capture_output=True, text=True, check=True)
                    measured[name].append(json.loads(done.stdout))
            show(capacity, measured)


def show(capacity: int, measured: dict[str, list[dict[str, float]]]) -> None:
    for name, runs in measured.items():
        ranges = [(key, [run[key] for run in runs]) for key in runs[0]]
        text = ", ".join(f"{key} {min(values):.1f} to {max(values):.1f}" for key, values in ranges)
        print(f"capacity {capacity:2d}, thresholds {name:11s}: {text}")
    pairs = zip(measured[RAISED], measured[KEPT], strict=True)
    ratios = [(a["user_ms"] + a["system_ms"]) / (b["user_ms"] + b["system_ms"]) for a, b in pairs]
    print(
        f"capacity {capacity:2d}: processor time, raised over as it comes: median {statistics.median(ratios):.2f}, "
        f"{min(ratios):.2f} to {max(ratios):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--also", help="a folder with further packages (pip install --target)")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--single", help=argparse.SUPPRESS)
    parser.add_argument("--capacity", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.also:
        sys.path.append(arguments.also)
    if arguments.single:
        single_run(arguments.single, arguments.capacity)
    elif arguments.memory:
        memory(arguments.rounds)
    else:
        compare(arguments.rounds)


if __name__ == "__main__":
    main()
