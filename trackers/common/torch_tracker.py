"""Base of the learned trackers: device, precision, upload of uint8 crops, batch shapes."""

import collections
import collections.abc as cabc
import contextlib
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from evalkit.errors import TrackerError
from evalkit.tracking.interface import DeviceMemory, Predictions, TrackerInfo, TrackerOptions

Forward = cabc.Callable[[Tensor, Tensor], Tensor]
Float32Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Engine:
    """Where and how a network is computed.

    Attributes:
        device: A torch device name.
        precision: One of ``PRECISIONS``. fp32 is true float32, also on cards that would round to TF32 by default.
        compiled: Compile the network; batches are then padded to few fixed sizes.
    """

    device: str = "cpu"
    precision: str = "fp32"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise TrackerError(f"unknown precision {self.precision!r}; known: {', '.join(PRECISIONS)}")
        kind = self.device.split(":")[0]
        if self.precision == "tf32" and kind != "cuda":
            raise TrackerError(f"precision tf32 exists on CUDA devices only, not on {self.device}; use fp32")
        if kind == "cuda" and not torch.cuda.is_available():
            raise TrackerError(f"device {self.device} asked for, but torch finds no CUDA device; use --device cpu")
        if kind == "cuda" and int(self.device.partition(":")[2] or 0) >= (count := torch.cuda.device_count()):
            raise TrackerError(f"device {self.device} asked for, but there are {count}, counted from cuda:0")

    @classmethod
    def of(cls, options: TrackerOptions) -> "Engine":
        """The engine that the command line asks for."""
        return cls(options.device, options.precision, options.compiled)

    @property
    def dtype(self) -> torch.dtype:
        """Of matrices, and of what is multiplied with them."""
        return _AUTOCAST.get(self.precision, torch.float32)

    @contextlib.contextmanager
    def running(self) -> cabc.Iterator[None]:
        """Inference without gradients at this precision; settings of the process are put back afterwards."""
        kind = self.device.split(":")[0]
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(mixed_precision(kind, self.precision))
            if kind == "cuda":
                stack.enter_context(tf32(allowed=self.precision == "tf32"))
            yield


def mixed_precision(kind: str, precision: str) -> contextlib.AbstractContextManager[object]:
    """Autocast on devices of this kind, if the precision has 16 bits."""
    return torch.autocast(kind, dtype=_AUTOCAST[precision]) if precision in _AUTOCAST else contextlib.nullcontext()


@contextlib.contextmanager
def tf32(*, allowed: bool) -> cabc.Iterator[None]:
    """TF32 in matrix products and convolutions; cuDNN's default would use it even for fp32.

    Raises:
        TrackerError: This process has chosen it for single operations, by torch's newer settings.
    """
    cudnn = torch.backends.cudnn
    try:
        before = torch.get_float32_matmul_precision(), cudnn.allow_tf32
    except RuntimeError as problem:
        raise TrackerError(
            "TF32 was set in this process for single operations (torch.backends.*.*.fp32_precision), so it cannot be "
            "set for a tracker and put back; leave those settings alone, --precision decides"
        ) from problem
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        cudnn.allow_tf32 = before[1]


def padded_size(count: int) -> int:
    """Smallest power of two that holds ``count``: eight shapes up to 128 streams, as many as torch compiles.

    Example:
        >>> [padded_size(count) for count in (1, 3, 8, 9, 33)]
        [1, 4, 8, 16, 64]
    """
    return 1 << (count - 1).bit_length()


class CropMemory:
    """Memory for crops that is used again once nobody looks at it: threads cut into it, the device reads from it.

    Args:
        shape: Of an array of bytes.
        pinned: Page-locked memory, from which a CUDA device reads while the processor goes on.
    """

    def __init__(self, shape: tuple[int, ...], *, pinned: bool = False) -> None:
        self._shape = shape
        self._pinned = pinned
        self._free: collections.deque[Bytes] = collections.deque()

    def take(self) -> Bytes:
        """An array with any content; may be called from several threads."""
        try:
            memory = self._free.pop()
        except IndexError:
            memory = torch.empty(self._shape, dtype=torch.uint8, pin_memory=self._pinned).numpy()
        return np.asarray(_Lent(memory, self._free))


class _Lent:
    """The base of an array from :meth:`CropMemory.take` and of all its views: ends with the last of them."""

    __slots__ = ("__array_struct__", "_free", "_memory")

    def __init__(self, memory: Bytes, free: collections.deque[Bytes]) -> None:
        self.__array_struct__ = memory.__array_struct__
        self._memory = memory
        self._free = free

    def __del__(self) -> None:
        self._free.append(self._memory)


class Event(Protocol):
    """A mark in a device's work."""

    def synchronize(self) -> None:
        """Wait until the device has come to it."""
        ...

    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds from here to another mark, both passed."""
        ...


class Pending(NamedTuple):
    """A forward pass under way.

    Attributes:
        answers: (shape, K) on the host, to be read once ``end`` has passed.
        streams: Rows that were asked for; further ones fill the fixed shape.
        crops: Memory that the device may still be reading.
        begin: Before the network's first kernel; None on a processor, which has ended when it returns.
        end: After the last copy to the host.
    """

    answers: Tensor
    streams: int
    crops: cabc.Sequence[Bytes]
    begin: Event | None = None
    end: Event | None = None


class Card:
    """A CUDA device beside the processor: nothing here waits for it.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._uploads = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def upload(self, rows: cabc.Sequence[Bytes], count: int) -> Tensor:
        """Begin to send page-locked rows, beside what the device computes; its later work waits for them.

        Returns:
            (count, ...) uint8 on the device; what is not filled by ``rows`` is zero.
        """
        with torch.cuda.stream(self._uploads):
            batch = torch.zeros((count, *rows[0].shape), dtype=torch.uint8, device=self._device)
            for row, place in zip(rows, batch.unbind(), strict=False):
                place.copy_(torch.from_numpy(row), non_blocking=True)
        working = torch.cuda.current_stream(self._device)
        working.wait_stream(self._uploads)
        batch.record_stream(working)
        return batch

    def download(self, answers: Tensor) -> Tensor:
        """Begin to copy answers (B, K) to page-locked memory of the same shape."""
        host = torch.empty(answers.shape, dtype=answers.dtype, pin_memory=True)
        return host.copy_(answers, non_blocking=True)

    def mark(self) -> Event:
        """An event after all that was asked for so far; who waits for it sleeps and keeps no core busy."""
        event = torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event


class Runner:
    """A network on its device, fed with crops.

    Args:
        model: In any mode; switched to evaluation, its matrices are converted once to the engine's precision.
        engine: Where and how.
        forward: Maps a batch of templates and a batch of crops (B, ...) uint8 to answers (B, K).
        card: None on a processor.
    """

    def __init__(self, model: nn.Module, engine: Engine, forward: Forward, card: Card | None = None) -> None:
        self.engine = engine
        self.device = torch.device(engine.device)
        self.card = Card(self.device) if card is None and self.device.type == "cuda" else card
        self.seconds = {"upload": 0.0, "forward": 0.0}
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.model = model.eval().requires_grad_(requires_grad=False).to(self.device)
        for part in self.model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                part.to(engine.dtype)  # what autocast would do in every step
        self._forward = torch.compile(forward, dynamic=False) if engine.compiled else forward
        self._reserved = 0
        self._mean, self._std = (
            torch.tensor(values, device=self.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
        )

    def reserve(self, streams: int) -> None:
        """On a card, compute up to so many streams always at this one shape."""
        self._reserved = streams

    def embed(self, function: cabc.Callable[[Tensor], Tensor], crops: cabc.Iterable[npt.NDArray[Any]]) -> list[Tensor]:
        """What a network makes of templates; each alone, so that it is the same however many streams start together.

        Args:
            function: Maps (1, ...) on the device to (1, ...).
            crops: One for each stream.
        """
        with self.engine.running():
            return [function(self._sent(crop)[None])[0] for crop in crops]

    def normalized(self, images: Tensor) -> Tensor:
        """Images (B, M, S, S, 3), uint8 or float32 in [0, 1], as network input (B, 3 M, S, S)."""
        channels_first = images.permute(0, 1, 4, 2, 3)
        if images.dtype == torch.uint8:
            channels_first = channels_first.float().div_(255.0)
        return ((channels_first - self._mean) / self._std).flatten(1, 2).contiguous()

    def submit(self, templates: cabc.Sequence[Tensor], crops: cabc.Sequence[Bytes]) -> Pending:
        """Begin a forward pass; on a card, return before it is done.

        Args:
            templates: B tensors on the device, from :meth:`embed`.
            crops: B arrays of one shape, page-locked for a card, unchanged until :meth:`collect`.
        """
        begin, count = time.perf_counter(), len(crops)
        shape = self._shape(count)
        with self.engine.running():
            template = _batch([*templates, *[templates[-1]] * (shape - count)])
            if self.card is not None:
                batch = self.card.upload(crops, shape)
                self.seconds["upload"] += time.perf_counter() - begin
                first = self.card.mark()
                answers = self.card.download(self._forward(template, batch).float())
                return Pending(answers, count, crops, first, self.card.mark())
            batch = _batch([torch.from_numpy(crop) for crop in (*crops, *[crops[-1]] * (shape - count))])
            sent = time.perf_counter()
            answers = self._forward(template, batch).float()
        self.seconds["upload"] += sent - begin
        self.seconds["forward"] += time.perf_counter() - sent
        return Pending(answers, count, crops)

    def collect(self, pending: Pending) -> Float32Array:
        """Wait for a forward pass.

        Returns:
            (B, K).
        """
        if pending.begin is not None and pending.end is not None:
            pending.end.synchronize()
            self.seconds["forward"] += pending.begin.elapsed_time(pending.end) / 1000
        answers: Float32Array = pending.answers.numpy()[: pending.streams]
        return answers

    def _shape(self, count: int) -> int:
        """Rows to compute for ``count`` streams."""
        if self.card is not None and count <= self._reserved:
            return self._reserved
        return padded_size(count) if self.engine.compiled else count

    def _sent(self, array: npt.NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self.device.type == "cpu" else tensor.pin_memory().to(self.device, non_blocking=True)


def _batch(rows: cabc.Sequence[Tensor]) -> Tensor:
    return torch.stack(list(rows)) if len(rows) > 1 else rows[0][None]  # one alone is not copied


class Crop(Protocol):
    """What ``prepare`` of a learned tracker answers: its crop, and what only the tracker knows."""

    @property
    def pixels(self) -> Bytes:
        """Bytes for the device."""
        ...


class Started(Protocol):
    """The state of a stream of a learned tracker."""

    template: Tensor


S = TypeVar("S", bound=Started)
C = TypeVar("C", bound=Crop)


class TorchTracker(Generic[S, C]):
    """What the slot loop may ask of a tracker on a device.

    See :class:`~evalkit.tracking.interface.DeviceTracker` and :class:`~evalkit.tracking.interface.SubmittingTracker`.
    """

    def __init__(self, info: TrackerInfo, runner: Runner) -> None:
        self.info = info
        self._runner = runner

    @property
    def overlaps(self) -> bool:
        """Whether a device works beside the processor."""
        return self._runner.card is not None

    def reserve(self, streams: int) -> None:
        """One shape for all calls of up to so many streams."""
        self._runner.reserve(streams)

    def track(self, states: cabc.Sequence[S], inputs: cabc.Sequence[C]) -> Predictions:
        """One forward pass for all streams."""
        return self.collect(self.submit(states, inputs))

    def submit(self, states: cabc.Sequence[S], inputs: cabc.Sequence[C]) -> "BegunStep[S, C]":
        """Begin one forward pass for all streams."""
        pending = self._runner.submit([state.template for state in states], [item.pixels for item in inputs])
        return BegunStep(states, inputs, pending)

    def collect(self, step: "BegunStep[S, C]") -> Predictions:
        """Wait for it and move the streams to their new boxes."""
        return self._predictions(step.states, step.inputs, self._runner.collect(step.pending))

    @abstractmethod
    def _predictions(self, states: cabc.Sequence[S], inputs: cabc.Sequence[C], answers: Float32Array) -> Predictions:
        """From the network's answers (B, K) to boxes in the images; changes the states."""

    def device_memory(self) -> DeviceMemory | None:
        """Memory of a CUDA device; None on the processor."""
        device = self._runner.device
        if device.type != "cuda":
            return None
        total = torch.cuda.get_device_properties(device).total_memory
        return DeviceMemory(total, torch.cuda.max_memory_allocated(device))

    def release_memory(self) -> None:
        """Give cached device memory back."""
        if self._runner.device.type == "cuda":
            torch.cuda.empty_cache()

    def stage_seconds(self) -> dict[str, float]:
        """Seconds spent handing crops over, and in the network (on a card, by its own clock)."""
        return dict(self._runner.seconds)

    def synchronize(self) -> None:
        """Wait until the device is idle."""
        if self._runner.device.type == "cuda":
            torch.cuda.synchronize(self._runner.device)


class BegunStep(NamedTuple, Generic[S, C]):
    """Streams whose next boxes are being computed."""

    states: cabc.Sequence[S]
    inputs: cabc.Sequence[C]
    pending: Pending
