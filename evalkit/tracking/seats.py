"""What the main process knows of its workers."""

import enum
from dataclasses import dataclass, field

from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.jobs import Job

LIVES = 3
"""A worker that dies is replaced twice; all lives come back with every sequence that it settles."""


class SeatState(enum.Enum):
    """What is known of a worker."""

    STARTING = "starting"
    WORKING = "working"
    GONE = "gone"


@dataclass(slots=True)
class Seat:
    """A worker as the main process sees it.

    Attributes:
        state: What is known of it.
        lives: How often it may still be started.
        capacity: Streams that it tracks together.
        hand: Its jobs by number, in the order in which it got them.
        begun: Numbers of those that it has said to be under way.
        silent: Seconds since it was started, or last gave a sign of progress.
        node: Its machine, once it is known.
        share: How many workers it was told to be on its machine.
        late: It joined while others were at work.
    """

    state: SeatState = SeatState.GONE
    lives: int = LIVES
    capacity: int = 1
    hand: dict[int, Job] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    silent: float = 0.0
    node: str = ""
    share: int = 0
    late: bool = False


def difference(first: TrackerInfo, other: TrackerInfo) -> str:
    """How two workers' trackers differ, in words."""
    fields = ("name", "config", "weights_sha256", "modalities", "required", "deterministic")
    return "; ".join(
        f"{name}: {getattr(first, name)} there, {getattr(other, name)} here"
        for name in fields
        if getattr(first, name) != getattr(other, name)
    )
