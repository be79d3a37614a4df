"""Which file of an annotations-only copy is what: by names of files and folders, for every published arrangement.

Two arrangements are in use. Either each sequence has a folder (``<sequence>/groundtruth.txt`` and its flag files
beside it), as in the benchmarks themselves; or files are collected by kind (``gt_rect/<sequence>.txt``,
``absent/<sequence>.txt``), as in the evaluation kits. What stands above them does not matter.
"""

import collections.abc as cabc
import posixpath
from dataclasses import dataclass, field

from evalkit.archive import Tree
from evalkit.benchmarks.files import CopyLayout
from evalkit.benchmarks.names import official_rows
from evalkit.benchmarks.spec import BenchmarkSpec, Split
from evalkit.errors import DatasetLayoutError, counted, listed

SKIPPED_FOLDERS = frozenset(
    {"img", "imgs", "frames", "color", "depth", "visible", "infrared", "vis_imgs", "event_imgs", "evimg", "data_seq"}
)
"""Folders of images, which are not listed."""

_TRAINING_FOLDERS = frozenset({"train", "trainingset", "tnl2k_train_subset"})
_TEST_FOLDERS = frozenset({"test", "testingset", "val", "tnl2k_test_subset"})


class IncompleteCopyError(DatasetLayoutError):
    """An annotations-only copy lacks sequences.

    Attributes:
        names: Sequences to read, in order.
        missing: Those of them that the copy lacks.
    """

    def __init__(self, text: str, names: cabc.Sequence[str], missing: cabc.Sequence[str]) -> None:
        super().__init__(text)
        self.names = tuple(names)
        self.missing = tuple(missing)


_NOT_BOXES = frozenset({"absent", "att", "attributes", "lists", "nlp", "language"})


@dataclass(frozen=True, slots=True)
class AnnotationCopy:
    """An annotations-only copy with its files sorted out.

    Attributes:
        tree: The folder or archive.
        split: The part of the benchmark that it holds.
        layout: What the benchmark's copies consist of.
        boxes: Sequence name -> box file, in the benchmark's order.
        beside: File name -> folder -> path, for files in sequence folders.
        collected: Folder name -> stem -> paths, for folders with one file per sequence.
    """

    tree: Tree
    split: Split
    layout: CopyLayout
    boxes: cabc.Mapping[str, str]
    beside: cabc.Mapping[str, cabc.Mapping[str, str]] = field(repr=False)
    collected: cabc.Mapping[str, cabc.Mapping[str, list[str]]] = field(repr=False)

    def companion(self, name: str, filename: str) -> str | None:
        """File beside the box file of a sequence with a folder of its own."""
        return self.beside.get(filename, {}).get(posixpath.dirname(self.boxes[name]))

    def entry(self, name: str, folder: str, ending: str = "") -> str | None:
        """File of a sequence in a folder of files by kind; the one nearest to the box file if there are several."""
        paths = self.collected.get(folder, {}).get(name + ending, [])
        if len(paths) < 2:
            return paths[0] if paths else None
        here = self.boxes[name]
        return max(paths, key=lambda path: len(posixpath.commonprefix([path, here])))

    def single(self, filename: str) -> str | None:
        """The only file of that name in the copy, None if there is none or several."""
        paths = list(self.beside.get(filename, {}).values())
        return f"{paths[0]}" if len(paths) == 1 else None


def recognize(
    tree: Tree, spec: BenchmarkSpec, split_name: str | None, wanted: cabc.Sequence[str] | None
) -> AnnotationCopy:
    """Find the box files of a copy.

    Args:
        tree: The folder or archive.
        spec: The benchmark.
        split_name: Split to read; None takes the one that the names tell.
        wanted: Sequences to read; None reads all of the split.

    Raises:
        DatasetLayoutError: The benchmark has no such copies, nothing fits, or two files fit.
        IncompleteCopyError: Sequences of the split are missing; lists all of them.
    """
    layout = spec.copies
    if layout is None:
        raise DatasetLayoutError(f"{spec.title}: it has no annotations-only form; use --data-root.")
    beside: dict[str, dict[str, str]] = {}
    collected: dict[str, dict[str, list[str]]] = {}
    for path in tree.names:
        folder, filename = posixpath.split(path)
        beside.setdefault(filename, {})[folder] = path
        stem, suffix = posixpath.splitext(filename)
        if suffix == ".txt":
            collected.setdefault(posixpath.basename(folder), {}).setdefault(stem, []).append(path)
    box_files = _in_folders(layout, beside) or _by_kind(tree, spec, layout, collected)
    if not box_files:
        raise DatasetLayoutError(_nothing_text(tree, spec, layout))
    split = _split(spec, split_name, box_files)
    box_files = {name: paths for name, paths in _of_split(box_files, spec, split).items() if paths}
    if not box_files:
        raise DatasetLayoutError(
            f"{spec.title}: {tree.where} has annotations, but none of split {split.name}. Splits: "
            f"{', '.join(spec.splits)}."
        )
    names = _names(tree, split, layout, box_files, wanted)
    missing = [name for name in names if name not in box_files]
    if missing:
        raise IncompleteCopyError(
            f"{spec.title}: {tree.where} has no annotation of {len(missing)} of {counted(len(names), 'sequence')} "
            f"(split {split.name}): {listed(missing)}. Complete the copy, name the sequences to score with "
            "--sequences, or leave these out with `evalkit score --allow-missing` (the output says so).",
            names,
            missing,
        )
    doubled = [f"{name} ({' and '.join(box_files[name][:2])})" for name in names if len(box_files[name]) > 1]
    if doubled:
        raise DatasetLayoutError(
            f"{spec.title}: {tree.where} has two annotations of {counted(len(doubled), 'sequence')}: {listed(doubled)}."
            " Pass the folder that is meant."
        )
    return AnnotationCopy(tree, split, layout, {name: box_files[name][0] for name in names}, beside, collected)


def _in_folders(layout: CopyLayout, beside: cabc.Mapping[str, cabc.Mapping[str, str]]) -> dict[str, list[str]]:
    """Sequence name -> box files, for copies with one folder per sequence."""
    box_files: dict[str, list[str]] = {}
    for filename in layout.files:
        places = beside.get(filename, {})
        names = {posixpath.basename(folder) for folder in places} - set(box_files)
        for folder, path in places.items():
            if posixpath.basename(folder) in names:
                box_files.setdefault(posixpath.basename(folder), []).append(path)
    box_files.pop("", None)
    return box_files


def _by_kind(
    tree: Tree, spec: BenchmarkSpec, layout: CopyLayout, collected: cabc.Mapping[str, cabc.Mapping[str, list[str]]]
) -> dict[str, list[str]]:
    """Sequence name -> box files, for copies with one folder of box files."""
    official = {name for split in spec.splits.values() for name in official_rows(split.names_file)}
    for folder in layout.folders:
        if folder in collected:
            return _without_lists(collected[folder], layout)
    others = [_without_lists(stems, layout) for folder, stems in collected.items() if folder not in _NOT_BOXES]
    known = [stems for stems in others if official & set(stems)]
    if len(known) > 1:
        raise DatasetLayoutError(
            f"{spec.title}: several folders of {tree.where} hold files with names of its sequences. "
            "Pass the one with the boxes."
        )
    # a lone folder of box files may have names of its own
    whole = known or ([stems for stems in others if stems] if not layout.files else [])
    return whole[0] if len(whole) == 1 else {}


def _without_lists(stems: cabc.Mapping[str, list[str]], layout: CopyLayout) -> dict[str, list[str]]:
    lists = {posixpath.splitext(name)[0] for name in layout.lists}
    return {stem: paths for stem, paths in stems.items() if stem not in lists}


def _split(spec: BenchmarkSpec, name: str | None, box_files: cabc.Container[str]) -> Split:
    """The split asked for, or the first one of which the copy holds most sequences."""
    if name is not None:
        return spec.splits[name]
    held = {
        split.name: sum(official in box_files for official in official_rows(split.names_file))
        for split in spec.splits.values()
    }
    return spec.splits[max(held, key=lambda key: held[key])]  # the first of equals: the default split


def _of_split(box_files: cabc.Mapping[str, list[str]], spec: BenchmarkSpec, split: Split) -> dict[str, list[str]]:
    """Without sequences of other splits and files in a folder of another part (``train/`` for a test split)."""
    training = split.name.startswith("train")

    def fits(path: str) -> bool:
        parts = [part.lower() for part in path.split("/")[:-2]]
        in_training = any(part in _TRAINING_FOLDERS or part.startswith("train_") for part in parts)
        in_test = any(part in _TEST_FOLDERS for part in parts)
        return not (in_training and not training) and not (in_test and training)

    official = official_rows(split.names_file)
    foreign = {name for other in spec.splits.values() for name in official_rows(other.names_file)} - set(official)
    return {
        name: [path for path in paths if name in official or fits(path)]
        for name, paths in box_files.items()
        if name not in foreign
    }


def _names(
    tree: Tree,
    split: Split,
    layout: CopyLayout,
    box_files: cabc.Mapping[str, list[str]],
    wanted: cabc.Sequence[str] | None,
) -> list[str]:
    """Names to read, in order: the copy's list, else the official list, else what is there."""
    official = official_rows(split.names_file)
    names = _listed_names(tree, split, layout) or (
        list(official) if any(name in official for name in box_files) else sorted(box_files)
    )
    if wanted is None:
        return names
    chosen = set(wanted)
    return [name for name in names if name in chosen] + sorted(chosen - set(names))


def _listed_names(tree: Tree, split: Split, layout: CopyLayout) -> list[str]:
    """Names of the copy's own list of the test split; other splits have packaged lists, or folders of their own."""
    for filename in layout.lists:
        paths = [path for path in tree.names if posixpath.basename(path) == filename]
        parts = [path for path in paths if posixpath.basename(posixpath.dirname(path)) == split.name]
        if filename == "list.txt":
            paths = parts or [path for path in paths if "/" not in path]
        elif split.name != "test":
            continue
        if len(paths) == 1:
            text = tree.read(paths[0]).decode("utf-8-sig", "replace")
            return [line.strip() for line in text.splitlines() if line.strip()]
    return []


def _nothing_text(tree: Tree, spec: BenchmarkSpec, layout: CopyLayout) -> str:
    places = [f"<sequence>/{name}" for name in layout.files] + [f"{name}/<sequence>.txt" for name in layout.folders]
    some = listed(tree.names[:3]) if tree.names else "nothing"
    zips = [name for name in tree.names if name.endswith(".zip")]
    hint = f" It holds archives; name one: {tree.where}/{zips[0]}." if zips else ""
    return (
        f"{spec.title}: no annotations recognized in {tree.where}. Expected {' or '.join(places)}; "
        f"found {len(tree.names)} files: {some}.{hint}"
    )
