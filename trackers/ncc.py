"""NCC: normalized cross-correlation of the first frame's template in a window of 3 x 3 target sizes."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from evalkit.boxes import Boxes
from evalkit.sequences import Frame
from evalkit.tracking.interface import TrackerInfo, TrackerOptions

from .patches import (
    DEPTH_SETTINGS,
    LEAST_SHARE,
    SENSORS,
    Maps,
    Size,
    TargetState,
    keep_inside,
    median_depth,
    read_patches,
    same_sensors,
    share_at_depth,
    target_of,
)
from .peaks import subpixel
from .settings import described, replaced
from .stepping import Step, SteppingTracker


@dataclass(frozen=True, slots=True)
class NccSettings:
    """Numbers of NCC.

    Attributes:
        window: Side of the search window over that of the target.
        template_area: Larger templates are shrunk to this number of pixels.
        center_preference: Taken from the score at the window's edge: decides between equal scores, e.g. on a constant
            image.
        depth_weight: Weight of depth against the color image: much of a scene is at the target's depth.
    """

    window: int = 3
    template_area: float = 40.0**2
    center_preference: float = 1e-3
    depth_weight: float = 0.25


SETTINGS = NccSettings()


@dataclass(frozen=True, slots=True, eq=False)
class NccMemory:
    """What NCC knows: the target and its template, (sensors, height, width)."""

    target: TargetState
    template: Maps


class NccTracker(SteppingTracker[NccMemory]):
    """Finds the window of the first frame again; size and template stay as they were.

    With a second image, the scores of both are averaged. That of depth is how well the target's depth fills the
    box, and a place at another depth is not the target.
    """

    def __init__(self, settings: NccSettings = SETTINGS) -> None:
        self.settings = settings
        self.info = TrackerInfo("ncc", SENSORS, {**described(settings, SETTINGS), **DEPTH_SETTINGS})

    def begin(self, frame: Frame, box: Boxes) -> NccMemory:
        """Cut the template (sensors, height, width) out of the box (4,)."""
        target, area = target_of(frame, box), self.settings.template_area
        shrink = min(1.0, np.sqrt(area / target.size_wh.prod()))
        # at least 4 pixels: a template of one pixel has no variance
        sides = np.clip(np.round(target.size_wh * shrink), 4, 4 * area**0.5)
        patches = read_patches(frame, target, [target.size_wh], (int(sides[0]), int(sides[1])))
        return NccMemory(target, patches[0])

    def step(self, memory: NccMemory, frame: Frame) -> Step[NccMemory]:
        """Move to the best place in the window."""
        target, template, side = memory.target, memory.template, self.settings.window
        same_sensors(frame, len(template))
        height, width = template.shape[1:]
        window = read_patches(frame, target, [target.size_wh * side], (width * side, height * side))[0]
        score = self._score(template, window, frame)
        row, column = (int(index) for index in np.unravel_index(int(score.argmax()), score.shape))
        place = np.array(subpixel(score, row, column)[::-1]) + 0.5 - np.array(score.shape[::-1]) / 2
        center = target.center + place * target.size_wh / (width, height)
        moved = keep_inside(target._replace(center=center), frame)
        share = share_at_depth(frame, moved)
        if share >= LEAST_SHARE:  # else an occluder, or what was behind the target
            target = moved._replace(depth=median_depth(frame, moved))
        confidence = float(np.clip(score[row, column], 0, 1)) * share
        return Step(replace(memory, target=target), target.box, confidence)

    def _score(self, template: Maps, window: Maps, frame: Frame) -> Maps:
        score = _match(template[0], window[0])
        if frame.aux is not None and frame.aux.dtype == np.uint16:
            fill = _fill(window[1], (template.shape[2], template.shape[1]))
            weight = self.settings.depth_weight
            score = np.float32(1 - weight) * score + np.float32(weight) * fill
        elif frame.aux is not None:
            score = (score + _match(template[1], window[1])) / np.float32(2)
        return score - np.float32(self.settings.center_preference) * _distance(score.shape)


def _match(template: Maps, window: Maps) -> Maps:
    """Correlation coefficient at every place; 0 where the template or the window is constant."""
    if template.std() < 1e-3:
        return np.zeros((window.shape[0] - template.shape[0] + 1, window.shape[1] - template.shape[1] + 1), np.float32)
    score = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
    # out of range where the window's variance is zero but for rounding
    return np.where(np.abs(score) <= 1.001, score, 0).astype(np.float32)


def _fill(gate: Maps, size_wh: Size) -> Maps:
    """Share of the target's depth in a box of the target's size, at every place.

    A target has one depth, so its template has no contrast with which to correlate; how well it fills the box has.
    """
    mean = cv2.boxFilter(gate, -1, size_wh, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    fitting = mean[: gate.shape[0] - size_wh[1] + 1, : gate.shape[1] - size_wh[0] + 1]
    return (fitting / 255).astype(np.float32)


def _distance(shape: tuple[int, ...]) -> Maps:
    """Squared distance from the middle, 1 at the middle of an edge."""
    rows, columns = (np.linspace(-1, 1, side) ** 2 for side in shape)
    return np.add.outer(rows, columns).astype(np.float32)


def build(name: str, options: TrackerOptions) -> NccTracker:
    """The factory of the catalog."""
    return NccTracker(replaced(name, SETTINGS, options.settings))
