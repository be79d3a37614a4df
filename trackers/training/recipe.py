"""What a recipe is: every number of a training, frozen, with its source."""

import collections.abc as cabc
import enum
from dataclasses import dataclass, field
from types import MappingProxyType

from .damping import Damping, FisherSettings
from .rendered import Sampling

OURS = "our default"
SEED = 2023  # SRTrack's program


class BatchRule(enum.StrEnum):
    """What another batch than the recipe's does to the learning rates."""

    LINEAR = "linear"
    """They are multiplied by the ratio of the batches."""
    NONE = "none"
    """Nothing."""


class Start(enum.StrEnum):
    """Weights of a training from scratch."""

    XAVIER = "xavier"
    """Xavier-uniform matrices, small random positions."""
    MIMETIC = "mimetic"
    """The same, but attention begins as a comparison of contents, and positions are sinusoids."""


@dataclass(frozen=True, slots=True)
class Group:
    """Trained entries: those whose name matches a pattern (``re.search``), with their learning rate."""

    pattern: str
    rate: float


@dataclass(frozen=True, slots=True)
class LowRank:
    """Low-rank updates of the attention's linear layers (LoRA): ranks for ``qkv`` and ``proj``."""

    qkv: int = 8
    proj: int = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a tracker is trained.

    Attributes:
        name: Of the recipe.
        tracker: Whose network is trained.
        parent: Tracker whose weights it starts from, and against which added parameters are counted; None = from
            scratch.
        groups: What is trained; the first pattern that fits decides. All else is frozen.
        batch: Pairs per step, of all devices together.
        epochs: Length.
        pairs: In an epoch.
        weight_decay: Of AdamW, decoupled, on everything trained.
        clip: Largest norm of all gradients together.
        warmup: Steps in which the rate rises linearly; below 1: their share of all steps.
        warmup_start: Share of the rate from which it rises.
        drop: Epoch after which the rate is a tenth; None = it falls on a cosine.
        floor: The cosine ends at this share of the rate.
        cooldown: Share of the training at its end in which the rate falls linearly to 0, after a constant rate; None =
            it falls as ``drop`` says.
        betas: Of AdamW.
        muon: Rate of Muon, which then steps the hidden matrices; 0 = AdamW steps them like all else.
        average: Decay of the moving average of all weights that is checked and kept; 0 = the last weights are.
        start: Weights without a parent.
        elimination: Shares of the training between which the keep rate falls from 1 to that of the network; None = it
            is the network's from the start.
        head_statistics: Batch norms of the head learn; else they are frozen.
        damping: SRFT's update rule.
        fisher: Its prior.
        low_rank: Train low-rank updates, which the exported weights contain.
        depth: Largest rates of stochastic depth, in the backbone and in SwinTrack's fusion.
        losses: Weights: GIoU, L1, focal of a center head; varifocal, GIoU of SwinTrack's.
        data: Training sets that it is meant for.
        sampling: How pairs are drawn.
        late: The same during the cooldown, from the same scenes and videos; None = no change.
        seed: Default of ``--seed``.
        sources: Attribute -> where its value comes from.
        summary: One line.
    """

    name: str
    tracker: str
    parent: str | None
    groups: tuple[Group, ...]
    batch: int = 512
    epochs: int = 1
    pairs: int = 500_000
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: float = 300
    warmup_start: float = 0.0
    drop: int | None = None
    floor: float = 0.005
    cooldown: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    muon: float = 0.0
    average: float = 0.0
    start: Start = Start.XAVIER
    elimination: tuple[float, float] | None = (20 / 300, 100 / 300)
    head_statistics: bool = True
    damping: Damping | None = None
    fisher: FisherSettings | None = None
    low_rank: LowRank | None = None
    depth: tuple[float, float] = (0.0, 0.0)
    losses: tuple[float, ...] = (2.0, 5.0, 1.0)
    data: tuple[str, ...] = ("rendered",)
    sampling: Sampling = field(default_factory=Sampling)
    late: Sampling | None = None
    seed: int = 0
    sources: cabc.Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    summary: str = ""

    @property
    def steps(self) -> int:
        """Of the whole training with the recipe's batch."""
        return self.epochs * self.pairs // self.batch


NOT_NUMBERS = frozenset({"name", "tracker", "parent", "sources", "summary"})
"""Attributes of a recipe that need no source."""
