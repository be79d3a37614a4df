"""``evalkit compare``: two trackers on the same sequences, and how sure the difference is."""

from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, common_options, print_json
from evalkit.commands.listing import columns
from evalkit.commands.options import request_options, text_or_json
from evalkit.commands.output import echo
from evalkit.evaluation.request import Request
from evalkit.report.metrics import Metric, get_metric

if TYPE_CHECKING:
    from evalkit.evaluation.compared import Compared


@click.command()
@request_options()
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the bootstrap.  [default: 0]")
@click.option("--list", "listed", type=click.IntRange(min=0), default=10, show_default=True, help="Sequences to list.")
@text_or_json
@common_options
@click.pass_obj
def compare(app: App, /, *, request: Request, level: float, listed: int, as_json: bool) -> None:
    r"""Compare two trackers, named with --tracker A --tracker B.

    For every metric: the difference, its interval over sequences, Wilcoxon's signed-rank test, sequences
    won, tied and lost, and the sequences that differ most.

    \b
    Examples:
      evalkit compare lasot --tracker kcf --tracker ncc --data-root sample
      evalkit compare lasot --predictions results.zip --annotations kit.zip --tracker ATOM,SiamFC --json
    """
    from evalkit.evaluation.compared import compare_request

    pairs = [compare_request(single, level=level, listed=listed) for single in request.each()]
    for compared in pairs:
        for note in compared.notes:
            app.say(f"note: {note}")
        if not as_json:
            echo(*_lines(compared))
    if as_json:
        documents = [_document(compared) for compared in pairs]
        print_json(documents[0] if len(documents) == 1 else documents)


def _document(compared: "Compared") -> dict[str, Any]:
    truth = compared.truth
    return {
        "benchmark": truth.spec.name,
        "split": truth.split.name,
        "protocol": compared.protocol,
        "trackers": list(compared.trackers),
        "sequences": compared.sequences,
        "metrics": {
            comparison.metric: {
                "values": [comparison.first, comparison.second],
                "difference": comparison.difference,
                "interval": None if comparison.interval is None else list(comparison.interval),
                "level": comparison.level,
                "p_value": comparison.p_value,
                "wins": comparison.wins,
                "ties": comparison.ties,
                "losses": comparison.losses,
                "most_different": [
                    {"sequence": row.name, "values": [row.first, row.second]} for row in comparison.most_different
                ],
            }
            for comparison in compared.comparisons
        },
        "sample": truth.is_sample,
        "notes": list(compared.notes),
    }


def _interval(interval: tuple[float, float] | None, metric: Metric) -> str:
    if interval is None:
        return "too few sequences"
    low, high = interval
    return f"[{metric.detailed(low, '+')}, {metric.detailed(high, '+')}]"


def _lines(compared: "Compared") -> list[str]:
    truth, comparisons = compared.truth, compared.comparisons
    sample = ", sample data" if truth.is_sample else ""
    level = f"{100 * comparisons[0].level:g} % interval"
    lines = [f"{truth.spec.title} {truth.split.name}, {compared.protocol}, {compared.sequences} sequences{sample}"]
    rows = [["metric", *compared.trackers, "difference", level, "p", "win/tie/loss"]]
    rows += [
        [
            comparison.metric,
            get_metric(comparison.metric).detailed(comparison.first),
            get_metric(comparison.metric).detailed(comparison.second),
            get_metric(comparison.metric).detailed(comparison.difference, "+"),
            _interval(comparison.interval, get_metric(comparison.metric)),
            f"{comparison.p_value:.2g}",
            f"{comparison.wins}/{comparison.ties}/{comparison.losses}",
        ]
        for comparison in comparisons
    ]
    lines += columns(rows)
    leading = comparisons[0]
    if leading.most_different:
        metric = get_metric(leading.metric)
        lines += ["", f"Sequences that differ most in {leading.metric}"]
        lines += columns(
            [
                [
                    row.name,
                    metric.text(row.first),
                    metric.text(row.second),
                    metric.text(row.first - row.second, "+"),
                ]
                for row in leading.most_different
            ]
        )
    return lines
