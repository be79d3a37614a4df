"""The sequences of the sample as data: who moves how, under which light, behind what, and in which official folder."""

import math
from dataclasses import dataclass, field, replace

from evalkit.sample.scene import Mover, Path2D, Post, Staging
from evalkit.sample.sensors import ColorCamera

# Positions are pixels of a 320 x 240 frame, u = t / (N - 1).


@dataclass(frozen=True, slots=True)
class Scenario:
    """One sequence.

    Attributes:
        benchmark: Title of the benchmark, also its folder.
        split: Folder of the split, as the benchmark spells it.
        name: Sequence name.
        scene: Name of the scene in the sample's documentation.
        frames: N.
        staging: What happens.
        camera: How the color images are taken.
        challenges: Attribute codes of the benchmark.
        object_class: In words.
        description: One sentence.
        folder: Of the images, where it is longer than the sequence and has another name (UAV123).
        lead: Frames of that folder before the first annotated one, and as many after the last.
        infrared_shift: Pixels by which thermal image and infrared boxes lie further right.
        image_suffix: Of the color images.
        first_number: Of the image names.
        in_tiny: Part of the tiny variant.
    """

    benchmark: str
    split: str
    name: str
    scene: str
    frames: int
    staging: Staging
    camera: ColorCamera = field(default_factory=ColorCamera)
    challenges: tuple[str, ...] = ()
    object_class: str = ""
    description: str = ""
    folder: str = ""
    lead: int = 0
    infrared_shift: int = 0
    image_suffix: str = ".jpg"
    first_number: int = 1
    in_tiny: bool = False


def line(start: tuple[float, float], end: tuple[float, float]) -> Path2D:
    """Straight and even.

    Example:
        >>> line((0, 10), (100, 20))(0.5)
        (50.0, 15.0)
    """
    return lambda u: (start[0] + (end[0] - start[0]) * u, start[1] + (end[1] - start[1]) * u)


def swing(
    center: tuple[float, float],
    reach: tuple[float, float],
    cycles: tuple[float, float],
    phase: tuple[float, float] = (0.0, 0.0),
) -> Path2D:
    """Sine waves in x and y around a center; phases in cycles.

    Example:
        >>> swing((100, 50), (30, 0), (1, 1))(0.25)
        (130.0, 50.0)
    """
    turn = 2 * math.pi
    return lambda u: (
        center[0] + reach[0] * math.sin(turn * (cycles[0] * u + phase[0])),
        center[1] + reach[1] * math.sin(turn * (cycles[1] * u + phase[1])),
    )


def _rush_in(u: float) -> tuple[float, float]:
    """Outside the left edge for the first tenth, into the frame in a rush, then evenly to the right."""
    return 18 + 217 * u - min(150.0, 12000 * max(0.0, 0.1 - u)), 0.0


def _leave_twice(reach: float) -> Path2D:
    """Out to the right and back, out to the left and back."""
    return lambda u: (160 + reach * math.sin(2 * math.pi * u), 110 + 14 * math.sin(6 * math.pi * u))


def _swap_light(u: float) -> float:
    """1, then 0.25, then 1.5."""
    return 1.0 if u < 0.34 else 0.25 if u < 0.67 else 1.5


_CAT_TURNS = Staging(
    target=Mover(
        "cat",
        0.75,
        swing((160, 112), (92, 26), (0.8, 1.2), (0.62, 0.0)),
        scale=lambda u: 1 + 0.35 * math.sin(2 * math.pi * 0.8 * u),
        angle=lambda u: 70 * math.sin(2 * math.pi * 0.9 * u),
    ),
    clutter=True,
)
_CUP_RACES = Staging(
    target=Mover(
        "cup",
        0.5,
        swing((160, 118), (105, 52), (1.6, 2.3), (0.6, 0.2)),
        angle=lambda u: 25 * math.sin(2 * math.pi * 1.5 * u),
    )
)
_BLUR = ColorCamera(shutter=1.0, subrenders=5)


def _got10k(split: str, *, mirrored: bool = False) -> tuple[Scenario, Scenario]:
    return (
        Scenario(
            "GOT-10k",
            split,
            f"GOT-10k_{split.title()}_000001",
            "got-cat",
            50,
            replace(_CAT_TURNS, mirrored=mirrored),
            challenges=("rotation", "scale", "clutter"),
            object_class="cat",
            description="turning",
            in_tiny=True,
        ),
        Scenario(
            "GOT-10k",
            split,
            f"GOT-10k_{split.title()}_000002",
            "got-cup",
            50,
            replace(_CUP_RACES, mirrored=mirrored),
            _BLUR,
            challenges=("fast motion", "motion blur", "rotation"),
            object_class="cup",
            description="flying",
        ),
    )


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "UAV123",
        "test",
        "uav-car",
        "uav-car",
        60,
        Staging(
            target=Mover("car", 0.34, line((52, 0), (322, 0))),
            others=(
                Mover("car-maroon", 0.31, line((330, 0), (20, 0)), distance=1.2, facing=-1, temperature=30),
                Mover("car", 0.27, line((180, 0), (90, 0)), distance=1.5, facing=-1, temperature=31),
            ),
            camera=line((0, 0), (60, 0)),
        ),
        challenges=("CM", "SOB", "BC"),
        object_class="car",
        description="the red car that drives to the right",
    ),
    Scenario(
        "UAV123",
        "test",
        "uav-walk",
        "uav-walk",
        60,
        Staging(
            target=Mover("walker", 0.32, line((40, 0), (266, 0)), steps=4.2),
            posts=(Post(150, 22),),
            camera=line((0, 0), (-30, 0)),
        ),
        challenges=("LR", "FOC", "POC", "CM"),
        object_class="person",
        description="the person who walks to the right",
        folder="uav-park",
        lead=10,
        in_tiny=True,
    ),
    *_got10k("val"),
    *_got10k("test", mirrored=True),
    Scenario(
        "LaSOT",
        "testing",
        "lasot-face",
        "lasot-face",
        80,
        Staging(
            target=Mover(
                "portrait",
                0.55,
                lambda u: (45 + 238 * u - 9 * math.sin(2 * math.pi * u), 112 + 8 * math.sin(9 * u)),
                scale=lambda u: 1 + 0.3 * u,
                angle=lambda u: 6 * math.sin(14 * u),
                temperature=36,
            ),
            others=(Mover("cat", 0.34, line((300, 92), (30, 100)), distance=1.6),),
            posts=(Post(150, 62, depth=1800),),
            camera=swing((0, 0), (6, 2), (1.0, 1.7)),
        ),
        challenges=("FOC", "POC", "SV", "CM"),
        object_class="face",
        description="a round portrait of an astronaut passing behind a post",
    ),
    Scenario(
        "LaSOT",
        "testing",
        "lasot-leave",
        "lasot-leave",
        80,
        Staging(target=Mover("cat", 0.6, _leave_twice(256), angle=lambda u: 12 * math.sin(9 * u))),
        challenges=("OV", "FM"),
        object_class="cat",
        description="a cat face leaving the view on both sides",
        in_tiny=True,
    ),
    Scenario(
        "LaSOT",
        "training",
        "lasot-train",
        "lasot-train",
        24,
        Staging(target=Mover("cup", 0.5, swing((150, 110), (70, 20), (0.6, 1.0)), scale=lambda u: 1 + 0.2 * u)),
        challenges=("SV",),
        object_class="cup",
        description="a red cup flying to the right",
        in_tiny=True,
    ),
    Scenario(
        "TNL2K",
        "test",
        "tnl-walk",
        "tnl-walk",
        50,
        Staging(
            target=Mover("walker", 0.5, line((70, 0), (240, 0)), steps=3.0),
            others=(Mover("walker", 0.5, line((262, 0), (66, 0)), distance=1.15, steps=3.0, facing=-1),),
        ),
        ColorCamera(light=lambda u: 0.65 + 0.35 * math.cos(2 * math.pi * 1.5 * u)),
        challenges=("IV", "BC"),
        object_class="person",
        description="the person walking from the left to the right",
        first_number=17,
        in_tiny=True,
    ),
    Scenario(
        "TNL2K",
        "test",
        "tnl-cup",
        "tnl-cup",
        50,
        Staging(
            target=Mover("cup", 0.6, swing((155, 112), (95, 30), (1.9, 2.6), (0.6, 0.0))),
            others=(Mover("cup", 0.42, line((40, 96), (290, 104)), distance=1.6),),
        ),
        ColorCamera(light=_swap_light),
        challenges=("IV", "BC"),
        object_class="cup",
        description="the larger red cup",
        image_suffix=".png",
        first_number=0,
    ),
    Scenario(
        "TrackingNet",
        "TEST",
        "tn-car",
        "tn-car",
        60,
        Staging(
            target=Mover("car", 0.25, lambda u: (60 + 185 * u, 0.0), scale=lambda u: 1 + 2.2 * max(u, 0.0) ** 1.5),
            others=(Mover("car-maroon", 0.25, line((40, 0), (250, 0)), distance=1.15, temperature=31),),
            camera=lambda u: (18 * u, 92 * max(u, 0.0) ** 1.5),
        ),
        challenges=("scale", "similar object"),
        object_class="car",
        description="the car that comes nearer",
        in_tiny=True,
    ),
    Scenario(
        "TrackingNet",
        "TEST",
        "tn-face",
        "tn-face",
        60,
        Staging(
            target=Mover("portrait", 0.6, swing((160, 110), (18, 16), (1.4, 1.0), (0.04, 0.0)), temperature=36),
            camera=swing((0, 0), (100, 5), (1.4, 2.0)),
        ),
        ColorCamera(shutter=0.8, subrenders=4),
        challenges=("camera motion", "motion blur"),
        object_class="face",
        description="a round portrait",
    ),
    Scenario(
        "TrackingNet",
        "TRAIN_0",
        "tn-train",
        "tn-train",
        24,
        Staging(
            target=Mover("car-blue", 0.4, line((60, 0), (250, 0))),
            others=(Mover("car", 0.32, line((280, 0), (40, 0)), distance=1.25, facing=-1),),
        ),
        challenges=("similar object",),
        object_class="car",
        description="the blue car",
        in_tiny=True,
    ),
    Scenario(
        "VisEvent",
        "test",
        "vis-cup",
        "vis-cup",
        30,
        Staging(target=Mover("cup", 0.5, swing((160, 112), (100, 34), (0.9, 1.3), (0.6, 0.1)), angle=lambda u: 15 * u)),
        ColorCamera(light=lambda _: 0.35, shutter=1.0, subrenders=6, noise=4.0),
        challenges=("LI", "MB", "FM"),
        object_class="cup",
        description="a cup in the dusk",
        first_number=0,
    ),
    Scenario(
        "VisEvent",
        "test",
        "vis-car",
        "vis-car",
        30,
        Staging(
            target=Mover("car", 0.4, _rush_in),
            others=(Mover("car-maroon", 0.36, line((300, 0), (70, 0)), distance=1.2, facing=-1, temperature=30),),
        ),
        ColorCamera(light=lambda _: 0.18, noise=5.0),
        challenges=("LI", "OV", "BOM"),
        object_class="car",
        description="a car at night",
        first_number=0,
        in_tiny=True,
    ),
    Scenario(
        "VisEvent",
        "test",
        "vis-flare",
        "vis-flare",
        30,
        Staging(target=Mover("cat", 0.5, swing((160, 108), (95, 24), (0.8, 1.2), (0.62, 0.0)))),
        ColorCamera(light=lambda u: 1.0 if u < 0.25 else 6.0),
        challenges=("OE", "IV"),
        object_class="cat",
        description="a cat face in glaring light",
        first_number=0,
    ),
    Scenario(
        "VisEvent",
        "test",
        "vis-fast",
        "vis-fast",
        30,
        Staging(target=Mover("cup", 0.45, lambda u: (160 + 110 * math.sin(16 * u), 110 + 20 * math.sin(7 * u)))),
        ColorCamera(light=lambda _: 0.1, shutter=1.0, subrenders=8, noise=5.0),
        challenges=("FM", "MB", "LI"),
        object_class="cup",
        description="a cup that dashes through the dark",
        first_number=1,
    ),
    Scenario(
        "LasHeR",
        "test",
        "las-walk",
        "las-walk",
        50,
        Staging(
            target=Mover("walker-gray", 0.45, line((70, 0), (245, 0)), temperature=35, steps=3.0),
            others=(
                Mover(
                    "walker-gray", 0.45, line((258, 0), (60, 0)), distance=1.15, temperature=20, steps=3.0, facing=-1
                ),
            ),
        ),
        ColorCamera(light=lambda _: 0.16, noise=5.0),
        challenges=("LI", "SA"),
        object_class="person",
        description="a person at night",
        first_number=0,
        infrared_shift=1,
    ),
    Scenario(
        "LasHeR",
        "test",
        "las-car",
        "las-car",
        50,
        Staging(target=Mover("car", 0.4, line((52, 0), (262, 0)), temperature=38), posts=(Post(150, 30),)),
        ColorCamera(light=lambda u: 0.3 if u < 0.5 else 0.9, noise=4.0),
        challenges=("PO", "AIV"),
        object_class="car",
        description="a car behind a post",
        first_number=0,
        in_tiny=True,
    ),
    Scenario(
        "DepthTrack",
        "test",
        "dep-cat",
        "dep-cat",
        70,
        Staging(
            target=Mover(
                "cat",
                0.55,
                swing((150, 108), (70, 18), (0.9, 1.4), (0.6, 0.0)),
                scale=lambda u: 1.6 ** math.sin(2 * math.pi * 0.75 * u),
            ),
            others=(Mover("cat", 0.5, line((290, 96), (30, 106)), distance=2.0),),
        ),
        challenges=("scale", "similar object"),
        object_class="cat",
        description="a cat face that comes and goes",
    ),
    Scenario(
        "DepthTrack",
        "test",
        "dep-leave",
        "dep-leave",
        70,
        Staging(
            target=Mover("cup", 0.5, _leave_twice(243), angle=lambda u: 20 * u), posts=(Post(196, 26, depth=2000),)
        ),
        challenges=("out of view", "partial occlusion"),
        object_class="cup",
        description="a cup that leaves the view twice",
        in_tiny=True,
    ),
)
