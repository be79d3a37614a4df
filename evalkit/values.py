"""Values as users write them in one word: JSON where it is JSON, else text, commas between alternatives."""

import json
from typing import Any

CHOSEN = "set"
"""Key of a tracker's settings in a manifest: the names of those that the user chose, absent where there is none."""
_CLOSING = {"[": "]", "{": "}", "(": ")"}


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
    return [_value(part) for part in parts]


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
    plain = isinstance(value, str) and value.isprintable() and _split(value) == [value] == [_value(value)]
    return str(value) if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
