"""One scene for all sensors: movers and posts placed by a camera at an instant, from far to near."""

import collections.abc as cabc
import math
import zlib
from dataclasses import dataclass, field

import cv2
import numpy as np

from evalkit.boxes import FloatArray
from evalkit.sample.sprites import Sprite, make_sprite
from evalkit.sample.textures import FloatImage
from evalkit.sample.world import WALL_DEPTH, World, build_world

REFERENCE_WH = (320, 240)  # positions of the scenario table are pixels of such a frame
TARGET_DEPTH = 3000.0  # millimeters, at relative scale 1
_STRIDE = 0.2  # walkers start with open legs
PHOTOS = {"cat": "chelsea", "cup": "coffee", "portrait": "astronaut"}

Path2D = cabc.Callable[[float], tuple[float, float]]
Curve = cabc.Callable[[float], float]


def constant(value: float) -> Curve:
    """A curve that stays at a value."""
    return lambda _: value


UNCHANGED = constant(1.0)
UPRIGHT = constant(0.0)


def at_rest(_: float) -> tuple[float, float]:
    """The path of a camera that does not move."""
    return 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Mover:
    """The target or a distractor.

    Attributes:
        kind: Of its sprite.
        size: Sprite pixels to frame pixels at relative scale 1, in a frame of 320 x 240.
        path: u -> x, y of the anchor in world coordinates; for what stands on the ground y is an offset from the
            ground line of its depth.
        scale: u -> relative scale; the target's depth is 3000 mm / scale.
        angle: u -> rotation in degrees, clockwise.
        distance: Depth as a multiple of the target's at scale 1.
        temperature: Degrees Celsius.
        steps: Cycles of a walker's step over the whole sequence.
        facing: 1 = to the right as drawn, -1 = mirrored.
    """

    kind: str
    size: float
    path: Path2D
    scale: Curve = UNCHANGED
    angle: Curve = UPRIGHT
    distance: float = 1.0
    temperature: float = 37.0
    steps: float = 0.0
    facing: int = 1


@dataclass(frozen=True, slots=True)
class Post:
    """A vertical bar across the whole frame: left edge x and width in pixels, depth in millimeters."""

    x: float
    width: float
    depth: float = 1900.0
    temperature: float = 16.0


@dataclass(frozen=True, slots=True)
class Staging:
    """What happens in a scene, as functions of u = t / (N - 1).

    Attributes:
        target: The tracked object.
        others: Distractors.
        posts: Occluders.
        camera: u -> translation of the world's window in pixels.
        clutter: A poster shows the same picture as the target.
        mirrored: Left and right exchanged.
    """

    target: Mover
    others: tuple[Mover, ...] = ()
    posts: tuple[Post, ...] = ()
    camera: Path2D = at_rest
    clutter: bool = False
    mirrored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Something in front of the background, cut to the frame.

    Attributes:
        x: Left edge of the patch in the frame.
        y: Upper edge.
        color: (h, w, 3) premultiplied BGR, 0..255.
        alpha: (h, w), 0..1.
        depth: Millimeters; 0 for a shadow, which neither depth nor thermal sensors see.
        temperature: (h, w) degrees Celsius, or one value.
        is_target: The tracked object.
        is_mover: Target or distractor.
    """

    x: int
    y: int
    color: FloatImage
    alpha: FloatImage
    depth: float
    temperature: FloatImage | float
    is_target: bool = False
    is_mover: bool = False

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that the patch covers."""
        height, width = self.alpha.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """The scene at one time: background window and layers from far to near.

    Attributes:
        camera: Translation of the window, pixels.
        layers: Far to near.
        target_outline: (K, 2) corners of the target's hull in the frame.
    """

    camera: tuple[float, float]
    layers: tuple[Layer, ...]
    target_outline: FloatArray


@dataclass(slots=True, eq=False)
class Scene:
    """A staged scene for a frame size; every instant can be asked for in any order.

    Attributes:
        staging: What happens.
        frames: N of u = t / (N - 1).
        frame_wh: Width and height in pixels.
        entropy: Seeds of the sequence: (user seed, CRC-32 of its name).
    """

    staging: Staging
    frames: int
    frame_wh: tuple[int, int]
    entropy: tuple[int, int]
    world: World = field(init=False)
    lift: float = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([*self.entropy, 0])
        self.lift = float(rng.uniform(-5, 5))
        photo = PHOTOS.get(self.staging.target.kind)
        self.world = build_world(rng, self.frame_wh, target_photo=photo, clutter=self.staging.clutter)

    @classmethod
    def of_name(cls, staging: Staging, frames: int, frame_wh: tuple[int, int], *, seed: int, name: str) -> "Scene":
        """A scene whose random choices depend on the user's seed and the sequence's name alone."""
        return cls(staging, frames, frame_wh, (seed, zlib.crc32(name.encode())))

    @property
    def unit(self) -> float:
        """Frame pixels per pixel of the scenario table, for sizes."""
        return min(self.frame_wh[0] / REFERENCE_WH[0], self.frame_wh[1] / REFERENCE_WH[1])

    def sprite(self, mover: Mover, u: float) -> Sprite:
        """What a mover looks like."""
        return make_sprite(mover.kind, _STRIDE + mover.steps * u)

    def at(self, t: float) -> Instant:
        """The scene at a time in frames (0 = first frame; fractions and times outside are allowed)."""
        u = t / (self.frames - 1)
        camera = self._in_frame_units(self.staging.camera(u))
        target, outline = self._place(self.staging.target, u, camera, is_target=True)
        bodies = [target]
        bodies += [self._place(mover, u, camera, is_target=False)[0] for mover in self.staging.others]
        bodies += [self._place_post(post, camera[0]) for post in self.staging.posts]
        bodies.sort(key=lambda body: -body[0])
        shadows = [layer for _, layers in bodies for layer in layers if layer.depth == 0]
        solids = [layer for _, layers in bodies for layer in layers if layer.depth > 0]
        instant = Instant(camera, tuple(shadows + solids), outline)
        return self._mirror(instant) if self.staging.mirrored else instant

    def background_matrix(self, instant: Instant) -> FloatArray:
        """Affine map, (2, 3), from frame pixels to canvas pixels."""
        dx, dy = instant.camera
        x, y = self.world.origin
        if self.staging.mirrored:
            return np.array([[-1.0, 0.0, x + dx + self.frame_wh[0] - 1], [0.0, 1.0, y + dy]])
        return np.array([[1.0, 0.0, x + dx], [0.0, 1.0, y + dy]])

    def _in_frame_units(self, point: tuple[float, float]) -> tuple[float, float]:
        return point[0] * self.frame_wh[0] / REFERENCE_WH[0], point[1] * self.frame_wh[1] / REFERENCE_WH[1]

    def _place(
        self, mover: Mover, u: float, camera: tuple[float, float], *, is_target: bool
    ) -> tuple[tuple[float, list[Layer]], FloatArray]:
        """Body and shadow of a mover, with its depth, and the outline of its hull."""
        sprite = self.sprite(mover, u)
        relative = mover.scale(u)
        depth = TARGET_DEPTH * mover.distance / relative
        x, y = self._in_frame_units(mover.path(u))
        ground = self.world.ground_line(min(depth, WALL_DEPTH))
        y = ground + y if sprite.on_ground else y + self.lift * self.unit
        size = mover.size * relative * self.unit
        matrix = _affine(sprite, (x - camera[0], y - camera[1]), size, mover.angle(u), mover.facing)
        outline = sprite.outline @ matrix[:, :2].T + matrix[:, 2]
        layers = []
        body = _warped(sprite, matrix, size, self.frame_wh, outline)
        if body is not None:
            px, py, color, alpha, heat = body
            temperature = np.asarray(mover.temperature + 1.8 * heat, dtype=np.float32)
            layers.append(Layer(px, py, color, alpha, depth, temperature, is_target, is_mover=True))
        width = (sprite.size_wh[0] - 4) * size
        shadow = self._shadow((x - camera[0], ground - camera[1]), width, touching=sprite.on_ground)
        return (depth, layers if shadow is None else [shadow, *layers]), outline

    def _shadow(self, foot: tuple[float, float], width: float, *, touching: bool) -> Layer | None:
        """A dark ellipse on the ground: under the wheels or feet, or fainter below what floats."""
        blur = 4.0 * self.unit
        radii = (width * (0.5 if touching else 0.42), max(0.07 * width, 1.5 * self.unit))
        strength = 0.35 if touching else 0.22
        center = (foot[0], foot[1] - (0.02 * width if touching else 0.0))
        box = _clip(
            (center[0] - radii[0] - blur, center[1] - radii[1] - blur),
            (center[0] + radii[0] + blur, center[1] + radii[1] + blur),
            self.frame_wh,
        )
        if box is None:
            return None
        x0, y0, x1, y1 = box
        xs = (np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(center[0])) / np.float32(radii[0] + blur)
        ys = (np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(center[1])) / np.float32(radii[1] + blur)
        distance = np.sqrt(xs[None, :] ** 2 + ys[:, None] ** 2)
        alpha = np.asarray(strength * np.clip(1.6 * (1 - distance), 0, 1), dtype=np.float32)
        return Layer(x0, y0, np.zeros((*alpha.shape, 3), dtype=np.float32), alpha, 0.0, 0.0)

    def _place_post(self, post: Post, camera_x: float) -> tuple[float, list[Layer]]:
        parallax = 1 + WALL_DEPTH / post.depth * 0.25
        left = post.x * self.frame_wh[0] / REFERENCE_WH[0] - camera_x * parallax
        width = post.width * self.unit
        box = _clip((left, 0.0), (left + width, float(self.frame_wh[1])), self.frame_wh)
        if box is None:
            return post.depth, []
        columns = np.arange(box[0], box[2], dtype=np.float64)
        covered = np.clip(np.minimum(columns + 1, left + width) - np.maximum(columns, left), 0, 1)
        across = np.clip((columns + 0.5 - left) / width, 0, 1)
        light = (
            0.35 + 0.65 * np.sin(np.pi * np.clip(0.08 + 0.95 * across, 0, 1)) ** 1.5
        )  # a round bar lit from the front
        light += 0.25 * np.exp(-(((across - 0.36) / 0.07) ** 2))
        tone = np.array([112.0, 118.0, 122.0])
        height = self.frame_wh[1]
        rows = np.linspace(1.05, 0.85, height)
        shade = (tone * light[:, None] * covered[:, None]).reshape(-1)
        color = (rows[:, None] * shade).reshape(height, len(columns), 3)
        alpha = np.ascontiguousarray(np.broadcast_to(covered.astype(np.float32), (height, len(columns))))
        layer = Layer(box[0], 0, np.minimum(color, 255).astype(np.float32), alpha, post.depth, post.temperature)
        return post.depth, [layer]

    def _mirror(self, instant: Instant) -> Instant:
        width = self.frame_wh[0]
        layers = []
        for layer in instant.layers:
            warm = layer.temperature
            layers.append(
                Layer(
                    width - layer.x - layer.alpha.shape[1],
                    layer.y,
                    layer.color[:, ::-1],
                    np.ascontiguousarray(layer.alpha[:, ::-1]),
                    layer.depth,
                    warm if isinstance(warm, float) else warm[:, ::-1],
                    layer.is_target,
                    layer.is_mover,
                )
            )
        outline = instant.target_outline * np.array([-1.0, 1.0]) + np.array([width, 0.0])
        return Instant(instant.camera, tuple(layers), outline)


def _affine(sprite: Sprite, place: tuple[float, float], size: float, degrees: float, facing: int) -> FloatArray:
    """(2, 3) map from continuous sprite coordinates to continuous frame coordinates."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    linear = size * np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([float(facing), 1.0])
    return np.column_stack([linear, np.array(place) - linear @ np.array(sprite.anchor)])


def _clip(
    low: tuple[float, float], high: tuple[float, float], frame_wh: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Whole pixels x0, y0, x1, y1 of the frame that a rectangle touches; None outside the frame."""
    x0, y0 = max(0, math.floor(low[0])), max(0, math.floor(low[1]))
    x1, y1 = min(frame_wh[0], math.ceil(high[0])), min(frame_wh[1], math.ceil(high[1]))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _warped(
    sprite: Sprite, matrix: FloatArray, size: float, frame_wh: tuple[int, int], outline: FloatArray
) -> tuple[int, int, FloatImage, FloatImage, FloatImage] | None:
    """Color, alpha and heat of a placed sprite inside the frame, with the patch's x and y."""
    low, high = outline.min(axis=0) - 1.5, outline.max(axis=0) + 1.5
    box = _clip((low[0], low[1]), (high[0], high[1]), frame_wh)
    if box is None:
        return None
    level = min(max(0, math.floor(-math.log2(max(size, 1e-3)))), len(sprite.levels) - 1)
    linear = matrix[:, :2] * 2.0**level
    corner = matrix[:, 2] - np.array(box[:2])
    # OpenCV counts from pixel centers: shift by half a pixel on both sides of the map.
    pixel_map = np.column_stack([linear, corner + linear @ np.array([0.5, 0.5]) - 0.5])
    patch_wh = (box[2] - box[0], box[3] - box[1])
    picture = np.asarray(cv2.warpAffine(sprite.levels[level], pixel_map, patch_wh), dtype=np.float32)
    heat = np.asarray(cv2.warpAffine(sprite.heat[level], pixel_map, patch_wh), dtype=np.float32)
    alpha = picture[..., 3] / np.float32(255)
    return box[0], box[1], picture[..., :3], alpha, heat
