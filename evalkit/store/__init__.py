"""Runs on disk: whole-or-nothing writes, manifests with hashes, locks."""
