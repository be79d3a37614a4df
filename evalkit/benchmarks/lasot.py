"""LaSOT: long videos, 70 classes, flags for full occlusion and out of view.

Layout: ``<root>/<class>/<class>-<n>/`` with ``img/00000001.jpg``, ``groundtruth.txt`` (integers, 1-based),
``full_occlusion.txt`` and ``out_of_view.txt`` (one line each), ``nlp.txt``; ``testing_set.txt`` and
``training_set.txt`` in the root. Copies without the class level are read too. The official evaluation kit has one
combined flag per frame (1 = absent); a file ``absent.txt`` in a sequence's folder stands for the two flag files.
"""

from pathlib import Path

from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.names import (
    MissingSequenceError,
    nothing_found,
    official_attributes,
    official_rows,
    read_name_list,
    require_root,
    subfolders,
)
from evalkit.benchmarks.reading import (
    Polarity,
    attributes_of,
    check_first_box,
    make_sequence,
    read_absent,
    read_boxes,
    read_text_line,
)
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.boxes import Flags
from evalkit.sequences import Annotation, Modality, Sequence

TITLE = "LaSOT"
CODES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
TEST_NAMES = "lasot_test.csv"
LISTS = {"test": "testing_set.txt", "train": "training_set.txt"}


def list_sequences(root: Path, split: Split) -> list[str]:
    """Names of a copy; without a list file, training is every sequence that is not in the official test list."""
    require_root(root, title=TITLE)
    path = root / LISTS[split.name]
    if path.is_file():
        return read_name_list(path, title=TITLE)
    official = official_rows(TEST_NAMES)
    present = _present(root)
    if split.name == "test" and any(name in official for name in present):
        return list(official)
    own = [name for name in present if name not in official]
    if not own:
        raise nothing_found(
            root, title=TITLE, expected=f"{path.name}, or <class>/<class>-<n>/groundtruth.txt (split {split.name})"
        )
    return own


def read_annotation(root: Path, split: Split, name: str) -> Annotation:
    """Read one sequence's annotation; images may be missing."""
    folder = _folder(root, name)
    path = folder / "groundtruth.txt"
    boxes = read_boxes(path, title=TITLE)
    check_first_box(boxes, where=str(path))
    return Annotation(
        name=name,
        ground_truth=boxes,
        absent=_absent(folder, len(boxes)),
        frame_count=len(boxes),
        attributes=attributes_of(
            root / "att" / f"{name}.txt", title=TITLE, codes=CODES, packaged=official_attributes(split, name)
        ),
        object_class=name.rpartition("-")[0] or None,
        description=read_text_line(folder / "nlp.txt"),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:  # noqa: ARG001 - signature of all readers
    """List one sequence's images."""
    return refuse_gaps(open_folder(_folder(root, name) / "img", title=TITLE, name=name), title=TITLE, name=name)


def read_sequence(root: Path, split: Split, name: str) -> Sequence:
    """Read one sequence, annotation checked against the images."""
    annotation = read_annotation(root, split, name)
    where = _folder(root, name) / "groundtruth.txt"
    return make_sequence(annotation, read_frames(root, split, name), title=TITLE, where=where)


def _absent(folder: Path, rows: int) -> Flags:
    parts = [folder / "full_occlusion.txt", folder / "out_of_view.txt"]
    combined = folder / "absent.txt"
    if combined.is_file() and not any(part.is_file() for part in parts):
        return read_absent(combined, title=TITLE, rows=rows, polarity=Polarity.ONE_IS_ABSENT)
    occluded, outside = (read_absent(part, title=TITLE, rows=rows, polarity=Polarity.ONE_IS_ABSENT) for part in parts)
    return occluded | outside


def _folder(root: Path, name: str) -> Path:
    places = [root / name.rpartition("-")[0] / name, root / name]
    for place in places:
        if place.is_dir():
            return place
    raise MissingSequenceError(
        f"{TITLE}: sequence {name} is missing; no folder {places[0]}. "
        "Unpack the archive of its class, or remove its name from the list file of your copy."
    )


def _present(root: Path) -> list[str]:
    """Sequence folders below the class folders, and those without a class level."""
    names = []
    for folder in subfolders(root):
        inside = [name for name in subfolders(root / folder) if name.startswith(f"{folder}-")]
        if not inside and (root / folder / "groundtruth.txt").is_file():
            inside = [folder]
        names += inside
    return names


SPEC = BenchmarkSpec(
    name="lasot",
    title=TITLE,
    year=2019,
    citation=Citation(
        authors="Heng Fan, Liting Lin, Fan Yang, Peng Chu, Ge Deng, Sijia Yu, Hexin Bai, Yong Xu, Chunyuan Liao, "
        "Haibin Ling",
        title="LaSOT: A High-quality Benchmark for Large-scale Single Object Tracking",
        venue="CVPR",
        year=2019,
    ),
    homepage="http://vision.cs.stonybrook.edu/~lasot/",
    licence=None,
    modalities=frozenset({Modality.RGB}),
    splits={
        "test": Split("test", 280, 685_360, Access.FULL, TEST_NAMES),
        "train": Split("train", 1120, None, Access.FULL, None),
    },
    coordinate_origin=1,
    protocols={"official": "lasot-kit", "papers": "pytracking"},
    headline=("success_auc", "normalized_precision_20", "precision_20"),
    submission=None,
    attributes=CODES,
    list_sequences=list_sequences,
    read_sequence=read_sequence,
    read_annotation=read_annotation,
    read_frames=read_frames,
)
