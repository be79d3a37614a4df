"""The other end of :mod:`evalkit.tracking.vot_process`: a module ``vot`` for a script that runs in its own process.

The file is run by its path, ``python vot_child.py REQUESTS ANSWERS LIFE SCRIPT [ARGUMENT ...]``, and imports nothing of
evalkit. The first three are numbers of open pipes. What the script finds as ``vot`` is made of the classes below,
whatever ``vot.py`` lies beside it: the toolkit's own needs TraX.

Source of the interface: votchallenge/integration, ``python/vot.py``.
"""

import collections
import collections.abc as cabc
import json
import os
import runpy
import sys
import threading
import types
from typing import Any, NoReturn

Rectangle = collections.namedtuple("Rectangle", ["x", "y", "width", "height"])
Point = collections.namedtuple("Point", ["x", "y"])
Polygon = collections.namedtuple("Polygon", ["points"])
Empty = collections.namedtuple("Empty", [])

CHANNELS = {None: ["color"], "color": ["color"], "rgb": ["color"], "rgbd": ["color", "depth"], "rgbt": ["color", "ir"]}
CHANNELS["ir"] = ["ir"]
FORMATS = ("rectangle", "polygon", "mask")


class VOT:
    """What a script makes first; see the source named above."""

    def __init__(self, region_format: str, channels: str | None = None, multiobject: bool | None = None) -> None:  # noqa: FBT001 - VOT's interface
        if region_format not in FORMATS or channels not in CHANNELS:
            raise ValueError(f"VOT({region_format!r}, {channels!r}): formats {FORMATS}, channels {list(CHANNELS)}")
        self._several = bool(multiobject)
        _send({"format": region_format, "channels": CHANNELS[channels]})
        first = _receive()
        if first is None:
            sys.exit(0)
        self._region = _made(region_format, first["region"], first["size"])
        self._images: list[str] | None = first["images"]
        self._begun = self._owes = False

    def region(self) -> Any:
        """The target in the first frame."""
        return self._region

    def objects(self) -> list[Any]:
        """The targets in the first frame: always one."""
        return [self._region]

    def frame(self) -> Any:
        """Path of the next image, or paths of all channels; None after the last."""
        images, self._images = self._images, None
        if images is None:
            if not self._begun:
                self._begun = True
                _send({"ready": True})
            if self._owes:
                raise RuntimeError("frame() was called again before report()")
            request = _receive()
            if request is None:
                return None
            images, self._owes = request["images"], True
        return images[0] if len(images) == 1 else tuple(images)

    def report(self, status: Any, confidence: Any = None) -> None:
        """The target in the frame that was asked for last."""
        if self._several and isinstance(status, list | tuple) and len(status) == 1:
            (status,) = status
        if isinstance(status, list | tuple) and len(status) == 2 and not hasattr(status, "_fields"):
            status, confidence = status
        self._begun, self._owes = True, False
        _send({"region": _numbers(status), "confidence": None if confidence is None else float(confidence)})

    def quit(self) -> None:
        """Nothing is left to do: the process ends with the script."""

    def __enter__(self) -> "VOT":
        return self

    def __exit__(self, *_problem: object) -> None:
        self.quit()


class VOTManager:
    """Runs trackers made by a factory ``(image, region)``; each is called with an image."""

    def __init__(self, factory: Any, region_format: str, channels: str | None = None) -> None:
        self._handle = VOT(region_format, channels, multiobject=True)
        self._factory = factory

    def run(self) -> None:
        """Track until there are no more frames."""
        image = self._handle.frame()
        trackers = [self._factory(image, region) for region in self._handle.objects()]
        while image := self._handle.frame():
            self._handle.report([tracker(image) for tracker in trackers])


def module() -> types.ModuleType:
    """The module that a script imports as ``vot``."""
    made = types.ModuleType("vot", "evalkit's own: it answers over a pipe.")
    made.__file__ = __file__  # VOT's examples print it
    for item in (Rectangle, Point, Polygon, Empty, VOT, VOTManager):
        setattr(made, item.__name__, item)
    return made


def _made(region_format: str, box: list[float], size: list[int]) -> Any:
    x, y, width, height = box
    if region_format == "rectangle":
        return Rectangle(x, y, width, height)
    if region_format == "polygon":
        return Polygon([Point(x, y), Point(x + width, y), Point(x + width, y + height), Point(x, y + height)])
    import numpy as np

    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[max(round(y), 0) : max(round(y + height), 0), max(round(x), 0) : max(round(x + width), 0)] = 1
    return mask


def _numbers(region: Any) -> list[float]:
    """A rectangle's four numbers, a polygon's corners, of a mask the box around it; none of an empty region."""
    if region is None or (isinstance(region, tuple) and not region):
        return []
    if hasattr(region, "points"):
        return [float(number) for point in region.points for number in point]
    if hasattr(region, "nonzero") and getattr(region, "ndim", 1) == 2:
        rows, columns = region.nonzero()
        if len(rows) == 0:
            return []
        left, top = float(columns.min()), float(rows.min())
        return [left, top, float(columns.max()) + 1 - left, float(rows.max()) + 1 - top]
    if all(hasattr(region, name) for name in Rectangle._fields):
        region = [getattr(region, name) for name in Rectangle._fields]
    return [float(number) for number in region]


_pipes: dict[str, Any] = {}


def _send(message: cabc.Mapping[str, Any]) -> None:
    if not _pipes:
        raise RuntimeError("vot.VOT works in a script of its own: give evalkit the FILE.py without a class.")
    _pipes["answers"].write(json.dumps(message).encode() + b"\n")


def _receive() -> Any:
    line = _pipes["requests"].readline()
    return json.loads(line) if line else None


def _end_with(life: int) -> NoReturn:
    os.read(life, 1)  # returns when the process that started this one has ended
    os._exit(1)


def _main(arguments: list[str]) -> None:
    requests, answers, life = map(int, arguments[:3])
    _pipes["requests"] = os.fdopen(requests, "rb")
    _pipes["answers"] = os.fdopen(answers, "wb", buffering=0)
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    sys.modules["vot"] = module()
    sys.argv = arguments[3:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as Python does for a script
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _main(sys.argv[1:])
