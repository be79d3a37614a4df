"""The state of an unfinished training on the disk."""

import collections.abc as cabc
from pathlib import Path
from typing import Any

import torch

from evalkit.atomic import whole_file


def write_state(path: Path, state: cabc.Mapping[str, Any]) -> None:
    """Write a state to resume from.

    Raises:
        StoreError: The disk is full, the folder read-only, ...; the last state is untouched.
    """
    with whole_file(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as problem:  # torch's own, about its unfinished archive, hides what the system said
            if isinstance(problem.__context__, OSError):
                raise problem.__context__ from None
            raise
