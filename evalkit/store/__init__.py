"""Results on disk: whole-or-nothing writes, manifests, foreign text formats."""
