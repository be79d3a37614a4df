"""Boxes drawn on frames."""
