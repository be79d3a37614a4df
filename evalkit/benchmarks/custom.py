"""The user's own videos: a folder with one sub-folder per sequence; see ``docs/custom.md``."""

import collections.abc as cabc
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evalkit.benchmarks.custom_layout import FILE_NAME, CustomLayout, SequenceLayout, optional_layout, read_layout
from evalkit.benchmarks.frames import ImageFrames, open_folder, pair_frames
from evalkit.benchmarks.names import MissingSequenceError, nothing_found, require_root, subfolders
from evalkit.benchmarks.reading import check_first_box, make_sequence, read_bytes, refuse_infinite
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.benchmarks.targets import ANNOTATIONS, VideoTarget, holds_targets, targets_in
from evalkit.benchmarks.videos import VIDEO_SUFFIXES, VideoFrames
from evalkit.boxes import Boxes, enclosing_boxes
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.images import list_images
from evalkit.numbers import parse_numbers
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "custom"
Frames = ImageFrames | VideoFrames
IMAGE_FOLDERS = ("img", "imgs", "color", "visible", "vis_imgs", ".")
AUX_FOLDERS: cabc.Mapping[Modality, tuple[str, ...]] = {
    Modality.EVENT: ("event", "event_imgs"),
    Modality.THERMAL: ("infrared",),
    Modality.DEPTH: ("depth",),
}


def custom_benchmark(layout: Path | None = None, *, root: Path | None = None) -> BenchmarkSpec:
    """Describe the user's own videos as a benchmark.

    Args:
        layout: Layout file; it takes the place of an ``evalkit.toml`` in the root.
        root: If given, its sequences are looked through for second modalities; else only the layout file tells.

    Raises:
        DatasetLayoutError: The layout file is wrong, or the root holds no sequence.
    """
    reader = CustomReader(None if layout is None else read_layout(layout))
    return BenchmarkSpec(
        name="custom",
        title=TITLE,
        year=0,
        citation=Citation(authors="", title="The user's own videos", venue="", year=0),
        homepage="",
        license=None,
        modalities=frozenset({Modality.RGB}) | reader.modalities(root),
        splits={"all": Split("all", 0, None, Access.FULL, None)},
        coordinate_origin=0,
        protocols={"official": "ostrack", "papers": "ostrack"},
        headline=("success_auc", "precision_20", "normalized_precision_20"),
        submission=None,
        attributes=(),
        list_sequences=reader.list_sequences,
        read_sequence=reader.read_sequence,
        read_annotation=reader.read_annotation,
        read_frames=reader.read_frames,
    )


@dataclass(frozen=True, slots=True)
class CustomReader:
    """Reads the user's own videos.

    Attributes:
        layout: Content of the layout file given on the command line, None without one.
    """

    layout: CustomLayout | None

    def list_sequences(self, root: Path, split: Split) -> list[str]:  # noqa: ARG002 - signature of all readers
        """All visible sub-folders, videos, and targets of annotations of several; other files are ignored.

        Raises:
            DatasetLayoutError: There is none, or the root is itself a sequence.
        """
        require_root(root, title=TITLE)
        if any((root / name).is_file() for name in (*ANNOTATIONS, "gt/gt.txt")):
            raise DatasetLayoutError(
                f"{TITLE}: {root} is itself a sequence (it holds an annotation). Pass the folder above it, "
                f"{root.parent}, and choose the sequence by its name, {root.name}."
            )
        targets, videos = targets_in(root), _videos(root)
        taken = {_owner(root, target) for target in targets.values()}
        names = [name for name in subfolders(root) if name != "__MACOSX" and name not in taken]
        names = sorted({*names, *videos.keys() - taken, *targets})
        if not names:
            raise nothing_found(root, title=TITLE, expected="a sub-folder or a video for each sequence")
        return names

    def read_annotation(self, root: Path, split: Split, name: str) -> Annotation:  # noqa: ARG002 - as above
        """Read one sequence's annotation; images may be missing.

        Raises:
            AnnotationError: Neither 4 nor 8 columns, text, or a first box that cannot start a tracker.
        """
        if (target := self._target(root, name)) is not None:
            return target.annotation()
        folder, layout = self._place(root, name)
        return _annotation(name, folder, layout, _annotation_path(folder, layout))

    def read_frames(self, root: Path, split: Split, name: str) -> Frames:  # noqa: ARG002 - as above
        """List one sequence's images, paired with the second modality's if there is one; or open its video."""
        target = self._target(root, name)
        return _frames(name, *self._place(root, name)) if target is None else target.open()

    def read_sequence(self, root: Path, split: Split, name: str) -> Sequence:  # noqa: ARG002 - as above
        """Read one sequence, annotation checked against the images."""
        if (target := self._target(root, name)) is not None:
            annotation = target.annotation()
            check_first_box(annotation.ground_truth, where=f"{target.source}, {name}")
            return make_sequence(annotation, target.open(), title=TITLE, where=target.source)
        folder, layout = self._place(root, name)
        where = _annotation_path(folder, layout)
        annotation = _annotation(name, folder, layout, where)
        frames = _frames(name, folder, layout)
        rows, stride = len(annotation.ground_truth), annotation.stride
        expected = -(-len(frames) // stride)
        if stride > 1 and rows not in (1, expected):
            raise AnnotationError(
                f"{TITLE}: {where} has {rows} rows, but {len(frames)} images with a row every {stride} frames need "
                f"{expected} (sequence {name}). Check the images, or the stride in the layout file."
            )
        if rows == 1:  # the first box only: the rows that are not there have no stride
            annotation = replace(annotation, stride=1)
        return make_sequence(annotation, frames, title=TITLE, where=where, accepted_rows=(1, expected))

    def _place(self, root: Path, name: str) -> tuple[Path, SequenceLayout]:
        folder = root / name
        if not folder.is_dir() and name not in _videos(root):
            raise MissingSequenceError(f"{TITLE}: sequence {name} is missing; no folder {folder} and no video.")
        return folder, self._layout(root, name)

    def _target(self, root: Path, name: str) -> VideoTarget | None:
        """A target of an annotation of several; None for a folder or video of its own."""
        folder = root / name
        if os.path.isdir(folder) and not holds_targets(folder):  # noqa: PTH112 - as in _aux_folder
            return None
        return targets_in(root, name).get(name)

    def modalities(self, root: Path | None) -> frozenset[Modality]:
        """Second modalities that the layout file names or, with a root, that its sequences have."""
        if root is None:
            layouts = [] if self.layout is None else [self.layout, *self.layout.sequences.values()]
            return frozenset(modality for layout in layouts for modality in AUX_FOLDERS if layout.aux(modality))
        names = self.list_sequences(root, Split("all", 0, None, Access.FULL, None))
        folders = [_aux_folder(root / name, self._layout(root, name)) for name in names]
        return frozenset(second[0] for second in folders if second is not None)

    def _layout(self, root: Path, name: str) -> SequenceLayout:
        """Usual names, changed by --layout or the root's file, changed by the file in the sequence's folder."""
        shared = optional_layout(root) if self.layout is None else self.layout
        own = optional_layout(root / name)
        return shared.of(name).changed_by(own.of(name))


def read_boxes_or_polygons(path: Path) -> Boxes:
    """Read an annotation with 4 columns (a box) or 8 (four corner points, which become their enclosing box).

    Returns:
        (F, 4), F >= 1.

    Raises:
        AnnotationError: Empty, text, or another number of columns.
    """
    numbers = parse_numbers(read_bytes(path, title=TITLE), where=str(path))
    if len(numbers) == 0:
        raise AnnotationError(
            f"{path}: the file has no rows; expected left,top,width,height of the first frame at least."
        )
    refuse_infinite(numbers, where=str(path))
    if numbers.shape[1] == 8:
        return enclosing_boxes(numbers)
    if numbers.shape[1] != 4:
        raise AnnotationError(
            f"{path}: {numbers.shape[1]} columns; expected 4 (left, top, width, height) or 8 (four corner points)."
        )
    return numbers


def _annotation(name: str, folder: Path, layout: SequenceLayout, path: Path) -> Annotation:
    boxes = read_boxes_or_polygons(path)
    check_first_box(boxes, where=str(path))
    stride = 1 if layout.stride is None else layout.stride
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=np.asarray(np.isnan(boxes).any(axis=1)),
        frame_count=(len(boxes) - 1) * stride + 1,
        ground_truth_aux=_aux_boxes(folder, layout, rows=len(boxes)),
        stride=stride,
    )


def _frames(name: str, folder: Path, layout: SequenceLayout) -> Frames:
    video = _video(folder)
    if video is not None:
        return VideoFrames(video)
    frames = open_folder(_image_folder(folder, layout), title=TITLE, name=name)
    second = _aux_folder(folder, layout)
    if second is None:
        return frames
    modality, aux_folder = second
    aux = open_folder(aux_folder, title=TITLE, name=name, kind=f"{modality} image")
    return pair_frames(frames, aux, modality, title=TITLE, name=name, same_names=False)


def _image_folder(folder: Path, layout: SequenceLayout) -> Path:
    if layout.images is not None:
        return folder / layout.images
    for name in IMAGE_FOLDERS[:-1]:
        if (folder / name).is_dir():
            return folder / name
    if list_images(folder):
        return folder
    raise DatasetLayoutError(
        f"{TITLE}: no images in {folder}. Expected a sub-folder {', '.join(IMAGE_FOLDERS[:-1])}, or images in the "
        f"folder itself; found {_content(folder)}. Name other folders with `images` in {FILE_NAME}, see docs/custom.md."
    )


def _aux_folder(folder: Path, layout: SequenceLayout) -> tuple[Modality, Path] | None:
    named = [(modality, folder / path) for modality in AUX_FOLDERS if (path := layout.aux(modality)) is not None]
    if named:
        return named[0]
    for modality, names in AUX_FOLDERS.items():
        for name in names:
            if os.path.isdir(f"{folder}/{name}"):  # noqa: PTH112 - asked 100,000 times, a Path is slow
                return modality, folder / name
    return None


def _videos(root: Path) -> dict[str, Path]:
    """Videos of a folder by their names without suffix.

    Raises:
        DatasetLayoutError: Two have one name.
    """
    videos: dict[str, Path] = {}
    with os.scandir(root) as entries:
        paths = [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    for path in paths:
        if path.suffix.lower() in VIDEO_SUFFIXES:
            if path.stem in videos:
                raise DatasetLayoutError(f"{TITLE}: {videos[path.stem]} and {path} would be one sequence. Rename one.")
            videos[path.stem] = path
    return videos


def _video(folder: Path) -> Path | None:
    """The video of a sequence, if it has one: beside its folder, or alone in a folder without images."""
    if folder.is_dir() and (list_images(folder) or any((folder / name).is_dir() for name in IMAGE_FOLDERS[:-1])):
        return None
    beside = _videos(folder.parent).get(folder.name)
    inside = list(_videos(folder).values()) if folder.is_dir() else []
    return beside or (inside[0] if len(inside) == 1 else None)


def _owner(root: Path, target: VideoTarget) -> str:
    """Name of the folder or video that a target's file annotates, which is then no sequence itself."""
    frames = (target.frames[0] if isinstance(target.frames, tuple) else target.frames).resolve()
    if not frames.is_relative_to(root.resolve()):
        return ""
    top, *below = frames.relative_to(root.resolve()).parts or ("",)
    return top if below or frames.suffix.lower() not in VIDEO_SUFFIXES else Path(top).stem


def _annotation_path(folder: Path, layout: SequenceLayout) -> Path:
    if layout.annotation is not None:
        return folder / layout.annotation
    if not folder.is_dir():
        beside = folder.parent / f"{folder.name}.txt"
        if beside.is_file():
            return beside
        raise DatasetLayoutError(
            f"{TITLE}: no annotation for the video {folder.name}. Expected {beside} or {folder / ANNOTATIONS[0]} with "
            "left,top,width,height in its first row at least."
        )
    for name in ANNOTATIONS:
        if (folder / name).is_file():
            return folder / name
    raise DatasetLayoutError(
        f"{TITLE}: no annotation in {folder}. Expected {' or '.join(ANNOTATIONS)}; found {_content(folder)}. "
        f"Name another file with `annotation` in {FILE_NAME}, see docs/custom.md."
    )


def _aux_boxes(folder: Path, layout: SequenceLayout, *, rows: int) -> Boxes | None:
    if layout.annotation_aux is None:
        return None
    path = folder / layout.annotation_aux
    boxes = read_boxes_or_polygons(path)
    if len(boxes) != rows:
        raise AnnotationError(f"{TITLE}: {path} has {len(boxes)} rows, but the annotation beside it has {rows}.")
    return boxes


def _content(folder: Path) -> str:
    with os.scandir(folder) as entries:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in entries)
    return (", ".join(names[:6]) + (", ..." if len(names) > 6 else "")) or "nothing"
