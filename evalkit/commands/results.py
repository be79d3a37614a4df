"""``evalkit import-results`` and ``evalkit export-results``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import (
    EXIT_FAILED,
    App,
    common_options,
    data_root_option,
    json_option,
    print_json,
    results_option,
)
from evalkit.commands.options import benchmark_argument, text_or_json
from evalkit.commands.output import echo
from evalkit.errors import counted
from evalkit.evaluation.request import Request
from evalkit.results.exporters import EXPORT_FORMATS
from evalkit.results.layouts import RESULT_LAYOUTS
from evalkit.store.runs import ResultStore

if TYPE_CHECKING:
    from evalkit.evaluation.exchange import Imported

FORMAT_HELP = "Layout of the files; recognized if not given. One of: " + ", ".join(RESULT_LAYOUTS) + "."


@click.command("import-results")
@click.argument("path", type=click.Path(path_type=Path))
@benchmark_argument
@click.option("--tracker", required=True, help="Name of the tracker; of several in PATH, the one to take.")
@click.option("--split", help="Default: the one that papers report, or that the file names tell.")
@click.option("--layout-of-results", help=FORMAT_HELP)
@click.option("--annotations", type=click.Path(path_type=Path), help="An annotations-only copy, to check lengths.")
@data_root_option
@click.option("--layout", type=click.Path(path_type=Path), help="Layout file of `custom`.")
@click.option("--allow-missing", is_flag=True, help="Import what is there; the run stays partial.")
@results_option
@text_or_json
@common_options
@click.pass_obj
def import_results(
    app: App,
    /,
    path: Path,
    benchmark: str,
    tracker: str,
    as_json: bool,
    **options: Any,
) -> int:
    r"""Bring raw results of another program into the store: a folder or zip of any known layout.

    Every missing, short, unreadable or foreign file is listed. Nothing is changed in PATH, and boxes are stored as
    they are; what a protocol does with them is its business. A path may lead into a zip.

    \b
    Examples:
      evalkit import-results results_lasot.zip lasot --tracker ATOM
      evalkit import-results all.zip/SiamFC uav123 --tracker siamfc --annotations uav123_gt.zip
      evalkit import-results out rgbt234 --tracker mine --layout-of-results corners
    """
    from evalkit.evaluation.exchange import import_files

    request = Request(benchmarks=(benchmark,), trackers=(tracker,), predictions=path, **options)
    imported = import_files(request, app.say)
    _report_import(app, imported, as_json=as_json)
    return 0 if imported.runs else EXIT_FAILED


def _report_import(app: App, imported: "Imported", *, as_json: bool) -> None:
    results, runs = imported.results, imported.runs
    documents = [
        {"run": run.run_id, "repeat": run.identity.repeat, "status": run.status().value, "digest": run.digest()}
        for run in runs
    ]
    frames = sum(len(trajectory) for repetitions in results.sequences.values() for trajectory in repetitions)
    if as_json:
        identity = runs[0].identity if runs else None
        print_json(
            {
                "benchmark": identity.benchmark if identity else None,
                "split": imported.split,
                "tracker": results.tracker,
                "format": results.layout,
                "archive_sha256": identity.archive_sha256 if identity else None,
                "sequences": len(results.sequences),
                "frames": frames,
                "runs": documents,
                "missing": results.missing,
                "unreadable": results.unreadable,
                "foreign": results.foreign,
                "notes": results.remarks(),
            }
        )
        return
    for document in documents:
        echo(
            f"{results.tracker}: {counted(len(results.sequences), 'sequence')}, {counted(frames, 'row')}, "
            f"format {results.layout}, run {document['run']} ({document['status']})"
        )
    if runs:
        app.say(f"Score it: evalkit score {runs[0].identity.benchmark} --tracker {results.tracker}")


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
    from evalkit.evaluation.exchange import export_runs

    if run_id is None and (tracker is None or benchmark is None):
        raise click.UsageError("say which run: --run ID, or --tracker T --benchmark B")
    done = export_runs(ResultStore(results), output, layout, run_id=run_id, tracker=tracker, benchmark=benchmark)
    for loss in done.losses:
        app.say(loss)
    if as_json:
        runs = [run.run_id for run in done.runs]
        print_json({"runs": runs, "format": layout, "files": done.files, "output": str(output)})
    else:
        echo(f"{counted(done.files, 'file')} in {output} ({EXPORT_FORMATS[layout].description})")
