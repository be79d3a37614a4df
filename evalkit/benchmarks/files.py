"""The annotation files of one sequence, alike in a full copy, among annotations alone, and in an archive."""

import abc
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.benchmarks.reading import check_first_box, parse_integers, read_bytes, refuse_infinite
from evalkit.boxes import Boxes, Flags, FloatArray, IntArray
from evalkit.errors import AnnotationError, DatasetLayoutError
from evalkit.images import image_size, list_images
from evalkit.numbers import parse_numbers


@dataclass(frozen=True, slots=True)
class CopyLayout:
    """What an annotations-only copy of a benchmark consists of; see :mod:`evalkit.benchmarks.copies`.

    Attributes:
        files: Names of the box file in a sequence's folder, in the order of looking.
        folders: Names of folders with one box file per sequence, in the order of looking; any other folder counts
            too, if it holds official names.
        lists: Names of list files with the sequences of the test split.
        tables: Other files of numbers in a sequence's folder.
    """

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


class Files(abc.ABC):
    """The annotation files of one sequence; files are named by opaque texts.

    Attributes:
        title: Benchmark, for error texts.
        name: Sequence.
        box_file: The file with its boxes.
    """

    def __init__(self, title: str, name: str, box_file: str) -> None:
        self.title = title
        self.name = name
        self.box_file = box_file

    @abc.abstractmethod
    def beside(self, filename: str) -> str | None:
        """A file in the folder of the box file, None if there is none."""

    @abc.abstractmethod
    def by_kind(self, folder: str, ending: str = "") -> str | None:
        """The sequence's file ``<name><ending>.txt`` in a folder of files by kind, None if there is none."""

    @abc.abstractmethod
    def content(self, file: str) -> bytes:
        """Bytes of a file."""

    @abc.abstractmethod
    def numbers(self, file: str) -> FloatArray:
        """A file's numbers, (rows, columns).

        Raises:
            AnnotationError: No table of numbers.
        """

    @abc.abstractmethod
    def location(self, file: str) -> str:
        """A file's full name for error texts."""

    def images(self, folder: str = ".") -> tuple[str, ...]:  # noqa: ARG002 - of a full copy
        """Images of a folder beside the box file in frame order; none where annotations alone are read."""
        return ()

    def compare(self, boxes: Boxes, absent: Flags) -> None:  # noqa: B027 - only a whole copy can judge
        """Take note of where flags and empty boxes agree; (F, 4) and (F,)."""

    def require(self, *filenames: str, instead: str = "") -> list[str]:
        """Files beside the box file.

        Args:
            filenames: Their names.
            instead: What would do as well, for the error text.

        Raises:
            DatasetLayoutError: Some are missing; names them.
        """
        places = [self.beside(filename) for filename in filenames]
        lacking = [filename for filename, place in zip(filenames, places, strict=True) if place is None]
        if lacking:
            other = f" (nor {instead})" if instead else ""
            raise DatasetLayoutError(
                f"{self.title}: sequence {self.name} has no {' and no '.join(lacking)}{other}; {lacking[0]} is missing "
                f"beside {self.location(self.box_file)}. Check that the archive is unpacked completely."
            )
        return [place for place in places if place is not None]

    def boxes(self, file: str | None = None, *, check_first: bool = True) -> Boxes:
        """Boxes of a file, by default of the box file.

        Args:
            file: The file.
            check_first: Refuse a first box that cannot start a tracker.

        Returns:
            (F, 4) left, top, width, height exactly as the file has them, F >= 1.

        Raises:
            AnnotationError: Empty, text, infinite, or not four columns.
        """
        file = self.box_file if file is None else file
        where, boxes = self.location(file), self.numbers(file)
        if len(boxes) == 0:
            raise AnnotationError(f"{where}: the file has no rows; expected one row left,top,width,height per frame.")
        if boxes.shape[1] != 4:
            raise AnnotationError(
                f"{where}: {boxes.shape[1]} columns; expected 4 (left, top, width, height in pixels) in every row."
            )
        refuse_infinite(boxes, where=where)
        if check_first:
            check_first_box(boxes, where=where)
        return boxes

    def second_boxes(self, filename: str, rows: int) -> Boxes:
        """Boxes of another file beside the box file, as many as that has: (rows, 4).

        Raises:
            DatasetLayoutError: There is none.
            AnnotationError: Wrong content, or another number of rows.
        """
        (file,) = self.require(filename)
        boxes = self.boxes(file, check_first=False)
        if len(boxes) != rows:
            beside = Path(self.box_file).name
            raise AnnotationError(
                f"{self.title}: {self.location(file)} has {len(boxes)} rows, but {beside} beside it has {rows}."
            )
        return boxes

    def integers(self, file: str, rows: int, *, highest: int = 1, surplus: int = 0) -> IntArray:
        """Integers from 0 to ``highest`` in any arrangement, one per row of the annotation.

        Args:
            file: The file.
            rows: Rows of the annotation.
            highest: Largest integer.
            surplus: Number of values beyond ``rows`` that are known to be in the authors' file and are ignored.

        Returns:
            (rows,) int64.

        Raises:
            AnnotationError: Another number of values, or something else in the file.
        """
        try:
            numbers = self.numbers(file).ravel()
        except AnnotationError:  # any arrangement is right, only not a table
            numbers = np.full(1, np.nan)
        values = np.where((numbers >= 0) & (numbers <= highest), numbers, -1).astype(np.int64)  # NaN fails both
        if (values != numbers).any():
            values = parse_integers(self.content(file), where=self.location(file), highest=highest)
        if len(values) not in {rows, rows + surplus}:
            raise AnnotationError(
                f"{self.location(file)}: {len(values)} flags, but the annotation has {rows} rows. Get both from the "
                "same release."
            )
        return values[:rows]

    def flags(self, file: str, rows: int, *, surplus: int = 0) -> Flags:
        """Zeros and ones of a file, (rows,) bool, True where it has 1; see :meth:`integers`."""
        return self.integers(file, rows, surplus=surplus).astype(np.bool_)

    def attribute_file(self) -> str | None:
        """The sequence's own file of attribute flags."""
        return self.by_kind("att") or self.by_kind("att", "_attribute")

    def attributes(self, codes: tuple[str, ...]) -> frozenset[str] | None:
        """Attribute codes by the sequence's own file, a 0 or 1 per code in the official order; None without it."""
        file = self.attribute_file() if codes else None
        if file is None:
            return None
        flags = self.flags(file, len(codes))
        return frozenset(code for code, flag in zip(codes, flags, strict=True) if flag)

    def lines(self, filename: str) -> list[str]:
        """Lines of a text file beside the box file; none without the file or without text."""
        file = self.beside(filename)
        text = "" if file is None else self.content(file).decode("utf-8-sig", "replace")
        return [line.strip() for line in text.strip().splitlines()]

    def first_line(self, filename: str) -> str | None:
        """First line of such a file."""
        return next(iter(self.lines(filename)), None)

    def pairs(self, filename: str, separator: str) -> dict[str, str]:
        """Lines ``key<separator>value`` of such a file."""
        pairs = [line.split(separator, 1) for line in self.lines(filename) if separator in line]
        return {key.strip(): value.strip() for key, value in pairs}

    def first_image_wh(self, folder: str = ".") -> tuple[int, int] | None:
        """Width and height of the first image, None without images."""
        images = self.images(folder)
        return image_size(images[0]) if images else None


class FolderFiles(Files):
    """The files in a full copy, looked for and read when they are asked for."""

    def __init__(self, title: str, name: str, root: Path, box_file: Path) -> None:
        super().__init__(title, name, str(box_file))
        self._folder = box_file.parent
        self._tops = dict.fromkeys((root, self._folder.parent, self._folder))

    def beside(self, filename: str) -> str | None:
        """See :class:`Files`."""
        path = self._folder / filename
        return str(path) if path.is_file() else None

    def by_kind(self, folder: str, ending: str = "") -> str | None:
        """See :class:`Files`: in the root, or near the box file."""
        paths = [top / folder / f"{self.name}{ending}.txt" for top in self._tops]
        return next((str(path) for path in paths if path.is_file()), None)

    def content(self, file: str) -> bytes:
        """See :class:`Files`."""
        return read_bytes(Path(file), title=self.title)

    def numbers(self, file: str) -> FloatArray:
        """See :class:`Files`."""
        return parse_numbers(self.content(file), where=file)

    def location(self, file: str) -> str:
        """See :class:`Files`."""
        return file

    def images(self, folder: str = ".") -> tuple[str, ...]:
        """See :class:`Files`."""
        place = self._folder / folder
        return tuple(str(place / name) for name in list_images(place)) if place.is_dir() else ()
