"""What this machine is made of and what drives it: processor, memory, cards, versions; torch is not imported."""

import collections.abc as cabc
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from pathlib import Path

from evalkit.machine import usable_cores, usable_memory

LIBRARIES = ("numpy", "opencv-python", "simplejpeg", "torch")
"""Those whose version may change a box or a speed."""
NONE = "none"
UNKNOWN = "unknown"
PROC = Path("/proc/driver/nvidia")
_VERSION = re.compile(r"Kernel Module.*?\s(\d+\.\d[\d.]*)\s")
_CUDA = re.compile(r"^cuda\b[^=]*= *'([^']+)'", re.MULTILINE)


def describe_machine(device: str) -> dict[str, object]:
    """What a speed was measured on; a speed without it means nothing.

    Args:
        device: "cpu", "cuda", "cuda:1".

    Returns:
        JSON values; ``card`` and ``driver`` are None on a processor or where they cannot be found out.
    """
    card = driver = None
    with _management() as nvml:
        if nvml is not None and (handle := nvml.card(device)) is not None:
            card, driver = nvml.name(handle), nvml.driver()
    return {
        "device": device,
        "card": card,
        "driver": driver,
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gib": round(memory / 2**30, 1) if (memory := usable_memory()) else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """Version of each of :data:`LIBRARIES`, or "not installed"."""
    return {name: _installed(name) or "not installed" for name in LIBRARIES}


def graphics() -> dict[str, str]:
    """Models of the cards, version of their driver, CUDA and cuDNN that torch was built for.

    Returns:
        Texts under gpu, driver, cuda, cudnn; "none" for what is not there, "unknown" for what cannot be found out.
        Equal cards count once, so that machines with one and with eight of them do not differ.
    """
    cards, driver = _from_library() or _from_system() or ([], NONE)
    cuda, cudnn = _cuda()
    torch = sys.modules.get("torch")
    if not cards and torch is not None and torch.cuda.is_available():
        cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        driver = UNKNOWN
    return {"gpu": ", ".join(sorted(set(cards))) or NONE, "driver": driver, "cuda": cuda, "cudnn": cudnn}


def energy_joules(device: str) -> float | None:
    """Energy that a card has used since its driver was loaded; None where it does not tell.

    Args:
        device: "cuda", "cuda:1"; numbers count the cards that CUDA_VISIBLE_DEVICES leaves.
    """
    with _management() as nvml:
        handle = None if nvml is None else nvml.card(device)
        return None if nvml is None or handle is None else nvml.joules(handle)


class _Management:
    """The calls of NVIDIA's management library that are needed; each answers None where the library fails.

    Source: NVML reference, initialization, system and device queries.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def driver(self) -> str | None:
        text = ctypes.create_string_buffer(128)
        failed = self._library.nvmlSystemGetDriverVersion(text, len(text))
        return None if failed else text.value.decode("ascii", "replace")

    def count(self) -> int | None:
        number = ctypes.c_uint()
        return None if self._library.nvmlDeviceGetCount_v2(ctypes.byref(number)) else number.value

    def numbered(self, number: int) -> ctypes.c_void_p | None:
        handle = ctypes.c_void_p()
        failed = self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle))
        return None if failed else handle

    def card(self, device: str) -> ctypes.c_void_p | None:
        """The card that torch calls by this name: it counts those that CUDA_VISIBLE_DEVICES leaves, the library all."""
        kind, _, number = device.partition(":")
        if kind != "cuda":
            return None
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        name = visible[int(number or 0)] if int(number or 0) < len(visible) else number or "0"
        if name.isdigit():
            return self.numbered(int(name))
        handle = ctypes.c_void_p()
        return None if self._library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle)) else handle

    def name(self, card: ctypes.c_void_p) -> str | None:
        text = ctypes.create_string_buffer(128)
        failed = self._library.nvmlDeviceGetName(card, text, len(text))
        return None if failed else text.value.decode("utf-8", "replace")

    def joules(self, card: ctypes.c_void_p) -> float | None:
        millijoules = ctypes.c_ulonglong()
        failed = self._library.nvmlDeviceGetTotalEnergyConsumption(card, ctypes.byref(millijoules))
        return None if failed else millijoules.value / 1000


@contextlib.contextmanager
def _management() -> cabc.Iterator[_Management | None]:
    """NVIDIA's management library, which comes with the driver; None without it."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        library = None
    if library is None or library.nvmlInit_v2():
        yield None
        return
    try:
        yield _Management(library)
    finally:
        library.nvmlShutdown()


def _from_library() -> tuple[list[str], str] | None:
    """Models of all cards, and the driver."""
    with _management() as nvml:
        if nvml is None or (driver := nvml.driver()) is None or (count := nvml.count()) is None:
            return None
        handles = map(nvml.numbered, range(count))
        return [(handle is not None and nvml.name(handle)) or UNKNOWN for handle in handles], driver


def _from_system(folder: Path = PROC) -> tuple[list[str], str] | None:
    """Read what the kernel's driver shows; None where it shows nothing."""
    texts = [_read(path) for path in sorted(folder.glob("gpus/*/information"))]
    names = [line.partition(":")[2].strip() for text in texts for line in text.splitlines() if line.startswith("Model")]
    version = _VERSION.search(_read(folder / "version"))
    return (names, version[1] if version else UNKNOWN) if names or version else None


def _cuda() -> tuple[str, str]:
    """Versions of CUDA and cuDNN, from torch if it is loaded, else from its files."""
    torch = sys.modules.get("torch")
    if torch is not None:
        cuda, number = torch.version.cuda, torch.backends.cudnn.version()
        return cuda or NONE, _cudnn_text(number) if number else NONE
    try:
        place = importlib.util.find_spec("torch")
    except ImportError:  # something forbids it
        return NONE, NONE
    text = "" if place is None or place.origin is None else _read(Path(place.origin).parent / "version.py")
    version = _CUDA.search(text)
    if version is None:
        return NONE, NONE
    cudnn = _installed(f"nvidia-cudnn-cu{version[1].partition('.')[0]}")
    return version[1], ".".join(cudnn.split(".")[:3]) if cudnn else UNKNOWN


def _cudnn_text(number: int) -> str:
    """CuDNN's version as text.

    Example:
        >>> _cudnn_text(91002), _cudnn_text(8902)
        ('9.10.2', '8.9.2')
    """
    major = 10_000 if number >= 90_000 else 1_000
    return f"{number // major}.{number % major // 100}.{number % 100}"


def _processor() -> str:
    lines = _read(Path("/proc/cpuinfo")).splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
