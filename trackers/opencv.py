"""Trackers of the opencv-python package behind evalkit's interface. Weight files come from the user."""

import collections.abc as cabc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import TrackerError
from evalkit.provenance import hash_files
from evalkit.tracking.catalog import STEP_TIMEOUT
from evalkit.tracking.interface import Image, SimpleTracker, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.per_stream import per_stream

from .settings import changed

NOTES = (
    "OpenCV takes whole pixels: the first box is rounded and cut to the frame",
    "a frame in which OpenCV reports the target as lost repeats the last box with confidence 0",
)


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """One ONNX file of a tracker.

    Attributes:
        parameter: Field of OpenCV's ``Params`` that takes the path.
        patterns: Names by which the file is found in a folder, the first that matches decides.
        published: Name of the file where OpenCV publishes it.
    """

    parameter: str
    patterns: tuple[str, ...]
    published: str


@dataclass(frozen=True, slots=True)
class OpenCVModel:
    """One class of OpenCV.

    Attributes:
        name: In the catalog.
        kind: Name of the class in ``cv2``.
        parts: Its files; empty if it needs none.
        source: Who publishes the files.
        deterministic: Same input, same boxes.
        smallest_side: Smaller targets are tracked as a box of this side around their center.
        margin: Pixels by which the frame is continued on each side.
        notes: Remarks for the user.
    """

    name: str
    kind: str
    parts: tuple[OnnxFile, ...] = ()
    source: str = ""
    deterministic: bool = True
    smallest_side: int = 1
    margin: int = 0
    notes: tuple[str, ...] = ()


# MIL draws samples from a generator that cv2.setRNGSeed does not reach: two runs differ (measured, OpenCV 5.0.0). It
# never returns for boxes of 4x4 or 1x12 pixels, and refuses boxes that leave no room for negative samples.
MIL = OpenCVModel(
    "opencv-mil",
    "TrackerMIL",
    deterministic=False,
    smallest_side=8,
    margin=16,
    notes=("targets below 8 pixels are tracked as 8 pixels", "frames are continued by 16 pixels on each side"),
)
NANO = OpenCVModel(
    "opencv-nano",
    "TrackerNano",
    (
        OnnxFile("backbone", ("*backbone*.onnx",), "nanotrack_backbone_sim.onnx"),
        OnnxFile("neckhead", ("*neckhead*.onnx", "*head*.onnx"), "nanotrack_head_sim.onnx"),
    ),
    "NanoTrack by HonglinChu (SiamTrackers repository, NanoTrack/models), as OpenCV's documentation of "
    "cv::TrackerNano says",
)
VIT = OpenCVModel(
    "opencv-vit",
    "TrackerVit",
    (OnnxFile("net", ("*vit*.onnx", "*.onnx"), "object_tracking_vittrack_2023sep.onnx"),),
    "the opencv_zoo repository, models/object_tracking_vittrack",
)
DASIAMRPN = OpenCVModel(
    "opencv-dasiamrpn",
    "TrackerDaSiamRPN",
    (
        OnnxFile("kernel_cls1", ("*cls1*.onnx",), "dasiamrpn_kernel_cls1.onnx"),
        OnnxFile("kernel_r1", ("*_r1*.onnx", "*r1*.onnx"), "dasiamrpn_kernel_r1.onnx"),
        OnnxFile("model", ("*model*.onnx",), "dasiamrpn_model.onnx"),
    ),
    "the links in OpenCV's samples/dnn/dasiamrpn_tracker.py and in the documentation of cv::TrackerDaSiamRPN",
)


class OpenCVTracker:
    """One stream of an OpenCV tracker.

    Args:
        create: Makes OpenCV's object.
        model: Its peculiarities.
        scored: It has a tracking score that means something.
    """

    def __init__(self, create: cabc.Callable[[], Any], model: OpenCVModel, *, scored: bool) -> None:
        self.tracker = create()
        self.model = model
        self.scored = scored
        self.last: Boxes = np.zeros(4)
        self.grown: Boxes = np.zeros(4)

    def initialize(self, image: Image, box: Boxes) -> None:
        """Start; the box is rounded and cut to the frame, since OpenCV takes whole pixels inside."""
        cut = np.array(whole_pixels(box, image), dtype=np.float64)
        size = np.maximum(cut[2:], self.model.smallest_side)
        whole = np.array([*np.floor(cut[:2] - (size - cut[2:]) / 2), *size])
        self.grown = cut - whole
        self.last = cut
        whole[:2] += self.model.margin
        left, top, width, height = (int(value) for value in whole)
        self.tracker.init(self._picture(image), (left, top, width, height))

    def track(self, image: Image) -> tuple[Boxes, float]:
        """Return the box and OpenCV's tracking score, NaN for a tracker without one."""
        visible, box = self.tracker.update(self._picture(image))
        if not visible:
            return self.last, 0.0
        left, top, width, height = box
        shift = self.model.margin
        self.last = np.maximum(
            np.array([left - shift, top - shift, width, height]) + self.grown, (-np.inf, -np.inf, 0, 0)
        )
        if not self.scored:
            return self.last, np.nan
        return self.last, float(np.clip(self.tracker.getTrackingScore(), 0, 1))

    def _picture(self, image: Image) -> Any:
        picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        side = self.model.margin
        return cv2.copyMakeBorder(picture, side, side, side, side, cv2.BORDER_REPLICATE) if side else picture


def whole_pixels(box: Boxes, image: Image) -> tuple[int, int, int, int]:
    """Round a box and cut it to the image; at least one pixel remains.

    Example:
        >>> whole_pixels(np.array([-3.2, 10, 20, 20.6]), np.zeros((24, 40, 3), np.uint8))
        (0, 10, 17, 14)
    """
    height, width = image.shape[:2]
    left, top = (int(value) for value in np.clip(np.round(box[:2]), 0, (width - 1, height - 1)))
    right, bottom = np.clip(np.round(box[:2] + box[2:]), (left + 1, top + 1), (width, height))
    return left, top, int(right) - left, int(bottom) - top


def find_parts(model: OpenCVModel, weights: str | None) -> dict[str, Path]:
    """Assign the user's ONNX files to the parts of a tracker.

    Args:
        model: The tracker.
        weights: A folder; or a file, for a tracker with one part.

    Returns:
        Field of ``Params`` -> file.

    Raises:
        TrackerError: No such place, a part is missing or ambiguous, a file is not ONNX; lists what was found, what is
            needed, and who publishes it.
    """
    path = Path(weights) if weights is not None else None
    if path is None:
        raise _unfit(model, "no --weights given", [])
    if path.is_file():
        if len(model.parts) > 1:
            raise _unfit(model, f"{path} is one file", [path])
        return {model.parts[0].parameter: _checked_onnx(model, path)}
    if not path.is_dir():
        raise _unfit(model, f"neither file nor folder {path}", [])
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".onnx")
    free, chosen = list(files), dict[str, Path]()
    for part in model.parts:
        matches = next((hits for pattern in part.patterns if (hits := _matching(free, pattern))), [])
        if len(matches) != 1:
            problem = "several files fit" if matches else "no file fits"
            raise _unfit(model, f"{problem} {' or '.join(part.patterns)} ({part.parameter}) in {path}", files)
        chosen[part.parameter] = _checked_onnx(model, matches[0])
        free.remove(matches[0])
    return chosen


def _matching(files: cabc.Iterable[Path], pattern: str) -> list[Path]:
    return [file for file in files if Path(file.name.lower()).match(pattern)]


def _unfit(model: OpenCVModel, problem: str, files: cabc.Sequence[Path]) -> TrackerError:
    names = ", ".join(file.name for file in files) or "none"
    needed = ", ".join(f"{part.published} ({part.parameter})" for part in model.parts)
    what = "--weights FILE or DIR with one ONNX file" if len(model.parts) == 1 else "--weights DIR with these files"
    return TrackerError(
        f"tracker {model.name}: {problem}. ONNX files found: {names}. Needed: {what}: {needed}. "
        f"Published by {model.source}."
    )


def _checked_onnx(model: OpenCVModel, path: Path) -> Path:
    with path.open("rb") as stream:
        start = stream.read(64)
    if not start:
        raise _unfit(model, f"{path} is empty", [path])
    if start.startswith(b"version https://git-lfs"):
        raise _unfit(model, f"{path} is a git-lfs pointer: fetch the file itself", [path])
    return path


def build_tracker(model: OpenCVModel, options: TrackerOptions) -> Tracker[Any, Any]:
    """Make a tracker out of an OpenCV class.

    Raises:
        TrackerError: This OpenCV has no such class, the weight files are unfit, or there are settings.
    """
    changed(model.name, {}, options.settings)
    if not hasattr(cv2, model.kind) and not hasattr(cv2, f"{model.kind}_create"):
        raise TrackerError(
            f"tracker {model.name}: OpenCV {cv2.__version__} has no cv2.{model.kind}. "
            f"Install opencv-python 4.10 or later (opencv-python-headless has it too)."
        )
    files = find_parts(model, options.weights) if model.parts else {}
    create = _creator(model, files)
    try:
        create()
    except cv2.error as problem:
        names = ", ".join(str(file) for file in files.values())
        raise TrackerError(f"tracker {model.name}: OpenCV cannot load {names}: {str(problem).strip()}") from problem

    # MIL has the method too, and it always says 0
    scored = bool(model.parts) and hasattr(getattr(cv2, model.kind), "getTrackingScore")

    def make() -> SimpleTracker:
        return OpenCVTracker(create, model, scored=scored)

    info = TrackerInfo(
        name=model.name,
        config={"opencv": cv2.__version__, "smallest_side": model.smallest_side, "margin": model.margin},
        weights_sha256=hash_files(files.values()) if files else None,
        deterministic=model.deterministic,
        notes=(*NOTES, *model.notes),
    )
    return per_stream(make, info, concurrent=True, timeout=STEP_TIMEOUT)


def _creator(model: OpenCVModel, files: cabc.Mapping[str, Path]) -> cabc.Callable[[], Any]:
    # OpenCV 4 and 5 spell them cv2.TrackerX_create and cv2.TrackerX_Params, some builds only cv2.TrackerX.create
    factory = getattr(cv2, f"{model.kind}_create", None) or getattr(cv2, model.kind).create
    if not files:
        return lambda: factory()  # noqa: PLW0108 - without arguments, whatever OpenCV's overloads
    parameters = (getattr(cv2, f"{model.kind}_Params", None) or getattr(cv2, model.kind).Params)()
    for field, file in files.items():
        setattr(parameters, field, str(file))
    return lambda: factory(parameters)


MODELS = {model.name: model for model in (MIL, NANO, VIT, DASIAMRPN)}


def build(name: str, options: TrackerOptions) -> Tracker[Any, Any]:
    """The factory of the catalog; see :func:`build_tracker`."""
    return build_tracker(MODELS[name], options)
