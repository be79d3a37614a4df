"""SRFT's start from a color tracker: which entry goes where, against the authors' program."""

import zlib

import numpy as np
import pytest
import torch

from helpers import GOLDEN
from helpers.seeded import MAPS, golden, images, seeded_state
from trackers.common.definition import definition
from trackers.common.weights import assign
from trackers.layers.heads import decode_center
from trackers.srft import SRTrackConfig, initial_entries

MAPPING = golden("mm_state_dict.json")["_init_mapping"]
MISC = np.load(GOLDEN / "mm_misc.npz")


def source_skeleton(name, *, temporal):
    """The color tracker's network, with DropTrack's two embeddings if asked for."""
    network = definition(name).skeleton()
    if temporal:
        for branch in "zx":
            empty = torch.empty(1, 1, 768, device="meta")
            network.backbone.register_parameter(f"temporal_pos_embed_{branch}", torch.nn.Parameter(empty))
    return network


def check_start(structure, source, target, size):
    state = seeded_state(source_skeleton(source, temporal="dropmae" in structure))
    del state["backbone.pos_embed"]
    made = definition(target)
    entries = initial_entries(state, made.config)
    assert (len(state), len(entries)) == (MAPPING[structure]["source_entries"], MAPPING[structure]["target_entries"])
    code = 0
    for name in sorted(entries):
        code = zlib.crc32(entries[name].numpy().tobytes(), zlib.crc32(name.encode(), code))
    assert code == MAPPING[structure]["crc32_sorted"]
    network = assign(made.skeleton(), entries)
    template, search = (
        torch.cat([images(f"mm_{which}_rgb", 1, side), images(f"mm_{which}_x", 1, side)], dim=1)
        for which, side in (("template", size // 2), ("search", size))
    )
    with torch.inference_mode():
        maps = network(template, search)
    np.testing.assert_allclose(maps.score, MISC[f"init/{structure}/score_map"], atol=MAPS, rtol=0)
    boxes, _ = decode_center(maps.score, maps.size, maps.offset)
    np.testing.assert_allclose(boxes, MISC[f"init/{structure}/pred_boxes"][:, 0], atol=MAPS, rtol=0)


def test_the_256_network_starts_as_in_the_reference():
    check_start("srtrack_256", "ostrack-256", "srft-rgbe-256", 256)


@pytest.mark.slow
def test_the_dropmae_network_starts_as_in_the_reference():
    check_start("srtrack_dropmae_384", "ostrack-384", "srft-rgbe-384", 384)


def test_a_fusion_block_starts_as_the_block_before_it():
    source = {f"backbone.blocks.{index}.norm1.bias": torch.tensor(float(index)) for index in range(12)}
    entries = initial_entries(source | {"backbone.pos_embed": torch.zeros(1)}, SRTrackConfig())
    fused = [float(entries[f"backbone.blocks_cross.{number}.norm1.bias"]) for number in range(4)]
    assert fused == [2, 5, 8, 11]
    assert len(entries) == 12 * 2 + 4
