"""Frames of a sequence as image files in one folder, or in two folders that are paired by position."""

import dataclasses
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import DatasetLayoutError, ImageReadError
from evalkit.images import IMAGE_SUFFIXES, image_size, last_number, list_images, read_depth, read_rgb
from evalkit.sequences import Frame, Modality


@dataclass(frozen=True, slots=True)
class ImageFrames:
    """A :class:`~evalkit.sequences.FrameSource` over image files; nothing is opened before ``read``.

    Attributes:
        folder: Folder of the color images.
        names: Their file names in frame order.
        aux_folder: Folder of the second modality's images, None without one.
        aux_names: Their file names; the k-th belongs to the k-th color image.
        aux_modality: What the second images show.
    """

    folder: str
    names: tuple[str, ...]
    aux_folder: str | None = None
    aux_names: tuple[str, ...] = ()
    aux_modality: Modality | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Frame:
        """Decode frame ``index`` (0-based).

        Raises:
            ImageReadError: A file is missing, truncated or not an image, or the two images differ in size.
        """
        rgb = read_rgb(self.rgb_path(index))
        aux_path = self.aux_path(index)
        if aux_path is None:
            return Frame(rgb=rgb)
        aux = read_depth(aux_path) if self.aux_modality is Modality.DEPTH else read_rgb(aux_path)
        if aux.shape[:2] != rgb.shape[:2]:
            raise ImageReadError(
                f"{aux_path}: {aux.shape[1]} x {aux.shape[0]} pixels, but the color image "
                f"{self.rgb_path(index)} has {rgb.shape[1]} x {rgb.shape[0]}; the two must be aligned."
            )
        return Frame(rgb=rgb, aux=aux)

    def rgb_path(self, index: int) -> str:
        """Path of a color image."""
        return os.path.join(self.folder, self.names[index])  # noqa: PTH118 - a str per frame, not a Path

    def aux_path(self, index: int) -> str | None:
        """Path of the second image."""
        if self.aux_folder is None:
            return None
        return os.path.join(self.aux_folder, self.aux_names[index])  # noqa: PTH118 - as above

    def first_wh(self) -> tuple[int, int]:
        """Width and height of the first color image, from its header.

        Raises:
            ImageReadError: The file is missing, empty or no image.
        """
        return image_size(self.rgb_path(0))

    def without_aux(self) -> "ImageFrames":
        """The same frames without their second images."""
        return dataclasses.replace(self, aux_folder=None, aux_names=(), aux_modality=None)

    def without_leading(self, count: int) -> "ImageFrames":
        """The same frames without the first ``count``."""
        return dataclasses.replace(self, names=self.names[count:], aux_names=self.aux_names[count:])


def open_folder(folder: Path, *, title: str, name: str, kind: str = "image") -> ImageFrames:
    """List the images of one folder.

    Args:
        folder: Folder with one image per frame.
        title: Benchmark, for error texts.
        name: Sequence, for error texts.
        kind: What the images show, for error texts.

    Raises:
        DatasetLayoutError: The folder is missing or has no image.
    """
    try:
        names = list_images(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetLayoutError(
            f"{title}: sequence {name} has no {kind} folder {folder}. Check that the archive is unpacked completely."
        ) from None
    if not names:
        others = sorted(entry.name for entry in folder.iterdir())
        content = f"{len(others)} other files such as {others[0]}" if others else "nothing"
        raise DatasetLayoutError(
            f"{title}: sequence {name}: the {kind} folder {folder} holds no image; found {content}, expected files "
            f"ending in {', '.join(sorted(IMAGE_SUFFIXES))}. Check that the archive is unpacked completely."
        )
    return ImageFrames(folder=str(folder), names=names)


def pair_frames(
    rgb: ImageFrames, aux: ImageFrames, modality: Modality, *, title: str, name: str, same_names: bool
) -> ImageFrames:
    """Join color images and second images by position.

    Args:
        rgb: Color images.
        aux: Images of the second modality.
        modality: What these show.
        title: Benchmark, for error texts.
        name: Sequence, for error texts.
        same_names: The benchmark names both images of a frame alike (apart from the suffix); then this is checked.

    Raises:
        DatasetLayoutError: Different numbers of images, or names that should agree and do not.
    """
    if same_names:
        odd = _first_difference(rgb.names, aux.names)
        if odd is not None:
            raise DatasetLayoutError(
                f"{title}: sequence {name}: {odd} has no partner; {len(rgb)} color images in {rgb.folder}, "
                f"{len(aux)} {modality} images in {aux.folder}. Check that the archive is unpacked completely."
            )
    if len(rgb) != len(aux):
        raise DatasetLayoutError(
            f"{title}: sequence {name}: {len(rgb)} color images in {rgb.folder}, but {len(aux)} {modality} images "
            f"in {aux.folder}. Check that the archive is unpacked completely."
        )
    return dataclasses.replace(rgb, aux_folder=aux.folder, aux_names=aux.names, aux_modality=modality)


def missing_number(names: tuple[str, ...]) -> int | None:
    """The first gap in the numbers of consecutive frame names; None without a gap or without numbers.

    Example:
        >>> missing_number(("00000001.jpg", "00000002.jpg", "00000004.jpg"))
        3
    """
    first, last = last_number(names[0]), last_number(names[-1])
    if first is None or last is None or last - first + 1 == len(names):
        return None
    numbers = [last_number(name) for name in names]
    for number, following in itertools.pairwise(numbers):
        if number is None or following is None:
            return None
        if following > number + 1:
            return number + 1
    return None


def refuse_gaps(frames: ImageFrames, *, title: str, name: str) -> ImageFrames:
    """Return the frames if their numbers have no gap; for benchmarks that number frames without one.

    Raises:
        DatasetLayoutError: A number is missing; later frames would shift.
    """
    gap = missing_number(frames.names)
    if gap is not None:
        raise DatasetLayoutError(
            f"{title}: sequence {name}: frame number {gap} is missing in {frames.folder} ({len(frames)} images, from "
            f"{frames.names[0]} to {frames.names[-1]}). Check that the archive is unpacked completely."
        )
    return frames


def _first_difference(names: tuple[str, ...], others: tuple[str, ...]) -> str | None:
    stems = [name.rpartition(".")[0] for name in names]
    other_stems = [name.rpartition(".")[0] for name in others]
    if stems == other_stems:
        return None
    known, other_known = set(stems), set(other_stems)
    unmatched = [n for n, s in zip(names, stems, strict=True) if s not in other_known]
    unmatched += [n for n, s in zip(others, other_stems, strict=True) if s not in known]
    return unmatched[0] if unmatched else names[0]
