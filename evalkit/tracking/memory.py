"""Freed memory of decoded frames stays with the process."""

import ctypes
import os

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = (1 << 30, 1 << 25)  # older versions of the C library accept half a heap at most
_CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let the next frame have the memory of one that is done with, pages and all.

    A decoded image is larger than what glibc keeps by itself: it is mapped anew for every frame, and the system clears
    each of its pages when it is first touched. Both thresholds must be raised; with one alone every frame faults. The
    peak does not change, only what an idle process holds; ``perf/decoding.py`` measures the gain.

    Returns:
        Whether it was done: not with another C library, nor where the user has set thresholds.
    """
    if any(name in os.environ for name in _CHOSEN_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return any(mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
