"""How a slot loop runs; nothing of it changes a box."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to run; none of these changes a box.

    Attributes:
        capacity: Streams tracked together.
        decoders: Threads that read and decode images.
        workers: Threads that call ``prepare``.
        lookahead_bytes: Memory for decoded frames, all streams together; see :mod:`evalkit.tracking.ahead`.
        timeout: Seconds after which a call of the tracker counts as hanging, of a :class:`LimitedTracker` each stream's
            own call; None = no limit, and the tracker is called without the detour over a thread.
        read_timeout: The same for reading one image.
        grow: Begin with ``capacity`` and find a better one from measured times and the device's memory.
        waves: 1, 2, or None = measure which is faster.
        batch: Most streams in one call of the tracker, None = all. With 1 the boxes of a network do not depend on how
            many streams there are, not even in the last bit.
    """

    capacity: int = 1
    decoders: int = 2
    workers: int = 2
    lookahead_bytes: int = 1 << 30
    timeout: float | None = None
    read_timeout: float | None = None
    grow: bool = False
    waves: int | None = None
    batch: int | None = None
