"""What is installed: the wheel's contents, its command, and that it lives beside distributions called trackers or cli.

The wheel is installed without an index: what it declares is linked from the packages that run these tests, nothing else.
"""

import configparser
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import evalkit
from helpers import ROOT
from helpers.program import Done
from helpers.program import evalkit as from_checkout
from helpers.trees import draw_videos

TOP = ("evalkit", "trackers", "cli.py", "pyproject.toml", "setup.cfg", "README.md", "LICENSE", "NOTICE")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def copy_sources(folder: Path) -> Path:
    """The repository without what earlier builds left in it."""
    for name in TOP:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    sources = copy_sources(folder / "sources")
    (sources / "build" / "lib").mkdir(parents=True)
    (sources / "build" / "lib" / "cli.py").touch()  # as a build of version 0.1 leaves it
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, sources], check=True)
    (made,) = folder.glob("evalkit-*.whl")
    return made


def linked(site: Path, requirements: Iterable[str], extras: frozenset[str] = frozenset()) -> None:
    """Link distributions, and what they require, into an environment."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        actual = importlib.metadata.distribution(requirement.name)
        tops = {path.parts[0] for path in actual.files or ()} - {"..", "__pycache__"}
        fresh = [top for top in tops if not (site / top).exists()]
        for top in fresh:
            (site / top).symlink_to(Path(str(actual.locate_file(top))))
        if fresh:
            linked(site, actual.requires or (), frozenset(requirement.extras))


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and what it declares."""

    folder: Path
    home: Path

    @property
    def site(self) -> Path:
        (actual,) = self.folder.glob("lib/python*/site-packages")
        return actual

    def pip(self, *arguments: object) -> None:
        subprocess.run([*PIP, "--python", self.folder / "bin" / "python", *map(str, arguments)], check=True)

    def install(self, *files: Path) -> None:
        self.pip("install", "--no-index", "--no-deps", *files)

    def run(self, *words: object, cwd: Path | None = None) -> Done:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        line = [self.folder / "bin" / str(words[0]), *map(str, words[1:])]
        done = subprocess.run(line, cwd=cwd or self.home, env=environment, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def python(self, code: str) -> str:
        done = self.run("python", "-c", code)
        assert done.code == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def make_installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Callable[..., Installed]:
    def make(*files: Path) -> Installed:
        home = tmp_path_factory.mktemp("installed")
        installed = Installed(home / "venv", home)
        venv.create(installed.folder, symlinks=True)
        installed.install(*files)
        (actual,) = importlib.metadata.distributions(path=[str(installed.site)], name="evalkit")
        linked(installed.site, actual.requires or ())
        return installed

    return make


@pytest.fixture(scope="module")
def installed(make_installed: Callable[..., Installed], wheel: Path) -> Installed:
    return make_installed(wheel)


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A wheel with the top-level package trackers and the top-level module cli, as others publish."""
    path = tmp_path / "trackers-2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("trackers/__init__.py", "MINE = 'the package of others'\n")
        file.writestr("trackers/kcf.py", "raise SystemExit('the kcf of others')\n")
        file.writestr("cli.py", "MINE = 'the module of others'\n")
        file.writestr("trackers-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: trackers\nVersion: 2.0\n")
        file.writestr("trackers-2.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("trackers-2.0.dist-info/RECORD", "")
    return path


def test_the_wheel_holds_the_repository_s_modules_and_data_below_one_name(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if ".dist-info/" not in name]
        information = {Path(name).name: file.read(name).decode() for name in file.namelist() if ".dist-info/" in name}
    assert {name.partition("/")[0] for name in names} == {"evalkit"}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "evalkit", "trackers"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert sorted(names) == sorted(re.sub("^trackers/", "evalkit/trackers/", name) for name in tracked)
    points = configparser.ConfigParser()
    points.read_string(information["entry_points.txt"])
    assert dict(points["console_scripts"]) == {"evalkit": "evalkit.trackers.__main__:main"}
    assert {"LICENSE", "NOTICE", "METADATA"} <= set(information)


def test_the_wheel_requires_neither_torch_nor_got10k_unless_asked(wheel):
    (actual,) = importlib.metadata.distributions(path=[str(wheel)])
    always = {Requirement(text).name for text in actual.requires or () if "extra ==" not in text}
    assert not always & {"torch", "safetensors", "got10k", "six", "ray"}
    networks = {Requirement(text).name for text in actual.requires or () if 'extra == "networks"' in text}
    assert networks == {"torch", "safetensors"}


def test_the_installed_command_says_its_version(installed):
    assert installed.run("evalkit", "--version").stdout == f"evalkit {evalkit.__version__}\n"
    assert installed.python("import importlib.metadata as m; print(m.version('evalkit'))") == evalkit.__version__


def test_installed_and_checked_out_are_the_same_program(installed, tmp_path):
    for words in (["--help"], ["list", "trackers"], ["list", "tables", "--json"]):
        assert installed.run("evalkit", *words) == from_checkout(*words)
    draw_videos(tmp_path / "videos", [5, 4])
    words = ["run-benchmark", "custom", "--tracker", "kcf", "--data-root", tmp_path / "videos", "--json", "--results"]
    runs = [installed.run("evalkit", *words, "one"), from_checkout(*words, tmp_path / "other")]
    runs.append(installed.run("evalkit", *words, "workers", "--workers", 2))
    assert [run.code for run in runs] == [0, 0, 0], [run.stderr for run in runs]
    assert len({(run.json["run"], run.json["digest"]) for run in runs}) == 1
    code = "from {0} import make_app; from evalkit.store.manifest import sources_sha256 as hashed; "
    code += "print(hashed(make_app().context_settings['obj'].code))"
    here = subprocess.run(
        [sys.executable, "-c", code.format("cli")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert installed.python(code.format("evalkit.trackers.__main__")) == here.stdout.strip()


def test_without_torch_all_works_but_networks(installed, tmp_path):
    assert not {"torch", "safetensors", "got10k", "six", "ray"} & {path.name for path in installed.site.iterdir()}
    draw_videos(tmp_path / "videos", [5, 4])
    data = ["--data-root", tmp_path / "videos"]
    for words in (
        ["run-benchmark", "custom", "--tracker", "kcf", *data],
        ["score", "custom", "--tracker", "kcf", *data],
        ["make-table", "--benchmark", "custom", "--tracker", "kcf", *data],
        ["make-plots", "custom", "--tracker", "kcf", *data, "--output", tmp_path / "plots"],
        ["make-report", "--benchmark", "custom", "--tracker", "kcf", *data, "--output", tmp_path / "report.html"],
    ):
        done = installed.run("evalkit", *words, cwd=tmp_path)
        assert done.code == 0, (words, done.stderr)
    for words in (
        ["run-benchmark", "custom", "--tracker", "ostrack-256", "--weights", "random", *data],
        ["run-benchmark", "custom", "--tracker", "ostrack-256", "--weights", "random", *data, "--workers", "2"],
        ["check-tracker", "ostrack-256", "--weights", "random"],
        ["convert-weights", "a.pth", "b.safetensors", "--tracker", "ostrack-256"],
    ):
        (tmp_path / "a.pth").touch()
        done = installed.run("evalkit", *words, cwd=tmp_path)
        assert done.code == 1, words
        assert "pip install 'evalkit[networks]'" in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("evalkit_first", [True, False])
def test_distributions_that_own_trackers_and_cli_live_beside_it(
    make_installed, wheel, stranger, tmp_path, evalkit_first
):
    installed = make_installed(*([wheel, stranger] if evalkit_first else [stranger, wheel]))
    draw_videos(tmp_path / "videos", [4])
    run = ["evalkit", "run-benchmark", "custom", "--tracker", "kcf", "--data-root", tmp_path / "videos", "--workers", 2]
    assert (
        installed.python("import trackers, cli; print(trackers.MINE, cli.MINE)")
        == "the package of others the module of others"
    )
    done = installed.run(*run)
    assert done.code == 0, done.stderr
    installed.pip("uninstall", "--yes", *(["trackers"] if evalkit_first else ["evalkit"]))
    if evalkit_first:
        assert installed.run("evalkit", "list", "trackers").code == 0
    else:
        assert installed.python("import trackers, cli; print(trackers.MINE)") == "the package of others"


@pytest.mark.slow
def test_a_checkout_installed_for_editing_has_the_same_command(tmp_path):
    sources = copy_sources(tmp_path / "sources")
    installed = Installed(tmp_path / "venv", tmp_path)
    venv.create(installed.folder, symlinks=True)
    required = [text for text in importlib.metadata.requires("evalkit") or () if "extra ==" not in text]
    linked(installed.site, [*required, "setuptools"])
    installed.pip("install", "--no-index", "--no-deps", "--no-build-isolation", "--editable", sources)
    assert installed.run("evalkit", "--version").stdout == f"evalkit {evalkit.__version__}\n"
    place = installed.python("import evalkit.trackers.kcf as kcf; print(kcf.__file__)")
    assert Path(place) == sources / "trackers" / "kcf.py"
    draw_videos(tmp_path / "videos", [4])
    words = ["run-benchmark", "custom", "--tracker", "kcf", "--data-root", "videos", "--workers", "2"]
    done = installed.run("evalkit", *words)
    assert done.code == 0, done.stderr
