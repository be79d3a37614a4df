"""The field's tracker interfaces: how one is recognized in a class, and how its objects become simple trackers."""

import collections.abc as cabc
import enum
import inspect
import re
import sys
from collections import OrderedDict
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import text_of
from evalkit.tracking.interface import Image, SimpleTracker, TrackerOptions


class Interface(enum.Enum):
    """What a user's class may look like; the value is what ``check-tracker`` says of it."""

    BATCHED = "evalkit's batched interface: info, initialize, prepare, track"
    SIMPLE = "initialize(image, box), track(image) -> box"
    PYTRACKING = "pytracking's: initialize(image, {'init_bbox': box}), track(image) -> {'target_bbox': box}"
    GOT10K = "got10k's: init(PIL image, box), update(image) -> box"
    PYSOT = "pysot's: init(BGR image, box), track(image) -> {'bbox': box, 'best_score': confidence}"
    VOT = "VOT's: Tracker(image, region), track(image) -> region"
    VOT_SCRIPT = "a script that imports vot, in a process of its own"


FAMILIES = (Interface.SIMPLE, Interface.PYTRACKING, Interface.GOT10K, Interface.PYSOT, Interface.VOT)


def interface_of(kind: type) -> Interface | None:
    """Recognize a class by its methods and their parameters; None if it fits nothing.

    Example:
        >>> class Mine:
        ...     def initialize(self, image, info): ...
        ...     def track(self, image, info=None): ...
        >>> interface_of(Mine).name
        'PYTRACKING'
    """
    if hasattr(kind, "track") and hasattr(kind, "prepare"):
        return Interface.BATCHED
    if hasattr(kind, "track") and hasattr(kind, "initialize"):
        return Interface.PYTRACKING if _takes_info(kind) else Interface.SIMPLE
    if hasattr(kind, "update") and hasattr(kind, "init"):
        return Interface.GOT10K
    if hasattr(kind, "track") and hasattr(kind, "init"):
        return Interface.PYSOT
    if hasattr(kind, "track") and len(required(kind)) == 2 and required(kind)[0] not in {"params", "options"}:
        return Interface.VOT
    return None


def required(function: cabc.Callable[..., object]) -> list[str]:
    """Names of the parameters without default."""
    return [
        parameter.name
        for parameter in parameters_of(function)
        if parameter.default is parameter.empty and parameter.kind not in _ANY_NUMBER
    ]


def parameters_of(function: cabc.Callable[..., object]) -> list[inspect.Parameter]:
    """Parameters of a class or a bound method; none where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []


_ANY_NUMBER = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def _takes_info(kind: type) -> bool:
    """Whether ``initialize`` wants a dictionary: its second parameter says so, or its code looks up the box."""
    function = inspect.unwrap(kind.initialize)  # type: ignore[attr-defined]
    parameters = parameters_of(function)[2:3]  # behind self and the image
    for parameter in parameters:
        kinds = (dict, OrderedDict, "dict")
        if "info" in parameter.name.lower() or parameter.annotation in kinds or "ict[" in str(parameter.annotation):
            return True
    return _mentions(getattr(function, "__code__", None), "init_bbox")


def _mentions(code: CodeType | None, text: str) -> bool:
    """Whether a constant of the code, or of a function inside of it, is that text."""
    if code is None:
        return False
    return any(const == text if isinstance(const, str) else _inner(const, text) for const in code.co_consts)


def _inner(constant: object, text: str) -> bool:
    return isinstance(constant, CodeType) and _mentions(constant, text)


class PytrackingAdapter:
    """A tracker of pytracking and of what was built on it (STARK, OSTrack and most since) as a simple one.

    Source: pytracking, ``pytracking/evaluation/tracker.py``: ``initialize(image, info)`` with a list of four numbers in
    ``info['init_bbox']``, ``track(image, info)`` with the last answer in ``info['previous_output']``. Images are RGB
    and may be changed.
    """

    def __init__(self, tracker: Any, device: str) -> None:
        self.tracker = tracker
        self._device = device
        self._with_info = sum(p.kind is not p.VAR_KEYWORD for p in parameters_of(tracker.track)) > 1
        self._last: OrderedDict[str, Any] = OrderedDict()

    def initialize(self, image: Image, box: Boxes) -> None:
        """Hand the first image over with the box in a dictionary."""
        choose_device(self._device)
        self._keep(self.tracker.initialize(image, {"init_bbox": box.tolist()}))

    def track(self, image: Image) -> Any:
        """Return what ``track`` returns."""
        choose_device(self._device)
        answer = self.tracker.track(image, *([{"previous_output": self._last}] if self._with_info else []))
        self._keep(answer)
        return answer

    def _keep(self, answer: Any) -> None:
        self._last = OrderedDict(answer) if isinstance(answer, cabc.Mapping) else OrderedDict()


class Got10kAdapter:
    """A tracker of the got10k package's API as a simple one.

    Source: got10k 0.1.3, ``got10k/trackers/__init__.py``: ``init(image, box)`` and ``update(image) -> box`` with PIL
    images in mode RGB and boxes left, top, width, height. Classes that read their images themselves elsewhere
    (siamfc-pytorch) expect arrays: those that ask a PIL image for what only an array has get arrays.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker
        self._handed: cabc.Callable[[Image], Any] = _to_pil

    def initialize(self, image: Image, box: Boxes) -> None:
        """Hand the first image over."""
        self._call(self.tracker.init, image, box)

    def track(self, image: Image) -> Any:
        """Return what ``update`` returns."""
        return self._call(self.tracker.update, image)

    def _call(self, method: cabc.Callable[..., Any], image: Image, *more: Boxes) -> Any:
        import PIL.Image

        try:
            return method(self._handed(image), *(item.copy() for item in more))
        except AttributeError as problem:
            if not isinstance(problem.obj, PIL.Image.Image):
                raise
            self._handed = np.array
            return method(np.array(image), *more)


class PysotAdapter:
    """A tracker of pysot, and of what was built on it, as a simple one.

    Source: pysot, ``tools/test.py``: ``init(image, box)`` and ``track(image)`` with images as OpenCV reads them, BGR.
    """

    def __init__(self, tracker: Any, device: str) -> None:
        self.tracker = tracker
        self._device = device

    def initialize(self, image: Image, box: Boxes) -> None:
        """Hand the first image over."""
        choose_device(self._device)
        self.tracker.init(_to_bgr(image), box.tolist())

    def track(self, image: Image) -> Any:
        """Return what ``track`` returns."""
        choose_device(self._device)
        return self.tracker.track(_to_bgr(image))


class Rectangle(NamedTuple):
    """The VOT toolkit's region."""

    x: float
    y: float
    width: float
    height: float


class VotAdapter:
    """A class that is made for one sequence, with its first image and region, as the VOT toolkit's examples are.

    Source: votchallenge/integration, ``python/ncc_tracker.py``. Images are RGB.
    """

    def __init__(self, make: cabc.Callable[[Image, Rectangle], Any]) -> None:
        self._make = make
        self.tracker: Any = None

    def initialize(self, image: Image, box: Boxes) -> None:
        """Make the object."""
        self.tracker = self._make(image, Rectangle(*box.tolist()))

    def track(self, image: Image) -> Any:
        """Return the region, or region and confidence."""
        return vot_answer(self.tracker.track(image))


def vot_answer(answer: Any) -> Any:
    """VOT's regions as numbers: a rectangle's, a polygon's corners; of an empty region zeros."""
    if isinstance(answer, tuple | list) and len(answer) == 2 and not hasattr(answer, "points"):
        return _region(answer[0]), answer[1]
    return _region(answer)


def _region(region: Any) -> Any:
    if region is None or (isinstance(region, tuple) and not region):
        return [0.0, 0.0, 0.0, 0.0]
    if hasattr(region, "points"):
        return [tuple(point) for point in region.points]
    if all(hasattr(region, name) for name in Rectangle._fields):
        return [region.x, region.y, region.width, region.height]
    return region


def adapted(tracker: Any, interface: Interface, options: TrackerOptions) -> SimpleTracker:
    """An object of the user's class as a simple tracker."""
    if interface is Interface.PYTRACKING:
        return PytrackingAdapter(tracker, options.device)
    if interface is Interface.GOT10K:
        return Got10kAdapter(tracker)
    if interface is Interface.PYSOT:
        return PysotAdapter(tracker, options.device)
    simple: SimpleTracker = tracker
    return simple


def choose_device(device: str) -> None:
    """Make the device the one that ``.cuda()`` means in this thread."""
    kind, _, number = device.partition(":")
    if kind == "cuda" and number:
        sys.modules["torch"].cuda.set_device(int(number))


def stay_on_processor() -> None:
    """Where PyTorch has no CUDA device, let ``.cuda()`` leave tensors and networks where they are.

    Most of the field's classes call it whatever the machine; without a device it could only fail.
    """
    torch = sys.modules.get("torch")
    if torch is not None and not torch.cuda.is_available():
        for kind in (torch.Tensor, torch.nn.Module):
            kind.cuda = lambda self, *_args, **_kwargs: self


def no_device(problem: BaseException) -> str:
    """What to say of a call for a CUDA device where PyTorch has none; "" of other problems."""
    torch = sys.modules.get("torch")
    if torch is None or torch.cuda.is_available() or not re.search(r"CUDA|NVIDIA|torch\.cuda", text_of(problem)):
        return ""
    return (
        " PyTorch has no CUDA device here. Calls of .cuda() are let pass; .to('cuda') and device='cuda' are not: take "
        "`device` in the constructor and use it."
    )


def _to_bgr(image: Image) -> Image:
    return np.ascontiguousarray(image[..., ::-1])


def _to_pil(image: Image) -> Any:
    import PIL.Image

    return PIL.Image.fromarray(np.ascontiguousarray(image))
