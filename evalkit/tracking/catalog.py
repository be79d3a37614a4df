"""Entries of a tracker catalogue: what can be said of a tracker without importing it."""

from dataclasses import dataclass

from evalkit.sequences import Modality


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One tracker of the catalogue.

    Attributes:
        name: Name on the command line.
        summary: One line.
        factory: "module:function" of a function ``(TrackerOptions) -> Tracker``.
        modalities: Sensors that it reads.
        weights: What file it takes and who publishes it; None if it needs none.
        reference: Paper, "authors, title, venue year".
        parameters: Number of parameters, None without a network.
        multiply_adds: Of one frame, None where not applicable.
        input_sizes: Template and search side in pixels, empty where not applicable.
        benchmark: Benchmark for which its weights are meant, None = any.
    """

    name: str
    summary: str
    factory: str
    modalities: frozenset[Modality]
    weights: str | None
    reference: str
    parameters: int | None = None
    multiply_adds: float | None = None
    input_sizes: tuple[int, ...] = ()
    benchmark: str | None = None
