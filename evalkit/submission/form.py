"""What a receiver takes: a new one is a module with a :class:`SubmissionFormat` that a benchmark's facts name."""

import collections.abc as cabc
from dataclasses import dataclass

from evalkit.sequences import Trajectories
from evalkit.submission.content import Content
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding


@dataclass(frozen=True, slots=True)
class SubmissionFormat:
    """What one receiver takes.

    Attributes:
        benchmark: Name of the benchmark.
        receiver: Who takes the files.
        repetitions: At most so many.
        layouts: Names of the layouts in use; the first one is the default.
        write: (trajectories, tracker, layout) -> names and texts of the files.
        obstacles: Trajectories -> why they cannot be written, in whole sentences.
        check: (content, expected) -> what is wrong with the files.
        caveat: What a user must know, a whole sentence.
    """

    benchmark: str
    receiver: str
    repetitions: int
    layouts: tuple[str, ...]
    write: cabc.Callable[[Trajectories, str, str], cabc.Iterator[tuple[str, str]]]
    obstacles: cabc.Callable[[Trajectories], cabc.Iterator[str]]
    check: cabc.Callable[[Content, Expected], list[Finding]]
    caveat: str
