"""``evalkit compare``: two trackers on the same sequences, and how sure the difference is."""

import collections.abc as cabc
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, common_options, json_option, print_json
from evalkit.commands.listing import columns
from evalkit.commands.options import SEED, Asked, input_options
from evalkit.commands.output import echo
from evalkit.errors import EvalkitError, ScoringError
from evalkit.evaluation import inputs
from evalkit.report.metrics import Metric, get_metric
from evalkit.scoring.score import Evaluation, evaluate_results

if TYPE_CHECKING:
    from evalkit.scoring.statistics import Comparison


@click.command()
@click.argument("benchmark")
@input_options
@click.option("--protocol", default="papers", show_default=True, help="Protocol id, official, or papers.")
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the bootstrap.")
@click.option("--list", "listed", type=click.IntRange(min=0), default=10, show_default=True, help="Sequences to list.")
@click.option("--allow-missing", is_flag=True, help="Compare on the sequences that both have, and say so.")
@json_option
@common_options
@click.pass_obj
def compare(
    app: App,
    /,
    *,
    benchmark: str,
    protocol: str,
    level: float,
    seed: int,
    listed: int,
    allow_missing: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    r"""Compare two trackers, named with --tracker A --tracker B.

    For every metric: the difference, its interval over sequences, Wilcoxon's signed-rank test, sequences
    won, tied and lost, and the sequences that differ most.

    \b
    Examples:
      evalkit compare lasot --tracker kcf --tracker ncc --data-root sample
      evalkit compare lasot --predictions results.zip --annotations kit.zip --tracker ATOM,SiamFC --json
    """
    from evalkit.scoring.statistics import compare_metric

    given = Asked(**asked)
    truth = given.truth(benchmark, allow_missing=allow_missing)
    candidates = given.candidates(truth)
    if len(candidates) != 2:
        raise EvalkitError(
            f"compare needs two trackers, found {len(candidates)}: "
            f"{', '.join(one.tracker for one in candidates)}. Name them: --tracker A --tracker B."
        )
    first, second, notes = _evaluated(truth, candidates, protocol, allow_missing=allow_missing)
    for note in notes:
        app.say(f"note: {note}")
    found = [
        compare_metric(
            key,
            metric,
            second.numbers.metrics[key],
            first.names,
            level=level,
            seed=seed,
            listed=listed,
        )
        for key, metric in first.numbers.metrics.items()
    ]
    names = candidates[0].tracker, candidates[1].tracker
    if as_json:
        print_json(_document(truth, names, first, found) | {"notes": notes})
    else:
        echo(*_lines(truth, names, first, found))


def _evaluated(
    truth: inputs.Truth, candidates: list[inputs.Candidate], protocol: str, *, allow_missing: bool
) -> tuple[Evaluation, Evaluation, list[str]]:
    """Both trackers under the protocol, on the sequences that both have, and what a reader must know."""
    rules = inputs.protocols_of(truth.spec, protocol)
    if len(rules) != 1:
        raise EvalkitError("--protocol: trackers are compared under one protocol; `all` names several.")

    def evaluated(candidate: inputs.Candidate, names: cabc.Container[str] | None) -> Evaluation:
        annotations, _ = inputs.limited(truth, candidate)
        results = candidate.trajectories
        if names is not None:
            annotations = tuple(one for one in annotations if one.name in names)
            results = {name: runs for name, runs in results.items() if name in names}
        with inputs.said_of(truth, candidate, allow_missing=allow_missing):
            return evaluate_results(
                annotations, results, inputs.rules_for(candidate, rules[0]), allow_missing=allow_missing
            )

    done = []
    problems: list[str] = []
    for candidate in candidates:
        try:
            done.append(evaluated(candidate, None))
        except ScoringError as problem:
            problems += problem.lines
    if problems:
        raise ScoringError(*problems)
    notes = [
        f"{candidate.tracker}: {note}"
        for candidate, one in zip(candidates, done, strict=True)
        for note in (*candidate.notes, *candidate.unreadable_notes, *one.gathered.notes)
    ]
    common = set(done[0].names) & set(done[1].names)
    if not common:
        raise EvalkitError("the two trackers have no sequence in common; there is nothing to compare.")
    apart = sorted({*done[0].names, *done[1].names} - common)
    if apart:
        notes.append(f"compared on the {len(common)} sequences that both have; left out: {', '.join(apart)}")
        done = [evaluated(candidate, common) for candidate in candidates]
    return done[0], done[1], [*truth.notes, *notes]


def _document(
    truth: inputs.Truth, names: tuple[str, str], scored: Evaluation, found: "list[Comparison]"
) -> dict[str, Any]:
    return {
        "benchmark": truth.spec.name,
        "split": truth.split.name,
        "protocol": scored.protocol.id,
        "trackers": list(names),
        "sequences": len(scored.names),
        "metrics": {
            one.metric: {
                "values": [one.first, one.second],
                "difference": one.difference,
                "interval": None if one.interval is None else list(one.interval),
                "level": one.level,
                "p_value": one.p_value,
                "wins": one.wins,
                "ties": one.ties,
                "losses": one.losses,
                "most_different": [
                    {"sequence": row.name, "values": [row.first, row.second]} for row in one.most_different
                ],
            }
            for one in found
        },
        "sample": truth.is_sample,
    }


def _interval(interval: tuple[float, float] | None, metric: Metric) -> str:
    if interval is None:
        return "too few sequences"
    low, high = interval
    return f"[{metric.detailed(low, '+')}, {metric.detailed(high, '+')}]"


def _lines(truth: inputs.Truth, names: tuple[str, str], scored: Evaluation, found: "list[Comparison]") -> list[str]:
    sample = ", sample data" if truth.is_sample else ""
    count = len(scored.names)
    level = f"{100 * found[0].level:g} % interval"
    lines = [f"{truth.spec.title} {truth.split.name}, {scored.protocol.id}, {count} sequences{sample}"]
    rows = [["metric", *names, "difference", level, "p", "win/tie/loss"]]
    rows += [
        [
            one.metric,
            get_metric(one.metric).detailed(one.first),
            get_metric(one.metric).detailed(one.second),
            get_metric(one.metric).detailed(one.difference, "+"),
            _interval(one.interval, get_metric(one.metric)),
            f"{one.p_value:.2g}",
            f"{one.wins}/{one.ties}/{one.losses}",
        ]
        for one in found
    ]
    lines += columns(rows)
    leading = found[0]
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
