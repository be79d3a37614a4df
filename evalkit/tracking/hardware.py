"""What a speed was measured on; a speed without it means nothing."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

from evalkit.cores import usable_cores

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
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


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


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
