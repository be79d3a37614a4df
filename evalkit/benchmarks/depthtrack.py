"""DepthTrack: color and depth, long-term.

Layout: ``<root>/<sequence>/`` (also ``<root>/test/<sequence>/``, ``<root>/train/<sequence>/``) with
``color/00000001.jpg``, ``depth/00000001.png`` (16 bit, millimeters), ``groundtruth.txt`` with a row of NaN where the
target is absent; older copies have ``x,y,-1,-1`` or ``x,y,0,0`` there, which become NaN as the authors say. A
``list.txt`` of names and a VOT-style ``sequence`` file may be present. The benchmark has no absent flags: absence is
the NaN in its boxes.

The 152 training sequences are the split ``train``; ``train-146`` and ``val-6`` are their division by the ViPT project.
"""

from pathlib import Path

import numpy as np

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames, refuse_gaps
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout, official_row
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.boxes import Boxes
from evalkit.sequences import Annotation, Modality

TITLE = "DepthTrack"
OFFICIAL_TEST_WH = (640, 360)  # all 50 test sequences


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return _layout(split).names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    return _layout(split).folder(root, name) / "groundtruth.txt"


def annotate(files: Files, split: Split) -> Annotation:
    """Read one sequence's annotation.

    The image size is that of the VOT ``sequence`` file, else of the first image, else the official one.
    """
    boxes = absent_as_nan(files.boxes())
    row = official_row(split, files.name)
    stated = files.pairs("sequence", "=")
    if stated.get("width", "").isdecimal() and stated.get("height", "").isdecimal():
        frame_wh: tuple[int, int] | None = (int(stated["width"]), int(stated["height"]))
    else:
        frame_wh = files.first_image_wh("color") or (OFFICIAL_TEST_WH if split.name == "test" and row else None)
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=nothing_absent(boxes),
        frame_count=len(boxes),
        frame_wh=frame_wh,
        object_class=row.get("object_class", files.name.partition("_")[0]),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images."""
    folder = _layout(split).folder(root, name)
    frames = pair_frames(
        open_folder(folder / "color", title=TITLE, name=name),
        open_folder(folder / "depth", title=TITLE, name=name, kind="depth image"),
        Modality.DEPTH,
        title=TITLE,
        name=name,
        same_names=True,
    )
    return refuse_gaps(frames, title=TITLE, name=name)


def absent_as_nan(boxes: Boxes) -> Boxes:
    """Rows of older copies for an absent target, size -1,-1 or 0,0, as NaN.

    Args:
        boxes: (F, 4).

    Returns:
        (F, 4), a copy.

    Source: the authors' remark on older downloads.

    Example:
        >>> absent_as_nan(np.array([[1.0, 2, 3, 4], [5, 6, -1, -1]]))
        array([[ 1.,  2.,  3.,  4.],
               [nan, nan, nan, nan]])
    """
    sizes = boxes[:, 2:]
    old_form = (sizes == -1).all(axis=1) | (sizes == 0).all(axis=1)
    return np.where(old_form[:, np.newaxis], np.nan, boxes)


def _layout(split: Split) -> FolderLayout:
    part = "test" if split.name == "test" else "train"
    lists = {"test": ("test/list.txt", "list.txt"), "train": ("train/list.txt", "list.txt")}
    return FolderLayout(
        title=TITLE,
        bases=(part, ""),
        lists=lists.get(split.name, ()),
        marker="groundtruth.txt",
        traces=("color", "depth", "sequence"),
        foreign=("depthtrack_train.csv",) if part == "test" else ("depthtrack_test.csv",),
        official_only=split.name not in lists,
    )


FULL = FullCopy(TITLE, box_file, annotate, read_frames)
SPEC = BenchmarkSpec(
    name="depthtrack",
    title=TITLE,
    year=2021,
    citation=Citation(
        authors="Song Yan, Jinyu Yang, Jani Käpylä, Feng Zheng, Aleš Leonardis, Joni-Kristian Kämäräinen",
        title="DepthTrack: Unveiling the Power of RGBD Tracking",
        venue="ICCV",
        year=2021,
    ),
    homepage="https://github.com/xiaozai/DeT",
    license=None,
    modalities=frozenset({Modality.RGB, Modality.DEPTH}),
    splits={
        "test": Split("test", 50, 76_373, Access.FULL, "depthtrack_test.csv"),
        "train": Split("train", 152, None, Access.FULL, "depthtrack_train.csv"),
        "train-146": Split("train-146", 146, None, Access.FULL, "depthtrack_train-146.csv"),
        "val-6": Split("val-6", 6, None, Access.FULL, "depthtrack_val-6.csv"),
    },
    coordinate_origin=0,
    protocols={"official": "vot-longterm-0.9", "papers": "vot-longterm-0.5"},
    headline=("longterm_precision", "longterm_recall", "longterm_f"),
    submission="depthtrack",
    attributes=(),
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(files=("groundtruth.txt",), lists=("list.txt", "test_50.txt")),
)
