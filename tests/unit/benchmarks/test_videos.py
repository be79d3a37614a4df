"""Video files as sequences: exact frames in any order, bounded memory, clear errors."""

import gc
import os
import pickle
import struct
import weakref
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from evalkit.benchmarks import get_benchmark, videos
from evalkit.benchmarks.data_check import check_copy
from evalkit.benchmarks.videos import VideoFrames
from evalkit.errors import AnnotationError, DatasetLayoutError, ImageReadError
from helpers.videos import number_of, write_video

KINDS = [
    ("mp4", "libx264"),
    ("mov", "libx264"),
    ("mkv", "libx264"),
    ("webm", "libvpx"),
    ("avi", "mpeg4"),
    ("avi", "libx264"),
]


@pytest.mark.parametrize(("suffix", "codec"), KINDS)
def test_frames_are_opencv_s_in_any_order(tmp_path, suffix, codec):
    path = write_video(tmp_path / f"a.{suffix}", codec=codec)
    frames = VideoFrames(path)
    capture = cv2.VideoCapture(str(path))
    expected = [capture.read()[1][:, :, ::-1] for _ in range(30)]
    assert len(frames) == 30
    assert not capture.read()[0]
    assert frames.first_wh() == (96, 64)
    order = [*range(30), 29, 0, 17, 16, 3, 28, 5, *np.random.default_rng(0).permutation(30)]
    for index in map(int, order):
        assert (frames.read(index).rgb == expected[index]).all(), index


def test_a_part_of_a_video_begins_where_it_says(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=90)
    part = VideoFrames(path, 50, 60)
    assert len(part) == 10
    assert [number_of(part.read(index).rgb) for index in (0, 1, 9)] == [50, 51, 59]
    assert [number_of(pickle.loads(pickle.dumps(part)).read(3).rgb)] == [53]
    with pytest.raises(ImageReadError, match="no frame 10; the video has 10"):
        part.read(10)


def test_several_threads_that_read_ahead_get_their_own_frames(tmp_path):
    frames = VideoFrames(write_video(tmp_path / "a.mp4", frames=90))
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda index: number_of(frames.read(index).rgb), range(90)))
    assert numbers == list(range(90))


def test_only_the_frames_that_are_held_stay_in_memory(tmp_path, monkeypatch):
    """However long the video: what was handed out and given back is gone."""
    alive: list[weakref.ref] = []
    original = videos._pixels

    def counted(frame):
        picture = original(frame).copy()
        alive.append(weakref.ref(picture))
        return picture

    frames = VideoFrames(write_video(tmp_path / "a.mp4", frames=100))
    monkeypatch.setattr(videos, "_pixels", counted)
    most = 0
    for index in range(100):
        picture = frames.read(index).rgb
        most = max(most, sum(ref() is not None for ref in alive))
        del picture
    frames.read(0)
    frames.read(40)  # those on the way are kept for other threads, but few
    gc.collect()
    assert most == 1
    assert sum(ref() is not None for ref in alive) <= videos.MOST_KEPT


def test_few_videos_are_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "MOST_OPEN", 3)
    path = write_video(tmp_path / "a.mp4")
    several = [VideoFrames(path) for _ in range(8)]
    for index in range(4):
        assert [number_of(frames.read(index).rgb) for frames in several] == [index] * 8
    assert sum(not frames._decoder.closed for frames in several) <= 3


def test_a_later_frame_is_reached_by_a_jump(tmp_path, monkeypatch):
    frames = VideoFrames(write_video(tmp_path / "a.mp4", frames=200))
    decoded = []
    original = videos._Decoder.read
    monkeypatch.setattr(videos._Decoder, "read", lambda self, shown: decoded.append(1) or original(self, shown=shown))
    frames.read(190)
    assert len(decoded) <= 12


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "playlist", "gone"])
def test_a_file_that_is_no_video_is_named(tmp_path, kind):
    path = write_video(tmp_path / "a.mp4")
    data = path.read_bytes()
    content = {"empty": b"", "text": b"hello" * 100, "truncated": data[: len(data) // 3]}
    content["playlist"] = b"#EXTM3U\n#EXTINF:10,\n" + os.fsencode(path) + b"\n#EXT-X-ENDLIST\n"
    bad = tmp_path / "bad.mp4"
    if kind != "gone":
        bad.write_bytes(content[kind])
    with pytest.raises(ImageReadError, match=r"bad\.mp4: "):
        VideoFrames(bad)


def test_a_damaged_video_names_the_frame(tmp_path):
    path = write_video(tmp_path / "a.mkv", frames=60, g="60")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    frames = VideoFrames(path)
    with pytest.raises(ImageReadError, match=r"a\.mkv: frame \d+ cannot be decoded: .*damaged"):
        [frames.read(index) for index in range(len(frames))]


def test_an_absurd_size_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setattr(videos, "MOST_PIXELS", 1000)
    with pytest.raises(ImageReadError, match="96 x 64 pixels; at most 1,000 pixels are read"):
        VideoFrames(path)


# ---- as sequences of `custom`


def custom(root):
    spec = get_benchmark("custom")
    return spec, spec.default_split


@pytest.mark.parametrize("place", ["a.txt", "a/groundtruth.txt", "inside"])
def test_a_video_is_a_sequence(tmp_path, place):
    root = tmp_path / "videos"
    if place == "inside":
        write_video(root / "a" / "clip.mov")
        place = "a/groundtruth.txt"
    else:
        write_video(root / "a.mp4")
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_text("10,20,16,16\n")
    spec, split = custom(root)
    assert spec.list_sequences(root, split) == ["a"]
    sequence = spec.read_sequence(root, split, "a")
    assert len(sequence) == 30
    assert sequence.annotation.frame_wh == (96, 64)
    assert sequence.initial_box.tolist() == [10, 20, 16, 16]
    report = check_copy(spec, root, split, deep=True)
    assert report.complete, report.problems
    assert report.images_decoded == 30


def test_what_is_wrong_with_a_video_s_annotation_is_said(tmp_path):
    root = tmp_path
    write_video(root / "a.mp4")
    spec, split = custom(root)
    with pytest.raises(
        DatasetLayoutError, match=r"no annotation for the video a\. Expected .*a\.txt or .*groundtruth\.txt"
    ):
        spec.read_sequence(root, split, "a")
    (root / "a.txt").write_text("10,20,16,16\n" * 29)
    with pytest.raises(AnnotationError, match=r"29 rows but .*a\.mp4 has 30 images"):
        spec.read_sequence(root, split, "a")
    write_video(root / "a.mkv")
    with pytest.raises(DatasetLayoutError, match="would be one sequence"):
        spec.list_sequences(root, split)


@pytest.mark.parametrize("turn", [(0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)])
def test_a_video_that_a_telephone_has_turned_is_turned_as_players_do(tmp_path, turn):
    path = write_video(tmp_path / "a.mp4", frames=5)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44  # of the matrix in the track's header: a, b, u, c, d, ...
    a, b, c, d = (value << 16 for value in turn)
    data[place : place + 20] = struct.pack(">5i", a, b, 0, c, d)
    path.write_bytes(data)
    frames = VideoFrames(path)
    expected = cv2.VideoCapture(str(path)).read()[1][:, :, ::-1]
    assert frames.first_wh() == expected.shape[1::-1]
    assert (frames.read(0).rgb == expected).all()
