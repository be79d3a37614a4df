"""Sharing sequences among workers: longest first, to whoever has room; what a dead worker held goes back.

The main process hands jobs out and takes events in; results do not pass through it, each worker writes its own into
the store. How messages travel is the business of a :class:`Transport`.
"""

import collections
import collections.abc as cabc
import contextlib
import heapq
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evalkit.errors import EvalkitError, StoreError, TrackerError
from evalkit.store.manifest import RunEnvironment
from evalkit.store.runs import Run
from evalkit.tracking.interface import TrackerInfo
from evalkit.tracking.interrupts import Interrupts, held_back
from evalkit.tracking.jobs import Job
from evalkit.tracking.messages import (
    Began,
    Broken,
    Close,
    Ended,
    Event,
    Failed,
    Finished,
    Lost,
    Message,
    Note,
    Progress,
    Push,
    Ready,
    Share,
    Stop,
)
from evalkit.tracking.seats import LIVES, Seat, SeatState, difference
from evalkit.tracking.timing import LoopTiming, merged

SPARE = 2
"""Sequences that a worker holds beyond its capacity, so that a free slot never waits for the main process."""
DEADLY = 3
"""A sequence that was under way when a worker died so many times is not tried again."""
BARREN = 4
"""After more deaths in a row without a settled sequence it is the tracker, or the machine, and no sequence's fault."""
TICK = 0.5
LONGEST_LOOK = 4 * TICK
"""More than that between two looks is no silence of the workers: this process was held up, or stopped with them."""
ASIDE = 64
"""Sequences that are passed over, at most, to find work for a machine that could not read them."""
SLOW_START = 60.0
"""Seconds after which a worker that has not started no longer has a share of the sequences reserved."""


class Transport(Protocol):
    """Starts workers, carries messages; no method blocks longer than its time limit."""

    @property
    def ranks(self) -> cabc.Sequence[int]:
        """Numbers of the workers; more may appear."""
        ...

    def start(self, rank: int) -> None:
        """Start a worker, or its replacement."""
        ...

    def send(self, rank: int, message: Message) -> None:
        """Send, without waiting; nothing happens if the worker is gone."""
        ...

    def receive(self, timeout: float) -> list[tuple[int, Event]]:
        """Events that have arrived, after at most ``timeout`` seconds; :class:`Lost` when a worker is gone."""
        ...

    def kill(self, rank: int) -> None:
        """End a worker at once."""
        ...

    def close(self) -> None:
        """End all workers at once."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which waiting ends.

    Attributes:
        start: For a worker to build its tracker.
        silence: Without a sign of progress from a worker that has sequences: more than its longest step.
        stop: For workers to write what is finished after a stop.
    """

    start: float = 600.0
    silence: float = 3600.0
    stop: float = 30.0


@dataclass(slots=True)
class Reports:
    """Called while the run goes on.

    Attributes:
        frames: With a number of frames done.
        failure: With a job and its error.
        note: With what the user should know.
        under_way: With the names of the sequences that this process works on, when they change.
        finished: With a job whose result is on the disk; perhaps from another thread.
    """

    frames: cabc.Callable[[int], None] = lambda _: None
    failure: cabc.Callable[[Job, str], None] = lambda _job, _error: None
    note: cabc.Callable[[str], None] = lambda _: None
    under_way: cabc.Callable[[cabc.Iterable[str]], None] = lambda _: None
    finished: cabc.Callable[[Job], None] = lambda _: None


class Dispatcher:
    """Runs jobs on the workers of a transport.

    Use as a context manager; leaving it ends all workers.

    Args:
        transport: Carries messages.
        limits: Time limits.
        accept: Called with a worker's environment and host when it is ready; raises if it must not take part.
    """

    def __init__(
        self,
        transport: Transport,
        limits: Limits,
        accept: cabc.Callable[[RunEnvironment, str], None] = lambda _environment, _host: None,
    ) -> None:
        self._transport = transport
        self._limits = limits
        self._accept = accept
        self._seats = {rank: Seat() for rank in transport.ranks}
        self._first: Ready | None = None
        self._queue: list[tuple[int, int, int]] = []
        self._open: dict[int, Job] = {}
        self._deaths: dict[int, int] = {}
        self._reasons: dict[int, str] = {}
        self._unread: dict[int, set[str]] = {}
        self._looked = time.monotonic()
        self._barren = 0  # deaths since a sequence was last settled
        self._timings: list[LoopTiming] = []
        self._environments: dict[str, RunEnvironment] = {}
        self._runs: dict[Path, Run] = {}
        self._reports = Reports()

    def __enter__(self) -> "Dispatcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    # ---- the two things that callers do

    def start(self) -> TrackerInfo:
        """Start all workers and wait for the first one.

        Returns:
            What it says of its tracker.

        Raises:
            EvalkitError: A worker cannot build the tracker.
        """
        for rank in self._seats:
            self._start(rank)
        with held_back() as interrupts:
            while self._first is None:
                for rank, event in self._receive():
                    match event:
                        case Broken(error=error):
                            raise error
                        case Lost(reason) if not self._seats[rank].lives:
                            raise TrackerError(f"worker {rank} ended before it had built its tracker: {reason}.")
                        case _:
                            self._handle(rank, event)
                interrupts.check()
        return self._first.info

    def run(self, jobs: cabc.Iterable[Job], reports: Reports) -> LoopTiming:
        """Have all jobs done, as far as workers survive.

        Jobs that are left when the last worker is gone stay missing in their runs; those that were under way then
        have a failure that says why.

        Args:
            jobs: What to do.
            reports: Progress.

        Returns:
            The workers' counters, added.

        Raises:
            StoreError: Results cannot be written.
            KeyboardInterrupt: Passed on, after the workers have written what was finished.
        """
        self._reports = reports
        self._open = {job.number: job for job in jobs}
        self._runs = {job.destination.path: job.destination for job in self._open.values()}
        self._note_environments()
        for job in self._open.values():
            self._queue_up(job)
        for rank, seat in self._seats.items():
            if seat.state is SeatState.GONE and seat.lives:
                self._start(rank)
        with held_back() as interrupts:
            try:
                while self._open and self._alive():
                    self._hand_out()
                    for rank, event in self._receive():
                        self._handle(rank, event)
                    interrupts.check()
            except (KeyboardInterrupt, EvalkitError):
                self._end(Stop(), interrupts)
                raise
            for number in [number for number in self._open if number in self._reasons]:
                self._abandon(self._open[number])  # no worker is left: say what became of what was under way
            self._end(Close(), interrupts)
        return self.timing

    @property
    def timing(self) -> LoopTiming:
        """The counters of the workers that have ended, added."""
        return merged(self._timings) if self._timings else LoopTiming()

    # ---- events

    def _receive(self) -> list[tuple[int, Event]]:
        self._join()
        events = self._transport.receive(TICK)
        now, before = time.monotonic(), self._looked
        self._looked = now
        heard = {rank for rank, _ in events}
        for rank, seat in self._seats.items():
            seat.silent = 0.0 if rank in heard else seat.silent + min(now - before, LONGEST_LOOK)
            if seat.state is SeatState.STARTING and seat.silent > self._limits.start:
                self._transport.kill(rank)
                events.append((rank, Lost(f"did not start within {self._limits.start:g} s")))
            elif seat.state is SeatState.WORKING and seat.hand and seat.silent > self._limits.silence:
                self._transport.kill(rank)
                events.append((rank, Lost(f"stood still for {self._limits.silence:g} s")))
        return events

    def _join(self) -> None:
        """Start workers for which there is room since a machine came."""
        for rank in self._transport.ranks:
            if rank not in self._seats:
                self._seats[rank] = Seat(late=True)
                self._start(rank)

    def _handle(self, rank: int, event: Event) -> None:
        seat = self._seats[rank]
        if seat.state is SeatState.GONE:
            return  # a late word of one that was given up
        match event:
            case Ready():
                self._admit(rank, event)
            case Began(number):
                seat.begun.add(number)
            case Progress(frames, capacity):
                seat.capacity = max(capacity, seat.capacity)
                self._reports.frames(frames)
            case Finished(number):
                if (job := self._settle(seat, number)) is not None:
                    self._reports.finished(job)
            case Failed(number, error, unreadable) if unreadable and self._try_elsewhere(seat, number):
                self._reports.note(f"worker {rank}: {error} Trying it on another machine.")
            case Failed(number, error):
                if (job := self._settle(seat, number)) is not None:
                    self._reports.failure(job, error)
            case Note(text):
                self._reports.note(f"worker {rank}: {text}")
            case _:
                self._part(rank, event)

    def _part(self, rank: int, event: Event) -> None:
        """A worker has ended, as asked or not."""
        match event:
            case Ended(timing):
                self._timings.append(timing)
                if self._open:
                    self._lose(rank, "it ended too early")
                else:
                    self._dismiss(self._seats[rank])
            case Broken(error, fatal, timing):
                self._timings += [] if timing is None else [timing]
                if fatal:
                    self._dismiss(self._seats[rank])
                    raise error
                self._lose(rank, str(error))
            case Lost(reason):
                self._lose(rank, reason)

    def _admit(self, rank: int, ready: Ready) -> None:
        """Take a worker in, or refuse it: one that came later must not end what the others do."""
        try:
            self._welcome(rank, ready)
        except EvalkitError as problem:
            if not self._seats[rank].late:
                raise
            self._reports.note(f"worker {rank} does not take part: {problem}")
            self._transport.kill(rank)
            self._dismiss(self._seats[rank])

    def _welcome(self, rank: int, ready: Ready) -> None:
        if self._first is None:
            self._first = ready
        elif ready.info != self._first.info:
            raise TrackerError(
                f"worker {rank} on {ready.host} has another tracker than the first one on {self._first.host}: "
                f"{difference(self._first.info, ready.info)}. Put the same files on all machines."
            )
        self._accept(ready.environment, ready.host)
        self._environments[ready.environment.sha256] = ready.environment
        self._note_environments()
        seat = self._seats[rank]
        seat.state = SeatState.WORKING
        seat.capacity, seat.node, seat.share = ready.capacity, ready.node, ready.share
        self._share_machines()

    def _share_machines(self) -> None:
        """Tell workers how many they are on their machine, where that is not what they count on."""
        present = self._alive()
        nodes = collections.Counter(seat.node for seat in present)
        coming = any(seat.state is SeatState.STARTING for seat in present)  # where, Ray has yet to decide
        for rank, seat in self._seats.items():
            count = nodes[seat.node]
            if seat.state is SeatState.WORKING and (count > seat.share or (count < seat.share and not coming)):
                seat.share = count
                self._transport.send(rank, Share(count))

    def _note_environments(self) -> None:
        for run in self._runs.values():
            for environment in self._environments.values():
                run.add_environment(environment)

    def _settle(self, seat: Seat, number: int) -> Job | None:
        self._refresh(seat)
        seat.hand.pop(number, None)
        seat.begun.discard(number)
        return self._open.pop(number, None)

    def _refresh(self, seat: Seat) -> None:
        seat.lives = max(seat.lives, LIVES - 1)
        self._barren = 0

    def _try_elsewhere(self, seat: Seat, number: int) -> bool:
        """A machine cannot read a sequence: let another one try, if there is one that has not."""
        job = self._open.get(number)
        if job is None:
            return False
        self._unread.setdefault(number, set()).add(seat.node)
        if not self._other_nodes(number):
            return False
        seat.hand.pop(number, None)
        seat.begun.discard(number)
        self._queue_up(job)
        return True

    def _other_nodes(self, number: int) -> set[str]:
        """Machines that may be able to read what others could not; "" = one that is not known yet."""
        return {seat.node for seat in self._alive()} - self._unread.get(number, set())

    def _lose(self, rank: int, reason: str) -> None:
        """A worker is gone: take its jobs back and start another one in its place, if it has a life left."""
        self._transport.kill(rank)  # what is left of it must not speak for the next one
        seat = self._seats[rank]
        seat.state = SeatState.GONE
        jobs, seat.hand = seat.hand, {}
        guilty = seat.begun & jobs.keys() or set(list(jobs)[:1])  # it may have died before it could say which
        seat.begun = set()
        self._barren += bool(jobs)
        for number, job in jobs.items():
            if job.destination.record(job.name) is not None:  # written, but it could not say so any more
                self._open.pop(number, None)
                self._refresh(seat)
                self._reports.finished(job)
                continue
            if number in guilty:
                self._deaths[number] = self._deaths.get(number, 0) + 1
                self._reasons[number] = f"worker {rank} was lost while this sequence was under way: {reason}"
            if self._deaths.get(number, 0) >= DEADLY:
                self._abandon(job)
                if self._barren <= BARREN:
                    seat.lives = max(seat.lives, LIVES - 1)  # it was the sequence, not the worker
            else:
                self._queue_up(job)
        again = seat.lives > 0 and (bool(self._open) or self._first is None)
        self._reports.note(f"worker {rank} was lost: {reason}" + ("; starting another one" if again else ""))
        if again:
            self._start(rank)
        else:
            self._share_machines()

    # ---- jobs

    def _queue_up(self, job: Job) -> None:
        heapq.heappush(self._queue, (self._deaths.get(job.number, 0), -job.length, job.number))

    def _is_suspect(self, number: int) -> bool:
        """A sequence that may be what kills the workers: it comes after all others, and alone."""
        return self._deaths.get(number, 0) > (1 if self._barren < 2 else 0)

    def _takes(self, seat: Seat, number: int, share: int) -> bool:
        """Whether a worker can take one more job, this one."""
        if seat.state is not SeatState.WORKING or any(map(self._is_suspect, seat.hand)):
            return False
        if number in self._unread and (others := self._other_nodes(number)) and seat.node not in others:
            return False
        if self._is_suspect(number):
            return not seat.hand
        return len(seat.hand) < min(seat.capacity + SPARE, share)

    def _hand_out(self) -> None:
        """Fill the workers' hands one job at a time, so that the longest sequences spread over them."""
        alive = len(self._alive())
        share = -(-len(self._open) // max(alive, 1))
        given: dict[int, list[Job]] = {}
        aside: list[tuple[int, int, int]] = []
        while self._queue:
            number = self._queue[0][2]
            hungry = [
                (len(seat.hand) / seat.capacity, rank)
                for rank, seat in self._seats.items()
                if self._takes(seat, number, share)
            ]
            if not hungry and (number not in self._unread or len(aside) == ASIDE):
                break
            entry = heapq.heappop(self._queue)
            if not hungry:
                aside.append(entry)
                continue
            rank = min(hungry)[1]
            job = self._open[number]
            seat = self._seats[rank]
            if not seat.hand:
                seat.silent = 0.0
            seat.hand[job.number] = job
            given.setdefault(rank, []).append(job)
        for entry in aside:
            heapq.heappush(self._queue, entry)
        for rank, jobs in given.items():
            self._transport.send(rank, Push(tuple(jobs)))

    def _abandon(self, job: Job) -> None:
        text = self._reasons[job.number]
        job.destination.write_failure(job.name, text, text)
        self._open.pop(job.number, None)
        self._reports.failure(job, text)

    # ---- workers

    def _alive(self) -> list[Seat]:
        """Workers that work, and those that will soon; all that may still come if there are no others."""
        present = [seat for seat in self._seats.values() if seat.state is not SeatState.GONE]
        return [seat for seat in present if seat.state is SeatState.WORKING or seat.silent < SLOW_START] or present

    def _start(self, rank: int) -> None:
        seat = self._seats[rank]
        seat.lives -= 1
        seat.state = SeatState.STARTING
        seat.silent, seat.node, seat.share = 0.0, "", 0
        self._transport.start(rank)

    def _dismiss(self, seat: Seat) -> None:
        seat.state = SeatState.GONE
        seat.hand.clear()

    def _end(self, message: Close | Stop, interrupts: Interrupts) -> None:
        """Let the workers end by themselves for a while, or until asked again; the context manager ends the rest."""
        asked = interrupts.count
        self._open.clear()
        for rank, seat in self._seats.items():
            if seat.state is SeatState.STARTING:
                self._transport.kill(rank)
                self._dismiss(seat)
            elif seat.state is SeatState.WORKING:
                self._transport.send(rank, message)
        deadline = time.monotonic() + self._limits.stop
        while time.monotonic() < deadline and interrupts.count == asked:
            if all(seat.state is SeatState.GONE for seat in self._seats.values()):
                break
            for rank, event in self._transport.receive(TICK):
                with contextlib.suppress(StoreError):  # told when it happened
                    self._handle(rank, event)
