"""``evalkit measure-speed``: latency and throughput of a tracker, with everything needed to compare them."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import (
    App,
    Seconds,
    common_options,
    data_root_option,
    json_option,
    own_tracker_options,
    precision_option,
    print_json,
    seed_option,
)
from evalkit.commands.listing import columns
from evalkit.commands.options import layout_option
from evalkit.commands.output import echo, stdout_for_results
from evalkit.commands.watched import watch
from evalkit.evaluation.executors import ExecutorOptions, single_device
from evalkit.evaluation.request import names_in
from evalkit.hardware import describe_machine
from evalkit.tracking.catalog import check_name
from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.timing import details, summary

if TYPE_CHECKING:
    from evalkit.evaluation.accuracy import Cost


@click.command("measure-speed")
@click.option("--tracker", required=True, help="A name from `evalkit list trackers`, or FILE.py:CLASS.")
@own_tracker_options
@click.option("--weights", help="Weight file or folder; `random` costs as much as trained ones.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@precision_option
@click.option("--capacity", default="auto", show_default=True, help="Streams of the throughput measurement.")
@click.option("--decoders", type=click.IntRange(1, 1024), help="Threads; default: all cores.")
@click.option("--waves", type=click.Choice(["auto", "1", "2"]), default="auto", show_default=True, help="As in a run.")
@click.option("--size", default="1280x720", show_default=True, help="Of the frames that are drawn.")
@click.option("--images", type=click.Path(path_type=Path), help="A folder of images instead of drawn ones.")
@click.option("--seconds", type=Seconds(0.1), default=10.0, show_default=True, help="For each of both measurements.")
@seed_option("For trackers with random parts.")
@click.option(
    "--accuracy",
    metavar="BENCHMARK[,BENCHMARK...]",
    help="Instead: what every precision of the device costs in boxes on these benchmarks.",
)
@data_root_option
@layout_option
@click.option("--split", help="For --accuracy; default: the split that papers report.")
@click.option("--limit-sequences", type=click.IntRange(min=1), help="For --accuracy: only the first N sequences.")
@json_option
@common_options
@click.pass_obj
@stdout_for_results()
def measure_speed(  # noqa: PLR0917 - one parameter per option
    app: App,
    /,
    weights: str | None,
    root: str | None,
    settings: dict[str, Any],
    precision: str,
    seed: int,
    size: str,
    images: Path | None,
    seconds: float,
    as_json: bool,
    accuracy: str | None,
    data_root: Path | None,
    layout: Path | None,
    split: str | None,
    limit_sequences: int | None,
    **options: Any,
) -> int:
    r"""Measure latency and throughput of a tracker.

    Latency: one stream, one frame at a time, the device synchronized after each. Throughput: many streams end to end
    (reading, decoding, crops, device, results written to disk). Both leave out a warm-up, which is stated.

    \b
    Examples:
      evalkit measure-speed --tracker kcf
      evalkit measure-speed --tracker ostrack-256 --weights random --device cuda --precision bf16 --json
      evalkit measure-speed --tracker mine.py:Correlation --images lasot/airplane/airplane-1/img
      evalkit measure-speed --tracker ostrack-256 --weights W --device cuda --accuracy uav123,lasot --data-root sample
    """
    asked = ExecutorOptions(
        options=TrackerOptions(weights=weights, precision=precision, seed=seed, root=root, settings=settings),
        catalog=app.catalog,
        code=app.code,
        **options,
    )
    check_name(app.catalog, asked.tracker)
    watch(app)
    from evalkit.evaluation.measured import drawn_clips, folder_clips, measure

    device = single_device(asked)
    if accuracy is not None:
        where = {"split": split, "data_root": data_root, "layout": layout, "limit": limit_sequences}
        return _accuracy(app, asked, device, names_in(accuracy), where, as_json=as_json)
    clip = folder_clips(images) if images is not None else drawn_clips(_size(size))
    measured = measure(asked, device, clip, seconds=seconds, say=app.detail)
    if as_json:
        print_json(measured.document)
    else:
        _print(measured.document)
        app.say(summary(measured.timing))
        app.detail(*details(measured.timing))
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 128):
        raise click.BadParameter(f"{text!r} is no size; expected e.g. 1280x720, at least 128x128.", param_hint="--size")
    return int(width), int(height)


def _accuracy(
    app: App, asked: ExecutorOptions, device: str, benchmarks: tuple[str, ...], where: dict[str, Any], *, as_json: bool
) -> int:
    from evalkit.evaluation.accuracy import Copy, costs_of

    costs = costs_of(asked, device, [Copy.read(name, **where) for name in benchmarks], app.say)
    if as_json:
        documents = [dataclasses.asdict(cost) for cost in costs]
        print_json({"tracker": asked.tracker, **describe_machine(device), "costs": documents})
        return 0
    echo(*columns(cost_rows(costs)))
    return 0


def cost_rows(costs: "list[Cost]") -> list[list[str]]:
    """A table in percent, for the terminal."""
    last = ["overlap with fp32's boxes", "frames off by > 1 px"]
    rows = [["benchmark", "precision", "sequences", "AUC", "minus fp32", "95 % interval", *last]]
    for cost in costs:
        low, high = cost.interval or (0.0, 0.0)
        interval = "too few sequences" if cost.interval is None else f"{100 * low:+.3f} to {100 * high:+.3f}"
        numbers = f"{100 * cost.auc:.2f}", f"{100 * cost.difference:+.3f}", interval, f"{cost.overlap:.4f}"
        rows.append([cost.benchmark, cost.precision, str(cost.sequences), *numbers, f"{100 * cost.moved:.1f} %"])
    return rows


def _print(document: dict[str, Any]) -> None:
    latency, throughput = document["latency"], document["throughput"]
    card = f"{document['card']}, driver {document['driver']}" if document["card"] else "no card"
    libraries = ", ".join(f"{name} {version}" for name, version in document["libraries"].items())
    frame = document["frame"]
    echo(f"{document['tracker']}, {document['precision']}, {document['device']} ({card})")
    echo(f"{document['processor']}, {document['cores']} cores; {libraries}")
    echo(f"frames of {frame['width']} x {frame['height']}")
    echo(
        f"latency, one stream, device synchronized, {latency['frames']} frames after {latency['warm_up_frames']} of "
        "warm-up:"
    )
    for key in ("decode_excluded", "decode_included"):
        spread = latency[key]
        text = key.replace("_", " ")
        echo(f"  {text}: median {spread['median_ms']:.2f} ms, 95th percentile {spread['p95_ms']:.2f} ms")
    echo(
        f"throughput, {throughput['capacity']} streams, end to end, after {throughput['warm_up_seconds']:.1f} s of "
        f"warm-up: {throughput['frames_per_second']:.1f} frames/s (limit: {throughput['limit']})"
    )
    stages = ", ".join(f"{name} {spent:.2f}" for name, spent in throughput["stages_ms"].items())
    echo(f"  milliseconds of one frame, stages side by side: {stages}")
    memory, joules = document["memory_mib"], throughput["joules_per_frame"]
    card = "" if memory["device"] is None else f", device {memory['device']} MiB"
    energy = "" if joules is None else f"; {joules:.2f} J per frame on the device"
    echo(f"  most memory: process {memory['process']} MiB{card}{energy}")
    echo("what public tools would call FPS, from the same measurement:")
    for key, entry in document["fps_definitions"].items():
        echo(f"  {entry['frames_per_second']:10.1f}  {key}: {entry['meaning']}")
