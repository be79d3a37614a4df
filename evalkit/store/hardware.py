"""The graphics cards of this machine and what drives them, found without importing torch."""

import ctypes
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

NONE = "none"
UNKNOWN = "unknown"
PROC = Path("/proc/driver/nvidia")
_VERSION = re.compile(r"Kernel Module.*?\s(\d+\.\d[\d.]*)\s")
_CUDA = re.compile(r"^cuda\b[^=]*= *'([^']+)'", re.MULTILINE)


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


def _from_library() -> tuple[list[str], str] | None:
    """Ask NVIDIA's management library, which comes with the driver; None without it.

    Source: NVML reference, initialization, system and device queries.
    """
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    if library.nvmlInit_v2():
        return None
    try:
        text, count, card = ctypes.create_string_buffer(128), ctypes.c_uint(), ctypes.c_void_p()
        if library.nvmlSystemGetDriverVersion(text, len(text)) or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return None
        driver, names = text.value.decode("ascii", "replace"), []
        for number in range(count.value):
            known = not library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(card))
            known = known and not library.nvmlDeviceGetName(card, text, len(text))
            names.append(text.value.decode("utf-8", "replace") if known else UNKNOWN)
        return names, driver
    finally:
        library.nvmlShutdown()


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
        found = importlib.util.find_spec("torch")
    except ImportError:  # something forbids it
        return NONE, NONE
    cuda = (
        None if found is None or found.origin is None else _CUDA.search(_read(Path(found.origin).parent / "version.py"))
    )
    if cuda is None:
        return NONE, NONE
    return cuda[1], _installed(f"nvidia-cudnn-cu{cuda[1].partition('.')[0]}")


def _installed(package: str) -> str:
    try:
        return ".".join(importlib.metadata.version(package).split(".")[:3])
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN


def _cudnn_text(number: int) -> str:
    """CuDNN's version as text.

    Example:
        >>> _cudnn_text(91002), _cudnn_text(8902)
        ('9.10.2', '8.9.2')
    """
    major = 10_000 if number >= 90_000 else 1_000
    return f"{number // major}.{number % major // 100}.{number % 100}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
