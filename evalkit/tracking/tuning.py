"""What the slot loop decides while it runs: how many streams together, one wave or two. No decision changes a box."""

import dataclasses
from dataclasses import dataclass, field
from typing import NamedTuple

from evalkit.tracking.interface import DeviceMemory

FIRST_CAPACITY = 8
LARGEST_CAPACITY = 256
WARM_UP = 4
"""Steps after a change that are not measured: kernels are chosen, memory is taken, caches fill."""
MEASURED = 16
"""Steps that are measured before a decision."""
ROUNDS = 2
WORTHWHILE = 1.05
"""A change must bring 5 %, else the simpler way stays."""
USABLE_MEMORY = 0.9


class Round(NamedTuple):
    """What one round of the loop cost.

    Attributes:
        frames: Streams that advanced.
        seconds: Wall time.
        device: Seconds in the tracker.
        wait_decode: Seconds of waiting for frames.
    """

    frames: int
    seconds: float
    device: float
    wait_decode: float


@dataclass(slots=True)
class RoundSums:
    """Sums over some steps at one setting."""

    steps: int = 0
    frames: int = 0
    seconds: float = 0.0
    device: float = 0.0
    wait_decode: float = 0.0

    def add(self, step: Round) -> None:
        """Count a step, unless it belongs to the warm-up."""
        self.steps += 1
        if self.steps > WARM_UP:
            self.frames += step.frames
            self.seconds += step.seconds
            self.device += step.device
            self.wait_decode += step.wait_decode

    @property
    def full(self) -> bool:
        """Enough steps for a decision."""
        return self.steps >= WARM_UP + MEASURED


@dataclass(slots=True)
class GrowingCapacity:
    """``--capacity auto`` on a device: start small, double while that pays and memory suffices.

    Growing ends when doubling brought less than 5 % more frames per second of the device, when the loop waits for
    decoding more than half of its time (a larger batch would only wait longer), when the device's memory, predicted
    from the peaks at the last two capacities, would be used to more than 90 %, or when the decoded frames of so many
    streams would not fit into the memory for decoding ahead.

    Attributes:
        capacity: Now.
        settled: No more changes.
    """

    capacity: int = FIRST_CAPACITY
    settled: bool = False
    _window: RoundSums = field(default_factory=RoundSums)
    _rate: float = 0.0
    _peak: int = 0

    def observe(self, step: Round, memory: DeviceMemory | None, room: int) -> None:
        """Take note of a step in which all slots were busy.

        Args:
            step: What it cost.
            memory: Of the device, None if it is not limited.
            room: Streams whose next frame fits into the memory for decoded frames.
        """
        if self.settled:
            return
        self._window.add(step)
        if self._window.full:
            self._decide(memory, room)

    def _decide(self, memory: DeviceMemory | None, room: int) -> None:
        window, self._window = self._window, RoundSums()
        rate = window.frames / max(window.device, 1e-9)
        larger = 2 * self.capacity
        faster = rate >= WORTHWHILE * self._rate
        decoding = window.wait_decode > 0.5 * window.seconds
        if not faster or decoding or larger > min(LARGEST_CAPACITY, room) or not self._fits(memory):
            self.settled = True
            return
        self._rate = rate
        self._peak = 0 if memory is None else memory.peak
        self.capacity = larger

    def _fits(self, memory: DeviceMemory | None) -> bool:
        if memory is None:
            return True
        grown = memory.peak - self._peak if self._peak else memory.peak  # by the last doubling; the next adds twice
        return memory.peak + 2 * grown <= USABLE_MEMORY * memory.total

    def shrink(self, capacity: int) -> None:
        """The device's memory did not suffice."""
        self.capacity = max(1, min(self.capacity, capacity))
        self.settled = True


@dataclass(slots=True)
class WaveChooser:
    """One wave or two: measure both in turn at the present number of streams, keep the faster.

    With two, the device works on one half of the streams while threads prepare the other half; it costs the device two
    small batches instead of a large one. Which wins depends on tracker, device and cores, so it is measured: one, two,
    one, two waves, the better of both measurements each, since other programs only ever make a step slower.

    Attributes:
        waves: Now: 1 or 2.
        decided: No more changes.
    """

    waves: int = 1
    decided: bool = False
    _window: RoundSums = field(default_factory=RoundSums)
    _rates: dict[int, list[float]] = field(default_factory=lambda: {1: [], 2: []})

    def observe(self, step: Round) -> None:
        """Take note of a step with an unchanged number of streams."""
        if self.decided:
            return
        self._window.add(step)
        if self._window.full:
            self._decide()

    def _decide(self) -> None:
        window, self._window = self._window, RoundSums()
        self._rates[self.waves].append(window.frames / max(window.seconds, 1e-9))
        hidden = window.seconds - window.device - window.wait_decode  # what a second wave could hide, at best
        if self.waves == 1 and min(hidden, window.device) < (WORTHWHILE - 1) * window.seconds:
            self.decided = True
        elif len(self._rates[2]) == ROUNDS:
            self.decided = True
            self.waves = 2 if max(self._rates[2]) >= WORTHWHILE * max(self._rates[1]) else 1
        else:
            self.waves = 3 - self.waves


def fixed(waves: int) -> WaveChooser:
    """A choice made by the user.

    Example:
        >>> fixed(2).waves
        2
    """
    return dataclasses.replace(WaveChooser(), waves=waves, decided=True)


_NO_MEMORY = ("out of memory", "status_alloc_failed", "unable to find an engine to execute")


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that a device's (or the machine's) memory did not suffice.

    Recognized without importing the library that raised it: by the class name ``OutOfMemoryError`` (torch), by the
    text of older versions and of other libraries, and as MemoryError. cuBLAS and cuDNN have words of their own for it;
    cuDNN's may mean something else, which a smaller batch does not cure and which is then told.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA error: out of memory")), is_out_of_memory(ValueError("no"))
        (True, False)
        >>> is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
        True
    """
    names = {kind.__name__ for kind in type(problem).__mro__}
    if "OutOfMemoryError" in names or isinstance(problem, MemoryError):
        return True
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and any(words in text for words in _NO_MEMORY)
