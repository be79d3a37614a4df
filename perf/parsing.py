"""Speed of parsing annotation and result files: evalkit against numpy.loadtxt and pandas.read_csv, in one run.

Usage:
    python perf/parsing.py [--files N] [--rows N] [--repeat N]

The files are made here and lie in memory: integers with commas (as most annotations), two decimals with tabs (as many
result files), and 14 decimals (as results of transformer trackers). All programs should give the same numbers, bit for
bit; the last column says whether they do.
"""

import argparse
import collections.abc as cabc
import io
import time

import numpy as np
import pandas as pd

from evalkit.boxes import FloatArray
from evalkit.numbers import parse_many

Parse = cabc.Callable[[list[bytes], str], list[FloatArray]]


def make_files(files: int, rows: int, separator: str, number: str) -> list[bytes]:
    """Text of boxes that move like a target's."""
    generator = np.random.default_rng(0)
    texts = []
    for _ in range(files):
        boxes = 200 + np.cumsum(generator.normal(size=(rows, 4)), axis=0)
        buffer = io.BytesIO()
        np.savetxt(buffer, boxes, fmt=number, delimiter=separator)
        texts.append(buffer.getvalue())
    return texts


def with_evalkit(texts: list[bytes], separator: str) -> list[FloatArray]:  # noqa: ARG001 - it finds the separator
    return parse_many(texts, ["file"] * len(texts))


def with_pandas(texts: list[bytes], separator: str) -> list[FloatArray]:
    frames = [pd.read_csv(io.BytesIO(text), sep=separator, header=None) for text in texts]
    return [frame.to_numpy(dtype=np.float64) for frame in frames]


def with_numpy(texts: list[bytes], separator: str) -> list[FloatArray]:
    return [np.loadtxt(io.BytesIO(text), delimiter=separator, ndmin=2) for text in texts]


def with_float(texts: list[bytes], separator: str) -> list[FloatArray]:
    blank = separator.encode()
    return [np.array(list(map(float, text.replace(blank, b" ").split()))).reshape(-1, 4) for text in texts]


PARSERS: dict[str, Parse] = {
    "evalkit": with_evalkit,
    "pandas.read_csv": with_pandas,
    "numpy.loadtxt": with_numpy,
    "float() per field": with_float,
}
KINDS = {"integers, commas": (",", "%d"), "2 decimals, tabs": ("\t", "%.2f"), "14 decimals, commas": (",", "%.14f")}


def main() -> None:
    """Print seconds, ratios and whether the numbers are equal."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=280)
    options.add_argument("--rows", type=int, default=2448, help="rows per file; the default makes LaSOT's test set")
    options.add_argument("--repeat", type=int, default=3, help="the best of so many runs")
    asked = options.parse_args()
    for kind, (separator, number) in KINDS.items():
        texts = make_files(asked.files, asked.rows, separator, number)
        reference = with_float(texts, separator)
        seconds = {name: _best(parse, texts, separator, asked.repeat) for name, parse in PARSERS.items()}
        print(f"{kind}: {asked.files} files, {asked.files * asked.rows} rows, {sum(map(len, texts)) / 1e6:.1f} MB")
        for name, value in seconds.items():
            measured = PARSERS[name](texts, separator)
            equal = all(np.array_equal(entry, other) for entry, other in zip(measured, reference, strict=True))
            ratio = value / seconds["evalkit"]
            print(f"  {name:18} {value:7.3f} s {ratio:6.1f} x  {'exact' if equal else 'not exact'}")


def _best(parse: Parse, texts: list[bytes], separator: str, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        parse(texts, separator)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
