"""Device, precision, batch shapes and failures of the learned trackers, on small networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evalkit.errors import TrackerError
from evalkit.sequences import Frame
from evalkit.tracking.interface import DeviceTracker, TrackerInfo, TrackerOptions
from helpers.seeded import Clip, run_clip, run_clips
from trackers.common.build import build
from trackers.common.definition import definition
from trackers.common.torch_tracker import Engine, padded_size, tf32
from trackers.layers.vit import VitConfig
from trackers.ostrack import OSTrackConfig

CONFIG = OSTrackConfig(vit=VitConfig(width=32, depth=4, heads=2), elimination_layers=(1,), head_channels=16)
BOX = [86.0, 102, 48, 36]


def small(**options):
    made = replace(definition("ostrack-256"), config=CONFIG)
    return build(made, TrackerOptions(weights="random", seed=1, **options))


def state(tracker):
    return tracker.initialize([Clip(1).read(0)], np.array([BOX]))[0]


def test_unknown_and_impossible_precisions_are_refused():
    with pytest.raises(TrackerError, match="unknown precision 'int8'; known: fp32, tf32, bf16, fp16"):
        Engine(precision="int8")
    with pytest.raises(TrackerError, match="tf32 exists on CUDA devices only, not on cpu; use fp32"):
        Engine(precision="tf32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_missing_device_is_named():
    with pytest.raises(TrackerError, match="device cuda:1 asked for, but torch finds no CUDA device"):
        small(device="cuda:1")


def test_a_card_that_is_not_there_is_named_with_how_many_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert Engine("cuda:0").device == "cuda:0"
    with pytest.raises(TrackerError, match="device cuda:1 asked for, but there are 1, counted from cuda:0"):
        Engine("cuda:1")


def test_tf32_chosen_for_single_operations_is_an_error_that_says_so():
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        with (
            pytest.raises(TrackerError, match=r"TF32 was set in this process.*--precision decides"),
            tf32(allowed=False),
        ):
            pass
    finally:
        convolutions.fp32_precision = before
    with tf32(allowed=True):
        assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_gives_nearby_boxes(precision):
    exact, reduced = (run_clip(small(precision=p), Clip(2), BOX).boxes[1] for p in ("fp32", precision))
    assert not np.array_equal(exact, reduced)
    np.testing.assert_allclose(reduced[2:], exact[2:], rtol=0.2)


def test_inference_leaves_the_settings_of_the_process_alone():
    before = torch.get_float32_matmul_precision(), torch.is_grad_enabled(), torch.get_default_dtype()
    run_clip(small(), Clip(2), BOX)
    assert (torch.get_float32_matmul_precision(), torch.is_grad_enabled(), torch.get_default_dtype()) == before


def test_the_whole_batch_is_one_forward_pass():
    tracker, sizes = small(), []
    tracker._runner.model.register_forward_pre_hook(lambda _module, inputs: sizes.append(len(inputs[1])))
    run_clips(tracker, {f"clip{n}": (Clip(3, start=n), BOX) for n in range(5)}, capacity=5)
    assert sizes == [5, 5]


def test_a_compiled_tracker_sees_few_batch_sizes_and_gives_the_same_boxes(monkeypatch):
    sizes = []

    def record(function, **_settings):
        return lambda template, search: sizes.append(len(search)) or function(template, search)

    plain = small()
    monkeypatch.setattr(torch, "compile", record)
    clips = {f"clip{n}": (Clip(2 + n % 3, start=n), BOX) for n in range(7)}
    compiled = small(compiled=True)
    actual, expected = run_clips(compiled, clips, capacity=7), run_clips(plain, clips, capacity=7)
    assert set(sizes) == {padded_size(count) for count in (7, 4, 2)}
    for name in clips:
        np.testing.assert_allclose(actual[name].boxes, expected[name].boxes, atol=1e-4)
    assert compiled.info.config["compiled"] is True
    assert "compiled" not in plain.info.config


def test_a_stream_whose_box_is_not_finite_ends_alone():
    tracker = small()
    frames = [Clip(1, start=n).read(0) for n in range(2)]
    states = tracker.initialize(frames, np.array([BOX, BOX]))
    states[0].template = states[0].template * np.nan
    before = states[0].box.copy()
    inputs = [tracker.prepare(item, frame) for item, frame in zip(states, frames, strict=True)]
    predictions = tracker.track(states, inputs)
    assert list(predictions.errors) == [0]
    assert "not finite; check the weights" in str(predictions.errors[0])
    np.testing.assert_array_equal(states[0].box, before)
    assert np.isfinite(predictions.boxes[1]).all()
    np.testing.assert_array_equal(states[1].box, predictions.boxes[1])


def test_a_failing_step_leaves_the_states_as_they_were(monkeypatch):
    tracker = small()
    current = state(tracker)
    inputs = [tracker.prepare(current, Clip(1, start=1).read(0))]
    monkeypatch.setattr(tracker._runner, "_forward", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        tracker.track([current], inputs)
    np.testing.assert_array_equal(current.box, BOX)


def test_prepare_is_the_processors_part_and_sends_bytes():
    tracker = small()
    inputs = tracker.prepare(state(tracker), Clip(1, start=1).read(0))
    assert inputs.pixels.dtype == np.uint8
    assert inputs.pixels.shape == (1, 256, 256, 3)
    assert tracker.stage_seconds()["forward"] == 0


def test_crops_are_normalized_with_imagenet_statistics():
    tracker = small()
    crop = torch.zeros(1, 1, 2, 2, 3, dtype=torch.uint8)
    crop[0, 0, 0, 0] = torch.tensor([255, 0, 51])
    batch = tracker._runner.normalized(crop)
    assert batch.shape == (1, 3, 2, 2)
    np.testing.assert_allclose(
        batch[0, :, 0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225], rtol=1e-6
    )


def test_a_start_outside_of_the_image_is_an_error():
    with pytest.raises(TrackerError, match="does not meet the 320 x 240 image"):
        small().initialize([Clip(1).read(0)], np.array([[500.0, 10, 20, 20]]))


def test_gray_frames_of_another_size_do_not_disturb_other_streams():
    tracker = small()
    frames = [Clip(1).read(0), Frame(np.full((100, 80, 3), 7, np.uint8))]
    states = tracker.initialize(frames, np.array([BOX, [10.0, 10, 20, 20]]))
    inputs = [tracker.prepare(item, frame) for item, frame in zip(states, frames, strict=True)]
    together = tracker.track(states, inputs).boxes
    alone = tracker.track([state(tracker)], inputs[:1]).boxes
    np.testing.assert_allclose(together[:1], alone, atol=1e-4)
    assert (together[1, :2] + together[1, 2:] <= [80 + 1e-9, 100 + 1e-9]).all()


def test_the_tracker_answers_the_loops_questions_about_its_device():
    tracker = small()
    assert isinstance(tracker, DeviceTracker)
    assert tracker.device_memory() is None
    tracker.release_memory()
    tracker.synchronize()
    run_clip(tracker, Clip(2), BOX)
    assert set(tracker.stage_seconds()) == {"upload", "forward"}
    assert min(tracker.stage_seconds().values()) > 0


def test_the_manifest_entry_holds_every_setting():
    info = small().info
    assert isinstance(info, TrackerInfo)
    assert info.config["network"]["elimination_layers"] == [1]
    assert info.config["loop"]["search_factor"] == 4.0
    assert info.required == frozenset()
    second = build(
        replace(
            definition("srft-rgbt-256"),
            config=replace(definition("srft-rgbt-256").config, vit=CONFIG.vit, fusion_after=(1, 3), head_channels=16),
        ),
        TrackerOptions(weights="random"),
    ).info
    assert second.required == {"thermal"}
    assert second.modalities == {"rgb", "thermal"}
