"""Results that a request asks for: runs of the store, or raw files, a candidate per tracker or run."""

import collections.abc as cabc
import contextlib
import glob
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from evalkit.errors import StoreError, counted, listed
from evalkit.evaluation.request import Request
from evalkit.evaluation.truth import Truth
from evalkit.provenance import is_dry_run
from evalkit.sequences import Trajectory

if TYPE_CHECKING:
    from evalkit.results.reader import ImportedResults
    from evalkit.store.manifest import RunIdentity
    from evalkit.store.runs import ResultStore, Run
    from evalkit.store.sealed import Json

Say = cabc.Callable[[str], object]
"""Takes a message for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One tracker's results on one benchmark.

    Attributes:
        tracker: Its name, followed by the settings that tell it from the tracker's other candidates.
        run: Run id, "imported:..." or "files:...".
        trajectories: Sequence name -> repetitions.
        frame_limit: The run covers only the first frames of every sequence; None = all.
        unreadable: Texts about files that could not be read.
        notes: Facts for readers of the numbers.
        how_to_continue: The command that computes what is missing, empty if there is none.
        stored: Runs of the store that the results are; empty for raw files.
        own: The run was made by evalkit, so that row 0 is the box that was given, not one that was found.
        settings: Those that tell it from the tracker's other candidates.
        same: Other runs with the same boxes, which count as this one.
    """

    tracker: str
    run: str
    trajectories: cabc.Mapping[str, list[Trajectory]]
    frame_limit: int | None = None
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    how_to_continue: str = ""
    stored: "tuple[Run, ...]" = ()
    own: bool = False
    settings: "cabc.Mapping[str, Json]" = field(default_factory=dict)
    same: "tuple[Run, ...]" = ()

    @property
    def plain_name(self) -> str:
        """The tracker's name without settings."""
        return self.stored[0].identity.tracker if self.stored else self.tracker

    @property
    def unreadable_notes(self) -> tuple[str, ...]:
        """Texts about files that could not be read, as notes."""
        return tuple(f"unreadable: {text}" for text in self.unreadable)

    def frames_per_second(self) -> float | None:
        """Frames divided by the seconds spent on them, over all frames whose time is known."""
        seconds = [run.seconds for runs in self.trajectories.values() for run in runs]
        spent = np.concatenate(seconds) if seconds else np.zeros(0)
        spent = spent[np.isfinite(spent)]
        return float(len(spent) / spent.sum()) if spent.sum() > 0 else None


def read_candidates(request: Request, truth: Truth, say: Say | None = None) -> list[Candidate]:
    """Read results on a ground truth.

    Runs of the store that differ only in ``--repeat`` are repetitions of one candidate. Of several other runs of a
    tracker the newest complete one is taken, which its notes say, unless the request names runs or wants all.

    Args:
        request: Which results.
        truth: The sequences.
        say: Where the request names nobody, trackers without a complete run are left out, and this is told who. None
            leaves out nobody: what misses results is an error when it is scored.

    Raises:
        ResultFormatError: No raw file fits, or their layout is ambiguous.
        StoreError: A tracker has no run, nobody has a complete one, or a run id fits nothing.
    """
    if request.predictions is not None:
        return [candidate for name in request.trackers or (None,) for candidate in _of_files(request, truth, name)]
    from evalkit.store.runs import ResultStore

    store = ResultStore(request.results)
    runs = [
        run
        for tracker in request.trackers or (None,)  # one by one: what another tracker's folder holds does not matter
        for run in store.find(benchmark=truth.spec.name, tracker=tracker)
        if run.identity.split == truth.split.name and truth.origin in {None, run.identity.data}
    ]
    if request.run_ids:
        runs = _named(request, truth, store, runs)
    dry = _dry_runs(request, store, runs)
    trackers = request.trackers or tuple(dict.fromkeys(run.identity.tracker for run in runs))
    if not trackers:
        raise StoreError(_no_run(request, truth))
    candidates = []
    for name in trackers:
        of_name = [run for run in runs if run.identity.tracker == name]
        if not of_name:
            raise StoreError(_no_run(request, truth, name))
        if mine := [run for run in of_name if run not in dry]:
            candidates += with_labels(request, store, of_tracker(request, truth, mine))
    candidates = _told(candidates, _why_left_out(truth, dry), say)
    if say is None or request.allow_missing or ((request.trackers or request.run_ids) and not request.all_runs):
        return candidates
    return _complete(truth, candidates, say)


def _dry_runs(request: Request, store: "ResultStore", runs: "cabc.Sequence[Run]") -> "list[Run]":
    """Runs with random weights that would stand beside results, on this benchmark or another of the same table."""
    dry = dry_runs(runs)
    if not dry or request.with_random_weights:
        return []
    if len(dry) < len(runs):
        return dry
    with contextlib.suppress(StoreError):  # another benchmark's folder is damaged
        others = chosen_runs(request, store)
        return dry if len(dry_runs(others)) < len(others) else []
    return []


def dry_runs(runs: "cabc.Iterable[Run]") -> "list[Run]":
    """Those with random weights."""
    return [run for run in runs if is_dry_run(run.identity.weights_sha256)]


def chosen_runs(request: Request, store: "ResultStore") -> "list[Run]":
    """Runs on any benchmark that a request speaks of by tracker and id."""
    return [
        run
        for tracker in request.trackers or (None,)
        for run in store.find(tracker=tracker)
        if not request.run_ids or run.run_id.startswith(request.run_ids)
    ]


def _why_left_out(truth: Truth, dry: "cabc.Sequence[Run]") -> str:
    if not dry:
        return ""
    names = listed(dict.fromkeys(f"{run.identity.tracker} (run {run.run_id})" for run in dry))
    return f"{truth.spec.name}: left out, their weights are random: {names}; --with-random-weights takes them"


def _told(candidates: list[Candidate], text: str, say: Say | None) -> list[Candidate]:
    """Say what was left out: to whom listens, else with the first candidate."""
    if not text:
        return candidates
    if not candidates:
        raise StoreError(f"{text}.")
    if say is not None:
        say(text)
        return candidates
    first, *others = candidates
    return [replace(first, notes=(*first.notes, text)), *others]


def with_labels(request: Request, store: "ResultStore", candidates: list[Candidate]) -> list[Candidate]:
    """Candidates of one tracker with the settings that tell them apart in their names.

    What differs on another benchmark of the same store counts, too: in a table of both a tracker has the same names.
    """
    from evalkit.store.differing import differing, text

    if len(candidates) == 1 and not (request.all_runs or request.run_ids):
        return candidates
    first = candidates[0].stored[0].identity
    others: list[RunIdentity] = []
    with contextlib.suppress(StoreError):  # another benchmark's folder is damaged
        chosen = chosen_runs(replace(request, trackers=(first.tracker,)), store)
        dry = [] if request.with_random_weights else dry_runs(chosen)
        others = [
            replace(run.identity, frame_limit=first.frame_limit)
            for run in chosen
            if run.identity.benchmark != first.benchmark and run not in dry
        ]
    own = [candidate.stored[0].identity for candidate in candidates]
    twins = [run.identity for candidate in candidates for run in candidate.same]
    differs = iter(differing([*own, *twins, *others]))
    settings = [next(differs) for _ in own]
    for candidate, mine in zip(candidates, settings, strict=True):
        for _ in candidate.same:  # a setting in which runs with the same boxes differ tells nothing about them
            twin = next(differs)
            for key in [key for key in mine if twin.get(key) != mine[key]]:
                del mine[key]
    names = [" ".join(filter(None, (first.tracker, text(mine)))) for mine in settings]
    return [
        replace(candidate, tracker=name if names.count(name) == 1 else f"{name} ({candidate.run[:8]})", settings=mine)
        for candidate, name, mine in zip(candidates, names, settings, strict=True)
    ]


def _of_files(request: Request, truth: Truth, tracker: str | None) -> list[Candidate]:
    """All trackers of the raw files, or one: its name only renames it where there is no other."""
    from evalkit.results.reader import read_results

    assert request.predictions is not None
    results = read_results(
        request.predictions,
        names=truth.known,
        benchmark=truth.spec.name,
        tracker=tracker,
        layout=request.layout_of_results,
        initial_boxes={annotation.name: annotation.ground_truth[0] for annotation in truth.annotations},
    )
    return [of_files(imported, truth, f"files:{imported.digest()[:12]}") for imported in results]


def of_files(imported: "ImportedResults", truth: Truth, run: str) -> Candidate:
    """The candidate of one tracker's raw files."""
    wanted, foreign = truth.names, "{} of other sequences ignored: {}"
    return Candidate(
        tracker=imported.tracker,
        run=run,
        trajectories={name: runs for name, runs in imported.sequences.items() if name in wanted},
        unreadable=imported.unreadable,
        notes=(
            *imported.notes,
            *(
                [foreign.format(counted(len(imported.foreign), "file"), listed(imported.foreign))]
                if imported.foreign
                else []
            ),
        ),
    )


def _named(request: Request, truth: Truth, store: "ResultStore", runs: "list[Run]") -> "list[Run]":
    """Runs of the ids, and all runs of named trackers that no id speaks of.

    Raises:
        StoreError: An id fits none of the runs, and none of another benchmark of the same command either.
    """
    ids, trackers = request.run_ids, request.trackers
    fitting = [run for run in runs if run.run_id.startswith(ids)]
    unused = [run_id for run_id in ids if not any(run.run_id.startswith(run_id) for run in fitting)]
    lost = (
        unused
        if not fitting
        else [run_id for run_id in unused if not list(store.root.glob(f"*/*/{glob.escape(run_id)}*"))]
    )
    if lost:
        who = f" of {', '.join(trackers)}" if trackers else ""
        known = ", ".join(f"{run.run_id} ({run.identity.tracker})" for run in runs) or "none"
        raise StoreError(
            f"--run {', '.join(lost)}: no such run{who} on {truth.spec.name} {truth.split.name} in {store.root}. "
            f"Runs: {known}."
        )
    spoken_of = {run.identity.tracker for run in fitting}
    return fitting + [run for run in runs if trackers and run.identity.tracker not in spoken_of]


def _no_run(request: Request, truth: Truth, tracker: str | None = None) -> str:
    name = f"{truth.spec.name} {truth.split.name}"
    data = " rendered with these settings" if truth.is_sample else ""
    return (
        f"no tracker {f'{tracker!r} ' if tracker else ''}has a run on {name}{data} in {request.results}. Run "
        f"`{request.run_command([tracker or 'T'])}` first, or take raw files with --predictions PATH."
    )


def of_tracker(request: Request, truth: Truth, runs: "cabc.Sequence[Run]") -> list[Candidate]:
    """Candidates of one tracker's runs: those that the request names or all, else the newest complete one."""
    from evalkit.store.differing import differing, text

    chosen = [run for run in runs if request.run_ids and run.run_id.startswith(request.run_ids)]
    groups = _groups(chosen or runs)
    if request.all_runs or chosen:
        return [_standing_for(_of_runs(request, truth, group.runs), group.same) for group in groups]
    if len(groups) == 1:
        return [_of_runs(request, truth, groups[0].runs)]
    fitting = _on_same_list(truth, groups)
    best = max(fitting, key=lambda group: group.rank(truth.names))
    why = "the newest complete run" if len(fitting) == len(groups) else "whose sequences are those of the data"
    settings = dict(
        zip(map(id, groups), map(text, differing([group.runs[0].identity for group in groups])), strict=True)
    )
    others = listed(
        f"{group.runs[0].run_id} ({counted(len(group.runs[0].names), 'sequence')}) {settings[id(group)]}".rstrip()
        for group in groups
        if group is not best
    )
    taken = f"run {best.runs[0].run_id} {settings[id(best)]}".rstrip()
    note = f"{taken} is taken, {why}; there are also: {others} (--all-runs shows each, --run ID one of them)"
    return [_of_runs(request, truth, best.runs, note)]


@dataclass(frozen=True, slots=True, eq=False)
class _Repetitions:
    """Runs that are repetitions of one another, the hashes of their boxes, the time of the last sequence.

    ``same`` has other runs with the same boxes.
    """

    runs: "tuple[Run, ...]"
    boxes: tuple[str, ...]
    finished: str
    same: "tuple[Run, ...]" = ()

    @classmethod
    def of(cls, runs: "cabc.Sequence[Run]") -> "_Repetitions":
        records = [run.records() for run in runs]
        times = (record.finished_utc for of_run in records for record in of_run.values())
        boxes = (run.digest(of_run) for run, of_run in zip(runs, records, strict=True))
        return cls(tuple(runs), tuple(boxes), max(times, default=""))

    def rank(self, wanted: cabc.Set[str]) -> tuple[int, bool, str, str]:
        """The run with most sequences is first, then one with all frames, then the newest; the id breaks ties."""
        covered = min(len(wanted & (set(run.names) - set(run.missing()))) for run in self.runs)
        return covered, self.runs[0].identity.frame_limit is None, self.finished, self.runs[0].run_id


def _groups(runs: "cabc.Sequence[Run]") -> list[_Repetitions]:
    """Different runs; of those with the same boxes of the same sequences the newest."""
    repetitions: dict[str, list[Run]] = {}
    for run in runs:
        repetitions.setdefault(replace(run.identity, repeat=0).run_id, []).append(run)
    if len(repetitions) == 1:  # no file of theirs need be read to choose
        return [_Repetitions(tuple(runs), (), "")]
    groups = sorted(
        map(_Repetitions.of, repetitions.values()), key=lambda group: (group.finished, group.runs[0].run_id)
    )
    kept: dict[tuple[tuple[str, ...], frozenset[str]], _Repetitions] = {}
    for group in groups:
        key = group.boxes, frozenset(group.runs[0].names)
        older = kept.pop(key, None)
        kept[key] = group if older is None else replace(group, same=(*older.same, older.runs[0]))
    return list(kept.values())


def _standing_for(candidate: Candidate, same: "tuple[Run, ...]") -> Candidate:
    """A candidate for all runs with its boxes, which its notes name with their settings."""
    if not same:
        return candidate
    from evalkit.store.differing import differing, text

    identities = [candidate.stored[0].identity, *(run.identity for run in same)]
    mine, *theirs = map(text, differing(identities))
    names = listed(f"{run.run_id} {settings}".rstrip() for run, settings in zip(same, theirs, strict=True))
    note = f"run {candidate.run} {mine}".rstrip() + f" has the same boxes as {names}: they count as one"
    return replace(candidate, same=same, notes=(*candidate.notes, note))


def _on_same_list(truth: Truth, groups: list[_Repetitions]) -> list[_Repetitions]:
    """Of several runs those on the sequences asked for, or else on those of the copy."""
    for names in (truth.names | set(truth.left_out), truth.names, set(truth.known)):
        fitting = [group for group in groups if set(group.runs[0].names) == names]
        if fitting:
            return fitting
    return groups


def _of_runs(request: Request, truth: Truth, runs: "cabc.Sequence[Run]", *said: str) -> Candidate:
    from evalkit.store.runs import mixture

    identity, wanted = runs[0].identity, truth.names
    trajectories: dict[str, list[Trajectory]] = {}
    records = [run.records() for run in runs]
    for run, finished in zip(runs, records, strict=True):
        for record in finished.values():
            if record.name in wanted:
                trajectories.setdefault(record.name, []).append(run.trajectory(record))
    notes = [note for run, finished in zip(runs, records, strict=True) for note in run.remarks(finished)]
    if len(runs) > 1:
        known = {key: environment for run in runs for key, environment in run.environments().items()}
        notes += mixture(known, (record for finished in records for record in finished.values()))
    imported = identity.is_imported
    return Candidate(
        tracker=identity.tracker,
        run=f"imported:{runs[0].run_id}" if imported else "+".join(run.run_id for run in runs),
        trajectories=trajectories,
        frame_limit=identity.frame_limit,
        notes=tuple(dict.fromkeys((*notes, *said))),
        how_to_continue="" if imported else _continues(request, identity),
        stored=tuple(runs),
        own=not imported,
    )


def _continues(request: Request, identity: "RunIdentity") -> str:
    """The command that goes on with a run."""
    from evalkit.store.differing import chosen
    from evalkit.values import written

    words = [word for name, value in chosen(identity).items() for word in ("--set", f"{name}={written(value)}")]
    words += ["--name", identity.tracker] if "tracker" in identity.config else []
    words += ["--limit-frames", str(identity.frame_limit)] if identity.frame_limit else []
    tracker = str(identity.config.get("tracker", identity.tracker))
    return replace(request, benchmarks=(identity.benchmark,)).run_command([tracker], *words)


def _complete(truth: Truth, candidates: list[Candidate], say: Say) -> list[Candidate]:
    """Nobody was asked for by name: take who has finished, and say who has not."""
    names = [annotation.name for annotation in truth.annotations]
    lacking = [[name for name in names if name not in candidate.trajectories] for candidate in candidates]
    kept = [candidate for candidate, missing in zip(candidates, lacking, strict=True) if not missing]
    title = f"{truth.spec.title} {truth.split.name}"
    if not kept:
        raise StoreError(
            f"no tracker has a complete run on {title}. Finish one, or pass --allow-missing.",
            *(
                f"  {candidate.tracker}: no result, {len(missing)}: {listed(missing)}"
                + (
                    f". What is missing is computed by `{candidate.how_to_continue}`."
                    if candidate.how_to_continue
                    else ""
                )
                for candidate, missing in zip(candidates, lacking, strict=True)
            ),
        )
    for candidate, missing in zip(candidates, lacking, strict=True):
        if missing:
            say(
                f"{truth.spec.name}: {candidate.tracker} is left out, it lacks {len(missing)} of "
                f"{counted(len(names), 'sequence')}"
            )
    return kept
