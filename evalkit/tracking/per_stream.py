"""From the simple interface, one object per stream, to the batched one; a stream that fails or hangs ends alone."""

import collections.abc as cabc
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import TrackerError, text_of
from evalkit.machine import usable_cores
from evalkit.sequences import Frame, Modality
from evalkit.tracking.answers import read_answer
from evalkit.tracking.foreign import no_device
from evalkit.tracking.interface import Predictions, SimpleTracker, Tracker, TrackerInfo
from evalkit.tracking.repository import place_of
from evalkit.tracking.threads import DaemonPool

Call = cabc.Callable[[], Any]


@dataclass(slots=True)
class ObjectState:
    """One stream: the user's object and the number of its last frame."""

    tracker: SimpleTracker
    frame_index: int = 0


@dataclass(frozen=True, slots=True)
class _Failure:
    problem: BaseException


class _NoAnswerError(Exception):
    pass


def per_stream(
    make: cabc.Callable[[], SimpleTracker],
    info: TrackerInfo,
    *,
    concurrent: bool = False,
    timeout: float | None = None,
    writable: bool = False,
    interface: str = "initialize(image, box), track(image)",
) -> Tracker[ObjectState, Frame]:
    """Turn simple trackers into a batched one.

    If ``info`` names a second modality, ``initialize`` and ``track`` get the
    second image as a further argument.

    Args:
        make: Makes the object of one stream.
        info: What identifies the tracker.
        concurrent: Objects touch nothing but themselves: streams step in threads.
        timeout: Seconds for one call of the object. A call that takes longer ends its stream; its thread is given
            up. None = no limit.
        writable: Hand over copies that the object may change; else images are read-only.
        interface: What the user's class looked like, for :mod:`evalkit.testing`.

    Returns:
        A tracker whose ``track`` reports what goes wrong in a stream in ``Predictions.errors``, as TrackerError:
        an exception, an answer that is no box, no answer in time.
    """
    return _PerStream(make, info, concurrent=concurrent, timeout=timeout, writable=writable, interface=interface)


class _PerStream:
    """See :func:`per_stream`."""

    def __init__(
        self,
        make: cabc.Callable[[], SimpleTracker],
        info: TrackerInfo,
        *,
        concurrent: bool,
        timeout: float | None,
        writable: bool,
        interface: str,
    ) -> None:
        self.info = info
        self.interface = interface
        self._handed = np.array if writable else _locked
        self._make = make
        self._workers = min(usable_cores(), 8) if concurrent else 1
        self._timeout = timeout
        self._with_aux = bool(info.modalities - {Modality.RGB})
        self._pool: DaemonPool | None = None
        self._on_beat: cabc.Callable[[], None] = lambda: None

    def limit_calls(self, seconds: float | None, on_beat: cabc.Callable[[], None]) -> None:
        """See :class:`~evalkit.tracking.interface.LimitedTracker`."""
        self._timeout = self._timeout if seconds is None else seconds
        self._on_beat = on_beat

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[ObjectState]:
        """Make and start one object per stream.

        Raises:
            TrackerError: Of the first stream that cannot start.
        """
        calls = [self._starter(frame, box) for frame, box in zip(frames, boxes, strict=True)]
        answers = self._call_all(calls)
        for answer in answers:
            if isinstance(answer, _Failure):
                raise self._explain(answer.problem, 0) from answer.problem
        return [ObjectState(answer) for answer in answers]

    def prepare(self, state: ObjectState, frame: Frame) -> Frame:  # noqa: ARG002 - the interface's signature
        """Nothing to prepare: the object sees whole images."""
        return frame

    def track(self, states: cabc.Sequence[ObjectState], inputs: cabc.Sequence[Frame]) -> Predictions:
        """Step all streams; errors are reported per stream."""
        boxes = np.zeros((len(states), 4))
        confidence = np.full(len(states), np.nan)
        errors: dict[int, Exception] = {}
        answers = self._call_all([self._stepper(*pair) for pair in zip(states, inputs, strict=True)])
        for row, (state, answer) in enumerate(zip(states, answers, strict=True)):
            state.frame_index += 1
            try:
                if isinstance(answer, _Failure):
                    raise self._explain(answer.problem, state.frame_index) from answer.problem
                boxes[row], confidence[row] = read_answer(answer, f"{self.info.name}, frame {state.frame_index}")
            except TrackerError as problem:
                errors[row] = problem
        return Predictions(boxes, confidence, errors)

    def _starter(self, frame: Frame, box: Boxes) -> Call:
        def start() -> SimpleTracker:
            tracker = self._make()
            rgb, *aux = self._images(frame)
            begin: cabc.Callable[..., object] = tracker.initialize  # takes `aux` if the class asked for it
            begin(rgb, np.array(box), *aux)
            return tracker

        return start

    def _stepper(self, state: ObjectState, frame: Frame) -> Call:
        return lambda: state.tracker.track(*self._images(frame))

    def _images(self, frame: Frame) -> tuple[Any, ...]:
        if not self._with_aux:
            return (self._handed(frame.rgb),)
        if frame.aux is None:
            needed = ", ".join(sorted(self.info.modalities - {Modality.RGB}))
            raise TrackerError(f"{self.info.name} reads a second image ({needed}), but this frame has none.")
        return self._handed(frame.rgb), self._handed(frame.aux)

    def _call_all(self, calls: cabc.Sequence[Call]) -> list[Any]:
        if self._timeout is None and (self._workers == 1 or len(calls) == 1):
            return [_attempt(call) for call in calls]
        if self._pool is None:
            self._pool = DaemonPool(self._workers, name="per-stream")
        pool = self._pool
        if self._workers == 1:  # one after the other, so that a lost call delays none that waits behind it
            return [self._collect(pool, pool.submit(_attempt, call)) for call in calls]
        futures = [pool.submit(_attempt, call) for call in calls]
        return [self._collect(pool, future) for future in futures]

    def _collect(self, pool: DaemonPool, future: Future[Any]) -> Any:
        # The queue is first in, first out: when a call's turn to be collected comes, all before it have ended or
        # were given up and replaced, so it runs by now and gets its full time.
        self._on_beat()
        try:
            return future.result(timeout=self._timeout)
        except TimeoutError:  # of result() alone: what the call raises is a _Failure
            pool.replace_lost()
            return _Failure(_NoAnswerError())

    def _explain(self, problem: BaseException, frame_index: int) -> TrackerError:
        if isinstance(problem, _NoAnswerError):
            return TrackerError(
                f"{self.info.name} did not answer within {self._timeout:g} s (frame {frame_index}). "
                "If it is slow and not stuck, raise --timeout."
            )
        if isinstance(problem, TrackerError):
            return TrackerError(f"{problem} (frame {frame_index})")
        hint = no_device(problem)
        if isinstance(problem, ValueError) and "read-only" in text_of(problem):
            hint = " Images are read-only: work on a copy, or say `writable = True` in the class."
        elif isinstance(problem, TypeError) and " positional argument" in text_of(problem):
            hint = f" The class was taken for one with {self.interface}."
        text = f"{type(problem).__name__} in frame {frame_index}{place_of(problem)}: {text_of(problem)}".rstrip(": ")
        return TrackerError(f"{self.info.name} raised {text.rstrip('.')}.{hint}")


def _attempt(call: Call) -> Any:
    try:
        return call()
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # the user's; in other threads it is the tracker's own
        return _Failure(problem)


def _locked(image: Any) -> Any:
    view = image.view()
    view.flags.writeable = False
    return view
