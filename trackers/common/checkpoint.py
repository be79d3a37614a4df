"""Reading a stranger's checkpoint: no code from the file ever runs, and nothing is believed about sizes.

Torch files are zip archives with a pickle that names classes and records with the numbers; before torch 1.6 they were
five pickles with the records behind them. The pickle becomes inert values (:mod:`trackers.common.inert_pickle`).
Objects of any class are placeholders; names that could run something are refused, since only an attack needs them.
"""

import collections.abc as cabc
import io
import math
import re
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch
from torch import Tensor

from evalkit.errors import TrackerError
from evalkit.zips import member_count

from .inert_pickle import InertPickleError, Name, Placeholder, load_inert, set_items

__all__ = ["Placeholder", "WeightsError", "read_checkpoint"]

MAX_PICKLE_BYTES = 32 << 20
MAX_DIMENSIONS = 16
MAX_RECORDS = 20_000
MAX_NAME = 1000
SHOWN = 100
"""Characters of a stranger's text in a message."""
_LEGACY_START = (0x1950A86A20F9469CFC6C, 1001)  # torch.serialization.MAGIC_NUMBER and PROTOCOL_VERSION
_STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}

# Nothing of a file is ever called, so any name could stand in it. These are refused since only an attack needs them:
# whatever runs programs or text, opens files or connections, or reads other pickles. Also by their names in Python 2.
_RUNS_SOMETHING = re.compile(
    r"""(__builtin__|builtins)\.(?!(bool|int|long|float|complex|str|unicode|bytes|bytearray|list|dict|tuple|set|frozenset
      |object|x?range|slice|type)$).*
    | types\.(?!SimpleNamespace$).*
    | (_pickle|_posixsubprocess|_thread|_?io|asyncio|bdb|code|codeop|commands|cPickle|ctypes|dill|cloudpickle|ftplib
      |http|httplib|imaplib|imp|importlib|inspect|marshal|mmap|multiprocessing|nntplib|nt|os|pdb|pickle|pipes|pkgutil
      |platform|poplib|popen2|posix|pty|runpy|shelve|shutil|smtplib|socket|socketserver|SocketServer|sqlite3|ssl
      |subprocess|sys|telnetlib|tempfile|timeit|urllib|urllib2|webbrowser|xmlrpc|xmlrpclib|zipimport)\..*
    | (torch|numpy)\.(.*\.)?(_?load\w*|save\w*|eval|exec\w*|compile\w*|run\w*|open\w*|fromfile|memmap|hub|jit|ops
      |classes|package|rpc|f2py|distutils|testing|cpp_extension|fx|_dynamo|_inductor)(\..*)?""",
    re.VERBOSE | re.DOTALL,
)


class WeightsError(TrackerError):
    """A weight file is missing, damaged, dangerous, or belongs to another network."""


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
class _Records:
    """The numbers of a file; each record is read once, however many tensors are views of it.

    Attributes:
        path: The file.
        sizes: Name -> bytes.
        read: Name -> content.
        storages: What was read.
    """

    path: Path
    sizes: cabc.Mapping[str, int]
    read: cabc.Callable[[str], bytes]
    storages: dict[str, Tensor] = field(default_factory=dict)

    def tensor(self, described: _StoredTensor) -> Tensor:
        """A view of its record.

        Raises:
            WeightsError: The record is missing or has another size than the tensor's storage.
        """
        storage = described.storage
        if storage.record not in self.storages:
            self.storages[storage.record] = self._load(storage)
        numbers = self.storages[storage.record]
        if numbers.dtype != storage.dtype:
            raise _damaged(self.path, f"record {storage.record[:SHOWN]} is declared with two number types")
        return numbers.as_strided(described.size, described.stride, described.offset)

    def _load(self, storage: _Storage) -> Tensor:
        there, size = self.sizes.get(storage.record), storage.count * storage.dtype.itemsize
        if there != size:
            raise WeightsError(
                f"{self.path}: record {storage.record[:SHOWN]} is declared with {storage.count} numbers ({size} "
                f"bytes), found {'nothing' if there is None else f'{there} bytes'}. The file is damaged or forged."
            )
        if not size:
            return torch.empty(0, dtype=storage.dtype)
        return torch.frombuffer(bytearray(self.read(storage.record)), dtype=storage.dtype)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the dictionary in a torch file.

    Args:
        path: A file written by ``torch.save``.

    Returns:
        Its content, tensors on the processor; tensors of one storage share its memory. Objects of any class are
        :class:`Placeholder` instances. The entry ``optimizer`` is left out.

    Raises:
        WeightsError: Not such a file, damaged, or it asks for something that weights do not need.
    """
    try:
        with path.open("rb") as file:
            content, records = _read_archive(path, file) if zipfile.is_zipfile(file) else _read_legacy(path, file)
            return _with_tensors(content, records)
    except WeightsError:
        raise
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read ({problem.strerror}).") from problem
    except InertPickleError as problem:
        raise WeightsError(f"{path}: refused, since {problem}.") from problem
    except Exception as problem:  # a hostile file can make the reading fail in any way; nothing was executed
        raise _damaged(path, f"{type(problem).__name__}: {problem}"[:SHOWN]) from problem


def _read_archive(path: Path, file: BinaryIO) -> tuple[Any, _Records]:
    if (count := member_count(file)) > MAX_RECORDS:
        raise WeightsError(f"{path}: refused, since it holds about {count} records; weights need far fewer.")
    archive = zipfile.ZipFile(file)
    prefix, sizes = _inspect(path, archive)
    data = archive.read(f"{prefix}/data.pkl")
    content = _load(path, io.BytesIO(data), lambda pid: _storage(pid, f"{prefix}/data/"))
    return content, _Records(path, sizes, archive.read)


def _read_legacy(path: Path, file: BinaryIO) -> tuple[Any, _Records]:
    """Torch's format before 1.6: start, version, system, content, names of records; then each one's size and bytes."""
    file.seek(0)
    if file.read(2) == b"PK":
        raise _damaged(path, "its zip archive has no end")
    file.seek(0)
    dtypes: dict[str, torch.dtype] = {}

    def persistent(pid: Any) -> _Storage | Placeholder:
        storage = _storage(pid, "")
        if isinstance(storage, _Storage):
            dtypes[storage.record] = storage.dtype
        return storage

    try:
        start = (_load(path, file, persistent), _load(path, file, persistent))
    except Exception as problem:
        raise _not_weights(path) from problem
    if start != _LEGACY_START:
        raise _not_weights(path)
    system, content, names = (_load(path, file, persistent) for _ in range(3))
    if not system["little_endian"]:
        raise WeightsError(f"{path}: written on a big-endian machine; save it again on a little-endian one.")
    places: dict[str, tuple[int, int]] = {}
    end = path.stat().st_size
    for name in names:
        size = int.from_bytes(file.read(8), "little") * (dtypes[name].itemsize if name in dtypes else 1)
        places[name] = (file.tell(), size)
        if file.tell() + size > end:
            raise _damaged(path, "it ends too early")
        file.seek(size, io.SEEK_CUR)

    def read(name: str) -> bytes:
        offset, size = places[name]
        with path.open("rb") as again:
            again.seek(offset)
            return again.read(size)

    return content, _Records(path, {name: size for name, (_, size) in places.items()}, read)


def _load(path: Path, file: BinaryIO, persistent: cabc.Callable[[Any], object]) -> Any:
    def check_name(full: str) -> None:
        if len(full) > MAX_NAME or _RUNS_SOMETHING.fullmatch(full):
            raise WeightsError(
                f"{path}: refused, since it asks for {full[:SHOWN]}, which has no place in a weight file. Nothing "
                "was executed. Fetch the file again from the authors' page."
            )

    return load_inert(file, _BUILDERS, persistent, check_name)


def _inspect(path: Path, file: zipfile.ZipFile) -> tuple[str, dict[str, int]]:
    """Check the archive's table of contents; return its folder and the sizes of its records."""
    entries = file.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        parts = entry.filename.split("/")
        if entry.filename.startswith("/") or "\\" in entry.filename or ":" in parts[0] or ".." in parts:
            raise WeightsError(
                f"{path}: refused, since an entry's name leaves the archive: {entry.filename[:SHOWN]!r}."
            )
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise WeightsError(
                f"{path}: refused, since entry {entry.filename[:SHOWN]!r} is compressed from {entry.file_size} bytes; "
                "torch stores its records as they are."
            )
    if len(set(names)) != len(names):
        raise WeightsError(f"{path}: refused, since the archive holds two entries of one name.")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise WeightsError(f"{path}: refused, since its entries overlap: together they are larger than the file.")
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
    return prefix, sizes


def _storage(pid: Any, folder: str) -> _Storage | Placeholder:
    """A storage of numbers that networks use; of others and of modules' sources, nothing is needed."""
    match pid:
        case ("storage", Name(full=full), str(key), _, int(count), *views) if full in _STORAGES and not any(views):
            return _Storage(_STORAGES[full], f"{folder}{key}", count)
    return Placeholder()


def _describe(storage: Any, offset: Any, size: Any, stride: Any, *_rest: object) -> _StoredTensor | Placeholder:
    """Stands for ``torch._utils._rebuild_tensor_v2``; checks that the view lies inside its storage."""
    if not isinstance(storage, _Storage):
        return Placeholder()
    numbers = (offset, *size, *stride)
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError("a shape that is no number")
    described = _StoredTensor(storage, offset, tuple(size), tuple(stride))
    if len(described.size) > MAX_DIMENSIONS or min(numbers) < 0 or max(numbers) > sys.maxsize:
        _outside(described)
    last = sum((length - 1) * step for length, step in zip(described.size, described.stride, strict=True))
    count = math.prod(described.size)
    if count and (last + described.offset >= storage.count or count > storage.count):
        _outside(described)
    return described


def _outside(described: _StoredTensor) -> NoReturn:
    size = f"{described.size}"[:SHOWN]
    raise ValueError(f"a tensor of shape {size} in a storage of {described.storage.count} numbers")


def _parameter(data: Any, *_rest: object) -> Any:
    return data


def _ordered(pairs: Any = (), *_rest: object) -> dict[Any, Any]:
    content: dict[Any, Any] = {}
    set_items(content, ((key, value) for key, value in pairs))
    return content


_BUILDERS: dict[str, cabc.Callable[..., object]] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor_v2": _describe,
    "torch._utils._rebuild_parameter": _parameter,
}


def _with_tensors(content: Any, records: _Records) -> dict[Any, Any]:
    """Read the described tensors of dictionaries; other containers of a training state are not needed.

    Dictionaries may be nested as deep as the file likes, in each other or in themselves: each is visited once.
    """
    if not isinstance(content, dict):
        raise WeightsError(f"{records.path}: expected a dictionary with weights, found {type(content).__name__}.")
    made: dict[int, dict[Any, Any]] = {id(content): {}}
    pending = [content]
    while pending:
        source = pending.pop()
        target = made[id(source)]
        for key, value in source.items():
            if key == "optimizer":
                continue
            if isinstance(value, dict) and id(value) not in made:
                made[id(value)] = {}
                pending.append(value)
            if isinstance(value, dict):
                target[key] = made[id(value)]
            else:
                target[key] = records.tensor(value) if isinstance(value, _StoredTensor) else value
    return made[id(content)]


def _not_weights(path: Path) -> WeightsError:
    return WeightsError(
        f"{path}: not a weight file that can be read safely. Expected a file written by torch.save, or safetensors."
    )


def _damaged(path: Path, detail: str) -> WeightsError:
    return WeightsError(f"{path}: damaged or incomplete ({detail}). Fetch the file again and compare its size.")
