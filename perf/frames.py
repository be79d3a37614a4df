"""Frames for programs that measure: also under the code of another commit, so nothing young is imported here."""

import numpy as np

from evalkit.sequences import Frame

START = np.array([100.0, 90.0, 60.0, 45.0])
SIZE_WH = (640, 360)


def make_frames(count: int, *, second: str | None) -> list[Frame]:
    """Noise with a bright rectangle that moves; the second modality in its stored form."""
    noise = np.random.default_rng(0)
    frames = []
    for t in range(count):
        image = noise.integers(0, 120, (SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
        image[90 + t : 135 + t, 100 + 2 * t : 160 + 2 * t] += 100
        if second == "depth":
            frames.append(Frame(image, image[:, :, 0].astype(np.uint16) * 40))
        else:
            frames.append(Frame(image, None if second is None else image.copy()))
    return frames
