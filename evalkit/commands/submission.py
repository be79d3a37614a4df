"""``evalkit package-submission`` and ``evalkit check-submission``."""

from pathlib import Path

import click

from evalkit.benchmarks import get_benchmark
from evalkit.commands.common import (
    EXIT_FAILED,
    App,
    common_options,
    data_root_option,
    json_option,
    print_json,
    results_option,
)
from evalkit.commands.output import echo
from evalkit.errors import counted, unknown_name
from evalkit.evaluation.roots import find_root
from evalkit.sample import sample_origin
from evalkit.store.runs import ResultStore
from evalkit.submission.checking import FORMATS, SubmissionReport, check_submission
from evalkit.submission.expected import of_copy, official
from evalkit.submission.findings import Finding, Kind
from evalkit.submission.form import SubmissionFormat
from evalkit.submission.packaging import Package, make_package, select_runs, write_package

SHOWN = 5
"""Defects of one kind that are printed."""


def _format(name: str) -> SubmissionFormat:
    if name not in FORMATS:
        raise unknown_name("submission", name, FORMATS)
    return FORMATS[name]


@click.command("package-submission")
@click.argument("benchmark", metavar="|".join(FORMATS))
@click.option("--run", "run_ids", multiple=True, help="Run id or its beginning; several are repetitions (GOT-10k).")
@click.option("--tracker", help="Take the run of this tracker with all its repetitions.")
@click.option("--layout", help="GOT-10k: flat (sequences at the top, default) or tracker-folder.")
@click.option("--output", type=click.Path(path_type=Path), help="The zip. Default: reports/BENCHMARK-TRACKER-RUN.zip.")
@click.option("--force", is_flag=True, help="Replace another file of that name.")
@results_option
@json_option
@common_options
@click.pass_obj
def package_submission(
    app: App,
    /,
    *,
    benchmark: str,
    run_ids: tuple[str, ...],
    tracker: str | None,
    layout: str | None,
    output: Path | None,
    force: bool,
    results: Path,
    as_json: bool,
) -> None:
    r"""Check a complete run, pack it as a server wants it, read it back, print the SHA-256. Deletes nothing.

    \b
    got10k       180 sequences, boxes with 4 decimals, times, up to three repetitions
    trackingnet  511 files SEQUENCE.txt with 2 decimals
    depthtrack   TRACKER/rgbd-unsupervised/... with confidences, for the VOT toolkit

    The same runs give the same zip. A zip made of rendered sample data has "sample" in its name.

    \b
    Examples:
      evalkit package-submission got10k --tracker ostrack-256
      evalkit package-submission got10k --run 3f2a --run 91bc --run d04e --layout tracker-folder
      evalkit package-submission trackingnet --run 3f2a --output upload/mine.zip
    """
    form = _format(benchmark)
    if not run_ids and tracker is None:
        raise click.UsageError("say which run: --run ID, or --tracker T")
    if layout is not None and layout not in form.layouts:
        raise click.UsageError(f"{benchmark} has no layout {layout!r}; it has: {', '.join(form.layouts)}")
    if output is not None and output.suffix != ".zip":
        raise click.UsageError(f"--output must name a file that ends in .zip, not {output}")
    runs = select_runs(ResultStore(results), form, run_ids=run_ids, tracker=tracker)
    package = make_package(runs, get_benchmark(benchmark), form, layout=layout)
    path = _path(package, output)
    written = write_package(package, path, force=force)
    _tell(app, package, form)
    if not written:
        app.say(f"{path} was there already with the same content.")
    if as_json:
        print_json(_document(package, path))
    else:
        echo(
            f"{path}: {counted(package.report.sequences, 'sequence')}, {counted(package.report.files, 'file')}, "
            f"{counted(len(package.runs), 'repetition')}, {len(package.data):,} bytes"
        )
        echo(f"SHA-256 {package.sha256}")


def _path(package: Package, output: Path | None) -> Path:
    """Where the zip goes; a sample says so in its name, whatever name was asked for."""
    if output is None:
        return Path("reports") / package.file_name
    if package.sample and "sample" not in output.stem:
        return output.with_name(f"{output.stem}-sample.zip")
    return output


def _tell(app: App, package: Package, form: SubmissionFormat) -> None:
    for finding in package.report.warnings:
        app.say(str(finding))
    for note in dict.fromkeys(note for run in package.runs for note in run.remarks()):
        app.say(f"note: {note}")
    if package.sample:
        app.say(f"This is sample data ({package.runs[0].identity.data}), not what {form.receiver} expects.")
    app.say(form.caveat)


def _document(package: Package, path: Path) -> dict[str, object]:
    return {
        "benchmark": package.report.benchmark,
        "tracker": package.runs[0].identity.tracker,
        "runs": [run.run_id for run in package.runs],
        "layout": package.layout,
        "sample": package.sample,
        "output": str(path),
        "sha256": package.sha256,
        "bytes": len(package.data),
        "files": package.report.files,
        "sequences": package.report.sequences,
        "warnings": [finding.document() for finding in package.report.warnings],
    }


@click.command("check-submission")
@click.argument("benchmark", metavar="|".join(FORMATS))
@click.argument("file", type=click.Path(path_type=Path))
@data_root_option
@json_option
@common_options
@click.pass_obj
def check(app: App, /, *, benchmark: str, file: Path, data_root: Path | None, as_json: bool) -> int:
    r"""Check FILE, a zip or a folder made by anyone, before it goes to a server. Finds every defect at once.

    Each line says what is wrong in which file and line, what was found and what was expected; of one kind of defect
    five are shown, and --json lists all. Errors end with 1; warnings are legal and probably not meant. With
    --data-root numbers of frames and first boxes are compared with that copy too; TrackingNet's are known in no other
    way. FILE may lead into a zip: all.zip/mine.zip.

    \b
    Examples:
      evalkit check-submission got10k mine.zip
      evalkit check-submission trackingnet mine.zip --data-root /data/TrackingNet
      evalkit check-submission depthtrack results/ --json
    """
    form = _format(benchmark)
    spec = get_benchmark(benchmark)
    expected = official(spec)
    remarks: list[str] = []
    if data_root is not None:
        root = find_root(spec, data_root)
        expected, remarks = of_copy(spec, root, own_names=sample_origin(root) is not None)
    report = check_submission(file, form, expected)
    notes = [*report.notes, *remarks, form.caveat]
    if as_json:
        print_json({**report.document(), "notes": notes})
    else:
        _print(app, report, notes)
    return EXIT_FAILED if report.errors else 0


def _print(app: App, report: SubmissionReport, notes: list[str]) -> None:
    echo(f"{report.where}: {counted(report.files, 'file')}, compared with {report.source}")
    kinds: dict[str, int] = {}
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1 + len(finding.more_files)
        groups.setdefault((finding.severity, finding.kind), []).append(finding)
    for (severity, kind), group in groups.items():
        echo(*group[:SHOWN])
        if len(group) > SHOWN:
            echo(f"{severity}: {kind}: {len(group) - SHOWN} more; --json lists all")
    if kinds.get(Kind.MISSING_SEQUENCE) == report.sequences:
        echo(f"none of the {report.sequences} sequences is in it; `evalkit audit FILE` says whose results it holds")
    for note in notes:
        app.say(f"note: {note}")
    counts = ", ".join(f"{kind} ({count})" for kind, count in kinds.items())
    if report.errors:
        echo(f"not acceptable: {len(report.errors)} errors, {len(report.warnings)} warnings: {counts}")
    elif report.warnings:
        echo(f"acceptable, {len(report.warnings)} warnings: {counts}")
    else:
        echo("acceptable, no defects")
