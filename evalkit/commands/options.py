"""Options that commands share: which results, against which truth, by which rules, passed on as one request."""

import collections.abc as cabc
import dataclasses
import functools
from pathlib import Path
from typing import Any

import click

from evalkit.commands.common import data_root_option
from evalkit.evaluation.request import Request, names_in, sequences_in

Command = cabc.Callable[..., Any]
FIELDS = {field.name for field in dataclasses.fields(Request)}


def names_option(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a repeatable option that also takes comma lists, each once."""
    return names_in(",".join(values))


def _sequences(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(name for value in values for name in sequences_in(value))) if values else None


def _protocols(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> str | None:
    return ",".join(values) or None


_PATH = click.Path(path_type=Path)
split_option = click.option("--split", help="Default: the split that papers report.")
layout_option = click.option("--layout", type=_PATH, help="Names of folders and files for `custom`.")
sequences_option = click.option(
    "--sequences", multiple=True, callback=_sequences, help="Only these: names with commas, or @FILE, one a line."
)
_RESULTS = (
    click.option(
        "--tracker", "trackers", multiple=True, callback=names_option, help="Default: all that have complete results."
    ),
    click.option(
        "--run", "run_ids", multiple=True, callback=names_option, help="Run ids; default: the newest complete run."
    ),
    click.option("--all-runs", is_flag=True, help="All runs of a tracker, each on its own."),
    click.option("--predictions", type=_PATH, help="Raw result files instead of runs: folder or zip, any layout."),
    click.option("--layout-of-results", help="Layout of the raw files, where it cannot be told."),
    click.option("--results", type=_PATH, help="Results folder.  [default: results]"),
)
_TRUTH = (
    split_option,
    sequences_option,
    click.option("--annotations", type=_PATH, help="Annotations-only copy instead of the data root: folder or zip."),
    data_root_option,
    layout_option,
    click.option("--local-truth", is_flag=True, help="The sample's truth for splits that servers score."),
    click.option(
        "--protocol",
        multiple=True,
        callback=_protocols,
        help="Protocol ids, official, papers, or all (where several make sense).  [default: papers]",
    ),
)
_REQUEST = click.option("--request", "file", type=_PATH, help="A TOML file with these values; options stand before it.")
SHARED = (
    *_RESULTS,
    *_TRUTH,
    click.option("--allow-missing", is_flag=True, help="Take what is there and say so."),
    click.option("--with-random-weights", is_flag=True, help="Take dry runs beside results, too."),
    _REQUEST,
)
OF_FILES = (
    click.option("--tracker", "trackers", multiple=True, callback=names_option, help="Only these; of one, its name."),
    click.option("--layout-of-results", help="Layout of the files, where it cannot be told."),
    *_TRUTH,
    _REQUEST,
)
"""For a command whose results are files anyway."""


def benchmarks_argument(command: Command, metavar: str = "BENCHMARK[,BENCHMARK...]") -> Command:
    """Add BENCHMARK, and ``--benchmark`` as another way to say it; passed as ``benchmarks``."""

    @functools.wraps(command)
    def called(*args: Any, benchmarks: tuple[str, ...], benchmarks_too: tuple[str, ...], **options: Any) -> Any:
        return command(*args, benchmarks=names_in(",".join((*benchmarks, *benchmarks_too))), **options)

    called = click.option("--benchmark", "benchmarks_too", multiple=True, hidden=True)(called)
    return click.argument("benchmarks", metavar=metavar, nargs=-1)(called)


def benchmark_argument(command: Command) -> Command:
    """Add a single BENCHMARK, passed as ``benchmark: str``."""

    @functools.wraps(command)
    def called(*args: Any, benchmarks: tuple[str, ...], **options: Any) -> Any:
        return command(*args, benchmark=_single(benchmarks), **options)

    return benchmarks_argument(called, metavar="BENCHMARK")


def _single(benchmarks: tuple[str, ...]) -> str:
    if len(benchmarks) != 1:
        told = (
            f"one is expected, not {', '.join(benchmarks)}" if benchmarks else "`evalkit list benchmarks` has the names"
        )
        raise click.UsageError(f"which benchmark? Name it: BENCHMARK; {told}.")
    return benchmarks[0]


def request_options(
    *, required: bool = True, several: bool = True, shared: cabc.Sequence[cabc.Callable[[Command], Command]] = SHARED
) -> cabc.Callable[[Command], Command]:
    """Add BENCHMARK and the shared options, passed on as ``request``; other options that are its fields go into it.

    Args:
        required: Without a benchmark the command is refused.
        several: More than one benchmark is possible.
        shared: The shared options that make sense.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(*args: Any, benchmarks: tuple[str, ...], **options: Any) -> Any:
            file = options.pop("file")
            given = {name: options.pop(name) for name in FIELDS & options.keys()} | {"benchmarks": benchmarks}
            given = {name: value for name, value in given.items() if value not in (None, ()) and value is not False}
            request = Request.read(file, **given) if file else Request(**given)
            if (required and not request.benchmarks) or (not several and len(request.benchmarks) > 1):
                _single(request.benchmarks)
            return command(*args, request=request, **options)

        built: Command = called
        for add in reversed(shared):
            built = add(built)
        return benchmarks_argument(built)

    return decorate


def _old_layout(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """``--format`` was the layout of raw files in version 0.1; it is the output's format everywhere now."""
    if value not in {None, "text", "json"}:
        raise click.BadParameter(
            f"{value!r} is no format of the output (text, json). The layout of results to read is now called "
            f"--layout-of-results {value}."
        )
    return value


def text_or_json(command: Command) -> Command:
    """Add ``--json`` and ``--format text|json``, passed as ``as_json``."""

    @functools.wraps(command)
    def called(*args: Any, as_json: bool, form: str | None, **options: Any) -> Any:
        return command(*args, as_json=as_json or form == "json", **options)

    called = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(called)
    return click.option("--format", "form", callback=_old_layout, help="text or json.  [default: text]")(called)
