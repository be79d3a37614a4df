"""Peaks of response maps: position between the pixels and how far they stand out."""

import numpy as np
import numpy.typing as npt

from evalkit.boxes import FloatArray

Response = npt.NDArray[np.float32] | FloatArray


def subpixel(response: Response, row: int, column: int) -> tuple[float, float]:
    """Refine a maximum with a parabola through its neighbors, in each direction.

    Args:
        response: (height, width); the map is taken as periodic.
        row: Of the maximum.
        column: Of the maximum.

    Returns:
        Row and column, at most half a pixel away.

    Example:
        >>> subpixel(np.array([[0.0, 3, 4, 3, 0]]), 0, 2)
        (0.0, 2.0)
        >>> subpixel(np.array([[0.0, 2, 4, 3, 0]]), 0, 2)[1].__round__(3)
        2.167
    """
    height, width = response.shape
    vertical = _vertex(response[row - 1, column], response[row, column], response[(row + 1) % height, column])
    horizontal = _vertex(response[row, column - 1], response[row, column], response[row, (column + 1) % width])
    return row + vertical, column + horizontal


def _vertex(before: float, peak: float, after: float) -> float:
    bend = float(before) - 2 * float(peak) + float(after)
    if bend >= -1e-12:  # flat
        return 0.0
    return min(max(0.5 * (float(before) - float(after)) / bend, -0.5), 0.5)


def peak_to_sidelobe(response: Response, row: int, column: int, exclude: int = 5) -> float:
    """Height of a peak above the rest of the map, in standard deviations of the rest.

    Args:
        response: (height, width), periodic.
        row: Of the peak.
        column: Of the peak.
        exclude: Half the side of the window around the peak that does not count as the rest.

    Returns:
        The ratio; 0 for a flat map or one that is all window.

    Source: Bolme et al., Visual Object Tracking using Adaptive Correlation Filters, CVPR 2010, section 3.5 (window of
    11 x 11).

    Example:
        >>> peak_to_sidelobe(np.zeros((32, 32)), 3, 4)
        0.0
    """
    height, width = response.shape
    if height <= 2 * exclude + 1 and width <= 2 * exclude + 1:
        exclude = max(min(height, width) // 6, 1)
    rows = np.arange(row - min(exclude, height // 4), row + min(exclude, height // 4) + 1) % height
    columns = np.arange(column - min(exclude, width // 4), column + min(exclude, width // 4) + 1) % width
    window = response[np.ix_(rows, columns)]
    count = response.size - window.size
    if count < 2:
        return 0.0
    mean = (float(response.sum(dtype=np.float64)) - float(window.sum(dtype=np.float64))) / count
    square = (np.square(response, dtype=np.float64).sum() - np.square(window, dtype=np.float64).sum()) / count
    deviation = float(np.sqrt(max(square - mean**2, 0.0)))
    height_above = float(response[row, column]) - mean
    return height_above / deviation if deviation > 1e-9 else 0.0
