"""Ray: simulated machines that disappear, join, or cannot read; actors that die or stand still. Always one digest."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.machine import usable_cores
from helpers import ROOT
from helpers.own_trackers import FULL_DISK, KILLED_ONCE, MEETING, own_tracker
from helpers.program import PATIENCE, evalkit, start, wait_until
from helpers.trees import draw_videos

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
        [sys.executable, str(ROOT / "tests" / "helpers" / "ray_nodes.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.address = next((line.strip() for line in process.stdout if line[0].isdigit()), "")
    assert process.address, "the cluster did not start"
    yield process
    try:
        process.communicate("end\n", timeout=PATIENCE)
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
    tracker = own_tracker(tmp_path, sleep=0.1, trouble="meet()", top=MEETING)
    process = start(*common(videos, tmp_path / "ray", tracker, nodes.address))
    wait_until(lambda: len(list((tmp_path / "ray").rglob("sequences/*.json"))) >= 2, process)
    nodes.stdin.write("remove\n")
    nodes.stdin.flush()
    output, messages = process.communicate(timeout=PATIENCE)
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


BLIND = """
import ray
from evalkit.benchmarks import frames
from evalkit.errors import ImageReadError


def first_node():
    if not ray.is_initialized():
        return False  # a single process
    node = ray.get_runtime_context().get_node_id()
    try:
        os.symlink(node, MARKER + "-node")
    except FileExistsError:
        pass
    return os.readlink(MARKER + "-node") == node


def read_rgb(path):
    raise ImageReadError(f"{path} is not mounted here.")


if first_node():
    frames.read_rgb = read_rgb
"""


def test_what_one_node_cannot_read_another_does_a_stopped_actor_is_replaced_and_a_new_node_is_used(
    videos, tmp_path, nodes
):
    stopped = "if self.frame == 5 and once(): os.kill(os.getpid(), signal.SIGSTOP)"
    tracker = own_tracker(tmp_path, sleep=0.2, trouble=stopped, top=BLIND)
    process = start(*common(videos, tmp_path / "ray", tracker, nodes.address), "--timeout", 5)
    wait_until((tmp_path / "marker").exists, process)  # one actor stands still
    nodes.stdin.write("add\n")
    nodes.stdin.flush()
    output, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, messages
    assert "stood still for 25 s" in messages
    assert "is not mounted here. (frame 0) Trying it on another machine." in messages
    records = [json.loads(path.read_text()) for path in (tmp_path / "ray").rglob("sequences/*.json")]
    assert 2 in {record["rank"] for record in records}  # the node that joined
    assert json.loads(output)["digest"] == digest(videos, tmp_path / "one", tracker)


def test_without_a_cluster_ray_is_started_here(videos, tmp_path):
    tracker = own_tracker(tmp_path, trouble="meet()", top=MEETING)
    arguments = common(videos, tmp_path / "ray", tracker, "")[:-4]
    done = evalkit(*arguments, "--workers", 2)
    assert done.code == 0, done.stderr
    (timing,) = [json.loads(path.read_text()) for path in (tmp_path / "ray").rglob("timings/*.json")]
    assert timing["decoders"] == 2 * max(1, usable_cores() // 2)  # the cores are divided among the actors
    assert done.json["digest"] == digest(videos, tmp_path / "one", tracker)


def test_a_disk_that_is_full_in_an_actor_ends_the_run_with_its_error(videos, tmp_path):
    arguments = common(videos, tmp_path / "ray", own_tracker(tmp_path, top=FULL_DISK), "")[:-4]
    done = evalkit(*arguments, "--workers", 2)
    assert done.code == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_that_is_not_there_is_an_error(videos, tmp_path):
    done = evalkit(*common(videos, tmp_path / "ray", "still", "127.0.0.1:1"))
    assert done.code == 1
    assert "Ray: " in done.stderr
    assert "Traceback" not in done.stderr
