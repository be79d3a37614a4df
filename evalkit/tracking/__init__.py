"""Running trackers: their interface, the slot loop, decoding ahead."""
