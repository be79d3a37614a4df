"""ViPT's prompt block: the second modality, filtered, becomes an additive prompt for the color tokens."""

import torch
from torch import Tensor, nn

HIDDEN = 8


class Fovea(nn.Module):
    """Attention over positions, channel by channel, with a learned sharpness."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Parameter(torch.full((1,), 10.0))

    def forward(self, features: Tensor) -> Tensor:
        """Weight (B, L, C) with its own softmax over L."""
        return (features * self.smooth).softmax(dim=1) * features


class PromptBlock(nn.Module):
    """Two token sequences to a prompt; the 1 x 1 convolutions act on every token alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0_0 = nn.Conv2d(width, HIDDEN, kernel_size=1)
        self.conv0_1 = nn.Conv2d(width, HIDDEN, kernel_size=1)
        self.conv1x1 = nn.Conv2d(HIDDEN, width, kernel_size=1)
        self.fovea = Fovea()

    def forward(self, main: Tensor, prompt: Tensor) -> Tensor:
        """Map main and prompt tokens (B, L, width), one map each, to the next prompt (B, L, width)."""
        mixed = self.fovea(_tokenwise(self.conv0_0, main)) + _tokenwise(self.conv0_1, prompt)
        return _tokenwise(self.conv1x1, mixed)


def _tokenwise(convolution: nn.Conv2d, tokens: Tensor) -> Tensor:
    return nn.functional.linear(tokens, convolution.weight.flatten(1), convolution.bias)
