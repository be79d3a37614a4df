"""SwinTrack's joint encoder and decoder over template and search tokens, with their positional attention terms."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from .vit import Attention, Mlp


class Grids(NamedTuple):
    """Sides of the template's and the search region's square token maps."""

    template: int
    search: int


def relative_ranks(grids: Grids, *, decoder: bool) -> npt.NDArray[np.int64]:
    """Row of the bias table for query i and key j, shape (queries, Lz + Lx).

    Every pair is a tuple (row difference, column difference, branch of the query, branch of the key), query minus
    key, each in its own grid; the index is the tuple's rank in ascending order. In the decoder all queries are search
    tokens.

    Source: SwinTrack, ``concatenated relative position encoding``.

    Example:
        >>> relative_ranks(Grids(1, 1), decoder=True)
        array([[0, 1]])
    """
    row, column, branch = (
        np.concatenate(parts) for parts in zip(_cells(0, grids.template), _cells(1, grids.search), strict=True)
    )
    queries = slice(grids.template**2 if decoder else 0, None)
    span = 2 * max(grids) + 1
    rows = row[queries, None] - row[None, :] + max(grids)
    columns = column[queries, None] - column[None, :] + max(grids)
    keys = ((rows * span + columns) * 2 + branch[queries, None]) * 2 + branch[None, :]
    ranks: npt.NDArray[np.int64] = np.unique(keys, return_inverse=True)[1]
    return ranks.reshape(keys.shape)


def _cells(branch: int, side: int) -> tuple[npt.NDArray[np.int64], ...]:
    row, column = np.divmod(np.arange(side * side), side)
    return row, column, np.full(side * side, branch)


class AxisPositions(nn.Module):
    """Learned position of a cell: the sum of its column's and its row's vector."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.w_pos = nn.Parameter(torch.zeros(side, width))
        self.h_pos = nn.Parameter(torch.zeros(side, width))

    def forward(self) -> Tensor:
        """(side^2, width), row by row."""
        positions: Tensor = self.h_pos[:, None] + self.w_pos[None, :]
        return positions.flatten(0, 1)


class UntiedPositions(nn.Module):
    """Positions as queries and keys of their own, apart from the tokens."""

    def __init__(self, side: int, width: int, heads: int, *, queries: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.pos = AxisPositions(side, width)
        self.norm = nn.LayerNorm(width)
        if queries:
            self.pos_q_linear = nn.Linear(width, width)
        self.pos_k_linear = nn.Linear(width, width)

    def query(self) -> Tensor:
        """(heads, side^2, head width), scaled."""
        positions = self._split(self.pos_q_linear(self.norm(self.pos())))
        scale: float = positions.shape[-1] ** -0.5
        return positions * scale

    def key(self) -> Tensor:
        """(heads, side^2, head width)."""
        return self._split(self.pos_k_linear(self.norm(self.pos())))

    def _split(self, positions: Tensor) -> Tensor:
        return positions.view(positions.shape[0], self.heads, -1).transpose(0, 1)


class RelativeBias(nn.Module):
    """A learned number per head for each relative position; the index is rebuilt, not stored."""

    index: Tensor

    def __init__(self, heads: int, ranks: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros(heads, int(ranks.max()) + 1))
        self.register_buffer("index", torch.from_numpy(ranks), persistent=False)

    def forward(self) -> Tensor:
        """(heads, queries, keys)."""
        return self.relative_position_bias_table[:, self.index.flatten()].view(-1, *self.index.shape)


class EncoderLayer(nn.Module):
    """Self-attention over all tokens, then MLP."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_ratio * width)

    def forward(self, tokens: Tensor, term: Tensor) -> Tensor:
        """Map (B, L, width) to the same shape; ``term`` (heads, L, L) is added to the logits."""
        tokens = tokens + self.attn(self.norm1(tokens), term.unsqueeze(0))
        output: Tensor = tokens + self.mlp(self.norm2(tokens))
        return output


class Encoder(nn.Module):
    """Layers over [template, search] that share one positional term."""

    def __init__(self, width: int, heads: int, depth: int, grids: Grids, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(width, heads, mlp_ratio) for _ in range(depth)])
        self.z_untied_pos_enc = UntiedPositions(grids.template, width, heads)
        self.x_untied_pos_enc = UntiedPositions(grids.search, width, heads)
        self.rpe_bias_table = RelativeBias(heads, relative_ranks(grids, decoder=False))

    def positional_term(self) -> Tensor:
        """(heads, L, L); depends on the weights alone."""
        query = torch.cat([self.z_untied_pos_enc.query(), self.x_untied_pos_enc.query()], dim=1)
        key = torch.cat([self.z_untied_pos_enc.key(), self.x_untied_pos_enc.key()], dim=1)
        term: Tensor = query @ key.transpose(1, 2) + self.rpe_bias_table()
        return term

    def forward(self, tokens: Tensor, term: Tensor) -> Tensor:
        """Map [template, search] (B, L, width) to the same shape."""
        for layer in self.layers:
            tokens = layer(tokens, term)
        return tokens


class CrossAttention(nn.Module):
    """Attention with queries from one sequence, keys and values from another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, context: Tensor, term: Tensor) -> Tensor:
        """Map queries (B, Lq, width) and context (B, L, width) to (B, Lq, width)."""
        batch, length, width = queries.shape
        query = self.q(queries).view(batch, length, self.heads, -1).transpose(1, 2)
        key, value = self.kv(context).view(batch, context.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=term.unsqueeze(0))
        output: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return output


class DecoderLayer(nn.Module):
    """Search tokens ask template and search tokens, then MLP."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1_q = nn.LayerNorm(width)
        self.norm1_kv = nn.LayerNorm(width)
        self.attn = CrossAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_ratio * width)

    def forward(self, search: Tensor, context: Tensor, term: Tensor) -> Tensor:
        """Map search (B, Lx, width) with context [template, search] to (B, Lx, width)."""
        search = search + self.attn(self.norm1_q(search), self.norm1_kv(context), term)
        output: Tensor = search + self.mlp(self.norm2(search))
        return output


class Decoder(nn.Module):
    """Layers that read the search part."""

    def __init__(self, width: int, heads: int, depth: int, grids: Grids, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(width, heads, mlp_ratio) for _ in range(depth)])
        self.z_untied_pos_enc = UntiedPositions(grids.template, width, heads, queries=False)
        self.x_untied_pos_enc = UntiedPositions(grids.search, width, heads)
        self.rpe_bias_table = RelativeBias(heads, relative_ranks(grids, decoder=True))

    def positional_term(self) -> Tensor:
        """(heads, Lx, L); depends on the weights alone."""
        key = torch.cat([self.z_untied_pos_enc.key(), self.x_untied_pos_enc.key()], dim=1)
        term: Tensor = self.x_untied_pos_enc.query() @ key.transpose(1, 2) + self.rpe_bias_table()
        return term

    def forward(self, search: Tensor, context: Tensor, term: Tensor) -> Tensor:
        """Map search tokens (B, Lx, width) with context (B, L, width) to (B, Lx, width)."""
        for layer in self.layers:
            search = layer(search, context, term)
        return search
