"""Videos can be decoded again and show what was drawn."""

import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from evalkit.report.pictures.animation import GIF_WIDTH, VideoError, write_gif, write_video
from evalkit.report.pictures.overlay import Shown, draw_frame, draw_sequence
from evalkit.sequences import Annotation, Frame, Sequence, Trajectory
from helpers.report_parts import Gray

COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


def pictures(width: int = 96, height: int = 64) -> list[np.ndarray]:
    return [np.full((height, width, 3), color, np.uint8) for color in COLORS]


@pytest.mark.parametrize(("width", "height"), [(96, 64), (95, 63)])
def test_mp4_plays_every_frame_in_its_color(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "new" / "clip.mp4"
    assert write_video(iter(pictures(width, height)), path, 10) == 3
    video = cv2.VideoCapture(str(path))
    frames = list(itertools.takewhile(lambda frame: frame is not None, (video.read()[1] for _ in range(9))))
    assert len(frames) == 3
    for frame, color in zip(frames, COLORS, strict=True):
        np.testing.assert_allclose(frame[:, :, ::-1].mean(axis=(0, 1)), color, atol=12)


def test_mp4_is_what_browsers_and_players_take(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(pictures(), path, 12.5)
    with av.open(str(path)) as file:
        (stream,) = file.streams.video
        assert stream.codec_context.name in {"h264", "vp9"}
        assert (stream.codec_context.pix_fmt, float(stream.average_rate)) == ("yuv420p", 12.5)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_gif_repeats_with_the_right_pace_and_colors(tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    assert write_gif(iter(pictures()), path, 10) == 3
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.info["duration"], gif.info["loop"]) == (3, 100, 0)
        for number, color in enumerate(COLORS):
            gif.seek(number)
            np.testing.assert_allclose(np.asarray(gif.convert("RGB")).mean(axis=(0, 1)), color, atol=3)


def test_wide_pictures_make_a_smaller_gif(tmp_path: Path) -> None:
    write_gif([np.zeros((90, 3 * GIF_WIDTH, 3), np.uint8)], tmp_path / "clip.gif", 10)
    with Image.open(tmp_path / "clip.gif") as gif:
        assert gif.size == (GIF_WIDTH, 30)


@pytest.mark.parametrize("write", [write_video, write_gif])
def test_no_frame_makes_no_file(tmp_path: Path, write) -> None:
    with pytest.raises(VideoError, match="no frame"):
        write([], tmp_path / "clip", 10)
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_different_sizes_make_no_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"picture 2 has shape \(64, 98, 3\)"):
        write_video([*pictures()[:1], *pictures(98)], tmp_path / "clip.mp4", 10)
    assert list(tmp_path.iterdir()) == []


def test_header_keeps_its_height_whatever_the_texts_of_a_frame_are() -> None:
    frame = Frame(np.full((480, 480, 3), 90, np.uint8))
    box, nothing = np.array([9.0, 9, 9, 9]), np.full(4, np.nan)
    heights = {
        draw_frame(frame, [Shown(f"tracker-{i}", own, value) for i in range(9)], truth=truth, heading="x").shape
        for own, value in ((box, 0.5), (box, np.nan), (nothing, np.nan))
        for truth in (box, None)
    }
    assert len(heights) == 1


def test_sample_pictures_say_so() -> None:
    sequence = Sequence(Annotation("cup", np.full((1, 4), 9.0), np.zeros(1, bool), 1), Gray())
    own = {"kcf": Trajectory.of_boxes(np.full((1, 4), 9.0))}
    (_, plain), (_, marked) = (next(draw_sequence(sequence, own, [0], mark=mark)) for mark in ("", "sample"))
    assert (plain[:30] != marked[:30]).any()
    np.testing.assert_array_equal(plain[-500:], marked[-500:])
