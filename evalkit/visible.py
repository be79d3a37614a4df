"""What strangers wrote, made visible: names that would clear a screen, set its title, or forge a line show codes."""

import json
import re

_UNSEEN = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[\x00-\x1f{_UNSEEN}]")
_CONTROL_IN_JSON = re.compile(f"[{_UNSEEN}]")  # JSON escapes the others; its line breaks are ours


def visible(text: str) -> str:
    r"""Text for one line: control characters, changes of direction, and halves of characters as escapes.

    Example:
        >>> visible("a\x1b[2J\nb")
        'a\\x1b[2J\\nb'
    """
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def json_text(document: object) -> str:
    r"""A JSON document over several lines, readable, and with nothing in it that a terminal would obey.

    Example:
        >>> print(json_text({"é": "\x9b2J"}))
        {
         "é": "\u009b2J"
        }
    """
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return _CONTROL_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
