"""``evalkit score``: results under a protocol, as text or JSON."""

import collections.abc as cabc
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, Level, common_options, print_documents
from evalkit.commands.listing import columns
from evalkit.commands.options import request_options, text_or_json
from evalkit.commands.output import echo
from evalkit.errors import ScoringError, counted
from evalkit.evaluation.request import Request
from evalkit.report.metrics import get_metric
from evalkit.scoring.lookup import get_protocol
from evalkit.scoring.score import TOO_FEW, UNSCORABLE
from evalkit.scoring.scores import Scores

if TYPE_CHECKING:
    from evalkit.scoring.second_opinion import SecondOpinion


@click.command()
@request_options()
@click.option("--attributes", is_flag=True, help="Also the subset of every challenge attribute.")
@click.option("--interval", type=Level(), help="Level of intervals: 0.95.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the bootstrap.  [default: 0]")
@click.option("--per-sequence", is_flag=True, help="Also the scores of every sequence.")
@click.option("--cross-check", type=click.Choice(["got10k"]), help="A toolkit that evaluates the same boxes, too.")
@text_or_json
@common_options
@click.pass_obj
def score(app: App, /, *, request: Request, per_sequence: bool, cross_check: str | None, as_json: bool) -> None:
    r"""Score stored runs or raw result files.

    Results come from the store (--tracker, --run) or from files (--predictions), ground truth from the data root or
    from an annotations-only copy (--annotations). JSON has fractions; the text is times 100. With --cross-check the
    installed toolkit got10k must agree with the protocol got10k-toolkit on the same boxes; else the exit code is 1.

    \b
    Examples:
      evalkit score lasot --tracker kcf --data-root sample
      evalkit score lasot --predictions results.zip --annotations lasot_annotations.zip --attributes
      evalkit score uav123 --predictions SiamFC/ --annotations anno/ --protocol all --interval 0.95 --json
      evalkit score visevent --predictions all.zip --tracker SynA --annotations kit/ --sequences @list.txt
    """
    from evalkit.evaluation.scored import score_request

    opinions: list[SecondOpinion] = []
    if cross_check is None:
        scores = score_request(request)
    else:
        from evalkit.evaluation.cross_check import cross_checked

        scores, opinions = cross_checked(request)
    if as_json:
        judged = {(opinion.benchmark, opinion.tracker, opinion.run): _cross_check(opinion) for opinion in opinions}
        documents = [
            _document(entry, per_sequence=per_sequence) | judged.get((entry.benchmark, entry.tracker, entry.run), {})
            for entry in scores
        ]
        print_documents(documents)
    else:
        _print(app, scores, per_sequence=per_sequence)
        for opinion in opinions:
            echo("", *_opinion_lines(opinion))
    _check_defined(scores)
    if not all(opinion.agrees for opinion in opinions):
        raise ScoringError(*(line for opinion in opinions for line in opinion.explanation()))


def _check_defined(scores: cabc.Iterable[Scores]) -> None:
    """A number that no frame defines is printed as "-" and is no score: the command has not done what was asked."""
    undefined = [
        f"{entry.tracker} on {entry.benchmark} {entry.split}: {note}"
        for entry in scores
        for note in entry.notes
        if note.startswith(UNSCORABLE)
    ]
    if undefined:
        raise ScoringError("\n".join(undefined))


def _document(scores: Scores, *, per_sequence: bool) -> dict[str, Any]:
    """Scores as JSON: fractions in [0, 1]."""
    table = {
        name: {key: float(values[row]) for key, values in scores.per_sequence.items()}
        for row, name in enumerate(scores.sequence_names)
    }
    return {
        "benchmark": scores.benchmark,
        "split": scores.split,
        "protocol": scores.protocol,
        "tracker": scores.plain_name,
        "run": scores.run,
        "sequences": len(scores.sequence_names),
        "frames": int(scores.frames.sum()),
        "label": scores.tracker,
        "settings": dict(scores.settings),
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


def _cross_check(opinion: "SecondOpinion") -> dict[str, Any]:
    """A second opinion as JSON: fractions; differences are the toolkit's number minus ours."""
    document = {
        "toolkit": opinion.toolkit,
        "protocol": opinion.protocol,
        "agrees": opinion.agrees,
        "theirs": opinion.theirs,
        "ours": opinion.ours,
        "differences": opinion.differences,
        "sequences": opinion.sequences,
    }
    return {"cross_check": document}


def _opinion_lines(opinion: "SecondOpinion") -> list[str]:
    from evalkit.scoring.second_opinion import AGREEING_PROTOCOL

    verdict = "and does" if opinion.agrees else "but does not"
    what = f"{opinion.toolkit} on the same boxes of {opinion.benchmark}: {opinion.protocol} must agree, {verdict};"
    labels = {kind.key: kind.label for kind in get_protocol(AGREEING_PROTOCOL, opinion.benchmark).reported}
    metrics = [get_metric(key) for key in opinion.ours]
    rows = [[opinion.tracker, *(labels[metric.key] for metric in metrics)]]
    for name, values in ((opinion.toolkit, opinion.theirs), (opinion.protocol, opinion.ours)):
        rows.append([name, *(metric.detailed(values[metric.key]) for metric in metrics)])
    rows.append(["difference", *(metric.detailed(opinion.differences[metric.key], "+") for metric in metrics)])
    return [f"{what} other protocols have other rules", *columns(rows)]


def _print(app: App, scores: cabc.Sequence[Scores], *, per_sequence: bool) -> None:
    groups: dict[tuple[str, str, str], list[Scores]] = {}
    for entry in scores:
        groups.setdefault((entry.benchmark, entry.split, entry.protocol), []).append(entry)
    for number, group in enumerate(groups.values()):
        if number:
            echo()
        echo(*_table(group))
        for entry in group:
            _print_details(entry, per_sequence=per_sequence)
    whose: dict[str, list[str]] = {}
    for entry in scores:
        for note in entry.notes:
            whose.setdefault(note, []).append(f"{entry.benchmark}, {entry.protocol}, {entry.tracker}")
    for note, names in whose.items():
        app.say(f"note: {note}" if 1 < len(names) == len(scores) else f"note: {'; '.join(names)}: {note}")


def _table(group: cabc.Sequence[Scores]) -> list[str]:
    first = group[0]
    rules = get_protocol(first.protocol, first.benchmark)
    size = f"{counted(len(first.sequence_names), 'sequence')}, {counted(int(first.frames.sum()), 'frame')}"
    sample = ", sample data" if first.sample else ""
    few = "".join(f", {note}" for note in first.notes if note.startswith(TOO_FEW))
    head = f"{first.benchmark} {first.split}, {rules.id}/{rules.version}, {size}{sample}{few}"
    rows = [["tracker", *(reported.label for reported in rules.reported)]]
    rows += [[entry.tracker, *(_cell(entry, kind.key) for kind in rules.reported)] for entry in group]
    return [head, *columns(rows)]


def _cell(scores: Scores, key: str) -> str:
    metric = get_metric(key)
    text = metric.detailed(scores.summary[key])
    if key in scores.intervals:
        low, high = scores.intervals[key]
        text += f" [{metric.detailed(low)}, {metric.detailed(high)}]"
    return text


def _print_details(scores: Scores, *, per_sequence: bool) -> None:
    reported = get_protocol(scores.protocol, scores.benchmark).reported
    labels = [number.label for number in reported]
    metrics = [get_metric(number.key) for number in reported]
    if scores.attributes:
        rows = [[scores.tracker, "sequences", *labels]]
        for code, row in scores.attributes.items():
            rows.append([code, str(int(row["sequences"])), *(metric.detailed(row[metric.key]) for metric in metrics)])
        echo("", *columns(rows))
    if per_sequence:
        rows = [[scores.tracker, *labels]]
        for name, *values in zip(scores.sequence_names, *(scores.per_sequence[m.key] for m in metrics), strict=True):
            rows.append([name, *(metric.detailed(value) for metric, value in zip(metrics, values, strict=True))])
        echo("", *columns(rows))
