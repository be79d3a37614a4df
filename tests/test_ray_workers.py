"""Ray: two simulated machines, one of which disappears; an actor that is killed. Same digest as a single process."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from own_trackers import KILLED_ONCE, own_tracker
from program import ROOT, draw_videos, evalkit, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (the extra `ray`)"),
]
LENGTHS = [12, 9, 14, 12, 8, 20, 7, 10]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    return draw_videos(tmp_path_factory.mktemp("data") / "videos", LENGTHS)


@pytest.fixture
def nodes():
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "ray_nodes.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.address = next((line.strip() for line in process.stdout if line[0].isdigit()), "")
    assert process.address, "the cluster did not start"
    yield process
    try:
        process.communicate("end\n", timeout=60)
    finally:
        process.kill()
        process.communicate()


def common(videos, results, tracker, address):
    return [
        *["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", results, "--json"],
        *["--executor", "ray", "--ray-address", address, "--capacity", 1],
    ]


def digest(videos, results, tracker):
    done = evalkit(
        "run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", results, "--json"
    )
    assert done.code == 0, done.stderr
    return done.json["digest"]


def test_a_node_removed_in_mid_run_and_a_killed_actor_cost_time_only(videos, tmp_path, nodes):
    tracker = own_tracker(tmp_path, sleep=0.1)
    process = start(*common(videos, tmp_path / "ray", tracker, nodes.address))
    deadline = time.monotonic() + 90
    while len(list((tmp_path / "ray").rglob("sequences/*.json"))) < 2:
        assert time.monotonic() < deadline, process.communicate()
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    nodes.stdin.write("remove\n")
    nodes.stdin.flush()
    output, messages = process.communicate(timeout=150)
    assert process.returncode == 0, messages
    document = json.loads(output)
    assert document["status"] == "complete"
    assert "was lost" in messages
    records = [json.loads(path.read_text()) for path in (tmp_path / "ray").rglob("sequences/*.json")]
    assert len({record["rank"] for record in records}) == 2  # both worked
    quick = tmp_path / "quick"
    quick.mkdir()
    killed = own_tracker(quick, trouble=KILLED_ONCE)
    done = evalkit(*common(videos, tmp_path / "ray", killed, nodes.address), "--workers", 1)
    assert (quick / "marker").exists()
    assert done.code == 0, done.stderr
    assert "starting another one" in done.stderr
    assert done.json["digest"] == document["digest"] == digest(videos, tmp_path / "one", tracker)


def test_without_a_cluster_ray_is_started_here(videos, tmp_path):
    tracker = own_tracker(tmp_path)
    arguments = common(videos, tmp_path / "ray", tracker, "")[:-4]
    done = evalkit(*arguments, "--workers", 2)
    assert done.code == 0, done.stderr
    assert done.json["digest"] == digest(videos, tmp_path / "one", tracker)


def test_a_cluster_that_is_not_there_is_an_error(videos, tmp_path):
    done = evalkit(*common(videos, tmp_path / "ray", "still", "127.0.0.1:1"), timeout=200)
    assert done.code == 1
    assert "Ray: " in done.stderr
    assert "Traceback" not in done.stderr
