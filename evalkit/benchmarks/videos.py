"""Frames of a video file, decoded as they are asked for; a long video takes no more memory than a short one."""

import collections
import functools
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.boxes import IntArray
from evalkit.errors import ImageReadError, text_of
from evalkit.sequences import Frame

_FORMATS = {".mp4": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska", ".avi": "avi"}
VIDEO_SUFFIXES = frozenset(_FORMATS)
MOST_PIXELS = 1 << 26
MOST_SKIPPED = 48
"""Frames that are decoded to get to a later one before a jump to a keyframe is tried."""
MOST_KEPT = 16
"""Frames decoded on the way to a later one that are kept for other threads, which ask for them now."""
MOST_OPEN = 64


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """What is known of a video without decoding it.

    Attributes:
        form: FFmpeg's name of the container.
        count: Frames.
        times: (count,) time stamps in order of display; empty where the container's cannot be relied on.
        keys: (K,) time stamps of the frames at which decoding can start, ascending.
        wh: Width and height as shown.
        rate: Frames per second, 25 where the file does not say.
    """

    form: str
    count: int
    times: IntArray
    keys: IntArray
    wh: tuple[int, int]
    rate: float


class VideoFrames:
    """A :class:`~evalkit.sequences.FrameSource` over a video file.

    Frames are decoded in order by one decoder, which jumps to a keyframe where a distant frame is asked for. Safe to
    call from several threads; a frame is handed out once and not kept.

    Args:
        path: The file.
        start: First frame, for a target that enters late.
        stop: Frame behind the last, None = to the end.
    """

    aux_folder = None

    def __init__(self, path: Path, start: int = 0, stop: int | None = None) -> None:
        self.path = path
        self.folder = str(path)
        self.start = start
        self.index = video_index(path)
        self.stop = self.index.count if stop is None else min(stop, self.index.count)
        self._lock = threading.Lock()
        self._decoder: _Decoder | None = None
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return VideoFrames, (self.path, self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, index: int) -> Frame:
        """Decode frame ``index`` (0-based).

        Raises:
            ImageReadError: The file is gone or damaged; names it and the frame.
        """
        if not 0 <= index < len(self):
            raise ImageReadError(f"{self.path}: there is no frame {index}; the video has {len(self)}.")
        with self._lock:
            while True:
                try:
                    return Frame(rgb=self._read(self.start + index))
                except _ClosedError:  # another video needed the room just now
                    continue

    def first_wh(self) -> tuple[int, int]:
        """Width and height as shown."""
        return self.index.wh

    def _read(self, wanted: int) -> npt.NDArray[np.uint8]:
        if wanted in self._kept:
            return self._kept.pop(wanted)
        decoder = self._decoder
        if decoder is None or decoder.closed or not 0 <= wanted - decoder.next <= MOST_SKIPPED:
            self.close()
            decoder = self._decoder = _Decoder(self.path, self.index, wanted)
            _hold(decoder)
        while (number := decoder.next) < wanted:
            picture = decoder.read(shown=wanted - number < MOST_KEPT)
            if picture is not None:
                self._kept[number] = picture
        while len(self._kept) >= MOST_KEPT:
            del self._kept[min(self._kept)]
        picture = decoder.read(shown=True)
        assert picture is not None
        if decoder.next == self.stop:
            decoder.close()
        return picture

    def close(self) -> None:
        """Give decoder and kept frames back; a later ``read`` opens the file again."""
        self._kept.clear()
        if self._decoder is not None:
            self._decoder.close()


class _ClosedError(Exception):
    pass


class _Decoder:
    """An open file from some frame on.

    Attributes:
        next: Number of the frame that :meth:`read` returns.
        closed: Whether it was closed, here or to make room for others.
    """

    def __init__(self, path: Path, index: VideoIndex, first: int) -> None:
        self.closed = False
        self._path, self._index = path, index
        self._file = _opened(path, index.form)
        self._stream = self._file.streams.video[0]
        self._stream.codec_context.thread_count = 1  # as many videos as cores are decoded side by side
        self._lock = threading.Lock()
        self.next = 0
        if len(index.times) and first > 0:
            place = int(np.searchsorted(index.keys, index.times[first], side="right")) - 1
            if place > 0:
                self._file.seek(int(index.keys[place]), stream=self._stream)
                self.next = int(np.searchsorted(index.times, index.keys[place]))
        self._frames = self._file.decode(self._stream)

    def read(self, *, shown: bool) -> npt.NDArray[np.uint8] | None:
        """Decode the next frame; its pixels if they are asked for."""
        import av

        number = self.next
        with self._lock:
            if self.closed:
                raise _ClosedError
            try:
                frame = self._following(number)
                if frame is None:
                    raise self._damaged(number, f"the data end before it, at {number} of {self._index.count} frames")
                if frame.is_corrupt:
                    raise self._damaged(number, "parts of it are lost")
                self.next += 1
                return _pixels(frame) if shown else None
            except (av.FFmpegError, OSError, ValueError) as problem:
                raise self._damaged(number, text_of(problem)) from problem

    def _following(self, number: int) -> Any:
        """The frame of that number: the next, or behind a jump the first with its time stamp."""
        for frame in self._frames:
            if not len(self._index.times):
                return frame
            due = self._index.times[number]
            if frame.pts is not None and frame.pts > due:
                raise self._damaged(number, "it is missing between its neighbors")
            if frame.pts == due:
                return frame
        return None

    def _damaged(self, number: int, why: str) -> ImageReadError:
        return ImageReadError(
            f"{self._path}: frame {number} cannot be decoded: {why}. The video is damaged; copy it again, or cut it "
            "before that frame."
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.closed = True
            self._frames = iter(())
            self._file.close()


_held: collections.deque[weakref.ref[_Decoder]] = collections.deque()
_holding = threading.Lock()


def _hold(decoder: _Decoder) -> None:
    """Keep few files open in this process, whatever number of sequences was begun: the oldest are closed."""
    with _holding:
        held = [other for ref in _held if (other := ref()) is not None and not other.closed]
        surplus = held[: max(0, len(held) + 1 - MOST_OPEN)]
        _held.clear()
        _held.extend(map(weakref.ref, [*held[len(surplus) :], decoder]))
    for other in surplus:
        other.close()


def video_index(path: Path) -> VideoIndex:
    """Read a video's time stamps without decoding it.

    Raises:
        ImageReadError: Missing, empty, no video, or of absurd size; names the file.
    """
    try:
        status = path.stat()
    except OSError as problem:
        raise ImageReadError(f"{path}: cannot be opened ({problem.strerror}).") from problem
    return _index(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _index(path: Path, size: int, _changed: int) -> VideoIndex:
    import av

    if size == 0:
        raise ImageReadError(f"{path}: the file is empty (0 bytes).")
    forms = dict.fromkeys([_FORMATS.get(path.suffix.lower(), "mov"), *_FORMATS.values()])
    problem: ImageReadError | None = None
    for form in forms:  # named ones alone: others, such as playlists, may ask for further files
        try:
            file = _opened(path, form)
        except ImageReadError as other:
            problem = problem or other
            continue
        with file:
            try:
                return _scanned(file, path, form)
            except (av.FFmpegError, OSError, ValueError) as other:
                raise ImageReadError(f"{path}: not readable as a video: {text_of(other)}.") from other
    assert problem is not None
    raise problem


def _opened(path: Path, form: str) -> Any:
    import av

    try:
        file = av.open(str(path.resolve()), format=form, options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise ImageReadError(
            f"{path}: not a video of a known kind ({', '.join(sorted(VIDEO_SUFFIXES))}), or a damaged one: "
            f"{text_of(problem)}. Copy it again, or convert it to .mp4."
        ) from problem
    streams: Any = file.streams.video
    if not streams:
        file.close()
        raise ImageReadError(f"{path}: the file holds no video, or its end is missing: copy it again.")
    context = streams[0].codec_context
    if context is None or context.width * context.height > MOST_PIXELS:
        file.close()
        size = "no known codec" if context is None else f"{context.width} x {context.height} pixels"
        raise ImageReadError(f"{path}: {size}; at most {MOST_PIXELS:,} pixels are read.")
    return file


def _scanned(file: Any, path: Path, form: str) -> VideoIndex:
    stream = file.streams.video[0]
    times, keys, count, whole = [], [], 0, form != "avi"  # whose time stamps forget that frames were reordered
    for packet in file.demux(stream):
        if packet.size and not packet.is_discard:
            count += 1
            whole = whole and packet.pts is not None
            if whole:
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
    if count == 0:
        raise ImageReadError(f"{path}: the video has no frame, or its end is missing: copy it again.")
    ordered = np.unique(np.array(times, dtype=np.int64))
    if not whole or len(ordered) != count:
        ordered, keys = ordered[:0], []
    file.seek(0)
    first = next(file.decode(stream), None)
    if first is None:
        raise ImageReadError(f"{path}: frame 0 cannot be decoded.")
    height, width = _pixels(first).shape[:2]
    rate = float(stream.average_rate or 25)
    return VideoIndex(form, count, ordered, np.sort(np.array(keys, dtype=np.int64)), (width, height), rate)


def _pixels(frame: Any) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB, turned as the file says, which telephones do."""
    picture: npt.NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
