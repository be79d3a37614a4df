"""What a report is made of: runs of the store, raw result files, or a file that lists several of both."""

import tomllib
from pathlib import Path

import pydantic

from evalkit.errors import EvalkitError


class ReportFileError(EvalkitError):
    """A report file cannot be used."""


class Source(pydantic.BaseModel):
    """Results on one benchmark; every key is described in ``docs/report.md``.

    Attributes:
        benchmark: Its name.
        predictions: Raw result files, folder or zip; None takes runs of the store.
        annotations: Annotations-only copy; None takes the data root.
        data_root: As ``--data-root``; also where the pictures of the hardest sequences come from.
        trackers: Only these; empty = all.
        run_ids: Run ids or their beginnings, for trackers with several runs.
        split: None = the one that papers report.
        protocol: Id, "official" or "papers".
        local_truth: Take the sample's truth for splits that servers score.
        allow_missing: Score what is there and say so.
        layout: Layout file for ``custom``.
        remark: What a reader must know of these data before any number.
        stand_in: Why the data are not the official ones, so that nothing published is put beside them.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    benchmark: str
    predictions: Path | None = None
    annotations: Path | None = None
    data_root: Path | None = None
    trackers: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    split: str | None = None
    protocol: str = "papers"
    local_truth: bool = False
    allow_missing: bool = False
    layout: Path | None = None
    remark: str = ""
    stand_in: str = ""

    @property
    def has_images(self) -> bool:
        """Whether there is a data root to look for images in: given, or that of the truth."""
        return self.data_root is not None or self.annotations is None


class ReportFile(pydantic.BaseModel):
    """A report file: its title and its sources."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    title: str | None = None
    source: tuple[Source, ...] = pydantic.Field(min_length=1)


def read_report_file(path: Path) -> ReportFile:
    """Read a report file; its paths are relative to its folder.

    Raises:
        ReportFileError: It cannot be read, is no TOML, or has an unknown key or a wrong value; names them.
    """
    try:
        found = ReportFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise ReportFileError(f"cannot read {path}: {problem.strerror or problem}.") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ReportFileError(f"{path} is no TOML file: {problem}.") from problem
    except pydantic.ValidationError as problem:
        listed = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problem.errors())
        raise ReportFileError(f"{path}: {listed}. The keys are described in docs/report.md.") from problem
    return found.model_copy(update={"source": tuple(_placed(source, path.parent) for source in found.source)})


def _placed(source: Source, folder: Path) -> Source:
    names = ("predictions", "annotations", "data_root", "layout")
    paths = {name: getattr(source, name) for name in names}
    return source.model_copy(update={name: folder / path for name, path in paths.items() if path is not None})
