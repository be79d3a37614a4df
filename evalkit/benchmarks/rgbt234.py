"""RGBT234: color and thermal videos, each annotated on its own.

Layout: ``<root>/<sequence>/`` with ``visible/*.jpg``, ``infrared/*.jpg``, ``visible.txt``, ``infrared.txt``,
``init.txt``; images are sorted by number and paired by position. The two annotations differ, and its evaluation takes
the better one frame by frame. There are no absent flags.
"""

from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.sequences import Annotation, Modality

TITLE = "RGBT234"
CODES = ("BC", "CM", "DEF", "FM", "HO", "LI", "LR", "MB", "NO", "TC", "PO", "SC")
LAYOUT = FolderLayout(
    title=TITLE, bases=("", "RGBT234"), lists=("list.txt",), marker="visible.txt", traces=("visible", "infrared")
)


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return LAYOUT.names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:  # noqa: ARG001 - signature of all readers
    """File with a sequence's boxes in a full copy."""
    return LAYOUT.folder(root, name) / "visible.txt"


def annotate(files: Files, split: Split) -> Annotation:  # noqa: ARG001 - signature of all readers
    """Read one sequence's two annotations."""
    visible = files.boxes()
    return Annotation(
        name=files.name,
        ground_truth=visible,
        absent=nothing_absent(visible),
        frame_count=len(visible),
        ground_truth_aux=files.second_boxes("infrared.txt", len(visible)),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:  # noqa: ARG001 - signature of all readers
    """List one sequence's images."""
    folder = LAYOUT.folder(root, name)
    return pair_frames(
        open_folder(folder / "visible", title=TITLE, name=name),
        open_folder(folder / "infrared", title=TITLE, name=name, kind="thermal image"),
        Modality.THERMAL,
        title=TITLE,
        name=name,
        same_names=False,
    )


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
SPEC = BenchmarkSpec(
    name="rgbt234",
    title=TITLE,
    year=2019,
    citation=Citation(
        authors="Chenglong Li, Xinyan Liang, Yijuan Lu, Nan Zhao, Jin Tang",
        title="RGB-T object tracking: Benchmark and baseline",
        venue="Pattern Recognition",
        year=2019,
    ),
    homepage="https://sites.google.com/view/ahutracking001/",
    license=None,
    modalities=frozenset({Modality.RGB, Modality.THERMAL}),
    splits={"test": Split("test", 234, 116_650, Access.FULL, "rgbt234_test.csv")},
    coordinate_origin=0,
    protocols={"official": "rgbt-toolkit", "papers": "rgbt-toolkit"},
    headline=("maximum_precision_20", "maximum_success_auc"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(files=("visible.txt",), lists=("sequences_234.txt",), tables=("infrared.txt",)),
)
