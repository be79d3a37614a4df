"""UPVPT (MMAsia 2023): deep prompts in OSTrack-256 or SwinTrack-T. The networks are theirs with ``prompts`` > 0.

The ablation UPVPT_nofreeze is the same network; it was trained differently, so it has a name of its own. Published are
neither program nor weights; what the paper leaves open is decided in ``docs/trackers.md``.
"""

from dataclasses import replace

from .common.build import make_factory
from .common.weights import Shapes
from .ostrack import OSTrackConfig, center_definition
from .swintrack import START_BOX_NOTE, TINY, SwinTrackConfig, swintrack_definition

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


_OSTRACK = OSTrackConfig(prompts=PROMPTS)
_SWINTRACK = replace(TINY, swin=replace(TINY.swin, prompts=PROMPTS))

DEFINITIONS = {
    name: replace(
        center_definition(name, _OSTRACK, search_factor=4.0, resized=ostrack_prompts),
        notes=(RECONSTRUCTION, SAME_NETWORK),
    )
    for name in ("upvpt-ostrack-256", "upvpt-ostrack-256-nofreeze")
} | {
    "upvpt-swintrack-t": replace(
        swintrack_definition("upvpt-swintrack-t", _SWINTRACK, swintrack_prompts), notes=(RECONSTRUCTION, START_BOX_NOTE)
    )
}
upvpt_ostrack_256 = make_factory(DEFINITIONS["upvpt-ostrack-256"])
upvpt_ostrack_256_nofreeze = make_factory(DEFINITIONS["upvpt-ostrack-256-nofreeze"])
upvpt_swintrack_t = make_factory(DEFINITIONS["upvpt-swintrack-t"])
