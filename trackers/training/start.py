"""Weights before the first step: random ones, or those of a parent, and which of them are trained."""

import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..common.checkpoint import WeightsError
from ..common.definition import Definition
from ..common.weights import unpacked
from ..layers.fusion import CrossAttention, Grids, UntiedPositions
from ..layers.swin import WindowAttention
from ..layers.vit import Attention
from ..ostrack import OSTrackBackbone
from ..srft import SRTrackConfig, initial_entries
from ..swintrack import SwinTrack
from .recipe import Recipe, Start

_RARE = -math.log((1 - 0.01) / 0.01)  # so that a fresh head expects a target in 1 % of the cells (RetinaNet)
_ALIKE, _OTHER = (0.7, 0.7), (0.4, -0.4)  # shares of noise and identity (the paper's, for images)
_LONGEST = 100.0  # cells over 2 pi of the slowest sinusoid


def new_network(definition: Definition, seed: int, start: Start = Start.XAVIER) -> nn.Module:
    """The network with random weights: Xavier-uniform matrices (OSTrack's head), positions 0.02, neutral norms."""
    torch.manual_seed(seed)
    model = definition.network(definition.config)
    for name, value in model.named_parameters():
        last = name.rsplit(".", 1)[-1]
        if last == "prompts":
            patch = definition.config.vit.patch if hasattr(definition.config, "vit") else 4
            bound = math.sqrt(6 / (3 * patch**2 + value.shape[-1]))
            nn.init.uniform_(value, -bound, bound)
        elif last == "bias":
            nn.init.zeros_(value)
        elif last == "weight" and value.ndim > 1:
            nn.init.xavier_uniform_(value)
        elif last != "weight":
            nn.init.trunc_normal_(value, std=0.02)
    for head in ("box_head.conv5_ctr", "head.cls_mlp.layers.2"):
        if f"{head}.bias" in model.state_dict():
            nn.init.constant_(model.get_submodule(head).get_parameter("bias"), _RARE)
    if start is Start.MIMETIC:
        mimic(model)
    return model


@torch.no_grad()
def mimic(model: nn.Module) -> None:
    """Let attention begin as trained attention looks: tokens ask for their like, and take it from themselves.

    Search tokens then compare themselves with the template from the first step on.

    Source: Trockman and Kolter, Mimetic Initialization of Self-Attention Layers, ICML 2023; positions that agree in the
    middle of template and search, and a vector that tells the two apart, are ours.
    """
    for attention in model.modules():
        if isinstance(attention, CrossAttention):
            _alike(attention, attention.q.weight, *attention.kv.weight.chunk(2))
        elif isinstance(attention, Attention | WindowAttention):
            _alike(attention, *attention.qkv.weight.chunk(3))
    for module in model.modules():
        if isinstance(module, OSTrackBackbone):
            both = module.pos_embed_z, module.pos_embed_x
            grids = Grids(*(round(places.shape[1] ** 0.5) for places in both))
            for places, start in zip(both, _places(grids, both[0].shape[2]), strict=True):
                places.copy_(start)
        elif isinstance(module, SwinTrack) and module.config.anchored:
            module.places.copy_(torch.cat(_places(module.grids, module.places.shape[1])))
        elif isinstance(module, UntiedPositions) and hasattr(module, "pos_q_linear"):
            nn.init.zeros_(module.pos_q_linear.weight)  # else random places outweigh contents


def _alike(attention: Attention | WindowAttention | CrossAttention, query: Tensor, key: Tensor, value: Tensor) -> None:
    width, heads = attention.proj.weight.shape[0], attention.heads
    each = width // heads
    for head in range(heads):
        left, right = _factors(_ALIKE, width)
        rows = slice(head * each, (head + 1) * each)
        query[rows], key[rows] = left[:each], right[:each]
    left, right = _factors(_OTHER, width)
    value.copy_(left)
    attention.proj.weight.copy_(right.T)


def _factors(shares: tuple[float, float], width: int) -> tuple[Tensor, Tensor]:
    """Rows, strongest first, of two matrices whose product (first transposed) is noise and identity by these shares."""
    noise = torch.randn(width, width) / width**0.5
    left, strength, right = torch.linalg.svd(shares[0] * noise + shares[1] * torch.eye(width))
    return (left * strength.sqrt()).T, right * strength.sqrt()[:, None]


def _places(grids: Grids, width: int) -> tuple[Tensor, Tensor]:
    """Positions of template and search cells, each (side * side, width)."""
    apart = 0.3 * torch.randn(width)
    first = (grids.search - grids.template) / 2
    return _sinusoids(grids.template, width, first) + apart, _sinusoids(grids.search, width, 0.0)


def _sinusoids(side: int, width: int, first: float) -> Tensor:
    """(side * side, width): sines and cosines of column, then row."""
    places = torch.arange(side) + 0.5 + first
    angles = places[:, None] / _LONGEST ** (torch.arange(width // 4) / (width // 4))
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.cat([line.expand(side, -1, -1), line[:, None].expand(-1, side, -1)], dim=2).reshape(-1, width)


def load_parent(model: nn.Module, definition: Definition, path: Path) -> None:
    """Give a network the weights of its parent; only prompts may be missing there.

    Raises:
        WeightsError: The file is not the parent's.
    """
    entries: dict[str, Tensor] = {
        name: value.float() if value.is_floating_point() else value for name, value in unpacked(load_file(path)).items()
    }
    entries = mapped(entries, definition)
    loaded: Any = model.load_state_dict(entries, strict=False)
    missing = [name for name in loaded.missing_keys if not name.endswith("prompts")]
    if missing or loaded.unexpected_keys:
        raise WeightsError(
            f"{path}: {definition.name} cannot start from it; missing {missing[:3]}, unexpected "
            f"{loaded.unexpected_keys[:3]}. Pass the weights of the recipe's parent."
        )


def mapped(entries: dict[str, Tensor], definition: Definition) -> dict[str, Tensor]:
    """A parent's entries under the names of the network; SRTrack's streams share them."""
    config = definition.config
    return initial_entries(entries, config) if isinstance(config, SRTrackConfig) else entries


def trained_groups(model: nn.Module, recipe: Recipe) -> dict[float, dict[str, nn.Parameter]]:
    """Rate -> name -> tensor of what is trained; everything else is frozen here."""
    groups: dict[float, dict[str, nn.Parameter]] = {}
    for name, value in model.named_parameters():
        rate = next((group.rate for group in recipe.groups if re.search(group.pattern, name)), None)
        value.requires_grad_(rate is not None)
        if rate is not None:
            groups.setdefault(rate, {})[name] = value
    return groups
