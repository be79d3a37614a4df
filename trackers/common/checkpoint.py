"""Reading a stranger's checkpoint: no code from the file ever runs, and nothing is believed about sizes.

Torch files are zip archives with a pickle that names classes and records with the numbers. The pickle is first checked
opcode by opcode and read with a restricted unpickler that knows tensors and plain containers. Objects of the authors'
training program become inert placeholders; names that could run something are refused.
"""

import _compat_pickle
import collections
import collections.abc as cabc
import io
import math
import pickle
import pickletools
import sys
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evalkit.errors import TrackerError

MAX_PICKLE_BYTES = 32 << 20
_REFUSED_OPCODES = frozenset({"EXT1", "EXT2", "EXT4", "INST", "PERSID", "NEXT_BUFFER", "READONLY_BUFFER"})
_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# names of the standard library, torch and numpy that occur in honest training states and do nothing as placeholders
_HARMLESS = frozenset(
    {
        "argparse.Namespace",
        "collections.defaultdict",
        "_codecs.encode",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "numpy.dtype",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "torch.Size",
        "torch.device",
        "builtins.set",
        "__builtin__.set",
    }
)
# protocol 2 writes some names as Python 2 had them ("commands" for subprocess)
_OLD_NAMES = frozenset(name.split(".", maxsplit=1)[0] for name in _compat_pickle.IMPORT_MAPPING)
_GUARDED = frozenset(sys.stdlib_module_names) | _OLD_NAMES | {"torch", "numpy", "nt", "dill", "cloudpickle"}


class WeightsError(TrackerError):
    """A weight file is missing, damaged, dangerous, or belongs to another network."""


class Placeholder:
    """Stands for an object of a class that we do not have; keeps nothing, does nothing."""

    def __new__(cls, *_arguments: object, **_named: object) -> "Placeholder":
        """Ignore all arguments."""
        return object.__new__(cls)

    def __init__(self, *_arguments: object, **_named: object) -> None:
        """Ignore all arguments."""

    def __setstate__(self, _state: object) -> None:
        """Ignore the state."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Ignore the item."""

    def append(self, _item: object) -> None:
        """Ignore the item."""

    def extend(self, _items: object) -> None:
        """Ignore the items."""


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: torch.dtype
    record: str
    count: int


@dataclass(frozen=True, slots=True)
class _StoredTensor:
    """A tensor that is described but not yet read."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(slots=True)
class _Archive:
    """An opened torch file."""

    path: Path
    file: zipfile.ZipFile
    prefix: str
    sizes: dict[str, int]
    foreign: set[str] = field(default_factory=set)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the dictionary in a torch file.

    Args:
        path: A file written by ``torch.save``.

    Returns:
        Its content, tensors on the processor. Objects of unknown classes are :class:`Placeholder` instances.

    Raises:
        WeightsError: Not such a file, damaged, or it asks for something that weights do not need.
    """
    try:
        content = _read_archive(path) if zipfile.is_zipfile(path) else _load_weights_only(path)
    except WeightsError:
        raise
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read ({problem.strerror}).") from problem
    except (zipfile.BadZipFile, EOFError) as problem:
        raise _damaged(path, str(problem)) from problem
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: expected a dictionary with weights, found {type(content).__name__}.")
    return content


def _read_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as file:
        archive = _inspect(path, file)
        data = file.read(f"{archive.prefix}/data.pkl")
        _check_opcodes(path, data)
        try:
            content = _Reader(io.BytesIO(data), archive).load()
        except WeightsError:
            raise
        except Exception as problem:  # a hostile pickle can make the machine fail in any way; nothing was executed
            raise _damaged(path, f"{type(problem).__name__}: {problem}") from problem
        if not archive.foreign:
            return _load_weights_only(path)
        return _materialized(content, archive)


def _load_weights_only(path: Path) -> Any:
    """Torch's own safe reader, for files that need no placeholder."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the format's age; not our user's business
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises RuntimeError, UnpicklingError, ValueError, KeyError, ... for bad files
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK":
            raise _damaged(path, "its zip archive has no end") from problem
        # torch's own text advises to switch the protection off, so it is not passed on
        raise WeightsError(
            f"{path}: not a weight file that can be read safely ({type(problem).__name__}). Expected a file written by "
            "torch.save with nothing but tensors and plain containers, or safetensors."
        ) from problem


def _inspect(path: Path, file: zipfile.ZipFile) -> _Archive:
    """Check the archive's table of contents."""
    entries = file.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        parts = entry.filename.split("/")
        if entry.filename.startswith("/") or "\\" in entry.filename or ":" in parts[0] or ".." in parts:
            raise WeightsError(f"{path}: refused, since an entry's name leaves the archive: {entry.filename!r}.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise WeightsError(
                f"{path}: refused, since entry {entry.filename!r} is compressed from {entry.file_size} bytes; "
                "torch stores its records as they are."
            )
    if len(set(names)) != len(names):
        raise WeightsError(f"{path}: refused, since the archive holds two entries of one name.")
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1 or any(name.endswith("/constants.pkl") for name in names):
        raise WeightsError(f"{path}: a zip archive, but not one written by torch.save (no single data.pkl).")
    prefix = pickles[0].split("/")[0]
    sizes = {entry.filename: entry.file_size for entry in entries}
    if sizes[pickles[0]] > MAX_PICKLE_BYTES:
        raise WeightsError(f"{path}: refused, since its data.pkl has {sizes[pickles[0]]} bytes; weights need far less.")
    order = f"{prefix}/byteorder"
    if order in sizes and file.read(order) != b"little":
        raise WeightsError(f"{path}: written on a big-endian machine; save it again on a little-endian one.")
    return _Archive(path, file, prefix, sizes)


def _check_opcodes(path: Path, data: bytes) -> None:
    """Refuse opcodes that torch.save never writes and memo numbers that would reserve memory at will."""
    count = 0
    try:
        for opcode, argument, _ in pickletools.genops(data):
            count += 1
            if opcode.name in _REFUSED_OPCODES:
                raise WeightsError(f"{path}: refused, since its pickle uses {opcode.name}, which weights do not need.")
            if "PUT" in opcode.name and isinstance(argument, int) and argument > count:
                raise WeightsError(f"{path}: refused, since its pickle reserves {argument} memo places.")
    except ValueError as problem:
        raise _damaged(path, str(problem)) from problem


class _Reader(pickle.Unpickler):
    """Builds containers, tensor descriptions and placeholders, nothing else."""

    def __init__(self, data: io.BytesIO, archive: _Archive) -> None:
        super().__init__(data, encoding="utf-8")
        self.archive = archive

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get(f"{module}.{name}")
        if known is not None:
            return known
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        full = f"{module}.{name}"
        if full not in _HARMLESS and module.split(".", maxsplit=1)[0] in _GUARDED:
            raise WeightsError(
                f"{self.archive.path}: refused, since it asks for {full}, which has no place in a weight file. Nothing "
                "was executed. Fetch the file again from the authors' page."
            )
        self.archive.foreign.add(full)
        return type(name.rsplit(".", 1)[-1], (Placeholder,), {})

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count = pid
        record = f"{self.archive.prefix}/data/{key}"
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(count, int):
            raise _damaged(self.archive.path, "a record of an unknown kind")
        found = self.archive.sizes.get(record)
        if found != count * dtype.itemsize:
            raise WeightsError(
                f"{self.archive.path}: record {record} is declared with {count} numbers ({count * dtype.itemsize} "
                f"bytes), found {'nothing' if found is None else f'{found} bytes'}. The file is damaged or forged."
            )
        return _Storage(dtype, record, count)


def _describe(storage: Any, offset: Any, size: Any, stride: Any, *_rest: object) -> _StoredTensor:
    """Stands for ``torch._utils._rebuild_tensor_v2``; checks that the view lies inside its storage."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without storage")
    described = _StoredTensor(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))
    numbers = (described.offset, *described.size, *described.stride)
    last = sum((length - 1) * step for length, step in zip(described.size, described.stride, strict=True))
    count = math.prod(described.size)
    if min(numbers) < 0 or (count and (last + described.offset >= storage.count or count > storage.count)):
        raise pickle.UnpicklingError(f"a tensor of shape {described.size} in a storage of {storage.count} numbers")
    return described


def _parameter(data: Any, *_rest: object) -> Any:
    return data


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch._utils._rebuild_tensor_v2": _describe,
    "torch._utils._rebuild_parameter": _parameter,
}


def _materialized(value: Any, archive: _Archive) -> Any:
    """Read the described tensors of dictionaries; other containers of a training state are not needed."""
    if isinstance(value, _StoredTensor):
        return _read_tensor(value, archive)
    if isinstance(value, cabc.Mapping):
        return {key: _materialized(item, archive) for key, item in value.items() if key != "optimizer"}
    return value


def _read_tensor(described: _StoredTensor, archive: _Archive) -> Tensor:
    storage = described.storage
    if not storage.count:
        return torch.empty(described.size, dtype=storage.dtype)
    numbers = torch.frombuffer(bytearray(archive.file.read(storage.record)), dtype=storage.dtype)
    return numbers.as_strided(described.size, described.stride, described.offset).clone()


def _damaged(path: Path, detail: str) -> WeightsError:
    return WeightsError(f"{path}: damaged or incomplete ({detail}). Fetch the file again and compare its size.")
