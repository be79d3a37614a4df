"""Recipes of the published sizes: the authors' trainings, the papers' baselines, and arms that take them apart."""

import collections.abc as cabc
from dataclasses import replace

from .damping import Damping, FisherSettings
from .recipe import NOT_NUMBERS, OURS, SEED, Group, LowRank, Recipe
from .rendered import Sampling

_FOUR = ("lasot", "got10k", "coco", "trackingnet")
_GOT10K = ("got10k",)

_OSTRACK = "OSTrack's program"
_SWINTRACK = "SwinTrack's program"
_UPVPT = "UPVPT's paper"
_SRTRACK = "SRTrack's program"
_VIPT = "ViPT's program"
_ASSUMED = "OSTrack's; UPVPT's paper does not say"


def _sources(default: str, **others: str) -> dict[str, str]:
    """Attribute -> source; what no authors chose is ours."""
    own = {
        "seed": OURS,
        "damping": "not used",
        "fisher": "not used",
        "low_rank": "not used",
        "floor": "not used",
        "cooldown": "not used",
        "betas": "torch's default",
        "average": "not used",
        "late": "not used",
        "start": "not used",
        "warmup_start": "not used",
        "warmup": "none",
    }
    return dict.fromkeys(set(Recipe.__dataclass_fields__) - NOT_NUMBERS, default) | own | others


_AS_OSTRACK = Sampling(mirror_each=0.5)
_AS_OSTRACK_384 = replace(_AS_OSTRACK, scale_jitter=0.5, center_jitter=4.5)
_AS_SWINTRACK = Sampling(brightness=0.0, mirror=0.0, color=0.4, reach=100, redraw_empty=False)

_BACKBONE, _REST = r"^backbone\.", ""
_MLP, _ATTENTION = r"^backbone\.blocks\.\d+\.mlp\.", r"^backbone\.blocks\.\d+\.attn\."
_PROMPTS, _HEAD = r"^backbone\.prompts$", r"^box_head\."
_SWIN_MLP, _SWIN_ATTENTION = (rf"^backbone\.stages\.\d+\.blocks\.\d+\.{part}\." for part in ("mlp", "attn"))
_SWIN_PROMPTS, _SWIN_HEAD = r"^backbone\.stages\.\d+\.prompts$", r"^(encoder|decoder|out_norm|head)\."


def _ostrack(size: int, *, got10k: bool = False) -> Recipe:
    name = f"ostrack-{size}" + ("-got10k" if got10k else "")
    epochs, drop = (100, 80) if got10k else (300, 240)
    return Recipe(
        name,
        name,
        f"ostrack-{size}",
        (Group(_BACKBONE, 4e-5), Group(_REST, 4e-4)),
        batch=128,
        epochs=epochs,
        pairs=60_000,
        weight_decay=1e-4,
        clip=0.1,
        warmup=0,
        drop=drop,
        elimination=(0.2, 0.7) if got10k else (20 / 300, 100 / 300),
        depth=(0.1, 0.0),
        data=_GOT10K if got10k else _FOUR,
        sampling=_AS_OSTRACK if size == 256 else _AS_OSTRACK_384,
        sources=_sources(_OSTRACK),
        summary=f"Full fine-tuning from MAE, {size} px" + (", GOT-10k alone." if got10k else "."),
    )


def _swintrack(name: str, batch: int) -> Recipe:
    return Recipe(
        name,
        name,
        name,
        (Group(r"^backbone\.stages\.", 5e-5), Group(_REST, 5e-4)),
        batch=batch,
        epochs=300,
        pairs=131_072,
        weight_decay=1e-4,
        clip=0.1,
        warmup=0.01,
        warmup_start=0.001,
        drop=210,
        elimination=None,
        depth=(0.2, 0.1),
        losses=(1.5, 1.5),
        data=_FOUR,
        sampling=_AS_SWINTRACK,
        sources=_sources(
            _SWINTRACK,
            warmup=_SWINTRACK,
            warmup_start=_SWINTRACK,
            elimination="not used",
            head_statistics="not used",
            batch=f"{_SWINTRACK}; of one process",
        ),
        summary="Full fine-tuning from Swin's ImageNet weights.",
    )


def _upvpt(*, got10k: bool = False) -> Recipe:
    base = _ostrack(256, got10k=got10k)
    return replace(
        base,
        name="upvpt-ostrack-256" + ("-got10k" if got10k else ""),
        tracker="upvpt-ostrack-256",
        parent="ostrack-256",
        groups=(Group(_PROMPTS, 1e-4), Group(_MLP, 1e-5), Group(_HEAD, 1e-4)),
        batch=64,
        sources=_sources(
            _ASSUMED,
            groups=f"{_UPVPT}; prompts at the rate of the rest: {OURS}",
            batch=_UPVPT,
            epochs=_ASSUMED if got10k else _UPVPT,
            drop=_ASSUMED if got10k else _UPVPT,
            pairs=_UPVPT,
            weight_decay=_UPVPT,
            data=_UPVPT,
        ),
        summary="Prompts, MLPs and head" + ("; GOT-10k alone." if got10k else "."),
    )


def _upvpt_swintrack() -> Recipe:
    base, upvpt = _swintrack("swintrack-tiny", 64), _upvpt()
    return replace(
        base,
        name="upvpt-swintrack-t",
        tracker="upvpt-swintrack-t",
        parent="swintrack-tiny",
        groups=(Group(_SWIN_PROMPTS, 1e-4), Group(_SWIN_MLP, 1e-5), Group(_SWIN_HEAD, 1e-4)),
        epochs=upvpt.epochs,
        pairs=upvpt.pairs,
        warmup=0,
        warmup_start=0.0,
        drop=upvpt.drop,
        sources=_sources(
            "SwinTrack's; UPVPT's paper does not say",
            groups="UPVPT's rates on OSTrack; the paper gives none for SwinTrack",
            **dict.fromkeys(
                ("batch", "epochs", "pairs", "drop", "warmup"), "UPVPT's on OSTrack; not said for SwinTrack"
            ),
            elimination="not used",
            head_statistics="not used",
        ),
        summary="Prompts, the backbone's MLPs, encoder, decoder and head.",
    )


def arms(recipe: Recipe, plain: str) -> tuple[Recipe, ...]:
    """Controls of a UPVPT recipe: the same schedule, other parts trained; attention at the rate of the MLPs.

    Args:
        recipe: Its groups are prompts, MLPs and the rest.
        plain: Tracker without prompts.
    """
    prompts, mlp, head = recipe.groups
    swin = "stages" in mlp.pattern
    attention = Group(_SWIN_ATTENTION if swin else _ATTENTION, mlp.rate)
    backbone = Group(_BACKBONE, mlp.rate)
    base = replace(recipe, tracker=plain)
    made = {
        "fft": (base, (backbone, replace(head, pattern=_REST)), "everything is trained, on UPVPT's schedule."),
        "mlp": (base, (mlp, head), "MLPs and head, no prompts."),
        "attention": (base, (attention, head), "attention and head, no prompts."),
        "head": (base, (head,), "the head alone."),
        "prompts": (recipe, (prompts, head), "prompts and head, MLPs frozen."),
    }
    return tuple(
        replace(
            arm,
            name=f"{recipe.name}-{name}",
            groups=groups,
            sources={**arm.sources, "groups": f"{OURS}: a control, rates of {recipe.name}"},
            summary=f"Control: {text}",
        )
        for name, (arm, groups, text) in made.items()
    )


_NOFREEZE = replace(
    _upvpt(),
    name="upvpt-ostrack-256-nofreeze",
    tracker="upvpt-ostrack-256-nofreeze",
    groups=(Group(r"^backbone\.(?!prompts$)", 1e-5), Group(_HEAD, 1e-4)),
    summary="The paper's table 5: prompts frozen, all else trained.",
)

_PAIRS = {"rgbe": "visevent", "rgbd": "depthtrack", "rgbt": "lasher"}
_SMALLEST = {"rgbe": 1.0, "rgbd": 2.0, "rgbt": 2.0}
_STREAMS = (
    Group(r"^backbone\.norm_(rgb|event)\.", 1e-6),
    Group(r"^backbone\.patch_embed_(rgb|event)\.", 5e-5),
    Group(r"^backbone\.blocks_(rgb|event)\.", 1e-4),
)
_FUSION = Group(r"^backbone\.blocks_cross\.", 5e-5)
_FIFTH = ("2", "5", "8", "11")
_VARIANTS = {"256": "ostrack-256", "384": "ostrack-384", "ostrack-384": "ostrack-384"}


def _srft(pair: str, variant: str) -> Recipe:
    """``fft``: the table of rates without the update rule; the others are made from it."""
    large = variant != "256"
    dropmae = variant == "384"
    epochs = {"rgbe": 30, "rgbd": 20, "rgbt": 30 if not large else (20 if dropmae else 16)}[pair]
    return Recipe(
        f"fft-{pair}-{variant}",
        f"srft-{pair}-{variant}",
        _VARIANTS[variant],
        (*_STREAMS, _FUSION),
        batch=56 if large else 80,
        epochs=epochs,
        pairs=80_000,
        weight_decay=1e-4,
        clip=0.1,
        warmup=0,
        drop=20 if (pair, variant) == ("rgbe", "256") else 48,
        elimination=None,
        head_statistics=False,
        depth=(0.1, 0.0),
        data=(_PAIRS[pair],),
        sampling=Sampling(
            scale_jitter=0.5 if dropmae else 0.25,
            center_jitter=4.5 if dropmae else 3.0,
            mirror_each=0.5,
            smallest=_SMALLEST[pair],
            redraw_empty=False,
        ),
        seed=SEED,
        sources=_sources(
            _SRTRACK,
            seed=_SRTRACK,
            elimination="not used",
            data=f"{_SRTRACK}; VisEvent in the place of COESOT" if pair == "rgbe" else _SRTRACK,
            groups=f"{_SRTRACK}: its table of rates, which a later line of it replaces by 1e-6",
        ),
        summary="Full fine-tuning of both streams and their fusion; the SRFT paper's baseline.",
    )


def _modes(base: Recipe) -> cabc.Iterator[Recipe]:
    yield base
    name = base.name.removeprefix("fft-")
    texts = {
        Damping.RANK: ("", "SRFT as its program's comments describe it."),
        Damping.CODE: ("-code", "SRFT exactly as its program does it."),
        Damping.FISHER: ("-fisher", "SRFT with a Fisher prior: our completion of the paper, not a reproduction."),
    }
    for mode, (suffix, text) in texts.items():
        fisher = FisherSettings() if mode is Damping.FISHER else None
        sources = {**base.sources, "damping": _SRTRACK, "fisher": OURS if fisher else "not used"}
        yield replace(base, name=f"srft-{name}{suffix}", damping=mode, fisher=fisher, sources=sources, summary=text)


def _partial(base: Recipe) -> cabc.Iterator[Recipe]:
    """Only MLPs of some blocks of both streams, and the fusion."""
    texts = {"fusion": "the blocks before a fusion", "odd": "odd blocks", "all": "all blocks"}
    every = {"fusion": f"({'|'.join(_FIFTH)})", "odd": "(1|3|5|7|9|11)", "all": r"\d+"}
    for name, blocks in every.items():
        groups = (Group(rf"^backbone\.blocks_(rgb|event)\.{blocks}\.mlp\.", 1e-4), _FUSION)
        yield replace(
            base,
            name=base.name.replace("fft-", f"partial-{name}-"),
            groups=groups,
            sources={**base.sources, "groups": f"{_SRTRACK}, commented out"},
            summary=f"MLPs of {texts[name]}, and the fusion.",
        )


def _lora(base: Recipe) -> Recipe:
    return replace(
        base,
        name=base.name.replace("fft-", "lora-"),
        groups=(Group(r"\.lora_[AB]$", 1e-3),),
        low_rank=LowRank(),
        sources={**base.sources, "groups": f"{_SRTRACK}, commented out", "low_rank": f"{_SRTRACK}, commented out"},
        summary="Low-rank updates of all attention layers.",
    )


def _vipt(pair: str, *, shallow: bool = False) -> Recipe:
    name = "vipt-shallow" if shallow else "vipt"
    return Recipe(
        f"{name}-{pair}",
        f"{name}-{pair}",
        "ostrack-256",
        (Group("prompt", 4e-4),),
        batch=32,
        epochs=60,
        pairs=60_000,
        weight_decay=1e-4,
        clip=0.1,
        warmup=0,
        drop=48,
        elimination=(4 / 60, 20 / 60),
        head_statistics=False,
        depth=(0.1, 0.0),
        data=(_PAIRS[pair],),
        sampling=Sampling(mirror_each=0.5, smallest={"rgbe": 5.0, "rgbd": 10.0, "rgbt": 0.0}[pair]),
        sources=_sources(_VIPT, batch=f"{_VIPT}; its shallow configuration has 8 a process" if shallow else _VIPT),
        summary="Prompts from the second modality before " + ("the first block." if shallow else "every block."),
    )


def _all() -> cabc.Iterator[Recipe]:
    for size in (256, 384):
        yield _ostrack(size)
        yield _ostrack(size, got10k=True)
    yield _swintrack("swintrack-tiny", 128)
    yield _swintrack("swintrack-base", 64)
    yield _swintrack("swintrack-base-384", 64)
    yield _upvpt()
    yield from arms(_upvpt(), "ostrack-256")
    yield _upvpt(got10k=True)
    yield _NOFREEZE
    yield _upvpt_swintrack()
    yield from arms(_upvpt_swintrack(), "swintrack-tiny")
    for pair in _PAIRS:
        for variant in _VARIANTS:
            yield from _modes(_srft(pair, variant))
        yield from _partial(_srft(pair, "256"))
        yield _lora(_srft(pair, "256"))
        yield _vipt(pair)
        yield _vipt(pair, shallow=True)


FULL: dict[str, Recipe] = {recipe.name: recipe for recipe in _all()}
"""Name -> recipe of a published size."""
