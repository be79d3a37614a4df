"""One view of a folder and of a zip: names of the text files inside, and their bytes. Nothing is ever extracted."""

import collections.abc as cabc
import hashlib
import io
import mmap
import os
import re
import stat
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import EvalkitError, ResultFormatError

MEMBER_LIMIT = 1 << 28
"""Bytes that one file may unpack to: no result or annotation file comes near a quarter of a gigabyte."""
TOTAL_LIMIT = 1 << 32
"""Bytes that an archive may claim to unpack to."""
COUNT_LIMIT = 1_000_000
"""Files in a folder or an archive."""

_JUNK_FOLDERS = frozenset({"__MACOSX", "__pycache__"})
_JUNK_FILES = frozenset({"Thumbs.db", "desktop.ini"})
_BATCHES = 8
_LEAST_BATCH = 16
_LOCAL_HEADER_SIZE = 30
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Tree:
    """Files below a folder, or in a zip.

    Attributes:
        where: Path for error texts.
        names: Relative names with forward slashes, sorted; without hidden files and what operating systems add.
        read_many: Names -> contents.
        digest: () -> SHA-256 of the archive, or over names and contents of a folder.
        archive: True for a zip.
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
    path: Path, *, error: type[EvalkitError] = ResultFormatError, skip: cabc.Container[str] = frozenset()
) -> Tree:
    """List a folder or a zip.

    A path may lead through archives: ``a.zip/folder`` is a folder in a zip, ``a.zip/b.zip`` a zip in a zip.

    Args:
        path: Folder, zip, or a path into a zip.
        error: Class of errors to raise.
        skip: Names of folders to leave out, for trees with very many images.

    Raises:
        EvalkitError: Nothing is there; the archive is damaged, encrypted, too large, or has names that climb out of
            it. Errors of reading a member come from :meth:`Tree.read`.
    """
    if path.is_dir():
        return _folder(path, error, skip)
    inside: list[str] = []
    outer = path
    while not outer.exists() and outer.parent != outer:
        inside.insert(0, outer.name)
        outer = outer.parent
    if not inside and not outer.exists():
        raise error(f"{path}: no such file or folder.")
    if not outer.is_file():
        raise error(f"{path}: no such file or folder (found {outer}).")
    return _zip(_Source.of_file(outer, error), inside, error, skip)


# --- folders ---------------------------------------------------------------------------------------------------------


def _folder(top: Path, error: type[EvalkitError], skip: cabc.Container[str]) -> Tree:
    names = tuple(sorted(_walk(top, error, skip)))

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
        if count > COUNT_LIMIT:
            raise error(f"{top}: more than {COUNT_LIMIT} files; choose the folder that holds the text files only.")


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


# --- zips ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    """The bytes of an archive, in a file or in memory."""

    where: str
    content: bytes | mmap.mmap = field(repr=False)

    @classmethod
    def of_file(cls, path: Path, error: type[EvalkitError]) -> "_Source":
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    raise error(f"{path} is an empty file.")
                return cls(str(path), mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as problem:
            raise error(f"cannot read {path}: {problem.strerror or problem}.") from problem


def _zip(source: _Source, inside: list[str], error: type[EvalkitError], skip: cabc.Container[str]) -> Tree:
    members = _members(source, error)
    for depth in range(len(inside), 0, -1):
        name = "/".join(inside[:depth])
        if name in members:
            nested = _Source(f"{source.where}/{name}", _inflate(source, members[name], error))
            return _zip(nested, inside[depth:], error, skip)
    prefix = "".join(f"{part}/" for part in inside)
    found = {
        name.removeprefix(prefix): member
        for name, member in members.items()
        if name.startswith(prefix) and not _skipped(name.removeprefix(prefix), skip)
    }
    if inside and not found:
        raise error(f"{source.where} holds nothing named {'/'.join(inside)!r}. {_top_names(members)}")

    def read_many(wanted: cabc.Sequence[str]) -> list[bytes]:
        return [_inflate(source, found[name], error) for name in wanted]

    def digest() -> str:
        return hashlib.sha256(source.content).hexdigest()

    where = source.where + (f"/{prefix.rstrip('/')}" if prefix else "")
    return Tree(where, tuple(sorted(found)), read_many, digest, archive=True)


def _members(source: _Source, error: type[EvalkitError]) -> dict[str, zipfile.ZipInfo]:
    """Files of a zip by their name; refuses what is unsafe or ambiguous."""
    try:
        file = io.BytesIO(source.content) if isinstance(source.content, bytes) else source.content
        with zipfile.ZipFile(file) as archive:  # type: ignore[arg-type]  # a memory map reads like a file
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as problem:
        raise error(
            f"{source.where} is no readable zip archive ({problem}). Pass a folder or a zip; if it was downloaded, "
            "download it again."
        ) from problem
    if len(entries) > COUNT_LIMIT or sum(entry.file_size for entry in entries) > TOTAL_LIMIT:
        raise error(
            f"{source.where} claims to unpack to more than {TOTAL_LIMIT >> 30} GiB or {COUNT_LIMIT} files; refused."
        )
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if entry.is_dir():
            continue
        name = _safe_name(entry, source, error)
        if any(_is_junk(part) for part in name.split("/")):
            continue
        if name in members:
            raise error(f"{source.where} holds two files named {name!r}; remove one.")
        members[name] = entry
    return members


def _safe_name(entry: zipfile.ZipInfo, source: _Source, error: type[EvalkitError]) -> str:
    name = entry.filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or name.startswith("/") or _DRIVE.match(name):
        raise error(
            f"{source.where} holds the unsafe name {entry.filename!r}, which leads out of the archive; refused."
        )
    if entry.flag_bits & _ENCRYPTED:
        raise error(f"{source.where} is encrypted ({entry.filename!r}). Unpack it, and pass the folder.")
    if entry.file_size > MEMBER_LIMIT:
        raise error(f"{source.where}: {entry.filename!r} claims to unpack to {entry.file_size} bytes; refused.")
    return "/".join(parts)


def _skipped(name: str, skip: cabc.Container[str]) -> bool:
    return any(part in skip for part in name.split("/")[:-1])


def _top_names(members: cabc.Iterable[str]) -> str:
    tops = sorted({name.split("/")[0] for name in members})
    return f"It holds: {', '.join(tops[:12])}{' ...' if len(tops) > 12 else ''}."


def _inflate(source: _Source, member: zipfile.ZipInfo, error: type[EvalkitError]) -> bytes:
    """Content of one member, checked against its size and checksum.

    Reads the archive's bytes directly: `zipfile` takes 1.8 times as long for small members.
    """
    where = f"{source.where}/{member.filename}"
    start = member.header_offset
    header = source.content[start : start + _LOCAL_HEADER_SIZE]
    if len(header) < _LOCAL_HEADER_SIZE or header[:4] != b"PK\x03\x04":
        raise error(f"{where}: the archive is damaged (no header at byte {start}). Get a fresh copy.")
    start += _LOCAL_HEADER_SIZE + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = source.content[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        content = packed
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = machine.decompress(packed, member.file_size + 1)
        except zlib.error as problem:
            raise error(f"{where}: the archive is damaged ({problem}). Get a fresh copy.") from problem
    else:
        raise error(f"{where}: compression method {member.compress_type} is not supported. Unpack the archive.")
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise error(f"{where}: the archive is damaged (wrong size or checksum). Get a fresh copy.")
    return content
