"""What a run's main process and its workers say to each other; frozen values that can be pickled."""

import collections.abc as cabc
from dataclasses import dataclass
from pathlib import Path

from evalkit.store.manifest import RunEnvironment
from evalkit.tracking.catalog import TrackerEntry
from evalkit.tracking.interface import TrackerInfo, TrackerOptions
from evalkit.tracking.jobs import Job
from evalkit.tracking.sizing import Sizing
from evalkit.tracking.timing import LoopTiming


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker needs to build its own tracker and to run.

    Attributes:
        tracker: What the user typed.
        catalog: Trackers known by name.
        options: Weights, device, precision, seed.
        sizing: Streams, threads, memory, limits.
        share: Workers expected on its machine; :class:`Share` says how many there are.
        rank: Number of the worker.
        code: Folders whose sources decide boxes, for the environment record.
    """

    tracker: str
    catalog: cabc.Mapping[str, TrackerEntry]
    options: TrackerOptions
    sizing: Sizing
    share: int
    rank: int
    code: tuple[Path, ...]


# ---- from the main process to a worker


@dataclass(frozen=True, slots=True)
class Push:
    """Further sequences."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """So many workers share the machine."""

    workers: int


@dataclass(frozen=True, slots=True)
class Close:
    """No more will come: finish and end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Drop what is under way, write what is finished, end."""


Message = Push | Share | Close | Stop


# ---- from a worker to the main process


@dataclass(frozen=True, slots=True)
class Ready:
    """The tracker is built.

    Attributes:
        info: The tracker's facts.
        environment: Code and libraries.
        host: Name of the machine, for people.
        capacity: Streams tracked together at first.
        node: Identity of the machine; all local workers say the same.
        share: Workers on its machine that it counts on.
    """

    info: TrackerInfo
    environment: RunEnvironment
    host: str
    capacity: int
    node: str = ""
    share: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """The loop goes on: frames done since the last one (none in the middle of a long step); the capacity now."""

    frames: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Began:
    """A job is under way; until then it is merely queued."""

    number: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A job's result is in the store."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's error is in the store.

    Attributes:
        number: Of the job.
        error: Its text.
        unreadable: The frames could not be read, which another machine may be able to do.
    """

    number: int
    error: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has ended as asked."""

    timing: LoopTiming


@dataclass(frozen=True, slots=True)
class Broken:
    """The worker cannot go on.

    Attributes:
        error: What happened, as in the worker.
        fatal: It would happen to every worker: no results can be written.
        timing: Until then, None if it did not come to work.
    """

    error: Exception
    fatal: bool
    timing: LoopTiming | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Said by the transport: the worker is gone."""

    reason: str


Event = Ready | Progress | Began | Finished | Failed | Note | Ended | Broken | Lost
