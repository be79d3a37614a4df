"""Candidate elimination: drop the search tokens to which the template's center pays least attention."""

import enum
import math

import torch
from torch import Tensor

DEFAULT_LAYERS = (3, 6, 9)
DEFAULT_KEEP_RATIO = 0.7

# first and last cell of the region, per grid side; OSTrack's; 4 is ours; a side that is not listed has none
_CENTER_POINT = {4: (1, 1), 7: (3, 3), 8: (3, 3), 12: (5, 5), 14: (6, 6)}
_CENTER_RECTANGLE = {7: (3, 3), 8: (3, 4), 12: (5, 6)}


class TemplateRows(enum.StrEnum):
    """Which template tokens judge the search tokens (OSTrack's ``CE_TEMPLATE_RANGE``)."""

    ALL = "all"
    CENTER_POINT = "center-point"
    CENTER_RECTANGLE = "center-rectangle"


def template_rows(region: TemplateRows, grid: int) -> tuple[int, ...]:
    """Flat indices of the judging tokens on a ``grid`` x ``grid`` template.

    Raises:
        ValueError: The rule does not say which cells are meant on a grid of this side.

    Source: OSTrack, ``generate_mask_cond``.

    Example:
        >>> template_rows(TemplateRows.CENTER_POINT, 8), template_rows(TemplateRows.CENTER_RECTANGLE, 12)
        ((27,), (65, 66, 77, 78))
    """
    if region is TemplateRows.ALL:
        return tuple(range(grid * grid))
    table = _CENTER_POINT if region is TemplateRows.CENTER_POINT else _CENTER_RECTANGLE
    if grid not in table:
        raise ValueError(f"no {region} on a template grid of {grid}; defined for {sorted(table)}")
    first, last = table[grid]
    cells = range(first, last + 1)
    return tuple(row * grid + column for row in cells for column in cells)


def kept_count(tokens: int, ratio: float) -> int:
    """Number of search tokens that stay.

    Example:
        >>> kept_count(256, 0.7), kept_count(180, 0.7), kept_count(126, 0.7), kept_count(576, 1.0)
        (180, 126, 89, 576)
    """
    return min(tokens, math.ceil(ratio * tokens))


def eliminate(tokens: Tensor, weights: Tensor, positions: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """Keep the best search tokens of every sample, best first.

    Args:
        tokens: (B, Lz + n, D), template tokens first.
        weights: (B, heads, rows, Lz + n) attention probabilities of the judging template tokens.
        positions: (B, n) original places of the n remaining search tokens.
        ratio: Share of search tokens to keep; the count is rounded up.

    Returns:
        Tokens (B, Lz + n', D) and positions (B, n').

    Source: OSTrack (ECCV 2022), section 3.3; averaged over rows, then heads.
    """
    remaining = positions.shape[1]
    keep = kept_count(remaining, ratio)
    if keep == remaining:
        return tokens, positions
    template = tokens.shape[1] - remaining
    scores = weights[..., template:].mean(dim=2).mean(dim=1)  # (B, n)
    order = scores.sort(dim=1, descending=True, stable=True).indices[:, :keep]  # (B, n')
    width = tokens.shape[2]
    search = tokens[:, template:].gather(1, order.unsqueeze(-1).expand(-1, -1, width))
    return torch.cat([tokens[:, :template], search], dim=1), positions.gather(1, order)


def restore(search: Tensor, positions: Tensor, length: int) -> Tensor:
    """Put remaining search tokens (B, n, D) back to their places among ``length``; removed ones are exactly zero."""
    batch, _, width = search.shape
    places = positions.unsqueeze(-1).expand(-1, -1, width)
    return search.new_zeros(batch, length, width).scatter(1, places, search)
