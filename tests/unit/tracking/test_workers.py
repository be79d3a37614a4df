"""Several workers on this machine: same boxes, nothing lost when one dies, nothing hangs."""

import dataclasses
import json
import re
import signal
from pathlib import Path

import pytest

from helpers.own_trackers import KILLED_ALWAYS, KILLED_AT_WIDTH, KILLED_ONCE, MEETING, SLOWLY, own_tracker
from helpers.program import PATIENCE, call, run_videos, start, wait_until
from helpers.trees import draw_videos

LENGTHS = [12, 9, 14, 12, 8, 20, 7, 10]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    return draw_videos(tmp_path_factory.mktemp("data") / "videos", LENGTHS)


def test_two_workers_compute_what_one_process_does_and_share_the_work(videos, tmp_path):
    tracker = own_tracker(tmp_path, trouble="meet()", top=MEETING)
    shared = run_videos(videos, tmp_path / "two", tracker, "--workers", 2, "--capacity", 2)
    single = run_videos(videos, tmp_path / "one", tracker)
    assert shared.code == 0, shared.stderr
    assert shared.json["digest"] == single.json["digest"]
    assert shared.json["run"] == single.json["run"]
    records = [json.loads(path.read_text()) for path in (tmp_path / "two").rglob("sequences/*.json")]
    assert {record["rank"] for record in records} == {0, 1}
    (timing,) = [json.loads(path.read_text()) for path in (tmp_path / "two").rglob("timings/*.json")]
    assert timing["workers"] == 2
    assert timing["frames"] == sum(LENGTHS)


def test_a_worker_killed_in_mid_sequence_is_replaced_and_its_sequences_are_done_again(videos, tmp_path):
    tracker = own_tracker(tmp_path, sleep=0.005, trouble=KILLED_ONCE)
    broken = run_videos(videos, tmp_path / "two", tracker, "--workers", 2, "--capacity", 2)
    assert (tmp_path / "marker").exists()
    assert broken.code == 0, broken.stderr
    assert "was lost: its process was ended by SIGKILL; starting another one" in broken.stderr
    single = run_videos(videos, tmp_path / "one", tracker)
    assert broken.json["digest"] == single.json["digest"]
    assert broken.json["failed"] == {}


def test_workers_that_keep_dying_leave_a_partial_run_that_says_why(videos, tmp_path):
    tracker = own_tracker(tmp_path, trouble=KILLED_ALWAYS)
    done = run_videos(videos, tmp_path / "results", tracker, "--workers", 2, "--capacity", 2)
    assert done.code == 1
    document = done.json
    assert document["status"] == "partial"
    assert any("was lost while this sequence was under way" in text for text in document["failed"].values())
    assert "SIGKILL" in next(iter(document["failed"].values()))
    assert "Traceback" not in done.stderr


def test_a_sequence_that_kills_every_worker_does_not_keep_the_others_from_being_finished(tmp_path):
    videos = draw_videos(tmp_path / "videos", LENGTHS)
    (videos / "s3" / "groundtruth.txt").write_text("5,6,12.5,10\n")
    tracker = own_tracker(tmp_path, trouble=KILLED_AT_WIDTH)
    done = run_videos(videos, tmp_path / "results", tracker, "--workers", 2, "--capacity", 2)
    assert done.code == 1
    assert list(done.json["failed"]) == ["s3"]
    assert done.json["missing"] == ["s3"]


def test_damaged_frames_fail_their_sequences_in_workers_too(tmp_path):
    videos = draw_videos(tmp_path / "videos", LENGTHS)
    (videos / "s2" / "img" / "0007.png").write_bytes(b"no image")
    done = run_videos(videos, tmp_path / "results", "ncc", "--workers", 2)
    assert done.code == 1
    assert list(done.json["failed"]) == ["s2"]
    assert "0007.png" in done.json["failed"]["s2"]
    assert "custom/s2" in done.stderr


def test_a_disk_that_fills_in_a_worker_stops_the_run_and_resuming_completes_it(videos, tmp_path):
    # the file is loaded by the worker: there it makes the third result's rename fail as a full disk does
    full = f"""
import pathlib
real = pathlib.Path.replace
def replace(self, target):
    if str(target).endswith(".csv") and len(list(pathlib.Path(target).parent.glob("*.csv"))) >= 3:
        if not pathlib.Path({str(tmp_path / "room")!r}).exists():
            raise OSError(28, "No space left on device")
    return real(self, target)
pathlib.Path.replace = replace
"""
    tracker = own_tracker(tmp_path, top=full)
    stopped = run_videos(videos, tmp_path / "results", tracker, "--workers", 2)
    assert stopped.code == 1
    assert "No space left on device" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    (tmp_path / "room").touch()
    resumed = run_videos(videos, tmp_path / "results", tracker, "--workers", 2)
    assert resumed.code == 0, resumed.stderr
    assert resumed.json["digest"] == run_videos(videos, tmp_path / "one", tracker).json["digest"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_all_workers_and_keeps_what_is_finished(tmp_path, number):
    videos = draw_videos(tmp_path / "videos", [8] * 10)
    tracker = own_tracker(tmp_path, sleep=SLOWLY)
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--workers", 2, "--capacity", 1]
    process = start(*common, "--results", tmp_path / "results")
    wait_until(lambda: list((tmp_path / "results").rglob("sequences/*.json")), process)
    process.send_signal(number)
    output, messages = process.communicate(timeout=PATIENCE)
    (tmp_path / "marker-go").touch()
    assert process.returncode == 1
    assert "partial" in output
    assert "the same command runs only what is missing" in messages
    assert "Traceback" not in messages
    resumed = run_videos(videos, tmp_path / "results", tracker, "--workers", 2)
    assert resumed.code == 0
    assert resumed.json["digest"] == run_videos(videos, tmp_path / "one", tracker).json["digest"]


def test_workers_end_when_the_main_process_is_killed(tmp_path):
    videos = draw_videos(tmp_path / "videos", [8] * 6)
    tracker = own_tracker(tmp_path, sleep=SLOWLY, trouble=f"open({str(tmp_path / 'pid')!r} + str(os.getpid()), 'w')")
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--workers", 2]
    process = start(*common, "--results", tmp_path / "results")
    wait_until(lambda: len(list(tmp_path.glob("pid*"))) == 2, process)
    process.kill()
    process.communicate()
    pids = [int(path.name[3:]) for path in tmp_path.glob("pid*")]
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))  # none outlives the main process


STOPPED = "os.kill(os.getpid(), signal.SIGSTOP)"
NEVER_RELEASED = "__import__('ctypes').PyDLL(None).sleep(500)"  # a call into C that keeps the interpreter's lock


@pytest.mark.parametrize("hang", [STOPPED, NEVER_RELEASED])
def test_a_worker_that_lives_but_stands_still_is_replaced(tmp_path, hang):
    videos = draw_videos(tmp_path / "videos", [8] * 4)
    tracker = own_tracker(tmp_path, trouble=f"if self.frame == 3 and once(): {hang}")
    from evalkit.tracking.dispatch import Dispatcher, Limits, Reports
    from evalkit.tracking.local_workers import LocalTransport

    orders, jobs = make_orders(tracker, 2), make_jobs(videos, tmp_path / "results", tracker)
    notes = []
    with Dispatcher(LocalTransport(orders), Limits(start=60, silence=3, stop=10)) as dispatcher:
        dispatcher.start()
        dispatcher.run(jobs, Reports(note=notes.append))
    assert "stood still for 3 s" in notes[0]
    assert jobs[0].run.missing() == []


def test_the_limit_of_a_step_and_a_margin_decide_when_a_worker_stands_still(videos, tmp_path, monkeypatch):
    from evalkit.evaluation import executors

    monkeypatch.setattr(executors, "MARGIN_SECONDS", 2.0)
    tracker = own_tracker(tmp_path, trouble=f"if self.frame == 3 and once(): {STOPPED}")
    words = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--workers", 2]
    done = call(*words, "--results", tmp_path / "results", "--timeout", 3)
    assert done.code == 0
    assert "stood still for 5 s" in done.stderr


def test_a_worker_shows_progress_in_the_middle_of_a_long_step(videos, tmp_path):
    from evalkit.tracking.messages import Progress, Push, Ready, Stop
    from evalkit.tracking.sizing import Sizing
    from evalkit.tracking.worker import PROGRESS_SECONDS, Worker

    tracker = own_tracker(tmp_path, sleep=1.1 * PROGRESS_SECONDS)
    (order,), jobs = make_orders(tracker, 1), make_jobs(videos, tmp_path / "results", tracker)[:4]
    events = []

    def emit(event):
        events.append(event)
        if isinstance(event, Ready):
            worker.tell(Push(tuple(jobs)))
        elif sum(isinstance(event, Progress) and event.frames > 0 for event in events) == 3:
            worker.tell(Stop())

    worker = Worker(dataclasses.replace(order, sizing=Sizing(capacity=4, timeout=60.0)), emit)
    worker.run()
    counts = [event.frames for event in events if isinstance(event, Progress)]
    steps = "".join("." if count == 0 else "S" for count in counts)
    assert re.search(r"S\.{3,}S", steps), steps  # four streams, one after the other: a sign of life for each


def make_orders(tracker, count):
    from evalkit.tracking.interface import TrackerOptions
    from evalkit.tracking.messages import Order
    from evalkit.tracking.sizing import Sizing

    sizing = Sizing(capacity=2, timeout=60.0)
    return [Order(tracker, {}, TrackerOptions(), sizing, count, rank, ()) for rank in range(count)]


def make_jobs(videos, results, tracker):
    from evalkit.benchmarks import get_benchmark, get_split
    from evalkit.evaluation import running
    from evalkit.provenance import Origin
    from evalkit.store.runs import ResultStore
    from evalkit.tracking.catalog import load_tracker
    from evalkit.tracking.interface import TrackerOptions

    spec = get_benchmark("custom")
    split = get_split(spec, None)
    target = running.RunTarget(spec, split, videos, Origin("custom:x"), tuple(spec.list_sequences(videos, split)))
    info = load_tracker({}, tracker, TrackerOptions()).info
    run = running.open_run(ResultStore(results), target, info, precision="fp32", seed=0, repeat=0)
    jobs = running.make_plan(target, run, aux=False).jobs
    return [dataclasses.replace(job, number=number) for number, job in enumerate(jobs)]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--tracker", "kfc", "--workers", 2], 2, "did you mean 'kcf'"),
        (["--tracker", "nowhere.py:Mine", "--workers", 2], 1, "no file"),
        (["--tracker", "kcf", "--shard", "5/4"], 2, "is no shard"),
        (["--tracker", "kcf", "--shard", "1/2", "--fresh"], 2, "without --shard"),
        (
            ["--tracker", "tests/own_trackers.py:X", "--device", "cuda:0,1", "--workers", 3],
            2,
            "3 workers for 2 devices",
        ),
        (["--tracker", "tests/own_trackers.py:X", "--device", "cuda:x"], 2, "is none of auto"),
    ],
)
def test_wrong_usage(videos, arguments, code, text):
    done = call("run-benchmark", "custom", "--data-root", videos, *arguments)
    assert done.code == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_further_executor_is_one_row(videos, tmp_path, monkeypatch):
    from evalkit.commands.run import run_benchmark
    from evalkit.evaluation.executors import EXECUTORS, ExecutorOptions, open_executor
    from evalkit.tracking.dispatch import Reports
    from evalkit.tracking.execution import Workers
    from evalkit.tracking.interface import TrackerOptions
    from evalkit.tracking.local_workers import LocalSite

    (option,) = [option for option in run_benchmark.params if option.name == "executor"]
    assert list(option.type.choices) == list(EXECUTORS)
    monkeypatch.setitem(EXECUTORS, "elsewhere", lambda asked: LocalSite(asked.workers, here=False))
    tracker = own_tracker(tmp_path)
    jobs = make_jobs(videos, tmp_path / "results", tracker)
    asked = ExecutorOptions(tracker, TrackerOptions(), executor="elsewhere")
    with open_executor(asked) as executor:
        assert isinstance(executor, Workers)  # even a single one: this process is not where workers run
        executor.run(jobs, Reports())
    assert jobs[0].run.missing() == []


def test_shards_run_at_once_into_one_folder_and_complete_it(videos, tmp_path):
    tracker = own_tracker(tmp_path, sleep=0.02)
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", tmp_path / "r"]
    processes = [start(*common, "--json", "--shard", f"{number}/3") for number in (1, 2, 3)]
    documents = []
    for process in processes:
        output, messages = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, messages
        documents.append(json.loads(output))
    assert [document["shard"] for document in documents] == ["1/3", "2/3", "3/3"]
    assert all(document["shard_missing"] == [] for document in documents)
    whole = run_videos(videos, tmp_path / "r", tracker)
    assert "8 of 8 sequences were finished before" in whole.stderr
    assert whole.json["digest"] == run_videos(videos, tmp_path / "one", tracker).json["digest"]


def test_a_shard_and_the_whole_run_or_another_division_exclude_each_other(videos, tmp_path):
    tracker = own_tracker(tmp_path, sleep=SLOWLY)
    common = ["run-benchmark", "custom", "--tracker", tracker, "--data-root", videos, "--results", tmp_path / "r"]
    process = start(*common, "--shard", "1/2")
    try:
        wait_until(lambda: list((tmp_path / "r").rglob("environments/*.json")), process)
        for other in ([], ["--shard", "1/2"], ["--shard", "2/3"]):
            done = call(*common, *other)
            assert done.code == 1
            assert "is being written by another process (shard-1-of-2)" in done.stderr
    finally:
        process.kill()
        process.communicate()
