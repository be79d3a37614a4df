"""``evalkit list runs`` and ``evalkit delete-runs``: what a results folder holds, and making room in it."""

import collections.abc as cabc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import EXIT_FAILED, App, common_options, json_option, print_json, results_option
from evalkit.commands.options import names_option
from evalkit.commands.output import echo
from evalkit.errors import StoreError, counted
from evalkit.store import State

if TYPE_CHECKING:
    from evalkit.store.inventory import Stored

HEAD = ("run", "benchmark", "tracker", "settings", "state", "date (UTC)", "digest")
Command = cabc.Callable[..., Any]


def filter_options(command: Command) -> Command:
    """Add ``--benchmark``, ``--tracker``, ``--run``, ``--state``: which runs of a results folder."""
    for name, field, text in (
        ("--run", "run_ids", "Only these run ids, or their beginnings."),
        ("--tracker", "trackers", "Only runs of these trackers."),
        ("--benchmark", "benchmarks", "Only runs on these benchmarks."),
    ):
        command = click.option(name, field, multiple=True, callback=names_option, help=text)(command)
    choice = click.Choice([*map(str, State)])
    return click.option("--state", "states", multiple=True, type=choice, help="Only runs of which this is true.")(
        command
    )


def list_runs(app: App, results: Path, *, as_json: bool, **filters: Any) -> None:
    """Print what a results folder holds."""
    from evalkit.store.inventory import inventory

    every = inventory(results, **filters)
    if as_json:
        print_json(documents(every))
        return
    if not every:
        app.say(f"no runs in {results}" if not any(filters.values()) else f"no such runs in {results}")
        return
    echo(*lines(every))


@click.command("delete-runs")
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@filter_options
@click.option("--all", "everything", is_flag=True, help="All runs of the results folder.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@results_option
@json_option
@common_options
@click.pass_obj
def delete_runs(
    app: App,
    /,
    *,
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    everything: bool,
    yes: bool,
    results: Path,
    as_json: bool,
    **filters: Any,
) -> int:
    r"""Delete runs: those of the ids RUN (or their beginnings), or all that the options leave.

    Shows what would be deleted and how much room that makes, then asks. A run that a process is writing is refused, and
    with it everything. Only folders of runs inside the results folder are deleted; no link is followed.

    \b
    Examples:
      evalkit delete-runs 3f2a91
      evalkit delete-runs --tracker kcf --benchmark lasot --state partial
      evalkit delete-runs --tracker Mine --yes --json
    """
    from evalkit.store.inventory import check_deletable, delete_run, inventory, size_of

    ids = (*runs, *run_ids)
    if not (ids or everything or any(filters.values())):
        raise click.UsageError(
            "which runs? Give their ids (`evalkit list runs`), --tracker, --benchmark, --state, or --all."
        )
    chosen = inventory(results, run_ids=ids, **filters)
    unknown = [run_id for run_id in ids if not any(stored.path.name.startswith(run_id) for stored in chosen)]
    if unknown or not chosen:
        raise StoreError(
            f"no such run in {results}: {', '.join(unknown) or 'nothing fits'}. `evalkit list runs` has them."
        )
    if refused := _problems(check_deletable, results, chosen):
        raise StoreError("nothing is deleted.", *refused.values())
    freed = sum(size_of(stored.path) for stored in chosen)
    what = f"{counted(len(chosen), 'run')}, {_bytes(freed)}"
    if not (as_json and yes):
        echo(*lines(chosen), err=as_json)
    if not yes and not click.confirm(f"Delete {what}?", err=True):
        app.say("nothing is deleted.")
        return EXIT_FAILED
    problems = _problems(delete_run, results, chosen)
    deleted = [stored for stored in chosen if stored.path not in problems]
    if as_json:
        print_json({"deleted": documents(deleted), "bytes": freed, "problems": list(problems.values())})
    if problems:
        raise StoreError(f"{len(deleted)} of {counted(len(chosen), 'run')} deleted.", *problems.values())
    app.say(f"deleted {what}")
    return 0


def _problems(
    work: cabc.Callable[[Path, Path], None], results: Path, chosen: "cabc.Sequence[Stored]"
) -> dict[Path, str]:
    """Do it with every run; why it cannot be done, by the run's folder."""
    problems = {}
    for stored in chosen:
        try:
            work(results, stored.path)
        except StoreError as problem:
            problems[stored.path] = str(problem)
    return problems


def lines(every: "cabc.Sequence[Stored]") -> list[str]:
    """A line for each run, below a head."""
    from evalkit.commands.listing import columns
    from evalkit.provenance import is_dry_run
    from evalkit.store.differing import text

    rows: list[cabc.Sequence[str]] = [HEAD]
    for stored, settings in zip(every, told(every), strict=True):
        run = stored.run
        state = [f"{stored.state} {stored.finished}/{len(run.names)}" if run else f"{stored.state}: {stored.problem}"]
        state += ["random weights"] if run and is_dry_run(run.identity.weights_sha256) else []
        state += ["sample"] if run and run.identity.data.is_sample else []
        state += ["imported"] if run and run.identity.is_imported else []
        place = f"{stored.benchmark} {run.identity.split}" if run else stored.benchmark
        date = stored.utc[:16].replace("T", " ") or "-"
        rows.append(
            [stored.path.name, place, stored.tracker, text(settings) or "-", ", ".join(state), date, stored.digest[:12]]
        )
    return columns(rows)


def told(every: "cabc.Sequence[Stored]") -> list[dict[str, Any]]:
    """Of each run the settings that its user chose, and those that tell it from its tracker's others."""
    from evalkit.store.differing import chosen, differing

    settings: dict[Path, dict[str, Any]] = {}
    for tracker in dict.fromkeys(stored.tracker for stored in every):
        mine = [stored for stored in every if stored.run and stored.tracker == tracker]
        identities = [stored.run.identity for stored in mine if stored.run]
        for stored, identity, differs in zip(mine, identities, differing(identities), strict=True):
            settings[stored.path] = {**chosen(identity), **differs}
    return [settings.get(stored.path, {}) for stored in every]


def documents(every: "cabc.Sequence[Stored]") -> list[dict[str, Any]]:
    """The same as JSON, with everything that identifies a run."""
    return [_document(stored, settings) for stored, settings in zip(every, told(every), strict=True)]


def _document(stored: "Stored", settings: dict[str, Any]) -> dict[str, Any]:
    from evalkit.provenance import is_dry_run

    document: dict[str, Any] = {
        "run": stored.path.name,
        "benchmark": stored.benchmark,
        "tracker": stored.tracker,
        "settings": settings,
        "state": stored.state.value,
        "finished_utc": stored.utc or None,
        "digest": stored.digest or None,
        "path": str(stored.path),
    }
    if stored.run is None:
        return {**document, "problem": stored.problem}
    identity = stored.run.identity
    return {
        **document,
        "split": identity.split,
        "finished": stored.finished,
        "sequences": len(stored.run.names),
        "config": dict(identity.config),
        "weights_sha256": identity.weights_sha256,
        "random_weights": is_dry_run(identity.weights_sha256),
        "precision": identity.precision,
        "seed": identity.seed,
        "repeat": identity.repeat,
        "frame_limit": identity.frame_limit,
        "data": identity.data,
        "source": identity.source,
        "notes": list(stored.run.notes),
    }


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
