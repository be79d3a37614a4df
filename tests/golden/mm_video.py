"""Synthetic RGB+X video for the multi-modal tracking references: numpy only, integer arithmetic only.

Frame t shows name_seeded.video_frame(t); the auxiliary modality is derived from it.
"""

import numpy as np
from name_seeded import VIDEO_SIZE, video_box, video_frame

FRAMES = 10


def gray(t):
    """Integer mean of the three colour channels of frame t, int64."""
    return video_frame(t).astype(np.int64).sum(axis=2) // 3


def thermal(t):
    """Three equal uint8 channels: a dark background and a bright target."""
    g = gray(t) // 2
    x, y, w, h = video_box(t)
    g[y : y + h, x : x + w] = 220 - g[y : y + h, x : x + w] // 8
    return np.repeat(g.astype(np.uint8)[:, :, None], 3, axis=2)


def event(t):
    """RGB uint8: white, red where frame t is brighter than frame t-1 by more than 20, blue where darker."""
    change = gray(t) - gray(max(t - 1, 0))
    image = np.full((*change.shape, 3), 255, dtype=np.uint8)
    image[change > 20] = (255, 0, 0)
    image[change < -20] = (0, 0, 255)
    return image


def depth(t):
    """uint16 millimetres: a sloping background, a hole of zeros, a far corner, the target at 900."""
    width, height = VIDEO_SIZE
    y, x = np.mgrid[0:height, 0:width]
    d = (1500 + 10 * y + 5 * x).astype(np.uint16)
    d[:20, :20] = 0
    d[200:, 280:] = 60000
    bx, by, bw, bh = video_box(t)
    d[by : by + bh, bx : bx + bw] = 900
    return d
