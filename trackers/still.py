"""Still: the first box forever; the floor of every table."""

import numpy as np

from evalkit.boxes import Boxes
from evalkit.sequences import Frame
from evalkit.tracking.interface import TrackerInfo, TrackerOptions

from .settings import changed
from .stepping import Step, SteppingTracker


class StillTracker(SteppingTracker[Boxes]):
    """Answers the first box; looks at no image."""

    info = TrackerInfo(name="still", modalities=frozenset(), notes=("reads no image",))

    def begin(self, frame: Frame, box: Boxes) -> Boxes:  # noqa: ARG002 - it looks at no image
        """Remember the box (4,)."""
        return np.array(box, dtype=np.float64)

    def step(self, memory: Boxes, frame: Frame) -> Step[Boxes]:  # noqa: ARG002 - it looks at no image
        """Answer it again."""
        return Step(memory, memory, np.nan)


def build(name: str, options: TrackerOptions) -> StillTracker:
    """The factory of the catalog; there is nothing to choose."""
    changed(name, {}, options.settings)
    return StillTracker()
