"""Learned trackers of the catalog with networks that fit in a test."""

from dataclasses import replace

from trackers.common.definition import definition
from trackers.common.weights import random_state
from trackers.layers.swin import SwinConfig
from trackers.layers.vit import VitConfig
from trackers.ostrack import OSTrackConfig
from trackers.swintrack import SwinTrackConfig

SMALL = {
    "ostrack-256": OSTrackConfig(vit=VitConfig(width=16, depth=4, heads=2), head_channels=16),
    "swintrack-tiny": SwinTrackConfig(swin=SwinConfig(8, (1, 2, 1), (1, 2, 4)), heads=4, encoder_depth=1),
}


def small(name):
    """A tracker of the catalog with a network that fits in a test."""
    return replace(definition(name), config=SMALL[name])


def state_of(made, seed=0):
    return random_state(made.skeleton(), seed)
