"""Runs on disk: ``results/<benchmark>/<tracker>/<run id>/`` with a manifest and two files per finished sequence."""

import collections.abc as cabc
import contextlib
import dataclasses
import datetime as dt
import enum
import hashlib
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.boxes import Boxes, FloatArray
from evalkit.errors import StoreError
from evalkit.numbers import parse_numbers
from evalkit.sequences import Trajectory
from evalkit.store.atomic import file_name, write_whole
from evalkit.store.locks import Shard, hold_run
from evalkit.store.manifest import (
    RunEnvironment,
    RunIdentity,
    SequenceRecord,
    environment_from_json,
    identity_from_json,
    json_sha256,
    read_json,
    record_from_json,
    to_json,
)

COLUMNS = "frame,left,top,width,height,confidence,seconds"


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
    """

    path: Path
    identity: RunIdentity
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
        """The record of a finished sequence, None if it is not finished."""
        path = self._record_path(name)
        return record_from_json(read_json(path), path) if path.is_file() else None

    def missing(self) -> list[str]:
        """Sequences that are not finished, in the benchmark's order."""
        folder = self.path / "sequences"
        present = {path.name for path in folder.glob("*.json")} if folder.is_dir() else set()
        return [name for name in self.names if f"{file_name(name)}.json" not in present]

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
        data = _to_csv(trajectory)
        record = dataclasses.replace(
            record,
            predictions_sha256=predictions_sha256(trajectory),
            file_sha256=hashlib.sha256(data).hexdigest(),
        )
        write_whole(self._boxes_path(record.name), data)
        write_whole(self._record_path(record.name), to_json(record))
        self._failure_path(record.name).unlink(missing_ok=True)
        return record

    def read(self, name: str) -> Trajectory:
        """Read a finished sequence.

        Raises:
            StoreError: It is not finished, or its file was changed since it was written.
        """
        record = self.record(name)
        if record is None:
            raise StoreError(f"run {self.run_id} has no result for sequence {name} (folder {self.path}).")
        path = self._boxes_path(name)
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise StoreError(f"cannot read {path}: {problem.strerror or problem}.") from problem
        found = hashlib.sha256(data).hexdigest()
        if found != record.file_sha256:
            raise StoreError(
                f"{path} was changed after it was written: its SHA-256 is {found[:12]}..., the record says "
                f"{record.file_sha256[:12]}.... Restore the file, or delete it and its .json to compute it again."
            )
        return _from_csv(data, path)

    def write_failure(self, name: str, error: str, details: str) -> None:
        """Keep what went wrong with a sequence; removed when the sequence is finished later."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        text = json.dumps({"name": name, "error": error, "details": details, "when_utc": now}, indent=1)
        write_whole(self._failure_path(name), text.encode() + b"\n")

    def failures(self) -> dict[str, str]:
        """Sequence name -> error of the last try, for sequences that are still missing."""
        paths = {name: self._failure_path(name) for name in self.missing()}
        return {name: str(read_json(path).get("error", "")) for name, path in paths.items() if path.is_file()}

    def digest(self) -> str:
        """SHA-256 over (name, hash of boxes and confidences) of the finished sequences, in name order."""
        missing = set(self.missing())
        lines = []
        for name in sorted(set(self.names) - missing):
            record = self.record(name)
            assert record is not None
            lines.append([name, record.predictions_sha256])
        return json_sha256(lines)

    def environments(self) -> dict[str, RunEnvironment]:
        """All environments in which sequences of this run were computed, by hash."""
        paths = sorted((self.path / "environments").glob("*.json"))
        found = [environment_from_json(read_json(path), path) for path in paths]
        return {environment.sha256: environment for environment in found}

    def add_environment(self, environment: RunEnvironment) -> None:
        """Note an environment before the first sequence is computed in it."""
        path = self.path / "environments" / f"{environment.sha256[:12]}.json"
        if not path.is_file():
            write_whole(path, to_json(environment))

    def add_timing(self, document: cabc.Mapping[str, object]) -> Path:
        """Keep where the time of one call went: ``timings/<utc>.json``; no part of the run's identity."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{stamp}-{os.getpid()}" + (f"-{number}" if number else "") for number in itertools.count())
        # a clock that was set back gives an old name again, which must not replace the old file
        path = next(path for name in names if not (path := self.path / "timings" / f"{name}.json").exists())
        write_whole(path, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
        return path

    def timings(self) -> list[dict[str, object]]:
        """Everything that :meth:`add_timing` kept."""
        return [dict(read_json(path)) for path in sorted((self.path / "timings").glob("*.json"))]

    def _boxes_path(self, name: str) -> Path:
        return self.path / "sequences" / f"{file_name(name)}.csv"

    def _record_path(self, name: str) -> Path:
        return self.path / "sequences" / f"{file_name(name)}.json"

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
        if manifest.is_file():
            return _open(manifest)
        content = {
            "run": identity.run_id,
            "identity": dataclasses.asdict(identity),
            "sequences": list(names),
            "notes": list(notes),
        }
        write_whole(manifest, json.dumps(content, indent=1, ensure_ascii=False, default=dict).encode() + b"\n")
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
        parts = [file_name(benchmark) if benchmark else "*", file_name(tracker) if tracker else "*"]
        pattern = "/".join([*parts, f"{run_id or ''}*", "manifest.json"])
        return [_open(path) for path in sorted(self.root.glob(pattern))] if self.root.is_dir() else []


def predictions_sha256(trajectory: Trajectory) -> str:
    """Hash over boxes and confidences as little-endian doubles; all NaN and both zeros count as one."""
    values = np.column_stack([trajectory.boxes, trajectory.confidence]) + 0.0
    values[np.isnan(values)] = np.nan
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


def _open(manifest: Path) -> Run:
    content = read_json(manifest)
    identity, names, notes = content.get("identity"), content.get("sequences"), content.get("notes", [])
    if not isinstance(identity, dict) or not isinstance(names, list) or not isinstance(notes, list):
        raise StoreError(f"{manifest} is damaged: it lacks the identity or the list of sequences.")
    run = Run(
        manifest.parent,
        identity_from_json(identity, manifest),
        tuple(str(name) for name in names),
        tuple(str(note) for note in notes),
    )
    if run.identity.run_id != run.run_id:
        raise StoreError(
            f"{manifest} was changed: its identity hashes to {run.identity.run_id}, but the folder is {run.run_id}."
        )
    return run


def _to_csv(trajectory: Trajectory) -> bytes:
    boxes: Boxes = trajectory.boxes
    rows = [COLUMNS]
    columns = zip(boxes.tolist(), trajectory.confidence.tolist(), trajectory.seconds.tolist(), strict=True)
    rows += [
        f"{frame},{box[0]!r},{box[1]!r},{box[2]!r},{box[3]!r},{confidence!r},{seconds:.6f}"
        for frame, (box, confidence, seconds) in enumerate(columns)
    ]
    return "\n".join([*rows, ""]).encode("ascii")


def _from_csv(data: bytes, path: Path) -> Trajectory:
    header, _, body = data.partition(b"\n")
    if header.decode("ascii", "replace") != COLUMNS:
        raise StoreError(f"{path}: the first line is {header[:80]!r}, expected {COLUMNS!r}.")
    table: FloatArray = parse_numbers(body, where=str(path), error=StoreError)
    return Trajectory(
        boxes=np.ascontiguousarray(table[:, 1:5]),
        confidence=np.ascontiguousarray(table[:, 5]),
        seconds=np.ascontiguousarray(table[:, 6]),
    )
