"""Sensors of benchmarks and trackers; apart from arrays, so that lists of names load no numpy."""

import enum


class Modality(enum.StrEnum):
    """What a sensor sees. The second image of a frame is one of the last three."""

    RGB = "rgb"
    DEPTH = "depth"
    THERMAL = "thermal"
    EVENT = "event"
