"""How many processor cores this process may use."""

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
    return max(1, min([pinned, *(math.ceil(quota) for quota in _quotas(groups, mount))]))


def _quotas(groups: Path, mount: Path) -> list[float]:
    """Quotas in cores of this process's groups and all above them: the smallest counts."""
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not number.isdigit() or (controllers and "cpu" not in controllers.split(",")):
            continue
        # version 1 has a folder for each controller; version 2 has one for all, beside the others on mixed systems
        tops = {mount / controllers, mount / "cpu"} if controllers else {mount, mount / "unified"}
        # inside a container the path may be one of the machine outside, whose folders are not visible here
        inside = PurePosixPath(*(part for part in path.split("/") if part not in {"", ".."}))
        folders = {top / folder for top in tops for folder in (inside, *inside.parents)}
        found += [quota for folder in folders if (quota := _quota(folder)) is not None]
    return found


def _quota(folder: Path) -> float | None:
    """Quota of one group: ``cpu.max`` in version 2, ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us`` in version 1."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            words = " ".join((folder / name).read_text(encoding="ascii") for name in names).split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # not there, or "max": no quota
            continue
        if quota > 0 and period > 0:  # -1: no quota
            return quota / period
    return None
