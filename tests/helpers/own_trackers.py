"""Own trackers, written to a file: some misbehave once or forever in the process that runs them."""

from pathlib import Path
from typing import Any

import trackers
from evalkit.testing import draw_video, track_together
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import Tracker, TrackerOptions

SOURCE = '''
import os, signal, time
import numpy as np

MARKER = {marker!r}


def once():
    """True for the first caller of all processes."""
    try:
        os.close(os.open(MARKER, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


class Drift:
    def initialize(self, image, box):
        self.box = np.array(box, float)
        self.frame = 0

    def track(self, image):
        time.sleep({sleep})
        self.frame += 1
        self.box[:2] += image.mean() / 1000
        {trouble}
        return self.box.copy()
'''

SLOWLY = "0.4 * (not os.path.exists(MARKER + '-go'))"  # seconds for a frame, until there is that file
MEETING = """

def meet():
    # nobody works alone: wait until a second process has begun
    open(f"{MARKER}-{os.getpid()}", "w").close()
    while sum(name.startswith(os.path.basename(MARKER) + "-") for name in os.listdir(os.path.dirname(MARKER))) < 2:
        time.sleep(0.01)
"""
KILLED_ONCE = "if self.frame == 5 and once(): os.kill(os.getpid(), signal.SIGKILL)"
KILLED_ALWAYS = "if self.frame == 5: os.kill(os.getpid(), signal.SIGKILL)"
KILLED_AT_WIDTH = "if self.frame == 5 and abs(self.box[2] - 12.5) < 0.1: os.kill(os.getpid(), signal.SIGKILL)"

FULL_DISK = """
import pathlib
real = pathlib.Path.replace
def replace(self, target):
    if "sequences" in str(target):
        raise OSError(28, "No space left on device")
    return real(self, target)
pathlib.Path.replace = replace
"""


def own_tracker(
    folder: Path, *, sleep: float | str = 0.0, trouble: str = "pass", top: str = "", name: str = "mine"
) -> str:
    """Write the file and return what to type for ``--tracker``."""
    path = folder / f"{name}.py"
    path.write_text(SOURCE.format(marker=str(folder / "marker"), sleep=sleep, trouble=trouble) + top)
    return f"{path}:Drift"


def load(spec: object, timeout: float = 60.0, **options: Any) -> Tracker[Any, Any]:
    """What ``--tracker`` with this text makes; all trackers of the catalog are at hand."""
    return load_tracker(trackers.CATALOG, str(spec), TrackerOptions(**options), timeout=timeout)


def moved(tracker: Tracker[Any, Any]) -> tuple[list[float], float]:
    """How far the first video's box has moved after three steps, and the last confidence."""
    video = draw_video(frame_count=4)
    path = track_together(tracker, [video])[0]
    return (path.boxes[-1] - video.boxes[0]).tolist(), path.confidence[-1]
