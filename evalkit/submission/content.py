"""The files of a submission, zip or folder, read without trust: every defect is collected, nothing is extracted."""

import collections.abc as cabc
import hashlib
import io
import itertools
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from evalkit.errors import SubmissionError
from evalkit.submission.findings import Finding, Kind, error, warning
from evalkit.zips import member_count

MEMBER_LIMIT = 1 << 25
"""Bytes that a text file may unpack to; real ones have some hundred kilobytes at most."""
TOTAL_LIMIT = 1 << 29
"""Bytes that a submission may unpack to."""
COUNT_LIMIT = 100_000
"""Files in a submission."""

NESTED_LIMIT = 1 << 27
"""Bytes that a zip within a zip may unpack to."""

TEXT_SUFFIXES = (".txt", ".value")
ARCHIVE_SUFFIXES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")

_BOMB_RATIO = 100  # text of numbers packs to a third; only large members with a larger ratio are suspicious
_BOMB_SIZE = 1 << 22
_LOCAL_HEADER = 30
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:/*")
_USUAL_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
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
_MAGIC: cabc.Mapping[bytes, str] = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"<": "a web page or XML",
}


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """The files of a submission.

    Attributes:
        where: Path.
        archive: True for a zip.
        files: Relative name -> content; None for files that are there and were not read, because they are no text or
            because a finding says why. Names have forward slashes and never lead out of the submission.
        findings: What is wrong with the archive itself.
        sha256: Of the archive, None for a folder.
    """

    where: str
    archive: bool
    files: cabc.Mapping[str, bytes | None] = field(repr=False)
    findings: tuple[Finding, ...]
    sha256: str | None


def open_content(path: Path) -> Content:
    """Read a zip, a folder, or a zip within a zip (``all.zip/inner.zip``).

    Raises:
        SubmissionError: Nothing is there, or it cannot be read at all.
    """
    if path.is_dir():
        return _folder(path)
    outer = path
    while not outer.exists() and outer.parent != outer:
        outer = outer.parent
    if not outer.is_file():
        raise SubmissionError(f"{path}: no such file or folder. Pass a zip, or the folder that will become one.")
    try:
        with outer.open("rb") as file:
            if outer == path:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return _zip(file, str(path), digest)
            return _inner(file, outer, path.relative_to(outer).as_posix())
    except OSError as problem:
        raise SubmissionError(f"cannot read {outer}: {problem.strerror or problem}.") from problem


def content_of_bytes(data: bytes, where: str) -> Content:
    """Read a zip in memory."""
    return _zip(io.BytesIO(data), where, hashlib.sha256(data).hexdigest())


def _inner(file: BinaryIO, outer: Path, name: str) -> Content:
    try:
        if member_count(file) > COUNT_LIMIT:
            raise SubmissionError(f"{outer} holds more than {COUNT_LIMIT} files; refused.")
        with zipfile.ZipFile(file) as archive:
            info = archive.getinfo(name)
            if info.file_size > NESTED_LIMIT:
                raise SubmissionError(f"{name!r} in {outer} unpacks to {info.file_size} bytes; refused.")
            data = archive.read(info)
    except KeyError:
        raise SubmissionError(f"{outer} holds no file {name!r}.") from None
    except _DAMAGES as problem:
        raise SubmissionError(f"cannot read {name!r} in {outer}: {problem}.") from problem
    return content_of_bytes(data, f"{outer}/{name}")


# --- folders ---------------------------------------------------------------------------------------------------------


def _folder(top: Path) -> Content:
    files: dict[str, bytes | None] = {}
    findings: list[Finding] = []
    left = TOTAL_LIMIT
    for folder, folders, names in os.walk(top):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(folder, name)
            relative = path.relative_to(top).as_posix().encode("utf-8", "backslashreplace").decode()
            files[relative] = _file_content(path, relative, left, findings)
            left -= len(files[relative] or b"")
            if len(files) > COUNT_LIMIT:
                raise SubmissionError(f"{top}: more than {COUNT_LIMIT} files; pass the folder of the results only.")
    return Content(str(top), archive=False, files=files, findings=tuple(findings), sha256=None)


def _file_content(path: Path, name: str, left: int, findings: list[Finding]) -> bytes | None:
    if path.is_symlink():
        findings.append(_link(name))
        return None
    if not path.is_file() or not name.lower().endswith(TEXT_SUFFIXES):
        return None
    try:
        size = path.stat().st_size
        if size > min(MEMBER_LIMIT, left):
            findings.append(_too_large(name, size))
            return None
        return path.read_bytes()
    except OSError as problem:
        text = problem.strerror or str(problem)
        findings.append(error(Kind.UNREADABLE, name, text, "a readable file"))
        return None


def _link(name: str) -> Finding:
    return error(Kind.SYMLINK, name, "a link", "the file itself", advice="A server does not have what it points to.")


def _too_large(name: str, size: int) -> Finding:
    return error(
        Kind.ZIP_BOMB, name, f"{size} bytes unpacked", f"at most {MEMBER_LIMIT >> 20} MiB a file", advice="Not read."
    )


# --- zips ------------------------------------------------------------------------------------------------------------


def _zip(file: BinaryIO, where: str, digest: str, *, nested: bool = False) -> Content:
    if (count := member_count(file)) > COUNT_LIMIT:
        limit = f"at most {COUNT_LIMIT} members"
        bomb = error(Kind.ZIP_BOMB, Path(where).name, f"about {count} members", limit, advice="Not read.")
        return Content(where, archive=True, files={}, findings=(bomb,), sha256=digest)
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            files, findings = _Members(archive).read()
            inner = None if nested else _only_archive(archive, files)
    except _DAMAGES as problem:
        fault = _no_zip(file, where, str(problem))
        return Content(where, archive=True, files={}, findings=(fault,), sha256=digest)
    if inner is not None:  # someone zipped the zip: go on inside, so that all defects show at once
        within = _zip(io.BytesIO(inner[1]), f"{where}/{inner[0]}", digest, nested=True)
        advice = "Submit the inner archive itself; its content was checked."
        outer = error(Kind.NESTED_ARCHIVE, inner[0], "an archive", "text files", advice=advice)
        return Content(where, True, within.files, (*findings, outer, *within.findings), digest)
    return Content(where, archive=True, files=files, findings=tuple(findings), sha256=digest)


def _no_zip(file: BinaryIO, where: str, problem: str) -> Finding:
    name = Path(where).name
    file.seek(0)
    head = file.read(8)
    size = file.seek(0, os.SEEK_END)
    if head.startswith(b"PK"):
        advice = "It begins like a zip; probably a copy that was cut short. Make it again."
        return error(Kind.DAMAGED, name, f"{size} bytes, {problem}", "a complete zip", advice=advice)
    what = next((text for magic, text in _MAGIC.items() if head.startswith(magic)), f"bytes {head!r}")
    return error(Kind.NOT_A_ZIP, name, what if size else "an empty file", "a zip archive")


def _only_archive(archive: zipfile.ZipFile, files: cabc.Mapping[str, bytes | None]) -> tuple[str, bytes] | None:
    zips = [info for info in archive.infolist() if info.filename.lower().endswith(".zip")]
    texts = [name for name in files if name.lower().endswith(TEXT_SUFFIXES)]
    if texts or len(zips) != 1 or zips[0].file_size > NESTED_LIMIT:
        return None
    data = _inflate(archive, zips[0])
    return (zips[0].filename, data) if isinstance(data, bytes) else None


class _Members:
    """The members of one archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.entries = archive.infolist()
        self.files: dict[str, bytes | None] = {}
        self.findings: list[Finding] = []
        self.refused = self._refused()

    def read(self) -> tuple[dict[str, bytes | None], list[Finding]]:
        """All files and what is wrong with them as members."""
        for info in self.entries:
            name = self._name(info.filename)
            if info.is_dir() or not name:
                continue
            if name in self.files:
                self.findings.append(
                    error(Kind.DUPLICATE, name, "two members of one name", "one", advice="The last one was checked.")
                )
            self.files[name] = self._content(info, name)
        return self.files, self.findings

    def _name(self, stored: str) -> str:
        """The name with forward slashes, without what leads out of the archive."""
        name = stored.replace("\\", "/")
        if name != stored:
            advice = "Linux programs take this for a part of the name; make the zip with another program."
            self.findings.append(error(Kind.BACKSLASH, stored, "\\", "/ between folders", advice=advice))
        relative = _DRIVE.sub("", name).lstrip("/")
        parts = relative.split("/")
        if relative != name or ".." in parts:
            what = "a name that leads out of the archive" if ".." in parts else "an absolute name"
            self.findings.append(error(Kind.UNSAFE_NAME, stored, what, "a relative name without '..'"))
        return "/".join([part for part in parts if part not in {"", ".", ".."}])

    def _refused(self) -> bool:
        """Whether the archive as a whole is not worth reading."""
        name = Path(self.archive.filename or "archive").name
        total = sum(info.file_size for info in self.entries)
        if total > TOTAL_LIMIT:
            found = f"{len(self.entries)} members of {total} bytes in all"
            limit = f"at most {TOTAL_LIMIT >> 20} MiB"
            self.findings.append(error(Kind.ZIP_BOMB, name, found, limit, advice="Not read."))
            return True
        order = sorted(self.entries, key=lambda info: info.header_offset)
        for one, other in itertools.pairwise(order):
            if one.header_offset + _LOCAL_HEADER + one.compress_size > other.header_offset:
                found = f"the bytes of {one.filename!r} and of this member overlap"
                self.findings.append(
                    error(Kind.ZIP_BOMB, other.filename, found, "members one after the other", advice="Not read.")
                )
                return True
        return False

    def _content(self, info: zipfile.ZipInfo, name: str) -> bytes | None:
        if stat.S_ISLNK(info.external_attr >> 16):
            self.findings.append(_link(name))
            return None
        if info.flag_bits & _ENCRYPTED:
            self.findings.append(error(Kind.ENCRYPTED, name, "a member with a password", "an open one"))
            return None
        if self.refused or not name.lower().endswith(TEXT_SUFFIXES):
            return None
        if info.file_size > MEMBER_LIMIT or (
            info.file_size > _BOMB_SIZE and info.file_size > _BOMB_RATIO * info.compress_size
        ):
            self.findings.append(_too_large(name, info.file_size))
            return None
        if info.compress_type not in _USUAL_COMPRESSION:
            found = f"compression method {info.compress_type}"
            advice = "Not every program can unpack it."
            self.findings.append(warning(Kind.COMPRESSION, name, found, "stored or deflated", advice=advice))
        data = _inflate(self.archive, info)
        if isinstance(data, bytes):
            return data
        self.findings.append(error(Kind.DAMAGED, name, data, "a member that unpacks", advice="Make the zip again."))
        return None


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | str:
    """Content of a member, never more than it claims to have; or what is wrong with it."""
    try:
        with archive.open(info) as file:
            data = file.read(info.file_size + 1)  # beyond the end, where the checksum is compared
    except _DAMAGES as problem:
        return str(problem) or type(problem).__name__
    if len(data) != info.file_size:
        return f"{len(data)} bytes, where its header says {info.file_size}"
    return data
