"""Streams, threads and memory of a slot loop follow from the machine and from how many share it."""

import pytest

from evalkit.tracking.ray_workers import Node
from evalkit.tracking.sizing import LEAST_FRAME_MEMORY, Sizing


@pytest.mark.parametrize(("cores", "share", "threads"), [(64, 1, 64), (64, 8, 8), (64, 5, 12), (2, 8, 1)])
def test_cores_and_memory_are_divided_among_the_workers_of_a_machine(cores, share, threads):
    settings = Sizing(frame_memory=1 << 30).settings("cpu", cores, share)
    assert (settings.decoders, settings.workers, settings.capacity) == (threads, threads, max(2, threads))
    assert settings.lookahead_bytes == (1 << 30) // share
    assert Sizing(frame_memory=8 << 30).settings("cpu", cores, share, 16 << 30).lookahead_bytes == (4 << 30) // share
    assert Sizing(frame_memory=1 << 20).settings("cpu", cores, share).lookahead_bytes == LEAST_FRAME_MEMORY


def test_what_was_asked_for_holds_on_every_machine():
    settings = Sizing(capacity=5, decoders=3, waves=2, timeout=7.0).settings("cuda", 64, 8)
    assert (settings.capacity, settings.decoders, settings.waves, settings.grow) == (5, 3, 2, False)
    assert settings.timeout == settings.read_timeout == 7.0
    assert Sizing(timeout=7.0, limited=False).settings("cpu", 4, 1).timeout is None


def test_a_node_has_a_worker_per_card_or_one_for_its_cores():
    assert [Node("a", 64, 8).room(gpus=True), Node("a", 64, 0).room(gpus=True)] == [8, 0]
    assert [Node("a", 64, 8).room(gpus=False), Node("head", 0, 0).room(gpus=False)] == [1, 0]
