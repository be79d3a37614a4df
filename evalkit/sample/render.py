"""Render the sample benchmark: into a hidden folder beside its place, moved there when all of it is done."""

import collections.abc as cabc
import concurrent.futures
import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import filelock
import numpy as np

from evalkit.errors import SampleError, listed
from evalkit.images import single_opencv_thread
from evalkit.sample import RECORD, TRUTH, SampleIdentity, read_identity
from evalkit.sample.geometry import scene_truth
from evalkit.sample.image_files import palette_bmp, write_image
from evalkit.sample.scenarios import SCENARIOS, Scenario
from evalkit.sample.scene import REFERENCE_WH, Scene
from evalkit.sample.sensors import (
    NEGATIVE_BGR,
    POSITIVE_BGR,
    EventCamera,
    color_image,
    depth_image,
    thermal_image,
)
from evalkit.sample.textures import ByteImage
from evalkit.sample.writers import LAYOUTS, RenderedSequence

TINY_WH = (160, 120)
TINY_FRAMES = 12
_TINY_LEAD = 2
_SMALLEST_SIDE, _LARGEST_SIDE = 64, 4096
_WORKERS = 2
_LOCK = "lock"
_EVENT_COLORS = ((255, 255, 255), POSITIVE_BGR, NEGATIVE_BGR)

Progress = cabc.Callable[[int, int], None]

_README = """\
This is the rendered sample benchmark of evalkit: small drawn videos in the official folder layouts of eight tracking
benchmarks. Its scores say that everything works; they must never stand beside published numbers.

sample.json says how it was made. .truth holds the boxes that the real benchmarks keep on their servers.
"""


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What :func:`make_sample` did.

    Attributes:
        folder: Of the sample.
        identity: Its parameters.
        created: False if it was there already.
        sequences: Number of them.
        frames: Number of time steps rendered, all sequences together.
        size_bytes: Of all files.
        seconds: Wall time.
    """

    folder: Path
    identity: SampleIdentity
    created: bool
    sequences: int
    frames: int
    size_bytes: int
    seconds: float


def make_sample(
    folder: Path,
    seed: int = 0,
    *,
    tiny: bool = False,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> SampleResult:
    """Render the sample benchmark, or find it already there.

    The same seed and libraries give the same bytes. The folder appears when it is complete: an interrupted rendering
    leaves nothing. No existing file is ever changed or deleted.

    Args:
        folder: To be created; may exist if it is empty or holds a sample with the same parameters.
        seed: Of the random choices, 0 or more.
        tiny: 12 frames, one sequence per benchmark and split.
        size: Width and height of the frames; 320 x 240 by default, 160 x 120 for ``tiny``.
        progress: Called with (frames done, frames in all), from several threads.

    Raises:
        SampleError: A bad parameter, a folder with other content, no space.
    """
    start = time.perf_counter()
    identity = SampleIdentity(seed=seed, size_wh=size or (TINY_WH if tiny else REFERENCE_WH), tiny=tiny)
    _check(identity)
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - keeps a symbolic link's own place
    if not _is_there(folder, identity):
        _remove_leftovers(folder)
        try:
            _render_beside(folder, identity, progress)
        except OSError as problem:
            raise SampleError(
                f"cannot render the sample in {folder}: {problem.strerror or problem}. Nothing was left there. "
                "Make room (about 60 MB) or choose another folder."
            ) from problem
        created = True
    else:
        created = False
    clips = _scenarios(tiny=tiny)
    return SampleResult(
        folder=folder,
        identity=identity,
        created=created,
        sequences=len(clips),
        frames=sum(_steps(scenario, tiny=tiny) for scenario in clips),
        size_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        seconds=time.perf_counter() - start,
    )


def _check(identity: SampleIdentity) -> None:
    if identity.seed < 0:
        raise SampleError(f"the seed must be 0 or more, not {identity.seed}.")
    if not all(_SMALLEST_SIDE <= side <= _LARGEST_SIDE for side in identity.size_wh):
        raise SampleError(
            f"frames of {identity.size_wh[0]}x{identity.size_wh[1]} pixels cannot be rendered; each side must have "
            f"{_SMALLEST_SIDE} to {_LARGEST_SIDE}."
        )


def _is_there(folder: Path, wanted: SampleIdentity) -> bool:
    """True for a complete sample with the wanted parameters, False for nothing or an empty folder.

    Raises:
        SampleError: Something else is there.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise SampleError(f"{folder} is a file; pass the name of a folder.")
    record = folder / RECORD
    if not record.is_file():
        entries = sorted(entry.name for entry in folder.iterdir())
        if entries:
            raise SampleError(
                f"{folder} is not empty and holds no sample ({listed(entries)}); nothing was changed. "
                "Choose another folder."
            )
        return False
    present = read_identity(record)
    if present != wanted:
        raise SampleError(
            f"{folder} holds another sample: found {present}, expected {wanted}; nothing was changed. "
            "Choose another folder, or remove this one first."
        )
    missing = [title for title in [*LAYOUTS, TRUTH] if not (folder / title).is_dir()]
    if missing:
        raise SampleError(
            f"{folder} is a sample, but lacks {', '.join(missing)}; nothing was changed. "
            "Remove the folder and render it again."
        )
    return True


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed renderings of this folder left beside it; one that is still at work holds its lock."""
    if not folder.parent.is_dir():
        return
    for leftover in folder.parent.glob(f".{folder.name}.rendering-*"):
        if not (leftover / _LOCK).is_file():
            continue
        with contextlib.suppress(filelock.Timeout, OSError), filelock.FileLock(leftover / _LOCK, timeout=0):
            shutil.rmtree(leftover)


def _render_beside(folder: Path, identity: SampleIdentity, progress: Progress | None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.rendering-", dir=folder.parent))
    try:
        with filelock.FileLock(work / _LOCK):
            draft = work / "sample"
            draft.mkdir()
            clips = _render_all(draft, identity, progress)
            _finish(draft, identity, clips)
            _move(draft, folder, identity)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(draft: Path, folder: Path, identity: SampleIdentity) -> None:
    """Rename the finished sample to its place; another process may have been quicker."""
    try:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()  # not every system renames onto an empty folder
        draft.rename(folder)
    except OSError:
        if not _is_there(folder, identity):
            raise


def _scenarios(*, tiny: bool) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if scenario.in_tiny or not tiny]


def _lead(scenario: Scenario, *, tiny: bool) -> int:
    return min(scenario.lead, _TINY_LEAD) if tiny else scenario.lead


def _steps(scenario: Scenario, *, tiny: bool) -> int:
    return (TINY_FRAMES if tiny else scenario.frames) + 2 * _lead(scenario, tiny=tiny)


def _render_all(draft: Path, identity: SampleIdentity, progress: Progress | None) -> list[RenderedSequence]:
    """Render all sequences with two threads, the longest first; numpy and OpenCV release the interpreter."""
    scenarios = _scenarios(tiny=identity.tiny)
    total = sum(_steps(scenario, tiny=identity.tiny) for scenario in scenarios)
    monitor = _Monitor(total, progress)
    pool = concurrent.futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="render")
    with single_opencv_thread():
        try:
            longest_first = sorted(scenarios, key=lambda scenario: -_cost(scenario, tiny=identity.tiny))
            tasks = {item.name: pool.submit(_render_sequence, draft, identity, item, monitor) for item in longest_first}
            concurrent.futures.wait(tasks.values(), return_when=concurrent.futures.FIRST_EXCEPTION)
            for task in tasks.values():
                if task.done():
                    task.result()
            return [tasks[scenario.name].result() for scenario in scenarios]
        finally:
            monitor.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _cost(scenario: Scenario, *, tiny: bool) -> float:
    sensors = {"VisEvent": 8, "LasHeR": 2, "DepthTrack": 3}.get(scenario.benchmark, 0)
    return _steps(scenario, tiny=tiny) * (2 + sensors + scenario.camera.subrenders)


class _Monitor:
    """Counts frames of all threads and tells them to stop."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.stopped = threading.Event()
        self._total = total
        self._done = 0
        self._progress = progress
        self._lock = threading.Lock()

    def step(self) -> None:
        if self.stopped.is_set():
            raise SampleError("rendering was stopped")
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)


def _render_sequence(draft: Path, identity: SampleIdentity, scenario: Scenario, monitor: _Monitor) -> RenderedSequence:
    """Write one sequence's images and annotation."""
    frames = TINY_FRAMES if identity.tiny else scenario.frames
    lead = _lead(scenario, tiny=identity.tiny)
    scene = Scene.of_name(scenario.staging, frames, identity.size_wh, seed=identity.seed, name=scenario.name)
    layout = LAYOUTS[scenario.benchmark]
    root = draft / scenario.benchmark
    for path in layout.images(scenario, 0):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    second = _second_sensor(scenario, scene)
    for index, frame in enumerate(range(-lead, frames + lead)):
        paths = layout.images(scenario, index)
        write_image(root / paths[0], color_image(scene, scenario.camera, frame))
        if second is not None:
            second(root / paths[1], frame)
        monitor.step()
    clip = RenderedSequence(scenario, frames, lead, scene_truth(scene), identity.size_wh)
    layout.annotate(root, draft / TRUTH / scenario.benchmark, clip)
    return clip


def _second_sensor(scenario: Scenario, scene: Scene) -> cabc.Callable[[Path, int], None] | None:
    """What writes the second modality's image of a frame; frames must come in order."""
    if scenario.benchmark == "VisEvent":
        events = EventCamera(scene, scenario.camera)
        return lambda path, _: _write_bytes(path, palette_bmp(events.next_image(), _EVENT_COLORS))
    if scenario.benchmark == "LasHeR":
        shift = scenario.infrared_shift
        return lambda path, frame: write_image(path, _three_channels(thermal_image(scene, frame, shift=shift)))
    if scenario.benchmark == "DepthTrack":
        return lambda path, frame: write_image(path, depth_image(scene, frame))
    return None


def _three_channels(gray: ByteImage) -> ByteImage:
    return np.repeat(gray[..., None], 3, axis=2)


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _finish(draft: Path, identity: SampleIdentity, clips: list[RenderedSequence]) -> None:
    for title, layout in LAYOUTS.items():
        layout.finish(draft / title, draft / TRUTH / title, [c for c in clips if c.scenario.benchmark == title])
    record = {
        "what": "rendered sample benchmark of evalkit; not for comparison with published numbers",
        "format": identity.format,
        "seed": identity.seed,
        "size": list(identity.size_wh),
        "tiny": identity.tiny,
        "libraries": {"numpy": np.__version__, "opencv": cv2.__version__},
        "sequences": [_entry(clip) for clip in clips],
    }
    (draft / "README.txt").write_text(_README, encoding="utf-8", newline="\n")
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (draft / RECORD).write_text(text, encoding="utf-8", newline="\n")


def _entry(clip: RenderedSequence) -> dict[str, object]:
    scenario = clip.scenario
    return {
        "benchmark": scenario.benchmark,
        "split": scenario.split,
        "name": scenario.name,
        "scene": scenario.scene,
        "frames": clip.frames,
        "absent": int(clip.truth.absent.sum()),
        "challenges": list(scenario.challenges),
        "target": scenario.object_class,
        "description": scenario.description,
    }
