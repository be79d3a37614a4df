"""Threads and memory follow what the process may use, not what the machine has."""

import os
import re

import pytest

from evalkit.machine import usable_cores, usable_memory
from helpers import ROOT
from helpers.program import python

MACHINE = 64


def control_groups(folder, listed, files):
    """The list of a process's groups, and the files of all groups."""
    (folder / "cgroup").write_text(listed)
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "cgroup", folder / "mount"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MACHINE)), raising=False)


V1 = {"cpu.cfs_quota_us": "200000\n", "cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("listed", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "1000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, MACHINE),
        ("0::/\n", {"cpu.max": "9000000 100000\n"}, MACHINE),
        ("0::/\n", {"cpu.max": "damaged\n"}, MACHINE),
        ("0::/\n", {}, MACHINE),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "400000 100000", "cpu.max": "max 100000"}, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "500000 100000", "a/cpu.max": "200000 100000"}, 2),
        ("0::/../../a\n", {"a/cpu.max": "100000 50000"}, 2),
        ("0::/outside/docker/1234\n", {"cpu.max": "200000 100000"}, 2),
        ("2:cpu,cpuacct:/a\n0::/\n", {f"cpu,cpuacct/a/{name}": text for name, text in V1.items()}, 2),
        ("2:cpu,cpuacct:/a\n", {f"cpu/{name}": text for name, text in V1.items()}, 2),
        ("1:cpu:/\n", {f"cpu/{name}": text for name, text in V1.items()}, 2),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MACHINE),
        ("3:cpuset:/\n1:cpu:/\n", {f"cpuset/{name}": text for name, text in V1.items()}, MACHINE),
        ("0::/\n", {"unified/cpu.max": "200000 100000\n"}, 2),
        ("no colons\n", {"cpu.max": "100000 100000"}, MACHINE),
    ],
)
def test_a_containers_quota_bounds_the_cores(listed, files, cores, tmp_path):
    assert usable_cores(*control_groups(tmp_path, listed, files)) == cores


@pytest.mark.parametrize(
    ("listed", "files", "limit"),
    [
        ("0::/a\n", {"a/memory.max": "max\n", "memory.max": "2000000\n"}, 2_000_000),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "3000000\n"}, 3_000_000),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("0::/\n", {}, None),
    ],
)
def test_a_containers_limit_bounds_the_memory(listed, files, limit, tmp_path):
    assert usable_memory(*control_groups(tmp_path, listed, files)) == (limit or usable_memory(tmp_path / "none"))


def test_without_control_groups_the_pinned_cores_count(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores(tmp_path / "none", tmp_path) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes")
def test_a_pinned_process_gets_one_decoder_one_cropper_and_one_thread_per_stream():
    program = """
import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import cli
from evalkit.evaluation.executors import ExecutorOptions, loop_settings
from evalkit.tracking.interface import TrackerInfo, TrackerOptions
from evalkit.tracking.per_stream import per_stream
settings = loop_settings(ExecutorOptions("t", TrackerOptions()), "cpu", share=1)
print(settings.decoders, settings.workers, per_stream(object, TrackerInfo("t"), concurrent=True)._workers)
"""
    assert python(program).stdout.split() == ["1", "1", "1"]


def test_nobody_else_counts_cores():
    files = [path for top in ("evalkit", "trackers", "perf") for path in (ROOT / top).rglob("*.py")]
    counting = re.compile(r"cpu_count|sched_getaffinity")
    actual = [path.name for path in files if counting.search(path.read_text(encoding="utf-8"))]
    assert actual == ["machine.py"]
