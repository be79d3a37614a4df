"""The weights that a fine-tuning starts from: the parent tracker's, or a backbone's from its pre-training."""

import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from evalkit.errors import TrackerError
from evalkit.tracking.interface import TrackerOptions

from ..common.checkpoint import WeightsError, read_checkpoint
from ..common.definition import Definition, definition
from ..common.weights import load_weights, read_weights
from ..learned import LEARNED
from ..srft import SRTrackConfig, initial_entries
from .recipe import Recipe, Start
from .start import new_network

RANDOM = "random"
_LATER = re.compile(r"prompt|temporal_pos_embed")  # what a parent may lack


def init_of(recipe: Recipe, given: str | None) -> str | None:
    """A weight file, a tracker that brings its own weights, or ``random``: what is given, or the parent if it is one.

    Example:
        >>> from .recipes import RECIPES
        >>> init_of(RECIPES["upvpt-ostrack-mini"], None), init_of(RECIPES["upvpt-ostrack-256"], None)
        ('ostrack-mini', None)
    """
    shipped = recipe.parent is not None and LEARNED[recipe.parent].shipped
    return recipe.parent if given is None and shipped else given


def starting_network(recipe: Recipe, init: str | None, seed: int) -> tuple[nn.Module, dict[str, str]]:
    """The network before the first step, and where its numbers come from.

    Args:
        recipe: What is trained.
        init: See :func:`init_of`.
        seed: Of what starts at random.

    Raises:
        TrackerError: Nothing was passed and the recipe starts from a parent.
        WeightsError: The file is not one that this recipe can start from.
    """
    if init is None and recipe.parent is not None:
        raise TrackerError(
            f"recipe {recipe.name} starts from {recipe.parent}, whose weights evalkit does not bring: pass them with "
            "--init FILE, or --init random to try the command out."
        )
    made = definition(recipe.tracker)
    model = new_network(made, seed, recipe.start if recipe.parent is None else Start.XAVIER)
    for part in model.modules():
        if isinstance(smooth := getattr(part, "smooth", None), nn.Parameter):
            nn.init.constant_(smooth, 10.0)  # ViPT
    if init is None or init == RANDOM:
        return model, {"init": RANDOM}
    entries, facts = starting_entries(recipe, init)
    if isinstance(made.config, SRTrackConfig):
        entries = initial_entries(entries, made.config)
    loaded: Any = model.load_state_dict(_fitting(entries, model, init), strict=False)
    whole = facts["init"] != "backbone"
    missing = [name for name in loaded.missing_keys if whole and not _LATER.search(name)]
    if missing or loaded.unexpected_keys:
        raise WeightsError(
            f"{init}: {recipe.tracker} cannot start from it; missing {missing[:3]}, unexpected "
            f"{loaded.unexpected_keys[:3]}. Pass the weights of {recipe.parent or recipe.tracker}."
        )
    return model, facts


def starting_entries(recipe: Recipe, init: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Entry name -> tensor of the parent's network or of a pre-trained backbone, and what it was.

    Raises:
        WeightsError: The file cannot be read safely, or is something else.
    """
    parent = definition(recipe.parent or recipe.tracker)
    path = Path(init)
    if not path.suffix and init in LEARNED and not path.exists():
        loaded = load_weights(definition(init), TrackerOptions())
        return dict(loaded.network.state_dict()), {"init": init, "init_sha256": loaded.sha256}
    if path.is_file() and path.suffix != ".safetensors":
        content = read_checkpoint(path)
        inner = content.get("model", content)
        if isinstance(inner, dict) and "patch_embed.proj.weight" in inner:
            entries = swin_entries(inner) if "layers.0.blocks.0.norm1.weight" in inner else mae_entries(inner, parent)
            return entries, {"init": "backbone", "init_file": path.name}
    loaded = read_weights(parent, path)
    return dict(loaded.network.state_dict()), {
        "init": parent.name,
        "init_file": path.name,
        "init_sha256": loaded.sha256,
    }


def mae_entries(pretrained: dict[str, Tensor], made: Definition) -> dict[str, Tensor]:
    """A plain transformer's entries (MAE ViT-B) under OSTrack's names.

    The position embedding without the class row, 14 x 14, is resized (bicubic, corners not aligned) to the grids of
    template and search region. What the backbone lacks (a decoder) is left out.

    Source: OSTrack, ``finetune_track``.
    """
    patch = made.config.vit.patch
    entries = {
        f"backbone.{name}": value
        for name, value in pretrained.items()
        if name.startswith(("patch_embed.", "blocks.", "norm.")) or name in ("cls_token", "pos_embed")
    }
    positions = pretrained["pos_embed"][:, 1:].transpose(1, 2)  # (1, width, cells)
    side = math.isqrt(positions.shape[-1])
    if side * side != positions.shape[-1]:
        raise WeightsError(f"the position embedding has {positions.shape[-1]} cells, which is no square.")
    for branch, size in (("z", made.config.template_size), ("x", made.config.search_size)):
        grid = positions.reshape(1, -1, side, side).float()
        resized = functional.interpolate(grid, (size // patch,) * 2, mode="bicubic", align_corners=False)
        entries[f"backbone.pos_embed_{branch}"] = resized.flatten(2).transpose(1, 2)
    return entries


def swin_entries(pretrained: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first three stages of Swin's ImageNet classifier under SwinTrack's names; the fourth is not used."""
    entries = {}
    for name, value in pretrained.items():
        if name.startswith("patch_embed."):
            entries[f"backbone.stages.0.pre_stage.{name.removeprefix('patch_embed.')}"] = value
        elif match := re.fullmatch(r"layers\.([012])\.blocks\.(.+)", name):
            if not name.endswith("attn_mask"):
                entries[f"backbone.stages.{match[1]}.blocks.{match[2]}"] = value
        elif match := re.fullmatch(r"layers\.([01])\.downsample\.(.+)", name):
            entries[f"backbone.stages.{int(match[1]) + 1}.pre_stage.{match[2]}"] = value
    return entries


def _fitting(entries: dict[str, Tensor], model: nn.Module, init: str) -> dict[str, Tensor]:
    """The same in the network's number types; shapes are compared.

    Raises:
        WeightsError: An entry has another shape, or numbers that are not finite.
    """
    own = model.state_dict()
    fitting = {}
    for name, value in entries.items():
        if name in own and own[name].shape != value.shape:
            raise WeightsError(f"{init}: {name} is {list(value.shape)}, expected {list(own[name].shape)}.")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise WeightsError(f"{init}: {name} holds numbers that are not finite; the file is unusable.")
        fitting[name] = value.to(own[name].dtype) if name in own else value
    return fitting
