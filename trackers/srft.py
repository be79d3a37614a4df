"""SRFT (program: SRTrack): one transformer per modality, joined by four fusion blocks, on OSTrack's center head.

The second modality is called ``event`` in the entry names, also for depth and thermal, as in the authors' files.
"""

import collections.abc as cabc
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from evalkit.sequences import Modality

from .common.center_tracker import CenterLoop, CenterTracker
from .common.definition import Definition
from .layers.heads import CenterHead, CenterMaps
from .layers.vit import LAYER_NORM_EPS, Block, PatchEmbed, VitConfig


@dataclass(frozen=True, slots=True)
class SRTrackConfig:
    """The network.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop.
        vit: Size of each stream.
        fusion_after: Blocks, counted from 0, after which both streams are joined.
        temporal: Separate embeddings tell template from search (the DropMAE variant).
        head_channels: Width of the head's first convolution.
    """

    template_size: int = 128
    search_size: int = 256
    vit: VitConfig = field(default_factory=VitConfig)
    fusion_after: tuple[int, ...] = (2, 5, 8, 11)
    temporal: bool = False
    head_channels: int = 256


class SRTrackBackbone(nn.Module):
    """Two streams and their fusion. ``cls_token`` is in the authors' files but takes no part."""

    def __init__(self, config: SRTrackConfig) -> None:
        super().__init__()
        vit, width = config.vit, config.vit.width
        self.config = config
        self.template_tokens = (config.template_size // vit.patch) ** 2
        search_tokens = (config.search_size // vit.patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed_z = nn.Parameter(torch.zeros(1, self.template_tokens, width))
        self.pos_embed_x = nn.Parameter(torch.zeros(1, search_tokens, width))
        if config.temporal:
            self.temporal_pos_embed_z = nn.Parameter(torch.zeros(1, 1, width))
            self.temporal_pos_embed_x = nn.Parameter(torch.zeros(1, 1, width))
        self.patch_embed_rgb = PatchEmbed(vit)
        self.patch_embed_event = PatchEmbed(vit)
        self.blocks_rgb = nn.ModuleList([Block(vit) for _ in range(vit.depth)])
        self.norm_rgb = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.blocks_event = nn.ModuleList([Block(vit) for _ in range(vit.depth)])
        self.norm_event = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.blocks_cross = nn.ModuleList([Block(vit) for _ in config.fusion_after])

    def embed(self, template: Tensor) -> Tensor:
        """Tokens (B, 2 Lz, width) of six-channel template crops (B, 6, T, T): those of color, then of the other."""
        return torch.cat(self._embed(template, "z"), dim=1)

    def _embed(self, crops: Tensor, which: str) -> tuple[Tensor, Tensor]:
        position: Tensor = getattr(self, f"pos_embed_{which}")
        rgb, event = self.patch_embed_rgb(crops[:, :3]) + position, self.patch_embed_event(crops[:, 3:]) + position
        if self.config.temporal:
            temporal: Tensor = getattr(self, f"temporal_pos_embed_{which}")
            rgb, event = rgb + temporal, event + temporal
        return rgb, event

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map six-channel crops (B, 6, T, T), or their tokens, and (B, 6, S, S) to tokens (B, Lz + Lx, width)."""
        template = self.embed(template) if template.dim() == 4 else template
        rgb, event = (
            torch.cat(parts, dim=1) for parts in zip(template.chunk(2, dim=1), self._embed(search, "x"), strict=True)
        )
        length = rgb.shape[1]
        fusion = iter(self.blocks_cross)
        for index, (block_rgb, block_event) in enumerate(zip(self.blocks_rgb, self.blocks_event, strict=True)):
            rgb, event = block_rgb(rgb), block_event(event)
            if index in self.config.fusion_after:
                joined = next(fusion)(torch.cat([rgb, event], dim=1))
                rgb, event = joined[:, :length], joined[:, length:]
        output: Tensor = (self.norm_rgb(rgb) + self.norm_event(event)) / 2
        return output


class SRTrack(nn.Module):
    """Backbone and center head."""

    def __init__(self, config: SRTrackConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = SRTrackBackbone(config)
        self.box_head = CenterHead(config.vit.width, config.head_channels)

    def embed(self, template: Tensor) -> Tensor:
        """Tokens of template crops (B, 6, T, T); see the backbone's."""
        tokens: Tensor = self.backbone.embed(template)
        return tokens

    def forward(self, template: Tensor, search: Tensor) -> CenterMaps:
        """Maps over the search region, from crops (B, 6, T, T), or their tokens, and (B, 6, S, S)."""
        features = self.backbone(template, search)
        maps: CenterMaps = self.box_head(features[:, self.backbone.template_tokens :])
        return maps


def initial_entries(source: cabc.Mapping[str, Tensor], config: SRTrackConfig) -> dict[str, Tensor]:
    """Entries of this network from those of a color tracker (OSTrack, DropTrack), as SRTrack's training starts.

    Both streams start alike; a fusion block starts as the block after which it stands. Entries of the source without
    a place here (``backbone.pos_embed``, UPVPT's prompts) are left out.

    Args:
        source: Entry name -> tensor.
        config: The network to fill.

    Returns:
        Target name -> tensor; the same tensor may stand under several names.

    Source: SRTrack, loading of the pre-trained weights in its model builder.
    """
    fusion = {str(block): str(number) for number, block in enumerate(config.fusion_after)}
    targets: dict[str, Tensor] = {}
    for name, tensor in source.items():
        part, _, rest = name.removeprefix("backbone.").partition(".")
        if name.startswith("backbone.") and part in ("patch_embed", "norm", "blocks"):
            targets |= {f"backbone.{part}_{stream}.{rest}": tensor for stream in ("rgb", "event")}
            block, _, entry = rest.partition(".")
            if part == "blocks" and block in fusion:
                targets[f"backbone.blocks_cross.{fusion[block]}.{entry}"] = tensor
        elif name not in ("backbone.pos_embed", "backbone.prompts"):
            targets[name] = tensor
    return targets


def define(name: str, *, second: Modality, size: int, search_factor: float, temporal: bool = False) -> Definition:
    """A variant by its row in :data:`trackers.learned.LEARNED`; ``size`` is the side of the search crops."""
    config = SRTrackConfig(size // 2, size, temporal=temporal)
    loop = CenterLoop(size // 2, size, search_factor=search_factor, second=second, float32_start=True)
    return Definition(name, "srtrack", config, loop, SRTrack, CenterTracker, second=second)
