"""OSTrack (Ye et al., ECCV 2022): one transformer over template and search tokens, with candidate elimination."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .common.center_tracker import CenterLoop, CenterTracker
from .common.definition import Definition, Resize, keep_config
from .layers.candidate_elimination import (
    DEFAULT_KEEP_RATIO,
    DEFAULT_LAYERS,
    TemplateRows,
    eliminate,
    restore,
    template_rows,
)
from .layers.heads import CenterHead, CenterMaps
from .layers.vit import LAYER_NORM_EPS, Block, PatchEmbed, VitConfig


@dataclass(frozen=True, slots=True)
class OSTrackConfig:
    """The network of OSTrack and of UPVPT on OSTrack.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop.
        vit: Size of the transformer.
        elimination_layers: Blocks, counted from 0, in which search tokens are dropped; empty switches it off.
        keep_ratio: Share of search tokens that stay, in each of these blocks.
        judges: Template tokens whose attention decides.
        prompts: Learned tokens in front of each block's sequence (UPVPT); 0 = plain OSTrack.
        head_channels: Width of the head's first convolution.
    """

    template_size: int = 128
    search_size: int = 256
    vit: VitConfig = field(default_factory=VitConfig)
    elimination_layers: tuple[int, ...] = DEFAULT_LAYERS
    keep_ratio: float = DEFAULT_KEEP_RATIO
    judges: TemplateRows = TemplateRows.CENTER_POINT
    prompts: int = 0
    head_channels: int = 256

    @property
    def template_tokens(self) -> int:
        """Number of template tokens."""
        return (self.template_size // self.vit.patch) ** 2

    @property
    def search_tokens(self) -> int:
        """Number of search tokens."""
        return (self.search_size // self.vit.patch) ** 2


class OSTrackBackbone(nn.Module):
    """The transformer. ``cls_token`` and ``pos_embed`` are in the authors' files but take no part."""

    def __init__(self, config: OSTrackConfig) -> None:
        super().__init__()
        width = config.vit.width
        self.config = config
        self.rows = template_rows(config.judges, config.template_size // config.vit.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 197, width))
        self.pos_embed_z = nn.Parameter(torch.zeros(1, config.template_tokens, width))
        self.pos_embed_x = nn.Parameter(torch.zeros(1, config.search_tokens, width))
        if config.prompts:
            self.prompts = nn.Parameter(torch.zeros(config.vit.depth, config.prompts, width))
        self.patch_embed = PatchEmbed(config.vit)
        self.blocks = nn.ModuleList([Block(config.vit) for _ in range(config.vit.depth)])
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def embed(self, template: Tensor) -> Tensor:
        """Tokens (B, Lz, width) of normalized template crops (B, 3, T, T); the same for every frame of a sequence."""
        tokens: Tensor = self.patch_embed(template) + self.pos_embed_z
        return tokens

    def forward(
        self, template: Tensor, search: Tensor, keep_ratio: float | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Search features and what was kept.

        Args:
            template: Crops (B, 3, T, T), normalized, or their tokens from :meth:`embed`.
            search: (B, 3, S, S).
            keep_ratio: 1 or more switches elimination off (warm-up of the training), less than 1 replaces the
                configured ratio, None means the configured one.

        Returns:
            (B, Lx, width), zero where a token was removed, and for each elimination the places (B, n) kept.
        """
        ratio = self.config.keep_ratio if keep_ratio is None else keep_ratio
        template = self.embed(template) if template.dim() == 4 else template
        tokens = torch.cat([template, self.patch_embed(search) + self.pos_embed_x], dim=1)
        length = self.config.search_tokens
        positions = torch.arange(length, device=tokens.device).expand(tokens.shape[0], -1)
        kept: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            prompts = self.prompts[index] if self.config.prompts else None
            if index in self.config.elimination_layers and ratio < 1:
                tokens, weights = block.attend_with_rows(tokens, self.rows, prompts)
                tokens, positions = eliminate(tokens, weights, positions, ratio)
                kept.append(positions)
            else:
                tokens = block.attend(tokens, prompts)
            tokens = block.feed(tokens)
        tokens = self.norm(tokens)
        search_tokens = tokens[:, self.config.template_tokens :]
        return restore(search_tokens, positions, length) if kept else search_tokens, tuple(kept)


class OSTrack(nn.Module):
    """Backbone and center head; the backbone may be another one of the same size."""

    def __init__(self, config: OSTrackConfig, backbone: OSTrackBackbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone or OSTrackBackbone(config)
        self.box_head = CenterHead(config.vit.width, config.head_channels)

    def embed(self, template: Tensor) -> Tensor:
        """Tokens of template crops (B, 3, T, T); see the backbone's."""
        tokens: Tensor = self.backbone.embed(template)
        return tokens

    def forward(self, template: Tensor, search: Tensor, keep_ratio: float | None = None) -> CenterMaps:
        """Maps over the search region, from crops (B, 3, T, T), or their tokens, and (B, 3, S, S)."""
        features, kept = self.backbone(template, search, keep_ratio)
        maps: CenterMaps = self.box_head(features, kept)
        return maps


def center_definition(
    name: str, config: OSTrackConfig, *, search_factor: float, resized: Resize = keep_config
) -> Definition:
    """A tracker on this network, color alone."""
    loop = CenterLoop(config.template_size, config.search_size, search_factor=search_factor)
    return Definition(name, "ostrack", config, loop, OSTrack, CenterTracker, resized)


def define(name: str, *, size: int, search_factor: float, eliminating: bool) -> Definition:
    """A variant by its row in :data:`trackers.learned.LEARNED`; ``size`` is the side of the search crop."""
    config = OSTrackConfig(size // 2, size, elimination_layers=DEFAULT_LAYERS if eliminating else ())
    return center_definition(name, config, search_factor=search_factor)
