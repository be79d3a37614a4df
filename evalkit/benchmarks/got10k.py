"""GOT-10k: generic objects; the test split's annotation is kept on a server.

Layout: ``<root>/{train,val,test}/list.txt`` and ``<split>/<sequence>/`` with ``00000001.jpg``, ``groundtruth.txt``
(4 decimals; test: the first row only), ``meta_info.ini``; train and val also ``absence.label`` (1 = absent),
``cover.label`` (0..8, visible eighths) and ``cut_by_image.label``. A truth kept apart (an annotations-only test folder
with all rows, perhaps with the same label files as val) is read as it is.
"""

import ast
from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import FolderLayout, official_row
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.sequences import Annotation, Modality

TITLE = "GOT-10k"
LABEL_FILES = ("absence.label", "cover.label")
META = "meta_info.ini"


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return _layout(split).names(root, split)


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    return _layout(split).folder(root, name) / "groundtruth.txt"


def annotate(files: Files, split: Split) -> Annotation:
    """Read one sequence's annotation; the labels are required where they are public."""
    boxes = files.boxes()
    if split.access is Access.FULL:
        files.require(*LABEL_FILES)
    absence, cover = map(files.beside, LABEL_FILES)
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=nothing_absent(boxes) if absence is None else files.flags(absence, len(boxes)),
        frame_count=_frame_count(files, split, len(boxes)),
        frame_wh=_frame_wh(files),
        visible_eighths=None if cover is None else files.integers(cover, len(boxes), highest=8),
        object_class=files.pairs(META, ": ").get("object_class"),
    )


def _frame_count(files: Files, split: Split, rows: int) -> int:
    """Frames of the video: rows, or for a lone first row the images, or without images the official table."""
    if split.access is Access.FULL or rows > 1:
        return rows
    return len(files.images()) or int(official_row(split, files.name).get("frames", rows))


def _frame_wh(files: Files) -> tuple[int, int] | None:
    text = files.pairs(META, ": ").get("resolution")
    if text is None:
        return files.first_image_wh()
    try:
        width, height = ast.literal_eval(text)
        return int(width), int(height)
    except (ValueError, TypeError, SyntaxError):
        raise AnnotationError(
            f"{TITLE}: {files.location(files.box_file)}: {META} beside it: resolution is {text!r}; expected "
            "(width, height)."
        ) from None


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images."""
    return refuse_gaps(open_folder(_layout(split).folder(root, name), title=TITLE, name=name), title=TITLE, name=name)


def _layout(split: Split) -> FolderLayout:
    if split.name not in ("test", "val", "train"):
        raise DatasetLayoutError(f"{TITLE}: no split {split.name!r}.")
    return FolderLayout(
        title=TITLE,
        bases=(split.name,),
        lists=(f"{split.name}/list.txt",),
        marker="groundtruth.txt",
        traces=("00000001.jpg", META),
    )


FULL = FullCopy(TITLE, box_file, annotate, read_frames, states_size=True)
SPEC = BenchmarkSpec(
    name="got10k",
    title=TITLE,
    year=2019,
    citation=Citation(
        authors="Lianghua Huang, Xin Zhao, Kaiqi Huang",
        title="GOT-10k: A Large High-Diversity Benchmark for Generic Object Tracking in the Wild",
        venue="IEEE TPAMI",
        year=2019,
    ),
    homepage="http://got-10k.aitestunion.com/",
    license="CC BY-NC-SA 4.0",
    modalities=frozenset({Modality.RGB}),
    splits={
        "test": Split("test", 180, 22_834, Access.FIRST_FRAME_ONLY, "got10k_test.csv"),
        "val": Split("val", 180, None, Access.FULL, "got10k_val.csv"),
        "train": Split("train", 9335, None, Access.FULL, None),
    },
    coordinate_origin=0,
    protocols={"official": "got10k-toolkit", "papers": "got10k-toolkit"},
    headline=("average_overlap", "success_rate_50", "success_rate_75"),
    submission="got10k",
    attributes=(),
    list_sequences=list_sequences,
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(files=("groundtruth.txt",), lists=("list.txt",), tables=LABEL_FILES),
)
