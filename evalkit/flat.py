"""FlatTracks: many sequences as flat arrays plus offsets, and sums per sequence without a loop over frames."""

import collections.abc as cabc
from dataclasses import dataclass

import numpy as np

from evalkit.boxes import Boxes, Flags, FloatArray, IntArray


def offsets_of(lengths: cabc.Sequence[int] | IntArray) -> IntArray:
    """Start of every track in the flat array, and the end of the last one.

    Args:
        lengths: (T,) frames of each track.

    Returns:
        (T + 1,) indices into the flat array.

    Example:
        >>> offsets_of([3, 0, 2])
        array([0, 3, 3, 5])
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


@dataclass(frozen=True, slots=True, eq=False)
class FlatTracks:
    """Predictions and ground truth of many tracks end to end; a track is one run over one sequence. Read-only.

    Arrays of boxes are stored by coordinate, shape (4, F): left, top, width, height, each contiguous.

    Attributes:
        predictions: (4, F) pixels.
        ground_truth: (4, F) pixels, row for row beside ``predictions``.
        absent: (F,) True = target absent.
        offsets: (T + 1,) start of each track; ``offsets[-1] == F``.
        sequence: (T,) index of the sequence to which a track belongs; repetitions share one.
        sequence_count: Number of sequences S.
    """

    predictions: FloatArray
    ground_truth: FloatArray
    absent: Flags
    offsets: IntArray
    sequence: IntArray
    sequence_count: int

    def __post_init__(self) -> None:
        frames = int(self.offsets[-1])
        assert self.predictions.shape == self.ground_truth.shape == (4, frames)
        assert self.absent.shape == (frames,)
        assert len(self.offsets) == len(self.sequence) + 1
        for array in (self.predictions, self.ground_truth, self.absent, self.offsets, self.sequence):
            array.flags.writeable = False

    @property
    def lengths(self) -> IntArray:
        """(T,) frames of each track."""
        return np.diff(self.offsets)

    @property
    def first_frames(self) -> IntArray:
        """(T',) flat index of frame 0 of every track that has frames."""
        return self.offsets[:-1][self.lengths > 0]

    def owners(self) -> IntArray:
        """(F,) index of the sequence of every frame."""
        return np.repeat(self.sequence, self.lengths)


def stack_boxes(arrays: cabc.Sequence[Boxes]) -> FloatArray:
    """Boxes of many tracks as one array, by coordinate: arithmetic then runs over whole rows of memory.

    Args:
        arrays: (F_t, 4) left, top, width, height in pixels of each track.

    Returns:
        (4, F), F = sum of F_t.

    Example:
        >>> stack_boxes([np.array([[1.0, 2, 3, 4]]), np.array([[5.0, 6, 7, 8]])])
        array([[1., 5.], [2., 6.], [3., 7.], [4., 8.]])
    """
    offsets = offsets_of([len(array) for array in arrays])
    stacked = np.empty((4, offsets[-1]))
    for array, start, stop in zip(arrays, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        stacked[:, start:stop] = array.T
    return stacked


def in_parts(lengths: cabc.Sequence[int], frames: int) -> list[tuple[int, int]]:
    """Ranges of tracks that hold at most ``frames`` frames together; a longer track is a part of its own.

    Example:
        >>> in_parts([2, 1, 3, 9], 3)
        [(0, 2), (2, 3), (3, 4)]
    """
    ranges: list[tuple[int, int]] = []
    start = held = 0
    for index, length in enumerate(lengths):
        if index > start and held + length > frames:
            ranges.append((start, index))
            start, held = index, 0
        held += length
    if start < len(lengths):
        ranges.append((start, len(lengths)))
    return ranges


def sum_by(owners: IntArray, values: FloatArray, count: int) -> FloatArray:
    """Sum of values for each owner; 0 for an owner without values.

    Args:
        owners: (F,) index of the owner of each value, below ``count``.
        values: (F,); NaN makes the owner's sum NaN.
        count: Number of owners S.

    Returns:
        (S,), summed in the order of the values.

    ``numpy.add.reduceat`` returns a wrong value for an empty owner; ``bincount`` does not.

    Example:
        >>> sum_by(np.array([0, 0, 2]), np.array([1.0, 2.0, 5.0]), 3)
        array([3., 0., 5.])
    """
    return np.bincount(owners, weights=values, minlength=count).astype(np.float64, copy=False)


def count_by(owners: IntArray, flags: Flags, count: int) -> FloatArray:
    """Number of true flags for each owner; much faster than a sum where few are true.

    Args:
        owners: (F,) index of the owner of each flag, below ``count``.
        flags: (F,).
        count: Number of owners S.

    Returns:
        (S,).

    Example:
        >>> count_by(np.array([0, 0, 2]), np.array([True, False, True]), 3)
        array([1., 0., 1.])
    """
    return np.bincount(owners[flags], minlength=count).astype(np.float64)


def count_at_or_above(owners: IntArray, levels: IntArray, owner_count: int, level_count: int) -> FloatArray:
    """For each owner and k = 1..level_count: how many of its values have a level of at least k.

    Args:
        owners: (F,) index of the owner of each value.
        levels: (F,) 0..level_count.
        owner_count: Number of owners S.
        level_count: Highest level K.

    Returns:
        (S, K).

    Example:
        >>> count_at_or_above(np.array([0, 0, 1]), np.array([2, 1, 0]), 2, 2)
        array([[2., 1.], [0., 0.]])
    """
    width = level_count + 1
    table = np.bincount(owners * width + levels, minlength=owner_count * width).reshape(owner_count, width)
    return table[:, :0:-1].cumsum(axis=1)[:, ::-1].astype(np.float64)
