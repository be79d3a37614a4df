"""Base of the learned trackers: device, precision, upload of uint8 crops, batch shapes."""

import collections.abc as cabc
import contextlib
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from evalkit.errors import TrackerError
from evalkit.tracking.interface import DeviceMemory, TrackerInfo, TrackerOptions

Answer = cabc.Callable[[Tensor, Tensor], Tensor]
Float32Array = npt.NDArray[np.float32]

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

    @classmethod
    def of(cls, options: TrackerOptions) -> "Engine":
        """The engine that the command line asks for."""
        return cls(options.device, options.precision, options.compiled)

    @contextlib.contextmanager
    def running(self) -> cabc.Iterator[None]:
        """Inference without gradients at this precision; settings of the process are put back afterwards."""
        kind = self.device.split(":")[0]
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.precision in _AUTOCAST:
                stack.enter_context(torch.autocast(kind, dtype=_AUTOCAST[self.precision]))
            if kind == "cuda":
                stack.enter_context(_tf32(allowed=self.precision == "tf32"))
            yield


@contextlib.contextmanager
def _tf32(*, allowed: bool) -> cabc.Iterator[None]:
    """TF32 in matrix products and convolutions; cuDNN's default would use it even for fp32."""
    cudnn = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.allow_tf32
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


class Runner:
    """A network on its device, fed with crops.

    Args:
        model: In any mode; switched to evaluation.
        engine: Where and how.
        channels: 3, or 6 with a second modality; each triple is normalized alike.
    """

    def __init__(self, model: nn.Module, engine: Engine, channels: int = 3) -> None:
        self.engine = engine
        self.device = torch.device(engine.device)
        self.seconds = {"upload": 0.0, "forward": 0.0}
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.model = model.eval().requires_grad_(requires_grad=False).to(self.device)
        repeat = channels // 3
        self._mean = torch.tensor(IMAGENET_MEAN * repeat, device=self.device).view(1, -1, 1, 1)
        self._std = torch.tensor(IMAGENET_STD * repeat, device=self.device).view(1, -1, 1, 1)

    def compiled(self, function: Answer) -> Answer:
        """The function, compiled if the engine says so."""
        return torch.compile(function, dynamic=False) if self.engine.compiled else function

    def upload(self, crops: cabc.Sequence[npt.NDArray[np.uint8]] | cabc.Sequence[npt.NDArray[np.float32]]) -> Tensor:
        """Send crops to the device and normalize them there.

        Args:
            crops: N arrays (size, size, channels): uint8, or float32 in [0, 1] where the tracker's own resampling
                does not end in whole numbers.

        Returns:
            (N, channels, size, size) float32 on the device.
        """
        begin = time.perf_counter()
        host = torch.from_numpy(np.stack(crops))
        if self.device.type == "cuda":
            host = host.pin_memory()
        batch = host.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        if batch.dtype == torch.uint8:
            batch = batch.float().div_(255.0)
        normalized = ((batch - self._mean) / self._std).contiguous()
        self.seconds["upload"] += time.perf_counter() - begin
        return normalized

    def answer(self, function: Answer, template: Tensor, search: Tensor) -> Float32Array:
        """One forward pass, back on the host.

        Args:
            function: Maps template and search batches to (B, K).
            template: (B, ...).
            search: (B, ...).

        Returns:
            (B, K).
        """
        begin = time.perf_counter()
        count = len(search)
        answers = function(self._padded(template), self._padded(search))[:count].float().cpu().numpy()
        self.seconds["forward"] += time.perf_counter() - begin
        return answers

    def _padded(self, batch: Tensor) -> Tensor:
        """The batch with its last sample repeated up to a fixed size, where the network is compiled."""
        missing = padded_size(len(batch)) - len(batch) if self.engine.compiled else 0
        return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch


class TorchTracker:
    """What the slot loop may ask of a tracker on a device; see :class:`evalkit.tracking.interface.DeviceTracker`."""

    def __init__(self, info: TrackerInfo, runner: Runner) -> None:
        self.info = info
        self._runner = runner

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
        """Host seconds spent sending crops and waiting for answers."""
        return dict(self._runner.seconds)

    def synchronize(self) -> None:
        """Wait until the device is idle."""
        if self._runner.device.type == "cuda":
            torch.cuda.synchronize(self._runner.device)
