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
from ..srft import SRTrackConfig, initial_entries
from .recipe import Recipe

_RARE = -math.log((1 - 0.01) / 0.01)  # so that a fresh head expects a target in 1 % of the cells (RetinaNet)


def new_network(definition: Definition, seed: int) -> nn.Module:
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
    return model


def load_parent(model: nn.Module, definition: Definition, path: Path) -> None:
    """Give a network the weights of its parent; only prompts may be missing there.

    Raises:
        WeightsError: The file is not the parent's.
    """
    entries: dict[str, Tensor] = {
        name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()
    }
    if isinstance(definition.config, SRTrackConfig):
        entries = initial_entries(entries, definition.config)
    found: Any = model.load_state_dict(entries, strict=False)
    missing = [name for name in found.missing_keys if not name.endswith("prompts")]
    if missing or found.unexpected_keys:
        raise WeightsError(
            f"{path}: {definition.name} cannot start from it; missing {missing[:3]}, unexpected "
            f"{found.unexpected_keys[:3]}. Pass the weights of the recipe's parent."
        )


def trained_groups(model: nn.Module, recipe: Recipe) -> dict[float, dict[str, nn.Parameter]]:
    """Rate -> name -> tensor of what is trained; everything else is frozen here."""
    groups: dict[float, dict[str, nn.Parameter]] = {}
    for name, value in model.named_parameters():
        rate = next((group.rate for group in recipe.groups if re.search(group.pattern, name)), None)
        value.requires_grad_(rate is not None)
        if rate is not None:
            groups.setdefault(rate, {})[name] = value
    return groups
