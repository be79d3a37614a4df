"""One target followed through one video, folder of images or camera: boxes, an overlay video, a page."""

import collections
import collections.abc as cabc
import contextlib
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

import cv2
import numpy as np

from evalkit.atomic import write_whole
from evalkit.benchmarks.custom import IMAGE_FOLDERS
from evalkit.benchmarks.frames import open_folder
from evalkit.benchmarks.videos import VIDEO_SUFFIXES, VideoFrames
from evalkit.boxes import Boxes
from evalkit.errors import EvalkitError, ImageReadError, OptionError, TrackerError, text_of
from evalkit.images import list_images
from evalkit.report.html.followed import Followed, followed_page
from evalkit.report.palette import styles_of
from evalkit.report.pictures.animation import write_video
from evalkit.report.pictures.filmstrip import Filmstrip
from evalkit.report.pictures.overlay import Picture, draw_boxes, stamp
from evalkit.sequences import Frame, Modality
from evalkit.tracking.catalog import check_modalities
from evalkit.tracking.interface import Tracker
from evalkit.tracking.interrupts import Interrupts, held_back

AHEAD = 4
WIDEST = 1920
"""Overlay pictures are reduced to this width: a page and a talk need no more of a 4K video."""
LINE = 28
"""Height of the line of text above a picture."""
COLUMNS = "frame,left,top,width,height,confidence,seconds"


class FrameStream(Protocol):
    """Where frames come from.

    Attributes:
        name: For files and headings.
        count: Frames, None where nobody knows.
        rate: Frames per second.
    """

    name: str
    count: int | None
    rate: float

    def frames(self) -> cabc.Generator[Frame, None, None]:
        """The frames in order, from the beginning of tracking.

        Raises:
            ImageReadError: One cannot be read.
        """
        ...


class StoredSource:
    """A video file or a folder of images, decoded a few frames ahead.

    Args:
        path: Of it; the images may lie in a sub-folder of a usual name, as a sequence's do.
        start: First frame.
        limit: Most frames, None = all.
    """

    def __init__(self, path: Path, start: int = 0, limit: int | None = None) -> None:
        video = path.is_file()
        self._frames = VideoFrames(path) if video else open_folder(_images_in(path), title="track", name=path.name)
        self.name = path.stem if video else path.resolve().name
        self.rate = self._frames.index.rate if isinstance(self._frames, VideoFrames) else 25.0
        left = len(self._frames) - start
        if left < 1:
            raise OptionError(
                "--start", f"{path} has {len(self._frames)} frames, counted from 0; {start} is past the end."
            )
        self._start = start
        self.count: int | None = left if limit is None else min(left, limit)

    def frames(self) -> cabc.Generator[Frame, None, None]:
        """See :class:`FrameStream`."""
        assert self.count is not None
        numbers = iter(range(self._start, self._start + self.count))
        waiting: collections.deque[Future[Frame]] = collections.deque()
        with ThreadPoolExecutor(1) as pool:
            try:
                for number in numbers:
                    waiting.append(pool.submit(self._frames.read, number))
                    if len(waiting) > AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _images_in(folder: Path) -> Path:
    places = (folder, *(folder / name for name in IMAGE_FOLDERS))
    return next((place for place in places if place.is_dir() and list_images(place)), folder)


class Camera:
    """A camera of this machine.

    Args:
        number: As OpenCV counts them.
        limit: Most frames, None = until stopped.
    """

    def __init__(self, number: int, limit: int | None = None) -> None:
        self.name = f"camera{number}"
        self.count = limit
        self._capture: Any = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise ImageReadError(
                f"camera {number} cannot be opened. Is it connected, used by another program, or forbidden for this "
                "user? On Linux, cameras are the files /dev/video*."
            )
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if 1 <= rate <= 240 else 25.0

    def frames(self) -> cabc.Generator[Frame, None, None]:
        """See :class:`FrameStream`."""
        number = 0
        try:
            while self.count is None or number < self.count:
                there, picture = self._capture.read()
                if not there:
                    raise ImageReadError(f"{self.name} gave no frame {number}; it may have been unplugged.")
                yield Frame(rgb=np.ascontiguousarray(picture[:, :, ::-1]))
                number += 1
        finally:
            self._capture.release()


def open_source(text: str, *, start: int = 0, limit: int | None = None) -> FrameStream:
    """Open what the user named: a video file, a folder of images, or the number of a camera.

    Raises:
        EvalkitError: There is nothing of that name, or it cannot be read.
    """
    path = Path(text).expanduser()
    if path.is_file() and path.suffix.lower() not in VIDEO_SUFFIXES:
        raise ImageReadError(f"{path}: neither a video ({', '.join(sorted(VIDEO_SUFFIXES))}) nor a folder of images.")
    if path.exists():
        return StoredSource(path, start, limit)
    if not text.isdecimal():
        raise ImageReadError(f"{path}: there is no such file or folder; a camera is given by its number, as 0.")
    if start:
        raise OptionError("--start", "a camera has no frames before the first.")
    return Camera(int(text), limit)


def parse_box(text: str) -> Boxes:
    """The box of ``--init-box``.

    Raises:
        OptionError: Not four finite numbers with a positive width and height.

    Example:
        >>> parse_box("10,20,30.5,40")
        array([10. , 20. , 30.5, 40. ])
    """
    try:
        box = np.array([float(part) for part in text.split(",")])
    except ValueError:
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= 0).any():
        raise OptionError("--init-box", f"{text!r} is not x,y,w,h in pixels with a positive width and height.")
    return box


def drawn_box(picture: Picture) -> Boxes:
    """Let the user draw the box with the mouse.

    Raises:
        OptionError: There is no display, or nothing was drawn.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise OptionError("--init-box", "is needed: there is no display to draw the box on. Give x,y,w,h in pixels.")
    title = "draw the target, then press Enter"
    try:
        box = np.array(cv2.selectROI(title, picture[:, :, ::-1], showCrosshair=False), dtype=np.float64)
        cv2.destroyWindow(title)
    except cv2.error as problem:
        raise OptionError(
            "--init-box", f"is needed: this OpenCV opens no window ({text_of(problem)[:80]})."
        ) from problem
    if (box[2:] <= 0).any():
        raise OptionError("--init-box", "is needed: no box was drawn.")
    return box


def follow(
    tracker: Tracker[Any, Any],
    source: FrameStream,
    box: Boxes | None,
    output: Path,
    *,
    video: bool = True,
    on_frames: cabc.Callable[[int], None] = lambda _: None,
) -> Followed:
    """Follow a target and write ``boxes.csv``, ``overlay.mp4`` and ``page.html``.

    Memory does not grow with the video but for a few numbers per frame. Ctrl-C, an image that cannot be read, and a
    tracker that fails end it; what is there is kept.

    Args:
        tracker: Any tracker that runs on RGB.
        source: The frames.
        box: (4,) the target in the first frame; None = it is drawn with the mouse.
        output: Folder; made if it does not exist.
        video: Write the overlay.
        on_frames: Progress.

    Returns:
        What was found, and where it was written.

    Raises:
        EvalkitError: Nothing could be tracked: no first frame, a box outside of it, a tracker that does not start.
    """
    check_modalities(tracker.info, {Modality.RGB}, source.name)
    with held_back() as interrupts, contextlib.closing(source.frames()) as frames:
        run = _Run(tracker, frames, Filmstrip(source.rate), interrupts, on_frames)
        first = next(frames)
        box = drawn_box(first.rgb) if box is None else box
        _check_inside(box, first)
        with (_made(output) / "boxes.csv").open("w", encoding="utf-8") as table:
            drawn = _written(run, run.steps(first, box), table)
            if video:
                write_video((draw() for draw in drawn), output / "overlay.mp4", source.rate)
            else:
                collections.deque(drawn, maxlen=0)
    result = Followed(
        source=source.name,
        tracker=tracker.info.name,
        boxes=np.array(run.boxes),
        confidence=np.array(run.confidence),
        seconds=run.seconds,
        rate=source.rate,
        stopped=run.stopped,
        problem=None if run.problem is None else str(run.problem),
        weights_sha256=tracker.info.weights_sha256,
        config=dict(tracker.info.config),
        video=output / "overlay.mp4" if video else None,
    )
    write_whole(output / "page.html", followed_page(result, run.strip).encode())
    return result


_Draw = cabc.Callable[[], Picture]


@dataclass(slots=True)
class _Run:
    """Tracking frame by frame, and what was found so far."""

    tracker: Tracker[Any, Any]
    frames: cabc.Iterator[Frame]
    strip: Filmstrip
    interrupts: Interrupts
    on_frames: cabc.Callable[[int], None]
    confidence: list[float] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    problem: EvalkitError | None = None

    def steps(self, frame: Frame, box: Boxes) -> cabc.Iterator[_Draw]:
        """For each frame a function that draws it, until the frames end, the user stops, or something fails."""
        begin = time.perf_counter()
        (state,) = self.tracker.initialize([frame], box[None])
        self.seconds += time.perf_counter() - begin
        confidence = float("nan")
        while True:
            self.boxes.append(box)
            self.confidence.append(confidence)
            number = len(self.boxes) - 1
            draw = _drawer(self.tracker.info.name, frame, box, confidence, number)
            self.strip.add(number, confidence, draw)
            self.on_frames(1)
            yield draw
            self.stopped = self.interrupts.count > 0
            try:
                following = None if self.stopped else next(self.frames, None)
                if following is None:
                    return
                frame = following
                box, confidence = self._step(state, frame)
            except EvalkitError as problem:
                self.problem = problem
                return
            except Exception as problem:  # noqa: BLE001 - an own batched tracker's
                self.problem = TrackerError(f"{self.tracker.info.name}: {type(problem).__name__}: {text_of(problem)}")
                return

    def _step(self, state: Any, frame: Frame) -> tuple[Boxes, float]:
        begin = time.perf_counter()
        answer = self.tracker.track([state], [self.tracker.prepare(state, frame)])
        self.seconds += time.perf_counter() - begin
        for problem in answer.errors.values():
            raise problem
        box = np.array(answer.boxes[0], dtype=np.float64)
        if not np.isfinite(box).all():
            raise TrackerError(f"{self.tracker.info.name}: the box of frame {len(self.boxes)} is {box.tolist()}.")
        return box, float(answer.confidence[0])


def _written(run: _Run, steps: cabc.Iterator[_Draw], table: TextIO) -> cabc.Iterator[_Draw]:
    """Write a row for each frame as soon as it is there."""
    table.write(COLUMNS + "\n")
    spent = 0.0
    for number, draw in enumerate(steps):
        confidence = run.confidence[-1]
        cells = [number, *(repr(float(value)) for value in run.boxes[-1])]
        cells += ["" if np.isnan(confidence) else repr(confidence), f"{run.seconds - spent:.6f}"]
        table.write(",".join(map(str, cells)) + "\n")
        table.flush()
        spent = run.seconds
        yield draw


def _drawer(name: str, frame: Frame, box: Boxes, confidence: float, number: int) -> _Draw:
    style = styles_of([name])[name]
    height, width = frame.rgb.shape[:2]
    scale = min(1.0, WIDEST / width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    words = f"{name}   frame {number}" + ("" if np.isnan(confidence) else f"   confidence {confidence:.2f}")

    def draw() -> Picture:
        # above the picture, since the target may be anywhere in it
        line = stamp(np.full((LINE, size[0], 3), 24, np.uint8), words)
        return np.vstack([line, draw_boxes(frame.rgb, [(style, box)], None, size)])

    return draw


def _check_inside(box: Boxes, frame: Frame) -> None:
    height, width = frame.rgb.shape[:2]
    left, top, box_width, box_height = box
    if left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0:
        raise OptionError(
            "--init-box", f"{','.join(f'{v:g}' for v in box)} lies outside of the image, {width} x {height}."
        )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OptionError("--output", f"{folder}: {problem.strerror}.") from problem
    return folder
