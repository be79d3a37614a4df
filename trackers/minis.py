"""Small trackers of the same structures, trained by our own recipes on drawn scenes: 64 / 128 px crops, stride 16.

Their sizes are ours: they fit into the repository and keep up with a camera on two processor cores.
"""

from dataclasses import replace

from evalkit.sequences import Modality

from .common.center_tracker import CenterLoop, CenterTracker
from .common.definition import Definition
from .layers.swin import SwinConfig
from .layers.vit import StemVitConfig
from .ostrack import OSTrackConfig, center_definition
from .srft import SRTrack, SRTrackConfig
from .swintrack import SwinTrackConfig, swintrack_definition
from .upvpt import PROMPTS, ostrack_prompts, swintrack_prompts

TEMPLATE, SEARCH = 64, 128
_VIT = StemVitConfig(patch=16, width=128, depth=4, heads=4, stem=(48, 96), first=4)
_HEAD = 64

OSTRACK = OSTrackConfig(TEMPLATE, SEARCH, _VIT, elimination_layers=(2,), head_channels=_HEAD)
SWINTRACK = SwinTrackConfig(
    TEMPLATE, SEARCH, SwinConfig(64, depths=(2, 2), heads=(2, 4), window=4), heads=4, encoder_depth=2
)
SRTRACK = SRTrackConfig(TEMPLATE, SEARCH, _VIT, fusion_after=(1, 3), head_channels=_HEAD)

_PAIRS = {"rgbe": Modality.EVENT, "rgbd": Modality.DEPTH, "rgbt": Modality.THERMAL}


def _srft(pair: str) -> Definition:
    loop = CenterLoop(TEMPLATE, SEARCH, second=_PAIRS[pair])
    return Definition(f"srft-mini-{pair}", "srtrack", SRTRACK, loop, SRTrack, CenterTracker, second=_PAIRS[pair])


DEFINITIONS: dict[str, Definition] = {
    made.name: made
    for made in (
        center_definition("ostrack-mini", OSTRACK, search_factor=4.0),
        center_definition(
            "upvpt-ostrack-mini", replace(OSTRACK, prompts=PROMPTS), search_factor=4.0, resized=ostrack_prompts
        ),
        swintrack_definition("swintrack-mini", SWINTRACK),
        swintrack_definition(
            "upvpt-swintrack-mini",
            replace(SWINTRACK, swin=replace(SWINTRACK.swin, prompts=PROMPTS)),
            swintrack_prompts,
        ),
        *(_srft(pair) for pair in _PAIRS),
    )
}


def define(name: str) -> Definition:
    """A small tracker by its name."""
    return DEFINITIONS[name]
