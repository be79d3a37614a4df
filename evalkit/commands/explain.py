"""``evalkit explain``: the same boxes under every protocol, and the effect of each single rule in points."""

import math
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, common_options, json_option, print_json
from evalkit.commands.listing import columns
from evalkit.commands.options import Asked, input_options
from evalkit.commands.output import echo
from evalkit.errors import EvalkitError, unknown_name
from evalkit.evaluation import inputs
from evalkit.report.metrics import get_metric

if TYPE_CHECKING:
    from evalkit.benchmarks.spec import BenchmarkSpec
    from evalkit.scoring.conventions import Protocol
    from evalkit.scoring.explain import Explanation, Match

_SHOWN = 0.005  # smaller changes, in points, print as 0.00


@click.command()
@click.argument("benchmark")
@input_options
@click.option("--published", help="A value as a paper prints it, such as 0.691, 69.1 or 69.1%: which rules give it?")
@click.option("--metric", help="Of the published value: key or printed label (P_Norm); default: what ranks.")
@click.option("--protocol", default="papers", show_default=True, help="Protocol from which single rules are changed.")
@click.option("--allow-missing", is_flag=True, help="Score what is there and say so.")
@json_option
@common_options
@click.pass_obj
def explain(
    app: App,
    /,
    *,
    benchmark: str,
    published: str | None,
    metric: str | None,
    protocol: str,
    allow_missing: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    r"""Explain why the same boxes get different numbers.

    With --published first the verdict: it agrees to the printed digit, or a rule explains it, or it differs by so many
    points. Then every protocol that fits the benchmark, side by side; then, from the benchmark's `papers` protocol, one
    rule changed at a time and the change in points (hundredths). Writing boxes as integers is one of the rules.

    \b
    Examples:
      evalkit explain tnl2k --predictions results.zip --annotations tnl2k_annotations.zip
      evalkit explain lasot --predictions ATOM/ --annotations kit/ --published 65.0% --metric P_Norm
      evalkit explain visevent --tracker kcf --data-root sample --metric precision_20 --json
    """
    from evalkit.evaluation.papers import why_not_comparable
    from evalkit.scoring.explain import explain as explained

    given = Asked(**asked)
    truth = given.truth(benchmark, allow_missing=allow_missing)
    candidates = given.candidates(truth)
    reference = _single(inputs.protocols_of(truth.spec, protocol))
    key = _metric_key(metric, reference, truth.spec)
    documents = []
    for candidate in candidates:
        annotations, notes = inputs.limited(truth, candidate)
        caution = why_not_comparable(truth, candidate)
        with inputs.said_of(truth, candidate, allow_missing=allow_missing):
            found = explained(
                annotations,
                candidate.trajectories,
                [inputs.rules_for(candidate, one) for one in inputs.protocols_of(truth.spec, inputs.ALL)],
                inputs.rules_for(candidate, reference),
                metric=key,
                published=published,
                reason=caution,
                allow_missing=allow_missing,
            )
        told = tuple(dict.fromkeys((*truth.notes, *notes, *candidate.unreadable_notes, *found.notes)))
        documents.append(_document(truth, candidate, found, caution) | {"notes": list(told)})
        if not as_json:
            echo(*_lines(truth, candidate, found, caution))
        for note in told:
            app.say(f"note: {candidate.tracker}: {note}")
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)


def _single(protocols: list[Any]) -> Any:
    if len(protocols) != 1:
        raise EvalkitError("--protocol: one protocol is needed to change its rules; `all` names several.")
    return protocols[0]


def _metric_key(text: str | None, reference: "Protocol", spec: "BenchmarkSpec") -> str:
    """The metric asked for; else the number that ranks: F in the long-term protocols, else the first of papers."""
    from evalkit.report.metrics import key_of

    labels = {one.key: one.label for one in reference.reported}
    if text is None:
        return next(key for key in ("longterm_f", *spec.headline, *labels) if key in labels)
    key = key_of(text, labels, spec.name)
    if key is None:
        raise unknown_name(f"metric of {reference.id}", text, labels)
    return key


def _document(truth: inputs.Truth, candidate: inputs.Candidate, found: "Explanation", caution: str) -> dict[str, Any]:
    return {
        "benchmark": truth.spec.name,
        "split": truth.split.name,
        "tracker": candidate.tracker,
        "run": candidate.run,
        "sequences": len(truth.annotations),
        "reference": found.reference,
        "protocols": {name: dict(scores) for name, scores in found.protocols.items()},
        "rules": [
            {
                "rule": effect.rule,
                "from": effect.before,
                "to": effect.after,
                "protocols": list(effect.used_by),
                "scores": dict(effect.scores),
                "change": dict(effect.change),
            }
            for effect in found.effects
        ],
        "without_effect": list(found.without_effect),
        "refused": dict(found.refused),
        "published": None
        if found.match is None
        else _match_document(found.match) | {"text": _verdict(found.match, found.reference, caution)},
        "sample": truth.is_sample,
    }


def _match_document(match: "Match") -> dict[str, Any]:
    nearest = match.nearest
    return {
        "metric": match.metric,
        "value": match.published.value,
        "tolerance": match.published.tolerance,
        "measured": match.measured,
        "verdict": match.judgment.verdict.name.lower(),
        "nearest": {
            "protocol": nearest.protocol,
            "rule": nearest.rule or None,
            "metric": nearest.key,
            "value": nearest.value,
            "difference": nearest.value - match.published.value,
        },
        "explained": match.met,
    }


def _lines(truth: inputs.Truth, candidate: inputs.Candidate, found: "Explanation", caution: str) -> list[str]:
    from evalkit.scoring.rules import phrase

    sample = ", sample data" if truth.is_sample else ""
    lines = [] if found.match is None else [_verdict(found.match, found.reference, caution), ""]
    lines += [f"{candidate.tracker} on {truth.spec.title} {truth.split.name}{sample}: the same boxes, all protocols"]
    lines += _protocol_table(found)
    keys = list(found.protocols[found.reference])
    lines += ["", f"From {found.reference}, one rule changed at a time; changes in points"]
    shown = [effect for effect in found.effects if 100 * effect.largest >= _SHOWN]
    rows = [[*keys, "rule"]]
    for effect in shown:
        users = f" ({', '.join(effect.used_by)})" if effect.used_by else ""
        name = phrase(effect.rule, effect.after) + (", exact ties only" if effect.last_bits else "")
        rows.append([*(_points(effect.change[key]) for key in keys), name + users])
    lines += columns(rows) if shown else ["no rule moves a number by 0.01 points"]
    small = len(found.effects) - len(shown)
    if small:
        lines.append(f"{small} more rules change a number by less than 0.01 points.")
    if found.without_effect:
        lines.append(f"{len(found.without_effect)} rules have no effect on these boxes.")
    lines += [f"not possible: {name}: {reason}" for name, reason in found.refused.items()]
    return lines


def _protocol_table(found: "Explanation") -> list[str]:
    keys = list(dict.fromkeys(key for scores in found.protocols.values() for key in scores))
    rows = [["protocol", *keys]]
    for name, scores in found.protocols.items():
        rows.append([name, *(get_metric(key).detailed(scores.get(key, math.nan)) for key in keys)])
    return [line.rstrip() for line in columns(rows)]


def _points(change: float) -> str:
    text = f"{100 * change:+.2f}"
    return "." if text in {"+0.00", "-0.00"} else text


def _verdict(match: "Match", reference: str, caution: str) -> str:
    """The verdict, what it rests on, and what to beware of."""
    from evalkit.scoring.verdicts import Verdict

    own = f"{reference} gives {100 * match.measured:.3f}"
    text = f"{match.metric}, published {match.published.text}: {match.judgment.text}; {own}"
    verdict, nearest = match.judgment.verdict, match.nearest
    if verdict in {Verdict.AGREES, Verdict.EXPLAINED}:
        return f"{text}.{f' Beware: {caution}.' if caution else ''}"
    text += f", {match.published.points(match.measured)} away" if verdict is Verdict.NOT_COMPARABLE else ""
    near = f"{nearest.text(match.metric, reference)}, {100 * nearest.value:.3f}"
    return (
        f"{text}. No public protocol and no single rule gives it; nearest is {near}. "
        "Other boxes, another checkpoint, another list or several runs may be behind it."
    )
