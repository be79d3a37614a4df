"""Steps begun before they are waited for: the loop's order, one shape for all calls, memory that is not used too early."""

import ctypes
import gc
import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend
from torch.utils._python_dispatch import TorchDispatchMode

from evalkit.tracking.interface import SubmittingTracker, TrackerOptions
from evalkit.tracking.loop import LoopSettings
from helpers import lone_device
from helpers.seeded import Clip, run_clips
from helpers.walks import LENGTHS, OutOfMemoryError, Walk, jobs, run, same_boxes
from trackers.common.build import build
from trackers.common.definition import definition
from trackers.common.torch_tracker import CropMemory, Runner
from trackers.layers.candidate_elimination import eliminate
from trackers.layers.swin import SwinConfig, WindowAttention
from trackers.layers.vit import Block, VitConfig
from trackers.ostrack import OSTrackConfig

BOX = [86.0, 102, 48, 36]
VIT = VitConfig(width=32, depth=4, heads=2)
SMALL = {
    "ostrack-256": {"vit": VIT, "elimination_layers": (1,), "head_channels": 16},
    "srft-rgbt-256": {"vit": VIT, "fusion_after": (1, 3), "head_channels": 16},
    "vipt-rgbe": {"base": OSTrackConfig(vit=VIT, elimination_layers=(1,), head_channels=16)},
    "swintrack-tiny": {"swin": SwinConfig(width=8, depths=(2, 2, 2), heads=(1, 2, 2)), "heads": 2, "encoder_depth": 1},
}
PROMPTED = {
    "upvpt-ostrack-256": SMALL["ostrack-256"],
    "upvpt-swintrack-t": SMALL["swintrack-tiny"]
    | {"swin": SwinConfig(width=8, depths=(2, 2, 2), heads=(1, 2, 2), prompts=3)},
}
MINIS: dict[str, dict[str, object]] = {"ostrack-mini": {}, "swintrack-mini": {}, "srft-mini-rgbt": {}}
SECOND = {"srft-rgbt-256": "thermal", "vipt-rgbe": "event", "srft-mini-rgbt": "thermal"}


def small(name="ostrack-256", **options):
    made = definition(name)
    return build(
        replace(made, config=replace(made.config, **(SMALL | PROMPTED | MINIS)[name])),
        TrackerOptions(weights="random", seed=1, **options),
    )


@dataclass
class Late(Walk):
    """A tracker whose device answers only when it is asked for the answer."""

    overlaps: bool = True
    events: list[str] = field(default_factory=list)
    shapes: list[int] = field(default_factory=list)
    room: int = 1000
    fail_at_collect: tuple[int, int] | None = None
    waiting: int = 0

    def reserve(self, streams):
        self.shapes.append(streams)

    def submit(self, states, inputs):
        if self.shapes[-1] > self.room:
            raise OutOfMemoryError("CUDA out of memory")
        assert len(states) <= self.shapes[-1]
        self.waiting += 1
        self.events.append(f"submit {self.waiting}")
        return states, inputs

    def collect(self, pending):
        self.events.append("collect")
        self.waiting -= 1
        if self.fail_at_collect in [tuple(pixel[:2]) for pixel in pending[1]]:
            raise RuntimeError("an illegal memory access was encountered")
        return super().track(*pending)

    def track(self, states, inputs):
        raise AssertionError("submit and collect are there")


@pytest.mark.parametrize("capacity", [1, 2, 5, 16])
@pytest.mark.parametrize("timeout", [None, 20.0])
def test_boxes_do_not_depend_on_whether_steps_overlap(capacity, timeout):
    expected, _ = run(Walk(), jobs(LENGTHS * 2))
    tracker = Late()
    actual, timing = run(tracker, jobs(LENGTHS * 2), capacity=capacity, timeout=timeout)
    same_boxes(actual, expected)
    assert isinstance(tracker, SubmittingTracker)
    assert tracker.waiting == 0
    assert tracker.shapes == [-(-capacity // 2)] == [timing.batch]


def test_the_device_has_the_next_half_of_the_streams_while_it_answers_the_first():
    tracker = Late()
    run(tracker, jobs([12] * 4), capacity=4)
    assert tracker.events[:7] == ["submit 1", "submit 2", "collect", "submit 2", "collect", "submit 2", "collect"]


@pytest.mark.parametrize(("sequences", "calls"), [(4, 11), (5, 22)])
def test_streams_that_fit_into_one_call_of_the_fixed_shape_share_it(sequences, calls):
    """The last of a run, or few from its beginning: a second call would cost as much as the first."""
    tracker = Late()
    expected, _ = run(Walk(), jobs([12] * sequences))
    actual, timing = run(tracker, jobs([12] * sequences), capacity=8)
    same_boxes(actual, expected)
    assert (timing.batch, tracker.events.count("collect")) == (4, calls)


def test_a_tracker_that_gains_nothing_is_called_as_ever():
    expected, _ = run(Walk(), jobs(LENGTHS))
    tracker = Late(overlaps=False)
    tracker.track = lambda states, inputs: Walk.track(tracker, states, inputs)
    actual, timing = run(tracker, jobs(LENGTHS), capacity=4)
    same_boxes(actual, expected)
    assert (tracker.events, timing.batch) == ([], 0)


def test_a_step_that_fails_when_it_is_collected_is_repeated_stream_by_stream():
    expected, _ = run(Walk(), jobs(LENGTHS))
    actual, _ = run(Late(fail_at_collect=(4, 3)), jobs(LENGTHS), capacity=6)
    assert list(actual.errors) == ["s4"]
    for name, trajectory in actual.results.items():
        np.testing.assert_array_equal(trajectory.boxes, expected.results[name].boxes)


def test_out_of_memory_halves_the_shape_of_all_further_calls():
    expected, _ = run(Walk(), jobs(LENGTHS * 3))
    tracker, notes = Late(room=3), []
    actual, timing = run(tracker, jobs(LENGTHS * 3), notes, capacity=16)
    same_boxes(actual, expected)
    assert tracker.shapes == [8, 4, 2]
    assert timing.batch == 2
    assert "capacity reduced from 16 to" in notes[0]


def test_auto_capacity_ends_in_a_shape_that_is_recorded():
    tracker = Late()
    _, timing = run(tracker, jobs([90] * 40), capacity=4, grow=True)
    assert tracker.shapes[0] == 2
    assert tracker.shapes == sorted(tracker.shapes)
    assert timing.batch == tracker.shapes[-1]


def test_a_slot_is_used_again_only_when_nobody_looks_at_it():
    slots = CropMemory((4, 5))
    first = slots.take()
    view, place = first[1:], first.ctypes.data
    del first
    assert slots.take().ctypes.data != place
    tensor = torch.from_numpy(view)
    del view
    assert slots.take().ctypes.data != place
    del tensor
    assert slots.take().ctypes.data == place


def test_slots_may_be_taken_by_many_threads():
    slots, problems = CropMemory((64,)), []

    def use(number):
        for _ in range(2000):
            array = slots.take()
            array[:] = number
            if not (array == number).all():
                problems.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@dataclass
class Mark:
    """An event whose passing is noted; until then the device reads."""

    check: object

    def synchronize(self):
        self.check()

    def elapsed_time(self, end_event):
        return 5.0


@dataclass
class FakeCard:
    """A card that reads what was uploaded as late as it may: when the step's end is waited for."""

    uploads: list[int] = field(default_factory=list)
    under_way: list[tuple[int, np.ndarray]] = field(default_factory=list)
    waits: int = 0

    def upload(self, rows, count):
        # addresses: to hold the arrays would keep them from being used again
        self.under_way = [(row.ctypes.data, row.copy()) for row in rows]
        self.uploads.append(count)
        batch = torch.zeros((count, *rows[0].shape), dtype=torch.uint8)
        for row, place in zip(rows, batch, strict=False):
            place.copy_(torch.from_numpy(row))
        return batch

    def download(self, answers):
        return answers.clone()

    def mark(self):
        under_way = self.under_way

        def check():
            self.waits += 1
            for address, sent in under_way:
                np.testing.assert_array_equal(
                    np.frombuffer(ctypes.string_at(address, sent.size), np.uint8), sent.ravel()
                )

        return Mark(check)


def on_fake_card(tracker):
    tracker._runner.card = FakeCard()
    return tracker


@pytest.mark.parametrize("name", SMALL)
def test_a_card_gives_the_processors_boxes_at_one_shape(name):
    clips = {
        f"clip{n}": (Clip(2 + n % 3, SECOND.get(name), start=n), [BOX[0] + n, BOX[1] - n, 48 + n, 36]) for n in range(5)
    }
    expected = run_clips(small(name), clips)
    tracker = on_fake_card(small(name))
    actual = run_clips(tracker, clips, settings=LoopSettings(capacity=4, workers=2))
    card = tracker._runner.card
    for clip, trajectory in expected.items():
        np.testing.assert_allclose(actual[clip].boxes, trajectory.boxes, atol=1e-3, err_msg=clip)
    assert set(card.uploads) == {2}
    assert card.waits == len(card.uploads)
    assert tracker.stage_seconds()["forward"] == pytest.approx(0.005 * card.waits)


def test_at_one_shape_boxes_do_not_depend_on_the_streams_beside():
    clips = {f"clip{n}": (Clip(3, start=n), BOX) for n in range(4)}
    few = run_clips(on_fake_card(small()), dict(list(clips.items())[:1]), settings=LoopSettings(capacity=4))
    many = run_clips(on_fake_card(small()), clips, settings=LoopSettings(capacity=4))
    for name, trajectory in few.items():
        np.testing.assert_array_equal(many[name].boxes, trajectory.boxes)


@pytest.mark.parametrize("name", SMALL)
def test_digests_on_a_processor_do_not_depend_on_capacity(name):
    clips = {f"clip{n}": (Clip(2, SECOND.get(name), start=n), BOX) for n in range(3)}
    tracker = small(name)
    alone = run_clips(tracker, clips, settings=LoopSettings(batch=1))
    together = run_clips(tracker, clips, settings=LoopSettings(capacity=3, waves=2, batch=1))
    for clip, trajectory in alone.items():
        np.testing.assert_array_equal(together[clip].boxes, trajectory.boxes)


class Ops(TorchDispatchMode):
    """Every operation with the number types of its tensors."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        dtypes = [item.dtype for item in args if isinstance(item, torch.Tensor)]
        self.seen.append((func.overloadpacket.__name__, *dtypes))
        return answer

    def count(self, *names, dtype=None):
        return sum(op[0] in names and (dtype is None or dtype in op[1:]) for op in self.seen)


SYNCHRONIZES = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique", "_unique2", "item")


def step(name, **options):
    """One step's inputs, after one that warms up."""
    tracker = small(name, **options)
    clip = Clip(3, SECOND.get(name))
    states = tracker.initialize([clip.read(0)], np.array([BOX]))
    tracker.track(states, [tracker.prepare(states[0], clip.read(1))])
    return tracker, states, [tracker.prepare(states[0], clip.read(2))]


@pytest.mark.parametrize("name", SMALL)
def test_nothing_in_a_step_waits_for_the_device_or_copies_the_crop(name):
    tracker, states, inputs = step(name)
    with Ops() as ops:
        pending = tracker.submit(states, inputs)
    assert len(ops.seen) > 50
    assert ops.count(*SYNCHRONIZES) == 0
    assert ops.count("clone", "copy_", "stack", "cat", "contiguous", dtype=torch.uint8) == 0
    assert ops.count("to", dtype=torch.uint8) == 1  # from bytes to float32, on the device
    assert pending.pending.end is None


@pytest.mark.parametrize("name", [*SMALL, *PROMPTED, *MINIS])
def test_a_step_needs_nothing_of_the_processor_but_its_crops(name, monkeypatch):
    monkeypatch.setattr(Runner, "_sent", lambda _self, array: torch.from_numpy(array).to(lone_device.DEVICE))
    tracker, clip = small(name, device=lone_device.DEVICE), Clip(2, SECOND.get(name))
    tracker._runner.card = lone_device.Card()
    tracker.reserve(4)
    states = tracker.initialize([clip.read(0)], np.array([BOX]))
    inputs = [tracker.prepare(states[0], clip.read(1))]
    with lone_device.Strangers() as strangers:
        step = tracker.submit(states, inputs)
    assert step.pending.answers.shape == (4, 5)
    assert (strangers.seen, strangers.count > 50) == ([], True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["swintrack-tiny", "upvpt-swintrack-t", "swintrack-mini", "ostrack-256", "vipt-rgbe"])
def test_attention_gets_masks_that_fused_kernels_read_in_place(name, precision, monkeypatch):
    """Of the queries' type, rows at multiples of eight numbers: what torch's fused kernels of cards ask for."""
    tracker, states, inputs = step(name, precision=precision)
    calls, attention = [], functional.scaled_dot_product_attention

    def spy(query, key, value, attn_mask=None):
        calls.append((query.dtype, attn_mask, torch._fused_sdp_choice(query, key, value, attn_mask=attn_mask)))
        return attention(query, key, value, attn_mask=attn_mask)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", spy)
    tracker.track(states, inputs)
    assert len(calls) >= 4
    masked = [(dtype, mask) for dtype, mask, _ in calls if mask is not None]
    assert len(masked) == (len(calls) if "swin" in name else 0)
    for dtype, mask in masked:
        assert mask.dtype == dtype
        assert mask.stride(-1) == 1
        assert not any(step % 8 for step in mask.stride()[:-1])
    assert {choice for *_, choice in calls} == {SDPBackend.FLASH_ATTENTION.value}


@pytest.mark.parametrize("name", SMALL)
def test_the_template_is_embedded_once_and_not_at_every_step(name):
    tracker, states, inputs = step(name)
    with Ops() as ops:
        tracker.track(states, inputs)
    search_alone = {"ostrack-256": 1, "srft-rgbt-256": 2, "vipt-rgbe": 2, "swintrack-tiny": 1}[name]
    head = 0 if name == "swintrack-tiny" else 15
    assert ops.count("conv2d") == search_alone + head


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_converts_no_matrix_at_every_step(name):
    tracker, states, inputs = step(name, precision="bf16")
    matrices = {part.weight.data_ptr() for part in tracker._runner.model.modules() if hasattr(part, "weight")}
    converted = []

    class Casts(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if (
                func.overloadpacket.__name__ in {"to", "_to_copy"}
                and args[0].data_ptr() in matrices
                and args[0].dim() > 1
            ):
                converted.append(tuple(args[0].shape))
            return func(*args, **(kwargs or {}))

    with Casts():
        tracker.track(states, inputs)
    assert not converted


def test_elimination_ranks_by_float32_scores_in_half_precision():
    torch.manual_seed(0)
    block = Block(VIT).eval()
    tokens, rows = torch.randn(1, 80, 32), (3,)
    with torch.inference_mode():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _, weights = block.attend_with_rows(tokens, rows)
            query, key, _ = block.attn.split(block.norm1(tokens))
        logits = query[:, :, 3:4].double() @ key.double().transpose(-2, -1)
    expected = (logits * query.shape[-1] ** -0.5).softmax(dim=-1)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    positions = torch.arange(60).expand(1, -1)
    kept, expected_kept = (eliminate(tokens, w, positions, 0.7)[1] for w in (weights, expected))
    assert torch.equal(kept, expected_kept)


def test_window_biases_are_gathered_once(monkeypatch):
    calls = []
    bias = WindowAttention.bias
    monkeypatch.setattr(WindowAttention, "bias", lambda self, *args: calls.append(self) or bias(self, *args))
    tracker, states, inputs = step("swintrack-tiny")
    built = len(calls)
    tracker.track(states, inputs)
    assert len(calls) == built > 0
    gc.collect()
