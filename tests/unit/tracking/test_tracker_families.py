"""Classes of the field's interfaces run as they are, from where they lie in their repositories."""

import pytest
import torch

from evalkit.errors import TrackerError
from evalkit.testing import check_tracker, draw_video
from evalkit.tracking.foreign import Interface
from helpers.own_trackers import load, moved
from helpers.program import call, evalkit
from helpers.trees import draw_videos

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
        f"import numpy as np, torch\nclass Mine:\n    {begin}\n    {step}\n        self.box[0] += 1\n        return {answer}\n",
    )
    tracker = load(f"{path}:Mine")
    assert moved(tracker)[0] == [3, 0, 0, 0]
    assert tracker.interface == Interface.PYTRACKING.value


def test_the_last_answer_is_handed_back_and_images_may_be_changed(write):
    path = write("""
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
    """)
    tracker = load(f"{path}:Mine")
    assert moved(tracker) == ([0, 6, 0, 0], 2.0)
    report = check_tracker(tracker)
    assert report.passed
    assert "pytracking's" in report.checks[0].detail


def test_a_pysot_class_gets_bgr_images_that_it_may_change_and_answers_a_dictionary(write):
    path = write("""
        class Mine:
            def init(self, img, bbox):
                assert type(bbox) is list
                self.colors = [img[..., channel].mean() for channel in range(3)]
                self.box = bbox
            def track(self, img):
                img[:] = 0
                self.box = [self.box[0] + 1, *self.box[1:]]
                return {"bbox": self.box, "best_score": self.colors[0] - self.colors[2]}
    """)
    tracker = load(f"{path}:Mine")
    image = draw_video(frame_count=4).frames[0].rgb
    box, score = moved(tracker)
    assert box == [3, 0, 0, 0]
    assert score == pytest.approx(image[..., 2].mean() - image[..., 0].mean())
    assert tracker.interface == Interface.PYSOT.value


def test_a_class_with_init_and_update_is_got10k_s_even_where_it_can_track(write):
    path = write("""
        class Mine:
            def init(self, image, box):
                self.box = box
            def update(self, image):
                return self.box
            def track(self, img_files, box, visualize=False):
                raise AssertionError
    """)
    assert load(f"{path}:Mine").interface == Interface.GOT10K.value


def test_a_vot_class_is_made_with_the_first_image_and_region(write):
    path = write("""
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
    """)
    tracker = load(f"{path}:Mine")
    assert moved(tracker) == ([3, 0, 0, 0], 5.5)
    assert tracker.interface == Interface.VOT.value


def test_a_polygon_is_answered_by_its_enclosing_box(write):
    path = write("""
        import collections
        Point = collections.namedtuple("Point", "x y")
        Polygon = collections.namedtuple("Polygon", "points")
        class Mine:
            def __init__(self, image, region):
                x, y, w, h = region
                self.points = [Point(x, y), Point(x + w, y), Point(x + w, y + h), Point(x, y + h)]
            def track(self, image):
                return Polygon(self.points)
    """)
    assert moved(load(f"{path}:Mine"))[0] == pytest.approx([0, 0, 0, 0])


def test_a_class_of_no_family_is_told_all_of_them_and_what_it_has(write):
    path = write("class Mine:\n    def start(self, image): ...\n    def follow(self, image): ...\n")
    with pytest.raises(TrackerError) as caught:
        load(f"{path}:Mine")
    text = str(caught.value)
    assert "Its methods: follow, start." in text
    for words in ("initialize(image, box)", "'init_bbox'", "init(PIL image, box)", "Tracker(image, region)"):
        assert words in text


# ---- what a constructor asks for


def test_a_constructor_gets_weights_and_settings_by_its_own_names(write, tmp_path):
    path = write("""
        class Mine:
            def __init__(self, step, net_path=None, device="cuda", **more):
                assert net_path.endswith("weights.pth") and device == "cpu"
                self.step = step
            def init(self, image, box):
                self.box = box
            def update(self, image):
                self.box[0] += self.step
                return self.box
    """)
    weights = write("123", "weights.pth")
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
    path = write("""
        import torch
        class Mine:
            def __init__(self):
                self.net = torch.nn.Linear(4, 4).cuda()
            def initialize(self, image, box):
                self.box = torch.tensor(box).cuda().bfloat16().requires_grad_()
            def track(self, image):
                return list(self.box), torch.tensor([[3.0]])
    """)
    assert moved(load(f"{path}:Mine"))[1] == 3.0


@pytest.mark.parametrize("place", ["begin", "step"])
def test_a_call_for_a_device_that_is_not_there_is_told_with_the_user_s_line(write, place):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    path = write(f"""
        import torch
        class Mine:
            def __init__(self):
                if "{place}" == "begin": self.net = torch.nn.Linear(4, 4).to("cuda")
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return torch.zeros(4, device="cuda")
    """)
    with pytest.raises(TrackerError, match=r"PyTorch has no CUDA device here\. .*take `device`") as caught:
        moved(load(f"{path}:Mine"))
    assert f"(mine.py, line {5 if place == 'begin' else 9})" in str(caught.value)


def test_writable_images_come_on_request(write):
    text = """
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                image[0, 0] = 0
                return self.box
        """
    path = write(text)
    with pytest.raises(TrackerError, match="say `writable = True` in the class"):
        moved(load(f"{path}:Mine"))
    path = write(text.replace("class Mine:", "class Mine:\n            writable = True"))
    tracker = load(f"{path}:Mine")
    assert moved(tracker)[0] == [0, 0, 0, 0]


def test_confidences_of_any_range_are_kept(write):
    path = write("""
        class Mine:
            def initialize(self, image, info):
                self.answer = {"target_bbox": info["init_bbox"], "best_score": 7.3}
            def track(self, image):
                return self.answer
    """)
    assert moved(load(f"{path}:Mine"))[1] == 7.3


def test_settings_reach_the_constructor_from_the_command_line(write, tmp_path):
    path = write("""
        class Mine:
            def __init__(self, step, name="a"):
                assert (step, name) == (2.5, "b=c")
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return self.box
    """)
    draw_videos(tmp_path / "videos", [3])
    arguments = ("run-benchmark", "custom", "--data-root", tmp_path / "videos", "--results", tmp_path / "results")
    mine = ("--tracker", f"{path}:Mine", "--set", "step=2.5", "--set", "name=b=c")
    assert call(*arguments, *mine).code == 0
    assert call(*arguments, *mine, "--set", "step").code == 2
    refused = call(*arguments, "--tracker", "ncc", "--set", "step=1")
    assert refused.code == 1
    assert "tracker ncc: unknown setting 'step'" in refused.stderr
    assert "Its settings: window=3, template_area=1600.0" in refused.stderr


def test_a_tensor_may_be_made_of_a_read_only_image_without_a_lecture(write):
    path = write("""
        import torch
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image):
                return self.box, torch.from_numpy(image).float().mean()
    """)
    done = evalkit("check-tracker", f"{path}:Mine")
    assert done.code == 0
    assert "not writable" not in done.stderr


@pytest.mark.parametrize("asks", ["init", "update"])
def test_a_got10k_class_that_expects_arrays_gets_them(write, asks):
    shape = {"init": "", "update": "", asks: "image.shape"}
    path = write(f"""
        class Mine:
            def init(self, image, box):
                {shape["init"] or "image.size"}
                self.box = box
            def update(self, image):
                {shape["update"] or "image.size"}
                self.box[0] += 1
                return self.box
    """)
    assert moved(load(f"{path}:Mine"))[0] == [3, 0, 0, 0]


def test_a_wrong_signature_is_told_with_the_interface_that_was_expected(write):
    path = write("""
        class Mine:
            def initialize(self, image, box):
                self.box = box
            def track(self, image, previous, mask):
                return self.box
    """)
    with pytest.raises(TrackerError, match=r"missing 2 required.*taken for one with initialize\(image, box\), track"):
        moved(load(f"{path}:Mine"))
