"""Boxes drawn on frames: truth and several trackers, with names, overlaps and the frame number above the picture."""

import collections.abc as cabc
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from evalkit.atomic import write_whole
from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import counted
from evalkit.report.palette import RGB, TRUTH, Style, rgb_of, styles_of
from evalkit.scoring.conventions import OverlapArithmetic
from evalkit.scoring.overlap import overlap
from evalkit.sequences import Annotation, Frame, Sequence, Trajectory

Picture = npt.NDArray[np.uint8]

TRUTH_COLOR = rgb_of(TRUTH)
MIN_SIDE = 480  # smaller pictures are enlarged, so that lines and text stay fine
_BACKGROUND, _TEXT = (24, 26, 32), (240, 242, 246)
_DARK = 127  # a color without a brighter channel is edged in white, the others in black
_SHIFT = 4  # OpenCV's fixed-point bits: boxes are drawn at a sixteenth of a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A tracker's box in one frame.

    Attributes:
        name: Printed.
        box: (4,) left, top, width, height in pixels of the frame; NaN = none reported.
        overlap: With the truth, in [0, 1]; NaN where undefined.
    """

    name: str
    box: Boxes
    overlap: float = float("nan")


def draw_frame(
    frame: Frame,
    shown: cabc.Sequence[Shown],
    *,
    truth: Boxes | None,
    heading: str,
    auxiliary: str = "second image",
) -> Picture:
    """Draw truth and predictions on a frame, the second modality beside it.

    Args:
        frame: Decoded frame.
        shown: Trackers; names decide their colors, see ``palette``.
        truth: (4,) box, NaN or None where the target is absent or its box is not public.
        heading: First line of the text above, such as sequence and frame number.
        auxiliary: Name of the second modality; its image is drawn where the frame has one.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    panels = [("RGB", frame.rgb)]
    if frame.aux is not None:
        panels.append((auxiliary, aux_picture(frame.aux)))
    has_truth = truth is not None and bool(np.isfinite(truth).all())
    styles = styles_of(item.name for item in shown)
    boxes = [(styles[item.name], item.box) for item in shown]
    seen = truth if has_truth else None
    pictures = [_panel(picture, boxes, seen, label if len(panels) > 1 else "") for label, picture in panels]
    height = max(picture.shape[0] for picture in pictures)
    body = np.hstack([np.pad(picture, ((0, height - len(picture)), (0, 0), (0, 0))) for picture in pictures])
    entries = [_Entry(None, "truth" if has_truth else "no truth", "no truth")]
    entries += [_Entry(styles[item.name], _entry(item), f"{item.name} no box") for item in shown]
    return np.vstack([_header(body.shape[1], heading, entries), body])


def draw_sequence(
    sequence: Sequence,
    trajectories: cabc.Mapping[str, Trajectory],
    indices: cabc.Iterable[int],
    *,
    auxiliary: str = "second image",
    mark: str = "",
    origin: int = 0,
) -> cabc.Iterator[tuple[int, Picture]]:
    """Draw frames of a sequence with its truth and the trackers' boxes, one after the other.

    Args:
        sequence: Annotation and frames.
        trajectories: Tracker name -> its boxes; a frame past their end has no box.
        indices: Frames to draw.
        auxiliary: Name of the second modality.
        mark: First word above every picture: "sample" for the rendered sample.
        origin: Coordinate of the first pixel, 0 or 1; subtracted from left and top of truth and trackers alike.

    Yields:
        Frame index and (height, width, 3) uint8 RGB, all of one size where the frames are.
    """
    truth = truth_per_frame(sequence.annotation, len(sequence))
    boxes = {name: padded_boxes(trajectory.boxes, len(sequence)) for name, trajectory in trajectories.items()}
    overlaps = {name: frame_overlaps(own, truth) for name, own in boxes.items()}
    shift = np.array([origin, origin, 0, 0])
    for index in indices:
        shown = [Shown(name, own[index] - shift, float(overlaps[name][index])) for name, own in boxes.items()]
        words = [mark, sequence.name, f"frame {index} ({counted(len(sequence), 'frame')})"]
        heading = "   ".join(word for word in words if word)
        frame = sequence.frames.read(index)
        yield index, draw_frame(frame, shown, truth=truth[index] - shift, heading=heading, auxiliary=auxiliary)


def aux_picture(aux: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Picture:
    """A second modality as an RGB picture; depth is colored from near (warm) to far (cold), unmeasured is black.

    Example:
        >>> aux_picture(np.zeros((2, 3), np.uint16)).shape
        (2, 3, 3)
    """
    if aux.ndim == 3:
        return aux.astype(np.uint8)
    if aux.dtype == np.uint8:
        return np.repeat(aux[:, :, None], 3, axis=2).astype(np.uint8)
    measured = aux > 0
    if not measured.any():
        return np.zeros((*aux.shape, 3), np.uint8)
    near, far = np.percentile(aux[measured], [2, 98])
    scaled = np.clip((far - aux.astype(np.float64)) / max(far - near, 1.0), 0, 1)
    colored = cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    return np.where(measured[:, :, None], colored, 0).astype(np.uint8)


def truth_per_frame(annotation: Annotation, count: int) -> Boxes:
    """(``count``, 4) boxes, NaN where the target is absent, has no size, or is not annotated."""
    rows = annotation.ground_truth.copy()
    rows[annotation.absent | (rows[:, 2:] <= 0).any(axis=1)] = np.nan
    truth = np.full((count, 4), np.nan)
    places = np.arange(len(rows)) * annotation.stride
    inside = places < count
    truth[places[inside]] = rows[inside]
    return truth


def padded_boxes(boxes: Boxes, count: int) -> Boxes:
    """The first ``count`` boxes; NaN after their end."""
    return np.concatenate([boxes[:count], np.full((max(0, count - len(boxes)), 4), np.nan)])


def frame_overlaps(boxes: Boxes, truth: Boxes) -> FloatArray:
    """Overlap per frame, shape (N,); NaN where either box is."""
    return overlap(boxes.T, truth.T, OverlapArithmetic.CONTINUOUS, np.finfo(float).tiny)


def save_picture(picture: Picture, path: Path) -> None:
    """Write a picture as PNG.

    Raises:
        StoreError: The file cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=3)
    write_whole(path, buffer.getvalue())


def draw_boxes(
    picture: Picture, boxes: cabc.Sequence[tuple[Style, Boxes]], truth: Boxes | None, size_wh: tuple[int, int]
) -> Picture:
    """Draw boxes on a resized copy of a picture, the truth dashed and on top; of several each with its marker.

    Args:
        picture: (height, width, 3) uint8 RGB.
        boxes: Style and (4,) box in pixels of the picture; boxes with NaN are passed over.
        truth: (4,) box without NaN, or None.
        size_wh: Width and height of the copy, in pixels.
    """
    height, width = picture.shape[:2]
    smaller = size_wh[0] < width
    canvas = cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC).astype(np.uint8)
    scale = np.array([size_wh[0] / width, size_wh[1] / height] * 2)
    thickness = max(2, round(min(canvas.shape[:2]) / 360))
    limit = 4.0 * max(canvas.shape)  # a wild box must not overflow OpenCV's integers
    for place, (style, box) in enumerate(boxes, 1):
        if np.isfinite(box).all():
            sides = _outline(box * scale, limit)
            _draw_lines(canvas, sides, style.rgb, thickness)
            if len(boxes) > 1:  # side by side on the upper edge, so that those of equal boxes do not cover each other
                start, end = sides[0]
                _draw_marker(canvas, start + (end - start) * place / (len(boxes) + 1), style, 2.5 * thickness)
    if truth is not None:
        _draw_lines(canvas, _dashes(_outline(truth * scale, limit), 5.0 * thickness), TRUTH_COLOR, thickness)
    return canvas


def _panel(picture: Picture, boxes: list[tuple[Style, Boxes]], truth: Boxes | None, label: str) -> Picture:
    scale = max(1, -(-MIN_SIDE // min(picture.shape[:2])))
    canvas = draw_boxes(picture, boxes, truth, (picture.shape[1] * scale, picture.shape[0] * scale))
    return stamp(canvas, label) if label else canvas


def stamp(picture: Picture, text: str, size: int = 16) -> Picture:
    """A copy with a text on a dark ground in the upper left corner; ``size`` in pixels."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    font = _font(size)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pen.rectangle((0, 0, right - left + size, bottom + top + size // 2), fill=_BACKGROUND)
    pen.text((size // 2, size // 4), text, font=font, fill=_TEXT)
    return np.array(image)


def _outline(box: Boxes, limit: float) -> FloatArray:
    """The four sides of a box, shape (4, 2, 2): side, end, x and y in pixel centers."""
    # pixel i covers [i, i + 1), so its center is half a pixel off its edge
    left, top = np.clip(box[:2] - 0.5, -limit, limit)
    right, bottom = np.clip(box[:2] + box[2:] - 0.5, -limit, limit)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)


def _dashes(sides: FloatArray, length: float) -> FloatArray:
    """Cut lines into dashes, shape (D, 2, 2); what lies beneath shows through the gaps."""
    pieces = []
    for start, end in sides:
        count = max(1, int(np.hypot(*(end - start)) / (2 * length)))
        steps = (np.arange(count)[:, None] + [0.0, 0.5]) / count  # (count, 2)
        pieces.append(start + steps[:, :, None] * (end - start))
    return np.concatenate(pieces)


def _draw_lines(canvas: Picture, lines: FloatArray, color: RGB, thickness: int) -> None:
    points = (lines * (1 << _SHIFT)).round().astype(np.int32)
    for paint, width in ((_edge(color), thickness + 2), (color, thickness)):
        cv2.polylines(
            canvas, list(points), isClosed=False, color=paint, thickness=width, lineType=cv2.LINE_AA, shift=_SHIFT
        )


def _draw_marker(canvas: Picture, center: FloatArray, style: Style, radius: float) -> None:
    points = ((center + radius * np.array(style.outline)) * (1 << _SHIFT)).round().astype(np.int32)
    cv2.fillPoly(canvas, [points], style.rgb, cv2.LINE_AA, _SHIFT)
    cv2.polylines(canvas, [points], isClosed=True, color=_edge(style.rgb), lineType=cv2.LINE_AA, shift=_SHIFT)


def _edge(color: RGB) -> RGB:
    return (0, 0, 0) if max(color) > _DARK else (255, 255, 255)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A legend entry, without a style that of the truth; ``widest`` is its longest text, for headers of equal size."""

    style: Style | None
    text: str
    widest: str


def _header(width: int, heading: str, entries: list[_Entry]) -> Picture:
    font, small = _font(18), _font(15)
    spots, bottom = _flow([small.getlength(entry.widest) for entry in entries], width)
    image = Image.new("RGB", (width, bottom), _BACKGROUND)
    pen = ImageDraw.Draw(image)
    pen.text((12, 8), heading, font=font, fill=_TEXT)
    for entry, (x, y) in zip(entries, spots, strict=True):
        if entry.style is None:
            pen.rectangle((x, y + 4, x + 12, y + 16), outline=TRUTH_COLOR, width=2)
        else:
            pen.polygon([(x + 6 + 6.5 * a, y + 10 + 6.5 * b) for a, b in entry.style.outline], fill=entry.style.rgb)
        pen.text((x + 19, y), entry.text, font=small, fill=_TEXT)
    return np.asarray(image)


def _flow(lengths: list[float], width: int) -> tuple[list[tuple[int, int]], int]:
    """Places of legend entries, broken into lines, and the height of the header."""
    spots, x, y = [], 12, 36
    for length in lengths:
        if x > 12 and x + 19 + length + 12 > width:
            x, y = 12, y + 24
        spots.append((x, y))
        x += round(19 + length + 20)
    return spots, y + 28


def _entry(item: Shown) -> str:
    if not np.isfinite(item.box).all():
        return f"{item.name} no box"
    return f"{item.name} {item.overlap:.2f}" if np.isfinite(item.overlap) else item.name


def _font(size: int) -> ImageFont.FreeTypeFont:
    # DejaVu comes with matplotlib; OpenCV's own fonts know ASCII only
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
