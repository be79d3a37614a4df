"""Where numbers come from: official data, the rendered sample, own videos; a run or an import; random weights."""

import collections.abc as cabc
import hashlib
from pathlib import Path

IMPORTED = "imported"
"""``RunIdentity.source`` of raw results of another program."""
RANDOM_WEIGHTS = "random"
"""Instead of a file, or of its hash: weights of a dry run."""


class Origin(str):
    """Where the data of results are from, stored as the text that it is; runs on different data never mix.

    "official"; "sample:format=1:seed=0:size=320x240:tiny=false" for a rendered sample; "custom:FOLDER" for own videos.

    Example:
        >>> Origin("sample:seed=1").is_sample, Origin.of_custom("videos"), OFFICIAL.is_official
        (True, 'custom:videos', True)
    """

    __slots__ = ()

    @classmethod
    def of_sample(cls, settings: str) -> "Origin":
        """A sample rendered with these settings."""
        return cls(f"sample:{settings}")

    @classmethod
    def of_custom(cls, folder: str) -> "Origin":
        """The user's own videos in a folder of this name."""
        return cls(f"custom:{folder}")

    @property
    def is_official(self) -> bool:
        """A copy of what the benchmark's authors publish."""
        return self == OFFICIAL

    @property
    def is_sample(self) -> bool:
        """The rendered sample."""
        return self.startswith("sample:")


OFFICIAL = Origin("official")


def is_dry_run(weights_sha256: str | None) -> bool:
    """Whether results were made with random weights, so that their scores mean nothing."""
    return weights_sha256 == RANDOM_WEIGHTS


def hash_files(paths: cabc.Iterable[Path]) -> str:
    """SHA-256 that identifies weight files.

    Returns:
        Of one file, what ``sha256sum`` prints; of several, the hash over ``sha256sum``'s lines in order of the
        names (without folders).
    """
    digests: list[tuple[str, str]] = []
    for path in paths:
        with path.open("rb") as stream:
            digests.append((path.name, hashlib.file_digest(stream, "sha256").hexdigest()))
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()
