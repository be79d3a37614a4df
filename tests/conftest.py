"""Fixtures that all tests share."""

import os
import signal
from pathlib import Path

import cv2
import pytest

from evalkit.machine import usable_cores
from helpers import SHARED

if "PYTEST_XDIST_WORKER" in os.environ:  # workers that run side by side take one core each
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
# tests start hundreds of programs, which need not be compiled each time
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as below a shell's background job; programs inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _shared(part: str) -> Path:
    folder = SHARED / part
    if not folder.is_dir():
        pytest.skip(f"research-use data not present: no folder ../shared/{part} beside the repository")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More workers than cores: many tests wait for programs that they started."""
    return usable_cores() * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: "models" not in item.path.parts)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real annotations, raw results and clips; research use, not part of the repository."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """Numbers computed by the official programs."""
    return _shared("golden")


@pytest.fixture(scope="session")
def shared_spec() -> Path:
    """Published numbers and protocol pages."""
    return _shared("spec")


@pytest.fixture(scope="session")
def tiny_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny sample of all benchmarks; tests read it only."""
    from evalkit.sample.render import make_sample

    return make_sample(tmp_path_factory.mktemp("tiny") / "sample", tiny=True).folder
