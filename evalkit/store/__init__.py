"""Runs on disk: whole-or-nothing writes, manifests with hashes, locks."""

import enum


class State(enum.StrEnum):
    """Of a run in its folder."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    RUNNING = "running"
    DAMAGED = "damaged"
