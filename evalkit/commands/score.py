"""``evalkit score``: results under a protocol, as text or JSON."""

import collections.abc as cabc
from pathlib import Path
from typing import Any

import click

from evalkit.commands import inputs
from evalkit.commands.common import (
    App,
    common_options,
    data_root_option,
    json_option,
    print_json,
    results_option,
)
from evalkit.commands.listing import columns
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.scores import Scores

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


@click.command()
@click.argument("benchmarks", metavar="BENCHMARK[,BENCHMARK...]")
@input_options
@click.option("--protocol", default="papers", show_default=True, help="Protocol id, official, papers, or all.")
@click.option("--attributes", is_flag=True, help="Also the subset of every challenge attribute.")
@click.option("--interval", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Bootstrap level: 0.95.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the bootstrap.")
@click.option("--per-sequence", is_flag=True, help="Also the scores of every sequence.")
@click.option("--allow-missing", is_flag=True, help="Score what is there and say so.")
@json_option
@common_options
@click.pass_obj
def score(
    app: App,
    /,
    *,
    benchmarks: str,
    protocol: str,
    attributes: bool,
    interval: float | None,
    seed: int,
    per_sequence: bool,
    allow_missing: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    r"""Score stored runs or raw result files.

    Results come from the store (--tracker, --run) or from files (--predictions), ground truth from the data root or
    from an annotations-only copy (--annotations). JSON has fractions; the text is times 100.

    \b
    Examples:
      evalkit score lasot --tracker kcf --data-root sample
      evalkit score lasot --predictions results.zip --annotations lasot_annotations.zip --attributes
      evalkit score uav123 --predictions SiamFC/ --annotations anno/ --protocol all --interval 0.95 --json
      evalkit score visevent --predictions all.zip --tracker SynA --annotations kit/ --sequences @list.txt
    """
    scores: list[Scores] = []
    for name in _names_of(benchmarks):
        truth, candidates = load(name, **asked)
        scores += inputs.compute_scores(
            truth,
            candidates,
            protocol,
            allow_missing=allow_missing,
            attributes=attributes,
            interval=interval,
            seed=seed,
        )
    if as_json:
        documents = [document(one, per_sequence=per_sequence) for one in scores]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    _print(app, scores, per_sequence=per_sequence)


def _names_of(benchmarks: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in benchmarks.split(",") if part.strip()))


def document(scores: Scores, *, per_sequence: bool) -> dict[str, Any]:
    """Scores as JSON: fractions in [0, 1]."""
    table = {
        name: {key: float(values[row]) for key, values in scores.per_sequence.items()}
        for row, name in enumerate(scores.sequence_names)
    }
    return {
        "benchmark": scores.benchmark,
        "split": scores.split,
        "protocol": scores.protocol,
        "tracker": scores.tracker,
        "run": scores.run,
        "sequences": len(scores.sequence_names),
        "frames": int(scores.frames.sum()),
        "scores": dict(scores.summary),
        "intervals": {key: list(interval) for key, interval in scores.intervals.items()},
        "per_sequence": table if per_sequence else {},
        "attributes": {
            code: {key: int(value) if key == "sequences" else value for key, value in row.items()}
            for code, row in scores.attributes.items()
        },
        "missing": list(scores.missing),
        "sample": scores.sample,
        "notes": list(scores.notes),
    }


def _print(app: App, scores: cabc.Sequence[Scores], *, per_sequence: bool) -> None:
    groups: dict[tuple[str, str, str], list[Scores]] = {}
    for one in scores:
        groups.setdefault((one.benchmark, one.split, one.protocol), []).append(one)
    for number, group in enumerate(groups.values()):
        if number:
            click.echo()
        click.echo("\n".join(_table(group)))
        for one in group:
            _print_details(one, per_sequence=per_sequence)
    for one in scores:
        for note in one.notes:
            app.say(f"note: {one.benchmark}, {one.protocol}, {one.tracker}: {note}")


def _table(group: cabc.Sequence[Scores]) -> list[str]:
    first = group[0]
    rules = get_protocol(first.protocol, first.benchmark)
    size = f"{len(first.sequence_names)} sequences, {int(first.frames.sum())} frames"
    sample = ", sample data" if first.sample else ""
    head = f"{first.benchmark} {first.split}, {rules.id}/{rules.version}, {size}{sample}"
    rows = [["tracker", *(reported.label for reported in rules.reported)]]
    rows += [[one.tracker, *(_cell(one, kind.key, kind.decimals) for kind in rules.reported)] for one in group]
    return [head, *(line.rstrip() for line in columns(rows))]


def _cell(scores: Scores, key: str, decimals: int) -> str:
    text = _percent(scores.summary[key], decimals)
    if key in scores.intervals:
        low, high = scores.intervals[key]
        text += f" [{_percent(low, decimals)}, {_percent(high, decimals)}]"
    return text


def _percent(value: float, decimals: int) -> str:
    return f"{100 * value:.{decimals}f}" if value == value else "-"  # noqa: PLR0124 - NaN test


def _print_details(scores: Scores, *, per_sequence: bool) -> None:
    reported = get_protocol(scores.protocol, scores.benchmark).reported
    labels = [one.label for one in reported]
    if scores.attributes:
        rows = [[scores.tracker, "sequences", *labels]]
        for code, row in scores.attributes.items():
            rows.append([code, str(int(row["sequences"])), *(_percent(row[one.key], one.decimals) for one in reported)])
        click.echo("\n" + "\n".join(line.rstrip() for line in columns(rows)))
    if per_sequence:
        rows = [[scores.tracker, *labels]]
        for index, name in enumerate(scores.sequence_names):
            rows.append(
                [name, *(_percent(float(scores.per_sequence[one.key][index]), one.decimals) for one in reported)]
            )
        click.echo("\n" + "\n".join(line.rstrip() for line in columns(rows)))
