"""What a run asks of its process: freed memory is kept, OpenCV adds no threads."""

import cv2
import pytest

from evalkit.images import single_opencv_thread
from evalkit.tracking.loop import LoopSettings, run_jobs
from helpers.program import python
from helpers.walks import Memory, Walk, jobs

FAULTS = """
import resource, sys
import numpy as np
from evalkit.tracking.ahead import keep_freed_memory

if sys.argv[1] == "keep" and not keep_freed_memory():
    print("-1")
    sys.exit()
def use():
    frames = [np.ones((720, 1280, 3), np.uint8) for _ in range(8)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 40)
"""


def faults(how, monkeypatch):
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    return float(python(FAULTS, how).stdout)


def test_frames_that_are_done_with_leave_their_pages_to_the_next(monkeypatch):
    kept = faults("keep", monkeypatch)
    if kept < 0:
        pytest.skip("this C library has no such thresholds")
    assert kept < 0.1 * faults("leave", monkeypatch)


def test_thresholds_of_the_user_are_left_alone(monkeypatch):
    from evalkit.tracking.ahead import keep_freed_memory

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert keep_freed_memory() is False


def test_opencv_adds_no_threads_in_a_run_and_has_them_back_after_it():
    seen = []

    class Watched(Walk):
        def prepare(self, state, frame):
            seen.append(cv2.getNumThreads())
            return super().prepare(state, frame)

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        run_jobs(Watched(), jobs([4, 3]), Memory(), LoopSettings(capacity=2))
        assert cv2.getNumThreads() == 3
        with pytest.raises(ZeroDivisionError), single_opencv_thread():
            raise ZeroDivisionError
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
    assert set(seen) == {1}
