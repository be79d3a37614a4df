"""``evalkit compare``: trackers against a baseline on the same sequences, and how sure the differences are."""

from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, Level, common_options, print_documents
from evalkit.commands.listing import columns
from evalkit.commands.options import request_options, text_or_json
from evalkit.commands.output import echo
from evalkit.errors import counted
from evalkit.evaluation.request import Request
from evalkit.report.metrics import Metric, get_metric

if TYPE_CHECKING:
    from evalkit.evaluation.compared import Compared
    from evalkit.scoring.statistics import MetricComparison

CORRECTED = """\
p adjusted: Holm's correction for {count}, in each metric by itself;
  every interval is that of one comparison.
effect: rank-biserial correlation, from -1 (always worse) to 1 (always better)."""


@click.command()
@request_options()
@click.option("--baseline", help="Compare all others with this one: a tracker, a name as tables print it, or a run id.")
@click.option("--level", type=Level(), default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the bootstrap.  [default: 0]")
@click.option("--list", "listed", type=click.IntRange(min=0), default=10, show_default=True, help="Sequences to list.")
@text_or_json
@common_options
@click.pass_obj
def compare(app: App, /, *, request: Request, baseline: str | None, level: float, listed: int, as_json: bool) -> None:
    r"""Compare two trackers (--tracker A --tracker B: A minus B), or any number with a --baseline.

    For every metric: the difference, its interval over sequences, the effect, Wilcoxon's signed-rank test (with several
    trackers corrected for their number, by Holm), sequences won, tied and lost; of two the sequences that differ most.

    \b
    Examples:
      evalkit compare lasot --tracker kcf --tracker ncc --data-root sample
      evalkit compare lasot --tracker kcf,mosse --baseline ncc --data-root sample
      evalkit compare lasot --tracker kcf --all-runs --baseline 'kcf rate=0.02' --data-root sample
      evalkit compare lasot --predictions results.zip --annotations kit.zip --tracker ATOM,SiamFC --json
    """
    from evalkit.evaluation.compared import compare_request

    done = [compare_request(single, level=level, listed=listed, baseline=baseline) for single in request.each()]
    for number, compared in enumerate(done):
        for note in compared.notes:
            app.say(f"note: {note}")
        if not as_json:
            echo(*([""] if number else []), *_lines(compared))
    if as_json:
        documents = [_document(compared) for compared in done]
        print_documents(documents)


def _document(compared: "Compared") -> dict[str, Any]:
    truth = compared.truth
    every = [
        {
            "tracker": other.tracker,
            "run": other.run,
            "metrics": {key: _metric(comparison, other.adjusted[key]) for key, comparison in other.comparisons.items()},
        }
        for other in compared.others
    ]
    return {
        "benchmark": truth.spec.name,
        "split": truth.split.name,
        "protocol": compared.protocol,
        "trackers": [*(other.tracker for other in compared.others), compared.baseline],
        "baseline": compared.baseline,
        "sequences": compared.sequences,
        "correction": "holm",
        "comparisons": every,
        **({"metrics": every[0]["metrics"]} if len(every) == 1 else {}),
        "sample": truth.is_sample,
        "notes": list(compared.notes),
    }


def _metric(comparison: "MetricComparison", adjusted: float) -> dict[str, Any]:
    return {
        "values": [comparison.first, comparison.second],
        "difference": comparison.difference,
        "interval": None if comparison.interval is None else list(comparison.interval),
        "level": comparison.level,
        "effect": comparison.effect,
        "p_value": comparison.p_value,
        "p_adjusted": adjusted,
        "wins": comparison.wins,
        "ties": comparison.ties,
        "losses": comparison.losses,
        "most_different": [
            {"sequence": row.name, "values": [row.first, row.second]} for row in comparison.most_different
        ],
    }


def _interval(interval: tuple[float, float] | None, metric: Metric) -> str:
    if interval is None:
        return "too few sequences"
    low, high = interval
    return f"[{metric.detailed(low, '+')}, {metric.detailed(high, '+')}]"


def _lines(compared: "Compared") -> list[str]:
    truth = compared.truth
    sample = ", sample data" if truth.is_sample else ""
    head = (
        f"{truth.spec.title} {truth.split.name}, {compared.protocol}, {counted(compared.sequences, 'sequence')}{sample}"
    )
    return [head, *(_two(compared) if len(compared.others) == 1 else _several(compared))]


def _two(compared: "Compared") -> list[str]:
    (other,) = compared.others
    rows = [["metric", other.tracker, compared.baseline, *_titles(compared, "p"), "win/tie/loss"]]
    for key, comparison in other.comparisons.items():
        first, second = (get_metric(key).detailed(value) for value in (comparison.first, comparison.second))
        rows.append([key, first, second, *_numbers(comparison), _p(comparison.p_value), _wins(comparison)])
    lines = columns(rows)
    leading = next(iter(other.comparisons.values()))
    if leading.most_different:
        metric = get_metric(leading.metric)
        lines += ["", f"Sequences that differ most in {leading.metric}"]
        lines += columns(
            [
                [row.name, metric.text(row.first), metric.text(row.second), metric.text(row.first - row.second, "+")]
                for row in leading.most_different
            ]
        )
    return lines


def _several(compared: "Compared") -> list[str]:
    lines = _verdict(compared)
    for key, first in compared.others[0].comparisons.items():
        metric = get_metric(key)
        rows = [[key, "value", *_titles(compared, "p", "p adjusted"), "win/tie/loss"]]
        rows.append([f"{compared.baseline} (baseline)", metric.detailed(first.second), *[""] * 6])
        for other in compared.others:
            comparison = other.comparisons[key]
            tests = _p(comparison.p_value), _p(other.adjusted[key])
            rows.append(
                [other.tracker, metric.detailed(comparison.first), *_numbers(comparison), *tests, _wins(comparison)]
            )
        lines += ["", *columns(rows)]
    return [*lines, "", *CORRECTED.format(count=counted(len(compared.others), "comparison")).splitlines()]


def _verdict(compared: "Compared") -> list[str]:
    """Who differs from the baseline in the leading metric, at the level asked for."""
    key = next(iter(compared.others[0].comparisons))
    error = 1 - compared.level
    sides: dict[str, list[str]] = {"better than": [], "worse than": [], "not shown to differ from": []}
    for other in compared.others:
        sure, better = other.adjusted[key] < error, other.comparisons[key].effect > 0
        side = "not shown to differ from" if not sure else "better than" if better else "worse than"
        sides[side].append(other.tracker)
    return [
        f"{side} {compared.baseline}: {', '.join(names)} "
        f"({key}, p adjusted {'>=' if side.startswith('not') else '<'} {error:.2g})"
        for side, names in sides.items()
        if names
    ]


def _titles(compared: "Compared", *tests: str) -> list[str]:
    return ["difference", f"{100 * compared.level:g} % interval", "effect", *tests]


def _numbers(comparison: "MetricComparison") -> list[str]:
    metric = get_metric(comparison.metric)
    difference = metric.detailed(comparison.difference, "+")
    return [difference, _interval(comparison.interval, metric), f"{comparison.effect:+.2f}"]


def _p(value: float) -> str:
    return f"{value:.2g}"


def _wins(comparison: "MetricComparison") -> str:
    return f"{comparison.wins}/{comparison.ties}/{comparison.losses}"
