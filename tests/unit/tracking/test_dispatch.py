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
from evalkit.tracking.jobs import Job
from evalkit.tracking.messages import (
    Began,
    Broken,
    Close,
    Ended,
    Failed,
    Finished,
    Lost,
    Progress,
    Push,
    Ready,
    Share,
    Stop,
)
from evalkit.tracking.shards import parse_shard, shard_names
from evalkit.tracking.timing import LoopTiming

ENVIRONMENT = RunEnvironment("1", "c", "3", "p", {}, "d")
INFO = TrackerInfo("walk")


@dataclass
class Simulated:
    """Workers that live in this object: each event round, every worker may finish jobs, fail, or die."""

    random: random.Random
    count: int = 2
    capacity: int = 2
    death: float = 0.0
    failure: float = 0.0
    budget: int = 10**9
    infos: dict[int, TrackerInfo] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    hands: dict[int, list[Job]] = field(default_factory=dict)
    events: list = field(default_factory=list)
    pushed: list = field(default_factory=list)
    most: int = 0
    told: list = field(default_factory=list)
    shares: dict[int, int] = field(default_factory=dict)

    @property
    def ranks(self):
        return list(range(self.count))

    def start(self, rank):
        self.hands[rank] = []
        self.events.append((rank, self.ready(rank)))

    def ready(self, rank):
        return Ready(self.infos.get(rank, INFO), ENVIRONMENT, "here", self.capacity, self.nodes.get(rank, ""), 2)

    def send(self, rank, message):
        if rank not in self.hands:
            return
        if not isinstance(message, Share):
            self.told.append(message)
        if isinstance(message, Push):
            self.hands[rank] += message.jobs
            self.pushed += [(rank, job) for job in message.jobs]
            self.most = max(self.most, len(self.hands[rank]))
        elif isinstance(message, Share):
            self.shares[rank] = message.workers
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
                job = hand.pop(self.random.randrange(min(len(hand), self.capacity)))
                self.events += [(rank, Began(job.number)), (rank, self.outcome(job, rank))]
        events, self.events = self.events, []
        return events

    def outcome(self, job, rank):
        if (job.name, self.nodes.get(rank, "")) in self.unreadable:
            return Failed(job.number, "no such file", unreadable=True)
        if self.random.random() < self.failure:
            return Failed(job.number, "broken image")
        record = SequenceRecord(job.name, 1, (0.0,) * 4, "", "", 0.0, "cpu", 1, 0, "", "")
        job.run.write(record, Trajectory.of_boxes(np.zeros((1, 4))))
        return Finished(job.number)

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


def make_jobs(run):
    return [Job(name, [], np.zeros(4), 10 + (7 * n) % 31, run, n) for n, name in enumerate(run.names)]


def go(transport, jobs, limits=None, **reports):
    with Dispatcher(transport, limits or Limits(stop=5)) as dispatcher:
        dispatcher.start()
        return dispatcher.run(jobs, Reports(**reports))


def test_all_tasks_are_done_once_longest_first_by_all_workers(run):
    transport = Simulated(random.Random(1), count=3)
    jobs = make_jobs(run(20))
    go(transport, jobs)
    assert jobs[0].run.missing() == []
    lengths = {rank: [job.length for other, job in transport.pushed if other == rank] for rank in range(3)}
    assert all(given == sorted(given, reverse=True) for given in lengths.values())
    longest = sorted((job.length for job in jobs), reverse=True)[:3]
    assert sorted((given[0] for given in lengths.values()), reverse=True) == longest
    assert len(transport.pushed) == 20
    assert transport.most <= transport.capacity + dispatch.SPARE


def test_few_tasks_are_spread_evenly(run):
    transport = Simulated(random.Random(1), count=2, capacity=64)
    go(transport, make_jobs(run(6)))
    assert sorted(rank for rank, _ in transport.pushed) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_dies_nothing_is_lost_or_reported_twice(run, seed):
    chance = random.Random(seed)
    transport = Simulated(chance, count=chance.randint(1, 4), death=0.1, failure=0.1, budget=chance.randint(0, 9))
    jobs = make_jobs(run(12))
    failures, notes = [], []
    go(transport, jobs, failure=lambda job, _: failures.append(job.name), note=notes.append)
    missing = set(jobs[0].run.missing())
    assert len(failures) == len(set(failures))
    assert set(failures) <= missing
    lost = sum("was lost" in note for note in notes)
    if lost < 2 * transport.count and not failures:
        assert not missing
    for name in missing - set(failures):  # never begun: all workers were gone before
        assert lost >= 2 * transport.count, name


def test_a_result_that_its_worker_could_not_announce_is_not_computed_again(run):
    class Silent(Simulated):
        def outcome(self, job, rank):
            super().outcome(job, rank)
            self.hands.pop(0, None)
            return Lost("died before it could say so")

    transport = Silent(random.Random(0), count=1)
    jobs = make_jobs(run(2))
    go(transport, jobs)
    names = [job.name for _, job in transport.pushed]
    assert jobs[0].run.missing() == []
    assert len(set(names)) == 2


class Killed(Simulated):
    """Workers that work on the first of their hand; whoever begins a killer dies, and others when they are told to."""

    killers: frozenset[str] = frozenset()
    deaths: int = 0

    def receive(self, timeout):
        for rank, hand in list(self.hands.items()):
            under_way = hand[: self.capacity]
            self.events += [(rank, Began(job.number)) for job in under_way]
            if self.dies(rank, under_way):
                self.deaths += 1
                del self.hands[rank]
                self.events.append((rank, Lost("ended by SIGKILL")))
            elif hand:
                self.events.append((rank, self.outcome(hand.pop(0), rank)))
        events, self.events = self.events, []
        return events

    def dies(self, rank, under_way):
        return any(job.name in self.killers for job in under_way)


def test_workers_that_are_lost_now_and_then_do_not_end_a_run_that_advances(run):
    class NowAndThen(Killed):
        def dies(self, rank, under_way):
            done = 24 - len(jobs[0].run.missing())
            return self.deaths < 6 and rank == self.deaths % 2 and done > 2 * self.deaths

    jobs = make_jobs(run(24))
    transport = NowAndThen(random.Random(0), capacity=1)
    go(transport, jobs)
    assert transport.deaths == 6
    assert jobs[0].run.missing() == []


@pytest.mark.parametrize("capacity", [1, 2, 8])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("killers", [{"s1"}, {"s0", "s7"}])
def test_only_sequences_that_kill_workers_fail_even_with_one_worker(run, capacity, workers, killers):
    transport = Killed(random.Random(0), count=workers, capacity=capacity)
    transport.killers = frozenset(killers)
    jobs = make_jobs(run(9))
    failed = []
    go(transport, jobs, failure=lambda job, _: failed.append(job.name))
    assert sorted(failed) == sorted(jobs[0].run.missing()) == sorted(killers)


def test_a_sequence_that_is_merely_queued_in_a_dying_worker_keeps_its_turn(run):
    transport = Killed(random.Random(0), count=1, capacity=1)
    jobs = sorted(make_jobs(run(4)), key=lambda job: -job.length)
    transport.killers = frozenset({jobs[0].name})
    go(transport, jobs)
    begun = [job.name for _, job in transport.pushed]
    assert begun[:3] == [job.name for job in jobs[:3]]  # a slot and two spare ones
    assert begun[3:6] == [job.name for job in jobs[1:]]


def test_a_tracker_that_finishes_nothing_is_not_tried_on_every_sequence(run):
    transport = Killed(random.Random(0), capacity=1)
    jobs = make_jobs(run(40))
    transport.killers = frozenset(job.name for job in jobs)
    go(transport, jobs)
    assert transport.deaths < 12


class Clock:
    """Seconds that pass while the main process waits for events."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize("beats", [True, False])
def test_a_worker_without_progress_is_replaced_after_the_limit_and_a_slow_one_is_not(run, monkeypatch, beats):
    clock = Clock()
    monkeypatch.setattr(dispatch, "time", clock)

    class Slow(Simulated):
        waiting = 0

        def receive(self, timeout):
            clock.now += timeout
            if self.waiting < 100 and self.hands.get(0):
                self.waiting += 1
                return [(0, Progress(0, 1))] if beats and self.waiting % 10 == 0 else []
            return super().receive(timeout)

        def kill(self, rank):
            super().kill(rank)
            self.waiting = 100  # its successor works

    jobs, notes = make_jobs(run(3)), []
    go(Slow(random.Random(0), count=1), jobs, Limits(silence=8), note=notes.append)
    assert jobs[0].run.missing() == []
    assert notes == ([] if beats else ["worker 0 was lost: stood still for 8 s; starting another one"])


def test_a_main_process_that_was_held_up_does_not_take_that_for_silence(run, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(dispatch, "time", clock)

    class Suspended(Simulated):
        turn = False

        def receive(self, timeout):
            clock.now += 1000
            self.turn = not self.turn
            return [] if self.turn else super().receive(timeout)

    jobs, notes = make_jobs(run(3)), []
    go(Suspended(random.Random(0)), jobs, Limits(silence=30), note=notes.append)
    assert jobs[0].run.missing() == []
    assert notes == []


def test_a_sequence_that_one_machine_cannot_read_is_tried_on_another(run):
    transport = Simulated(random.Random(0), count=3, nodes={0: "a", 1: "a", 2: "b"})
    jobs = make_jobs(run(12))
    transport.unreadable = {(job.name, "a") for job in jobs[:6]} | {("s9", "a"), ("s9", "b")}
    failed = []
    go(transport, jobs, failure=lambda job, error: failed.append((job.name, error)))
    assert jobs[0].run.missing() == ["s9"]
    assert failed == [("s9", "no such file")]
    tried = [transport.nodes[rank] for rank, job in transport.pushed if job.name == "s9"]
    assert sorted(tried) == ["a", "b"]


def test_a_sequence_that_the_only_machine_cannot_read_fails_at_once(run):
    transport = Simulated(random.Random(0), unreadable={("s1", "")})
    jobs = make_jobs(run(4))
    go(transport, jobs)
    assert jobs[0].run.missing() == ["s1"]
    assert len(transport.pushed) == 4


def test_workers_are_told_how_many_they_are_on_their_machine(run):
    transport = Simulated(random.Random(0), count=4, nodes={0: "a", 1: "b", 2: "b", 3: "b"})
    go(transport, make_jobs(run(8)))
    assert transport.shares == {0: 1, 1: 3, 2: 3, 3: 3}


def test_a_worker_that_is_gone_for_good_leaves_its_cores_to_the_others(run):
    class Unlucky(Killed):
        def dies(self, rank, under_way):
            return rank == 1 and bool(under_way)

    transport = Unlucky(random.Random(0), count=2)
    jobs = make_jobs(run(30))
    go(transport, jobs)
    assert transport.shares[0] == 1
    assert jobs[0].run.missing() == []


class Joined(Simulated):
    """A third worker appears while the first two are at work."""

    def receive(self, timeout):
        if len(self.pushed) >= 6:
            self.count = 3
        return super().receive(timeout)


def test_a_worker_that_joins_later_gets_its_part(run):
    transport = Joined(random.Random(0), capacity=1)
    jobs = make_jobs(run(20))
    go(transport, jobs)
    assert {rank for rank, _ in transport.pushed} == {0, 1, 2}
    assert jobs[0].run.missing() == []


def test_a_worker_that_joins_later_with_another_tracker_is_sent_away_alone(run):
    transport = Joined(random.Random(0), capacity=1, infos={2: TrackerInfo("walk", weights_sha256="other")})
    jobs, notes = make_jobs(run(20)), []
    go(transport, jobs, note=notes.append)
    assert jobs[0].run.missing() == []
    assert [note for note in notes if "worker 2 does not take part" in note] == notes != []


def test_a_worker_with_another_tracker_is_refused(run):
    transport = Simulated(random.Random(0), infos={1: TrackerInfo("walk", weights_sha256="other")})
    with pytest.raises(TrackerError, match="weights_sha256: None there, other here"):
        go(transport, make_jobs(run(3)))


def test_a_worker_that_cannot_start_ends_the_command_with_its_error(run):
    class Unable(Simulated):
        def start(self, rank):
            self.events.append((rank, Broken(TrackerError("no weights: W"), fatal=False)))

    with pytest.raises(TrackerError, match="no weights"):
        go(Unable(random.Random(0)), make_jobs(run(3)))


def test_a_worker_that_never_starts_does_not_hold_up_the_others(run):
    class Late(Simulated):
        def start(self, rank):
            if rank == 0:
                super().start(rank)

    jobs = make_jobs(run(9))
    go(Late(random.Random(0), count=2), jobs)
    assert jobs[0].run.missing() == []


def test_no_worker_starts_in_time(run):
    class Never(Simulated):
        def start(self, rank):
            pass

    with pytest.raises(TrackerError, match=r"did not start within 0\.05 s"):
        go(Never(random.Random(0)), make_jobs(run(3)), Limits(start=0.05))


def test_results_that_cannot_be_written_stop_all_workers(run):
    class Full(Simulated):
        def outcome(self, job, rank):
            return Broken(StoreError("no space left"), fatal=True, timing=LoopTiming())

    transport = Full(random.Random(0))
    with pytest.raises(StoreError, match="no space left"):
        go(transport, make_jobs(run(9)))
    assert any(isinstance(message, Stop) for message in transport.told)


def test_the_workers_are_told_to_end_when_all_is_done(run):
    transport = Simulated(random.Random(0))
    timing = go(transport, make_jobs(run(4)))
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
