"""The figure that notebooks show."""

import io

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """Shows itself as the last line of a cell, which matplotlib's own does only after pyplot was loaded."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
