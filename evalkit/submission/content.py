"""The files of a submission, zip or folder, read without trust: every defect is collected, nothing is extracted."""

import collections.abc as cabc
import hashlib
import itertools
import mmap
import os
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import SubmissionError
from evalkit.submission.findings import Finding, Kind, error, warning
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
_UTF_8 = 0x800
_USUAL_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
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
            empty = os.fstat(file.fileno()).st_size == 0  # cannot be mapped
            content: Bytes = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as problem:
        raise SubmissionError(f"cannot read {outer}: {problem.strerror or problem}.") from problem
    return _zip(content, str(path)) if outer == path else _inner(content, outer, path.relative_to(outer).as_posix())


def content_of_bytes(data: bytes, where: str) -> Content:
    """Read a zip in memory."""
    return _zip(data, where)


def _inner(content: Bytes, outer: Path, name: str) -> Content:
    if member_count(as_file(content)) > COUNT_LIMIT:
        raise SubmissionError(f"{outer} holds more than {COUNT_LIMIT} files; refused.")
    try:
        member = next((info for info in table_of_contents(content) if info.filename == name), None)
        if member is None:
            raise SubmissionError(f"{outer} holds no file {name!r}.")
        if member.file_size > NESTED_LIMIT:
            raise SubmissionError(f"{name!r} in {outer} unpacks to {member.file_size} bytes; refused.")
        return _zip(inflate(content, member), f"{outer}/{name}")
    except ZipDamageError as problem:
        raise SubmissionError(f"cannot read {name!r} in {outer}: {problem}.") from problem


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


def _zip(content: Bytes, where: str, *, nested: bool = False) -> Content:
    name, digest = Path(where).name, hashlib.sha256(content).hexdigest()
    if (count := member_count(as_file(content))) > COUNT_LIMIT:
        limit = f"at most {COUNT_LIMIT} members"
        bomb = error(Kind.ZIP_BOMB, name, f"about {count} members", limit, advice="Not read.")
        return Content(where, archive=True, files={}, findings=(bomb,), sha256=digest)
    try:
        members = table_of_contents(content)
    except ZipDamageError as problem:
        fault = _no_zip(content, name, str(problem))
        return Content(where, archive=True, files={}, findings=(fault,), sha256=digest)
    files, findings = _Members(content, name, members).read()
    inner = None if nested else _only_archive(content, members, files)
    if inner is not None:  # someone zipped the zip: go on inside, so that all defects show at once
        within = _zip(inner[1], f"{where}/{inner[0]}", nested=True)
        advice = "Submit the inner archive itself; its content was checked."
        outer = error(Kind.NESTED_ARCHIVE, inner[0], "an archive", "text files", advice=advice)
        return Content(where, True, within.files, (*findings, outer, *within.findings), digest)
    return Content(where, archive=True, files=files, findings=tuple(findings), sha256=digest)


def _no_zip(content: Bytes, name: str, problem: str) -> Finding:
    head = content[:8]
    if head.startswith(b"PK"):
        advice = "It begins like a zip; probably a copy that was cut short. Make it again."
        return error(Kind.DAMAGED, name, f"{len(content)} bytes, {problem}", "a complete zip", advice=advice)
    what = next((text for magic, text in _MAGIC.items() if head.startswith(magic)), f"bytes {head!r}")
    return error(Kind.NOT_A_ZIP, name, what if len(content) else "an empty file", "a zip archive")


def _only_archive(
    content: Bytes, members: cabc.Iterable[zipfile.ZipInfo], files: cabc.Iterable[str]
) -> tuple[str, bytes] | None:
    """The one zip that a zip without results holds."""
    zips = [member for member in members if member.filename.lower().endswith(".zip")]
    texts = [name for name in files if name.lower().endswith(TEXT_SUFFIXES)]
    if texts or len(zips) != 1 or zips[0].file_size > NESTED_LIMIT:
        return None
    try:
        return zips[0].filename, inflate(content, zips[0])
    except ZipDamageError:
        return None


class _Members:
    """The members of one archive."""

    def __init__(self, content: Bytes, archive_name: str, entries: cabc.Sequence[zipfile.ZipInfo]) -> None:
        self.content = content
        self.archive_name = archive_name
        self.entries = entries
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
        if "\\" in stored:
            advice = "Linux programs take this for a part of the name; make the zip with another program."
            self.findings.append(error(Kind.BACKSLASH, stored, "\\", "/ between folders", advice=advice))
        name, leads_out = inner_path(stored)
        if leads_out:
            climbs = ".." in stored.replace("\\", "/").split("/")
            what = "a name that leads out of the archive" if climbs else "an absolute name"
            self.findings.append(error(Kind.UNSAFE_NAME, stored, what, "a relative name without '..'"))
        return name

    def _refused(self) -> bool:
        """Whether the archive as a whole is not worth reading."""
        total = sum(info.file_size for info in self.entries)
        if total > TOTAL_LIMIT:
            what = f"{len(self.entries)} members of {total} bytes in all"
            limit = f"at most {TOTAL_LIMIT >> 20} MiB"
            self.findings.append(error(Kind.ZIP_BOMB, self.archive_name, what, limit, advice="Not read."))
            return True
        order = sorted(self.entries, key=lambda info: info.header_offset)
        for member, other in itertools.pairwise(order):
            if member.header_offset + _LOCAL_HEADER + member.compress_size > other.header_offset:
                what = f"the bytes of {member.filename!r} and of this member overlap"
                self.findings.append(
                    error(Kind.ZIP_BOMB, other.filename, what, "members one after the other", advice="Not read.")
                )
                return True
        return False

    def _content(self, info: zipfile.ZipInfo, name: str) -> bytes | None:
        if stat.S_ISLNK(info.external_attr >> 16):
            self.findings.append(_link(name))
            return None
        if is_encrypted(info):
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
            what = f"compression method {info.compress_type}"
            advice = "Not every program can unpack it."
            self.findings.append(warning(Kind.COMPRESSION, name, what, "stored or deflated", advice=advice))
        try:
            data = inflate(self.content, info)
        except ZipDamageError as problem:
            fault = str(problem)
        else:
            if self._is_named(info):
                return data
            fault = "another name in the member's own header"
        advice = "Make the zip again."
        self.findings.append(error(Kind.DAMAGED, name, fault, "a member that unpacks", advice=advice))
        return None

    def _is_named(self, info: zipfile.ZipInfo) -> bool:
        """Whether a member's own header has the name of the table of contents; some programs believe the one only."""
        stored = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
        start = info.header_offset
        length = int.from_bytes(self.content[start + 26 : start + 28], "little")
        return self.content[start + _LOCAL_HEADER : start + _LOCAL_HEADER + length] == stored
