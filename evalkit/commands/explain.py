"""``evalkit explain``: the same boxes under every protocol, and the effect of each single rule in points."""

import math
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import App, common_options, print_documents
from evalkit.commands.listing import columns
from evalkit.commands.options import request_options, text_or_json
from evalkit.commands.output import echo
from evalkit.evaluation.request import Request
from evalkit.report.metrics import get_metric

if TYPE_CHECKING:
    from evalkit.evaluation.explained import Explained
    from evalkit.scoring.explain import Explanation, Match

_SHOWN = 0.005  # smaller changes, in points, print as 0.00


@click.command()
@request_options()
@click.option("--published", help="A value as a paper prints it, such as 0.691, 69.1 or 69.1%: which rules give it?")
@click.option("--metric", help="Of the published value: key or printed label (P_Norm); default: what ranks.")
@text_or_json
@common_options
@click.pass_obj
def explain(app: App, /, *, request: Request, published: str | None, metric: str | None, as_json: bool) -> None:
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
    from evalkit.evaluation.explained import explain_request

    documents = []
    for explained in explain_request(request, metric=metric, published=published):
        documents.append(_document(explained))
        if not as_json:
            echo(*_lines(explained))
        for note in explained.notes:
            app.say(f"note: {explained.candidate.tracker}: {note}")
    if as_json:
        print_documents(documents)


def _document(explained: "Explained") -> dict[str, Any]:
    truth, candidate, explanation = explained.truth, explained.candidate, explained.explanation
    return {
        "benchmark": truth.spec.name,
        "split": truth.split.name,
        "tracker": candidate.tracker,
        "run": candidate.run,
        "sequences": len(truth.annotations),
        "reference": explanation.reference,
        "protocols": {name: dict(scores) for name, scores in explanation.protocols.items()},
        "rules": [
            {
                "rule": effect.rule,
                "from": effect.before,
                "to": effect.after,
                "protocols": list(effect.used_by),
                "scores": dict(effect.scores),
                "change": dict(effect.change),
            }
            for effect in explanation.effects
        ],
        "without_effect": list(explanation.without_effect),
        "refused": dict(explanation.refused),
        "published": None
        if explanation.match is None
        else _match_document(explanation.match)
        | {"text": _verdict(explanation.match, explanation.reference, explained.caution)},
        "sample": truth.is_sample,
        "notes": list(explained.notes),
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


def _lines(explained: "Explained") -> list[str]:
    from evalkit.scoring.rules import phrase

    truth, candidate, explanation = explained.truth, explained.candidate, explained.explanation

    sample = ", sample data" if truth.is_sample else ""
    lines = (
        [] if explanation.match is None else [_verdict(explanation.match, explanation.reference, explained.caution), ""]
    )
    lines += [f"{candidate.tracker} on {truth.spec.title} {truth.split.name}{sample}: the same boxes, all protocols"]
    lines += _protocol_table(explanation)
    keys = list(explanation.protocols[explanation.reference])
    lines += ["", f"From {explanation.reference}, one rule changed at a time; changes in points"]
    shown = [effect for effect in explanation.effects if 100 * effect.largest >= _SHOWN]
    rows = [[*keys, "rule"]]
    for effect in shown:
        users = f" ({', '.join(effect.used_by)})" if effect.used_by else ""
        name = phrase(effect.rule, effect.after) + (", exact ties only" if effect.last_bits else "")
        rows.append([*(_points(effect.change[key]) for key in keys), name + users])
    lines += columns(rows) if shown else ["no rule moves a number by 0.01 points"]
    small = len(explanation.effects) - len(shown)
    if small:
        lines.append(f"{small} more rules change a number by less than 0.01 points.")
    if explanation.without_effect:
        lines.append(f"{len(explanation.without_effect)} rules have no effect on these boxes.")
    lines += [f"not possible: {name}: {reason}" for name, reason in explanation.refused.items()]
    return lines


def _protocol_table(explanation: "Explanation") -> list[str]:
    keys = list(dict.fromkeys(key for scores in explanation.protocols.values() for key in scores))
    rows = [["protocol", *keys]]
    for name, scores in explanation.protocols.items():
        rows.append([name, *(get_metric(key).detailed(scores.get(key, math.nan)) for key in keys)])
    return columns(rows)


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
