"""TrackingNet: videos from the web; TEST is scored by a server, twelve training chunks.

Layout: ``<root>/TEST/anno/<sequence>.txt`` (the first box only), ``<root>/TEST/frames/<sequence>/0.jpg``, ``1.jpg``,
... without zero padding; ``TRAIN_0`` to ``TRAIN_11`` alike with all boxes. A truth kept apart (TEST/anno with all rows)
is read as it is. The benchmark has no absent flags. A training copy may hold some of the chunks only.
"""

from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import (
    MissingSequenceError,
    nothing_found,
    official_rows,
    repeated,
    require_root,
    text_files,
)
from evalkit.benchmarks.reading import nothing_absent
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.errors import DatasetLayoutError
from evalkit.sequences import Annotation, Modality

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


def box_file(root: Path, split: Split, name: str) -> Path:
    """File with a sequence's boxes in a full copy."""
    return _chunk(root, split, name) / "anno" / f"{name}.txt"


def annotate(files: Files, split: Split) -> Annotation:
    """Read one sequence's annotation; where the first box alone is known, the images say how many frames there are."""
    boxes = files.boxes()
    first_only = split.access is Access.FIRST_FRAME_ONLY and len(boxes) == 1
    images = len(files.images(f"../frames/{files.name}")) if first_only else 0
    return Annotation(
        name=files.name, ground_truth=boxes, absent=nothing_absent(boxes), frame_count=max(images, len(boxes))
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:
    """List one sequence's images, sorted by number."""
    chunk = _chunk(root, split, name)
    folder = chunk / "frames" / name
    packed = chunk / "zips" / f"{name}.zip"
    if not folder.is_dir() and packed.is_file():
        raise DatasetLayoutError(f"{TITLE}: sequence {name} is still packed; unpack {packed} into {folder}.")
    return refuse_gaps(open_folder(folder, title=TITLE, name=name), title=TITLE, name=name)


def _chunk(root: Path, split: Split, name: str) -> Path:
    for chunk in CHUNKS[split.name]:
        if (root / chunk / "anno" / f"{name}.txt").is_file():
            return root / chunk
    places = CHUNKS[split.name]
    where = places[0] if len(places) == 1 else f"{places[0]} ... {places[-1]}"
    raise MissingSequenceError(
        f"{TITLE}: sequence {name} is missing; no file {root}/{where}/anno/{name}.txt. Unpack the annotations."
    )


FULL = FullCopy(TITLE, box_file, annotate, read_frames)
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
    license=None,
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
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(folders=("anno",)),
)
