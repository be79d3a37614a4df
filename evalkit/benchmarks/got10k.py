"""GOT-10k: generic objects; the test split's annotation is kept on a server.

Layout: ``<root>/{train,val,test}/list.txt`` and ``<split>/<sequence>/`` with ``00000001.jpg``, ``groundtruth.txt``
(4 decimals; test: the first row only), ``meta_info.ini``; train and val also ``absence.label`` (1 = absent),
``cover.label`` (0..8, visible eighths) and ``cut_by_image.label``. A truth kept apart (an annotations-only test folder
with all rows, perhaps with the same label files as val) is read as it is.
"""

import ast
import dataclasses
from pathlib import Path

from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.names import FolderLayout, official_row
from evalkit.benchmarks.reading import (
    Polarity,
    check_first_box,
    make_sequence,
    nothing_absent,
    parse_integers,
    read_absent,
    read_boxes,
    read_bytes,
)
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.boxes import Boxes, Flags
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.images import image_size, list_images
from evalkit.sequences import Annotation, IntArray, Modality, Sequence

TITLE = "GOT-10k"


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; see ``docs/data-layouts.md``."""
    return _layout(split).names(root, split)


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's annotation; images may be missing."""
    folder = _layout(split).folder(root, name)
    path = folder / "groundtruth.txt"
    boxes = read_boxes(path, title=TITLE)
    check_first_box(boxes, where=str(path))
    labels_required = split.access is Access.FULL
    meta = read_meta(folder / "meta_info.ini")
    images = list_images(folder)
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=_absent(folder, boxes, required=labels_required),
        frame_count=_frame_count(split, name, boxes, len(images)),
        frame_wh=_frame_wh(folder, meta, images),
        visible_eighths=_cover(folder, len(boxes), required=labels_required),
        object_class=meta.get("object_class"),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images."""
    return refuse_gaps(open_folder(_layout(split).folder(root, name), title=TITLE, name=name), title=TITLE, name=name)


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images."""
    annotation = read_annotation(root, split, name)
    where = _layout(split).folder(root, name) / "groundtruth.txt"
    first_only = (1,) if split.access is Access.FIRST_FRAME_ONLY else ()
    frames = read_frames(root, split, name)
    sequence = make_sequence(annotation, frames, title=TITLE, where=where, accepted_rows=first_only)
    if annotation.frame_wh is not None:  # scoring clips boxes to the size that the benchmark states
        stated = dataclasses.replace(sequence.annotation, frame_wh=annotation.frame_wh)
        return Sequence(annotation=stated, frames=frames)
    return sequence


def read_meta(path: Path) -> dict[str, str]:
    """Read ``meta_info.ini``: lines ``key: value`` after a title line; empty without the file."""
    if not path.is_file():
        return {}
    pairs = [line.split(": ", 1) for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def _frame_wh(folder: Path, meta: dict[str, str], images: tuple[str, ...]) -> tuple[int, int] | None:
    text = meta.get("resolution")
    if text is None:
        return image_size(folder / images[0]) if images else None
    try:
        width, height = ast.literal_eval(text)
        return int(width), int(height)
    except (ValueError, TypeError, SyntaxError):
        raise AnnotationError(
            f"{TITLE}: {folder / 'meta_info.ini'}: resolution is {text!r}; expected (width, height)."
        ) from None


def _frame_count(split: Split, name: str, boxes: Boxes, images: int) -> int:
    """Frames of the video: rows, or for a lone first row the images, or without images the official table."""
    if split.access is Access.FULL or len(boxes) > 1:
        return len(boxes)
    return images or int(official_row(split, name).get("frames", len(boxes)))


def _absent(folder: Path, boxes: Boxes, *, required: bool) -> Flags:
    path = folder / "absence.label"
    if not required and not path.is_file():
        return nothing_absent(boxes)
    return read_absent(path, title=TITLE, rows=len(boxes), polarity=Polarity.ONE_IS_ABSENT)


def _cover(folder: Path, rows: int, *, required: bool) -> IntArray | None:
    path = folder / "cover.label"
    if not required and not path.is_file():
        return None
    cover = parse_integers(read_bytes(path, title=TITLE), where=str(path), highest=8)
    if len(cover) != rows:
        raise AnnotationError(f"{path}: {len(cover)} values, but the annotation has {rows} rows.")
    return cover


def _layout(split: Split) -> FolderLayout:
    if split.name not in ("test", "val", "train"):
        raise DatasetLayoutError(f"{TITLE}: no split {split.name!r}.")
    return FolderLayout(
        title=TITLE,
        bases=(split.name,),
        lists=(f"{split.name}/list.txt",),
        marker="groundtruth.txt",
        traces=("00000001.jpg", "meta_info.ini"),
    )


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
    licence="CC BY-NC-SA 4.0",
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
    read_sequence=read_sequence,
    read_annotation=read_annotation,
    read_frames=read_frames,
)
