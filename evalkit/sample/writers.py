"""Writers of the eight official folder layouts: where images go, and how each benchmark spells an annotation."""

import collections.abc as cabc
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.boxes import Boxes, Flags
from evalkit.sample.geometry import SceneTruth
from evalkit.sample.scenarios import Scenario

FRAMES_PER_SECOND = 25
# GOT-10k's cover label counts these upper bounds that the visible share exceeds; 8 = wholly visible.
_COVER_BOUNDS = (0.0, 0.15, 0.30, 0.45, 0.60, 0.75, 0.90)
_WHOLE = 0.9995

ATTRIBUTE_CODES: dict[str, tuple[str, ...]] = {
    "UAV123": ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB"),
    "LaSOT": ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC"),
    "TNL2K": (
        *("CM", "ROT", "DEF", "FOC", "IV", "OV", "POC", "VC", "SV"),
        *("BC", "MB", "ARC", "LR", "FM", "AS", "TC", "MS"),
    ),
    "VisEvent": (
        *("CM", "ROT", "DEF", "FOC", "LI", "OV", "POC", "VC", "SV"),
        *("BC", "MB", "ARC", "FM", "NMO", "IV", "OE", "BOM"),
    ),
    "LasHeR": (
        *("NO", "PO", "TO", "HO", "MB", "LI", "HI", "AIV", "LR", "DEF"),
        *("BC", "SA", "CM", "TC", "FL", "OV", "FM", "SV", "ARC"),
    ),
}

Names = cabc.Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RenderedSequence:
    """A rendered sequence as a writer needs it."""

    scenario: Scenario
    frames: int
    lead: int
    truth: SceneTruth
    frame_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """How a benchmark lays out its data.

    Attributes:
        images: (scenario, position in the image folder from 0) -> path of the color image and, where there is a
            second sensor, of its image; relative to the benchmark's folder.
        annotate: Writes the files of a sequence: (benchmark's folder, folder of the hidden truth, clip).
        finish: Writes the files of the whole benchmark: (benchmark's folder, hidden truth, clips).
    """

    images: cabc.Callable[[Scenario, int], tuple[str, ...]]
    annotate: cabc.Callable[[Path, Path, RenderedSequence], None]
    finish: cabc.Callable[[Path, Path, list[RenderedSequence]], None]


def whole_pixels(boxes: Boxes, origin: int = 0) -> Boxes:
    """Round half up, keep width and height at least 1; NaN stays.

    Example:
        >>> whole_pixels(np.array([[1.5, 2.4, 0.2, 3.5]]), origin=1)
        array([[3., 3., 1., 4.]])
    """
    rounded = np.floor(boxes + 0.5)
    rounded[:, 2:] = np.maximum(rounded[:, 2:], 1)
    rounded[:, :2] += origin
    return np.asarray(rounded)


def integer_rows(boxes: Boxes, absent: str) -> str:
    """Rows ``x,y,w,h`` of integers; a row with NaN becomes the text ``absent``."""
    return _rows(boxes, lambda value: str(int(value)), absent)


def decimal_rows(boxes: Boxes, decimals: int, absent: str = "0,0,0,0", *, trim: bool = False) -> str:
    """Rows ``x,y,w,h`` with a number of decimals, trailing zeros cut off with ``trim``."""

    def text(value: float) -> str:
        digits = f"{value:.{decimals}f}"
        return (digits.rstrip("0").rstrip(".") if trim else digits).replace("-0.", "0.", int(value == 0))

    return _rows(boxes, text, absent)


def flag_lines(flags: Flags) -> str:
    """One 0 or 1 per line."""
    return "".join(f"{int(flag)}\n" for flag in flags)


def cover_labels(truth: SceneTruth) -> list[int]:
    """GOT-10k's labels 0..8 of the visible share: 0 %, up to 15, 30, 45, 60, 75, 90, below 100, 100 %."""
    return [8 if cover >= _WHOLE else sum(cover > bound for bound in _COVER_BOUNDS) for cover in truth.cover]


def _rows(boxes: Boxes, text: cabc.Callable[[float], str], absent: str) -> str:
    lines = [absent if math.isnan(box[0]) else ",".join(text(float(value)) for value in box) for box in boxes]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _attribute_flags(scenario: Scenario) -> list[str]:
    codes = ATTRIBUTE_CODES[scenario.benchmark]
    assert set(scenario.challenges) <= set(codes), scenario.name
    return [str(int(code in scenario.challenges)) for code in codes]


def _name_list(path: Path, clips: list[RenderedSequence], split: str | None = None) -> None:
    names = [clip.scenario.name for clip in clips if split in (None, clip.scenario.split)]
    if names:
        _write(path, "".join(f"{name}\n" for name in names))


def _hidden(boxes: Boxes, gone: Flags) -> Boxes:
    return np.asarray(np.where(gone[:, None], np.nan, boxes))


# UAV123: integers from 1, NaN where the target is absent; a sequence may be a part of a longer folder.


def _uav_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    return (f"data_seq/UAV123/{scenario.folder or scenario.name}/{index + 1:06d}.jpg",)


def _uav_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    folder, name = root / "anno" / "UAV123", clip.scenario.name
    boxes = _hidden(whole_pixels(clip.truth.boxes, origin=1), clip.truth.absent)
    _write(folder / f"{name}.txt", integer_rows(boxes, "NaN,NaN,NaN,NaN"))
    _write(folder / "att" / f"{name}.txt", ",".join(_attribute_flags(clip.scenario)) + "\n")


def _uav_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    lines = ["name,folder,start_frame,end_frame"]
    for clip in clips:
        scenario = clip.scenario
        first = clip.lead + 1
        lines.append(f"{scenario.name},{scenario.folder or scenario.name},{first},{first + clip.frames - 1}")
    _write(root / "anno" / "UAV123" / "sequences.csv", "\n".join(lines) + "\n")


# GOT-10k: 4 decimals and labels; of the test split the first row only, the rest is hidden.


def _got_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    return (f"{scenario.split}/{scenario.name}/{index + 1:08d}.jpg",)


def _got_annotate(root: Path, hidden: Path, clip: RenderedSequence) -> None:
    place = Path(clip.scenario.split) / clip.scenario.name
    if clip.scenario.split == "test":
        _write(root / place / "groundtruth.txt", decimal_rows(clip.truth.boxes[:1], 4))
        _got_labels(hidden / place, clip)
    else:
        _got_labels(root / place, clip)


def _got_labels(folder: Path, clip: RenderedSequence) -> None:
    truth, scenario = clip.truth, clip.scenario
    _write(folder / "groundtruth.txt", decimal_rows(truth.boxes, 4, absent="0.0000,0.0000,0.0000,0.0000"))
    _write(folder / "absence.label", flag_lines(truth.absent))
    _write(folder / "cover.label", "".join(f"{label}\n" for label in cover_labels(truth)))
    _write(folder / "cut_by_image.label", flag_lines(truth.cut_by_image))
    seconds = clip.frames / FRAMES_PER_SECOND
    meta = {
        "url": "rendered by evalkit",
        "begin": "00:00:00",
        "end": f"00:00:{math.ceil(seconds):02d}",
        "anno_fps": f"{FRAMES_PER_SECOND}Hz",
        "object_class": scenario.object_class,
        "motion_class": scenario.description,
        "major_class": "object",
        "root_class": "sample",
        "motion_adverb": "quickly",
        "resolution": str(clip.frame_wh),
    }
    _write(folder / "meta_info.ini", "[METAINFO]\n" + "".join(f"{key}: {value}\n" for key, value in meta.items()))


def _got_finish(root: Path, hidden: Path, clips: list[RenderedSequence]) -> None:
    _name_list(root / "val" / "list.txt", clips, "val")
    _name_list(root / "test" / "list.txt", clips, "test")
    _name_list(hidden / "test" / "list.txt", clips, "test")


# LaSOT: integers from 1, two files with all flags in one line.


def _lasot_folder(scenario: Scenario) -> str:
    return f"{scenario.name.rpartition('-')[0]}/{scenario.name}"


def _lasot_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    return (f"{_lasot_folder(scenario)}/img/{index + 1:08d}.jpg",)


def _lasot_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    folder, truth = root / _lasot_folder(clip.scenario), clip.truth
    _write(folder / "groundtruth.txt", integer_rows(whole_pixels(truth.boxes, origin=1), "0,0,0,0"))
    for name, flags in (("full_occlusion", truth.full_occlusion), ("out_of_view", truth.out_of_view)):
        _write(folder / f"{name}.txt", ",".join(str(int(flag)) for flag in flags))
    _write(folder / "nlp.txt", clip.scenario.description + "\n")


def _lasot_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    _name_list(root / "testing_set.txt", clips, "testing")
    _name_list(root / "training_set.txt", clips, "training")


# TNL2K: integers from 0, an empty box where the target is absent; flags and attributes as in the evaluation kit.


def _tnl_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    number = index + scenario.first_number
    return (f"{scenario.split}/{scenario.name}/imgs/{number:05d}{scenario.image_suffix}",)


def _tnl_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    folder, name = root / clip.scenario.split / clip.scenario.name, clip.scenario.name
    boxes = _hidden(whole_pixels(clip.truth.boxes), clip.truth.absent)
    _write(folder / "groundtruth.txt", integer_rows(boxes, "0,0,0,0"))
    _write(folder / "language.txt", clip.scenario.description + "\n")
    _write(root / "absent" / f"{name}.txt", flag_lines(clip.truth.absent))
    _write(root / "att" / f"{name}_attribute.txt", ",".join(_attribute_flags(clip.scenario)) + "\n")


def _tnl_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    """The official copy has no list file: every folder is a sequence."""


# TrackingNet: image numbers without padding; of TEST the first row only, the rest is hidden.


def _trackingnet_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    return (f"{scenario.split}/frames/{scenario.name}/{index}.jpg",)


def _trackingnet_annotate(root: Path, hidden: Path, clip: RenderedSequence) -> None:
    place = Path(clip.scenario.split) / "anno" / f"{clip.scenario.name}.txt"
    if clip.scenario.split == "TEST":
        _write(root / place, decimal_rows(clip.truth.boxes[:1], 2))
        _write(hidden / place, decimal_rows(clip.truth.boxes, 2))
    else:
        _write(root / place, decimal_rows(clip.truth.boxes, 2))


def _trackingnet_finish(root: Path, hidden: Path, clips: list[RenderedSequence]) -> None:
    """No list files: the annotation folder says which sequences there are."""


# VisEvent: bitmaps, up to 4 decimals, flags with 1 = present.


def _visevent_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    folder, file = f"{scenario.split}/{scenario.name}", f"frame{index + scenario.first_number:04d}.bmp"
    return f"{folder}/vis_imgs/{file}", f"{folder}/event_imgs/{file}"


def _visevent_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    folder = root / clip.scenario.split / clip.scenario.name
    boxes = _hidden(clip.truth.boxes, clip.truth.absent)
    _write(folder / "groundtruth.txt", decimal_rows(boxes, 4, trim=True))
    _write(folder / "absent_label.txt", flag_lines(~clip.truth.absent))
    _write(root / "att" / f"{clip.scenario.name}.txt", "\n".join(_attribute_flags(clip.scenario)) + "\n")


def _visevent_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    _name_list(root / "test" / "testlist.txt", clips)


# LasHeR: integers, a file of boxes per camera.


def _lasher_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    folder, number = f"{scenario.split}/{scenario.name}", index + scenario.first_number
    return f"{folder}/visible/v{number:03d}.jpg", f"{folder}/infrared/i{number:03d}.jpg"


def _lasher_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    scenario = clip.scenario
    folder = root / scenario.split / scenario.name
    visible = _hidden(whole_pixels(clip.truth.boxes), clip.truth.absent)
    infrared = visible + np.array([scenario.infrared_shift, 0, 0, 0])
    _write(folder / "visible.txt", integer_rows(visible, "0,0,0,0"))
    _write(folder / "infrared.txt", integer_rows(infrared, "0,0,0,0"))
    _write(folder / "init.txt", integer_rows(visible[:1], "0,0,0,0"))
    _write(root / "att" / f"{scenario.name}.txt", ",".join(_attribute_flags(scenario)) + "\n")


def _lasher_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    _name_list(root / "testingsetList.txt", clips)


# DepthTrack: integers, NaN where the target is absent, a VOT-style description per sequence.


def _depthtrack_images(scenario: Scenario, index: int) -> tuple[str, ...]:
    folder = f"{scenario.split}/{scenario.name}"
    return f"{folder}/color/{index + 1:08d}.jpg", f"{folder}/depth/{index + 1:08d}.png"


def _depthtrack_annotate(root: Path, _: Path, clip: RenderedSequence) -> None:
    folder = root / clip.scenario.split / clip.scenario.name
    boxes = _hidden(whole_pixels(clip.truth.boxes), clip.truth.absent)
    _write(folder / "groundtruth.txt", integer_rows(boxes, "nan,nan,nan,nan"))
    facts = {
        "name": clip.scenario.name,
        "fps": FRAMES_PER_SECOND,
        "format": "default",
        "channel.default": "color",
        "channels.color": "color/%08d.jpg",
        "channels.depth": "depth/%08d.png",
        "length": clip.frames,
        "width": clip.frame_wh[0],
        "height": clip.frame_wh[1],
    }
    _write(folder / "sequence", "".join(f"{key}={value}\n" for key, value in facts.items()))


def _depthtrack_finish(root: Path, _: Path, clips: list[RenderedSequence]) -> None:
    _name_list(root / "test" / "list.txt", clips)


LAYOUTS: dict[str, SampleLayout] = {
    "UAV123": SampleLayout(_uav_images, _uav_annotate, _uav_finish),
    "GOT-10k": SampleLayout(_got_images, _got_annotate, _got_finish),
    "LaSOT": SampleLayout(_lasot_images, _lasot_annotate, _lasot_finish),
    "TNL2K": SampleLayout(_tnl_images, _tnl_annotate, _tnl_finish),
    "TrackingNet": SampleLayout(_trackingnet_images, _trackingnet_annotate, _trackingnet_finish),
    "VisEvent": SampleLayout(_visevent_images, _visevent_annotate, _visevent_finish),
    "LasHeR": SampleLayout(_lasher_images, _lasher_annotate, _lasher_finish),
    "DepthTrack": SampleLayout(_depthtrack_images, _depthtrack_annotate, _depthtrack_finish),
}
