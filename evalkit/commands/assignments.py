"""``--set KEY=V1,V2``: the same grammar for every command that takes settings."""

import collections.abc as cabc
import functools
import itertools
import json
import math
from typing import Any

import click

MOST = 1000
"""Combinations of settings in one call; more are a slip of the keyboard."""
_CLOSING = {"[": "]", "{": "}", "(": ")"}
Command = cabc.Callable[..., Any]
Settings = dict[str, Any]


def alternatives(text: str) -> list[Any]:
    """The values of a setting: commas outside of quotes and brackets stand between them, each is JSON or else text.

    Raises:
        ValueError: One of several values is empty.

    Example:
        >>> alternatives("0.1,0.2"), alternatives("[1,2],[3]"), alternatives('fast,"a,b",true')
        ([0.1, 0.2], [[1, 2], [3]], ['fast', 'a,b', True])
        >>> alternatives(""), alternatives("NaN"), alternatives("b=c")
        ([''], ['NaN'], ['b=c'])
    """
    parts = _split(text)
    if len(parts) > 1 and not all(parts):
        raise ValueError('between two commas there is nothing; an empty text is written as ""')
    values = {json.dumps(value): value for value in map(_value, parts)}
    return list(values.values())


def _split(text: str) -> list[str]:
    """Parts between commas that are neither inside quotes nor inside brackets."""
    parts, expected, quoted, escaped = [""], list[str](), False, False
    for character in text:
        if character == "," and not quoted and not expected:
            parts.append("")
            continue
        parts[-1] += character
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in _CLOSING:
            expected.append(_CLOSING[character])
        elif expected and character == expected[-1]:
            expected.pop()
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    """A JSON value; anything else, NaN and numbers beyond all bounds included, is text."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value


def written(value: Any) -> str:
    """A value as it is written behind ``KEY=``, for messages and for programs that read text.

    Example:
        >>> written(0.5), written([1, 2]), written("fast"), written("a,b"), written("1")
        ('0.5', '[1,2]', 'fast', '"a,b"', '"1"')
    """
    plain = isinstance(value, str) and alternatives(value) == [value]
    return str(value) if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
