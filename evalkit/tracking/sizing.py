"""How a slot loop runs, and how much of its machine it takes for that; nothing of it changes a box."""

from dataclasses import dataclass

from evalkit.tracking.tuning import FIRST_CAPACITY

LEAST_FRAME_MEMORY = 64 << 20
MEMORY_SHARE = 4
"""Decoded frames take at most this part, a quarter, of a machine's memory, whatever was asked for."""


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


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was asked for, before the machine is known.

    Attributes:
        capacity: Streams tracked together, None = by device and cores.
        waves: 1, 2, or None = measure.
        decoders: Threads of each worker that decode, None = its cores.
        frame_memory: Bytes for decoded frames of all workers on one machine.
        timeout: Seconds after which one step, or reading one image, hangs.
        limited: The tracker's steps are limited in time; else only reading is.
        network: The tracker computes on a device.
    """

    capacity: int | None = None
    waves: int | None = None
    decoders: int | None = None
    frame_memory: int = 1 << 30
    timeout: float = 600.0
    limited: bool = True
    network: bool = False

    def settings(self, device: str, cores: int, share: int, memory: int | None = None) -> LoopSettings:
        """Settings of one slot loop.

        Args:
            device: "cpu", "cuda:1".
            cores: Of the machine, as far as its workers may use them.
            share: Workers on the machine.
            memory: Bytes of the machine, as far as its workers may use them; None if unknown.
        """
        cores = max(1, cores // share)
        frames = self.frame_memory if memory is None else min(self.frame_memory, memory // MEMORY_SHARE)
        on_card = device.startswith("cuda")
        return LoopSettings(
            capacity=self.capacity or (FIRST_CAPACITY if on_card else max(2, cores)),
            decoders=self.decoders or cores,
            workers=cores,
            lookahead_bytes=max(LEAST_FRAME_MEMORY, frames // share),
            timeout=self.timeout if self.limited else None,
            read_timeout=self.timeout,
            grow=self.capacity is None and on_card,
            waves=self.waves,
            batch=1 if device == "cpu" and self.network else None,  # a processor gains nothing by more
        )
