"""Latency and throughput of a tracker on clips, with everything needed to compare them."""

import collections.abc as cabc
import contextlib
import dataclasses
import math
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import EvalkitError, TrackerError
from evalkit.evaluation.candidates import Say
from evalkit.evaluation.clips import folder_clip, write_clip
from evalkit.evaluation.executors import ExecutorOptions, loop_settings
from evalkit.hardware import describe_machine, energy_joules
from evalkit.provenance import Origin
from evalkit.store.manifest import RunIdentity
from evalkit.store.runs import ResultStore
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import DeviceTracker
from evalkit.tracking.jobs import Job
from evalkit.tracking.speed import Latency, Spread, Throughput, definitions, measure_latency, measure_throughput
from evalkit.tracking.storing import StoreSink, WorkerFacts, one_line
from evalkit.tracking.timing import LoopTiming

COUNT = 8
"""Clips that are tracked together."""
CLIP_FRAMES = 40
CLIP_LENGTH = 200
MEANINGS = {
    "read-excluded": "frames / sum of times, decoding excluded (pytracking, OSTrack programs)",
    "read-included": "(frames - 1) / sum of times, decoding included (ViPT RGB-T program)",
    "mean-of-rates": "mean of 1 / time, decoding included (got10k toolkit; GOT-10k server)",
    "batch-share": "batch size / wall time of the batch, decoding excluded (trackit, LoRAT)",
    "forward-only": "1 / time in the network (Stark, SwinTrack, OSTrack papers)",
}

Clips = contextlib.AbstractContextManager[list[Job]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured, as JSON values, and where the time of the throughput measurement went."""

    document: dict[str, Any]
    timing: LoopTiming


@contextlib.contextmanager
def drawn_clips(wh: tuple[int, int]) -> cabc.Iterator[list[Job]]:
    """Clips of drawn frames, in a folder that exists as long as the context."""
    with tempfile.TemporaryDirectory(prefix="evalkit-clips-") as folder:
        yield _copies(write_clip(Path(folder) / "clip0", frames=CLIP_FRAMES, wh=wh, length=CLIP_LENGTH))


@contextlib.contextmanager
def folder_clips(images: Path) -> cabc.Iterator[list[Job]]:
    """Clips of a folder of images.

    Raises:
        EvalkitError: It holds fewer than two images.
    """
    clip = folder_clip(images)
    if clip.length < 2:
        raise EvalkitError(f"--images: {images} holds one image; at least 2 are needed.")
    yield _copies(clip)


def _copies(clip: Job) -> list[Job]:
    return [dataclasses.replace(clip, name=f"clip{number}") for number in range(COUNT)]


def measure(asked: ExecutorOptions, device: str, clips: Clips, *, seconds: float, say: Say) -> Measurement:
    """Measure a tracker on a device.

    Args:
        asked: The tracker and the settings of its loop.
        device: "cpu", "cuda:1".
        clips: What is tracked; the first of them alone for the latency.
        seconds: For each of both measurements.
        say: Takes messages for people.

    Raises:
        EvalkitError: The tracker cannot be built or fails.
    """
    options = dataclasses.replace(asked.options, device=device)
    tracker = load_tracker(asked.catalog, asked.tracker, options, timeout=asked.timeout)
    settings = dataclasses.replace(loop_settings(asked, device, share=1), timeout=None)
    with clips as jobs, tempfile.TemporaryDirectory(prefix="evalkit-speed-") as folder:
        say(f"measuring {tracker.info.name} on {device} ...")
        latency = measure_latency(tracker, jobs[0], seconds=seconds)
        throughput = measure_throughput(
            tracker,
            _stored(jobs, Path(folder), tracker.info.name),
            StoreSink(WorkerFacts(device, 0, asked.environment().sha256), LoopTiming(), lambda _: None, _refuse),
            settings,
            seconds=seconds,
            energy=lambda: energy_joules(device),
        )
        height, width = jobs[0].frames.read(0).rgb.shape[:2]
    memory = tracker.device_memory() if isinstance(tracker, DeviceTracker) else None
    document = {
        "tracker": tracker.info.name,
        "precision": options.precision,
        "weights": options.weights,
        **describe_machine(device),
        "frame": {"width": width, "height": height},
        **_numbers(latency, throughput),
        "memory_mib": {
            "process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "device": None if memory is None else memory.peak >> 20,
        },
    }
    return Measurement(document, throughput.timing)


def _stored(jobs: list[Job], folder: Path, tracker: str) -> list[Job]:
    """The jobs with a run in which their results are stored, as in a run of a benchmark."""
    identity = RunIdentity("speed", "test", Origin("drawn"), "", tracker, {}, None, "", 0, 0, None)
    run = ResultStore(folder).open_or_create(identity, [job.name for job in jobs])
    return [dataclasses.replace(job, run=run) for job in jobs]


def _refuse(job: Job, error: Exception) -> None:
    raise TrackerError(f"the tracker failed while its speed was measured ({job.name}): {one_line(error)}")


def _numbers(latency: Latency, throughput: Throughput) -> dict[str, Any]:
    parts = {"decode": latency.decode, "crop": latency.prepare, "track": latency.track}
    return {
        "latency": {
            "frames": len(latency.step),
            "warm_up_frames": latency.warm_up,
            "decode_excluded": Spread.of(latency.step)._asdict(),
            "decode_included": Spread.of(latency.whole)._asdict(),
            "stages": {part: Spread.of(values)._asdict() for part, values in parts.items()},
            "initialize_ms": 1000 * latency.start,
        },
        "throughput": {
            "frames_per_second": throughput.rate,
            "frames": throughput.frames,
            "seconds": throughput.seconds,
            "warm_up_seconds": throughput.warm_up,
            "capacity": throughput.timing.capacity,
            "decoders": throughput.timing.decoders,
            "waves": throughput.timing.waves,
            "limit": throughput.timing.bottleneck(),
            "stages_ms": _stages(throughput.timing),
            "joules_per_frame": None if math.isnan(throughput.joules) else throughput.joules,
            "timing": throughput.timing.as_json(),
        },
        "fps_definitions": {
            key: {"frames_per_second": value, "meaning": MEANINGS[key]}
            for key, value in definitions(latency, throughput).items()
        },
    }


def _stages(timing: LoopTiming) -> dict[str, float]:
    """Milliseconds of one frame in each stage; the stages work side by side, each on its own threads."""
    seconds = {name: getattr(timing, name).wall for name in ("decode", "crop", "device", "write")}
    return {name: 1000 * spent / timing.frames for name, spent in (seconds | timing.inside).items()}
