"""Decoding ahead within a memory limit that holds for 4K frames and many streams as well.

Decoded frames that wait, or whose crop is being cut, together take at most ``limit`` bytes plus one frame. A frame that
the loop needs now is always read, else the loop could not go on; a frame for later only where there is room. Trackers
that keep whole images until their step (own and classic ones) add one frame per slot.
"""

import collections
import collections.abc as cabc
import ctypes
import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from evalkit.errors import ImageReadError
from evalkit.sequences import Frame, FrameSource
from evalkit.tracking.threads import DaemonPool
from evalkit.tracking.timing import Stage, Timed, timed

PATIENCE_SECONDS = 10.0
MOST_AHEAD = 16
LEAST_AHEAD = 2
"""Frames under way per stream: one to be used in the next step, one to keep the decoders busy meanwhile."""
AHEAD_PER_DECODER = 8
"""More frames than that wait for nothing, and memory that is not in the processor's caches makes decoding slower:
with 700 MB of waiting frames a decoder needed a fifth more processor time for each than with 100 MB."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = (1 << 30, 1 << 25)  # older versions of the C library accept half a heap at most
_CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let the next frame have the memory of one that is done with, pages and all.

    A decoded image is larger than what glibc keeps by itself: it is mapped anew for every frame, and the system clears
    each of its pages when it is first touched. Both thresholds must be raised; with one alone every frame faults. The
    peak does not change, only what an idle process holds; ``perf/decoding.py`` measures the gain.

    Returns:
        Whether it was done: not with another C library, nor where the user has set thresholds.
    """
    if any(name in os.environ for name in _CHOSEN_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return any(mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def frame_bytes(frame: Frame) -> int:
    """Memory of a decoded frame, both images."""
    return frame.rgb.nbytes + (0 if frame.aux is None else frame.aux.nbytes)


class Budget:
    """Bytes of decoded frames in memory.

    Args:
        limit: Bytes that may be taken; a single demand may exceed it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.peak = 0
        self._cropping = 0
        self._changed = threading.Condition()

    def try_take(self, size: int) -> bool:
        """Take bytes if there is room."""
        with self._changed:
            if self.used + size > self.limit:
                return False
            self._take(size)
            return True

    def take(self, size: int) -> None:
        """Take bytes for a frame that is needed now; first waits for crops under way, whose frames make room.

        Not forever: a crop that hangs is found by those who wait for it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.used + size <= self.limit or not self._cropping, PATIENCE_SECONDS)
            self._take(size)

    def correct(self, guessed: int, real: int) -> None:
        """A frame turned out to have another size than was taken for it."""
        with self._changed:
            self._take(real - guessed)

    def begin_crop(self) -> None:
        """A frame was handed to ``prepare``; it will be given back without the loop's help."""
        with self._changed:
            self._cropping += 1

    def end_crop(self, size: int) -> None:
        """Its crop is cut."""
        with self._changed:
            self._cropping -= 1
            self.used -= size
            self._changed.notify_all()

    def give_back(self, size: int) -> None:
        """A frame was dropped."""
        with self._changed:
            self.used -= size
            self._changed.notify_all()

    def _take(self, size: int) -> None:
        self.used += size
        self.peak = max(self.peak, self.used)


@dataclass(slots=True, eq=False)
class Reader:
    """The frames of one stream, read in order.

    Attributes:
        frames: The source.
        length: Frames to read.
        frame_bytes: Size of a decoded frame; a guess before the first one.
        next_read: Number of the next frame to ask the decoders for.
        ahead: Frames under way with the bytes taken for each.
    """

    frames: FrameSource
    length: int
    frame_bytes: int
    next_read: int = 0
    ahead: collections.deque[tuple[Future[Timed[Frame]], int]] = field(default_factory=collections.deque)


class FramesAhead:
    """Keeps decoders busy with the frames that the loop will need next.

    Args:
        decoders: Threads that decode.
        budget: Memory.
        stage: Counts the decoding.
        timeout: Seconds for one image, None = no limit.
        on_beat: Called before every wait for an image.
    """

    def __init__(
        self,
        decoders: DaemonPool,
        budget: Budget,
        stage: Stage,
        timeout: float | None,
        on_beat: cabc.Callable[[], None] = lambda: None,
    ) -> None:
        self.budget = budget
        self.largest = 0
        self._decoders = decoders
        self._stage = stage
        self._timeout = timeout
        self._on_beat = on_beat

    def resize(self, decoders: int, limit: int) -> None:
        """Go on with another number of threads and bytes."""
        self._decoders.resize(decoders)
        self.budget.limit = limit

    def open(self, frames: FrameSource, length: int) -> Reader:
        """Start a stream; its first frame is read ahead if there is room."""
        reader = Reader(frames, length, self.largest)
        self.read_ahead(reader, 1)
        return reader

    def read_ahead(self, reader: Reader, count: int) -> bool:
        """Keep up to ``count`` frames under way; False if there was no room."""
        while len(reader.ahead) < count and reader.next_read < reader.length:
            if not self.budget.try_take(reader.frame_bytes):
                return False
            self._submit(reader)
        return True

    def lookahead(self, capacity: int) -> int:
        """Frames that every one of ``capacity`` streams may have under way; 0 if not even one fits."""
        useful = max(LEAST_AHEAD, -(-AHEAD_PER_DECODER * self._decoders.size // capacity))
        return min(MOST_AHEAD, useful, self.budget.limit // max(1, self.largest * capacity))

    def next(self, reader: Reader, following: cabc.Iterable[Reader], capacity: int) -> Frame:
        """Wait for a stream's next frame.

        Args:
            reader: The stream.
            following: Streams in the order in which they will be asked, for decoding ahead where memory is short.
            capacity: Streams that share the memory.

        Raises:
            ImageReadError: It cannot be read, or not in time. The stream is over.
        """
        if not reader.ahead:
            self.budget.take(reader.frame_bytes)
            self._submit(reader)
        count = self.lookahead(capacity)
        if count == 0:
            for other in following:
                if not self.read_ahead(other, 1):
                    break
        future, taken = reader.ahead.popleft()
        try:
            frame = self._stage.add(self._wait(future))
        except BaseException:
            self.budget.give_back(taken)
            self.drop(reader)
            raise
        size = frame_bytes(frame)
        self.budget.correct(taken, size)
        reader.frame_bytes = size
        self.largest = max(self.largest, size)
        self.read_ahead(reader, count)
        return frame

    def drop(self, reader: Reader) -> None:
        """Forget a stream's frames under way."""
        for future, taken in reader.ahead:
            future.cancel()
            self.budget.give_back(taken)
        reader.ahead.clear()
        reader.next_read = reader.length

    def _submit(self, reader: Reader) -> None:
        future = self._decoders.submit(timed, reader.frames.read, reader.next_read)
        reader.ahead.append((future, reader.frame_bytes))
        reader.next_read += 1

    def _wait(self, future: Future[Timed[Frame]]) -> Timed[Frame]:
        while True:
            self._on_beat()
            try:
                return future.result(self._timeout)
            except TimeoutError:
                if future.done():  # the reader itself raised a TimeoutError, or the frame came just now
                    return future.result()
                self._decoders.replace_lost()
                if future.running():  # else it only waits behind one that hangs
                    raise ImageReadError(f"reading the image takes longer than {self._timeout} s.") from None
