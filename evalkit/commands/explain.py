"""``evalkit explain``: the same boxes under every protocol, and the effect of each single rule in points."""

import collections.abc as cabc
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands import inputs
from evalkit.commands.common import App, common_options, json_option, print_json
from evalkit.commands.listing import columns
from evalkit.commands.options import Asked, input_options
from evalkit.commands.output import echo
from evalkit.errors import EvalkitError, unknown_name

if TYPE_CHECKING:
    from evalkit.scoring.explain import Explanation, Match

_SHOWN = 0.005  # smaller changes, in points, print as 0.00


@click.command()
@click.argument("benchmark")
@input_options
@click.option("--published", help="A value as a paper prints it, such as 0.691 or 69.1: which rules give it?")
@click.option("--metric", help="Metric key of the published value; default: the one that ranks trackers.")
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

    First every protocol that fits the benchmark, side by side; then, from the benchmark's `papers` protocol, one rule
    changed at a time and the change in points (hundredths). Writing boxes as integers is one of the rules.

    \b
    Examples:
      evalkit explain tnl2k --predictions results.zip --annotations tnl2k_annotations.zip
      evalkit explain lasot --predictions ATOM/ --annotations kit/ --published 0.515
      evalkit explain visevent --tracker kcf --data-root sample --metric precision_20 --json
    """
    from evalkit.scoring.explain import explain as explained

    given = Asked(**asked)
    truth = given.truth(benchmark, allow_missing=allow_missing)
    candidates = given.candidates(truth)
    reference = _single(inputs.protocols_of(truth.spec, protocol))
    key = metric or _default_metric(truth.spec.headline, [one.key for one in reference.reported])
    if key not in {one.key for one in reference.reported}:
        raise unknown_name(f"metric of {reference.id}", key, [one.key for one in reference.reported])
    documents = []
    for candidate in candidates:
        annotations, notes = inputs.limited(truth, candidate)
        with inputs.said_of(truth, candidate, allow_missing=allow_missing):
            found = explained(
                annotations,
                candidate.trajectories,
                [inputs.rules_for(candidate, one) for one in inputs.protocols_of(truth.spec, inputs.ALL)],
                inputs.rules_for(candidate, reference),
                metric=key,
                published=published,
                allow_missing=allow_missing,
            )
        told = tuple(dict.fromkeys((*truth.notes, *notes, *candidate.unreadable_notes, *found.notes)))
        documents.append(_document(truth, candidate, found) | {"notes": list(told)})
        if not as_json:
            echo(*_lines(truth, candidate, found))
        for note in told:
            app.say(f"note: {candidate.tracker}: {note}")
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)


def _single(protocols: list[Any]) -> Any:
    if len(protocols) != 1:
        raise EvalkitError("--protocol: one protocol is needed to change its rules; `all` names several.")
    return protocols[0]


def _default_metric(headline: cabc.Sequence[str], reported: cabc.Sequence[str]) -> str:
    """The number that ranks trackers: F in the long-term protocols, else the first that papers print."""
    if "longterm_f" in reported:
        return "longterm_f"
    return next((key for key in headline if key in reported), reported[0])


def _document(truth: inputs.Truth, candidate: inputs.Candidate, found: "Explanation") -> dict[str, Any]:
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
        "published": None if found.match is None else _match_document(found.match),
        "sample": truth.is_sample,
    }


def _match_document(match: "Match") -> dict[str, Any]:
    return {
        "metric": match.metric,
        "value": match.published,
        "tolerance": match.tolerance,
        "nearest": {
            "protocol": match.protocol,
            "rule": match.rule or None,
            "metric": match.key,
            "value": match.value,
            "difference": match.difference,
        },
        "explained": match.explained,
        "text": _verdict(match),
    }


def _lines(truth: inputs.Truth, candidate: inputs.Candidate, found: "Explanation") -> list[str]:
    sample = ", sample data" if truth.is_sample else ""
    lines = [f"{candidate.tracker} on {truth.spec.title} {truth.split.name}{sample}: the same boxes, all protocols"]
    lines += _protocol_table(found)
    keys = list(found.protocols[found.reference])
    lines += ["", f"From {found.reference}, one rule changed at a time; changes in points"]
    shown = [effect for effect in found.effects if 100 * effect.largest >= _SHOWN]
    rows = [[*keys, "rule"]]
    for effect in shown:
        users = f" ({', '.join(effect.used_by)})" if effect.used_by else ""
        rows.append([*(_points(effect.change[key]) for key in keys), f"{effect.rule}: {effect.after}{users}"])
    lines += columns(rows) if shown else ["no rule moves a number by 0.01 points"]
    small = len(found.effects) - len(shown)
    if small:
        lines.append(f"{small} more rules change a number by less than 0.01 points.")
    if found.without_effect:
        lines.append(f"{len(found.without_effect)} rules have no effect on these boxes.")
    lines += [f"not possible: {name}: {reason}" for name, reason in found.refused.items()]
    if found.match is not None:
        lines += ["", _verdict(found.match)]
    return lines


def _protocol_table(found: "Explanation") -> list[str]:
    keys = list(dict.fromkeys(key for scores in found.protocols.values() for key in scores))
    rows = [["protocol", *keys]]
    for name, scores in found.protocols.items():
        rows.append([name, *(f"{100 * scores[key]:.2f}" if key in scores else "-" for key in keys)])
    return [line.rstrip() for line in columns(rows)]


def _points(change: float) -> str:
    text = f"{100 * change:+.2f}"
    return "." if text in {"+0.00", "-0.00"} else text


def _verdict(match: "Match") -> str:
    rule = f" with one rule changed ({match.rule})" if match.rule else ""
    other = f", read as {match.key}" if match.key != match.metric else ""
    nearest = f"{match.protocol}{rule}{other}"
    value = f"{100 * match.value:.3f}"
    published = f"{match.metric} published {100 * match.published:g}"
    if match.explained:
        return f"{published}: explained, {nearest} gives {value}."
    return (
        f"{published}: not explained by any protocol or single rule; nearest is {nearest} with {value}, "
        f"{100 * match.difference:+.2f} points away. Other boxes, another list or several runs may be behind it."
    )
