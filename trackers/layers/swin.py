"""Swin transformer, stages 0 to 2, with the entry names of SwinTrack's files; norms use torch's default eps 1e-5."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .vit import ChannelNorm, Mlp, fused_mask

SHIFT_PENALTY = -100.0
MLP_RATIO = 4


@dataclass(frozen=True, slots=True)
class SwinConfig:
    """Size of the backbone.

    Attributes:
        width: Channels of stage 0; doubled by each further stage.
        depths: Blocks of each stage.
        heads: Heads of each stage.
        window: Side of a window in tokens.
        prompts: Learned tokens in front of every window of every block (UPVPT); 0 = plain Swin.
        stem: Channels of a first convolution of stride 4, a second one halves the map; 0 = 4 x 4 patches (Swin).
    """

    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6)
    heads: tuple[int, ...] = (3, 6, 12)
    window: int = 7
    prompts: int = 0
    stem: int = 0

    @property
    def patch(self) -> int:
        """Pixels per token and side in stage 0."""
        return 8 if self.stem else 4

    @property
    def output_width(self) -> int:
        """Channels of the last stage."""
        return self.width << (len(self.depths) - 1)

    @property
    def stride(self) -> int:
        """Pixels per token and side in the last stage; 16 with three stages."""
        return self.patch << (len(self.depths) - 1)


def relative_index(window: int) -> Tensor:
    """Row of the bias table for query i and key j of a window, (M^2, M^2) int64.

    Example:
        >>> relative_index(2)[0].tolist()
        [4, 3, 1, 0]
    """
    line = torch.arange(window, device="cpu")
    row, column = line.repeat_interleave(window), line.repeat(window)
    rows = row[:, None] - row[None, :] + window - 1
    columns = column[:, None] - column[None, :] + window - 1
    return rows * (2 * window - 1) + columns


def shift_mask(height: int, width: int, window: int, shift: int) -> Tensor:
    """What keeps tokens apart that only the roll brought into one window.

    Returns:
        (number of windows, M^2, M^2): 0 inside a region, -100 between regions. A map of exactly one window is
        divided too, unlike in the classification network.
    """
    regions = torch.zeros(height, width, device="cpu")
    for number, rows in enumerate((slice(-window), slice(-window, -shift), slice(-shift, None))):
        for other, columns in enumerate((slice(-window), slice(-window, -shift), slice(-shift, None))):
            regions[rows, columns] = 3 * number + other
    windows = split_windows(regions[None, :, :, None], window).flatten(1)  # (windows, M^2)
    return (windows[:, :, None] != windows[:, None, :]).float() * SHIFT_PENALTY


def split_windows(tokens: Tensor, window: int) -> Tensor:
    """(B, H, W, C) to (B * windows, M^2, C), windows row by row."""
    batch, height, width, channels = tokens.shape
    grid = tokens.view(batch, height // window, window, width // window, window, channels)
    return grid.transpose(2, 3).reshape(-1, window * window, channels)


def merge_windows(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    """Inverse of :func:`split_windows`: (B * windows, M^2, C) to (B, H, W, C)."""
    channels = windows.shape[-1]
    grid = windows.view(-1, height // window, width // window, window, window, channels)
    return grid.transpose(2, 3).reshape(-1, height, width, channels)


class WindowAttention(nn.Module):
    """Attention inside windows with a relative position bias."""

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_index(window))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def bias(self, mask: Tensor | None, prompts: int) -> Tensor:
        """Added to the logits: (1 or windows, heads, M^2, m + M^2); prompts have none."""
        length = self.window**2
        table = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias = table.view(length, length, self.heads).permute(2, 0, 1).unsqueeze(0)
        if mask is not None:
            bias = bias + mask.unsqueeze(1)
        return functional.pad(bias, (prompts, 0)) if prompts else bias

    def forward(self, windows: Tensor, bias: Tensor, prompts: Tensor | None) -> Tensor:
        """Attend inside each window.

        Args:
            windows: (B * windows, M^2, C).
            bias: From :meth:`bias`.
            prompts: (m, C), normalized; keys and values in front of every window.
        """
        count, length, width = windows.shape
        prefix = 0 if prompts is None else prompts.shape[0]
        if prompts is not None:
            windows = torch.cat([prompts.expand(count, -1, -1), windows], dim=1)
        qkv = self.qkv(windows).view(count, prefix + length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        together = bias.shape[0] * self.heads  # windows of one sample share a batch entry, so the bias broadcasts
        query, key, value = (part.reshape(-1, together, part.shape[2], part.shape[3]) for part in (query, key, value))
        attended = functional.scaled_dot_product_attention(
            query[:, :, prefix:], key, value, attn_mask=bias.reshape(1, together, length, -1)
        )
        attended = attended.reshape(count, self.heads, length, -1).transpose(1, 2).flatten(2)
        output: Tensor = self.proj(attended)
        return output


class SwinBlock(nn.Module):
    """Window attention and MLP, both with a norm before and a residual; odd blocks shift the windows.

    Args:
        width: Channels.
        heads: Heads.
        window: Side of a window.
        shifted: Shift by half a window.
        sides: Sides of the square maps that will come; the masks are made for them.
        prompts: Learned tokens in front of every window.
    """

    def __init__(
        self, width: int, heads: int, window: int, sides: tuple[int, ...], *, shifted: bool, prompts: int = 0
    ) -> None:
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifted else 0
        self._biases: dict[int, Tensor] = {}
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, MLP_RATIO * width)
        for side in sides if shifted else ():
            self.register_buffer(f"mask_{side}", shift_mask(side, side, window, self.shift), persistent=False)
        self._sides, self._prompts = sides, prompts

    def fix_biases(self, dtype: torch.dtype) -> None:
        """Gather the biases once, for inference with queries of this type."""
        self._biases = {side: fused_mask(self._bias(side, self._prompts), dtype) for side in self._sides}

    def _bias(self, side: int, prompts: int) -> Tensor:
        return self.attn.bias(self.get_buffer(f"mask_{side}") if self.shift else None, prompts)

    def forward(self, tokens: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Map (B, H, W, C) to the same shape; H and W are multiples of the window."""
        _, height, width, _ = tokens.shape
        shift = self.shift
        normed = self.norm1(tokens)
        if shift:
            normed = normed.roll((-shift, -shift), dims=(1, 2))
        normed_prompts = None if prompts is None else self.norm1(prompts)
        bias = self._biases.get(height)
        if bias is None:
            bias = self._bias(height, 0 if prompts is None else prompts.shape[0])
        windows = self.attn(split_windows(normed, self.window), bias, normed_prompts)
        merged = merge_windows(windows, self.window, height, width)
        if shift:
            merged = merged.roll((shift, shift), dims=(1, 2))
        tokens = tokens + merged
        output: Tensor = tokens + self.mlp(self.norm2(tokens))
        return output


class SwinPatchEmbed(nn.Module):
    """4 x 4 patches, or two overlapping convolutions that shrink by 8, and a norm."""

    def __init__(self, width: int, stem: int = 0) -> None:
        super().__init__()
        if stem:
            self.proj: nn.Module = nn.Sequential(
                nn.Conv2d(3, stem, kernel_size=7, stride=4, padding=3),
                ChannelNorm(stem),
                nn.GELU(),
                nn.Conv2d(stem, width, kernel_size=3, stride=2, padding=1),
            )
        else:
            self.proj = nn.Conv2d(3, width, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, S / patch, S / patch, width)."""
        output: Tensor = self.norm(self.proj(image).permute(0, 2, 3, 1))
        return output


class PatchMerging(nn.Module):
    """Four neighbors become one token of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, H / 2, W / 2, 2 C)."""
        even, odd = tokens[:, 0::2], tokens[:, 1::2]
        neighbors = torch.cat([even[:, :, 0::2], odd[:, :, 0::2], even[:, :, 1::2], odd[:, :, 1::2]], dim=-1)
        output: Tensor = self.reduction(self.norm(neighbors))
        return output


class SwinStage(nn.Module):
    """The step before the blocks, and the blocks."""

    def __init__(self, config: SwinConfig, index: int, sides: tuple[int, ...]) -> None:
        super().__init__()
        width, heads, depth = config.width << index, config.heads[index], config.depths[index]
        self.prompted = config.prompts > 0 and depth > 0
        if self.prompted:
            self.prompts = nn.Parameter(torch.zeros(depth, config.prompts, width))
        self.blocks = nn.ModuleList(
            [
                SwinBlock(width, heads, config.window, sides, shifted=number % 2 == 1, prompts=config.prompts)
                for number in range(depth)
            ]
        )
        self.pre_stage = SwinPatchEmbed(width, config.stem) if index == 0 else PatchMerging(width // 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map an image or the previous stage's (B, H, W, C) to this stage's tokens."""
        tokens = self.pre_stage(tokens)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, self.prompts[number] if self.prompted else None)
        return tokens


class SwinBackbone(nn.Module):
    """Stages and one output norm; template and search pass through it separately.

    Args:
        config: Size.
        image_sizes: Sides of the images that will come.
    """

    def __init__(self, config: SwinConfig, image_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                SwinStage(config, index, tuple(size // (config.patch << index) for size in image_sizes))
                for index in range(len(config.depths))
            ]
        )
        self.norm2 = nn.LayerNorm(config.output_width)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, S, S) to tokens (B, (S / stride)^2, C), row by row."""
        tokens = image
        for stage in self.stages:
            tokens = stage(tokens)
        output: Tensor = self.norm2(tokens.flatten(1, 2))
        return output
