"""The tracker catalogue, as text: listing it imports no tracker and no torch."""

from evalkit.tracking.catalog import TrackerEntry

CATALOG: dict[str, TrackerEntry] = {}
