"""Tiny copies of the benchmarks in their official layouts, for tests: small drawn images, known boxes and flags.

Every builder takes the benchmark's root folder and returns it. Boxes are those of ``boxes(frames)`` unless said
otherwise; frame k of every image folder has the gray level ``10 * k`` in its middle, so that tests can tell frames apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

WH = (64, 48)


def picture(k: int = 0, wh: tuple[int, int] = WH) -> np.ndarray:
    """RGB image whose middle has the gray level 10 * k; the left edge is red, the right edge blue."""
    image = np.full((wh[1], wh[0], 3), 10 * k % 250, np.uint8)
    image[:, :8] = (255, 0, 0)
    image[:, -8:] = (0, 0, 255)
    return image


def depth_picture(k: int = 0, wh: tuple[int, int] = WH) -> np.ndarray:
    return np.full((wh[1], wh[0]), 1000 + k, np.uint16)


def save(path: Path, image: np.ndarray, *parameters: int) -> Path:
    """Write an RGB or one-channel image in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image[..., ::-1] if image.ndim == 3 else image
    ok, data = cv2.imencode(path.suffix, stored, list(parameters))
    assert ok
    path.write_bytes(data.tobytes())
    return path


def images(folder: Path, names: Iterable[str], *, depth: bool = False) -> None:
    for k, name in enumerate(names):
        save(folder / name, depth_picture(k) if depth else picture(k))


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def boxes(frames: int) -> np.ndarray:
    """Boxes that move one pixel per frame."""
    return np.array([[10 + k, 12 + k, 20, 16] for k in range(frames)], dtype=float)


def rows(values: np.ndarray, separator: str = ",", pattern: str = "%g") -> str:
    return "".join(separator.join("NaN" if v != v else pattern % v for v in row) + "\n" for row in values)


def write_rows(path: Path, values: np.ndarray, pattern: str = "%.4f", separator: str = ",") -> Path:
    """Write a row a line; single numbers are rows too."""
    return text(path, rows(np.reshape(values, (len(values), -1)), separator, pattern))


def numbered(frames: int, pattern: str = "{:08d}.jpg", start: int = 1) -> list[str]:
    return [pattern.format(start + k) for k in range(frames)]


def uav123(root: Path, *, own_table: bool = True, values: Mapping[str, np.ndarray] | None = None) -> Path:
    """Folder ``street`` of 9 images; ``street_1`` = frames 1..5, ``street_2`` = frames 5..9, absent in its third.

    Or the given boxes, each in a folder of its own, without images.
    """
    if values is not None:
        table = "name,folder,start_frame,end_frame\n"
        for name, given in values.items():
            text(root / f"anno/UAV123/{name}.txt", rows(given))
            (root / "data_seq/UAV123" / name).mkdir(parents=True)
            table += f"{name},{name},1,{len(given)}\n"
        text(root / "anno/UAV123/sequences.csv", table)
        return root
    images(root / "data_seq/UAV123/street", numbered(9, "{:06d}.jpg"))
    second = boxes(5)
    second[2] = np.nan
    for name, values in {"street_1": boxes(5), "street_2": second}.items():
        text(root / f"anno/UAV123/{name}.txt", rows(values))
        text(root / f"anno/UAV123/att/{name}.txt", "1,0,0,0,0,1,0,0,0,0,0,0\n")
    if own_table:
        table = "name,folder,start_frame,end_frame\nstreet_1,street,1,5\nstreet_2,street,5,9\n"
        text(root / "anno/UAV123/sequences.csv", table)
    return root


def got10k(root: Path, *, names: Sequence[str] = ("000001", "000002"), splits: Sequence[str] = ("val", "test")) -> Path:
    """Six frames each; val and train: absent in frame 2 with cover 0."""
    for split in splits:
        full = [f"GOT-10k_{split.capitalize()}_{number}" for number in names]
        text(root / split / "list.txt", "\n".join(full) + "\n")
        for name in full:
            folder = root / split / name
            images(folder, numbered(6))
            shown = boxes(6) if split != "test" else boxes(1)
            text(folder / "groundtruth.txt", rows(shown, pattern="%.4f"))
            meta = f"url: http://x: y\nobject_class: cat\nresolution: {WH}\n"
            text(folder / "meta_info.ini", "[METAINFO]\n" + meta)
            if split != "test":
                text(folder / "absence.label", "0\n0\n1\n0\n0\n0\n")
                text(folder / "cover.label", "8\n8\n0\n5\n8\n1\n")
                text(folder / "cut_by_image.label", "0\n" * 6)
    return root


def lasot(
    root: Path,
    *,
    test: Sequence[str] = ("cup-1", "cup-3"),
    train: Sequence[str] = ("cup-2",),
    values: Mapping[str, np.ndarray] | None = None,
    unseen: Mapping[str, Iterable[int]] | None = None,
    pictures: bool = True,
) -> Path:
    """Six frames each; occluded in frame 2, out of view in frames 3 and 4 (box 0,0,0,0).

    Or the given boxes, out of view in the given frames alone.
    """
    for name in (*test, *train):
        folder = root / name.rpartition("-")[0] / name
        given = boxes(6) if values is None else values[name]
        occluded, out_of_view = ((2,), (3, 4)) if values is None else ((), tuple((unseen or {}).get(name, ())))
        if values is None:
            given[3] = 0
        if pictures:
            images(folder / "img", numbered(len(given)))
        text(folder / "groundtruth.txt", rows(given))
        for flag, frames in (("full_occlusion", occluded), ("out_of_view", out_of_view)):
            text(folder / f"{flag}.txt", ",".join(str(int(frame in frames)) for frame in range(len(given))))
        text(folder / "nlp.txt", "a cup on the table\n")
    if test:
        text(root / "testing_set.txt", "\n".join(test) + "\n")
    if train:
        text(root / "training_set.txt", "\n".join(train) + "\n")
    return root


def tnl2k(root: Path, *, base: str = "test", names: Sequence[str] = ("walk_done", "cup_done")) -> Path:
    """Four frames: jpg named ``img_0007.jpg`` ... in the first sequence, png in the second; absent in frame 1."""
    for name, pattern in zip(names, ("img_{:04d}.jpg", "{:05d}.png"), strict=True):
        folder = root / base / name
        images(folder / "imgs", numbered(4, pattern, 7))
        values = boxes(4)
        values[1] = 0
        values[2, 0] = -3
        text(folder / "groundtruth.txt", rows(values))
        text(folder / "language.txt", "the man in red\nsecond line\n")
    return root


def trackingnet(root: Path, *, names: Sequence[str] = ("-a_b_0", "x1_2"), chunks: Sequence[str] = ("TEST",)) -> Path:
    """Twelve frames 0.jpg ... 11.jpg; all boxes with two decimals in training chunks. Chunk k gets suffix ``_k``."""
    for position, chunk in enumerate(chunks):
        for name in names:
            whole = name if chunk == "TEST" else f"{name}_{position}"
            images(root / chunk / "frames" / whole, numbered(12, "{}.jpg", 0))
            values = boxes(1 if chunk == "TEST" else 12)
            text(root / chunk / "anno" / f"{whole}.txt", rows(values, pattern="%.2f"))
    return root


def visevent(root: Path, *, names: Sequence[str] = ("late", "early"), split: str = "test") -> Path:
    """Five frames from ``frame0003.bmp``; in the first sequence the target appears in frame 2, both miss it in 3."""
    for position, name in enumerate(names):
        folder = root / split / name
        for sensor in ("vis_imgs", "event_imgs"):
            images(folder / sensor, numbered(5, "frame{:04d}.bmp", 3))
        present = [0, 0, 1, 0, 1] if position == 0 else [1, 1, 1, 0, 1]
        values = np.where(np.array(present)[:, np.newaxis] == 1, boxes(5), 0)
        text(folder / "groundtruth.txt", rows(values, pattern="%.4f"))
        text(folder / "absent_label.txt", "".join(f"{flag}\n" for flag in present))
    text(root / split / f"{split}list.txt", "\n".join(names) + "\n")
    return root


def lasher(root: Path, *, base: str = "testingset", names: Sequence[str] = ("boy`s'hat", "car+2")) -> Path:
    """Twelve frames of irregular names; the thermal boxes are one pixel off."""
    for name, (color, thermal) in zip(names, (("v{}.jpg", "i{}.jpg"), ("{:04d}.jpg", "{:04d}.jpg")), strict=True):
        folder = root / base / name
        images(folder / "visible", numbered(12, color, 0))
        images(folder / "infrared", numbered(12, thermal, 0))
        text(folder / "visible.txt", rows(boxes(12)).replace("\n", "\r\n"))
        text(folder / "infrared.txt", rows(boxes(12) + np.array([1, 0, 0, 0]), separator="\t"))
        text(folder / "init.txt", rows(boxes(1)))
    return root


def depthtrack(root: Path, *, base: str = "test", names: Sequence[str] = ("cat_indoor", "cup01_wild")) -> Path:
    """Five frames; NaN in frame 1, the two older forms of absence in frames 2 and 3."""
    for name in names:
        folder = root / base / name
        images(folder / "color", numbered(5))
        images(folder / "depth", numbered(5, "{:08d}.png"), depth=True)
        lines = ["10,12,20,16", "nan,nan,nan,nan", "11,13,-1,-1", "11,13,0,0", "14,16,20,16"]
        text(folder / "groundtruth.txt", "\n".join(lines) + "\n")
    text(root / base / "list.txt", "\n".join(names) + "\n")
    return root


def custom(root: Path, *, names: Sequence[str] = ("my cat", "été"), frames: int = 4) -> Path:
    """Videos in ``img`` with one row per frame."""
    for name in names:
        images(root / name / "img", numbered(frames, "{:04d}.jpg"))
        text(root / name / "groundtruth.txt", rows(boxes(frames)))
    return root


def draw_video(
    folder: Path, frames: int, *, seed: int = 0, wh: tuple[int, int] = (64, 48), suffix: str = ".png"
) -> None:
    """Write ``img/0001.png ...`` with a bright square that moves, and ``groundtruth.txt``."""
    noise = np.random.default_rng(seed)
    ground = noise.integers(0, 120, (wh[1], wh[0], 3), dtype=np.uint8)
    lines = []
    for index in range(frames):
        image = ground.copy()
        x, y = 5 + (index + seed) % 30, 6 + index % 20
        image[y : y + 10, x : x + 12] = noise.integers(180, 255, (10, 12, 3))
        save(folder / "img" / f"{index + 1:04d}{suffix}", image)
        lines.append(f"{x},{y},12,10\n")
    text(folder / "groundtruth.txt", "".join(lines))


def draw_videos(root: Path, lengths: Iterable[int], **settings: object) -> Path:
    """Write one folder per sequence, named s0, s1, ..."""
    for number, frames in enumerate(lengths):
        draw_video(root / f"s{number}", frames, seed=number, **settings)
    return root


BUILDERS = {
    "uav123": uav123,
    "got10k": got10k,
    "lasot": lasot,
    "tnl2k": tnl2k,
    "trackingnet": trackingnet,
    "visevent": visevent,
    "lasher": lasher,
    "depthtrack": depthtrack,
    "custom": custom,
}
