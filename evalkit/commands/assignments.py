"""``--set KEY=V1,V2``: the same grammar for every command that takes settings."""

import collections.abc as cabc
import functools
import itertools
import json
import math
from typing import Any

import click

from evalkit.values import alternatives, written

MOST = 1000
"""Combinations of settings in one call; more are a slip of the keyboard."""
Command = cabc.Callable[..., Any]
Settings = dict[str, Any]


def combinations(given: cabc.Mapping[str, cabc.Sequence[Any]]) -> list[Settings]:
    """Every choice of one value for each key; the last key changes fastest.

    Example:
        >>> combinations({"a": [1, 2], "b": [3]}), combinations({})
        ([{'a': 1, 'b': 3}, {'a': 2, 'b': 3}], [{}])
    """
    return [dict(zip(given, choice, strict=True)) for choice in itertools.product(*given.values())]


def settings_option(help_text: str, *, several: bool = False) -> cabc.Callable[[Command], Command]:
    """Add ``--set`` as ``settings``.

    Args:
        help_text: What can be set.
        several: A key may have several values; the command gets a list with all combinations, else the only one.
    """
    metavar = "KEY=V1,V2" if several else "KEY=VALUE"
    parse = functools.partial(_parsed, several=several)
    return click.option("--set", "settings", multiple=True, callback=parse, metavar=metavar, help=help_text)


def _parsed(
    _ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...], *, several: bool
) -> list[Settings] | Settings:
    given: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, listed = text.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{text!r} is no setting; write {'KEY=V1,V2' if several else 'KEY=VALUE'}.")
        try:
            given.setdefault(key, []).extend(alternatives(listed))
        except ValueError as problem:
            raise click.BadParameter(f"{text!r}: {problem}.") from None
    given = {key: list({json.dumps(value): value for value in values}.values()) for key, values in given.items()}
    for key, values in given.items():
        if len(values) > 1 and not several:
            raise click.BadParameter(
                f"{key} takes one value here, not {len(values)}: {', '.join(map(written, values))}. Every setting has "
                f"a --set of its own; a comma that belongs to a value stands in quotes, as in --set '{key}=\"a,b\"'."
            )
    if math.prod(map(len, given.values())) > MOST:
        raise click.BadParameter(
            f"{' x '.join(str(len(values)) for values in given.values())} combinations are more than {MOST}."
        )
    return combinations(given) if several else combinations(given)[0]
