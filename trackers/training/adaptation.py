"""What a network wears in training only: stochastic depth, low-rank updates, frozen batch statistics."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..layers.fusion import DecoderLayer, EncoderLayer
from ..layers.swin import SwinBlock
from ..layers.vit import Attention, Block
from .recipe import LowRank


class _Branch:
    """A forward hook that drops a residual branch of whole samples and scales up the others."""

    def __init__(self, rate: float) -> None:
        self._keep = 1 - rate
        self.samples = 0

    def __call__(self, module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        if not module.training:
            return None
        samples = self.samples or len(output)
        kept = torch.empty(samples, device=output.device).bernoulli_(self._keep) / self._keep
        rows = output.view(samples, -1) * kept[:, None].to(output.dtype)
        return rows.view(output.shape)


def add_stochastic_depth(model: nn.Module, backbone: float, fusion: float) -> None:
    """Drop residual branches in training, with rates that grow linearly from the first block to the last.

    Args:
        model: Hooks are set on it; its entries stay as they are.
        backbone: Rate of the last block. A stream of SRTrack counts its own blocks; a fusion block has the rate of the
            block before it.
        fusion: Rate of SwinTrack's encoder and decoder layers, in their second half (our reading).
    """
    for name, part in model.named_modules():
        if not isinstance(part, nn.ModuleList) or not name.startswith("backbone.") or not backbone:
            continue
        if name.endswith(("blocks", "blocks_rgb", "blocks_event")) and all(isinstance(block, Block) for block in part):
            for rate, block in zip(torch.linspace(0, backbone, len(part)).tolist(), part, strict=True):
                _drop(block, rate)
    cross = getattr(getattr(model, "backbone", None), "blocks_cross", None)
    if backbone and isinstance(cross, nn.ModuleList):
        settings: Any = model.config  # of SRTrack
        rates = torch.linspace(0, backbone, settings.vit.depth).tolist()
        for after, block in zip(settings.fusion_after, cross, strict=True):
            _drop(block, rates[after])
    swin = [part for part in model.modules() if isinstance(part, SwinBlock)]
    for rate, block in zip(torch.linspace(0, backbone, len(swin)).tolist(), swin, strict=True):
        _drop(block, rate)
    layers = [part for part in model.modules() if isinstance(part, EncoderLayer | DecoderLayer)]
    for number, layer in enumerate(layers):
        _drop(layer, fusion if 2 * number >= len(layers) else 0.0)


def _drop(block: nn.Module, rate: float) -> None:
    if not rate:
        return
    attention = block.get_submodule("attn")
    if isinstance(block, Block):
        attention = attention.get_submodule("proj")  # the block calls the parts of its attention one by one
    branch = _Branch(rate)
    if isinstance(block, SwinBlock):  # its attention sees windows, not samples

        def count(_block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            branch.samples = len(inputs[0])

        block.register_forward_pre_hook(count)
    attention.register_forward_hook(branch)
    block.get_submodule("mlp").register_forward_hook(_Branch(rate))


class LowRankUpdate(nn.Module):
    """A weight plus ``lora_B @ lora_A / rank`` (Hu et al., ICLR 2022, with alpha 1); starts as the weight alone."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.lora_A = nn.Parameter(torch.empty(rank, inputs, device=weight.device))
        self.lora_B = nn.Parameter(torch.zeros(outputs, rank, device=weight.device))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer uses."""
        return weight + self.lora_B @ self.lora_A / len(self.lora_A)


def add_low_rank(model: nn.Module, settings: LowRank) -> None:
    """Low-rank updates in all attention layers of plain transformers."""
    for part in list(model.modules()):
        if isinstance(part, Attention):
            for layer, rank in ((part.qkv, settings.qkv), (part.proj, settings.proj)):
                parametrize.register_parametrization(layer, "weight", LowRankUpdate(layer.weight, rank))


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Entries as the tracker loads them: low-rank updates folded into their weights.

    The model keeps its updates: torch's own removal would take them from every copy of it, too.
    """
    state: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        layer, updated, part = name.partition(".parametrizations.weight.")
        if not updated:
            state[name] = value
        elif part == "original":
            state[f"{layer}.weight"] = _weight(model.get_submodule(layer))
    return state


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def train_mode(model: nn.Module, *, statistics: bool) -> None:
    """Training mode; without new ``statistics``, batch norms use their stored ones and keep them."""
    model.train()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.train(statistics)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the weights after ``step`` steps; faster at first, so that it forgets its beginning."""
    share = 1 - min(decay, (step + 1) / (step + 10))
    for own, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if own.is_floating_point():
            own.lerp_(new, share)
        else:
            own.copy_(new)
