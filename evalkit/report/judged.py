"""Scores beside every published number of the same tracker, benchmark and metric, each with its verdict."""

import collections.abc as cabc
import math
from dataclasses import dataclass

from evalkit.benchmarks.spec import BenchmarkSpec
from evalkit.published import Published, Unit
from evalkit.report.build import headline
from evalkit.report.compare import difference_text, is_named
from evalkit.report.metrics import get_metric
from evalkit.scoring.scores import Scores
from evalkit.scoring.verdicts import Explain, Judgment, judge


@dataclass(frozen=True, slots=True)
class Judged:
    """A measured number beside a published one.

    Attributes:
        published: With its source.
        judgment: On it.
        difference: Measured minus published, in printed units with sign.
    """

    published: Published
    judgment: Judgment
    difference: str

    @property
    def text(self) -> str:
        """Published value, verdict, source, doubt: one sentence."""
        doubt = f" ({self.published.remark})" if self.published.remark else ""
        return f"{self.published.printed} in {self.published.provenance}{doubt}: {self.judgment.text}"


def judge_scores(
    scores: Scores,
    spec: BenchmarkSpec,
    values: cabc.Iterable[Published],
    reason: str = "",
    explain: Explain | None = None,
) -> dict[str, list[Judged]]:
    """Compare the headline metrics of a score with what is published under the tracker's name.

    Numbers without a doubt come first, in the order of the packaged data. Names are compared without case and
    punctuation; where the source names a variant, that is the name. Scores of the rendered sample are not compared.

    Args:
        scores: What was measured.
        spec: The benchmark.
        values: Published numbers.
        reason: Why the scores cannot be compared with any; empty if they can.
        explain: Finds rules that give a published number which the scores do not meet.
    """
    if scores.sample:
        return {}
    if not reason and scores.protocol != spec.protocols["papers"]:
        reason = f"other protocol: measured by {scores.protocol}, papers use {spec.protocols['papers']}"
    mine = [value for value in values if _is_of(scores, value)]
    found: dict[str, list[Judged]] = {}
    for key in headline([scores], spec):
        measured = float(scores.summary.get(key, math.nan))
        if math.isfinite(measured):
            same = [value for value in mine if value.metric == key]
            same.sort(key=lambda value: value.doubt is not None)
            metric = get_metric(key, scores.benchmark)
            found[key] = [
                Judged(
                    value,
                    judge(key, value.as_printed, measured, scores.protocol, reason=reason, explain=explain),
                    difference_text(metric, measured - value.value),
                )
                for value in same
            ]
    return {key: judged for key, judged in found.items() if judged}


def _is_of(scores: Scores, value: Published) -> bool:
    return (
        (value.benchmark, value.split, value.attribute) == (scores.benchmark, scores.split, "")
        and value.unit is Unit.FRACTION
        and is_named(scores.tracker, [value.variant or value.tracker])
    )
