"""What strangers wrote, made visible: names that would clear a screen, set its title, or forge a line show codes."""

import collections.abc as cabc
import json
import re
from typing import Any, TextIO

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


class Shown:
    """A stream for what foreign code prints: lines and tabs are kept, any other control character becomes its code.

    A carriage return begins a line, so that nothing already shown is written over. The rest is as of the stream below.

    Args:
        stream: Where lines go.
        below: What has descriptor and buffer, for who writes there; ``stream`` if None.
    """

    def __init__(self, stream: TextIO, below: TextIO | None = None) -> None:
        self._stream = stream
        self._below = below or stream
        self.flush = stream.flush

    @property
    def rich_proxied_file(self) -> Any:
        """Where our own bars write their codes; the name is rich's."""
        return getattr(self._stream, "rich_proxied_file", self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    def isatty(self) -> bool:
        """No: who asks means to write codes."""
        return False

    def write(self, text: str) -> int:
        """Write to the stream."""
        lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs().split("\n")
        self._stream.write("\n".join(map(visible, lines)))
        return len(text)

    def writelines(self, lines: cabc.Iterable[str]) -> None:
        """Write them one by one."""
        for line in lines:
            self.write(line)
