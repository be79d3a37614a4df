"""The page of one followed target: its video, its confidence over time, the moments where that falls."""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.boxes import Boxes, FloatArray
from evalkit.report.html.templates import filled
from evalkit.report.pictures.filmstrip import Filmstrip, Moment

POINTS = 600
CURVE_WH = (1000, 160)
EMBEDDED_BYTES = 12 << 20
"""A larger overlay stays a file beside the page."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What became of one target.

    Attributes:
        source: Name of the video, folder or camera.
        tracker: Name.
        boxes: (F, 4) left, top, width, height in pixels.
        confidence: (F,), NaN where there is none.
        seconds: Inside the tracker.
        rate: Frames per second of the source.
        stopped: The user ended it.
        problem: What ended it early, None if nothing did.
        weights_sha256: As in :class:`~evalkit.tracking.interface.TrackerInfo`.
        config: As there.
        video: The overlay, None without one.
    """

    source: str
    tracker: str
    boxes: Boxes
    confidence: FloatArray
    seconds: float
    rate: float
    stopped: bool
    problem: str | None
    weights_sha256: str | None
    config: dict[str, object]
    video: Path | None


def followed_page(followed: Followed, strip: Filmstrip) -> str:
    """Make the page: one file without scripts that works offline, light or dark as the reader's system is."""
    known = followed.confidence[~np.isnan(followed.confidence)]
    return filled(
        "followed.html",
        followed=followed,
        frames=len(followed.boxes),
        speed=len(followed.boxes) / followed.seconds if followed.seconds else 0.0,
        video=_video(followed.video),
        curve=_curve(followed.confidence) if len(known) else "",
        curve_wh=CURVE_WH,
        low=float(known.min()) if len(known) else 0.0,
        high=float(known.max()) if len(known) else 0.0,
        falls=[_view(moment, followed.rate) for moment in strip.falls],
        evenly=[_view(moment, followed.rate) for moment in strip.evenly],
    )


def _video(path: Path | None) -> str:
    if path is None:
        return ""
    if path.stat().st_size > EMBEDDED_BYTES:
        return path.name
    return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _view(moment: Moment, rate: float) -> dict[str, object]:
    seconds = int(moment.number / rate)
    return {
        "picture": f"data:image/jpeg;base64,{base64.b64encode(moment.jpeg).decode()}",
        "number": moment.number,
        "time": f"{seconds // 60}:{seconds % 60:02d}",
        "confidence": "" if np.isnan(moment.confidence) else f"{moment.confidence:.3g}",
    }


def _curve(confidence: FloatArray) -> str:
    """Points of a polyline: the lowest confidence of each of at most ``POINTS`` parts of the video."""
    parts = np.array_split(confidence, min(POINTS, len(confidence)))
    values = np.array([np.nan if np.isnan(part).all() else np.nanmin(part) for part in parts])
    low, high = np.nanmin(values), np.nanmax(values)
    width, height = CURVE_WH
    x = np.linspace(0, width, len(values))
    y = height - 4 - (height - 8) * (values - low) / max(high - low, 1e-9)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if not np.isnan(b))
