"""The still part of a scene: wall with posters, ground with boxes; color, distance and temperature of every point."""

from dataclasses import dataclass

import cv2
import numpy as np

from evalkit.sample.textures import PHOTOGRAPHS, ByteImage, FloatImage, mirrored_tiles, texture

WALL_DEPTH = 9000.0  # millimeters
WALL_TEMPERATURE = 22.0  # degrees Celsius
GROUND_TEMPERATURE = 18.0
HORIZON = 0.45  # of the frame's height, from above
MARGIN_X = 0.5  # the canvas reaches this many frame widths beyond the first frame on either side
MARGIN_TOP = 0.25  # of the frame's height
MARGIN_BOTTOM = 0.5
_TILE = 128  # a third of the texture's 384 pixels
_LENS_BLUR = 0.65  # pixels; without it the fine gravel costs a third more disk space
_HAZE = np.array([186.0, 178.0, 170.0], dtype=np.float32)

_WALL_TINTS = ((0.80, 0.92, 1.22), (0.92, 1.00, 1.10), (1.05, 1.02, 0.98), (0.78, 0.88, 1.05))  # B, G, R
_GROUNDS = (("grass", (0.62, 0.98, 0.84)), ("gravel", (0.86, 0.98, 1.06)), ("grass", (0.64, 0.94, 0.94)))
_BOX_COLORS = ((70, 110, 150), (120, 95, 70), (60, 60, 130), (95, 130, 95), (160, 165, 170))


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Canvases that the camera looks at.

    Attributes:
        color: (height, width, 3) BGR.
        depth: (height, width) millimeters.
        temperature: (height, width) degrees Celsius.
        origin: x, y of the first frame's upper left corner on the canvas.
        horizon: y of the line where the wall meets the ground, in world coordinates (pixels of the first frame).
        ground_height: Pixels from the horizon to the bottom of the first frame.
    """

    color: ByteImage
    depth: FloatImage
    temperature: FloatImage
    origin: tuple[int, int]
    horizon: float
    ground_height: float

    def ground_line(self, depth: float) -> float:
        """World y where something of that depth (millimeters) touches the ground."""
        return self.horizon + self.ground_height * (WALL_DEPTH / depth - 1) / 6


def build_world(
    rng: np.random.Generator, frame_wh: tuple[int, int], *, target_photo: str | None, clutter: bool
) -> World:
    """Draw the canvases.

    Args:
        rng: Chooses tints, posters, boxes.
        frame_wh: Width and height of a frame.
        target_photo: Photograph that the target is cut from; shown on posters only with ``clutter``.
        clutter: One poster near the middle of the first frame shows the target's photograph.
    """
    width, height = frame_wh
    origin = (round(MARGIN_X * width), round(MARGIN_TOP * height))
    canvas_wh = (width + 2 * origin[0], height + origin[1] + round(MARGIN_BOTTOM * height))
    unit = height / 240
    line = origin[1] + round(HORIZON * height)
    ground_height = (1 - HORIZON) * height
    wall = _wall(rng, canvas_wh[0], line, unit)
    ground = _ground(rng, canvas_wh[0], canvas_wh[1] - line, ground_height, unit)
    color = np.concatenate([wall, ground])
    depth = np.full(canvas_wh[::-1], WALL_DEPTH, dtype=np.float32)
    v = (np.arange(canvas_wh[1] - line, dtype=np.float32) + 0.5) / ground_height
    depth[line:] = (WALL_DEPTH / (1 + 6 * v))[:, None]
    temperature = np.full(canvas_wh[::-1], WALL_TEMPERATURE, dtype=np.float32)
    temperature[line:] = GROUND_TEMPERATURE
    world = World(
        color=np.zeros((1, 1, 3), dtype=np.uint8),
        depth=depth,
        temperature=temperature,
        origin=origin,
        horizon=float(line - origin[1]),
        ground_height=ground_height,
    )
    _hang_posters(rng, color, world, unit, target_photo=target_photo, clutter=clutter)
    _soften_corner(color, line, unit)
    _place_boxes(rng, color, world, unit)
    temperature += _slow_noise(rng, canvas_wh, sigma=12 * unit, amplitude=2.0)
    seen = np.asarray(cv2.GaussianBlur(color, (0, 0), _LENS_BLUR * unit), dtype=np.float32)
    pixels = np.clip(np.round(seen), 0, 255).astype(np.uint8)
    return World(pixels, depth, temperature, origin, world.horizon, ground_height)


def _wall(rng: np.random.Generator, width: int, height: int, unit: float) -> FloatImage:
    bricks = np.rot90(_straight(texture("brick"))).astype(np.float32)
    tile = _resized(bricks, max(8, round(_TILE * unit)))
    wall = mirrored_tiles(tile, height, width) * np.array(_WALL_TINTS[rng.integers(len(_WALL_TINTS))], np.float32)
    stains = 1 + _slow_noise(rng, (width, height), sigma=28 * unit, amplitude=0.07)
    light = np.linspace(1.08, 0.94, height, dtype=np.float32)[:, None]
    return np.asarray((wall * 0.85 + 0.15 * wall.mean(axis=(0, 1))) * (stains * light)[..., None], dtype=np.float32)


def _straight(bricks: ByteImage) -> ByteImage:
    """Undo the perspective of the photographed bricks, whose rows widen by 18 % from the top to the bottom."""
    height, width = bricks.shape[:2]
    inset = 0.5 * width * (1 - 1 / 1.18)
    corners = np.array([[inset, 0], [width - inset, 0], [width, height], [0, height]], dtype=np.float32)
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, square)
    return np.asarray(cv2.warpPerspective(bricks, matrix, (width, height)), dtype=np.uint8)


def _ground(rng: np.random.Generator, width: int, height: int, ground_height: float, unit: float) -> FloatImage:
    """A textured plane, narrow at the horizon, three times wider at the bottom of the first frame."""
    name, tint = _GROUNDS[rng.integers(len(_GROUNDS))]
    v = (np.arange(height, dtype=np.float32) + 0.5) / np.float32(ground_height)
    widening = (1 + 2 * v) / 3
    shift = np.float32(rng.uniform(0.3, 0.7) * _TILE * unit)  # the seam of the mirrored tiles beside the middle
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :] / widening[:, None] + shift
    y = np.float32(ground_height * 0.9) * np.log(widening) / np.log(np.float32(3.0)) * 2  # equal steps per texel
    ground = np.zeros((height, width, 3), dtype=np.float32)
    for size, weight in ((1.0, np.clip(v * 2.2, 0, 1)), (0.5, 1 - np.clip(v * 2.2, 0, 1))):
        side = max(8, round(_TILE * unit * size))
        tile = _resized(texture(name).astype(np.float32), side)
        tile = np.concatenate([np.concatenate([tile, tile[:, ::-1]], axis=1)] * 2, axis=0)
        tile[side:] = tile[side:][::-1]
        map_x = np.mod(x * np.float32(size), 2 * side).astype(np.float32)
        map_y = np.mod(np.broadcast_to(y[:, None] * np.float32(size), x.shape), 2 * side).astype(np.float32)
        sampled = cv2.remap(tile, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        ground += np.asarray(sampled, dtype=np.float32) * weight[:, None, None]
    ground = (0.85 * ground + 0.15 * ground.mean()) * np.array(tint, dtype=np.float32)
    patches = 1 + _slow_noise(rng, (width, height), sigma=22 * unit, amplitude=0.06)
    light = np.interp(v, [0.0, 1.0], [0.90, 1.10]).astype(np.float32)  # +-10 % from the horizon to the bottom
    ground *= (patches * light[:, None])[..., None]
    haze = (0.22 * np.clip(1 - 4 * v, 0, 1)).astype(np.float32)[:, None, None]
    return np.asarray(ground * (1 - haze) + _HAZE * haze * 0.8, dtype=np.float32)


def _hang_posters(
    rng: np.random.Generator,
    color: FloatImage,
    world: World,
    unit: float,
    *,
    target_photo: str | None,
    clutter: bool,
) -> None:
    """Photographs in frames along the wall."""
    others = list(rng.permutation([name for name in PHOTOGRAPHS if name != target_photo]))
    floor = world.origin[1] + round(world.horizon)
    centers = np.arange(-144, 480, 118.0)
    wanted = int(np.argmin(np.abs(centers - 210)))
    for slot, center in enumerate(centers):
        name = str(others[slot % len(others)])
        tall = rng.uniform(60, 88) * unit
        shift, drop, warmth = rng.uniform(-8, 8), rng.uniform(10, 22), rng.uniform(-3, 3)
        if clutter and slot == wanted and target_photo is not None:
            name, tall, shift, drop = target_photo, 84 * unit, 0.0, 12
        elif rng.random() < 0.25:
            continue
        photo = texture(name)
        tall = min(tall, 104 * unit * photo.shape[0] / photo.shape[1])
        size = (round(tall * photo.shape[1] / photo.shape[0]), round(tall))
        left = round(world.origin[0] + (center + shift) * unit - size[0] / 2)
        top = round(floor - drop * unit - size[1])
        _hang(color, world.temperature, photo, (left, top, *size), warmth=warmth, border=max(1, round(2 * unit)))


def _hang(
    color: FloatImage,
    temperature: FloatImage,
    photo: ByteImage,
    place: tuple[int, int, int, int],
    *,
    warmth: float,
    border: int,
) -> None:
    x, y, w, h = place
    height, width = temperature.shape
    if x < border or y < border or x + w + 3 * border > width or y + h + 3 * border > height:
        return
    shadow = (slice(y + border, y + h + 3 * border), slice(x + border, x + w + 3 * border))
    color[shadow] *= 0.62
    frame = (slice(y - border, y + h + border), slice(x - border, x + w + border))
    color[frame] = (205, 210, 212)
    color[y : y + h, x : x + w] = np.asarray(cv2.resize(photo, (w, h), interpolation=cv2.INTER_AREA)) * 0.88 + 8
    temperature[frame] += warmth


def _soften_corner(color: FloatImage, line: int, unit: float) -> None:
    """A dark seam with soft edges where the wall meets the ground."""
    rows = np.arange(len(color), dtype=np.float32) - line
    dark = 1 - 0.30 * np.exp(-0.5 * (rows / (3.5 * unit)) ** 2)
    color *= dark[:, None, None].astype(np.float32)


def _place_boxes(rng: np.random.Generator, color: FloatImage, world: World, unit: float) -> None:
    """Crates near the wall, so that every mover is in front of them."""
    left_edge, right_edge = -world.origin[0] / unit, (color.shape[1] - world.origin[0]) / unit
    for _ in range(int(rng.integers(6, 10))):
        depth = rng.uniform(6500, 8300)
        w, h = rng.uniform(18, 46) * unit, rng.uniform(12, 32) * unit
        x = world.origin[0] + rng.uniform(left_edge + 10, right_edge - 60) * unit
        foot = world.origin[1] + world.ground_line(depth)
        shade = np.array(_BOX_COLORS[rng.integers(len(_BOX_COLORS))], dtype=np.float32) * rng.uniform(0.8, 1.15)
        warmth = rng.uniform(14, 24)
        x0, x1, y0, y1 = round(x), round(x + w), round(foot - h), round(foot)
        lid = max(1, round(h * 0.18))
        _shade_ellipse(color, ((x0 + x1) / 2, y1), (0.62 * w, 0.10 * w + 2 * unit), 0.35, 4 * unit)
        grain = rng.standard_normal((y1 - y0, x1 - x0, 1), dtype=np.float32) * 4
        planks = 1 - 0.12 * (np.arange(x1 - x0) % max(4, round(7 * unit)) == 0)
        light = np.linspace(1.06, 0.84, y1 - y0)[:, None] * planks[None, :]
        color[y0:y1, x0:x1] = shade * light[..., None] + grain
        color[y0 : y0 + lid, x0:x1] = shade * 1.28 + grain[:lid]
        world.depth[y0:y1, x0:x1] = depth
        world.temperature[y0:y1, x0:x1] = warmth


def _shade_ellipse(
    color: FloatImage, center: tuple[float, float], radii: tuple[float, float], strength: float, blur: float
) -> None:
    """Darken an ellipse with soft edges in place."""
    reach = 2 * blur
    x0, y0 = (max(0, int(c - r - reach)) for c, r in zip(center, radii, strict=True))
    x1, y1 = (int(c + r + reach) + 1 for c, r in zip(center, radii, strict=True))
    part = color[y0:y1, x0:x1]
    ys, xs = np.mgrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]].astype(np.float32)
    distance = np.hypot((xs - center[0]) / (radii[0] + blur), (ys - center[1]) / (radii[1] + blur))
    part *= (1 - strength * np.clip(1.4 * (1 - distance), 0, 1))[..., None].astype(np.float32)


def _slow_noise(rng: np.random.Generator, size_wh: tuple[int, int], *, sigma: float, amplitude: float) -> FloatImage:
    """Low-frequency Gaussian noise of standard deviation ``amplitude / 2``, made on a coarse grid."""
    step = max(1, int(sigma / 3))
    coarse = (-(-size_wh[1] // step) + 1, -(-size_wh[0] // step) + 1)
    noise = rng.standard_normal(coarse, dtype=np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma / step, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
    noise *= amplitude / 2 / max(float(noise.std()), 1e-6)
    return np.asarray(cv2.resize(noise, size_wh, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _resized(image: FloatImage, side: int) -> FloatImage:
    method = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), dtype=np.float32)
