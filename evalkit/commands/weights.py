"""``evalkit convert-weights``: from the authors' checkpoint to safetensors."""

from pathlib import Path

import click

from evalkit.commands.common import App, common_options, json_option, print_json
from evalkit.commands.output import echo
from evalkit.errors import TrackerError, unknown_name

EPILOG = """\b
Examples:
  evalkit convert-weights OSTrack_ep0300.pth.tar ostrack-256.safetensors --tracker ostrack-256
  evalkit convert-weights checkpoint.pth averaged.safetensors --tracker ostrack-256 --entry net_ema
  evalkit run-benchmark lasot --tracker ostrack-256 --weights ostrack-256.safetensors
"""


@click.command("convert-weights", epilog=EPILOG)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--tracker", required=True, help="Whose weights they are; see `evalkit list trackers`.")
@click.option("--entry", help="Which of the file's networks, where it holds several (averaged ones, say).")
@json_option
@common_options
@click.pass_obj
def convert_weights(  # noqa: PLR0917 - one parameter per option
    app: App, source: Path, destination: Path, tracker: str, entry: str | None, as_json: bool
) -> None:
    """Rewrite the authors' checkpoint SOURCE as DESTINATION (*.safetensors).

    No code from the file is run; every entry is compared with the network. The new file holds the same numbers, the
    name and hash of the source, and what the source says of itself. It loads faster and can be passed to --weights.
    """
    if tracker not in app.catalog:
        raise unknown_name("tracker", tracker, app.catalog)
    known = app.catalog[tracker]
    if known.converter is None:
        able = ", ".join(name for name, entry in app.catalog.items() if entry.converter)
        raise TrackerError(f"tracker {tracker} has no checkpoint to convert; those that have: {able}.")
    metadata = known.load(known.converter)(tracker, source, destination, entry)
    if as_json:
        print_json({"file": str(destination), "tracker": tracker, "metadata": metadata})
    else:
        echo(str(destination))
        for key, value in sorted(metadata.items()):
            app.detail(f"{key}: {value}")
