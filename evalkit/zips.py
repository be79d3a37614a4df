"""How many members a zip has, without reading them: a hostile one has hundreds of thousands, which takes a minute."""

import os
from typing import BinaryIO

_END, _MEMBER = b"PK\x05\x06", b"PK\x01\x02"
_END_SIZE, _COMMENT, _ZIP64_SIZE, _MEMBER_SIZE = 22, 1 << 16, 76, 46
_DIRECTORY_LIMIT = 1 << 26


def member_count(file: BinaryIO) -> int:
    """Members that a zip's table of contents can have, at most; what it claims itself is not believed.

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
