"""Runs on disk: ``results/<benchmark>/<tracker>/<run id>/`` with a manifest and two files per finished sequence."""

import collections.abc as cabc
import contextlib
import dataclasses
import datetime as dt
import enum
import hashlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from evalkit.atomic import file_name, read_file, write_together, write_whole
from evalkit.errors import StoreError, listed
from evalkit.sequences import Trajectory
from evalkit.store.box_csv import boxes_from_csv, boxes_to_csv, predictions_sha256
from evalkit.store.locks import Shard, hold_run
from evalkit.store.manifest import (
    RUN_ID_DIGITS,
    RunEnvironment,
    RunIdentity,
    SequenceRecord,
    differing_fields,
    environment_from_json,
    identity_from_json,
    json_sha256,
    names_sha256,
    record_from_json,
)
from evalkit.store.sealed import Json, read_any, read_json, seal

TOGETHER = 64
"""Sequences that are written together at most."""
REPLACED = ".replaced"
"""Folder beside a tracker's runs for those that were set aside."""
_MANIFEST = {"run", "identity", "sequences", "notes"}


class RunStatus(enum.Enum):
    """Whether a run can be scored without a remark."""

    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Run:
    """One tracker on one benchmark once.

    Attributes:
        path: Its folder.
        identity: What determines its boxes.
        names: Sequences asked for, in the benchmark's order.
        notes: Facts for readers of its numbers ("sample data", "the thermal image is ignored").
        sealed: Every JSON file below must have its hash; False for runs begun by version 0.1, whose files have none.
    """

    path: Path
    identity: RunIdentity
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sealed: bool = True

    @property
    def run_id(self) -> str:
        """Name of the folder: hash of the identity."""
        return self.path.name

    def lock(self, shard: Shard | None = None) -> contextlib.AbstractContextManager[str | None]:
        """Hold the run, or a shard of it, for writing; the system frees it when the process dies.

        Returns:
            A context whose value is a remark for the user where the file system cannot lock, else None.

        Raises:
            StoreError: On entering: another process is writing this run.
        """
        return hold_run(self.path, shard)

    def record(self, name: str) -> SequenceRecord | None:
        """The record of a finished sequence, None if it is not finished.

        Raises:
            StoreError: It was changed, is damaged, or no file.
        """
        path = self._place(name, "json")
        try:
            record = record_from_json(read_json(path, sealed=self.sealed), path)
        except FileNotFoundError:
            return None
        if record.name != name:
            raise StoreError(f"{path} was changed: it is the record of {record.name}.")
        return record

    def records(self) -> dict[str, SequenceRecord]:
        """The records of all finished sequences by name, in the benchmark's order.

        Raises:
            StoreError: As for :meth:`record`.
        """
        missing = set(self.missing())
        records = {name: self.record(name) for name in self.names if name not in missing}
        return {name: record for name, record in records.items() if record is not None}

    def missing(self) -> list[str]:
        """Sequences that are not finished, in the benchmark's order."""
        present = self._present()
        return [name for name in self.names if f"{file_name(name)}.json" not in present]

    def _present(self) -> set[str]:
        try:
            return set(os.listdir(self.path / "sequences"))  # noqa: PTH208 - names only, 40,000 of them
        except FileNotFoundError:
            return set()
        except OSError as problem:
            raise StoreError(f"cannot read {self.path / 'sequences'}: {problem.strerror or problem}.") from problem

    def status(self) -> RunStatus:
        """COMPLETE if no sequence is missing."""
        return RunStatus.PARTIAL if self.missing() else RunStatus.COMPLETE

    def write(self, record: SequenceRecord, trajectory: Trajectory) -> SequenceRecord:
        """Store a finished sequence: boxes first, then the record that says so.

        Returns:
            The record with its hashes filled in.

        Raises:
            StoreError: The disk is full or read-only.
        """
        return self.write_all([(record, trajectory)])[0]

    def write_all(self, results: cabc.Sequence[tuple[SequenceRecord, Trajectory]]) -> list[SequenceRecord]:
        """Store finished sequences as :meth:`write` does, waiting for the disk once for up to :data:`TOGETHER`.

        Raises:
            StoreError: The disk is full or read-only.
        """
        parts = [results[first : first + TOGETHER] for first in range(0, len(results), TOGETHER)]
        return [record for part in parts for record in self._write_part(part)]

    def _write_part(self, results: cabc.Sequence[tuple[SequenceRecord, Trajectory]]) -> list[SequenceRecord]:
        try:
            return self._write_together(results)
        except StoreError:
            if len(results) == 1:
                raise
            for result in results:  # a disk may be too full for all, but not for some
                with contextlib.suppress(StoreError):
                    self._write_together([result])
            raise

    def _write_together(self, results: cabc.Sequence[tuple[SequenceRecord, Trajectory]]) -> list[SequenceRecord]:
        boxes = {f"{file_name(record.name)}.csv": boxes_to_csv(trajectory) for record, trajectory in results}
        records = [
            dataclasses.replace(
                record,
                predictions_sha256=predictions_sha256(trajectory),
                file_sha256=hashlib.sha256(data).hexdigest(),
            )
            for (record, trajectory), data in zip(results, boxes.values(), strict=True)
        ]
        sealed = {f"{file_name(record.name)}.json": seal(dataclasses.asdict(record)) for record in records}
        write_together(self.path / "sequences", boxes, sealed)
        for record in records:
            self._failure_path(record.name).unlink(missing_ok=True)
        return records

    def read(self, name: str) -> Trajectory:
        """Read a finished sequence.

        Raises:
            StoreError: It is not finished, or its file was changed since it was written.
        """
        record = self.record(name)
        if record is None:
            raise StoreError(f"run {self.run_id} has no result for sequence {name} (folder {self.path}).")
        return self.trajectory(record)

    def trajectory(self, record: SequenceRecord) -> Trajectory:
        """Read what a record speaks of.

        Raises:
            StoreError: Its file was changed since it was written.
        """
        trajectory = boxes_from_csv(self._boxes(record), self._place(record.name, "csv"))
        # a newer record has a hash of its own, which covers this one
        if not self.sealed and predictions_sha256(trajectory) != record.predictions_sha256:
            raise StoreError(
                f"{self._place(record.name, 'json')} was changed: its hash of the boxes does not fit them."
            )
        return trajectory

    def verify(self, record: SequenceRecord) -> None:
        """Check that the boxes of a record are those that were written.

        Raises:
            StoreError: They are not.
        """
        if self.sealed:
            self._boxes(record)
        else:
            self.trajectory(record)

    def _boxes(self, record: SequenceRecord) -> bytes:
        """Content of the file of boxes, which fits the record."""
        path = self._place(record.name, "csv")
        try:
            data = read_file(path)
        except FileNotFoundError:
            raise StoreError(f"{path} is missing. Restore it, or delete its .json to compute it again.") from None
        digest = hashlib.sha256(data).hexdigest()
        if digest != record.file_sha256:
            raise StoreError(
                f"{path} was changed after it was written: its SHA-256 is {digest[:12]}..., the record says "
                f"{record.file_sha256[:12]}.... Restore the file, or delete it and its .json to compute it again."
            )
        return data

    def write_failure(self, name: str, error: str, details: str) -> None:
        """Keep what went wrong with a sequence; removed when the sequence is finished later."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        document = {"name": name, "error": error, "details": details, "when_utc": now}
        write_whole(self._failure_path(name), seal(document))

    def failures(self) -> dict[str, str]:
        """Sequence name -> error of the last try, for sequences that are still missing."""
        paths = {name: self._failure_path(name) for name in self.missing()}
        return {name: str(self._json(path).get("error", "")) for name, path in paths.items() if os.path.lexists(path)}

    def digest(self, records: cabc.Mapping[str, SequenceRecord] | None = None) -> str:
        """SHA-256 over (name, hash of boxes and confidences) of the finished sequences, in name order.

        Args:
            records: All of :meth:`records`, if they were read before.
        """
        finished = self.records() if records is None else records
        return json_sha256([[name, finished[name].predictions_sha256] for name in sorted(finished)])

    def environments(self) -> dict[str, RunEnvironment]:
        """All environments in which sequences of this run were computed, by hash.

        Raises:
            StoreError: The file of one was changed.
        """
        environments = {}
        for path in sorted((self.path / "environments").glob("*.json")):
            environment = environment_from_json(self._json(path), path)
            if not environment.sha256.startswith(path.stem):
                raise StoreError(f"{path} was changed: it hashes to {environment.sha256[:RUN_ID_DIGITS]}.")
            environments[environment.sha256] = environment
        return environments

    def add_environment(self, environment: RunEnvironment) -> None:
        """Note an environment before the first sequence is computed in it."""
        path = self.path / "environments" / f"{environment.sha256[:RUN_ID_DIGITS]}.json"
        if not path.is_file():
            write_whole(path, seal(environment.document()))

    def remarks(self, records: cabc.Mapping[str, SequenceRecord] | None = None) -> tuple[str, ...]:
        """The notes, and what the files show: mixed environments, files that were deleted.

        Args:
            records: All of :meth:`records`, if they were read before.
        """
        finished = self.records() if records is None else records
        remarks = [*self.notes, *mixture(self.environments(), finished.values())]
        present = self._present()
        stems = {name: file_name(name) for name in self.names}
        alone = [name for name, stem in stems.items() if f"{stem}.csv" in present and f"{stem}.json" not in present]
        if alone:
            remarks.append(
                f"boxes without a record, which was deleted or could not be written; they count as missing: "
                f"{listed(alone)}"
            )
        return tuple(remarks)

    def add_timing(self, document: cabc.Mapping[str, object]) -> Path:
        """Keep where the time of one call went: ``timings/<utc>.json``; no part of the run's identity."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{stamp}-{os.getpid()}" + (f"-{number}" if number else "") for number in itertools.count())
        # a clock that was set back gives an old name again, which must not replace the old file
        path = next(path for name in names if not (path := self.path / "timings" / f"{name}.json").exists())
        write_whole(path, seal(document))
        return path

    def timings(self) -> list[dict[str, Json]]:
        """Everything that :meth:`add_timing` kept."""
        return [self._json(path) for path in sorted((self.path / "timings").glob("*.json"))]

    def _json(self, path: Path) -> dict[str, Json]:
        try:
            return read_json(path, sealed=self.sealed)
        except FileNotFoundError as problem:
            raise StoreError(f"cannot read {path}: {problem.strerror}.") from problem

    def _place(self, name: str, suffix: str) -> str:
        return f"{self.path}/sequences/{file_name(name)}.{suffix}"  # a str: made 20,000 times, a Path is slow

    def _failure_path(self, name: str) -> Path:
        return self.path / "failures" / f"{file_name(name)}.json"


@dataclass(frozen=True, slots=True)
class ResultStore:
    """A folder of runs."""

    root: Path

    def open_or_create(self, identity: RunIdentity, names: cabc.Sequence[str], notes: cabc.Sequence[str] = ()) -> Run:
        """Return the run of an identity, with its manifest on disk."""
        folder = self.root / file_name(identity.benchmark) / file_name(identity.tracker) / identity.run_id
        manifest = folder / "manifest.json"
        if os.path.lexists(manifest) or (folder / "sequences").exists():
            return open_run(folder)
        content = {
            "run": identity.run_id,
            "identity": dataclasses.asdict(identity),
            "sequences": list(names),
            "notes": list(notes),
        }
        write_whole(manifest, seal(content))
        return Run(folder, identity, tuple(names), tuple(notes))

    def find(self, *, benchmark: str | None = None, tracker: str | None = None, run_id: str | None = None) -> list[Run]:
        """Runs in this folder, filtered; sorted by benchmark, tracker, run id.

        Args:
            benchmark: Benchmark name.
            tracker: Tracker name.
            run_id: Run id or the beginning of one.

        Raises:
            StoreError: A manifest is damaged or of another schema version.
        """
        return [open_run(folder) for folder in self.folders(benchmark=benchmark, tracker=tracker, run_id=run_id)]

    def folders(
        self, *, benchmark: str | None = None, tracker: str | None = None, run_id: str | None = None
    ) -> list[Path]:
        """Folders of runs, as for :meth:`find`, whatever state they are in."""
        parts = [file_name(benchmark) if benchmark else "*", file_name(tracker) if tracker else "*"]
        folders = self.root.glob("/".join([*parts, f"{run_id or ''}*"]))
        return [
            folder
            for folder in sorted(folders)
            if os.path.lexists(folder / "manifest.json") or (folder / "sequences").exists()
        ]


def mixture(environments: cabc.Mapping[str, RunEnvironment], records: cabc.Iterable[SequenceRecord]) -> list[str]:
    """What a reader must know of where the sequences of a run, or of its repetitions, were computed.

    Args:
        environments: Those that are known, by hash.
        records: Of the sequences.

    Returns:
        One text if they were computed in different environments, one if an environment is not known.
    """
    places = {(record.environment_sha256, record.device.partition(":")[0]) for record in records}
    places = {(environment, device) for environment, device in places if environment}  # imported results have none
    used = sorted({environment for environment, _ in places})
    remarks = []
    if len(places) > 1:
        differing = differing_fields([environments[key] for key in used if key in environments])
        if len(devices := sorted({device for _, device in places})) > 1:
            differing["device"] = devices
        what = "; ".join(f"{name}: {' / '.join(values)}" for name, values in differing.items())
        remarks.append(f"mixed: parts of the run were computed in different environments ({what or 'unknown'})")
    if lost := [key[:RUN_ID_DIGITS] for key in used if key not in environments]:
        remarks.append(f"the file of environment {listed(lost)} is missing: where sequences were computed is unknown")
    return remarks


def open_run(folder: Path) -> Run:
    """Read the run of a folder.

    Raises:
        StoreError: Its manifest is missing, damaged, of another schema version, or not that of this folder.
    """
    manifest = folder / "manifest.json"
    try:
        content, sealed = read_any(manifest)
    except FileNotFoundError:
        raise StoreError(
            f"{manifest} is missing, but there are results in its folder. Restore it, or move the folder away."
        ) from None
    identity, names, notes = content.get("identity"), content.get("sequences"), content.get("notes", [])
    if not isinstance(identity, dict) or not isinstance(names, list) or not isinstance(notes, list):
        raise StoreError(f"{manifest} is damaged: it lacks the identity or the list of sequences.")
    run = Run(
        manifest.parent,
        identity_from_json(identity, manifest),
        tuple(str(name) for name in names),
        tuple(str(note) for note in notes),
        sealed,
    )
    if run.identity.run_id != run.run_id:
        raise StoreError(
            f"{manifest} was changed: its identity hashes to {run.identity.run_id}, but the folder is {run.run_id}."
        )
    if content.keys() - _MANIFEST or names_sha256(run.names) != run.identity.sequence_list_sha256:
        raise StoreError(f"{manifest} was changed: its entries or its sequences are not those that were written.")
    return run
