"""LasHeR: aligned color and thermal videos.

Layout: ``<root>/{trainingset,testingset}/<sequence>/`` (also ``train``, ``test``, or all in the root) with
``visible/*.jpg``, ``infrared/*.jpg``, ``visible.txt``, ``infrared.txt``, ``init.txt``. File names differ between
sequences and releases (``v000.jpg``, ``000000.jpg``, ``0001.jpg``): images are sorted by the last number in the name
and paired by position. Some projects have ``groundtruth.txt`` instead of ``visible.txt``. There are no absent flags.
"""

import dataclasses
from pathlib import Path

from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.names import FolderLayout, official_attributes
from evalkit.benchmarks.reading import attributes_of, check_first_box, make_sequence, nothing_absent, read_boxes
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import AnnotationError
from evalkit.images import last_number
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "LasHeR"
CODES = (
    *("NO", "PO", "TO", "HO", "MB", "LI", "HI", "AIV", "LR", "DEF", "BC", "SA"),
    *("CM", "TC", "FL", "OV", "FM", "SV", "ARC"),
)
LAYOUTS = {
    "test": FolderLayout(
        title=TITLE,
        bases=("testingset", "test/testingset", "test", ""),
        lists=("testingset/list.txt", "test/list.txt", "testingsetList.txt"),
        marker="visible.txt",
        traces=("groundtruth.txt", "visible", "infrared"),
        foreign=("lasher_train.csv",),
    ),
    "train": FolderLayout(
        title=TITLE,
        bases=("trainingset", "train/trainingset", "train", ""),
        lists=("trainingset/list.txt", "train/list.txt", "trainingsetList.txt"),
        marker="visible.txt",
        traces=("groundtruth.txt", "visible", "infrared"),
        foreign=("lasher_test.csv",),
    ),
}


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return LAYOUTS[split.name].names(root, split)


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's annotation; images may be missing."""
    path = _boxes_path(root, split, name)
    boxes = read_boxes(path, title=TITLE)
    check_first_box(boxes, where=str(path))
    thermal = path.with_name("infrared.txt")
    boxes_aux = read_boxes(thermal, title=TITLE) if thermal.is_file() else None
    if boxes_aux is not None and len(boxes_aux) != len(boxes):
        raise AnnotationError(
            f"{TITLE}: {thermal} has {len(boxes_aux)} rows, but {path.name} beside it has {len(boxes)}."
        )
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=nothing_absent(boxes),
        frame_count=len(boxes),
        ground_truth_aux=boxes_aux,
        attributes=attributes_of(
            root / "att" / f"{name}.txt", title=TITLE, codes=CODES, packaged=official_attributes(split, name)
        ),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images."""
    folder = LAYOUTS[split.name].folder(root, name)
    return pair_frames(
        _by_last_number(open_folder(folder / "visible", title=TITLE, name=name)),
        _by_last_number(open_folder(folder / "infrared", title=TITLE, name=name, kind="thermal image")),
        Modality.THERMAL,
        title=TITLE,
        name=name,
        same_names=False,
    )


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images."""
    annotation = read_annotation(root, split, name)
    where = _boxes_path(root, split, name)
    return make_sequence(annotation, read_frames(root, split, name), title=TITLE, where=where)


def _boxes_path(root: Path, split: Split, name: str) -> Path:
    folder = LAYOUTS[split.name].folder(root, name)
    visible, renamed = folder / "visible.txt", folder / "groundtruth.txt"
    return renamed if renamed.is_file() and not visible.is_file() else visible


def _by_last_number(frames: ImageFrames) -> ImageFrames:
    """Sort by the last number in the name; prefixes change within some sequences. Natural order decides ties."""
    if any(last_number(name) is None for name in frames.names):
        return frames
    ordered = sorted(frames.names, key=lambda name: last_number(name) or 0)  # stable
    return dataclasses.replace(frames, names=tuple(ordered))


SPEC = BenchmarkSpec(
    name="lasher",
    title=TITLE,
    year=2022,
    citation=Citation(
        authors="Chenglong Li, Wanlin Xue, Yaqing Jia, Zhichen Qu, Bin Luo, Jin Tang, Dengdi Sun",
        title="LasHeR: A Large-Scale High-Diversity Benchmark for RGBT Tracking",
        venue="IEEE Transactions on Image Processing",
        year=2022,
    ),
    homepage="https://github.com/BUGPLEASEOUT/LasHeR",
    licence=None,
    modalities=frozenset({Modality.RGB, Modality.THERMAL}),
    splits={
        "test": Split("test", 245, 220_703, Access.FULL, "lasher_test.csv"),
        "train": Split("train", 979, None, Access.FULL, "lasher_train.csv"),
    },
    coordinate_origin=0,
    protocols={"official": "lasher-kit", "papers": "lasher-kit"},
    headline=("precision_20", "normalized_precision_20", "success_auc"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=read_sequence,
    read_annotation=read_annotation,
    read_frames=read_frames,
)
