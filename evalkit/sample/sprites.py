"""Things that move: photographs cut out as ellipses, a drawn car, a drawn walker whose limbs swing."""

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from evalkit.boxes import FloatArray
from evalkit.sample.textures import ByteImage, FloatImage, texture

OPAQUE = 128  # alpha from which a pixel belongs to the target
WALKER_PHASES = 32  # drawn positions of a step; finer ones are not visible at our scales
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A picture with transparency, at full size and reduced.

    Attributes:
        levels: Premultiplied BGRA (h, w, 4); each level has half the size of the one before, so that thin parts do
            not flicker when the sprite is placed small.
        heat: Relative surface temperature (h, w) in about -1..1, the same levels.
        outline: (K, 2) x, y corners of the convex hull of the opaque pixels of level 0, continuous coordinates
            (pixel i covers i..i+1).
        anchor: x, y that the path of a mover moves: the center, or the foot of what stands on the ground.
        on_ground: Stands on the ground.
    """

    levels: tuple[ByteImage, ...]
    heat: tuple[FloatImage, ...]
    outline: FloatArray
    anchor: tuple[float, float]
    on_ground: bool

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of level 0 in pixels."""
        height, width = self.levels[0].shape[:2]
        return width, height


def make_sprite(kind: str, phase: float = 0.0) -> Sprite:
    """The sprite of a kind.

    Args:
        kind: "cat", "cup", "portrait", "car", "car-blue", "car-maroon", "walker", "walker-gray".
        phase: Of the walker's step, in cycles; others ignore it.
    """
    name, _, variant = kind.partition("-")
    if name in _CUTS:
        return _photo(name)
    if name == "car":
        return _car(variant or "red")
    assert name == "walker", kind
    return _walker(variant or "orange", round(phase * WALKER_PHASES) % WALKER_PHASES)


# Ellipses (center x, center y, half width, half height) in the photograph; several make a union.
_CUTS: dict[str, tuple[str, tuple[tuple[int, int, int, int], ...]]] = {
    "cat": ("chelsea", ((186, 124, 126, 112),)),
    "cup": ("coffee", ((188, 156, 132, 100), (194, 80, 79, 70))),
    "portrait": ("astronaut", ((172, 104, 86, 102),)),
}
_PHOTO_HEIGHT = 100


@functools.cache
def _photo(name: str) -> Sprite:
    source, ellipses = _CUTS[name]
    photo = texture(source)
    mask = np.zeros(photo.shape[:2], dtype=np.uint8)
    for x, y, a, b in ellipses:
        cv2.ellipse(
            mask, (min(x, photo.shape[1] - 1), min(y, photo.shape[0] - 1)), (a, b), 0, 0, 360, 255, -1, cv2.LINE_AA
        )
    depth_inside = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), dtype=np.float32)
    rim = np.clip(depth_inside / (0.30 * max(1.0, float(depth_inside.max()))), 0, 1)
    shaded = photo * (0.62 + 0.38 * np.sin(rim * (math.pi / 2)))[..., None]  # darker toward the rim: looks round
    x, y, w, h = cv2.boundingRect(mask)
    picture = np.dstack([shaded, mask])[y : y + h, x : x + w].astype(np.float32)
    width = round(w * _PHOTO_HEIGHT / h)
    return finished(reduced(picture, (width, _PHOTO_HEIGHT)), on_ground=False)


_CAR_COLORS: dict[str, Color] = {"red": (48, 40, 190), "maroon": (52, 44, 150), "blue": (170, 90, 40)}
_CAR_WH = (160, 66)
_FINE = 4  # drawn this much larger, then reduced


@functools.cache
def _car(variant: str) -> Sprite:
    width, height = _CAR_WH
    picture = np.zeros((height * _FINE, width * _FINE, 4), dtype=np.uint8)
    body = _CAR_COLORS[variant]
    dark, light = _tone(body, 0.55), _tone(body, 1.35)
    _fill(
        picture,
        [(3, 36), (14, 30), (40, 27), (120, 27), (148, 31), (157, 37), (158, 50), (150, 55), (8, 55), (2, 48)],
        body,
    )
    _fill(picture, [(36, 28), (54, 8), (64, 4), (98, 4), (112, 9), (130, 28)], _tone(body, 1.1))
    _fill(picture, [(2, 46), (158, 46), (157, 51), (150, 55), (8, 55), (3, 51)], dark)
    _fill(picture, [(14, 31), (40, 28), (120, 28), (146, 32), (120, 31), (40, 31)], light)
    _fill(picture, [(45, 26), (58, 11), (78, 8), (78, 26)], (120, 105, 80))
    _fill(picture, [(84, 26), (84, 8), (97, 8), (108, 12), (119, 26)], (120, 105, 80))
    _fill(picture, [(49, 24), (58, 13), (66, 11), (56, 24)], (190, 180, 160))
    _fill(picture, [(81, 28), (82, 28), (82, 46), (81, 46)], dark)
    _fill(picture, [(150, 35), (157, 38), (157, 43), (150, 42)], (190, 235, 250))
    _fill(picture, [(2, 37), (8, 34), (9, 42), (2, 44)], (40, 40, 230))
    for x in (36, 122):
        _disc(picture, x, 52, 14, (28, 26, 26))
        _disc(picture, x, 52, 8, (150, 148, 145))
        _disc(picture, x, 52, 3, (60, 60, 60))
    heat = np.zeros(_CAR_WH[::-1], dtype=np.float32)
    heat[26:50, 112:] = 1.0  # the engine
    heat[:27] = -0.6  # glass
    for x in (36, 122):
        cv2.circle(heat, (x, 52), 13, 0.8, -1)
    return finished(_lit(reduced(picture.astype(np.float32), _CAR_WH)), on_ground=True, heat=heat)


_WALKER_COLORS: dict[str, tuple[Color, Color]] = {  # shirt, trousers
    "orange": ((40, 110, 225), (95, 60, 45)),
    "gray": ((78, 86, 84), (66, 76, 74)),
}
_WALKER_WH = (68, 112)
_SKIN, _HAIR, _SHOE = (140, 170, 215), (30, 40, 60), (35, 35, 40)


@functools.cache
def _walker(variant: str, step: int) -> Sprite:
    width, height = _WALKER_WH
    picture = np.zeros((height * _FINE, width * _FINE, 4), dtype=np.uint8)
    shirt, trousers = _WALKER_COLORS[variant]
    turn = 2 * math.pi * step / WALKER_PHASES
    lift = abs(math.cos(turn))  # the body is highest when the legs pass each other
    _arm_and_leg(picture, -1, turn, shirt, trousers)  # the far limbs first
    torso = [(27, 24), (42, 24), (43, 44), (41, 61), (28, 61), (26, 44)]
    _fill(picture, [(x, y - lift) for x, y in torso], shirt)
    _fill(picture, [(x, y - lift) for x, y in ((27, 25), (31, 25), (31, 60), (28, 60))], _tone(shirt, 0.75))
    _arm_and_leg(picture, 1, turn, shirt, trousers)
    _stroke(picture, (35, 24 - lift), (35.5, 19 - lift), 7, _SKIN)
    _disc(picture, 36, 13 - lift, 9, _SKIN)
    hair = [(27, 15), (27, 8), (32, 3), (40, 3), (45, 8), (38, 9), (32, 12), (31, 17)]
    _fill(picture, [(x, y - lift) for x, y in hair], _HAIR)
    heat = np.full(_WALKER_WH[::-1], -0.2, dtype=np.float32)
    heat[:22] = 1.0  # the face
    heat[62:] = -0.8
    return finished(_lit(reduced(picture.astype(np.float32), _WALKER_WH)), on_ground=True, heat=heat, anchor_x=36.0)


def _arm_and_leg(picture: ByteImage, side: int, turn: float, shirt: Color, trousers: Color) -> None:
    """Draw the near (side 1) or far (side -1) limbs of a walker at an angle of its step."""
    shade = 1.0 if side > 0 else 0.7
    lift = abs(math.cos(turn))
    swing = side * math.sin(turn)
    sleeve, skin = _tone(shirt, 0.85 * shade), _tone(_SKIN, shade)
    thigh, shin = _tone(trousers, shade), _tone(trousers, 0.9 * shade)
    arm = (-0.6 * swing, -0.6 * swing + 0.25)
    leg = (0.5 * swing, 0.5 * swing - 0.35 * max(0.0, -side * math.cos(turn)) - 0.05)
    _limb(picture, (35.0, 27.0 - lift), arm, lengths=(17, 15), widths=(7, 6), colors=(sleeve, skin))
    foot = _limb(picture, (34.0, 58.0 - lift), leg, lengths=(25, 24), widths=(11, 9), colors=(thigh, shin))
    _stroke(picture, foot, (foot[0] + 6, foot[1] + 0.5), 6, _tone(_SHOE, shade))


def _limb(
    picture: ByteImage,
    start: tuple[float, float],
    angles: tuple[float, float],
    *,
    lengths: tuple[float, float],
    widths: tuple[float, float],
    colors: tuple[Color, Color],
) -> tuple[float, float]:
    """Draw two joined strokes hanging from ``start``; angles from the vertical in radians, forward positive."""
    for angle, length, thickness, color in zip(angles, lengths, widths, colors, strict=True):
        end = (start[0] + length * math.sin(angle), start[1] + length * math.cos(angle))
        _stroke(picture, start, end, thickness, color)
        start = end
    return start


def _tone(color: Color, factor: float) -> Color:
    blue, green, red = (min(255, round(value * factor)) for value in color)
    return blue, green, red


def _fill(picture: ByteImage, points: list[tuple[float, float]], color: Color) -> None:
    corners = np.round(np.array(points) * _FINE).astype(np.int32)
    cv2.fillPoly(picture, [corners], (*color, 255), cv2.LINE_8)


def _disc(picture: ByteImage, x: float, y: float, radius: float, color: Color) -> None:
    cv2.circle(picture, (round(x * _FINE), round(y * _FINE)), round(radius * _FINE), (*color, 255), -1, cv2.LINE_8)


def _stroke(
    picture: ByteImage, start: tuple[float, float], end: tuple[float, float], thickness: float, color: Color
) -> None:
    ends = [(round(x * _FINE), round(y * _FINE)) for x, y in (start, end)]
    cv2.line(picture, ends[0], ends[1], (*color, 255), round(thickness * _FINE), cv2.LINE_8)


def reduced(picture: FloatImage, size_wh: tuple[int, int]) -> FloatImage:
    """Premultiply a BGRA picture and reduce it to a size."""
    picture = picture.copy()
    picture[..., :3] *= picture[..., 3:] / 255
    return np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _lit(picture: FloatImage) -> FloatImage:
    """Light from above: 12 % brighter at the top, 18 % darker at the bottom."""
    light = np.linspace(1.12, 0.82, len(picture), dtype=np.float32)[:, None, None]
    picture[..., :3] = np.minimum(picture[..., :3] * light, picture[..., 3:])
    return picture


def finished(
    picture: FloatImage, *, on_ground: bool, heat: FloatImage | None = None, anchor_x: float | None = None
) -> Sprite:
    """The sprite of a premultiplied BGRA picture; without ``heat`` its brightness stands for its temperature."""
    if heat is None:
        brightness = picture[..., :3].mean(axis=2)
        heat = np.asarray((brightness - brightness.mean()) / 128, dtype=np.float32)
    heat = np.asarray(cv2.GaussianBlur(heat, (0, 0), 2.5), dtype=np.float32)
    picture = np.pad(picture, ((2, 2), (2, 2), (0, 0)))  # an empty border, for smooth edges after the warp
    heat = np.pad(heat, 2)
    levels, heats = [np.round(picture).astype(np.uint8)], [heat]
    for _ in range(3):
        half = (-(-picture.shape[1] // 2), -(-picture.shape[0] // 2))
        even = ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2))
        picture = np.asarray(
            cv2.resize(np.pad(picture, (*even, (0, 0))), half, interpolation=cv2.INTER_AREA), np.float32
        )
        heat = np.asarray(cv2.resize(np.pad(heat, even), half, interpolation=cv2.INTER_AREA), np.float32)
        levels.append(np.round(picture).astype(np.uint8))
        heats.append(heat)
    outline = _outline(levels[0])
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle = (low + high) / 2
    anchor = (float(middle[0]) if anchor_x is None else anchor_x, float(high[1] if on_ground else middle[1]))
    return Sprite(levels=tuple(levels), heat=tuple(heats), outline=outline, anchor=anchor, on_ground=on_ground)


def _outline(picture: ByteImage) -> FloatArray:
    rows, columns = np.nonzero(picture[..., 3] >= OPAQUE)
    corners = np.stack([columns, rows], axis=1)
    squares = np.concatenate([corners + offset for offset in ((0, 0), (1, 0), (0, 1), (1, 1))])
    hull = np.asarray(cv2.convexHull(squares.astype(np.float32)), dtype=np.float64)
    return hull.reshape(-1, 2)
