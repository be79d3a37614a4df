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

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.names import FolderLayout, official_attributes
from evalkit.benchmarks.reading import (
    Polarity,
    attributes_of,
    check_first_box,
    make_sequence,
    read_absent,
    read_boxes,
)
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.boxes import Flags
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "VisEvent"
CODES = (
    *("CM", "ROT", "DEF", "FOC", "LI", "OV", "POC", "VC", "SV", "BC", "MB", "ARC", "FM"),
    *("NMO", "IV", "OE", "BOM"),
)
RAW_ONLY = "visevent_train_raw-only.csv"  # official training names without images
FOLDERS = (("vis_imgs", "event_imgs"), ("img", "evimg"))


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``. The two shorter test lists are taken from the package."""
    return _layout(split).names(root, split)


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's annotation without its leading absent frames; images may be missing."""
    folder = _layout(split).folder(root, name)
    path = folder / "groundtruth.txt"
    boxes = read_boxes(path, title=TITLE)
    absent = _absent(root, folder, name, len(boxes))
    if absent.all():
        raise AnnotationError(f"{TITLE}: sequence {name}: the flags say that the target is absent in every frame.")
    dropped = int(np.argmin(absent))
    boxes, absent = boxes[dropped:], absent[dropped:]
    check_first_box(boxes, where=str(path) if dropped == 0 else f"{path}, from row {dropped + 1}")
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=absent,
        frame_count=len(boxes),
        attributes=attributes_of(
            root / "att" / f"{name}.txt", title=TITLE, codes=CODES, packaged=official_attributes(split, name)
        ),
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


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images; it starts where the target is first present."""
    annotation = read_annotation(root, split, name)
    where = _layout(split).folder(root, name) / "groundtruth.txt"
    frames = read_frames(root, split, name)
    if len(frames) <= annotation.dropped_leading:  # let the check below compare whole numbers
        annotation = dataclasses.replace(annotation, dropped_leading=0)
    kept = frames.without_leading(annotation.dropped_leading)
    return make_sequence(annotation, kept, title=TITLE, where=where)


def _absent(root: Path, folder: Path, name: str, rows: int) -> Flags:
    own, kit = folder / "absent_label.txt", root / "absent" / f"{name}.txt"
    if not own.is_file() and kit.is_file():
        return read_absent(kit, title=TITLE, rows=rows, polarity=Polarity.ONE_IS_ABSENT)
    return read_absent(own, title=TITLE, rows=rows, polarity=Polarity.ONE_IS_PRESENT)


def _layout(split: Split) -> FolderLayout:
    part = split.name.partition("-")[0]
    whole = part == split.name
    return FolderLayout(
        title=TITLE,
        bases=(part, ""),
        lists=(f"{part}/{part}list.txt", f"{part}list.txt") if whole else (),
        marker="groundtruth.txt",
        traces=("absent_label.txt", *itertools.chain(*FOLDERS)),
        foreign=("visevent_train.csv",) if part == "test" else ("visevent_test.csv", RAW_ONLY),
        official_only=not whole,
    )


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
    licence=None,
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
    read_sequence=read_sequence,
    read_annotation=read_annotation,
    read_frames=read_frames,
)
