"""A stranger's zip, read without trust: how many members, their names, their bytes. Nothing is ever extracted.

Whoever reads one decides what to refuse: :mod:`evalkit.archive` stops at the first danger, a submission's check goes on
and tells them all.
"""

import io
import lzma
import mmap
import os
import re
import struct
import zipfile
import zlib
from typing import BinaryIO, cast

from evalkit.errors import EvalkitError

Bytes = bytes | mmap.mmap

_END, _MEMBER = b"PK\x05\x06", b"PK\x01\x02"
_END_SIZE, _COMMENT, _ZIP64_SIZE, _MEMBER_SIZE = 22, 1 << 16, 76, 46
_DIRECTORY_LIMIT = 1 << 26
_HEADER_SIZE = 30
_DRIVE = re.compile(r"\A[A-Za-z]:/*|(?<=/)[A-Za-z]:/+")
_DAMAGES = (  # what the standard library raises for damaged archives
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


class ZipDamageError(EvalkitError):
    """A zip or one of its members cannot be read; the text says why and not where."""


def member_count(file: BinaryIO) -> int:
    """Members that a zip's table of contents can have, at most; what it claims itself is not believed.

    They are counted and not read: a hostile archive has hundreds of thousands, which takes `zipfile` a minute.

    Args:
        file: Anything; what is no zip has 0.
    """
    size = file.seek(0, os.SEEK_END) or file.tell()  # a memory map's seek says nothing
    start = file.seek(max(0, size - _COMMENT - _END_SIZE)) or file.tell()
    tail = file.read(_COMMENT + _END_SIZE)
    place = tail.rfind(_END)
    if place < 0:
        return 0
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    if length > _DIRECTORY_LIMIT:
        return length // _MEMBER_SIZE
    file.seek(max(0, start + place - length - _ZIP64_SIZE))
    return file.read(length + _ZIP64_SIZE).count(_MEMBER)


def table_of_contents(content: Bytes) -> list[zipfile.ZipInfo]:
    """What a zip says that it holds.

    Raises:
        ZipDamageError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(as_file(content)) as archive:
            members = archive.infolist()
    except _DAMAGES as problem:
        raise ZipDamageError(str(problem)) from problem
    if not all(member.filename for member in members):  # `ZipInfo.is_dir` would raise IndexError
        raise ZipDamageError("a member has no name")
    return members


def inner_path(stored: str) -> tuple[str, bool]:
    r"""The path of a member within its archive, and whether the stored name would lead out of it.

    Example:
        >>> inner_path("a\\b.txt"), inner_path("../b.txt"), inner_path("C:/b.txt")
        (('a/b.txt', False), ('b.txt', True), ('b.txt', True))
    """
    name = stored.replace("\\", "/")
    relative = _DRIVE.sub("", name).lstrip("/")
    parts = relative.split("/")
    return "/".join(part for part in parts if part not in {"", ".", ".."}), relative != name or ".." in parts


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Whether a member needs a password."""
    return bool(member.flag_bits & 0x1)


def inflate(content: Bytes, member: zipfile.ZipInfo) -> bytes:
    """Content of a member, never more than it claims to have, checked against its size and checksum.

    Reads the archive's bytes directly: `zipfile` takes 1.8 times as long for small members.

    Raises:
        ZipDamageError: The member is not what the table of contents says.
    """
    start = member.header_offset
    header = content[start : start + _HEADER_SIZE]
    if len(header) < _HEADER_SIZE or header[:4] != b"PK\x03\x04":
        raise ZipDamageError(f"no header at byte {start}")
    start += _HEADER_SIZE + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    data = content[start : start + member.compress_size]
    try:
        if member.compress_type == zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
        elif member.compress_type != zipfile.ZIP_STORED:
            with zipfile.ZipFile(as_file(content)) as archive, archive.open(member) as file:
                data = file.read(member.file_size + 1)  # beyond the end, where the checksum is compared
    except _DAMAGES as problem:
        raise ZipDamageError(str(problem) or type(problem).__name__) from problem
    if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
        raise ZipDamageError("wrong size or checksum")
    return data


def as_file(content: Bytes) -> BinaryIO:
    """An archive's bytes to be read like a file."""
    return cast("BinaryIO", io.BytesIO(content) if isinstance(content, bytes) else content)
