"""What a tracker is: the batched interface of the slot loop and the simple one of a user's own file."""

import collections.abc as cabc
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalkit.boxes import Boxes, FloatArray
from evalkit.sequences import Frame, Modality

State = TypeVar("State")
Inputs = TypeVar("Inputs")
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TrackerInfo:
    """What identifies a tracker in a run's manifest.

    Attributes:
        name: Name in the catalog, or the class name of an own tracker.
        modalities: Sensors that it reads. A second modality that a benchmark has and that is not in this set is
            ignored; the manifest says so.
        config: Every setting that changes its boxes; JSON values only.
        weights_sha256: Hash of the weight file, "random" for a dry run, None if the tracker has no weights.
        deterministic: Same input, same boxes.
        notes: Remarks for the user that do not change a box, e.g. "the thermal image is ignored".
        required: Second modalities of which a benchmark must have one; empty if RGB alone is enough.
    """

    name: str
    modalities: frozenset[Modality] = frozenset({Modality.RGB})
    config: cabc.Mapping[str, Json] = field(default_factory=dict)
    weights_sha256: str | None = None
    deterministic: bool = True
    notes: tuple[str, ...] = ()
    required: frozenset[Modality] = frozenset()


class Predictions(NamedTuple):
    """One step's answer for N streams.

    Attributes:
        boxes: (N, 4) left, top, width, height in image pixels.
        confidence: (N,), NaN if the tracker has none.
        errors: Position in the batch -> what went wrong in that stream alone. Such a stream ends; its row of
            ``boxes`` is not read.
    """

    boxes: Boxes
    confidence: FloatArray
    errors: cabc.Mapping[int, Exception] = {}


class Tracker(Protocol[State, Inputs]):
    """The batched interface: all live streams pass through :meth:`track` together.

    Everything that belongs to one stream is in its own mutable ``State``, which the loop owns and never shares.
    """

    info: TrackerInfo

    def initialize(self, frames: cabc.Sequence[Frame], boxes: Boxes) -> list[State]:
        """Start N streams.

        Args:
            frames: First frame of each stream.
            boxes: (N, 4) boxes of the targets in these frames.

        Returns:
            N new states. A stream that cannot start alone may be reported by raising; the loop then starts the
            streams one by one.
        """
        ...

    def prepare(self, state: State, frame: Frame) -> Inputs:
        """The processor's part of a step (crop and resize around the last box).

        Called from worker threads, at most once at a time per state; changes nothing.
        """
        ...

    def track(self, states: cabc.Sequence[State], inputs: cabc.Sequence[Inputs]) -> Predictions:
        """The device's part of a step, for all live streams; called from one thread at a time.

        An exception must leave the states as they were: the loop repeats the step stream by stream to find the one
        that fails.
        """
        ...


class DeviceMemory(NamedTuple):
    """Memory of the device on which a tracker runs, in bytes.

    Attributes:
        total: Of the device.
        peak: Most that was in use at once since the tracker was built (weights, streams, one step's intermediates).
    """

    total: int
    peak: int


@runtime_checkable
class DeviceTracker(Protocol):
    """What a tracker on a device may offer besides :class:`Tracker`; the slot loop uses it where it is there.

    All methods are called from the thread that calls ``track``, between its calls.
    """

    def device_memory(self) -> DeviceMemory | None:
        """Memory, for ``--capacity auto``; None where it is not limited (a processor)."""
        ...

    def release_memory(self) -> None:
        """Give cached memory back, after an out-of-memory error and before a smaller step."""
        ...

    def stage_seconds(self) -> cabc.Mapping[str, float]:
        """Seconds so far inside ``initialize`` and ``track`` by stage, e.g. ``{"upload": 1.5}``."""
        ...

    def synchronize(self) -> None:
        """Wait until the device is idle, for measurements."""
        ...


@runtime_checkable
class SubmittingTracker(Protocol):
    """A tracker whose steps can be begun before they are waited for, so that a device never stands still.

    All methods are called from the thread that calls ``track``. A step that fails may do so in either method and leaves
    the states as they were.
    """

    @property
    def overlaps(self) -> bool:
        """Whether it pays: something works on while ``submit`` has returned. If not, the loop calls ``track``."""
        ...

    def reserve(self, streams: int) -> None:
        """All steps from now on have up to so many streams; compute them at this one shape.

        A network's last bits depend on the size of its batch. With one size they depend on nothing else.
        """
        ...

    def submit(self, states: cabc.Sequence[Any], inputs: cabc.Sequence[Any]) -> Any:
        """Begin a step: hand the inputs over and return without waiting for the device."""
        ...

    def collect(self, pending: Any) -> Predictions:
        """Wait for a step that :meth:`submit` began; steps are collected in the order of their beginning."""
        ...


@runtime_checkable
class LimitedTracker(Protocol):
    """A tracker that calls its streams one by one and itself ends a stream whose call hangs; the others go on."""

    def limit_calls(self, seconds: float | None, on_beat: cabc.Callable[[], None]) -> None:
        """Take the limit.

        Args:
            seconds: For one call of one stream; None = as it is.
            on_beat: To be called before every wait for a stream's call.
        """
        ...


class SimpleTracker(Protocol):
    """What a user writes: one object per stream.

    A class may say more about itself with attributes: ``modalities`` (an iterable of ``"rgb"``, ``"depth"``,
    ``"thermal"``, ``"event"``; with a second one, both methods get a further argument ``aux``),
    ``deterministic`` (default True), ``config`` (a dict of JSON values, part of the run's identity), and
    ``concurrent`` (True: instances touch nothing but themselves, so streams may step in threads).
    """

    def initialize(self, image: Image, box: Boxes) -> object:
        """Start on an RGB image (height, width, 3) uint8 with the box (4,) of the target."""
        ...

    def track(self, image: Image) -> Any:
        """Return the box (4,) in the next image, or a pair (box, confidence)."""
        ...


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """What the command line passes to a tracker's factory.

    Attributes:
        weights: File or folder of the user, the word "random" for a dry run, or None.
        device: "cpu", "cuda", "cuda:1"; never "auto".
        precision: fp32, tf32, bf16 or fp16.
        seed: Seed for trackers with random parts (and for random weights).
        compiled: Compile the network; its first steps are slow, later ones may be faster.
        settings: Of ``--set``: name -> value; a tracker of the catalog knows their names, an own tracker's constructor
            takes them by name.
        root: Of ``--tracker-root``: folder from which an own tracker's modules are imported.
    """

    weights: str | None = None
    device: str = "cpu"
    precision: str = "fp32"
    seed: int = 0
    compiled: bool = False
    settings: cabc.Mapping[str, Json] = field(default_factory=dict)
    root: str | None = None
