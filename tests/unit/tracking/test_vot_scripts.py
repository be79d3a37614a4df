"""Scripts of the VOT toolkit run in processes of their own, and end with them."""

import textwrap

import numpy as np
import pytest

from evalkit.errors import TrackerError
from evalkit.sequences import Modality
from evalkit.testing import draw_video, track_together
from helpers.own_trackers import load
from helpers.program import alive, wait_until

HEAD = """
import sys, os, time
import cv2
import vot
{more}
handle = vot.VOT({arguments})
region = handle.region()
image = handle.frame()
if not image:
    sys.exit(0)
while True:
    image = handle.frame()
    if not image:
        break
    {step}
"""
MOVE = "region = vot.Rectangle(region.x + 1, region.y, region.width, region.height); "


@pytest.fixture
def script(tmp_path):
    def write(step=MOVE + "handle.report(region, 7.5)", arguments='"rectangle"', more="", name="mine.py"):
        # a copy of the toolkit's own module lies beside the script, as it usually does
        (tmp_path / "vot.py").write_text("raise ImportError('TraX is missing')")
        path = tmp_path / name
        path.write_text(textwrap.dedent(HEAD).format(step=step, arguments=arguments, more=more))
        return path

    return write


def path_of(tracker, **settings):
    video = draw_video(frame_count=4, **settings)
    return track_together(tracker, [video])[0], video


def test_a_script_is_asked_frame_by_frame(script):
    tracker = load(script())
    assert tracker.info.name == "mine"
    assert tracker.interface == "a script that imports vot, in a process of its own"
    path, video = path_of(tracker)
    assert (path.boxes[-1] - video.boxes[0]).tolist() == [3, 0, 0, 0]
    assert path.confidence.tolist() == [7.5] * 3


@pytest.mark.parametrize("ask", ["polygon", "mask"])
def test_other_region_formats_are_answered_by_boxes(script, ask):
    path, video = path_of(load(script("handle.report(region)", arguments=f'"{ask}"')))
    assert path.boxes[-1] == pytest.approx(video.boxes[0])
    assert np.isnan(path.confidence).all()


def test_an_empty_region_is_a_box_of_zeros(script):
    assert path_of(load(script("handle.report(vot.Empty(), 0.1)")))[0].boxes.tolist() == [[0, 0, 0, 0]] * 3


def test_a_script_reads_the_frame_s_own_pixels(script):
    step = "handle.report(vot.Rectangle(*[float(v) for v in cv2.imread(image)[5, 7, ::-1]], 1))"
    path, video = path_of(load(script(step)))
    assert path.boxes[:, :3].tolist() == [frame.rgb[5, 7].tolist() for frame in video.frames[1:]]


@pytest.mark.parametrize(
    ("channels", "modality", "read"),
    [
        ("rgbd", Modality.DEPTH, "cv2.imread(image[1], -1)[3, 3]"),
        ("rgbt", Modality.THERMAL, "cv2.imread(image[1])[3, 3, 2]"),
    ],
)
def test_further_channels_come_as_files_too(script, channels, modality, read):
    tracker = load(script(f"handle.report(vot.Rectangle({read}, 0, 1, 1))", arguments=f'"rectangle", "{channels}"'))
    assert tracker.info.required == {modality}
    path, video = path_of(tracker, second=modality)
    assert path.boxes[:, 0].tolist() == [np.ravel(frame.aux[3, 3])[0] for frame in video.frames[1:]]


def test_several_objects_and_the_manager_are_served_with_one(script, tmp_path):
    path = tmp_path / "managed.py"
    path.write_text(
        textwrap.dedent(
            """
            import vot
            print(vot.__file__)
            def factory(image, region):
                return lambda image: vot.Rectangle(region.x + 2, region.y, region.width, region.height)
            vot.VOTManager(factory, "rectangle").run()
            """
        )
    )
    answer, video = path_of(load(path))
    assert (answer.boxes[-1] - video.boxes[0]).tolist() == [2, 0, 0, 0]


def test_what_a_script_prints_disturbs_nothing_and_is_shown_inertly_where_it_fails(script, capfd):
    noise = "print('x' * 100000); os.write(1, b'{\"region\": [1,2,3,4]}\\n'); "
    path, video = path_of(load(script(noise + "handle.report(region)")))
    assert (path.boxes == video.boxes[0]).all()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(TrackerError) as caught:
        path_of(load(script("print('\\x1b[2J gone'); raise SystemExit(3)")))
    assert "ended with exit code 3 before the last frame (frame 1). It said: \\x1b[2J gone" in str(caught.value)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("1 / 0", r"ended with exit code 1 before the last frame \(frame 1\)\. It said: .*ZeroDivisionError"),
        ("os.kill(os.getpid(), 11)", "ended by signal SIGSEGV"),
        ("time.sleep(60)", r"did not answer within \d+(\.\d+)? s; if it is only slow, raise --timeout \(frame 1\)"),
        ("os.closerange(3, 50); time.sleep(60)", "ended with exit code|closed its pipe|did not answer"),
        ("handle.report(5)", "TypeError"),
        ("pass", "frame.. was called again before report"),
    ],
)
def test_a_script_that_dies_or_hangs_is_an_error_of_its_sequence(script, step, words):
    with pytest.raises(TrackerError, match=words):
        path_of(load(script(step), timeout=5.0))


def test_no_process_and_no_file_stays(script, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    marker = tmp_path / "children"
    more = f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\nopen({str(marker)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')"
    tracker = load(script(more=more))
    path_of(tracker)
    numbers = list(map(int, marker.read_text().split()))
    wait_until(lambda: not any(map(alive, numbers)))
    assert not list(tmp_path.glob("evalkit-vot-*"))


def test_a_class_of_a_script_runs_by_itself_where_nothing_is_asked_at_import(tmp_path):
    path = tmp_path / "both.py"
    path.write_text(
        textwrap.dedent(
            """
            import vot
            class Mine:
                def __init__(self, image, region):
                    self.region = region
                def track(self, image):
                    return vot.Rectangle(*self.region), 0.5
            def main():
                handle = vot.VOT("rectangle")
            if __name__ == "__main__":
                main()
            """
        )
    )
    tracker = load(f"{path}:Mine")
    assert "Tracker(image, region)" in tracker.interface
    assert path_of(tracker)[0].confidence.tolist() == [0.5] * 3
    path.write_text(path.read_text() + "# changed")
    assert path_of(load(f"{path}:Mine"))[0].confidence.tolist() == [0.5] * 3
    assert "process" in load(path).interface


def test_weights_for_a_script_are_refused_and_arguments_reach_it(script, tmp_path):
    with pytest.raises(TrackerError, match="takes neither --weights nor --set"):
        load(script(), weights="w.pth")
    tracker = load(f"{script('handle.report(vot.Rectangle(float(sys.argv[1]), 0, 1, 1))')}::9 x")
    assert tracker.info.config["arguments"] == "9 x"
    assert path_of(tracker)[0].boxes[0].tolist() == [9, 0, 1, 1]
