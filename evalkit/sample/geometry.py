"""Ground truth of a scene from its geometry."""

from dataclasses import dataclass

import numpy as np

from evalkit.boxes import Boxes, Flags, FloatArray
from evalkit.sample.scene import Instant, Scene

OUT_OF_VIEW_BELOW = 0.05
OCCLUDED_BELOW = 0.10
_WHOLE = 0.9995


@dataclass(frozen=True, slots=True, eq=False)
class SceneTruth:
    """Ground truth of a sequence, one row per frame.

    Attributes:
        boxes: (F, 4) left, top, width, height of the target inside the frame, also where it is hidden; 0-based pixel
            edges; NaN where it is out of view.
        inside: (F,) share of the full box inside the frame.
        visible: (F,) share of the part inside the frame that nothing hides.
        out_of_view: (F,).
        full_occlusion: (F,), never together with ``out_of_view``.
    """

    boxes: Boxes
    inside: FloatArray
    visible: FloatArray
    out_of_view: Flags
    full_occlusion: Flags

    @property
    def absent(self) -> Flags:
        """(F,) out of view or fully occluded."""
        return np.asarray(self.out_of_view | self.full_occlusion)

    @property
    def cover(self) -> FloatArray:
        """(F,) visible share of the whole target; 0 where it is absent."""
        return np.asarray(np.where(self.absent, 0.0, self.inside * self.visible), dtype=np.float64)

    @property
    def cut_by_image(self) -> Flags:
        """(F,) the border of the image cuts the target."""
        return np.asarray((self.inside < _WHOLE) & ~self.absent)


def scene_truth(scene: Scene, first: int = 0, last: int | None = None) -> SceneTruth:
    """Ground truth of the frames ``first`` to ``last`` (inclusive; the sequence's end by default)."""
    stop = scene.frames - 1 if last is None else last
    rows = [frame_truth(scene.at(frame), scene.frame_wh) for frame in range(first, stop + 1)]
    table = np.array(rows, dtype=np.float64)
    inside, visible = table[:, 4], table[:, 5]
    out_of_view = inside < OUT_OF_VIEW_BELOW
    boxes = table[:, :4].copy()
    boxes[out_of_view] = np.nan
    return SceneTruth(boxes, inside, visible, out_of_view, ~out_of_view & (visible < OCCLUDED_BELOW))


def frame_truth(instant: Instant, frame_wh: tuple[int, int]) -> tuple[float, ...]:
    """Left, top, width, height, inside, visible of the target; nothing is limited or left out."""
    low, high = instant.target_outline.min(axis=0), instant.target_outline.max(axis=0)
    limit = np.array(frame_wh, dtype=np.float64)
    left_top, right_bottom = np.clip(low, 0, limit), np.clip(high, 0, limit)
    size = right_bottom - left_top
    inside = float(np.prod(size) / np.prod(high - low))
    return (*left_top.tolist(), *size.tolist(), inside, _visible_share(instant, frame_wh))


def _visible_share(instant: Instant, frame_wh: tuple[int, int]) -> float:
    """Share of the target's alpha inside the frame that nearer layers leave visible."""
    index = next((k for k, layer in enumerate(instant.layers) if layer.is_target), None)
    if index is None:
        return 0.0
    target = instant.layers[index]
    total = float(target.alpha.sum(dtype=np.float64))
    if total == 0:
        return 0.0
    seen = np.zeros((frame_wh[1], frame_wh[0]), dtype=np.float32)
    seen[target.area] = target.alpha
    for layer in instant.layers[index + 1 :]:
        seen[layer.area] *= 1 - layer.alpha
    return float(seen.sum(dtype=np.float64)) / total
