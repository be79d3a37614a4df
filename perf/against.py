"""The same commands under today's code and under another commit's, in turn and in one run, with their costs.

    python perf/against.py evalkit score lasot --predictions all.zip --annotations truth.zip
    python perf/against.py --rounds 5 python -c 'import trackers'
    python perf/against.py evalkit run-benchmark lasot --tracker still --data-root copy --results {own}/results

``evalkit`` and ``python`` mean those of the code that is measured. ``{own}`` is an empty folder, each code's own in
each round; paths are best absolute, for commands run there. Other programs use :func:`compare`, whose steps follow each
other in that folder, so that one may read what the step before has written:

    compare({"run": ["evalkit", "run-benchmark", ...], "score": ["evalkit", "score", ...]})

Processor seconds count a command with all processes that it started and waited for; of several rounds the best is
taken. The other commit is unpacked into a temporary folder; both use this interpreter and its packages.
"""

import argparse
import collections.abc as cabc
import contextlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION_0_1 = "e92e0dc"
Steps = cabc.Mapping[str, cabc.Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a command: processor and wall-clock seconds, and the MB that its largest process held."""

    processor: float
    wall: float
    memory: float

    @classmethod
    def best(cls, costs: cabc.Sequence["Cost"]) -> "Cost":
        """The smallest of each kind."""
        return cls(
            min(entry.processor for entry in costs),
            min(entry.wall for entry in costs),
            min(entry.memory for entry in costs),
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """Costs of a step under the other commit's code and under today's."""

    then: Cost
    today: Cost

    @property
    def ratio(self) -> float:
        """Processor seconds of today by those of then."""
        return self.today.processor / self.then.processor


@contextlib.contextmanager
def code_of(commit: str = VERSION_0_1) -> cabc.Iterator[Path]:
    """A temporary folder with the code of a commit."""
    with tempfile.TemporaryDirectory(prefix="against-") as made:
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(made, filter="data")
        yield Path(made)


def spend(words: cabc.Sequence[str], code: Path = ROOT, own: Path | None = None) -> Cost:
    """Run a command under the code in a folder, and return what it cost.

    Args:
        words: ``evalkit ...`` or ``python ...``.
        code: Folder with cli.py, evalkit, trackers.
        own: Working folder, and what ``{own}`` stands for; None is the code's folder.

    Raises:
        RuntimeError: The command failed; with the end of what it said.
    """
    programs = {"evalkit": [sys.executable, str(code / "cli.py")], "python": [sys.executable]}
    command = [*programs[words[0]], *(word.replace("{own}", str(own)) for word in words[1:])]
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=said, stderr=said, cwd=own or code, env={**os.environ, "PYTHONPATH": str(code)}
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            text = said.read()[-2000:].decode("utf-8", "replace")
            raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}:\n{text}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1000)


def compare(steps: Steps, *, rounds: int = 3, commit: str = VERSION_0_1) -> dict[str, Compared]:
    """Costs of steps under both codes, which take turns and change the order from round to round."""
    costs: dict[tuple[str, Path], list[Cost]] = {}
    with code_of(commit) as then:
        for code in (then, ROOT):  # compiled before it is measured
            spend(["python", "-m", "compileall", "-q", "cli.py", "evalkit", "trackers"], code)
        for number in range(rounds):
            for code in (then, ROOT) if number % 2 == 0 else (ROOT, then):
                with tempfile.TemporaryDirectory(prefix="against-own-") as own:
                    for name, words in steps.items():
                        costs.setdefault((name, code), []).append(spend(words, code, Path(own)))
        return {name: Compared(Cost.best(costs[name, then]), Cost.best(costs[name, ROOT])) for name in steps}


def table(measured: cabc.Mapping[str, Compared], commit: str = VERSION_0_1) -> str:
    """Costs as text, one line per step and code."""
    lines = [f"{'step':14} {'code':9} {'processor':>9} {'wall':>8} {'memory':>8} {'ratio':>6}"]
    for name, entry in measured.items():
        for code, cost, ratio in ((commit[:8], entry.then, ""), ("today", entry.today, f"{entry.ratio:.2f}")):
            numbers = f"{cost.processor:7.2f} s {cost.wall:6.2f} s {cost.memory:5.0f} MB {ratio:>6}"
            lines.append(f"{name:14} {code:9} {numbers}".rstrip())
    return "\n".join(lines)


def main() -> None:
    """Compare one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default=VERSION_0_1, help="default: version 0.1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="evalkit|python ...")
    options = parser.parse_args()
    if not options.words or options.words[0] not in {"evalkit", "python"}:
        parser.error("give a command that begins with evalkit or python")
    measured = compare(
        {options.words[1] if options.words[1:] else "": options.words}, rounds=options.rounds, commit=options.commit
    )
    print(table(measured, options.commit))


if __name__ == "__main__":
    main()
