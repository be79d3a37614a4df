"""What all commands share: lazy loading, messages, exit codes, data roots, JSON output."""

import collections.abc as cabc
import contextlib
import importlib
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.assignments import settings_option
from evalkit.commands.output import echo, echo_text, program
from evalkit.errors import EvalkitError, OptionError, UnknownNameError, text_of, unknown_name
from evalkit.visible import json_text, visible

if TYPE_CHECKING:
    from evalkit.commands.watched import Witness
    from evalkit.tracking.catalog import TrackerEntry

EXIT_FAILED = 1
EXIT_USAGE = 2
WEEK_SECONDS = 7 * 24 * 3600.0
SETTINGS = "What the tracker's constructor, its parameters, or a tracker of the catalog take by that name. Repeatable."


@dataclass(slots=True)
class App:
    """What ``cli.py`` hands to every command, and what the common options say.

    Attributes:
        catalog: The repository's trackers.
        code: Folders of the trackers' sources, part of a run's environment record.
        training: Module that trains them, a :class:`~evalkit.tracking.training.TrainingProgram`.
        quiet: Only errors and results.
        verbose: More messages.
        debug: Tracebacks for user errors.
        owns_process: The process ends with the command; else it goes on, as a notebook's or a test's does.
        witness: Where to note what happens for the process that watches this one, see ``watched.py``.
    """

    catalog: cabc.Mapping[str, "TrackerEntry"] = field(default_factory=dict)
    code: tuple[Path, ...] = ()
    training: str = ""
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    owns_process: bool = False
    witness: "Witness | None" = None

    def say(self, *lines: str) -> None:
        """Print a message for people, to stderr."""
        if not self.quiet:
            echo(*lines, err=True)

    def detail(self, *lines: str) -> None:
        """Print a message to stderr with ``--verbose`` only."""
        if self.verbose and not self.quiet and lines:
            echo(*lines, err=True)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command runs; ``--help`` imports none."""

    def __init__(self, *, table: cabc.Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table of contents."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import and return a command."""
        if cmd_name not in self.table:
            return None
        module, name = self.table[cmd_name][0].split(":")
        command = getattr(importlib.import_module(f"evalkit.commands.{module}"), name)
        assert isinstance(command, click.Command)
        if command.help:  # docstrings are raw, click's mark for "do not rewrap" is the character backspace
            command.help = command.help.replace("\\b\n", "\b\n")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for an unknown command."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            ctx.fail(str(unknown_name("command", args[0], self.table)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])


def run(app: click.Group, args: cabc.Sequence[str] | None = None) -> int:
    """Run the program and return its exit code: 0 done, 1 failed or incomplete, 2 wrong usage."""
    code = EXIT_FAILED
    try:
        code = _run(app, args)
    finally:
        settings = app.context_settings.get("obj")
        if isinstance(settings, App) and settings.witness is not None:
            settings.witness.note(code=code)
    return code


def _run(app: click.Group, args: cabc.Sequence[str] | None) -> int:  # noqa: PLR0911 - one line per kind of end
    arguments = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in arguments
    try:
        result = app.main(args=arguments, prog_name="evalkit", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as problem:
        problem.message = visible(problem.message)  # type: ignore[misc]  # the only place before click prints
        problem.show()
        return problem.exit_code
    except click.Abort:
        echo("stopped", err=True)
        return EXIT_FAILED
    except EvalkitError as problem:
        if debug:
            raise
        if isinstance(problem, OptionError):
            echo(f"Error: Invalid value for {problem.option}: {problem}", err=True)
            return EXIT_USAGE
        first, *more = (line.replace("`evalkit ", f"`{program()} ") for line in problem.lines)
        echo(f"error: {first}", *more, err=True)
        return EXIT_USAGE if isinstance(problem, UnknownNameError) else EXIT_FAILED
    except ValueError as problem:
        if debug or "embedded null" not in text_of(problem):
            raise
        echo(
            "error: a file names another one with a null byte in its name, which no system allows. It is damaged or "
            "forged; --debug says where it was read.",
            err=True,
        )
        return EXIT_FAILED
    except BrokenPipeError:
        return EXIT_FAILED
    return result if isinstance(result, int) else 0


def common_options(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--quiet``, ``--verbose``, ``--debug`` to a command and keep them in the :class:`App`."""

    def keep(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and param.name is not None:
            setattr(ctx.ensure_object(App), param.name, True)

    for name, text in (
        ("--debug", "Show the traceback of an error."),
        ("--verbose", "Say more."),
        ("--quiet", "Only errors and results."),
    ):
        command = click.option(name, is_flag=True, expose_value=False, callback=keep, help=text)(command)
    return command


class Seconds(click.FloatRange):
    """A time to wait or to spend: up to a week, and a number.

    Args:
        least: The shortest time; 0 itself is none.
    """

    def __init__(self, least: float = 0.0) -> None:
        super().__init__(least, WEEK_SECONDS, min_open=not least)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As every range, which nan would pass: it compares with nothing."""
        seconds = super().convert(value, param, ctx)
        return self.fail(f"{value} is no number of seconds.", param, ctx) if math.isnan(seconds) else seconds


class Level(click.FloatRange):
    """Level of an interval, between 0 and 1."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As every range, without nan; where the next word of the command was taken for the level, it stays one."""
        with contextlib.suppress(click.BadParameter):
            level = super().convert(value, param, ctx)
            if not math.isnan(level):
                return level
        option, word = param.opts[0] if param else "", f" {value}" if str(value)[:1].isalpha() else ""
        return self.fail(f"{value!r} is no level between 0 and 1; write `{option} 0.95{word}`.", param, ctx)


def seed_option(help_text: str) -> cabc.Callable[[cabc.Callable[..., Any]], cabc.Callable[..., Any]]:
    """Add ``--seed``: whole numbers that every generator of random numbers takes."""
    return click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help=help_text)


def precision_option(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--precision``: fp32 everywhere unless asked."""
    choices = click.Choice(["fp32", "tf32", "bf16", "fp16"])
    return click.option("--precision", type=choices, default="fp32", show_default=True, help="Numbers.")(command)


def own_tracker_options(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--tracker-root`` as ``root`` and ``--set`` as ``settings``: what an own tracker's class may need."""
    for decorate in (settings_option(SETTINGS), tracker_root_option):
        command = decorate(command)
    return command


def tracker_root_option(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--tracker-root``, passed as ``root``."""
    text = "Folder from which an own tracker's modules are imported."
    return click.option("--tracker-root", "root", help=text)(command)


def json_option(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(command)


def data_root_option(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--data-root``, passed as ``data_root: Path | None``."""
    return click.option(
        "--data-root",
        type=click.Path(path_type=Path),
        help="The benchmark's folder, or a folder that holds several. Else the config file, else EVALKIT_DATA_ROOT.",
    )(command)


def results_option(command: cabc.Callable[..., Any]) -> cabc.Callable[..., Any]:
    """Add ``--results``, passed as ``results: Path``."""
    return click.option(
        "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Results folder."
    )(command)


def print_json(document: object) -> None:
    """Print one JSON document; NaN and infinity become null, since JSON has neither."""
    echo_text(json_document(document))


def print_documents(documents: cabc.Sequence[object]) -> None:
    """Print JSON: a single document by itself, several as a list."""
    print_json(documents[0] if len(documents) == 1 else documents)


def json_document(document: object) -> str:
    """What :func:`print_json` prints."""
    return json_text(_finite(document)) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN test
    if isinstance(value, cabc.Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
