"""LasHeR: aligned color and thermal videos.

Layout: ``<root>/{trainingset,testingset}/<sequence>/`` (also ``train``, ``test``, or all in the root) with
``visible/*.jpg``, ``infrared/*.jpg``, ``visible.txt``, ``infrared.txt``, ``init.txt``. File names differ between
sequences and releases (``v000.jpg``, ``000000.jpg``, ``0001.jpg``): images are sorted by the last number in the name
and paired by position. Some projects have ``groundtruth.txt`` instead of ``visible.txt``. There are no absent flags.
"""

import dataclasses
from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.images import last_number
from evalkit.sequences import Annotation, Modality

TITLE = "LasHeR"
CODES = (
    *("NO", "PO", "TO", "HO", "MB", "LI", "HI", "AIV", "LR", "DEF", "BC", "SA"),
    *("CM", "TC", "FL", "OV", "FM", "SV", "ARC"),
)
SPLIT_LAYOUTS = {
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
    return SPLIT_LAYOUTS[split.name].names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    folder = SPLIT_LAYOUTS[split.name].folder(root, name)
    visible, renamed = folder / "visible.txt", folder / "groundtruth.txt"
    return renamed if renamed.is_file() and not visible.is_file() else visible


def annotate(files: Files, split: Split) -> Annotation:  # noqa: ARG001 - signature of all readers
    """Read one sequence's annotation; the thermal boxes are optional."""
    boxes = files.boxes()
    has_thermal = files.beside("infrared.txt") is not None
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=nothing_absent(boxes),
        frame_count=len(boxes),
        ground_truth_aux=files.second_boxes("infrared.txt", len(boxes)) if has_thermal else None,
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images."""
    folder = SPLIT_LAYOUTS[split.name].folder(root, name)
    return pair_frames(
        _by_last_number(open_folder(folder / "visible", title=TITLE, name=name)),
        _by_last_number(open_folder(folder / "infrared", title=TITLE, name=name, kind="thermal image")),
        Modality.THERMAL,
        title=TITLE,
        name=name,
        same_names=False,
    )


def _by_last_number(frames: ImageFrames) -> ImageFrames:
    """Sort by the last number in the name; prefixes change within some sequences. Natural order decides ties."""
    if any(last_number(name) is None for name in frames.names):
        return frames
    ordered = sorted(frames.names, key=lambda name: last_number(name) or 0)  # stable
    return dataclasses.replace(frames, names=tuple(ordered))


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
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
    license=None,
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
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(
        files=("visible.txt", "groundtruth.txt"),
        folders=("gt", "annos"),
        lists=("testingsetList.txt", "testing_245.txt", "list.txt"),
        tables=("infrared.txt",),
    ),
)
