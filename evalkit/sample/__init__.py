"""The rendered sample benchmark: all eight official layouts from one small scene generator.

Importing this package loads neither numpy nor OpenCV; rendering is in ``evalkit.sample.render``.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import SampleError
from evalkit.provenance import Origin

FORMAT = 1
RECORD = "sample.json"
TRUTH = ".truth"


@dataclass(frozen=True, slots=True)
class SampleIdentity:
    """What determines a sample.

    Attributes:
        seed: Of the random choices.
        size_wh: Width and height of the frames.
        tiny: The short variant with one sequence per benchmark.
        format: Version of the scenes and layouts.
    """

    seed: int
    size_wh: tuple[int, int]
    tiny: bool
    format: int = FORMAT

    @property
    def origin(self) -> Origin:
        """As runs on it store it."""
        width, height = self.size_wh
        settings = f"format={self.format}:seed={self.seed}:size={width}x{height}:tiny={str(self.tiny).lower()}"
        return Origin.of_sample(settings)

    def __str__(self) -> str:
        return self.origin


def sample_origin(root: Path) -> Origin | None:
    """Tell whether a benchmark's folder belongs to the rendered sample.

    Args:
        root: The sample's folder or a benchmark's folder in it.

    Returns:
        For example ``sample:format=1:seed=0:size=320x240:tiny=false``; None for other data.

    Raises:
        SampleError: The record is there but cannot be read.
    """
    root = root.resolve()
    for folder in (root, root.parent):
        path = folder / RECORD
        if path.is_file():
            return read_identity(path).origin
    return None


def read_identity(path: Path) -> SampleIdentity:
    """Read what a sample's record says of its parameters.

    Raises:
        SampleError: The file cannot be read, or is no record of a sample; names the file and the problem.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        width, height = record["size"]
        identity = SampleIdentity(record["seed"], (width, height), tiny=record["tiny"], format=record["format"])
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise _damaged(path, f"{type(problem).__name__}: {problem}") from problem
    numbers = (identity.seed, *identity.size_wh, identity.format)
    if not all(type(number) is int for number in numbers) or type(identity.tiny) is not bool:
        raise _damaged(path, f"found {identity}")
    return identity


def _damaged(path: Path, problem: str) -> SampleError:
    return SampleError(
        f"{path} marks its folder as a sample benchmark, but is damaged ({problem}); expected whole numbers format and "
        "seed, size [width, height], and tiny true or false. Render the sample anew with `evalkit make-sample`, or "
        "rename the file if it has nothing to do with evalkit."
    )
