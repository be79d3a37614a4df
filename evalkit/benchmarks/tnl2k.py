"""TNL2K: tracking by natural language; images of any naming, long absences.

Layout: ``<root>/<sequence>/imgs/*`` (jpg or png, sorted as text), ``groundtruth.txt`` (integers, 0-based),
``language.txt``; the sequences lie in the root, in ``test`` or in ``TNL2K_test_subset`` (training: ``train``,
``TNL2K_train_subset``).

Absent flags are not part of the image archives. The evaluation kit has them as ``absent/<sequence>.txt`` (1 = absent);
put that folder into the root and it is read. Without it a frame counts as absent where its box is empty, except the 12
frames of the test set where the kit says otherwise (packaged), so that the flags equal the kit's.
"""

from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout, official_row
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.boxes import Boxes, Flags
from evalkit.sequences import Annotation, Modality

TITLE = "TNL2K"
CODES = ("CM", "ROT", "DEF", "FOC", "IV", "OV", "POC", "VC", "SV", "BC", "MB", "ARC", "LR", "FM", "AS", "TC", "MS")
SURPLUS_FLAG = "advSamp_monitor_bikeyellow"  # the kit has 930 flags for its 929 boxes
# Frames with an empty box that the evaluation kit does not flag as absent, sequence -> 0-based frame.
EMPTY_NOT_ABSENT = {
    "BatMan_video_09_done": 61,
    "BluceLi_video_01-Done": 278,
    "Chase_video_07": 359,
    "ClothChange_video_10": 648,
    "RaceCar_video_11-Done": 117,
    "Wonderwomen_video_11-Done": 78,
    "advSamp_BluceLi_video_08-Done": 196,
    "gamGUN_11-Done": 182,
    "gamGUN_5-Done": 203,
    "hock_2-Done": 1159,
    "ironman_4-Done": 1159,
    "kongLong_video_1-Done": 252,
}
SPLIT_LAYOUTS = {
    "test": FolderLayout(
        title=TITLE,
        bases=("test", "TNL2K_test_subset", ""),
        lists=("test/list.txt", "testing_set.txt"),
        marker="groundtruth.txt",
        traces=("imgs", "language.txt"),
        foreign=("tnl2k_train.csv",),
    ),
    "train": FolderLayout(
        title=TITLE,
        bases=("train", "TNL2K_train_subset", ""),
        lists=("train/list.txt", "training_set.txt", "TNL2K_train_set.txt"),
        marker="groundtruth.txt",
        traces=("imgs", "language.txt"),
        foreign=("tnl2k_test.csv",),
    ),
}


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return SPLIT_LAYOUTS[split.name].names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    return SPLIT_LAYOUTS[split.name].folder(root, name) / "groundtruth.txt"


def annotate(files: Files, split: Split) -> Annotation:
    """Read one sequence's annotation."""
    boxes = files.boxes()
    absent = absent_from_boxes(files.name, boxes)
    flags = files.by_kind("absent") or files.beside("absent.txt")
    if flags is not None:
        absent = files.flags(flags, len(boxes), surplus=1 if files.name == SURPLUS_FLAG else 0)
    files.compare(boxes, absent)
    row = official_row(split, files.name)
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=absent,
        frame_count=len(boxes),
        frame_wh=(int(row["width"]), int(row["height"])) if "width" in row else None,
        description=files.first_line("language.txt"),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images, sorted as text as the authors' and all known readers do."""
    frames = open_folder(SPLIT_LAYOUTS[split.name].folder(root, name) / "imgs", title=TITLE, name=name)
    return ImageFrames(folder=frames.folder, names=tuple(sorted(frames.names)))


def absent_from_boxes(name: str, boxes: Boxes) -> Flags:
    """Absent flags of a sequence without a flag file: where the box is empty, with the kit's 12 exceptions.

    Args:
        name: Sequence.
        boxes: (F, 4) its annotation.

    Returns:
        (F,) bool.
    """
    absent: Flags = (boxes[:, 2] <= 0) | (boxes[:, 3] <= 0)
    exception = EMPTY_NOT_ABSENT.get(name)
    if exception is not None and exception < len(absent):
        absent[exception] = False
    return absent


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
SPEC = BenchmarkSpec(
    name="tnl2k",
    title=TITLE,
    year=2021,
    citation=Citation(
        authors="Xiao Wang, Xiujun Shu, Zhipeng Zhang, Bo Jiang, Yaowei Wang, Yonghong Tian, Feng Wu",
        title="Towards More Flexible and Accurate Object Tracking with Natural Language: Algorithms and Benchmark",
        venue="CVPR",
        year=2021,
    ),
    homepage="https://sites.google.com/view/langtrackbenchmark/",
    license=None,
    modalities=frozenset({Modality.RGB}),
    splits={
        "test": Split("test", 700, 516_038, Access.FULL, "tnl2k_test.csv"),
        "train": Split("train", 1300, None, Access.FULL, "tnl2k_train.csv"),
    },
    coordinate_origin=0,
    protocols={"official": "tnl2k-kit", "papers": "ostrack"},
    headline=("success_auc", "precision_20"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(
        files=("groundtruth.txt",),
        folders=("gt_rect",),
        lists=("testing_set.txt", "list.txt"),
        tables=("absent.txt",),
    ),
)
