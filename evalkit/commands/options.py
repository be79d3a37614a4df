"""Options that scoring commands share: which results, against which truth."""

import collections.abc as cabc
from pathlib import Path
from typing import Any

import click

from evalkit.commands import inputs
from evalkit.commands.common import data_root_option, results_option

SEED = 0


def _names(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a repeatable option that also takes comma lists, each once."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def input_options(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Options that say what is scored against which truth; passed on as ``**asked`` to :func:`load`."""
    for decorate in reversed(
        (
            click.option("--tracker", "trackers", multiple=True, callback=_names, help="Repeatable; default: all."),
            click.option("--run", "run_ids", multiple=True, callback=_names, help="Run id, for trackers with several."),
            click.option(
                "--predictions", type=click.Path(path_type=Path), help="Raw result files, folder or zip, any layout."
            ),
            click.option("--format", "form", help="Layout of the raw files, where it cannot be told."),
            click.option(
                "--annotations", type=click.Path(path_type=Path), help="Annotations-only copy, folder or zip."
            ),
            click.option("--split", help="Default: the split that papers report."),
            click.option("--sequences", help="Only these: names with commas, or @FILE with one name a line."),
            click.option("--local-truth", is_flag=True, help="The sample's truth for splits that servers score."),
            click.option("--layout", type=click.Path(path_type=Path), help="Names of folders and files for `custom`."),
            data_root_option,
            results_option,
        )
    ):
        command = decorate(command)
    return command


def load(
    benchmark: str,
    *,
    trackers: tuple[str, ...],
    run_ids: tuple[str, ...],
    predictions: Path | None,
    form: str | None,
    annotations: Path | None,
    split: str | None,
    sequences: str | None,
    local_truth: bool,
    layout: Path | None,
    data_root: Path | None,
    results: Path,
) -> tuple[inputs.Truth, list[inputs.Candidate]]:
    """Read the truth and the results that the input options name."""
    truth = inputs.load_truth(
        benchmark,
        split=split,
        annotations=annotations,
        data_root=data_root,
        local_truth=local_truth,
        sequences=sequence_list(sequences),
        layout=layout,
    )
    if predictions is not None:
        return truth, inputs.from_files(truth, predictions, trackers=trackers, format=form)
    return truth, inputs.from_store(truth, results, trackers=trackers, run_ids=run_ids)


def sequence_list(text: str | None) -> list[str] | None:
    """Names of ``--sequences``: with commas, or from a file after ``@``."""
    if text is None:
        return None
    if not text.startswith("@"):
        return [name.strip() for name in text.split(",") if name.strip()]
    from evalkit.benchmarks.annotations import read_sequence_list

    return read_sequence_list(Path(text[1:]))
