"""The papers' questions, asked of the small trackers: ``python -m trackers.training.study --help``."""
