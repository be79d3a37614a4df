"""Where pairs come from: the training splits of benchmarks, COCO's images, and drawn scenes without end."""

import collections.abc as cabc
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evalkit.benchmarks import get_benchmark, get_split
from evalkit.benchmarks.spec import BenchmarkSpec, Split
from evalkit.boxes import Boxes, Flags
from evalkit.errors import DatasetLayoutError, EvalkitError
from evalkit.images import read_rgb
from evalkit.sample.drawn import FilmedScene, draw_scene, light_of
from evalkit.sample.sensors import EventCamera, color_image, depth_image, thermal_image
from evalkit.sequences import Frame, Modality

from .pairs import EmptyPairError, TrainingClip
from .rendered import Sampling

HELD_OUT = 20  # every so many videos are kept for validation
_FEWEST_FRAMES, _FEWEST_USABLE = 20, 4  # OSTrack: at least, more than
_SCENE_FRAMES, _PAIRS_A_SCENE = 8, 8
_TEMPLATE_SEEN, _SEARCH_SEEN, _SMALLEST = 0.7, 0.25, 6.0
_LIST = ".list"
_VALIDATION = 1 << 40  # scenes that no training comes to


def held_out(count: int) -> Flags:
    """Which videos are for validation: every twentieth; of fewer than twenty, the last one.

    Example:
        >>> held_out(3).tolist(), int(held_out(40).sum())
        ([False, False, True], 2)
    """
    held: Flags = np.arange(count) % HELD_OUT == min(HELD_OUT, count) - 1
    return held


class PairSource(Protocol):
    """Clips without end."""

    def clip(self, index: int, rng: np.random.Generator) -> TrainingClip:
        """A clip for the pair of this number.

        Raises:
            EmptyPairError: This draw gives none.
            EvalkitError: A file cannot be read.
        """
        ...

    def describe(self) -> dict[str, str | int]:
        """What it is, for the manifest."""
        ...


class Videos:
    """The training split of a benchmark.

    Args:
        spec: The benchmark.
        root: Its folder.
        sampling: Which boxes are usable.
        validation: The held-out videos instead of the others.
        listed: A file that names the videos to use, instead of all; see :func:`listed_videos`.

    Raises:
        DatasetLayoutError: The folder has no training split, or the list names no video of it.
    """

    def __init__(
        self,
        spec: BenchmarkSpec,
        root: Path,
        sampling: Sampling,
        *,
        validation: bool = False,
        listed: Path | None = None,
    ) -> None:
        if "train" not in spec.splits:
            raise DatasetLayoutError(f"{spec.title} has no training split; it is for testing alone.")
        self._spec, self._root, self._sampling = spec, root, sampling
        self._split: Split = get_split(spec, "train")
        names = spec.list_sequences(root, self._split)
        names = listed_videos(listed, names) if listed else names
        self.names = [names[number] for number in np.flatnonzero(held_out(len(names)) == validation)]
        if not self.names:
            raise DatasetLayoutError(
                f"{spec.title}: no video in {root} for {'validation' if validation else 'training'}; one of twenty is "
                "held out for validation, so that there must be two."
            )
        self._second = next(iter(spec.modalities - {Modality.RGB}), None)

    def clip(self, index: int, rng: np.random.Generator) -> TrainingClip:  # noqa: ARG002 - every pair draws its video
        """Videos are equally probable, whatever their length."""
        video = self._video(self.names[int(rng.integers(len(self.names)))])
        if len(video.usable) < _FEWEST_FRAMES or int(video.usable.sum()) <= _FEWEST_USABLE:
            raise EmptyPairError("too few usable frames")
        return video

    def describe(self) -> dict[str, str | int]:
        """Benchmark and number of videos."""
        return {"source": self._spec.name, "split": self._split.name, "videos": len(self.names)}

    def _video(self, name: str) -> TrainingClip:
        return _read_video(self._spec.name, self._root, name, self._sampling.smallest, self._second)


def listed_videos(path: Path, names: cabc.Sequence[str]) -> list[str]:
    """The videos that a list file names, each once, in the file's order.

    Args:
        path: A name or a number in each line; numbers count ``names`` from 0, as pytracking's lists of GOT-10k do.
        names: All videos of the training split.

    Raises:
        DatasetLayoutError: The file cannot be read, or a line is no video.
    """
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetLayoutError(f"cannot read the list of videos {path} ({type(problem).__name__}).") from None
    known = {name: name for name in names} | {str(number): name for number, name in enumerate(names)}
    for line in lines:
        if line not in known:
            raise DatasetLayoutError(
                f"{path}: {line[:80]!r} is no training video. Expected in each line one of {len(names)} names, or its "
                f"number from 0 to {len(names) - 1}."
            )
    return list(dict.fromkeys(known[line] for line in lines))


@functools.lru_cache(maxsize=512)
def _read_video(benchmark: str, root: Path, name: str, smallest: float, second: Modality | None) -> TrainingClip:
    spec = get_benchmark(benchmark)
    sequence = spec.read_sequence(root, spec.splits["train"], name)
    annotation = sequence.annotation
    usable = (annotation.ground_truth[:, 2:] > smallest).all(axis=1) & ~annotation.absent  # False for NaN
    if annotation.visible_eighths is not None:
        usable &= annotation.visible_eighths > 0
    return TrainingClip(annotation.ground_truth, usable, usable, sequence.frames, second)


@dataclass(frozen=True, slots=True)
class _Image:
    """One image as frames."""

    path: Path

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Frame:  # noqa: ARG002 - there is but one
        """Decode it."""
        return Frame(read_rgb(self.path))


class Coco:
    """Objects of COCO 2017's training images; template and search come from one image.

    Args:
        root: Folder with ``annotations/instances_train2017.json`` and ``train2017`` (or ``images/train2017``).
        validation: The held-out objects instead of the others.

    Raises:
        DatasetLayoutError: A part is missing, or the annotation is not COCO's.
    """

    def __init__(self, root: Path, *, validation: bool = False) -> None:
        path = root / "annotations" / "instances_train2017.json"
        folders = [root / "train2017", root / "images" / "train2017"]
        self._folder = next((folder for folder in folders if folder.is_dir()), folders[0])
        if not path.is_file() or not self._folder.is_dir():
            raise DatasetLayoutError(f"COCO: expected {path} and the images in {folders[0]}; unpack both archives.")
        self._names, self._images, self._boxes = _coco_objects(path)
        self._numbers = np.flatnonzero(held_out(len(self._boxes)) == validation)
        if not len(self._numbers):
            raise DatasetLayoutError(f"COCO: {path} has no object for {'validation' if validation else 'training'}.")

    def clip(self, index: int, rng: np.random.Generator) -> TrainingClip:  # noqa: ARG002 - every pair draws its object
        """Objects are equally probable."""
        number = int(self._numbers[rng.integers(len(self._numbers))])
        frames = _Image(self._folder / self._names[int(self._images[number])])
        seen = np.ones(1, dtype=bool)
        return TrainingClip(self._boxes[number : number + 1], seen, seen, frames, None, still=True)

    def describe(self) -> dict[str, str | int]:
        """Number of objects."""
        return {"source": "coco", "split": "train2017", "objects": len(self._numbers)}


def _coco_objects(path: Path) -> tuple[list[str], npt.NDArray[np.int64], Boxes]:
    """File names, and for every object that is no crowd the number of its image and its box."""
    try:
        content = json.loads(path.read_bytes())
        places = {image["id"]: number for number, image in enumerate(content["images"])}
        names = [str(image["file_name"]) for image in content["images"]]
        rows = [
            (places[item["image_id"]], *map(float, item["bbox"]))
            for item in content["annotations"]
            if not item.get("iscrowd", 0) and len(item["bbox"]) == 4
        ]
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise DatasetLayoutError(f"COCO: {path} is not an instance annotation ({type(problem).__name__}).") from None
    if any(Path(name).name != name or name in ("", "..") for name in names):
        raise DatasetLayoutError(f"COCO: {path} names an image outside of its folder.")
    table = table[np.isfinite(table).all(axis=1) & (table[:, 3:] > 0).all(axis=1)]
    return names, table[:, 0].astype(np.int64), table[:, 1:]


@dataclass(frozen=True, slots=True)
class DrawnFrames:
    """Frames of a drawn scene, drawn when they are asked for.

    Attributes:
        drawn: The scene.
        times: Its frames.
        second: What the second image shows.
    """

    drawn: FilmedScene
    times: tuple[int, ...]
    second: Modality | None

    def __len__(self) -> int:
        return len(self.times)

    def read(self, index: int) -> Frame:
        """Draw a frame."""
        scene, camera, time = self.drawn.scene, self.drawn.camera, self.times[index]
        color = color_image(scene, camera, time)
        if self.second is None:
            return Frame(color)
        if self.second is Modality.DEPTH:
            return Frame(color, depth_image(scene, time))
        if self.second is Modality.EVENT:
            return Frame(color, EventCamera(scene, camera, first=time).next_image())
        return Frame(color, np.repeat(thermal_image(scene, time)[..., None], 3, axis=2))


def drawn_clip(frames: DrawnFrames, truths: npt.NDArray[np.float64], target: int) -> TrainingClip:
    """A mover of a drawn scene; ``truths`` (F, movers, 6) as of :meth:`~evalkit.sample.drawn.DrawnScene.truths`."""
    own = truths[:, target]
    seen = np.where(own[:, 2:4].min(axis=1) >= _SMALLEST, own[:, 4] * own[:, 5], 0.0)
    sides = [truths[:, other, :4] for other in range(truths.shape[1]) if other != target]
    others = tuple(box for box in sides if (box[:, 2:] >= _SMALLEST).all())
    return TrainingClip(own[:, :4], seen >= _TEMPLATE_SEEN, seen >= _SEARCH_SEEN, frames, frames.second, others)


class DrawnScenes:
    """Scenes with fresh numbers, drawn where they are needed; eight pairs from each.

    Args:
        seed: Of the series.
        second: Second modality.
        sampling: Its light is that of the scenes.
        validation: Scenes that a training does not come to.
    """

    def __init__(self, seed: int, second: Modality | None, sampling: Sampling, *, validation: bool = False) -> None:
        self._seed, self._second, self._light = seed, second, sampling.light
        self._begin = _VALIDATION if validation else 0

    def clip(self, index: int, rng: np.random.Generator) -> TrainingClip:
        """Its movers are equally probable."""
        number = self._begin + 1000 * (index // _PAIRS_A_SCENE)  # the light may let only every so many in
        for candidate in range(number, number + 1000):
            if self._light[0] <= light_of(self._seed, candidate) < self._light[1]:
                break
        else:
            raise EvalkitError(f"no drawn scene has a mean gain in {self._light}")
        drawn, times, truths = _draw(self._seed, candidate)
        return drawn_clip(DrawnFrames(drawn, times, self._second), truths, int(rng.integers(truths.shape[1])))

    def describe(self) -> dict[str, str | int]:
        """Seed."""
        return {"source": "rendered", "seed": self._seed}


@functools.lru_cache(maxsize=4)
def _draw(seed: int, number: int) -> tuple[FilmedScene, tuple[int, ...], npt.NDArray[np.float64]]:
    drawn = draw_scene(seed, number)
    rng = np.random.default_rng([seed, number, 10])
    times = tuple(np.sort(rng.choice(drawn.scene.frames, size=_SCENE_FRAMES, replace=False)).tolist())
    return drawn, times, np.stack([drawn.scene.truths(time) for time in times])


def open_sources(
    data: cabc.Mapping[str, str],
    sampling: Sampling,
    second: Modality | None,
    *,
    seed: int,
    validation: bool = False,
) -> list[PairSource]:
    """Sources by name.

    Args:
        data: ``rendered`` -> seed (empty: that of the training), ``coco`` -> folder, benchmark -> folder,
            ``BENCHMARK.list`` -> file that names the videos of it to use.
        sampling: Of the recipe.
        second: Second modality that the tracker needs.
        seed: Of the training.
        validation: The held-out part of each.

    Raises:
        EvalkitError: A source is not known, not there, or has no second image.
    """
    sources: list[PairSource] = []
    lists = {name.removesuffix(_LIST): Path(place) for name, place in data.items() if name.endswith(_LIST)}
    if alone := lists.keys() - (data.keys() - {"rendered", "coco"}):
        name = min(alone)
        raise EvalkitError(f"--data {name}{_LIST}: there is no --data {name}=FOLDER whose videos it could list.")
    for name, place in data.items():
        if name.endswith(_LIST):
            continue
        if name == "rendered":
            if place and not place.isdecimal():
                raise EvalkitError(f"--data rendered={place}: expected a seed, a whole number.")
            sources.append(DrawnScenes(int(place or seed), second, sampling, validation=validation))
            continue
        if not place:
            raise EvalkitError(f"--data {name}: its folder is missing; write {name}=FOLDER.")
        if name == "coco":
            own: frozenset[Modality] = frozenset({Modality.RGB})
            sources.append(Coco(Path(place), validation=validation))
        else:
            spec = get_benchmark(name)
            own = spec.modalities
            sources.append(Videos(spec, Path(place), sampling, validation=validation, listed=lists.get(name)))
        if second is not None and own == {Modality.RGB}:
            raise EvalkitError(f"--data {name}: it has color alone, and this tracker needs a second image ({second}).")
    return sources
