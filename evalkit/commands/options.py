"""Options that scoring commands share: which results, against which truth."""

import collections.abc as cabc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from evalkit.commands.common import data_root_option, results_option
from evalkit.evaluation import inputs

SEED = 0


def _names(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a repeatable option that also takes comma lists, each once."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def input_options(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Options that say what is scored against which truth; passed on as ``**asked`` to :class:`Asked`."""
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


@dataclass(frozen=True, slots=True)
class Asked:
    """Values of the input options.

    Attributes:
        trackers: ``--tracker``.
        run_ids: ``--run``.
        predictions: ``--predictions``.
        form: ``--format``.
        annotations: ``--annotations``.
        split: ``--split``.
        sequences: ``--sequences``.
        local_truth: ``--local-truth``.
        layout: ``--layout``.
        data_root: ``--data-root``.
        results: ``--results``.
    """

    trackers: tuple[str, ...]
    run_ids: tuple[str, ...]
    predictions: Path | None
    form: str | None
    annotations: Path | None
    split: str | None
    sequences: str | None
    local_truth: bool
    layout: Path | None
    data_root: Path | None
    results: Path

    def truth(self, benchmark: str, *, allow_missing: bool) -> inputs.Truth:
        """Read the ground truth; ``allow_missing`` leaves out sequences that cannot be read."""
        return inputs.load_truth(
            benchmark,
            split=self.split,
            annotations=self.annotations,
            data_root=self.data_root,
            local_truth=self.local_truth,
            sequences=sequence_list(self.sequences),
            layout=self.layout,
            allow_missing=allow_missing,
        )

    def candidates(self, truth: inputs.Truth) -> list[inputs.Candidate]:
        """Read the results."""
        if self.predictions is not None:
            return inputs.from_files(truth, self.predictions, trackers=self.trackers, format=self.form)
        return inputs.from_store(truth, self.results, trackers=self.trackers, run_ids=self.run_ids)


def sequence_list(text: str | None) -> list[str] | None:
    """Names of ``--sequences``: with commas, or from a file after ``@``."""
    if text is None:
        return None
    if not text.startswith("@"):
        return [name.strip() for name in text.split(",") if name.strip()]
    from evalkit.benchmarks.annotations import read_sequence_list

    return read_sequence_list(Path(text[1:]))
