"""Scenes drawn at random, as many as wanted: worlds, objects, motions, cameras and light that the sample does not have.

They are looked at by the sample's sensors and have ground truth from geometry; trackers are trained on them.
"""

import copy
import math
from dataclasses import dataclass

import cv2
import numpy as np

from evalkit.boxes import FloatArray
from evalkit.sample.drawing import PHASES, octaves, random_sprites, random_texture, recolored
from evalkit.sample.geometry import frame_truth
from evalkit.sample.scene import REFERENCE_WH, UNCHANGED, UPRIGHT, Curve, Mover, Path2D, Post, Scene, Staging, at_rest
from evalkit.sample.sensors import ColorCamera
from evalkit.sample.sprites import Sprite
from evalkit.sample.textures import FloatImage, mirrored_tiles
from evalkit.sample.world import GROUND_TEMPERATURE, MARGIN_BOTTOM, MARGIN_TOP, MARGIN_X, WALL_DEPTH, World

SMALLEST, LARGEST = 14.0, 110.0  # square root of a target's area in pixels, where its relative scale is 1
_TURN = 2 * math.pi


@dataclass(frozen=True, slots=True, eq=False)
class FilmedScene:
    """A scene and how it is filmed.

    Attributes:
        scene: Its movers can all be tracked.
        camera: Of the color images.
        light: Mean gain of the color images.
    """

    scene: "DrawnScene"
    camera: ColorCamera
    light: float


class DrawnScene(Scene):
    """A scene whose world and sprites are drawn from its entropy instead of looked up.

    Args:
        frame_wh: Width and height in pixels.
        entropy: Seeds of this scene.
        frames: N of u = t / (N - 1).
    """

    def __init__(self, frame_wh: tuple[int, int], entropy: tuple[int, int], frames: int) -> None:
        rng = np.random.default_rng([*entropy, 7])
        self.sprites: dict[str, tuple[Sprite, ...]] = {}
        super().__init__(_staging(rng, self.sprites), frames, frame_wh, entropy)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([*self.entropy, 0])
        self.lift = 0.0
        self.world = _world(rng, self.frame_wh, list(self.sprites.values()))

    def sprite(self, mover: Mover, u: float) -> Sprite:
        """What a mover looks like."""
        family = self.sprites[mover.kind]
        return family[round(mover.steps * u * PHASES) % len(family)]

    def truths(self, t: float) -> FloatArray:
        """Left, top, width, height, share inside the frame and share visible of every mover, (movers, 6)."""
        movers = (self.staging.target, *self.staging.others)
        return np.array([frame_truth(self._about(number).at(t), self.frame_wh) for number in range(len(movers))])

    def _about(self, number: int) -> "DrawnScene":
        """The same scene with another mover as its target."""
        movers = [self.staging.target, *self.staging.others]
        target = movers.pop(number)
        other = copy.copy(self)
        other.staging = Staging(target, tuple(movers), self.staging.posts, self.staging.camera)
        return other


def draw_scene(seed: int, number: int, frame_wh: tuple[int, int] = REFERENCE_WH) -> FilmedScene:
    """Scene ``number`` of the endless series of a seed."""
    rng = np.random.default_rng([seed, number, 8])
    frames, level = _length_and_light(rng)
    scene = DrawnScene(frame_wh, (seed, number), frames)
    blurred = rng.random() < 0.4
    camera = ColorCamera(
        light=_light(rng, level),
        shutter=rng.uniform(0.5, 1.0) if blurred else 0.8,
        subrenders=int(rng.integers(3, 6)) if blurred else 1,
        noise=rng.uniform(1.5, 6.0),
    )
    return FilmedScene(scene, camera, level)


def light_of(seed: int, number: int) -> float:
    """The light of a scene that need not be drawn for it."""
    return _length_and_light(np.random.default_rng([seed, number, 8]))[1]


def _length_and_light(rng: np.random.Generator) -> tuple[int, float]:
    frames = int(rng.integers(30, 90))
    return frames, math.exp(_choice(rng, [(0.62, 0.6, 1.4), (0.25, 0.09, 0.6), (0.13, 1.5, 6.5)]))


def _choice(rng: np.random.Generator, ranges: list[tuple[float, float, float]]) -> float:
    """Logarithm of a value from one of several ranges: (chance, lowest, highest)."""
    chosen = ranges[rng.choice(len(ranges), p=[chance for chance, _, _ in ranges])]
    return float(rng.uniform(math.log(chosen[1]), math.log(chosen[2])))


def _light(rng: np.random.Generator, level: float) -> Curve:
    kind = rng.random()
    if kind < 0.5:
        return lambda _: level
    if kind < 0.8:
        depth, cycles, phase = rng.uniform(0.1, 0.6), rng.uniform(0.3, 2), rng.uniform(0, _TURN)
        return lambda u: level * (1 + depth * math.sin(_TURN * cycles * u + phase))
    steps = level * np.exp(rng.uniform(-0.9, 0.9, 3))
    return lambda u: float(steps[min(2, max(0, int(3 * u)))])


def _staging(rng: np.random.Generator, sprites: dict[str, tuple[Sprite, ...]]) -> Staging:
    """What happens; fills in the sprites of the kinds that it names."""
    camera = _camera(rng)
    warm = rng.uniform(28, 41) if rng.random() < 0.7 else rng.uniform(10, 28)
    target = _mover(rng, "target", sprites, camera, random_sprites(rng), temperature=warm)
    others = []
    for number in range(int(rng.choice(5, p=[0.1, 0.25, 0.3, 0.2, 0.15]))):
        similar = rng.random()
        family = sprites["target"] if similar < 0.35 else random_sprites(rng)
        if 0.2 < similar < 0.35:
            family = recolored(rng, family)
        heat = warm + rng.normal(0, 3) if rng.random() < 0.3 else rng.uniform(8, 41)
        distance = rng.uniform(0.35, 0.9) if rng.random() < 0.35 else rng.uniform(1.02, 2.2)
        others.append(_mover(rng, f"other {number}", sprites, camera, family, temperature=heat, distance=distance))
    posts = tuple(
        Post(rng.uniform(-20, 320), rng.uniform(6, 60), rng.uniform(1200, 2400), rng.uniform(8, 30))
        for _ in range(int(rng.choice(3, p=[0.7, 0.2, 0.1])))
    )
    return Staging(target, tuple(others), posts, camera)


def _mover(
    rng: np.random.Generator,
    kind: str,
    sprites: dict[str, tuple[Sprite, ...]],
    camera: Path2D,
    family: tuple[Sprite, ...],
    *,
    temperature: float,
    distance: float = 1.0,
) -> Mover:
    sprites[kind] = family
    sides = np.ptp(family[0].outline, axis=0)
    side = math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST)))
    size = min(side / math.sqrt(float(sides.prod())), 150 / float(sides.max()))
    path = _path(rng, on_ground=family[0].on_ground)
    if rng.random() < 0.7:  # what the camera does, does not carry it out of the frame
        still = path
        path = lambda u: (still(u)[0] + camera(u)[0], still(u)[1] + camera(u)[1])  # noqa: E731
    return Mover(
        kind,
        size,
        path,
        scale=_scale(rng),
        angle=_angle(rng),
        distance=distance,
        temperature=temperature,
        steps=rng.uniform(1, 8),
        facing=int(rng.choice([-1, 1])),
    )


def _path(rng: np.random.Generator, *, on_ground: bool) -> Path2D:
    """Straight, on waves, along a smooth random line, or with stops; slow or fast."""
    kind = rng.choice(4, p=[0.25, 0.3, 0.3, 0.15])
    low, high = (-25.0, 30.0) if on_ground else (25.0, 215.0)
    start, end = rng.uniform([5, low], [315, high]), rng.uniform([5, low], [315, high])
    if kind in (0, 3):
        stop = rng.uniform(0.2, 0.8)

        def along(u: float) -> tuple[float, float]:
            if kind == 3:  # standing still from ``stop`` on for a third of the time
                u = min(u, stop) + max(0.0, u - stop - 0.33)
            point = start + (end - start) * u * (1.5 if kind == 3 else 1.0)
            return float(point[0]), float(point[1])

        return along
    count = 1 if kind == 1 else 3
    fast = rng.choice([0.6, 1.5, 3.0], p=[0.4, 0.4, 0.2])
    reach = rng.uniform([15, 4], [130, 15 if on_ground else 80], size=(count, 2)) / count
    cycles = rng.uniform(0.3, 1.2, size=(count, 2)) * fast
    phases = rng.uniform(0, _TURN, size=(count, 2))
    middle = rng.uniform([80, low * 0.5 + high * 0.25], [240, low * 0.25 + high * 0.75])

    def waves(u: float) -> tuple[float, float]:
        point = middle + (reach * np.sin(_TURN * cycles * u + phases)).sum(axis=0)
        return float(point[0]), float(point[1])

    return waves


def _scale(rng: np.random.Generator) -> Curve:
    if rng.random() < 0.35:
        return UNCHANGED
    strength, cycles, phase = rng.uniform(0.05, 0.7), rng.uniform(0.2, 1.5), rng.uniform(0, _TURN)
    return lambda u: math.exp(strength * math.sin(_TURN * cycles * u + phase))


def _angle(rng: np.random.Generator) -> Curve:
    kind = rng.random()
    if kind < 0.3:
        return UPRIGHT
    first = rng.normal(0, 15)
    if kind < 0.85:
        reach, cycles, phase = rng.uniform(2, 60), rng.uniform(0.2, 2), rng.uniform(0, _TURN)
        return lambda u: float(first + reach * math.sin(_TURN * cycles * u + phase))
    speed = rng.uniform(-250, 250)
    return lambda u: float(first + speed * u)


def _camera(rng: np.random.Generator) -> Path2D:
    kind = rng.random()
    if kind < 0.35:
        return at_rest
    pan, swing, cycles = rng.uniform(-70, 70, 2) * [1, 0.3], rng.uniform(0, 60, 2) * [1, 0.15], rng.uniform(0.2, 1.6, 2)
    shake = rng.uniform(0, 5) if kind > 0.75 else 0.0
    phases = rng.uniform(0, _TURN, 4)

    def moving(u: float) -> tuple[float, float]:
        point = pan * u + swing * np.sin(_TURN * cycles * u + phases[:2])
        point = point + shake * np.sin(_TURN * np.array([17.3, 21.7]) * u + phases[2:])
        return float(point[0]), float(point[1])

    return moving


def _world(rng: np.random.Generator, frame_wh: tuple[int, int], families: list[tuple[Sprite, ...]]) -> World:
    """A wall and a ground of random surfaces, with flat things on them; some look like the movers."""
    width, height = frame_wh
    origin = (round(MARGIN_X * width), round(MARGIN_TOP * height))
    canvas_wh = (width + 2 * origin[0], height + origin[1] + round(MARGIN_BOTTOM * height))
    horizon = rng.uniform(0.25, 0.75)
    line, ground_height = origin[1] + round(horizon * height), (1 - horizon) * height
    color = np.concatenate(
        [_surface(rng, line, canvas_wh[0]), _surface(rng, canvas_wh[1] - line, canvas_wh[0])], axis=0
    )
    v = (np.arange(canvas_wh[1], dtype=np.float32) - line + 0.5) / ground_height
    depth = np.repeat((WALL_DEPTH / (1 + 6 * np.clip(v, 0, None)))[:, None], canvas_wh[0], axis=1).astype(np.float32)
    warmth = rng.uniform(14, 26)
    temperature = np.full(canvas_wh[::-1], warmth, dtype=np.float32)
    temperature[line:] += GROUND_TEMPERATURE - 22 + rng.normal(0, 2)
    temperature += 4 * (octaves(rng, canvas_wh[1], canvas_wh[0], first=6, count=3) - 0.5) * rng.uniform(0.3, 2.0)
    for _ in range(int(rng.integers(4, 28))):
        seen = families[rng.integers(len(families))] if rng.random() < 0.15 else None
        _hang(rng, color, depth, temperature, seen)
    if rng.random() < 0.8:
        cv2.GaussianBlur(color, (0, 0), rng.uniform(0.4, 1.6), dst=color)
    pixels = np.clip(np.round(color), 0, 255).astype(np.uint8)
    return World(pixels, depth, temperature, origin, float(line - origin[1]), ground_height)


def _surface(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A surface drawn once, or tiled."""
    if rng.random() < 0.5:
        return random_texture(rng, height, width)
    side = int(rng.integers(48, 260))
    return mirrored_tiles(random_texture(rng, side, side), height, width)


def _hang(
    rng: np.random.Generator,
    color: FloatImage,
    depth: FloatImage,
    temperature: FloatImage,
    seen: tuple[Sprite, ...] | None,
) -> None:
    """Put a flat thing somewhere on the canvas: a sprite that a mover has too, or a rectangle or ellipse."""
    h, w = (int(value) for value in np.exp(rng.uniform(math.log(8), math.log(110), 2)))
    if seen is not None:
        picture = np.asarray(seen[0].levels[0], dtype=np.float32)
        share = rng.uniform(0.3, 1.0)
        h, w = max(4, int(picture.shape[0] * share)), max(4, int(picture.shape[1] * share))
        picture = np.asarray(cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA), dtype=np.float32)
        premultiplied, alpha = picture[..., :3], picture[..., 3:] / np.float32(255)
    else:
        mask = np.ones((h, w), dtype=np.uint8)
        if rng.random() < 0.4:
            mask[:] = 0
            cv2.ellipse(mask, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 1, -1)
        alpha = mask[..., None].astype(np.float32)
        premultiplied = random_texture(rng, h, w) * alpha
    y, x = int(rng.integers(0, color.shape[0] - h)), int(rng.integers(0, color.shape[1] - w))
    part = (slice(y, y + h), slice(x, x + w))
    color[part] = color[part] * (1 - alpha) + premultiplied
    solid = alpha[..., 0] > 0.5
    depth[part][solid] = min(float(depth[y + h - 1, x]), WALL_DEPTH) * rng.uniform(0.85, 1.0)
    temperature[part][solid] += rng.normal(0, 4)
