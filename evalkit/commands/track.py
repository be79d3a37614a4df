"""``evalkit track``: follow one target through a video, a folder of images, or a camera's pictures."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import click

from evalkit.atomic import file_name
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
from evalkit.errors import counted
from evalkit.evaluation.executors import ExecutorOptions, single_device
from evalkit.tracking.catalog import check_name, load_tracker
from evalkit.tracking.interface import TrackerOptions


@click.command()
@click.argument("source", metavar="VIDEO|FOLDER|CAMERA")
@click.option("--tracker", required=True, help="A name from `evalkit list trackers`, or FILE.py:CLASS.")
@click.option("--init-box", metavar="x,y,w,h", help="Of the target, in pixels; without it, it is drawn with the mouse.")
@click.option("--weights", help="Weight file or folder of the tracker.")
@own_tracker_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@precision_option
@seed_option("For trackers with random parts.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="Frame in which the box holds.")
@click.option("--limit-frames", type=click.IntRange(min=1), help="Only N frames.")
@click.option("--no-video", is_flag=True, help="Boxes and page alone.")
@click.option("--timeout", type=Seconds(0.1), default=600.0, show_default=True, help="For one frame of an own tracker.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder.  [default: tracks/NAME-TRACKER]")
@json_option
@common_options
@click.pass_obj
@stdout_for_results()
def track(
    app: App,
    /,
    *,
    source: str,
    tracker: str,
    init_box: str | None,
    start: int,
    limit_frames: int | None,
    no_video: bool,
    timeout: float,
    output: Path | None,
    as_json: bool,
    device: str,
    **options: Any,
) -> int:
    r"""Follow one target: boxes as CSV, the video with the box drawn, a page with the moments of low confidence.

    A camera is given by its number. Without --init-box the first frame is shown, and the box is drawn with the mouse.
    Ctrl-C ends it; what is there is kept. Frames of long videos are decoded as they are needed.

    \b
    Examples:
      evalkit track cat.mp4 --tracker kcf --init-box 120,80,40,60
      evalkit track frames/ --tracker mine.py:Correlation --init-box 120,80,40,60 --output cat
      evalkit track 0 --tracker kcf
      evalkit track cat.mp4 --tracker ostrack-256 --weights W --start 300 --init-box 10,20,30,40 --json
    """
    from evalkit.evaluation.following import follow, open_source, parse_box
    from evalkit.evaluation.progress import FrameProgress

    asked = ExecutorOptions(
        tracker, TrackerOptions(**options), catalog=app.catalog, code=app.code, device=device, timeout=timeout
    )
    check_name(app.catalog, tracker)
    box = None if init_box is None else parse_box(init_box)
    frames = open_source(source, start=start, limit=limit_frames)
    watch(app)
    chosen = dataclasses.replace(asked.options, device=single_device(asked))
    built = load_tracker(app.catalog, tracker, chosen, timeout=timeout)
    folder = output or Path("tracks") / file_name(f"{frames.name}-{built.info.name}")
    with contextlib.ExitStack() as stack:
        bar = None
        if box is not None:  # else the bar would wait with the user's mouse
            bar = stack.enter_context(FrameProgress(0, frames.count or 0, say=app.say, quiet=app.quiet))
        followed = follow(
            built, frames, box, folder, video=not no_video, on_frames=(lambda _: None) if bar is None else bar.advance
        )
    count, rate = len(followed.boxes), len(followed.boxes) / followed.seconds if followed.seconds else 0.0
    names = ["boxes.csv", *([] if no_video else ["overlay.mp4"]), "page.html"]
    if as_json:
        files = {Path(name).stem: str(folder / name) for name in names}
        print_json(
            {
                "source": source,
                "tracker": followed.tracker,
                "frames": count,
                "frames_per_second": round(rate, 3),
                "stopped": followed.stopped,
                "problem": followed.problem,
                "weights_sha256": followed.weights_sha256,
                "config": followed.config,
                "files": files,
            }
        )
    else:
        echo(f"{followed.tracker} on {followed.source}: {counted(count, 'frame')}, {rate:.1f} frames/s in the tracker")
        echo(f"{folder}: {', '.join(names)}")
    if followed.problem is not None:
        echo(f"error: ended after {counted(count, 'frame')}: {followed.problem}", err=True)
    elif followed.stopped:
        app.say(f"stopped after {counted(count, 'frame')}; what is there is kept")
    whole = frames.count is None or count == frames.count
    return 0 if whole and followed.problem is None else 1
