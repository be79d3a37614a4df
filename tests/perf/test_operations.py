"""What `perf/operations.py` counts of a step."""

import collections

import torch

from helpers.program import load_perf

operations = load_perf("operations")


def counted(step):
    kinds = collections.Counter(operations=0, copies=0, casts=0, waits=0)
    numbers = torch.arange(6.0)
    with operations.Waits(kinds), operations.Operations(kinds):
        step(numbers)
    return dict(kinds)


def test_copies_and_casts_are_those_that_make_new_memory():
    assert counted(lambda x: x.clone()) == {"operations": 1, "copies": 1, "casts": 0, "waits": 0}
    assert counted(lambda x: x.bfloat16())["casts"] == 1
    assert counted(lambda x: x.float())["casts"] == counted(lambda x: x.contiguous())["copies"] == 0


def test_what_waits_for_a_device_is_counted_on_a_processor_too():
    assert counted(lambda x: (x * 2).cpu())["waits"] == 1
    assert counted(lambda x: x.max().item())["waits"] == 1
    assert counted(lambda x: bool((x > 1).any()))["waits"] == 1
    assert counted(lambda x: x.sort())["waits"] == 0
