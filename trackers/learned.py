"""Catalog entries of the learned trackers, as text: importing this loads neither torch nor numpy.

Parameters and multiply-adds are those of the networks (a test builds each and counts). Multiply-adds follow the papers:
linear layers and convolutions of one search frame, attention products left out.
"""

from evalkit.modality import Modality
from evalkit.tracking.catalog import TrackerEntry

_CONVERTER = f"{__package__}.common.weights:convert"
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

_EITHER = "; it does not say which of upvpt-ostrack-256 and upvpt-ostrack-256-nofreeze it is, they are one network"


def _ostrack_file(configuration: str) -> str:
    epochs = int(configuration.rsplit("_ep", 1)[1])
    return (
        f"OSTrack_ep{epochs:04d}.pth.tar of configuration {configuration}, from the model zoo that "
        "github.com/botaoye/OSTrack links"
    )


def _ostrack(size: int, variant: str) -> TrackerEntry:
    configurations = {
        "": f"vitb_{size}_mae_ce_32x4_ep300",
        "-noce": f"vitb_{size}_mae_32x4_ep300",
        "-got10k": f"vitb_{size}_mae_ce_32x4_got10k_ep100",
    }
    remarks = {
        "": "candidate elimination",
        "-noce": "without candidate elimination (ablation)",
        "-got10k": "trained on GOT-10k alone, for its test split",
    }
    whole, eliminated = {256: (29.02e9, 21.50e9), 384: (65.30e9, 48.31e9)}[size]
    name = f"ostrack-{size}{variant}"
    return TrackerEntry(
        name=name,
        summary=f"OSTrack, ViT-B, {size} px, {remarks[variant]}.",
        factory=f"{__package__}.ostrack:{name.replace('-', '_')}",
        modalities=_RGB,
        weights=_ostrack_file(configurations[variant]),
        reference=_OSTRACK,
        parameters={256: 92_518_533, 384: 92_825_733}[size],
        multiply_adds=whole if variant == "-noce" else eliminated,
        input_sizes=(size // 2, size),
        benchmark="got10k" if variant == "-got10k" else None,
        converter=_CONVERTER,
    )


def _swintrack(name: str, folder: str, parameters: int, multiply_adds: float, sizes: tuple[int, int]) -> TrackerEntry:
    return TrackerEntry(
        name=name,
        summary=f"SwinTrack {folder}, {sizes[1]} px, the preprint's network (no motion token).",
        factory=f"{__package__}.swintrack:{name.replace('-', '_')}",
        modalities=_RGB,
        weights=(
            f"checkpoint.pth of SwinTrack/{folder}, preprint weights, from the page that "
            "github.com/LitingLin/SwinTrack links"
        ),
        reference=_SWINTRACK,
        parameters=parameters,
        multiply_adds=multiply_adds,
        input_sizes=sizes,
        converter=_CONVERTER,
    )


def _upvpt(name: str, summary: str, parameters: int, multiply_adds: float, sizes: tuple[int, int]) -> TrackerEntry:
    base = "SwinTrack" if "swintrack" in name else "OSTrack"
    return TrackerEntry(
        name=name,
        summary=summary,
        factory=f"{__package__}.upvpt:{name.replace('-', '_')}",
        modalities=_RGB,
        weights=_UNPUBLISHED.format(net=base) + (_EITHER if base == "OSTrack" else ""),
        reference=_UPVPT,
        parameters=parameters,
        multiply_adds=multiply_adds,
        input_sizes=sizes,
        converter=_CONVERTER,
    )


def _srft(pair: str, variant: str) -> TrackerEntry:
    second, benchmark = _PAIRS[pair]
    size = 256 if variant == "256" else 384
    structure, parameters, multiply_adds = {
        "256": ("srtrack_256, from OSTrack-256", 206_365_317, 74.51e9),
        "384": ("srtrack_dropmae_384, from DropTrack-384", 206_674_053, 167.65e9),
        "ostrack-384": ("srtrack_384, from OSTrack-384", 206_672_517, 167.65e9),
    }[variant]
    name = f"srft-{pair}-{variant}"
    return TrackerEntry(
        name=name,
        summary=f"SRFT on color and {second}, {size} px, structure {structure}.",
        factory=f"{__package__}.srft:{name.replace('-', '_')}",
        modalities=frozenset({Modality.RGB, second}),
        weights=_UNPUBLISHED.format(net="SRTrack"),
        reference=_SRFT,
        parameters=parameters,
        multiply_adds=multiply_adds,
        input_sizes=(size // 2, size),
        benchmark=benchmark,
        converter=_CONVERTER,
    )


def _vipt(pair: str) -> TrackerEntry:
    second, benchmark = _PAIRS[pair]
    return TrackerEntry(
        name=f"vipt-{pair}",
        summary=f"ViPT, deep prompts on OSTrack-256, color and {second}.",
        factory=f"{__package__}.vipt:vipt_{pair}",
        modalities=frozenset({Modality.RGB, second}),
        weights=(
            f"ViPTrack_ep0060.pth.tar of configuration deep_{pair}, or the authors' release of it, from the page that "
            "github.com/jiawen-zhu/ViPT links"
        ),
        reference=_VIPT,
        parameters=93_358_161,
        multiply_adds=21.76e9,
        input_sizes=(128, 256),
        benchmark=benchmark,
        converter=_CONVERTER,
    )


_ENTRIES = (
    *(_ostrack(size, variant) for size in (256, 384) for variant in ("", "-noce", "-got10k")),
    _swintrack("swintrack-tiny", "Tiny", 22_711_975, 5.810e9, (112, 224)),
    _swintrack("swintrack-base", "Base", 90_772_693, 20.80e9, (112, 224)),
    _swintrack("swintrack-base-384", "Base-384", 90_962_093, 61.14e9, (192, 384)),
    _upvpt("upvpt-ostrack-256", "UPVPT: OSTrack-256 with 10 deep prompts a layer.", 92_610_693, 21.71e9, (128, 256)),
    _upvpt(
        "upvpt-ostrack-256-nofreeze",
        "UPVPT_nofreeze: prompts frozen, all else trained (ablation of the paper's table 5).",
        92_610_693,
        21.71e9,
        (128, 256),
    ),
    _upvpt("upvpt-swintrack-t", "UPVPT: SwinTrack Tiny with 10 prompts a window.", 22_740_775, 5.986e9, (112, 224)),
    *(_srft(pair, variant) for variant in ("256", "384", "ostrack-384") for pair in _PAIRS),
    *(_vipt(pair) for pair in _PAIRS),
)

LEARNED: dict[str, TrackerEntry] = {entry.name: entry for entry in _ENTRIES}
