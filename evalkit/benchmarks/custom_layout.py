"""The layout file ``evalkit.toml`` of the user's own videos; every key is described in ``docs/custom.md``."""

import os
import tomllib
from pathlib import Path

import pydantic

from evalkit.errors import DatasetLayoutError
from evalkit.sequences import Modality

FILE_NAME = "evalkit.toml"


class SequenceLayout(pydantic.BaseModel):
    """Names that differ from the usual ones; a key that is not given keeps its usual names.

    Attributes:
        images: Folder of the color images inside the sequence's folder; "." is the folder itself.
        event: Folder of event images. At most one of event, thermal and depth may be given.
        thermal: Folder of thermal images.
        depth: Folder of 16-bit depth images.
        annotation: Annotation file.
        annotation_aux: Annotation file of the second modality.
        stride: One annotation row every ``stride`` frames, the first row for the first frame.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    images: str | None = None
    event: str | None = None
    thermal: str | None = None
    depth: str | None = None
    annotation: str | None = None
    annotation_aux: str | None = None
    stride: pydantic.PositiveInt | None = None

    @pydantic.model_validator(mode="after")
    def _one_second_modality(self) -> "SequenceLayout":
        given = [
            modality.value for modality in (Modality.EVENT, Modality.THERMAL, Modality.DEPTH) if self.aux(modality)
        ]
        if len(given) > 1:
            raise ValueError(f"a sequence has one second modality, but {' and '.join(given)} are given")
        return self

    def aux(self, modality: Modality) -> str | None:
        """Folder that is given for a second modality."""
        return {Modality.EVENT: self.event, Modality.THERMAL: self.thermal, Modality.DEPTH: self.depth}[modality]

    def changed_by(self, other: "SequenceLayout") -> "SequenceLayout":
        """This layout with the keys that ``other`` gives; a second modality replaces the one before."""
        if not other.model_fields_set:
            return self
        names = set(SequenceLayout.model_fields)
        changes = {name: value for name, value in other.model_dump(include=names).items() if value is not None}
        kept = self.model_dump(include=names)
        if changes.keys() & {"event", "thermal", "depth"}:
            kept |= {"event": None, "thermal": None, "depth": None}
        return SequenceLayout.model_validate(kept | changes)


class CustomLayout(SequenceLayout):
    """A layout file: keys for all sequences, and tables ``[sequences.NAME]`` with keys for one."""

    sequences: dict[str, SequenceLayout] = pydantic.Field(default_factory=dict)

    def of(self, name: str) -> SequenceLayout:
        """What the file says of one sequence."""
        return _USUAL.changed_by(self).changed_by(self.sequences.get(name, _USUAL))


_USUAL = SequenceLayout()
_NOTHING = CustomLayout()


def read_layout(path: Path) -> CustomLayout:
    """Read a layout file.

    Raises:
        DatasetLayoutError: No such file, not TOML, or an unknown key or wrong value; names it.
    """
    try:
        return CustomLayout.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as problem:
        raise DatasetLayoutError(f"custom: the layout file {path} cannot be read ({problem.strerror}).") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise DatasetLayoutError(f"custom: the layout file {path} is not valid TOML: {problem}.") from problem
    except pydantic.ValidationError as problem:
        lines = [_explain(error["type"], error["loc"], error["msg"]) for error in problem.errors()]
        known = ", ".join(CustomLayout.model_fields)
        raise DatasetLayoutError(f"custom: layout file {path}: {'; '.join(lines)}. Keys: {known}.") from problem


def _explain(kind: str, place: tuple[str | int, ...], message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key {'.'.join(map(str, place))!r}"
    return f"{'.'.join(map(str, place)) or 'the file'}: {message}"


def optional_layout(folder: Path) -> CustomLayout:
    """Layout file of a folder; an empty layout if it has none."""
    has_file = os.path.isfile(f"{folder}/{FILE_NAME}")  # noqa: PTH113 - asked 100,000 times, a Path is slow
    return read_layout(folder / FILE_NAME) if has_file else _NOTHING
