"""``evalkit track``: a video, a folder or a camera to boxes, an overlay and a page."""

import csv
import json
import re

import av
import cv2
import numpy as np
import pytest

from evalkit.evaluation import following
from evalkit.report.pictures.filmstrip import EVENLY, FALLS, Filmstrip
from helpers.program import call
from helpers.videos import numbered, write_video

BOX = "10,20,16,16"


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "cat.mp4", frames=40, wh=(192, 128))


def rows_of(folder):
    with (folder / "boxes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def own(folder, step="pass", answer="self.box, 7.5 - self.frame"):
    path = folder / "mine.py"
    path.write_text(
        "import os, signal\nclass Mine:\n"
        "    def initialize(self, image, box):\n        self.box, self.frame = box, 0\n"
        f"    def track(self, image):\n        self.frame += 1\n        {step}\n        return {answer}\n"
    )
    return f"{path}:Mine"


def test_a_video_gives_boxes_an_overlay_and_a_page(video, tmp_path):
    code, out, err = call("track", video, "--tracker", "ncc", "--init-box", BOX, "--output", tmp_path / "out")
    assert code == 0, err
    assert "ncc on cat: 40 frames" in out
    rows = rows_of(tmp_path / "out")
    assert [int(row["frame"]) for row in rows] == list(range(40))
    assert [float(rows[0][side]) for side in ("left", "top", "width", "height")] == [10, 20, 16, 16]
    assert rows[0]["confidence"] == ""
    assert float(rows[20]["left"]) == pytest.approx(30, abs=2)
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 40
    page = (tmp_path / "out" / "page.html").read_text()
    assert "Where the confidence falls" in page
    assert "data:video/mp4;base64," in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_the_document_says_where_everything_is(video, tmp_path):
    code, out, _ = call(
        *("track", video, "--tracker", own(tmp_path), "--init-box", BOX, "--output", tmp_path / "out", "--json"),
        *("--start", 10, "--limit-frames", 5, "--no-video"),
    )
    document = json.loads(out)
    assert code == 0
    assert (document["frames"], document["tracker"], document["problem"]) == (5, "Mine", None)
    assert set(document["files"]) == {"boxes", "page"}
    assert not (tmp_path / "out" / "overlay.mp4").exists()
    assert [float(row["confidence"] or 0) for row in rows_of(tmp_path / "out")] == [0, 6.5, 5.5, 4.5, 3.5]


def test_tracking_begins_at_the_frame_that_was_named(video, tmp_path):
    seen = "self.box[:] = [sum((1 << bit) * (image[-6, 12 * bit + 6, 0] > 127) for bit in range(8)), 0, 1, 1]"
    tracker = own(tmp_path, step=seen, answer="self.box")
    code, _, err = call(
        *(
            "track",
            video,
            "--tracker",
            tracker,
            "--init-box",
            BOX,
            "--output",
            tmp_path / "o",
            "--start",
            30,
            "--no-video",
        )
    )
    assert code == 0, err
    assert [float(row["left"]) for row in rows_of(tmp_path / "o")[1:]] == list(range(31, 40))


@pytest.mark.parametrize("below", [".", "img"])
def test_a_folder_of_images_is_followed_too(tmp_path, below):
    folder = tmp_path / "frames"
    (folder / below).mkdir(parents=True)
    for number in range(5):
        cv2.imwrite(str(folder / below / f"{number}.png"), numbered(number))
    code, out, _ = call(
        "track", folder, "--tracker", "ncc", "--init-box", BOX, "--output", tmp_path / "out", "--no-video"
    )
    assert code == 0
    assert "frames: 5 frames" in out


class FakeCamera:
    def __init__(self, number):
        self.number, self.next = number, 0

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.number == 0

    def get(self, _):
        return 30.0

    def read(self):
        self.next += 1
        return (True, numbered(self.next)) if self.next <= 6 else (False, None)

    def release(self):
        self.number = -1


def test_a_camera_is_followed_until_it_gives_no_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(following.cv2, "VideoCapture", FakeCamera)
    arguments = ("--tracker", "ncc", "--init-box", BOX, "--output", tmp_path / "out", "--no-video")
    assert call("track", "0", *arguments, "--limit-frames", 4)[0] == 0
    assert len(rows_of(tmp_path / "out")) == 4
    code, _, err = call("track", "0", *arguments)
    assert code == 1
    assert "ended after 6 frames: camera0 gave no frame 6" in err
    code, _, err = call("track", "3", *arguments)
    assert code == 1
    assert "camera 3 cannot be opened" in err


def test_ctrl_c_keeps_what_is_there(video, tmp_path):
    tracker = own(tmp_path, step="self.frame == 6 and os.kill(os.getpid(), signal.SIGINT)")
    code, out, _ = call("track", video, "--tracker", tracker, "--init-box", BOX, "--output", tmp_path / "out", "--json")
    assert code == 1
    assert json.loads(out)["stopped"]
    count = len(rows_of(tmp_path / "out"))
    assert 7 <= count < 40
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == count
    assert "stopped by the user" in (tmp_path / "out" / "page.html").read_text()


def test_a_tracker_that_fails_ends_it_and_forges_nothing(video, tmp_path):
    tracker = own(tmp_path, step="if self.frame == 4: raise ValueError('<b>\\x1b[2J')")
    code, _, err = call("track", video, "--tracker", tracker, "--init-box", BOX, "--output", tmp_path / "out")
    assert code == 1
    assert len(rows_of(tmp_path / "out")) == 4
    assert "Mine raised ValueError in frame 4" in err
    assert "\x1b" not in err
    page = (tmp_path / "out" / "page.html").read_text()
    assert "Ended early: Mine raised ValueError" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["cat.mp4"], 2, "--init-box.*there is no display"),
        (["cat.mp4", "--init-box", "1,2,3"], 2, "is not x,y,w,h in pixels"),
        (["cat.mp4", "--init-box", "1,2,0,3"], 2, "with a positive width and height"),
        (["cat.mp4", "--init-box", "1000,2,3,3"], 2, "lies outside of the image, 192 x 128"),
        (["cat.mp4", "--init-box", BOX, "--start", "99"], 2, "has 40 frames, counted from 0; 99"),
        (["dog.mp4", "--init-box", BOX], 1, "no such file or folder; a camera is given by its number"),
        (["mine.txt", "--init-box", BOX], 1, "neither a video .* nor a folder of images"),
    ],
)
def test_what_cannot_be_followed_is_said(video, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mine.txt").touch()
    found, _, err = call("track", *arguments, "--tracker", "ncc")
    assert found == code
    assert re.search(words, err)
    assert "Traceback" not in err


def test_the_mouse_draws_the_box_where_there_is_a_display(video, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(following.cv2, "selectROI", lambda *_, **__: (10, 20, 16, 16))
    monkeypatch.setattr(following.cv2, "destroyWindow", lambda _: None)
    code, _, _ = call(
        "track", video, "--tracker", "ncc", "--output", tmp_path / "out", "--no-video", "--limit-frames", 2
    )
    assert code == 0
    assert float(rows_of(tmp_path / "out")[0]["left"]) == 10


def test_the_filmstrip_keeps_the_deepest_falls_and_few_pictures():
    strip, drawn = Filmstrip(rate=10.0), []
    dips = {300: 0.1, 700: 0.3, 703: 0.2, 1500: 0.5}
    for number in range(3000):
        strip.add(number, dips.get(number, 0.9), lambda: drawn.append(1) or np.zeros((4, 4, 3), np.uint8))
    assert {300, 703, 1500} <= {moment.number for moment in strip.falls}
    assert len(strip.falls) <= FALLS
    assert EVENLY / 2 <= len(strip.evenly) <= EVENLY
    assert strip.evenly[-1].number > 1500
    assert len(drawn) < 100
