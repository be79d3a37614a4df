"""Hashes of what a score was computed from."""

import collections.abc as cabc
import hashlib

import numpy as np

from evalkit.sequences import Annotation, Trajectory
from evalkit.store.box_csv import predictions_sha256
from evalkit.store.manifest import json_sha256


def results_sha256(trajectories: cabc.Mapping[str, cabc.Sequence[Trajectory]]) -> str:
    """SHA-256 over boxes and confidences of all sequences, in name order.

    For results without repetitions this is the digest of their run in the store.

    Args:
        trajectories: Sequence name -> repetitions.
    """
    lines: list[list[object]] = []
    for name in sorted(trajectories):
        hashes = [predictions_sha256(trajectory) for trajectory in trajectories[name]]
        lines.append([name, hashes[0] if len(hashes) == 1 else hashes])
    return json_sha256(lines)


def ground_truth_sha256(annotations: cabc.Iterable[Annotation]) -> str:
    """SHA-256 over names, boxes and flags of all sequences, in name order; boxes as little-endian doubles."""
    digest = hashlib.sha256()
    for annotation in sorted(annotations, key=lambda annotation: annotation.name):
        parts = (annotation.ground_truth, annotation.absent, annotation.visible_eighths, annotation.ground_truth_aux)
        digest.update(annotation.name.encode() + b"\0")
        for part in parts:
            data = b"" if part is None else np.ascontiguousarray(part, dtype="<f8").tobytes()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
