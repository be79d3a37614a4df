"""What the study scores on: videos of drawn scenes that no training saw, seen by every sensor.

One folder for each scene, as evalkit reads own videos; a layout file tells which sensors a domain shows.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evalkit.modality import Modality
from evalkit.sample.drawn import draw_scene
from evalkit.sample.geometry import frame_truth
from evalkit.sample.image_files import write_image
from evalkit.sample.sensors import EventCamera, color_image, depth_image, thermal_image

SEED = 1_000_003  # of the series; trainings draw from others
_SMALLEST, _SEEN = 10.0, 0.9  # of the first frame's target: pixels a side, visible share
_HIDDEN = 0.1  # visible share below which a target counts as absent
_TRUTH = "groundtruth.txt"
_BLANK = "blank-"
_FOLDERS = {Modality.THERMAL: "infrared", Modality.EVENT: "event", Modality.DEPTH: "depth"}

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Domain:
    """What a tracker sees.

    Attributes:
        name: Of its layout file and its results.
        images: Folder of the images in the place of color.
        second: Second modality.
        blank: That modality's images show nothing.
    """

    name: str
    images: str = "img"
    second: Modality | None = None
    blank: bool = False

    def layout(self) -> str:
        """The layout file."""
        lines = [f'images = "{self.images}"']
        if self.second is not None:
            lines.append(f'{self.second.value} = "{_BLANK * self.blank}{_FOLDERS[self.second]}"')
        return "\n".join(lines) + "\n"


COLOR = Domain("color")
EVENTS = Domain("events", images="event")


def paired(second: Modality) -> Domain:
    """Color and another sensor."""
    return Domain(f"color and {second.value}", second=second)


def blind(second: Modality) -> Domain:
    """Color and a sensor that shows nothing."""
    return Domain(f"color and blank {second.value}", second=second, blank=True)


def draw_videos(folder: Path, count: int, frames: int) -> None:
    """Write what is missing of the first ``count`` scenes that begin well: at most ``frames`` frames, and the boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = (number for number in itertools.count() if _begins_well(number))
    for number in itertools.islice(numbers, count):
        draw_video(folder, frames, number)


def _begins_well(number: int) -> bool:
    """Whether the target is whole and large enough in the first frame."""
    scene = draw_scene(SEED, number).scene
    _, _, width, height, inside, visible = frame_truth(scene.at(0), scene.frame_wh)
    return min(width, height) >= _SMALLEST and inside * visible >= _SEEN


def draw_video(folder: Path, frames: int, number: int) -> None:
    """One scene, seen by all sensors; its boxes are written last and say that it is complete."""
    cv2.setNumThreads(1)
    place = folder / f"{number:06d}"
    if (place / _TRUTH).is_file():
        return
    drawn = draw_scene(SEED, number)
    scene = drawn.scene
    events = EventCamera(scene, drawn.camera)
    rows = []
    for frame in range(min(frames, scene.frames)):
        images: dict[str, Image] = {
            "img": color_image(scene, drawn.camera, frame),
            "infrared": np.repeat(thermal_image(scene, frame)[..., None], 3, axis=2),
            "event": events.next_image(),
            "depth": depth_image(scene, frame),
        }
        for name, image in (images | _blanks(scene.frame_wh)).items():
            (place / name).mkdir(parents=True, exist_ok=True)
            write_image(place / name / f"{frame + 1:04d}.png", image)
        left, top, width, height, inside, visible = frame_truth(scene.at(frame), scene.frame_wh)
        seen = inside * visible > _HIDDEN
        rows.append(f"{left:.2f},{top:.2f},{width:.2f},{height:.2f}" if seen else "nan,nan,nan,nan")
    (place / _TRUTH).write_text("\n".join(rows) + "\n", encoding="utf-8")


def _blanks(frame_wh: tuple[int, int]) -> dict[str, Image]:
    """Images of sensors that see nothing: no warmth, no event, nothing measured."""
    size = frame_wh[1], frame_wh[0]
    return {
        f"{_BLANK}infrared": np.zeros((*size, 3), np.uint8),
        f"{_BLANK}event": np.full((*size, 3), 255, np.uint8),
        f"{_BLANK}depth": np.zeros(size, np.uint16),
    }
