"""The request: which results, against which truth, by which rules; from options, from Python, or from a TOML file."""

import collections.abc as cabc
import dataclasses
import os
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from evalkit.errors import EvalkitError, ScoringError, unknown_name

if TYPE_CHECKING:
    from evalkit.store.runs import Run

_LISTS = ("benchmarks", "trackers", "run_ids", "sequences")
_PATHS = ("predictions", "results", "annotations", "data_root", "layout")
_OTHER_NAMES = {"benchmark": "benchmarks", "tracker": "trackers", "run": "run_ids", "runs": "run_ids"}


class RequestError(EvalkitError):
    """A request, or the file of one, cannot be used."""


def names_in(text: str) -> tuple[str, ...]:
    """Names with commas between them, each once.

    Example:
        >>> names_in("kcf, ncc,,kcf")
        ('kcf', 'ncc')
    """
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def sequences_in(text: str, folder: Path = Path()) -> tuple[str, ...]:
    """Names of sequences: with commas, or from a file after ``@``, one a line.

    Raises:
        AnnotationError: The file cannot be read.
    """
    if not text.startswith("@"):
        return names_in(text)
    from evalkit.benchmarks.annotations import read_sequence_list

    return tuple(read_sequence_list(folder / text[1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is scored; every field is an option of the commands, a key of a request file, and a keyword in Python.

    Attributes:
        benchmarks: Their names.
        trackers: Only these, in this order; empty = all that have complete results.
        run_ids: Run ids or their beginnings; empty = of every tracker the newest complete run.
        all_runs: Take all runs of a tracker.
        predictions: Raw result files instead of runs: folder or zip.
        layout_of_results: Layout of the raw files; None recognizes it.
        results: Folder of the store.
        split: None = the one that papers report.
        sequences: Only these; None = all.
        annotations: Annotations-only copy instead of the data root: folder or zip.
        data_root: The benchmark's folder, or a folder that holds several; None = as the user's settings say.
        layout: Names of folders and files of the benchmark ``custom``.
        local_truth: For splits that a server scores, take the truth that the sample brings.
        protocol: Ids with commas, "official", "papers" or "all".
        allow_missing: Score what is there and say so.
        with_random_weights: Take runs with random weights even beside others; their scores mean nothing.
        attributes: Also score the subset of every challenge attribute.
        interval: Level of bootstrap intervals over sequences, inside (0, 1); None = no intervals.
        seed: Of the bootstrap.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    benchmarks: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    all_runs: bool = False
    predictions: Path | None = None
    layout_of_results: str | None = None
    results: Path = Path("results")
    split: str | None = None
    sequences: tuple[str, ...] | None = None
    annotations: Path | None = None
    data_root: Path | None = None
    layout: Path | None = None
    local_truth: bool = False
    protocol: str = "papers"
    allow_missing: bool = False
    with_random_weights: bool = False
    attributes: bool = False
    interval: float | None = None
    seed: int = 0

    @property
    def benchmark(self) -> str:
        """The only benchmark."""
        if len(self.benchmarks) != 1:
            raise RequestError(f"expected one benchmark, not {', '.join(self.benchmarks) or 'none'}.")
        return self.benchmarks[0]

    @property
    def has_images(self) -> bool:
        """Whether there is a data root to look for images in: given, or that of the truth."""
        return self.data_root is not None or self.annotations is None

    def each(self) -> "list[Request]":
        """The same request of every single benchmark."""
        return [dataclasses.replace(self, benchmarks=(name,)) for name in self.benchmarks]

    def run_command(self, trackers: cabc.Iterable[str], *more: str) -> str:
        """The command that makes missing results of a benchmark, with the options of this request that it needs."""
        options = {"--split": self.split, "--data-root": self.data_root, "--layout": self.layout}
        if self.results != Request().results:
            options["--results"] = self.results
        given = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
        return shlex.join(["evalkit", "run-benchmark", self.benchmark, "--tracker", ",".join(trackers), *more, *given])

    @classmethod
    def of(cls, **values: Any) -> "Request":
        """Check values as Python programs give them: a single name or names with commas for a list, text for a path.

        Raises:
            UnknownNameError: There is no such field; names the nearest one.
            RequestError: A value is of the wrong kind; says which and what was expected.
        """
        return cls.of_table(values)

    @classmethod
    def read(cls, path: str | os.PathLike[str], **values: Any) -> "Request":
        """Read a request file: TOML, its keys are the fields, its paths are relative to its folder.

        Args:
            path: The file.
            **values: Stand before the values of the file.

        Raises:
            UnknownNameError: An unknown key; names the nearest one.
            RequestError: The file cannot be read, or has a wrong value; says which and what was expected.
        """
        path = Path(path)
        of_file = cls.of_table(read_toml(path), str(path), path.parent)
        return cls.of(**{**dataclasses.asdict(of_file), **values})

    @classmethod
    def of_table(cls, values: cabc.Mapping[str, Any], where: str = "", folder: Path = Path()) -> "Request":
        """Check the values of a table; its paths are relative to a folder.

        Raises:
            UnknownNameError: An unknown key; names the nearest one.
            RequestError: A value is of the wrong kind; says which, where, and what was expected.
        """
        # pydantic takes 0.1 s to import: options are typed by click already, and pass it by
        import pydantic

        place = f"{where}: " if where else ""
        known = [field.name for field in dataclasses.fields(cls)]
        given: dict[str, Any] = {}
        for key, value in values.items():
            plain = key.replace("-", "_")
            name = _OTHER_NAMES.get(plain, plain) if where else key
            if name not in known:
                raise unknown_name("key" if where else "option", key, known, f"({where})" if where else "")
            if name in given:
                raise RequestError(f"{place}several keys say the same as {name}; give one of them.")
            listed = isinstance(value, str) and name in _LISTS
            split = sequences_in if name == "sequences" else lambda text, _: names_in(text)
            given[name] = split(value, folder) if listed else value
        try:
            request = pydantic.TypeAdapter(cls).validate_python(given)
        except pydantic.ValidationError as problem:
            places = [(".".join(map(str, error["loc"])), error) for error in problem.errors()]
            texts = [f"{place}{name}: {error['msg']}, not {error['input']!r}." for name, error in places]
            raise RequestError(*texts) from problem
        if request.interval is not None and not 0 < request.interval < 1:
            raise RequestError(f"{place}interval: expected a level such as 0.95, not {request.interval}.")
        if request.seed < 0:
            raise RequestError(f"{place}seed: expected a whole number from 0, not {request.seed}.")
        paths = {name: getattr(request, name) for name in _PATHS if given.get(name) is not None}
        return dataclasses.replace(request, **{name: folder / path for name, path in paths.items()})

    @classmethod
    def of_runs(cls, runs: "cabc.Sequence[Run]", **values: Any) -> "Request":
        """The request that chooses exactly some runs of one store.

        Raises:
            ScoringError: No runs, runs on several benchmarks, or values that choose others.
        """
        if not runs:
            raise ScoringError("no run to score.")
        for key in ("trackers", "run_ids", "predictions"):
            if key in values:
                raise ScoringError(
                    f"{key}: the runs say already what is scored. Pass a benchmark's name, or leave it out."
                )
        places = {(run.identity.benchmark, run.identity.split, run.path.parents[2]) for run in runs}
        if len(places) > 1:
            raise ScoringError("the runs are not on one benchmark and split of one store: score them one by one.")
        ((benchmark, split, store),) = places
        trackers = tuple(dict.fromkeys(run.identity.tracker for run in runs))
        chosen = {"split": split, "results": store, "run_ids": tuple(run.run_id for run in runs), "trackers": trackers}
        return cls.of(**values, benchmarks=(benchmark,), **chosen)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RequestError: It cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RequestError(f"cannot read {path}: {problem.strerror or problem}.") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise RequestError(f"{path} is no TOML file: {problem}.") from problem
