"""RGBT234: color and thermal videos, each annotated on its own.

Layout: ``<root>/<sequence>/`` with ``visible/*.jpg``, ``infrared/*.jpg``, ``visible.txt``, ``infrared.txt``,
``init.txt``; images are sorted by number and paired by position. The two annotations differ, and its evaluation takes
the better one frame by frame. There are no absent flags.
"""

from pathlib import Path

from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.names import FolderLayout, official_attributes
from evalkit.benchmarks.reading import check_first_box, make_sequence, nothing_absent, read_boxes
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import AnnotationError
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "RGBT234"
LAYOUT = FolderLayout(
    title=TITLE, bases=("", "RGBT234"), lists=("list.txt",), marker="visible.txt", traces=("visible", "infrared")
)


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return LAYOUT.names(root, split)


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's two annotations; images may be missing."""
    folder = LAYOUT.folder(root, name)
    visible, infrared = (read_boxes(folder / f"{kind}.txt", title=TITLE) for kind in ("visible", "infrared"))
    if len(visible) != len(infrared):
        raise AnnotationError(
            f"{TITLE}: {folder / 'infrared.txt'} has {len(infrared)} rows, visible.txt beside it has {len(visible)}."
        )
    check_first_box(visible, where=str(folder / "visible.txt"))
    return Annotation(
        name=name,
        ground_truth=visible,
        absent=nothing_absent(visible),
        frame_count=len(visible),
        ground_truth_aux=infrared,
        attributes=official_attributes(split, name),
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


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images."""
    annotation = read_annotation(root, split, name)
    where = LAYOUT.folder(root, name) / "visible.txt"
    return make_sequence(annotation, read_frames(root, split, name), title=TITLE, where=where)


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
    licence=None,
    modalities=frozenset({Modality.RGB, Modality.THERMAL}),
    splits={"test": Split("test", 234, 116_650, Access.FULL, "rgbt234_test.csv")},
    coordinate_origin=0,
    protocols={"official": "rgbt-toolkit", "papers": "rgbt-toolkit"},
    headline=("maximum_precision_20", "maximum_success_auc"),
    submission=None,
    attributes=("BC", "CM", "DEF", "FM", "HO", "LI", "LR", "MB", "NO", "TC", "PO", "SC"),
    list_sequences=list_sequences,
    read_sequence=read_sequence,
    read_annotation=read_annotation,
)
