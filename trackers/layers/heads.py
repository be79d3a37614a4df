"""Heads that turn search tokens into boxes: OSTrack's convolutional center head, SwinTrack's MLP head."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

SCORE_FLOOR = 1e-4  # OSTrack clamps sigmoids, which keeps the focal loss finite


class CenterMaps(NamedTuple):
    """What the center head says of f x f cells of the search region.

    Attributes:
        score: (B, 1, f, f) in [1e-4, 1 - 1e-4].
        size: (B, 2, f, f) width and height as a share of the search side.
        offset: (B, 2, f, f) x and y of the center inside its cell, in cells.
        kept: After each elimination, the original places (B, n) of the remaining search tokens, best first.
    """

    score: Tensor
    size: Tensor
    offset: Tensor
    kept: tuple[Tensor, ...] = ()


class CenterHead(nn.Module):
    """Three towers of four 3 x 3 convolutions: center score, offset, size (entries ``conv<n>_<tower>``)."""

    def __init__(self, width: int, channels: int = 256) -> None:
        super().__init__()
        for tower, outputs in (("ctr", 1), ("offset", 2), ("size", 2)):
            sizes = (width, channels, channels // 2, channels // 4, channels // 8)
            for number in range(1, 5):
                layer = nn.Sequential(
                    nn.Conv2d(sizes[number - 1], sizes[number], kernel_size=3, padding=1),
                    nn.BatchNorm2d(sizes[number]),
                    nn.ReLU(inplace=True),
                )
                self.add_module(f"conv{number}_{tower}", layer)
            self.add_module(f"conv5_{tower}", nn.Conv2d(sizes[4], outputs, kernel_size=1))

    def _tower(self, name: str, features: Tensor) -> Tensor:
        for number in range(1, 6):
            features = self.get_submodule(f"conv{number}_{name}")(features)
        return features

    def forward(self, search_tokens: Tensor, kept: tuple[Tensor, ...] = ()) -> CenterMaps:
        """Map tokens (B, f * f, width), row by row, to maps; always float32."""
        batch, length, width = search_tokens.shape
        side = round(length**0.5)
        features = search_tokens.transpose(1, 2).reshape(batch, width, side, side)
        score = self._tower("ctr", features).float().sigmoid().clamp(SCORE_FLOOR, 1 - SCORE_FLOOR)
        size = self._tower("size", features).float().sigmoid().clamp(SCORE_FLOOR, 1 - SCORE_FLOOR)
        return CenterMaps(score, size, self._tower("offset", features).float(), kept)


def decode_center(score: Tensor, size: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Box of the best cell.

    Args:
        score: (B, 1, f, f), possibly weighted with a window.
        size: (B, 2, f, f).
        offset: (B, 2, f, f).

    Returns:
        Boxes (B, 4) as center x, center y, width, height, shares of the search side, and the best score (B,).
    """
    side = score.shape[-1]
    best, index = score.flatten(1).max(dim=1)
    places = index.view(-1, 1, 1).expand(-1, 2, 1)
    wh = size.flatten(2).gather(2, places).squeeze(2)
    shift = offset.flatten(2).gather(2, places).squeeze(2)
    cell = torch.stack([index % side, index.div(side, rounding_mode="floor")], dim=1)  # column, row
    return torch.cat([(cell.to(shift.dtype) + shift) / side, wh], dim=1), best


class MlpHeadLayers(nn.Module):
    """Three linear layers, GELU after the first two (SwinTrack)."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, outputs)])

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., width) to (..., outputs)."""
        first, second, last = self.layers
        output: Tensor = last(functional.gelu(second(functional.gelu(first(tokens)))))
        return output


class MlpHead(nn.Module):
    """Class score and box at every search token.

    Args:
        width: Of the tokens.
        anchors: Side of a map whose boxes are read from their own cell on: what the network says is added, before the
            sigmoid, to a box in the middle of the cell. 0 = the network's words alone (SwinTrack).

    Source of anchors: reference points of Deformable DETR (Zhu et al., ICLR 2021).
    """

    def __init__(self, width: int, anchors: int = 0) -> None:
        super().__init__()
        self.cls_mlp = MlpHeadLayers(width, 1)
        self.reg_mlp = MlpHeadLayers(width, 4)
        starts = anchor_logits(anchors) if anchors else torch.zeros(4, device="cpu")
        self.register_buffer("anchors", starts, persistent=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, f * f, width) to scores (B, 1, f, f) and boxes (B, f, f, 4), shares of the search side."""
        batch, length, _ = tokens.shape
        side = round(length**0.5)
        score = self.cls_mlp(tokens).float().sigmoid().view(batch, 1, side, side)
        boxes = self.reg_mlp(tokens).float().view(batch, side, side, 4) + self.anchors
        return score, boxes.sigmoid()


def anchor_logits(side: int) -> Tensor:
    """(side, side, 4) boxes of a quarter of the map's side in the middle of every cell, before a sigmoid."""
    middle = (torch.arange(side, device="cpu") + 0.5) / side
    column, row = middle.expand(side, side), middle[:, None].expand(side, side)
    size = torch.full((side, side), 0.25, device="cpu")
    return torch.stack([column, row, size, size], dim=2).logit()
