"""Raw results into the store: one run per repetition, with the origin in its identity."""

import collections.abc as cabc
import datetime as dt

import numpy as np

from evalkit.boxes import Boxes
from evalkit.provenance import IMPORTED, Origin
from evalkit.results.reader import ImportedResults
from evalkit.sequences import Trajectory
from evalkit.store.manifest import RunIdentity, SequenceRecord, names_sha256
from evalkit.store.runs import ResultStore, Run


def store_results(
    results: ImportedResults,
    store: ResultStore,
    *,
    benchmark: str,
    split: str,
    data: Origin,
    names: cabc.Sequence[str],
    initial_boxes: cabc.Mapping[str, Boxes] | None = None,
) -> list[Run]:
    """Write imported results as runs; sequences that are stored already are left as they are.

    Args:
        results: What was read.
        store: Where to.
        benchmark: Benchmark name.
        split: Split name.
        data: What the results are on.
        names: Sequences of the split, those without a result included.
        initial_boxes: Sequence name -> (4,) first box of the annotation, for the records; else the result's own.

    Returns:
        One run per repetition. A run is partial where sequences are missing.

    Raises:
        StoreError: The store cannot be written.
    """
    digest = results.digest()
    repetitions = max(map(len, results.sequences.values()), default=0)
    notes = [f"imported from {results.where} (format {results.layout})", *results.remarks()]
    runs = []
    for repeat in range(repetitions):
        identity = RunIdentity(
            benchmark=benchmark,
            split=split,
            data=data,
            sequence_list_sha256=names_sha256(names),
            tracker=results.tracker,
            config={"format": results.layout},
            weights_sha256=None,
            precision="unknown",
            seed=0,
            repeat=repeat,
            frame_limit=None,
            source=IMPORTED,
            archive_sha256=digest,
        )
        run = store.open_or_create(identity, names, notes)
        with run.lock():
            missing = set(run.missing())
            finished = {name: runs[repeat] for name, runs in results.sequences.items() if repeat < len(runs)}
            run.write_all(
                [
                    (_record(name, trajectory, initial_boxes or {}), trajectory)
                    for name, trajectory in finished.items()
                    if name in missing
                ]
            )
        runs.append(run)
    return runs


def _record(name: str, trajectory: Trajectory, initial_boxes: cabc.Mapping[str, Boxes]) -> SequenceRecord:
    box = initial_boxes.get(name, trajectory.boxes[0])
    return SequenceRecord(
        name=name,
        frames=len(trajectory),
        initial_box=tuple(float(value) for value in box) if np.isfinite(box).all() else (),
        predictions_sha256="",  # both hashes are filled in by the store
        file_sha256="",
        seconds=float(np.nansum(trajectory.seconds)),
        device=IMPORTED,
        capacity=1,
        rank=0,
        finished_utc=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        environment_sha256="",
    )
