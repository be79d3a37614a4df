"""Pictures in a row as an mp4, an avi or an animated GIF."""

import collections.abc as cabc
import itertools
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from evalkit.atomic import copy_whole, write_whole
from evalkit.errors import EvalkitError
from evalkit.report.pictures.overlay import Picture

# H.264 plays in every browser, player and slide program; VP9 in most, for builds of FFmpeg that lack H.264
CODECS = {
    ".mp4": {
        "libx264": {"preset": "veryfast", "crf": "20"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "28", "b": "0"},
    },
    ".avi": {"mpeg4": {"b": "8000000"}},
}
"""Suffix -> encoders, the first that PyAV has is taken, with their options."""
GIF_WIDTH = 640
GIF_COLORS = 128


class VideoError(EvalkitError):
    """A video cannot be written."""


def write_video(pictures: cabc.Iterable[Picture], path: Path, fps: float) -> int:
    """Write an mp4 or avi whole or not at all.

    Args:
        pictures: (height, width, 3) uint8 RGB, all of the size of the first one.
        path: Of the file; its suffix is one of :data:`CODECS`.
        fps: Frames per second.

    Returns:
        Number of frames.

    Raises:
        VideoError: There is no picture, sizes differ, or there is no encoder.
        StoreError: The file cannot be written.
    """
    first, rest = _first(pictures, path)
    height, width = first.shape[:2]
    suffix = path.suffix.lower()
    codecs = CODECS[suffix]
    codec = next((name for name in codecs if name in av.codecs_available), None)
    if codec is None:
        raise VideoError(f"PyAV has none of the encoders {', '.join(codecs)}. Install av from PyPI, or make a gif.")
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / f"video{suffix}"
        # the index in front lets a browser start before all is loaded
        with av.open(str(raw), "w", options={"movflags": "faststart"} if suffix == ".mp4" else {}) as file:
            stream = file.add_stream(codec, rate=Fraction(fps).limit_denominator(1000), options=codecs[codec])
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
            for count, picture in enumerate(itertools.chain([first], rest), 1):
                if picture.shape != first.shape:
                    raise VideoError(f"{path}: picture {count} has shape {picture.shape}, the first {first.shape}.")
                # encoders want even sides
                even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")))
            file.mux(stream.encode())
        copy_whole(raw, path)
    return count


def write_gif(pictures: cabc.Iterable[Picture], path: Path, fps: float, width: int = GIF_WIDTH) -> int:
    """Write an animated GIF that repeats forever, whole or not at all.

    Args:
        pictures: (height, width, 3) uint8 RGB.
        path: Of the file.
        fps: Frames per second; a GIF counts hundredths of a second.
        width: Wider pictures are reduced to this.

    Returns:
        Number of frames.

    Raises:
        VideoError: There is no picture.
        StoreError: The file cannot be written.
    """
    first, rest = _first(pictures, path)
    frames = [_reduced(picture, width) for picture in itertools.chain([first], rest)]
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "video.gif"
        duration = max(20, round(100 / fps) * 10)  # browsers slow down what is faster than 20 ms
        frames[0].save(raw, save_all=True, append_images=frames[1:], duration=duration, loop=0)
        write_whole(path, raw.read_bytes())
    return len(frames)


def fitted(picture: Picture, size_wh: tuple[int, int]) -> Picture:
    """A picture as large as fits into a size, on black; for pictures of several sizes in one video.

    Example:
        >>> fitted(np.full((10, 10, 3), 200, np.uint8), (40, 20))[:, [0, 10, 29, 30], 0].tolist()[0]
        [0, 200, 200, 0]
    """
    width, height = size_wh
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def _first(pictures: cabc.Iterable[Picture], path: Path) -> tuple[Picture, cabc.Iterator[Picture]]:
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        raise VideoError(f"{path}: there is no frame to write.")
    return first, rest


def _reduced(picture: Picture, width: int) -> Image.Image:
    if picture.shape[1] > width:
        size = (width, round(picture.shape[0] * width / picture.shape[1]))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    image = Image.fromarray(picture)
    return image.quantize(GIF_COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
