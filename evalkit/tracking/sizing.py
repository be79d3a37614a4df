"""How many streams and threads and how much memory a slot loop takes on the machine where it runs."""

from dataclasses import dataclass

from evalkit.tracking.loop import LoopSettings
from evalkit.tracking.tuning import FIRST_CAPACITY

LEAST_FRAME_MEMORY = 64 << 20
MEMORY_SHARE = 4
"""Decoded frames take at most this part, a quarter, of a machine's memory, whatever was asked for."""


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
