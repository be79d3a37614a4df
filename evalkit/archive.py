"""One view of a folder, a zip and a tar: names of the files inside, and their bytes. Nothing is ever extracted."""

import collections.abc as cabc
import functools
import gzip
import hashlib
import mmap
import os
import stat
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import EvalkitError, ResultFormatError, listed
from evalkit.zips import (
    Bytes,
    ZipDamageError,
    as_file,
    inflate,
    inner_path,
    is_encrypted,
    member_count,
    table_of_contents,
)

MEMBER_LIMIT = 1 << 28
"""Bytes that one file may unpack to: no result or annotation file comes near a quarter of a gigabyte."""
TOTAL_LIMIT = 1 << 32
"""Bytes that an archive may claim to unpack to."""
COUNT_LIMIT = 100_000
"""Files in an archive."""
FOLDER_LIMIT = 1_000_000
"""Files in a folder."""
TAR_LIMIT = 1 << 30
"""Bytes that a tar may unpack to: it has no list of its members, so that all of it is read into memory."""

_JUNK_FOLDERS = frozenset({"__MACOSX", "__pycache__"})
_JUNK_FILES = frozenset({"Thumbs.db", "desktop.ini"})
_BATCHES = 8
_LEAST_BATCH = 16
_BLOCK = 512  # bytes of a tar's header
_LAST_READ = 1 << 16
_EXTENSION_LIMIT = 1 << 20  # bytes of a tar's extended header
_TAR_KINDS = {b"1": "link", b"2": "link", b"3": "device file", b"4": "device file", b"6": "pipe", b"S": "sparse file"}

Contents = dict[str, cabc.Callable[[], bytes]]
"""Name -> what returns its bytes."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Files below a folder, or in an archive.

    Attributes:
        where: Path for error texts.
        names: Relative names with forward slashes, sorted; without hidden files and what operating systems add.
        read_many: Names -> contents.
        digest: () -> SHA-256 of the archive, or over names and contents of a folder.
        archive: True for a zip or a tar.
    """

    where: str
    names: tuple[str, ...]
    read_many: cabc.Callable[[cabc.Sequence[str]], list[bytes]] = field(repr=False)
    digest: cabc.Callable[[], str] = field(repr=False)
    archive: bool

    def read(self, name: str) -> bytes:
        """Content of one file."""
        return self.read_many([name])[0]

    def batches(self, names: cabc.Sequence[str]) -> cabc.Iterator[list[bytes]]:
        """Contents of many files, part by part; the next part is read while the caller works on the one before.

        Inflating needs no interpreter lock; a second reading thread was no faster on two cores.
        """
        size = max(_LEAST_BATCH, -(-len(names) // _BATCHES))
        parts = [names[start : start + size] for start in range(0, len(names), size)]
        if len(parts) < 2:
            yield from map(self.read_many, parts)
            return
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.read_many, parts[0])
            for part in parts[1:]:
                ready = coming.result()
                coming = pool.submit(self.read_many, part)
                yield ready
            yield coming.result()

    def location(self, name: str) -> str:
        """A file's full name for error texts."""
        return f"{self.where}/{name}"


def open_tree(
    path: Path,
    *,
    error: type[EvalkitError] = ResultFormatError,
    skip: cabc.Container[str] = frozenset(),
    single: cabc.Container[str] = frozenset(),
) -> Tree:
    """List a folder, a zip, or a tar with or without gzip.

    A path may lead through archives: ``a.zip/folder`` is a folder in a zip, ``a.zip/b.zip`` a zip in a zip.

    Args:
        path: Folder, archive, or a path into an archive.
        error: Class of errors to raise.
        skip: Names of folders to leave out, for trees with very many images.
        single: Suffixes in lower case of files that are taken for a folder of one file.

    Raises:
        EvalkitError: Nothing is there; the archive is damaged, encrypted, too large, or has names that climb out of
            it. Errors of reading a member come from :meth:`Tree.read`.
    """
    if path.is_dir():
        return _folder(path, error, skip)
    if path.is_file() and path.suffix.lower() in single:
        return _folder_of(path.parent, (path.name,), error)
    inside: list[str] = []
    outer = path
    while not outer.exists() and outer.parent != outer:
        inside.insert(0, outer.name)
        outer = outer.parent
    if not inside and not outer.exists():
        raise error(f"{path}: no such file or folder.")
    if not outer.is_file():
        raise error(f"{path}: no such file or folder (found {outer}).")
    return _archive(_Source.of_file(outer, error), inside, error, skip)


# --- folders ---------------------------------------------------------------------------------------------------------


def _folder(top: Path, error: type[EvalkitError], skip: cabc.Container[str]) -> Tree:
    return _folder_of(top, tuple(sorted(_walk(top, error, skip))), error)


def _folder_of(top: Path, names: tuple[str, ...], error: type[EvalkitError]) -> Tree:
    def read_many(wanted: cabc.Sequence[str]) -> list[bytes]:
        return [_read_file(top, name, error) for name in wanted]

    def digest() -> str:
        total = hashlib.sha256()
        for name in names:
            total.update(name.encode("utf-8", "surrogateescape") + b"\0")
            total.update(hashlib.sha256(_read_file(top, name, error)).digest())
        return total.hexdigest()

    return Tree(str(top), names, read_many, digest, archive=False)


def _walk(top: Path, error: type[EvalkitError], skip: cabc.Container[str]) -> cabc.Iterator[str]:
    count = 0
    seen: set[str] = set()
    pending = [("", str(top))]
    while pending:
        prefix, folder = pending.pop()
        real = os.path.realpath(folder)  # links to folders are followed, once
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if _is_junk(name):
                        continue
                    if entry.is_dir():
                        if name not in skip:
                            pending.append((f"{prefix}{name}/", entry.path))
                        continue
                    count += 1
                    yield prefix + name
        except OSError as problem:
            raise error(f"cannot list {folder}: {problem.strerror or problem}.") from problem
        if count > FOLDER_LIMIT:
            raise error(f"{top}: more than {FOLDER_LIMIT} files; choose the folder that holds the text files only.")


def _read_file(top: Path, name: str, error: type[EvalkitError]) -> bytes:
    path = f"{top}/{name}"
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.read_bytes for small files
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MEMBER_LIMIT:
                raise error(f"{path}: no regular file below {MEMBER_LIMIT >> 20} MiB.")
            return file.readall()
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror or problem}.") from problem


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name in _JUNK_FOLDERS or name in _JUNK_FILES


# --- archives --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    """The bytes of an archive, in a file or in memory."""

    where: str
    content: Bytes = field(repr=False)

    @classmethod
    def of_file(cls, path: Path, error: type[EvalkitError]) -> "_Source":
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    raise error(f"{path} is an empty file.")
                return cls(str(path), mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as problem:
            raise error(f"cannot read {path}: {problem.strerror or problem}.") from problem


def _archive(source: _Source, inside: list[str], error: type[EvalkitError], skip: cabc.Container[str]) -> Tree:
    if source.content[:2] == b"\x1f\x8b" or source.content[257:262] == b"ustar":
        members = _tar(source, error, skip)
    else:
        members = {
            name: functools.partial(_content, source, entry, error) for name, entry in _members(source, error).items()
        }
    for depth in range(len(inside), 0, -1):
        name = "/".join(inside[:depth])
        if name in members:
            nested = _Source(f"{source.where}/{name}", members[name]())
            return _archive(nested, inside[depth:], error, skip)
    prefix = "".join(f"{part}/" for part in inside)
    inner = {
        name.removeprefix(prefix): member
        for name, member in members.items()
        if name.startswith(prefix) and not _skipped(name.removeprefix(prefix), skip)
    }
    if inside and not inner:
        raise error(f"{source.where} holds nothing named {'/'.join(inside)!r}. {_top_names(members)}")

    def read_many(wanted: cabc.Sequence[str]) -> list[bytes]:
        return [inner[name]() for name in wanted]

    def digest() -> str:
        return hashlib.sha256(source.content).hexdigest()

    where = source.where + (f"/{prefix.rstrip('/')}" if prefix else "")
    return Tree(where, tuple(sorted(inner)), read_many, digest, archive=True)


def _members(source: _Source, error: type[EvalkitError]) -> dict[str, zipfile.ZipInfo]:
    """Files of a zip by their name; refuses what is unsafe or ambiguous."""
    if (count := member_count(as_file(source.content))) > COUNT_LIMIT:
        raise error(
            f"{source.where} holds about {count} files; at most {COUNT_LIMIT} are read from an archive; refused. "
            "Unpack it, and pass the folder."
        )
    try:
        entries = table_of_contents(source.content)
    except ZipDamageError as problem:
        raise error(
            f"{source.where} is no readable zip archive ({problem}). Pass a folder, a zip or a .tar.gz; if it was "
            "downloaded, download it again."
        ) from problem
    if sum(entry.file_size for entry in entries) > TOTAL_LIMIT:
        raise error(f"{source.where} claims to unpack to more than {TOTAL_LIMIT >> 30} GiB; refused.")
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if entry.is_dir():
            continue
        name = _safe_path(entry.filename, source, error)
        if is_encrypted(entry):
            raise error(f"{source.where} is encrypted ({entry.filename!r}). Unpack it, and pass the folder.")
        if entry.file_size > MEMBER_LIMIT:
            raise error(f"{source.where}: {entry.filename!r} claims to unpack to {entry.file_size} bytes; refused.")
        if any(_is_junk(part) for part in name.split("/")):
            continue
        if name in members:
            raise error(f"{source.where} holds two files named {name!r}; remove one.")
        members[name] = entry
    return members


def _safe_path(filename: str, source: _Source, error: type[EvalkitError]) -> str:
    path, leads_out = inner_path(filename)
    if leads_out:
        raise error(f"{source.where} holds the unsafe name {filename!r}, which leads out of the archive; refused.")
    return path


def _skipped(name: str, skip: cabc.Container[str]) -> bool:
    return any(part in skip for part in name.split("/")[:-1])


def _top_names(members: cabc.Iterable[str]) -> str:
    tops = sorted({name.split("/")[0] for name in members})
    return f"It holds: {listed(tops)}."


def _content(source: _Source, member: zipfile.ZipInfo, error: type[EvalkitError]) -> bytes:
    where = f"{source.where}/{member.filename}"
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise error(f"{where}: compression method {member.compress_type} is not supported. Unpack the archive.")
    try:
        return inflate(source.content, member)
    except ZipDamageError as problem:
        raise error(f"{where}: the archive is damaged ({problem}). Get a fresh copy.") from problem


# --- tars ------------------------------------------------------------------------------------------------------------
#
# Python's `tarfile` reads extended headers of any size into memory, and follows what they say of sparse files.


class _Unpacked:
    """The bytes of a tar, once from front to end, and no more than the limit."""

    def __init__(self, source: _Source, error: type[EvalkitError]) -> None:
        self._source = source
        self._error = error
        packed = source.content
        file = as_file(packed)
        file.seek(0)
        self._file = gzip.GzipFile(fileobj=file) if packed[:2] == b"\x1f\x8b" else file
        self._left = TAR_LIMIT

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        if size > self._left:
            raise self._error(
                f"{self._source.where} unpacks to more than {TAR_LIMIT >> 20} MiB. Unpack it, and pass the folder."
            )
        try:
            data = self._file.read(size)
        except (OSError, EOFError, zlib.error) as problem:
            raise self.damaged(str(problem)) from problem
        self._left -= len(data)
        return data

    def exactly(self, size: int) -> bytes:
        """So many bytes, and what fills their last block."""
        data = self.read(size + -size % _BLOCK)
        if len(data) < size:
            raise self.damaged("it ends in the middle of a file")
        return data[:size]

    def damaged(self, reason: str) -> EvalkitError:
        """The error for a tar that cannot be read."""
        return self._error(f"{self._source.where}: the archive is damaged ({reason}). Get a fresh copy.")


def _tar(source: _Source, error: type[EvalkitError], skip: cabc.Container[str]) -> Contents:
    """Files of a tar by their name; refuses what is unsafe or ambiguous."""
    unpacked = _Unpacked(source, error)
    members: Contents = {}
    extended = ""
    for _ in range(COUNT_LIMIT):
        header = unpacked.read(_BLOCK)
        if not header.strip(b"\0"):
            break
        kind, size = header[156:157], _tar_size(header, unpacked)
        if kind in {b"L", b"K", b"x", b"g"}:
            if size > _EXTENSION_LIMIT:
                raise error(f"{source.where}: an extended header of {size} bytes; refused.")
            extended = _extended_name(kind, unpacked.exactly(size), unpacked) or extended
            continue
        name = _safe_path(extended or _tar_name(header), source, error)
        extended = ""
        if kind in _TAR_KINDS:
            raise error(
                f"{source.where} holds the {_TAR_KINDS[kind]} {name!r}; refused. Unpack it, and pass the folder."
            )
        if size > MEMBER_LIMIT:
            raise error(f"{source.where}: {name!r} claims to unpack to {size} bytes; refused.")
        content = unpacked.exactly(size)
        if kind == b"5" or any(_is_junk(part) for part in name.split("/")) or _skipped(name, skip):
            continue
        if name in members:
            raise error(f"{source.where} holds two files named {name!r}; remove one.")
        members[name] = functools.partial(bytes, content)
    else:
        raise error(f"{source.where} holds more than {COUNT_LIMIT} files; refused.")
    while unpacked.read(_LAST_READ):  # to the checksum at the end
        pass
    return members


def _tar_size(header: bytes, unpacked: _Unpacked) -> int:
    """Size of the member that follows; the header's checksum is compared."""
    try:
        stated = int(header[148:156].strip(b" \0"), 8)
        size = int(header[124:136].strip(b" \0") or b"0", 8)
    except ValueError:
        raise unpacked.damaged("a header holds no octal numbers") from None
    if stated != sum(header) - sum(header[148:156]) + 8 * ord(" ") or size < 0:
        raise unpacked.damaged("wrong checksum of a header")
    return size


def _tar_name(header: bytes) -> str:
    name, prefix = (part.partition(b"\0")[0] for part in (header[:100], header[345:500]))
    posix = header[257:263] == b"ustar\0"  # GNU keeps times where POSIX keeps the front of long names
    return (prefix + b"/" + name if posix and prefix else name).decode("utf-8", "surrogateescape")


def _extended_name(kind: bytes, data: bytes, unpacked: _Unpacked) -> str:
    """Name in an extended header, empty if it says nothing of it."""
    if kind == b"L":
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    name = ""
    while kind == b"x" and data:
        length, _, _ = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 8 else 0
        key, _, value = data[len(length) + 1 : size].rstrip(b"\n").partition(b"=")
        if size <= len(length) or key == b"size" or key.startswith(b"GNU.sparse"):
            raise unpacked.damaged("an extended header that is not understood")
        name = value.decode("utf-8", "surrogateescape") if key == b"path" else name
        data = data[size:]
    return name
