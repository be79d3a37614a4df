"""``--shard i/n``: a division of a benchmark's sequences that every process computes alike, without talking."""

import collections.abc as cabc

from evalkit.store.locks import Shard


def shard_names(lengths: cabc.Mapping[str, int], shard: Shard) -> set[str]:
    """The sequences of one shard.

    Longest first, each to the shard with the fewest frames so far: shards differ by less than the longest sequence. It
    depends on names and lengths alone, not on what is finished, so that a resumed shard is the same one.

    Args:
        lengths: Sequence name -> number of frames (0 for one that cannot be read).
        shard: Number, from 1, and count.

    Example:
        >>> sorted(shard_names({"a": 9, "b": 5, "c": 4, "d": 1}, (1, 2)))
        ['a', 'd']
    """
    number, count = shard
    loads = [0] * count
    chosen = set()
    for name, length in sorted(lengths.items(), key=lambda item: (-item[1], item[0])):
        place = loads.index(min(loads))
        loads[place] += max(length, 1)
        if place == number - 1:
            chosen.add(name)
    return chosen


def parse_shard(text: str) -> Shard:
    """Read ``i/n``.

    Raises:
        ValueError: It is something else, or i is not in 1..n.

    Example:
        >>> parse_shard("2/8")
        (2, 8)
    """
    number, slash, count = text.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or not 1 <= int(number) <= int(count):
        raise ValueError(f"{text!r} is no shard; expected i/n with i from 1 to n, e.g. 1/4.")
    return int(number), int(count)
