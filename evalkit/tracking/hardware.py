"""What a speed was measured on; a speed without it means nothing."""

import ctypes
import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

from evalkit.machine import usable_cores, usable_memory

QUERY_SECONDS = 20.0
LIBRARIES = ("numpy", "opencv-python", "torch")


def describe(device: str) -> dict[str, object]:
    """Processor, memory, card, driver, versions.

    Args:
        device: "cpu", "cuda", "cuda:1".

    Returns:
        JSON values; ``card`` and ``driver`` are None on a processor or where they cannot be found out.
    """
    card, driver = _card(device)
    return {
        "device": device,
        "card": card,
        "driver": driver,
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gib": round(memory / 2**30, 1) if (memory := usable_memory()) else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def energy_joules(device: str) -> float | None:
    """Energy that a card has used since its driver was loaded; None where it does not tell.

    Args:
        device: "cuda", "cuda:1"; numbers count the cards that CUDA_VISIBLE_DEVICES leaves.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    name = visible[int(number or 0)] if int(number or 0) < len(visible) else number or "0"
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    if library.nvmlInit_v2():
        return None
    try:
        if name.isdigit():
            failed = library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(name)), ctypes.byref(handle))
        else:
            failed = library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if failed or library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            return None
        return millijoules.value / 1000
    finally:
        library.nvmlShutdown()


def _card(device: str) -> tuple[str | None, str | None]:
    kind, _, number = device.partition(":")
    program = shutil.which("nvidia-smi")
    if kind != "cuda" or program is None:
        return None, None
    query = [program, f"--id={number or 0}", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_SECONDS, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return None, None
    name, _, driver = done.stdout.strip().partition(", ")
    return name or None, driver or None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
