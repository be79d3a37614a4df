"""Plain vision transformer: patch embedding, attention, MLP, block, with the entry names of timm-style checkpoints."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYER_NORM_EPS = 1e-6  # MAE and OSTrack; torch's default would be 1e-5


@dataclass(frozen=True, slots=True)
class VitConfig:
    """Size of a plain vision transformer; the defaults are ViT-B/16."""

    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: int = 4


@dataclass(frozen=True, slots=True)
class StemVitConfig(VitConfig):
    """The same with convolutions in the place of the patch embedding.

    Attributes:
        stem: Channels of all but the last; each but the first halves the map.
        first: Stride of the first convolution, so ``patch`` = first * 2^count.
    """

    stem: tuple[int, ...] = (32, 64)
    first: int = 2


class PatchEmbed(nn.Module):
    """Image to tokens, row by row: non-overlapping patches without a norm, or a stem of strided convolutions."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        if isinstance(config, StemVitConfig):
            self.proj: nn.Module = _stem(config)
        else:
            self.proj = nn.Conv2d(3, config.width, kernel_size=config.patch, stride=config.patch)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, (S / patch)^2, width)."""
        tokens: Tensor = self.proj(image)
        return tokens.flatten(2).transpose(1, 2)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of every place of a map (B, C, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Map to the same shape."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _stem(config: StemVitConfig) -> nn.Sequential:
    """Shrink the map with overlapping convolutions; trains from scratch far sooner than patches.

    Source: Xiao et al., Early Convolutions Help Transformers See Better, NeurIPS 2021; layer norm, since batch
    statistics of a stream would have to be frozen in fine-tuning.
    """
    assert config.first * 2 ** len(config.stem) == config.patch, f"{config.stem} does not reduce by {config.patch}"
    layers: list[nn.Module] = []
    channels, stride = 3, config.first
    for wide in config.stem:
        kernel = 2 * stride - 1
        layers.append(nn.Conv2d(channels, wide, kernel, stride=stride, padding=stride - 1))
        layers += [ChannelNorm(wide, eps=LAYER_NORM_EPS), nn.GELU()]
        channels, stride = wide, 2
    return nn.Sequential(*layers, nn.Conv2d(channels, config.width, 3, stride=2, padding=1))


class Mlp(nn.Module):
    """Two linear layers with the exact (erf) GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., width) to the same shape."""
        output: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return output


def fused_mask(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The same mask (..., L) as fused attention reads it from a card's memory, to be made once and not at every step.

    There its numbers have the type of the queries, and its rows begin at multiples of eight numbers; attention copies
    any other.
    """
    length = mask.shape[-1]
    return functional.pad(mask, (0, -length % 8)).to(dtype).contiguous()[..., :length]


class Attention(nn.Module):
    """Multi-head self-attention; rows of ``qkv`` are ordered q, k, v and head-major inside each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, head width)."""
        batch, length, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def join(self, heads: Tensor) -> Tensor:
        """Merge (B, heads, L, head width) and project to (B, L, width)."""
        output: Tensor = self.proj(heads.transpose(1, 2).flatten(2))
        return output

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend over all tokens (B, L, width); ``mask``, broadcast to (B, heads, L, L), is added to the logits."""
        query, key, value = self.split(tokens)
        return self.join(functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))


class Block(nn.Module):
    """Pre-norm transformer block: x + attention(norm1 x), then x + mlp(norm2 x).

    The two halves are methods because candidate elimination shortens the sequence between them.
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.attn = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(config.width, config.mlp_ratio * config.width)

    def attend(self, tokens: Tensor, prompts: Tensor | None = None) -> Tensor:
        """First half.

        Args:
            tokens: (B, L, width).
            prompts: (m, width) learned tokens in front of the sequence. What comes out at their places is dropped,
                so they act as keys and values only.

        Returns:
            (B, L, width).
        """
        return self._attend(tokens, prompts, None)[0]

    def attend_with_rows(
        self, tokens: Tensor, rows: tuple[int, ...], prompts: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """First half, and the attention that the tokens ``rows`` pay to all tokens.

        Fused attention does not return its weights, so these few rows are computed once more, explicitly.

        Returns:
            Tokens (B, L, width) and probabilities (B, heads, len(rows), L). Prompts take their share of the
            softmax; their columns are left out without renormalization.
        """
        output, weights = self._attend(tokens, prompts, rows)
        assert weights is not None
        return output, weights

    def _attend(
        self, tokens: Tensor, prompts: Tensor | None, rows: tuple[int, ...] | None
    ) -> tuple[Tensor, Tensor | None]:
        count = 0 if prompts is None else prompts.shape[0]
        sequence = tokens
        if prompts is not None:
            sequence = torch.cat([prompts.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        query, key, value = self.attn.split(self.norm1(sequence))
        query = query[:, :, count:]
        attended = self.attn.join(functional.scaled_dot_product_attention(query, key, value))
        weights = None
        if rows is not None:
            chosen = torch.cat([query[:, :, row : row + 1] for row in rows], dim=2)
            with torch.autocast("cuda" if key.is_cuda else "cpu", enabled=False):  # their order decides who stays
                logits = chosen.float() @ key.float().transpose(-2, -1)  # (B, heads, rows, m + L)
            weights = (logits * chosen.shape[-1] ** -0.5).softmax(dim=-1)[..., count:]
        return tokens + attended, weights

    def feed(self, tokens: Tensor) -> Tensor:
        """Second half, token by token: (B, L, width)."""
        output: Tensor = tokens + self.mlp(self.norm2(tokens))
        return output

    def forward(self, tokens: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Both halves: (B, L, width)."""
        return self.feed(self.attend(tokens, prompts))
