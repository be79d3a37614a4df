"""The command ``evalkit``: the commands with this catalog of trackers."""

import sys
from pathlib import Path

from evalkit.commands.common import LazyGroup, run
from evalkit.commands.program import make_program

from . import CATALOG


def make_app(*, owns_process: bool = False) -> LazyGroup:
    """Build the click program; ``owns_process`` as in :class:`~evalkit.commands.common.App`."""
    training = f"{__package__}.training.program"
    return make_program(CATALOG, [Path(__file__).parent], training=training, owns_process=owns_process)


def main() -> None:
    """Entry point of the installed command ``evalkit``."""
    sys.exit(run(make_app(owns_process=True)))


if __name__ == "__main__":
    main()
