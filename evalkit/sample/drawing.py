"""Random textures and sprites, for scenes that trackers are trained on.

None of the sample's sprites, and none of the photographs that they are cut from, is used here: the sample stays a test.
"""

import math

import cv2
import numpy as np

from evalkit.boxes import FloatArray
from evalkit.sample.sprites import Sprite, finished, reduced
from evalkit.sample.textures import ByteImage, FloatImage, texture

PHASES = 8  # drawn positions of what moves its limbs
SPRITE_SIDE = 112  # longest side of a sprite in pixels
_PHOTOGRAPHS = ("brick", "camera", "grass", "gravel", "rocket")  # no sprite of the sample is cut from these
_FINE = 2  # drawn this much larger, then reduced
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
_LETTERS = "ABCDEFGHKMNPQRSTUVWXYZ23456789&%#@?"


def random_texture(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A surface of one of many kinds, (height, width, 3) BGR in 0..255."""
    kind = rng.choice(5, p=[0.38, 0.17, 0.12, 0.25, 0.08])
    if kind == 3:
        return _photograph(rng, height, width)
    if kind == 0:
        pattern = octaves(rng, height, width, first=int(rng.integers(2, 9)), persistence=rng.uniform(0.4, 1.0))
    elif kind == 1:
        pattern = _waves(rng, height, width)
    elif kind == 2:
        pattern = _cells(rng, height, width)
    else:
        pattern = np.full((height, width), 0.5, dtype=np.float32)
    picture = _colored(rng, np.clip(pattern, 0, 1))
    if rng.random() < 0.6:
        picture *= (0.75 + 0.5 * octaves(rng, height, width, first=3, persistence=0.8))[..., None]
    gray = picture.mean(axis=2, keepdims=True)
    picture = gray + np.float32(rng.choice([0.15, 0.4, 0.7, 1.0])) * (picture - gray)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.float32)


def octaves(
    rng: np.random.Generator, height: int, width: int, *, first: int = 3, persistence: float = 0.6, count: int = 5
) -> FloatImage:
    """Noise with detail at several scales, (height, width), mean about 0.5, mostly in 0..1.

    Args:
        rng: Random numbers.
        height: Pixels.
        width: Pixels.
        first: Cells of the coarsest grid along the longer side.
        persistence: Amplitude of a grid over that of the next coarser one.
        count: Number of grids.
    """
    total, weight, amplitude = np.zeros((height, width), dtype=np.float32), 0.0, 1.0
    longest = max(height, width)
    for number in range(count):
        cells = first << number
        if cells > longest:
            break
        grid = (max(2, cells * height // longest), max(2, cells * width // longest))
        noise = rng.standard_normal(grid, dtype=np.float32)
        total += amplitude * np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        weight += amplitude**2
        amplitude *= persistence
    return np.asarray(0.5 + 0.28 * total / math.sqrt(weight), dtype=np.float32)


def random_sprites(rng: np.random.Generator) -> tuple[Sprite, ...]:
    """One object: one sprite, or one for each of :data:`PHASES` positions of what moves its limbs or its outline."""
    aspect = math.exp(rng.uniform(-0.8, 0.8))
    size = SPRITE_SIDE * min(1.0, aspect), SPRITE_SIDE * min(1.0, 1 / aspect)
    wh = (round(size[0]), round(size[1]))
    kind = rng.choice(4, p=[0.3, 0.25, 0.3, 0.15])
    moving = kind == 2 or (kind == 0 and rng.random() < 0.4)
    on_ground = bool(rng.random() < 0.3)
    draw = (_blob, _polygon, _figure, _sign)[kind]
    seed = rng.integers(2**32)
    heat = (octaves(rng, wh[1], wh[0], first=2, count=2) - 0.5) * 4 * rng.uniform(0.1, 1.0)
    light = rng.uniform(0.75, 1.25), rng.uniform(0.75, 1.25)
    pictures = [
        draw(np.random.default_rng(seed), wh, phase / PHASES if moving else 0.0)
        for phase in range(PHASES if moving else 1)
    ]
    return tuple(finished(_shaded(picture, light, wh), on_ground=on_ground, heat=heat.copy()) for picture in pictures)


def recolored(rng: np.random.Generator, sprites: tuple[Sprite, ...]) -> tuple[Sprite, ...]:
    """The same object in other colors: a distractor of the same shape."""
    matrix = color_matrix(rng, strength=0.5).astype(np.float32)

    def changed(picture: ByteImage) -> ByteImage:
        color = np.clip(picture[..., :3] @ matrix.T, 0, picture[..., 3:])
        return np.dstack([color, picture[..., 3]]).round().astype(np.uint8)

    return tuple(
        Sprite(tuple(map(changed, sprite.levels)), sprite.heat, sprite.outline, sprite.anchor, sprite.on_ground)
        for sprite in sprites
    )


def color_matrix(rng: np.random.Generator, strength: float) -> FloatArray:
    """A random mixture of the three colors, (3, 3); rows sum to about 1."""
    mixed = np.eye(3) + strength * rng.normal(size=(3, 3))
    return np.asarray(mixed / np.maximum(np.abs(mixed.sum(axis=1, keepdims=True)), 0.5) * rng.uniform(0.7, 1.2))


def _photograph(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A random part of a photograph, turned, mirrored, recolored and perhaps inverted beyond recognition."""
    photo = texture(str(rng.choice(_PHOTOGRAPHS)))
    photo = np.rot90(photo, int(rng.integers(4)))[:: int(rng.choice([-1, 1]))]
    side = max(12, int(min(photo.shape[:2]) * rng.uniform(0.12, 0.9)))
    top, left = (int(rng.integers(0, size - side + 1)) for size in photo.shape[:2])
    part = np.ascontiguousarray(photo[top : top + side, left : left + side])
    picture = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    if rng.random() < 0.3:
        picture = 255 - picture
    curved = 255 * (np.clip(picture, 0, 255) / 255) ** np.float32(math.exp(rng.normal(0, 0.4)))
    return np.asarray(np.clip(curved @ color_matrix(rng, 0.5).T.astype(np.float32), 0, 255), dtype=np.float32)


def _waves(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Stripes, bent and of any direction."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    angle, count = rng.uniform(0, math.pi), rng.uniform(2, 14)
    bend = octaves(rng, height, width, first=2, count=2) * rng.uniform(0, 4)
    wave = np.sin(2 * math.pi * count * (rows * math.sin(angle) + columns * math.cos(angle)) + bend)
    return np.asarray(0.5 + 0.5 * (np.sign(wave) if rng.random() < 0.5 else wave), dtype=np.float32)


def _cells(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Checks or dots."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    count = rng.uniform(3, 16)
    wave = np.sin(2 * math.pi * count * rows + rng.uniform(0, 6)) * np.sin(2 * math.pi * count * columns)
    return np.asarray(wave > rng.uniform(-0.3, 0.6), dtype=np.float32)


def _colored(rng: np.random.Generator, pattern: FloatImage) -> FloatImage:
    """Map 0..1 to a random palette of 2 to 4 colors."""
    count = int(rng.integers(2, 5))
    palette = rng.uniform(0, 255, size=(count, 3))
    if rng.random() < 0.5:  # related colors
        palette = palette[:1] + rng.normal(0, 45, size=(count, 3))
    places = np.linspace(0, 1, count)
    channels = [np.interp(pattern, places, np.clip(palette[:, channel], 0, 255)) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def _shaded(picture: ByteImage, light: tuple[float, float], wh: tuple[int, int]) -> FloatImage:
    """Reduce, and light from a side."""
    small = reduced(picture.astype(np.float32), wh)
    ramp = np.linspace(light[0], light[1], small.shape[0], dtype=np.float32)[:, None, None]
    small[..., :3] = np.minimum(small[..., :3] * ramp, small[..., 3:])
    return small


def _canvas(wh: tuple[int, int]) -> ByteImage:
    return np.zeros((wh[1] * _FINE, wh[0] * _FINE, 4), dtype=np.uint8)


def _paint(picture: ByteImage, corners: FloatArray, surface: FloatImage, *, inside: bool = False) -> None:
    """Fill a polygon (K, 2), shares of the picture's size, with a surface; ``inside`` keeps to what is painted."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(corners * [width - 1, height - 1]).astype(np.int32)], 255)
    if inside:
        mask &= picture[..., 3]
    chosen = mask > 0
    picture[chosen, :3] = surface[chosen]
    picture[chosen, 3] = 255


def _star(rng: np.random.Generator, phase: float, *, corners: int, smooth: bool) -> FloatArray:
    """A closed line around the middle: smooth (a blob that breathes with the phase) or with straight edges."""
    if smooth:
        angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
        radius = np.ones_like(angles)
        for order in range(2, 6):
            turn = rng.uniform(0, 2 * math.pi) + 2 * math.pi * phase * (1 if order % 2 else -1)
            radius += rng.uniform(0, 0.35) / (order - 1) * np.cos(order * angles + turn)
    else:
        angles = np.sort(rng.uniform(0, 2 * math.pi, corners)) + np.linspace(0, 0.4, corners)
        radius = rng.uniform(0.45, 1.0, corners) if rng.random() < 0.6 else np.ones(corners)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None]
    return np.asarray(0.5 + 0.49 * points / np.abs(points).max())


def _details(rng: np.random.Generator, picture: ByteImage) -> None:
    """Smaller shapes of other surfaces on top: windows, eyes, patches."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(0, 6))):
        middle, size = rng.uniform(0.15, 0.85, 2), rng.uniform(0.05, 0.3, 2)
        line = _star(rng, 0.0, corners=int(rng.integers(3, 8)), smooth=bool(rng.random() < 0.6))
        _paint(picture, middle + (line - 0.5) * 2 * size, random_texture(rng, height, width), inside=True)


def _blob(rng: np.random.Generator, wh: tuple[int, int], phase: float) -> ByteImage:
    picture = _canvas(wh)
    surface = random_texture(rng, *picture.shape[:2])
    _paint(picture, _star(rng, phase, corners=0, smooth=True), surface)
    _details(rng, picture)
    return picture


def _polygon(rng: np.random.Generator, wh: tuple[int, int], _: float) -> ByteImage:
    picture = _canvas(wh)
    for _number in range(int(rng.integers(1, 4))):
        line = _star(rng, 0.0, corners=int(rng.integers(3, 10)), smooth=False)
        if rng.random() < 0.3:
            line = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        shrink = rng.uniform(0.5, 1.0, 2)
        line = (line - 0.5) * shrink + 0.5 + rng.uniform(-0.5, 0.5, 2) * (1 - shrink)
        _paint(picture, line, random_texture(rng, *picture.shape[:2]))
    _details(rng, picture)
    return picture


def _figure(rng: np.random.Generator, wh: tuple[int, int], phase: float) -> ByteImage:
    """A body with a head and limbs that swing."""
    picture = _canvas(wh)
    height, width = picture.shape[:2]
    swing = math.sin(2 * math.pi * phase)
    low, high = rng.uniform(0.15, 0.3), rng.uniform(0.55, 0.75)
    broad = rng.uniform(0.12, 0.3)
    surfaces = [random_texture(rng, height, width) for _ in range(4)]
    limbs = int(rng.integers(2, 6))
    for number in range(limbs):
        upper = number % 2 == 0
        joint = np.array([0.5 + rng.uniform(-0.6, 0.6) * broad, low + 0.05 if upper else high])
        sign, reach = 1 - 2 * (number // 2 % 2), rng.uniform(0.25, 0.45)
        angle = rng.uniform(-0.7, 0.7) + sign * swing * rng.uniform(0.2, 0.9)
        thick, bend = rng.uniform(0.05, 0.11), rng.uniform(-0.8, 0.8) * swing
        for part, turn in enumerate((angle, angle + bend)):
            end = joint + reach / 2 * np.array([math.sin(turn), math.cos(turn)])
            across = thick * np.array([math.cos(turn), -math.sin(turn)]) * (1 - 0.25 * part)
            corners = np.array([joint - across, joint + across, end + across * 0.8, end - across * 0.8])
            _paint(picture, corners, surfaces[number % 2 + 1])
            joint = end
    body = _star(rng, 0.0, corners=6, smooth=bool(rng.random() < 0.7))
    size = np.array([broad, (high - low) / 2 + 0.05])
    _paint(picture, [0.5, (low + high) / 2] + (body - 0.5) * 2 * size, surfaces[0])
    if rng.random() < 0.7:
        head = np.array([0.5 + rng.uniform(-0.1, 0.1), low - rng.uniform(0.0, 0.06)])
        _paint(picture, head + (_star(rng, 0.0, corners=0, smooth=True) - 0.5) * rng.uniform(0.15, 0.3), surfaces[3])
    _details(rng, picture)
    return picture


def _sign(rng: np.random.Generator, wh: tuple[int, int], _: float) -> ByteImage:
    """Letters, bare or on a plate."""
    picture = _canvas(wh)
    height, width = picture.shape[:2]
    if rng.random() < 0.6:
        _paint(picture, _star(rng, 0.0, corners=4, smooth=bool(rng.random() < 0.5)), random_texture(rng, height, width))
    word = "".join(rng.choice(list(_LETTERS), size=int(rng.integers(1, 4))))
    font, thick = int(rng.choice(_FONTS)), int(rng.integers(4, 14))
    (w, h), _base = cv2.getTextSize(word, font, 1.0, 1)
    scale = min(0.8 * width / max(w, 1), 0.8 * height / max(h, 1))
    place = (round((width - w * scale) / 2), round((height + h * scale) / 2))
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.putText(mask, word, place, font, scale, 255, thick)
    picture[mask > 0, :3] = random_texture(rng, height, width)[mask > 0]
    picture[..., 3] |= mask
    return picture
