"""A conformance suite for trackers: does one keep the promises of the interface? For their authors, and for us."""

import collections.abc as cabc
import enum
import functools
import json
import time
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import text_of
from evalkit.sequences import Frame, Modality
from evalkit.tracking.interface import Predictions, Tracker, TrackerInfo

Size = tuple[int, int]


class Status(enum.StrEnum):
    """Outcome of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, kept or not; ``detail`` says what was found, or why the check was left out."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class TrackerReport:
    """What :func:`check_tracker` found.

    Attributes:
        tracker: Name of the tracker.
        checks: All checks in order.
        frames_per_second: Of one stream alone, small synthetic images, without decoding.
        frames_per_second_batched: Of all streams together, frames of all streams counted.
    """

    tracker: str
    checks: tuple[Check, ...]
    frames_per_second: float
    frames_per_second_batched: float

    @property
    def passed(self) -> bool:
        """No check failed."""
        return all(check.status is not Status.FAILED for check in self.checks)

    def as_json(self) -> dict[str, object]:
        """Values for a JSON document."""
        return {**asdict(self), "passed": self.passed}


class Video(NamedTuple):
    """A synthetic sequence: read-only frames and the boxes of its target, (F, 4)."""

    frames: list[Frame]
    boxes: Boxes


class Answers(NamedTuple):
    """A tracker's answers after the first frame: boxes (F - 1, 4), confidence (F - 1,)."""

    boxes: Boxes
    confidence: FloatArray


class _BrokenPromiseError(Exception):
    pass


class _NotApplicableError(Exception):
    pass


def check_tracker(
    tracker: Tracker[Any, Any],
    *,
    tolerance: float = 0.01,
    frame_count: int = 10,
    frame_wh: Size = (160, 120),
) -> TrackerReport:
    """Run a tracker through the conformance suite.

    Args:
        tracker: Any tracker; a simple one through ``per_stream``.
        tolerance: Pixels (and units of confidence) by which a stream's answers may depend on the capacity. Processors
            give 0; devices may choose other kernels for other batch sizes.
        frame_count: Length of the synthetic videos, at least 6.
        frame_wh: Size of the synthetic videos.

    Returns:
        Every check by name. A check that raises counts as failed; nothing is raised.
    """
    suite = _Suite(tracker, tolerance, frame_count, frame_wh)
    checks = tuple(_run_check(name, check) for name, check in suite.checks().items())
    return TrackerReport(tracker.info.name, checks, suite.speed(1), suite.speed(len(suite.videos)))


def draw_video(
    seed: int = 0,
    *,
    frame_count: int = 10,
    frame_wh: Size = (160, 120),
    second: Modality | None = None,
    speed: tuple[float, float] = (2.0, 1.0),
) -> Video:
    """Draw a textured target of a quarter of the frame's sides that moves over a textured background.

    Args:
        seed: Of both textures.
        frame_count: Number of frames.
        frame_wh: Width and height of the frames in pixels, at least 8.
        second: Sensor of the second image; None = none.
        speed: Pixels per frame, x and y.

    Returns:
        Frames whose arrays are read-only, and the target's boxes; they leave the frame when the target does.

    Example:
        >>> video = draw_video(frame_count=2, frame_wh=(40, 32), second=Modality.DEPTH)
        >>> video.frames[0].rgb.shape, video.frames[0].aux.dtype.name, video.boxes[1].tolist()
        ((32, 40, 3), 'uint16', [17.0, 13.0, 10.0, 8.0])
    """
    generator = np.random.default_rng(seed)
    width, height = frame_wh
    size = np.array([max(width // 4, 2), max(height // 4, 2)])
    background = _texture(generator, frame_wh, 60, 120)
    target = _texture(generator, (int(size[0]), int(size[1])), 90, 250)
    start = np.array([(width - size[0]) // 2, (height - size[1]) // 2])
    frames, boxes = [], np.zeros((frame_count, 4))
    for index in range(frame_count):
        place = start + np.round(index * np.array(speed)).astype(int)
        boxes[index] = *place, *size
        frames.append(_draw(background, target, place, second))
    return Video(frames, boxes)


def _texture(generator: np.random.Generator, wh: Size, low: int, high: int) -> npt.NDArray[np.uint8]:
    """Blocks of random color, 2 to 4 pixels wide."""
    block = 2 if min(wh) < 16 else 4
    blocks = generator.integers(low, high, (wh[1] // block + 1, wh[0] // block + 1, 3), dtype=np.uint8)
    return blocks.repeat(block, axis=0).repeat(block, axis=1)[: wh[1], : wh[0]]


def _draw(
    background: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], place: npt.NDArray[Any], second: Modality | None
) -> Frame:
    height, width = background.shape[:2]
    rows = np.clip([place[1], place[1] + target.shape[0]], 0, height)
    columns = np.clip([place[0], place[0] + target.shape[1]], 0, width)
    part = (slice(*rows), slice(*columns))
    rgb = background.copy()
    rgb[part] = target[rows[0] - place[1] : rows[1] - place[1], columns[0] - place[0] : columns[1] - place[0]]
    aux: npt.NDArray[Any] | None = None
    if second is Modality.DEPTH:
        aux = np.full((height, width), 4000, np.uint16)
        aux[part] = 1500
        aux[::7, ::5] = 0
    elif second is not None:
        aux = np.full((height, width, 3), 255 if second is Modality.EVENT else 60, np.uint8)
        aux[part] = rgb[part] // 2
    for image in (rgb, aux):
        if image is not None:
            image.flags.writeable = False
    return Frame(rgb, aux)


class _Suite:
    """The checks; each returns what it found, or raises."""

    def __init__(self, tracker: Tracker[Any, Any], tolerance: float, frame_count: int, frame_wh: Size) -> None:
        self.tracker = tracker
        self.tolerance = tolerance
        self.frame_count = max(frame_count, 6)
        self.frame_wh = frame_wh
        self.seconds = sorted(tracker.info.modalities - {Modality.RGB})
        self.required = next(iter(sorted(tracker.info.required)), None)
        speeds = ((2.0, 1.0), (-1.0, 2.0), (1.0, -1.0))
        self.videos = [self.draw(seed, speed=speed) for seed, speed in enumerate(speeds)]

    def checks(self) -> dict[str, cabc.Callable[[], str]]:
        return {
            "information": self.information,
            "answers": self.answers,
            "same answer twice": self.same_answer_twice,
            "streams do not share state": self.streams_do_not_share_state,
            "capacity does not matter": self.capacity_does_not_matter,
            "prepare changes nothing": self.prepare_changes_nothing,
            "images are not modified": self.images_are_not_modified,
            "second image": self.second_image,
            "target leaves the image": self.target_leaves_the_image,
            "black frames": self.black_frames,
            "one-pixel box": self.one_pixel_box,
            "boxes at the border": self.boxes_at_the_border,
            "odd frame sizes": self.odd_frame_sizes,
        }

    def draw(self, seed: int = 0, **changes: Any) -> Video:
        settings = {"frame_count": self.frame_count, "frame_wh": self.frame_wh, "second": self.required, **changes}
        return draw_video(seed, **settings)

    @functools.cached_property
    def alone(self) -> list[Answers]:
        """Every video by itself."""
        return [track_together(self.tracker, [video])[0] for video in self.videos]

    def speed(self, streams: int) -> float:
        """Frames per second of the first ``streams`` videos together; NaN if the tracker cannot."""
        try:
            begin = time.perf_counter()
            track_together(self.tracker, self.videos[:streams])
            seconds = time.perf_counter() - begin
        except Exception:  # noqa: BLE001 - the checks have reported it
            return np.nan
        return streams * self.frame_count / seconds

    # ---- what the tracker says and answers

    def information(self) -> str:
        info = self.tracker.info
        if not isinstance(info, TrackerInfo):
            raise _BrokenPromiseError(f"info is {type(info).__name__}, not TrackerInfo.")
        if not info.name or set(info.name) & set("/\\:"):
            raise _BrokenPromiseError(f"the name {info.name!r} cannot be a folder.")
        if not all(isinstance(modality, Modality) for modality in info.modalities | info.required):
            raise _BrokenPromiseError(f"modalities {set(info.modalities | info.required)} are not all Modality.")
        json.dumps(dict(info.config), allow_nan=False)
        sensors = ", ".join(sorted(info.modalities)) or "nothing"
        kind = f"interface {interface}; " if (interface := getattr(self.tracker, "interface", "")) else ""
        return f"{info.name} reads {sensors}; {kind}{'deterministic' if info.deterministic else 'not deterministic'}"

    def answers(self) -> str:
        together = track_together(self.tracker, self.videos)  # checks shapes and values
        missing = all(np.isnan(path.confidence).all() for path in together)
        return f"{len(together)} streams, boxes finite, {'no confidence' if missing else 'with confidence'}"

    def same_answer_twice(self) -> str:
        self._need_determinism()
        return self._compare(self.alone[:1], [track_together(self.tracker, self.videos[:1])[0]], 0.0, "second time")

    def streams_do_not_share_state(self) -> str:
        self._need_determinism()
        return self._compare(self.alone, track_in_turns(self.tracker, self.videos), 0.0, "in turns with others")

    def capacity_does_not_matter(self) -> str:
        self._need_determinism()
        lengths = (self.frame_count, self.frame_count - 3, self.frame_count - 1)  # streams end at different times
        videos = [_cut(video, length) for video, length in zip(self.videos, lengths, strict=True)]
        alone = [_shortened(path, length - 1) for path, length in zip(self.alone, lengths, strict=True)]
        return self._compare(alone, track_together(self.tracker, videos), self.tolerance, "together")

    def prepare_changes_nothing(self) -> str:
        self._need_determinism()
        video, other = self.videos[0], self.videos[1].frames[-1]
        state = self.tracker.initialize(video.frames[:1], video.boxes[:1])[0]
        answers = []
        for frame in video.frames[1:]:
            self.tracker.prepare(state, other)
            answers.append(self.tracker.track([state], [self.tracker.prepare(state, frame)]))
        path = Answers(
            np.concatenate([answer.boxes for answer in answers]),
            np.concatenate([answer.confidence for answer in answers]),
        )
        return self._compare(self.alone[:1], [path], 0.0, "with further calls of prepare")

    def images_are_not_modified(self) -> str:
        video = self.draw()  # a new one: earlier checks may have left their traces
        before = [_content(frame) for frame in video.frames]
        track_together(self.tracker, [video])
        if before != [_content(frame) for frame in video.frames]:
            raise _BrokenPromiseError("the tracker wrote into the images that it was handed.")
        return "images are handed over read-only"

    def second_image(self) -> str:
        if not self.seconds:
            raise _NotApplicableError("the tracker reads no second image")
        for modality in self.seconds:
            track_together(self.tracker, [self.draw(second=modality)])
        return ", ".join(self.seconds)

    # ---- what happens in real videos

    def target_leaves_the_image(self) -> str:
        width = self.frame_wh[0]
        track_together(self.tracker, [self.draw(speed=(width / 3, 0.0)), self.draw(speed=(0.0, -width / 3))])
        return "boxes stay finite"

    def black_frames(self) -> str:
        video = self.draw()
        black = [Frame(np.zeros_like(frame.rgb), _zeros(frame.aux)) for frame in video.frames]
        late = Video(video.frames[:3] + black[3:], video.boxes)
        track_together(self.tracker, [late, Video(black, video.boxes)])
        return "from the fourth frame on, and from the first"

    def one_pixel_box(self) -> str:
        video = self.draw()
        boxes = np.array([[20.0, 20, 1, 1], [30.5, 40.5, 1, 12], [40, 30, 12, 1]])
        track_together(self.tracker, [Video(video.frames, np.repeat(box[None], 2, axis=0)) for box in boxes])
        return "1x1, 1x12, 12x1"

    def boxes_at_the_border(self) -> str:
        width, height = self.frame_wh
        places = {
            "left top corner": (0, 0, 20, 20),
            "right bottom corner": (width - 20, height - 20, 20, 20),
            "partly outside": (-8, height - 12, 24, 24),
            "whole frame": (0, 0, width, height),
            "larger than the frame": (-20, -20, width + 40, height + 40),
        }
        frames = self.draw().frames
        for name, box in places.items():
            try:
                track_together(self.tracker, [Video(frames, np.array([box, box], dtype=np.float64))])
            except Exception as problem:
                raise _BrokenPromiseError(f"first box at {name} {box}: {problem}") from problem
        return ", ".join(places)

    def odd_frame_sizes(self) -> str:
        sizes = ((97, 61), (37, 203), (211, 19), (17, 16))
        for size in sizes:
            try:
                track_together(self.tracker, [self.draw(frame_wh=size)])
            except Exception as problem:
                raise _BrokenPromiseError(f"frames of {size[0]}x{size[1]}: {problem}") from problem
        return ", ".join(f"{width}x{height}" for width, height in sizes)

    # ---- comparing

    def _need_determinism(self) -> None:
        if not self.tracker.info.deterministic:
            raise _NotApplicableError("the tracker says that it is not deterministic")

    def _compare(self, expected: list[Answers], tracks: list[Answers], tolerance: float, how: str) -> str:
        largest = 0.0
        for stream, (first, second) in enumerate(zip(expected, tracks, strict=True)):
            wanted = np.column_stack([first.boxes, first.confidence])
            answer = np.column_stack([second.boxes, second.confidence])
            difference = np.abs(np.nan_to_num(wanted, nan=-1.0) - np.nan_to_num(answer, nan=-1.0)).max(axis=1)
            largest = max(largest, float(difference.max(initial=0.0)))
            wrong = np.flatnonzero(difference > tolerance)
            if wrong.size:
                row = int(wrong[0])
                raise _BrokenPromiseError(
                    f"stream {stream}, frame {row + 1}: alone {first.boxes[row].round(3).tolist()}, {how} "
                    f"{second.boxes[row].round(3).tolist()}; largest difference {largest:.3g}, allowed {tolerance:g}."
                )
        return "identical" if largest == 0 else f"differs by at most {largest:.2g} (allowed {tolerance:g})"


def track_together(tracker: Tracker[Any, Any], videos: cabc.Sequence[Video]) -> list[Answers]:
    """Answers all videos in one batch, which shrinks when one ends.

    Raises:
        Exception: Whatever the tracker raises or reports for a stream; an error if it breaks the interface.
    """
    frames = [video.frames[0] for video in videos]
    states = tracker.initialize(frames, np.array([video.boxes[0] for video in videos]))
    if len(states) != len(videos):
        raise _BrokenPromiseError(f"initialize returned {len(states)} states for {len(videos)} streams.")
    paths: list[list[tuple[Boxes, float]]] = [[] for _ in videos]
    for index in range(1, max(len(video.frames) for video in videos)):
        live = [stream for stream, video in enumerate(videos) if index < len(video.frames)]
        inputs = [tracker.prepare(states[stream], videos[stream].frames[index]) for stream in live]
        predictions = tracker.track([states[stream] for stream in live], inputs)
        _check_predictions(predictions, len(live), index)
        for stream, box, confidence in zip(live, predictions.boxes, predictions.confidence, strict=True):
            paths[stream].append((box, confidence))
    return [_as_path(path) for path in paths]


def track_in_turns(tracker: Tracker[Any, Any], videos: cabc.Sequence[Video]) -> list[Answers]:
    """Answers videos of equal length, each in its own batch of one, frame by frame in turns."""
    states = [tracker.initialize(video.frames[:1], video.boxes[:1])[0] for video in videos]
    paths: list[list[tuple[Boxes, float]]] = [[] for _ in videos]
    for index in range(1, len(videos[0].frames)):
        for path, state, video in zip(paths, states, videos, strict=True):
            predictions = tracker.track([state], [tracker.prepare(state, video.frames[index])])
            _check_predictions(predictions, 1, index)
            path.append((predictions.boxes[0], predictions.confidence[0]))
    return [_as_path(path) for path in paths]


def _as_path(answers: cabc.Sequence[tuple[Boxes, float]]) -> Answers:
    boxes = np.array([box for box, _ in answers], dtype=np.float64).reshape(len(answers), 4)
    return Answers(boxes, np.array([confidence for _, confidence in answers], dtype=np.float64))


def _check_predictions(predictions: Predictions, count: int, index: int) -> None:
    for problem in predictions.errors.values():
        raise problem
    for name, array, shape in (
        ("boxes", predictions.boxes, (count, 4)),
        ("confidence", predictions.confidence, (count,)),
    ):
        given = getattr(array, "shape", None)
        if given != shape:
            raise _BrokenPromiseError(f"frame {index}: {name} of shape {shape} expected, found {given}.")
    if not np.isfinite(predictions.boxes).all():
        raise _BrokenPromiseError(f"frame {index}: boxes must be finite, found {predictions.boxes.tolist()}.")
    if (predictions.boxes[:, 2:] < 0).any():
        raise _BrokenPromiseError(f"frame {index}: negative width or height in {predictions.boxes.tolist()}.")
    if np.isinf(predictions.confidence).any():
        raise _BrokenPromiseError(f"frame {index}: infinite confidence in {predictions.confidence.tolist()}.")


def _run_check(name: str, check: cabc.Callable[[], str]) -> Check:
    try:
        return Check(name, Status.PASSED, check())
    except _NotApplicableError as reason:
        return Check(name, Status.SKIPPED, str(reason))
    except _BrokenPromiseError as problem:
        return Check(name, Status.FAILED, str(problem))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001 - isolation: one failing check must not hide the others
        return Check(name, Status.FAILED, f"{type(problem).__name__}: {text_of(problem)}")


def _cut(video: Video, length: int) -> Video:
    return Video(video.frames[:length], video.boxes[:length])


def _shortened(path: Answers, length: int) -> Answers:
    return Answers(path.boxes[:length], path.confidence[:length])


def _content(frame: Frame) -> tuple[bytes, bytes]:
    return frame.rgb.tobytes(), b"" if frame.aux is None else frame.aux.tobytes()


def _zeros(image: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
    return None if image is None else np.zeros_like(image)
