"""All recipes by name: those of the small trackers are here, those of the published sizes in ``full.py``."""

import collections.abc as cabc
from dataclasses import replace
from types import MappingProxyType

from .damping import Damping, FisherSettings
from .full import FULL, arms
from .recipe import OURS, Group, Recipe, Start
from .rendered import Sampling

_SOURCES: cabc.Mapping[str, str] = MappingProxyType(
    {
        "groups": OURS,
        "batch": OURS,
        "weight_decay": OURS,
        "clip": OURS,
        "warmup": OURS,
        "floor": OURS,
        "cooldown": OURS,
        "betas": OURS,
        "muon": "Jordan et al., Muon: An optimizer for hidden layers, 2024; on or off is our default",
        "average": OURS,
        "late": OURS,
        "start": "Trockman and Kolter, ICML 2023; on or off is our default",
        "warmup_start": OURS,
        "drop": "not used",
        "elimination": "OSTrack: epochs 20 and 100 of 300; a fine-tuning begins with the network's rate: our default",
        "epochs": OURS,
        "pairs": OURS,
        "fisher": OURS,
        "low_rank": "not used",
        "depth": "not used",
        "losses": "OSTrack, SwinTrack",
        "data": OURS,
        "seed": OURS,
        "head_statistics": "OSTrack and UPVPT: learned; SRTrack: frozen",
        "damping": "SRTrack's program",
        "sampling": "scale and center jitter, gray, mirror, brightness: OSTrack; template jitter, negatives, recolor, "
        "light: our default",
    }
)

_SAMPLING = Sampling(
    center_jitter=2.1,  # OSTrack's share of the crop
    template_scale_jitter=0.04,
    template_center_jitter=0.06,
    negatives=0.1,
    recolor=0.4,
)
_NEAR = replace(_SAMPLING, scale_jitter=0.18, center_jitter=1.2)  # as far off as a tracker mostly is
_SRFT_GROUPS = (
    Group(r"^backbone\.patch_embed_event\.", 1e-3),
    Group(r"^backbone\.blocks_cross\.", 6e-4),
    Group(r"^backbone\.(patch_embed_rgb|norm_rgb|norm_event|blocks_rgb)\b", 3e-4),
    Group(r"^backbone\.blocks_event\.", 6e-4),
)


_MINI = Recipe(
    "",
    "",
    None,
    (Group("", 1e-3),),
    batch=32,
    pairs=672_000,
    warmup=200,
    cooldown=0.4,
    betas=(0.9, 0.99),
    average=0.998,
    start=Start.MIMETIC,
    sampling=_SAMPLING,
    late=_NEAR,
    sources=_SOURCES,
)
_MINI_SWIN = replace(
    _MINI,
    losses=(1.5, 1.5),
    elimination=None,
)


def _srft(pair: str) -> cabc.Iterator[Recipe]:
    """SRFT in its three modes, and full fine-tuning on the same schedule."""
    name = f"srft-mini-{pair}"
    base = replace(
        _MINI,
        tracker=name,
        parent="ostrack-mini",
        groups=_SRFT_GROUPS,
        batch=64,
        pairs=9_600,
        warmup=50,
        average=0.99,
        start=Start.XAVIER,
        elimination=None,
        head_statistics=False,
        sampling=_NEAR,
        late=None,
    )
    yield replace(base, name=name, damping=Damping.RANK, summary="SRFT, as its program's comments describe it.")
    yield replace(base, name=f"{name}-code", damping=Damping.CODE, summary="SRFT exactly as its program does it.")
    yield replace(
        base,
        name=f"{name}-fisher",
        damping=Damping.FISHER,
        fisher=FisherSettings(),
        summary="SRFT with a Fisher prior: our completion of the paper.",
    )
    yield replace(base, name=f"fft-mini-{pair}", summary="Full fine-tuning, without SRFT's update rule.")


def _upvpt(base: Recipe, parent: str, mlp: str, prompts: str, rest: str) -> cabc.Iterator[Recipe]:
    recipe = replace(
        base,
        name=f"upvpt-{parent}",
        tracker=f"upvpt-{parent}",
        parent=parent,
        groups=(Group(prompts, 1e-3), Group(mlp, 2e-4), Group(rest, 4e-4)),
        pairs=12_800,
        warmup=50,
        average=0.99,
        start=Start.XAVIER,
        elimination=None,
        sampling=replace(_NEAR, recolor=0.2, light=(0.0, 0.45)),
        late=None,
        summary="Prompts, MLPs and head, on dark scenes.",
    )
    yield recipe
    yield from arms(recipe, parent)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        replace(_MINI, name="ostrack-mini", tracker="ostrack-mini", summary="From scratch on drawn scenes."),
        replace(
            _MINI_SWIN,
            name="swintrack-mini",
            tracker="swintrack-mini",
            pairs=512_000,
            muon=0.01,
            summary="From scratch on drawn scenes.",
        ),
        *_upvpt(_MINI, "ostrack-mini", r"^backbone\.blocks\.\d+\.mlp\.", r"^backbone\.prompts$", r"^box_head\."),
        *_upvpt(
            _MINI_SWIN,
            "swintrack-mini",
            r"^backbone\.stages\.\d+\.blocks\.\d+\.mlp\.",
            r"^backbone\.stages\.\d+\.prompts$",
            r"^((encoder|decoder|out_norm|head)\.|places$)",
        ),
        *(recipe for pair in ("rgbt", "rgbe", "rgbd") for recipe in _srft(pair)),
    )
} | FULL
