"""Catalog entries of the learned trackers, as text: importing this loads neither torch nor numpy.

Parameters and multiply-adds are those of the networks (a test builds each and counts). Multiply-adds follow the papers:
linear layers and convolutions of one search frame, attention products left out.
"""

import collections.abc as cabc
from dataclasses import dataclass, field
from typing import Any

from evalkit.modality import Modality
from evalkit.tracking.catalog import TrackerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedEntry(TrackerEntry):
    """A row of the catalog with a network.

    Attributes:
        family: Module whose ``define(name, **settings)`` makes the :class:`~.common.definition.Definition`.
        settings: What tells this variant from others of its family.
        shipped: Its weights come with evalkit, as ``weights/NAME.safetensors``; a file may be given in their place.
    """

    factory: str = f"{__package__}.common.build:build_named"
    converter: str | None = f"{__package__}.common.weights:convert"
    family: str
    settings: cabc.Mapping[str, Any] = field(default_factory=dict)
    shipped: bool = False


Cost = tuple[int, float]
"""Parameters and multiply-adds."""
_RGB = frozenset({Modality.RGB})
_PAIRS = {
    "rgbe": (Modality.EVENT, "visevent"),
    "rgbd": (Modality.DEPTH, "depthtrack"),
    "rgbt": (Modality.THERMAL, "lasher"),
}

_OSTRACK = "Ye et al., Joint Feature Learning and Relation Modeling for Tracking, ECCV 2022"
_SWINTRACK = "Lin et al., SwinTrack: A Simple and Strong Baseline for Transformer Tracking, arXiv 2112.00995v1"
_UPVPT = "Partial fine-tuning by unifying pretrain-finetuning and visual prompt tuning (UPVPT), MMAsia 2023"
_SRFT = (
    "SRFT: Chen et al., Optimizing Multi-Modality Trackers via Significance-Regularized (v2: Sensitivity-regularized) "
    "Tuning, arXiv 2508.17488 (program: SRTrack)"
)
_VIPT = "Zhu et al., Visual Prompt Multi-Modal Tracking, CVPR 2023"

_UNPUBLISHED = (
    "no weights are published; a file from fine-tuning (evalkit's safetensors, or the program's {net} container)"
)

_SHIPPED = "none needed: evalkit brings its own, trained on drawn scenes"
_UNTRAINED = "no weights are published; train them with python -m trackers.training.minis"
_EITHER = "; it does not say which of upvpt-ostrack-256 and upvpt-ostrack-256-nofreeze it is, they are one network"


def _ostrack(
    name: str,
    crop: tuple[int, float],
    remark: str,
    configuration: str,
    cost: Cost,
    *,
    eliminating: bool = True,
) -> LearnedEntry:
    size, search_factor = crop
    epochs = int(configuration.rsplit("_ep", 1)[1])
    return LearnedEntry(
        name=name,
        summary=f"OSTrack, ViT-B, {size} px, {remark}.",
        modalities=_RGB,
        weights=(
            f"OSTrack_ep{epochs:04d}.pth.tar of configuration {configuration}, from the model zoo that "
            "github.com/botaoye/OSTrack links"
        ),
        reference=_OSTRACK,
        parameters=cost[0],
        multiply_adds=cost[1],
        input_sizes=(size // 2, size),
        benchmark="got10k" if "_got10k_" in configuration else None,
        family=f"{__package__}.ostrack",
        settings={"size": size, "search_factor": search_factor, "eliminating": eliminating},
    )


def _swintrack(name: str, folder: str, size: int, cost: Cost, **settings: Any) -> LearnedEntry:
    return LearnedEntry(
        name=name,
        summary=f"SwinTrack {folder}, {size} px, the preprint's network (no motion token).",
        modalities=_RGB,
        weights=(
            f"checkpoint.pth of SwinTrack/{folder}, preprint weights, from the page that "
            "github.com/LitingLin/SwinTrack links"
        ),
        reference=_SWINTRACK,
        parameters=cost[0],
        multiply_adds=cost[1],
        input_sizes=(size // 2, size),
        family=f"{__package__}.swintrack",
        settings={"size": size, **settings},
    )


def _upvpt(name: str, base: str, summary: str, size: int, cost: Cost) -> LearnedEntry:
    return LearnedEntry(
        name=name,
        summary=summary,
        modalities=_RGB,
        weights=_UNPUBLISHED.format(net=base) + (_EITHER if base == "OSTrack" else ""),
        reference=_UPVPT,
        parameters=cost[0],
        multiply_adds=cost[1],
        input_sizes=(size // 2, size),
        family=f"{__package__}.upvpt",
        settings={"base": base},
    )


def _srft(variant: str, crop: tuple[int, float], structure: str, cost: Cost, **settings: Any) -> list[LearnedEntry]:
    size, search_factor = crop
    return [
        LearnedEntry(
            name=f"srft-{pair}-{variant}",
            summary=f"SRFT on color and {second}, {size} px, structure {structure}.",
            modalities=frozenset({Modality.RGB, second}),
            weights=_UNPUBLISHED.format(net="SRTrack"),
            reference=_SRFT,
            parameters=cost[0],
            multiply_adds=cost[1],
            input_sizes=(size // 2, size),
            benchmark=benchmark,
            family=f"{__package__}.srft",
            settings={"second": second, "size": size, "search_factor": search_factor, **settings},
        )
        for pair, (second, benchmark) in _PAIRS.items()
    ]


def _vipt(pair: str, *, shallow: bool = False) -> LearnedEntry:
    second, benchmark = _PAIRS[pair]
    configuration, remark = (f"shaw_{pair}", "one prompt block") if shallow else (f"deep_{pair}", "deep prompts")
    return LearnedEntry(
        name=f"vipt-shallow-{pair}" if shallow else f"vipt-{pair}",
        summary=f"ViPT, {remark} on OSTrack-256, color and {second}.",
        modalities=frozenset({Modality.RGB, second}),
        weights=(
            f"ViPTrack_ep0060.pth.tar of configuration {configuration}, or the authors' release of it, from the page "
            "that github.com/jiawen-zhu/ViPT links"
        ),
        reference=_VIPT,
        parameters=93_129_878 if shallow else 93_358_161,
        multiply_adds=21.69e9 if shallow else 21.76e9,
        input_sizes=(128, 256),
        benchmark=benchmark,
        family=f"{__package__}.vipt",
        settings={"second": second, "prompts": 1} if shallow else {"second": second},
    )


def _mini(name: str, reference: str, cost: Cost, summary: str, *, shipped: bool = False) -> LearnedEntry:
    second, benchmark = _PAIRS.get(name.rpartition("-")[2], (None, None))
    return LearnedEntry(
        name=name,
        summary=summary,
        modalities=_RGB | ({second} if second else frozenset()),
        weights=_SHIPPED if shipped else _UNTRAINED,
        reference=reference,
        parameters=cost[0],
        multiply_adds=cost[1],
        input_sizes=(64, 128),
        benchmark=benchmark,
        family=f"{__package__}.minis",
        settings={"second": second} if second else {},
        shipped=shipped,
    )


_CE = "candidate elimination"
_NO_CE = "without candidate elimination (ablation)"
_GOT = "trained on GOT-10k alone, for its test split"
_BASE: dict[str, Any] = {"width": 128, "depths": (2, 2, 18), "heads": (4, 8, 16), "encoder_depth": 8}
_PROMPTED = "UPVPT: OSTrack-256 with 10 deep prompts a layer."
_NO_FREEZE = "UPVPT_nofreeze: prompts frozen, all else trained (ablation of the paper's table 5)."

_OSTRACK_MINI = (1_283_493, 0.1066e9)
_SWINTRACK_MINI = (597_553, 0.0589e9)
_UPVPT_OSTRACK_MINI = (1_288_613, 0.1086e9)
_UPVPT_SWINTRACK_MINI = (598_513, 0.0611e9)
_SRFT_MINI = (2_607_845, 0.2698e9)

# a variant of a family is a row here: `settings` reach `define` of the family's module
_ENTRIES = (
    _ostrack("ostrack-256", (256, 4.0), _CE, "vitb_256_mae_ce_32x4_ep300", (92_518_533, 21.50e9)),
    _ostrack(
        "ostrack-256-noce", (256, 4.0), _NO_CE, "vitb_256_mae_32x4_ep300", (92_518_533, 29.02e9), eliminating=False
    ),
    _ostrack("ostrack-256-got10k", (256, 4.0), _GOT, "vitb_256_mae_ce_32x4_got10k_ep100", (92_518_533, 21.50e9)),
    _ostrack("ostrack-384", (384, 5.0), _CE, "vitb_384_mae_ce_32x4_ep300", (92_825_733, 48.31e9)),
    _ostrack(
        "ostrack-384-noce", (384, 5.0), _NO_CE, "vitb_384_mae_32x4_ep300", (92_825_733, 65.30e9), eliminating=False
    ),
    _ostrack("ostrack-384-got10k", (384, 5.0), _GOT, "vitb_384_mae_ce_32x4_got10k_ep100", (92_825_733, 48.31e9)),
    _swintrack("swintrack-tiny", "Tiny", 224, (22_711_975, 5.810e9)),
    _swintrack("swintrack-base", "Base", 224, (90_772_693, 20.80e9), **_BASE),
    _swintrack("swintrack-base-384", "Base-384", 384, (90_962_093, 61.14e9), window=12, **_BASE),
    _upvpt("upvpt-ostrack-256", "OSTrack", _PROMPTED, 256, (92_610_693, 21.71e9)),
    _upvpt("upvpt-ostrack-256-nofreeze", "OSTrack", _NO_FREEZE, 256, (92_610_693, 21.71e9)),
    _upvpt(
        "upvpt-swintrack-t", "SwinTrack", "UPVPT: SwinTrack Tiny with 10 prompts a window.", 224, (22_740_775, 5.986e9)
    ),
    *_srft("256", (256, 4.0), "srtrack_256, from OSTrack-256", (206_365_317, 74.51e9)),
    *_srft("384", (384, 5.0), "srtrack_dropmae_384, from DropTrack-384", (206_674_053, 167.65e9), temporal=True),
    *_srft("ostrack-384", (384, 4.0), "srtrack_384, from OSTrack-384", (206_672_517, 167.65e9)),
    *(_vipt(pair) for pair in _PAIRS),
    *(_vipt(pair, shallow=True) for pair in _PAIRS),
    _mini(
        "ostrack-mini", _OSTRACK, _OSTRACK_MINI, "OSTrack's structure, small, trained on drawn scenes.", shipped=True
    ),
    _mini(
        "swintrack-mini",
        _SWINTRACK,
        _SWINTRACK_MINI,
        "SwinTrack's structure, small, trained on drawn scenes.",
        shipped=True,
    ),
    _mini(
        "upvpt-ostrack-mini", _UPVPT, _UPVPT_OSTRACK_MINI, "UPVPT from ostrack-mini on dark drawn scenes.", shipped=True
    ),
    _mini(
        "upvpt-swintrack-mini",
        _UPVPT,
        _UPVPT_SWINTRACK_MINI,
        "UPVPT from swintrack-mini on dark drawn scenes.",
        shipped=True,
    ),
    *(
        _mini(
            f"srft-mini-{pair}",
            _SRFT,
            _SRFT_MINI,
            f"SRFT from ostrack-mini on drawn scenes, color and {second}.",
            shipped=True,
        )
        for pair, (second, _) in _PAIRS.items()
    ),
)

LEARNED: dict[str, LearnedEntry] = {entry.name: entry for entry in _ENTRIES}
