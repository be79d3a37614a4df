"""How well trained minis track: rendered samples of several seeds, our own loop, beside the classical trackers.

    python perf/minis.py WEIGHTS_FOLDER --seed 101 --seed 102

Every file NAME.safetensors in the folder is run as the mini of that name; a name may be followed by a dot and anything.
"""

import collections
import sys
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cli
from evalkit.api import load_scores
from evalkit.benchmarks import BENCHMARKS, get_benchmark
from evalkit.commands.common import run
from evalkit.report.headline import leading
from trackers import CATALOG


def measured(name: str, benchmark: str, sample: Path, results: Path) -> float:
    """Leading metric times 100."""
    (scores,) = load_scores(benchmark, trackers=[name], data_root=sample, results=results, local_truth=True)
    return 100 * scores.summary[leading([scores], get_benchmark(benchmark))]


@click.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
@click.option("--seed", "seeds", multiple=True, type=int, default=(101,), show_default=True)
@click.option("--tracker", "trackers", multiple=True, help="Default: the minis in the folder, kcf and ncc.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("/tmp/minis"), show_default=True)
def main(weights: Path, seeds: tuple[int, ...], trackers: tuple[str, ...], work: Path) -> None:
    files = {path.name.split(".")[0]: path for path in sorted(weights.glob("*.safetensors"))}
    names = trackers or ("ncc", "kcf", *files)
    table: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for seed in seeds:
        sample, results = work / f"sample{seed}", work / f"results{seed}"
        run(cli.make_app(), ["make-sample", str(sample), "--seed", str(seed), "--quiet"])
        for name in names:
            own = CATALOG[name].benchmark
            benchmarks = [own] if own else list(BENCHMARKS)
            given = ["--weights", str(files[name])] if name in files else []
            place = ["--data-root", str(sample), "--results", str(results), "--quiet"]
            run(cli.make_app(), ["run-benchmark", ",".join(benchmarks), "--tracker", name, *given, *place])
            for benchmark in benchmarks:
                table[name, benchmark].append(measured(name, benchmark, sample, results))
    print(f"{'':22}" + " ".join(f"{name[:9]:>9}" for name in BENCHMARKS) + "      mean")
    for name in names:
        values = [float(np.mean(table.get((name, benchmark), np.nan))) for benchmark in BENCHMARKS]
        print(f"{name:22}" + " ".join(f"{value:9.1f}" for value in values) + f" {np.nanmean(values):9.1f}")


if __name__ == "__main__":
    main()
