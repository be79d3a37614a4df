"""ViPT (Zhu et al., CVPR 2023): OSTrack-256 with prompts from the second modality before every block or the first."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from evalkit.sequences import Modality

from .common.center_tracker import CenterLoop, CenterTracker
from .common.definition import Definition
from .common.multimodal import ChannelOrder
from .layers.candidate_elimination import eliminate, restore
from .layers.prompts import PromptBlock
from .layers.vit import LAYER_NORM_EPS, Block, PatchEmbed
from .ostrack import OSTrack, OSTrackBackbone, OSTrackConfig


@dataclass(frozen=True, slots=True)
class ViPTConfig:
    """The network: OSTrack's, and prompt blocks.

    Attributes:
        base: OSTrack's.
        prompts: Blocks that have a prompt block before them, from the first on; None = all ("deep").
    """

    base: OSTrackConfig = field(default_factory=OSTrackConfig)
    prompts: int | None = None


class ViPTBackbone(OSTrackBackbone):
    """OSTrack's backbone with prompts; template and search pass through a prompt block separately."""

    def __init__(self, config: ViPTConfig) -> None:
        super().__init__(config.base)
        vit = config.base.vit
        count = config.prompts or vit.depth
        self.patch_embed_prompt = PatchEmbed(vit)
        self.prompt_blocks = nn.ModuleList([PromptBlock(vit.width) for _ in range(count)])
        self.prompt_norms = nn.ModuleList([nn.LayerNorm(vit.width, eps=LAYER_NORM_EPS) for _ in range(count)])

    def embed(self, template: Tensor) -> Tensor:
        """Of template crops (B, 6, T, T): tokens and their first prompt, (B, 2 Lz, width)."""
        return torch.cat(self._embed(template, self.pos_embed_z), dim=1)

    def _embed(self, crops: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        color, other = self.patch_embed(crops[:, :3]), self.patch_embed_prompt(crops[:, 3:])
        norm = self.prompt_norms[0]
        prompt = self.prompt_blocks[0](norm(color), norm(other))
        return color + prompt + position, prompt

    def forward(
        self, template: Tensor, search: Tensor, keep_ratio: float | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As OSTrack's, from six-channel crops (B, 6, T, T), or their tokens, and (B, 6, S, S)."""
        ratio = self.config.keep_ratio if keep_ratio is None else keep_ratio
        split, length = self.config.template_tokens, self.config.search_tokens
        template = self.embed(template) if template.dim() == 4 else template
        tokens, prompt = (
            torch.cat(parts, dim=1)
            for parts in zip(template.chunk(2, dim=1), self._embed(search, self.pos_embed_x), strict=True)
        )
        positions = torch.arange(length, device=tokens.device).expand(tokens.shape[0], -1)
        kept: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            if 0 < index < len(self.prompt_blocks):
                tokens, prompt = self._add_prompt(index, tokens, prompt, positions)
            if index in self.config.elimination_layers and ratio < 1:
                tokens, weights = block.attend_with_rows(tokens, self.rows)
                tokens, positions = eliminate(tokens, weights, positions, ratio)
                kept.append(positions)
            else:
                tokens = block.attend(tokens)
            tokens = block.feed(tokens)
        tokens = self.norm(tokens)
        return restore(tokens[:, split:], positions, length), tuple(kept)

    def _prompt(self, index: int, main: Tensor, prompt: Tensor) -> Tensor:
        """Prompt block ``index`` on full-length sequences (B, Lz + Lx, width), template and search apart."""
        split, block = self.config.template_tokens, self.prompt_blocks[index]
        return torch.cat([block(main[:, :split], prompt[:, :split]), block(main[:, split:], prompt[:, split:])], dim=1)

    def _add_prompt(self, index: int, tokens: Tensor, prompt: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The next prompt, computed at full length, and tokens with those of its entries that are still present.

        Removed search tokens enter as zeros; the norm turns them into its bias, as in the authors' program.
        """
        split, width = self.config.template_tokens, tokens.shape[2]
        full = torch.cat([tokens[:, :split], restore(tokens[:, split:], positions, self.config.search_tokens)], dim=1)
        prompt = self._prompt(index, self.prompt_norms[index - 1](full), self.prompt_norms[index](prompt))
        present = prompt[:, split:].gather(1, positions.unsqueeze(-1).expand(-1, -1, width))
        return tokens + torch.cat([prompt[:, :split], present], dim=1), prompt


class ViPT(OSTrack):
    """OSTrack on this backbone; crops have six channels."""

    def __init__(self, config: ViPTConfig) -> None:
        super().__init__(config.base, ViPTBackbone(config))


def define(name: str, *, second: Modality, prompts: int | None = None) -> Definition:
    """ViPT for color and a second modality."""
    # it reads depth color maps in OpenCV's own order beside RGB images
    loop = CenterLoop(second=second, depth_channel_order=ChannelOrder.BGR, float32_start=True)
    return Definition(name, "vipt", ViPTConfig(prompts=prompts), loop, ViPT, CenterTracker, second=second)
