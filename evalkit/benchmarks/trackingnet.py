"""TrackingNet: videos from the web; TEST is scored by a server, twelve training chunks.

Layout: ``<root>/TEST/anno/<sequence>.txt`` (the first box only), ``<root>/TEST/frames/<sequence>/0.jpg``, ``1.jpg``,
... without zero padding; ``TRAIN_0`` to ``TRAIN_11`` alike with all boxes. A truth kept apart (TEST/anno with all rows)
is read as it is. The benchmark has no absent flags. A training copy may hold some of the chunks only.
"""

from pathlib import Path

from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.names import (
    MissingSequenceError,
    nothing_found,
    official_rows,
    repeated,
    require_root,
    text_files,
)
from evalkit.benchmarks.reading import check_first_box, make_sequence, nothing_absent, read_boxes
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import DatasetLayoutError
from evalkit.images import list_images
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "TrackingNet"
CHUNKS = {"test": ("TEST",), "train": tuple(f"TRAIN_{number}" for number in range(12))}


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy: the official list, else all annotation files; training: chunk by chunk.

    Raises:
        DatasetLayoutError: No annotation at all, or a name in two chunks.
    """
    require_root(root, title=TITLE)
    present = [name for chunk in CHUNKS[split.name] for name in text_files(root / chunk / "anno")]
    if not present:
        places = CHUNKS[split.name]
        raise nothing_found(root, title=TITLE, expected=f"{places[0]}/anno/<sequence>.txt (split {split.name})")
    twice = repeated(present)
    if twice:
        raise DatasetLayoutError(f"{TITLE}: sequences in two chunks: {', '.join(twice[:5])}; names must be unique.")
    official = official_rows(split.names_file)
    return list(official) if any(name in official for name in present) else present


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's annotation; images may be missing."""
    chunk = _chunk(root, split, name)
    path = chunk / "anno" / f"{name}.txt"
    boxes = read_boxes(path, title=TITLE)
    check_first_box(boxes, where=str(path))
    first_only = split.access is Access.FIRST_FRAME_ONLY and len(boxes) == 1
    folder = chunk / "frames" / name
    images = len(list_images(folder)) if first_only and folder.is_dir() else 0
    return Annotation(name=name, ground_truth=boxes, absent=nothing_absent(boxes), frame_count=max(images, len(boxes)))


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images, sorted by number."""
    chunk = _chunk(root, split, name)
    folder = chunk / "frames" / name
    packed = chunk / "zips" / f"{name}.zip"
    if not folder.is_dir() and packed.is_file():
        raise DatasetLayoutError(f"{TITLE}: sequence {name} is still packed; unpack {packed} into {folder}.")
    return refuse_gaps(open_folder(folder, title=TITLE, name=name), title=TITLE, name=name)


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images."""
    annotation = read_annotation(root, split, name)
    where = _chunk(root, split, name) / "anno" / f"{name}.txt"
    first_only = (1,) if split.access is Access.FIRST_FRAME_ONLY else ()
    frames = read_frames(root, split, name)
    return make_sequence(annotation, frames, title=TITLE, where=where, accepted_rows=first_only)


def _chunk(root: Path, split: Split, name: str) -> Path:
    for chunk in CHUNKS[split.name]:
        if (root / chunk / "anno" / f"{name}.txt").is_file():
            return root / chunk
    places = CHUNKS[split.name]
    where = places[0] if len(places) == 1 else f"{places[0]} ... {places[-1]}"
    raise MissingSequenceError(
        f"{TITLE}: sequence {name} is missing; no file {root}/{where}/anno/{name}.txt. Unpack the annotations."
    )


SPEC = BenchmarkSpec(
    name="trackingnet",
    title=TITLE,
    year=2018,
    citation=Citation(
        authors="Matthias Mueller, Adel Bibi, Silvio Giancola, Salman Alsubaihi, Bernard Ghanem",
        title="TrackingNet: A Large-Scale Dataset and Benchmark for Object Tracking in the Wild",
        venue="ECCV",
        year=2018,
    ),
    homepage="https://tracking-net.org/",
    licence=None,
    modalities=frozenset({Modality.RGB}),
    splits={
        "test": Split("test", 511, None, Access.FIRST_FRAME_ONLY, "trackingnet_test.csv"),
        "train": Split("train", 30_132, None, Access.FULL, None),
    },
    coordinate_origin=0,
    protocols={"official": "trackingnet-devkit", "papers": "trackingnet-devkit"},
    headline=("success_auc", "normalized_precision_auc", "precision_auc"),
    submission="trackingnet",
    attributes=(),
    list_sequences=list_sequences,
    read_sequence=read_sequence,
    read_annotation=read_annotation,
    read_frames=read_frames,
)
