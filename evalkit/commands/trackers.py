"""``evalkit check-tracker``: the conformance suite for a tracker."""

from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import (
    App,
    Seconds,
    common_options,
    json_option,
    own_tracker_options,
    precision_option,
    print_json,
    seed_option,
)
from evalkit.commands.output import echo, stdout_for_results
from evalkit.commands.watched import watch
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.interface import TrackerOptions

if TYPE_CHECKING:
    from evalkit import testing

MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}


@click.command("check-tracker")
@click.argument("tracker")
@click.option("--weights", help="Weight file or folder; `random` for a dry run.")
@own_tracker_options
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1.")
@precision_option
@seed_option("For trackers with random parts.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    help="Pixels by which boxes may depend on the capacity.",
)
@click.option(
    "--timeout", type=Seconds(), default=60.0, show_default=True, help="Seconds for one frame of an own tracker."
)
@json_option
@common_options
@click.pass_obj
@stdout_for_results()
def check_tracker(  # noqa: PLR0917 - one parameter per option
    app: App,
    tracker: str,
    weights: str | None,
    root: str | None,
    settings: dict[str, Any],
    device: str,
    precision: str,
    seed: int,
    tolerance: float,
    timeout: float,
    as_json: bool,
) -> int:
    r"""Does TRACKER keep the promises of the interface?

    TRACKER is a name from `evalkit list trackers`, FILE.py:CLASS, module:Class, or a VOT script FILE.py. Small videos
    are drawn for it; no data is needed. Ends with 1 if a check fails.

    \b
    Examples:
      evalkit check-tracker kcf
      evalkit check-tracker mine.py:Correlation
      evalkit check-tracker got10k.trackers:IdentityTracker --json
    """
    from evalkit.testing import check_tracker as run_checks

    options = TrackerOptions(
        weights=weights, device=device, precision=precision, seed=seed, root=root, settings=settings
    )
    watch(app)
    built = load_tracker(app.catalog, tracker, options, timeout=timeout)
    app.detail(f"checking {built.info.name} ...")
    report = run_checks(built, tolerance=tolerance)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    return 0 if report.passed else 1


def _print(report: "testing.TrackerReport") -> None:
    width = max(len(check.name) for check in report.checks)
    for check in report.checks:
        echo(f"{MARKS[check.status]}  {check.name:<{width}}  {check.detail}")
    echo(
        f"speed on small drawn frames: {report.frames_per_second:.0f} frames/s alone, "
        f"{report.frames_per_second_batched:.0f} frames/s together"
    )
    failed = sum(check.status == "failed" for check in report.checks)
    outcome = f"{failed} check{'' if failed == 1 else 's'} failed" if failed else "all checks passed"
    echo(f"{report.tracker}: {outcome}")
