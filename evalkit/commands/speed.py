"""``evalkit measure-speed``: latency and throughput of a tracker, with everything needed to compare them."""

import dataclasses
import math
import resource
import tempfile
from pathlib import Path
from typing import Any

import click

from evalkit.commands.common import App, Seconds, common_options, data_root_option, json_option, print_json, seed_option
from evalkit.commands.listing import columns
from evalkit.commands.output import echo, stdout_for_results
from evalkit.commands.watched import watch
from evalkit.errors import EvalkitError, TrackerError
from evalkit.evaluation.executors import ExecutorOptions, loop_settings, single_device
from evalkit.hardware import describe_machine, energy_joules
from evalkit.provenance import Origin
from evalkit.store.manifest import RunIdentity
from evalkit.store.runs import ResultStore
from evalkit.tracking.catalog import check_name, load_tracker
from evalkit.tracking.interface import DeviceTracker, Tracker, TrackerOptions
from evalkit.tracking.jobs import Job
from evalkit.tracking.speed import (
    Latency,
    Spread,
    Throughput,
    definitions,
    measure_latency,
    measure_throughput,
)
from evalkit.tracking.storing import StoreSink, WorkerFacts, one_line
from evalkit.tracking.timing import LoopTiming, details, summary

CLIP_FRAMES = 40
CLIP_LENGTH = 200
MEANINGS = {
    "read-excluded": "frames / sum of times, decoding excluded (pytracking, OSTrack programs)",
    "read-included": "(frames - 1) / sum of times, decoding included (ViPT RGB-T program)",
    "mean-of-rates": "mean of 1 / time, decoding included (got10k toolkit; GOT-10k server)",
    "batch-share": "batch size / wall time of the batch, decoding excluded (trackit, LoRAT)",
    "forward-only": "1 / time in the network (Stark, SwinTrack, OSTrack papers)",
}


@click.command("measure-speed")
@click.option("--tracker", required=True, help="A name from `evalkit list trackers`, or FILE.py:CLASS.")
@click.option("--tracker-root", "root", help="Folder from which an own tracker's modules are imported.")
@click.option("--weights", help="Weight file or folder; `random` costs as much as trained ones.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16", "fp16"]),
    default="fp32",
    show_default=True,
    help="Numbers.",
)
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
@click.option("--layout", type=click.Path(path_type=Path), help="Names of folders and files for `custom`.")
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
        options=TrackerOptions(weights=weights, precision=precision, seed=seed, root=root),
        catalog=app.catalog,
        code=app.code,
        **options,
    )
    check_name(app.catalog, asked.tracker)
    watch(app)
    device = single_device(asked)
    if accuracy is not None:
        where = {"split": split, "data_root": data_root, "layout": layout, "limit": limit_sequences}
        return _accuracy(app, asked, device, accuracy.split(","), where, as_json=as_json)
    tracker = load_tracker(
        app.catalog, asked.tracker, dataclasses.replace(asked.options, device=device), timeout=asked.timeout
    )
    settings = dataclasses.replace(loop_settings(asked, device, share=1), timeout=None)
    with tempfile.TemporaryDirectory(prefix="evalkit-speed-") as folder:
        place = Path(folder)
        jobs = _jobs(place, size, images, count=8)
        app.detail(f"measuring {tracker.info.name} on {device} ...")
        latency = measure_latency(tracker, jobs[0], seconds=seconds)
        sink = StoreSink(WorkerFacts(device, 0, asked.environment().sha256), LoopTiming(), lambda _: None, _refuse)
        throughput = measure_throughput(
            tracker,
            _stored(jobs, place / "results", tracker.info.name),
            sink,
            settings,
            seconds=seconds,
            energy=lambda: energy_joules(device),
        )
        height, width = jobs[0].frames.read(0).rgb.shape[:2]
    memory = tracker.device_memory() if isinstance(tracker, DeviceTracker) else None
    document = {
        "tracker": tracker.info.name,
        "precision": precision,
        "weights": weights,
        **describe_machine(device),
        "frame": {"width": width, "height": height},
        **_numbers(latency, throughput),
        "memory_mib": {
            "process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "device": None if memory is None else memory.peak >> 20,
        },
    }
    if as_json:
        print_json(document)
    else:
        _print(document)
        app.say(summary(throughput.timing))
        for line in details(throughput.timing):
            app.detail(line)
    return 0


def _jobs(folder: Path, size: str, images: Path | None, *, count: int) -> list[Job]:
    from evalkit.evaluation.clips import folder_clip, write_clip

    if images is not None:
        clip = folder_clip(images)
        if clip.length < 2:
            raise EvalkitError(f"--images: {images} holds one image; at least 2 are needed.")
        return [dataclasses.replace(clip, name=f"clip{number}") for number in range(count)]
    width, _, height = size.partition("x")
    if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 128):
        raise click.BadParameter(f"{size!r} is no size; expected e.g. 1280x720, at least 128x128.", param_hint="--size")
    wh = int(width), int(height)
    first = write_clip(folder / "clip0", frames=CLIP_FRAMES, wh=wh, length=CLIP_LENGTH)
    return [dataclasses.replace(first, name=f"clip{number}") for number in range(count)]


def _stored(jobs: list[Job], folder: Path, tracker: str) -> list[Job]:
    """The jobs with a run in which their results are stored, as in a run of a benchmark."""
    identity = RunIdentity("speed", "test", Origin("drawn"), "", tracker, {}, None, "", 0, 0, None)
    run = ResultStore(folder).open_or_create(identity, [job.name for job in jobs])
    return [dataclasses.replace(job, run=run) for job in jobs]


def _refuse(job: Job, error: Exception) -> None:
    raise TrackerError(f"the tracker failed while its speed was measured ({job.name}): {one_line(error)}")


def _numbers(latency: Latency, throughput: Throughput) -> dict[str, Any]:
    parts = {"decode": latency.decode, "crop": latency.prepare, "track": latency.track}
    return {
        "latency": {
            "frames": len(latency.step),
            "warm_up_frames": latency.warm_up,
            "decode_excluded": Spread.of(latency.step)._asdict(),
            "decode_included": Spread.of(latency.whole)._asdict(),
            "stages": {part: Spread.of(values)._asdict() for part, values in parts.items()},
            "initialize_ms": 1000 * latency.start,
        },
        "throughput": {
            "frames_per_second": throughput.rate,
            "frames": throughput.frames,
            "seconds": throughput.seconds,
            "warm_up_seconds": throughput.warm_up,
            "capacity": throughput.timing.capacity,
            "decoders": throughput.timing.decoders,
            "waves": throughput.timing.waves,
            "limit": throughput.timing.bottleneck(),
            "stages_ms": _stages(throughput.timing),
            "joules_per_frame": None if math.isnan(throughput.joules) else throughput.joules,
            "timing": throughput.timing.as_json(),
        },
        "fps_definitions": {
            key: {"frames_per_second": value, "meaning": MEANINGS[key]}
            for key, value in definitions(latency, throughput).items()
        },
    }


def _stages(timing: LoopTiming) -> dict[str, float]:
    """Milliseconds of one frame in each stage; the stages work side by side, each on its own threads."""
    seconds = {name: getattr(timing, name).wall for name in ("decode", "crop", "device", "write")}
    return {name: 1000 * spent / timing.frames for name, spent in (seconds | timing.inside).items()}


def _accuracy(
    app: App, asked: ExecutorOptions, device: str, benchmarks: list[str], where: dict[str, Any], *, as_json: bool
) -> int:
    from evalkit.evaluation.accuracy import Copy, lines, precision_costs

    copies = [Copy.read(name.strip(), **where) for name in benchmarks if name.strip()]

    def build(precision: str) -> Tracker[Any, Any]:
        app.say(f"tracking at {precision} ...")
        options = dataclasses.replace(asked.options, device=device, precision=precision)
        return load_tracker(app.catalog, asked.tracker, options, timeout=asked.timeout)

    costs = precision_costs(build, device, copies, loop_settings(asked, device, share=1))
    if as_json:
        print_json(
            {"tracker": asked.tracker, **describe_machine(device), "costs": [dataclasses.asdict(one) for one in costs]}
        )
    else:
        echo(*columns(lines(costs)))
    return 0


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
