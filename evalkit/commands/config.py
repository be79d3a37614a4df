"""``evalkit config``: show and change the user's settings."""

from pathlib import Path

import click

from evalkit.benchmarks import get_benchmark
from evalkit.commands.common import common_options, json_option, print_json
from evalkit.commands.output import echo
from evalkit.errors import EvalkitError
from evalkit.settings import load_settings, save_settings, settings_path


@click.group()
def config() -> None:
    r"""Show or change the user's settings.

    \b
    Examples:
      evalkit config set data-root.lasot /data/LaSOT
      evalkit config show
      evalkit config path
    """


@config.command()
@json_option
@common_options
def show(as_json: bool) -> None:
    """Print the settings."""
    folders = {name: str(folder) for name, folder in load_settings().data_root.items()}
    if as_json:
        print_json({"data-root": folders})
        return
    for name, folder in sorted(folders.items()):
        echo(f"data-root.{name} = {folder}")
    if not folders:
        echo(f"no settings yet ({settings_path()})", err=True)


@config.command("set")
@click.argument("key")
@click.argument("value")
@common_options
def set_value(key: str, value: str) -> None:
    """Set KEY (data-root.BENCHMARK) to VALUE."""
    section, _, name = key.partition(".")
    if section != "data-root" or not name:
        raise EvalkitError(f"unknown setting {key!r}; known: data-root.BENCHMARK")
    get_benchmark(name)
    settings = load_settings()
    settings.data_root[name] = Path(value).expanduser().resolve()
    echo(f"written to {save_settings(settings)}", err=True)


@config.command()
@common_options
def path() -> None:
    """Print the path of the settings file."""
    echo(settings_path())
