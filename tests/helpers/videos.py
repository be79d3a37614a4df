"""Small videos whose frames tell their number."""

from pathlib import Path

import av
import numpy as np


def write_video(
    path: Path, frames: int = 30, wh: tuple[int, int] = (96, 64), codec: str = "libx264", **options: str
) -> Path:
    """Frames that tell their number, with a bright square that moves a pixel a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options={"g": "12", "bf": "2", "crf": "8"} | options)
        stream.width, stream.height, stream.pix_fmt = *wh, "yuv420p"
        for number in range(frames):
            picture = numbered(number, wh)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def numbered(number: int, wh: tuple[int, int] = (96, 64)) -> np.ndarray:
    """A gray picture whose last rows tell a number in eight black or white blocks; a square moves with it."""
    picture = np.full((wh[1], wh[0], 3), 90, np.uint8)
    picture[20:36, 10 + number % 40 : 26 + number % 40] = 240
    for bit in range(8):
        picture[-12:, 12 * bit : 12 * bit + 12] = 255 * (number >> bit & 1)
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number of such a picture."""
    return sum(1 << bit for bit in range(8) if picture[-8:-4, 12 * bit + 4 : 12 * bit + 8].mean() > 127)
