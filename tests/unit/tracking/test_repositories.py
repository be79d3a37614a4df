"""Trackers in repositories of the field's layouts: their parameters, what they import, and from where."""

import sys

import pytest

from evalkit.errors import TrackerError
from evalkit.tracking.repository import parse_own, repository_roots
from helpers.own_trackers import load, moved
from helpers.program import evalkit
from helpers.trees import draw_videos

PYTRACKING = """
class Base:
    def __init__(self, params):
        self.params = params
class Shift(Base):
    def initialize(self, image, info: dict):
        assert type(info["init_bbox"]) is list
        self.state = info["init_bbox"]
    def track(self, image, info: dict = None):
        image[:4] = 0
        self.state[0] += self.params.step
        return {"target_bbox": self.state, "best_score": 7.3}
"""


# ---- parameters


def repository(write, name="fake_lib"):
    """A repository laid out as OSTrack's."""
    for folder in ("", "test/", "test/tracker/", "test/parameter/"):
        write(name=f"{name}/{folder}__init__.py")
    write(
        """
        class Params: pass
        def parameters(yaml_name):
            params = Params()
            params.step = {"fast": 5, "slow": 1}[yaml_name]
            params.checkpoint = "/nowhere/weights.pth"
            return params
        """,
        f"{name}/test/parameter/mine.py",
    )
    write(PYTRACKING, f"{name}/test/tracker/base.py")
    return write(
        f"""
        from {name}.test.tracker.base import Shift
        from .base import Base
        class Mine(Shift):
            def __init__(self, params, dataset_name):
                super().__init__(params)
        """,
        f"{name}/test/tracker/mine.py",
    )


def test_parameters_of_the_repository_are_named_behind_the_class(write):
    path = repository(write)
    fast, slow = (load(f"{path}:Mine:{name}") for name in ("fast", "slow"))
    assert moved(fast) == ([15, 0, 0, 0], 7.3)
    assert moved(slow)[0] == [3, 0, 0, 0]
    assert fast.info.config["parameters"] == "fast"
    assert fast.info.config["parameters_sha256"] != slow.info.config["parameters_sha256"]
    with pytest.raises(TrackerError, match=r"needs `params`\. Say which: .*:Mine:NAME"):
        load(f"{path}:Mine")
    with pytest.raises(TrackerError, match=r"parameters 'other' of fake_lib\.test\.parameter\.mine.*KeyError"):
        load(f"{path}:Mine:other")


def test_a_parameter_file_for_each_setting_is_listed(write):
    path = repository(write, "fake_pkg")
    (path.parents[1] / "parameter" / "mine.py").unlink()
    write(name="fake_pkg/test/parameter/mine/__init__.py")
    for name, step in {"fast": 5, "slow": 1}.items():
        text = f"import types\ndef parameters():\n    return types.SimpleNamespace(step={step}, use_gpu=True)\n"
        write(text, f"fake_pkg/test/parameter/mine/{name}.py")
    assert moved(load(f"{path}:Mine:slow"))[0] == [3, 0, 0, 0]
    with pytest.raises(TrackerError, match=r"NAME of fake_pkg\.test\.parameter\.mine \(fast, slow\)"):
        load(f"{path}:Mine")


def test_weights_and_settings_go_where_the_parameters_have_them(write, tmp_path):
    path = repository(write)
    weights = write("123", "weights.pth")
    tracker = load(f"{path}:Mine:fast", weights=str(weights), settings={"step": 4})
    assert tracker.info.weights_sha256 is not None
    assert tracker.info.config["step"] == 4
    assert moved(tracker)[0] == [12, 0, 0, 0]
    with pytest.raises(TrackerError, match="--set stride has no effect"):
        load(f"{path}:Mine:fast", settings={"stride": 4})


# ---- imports


@pytest.mark.parametrize("mark", [".git/HEAD", "pyproject.toml", None])
def test_the_root_of_a_repository_is_found(write, tmp_path, mark):
    if mark:
        write(name=mark)
    for folder in ("a", "a/b"):
        write(name=f"{folder}/__init__.py")
    file = write(name="a/b/mine.py")
    assert repository_roots(file) == [tmp_path]
    alone = write(name="scripts/mine.py")
    assert repository_roots(alone) == ([tmp_path] if mark else [])


def test_a_package_below_src_and_the_repository_are_both_roots(write, tmp_path):
    write(name=".git/HEAD")
    write(name="src/a/__init__.py")
    assert repository_roots(write(name="src/a/mine.py")) == [tmp_path / "src", tmp_path]


def test_a_script_imports_from_its_repository_and_tracker_root_overrides(write, tmp_path):
    write(name="pyproject.toml")
    write("STEP = 1", "fake_pkg/__init__.py")
    write("STEP = 2", "other/fake_pkg/__init__.py")
    text = """
        import fake_pkg
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                self.box[0] += fake_pkg.STEP
                return self.box
        """
    path = write(text, "tools/deep/mine.py")
    assert moved(load(f"{path}:Mine"))[0] == [3, 0, 0, 0]
    del sys.modules["fake_pkg"]
    write(text + "        # changed", "tools/deep/mine.py")
    assert moved(load(f"{path}:Mine", root=str(tmp_path / "other")))[0] == [6, 0, 0, 0]
    with pytest.raises(TrackerError, match=r"no folder .*--tracker-root"):
        load(f"{path}:Mine", root=str(tmp_path / "none"))


def test_a_module_of_the_working_folder_s_repository_is_imported(write, tmp_path, monkeypatch):
    repository(write)
    monkeypatch.chdir(tmp_path)
    assert moved(load("fake_lib.test.tracker.mine:Mine:fast"))[0] == [15, 0, 0, 0]


def test_two_repositories_with_a_package_of_one_name_are_not_mixed_up(write, tmp_path):
    repository(write)
    load(f"{tmp_path}/fake_lib/test/tracker/mine.py:Mine:fast")
    write(name="second/fake_lib/__init__.py")
    other = write(PYTRACKING, "second/fake_lib/mine.py")
    with pytest.raises(TrackerError, match=r"another package 'fake_lib' is in use, from .*calls of their own"):
        load(f"{other}:Shift")


def test_other_processes_get_absolute_places(write, tmp_path, monkeypatch):
    path = repository(write)
    monkeypatch.chdir(tmp_path)
    relative = str(path.relative_to(tmp_path))
    assert parse_own(f"{relative}:Mine:fast").portable(None) == (f"{path}:Mine:fast", None)
    assert parse_own(f"{relative}:Mine").portable("fake_lib") == (f"{path}:Mine", str(tmp_path / "fake_lib"))
    assert parse_own("fake_lib.test:Mine").portable(None) == ("fake_lib.test:Mine", str(tmp_path))
    assert parse_own("got10k.trackers:IdentityTracker").portable(None)[1] is None


def test_a_repository_is_importable_in_workers_too(write, tmp_path):
    path = repository(write)
    draw_videos(tmp_path / "videos", [4, 3, 3])
    done = evalkit(
        *("run-benchmark", "custom", "--data-root", tmp_path / "videos", "--results", tmp_path / "results"),
        *("--tracker", f"{path}:Mine:fast", "--workers", 2, "--json"),
    )
    assert done.code == 0, done.stderr
    assert done.json["status"] == "complete"
    assert done.json["frames"] == 10
