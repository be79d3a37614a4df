"""Recipes: every number of a training, frozen, with its source."""

import collections.abc as cabc
from dataclasses import dataclass, field
from types import MappingProxyType

from .damping import Damping
from .rendered import Sampling

OURS = "our default"


@dataclass(frozen=True, slots=True)
class Group:
    """Trained entries: those whose name matches a pattern (``re.search``), with their learning rate."""

    pattern: str
    rate: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a tracker is trained.

    Attributes:
        name: Of the recipe.
        tracker: Whose network is trained.
        parent: Tracker whose weights it starts from; None = from scratch.
        groups: What is trained; the first pattern that fits decides. All else is frozen.
        batch: Pairs per step.
        weight_decay: Of AdamW, decoupled, on everything trained.
        clip: Largest norm of all gradients together.
        warmup: Steps in which the rate rises from 0.
        floor: The rate falls on a cosine to this share of it.
        elimination: Shares of the training between which the keep rate falls from 1 to that of the network.
        head_statistics: Batch norms of the head learn; else they are frozen.
        damping: SRFT's update rule.
        sampling: How pairs are drawn.
        sources: Attribute -> where its value comes from.
    """

    name: str
    tracker: str
    parent: str | None
    groups: tuple[Group, ...]
    batch: int = 512
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: int = 300
    floor: float = 0.005
    elimination: tuple[float, float] = (20 / 300, 100 / 300)
    head_statistics: bool = True
    damping: Damping | None = None
    sampling: Sampling = field(default_factory=Sampling)
    sources: cabc.Mapping[str, str] = field(default_factory=lambda: _SOURCES)


_SOURCES: cabc.Mapping[str, str] = MappingProxyType(
    {
        "groups": OURS,
        "batch": OURS,
        "weight_decay": OURS,
        "clip": OURS,
        "warmup": OURS,
        "floor": OURS,
        "elimination": "OSTrack: epochs 20 and 100 of 300",
        "head_statistics": "OSTrack and UPVPT: learned; SRTrack: frozen",
        "damping": "SRTrack's program",
        "sampling": "scale and center jitter, gray, mirror, brightness: OSTrack; template jitter, negatives, recolor, "
        "light: our default",
    }
)

_SAMPLING = Sampling(template_scale_jitter=0.04, template_center_jitter=0.06, negatives=0.1, recolor=0.4)
_NIGHT = Sampling(
    template_scale_jitter=0.04, template_center_jitter=0.06, negatives=0.1, recolor=0.2, light=(0.0, 0.45)
)
_SRFT_GROUPS = (
    Group(r"^backbone\.patch_embed_event\.", 1e-3),
    Group(r"^backbone\.blocks_cross\.", 6e-4),
    Group(r"^backbone\.(patch_embed_rgb|norm_rgb|norm_event|blocks_rgb)\b", 3e-4),
    Group(r"^backbone\.blocks_event\.", 6e-4),
)


def _srft(pair: str) -> Recipe:
    name = f"srft-mini-{pair}"
    return Recipe(
        name,
        name,
        "ostrack-mini",
        _SRFT_GROUPS,
        batch=384,
        warmup=100,
        head_statistics=False,
        damping=Damping.RANK,
        sampling=_SAMPLING,
    )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("ostrack-mini", "ostrack-mini", None, (Group("", 1e-3),), sampling=_SAMPLING),
        Recipe("swintrack-mini", "swintrack-mini", None, (Group("", 1e-3),), sampling=_SAMPLING),
        Recipe(
            "upvpt-ostrack-mini",
            "upvpt-ostrack-mini",
            "ostrack-mini",
            (
                Group(r"^backbone\.prompts$", 1e-3),
                Group(r"^backbone\.blocks\.\d+\.mlp\.", 2e-4),
                Group(r"^box_head\.", 4e-4),
            ),
            warmup=100,
            sampling=_NIGHT,
        ),
        Recipe(
            "upvpt-swintrack-mini",
            "upvpt-swintrack-mini",
            "swintrack-mini",
            (
                Group(r"^backbone\.stages\.\d+\.prompts$", 1e-3),
                Group(r"^backbone\.stages\.\d+\.blocks\.\d+\.mlp\.", 2e-4),
                Group(r"^(encoder|decoder|out_norm|head)\.", 4e-4),
            ),
            warmup=100,
            sampling=_NIGHT,
        ),
        *(_srft(pair) for pair in ("rgbt", "rgbe", "rgbd")),
    )
}
