"""``evalkit import-results`` and ``evalkit export-results``."""

import collections.abc as cabc
import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from evalkit.benchmarks import CUSTOM, get_benchmark, get_split
from evalkit.benchmarks.names import MissingSequenceError, official_row, official_rows
from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.boxes import Boxes
from evalkit.commands.common import (
    EXIT_FAILED,
    App,
    common_options,
    data_root_option,
    json_option,
    print_json,
    results_option,
)
from evalkit.commands.options import text_or_json
from evalkit.commands.output import echo
from evalkit.errors import ResultFormatError, StoreError, unknown_name
from evalkit.evaluation.roots import data_origin, find_root
from evalkit.provenance import OFFICIAL, Origin
from evalkit.results.exporters import EXPORT_FORMATS, Numbers, write_results
from evalkit.results.importing import store_results
from evalkit.results.layouts import RESULT_LAYOUTS
from evalkit.results.reader import ImportedResults, read_results
from evalkit.sequences import Annotation, Trajectory
from evalkit.store.runs import ResultStore, Run

FORMAT_HELP = "Layout of the files; recognized if not given. One of: " + ", ".join(RESULT_LAYOUTS) + "."


@dataclass(frozen=True, slots=True)
class KnownSequences:
    """What is known of the sequences to which results are matched.

    Attributes:
        split: Name of the split.
        names: Sequence names, in the benchmark's order.
        frame_counts: Frames, where known.
        initial_boxes: First boxes, where known.
        data: Origin as in RunIdentity.data.
    """

    split: str
    names: tuple[str, ...]
    frame_counts: cabc.Mapping[str, int]
    initial_boxes: cabc.Mapping[str, Boxes] | None
    data: Origin


@click.command("import-results")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--benchmark", required=True, help="A name from `evalkit list benchmarks`.")
@click.option("--tracker", required=True, help="Name of the tracker; of several in PATH, the one to take.")
@click.option("--split", help="Default: the one that papers report, or that the file names tell.")
@click.option("--layout-of-results", "layout", help=FORMAT_HELP)
@click.option("--annotations", type=click.Path(path_type=Path), help="An annotations-only copy, to check lengths.")
@data_root_option
@click.option("--layout", "layout_file", type=click.Path(path_type=Path), help="Layout file of `custom`.")
@click.option("--allow-missing", is_flag=True, help="Import what is there; the run stays partial.")
@results_option
@text_or_json
@common_options
@click.pass_obj
def import_results(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    path: Path,
    benchmark: str,
    tracker: str,
    split: str | None,
    layout: str | None,
    annotations: Path | None,
    data_root: Path | None,
    layout_file: Path | None,
    allow_missing: bool,
    results: Path,
    as_json: bool,
) -> int:
    r"""Bring raw results of another program into the store: a folder or zip of any known layout.

    Every missing, short, unreadable or foreign file is listed. Nothing is changed in PATH, and boxes are stored as
    they are; what a protocol does with them is its business. A path may lead into a zip.

    \b
    Examples:
      evalkit import-results results_lasot.zip --benchmark lasot --tracker ATOM
      evalkit import-results all.zip/SiamFC --benchmark uav123 --tracker siamfc --annotations uav123_gt.zip
      evalkit import-results out --benchmark rgbt234 --tracker mine --layout-of-results corners
    """
    spec = get_benchmark(benchmark, layout=layout_file)
    found, known = _read(path, spec, _known(spec, split, annotations, data_root), tracker, layout)
    for remark in found.remarks():
        app.say(remark)
    problems = found.problems()
    if problems and not allow_missing:
        raise ResultFormatError(*_incomplete(spec, known, found))
    for problem in problems:
        app.say(problem)
    runs = store_results(
        found,
        ResultStore(results),
        benchmark=spec.name,
        split=known.split,
        data=known.data,
        names=known.names,
        initial_boxes=known.initial_boxes,
    )
    _report_import(app, found, known, runs, as_json=as_json)
    return EXIT_FAILED if not runs else 0


def _known(
    spec: BenchmarkSpec, split: str | None, annotations: Path | None, data_root: Path | None
) -> list[KnownSequences]:
    """Sequences of the annotation, of the data folder, or of the packaged lists of all splits that may be meant."""
    if annotations is not None:
        from evalkit.benchmarks.annotations import read_annotations
        from evalkit.sample import sample_origin

        found_split, read = read_annotations(spec, split, annotations)
        origin = sample_origin(annotations) if annotations.is_dir() else None
        return [_of_annotations(found_split, read, origin or OFFICIAL)]
    if data_root is not None or spec.name == CUSTOM:
        return [_of_copy(spec, split, data_root)]
    splits = [get_split(spec, split)] if split is not None else list(spec.splits.values())
    known = [
        KnownSequences(
            part.name,
            tuple(rows),
            {name: int(row["frames"]) for name, row in rows.items() if row.get("frames")},
            None,
            OFFICIAL,
        )
        for part in splits
        if (rows := official_rows(part.names_file))
    ]
    if not known:
        raise ResultFormatError(
            f"{spec.title}: no list of sequence names is packaged for it. Pass --annotations or --data-root."
        )
    return known


def _of_copy(spec: BenchmarkSpec, split: str | None, data_root: Path | None) -> KnownSequences:
    """Sequences of a copy; of those that it lacks, the length in the packaged list is taken."""
    root = find_root(spec, data_root)
    part = get_split(spec, split)
    names = spec.list_sequences(root, part)
    read: list[Annotation] = []
    for name in names:
        with contextlib.suppress(MissingSequenceError):
            read.append(spec.read_annotation(root, part, name))
    packaged = {name: int(rows["frames"]) for name in names if (rows := official_row(part, name)).get("frames")}
    known = _of_annotations(part.name, read, data_origin(spec, root))
    return dataclasses.replace(known, names=tuple(names), frame_counts={**packaged, **known.frame_counts})


def _of_annotations(split: str, annotations: cabc.Sequence[Annotation], data: Origin) -> KnownSequences:
    return KnownSequences(
        split,
        tuple(annotation.name for annotation in annotations),
        {annotation.name: annotation.frame_count for annotation in annotations},
        {annotation.name: annotation.ground_truth[0] for annotation in annotations},
        data,
    )


def _read(
    path: Path, spec: BenchmarkSpec, known: cabc.Sequence[KnownSequences], tracker: str, layout: str | None
) -> tuple[ImportedResults, KnownSequences]:
    """Read with the first list of names that fits; the error of the first one if none does."""
    problem: ResultFormatError | None = None
    for names in known:
        try:
            (found,) = read_results(
                path,
                names=names.names,
                benchmark=spec.name,
                tracker=tracker,
                format=layout,
                frame_counts=names.frame_counts,
                initial_boxes=names.initial_boxes,
                with_times=True,
            )
        except ResultFormatError as reason:
            problem = problem or reason
            continue
        return found, names
    assert problem is not None
    if known[0].initial_boxes is None:
        raise ResultFormatError(*problem.lines, "For sequences of other names pass --annotations or --data-root.")
    raise problem


def _incomplete(spec: BenchmarkSpec, known: KnownSequences, found: ImportedResults) -> list[str]:
    """Everything that is wrong, and what to do."""
    lines = [f"results of {found.tracker} in {found.where} are incomplete.", *found.problems()]
    fitting = [
        split.name for split in spec.splits.values() if set(official_rows(split.names_file)) == set(found.sequences)
    ]
    if fitting and fitting[0] != known.split:
        return [*lines, f"The files are those of split {fitting[0]}: pass --split {fitting[0]}."]
    return [*lines, "Pass --allow-missing to import what is there."]


def _report_import(
    app: App, found: ImportedResults, known: KnownSequences, runs: cabc.Sequence[Run], *, as_json: bool
) -> None:
    documents = [
        {"run": run.run_id, "repeat": run.identity.repeat, "status": run.status().value, "digest": run.digest()}
        for run in runs
    ]
    frames = sum(len(one) for repetitions in found.sequences.values() for one in repetitions)
    if as_json:
        identity = runs[0].identity if runs else None
        print_json(
            {
                "benchmark": identity.benchmark if identity else None,
                "split": known.split,
                "tracker": found.tracker,
                "format": found.format,
                "archive_sha256": identity.archive_sha256 if identity else None,
                "sequences": len(found.sequences),
                "frames": frames,
                "runs": documents,
                "missing": found.missing,
                "unreadable": found.unreadable,
                "foreign": found.foreign,
                "notes": found.remarks(),
            }
        )
        return
    for document in documents:
        echo(
            f"{found.tracker}: {len(found.sequences)} sequences, {frames} rows, format {found.format}, "
            f"run {document['run']} ({document['status']})"
        )
    if runs:
        app.say(f"Score it: evalkit score {runs[0].identity.benchmark} --tracker {found.tracker}")


@click.command("export-results")
@click.option("--run", "run_id", help="Run id, or the beginning of one.")
@click.option("--tracker", help="Name of the tracker, with --benchmark.")
@click.option("--benchmark", help="Name of the benchmark.")
@click.option("--format", "layout", required=True, help="One of: " + ", ".join(EXPORT_FORMATS) + ".")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for the files.")
@results_option
@json_option
@common_options
@click.pass_obj
def export_results(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    run_id: str | None,
    tracker: str | None,
    benchmark: str | None,
    layout: str,
    output: Path,
    results: Path,
    as_json: bool,
) -> None:
    r"""Write a run in another program's text format. The store keeps exact boxes; formats that round say so.

    \b
    Formats:
      plain, tab       TRACKER/SEQUENCE.txt, exact decimals
      pytracking       TRACKER/default/SEQUENCE.txt, tabs, truncated to integers, with times
      ostrack          the same with one more level for the benchmark
      got10k           GOT-10k/TRACKER/SEQUENCE/SEQUENCE_001.txt, 3 decimals, with times
      got10k-toolkit   BENCHMARK/TRACKER/SEQUENCE.txt, 3 decimals
      trackingnet      SEQUENCE.txt, 2 decimals
      kit              TRACKER_tracking_result/SEQUENCE.txt
      swintrack        test_metrics/BENCHMARK/SEQUENCE/bounding_box.txt, corners
      vot              TRACKER/rgbd-unsupervised/SEQUENCE/SEQUENCE_001.txt with confidences

    \b
    Examples:
      evalkit export-results --tracker kcf --benchmark uav123 --format pytracking --output out
      evalkit export-results --run 3f2a --format vot --output out
    """
    if layout not in EXPORT_FORMATS:
        raise unknown_name("export format", layout, EXPORT_FORMATS)
    if run_id is None and (tracker is None or benchmark is None):
        raise click.UsageError("say which run: --run ID, or --tracker T --benchmark B")
    runs = _runs(ResultStore(results), run_id, tracker, benchmark)
    name = runs[0].identity.benchmark
    trajectories: dict[str, list[Trajectory]] = {
        sequence: [run.read(sequence) for run in runs] for sequence in runs[0].names
    }
    files = write_results(
        trajectories,
        output,
        format=layout,
        tracker=runs[0].identity.tracker,
        benchmark=name,
        title=get_benchmark(name).title,
    )
    if EXPORT_FORMATS[layout].numbers is not Numbers.EXACT:
        app.say(f"The format {layout!r} rounds ({EXPORT_FORMATS[layout].numbers.value}); scores may change slightly.")
    if EXPORT_FORMATS[layout].confidence is None and _has_confidences(trajectories):
        app.say(f"The format {layout!r} has no place for confidences, which long-term scores need; `vot` has.")
    document: dict[str, Any] = {"runs": [run.run_id for run in runs], "format": layout, "files": len(files)}
    if as_json:
        print_json(document | {"output": str(output)})
    else:
        echo(f"{len(files)} files in {output} ({EXPORT_FORMATS[layout].description})")


def _has_confidences(trajectories: cabc.Mapping[str, cabc.Sequence[Trajectory]]) -> bool:
    return any(np.isfinite(one.confidence).any() for repetitions in trajectories.values() for one in repetitions)


def _runs(store: ResultStore, run_id: str | None, tracker: str | None, benchmark: str | None) -> list[Run]:
    """The run meant, or all repetitions of one; complete."""
    runs = store.find(benchmark=benchmark, tracker=tracker, run_id=run_id)
    if not runs:
        raise StoreError(f"no such run in {store.root}. `evalkit run-benchmark` or `evalkit import-results` makes one.")
    same = {dataclasses.replace(run.identity, repeat=0).run_id for run in runs}
    if len(same) > 1 or (run_id is not None and len(runs) > 1):
        listed = ", ".join(f"{run.run_id} ({run.identity.tracker} on {run.identity.benchmark})" for run in runs)
        raise StoreError(f"{len(runs)} runs match: {listed}. Name one with --run.")
    partial = {run.run_id: run.missing() for run in runs if run.missing()}
    if partial:
        name, missing = next(iter(partial.items()))
        raise StoreError(
            f"run {name} is not complete: {len(missing)} sequences are missing, the first is {missing[0]}. Finish it."
        )
    return sorted(runs, key=lambda run: run.identity.repeat)
