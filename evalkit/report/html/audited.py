"""The page of an audit: for each tracker and benchmark first what holds, then the evidence."""

import collections.abc as cabc
from dataclasses import dataclass

from evalkit.report.html.templates import filled
from evalkit.report.metrics import get_metric
from evalkit.report.tables.comparison import Judged
from evalkit.scoring.oddities import Remark
from evalkit.scoring.verdicts import Verdict

WORDS = {
    Verdict.AGREES: "reproduces",
    Verdict.EXPLAINED: "explained",
    Verdict.DIFFERS: "differs",
    Verdict.NOT_COMPARABLE: "cannot be checked",
    Verdict.NOTHING_PUBLISHED: "cannot be checked",
}
"""A verdict in a word or three, for programs and for the page."""


@dataclass(frozen=True, slots=True, eq=False)
class Audited:
    """Somebody's results of one tracker on one benchmark.

    Attributes:
        tracker: Its name.
        benchmark: Name of the benchmark.
        split: Of the benchmark.
        title: Both as papers print them.
        layout: Of the files, empty where they cannot be read.
        sequences: With a result.
        total: Of the split.
        frames: Rows read.
        verdict: The worst of the numbers that papers print.
        text: What holds, as a sentence without subject and full stop.
        protocol: Id of the rules by which the numbers were compared.
        keys: Metric keys that the benchmark's papers print.
        scores: Protocol id -> metric key -> fraction; empty without ground truth.
        judged: Metric key -> published numbers, the one that decides first.
        problems: What keeps the results from being complete.
        remarks: What is odd.
        notes: What else a reader must know.
    """

    tracker: str
    benchmark: str
    split: str
    title: str
    layout: str
    sequences: int
    total: int
    frames: int
    verdict: Verdict
    text: str
    protocol: str
    keys: tuple[str, ...]
    scores: cabc.Mapping[str, cabc.Mapping[str, float]]
    judged: cabc.Mapping[str, cabc.Sequence[Judged]]
    problems: tuple[str, ...]
    remarks: tuple[Remark, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """A published number is met, or the difference explained, and nothing is grave."""
        return self.verdict in {Verdict.AGREES, Verdict.EXPLAINED} and not any(
            remark.is_grave for remark in self.remarks
        )

    @property
    def sentence(self) -> str:
        """Who, on what, and what holds."""
        return f"{self.tracker} on {self.title}: {self.text}"

    def score_rows(self) -> list[list[str]]:
        """Protocol and numbers as printed, below a heading."""
        labels = [get_metric(key, self.benchmark).label for key in self.keys]
        rows = [["protocol", *labels]]
        for protocol, scores in self.scores.items():
            nan = float("nan")
            rows.append(
                [protocol, *(get_metric(key, self.benchmark).detailed(scores.get(key, nan)) for key in self.keys)]
            )
        return rows

    def judged_rows(self) -> list[str]:
        """Every published number of the tracker with its source and what it says of the measured one."""
        return [
            f"{get_metric(key, self.benchmark).label} {entry.text}"
            for key, entries in self.judged.items()
            for entry in entries
        ]


def audit_page(name: str, sha256: str, results: cabc.Sequence[Audited]) -> str:
    """Make the page: one file without scripts that works offline, light or dark as the reader's system is."""
    return filled("audited.html", name=name, sha256=sha256, results=results, words=WORDS)
