"""Errors that a user can cause; every text says what failed, where, found against expected, what to do."""

import difflib
from collections.abc import Iterable


class EvalkitError(Exception):
    """Base of all errors that evalkit raises on purpose; the command line prints it without a traceback.

    Args:
        *lines: The text. Each is printed as one line: a line break inside of one, from a stranger's name, is shown as
            its code.
    """

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The text, line by line."""
        return tuple(map(str, self.args)) or ("",)


class UnknownNameError(EvalkitError):
    """A benchmark, tracker, protocol, split or table of that name does not exist."""


class OptionError(EvalkitError):
    """An option's value cannot be used.

    Args:
        option: Its name on the command line.
        text: What was expected.
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


class DatasetLayoutError(EvalkitError):
    """A copy of a benchmark is not laid out as its authors publish it (missing folder, file or sequence)."""


class AnnotationError(EvalkitError):
    """An annotation or flag file has wrong content (columns, text, row count, first box)."""


class ImageReadError(EvalkitError):
    """An image file is missing, empty, truncated or not an image."""


class ResultFormatError(EvalkitError):
    """Raw result files are missing, of unknown layout, or have wrong content."""


class TrackerError(EvalkitError):
    """A tracker could not be built, or broke its interface (wrong shape, NaN, no answer in time)."""


class StoreError(EvalkitError):
    """A results folder cannot be used: changed file, other schema, another run at work, no space."""


class ScoringError(EvalkitError):
    """Predictions and ground truth cannot be scored under the asked protocol."""


class SampleError(EvalkitError):
    """The rendered sample benchmark could not be made, or its record is damaged."""


class SubmissionError(EvalkitError):
    """A submission cannot be packaged, or the one to check is not there."""


def listed(names: Iterable[str]) -> str:
    """The first dozen names for a message, and how many more there are.

    Example:
        >>> listed(map(str, range(14)))
        '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more'
    """
    every = list(names)
    more = len(every) - 12
    return ", ".join(every[:12]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    """How many of what, in the singular or plural.

    Example:
        >>> counted(1, "sequence"), counted(0, "row"), counted(1200, "image")
        ('1 sequence', '0 rows', '1,200 images')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def text_of(problem: BaseException) -> str:
    """The text of any exception; empty where a stranger's class fails to give one."""
    try:
        return str(problem).strip()
    except Exception:  # noqa: BLE001 - a text is not worth a second failure
        return ""


def unknown_name(kind: str, name: str, known: Iterable[str], hint: str = "") -> UnknownNameError:
    """Build the error for a name that is not in a registry, with the nearest known one.

    Example:
        >>> str(unknown_name("tracker", "ostrak-256", ["ostrack-256", "kcf"]))
        "unknown tracker 'ostrak-256'; did you mean 'ostrack-256'?"
        >>> str(unknown_name("benchmark", "zzz", ["lasot", "uav123"]))
        "unknown benchmark 'zzz'; known: lasot, uav123"
    """
    names = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        text = f"unknown {kind} {name!r}; did you mean {lowered[near[0]]!r}?"
    else:
        text = f"unknown {kind} {name!r}; known: {', '.join(names)}"
    return UnknownNameError(f"{text} {hint}".rstrip())
