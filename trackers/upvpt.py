"""UPVPT (MMAsia 2023): deep prompts in OSTrack-256 or SwinTrack-T. The networks are theirs with ``prompts`` > 0.

The ablation UPVPT_nofreeze is the same network; it was trained differently, so it has a name of its own. Published are
neither program nor weights; what the paper leaves open is decided in ``docs/trackers.md``.
"""

from dataclasses import replace

from .common.definition import Definition, Shapes
from .layers.swin import SwinConfig
from .ostrack import OSTrackConfig, center_definition
from .swintrack import SwinTrackConfig, swintrack_definition

PROMPTS = 10
RECONSTRUCTION = "a reconstruction from the paper: neither program nor weights of UPVPT are published"
SAME_NETWORK = (
    "upvpt-ostrack-256 and upvpt-ostrack-256-nofreeze are one network, trained in two ways: a weight file cannot tell "
    "which of them it is, the name is the user's word"
)


def ostrack_prompts(config: OSTrackConfig, shapes: Shapes) -> OSTrackConfig:
    """As many prompts as the weight file has; a file without any leaves the setting, and strict loading refuses it."""
    shape = shapes.get("backbone.prompts", ())
    return replace(config, prompts=shape[1]) if len(shape) == 3 else config


def swintrack_prompts(config: SwinTrackConfig, shapes: Shapes) -> SwinTrackConfig:
    """The same for the prompts of Swin's stages."""
    shape = shapes.get("backbone.stages.0.prompts", ())
    return replace(config, swin=replace(config.swin, prompts=shape[1])) if len(shape) == 3 else config


def define(name: str, *, base: str) -> Definition:
    """UPVPT on "OSTrack" (256) or "SwinTrack" (Tiny)."""
    if base == "OSTrack":
        made = center_definition(name, OSTrackConfig(prompts=PROMPTS), search_factor=4.0, resized=ostrack_prompts)
        return replace(made, notes=(RECONSTRUCTION, SAME_NETWORK))
    made = swintrack_definition(name, SwinTrackConfig(swin=SwinConfig(prompts=PROMPTS)), swintrack_prompts)
    return replace(made, notes=(RECONSTRUCTION, *made.notes))
