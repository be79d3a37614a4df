"""Runs into one zip for a server: complete, deterministic, checked before it is written. Inputs are only read."""

import collections.abc as cabc
import dataclasses
import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.atomic import write_whole
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import SubmissionError, counted, listed
from evalkit.sequences import Trajectory
from evalkit.store.runs import ResultStore, Run
from evalkit.submission.checking import SubmissionReport, check_content
from evalkit.submission.content import content_of_bytes
from evalkit.submission.expected import SPLIT, Expected, of_run
from evalkit.submission.form import SubmissionFormat

_DATE = (1980, 1, 1, 0, 0, 0)  # the first one that a zip can hold
_MODE = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """A submission in memory, checked.

    Attributes:
        data: The zip.
        sha256: Of the zip.
        runs: Where the boxes are from; repetition 1 first.
        layout: Name of the layout.
        report: The check; it has no errors.
        sample: Made of rendered or other unofficial data, so that no server can score it.
    """

    data: bytes = field(repr=False)
    sha256: str
    runs: tuple[Run, ...]
    layout: str
    report: SubmissionReport
    sample: bool

    @property
    def file_name(self) -> str:
        """Benchmark, tracker, beginning of the run id; and "sample" where it is one."""
        first = self.runs[0]
        mark = "-sample" if self.sample else ""
        return f"{first.identity.benchmark}-{plain_name(first.identity.tracker)}-{first.run_id[:8]}{mark}.zip"


def select_runs(
    store: ResultStore, form: SubmissionFormat, *, run_ids: cabc.Sequence[str] = (), tracker: str | None = None
) -> tuple[Run, ...]:
    """Find the run, or the repetitions of one, that are meant.

    Args:
        store: The results folder.
        form: For whom.
        run_ids: Run ids or their beginnings, in the order of the repetitions; empty: all of the tracker.
        tracker: Name of the tracker.

    Raises:
        SubmissionError: No run, several that are no repetitions of each other, of another benchmark or split,
            incomplete or cut short, too many; says which and what to do.
    """
    runs = _named(store, run_ids) if run_ids else _of_tracker(store, form, tracker)
    for run in runs:
        if run.identity.benchmark != form.benchmark or run.identity.split != SPLIT:
            raise SubmissionError(
                f"run {run.run_id} is of {run.identity.benchmark}, split {run.identity.split}; {form.receiver} takes "
                f"{form.benchmark}, split {SPLIT}."
            )
        if tracker is not None and run.identity.tracker != tracker:
            raise SubmissionError(f"run {run.run_id} is of the tracker {run.identity.tracker}, not of {tracker}.")
    _require_repetitions(runs)
    if len(runs) > form.repetitions:
        limit = "one run" if form.repetitions == 1 else f"at most {form.repetitions} repetitions"
        raise SubmissionError(f"{form.receiver} takes {limit}, found {len(runs)}: {_listed(runs)}. Choose with --run.")
    for run in runs:
        _require_complete(run)
    return tuple(runs)


def make_package(
    runs: cabc.Sequence[Run], spec: BenchmarkSpec, form: SubmissionFormat, *, layout: str | None = None
) -> Package:
    """Write the submission of complete runs in memory and check it as anyone's.

    Raises:
        SubmissionError: The runs do not cover the official sequences, lack what the format needs, or the check finds
            an error; lists everything.
    """
    chosen = layout or form.layouts[0]
    if chosen not in form.layouts:
        raise SubmissionError(f"{form.benchmark} has no layout {chosen!r}; it has {', '.join(form.layouts)}.")
    first = runs[0]
    expected = of_run(spec, first)
    _require_official_names(first, expected)
    names = [name for name in expected.names if name in set(first.names)]
    trajectories: dict[str, list[Trajectory]] = {name: [run.read(name) for run in runs] for name in names}
    obstacles = list(form.obstacles(trajectories))
    if obstacles:
        raise SubmissionError(f"run {first.run_id} cannot be packaged for {form.receiver}:", *obstacles)
    data = zip_bytes(dict(form.write(trajectories, plain_name(first.identity.tracker), chosen)))
    report = check_content(content_of_bytes(data, "package.zip"), form, expected)
    if report.errors:
        first_line = f"run {first.run_id} gives a submission with {len(report.errors)} errors; nothing was written:"
        raise SubmissionError(first_line, *map(str, report.errors))
    sample = not first.identity.data.is_official
    return Package(data, hashlib.sha256(data).hexdigest(), tuple(runs), chosen, report, sample)


def write_package(package: Package, path: Path, *, force: bool = False) -> bool:
    """Write the zip whole or not at all, and read it back.

    Returns:
        False if the same file was there already.

    Raises:
        SubmissionError: Another file is there and ``force`` is not given, or what was read back differs.
        StoreError: The disk is full or read-only.
    """
    if path.is_dir():
        raise SubmissionError(f"{path} is a folder; name the zip with --output FILE.zip.")
    if path.exists():
        if path.is_file() and _file_sha256(path) == package.sha256:
            return False
        if not force:
            raise SubmissionError(f"{path} exists and differs. Choose another --output, or pass --force to replace it.")
    write_whole(path, package.data)
    written = _file_sha256(path)
    if written != package.sha256:
        raise SubmissionError(f"{path} was written with SHA-256 {package.sha256} but reads back as {written}.")
    return True


def zip_bytes(files: cabc.Mapping[str, str]) -> bytes:
    """A zip that is the same for the same files: sorted names, one date, one mode, one level of compression."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = _UNIX
            info.external_attr = _MODE
            archive.writestr(info, files[name].encode("ascii"))
    return buffer.getvalue()


def plain_name(tracker: str) -> str:
    """A tracker's name for a folder: letters, digits, dot, underscore, hyphen.

    Example:
        >>> plain_name("my tracker.py:Mine"), plain_name("..")
        ('my_tracker.py_Mine', 'tracker')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", tracker).strip("._") or "tracker"


# --- which runs ------------------------------------------------------------------------------------------------------


def _named(store: ResultStore, run_ids: cabc.Sequence[str]) -> list[Run]:
    runs: list[Run] = []
    for run_id in run_ids:
        matching = store.find(run_id=run_id)
        if not matching:
            raise SubmissionError(f"no run {run_id!r} in {store.root}. `evalkit run-benchmark` makes one.")
        if len(matching) > 1:
            raise SubmissionError(f"{len(matching)} runs begin with {run_id!r}: {_listed(matching)}. Give more digits.")
        if matching[0].run_id in {run.run_id for run in runs}:
            raise SubmissionError(f"run {matching[0].run_id} is named twice; a repetition is a run of its own.")
        runs += matching
    return runs


def _of_tracker(store: ResultStore, form: SubmissionFormat, tracker: str | None) -> list[Run]:
    runs = [
        run
        for run in store.find(benchmark=form.benchmark, tracker=tracker)
        if run.identity.split == SPLIT and tracker is not None
    ]
    if not runs:
        raise SubmissionError(
            f"no run of {tracker} on {form.benchmark} {SPLIT} in {store.root}. Run "
            f"`evalkit run-benchmark {form.benchmark} --tracker {tracker}` first, or name a run with --run."
        )
    return sorted(runs, key=lambda run: run.identity.repeat)


def _require_repetitions(runs: cabc.Sequence[Run]) -> None:
    plain = [dataclasses.asdict(dataclasses.replace(run.identity, repeat=0)) for run in runs]
    differing = [key for key in plain[0] if any(identity[key] != plain[0][key] for identity in plain)]
    if differing:
        raise SubmissionError(
            f"these runs are no repetitions of one another: {_listed(runs)}. They differ in {', '.join(differing)}. "
            "Choose with --run; repetitions are made by `evalkit run-benchmark --repeat`."
        )


def _require_complete(run: Run) -> None:
    identity = run.identity
    again = f"evalkit run-benchmark {identity.benchmark} --tracker {identity.tracker}"
    if identity.frame_limit is not None:
        raise SubmissionError(
            f"run {run.run_id} was cut to {identity.frame_limit} frames per sequence (--limit-frames). Run `{again}`."
        )
    missing = run.missing()
    if missing:
        failures = run.failures()
        texts = [f"{name} ({failures[name]})" if name in failures else name for name in missing]
        how = "Import results of all sequences." if identity.is_imported else f"Finish it: {again}."
        raise SubmissionError(
            f"run {run.run_id} is not complete, it lacks {len(missing)} of {counted(len(run.names), 'sequence')}: "
            f"{listed(texts)}. {how}"
        )


def _require_official_names(run: Run, expected: Expected) -> None:
    if not run.identity.data.is_official:
        return
    lacking = [name for name in expected.names if name not in set(run.names)]
    if lacking:
        raise SubmissionError(
            f"run {run.run_id} is over a selection: it lacks {len(lacking)} of {len(expected.names)} official "
            f"sequences: {listed(lacking)}. Run the whole split: evalkit run-benchmark {run.identity.benchmark} "
            f"--tracker {run.identity.tracker}."
        )


def _listed(runs: cabc.Sequence[Run]) -> str:
    return listed(
        f"{run.run_id} ({run.identity.tracker} on {run.identity.benchmark}, {run.identity.data}, "
        f"repetition {run.identity.repeat + 1})"
        for run in runs
    )


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise SubmissionError(f"cannot read {path}: {problem.strerror or problem}.") from problem
