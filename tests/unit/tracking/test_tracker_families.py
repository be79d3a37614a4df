"""Classes of the field's interfaces run as they are, from where they lie in their repositories."""

import sys
import textwrap

import pytest
import torch

import trackers
from evalkit.errors import TrackerError
from evalkit.testing import check_tracker, draw_video, track_together
from evalkit.tracking.catalog import load_tracker
from evalkit.tracking.foreign import Interface
from evalkit.tracking.interface import TrackerOptions
from evalkit.tracking.repository import parse_own, repository_roots
from helpers.program import call, evalkit
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


def load(spec, **options):
    return load_tracker(trackers.CATALOG, str(spec), TrackerOptions(**options), timeout=30.0)


def moved(tracker):
    """How far the first video's box has moved after three steps, and the last confidence."""
    video = draw_video(frame_count=4)
    path = track_together(tracker, [video])[0]
    return (path.boxes[-1] - video.boxes[0]).tolist(), path.confidence[-1]


@pytest.fixture
def write(tmp_path, request):
    """Writes a file; packages of the test are forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)

    def write_file(name, text=""):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    yield write_file
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    for name in ("fake_lib", "fake_pkg"):
        sys.modules.pop(name, None)


# ---- recognition


@pytest.mark.parametrize(
    ("begin", "step"),
    [
        ("def initialize(self, image, info):\n        self.box = info['init_bbox']", "def track(self, image):"),
        ("def initialize(self, image, state: dict):\n        self.box = state['init_bbox']", "def track(self, image):"),
        ("def initialize(self, im, x):\n        self.box = x['init_bbox']", "def track(self, image, info):"),
        ("def initialize(self, im, x):\n        self.box = x['init_bbox']", "def track(self, image, info=None):"),
        ("def initialize(self, im, x):\n        self.box = x['init_bbox']", "def track(self, image, **more):"),
    ],
)
@pytest.mark.parametrize("answer", ["{'target_bbox': self.box}", "np.array(self.box)", "torch.tensor([self.box])"])
def test_a_class_that_starts_with_a_dictionary_is_of_pytracking_s_family(write, begin, step, answer):
    path = write(
        "mine.py",
        f"import numpy as np, torch\nclass Mine:\n    {begin}\n    {step}\n        self.box[0] += 1\n        return {answer}\n",
    )
    tracker = load(f"{path}:Mine")
    assert moved(tracker)[0] == [3, 0, 0, 0]
    assert tracker.interface == Interface.PYTRACKING.value


def test_the_last_answer_is_handed_back_and_images_may_be_changed(write):
    path = write(
        "mine.py",
        """
        class Mine:
            def initialize(self, image, info):
                image[:] = 0
                return {"count": 0, "box": info["init_bbox"]}
            def track(self, image, info):
                image[:] = 0
                last = info["previous_output"]
                box = list(last["box"])
                box[1] += 2
                return {"target_bbox": box, "box": box, "count": last["count"] + 1, "score": float(last["count"])}
        """,
    )
    tracker = load(f"{path}:Mine")
    assert moved(tracker) == ([0, 6, 0, 0], 2.0)
    report = check_tracker(tracker)
    assert report.passed
    assert "pytracking's" in report.checks[0].detail


def test_a_pysot_class_gets_bgr_images_that_it_may_change_and_answers_a_dictionary(write):
    path = write(
        "mine.py",
        """
        class Mine:
            def init(self, img, bbox):
                assert type(bbox) is list
                self.colors = [img[..., channel].mean() for channel in range(3)]
                self.box = bbox
            def track(self, img):
                img[:] = 0
                self.box = [self.box[0] + 1, *self.box[1:]]
                return {"bbox": self.box, "best_score": self.colors[0] - self.colors[2]}
        """,
    )
    tracker = load(f"{path}:Mine")
    image = draw_video(frame_count=4).frames[0].rgb
    box, score = moved(tracker)
    assert box == [3, 0, 0, 0]
    assert score == pytest.approx(image[..., 2].mean() - image[..., 0].mean())
    assert tracker.interface == Interface.PYSOT.value


def test_a_class_with_init_and_update_is_got10k_s_even_where_it_can_track(write):
    path = write(
        "mine.py",
        """
        class Mine:
            def init(self, image, box):
                self.box = box
            def update(self, image):
                return self.box
            def track(self, img_files, box, visualize=False):
                raise AssertionError
        """,
    )
    assert load(f"{path}:Mine").interface == Interface.GOT10K.value


def test_a_vot_class_is_made_with_the_first_image_and_region(write):
    path = write(
        "mine.py",
        """
        import collections
        Rectangle = collections.namedtuple("Rectangle", "x y width height")
        class Mine:
            def __init__(self, image, region):
                assert image.ndim == 3
                self.region = region
            def track(self, image):
                r = self.region
                self.region = Rectangle(r.x + 1, r.y, r.width, r.height)
                return self.region, 5.5
        """,
    )
    tracker = load(f"{path}:Mine")
    assert moved(tracker) == ([3, 0, 0, 0], 5.5)
    assert tracker.interface == Interface.VOT.value


def test_a_polygon_is_answered_by_its_enclosing_box(write):
    path = write(
        "mine.py",
        """
        import collections
        Point = collections.namedtuple("Point", "x y")
        Polygon = collections.namedtuple("Polygon", "points")
        class Mine:
            def __init__(self, image, region):
                x, y, w, h = region
                self.points = [Point(x, y), Point(x + w, y), Point(x + w, y + h), Point(x, y + h)]
            def track(self, image):
                return Polygon(self.points)
        """,
    )
    assert moved(load(f"{path}:Mine"))[0] == pytest.approx([0, 0, 0, 0])


def test_a_class_of_no_family_is_told_all_of_them_and_what_it_has(write):
    path = write("mine.py", "class Mine:\n    def start(self, image): ...\n    def follow(self, image): ...\n")
    with pytest.raises(TrackerError) as caught:
        load(f"{path}:Mine")
    text = str(caught.value)
    assert "Its methods: follow, start." in text
    for words in ("initialize(image, box)", "'init_bbox'", "init(PIL image, box)", "Tracker(image, region)"):
        assert words in text


# ---- what a constructor asks for


def repository(write, name="fake_lib", step=2):
    """A repository laid out as OSTrack's."""
    for folder in ("", "test/", "test/tracker/", "test/parameter/"):
        write(f"{name}/{folder}__init__.py")
    write(
        f"{name}/test/parameter/mine.py",
        """
        class Params: pass
        def parameters(yaml_name):
            params = Params()
            params.step = {"fast": 5, "slow": 1}[yaml_name]
            params.checkpoint = "/nowhere/weights.pth"
            return params
        """,
    )
    write(f"{name}/test/tracker/base.py", PYTRACKING)
    return write(
        f"{name}/test/tracker/mine.py",
        f"""
        from {name}.test.tracker.base import Shift
        from .base import Base
        class Mine(Shift):
            def __init__(self, params, dataset_name):
                super().__init__(params)
        """,
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
    write("fake_pkg/test/parameter/mine/__init__.py")
    for name, step in {"fast": 5, "slow": 1}.items():
        text = f"import types\ndef parameters():\n    return types.SimpleNamespace(step={step}, use_gpu=True)\n"
        write(f"fake_pkg/test/parameter/mine/{name}.py", text)
    assert moved(load(f"{path}:Mine:slow"))[0] == [3, 0, 0, 0]
    with pytest.raises(TrackerError, match=r"NAME of fake_pkg\.test\.parameter\.mine \(fast, slow\)"):
        load(f"{path}:Mine")


def test_weights_and_settings_go_where_the_parameters_have_them(write, tmp_path):
    path = repository(write)
    weights = write("weights.pth", "123")
    tracker = load(f"{path}:Mine:fast", weights=str(weights), settings={"step": 4})
    assert tracker.info.weights_sha256 is not None
    assert tracker.info.config["step"] == 4
    assert moved(tracker)[0] == [12, 0, 0, 0]
    with pytest.raises(TrackerError, match="--set stride has no effect"):
        load(f"{path}:Mine:fast", settings={"stride": 4})


def test_a_constructor_gets_weights_and_settings_by_its_own_names(write, tmp_path):
    path = write(
        "mine.py",
        """
        class Mine:
            def __init__(self, step, net_path=None, device="cuda", **more):
                assert net_path.endswith("weights.pth") and device == "cpu"
                self.step = step
            def init(self, image, box):
                self.box = box
            def update(self, image):
                self.box[0] += self.step
                return self.box
        """,
    )
    weights = write("weights.pth", "123")
    tracker = load(f"{path}:Mine", weights=str(weights), settings={"step": 3})
    assert moved(tracker)[0] == [9, 0, 0, 0]
    assert tracker.info.config["step"] == 3
    with pytest.raises(TrackerError, match=r"needs step\. Give defaults, or values with --set step=VALUE"):
        load(f"{path}:Mine", weights=str(weights))


def test_cuda_calls_stay_on_a_processor_without_a_device(write, monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    for kind in (torch.Tensor, torch.nn.Module):
        monkeypatch.setattr(kind, "cuda", kind.cuda)
    path = write(
        "mine.py",
        """
        import torch
        class Mine:
            def __init__(self):
                self.net = torch.nn.Linear(4, 4).cuda()
            def initialize(self, image, box):
                self.box = torch.tensor(box).cuda().bfloat16().requires_grad_()
            def track(self, image):
                return list(self.box), torch.tensor([[3.0]])
        """,
    )
    assert moved(load(f"{path}:Mine"))[1] == 3.0


@pytest.mark.parametrize("place", ["begin", "step"])
def test_a_call_for_a_device_that_is_not_there_is_told_with_the_user_s_line(write, place):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    path = write(
        "mine.py",
        f"""
        import torch
        class Mine:
            def __init__(self):
                if "{place}" == "begin": self.net = torch.nn.Linear(4, 4).to("cuda")
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return torch.zeros(4, device="cuda")
        """,
    )
    with pytest.raises(TrackerError, match=r"PyTorch has no CUDA device here\. .*take `device`") as caught:
        moved(load(f"{path}:Mine"))
    assert f"(mine.py, line {5 if place == 'begin' else 9})" in str(caught.value)


# ---- repositories


@pytest.mark.parametrize("mark", [".git/HEAD", "pyproject.toml", None])
def test_the_root_of_a_repository_is_found(write, tmp_path, mark):
    if mark:
        write(mark)
    for folder in ("a", "a/b"):
        write(f"{folder}/__init__.py")
    file = write("a/b/mine.py")
    assert repository_roots(file) == [tmp_path]
    alone = write("scripts/mine.py")
    assert repository_roots(alone) == ([tmp_path] if mark else [])


def test_a_package_below_src_and_the_repository_are_both_roots(write, tmp_path):
    write(".git/HEAD")
    write("src/a/__init__.py")
    assert repository_roots(write("src/a/mine.py")) == [tmp_path / "src", tmp_path]


def test_a_script_imports_from_its_repository_and_tracker_root_overrides(write, tmp_path):
    write("pyproject.toml")
    write("fake_pkg/__init__.py", "STEP = 1")
    write("other/fake_pkg/__init__.py", "STEP = 2")
    text = """
        import fake_pkg
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                self.box[0] += fake_pkg.STEP
                return self.box
        """
    path = write("tools/deep/mine.py", text)
    assert moved(load(f"{path}:Mine"))[0] == [3, 0, 0, 0]
    del sys.modules["fake_pkg"]
    write("tools/deep/mine.py", text + "        # changed")
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
    write("second/fake_lib/__init__.py")
    other = write("second/fake_lib/mine.py", PYTRACKING)
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


def test_writable_images_come_on_request(write):
    text = """
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                image[0, 0] = 0
                return self.box
        """
    path = write("mine.py", text)
    with pytest.raises(TrackerError, match="say `writable = True` in the class"):
        moved(load(f"{path}:Mine"))
    path = write("mine.py", text.replace("class Mine:", "class Mine:\n            writable = True"))
    tracker = load(f"{path}:Mine")
    assert moved(tracker)[0] == [0, 0, 0, 0]


def test_confidences_of_any_range_are_kept(write):
    path = write(
        "mine.py",
        PYTRACKING.replace("Base):", "Base):\n    def __init__(self, options): self.params = self; self.step = 1"),
    )
    assert moved(load(f"{path}:Shift"))[1] == 7.3


def test_settings_reach_the_constructor_from_the_command_line(write, tmp_path):
    path = write(
        "mine.py",
        """
        class Mine:
            def __init__(self, step, name="a"):
                assert (step, name) == (2.5, "b=c")
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return self.box
        """,
    )
    draw_videos(tmp_path / "videos", [3])
    arguments = ("run-benchmark", "custom", "--data-root", tmp_path / "videos", "--results", tmp_path / "results")
    mine = ("--tracker", f"{path}:Mine", "--set", "step=2.5", "--set", "name=b=c")
    assert call(*arguments, *mine).code == 0
    assert call(*arguments, *mine, "--set", "step").code == 2
    refused = call(*arguments, "--tracker", "ncc", "--set", "step=1")
    assert refused.code == 1
    assert "tracker ncc: unknown setting 'step'" in refused.stderr
    assert "Its settings: window=3, template_area=1600.0" in refused.stderr


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


def test_a_tensor_may_be_made_of_a_read_only_image_without_a_lecture(write):
    path = write(
        "mine.py",
        """
        import torch
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return self.box, torch.from_numpy(image).float().mean()
        """,
    )
    done = evalkit("check-tracker", f"{path}:Mine")
    assert done.code == 0
    assert "not writable" not in done.stderr


@pytest.mark.parametrize("asks", ["init", "update"])
def test_a_got10k_class_that_expects_arrays_gets_them(write, asks):
    shape = {"init": "", "update": "", asks: "image.shape"}
    path = write(
        "mine.py",
        f"""
        class Mine:
            def init(self, image, box):
                {shape["init"] or "image.size"}
                self.box = box
            def update(self, image):
                {shape["update"] or "image.size"}
                self.box[0] += 1
                return self.box
        """,
    )
    assert moved(load(f"{path}:Mine"))[0] == [3, 0, 0, 0]


def test_a_wrong_signature_is_told_with_the_interface_that_was_expected(write):
    path = write(
        "mine.py",
        """
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image, previous, mask):
                return self.box
        """,
    )
    with pytest.raises(TrackerError, match=r"missing 2 required.*taken for one with initialize\(image, box\), track"):
        moved(load(f"{path}:Mine"))
