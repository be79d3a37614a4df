"""VisEvent: color and event camera (DAVIS346, 346 x 260 pixels).

Layout: ``<root>/{train,test}/<sequence>/`` with ``vis_imgs/frame0000.bmp``, ``event_imgs/frame0000.bmp`` (same names),
``groundtruth.txt``, ``absent_label.txt`` (1 = target PRESENT, the opposite of the evaluation kit's ``absent`` folder);
``testlist.txt``, ``trainlist.txt`` in the split's folder. A rearranged copy with ``img`` and ``evimg`` and all
sequences under one root is read too.

Frames before the target appears are left out, as the published trackers do; ``Annotation.dropped_leading`` counts them.

Three test lists are in use: 320 (the official one, split ``test``), 172 (sequences with raw events) and 218 (one
project's validation list); results on them differ, so each is a split of its own. Of the 500 training sequences only
294 have images; these are the split ``train``.
"""

import itertools
from pathlib import Path

import numpy as np

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout
from evalkit.benchmarks.reading import check_first_box
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.sequences import Annotation, Modality

TITLE = "VisEvent"
CODES = (
    *("CM", "ROT", "DEF", "FOC", "LI", "OV", "POC", "VC", "SV", "BC", "MB", "ARC", "FM"),
    *("NMO", "IV", "OE", "BOM"),
)
RAW_ONLY = "visevent_train_raw-only.csv"  # official training names without images
PRESENT = "absent_label.txt"  # 1 = present
FOLDERS = (("vis_imgs", "event_imgs"), ("img", "evimg"))


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``. The two shorter test lists are taken from the package."""
    return _layout(split).names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    return _layout(split).folder(root, name) / "groundtruth.txt"


def annotate(files: Files, split: Split) -> Annotation:  # noqa: ARG001 - signature of all readers
    """Read one sequence's annotation without its leading absent frames."""
    boxes = files.boxes(check_first=False)
    kit = files.by_kind("absent")
    if kit is not None and files.beside(PRESENT) is None:
        absent = files.flags(kit, len(boxes))
    else:
        (present,) = files.require(PRESENT, instead="absent/<sequence>.txt")
        absent = ~files.flags(present, len(boxes))
    files.compare(boxes, absent)
    if absent.all():
        raise AnnotationError(
            f"{TITLE}: sequence {files.name}: the flags say that the target is absent in every frame."
        )
    dropped = int(np.argmin(absent))
    boxes, absent = boxes[dropped:], absent[dropped:]
    where = files.location(files.box_file)
    check_first_box(boxes, where=where if dropped == 0 else f"{where}, from row {dropped + 1}")
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=absent,
        frame_count=len(boxes),
        dropped_leading=dropped,
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images, leading absent frames included."""
    folder = _layout(split).folder(root, name)
    for rgb, events in FOLDERS:
        if (folder / rgb).is_dir():
            return pair_frames(
                open_folder(folder / rgb, title=TITLE, name=name),
                open_folder(folder / events, title=TITLE, name=name, kind="event image"),
                Modality.EVENT,
                title=TITLE,
                name=name,
                same_names=True,
            )
    raise DatasetLayoutError(
        f"{TITLE}: sequence {name}: neither {FOLDERS[0][0]} nor {FOLDERS[1][0]} in {folder}. "
        "Check that the archive is unpacked completely."
    )


def _layout(split: Split) -> FolderLayout:
    part = split.name.partition("-")[0]
    whole = part == split.name
    return FolderLayout(
        title=TITLE,
        bases=(part, ""),
        lists=(f"{part}/{part}list.txt", f"{part}list.txt") if whole else (),
        marker="groundtruth.txt",
        traces=(PRESENT, *itertools.chain(*FOLDERS)),
        foreign=("visevent_train.csv",) if part == "test" else ("visevent_test.csv", RAW_ONLY),
        official_only=not whole,
    )


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
SPEC = BenchmarkSpec(
    name="visevent",
    title=TITLE,
    year=2023,
    citation=Citation(
        authors="Xiao Wang, Jianing Li, Lin Zhu, Zhipeng Zhang, Zhe Chen, Xin Li, Yaowei Wang, Yonghong Tian, Feng Wu",
        title="VisEvent: Reliable Object Tracking via Collaboration of Frame and Event Flows",
        venue="IEEE Transactions on Cybernetics",
        year=2023,
    ),
    homepage="https://sites.google.com/view/viseventtrack/",
    license=None,
    modalities=frozenset({Modality.RGB, Modality.EVENT}),
    splits={
        "test": Split("test", 320, 157_395, Access.FULL, "visevent_test.csv"),
        "test-172": Split("test-172", 172, 106_836, Access.FULL, "visevent_test-172.csv"),
        "test-218": Split("test-218", 218, 123_756, Access.FULL, "visevent_test-218.csv"),
        "train": Split("train", 294, None, Access.FULL, "visevent_train.csv"),
    },
    coordinate_origin=0,
    protocols={"official": "visevent-kit", "papers": "visevent-kit"},
    headline=("precision_20", "success_auc"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(
        files=("groundtruth.txt",), folders=("gt_rect",), lists=("testlist.txt", "test_320.txt"), tables=(PRESENT,)
    ),
)
