"""Annotations of several targets in one video: MOT, COCO video, CVAT, labelme. Each target becomes a sequence.

A target's sequence begins with the first frame in which it has a box and ends with the last; frames between without a
box are rows of NaN. Files are of strangers: sizes are limited, XML's entities refused, nothing is executed.
"""

import collections.abc as cabc
import configparser
import functools
import itertools
import json
import os
import re
import xml.parsers.expat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.benchmarks.frames import ImageFrames, open_folder
from evalkit.benchmarks.names import subfolders
from evalkit.benchmarks.reading import read_bytes
from evalkit.benchmarks.videos import VIDEO_SUFFIXES, VideoFrames
from evalkit.errors import AnnotationError, DatasetLayoutError, text_of
from evalkit.images import list_images
from evalkit.numbers import parse_numbers
from evalkit.sequences import Annotation

TITLE = "custom"
ANNOTATIONS = ("groundtruth.txt", "groundtruth_rect.txt")
"""Of one target; a folder that has it is one sequence, whatever else lies there."""
MOST_BYTES = 1 << 28
MOST_ROWS = 1 << 22
"""Frames that a file may name; a number beyond it is a mistake or an attack."""
_UNSAFE = re.compile(r"[^\w.+-]+")


@dataclass(slots=True)
class VideoTarget:
    """One target of a video.

    Attributes:
        name: Of its sequence.
        source: Annotation file.
        frames: Folder of images, video file, or files in order.
        boxes: Frame, counted from 0 -> (4,) box.
        label: Its class.
    """

    name: str
    source: Path
    frames: Path | tuple[Path, ...]
    boxes: dict[int, tuple[float, ...]] = field(default_factory=dict)
    label: str | None = None

    def annotation(self) -> Annotation:
        """What the file says, from the target's first frame to its last."""
        first, last = min(self.boxes), max(self.boxes)
        rows = np.full((last - first + 1, 4), np.nan)
        for frame, box in self.boxes.items():
            rows[frame - first] = box
        return Annotation(
            name=self.name,
            ground_truth=rows,
            absent=np.asarray(np.isnan(rows).any(axis=1)),
            frame_count=len(rows),
            object_class=self.label,
            dropped_leading=first,
        )

    def open(self) -> ImageFrames | VideoFrames:
        """Its frames, those before its first left out."""
        first, last = min(self.boxes), max(self.boxes)
        if isinstance(self.frames, tuple):
            parts = self.frames[first : last + 1]
            return ImageFrames(str(parts[0].parent), tuple(str(part) for part in parts))
        if self.frames.suffix.lower() in VIDEO_SUFFIXES:
            return VideoFrames(self.frames, first, last + 1)
        images = open_folder(self.frames, title=TITLE, name=self.name)
        return ImageFrames(images.folder, images.names[first : last + 1])


def targets_in(root: Path, only: str | None = None) -> dict[str, VideoTarget]:
    """All targets of a data root, by the names of their sequences.

    Args:
        root: The data root.
        only: Name of the target that is wanted; files that cannot hold it are not read.

    Raises:
        AnnotationError: A file is damaged, hostile or too large; names it.
        DatasetLayoutError: Two targets would have one name, or a file's images are nowhere.
    """
    targets: dict[str, VideoTarget] = {}
    for path, read in _files(root, only):
        for target in read(path, *_stamp(path)):
            if target.name in targets:
                other = targets[target.name].source
                raise DatasetLayoutError(
                    f"{TITLE}: {other} and {path} both hold a target {target.name}. Rename a folder."
                )
            targets[target.name] = target
    return targets


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of change of a file, or of a folder's annotations: what was read is kept until they change."""
    files = path.glob("*.json") if path.is_dir() else [path]
    states = [file.stat() for file in files]
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


def holds_targets(folder: Path) -> bool:
    """Whether a folder's annotation is of several targets, so that the folder is not itself a sequence."""
    return any(True for _ in _files_of(folder))


_Reader = cabc.Callable[[Path, int, int], tuple[VideoTarget, ...]]


def _files(root: Path, only: str | None) -> cabc.Iterator[tuple[Path, _Reader]]:
    """Annotations beside the videos and in their folders; a target's name begins with its folder's, but for COCO's."""
    for path in sorted([*root.glob("*.json"), *root.glob("*.xml")]):
        if (kind := _kind(path, *_stamp(path))) is not None:
            yield path, kind
    for name in subfolders(root):
        if only is None or only.startswith(f"{name}-"):
            yield from _files_of(root / name)


def _files_of(folder: Path) -> cabc.Iterator[tuple[Path, _Reader]]:
    if any(os.path.isfile(f"{folder}/{name}") for name in ANNOTATIONS):  # noqa: PTH113 - asked often, a Path is slow
        return
    if (folder / "img1").is_dir() and (folder / "gt" / "gt.txt").is_file():
        yield folder / "gt" / "gt.txt", _mot
    if (folder / "annotations.xml").is_file():
        yield folder / "annotations.xml", _cvat
    with os.scandir(folder) as entries:
        stems = {entry.name.removesuffix(".json") for entry in entries if entry.name.endswith(".json")}
    if stems and any(name.rpartition(".")[0] in stems for name in list_images(folder)):
        yield folder, _labelme


# ---- MOT


@functools.lru_cache(maxsize=64)
def _mot(path: Path, size: int, _changed: int) -> tuple[VideoTarget, ...]:
    """``frame,identity,left,top,width,height[,considered,...]``, frames from 1; boxes as stored.

    Source: MOTChallenge, https://motchallenge.net/instructions; rows whose seventh column is 0 are not considered.
    """
    _refuse_large(path, size)
    table = parse_numbers(read_bytes(path, title=TITLE), where=str(path))
    if table.ndim != 2 or table.shape[1] < 6:
        raise AnnotationError(f"{path}: expected at least 6 columns: frame, identity, left, top, width, height.")
    folder = path.parents[1]
    images = folder / _from_ini(folder / "seqinfo.ini", "imDir", "img1")
    targets: dict[int, VideoTarget] = {}
    for row in table:
        if len(row) > 6 and row[6] == 0:
            continue
        if not np.isfinite(row[:6]).all() or row[0] < 1 or row[0] > MOST_ROWS:
            raise AnnotationError(f"{path}: a row begins {row[:6].tolist()}; frames are counted from 1.")
        identity = int(row[1])
        target = targets.setdefault(identity, VideoTarget(f"{folder.name}-{identity}", path, images))
        target.boxes[int(row[0]) - 1] = tuple(map(float, row[2:6]))
    return tuple(targets[identity] for identity in sorted(targets))


def _from_ini(path: Path, key: str, default: str) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        value = parser.get("Sequence", key, fallback=default)
    except (OSError, configparser.Error):
        return default
    return value if value == Path(value).name else default  # a name, never a way out of the folder


# ---- CVAT


@functools.lru_cache(maxsize=64)
def _cvat(path: Path, size: int, _changed: int) -> tuple[VideoTarget, ...]:
    """CVAT for video 1.1: ``<track id label><box frame outside xtl ytl xbr ybr/>``, frames from 0.

    Between two boxes with none and no mark "outside", the sides are interpolated, as CVAT shows them.
    """
    _refuse_large(path, size)
    reader = _CvatReader(path)
    parser = xml.parsers.expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(read_bytes(path, title=TITLE), True)
    except xml.parsers.expat.ExpatError as problem:
        raise AnnotationError(f"{path}: not valid XML: {text_of(problem)}.") from problem
    except (ValueError, KeyError) as problem:
        raise AnnotationError(f"{path}: not CVAT's XML for video: {text_of(problem)}.") from problem
    if not reader.tracks:
        raise AnnotationError(f"{path}: no <track> in it. Export from CVAT as `CVAT for video 1.1`.")
    frames = _frames_beside(path, reader.source)
    folder = path.parent.name if path.stem == "annotations" else path.stem
    targets = []
    for identity, (label, boxes, outside) in reader.tracks.items():
        _interpolate(boxes, outside)
        if boxes:
            targets.append(VideoTarget(f"{folder}-{_word(identity)}", path, frames, boxes, label))
    return tuple(targets)


class _CvatReader:
    """Collects tracks while expat reads.

    Attributes:
        tracks: Identity -> label, boxes by frame, frames in which it is outside.
        source: Name of the video, "" if the file does not say.
    """

    def __init__(self, path: Path) -> None:
        self.tracks: dict[str, tuple[str, dict[int, tuple[float, ...]], set[int]]] = {}
        self.source = ""
        self._path = path
        self._track: tuple[str, dict[int, tuple[float, ...]], set[int]] | None = None
        self._inside: list[str] = []

    def refuse(self, *_: object) -> None:
        """A document type, with which entities could be declared, has no place in an annotation."""
        raise AnnotationError(f"{self._path}: a document type or entity is declared; such XML is not read.")

    def start(self, name: str, values: dict[str, str]) -> None:
        self._inside.append(name)
        if len(self._inside) > 64:
            raise AnnotationError(f"{self._path}: elements are nested too deeply.")
        if name == "track":
            self._track = self.tracks.setdefault(values["id"], (values.get("label", ""), {}, set()))
        elif name in {"box", "polygon"} and self._track is not None:
            frame = int(values["frame"])
            if not 0 <= frame < MOST_ROWS:
                raise AnnotationError(f"{self._path}: frame {frame} of a track.")
            if values.get("outside") == "1":
                self._track[2].add(frame)
            else:
                self._track[1][frame] = _cvat_box(name, values)

    def end(self, name: str) -> None:
        self._inside.pop()
        if name == "track":
            self._track = None

    def text(self, text: str) -> None:
        if self._inside[-1] == "source":
            self.source += text


def _cvat_box(name: str, values: cabc.Mapping[str, str]) -> tuple[float, ...]:
    if name == "box":
        x, y, right, bottom = (float(values[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
    else:
        points = [tuple(map(float, point.split(","))) for point in values["points"].split(";")]
        x, y = (min(point[axis] for point in points) for axis in (0, 1))
        right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
    return x, y, right - x, bottom - y


def _interpolate(boxes: dict[int, tuple[float, ...]], outside: set[int]) -> None:
    known = sorted(boxes)
    for before, after in itertools.pairwise(known):
        if after - before > 1 and not any(before < frame < after for frame in outside):
            for frame in range(before + 1, after):
                share = (frame - before) / (after - before)
                pairs = zip(boxes[before], boxes[after], strict=True)
                boxes[frame] = tuple((1 - share) * first + share * second for first, second in pairs)


# ---- COCO video and labelme


@functools.lru_cache(maxsize=64)
def _coco(path: Path, size: int, _changed: int) -> tuple[VideoTarget, ...]:
    """COCO's file with ``videos``: boxes by image and ``track_id`` (CocoVID, TAO), or by video (YouTube-VIS)."""
    document = _document(path, size)
    try:
        labels = {item["id"]: str(item["name"]) for item in document.get("categories", [])}
        videos = {item["id"]: _Video.of(item, number) for number, item in enumerate(document["videos"])}
        place: dict[Any, tuple[_Video, str]] = {}
        for item in document.get("images", []):
            video = videos[item["video_id"]]
            video.files[item.get("frame_id", item.get("frame_index", len(video.files)))] = str(item["file_name"])
            place[item["id"]] = (video, str(item["file_name"]))
        order = {id(video): {name: number for number, name in enumerate(video.names)} for video in videos.values()}
        targets: dict[str, VideoTarget] = {}
        for item in document["annotations"]:
            video = place[item["image_id"]][0] if "image_id" in item else videos[item["video_id"]]
            identity = item.get("track_id", item.get("instance_id", item["id"]))
            name = f"{video.name}-{_word(str(identity))}"
            if name not in targets:
                files = tuple(_image(path, file) for file in video.names)
                targets[name] = VideoTarget(name, path, files, label=labels.get(item.get("category_id")))
            if "bboxes" in item:
                rows = {number: box for number, box in enumerate(item["bboxes"]) if box is not None}
            else:
                rows = {order[id(video)][place[item["image_id"]][1]]: item["bbox"]}
            for number, box in rows.items():
                left, top, width, height = map(float, box)
                targets[name].boxes[number] = (left, top, width, height)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise AnnotationError(
            f"{path}: not COCO's layout for video ({type(problem).__name__}: {text_of(problem)}). Expected `videos`, "
            "`images` with video_id, and `annotations` with image_id, bbox and track_id."
        ) from problem
    return tuple(target for target in targets.values() if target.boxes)


@dataclass(slots=True)
class _Video:
    name: str
    files: dict[int, str]

    @classmethod
    def of(cls, item: cabc.Mapping[str, Any], number: int) -> "_Video":
        files = dict(enumerate(map(str, item.get("file_names", []))))
        name = str(item.get("name") or (Path(files[0]).parent.name if files else "") or f"video{number}")
        return cls(_word(name), files)

    @property
    def names(self) -> list[str]:
        """Files in order of the frames."""
        return [self.files[number] for number in sorted(self.files)]


@functools.lru_cache(maxsize=64)
def _labelme(folder: Path, _size: int, _changed: int) -> tuple[VideoTarget, ...]:
    """A folder of images with a JSON file beside each; label and ``group_id`` together name a target."""
    names = list_images(folder)
    targets: dict[tuple[str, Any], VideoTarget] = {}
    for number, name in enumerate(names):
        path = _beside(folder, name)
        if not path.is_file():
            continue
        try:
            for shape in _document(path, path.stat().st_size)["shapes"]:
                if shape.get("shape_type", "polygon") in {"rectangle", "polygon"}:
                    key = (str(shape["label"]), shape.get("group_id"))
                    word = _word("-".join(str(part) for part in key if part is not None))
                    target = targets.setdefault(key, VideoTarget(f"{folder.name}-{word}", path, folder, label=key[0]))
                    points = np.array(shape["points"], dtype=np.float64).reshape(-1, 2)
                    low, high = points.min(axis=0), points.max(axis=0)
                    target.boxes[number] = (*map(float, low), *map(float, high - low))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise AnnotationError(
                f"{path}: not labelme's layout ({type(problem).__name__}: {text_of(problem)})."
            ) from problem
    return tuple(targets.values())


# ---- what they share


@functools.lru_cache(maxsize=256)
def _kind(path: Path, size: int, _changed: int) -> "_Reader | None":
    """Whether a file beside the videos is an annotation of several targets, and whose."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        if path.suffix == ".xml":
            return _cvat if b"<annotations" in head else None
        if not any(word in head for word in (b'"videos"', b'"images"', b'"annotations"')):
            return None
        _refuse_large(path, size)
        return _coco if b'"videos"' in head + file.read() else None


def _document(path: Path, size: int) -> dict[str, Any]:
    _refuse_large(path, size)
    try:
        document = json.loads(read_bytes(path, title=TITLE))
    except (ValueError, RecursionError) as problem:
        raise AnnotationError(f"{path}: not valid JSON: {text_of(problem)}.") from problem
    if not isinstance(document, dict):
        raise AnnotationError(f"{path}: expected a JSON object, found {type(document).__name__}.")
    return document


def _refuse_large(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise AnnotationError(f"{path}: {size:,} bytes; an annotation of at most {MOST_BYTES:,} bytes is read.")


def _image(annotation: Path, name: str) -> Path:
    """The image that a file names, beside it or in a usual folder, never outside of the data root."""
    root = annotation.parent.resolve()
    for folder in (root, root / "images", root / "img", root / "data", root / "JPEGImages"):
        path = (folder / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    raise DatasetLayoutError(f"{TITLE}: {annotation} names an image {name!r}, which is not below {root}.")


def _frames_beside(path: Path, source: str) -> Path:
    """The video or the folder of images of an annotation file."""
    folder, stem = path.parent, path.stem
    named = [folder / Path(source).name] if source else []
    videos = [folder / f"{stem}{suffix}" for suffix in VIDEO_SUFFIXES]
    alone = [entry for entry in sorted(folder.iterdir()) if entry.suffix.lower() in VIDEO_SUFFIXES]
    if stem == "annotations":  # of this folder alone
        videos += alone[:1]
    for video in (*named, *videos):
        if video.is_file() and video.suffix.lower() in VIDEO_SUFFIXES:
            return video
    for images in (folder / stem, folder / "images", folder / "img", folder / stem / "images", folder):
        if images.is_dir() and list_images(images):
            return images
    raise DatasetLayoutError(
        f"{TITLE}: no video or images for {path}. Expected {stem}.mp4 beside it or a folder `images` with the frames."
    )


def _beside(folder: Path, image: str) -> Path:
    return folder / f"{image.rpartition('.')[0]}.json"


def _word(text: str) -> str:
    """A stranger's name as a part of a file name."""
    return _UNSAFE.sub("_", text).strip(".") or "_"
