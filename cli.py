"""The command line of a checkout: ``python cli.py``. The installed command ``evalkit`` is the same program.

The commands are listed in ``evalkit/commands/program.py``. The wheel has ``trackers/`` as ``evalkit.trackers`` and
lacks this file: the names ``cli`` and ``trackers`` may belong to other distributions.
"""

from trackers.__main__ import main, make_app

__all__ = ["main", "make_app"]

if __name__ == "__main__":
    main()
