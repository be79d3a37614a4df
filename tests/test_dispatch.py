"""Sharing sequences among workers that die, hang, or come late: simulated, so that thousands of courses can be tried."""

import random
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from evalkit.errors import StoreError, TrackerError
from evalkit.sequences import Trajectory
from evalkit.store.manifest import RunEnvironment, RunIdentity, SequenceRecord
from evalkit.store.runs import ResultStore
from evalkit.tracking import dispatch
from evalkit.tracking.dispatch import Dispatcher, Limits, Reports
from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.messages import Broken, Close, Ended, Failed, Finished, Lost, Push, Ready, Stop, Task
from evalkit.tracking.shards import parse_shard, shard_names
from evalkit.tracking.timing import LoopTiming

ENVIRONMENT = RunEnvironment("1", "c", "3", "p", {}, "d")
INFO = TrackerInfo("walk")


@dataclass
class Simulated:
    """Workers that live in this object: each event round, every worker may finish tasks, fail, or die."""

    random: random.Random
    count: int = 2
    capacity: int = 2
    death: float = 0.0
    failure: float = 0.0
    budget: int = 10**9
    infos: dict[int, TrackerInfo] = field(default_factory=dict)
    hands: dict[int, list[Task]] = field(default_factory=dict)
    events: list = field(default_factory=list)
    pushed: list = field(default_factory=list)
    most: int = 0
    told: list = field(default_factory=list)

    @property
    def ranks(self):
        return list(range(self.count))

    def start(self, rank):
        self.hands[rank] = []
        self.events.append((rank, Ready(self.infos.get(rank, INFO), ENVIRONMENT, "here", self.capacity)))

    def send(self, rank, message):
        if rank not in self.hands:
            return
        self.told.append(message)
        if isinstance(message, Push):
            self.hands[rank] += message.tasks
            self.pushed += [(rank, task) for task in message.tasks]
            self.most = max(self.most, len(self.hands[rank]))
        else:
            del self.hands[rank]
            self.events.append((rank, Ended(LoopTiming(frames=1))))

    def receive(self, timeout):
        for rank, hand in list(self.hands.items()):
            if self.budget and self.random.random() < self.death:
                self.budget -= 1
                del self.hands[rank]
                self.events.append((rank, Lost("ended by SIGKILL")))
            elif hand:
                task = hand.pop(self.random.randrange(len(hand)))
                self.events.append((rank, self.outcome(task)))
        events, self.events = self.events, []
        return events

    def outcome(self, task):
        if self.random.random() < self.failure:
            return Failed(task.number, "broken image")
        record = SequenceRecord(task.name, 1, (0.0,) * 4, "", "", 0.0, "cpu", 1, 0, "", "")
        task.run.write(record, Trajectory.of_boxes(np.zeros((1, 4))))
        return Finished(task.number)

    def kill(self, rank):
        self.hands.pop(rank, None)

    def close(self):
        self.hands.clear()


@pytest.fixture
def run(tmp_path):
    return lambda count: make_run(tmp_path, count)


def make_run(folder, count):
    names = [f"s{n}" for n in range(count)]
    identity = RunIdentity("b", "test", "official", "x", "walk", {}, None, "fp32", 0, 0, None)
    return ResultStore(folder / str(time.perf_counter_ns())).open_or_create(identity, names)


def make_tasks(run):
    return [Task(n, run, name, [], np.zeros(4), 10 + (7 * n) % 31) for n, name in enumerate(run.names)]


def go(transport, tasks, limits=None, **reports):
    with Dispatcher(transport, limits or Limits(stop=5)) as dispatcher:
        dispatcher.start()
        return dispatcher.run(tasks, Reports(**reports))


def test_all_tasks_are_done_once_longest_first_by_all_workers(run):
    transport = Simulated(random.Random(1), count=3)
    tasks = make_tasks(run(20))
    go(transport, tasks)
    assert tasks[0].run.missing() == []
    lengths = {rank: [task.length for other, task in transport.pushed if other == rank] for rank in range(3)}
    assert all(given == sorted(given, reverse=True) for given in lengths.values())
    longest = sorted((task.length for task in tasks), reverse=True)[:3]
    assert sorted((given[0] for given in lengths.values()), reverse=True) == longest
    assert len(transport.pushed) == 20
    assert transport.most <= transport.capacity + dispatch.SPARE


def test_few_tasks_are_spread_evenly(run):
    transport = Simulated(random.Random(1), count=2, capacity=64)
    go(transport, make_tasks(run(6)))
    assert sorted(rank for rank, _ in transport.pushed) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_dies_nothing_is_lost_or_reported_twice(run, seed):
    chance = random.Random(seed)
    transport = Simulated(chance, count=chance.randint(1, 4), death=0.1, failure=0.1, budget=chance.randint(0, 9))
    tasks = make_tasks(run(12))
    failures, notes = [], []
    go(transport, tasks, failure=lambda task, _: failures.append(task.name), note=notes.append)
    missing = set(tasks[0].run.missing())
    assert len(failures) == len(set(failures))
    assert set(failures) <= missing
    lost = sum("was lost" in note for note in notes)
    if lost < 2 * transport.count and not failures:
        assert not missing
    for name in missing - set(failures):  # never begun: all workers were gone before
        assert lost == 2 * transport.count, name


def test_a_result_that_its_worker_could_not_announce_is_not_computed_again(run):
    class Silent(Simulated):
        def outcome(self, task):
            super().outcome(task)
            self.hands.pop(0, None)
            return Lost("died before it could say so")

    transport = Silent(random.Random(0), count=1)
    tasks = make_tasks(run(2))
    go(transport, tasks)
    names = [task.name for _, task in transport.pushed]
    assert tasks[0].run.missing() == []
    assert len(set(names)) == 2


def test_a_worker_with_another_tracker_is_refused(run):
    transport = Simulated(random.Random(0), infos={1: TrackerInfo("walk", weights_sha256="other")})
    with pytest.raises(TrackerError, match="weights_sha256: None there, other here"):
        go(transport, make_tasks(run(3)))


def test_a_worker_that_cannot_start_ends_the_command_with_its_error(run):
    class Unable(Simulated):
        def start(self, rank):
            self.events.append((rank, Broken(TrackerError("no weights: W"), fatal=False)))

    with pytest.raises(TrackerError, match="no weights"):
        go(Unable(random.Random(0)), make_tasks(run(3)))


def test_a_worker_that_never_starts_does_not_hold_up_the_others(run):
    class Late(Simulated):
        def start(self, rank):
            if rank == 0:
                super().start(rank)

    tasks = make_tasks(run(9))
    go(Late(random.Random(0), count=2), tasks)
    assert tasks[0].run.missing() == []


def test_no_worker_starts_in_time(run):
    class Never(Simulated):
        def start(self, rank):
            pass

    with pytest.raises(TrackerError, match=r"did not start within 0\.05 s"):
        go(Never(random.Random(0)), make_tasks(run(3)), Limits(start=0.05))


def test_results_that_cannot_be_written_stop_all_workers(run):
    class Full(Simulated):
        def outcome(self, task):
            return Broken(StoreError("no space left"), fatal=True, timing=LoopTiming())

    transport = Full(random.Random(0))
    with pytest.raises(StoreError, match="no space left"):
        go(transport, make_tasks(run(9)))
    assert any(isinstance(message, Stop) for message in transport.told)


def test_the_workers_are_told_to_end_when_all_is_done(run):
    transport = Simulated(random.Random(0))
    timing = go(transport, make_tasks(run(4)))
    assert [type(message) for message in transport.told if not isinstance(message, Push)] == [Close, Close]
    assert timing.frames == 2


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_divide_all_sequences_and_differ_by_less_than_the_longest(count):
    chance = random.Random(count)
    lengths = {f"s{n}": chance.randint(1, 900) for n in range(50)} | {"unreadable": 0}
    shards = [shard_names(lengths, (number, count)) for number in range(1, count + 1)]
    assert sorted(name for shard in shards for name in shard) == sorted(lengths)
    loads = [sum(lengths[name] for name in shard) for shard in shards]
    assert max(loads) - min(loads) <= max(lengths.values())


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "a/b", "1/", "-1/4", "1.5/2"])
def test_what_is_no_shard(text):
    with pytest.raises(ValueError, match="is no shard"):
        parse_shard(text)
