"""What this process may use of its machine: processor cores and memory, a container's limits included."""

import collections.abc as cabc
import math
import os
from pathlib import Path, PurePosixPath

_PROC = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores(groups: Path = _PROC, mount: Path = _MOUNT) -> int:
    """Cores that this process may use: those it is pinned to, but no more than its container's quota.

    A container with a quota still sees all cores of its machine; a thread for each of them would stand still most of
    the time. Part of a core counts as one.

    Args:
        groups: The list of this process's control groups, in the format of ``/proc/self/cgroup``.
        mount: Where the groups' files are.

    Returns:
        At least 1.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = (_quota(folder) for folder in _folders("cpu", groups, mount))
    return max(1, min([pinned, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def usable_memory(groups: Path = _PROC, mount: Path = _MOUNT) -> int | None:
    """Bytes of memory that this process may use: the machine's, but no more than its container's limit.

    Args:
        groups: As for :func:`usable_cores`.
        mount: Where the groups' files are.

    Returns:
        None on a system that does not say.
    """
    try:
        physical = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (ValueError, OSError, AttributeError):
        physical = []
    folders = _folders("memory", groups, mount)
    limits = [_numbers(folder, name) for folder in folders for name in ("memory.max", "memory.limit_in_bytes")]
    return min([*physical, *(int(limit[0]) for limit in limits if limit)], default=None)


def _folders(controller: str, groups: Path, mount: Path) -> cabc.Iterator[Path]:
    """Folders of this process's groups and of all above them, whose smallest limit counts."""
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not number.isdigit() or (controllers and controller not in controllers.split(",")):
            continue
        # version 1 has a folder for each controller; version 2 has one for all, beside the others on mixed systems
        tops = {mount / controllers, mount / controller} if controllers else {mount, mount / "unified"}
        # inside a container the path may be one of the machine outside, whose folders are not visible here
        inside = PurePosixPath(*(part for part in path.split("/") if part not in {"", ".."}))
        yield from {top / folder for top in tops for folder in (inside, *inside.parents)}


def _quota(folder: Path) -> float | None:
    """Quota of one group in cores: ``cpu.max`` in version 2, two files in version 1; None if there is none."""
    version_1 = _numbers(folder, "cpu.cfs_quota_us") + _numbers(folder, "cpu.cfs_period_us")
    quota, period = next((pair for pair in (_numbers(folder, "cpu.max"), version_1) if len(pair) == 2), (0.0, 0.0))
    return quota / period if quota > 0 and period > 0 else None  # -1: no quota


def _numbers(folder: Path, name: str) -> list[float]:
    """The numbers in one file; none where it is missing, damaged, or says "max"."""
    try:
        return [float(word) for word in (folder / name).read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
