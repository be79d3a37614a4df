"""What a run is: the identity that determines its boxes, the environment it ran in, one record per sequence."""

import collections.abc as cabc
import dataclasses
import hashlib
import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import evalkit
from evalkit.errors import StoreError
from evalkit.hardware import graphics, library_versions
from evalkit.provenance import IMPORTED, Origin
from evalkit.store.sealed import Json

RUN_SCHEMA = 1
RUN_ID_DIGITS = 12
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What determines the boxes; its hash is the run id.

    Attributes:
        benchmark: Benchmark name.
        split: Split name.
        data: What it ran on; runs on different data never mix.
        sequence_list_sha256: :func:`names_sha256` of the sequences asked for.
        tracker: Name of the tracker.
        config: Its settings, as in TrackerInfo.
        weights_sha256: Of the weight files, "random", or None.
        precision: fp32, tf32, bf16, fp16.
        seed: Of trackers with random parts.
        repeat: 0, 1, ... for ``--repeat``.
        frame_limit: ``--limit-frames``.
        source: "run", or "imported" for raw results of another program.
        archive_sha256: Of the imported file or folder.
        schema: Version of this record and of the files beside it.
    """

    benchmark: str
    split: str
    data: Origin
    sequence_list_sha256: str
    tracker: str
    config: cabc.Mapping[str, Json]
    weights_sha256: str | None
    precision: str
    seed: int
    repeat: int
    frame_limit: int | None
    source: str = "run"
    archive_sha256: str | None = None
    schema: int = RUN_SCHEMA

    @property
    def run_id(self) -> str:
        """First 12 hexadecimal digits of SHA-256 over the identity as canonical JSON."""
        return json_sha256(dataclasses.asdict(self))[:RUN_ID_DIGITS]

    @property
    def is_imported(self) -> bool:
        """Raw results of another program, not tracked here."""
        return self.source == IMPORTED

    def __post_init__(self) -> None:
        if isinstance(self.data, str):  # as stored; a damaged manifest may hold anything
            object.__setattr__(self, "data", Origin(self.data))


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """Where boxes were computed: recorded, not part of the identity.

    Attributes:
        evalkit_version: Version of the package.
        code_sha256: Hash over evalkit's own tracking code and the trackers.
        python: Version of Python.
        platform: Operating system and processor.
        libraries: Versions of the libraries that may change a box.
        image_decoder: Another decoder changes pixels.
        hardware: Cards, driver, CUDA, cuDNN, see :func:`evalkit.hardware.graphics`; None as version 0.1 left it.
    """

    evalkit_version: str
    code_sha256: str
    python: str
    platform: str
    libraries: cabc.Mapping[str, str]
    image_decoder: str
    hardware: cabc.Mapping[str, str] | None = None

    @property
    def sha256(self) -> str:
        """Hash that records refer to."""
        return json_sha256(self.document())

    def document(self) -> dict[str, object]:
        """As JSON; without the hardware where it is not known, so that environments of version 0.1 keep their hash."""
        document = dataclasses.asdict(self)
        return document if self.hardware is not None else {key: document[key] for key in document if key != "hardware"}

    def differences(self, other: "RunEnvironment") -> list[str]:
        """What differs in code and libraries from another environment, one text per field.

        Hardware does not count: a tracker's boxes must not depend on it, and where they do, tables say so.
        """
        return [
            f"{key}: {before} before, {now} now"
            for key, (before, now) in differing_fields([other, self]).items()
            if key not in (self.hardware or {})
        ]


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """One finished sequence; its presence on disk means that the sequence is finished.

    Attributes:
        name: Sequence name.
        frames: Rows stored.
        initial_box: Box of frame 0, to notice other data under the same name.
        predictions_sha256: Over boxes and confidences, not over times.
        file_sha256: Over the CSV file.
        seconds: Wall time of the sequence's share of the steps.
        device: Where it ran.
        capacity: Streams tracked together.
        rank: Number of the worker.
        finished_utc: ISO time.
        environment_sha256: Of the RunEnvironment; empty for imported results.
    """

    name: str
    frames: int
    initial_box: tuple[float, ...]
    predictions_sha256: str
    file_sha256: str
    seconds: float
    device: str
    capacity: int
    rank: int
    finished_utc: str
    environment_sha256: str


def json_sha256(value: object) -> str:
    """SHA-256 over canonical JSON: sorted keys, no blanks, no NaN.

    Example:
        >>> json_sha256({"b": 1, "a": 2}) == json_sha256({"a": 2, "b": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def names_sha256(names: cabc.Iterable[str]) -> str:
    """Hash of a set of sequence names; their order does not matter.

    Example:
        >>> names_sha256(["b", "a"]) == names_sha256(["a", "b"])
        True
    """
    return json_sha256(sorted(names))


def differing_fields(environments: cabc.Sequence[RunEnvironment]) -> dict[str, list[str]]:
    """Fields in which environments differ, parts of ``hardware`` as fields of their own, and their different values.

    Example:
        >>> one = RunEnvironment("0.2", "ab", "3.11", "Linux", {}, "opencv 5", {"gpu": "none", "driver": "none"})
        >>> differing_fields([one, dataclasses.replace(one, hardware={"gpu": "H100", "driver": "none"})])
        {'gpu': ['none', 'H100']}
    """
    flat = [
        {**environment.document(), **(environment.hardware or {}), "hardware": None} for environment in environments
    ]
    keys = dict.fromkeys(key for fields in flat for key in fields)
    values = {key: list(dict.fromkeys(str(fields.get(key, "unknown")) for fields in flat)) for key in keys}
    return {key: texts for key, texts in values.items() if len(texts) > 1}


def current_environment(code: cabc.Iterable[Path]) -> RunEnvironment:
    """Describe this process.

    Args:
        code: Folders or files whose Python sources decide the boxes.
    """
    import cv2

    return RunEnvironment(
        evalkit_version=evalkit.__version__,
        code_sha256=sources_sha256(code),
        python=sys.version.split()[0],
        platform=f"{platform.system()} {platform.machine()}",
        libraries=library_versions(),
        image_decoder=f"opencv {cv2.__version__}",
        hardware=graphics(),
    )


def sources_sha256(code: cabc.Iterable[Path]) -> str:
    """SHA-256 over Python sources below folders, by relative name and content."""
    digest = hashlib.sha256()
    for top in code:
        files = sorted(top.rglob("*.py")) if top.is_dir() else [top]
        for path in files:
            digest.update(path.relative_to(top).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def identity_from_json(value: cabc.Mapping[str, Json], where: Path | str) -> RunIdentity:
    """Build an identity from a manifest.

    Raises:
        StoreError: Written by another schema version, or fields are missing.
    """
    schema = value.get("schema")
    if schema != RUN_SCHEMA:
        raise StoreError(
            f"{where} has schema version {schema}, this evalkit reads version {RUN_SCHEMA}. Use the evalkit that wrote "
            "it, or another --results folder."
        )
    if not isinstance(value.get("config"), dict):
        raise StoreError(f"{where} is damaged: the tracker's settings are no JSON object.")
    return _build(RunIdentity, value, where)


def record_from_json(value: cabc.Mapping[str, Json], where: Path | str) -> SequenceRecord:
    """Build a sequence record."""
    box = value.get("initial_box")
    return _build(SequenceRecord, {**value, "initial_box": tuple(box) if isinstance(box, list) else ()}, where)


def environment_from_json(value: cabc.Mapping[str, Json], where: Path | str) -> RunEnvironment:
    """Build an environment."""
    return _build(RunEnvironment, value, where)


# pydantic's TypeAdapter would convert a damaged value to its field's type, and the run would get another id unseen; it
# also costs 30 ms in every command that looks at a run
def _build(kind: type[_Kind], value: cabc.Mapping[str, object], where: Path | str) -> _Kind:
    try:
        return kind(**value)
    except TypeError as problem:
        raise StoreError(f"{where} is damaged: {problem}.") from None
