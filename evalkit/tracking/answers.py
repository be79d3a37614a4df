"""What an own tracker may answer: a box, a pair with a confidence, a dictionary; lists, arrays, tensors of any kind."""

import collections.abc as cabc
from typing import Any

import numpy as np

from evalkit.boxes import Boxes, FloatArray, enclosing_boxes
from evalkit.errors import TrackerError

BOX_KEYS = ("target_bbox", "bbox", "box", "pred_bbox", "rect")
CONFIDENCE_KEYS = ("confidence", "best_score", "max_score", "conf_score", "score", "object_presence_score")


def read_answer(answer: Any, where: str) -> tuple[Boxes, float]:
    """Check what an own tracker returned.

    Args:
        answer: A box, a pair (box, confidence), or a dictionary with one of ``BOX_KEYS`` and perhaps one of
            ``CONFIDENCE_KEYS``. A box is four numbers, or an even number of at least six: corners of a polygon.
        where: Tracker and frame for error texts.

    Returns:
        The box, (4,) float64, and the confidence as the tracker scales it, NaN if there is none.

    Raises:
        TrackerError: Not four finite numbers, a negative width or height, a confidence that is no number.

    Example:
        >>> read_answer(([1, 2, 3, 4], 7.3), "mine, frame 1")
        (array([1., 2., 3., 4.]), 7.3)
        >>> read_answer({"target_bbox": [[1, 2, 3, 4]]}, "mine, frame 1")
        (array([1., 2., 3., 4.]), nan)
    """
    box, confidence = _parts(answer)
    numbers = _as_numbers(box)
    if numbers is not None:
        numbers = np.squeeze(numbers)
        if numbers.size >= 6 and (numbers.shape == (numbers.size // 2 * 2,) or numbers.shape[1:] == (2,)):
            numbers = enclosing_boxes(numbers.reshape(1, -1))[0]
    if numbers is None or numbers.shape != (4,):
        raise TrackerError(
            f"{where}: expected a box of 4 numbers, (box, confidence), or a dictionary with {BOX_KEYS[0]!r}, "
            f"found {_describe(answer)}."
        )
    if not np.isfinite(numbers).all():
        raise TrackerError(f"{where}: the box must be finite, found {numbers.tolist()}.")
    if (numbers[2:] < 0).any():
        raise TrackerError(f"{where}: width and height must not be negative, found {numbers.tolist()}.")
    if confidence is None:
        return numbers, np.nan
    value = _as_numbers(confidence)
    if value is None or value.size != 1 or np.isinf(value).any():
        raise TrackerError(f"{where}: the confidence must be one finite number or NaN, found {_describe(confidence)}.")
    return numbers, float(value.reshape(()))


def _parts(answer: Any) -> tuple[Any, Any]:
    """Box and confidence, each in whatever form."""
    if isinstance(answer, cabc.Mapping):
        box = next((answer[key] for key in BOX_KEYS if key in answer), None)
        if isinstance(box, cabc.Mapping) and len(box) == 1:  # pytracking: by number of the object
            (box,) = box.values()
        return box, next((answer[key] for key in CONFIDENCE_KEYS if key in answer), None)
    if isinstance(answer, tuple | list) and len(answer) == 2:
        return answer[0], answer[1]
    return answer, None


def _as_numbers(value: Any) -> FloatArray | None:
    try:
        numbers = np.asarray(_on_processor(value))
    except (ValueError, TypeError, RuntimeError):  # ragged lists
        return None
    return numbers.astype(np.float64) if numbers.dtype.kind in "iuf" else None


def _on_processor(value: Any) -> Any:
    """Tensors as arrays, also inside of lists: with a gradient, on a device, of a type that numpy lacks."""
    if isinstance(value, tuple | list):
        return [_on_processor(item) for item in value]
    if not callable(getattr(value, "detach", None)):
        return value
    tensor = value.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, cabc.Mapping):
        return f"{type(value).__name__} with {', '.join(map(repr, value)) or 'nothing'}"[:200]
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"
