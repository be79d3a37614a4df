"""Small pictures of the moments of a video that matter: where the confidence falls, and some evenly in time."""

import collections.abc as cabc
import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from evalkit.report.pictures.overlay import Picture

WIDTH = 320
FALLS = 12
EVENLY = 8
MEMORY = 0.1
"""Weight of the newest frame in the running mean that a fall is measured against."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of the strip.

    Attributes:
        number: Frame, counted from 0.
        confidence: NaN if the tracker has none.
        fall: By how much it lies below the running mean.
        jpeg: The picture, at most ``WIDTH`` wide.
    """

    number: int
    confidence: float
    fall: float
    jpeg: bytes


class Filmstrip:
    """Chooses moments while a video goes by; keeps a few of them, however long it is.

    Args:
        rate: Frames per second: moments of one second are one.
    """

    def __init__(self, rate: float) -> None:
        self._gap = max(1, round(rate))
        self._falls: list[Moment] = []
        self._evenly: list[Moment] = []
        self._step = 1
        self._mean = math.nan

    @property
    def falls(self) -> list[Moment]:
        """Where the confidence falls most, in order of time."""
        return sorted(self._falls, key=lambda moment: moment.number)

    @property
    def evenly(self) -> list[Moment]:
        """Some moments of the whole video."""
        return self._evenly

    def add(self, number: int, confidence: float, draw: cabc.Callable[[], Picture]) -> None:
        """Look at a frame; it is drawn if it is kept."""
        if number % self._step == 0:
            self._evenly.append(Moment(number, confidence, 0.0, _small(draw())))
            if len(self._evenly) > EVENLY:
                self._evenly = self._evenly[::2]
                self._step *= 2
        if math.isnan(confidence):
            return
        fall = self._mean - confidence
        if fall > 0:
            self._keep(number, confidence, fall, draw)
        self._mean = confidence if math.isnan(self._mean) else (1 - MEMORY) * self._mean + MEMORY * confidence

    def _keep(self, number: int, confidence: float, fall: float, draw: cabc.Callable[[], Picture]) -> None:
        last = max(self._falls, key=lambda moment: moment.number, default=None)
        near = last if last is not None and number - last.number < self._gap else None
        weakest = min(self._falls, key=lambda moment: moment.fall, default=None)
        rival = near or (weakest if len(self._falls) >= FALLS else None)
        if rival is not None:
            if fall <= rival.fall:
                return
            self._falls.remove(rival)
        self._falls.append(Moment(number, confidence, fall, _small(draw())))


def _small(picture: Picture) -> bytes:
    height, width = picture.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
