"""LaSOT: long videos, 70 classes, flags for full occlusion and out of view.

Layout: ``<root>/<class>/<class>-<n>/`` with ``img/00000001.jpg``, ``groundtruth.txt`` (integers, 1-based),
``full_occlusion.txt`` and ``out_of_view.txt`` (one line each), ``nlp.txt``; ``testing_set.txt`` and
``training_set.txt`` in the root. Copies without the class level are read too. The official evaluation kit has one
combined flag per frame (1 = absent); a file ``absent.txt`` in a sequence's folder stands for the two flag files.
"""

from pathlib import Path

from evalkit.benchmarks.files import CopyLayout, Files
from evalkit.benchmarks.frames import ImageFrames, open_folder, refuse_gaps
from evalkit.benchmarks.full_copy import FullCopy
from evalkit.benchmarks.names import (
    MissingSequenceError,
    nothing_found,
    official_rows,
    read_name_list,
    require_root,
    subfolders,
)
from evalkit.benchmarks.spec import Access, BenchmarkSpec, Citation, Split
from evalkit.sequences import Annotation, Modality

TITLE = "LaSOT"
CODES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
TEST_NAMES = "lasot_test.csv"
FLAG_FILES = ("full_occlusion.txt", "out_of_view.txt")
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


def box_file(root: Path, split: Split, name: str) -> Path:  # noqa: ARG001 - signature of all readers
    """File with a sequence's boxes in a full copy."""
    return _folder(root, name) / "groundtruth.txt"


def annotate(files: Files, split: Split) -> Annotation:  # noqa: ARG001 - signature of all readers
    """Read one sequence's annotation."""
    boxes = files.boxes()
    combined = files.beside("absent.txt") or files.by_kind("absent")
    if combined is None or any(map(files.beside, FLAG_FILES)):
        parts = files.require(*FLAG_FILES, instead="absent.txt, nor absent/<sequence>.txt")
        occluded, outside = (files.flags(part, len(boxes)) for part in parts)
        absent = occluded | outside
    else:
        absent = files.flags(combined, len(boxes))
    files.compare(boxes, absent)
    return Annotation(
        name=files.name,
        ground_truth=boxes,
        absent=absent,
        frame_count=len(boxes),
        object_class=files.name.rpartition("-")[0] or None,
        description=files.first_line("nlp.txt"),
    )


def read_frames(root: Path, split: Split, name: str) -> ImageFrames:  # noqa: ARG001 - signature of all readers
    """List one sequence's images."""
    return refuse_gaps(open_folder(_folder(root, name) / "img", title=TITLE, name=name), title=TITLE, name=name)


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


FULL = FullCopy(TITLE, box_file, annotate, read_frames, CODES)
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
    license=None,
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
    read_sequence=FULL.read_sequence,
    read_annotation=FULL.read_annotation,
    read_frames=read_frames,
    annotate=annotate,
    copies=CopyLayout(
        files=("groundtruth.txt",),
        folders=("annos", "anno"),
        lists=("testing_set.txt",),
        tables=(*FLAG_FILES, "absent.txt"),
    ),
)
