"""The command line: a table of contents. The bodies are the modules beside this one, imported when they run."""

import collections.abc as cabc
from pathlib import Path

import click

import evalkit
from evalkit.commands.common import App, LazyGroup
from evalkit.tracking.catalog import TrackerEntry

COMMANDS = {
    "demo": ("demo:demo", "The whole way once, on rendered data."),
    "list": ("data:list_names", "Names of benchmarks, trackers, protocols, tables, recipes; stored runs."),
    "make-sample": ("sample:make_sample", "Render the sample benchmark in all eight official layouts."),
    "check-data": ("data:check_data", "Is my copy of a benchmark complete and readable?"),
    "run-benchmark": ("run:run_benchmark", "Run a tracker over benchmarks; resumes by itself."),
    "delete-runs": ("runs:delete_runs", "Delete stored runs, after a look at what would go."),
    "import-results": ("results:import_results", "Bring raw results of any known layout into the store."),
    "export-results": ("results:export_results", "Write a run in another toolkit's text format."),
    "score": ("score:score", "Score a run or raw result files under a protocol."),
    "explain": ("explain:explain", "The same boxes under every protocol; which rule moves the number."),
    "audit": ("audit:audit", "Somebody's raw results: does the published number hold? Verdict first."),
    "compare": ("compare:compare", "Trackers against a baseline: paired test, interval, win/tie/loss."),
    "make-table": ("tables:make_table", "A table of scores: markdown, CSV, LaTeX, JSON."),
    "make-plots": ("plots:make_plots", "Curves, rankings, attributes, speed: PDF, PNG, SVG."),
    "make-report": ("report:make_report", "One HTML file that works offline: scores, verdicts, charts, provenance."),
    "render": ("render:render", "Truth and predictions drawn on the frames of a sequence."),
    "package-submission": ("submission:package_submission", "A run as the zip that a server wants."),
    "check-submission": ("submission:check", "Every defect of anyone's submission, before the upload."),
    "track": ("track:track", "One target through a video, a folder of images, or a camera's pictures."),
    "measure-speed": ("speed:measure_speed", "Latency and throughput of a tracker, and the five numbers called FPS."),
    "check-tracker": ("trackers:check_tracker", "The conformance suite for a tracker."),
    "finetune": ("finetune:finetune", "Train a tracker by a recipe: UPVPT, SRFT, their baselines and controls."),
    "convert-weights": ("weights:convert_weights", "The authors' checkpoint as safetensors, safely loaded."),
    "config": ("config:config", "Show or change the user's settings."),
}

EPILOG = """\b
First steps:
  evalkit make-sample sample
  evalkit run-benchmark uav123,lasot --tracker kcf --data-root sample
  evalkit make-table uav123 --tracker kcf --data-root sample
"""


def make_program(
    catalog: cabc.Mapping[str, TrackerEntry],
    code: cabc.Iterable[Path],
    *,
    training: str = "",
    owns_process: bool = False,
) -> LazyGroup:
    """Build the click program.

    Args:
        catalog: Trackers known by name.
        code: Folders of their sources.
        training: Module that trains them.
        owns_process: As in :class:`App`.
    """
    group = LazyGroup(
        name="evalkit",
        table=COMMANDS,
        help="Evaluate and reproduce visual single-object trackers: exact, batched, resumable.",
        epilog=EPILOG,
        context_settings={
            "obj": App(catalog=catalog, code=tuple(code), training=training, owns_process=owns_process),
            "help_option_names": ["-h", "--help"],
        },
    )
    return click.version_option(evalkit.__version__, message="%(prog)s %(version)s")(group)
