"""What a measured number says of a published one: one vocabulary for every command and report."""

import collections.abc as cabc
import enum
from dataclasses import dataclass

from evalkit.published import Printed


class Verdict(enum.Enum):
    """What a measured number says of a published one.

    How far scores would move on other sequences says nothing here: both numbers are of the same sequences. Intervals
    belong to rankings.
    """

    AGREES = "agrees to the printed digit"
    EXPLAINED = "explained by"
    DIFFERS = "differs, unexplained"
    NOT_COMPARABLE = "not comparable"
    NOTHING_PUBLISHED = "the paper prints no number"


@dataclass(frozen=True, slots=True)
class ExplainedNumber:
    """Rules under which the same boxes give another number.

    Attributes:
        protocol: Protocol id.
        rule: What is changed in it; empty if nothing is.
        key: Metric key of the number; another than the published one's where papers print both under one name.
        value: The number.
    """

    protocol: str
    rule: str
    key: str
    value: float

    def text(self, asked: str, reference: str) -> str:
        """The rules' name; ``asked`` is the metric and ``reference`` the protocol that the reader knows of."""
        rule = self.rule if self.protocol == reference and self.rule else f"{self.protocol} {self.rule}".strip()
        return f"{rule}, read as {self.key}" if self.key != asked else rule


Explain = cabc.Callable[[str, Printed, str], ExplainedNumber | None]
"""Metric key, published number, attribute code (or "") -> the rules that give it."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """A verdict with what it rests on.

    Attributes:
        verdict: Of the five.
        detail: The rule and its value, the distance, or the reason; empty where the verdict says it all.
    """

    verdict: Verdict
    detail: str = ""

    @property
    def text(self) -> str:
        """One sentence without a full stop."""
        texts = {
            Verdict.EXPLAINED: f"explained by {self.detail}",
            Verdict.DIFFERS: f"differs by {self.detail}, unexplained",
            Verdict.NOT_COMPARABLE: f"not comparable because: {self.detail}",
        }
        return texts.get(self.verdict, self.verdict.value)


def judge(
    key: str,
    published: Printed | None,
    measured: float,
    protocol: str,
    *,
    reason: str = "",
    explain: Explain | None = None,
    attribute: str = "",
) -> Judgment:
    """Compare a measured number with a published one.

    Args:
        key: Metric key.
        published: None where the paper prints a dash.
        measured: Unrounded fraction.
        protocol: Under which it was measured.
        reason: Why the two cannot be compared; empty if they can.
        explain: Finds rules that give the published number; asked only where the measured one disagrees.
        attribute: Code of the challenge attribute that both are of; empty for all sequences.

    Example:
        >>> judge("success_auc", Printed.parse("49.6"), 0.49563, "pytracking").text
        'agrees to the printed digit'
        >>> judge("success_auc", Printed.parse("51.5"), 0.49563, "pytracking").text
        'differs by -1.9 points, unexplained'
    """
    if published is None:
        return Judgment(Verdict.NOTHING_PUBLISHED)
    if reason:
        return Judgment(Verdict.NOT_COMPARABLE, reason)
    if published.agrees(measured):
        return Judgment(Verdict.AGREES)
    explained = explain(key, published, attribute) if explain else None
    if explained:
        return Judgment(Verdict.EXPLAINED, f"{explained.text(key, protocol)} ({100 * explained.value:.2f})")
    return Judgment(Verdict.DIFFERS, published.points(measured))
