"""What is said of scores wherever they stand: the metrics that lead, the trackers' names, what a reader must know."""

import collections.abc as cabc
import re

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.errors import counted, listed
from evalkit.scoring.scores import Scores

Key = tuple[str, str, str]


def result_key(score: Scores) -> Key:
    """What names the results behind a score: benchmark, tracker, run (raw files of several trackers share a run)."""
    return (score.benchmark, score.tracker, score.run)


def headline(scores: cabc.Sequence[Scores], spec: BenchmarkSpec) -> list[str]:
    """Metric keys that a table of a benchmark shows, in its papers' order.

    The benchmark's headline; where the protocol lacks one of those metrics, all that the protocol reports.
    """
    return headline_of(dict.fromkeys(key for score in scores for key in score.summary), spec)


def headline_of(reported: cabc.Collection[str], spec: BenchmarkSpec) -> list[str]:
    """As :func:`headline`, of the metric keys that a protocol reports."""
    keys = [key for key in spec.headline if key in reported]
    return keys if len(keys) == len(spec.headline) else [*keys, *(key for key in reported if key not in keys)]


def leading(scores: cabc.Sequence[Scores], spec: BenchmarkSpec) -> str:
    """The metric key that ranks trackers on a benchmark: F for DepthTrack, else the first of its headline."""
    return leading_of(headline(scores, spec))


def leading_of(keys: cabc.Sequence[str]) -> str:
    """The metric key that ranks trackers, of those of a headline."""
    return "longterm_f" if "longterm_f" in keys else keys[0]


def remarks(score: Scores) -> list[str]:
    """What a reader of a score must know, as footnotes."""
    notes = list(score.notes)
    if score.missing and not any(score.missing[0] in note for note in notes):
        total = len(score.missing) + len(score.sequence_names)
        notes.append(f"scored without {len(score.missing)} of {counted(total, 'sequence')}: {listed(score.missing)}")
    return list(dict.fromkeys(notes))


def shared_notes(lists: cabc.Sequence[cabc.Sequence[str]]) -> tuple[str, ...]:
    """The notes that stand in all lists, in the order of the first."""
    return tuple(note for note in lists[0] if all(note in notes for notes in lists)) if lists else ()


_OF_READERS = re.compile(r"(^|: )(scored |random weights|undefined |Under the paper's rows)|(?P<lacking>.* left out)\b")


def for_readers(notes: cabc.Iterable[str]) -> tuple[str, ...]:
    """Of footnotes those that say what a number is worth; the others are about runs and files.

    Example:
        >>> for_readers(["data: sample:seed=0", "scored without 1 of 2 sequences: x", "2 sequences are left out: x, y"])
        ('scored without 1 of 2 sequences: x', '2 sequences are left out')
    """
    matches = [(note, _OF_READERS.search(note)) for note in notes]
    return tuple(dict.fromkeys(match["lacking"] or note for note, match in matches if match))


def labels(group: cabc.Sequence[Scores]) -> list[str]:
    """Tracker names, with the run id where a tracker occurs more than once."""
    names = [score.tracker for score in group]
    return [f"{s.tracker} ({s.run[:12]})" if names.count(s.tracker) > 1 else s.tracker for s in group]
