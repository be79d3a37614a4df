"""A fine-tuning from its plan to its weights: frozen tensors, resuming, several processes, what it refuses."""

import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evalkit.errors import EvalkitError, StoreError, TrackerError, UnknownNameError
from evalkit.provenance import hash_files
from evalkit.tracking.training import FinetuneRequest
from helpers import ROOT, lone_device, trees
from helpers.program import PATIENCE, PROGRAM, call, wait_until
from trackers.common.checkpoint import WeightsError
from trackers.common.definition import definition
from trackers.common.weights import SHIPPED, read_weights
from trackers.training import finetuning, program
from trackers.training.adaptation import LowRankUpdate, add_low_rank, add_stochastic_depth, plain_state
from trackers.training.loader import on_device
from trackers.training.plan import TrainingPlan, count_parameters, make_plan
from trackers.training.recipe import LowRank
from trackers.training.recipes import RECIPES
from trackers.training.start import new_network
from trackers.training.state import write_state

SETTINGS = {"batch": "2", "batch_rule": "none", "checks": "0", "epochs": "2", "save_every": "1"}


def request(tmp_path, name="ostrack-mini", *, steps=3, **changes):
    settings = SETTINGS | changes.pop("settings", {})
    init = None if RECIPES[name].parent is None else "random"
    return replace(FinetuneRequest(name, tmp_path / "out", {"rendered": "3"}, init, settings, steps=steps), **changes)


def train(asked):
    said = []
    finished = program.train(asked, lambda step: None, said.append)
    return finished, said


def test_rates_follow_the_recipes_schedules():
    upvpt = TrainingPlan(RECIPES["upvpt-ostrack-256"], 281_250)
    assert upvpt.rate(0) == 1
    assert upvpt.epoch(225_000 - 1) == 240
    assert [upvpt.rate(step) for step in (225_000 - 1, 225_000)] == [1, 0.1]
    swin = TrainingPlan(RECIPES["swintrack-tiny"], 307_200)
    np.testing.assert_allclose([swin.rate(0), swin.rate(3071)], [0.001 + 0.999 / 3072, 1])
    assert swin.rate(307_199) == 0.1


def test_the_end_of_a_training_has_pairs_of_its_own_sampling(tmp_path):
    asked = request(tmp_path, steps=5)
    plan, made = make_plan(asked), definition("ostrack-mini")
    assert plan.late_from == 3  # the last two fifths
    near = replace(plan.recipe, sampling=plan.recipe.late, late=None)
    pairs, plain, late = (
        finetuning.make_pairs(replace(plan, recipe=recipe), asked, made)[0]
        for recipe in (plan.recipe, replace(plan.recipe, late=None), near)
    )
    for number in range(4, 8):  # of two pairs a step
        same, other = (plain, late) if number < 6 else (late, plain)
        assert torch.equal(pairs[number].search, same[number].search)
        assert not torch.equal(pairs[number].search, other[number].search)


@pytest.mark.parametrize("name", ["ostrack-mini", "upvpt-ostrack-mini", "upvpt-swintrack-mini", "srft-mini-rgbt"])
def test_a_step_waits_for_no_device_and_needs_nothing_of_the_processor(name, tmp_path):
    asked, device = request(tmp_path, name, device=lone_device.DEVICE), torch.device(lone_device.DEVICE)
    plan = make_plan(asked)
    run = finetuning.Finetuning(plan, asked, device)
    run.begin(None)
    pairs, _ = finetuning.make_pairs(plan, asked, run.definition)
    batch = on_device(torch.utils.data.default_collate([pairs[0], pairs[1]]), device)
    with lone_device.Strangers() as strangers:
        losses = run.train_step([batch])
    assert (strangers.seen, strangers.count > 500) == ([], True)
    assert {loss.device for loss in losses.values()} == {device}


def test_another_batch_needs_a_rule(tmp_path):
    def plan(**settings):
        return make_plan(FinetuneRequest("upvpt-ostrack-256", tmp_path, settings=settings))

    with pytest.raises(EvalkitError, match=r"batches of 64, not 32.*batch_rule=linear"):
        plan(batch="32")
    rates = [group.rate for group in RECIPES["upvpt-ostrack-256"].groups]
    assert [group.rate for group in plan(batch="32", batch_rule="none").recipe.groups] == rates
    halved = plan(batch="32", batch_rule="linear")
    assert [group.rate for group in halved.recipe.groups] == [rate / 2 for rate in rates]
    assert halved.steps == 2 * plan().steps == 562_500


def test_accumulation_says_that_batch_norm_sees_parts(tmp_path):
    def notes(name):
        return make_plan(FinetuneRequest(name, tmp_path, settings={"accumulate": "4"})).notes

    assert "is not a batch of 64" in notes("upvpt-ostrack-256")[0]
    assert "16 pairs at a time" in notes("upvpt-ostrack-256")[0]
    assert notes("srft-rgbt-256") == notes("swintrack-tiny") == ()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"batch": "0"}, "whole number from 1"),
        ({"seed": "x"}, "whole number from 0"),
        ({"batch": "99999999999999"}, "whole number"),
        ({"accumulate": "3"}, "cannot be divided"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, text, tmp_path):
    with pytest.raises(EvalkitError, match=text):
        make_plan(FinetuneRequest("ostrack-256", tmp_path, settings=settings))
    with pytest.raises(UnknownNameError, match="accumulate"):
        make_plan(FinetuneRequest("ostrack-256", tmp_path, settings={"acumulate": "3"}))


def test_a_recipe_with_a_parent_asks_for_its_weights_unless_they_are_shipped(tmp_path):
    with pytest.raises(TrackerError, match=r"starts from ostrack-256.*pass them with --init FILE"):
        train(request(tmp_path, "upvpt-ostrack-256", init=None))
    for name in ("upvpt-ostrack-mini", "srft-mini-rgbt"):
        asked = request(tmp_path / name, name, init=None, steps=1)
        finished, _ = train(asked)
        origin = json.loads((asked.output / "manifest.json").read_text())["origin"]
        shipped = SHIPPED / "ostrack-mini.safetensors"
        assert origin == {"init": "ostrack-mini", "init_sha256": hash_files([shipped])}
        parent = read_weights(definition("ostrack-mini"), shipped).network.state_dict()
        entry = "box_head.conv5_size.weight"
        torch.testing.assert_close(load_file(finished.weights)[entry], parent[entry], atol=1e-2, rtol=0)
        assert parent[entry].abs().max() > 0.05


def test_a_tracker_that_does_not_fit_is_no_start(tmp_path):
    with pytest.raises(WeightsError, match="upvpt-ostrack-mini cannot start from it"):
        train(request(tmp_path, "upvpt-ostrack-mini", init="srft-mini-rgbt"))


@pytest.mark.parametrize("name", ["upvpt-ostrack-mini", "upvpt-swintrack-mini-attention"])
def test_frozen_tensors_stay_bit_identical(name, tmp_path):
    recipe = RECIPES[name]
    asked = request(tmp_path, name, steps=2, settings={"batch": "2"})
    begin, _ = finetuning.starting_network(recipe, "random", recipe.seed)
    begin = {key: value.clone() for key, value in begin.state_dict().items()}
    finished, said = train(asked)
    after = load_file(finished.weights)
    parameters = {key for key, _ in definition(recipe.tracker).skeleton().named_parameters()}
    trained = {key for key in parameters if any(re.search(group.pattern, key) for group in recipe.groups)}
    assert {key for key in parameters if not torch.equal(after[key], begin[key])} == trained
    assert any("added" in text and "trained" in text for text in said)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["weights_sha256"] == finished.sha256
    assert manifest["training"]["recipe"]["name"] == name


def arguments(folder, steps, *more):
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    words = ["finetune", "srft-mini-rgbt", "--data", "rendered=3", "--init", "random", "--output", str(folder)]
    return [*words, "--steps", str(steps), *settings, *more]


def test_a_killed_training_goes_on_to_the_weights_of_an_undisturbed_one(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": str(ROOT)}
    begun = subprocess.Popen([*PROGRAM, *arguments(tmp_path / "killed", 3)], env=environment, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "killed" / "resume.pt").exists, begun)
    begun.send_signal(signal.SIGKILL)
    assert begun.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    for folder, more in (("killed", ["--resume"]), ("whole", [])):
        done = call(*arguments(tmp_path / folder, 3, *more, "--set", "workers=1" if more else "workers=0"))
        assert done.code == 0, done.stderr
        assert ("goes on at step" in done.stderr) == bool(more)
    killed, whole = ((tmp_path / folder / "weights.safetensors").read_bytes() for folder in ("killed", "whole"))
    assert killed == whole
    again = call(*arguments(tmp_path / "whole", 3))
    assert again.code == 1
    assert "--resume" in again.stderr
    other = call(*arguments(tmp_path / "whole", 5, "--resume"))
    assert other.code == 1
    assert "another training (different: steps)" in other.stderr


def test_workers_start_though_opencv_has_threads(tmp_path):
    code = (
        "import cv2, numpy, pathlib, sys; from evalkit.tracking.training import FinetuneRequest\n"
        "from trackers.training import program\n"
        "cv2.setNumThreads(2); cv2.blur(numpy.zeros((2000, 2000), numpy.uint8), (9, 9))  # a fork would inherit its pool\n"
        f"settings = {SETTINGS | {'workers': '1'}}\n"
        "asked = FinetuneRequest('ostrack-mini', pathlib.Path(sys.argv[1]), {'rendered': '3'}, None, settings, steps=1)\n"
        "print(program.train(asked, print, print).steps, cv2.getNumThreads())"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "out")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.endswith("1 2\n"), done.stderr


@pytest.mark.slow
def test_two_processes_follow_one_that_accumulates(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    line = [*torchrun, PROGRAM[1], *arguments(tmp_path / "two", 2)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "two" / "weights.safetensors")]
    assert done.stderr.count("trained 2,302,592") == 1
    assert "FutureWarning" not in done.stderr
    assert call(*arguments(tmp_path / "one", 2, "--set", "accumulate=2")).code == 0
    first, second = (load_file(tmp_path / folder / "weights.safetensors") for folder in ("two", "one"))
    begin, _ = finetuning.starting_network(RECIPES["srft-mini-rgbt"], "random", 0)
    moved = max(
        (first[key] - value).abs().max() for key, value in begin.state_dict().items() if value.is_floating_point()
    )
    for key, value in second.items():
        torch.testing.assert_close(first[key], value, atol=float(moved) / 100, rtol=0, msg=key)


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    step = finetuning.Finetuning.train_step

    def poisoned(self, parts):
        if self.step == 2:
            parts = [part._replace(search=part.search * math.nan) for part in parts]
        return step(self, parts)

    monkeypatch.setattr(finetuning.Finetuning, "train_step", poisoned)
    with pytest.raises(TrackerError, match=r"not finite at step 3.*last good state is in .*resume\.pt"):
        train(request(tmp_path, steps=4))
    state = torch.load(tmp_path / "out" / "resume.pt", weights_only=True)
    assert state["step"] == 2
    assert all(value.isfinite().all() for value in state["model"].values() if value.is_floating_point())


def test_a_full_disk_is_said_to_be_one_and_leaves_the_last_state(tmp_path):
    write_state(tmp_path / "resume.pt", {"step": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # a write beyond fails as on a full disk
    try:
        with pytest.raises(StoreError, match=r"cannot write .*resume\.pt: File too large"):
            write_state(tmp_path / "resume.pt", {"step": 2, "model": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["resume.pt"]
    assert torch.load(tmp_path / "resume.pt", weights_only=True) == {"step": 1}


def test_an_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="cannot write"):
        train(request(tmp_path, steps=1))
    assert (tmp_path / "out").read_text() == "mine"


def test_a_training_in_bfloat16_follows_float32_from_afar(tmp_path):
    weights = {}
    for precision in ("fp32", "bf16"):
        words = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        command = ["finetune", "ostrack-mini", "--data", "rendered=3", "--output", tmp_path / precision, "--steps", "2"]
        done = call(*command, *words, "--precision", precision)
        assert done.code == 0, done.stderr
        weights[precision] = load_file(tmp_path / precision / "weights.safetensors")
        assert json.loads((tmp_path / precision / "manifest.json").read_text())["training"]["precision"] == precision
    pairs = [(value, weights["fp32"][key]) for key, value in weights["bf16"].items() if value.ndim > 1]
    assert all(value.dtype == torch.float32 for value, _ in pairs)
    assert any(not torch.equal(*pair) for pair in pairs)
    assert max(float((rough - exact).abs().max()) for rough, exact in pairs) < 1e-2  # two steps of at most 1e-3 each


@pytest.mark.parametrize(
    ("precision", "device", "text"),
    [
        ("fp16", "cpu", "CUDA devices only.*bf16"),
        ("tf32", "cpu", "CUDA devices only"),
        ("fp32", "cuda", "no CUDA device"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="what a machine without a card says")
def test_precisions_that_a_device_does_not_have_are_refused(precision, device, text, tmp_path):
    done = call("finetune", "ostrack-256", "--dry-run", "--precision", precision, "--device", device)
    assert done.code == 1
    assert re.search(text, done.stderr)


def test_checkpoints_of_the_last_epochs_stay(tmp_path):
    finished, _ = train(request(tmp_path, steps=3, settings={"epochs": "3", "keep": "2"}))
    assert read_weights(definition("ostrack-mini"), finished.weights).sha256 == finished.sha256
    names = [path.name for path in sorted((tmp_path / "out" / "checkpoints").iterdir())]
    assert names == ["epoch-0002.safetensors", "epoch-0003.safetensors"]
    last, final = (load_file(tmp_path / "out" / path) for path in (f"checkpoints/{names[1]}", "weights.safetensors"))
    assert all(torch.equal(last[key], final[key]) for key in final)


def test_the_last_epochs_of_a_training_are_scored_as_a_band(tmp_path):
    train(request(tmp_path, steps=2))
    root, band = trees.lasot(tmp_path / "lasot"), ["--results", tmp_path / "band"]
    for path in (tmp_path / "out" / "checkpoints").iterdir():
        line = ["run-benchmark", "lasot", "--tracker", "ostrack-mini", "--weights", path, "--name", path.stem]
        assert call(*line, "--data-root", root, *band).code == 0
    table = call("make-table", "lasot", "--data-root", root, *band)
    assert table.code == 0, table.stderr
    assert "epoch-0001" in table.stdout
    assert "epoch-0002" in table.stdout


def test_tensorboard_sees_what_the_log_says(tmp_path):
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    train(request(tmp_path, steps=2))
    shown = events.EventAccumulator(str(tmp_path / "out" / "tensorboard")).Reload()
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    for name in ("loss", "giou", "rate"):
        assert [point.step for point in shown.Scalars(name)] == [line["step"] for line in lines] == [1, 2]
        np.testing.assert_allclose([p.value for p in shown.Scalars(name)], [line[name] for line in lines], atol=1e-5)


def test_low_rank_updates_are_folded_into_what_is_written():
    torch.manual_seed(1)
    made = definition("srft-mini-rgbt")
    model = new_network(made, 1).eval()
    plain = {key: value.clone() for key, value in model.state_dict().items()}
    add_low_rank(model, LowRank(2, 3))
    assert all(torch.equal(value, plain[key]) for key, value in plain_state(model).items())  # B starts as zero
    for part in model.modules():
        if isinstance(part, LowRankUpdate):
            torch.nn.init.normal_(part.lora_B)
    folded = new_network(made, 2).eval()
    folded.load_state_dict(plain_state(model))
    crops = torch.randn(1, 6, 64, 64), torch.randn(1, 6, 128, 128)
    torch.testing.assert_close(folded(*crops).score, model(*crops).score)
    updates = sum(
        value.numel() for part in model.modules() if isinstance(part, LowRankUpdate) for value in part.parameters()
    )
    assert updates == 10 * (2 * (128 + 384) + 3 * (128 + 128))  # 4 + 4 + 2 blocks


def test_stochastic_depth_is_noise_in_training_alone():
    for name in ("ostrack-mini", "swintrack-mini", "srft-mini-rgbt"):
        made = definition(name)
        model = new_network(made, 1).eval()
        channels = 6 if made.second else 3
        crops = torch.randn(4, channels, 64, 64), torch.randn(4, channels, 128, 128)

        def score(model=model, crops=crops, name=name):
            torch.manual_seed(5)
            with torch.no_grad():
                return model(model.embed(crops[0]), crops[1])[0] if "swin" in name else model(*crops).score

        before = score()
        add_stochastic_depth(model, 0.5, 0.5)
        assert torch.equal(score(), before)
        model.train()
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.eval()
        assert not torch.equal(score(), before)


def test_the_dry_run_says_what_a_training_costs():
    done = call("finetune", "upvpt-ostrack-mini", "--dry-run", "--data", "rendered", "--json")
    assert done.code == 0
    counted = count_parameters(RECIPES["upvpt-ostrack-mini"])
    assert done.json["parameters"] == asdict(counted)
    assert counted.added == 4 * 10 * 128  # prompts of four blocks
    assert done.json["peak_bytes"] > 1 << 27
    assert done.json["steps_per_second"] > 0
    assert done.json["pairs_per_second"] > 0
    assert done.json["multiply_adds"] == pytest.approx(3 * 0.1086e9 * 12_800)
    assert "before candidate elimination starts" in done.json["notes"][-1]


def test_the_commands_lists_print_both_shares():
    lines = call("list", "recipes").stdout.splitlines()
    assert len(lines) == len(RECIPES)
    line = next(line for line in lines if line.startswith("upvpt-ostrack-256 "))
    assert "281,250 steps of 64" in line
    assert "added 92,160 (0.107 % of the backbone); trained 63,235,461 in 103 tensors" in line
    document = next(d for d in call("list", "recipes", "--json").json if d["name"] == "srft-rgbt-256-fisher")
    assert document["numbers"]["fisher"] == {"source": "our default", "value": {"kappa": 0.5, "kept": 8, "samples": 64}}
    trackers = call("list", "trackers", "--parameters").stdout
    assert "trained 199,644,672 in 344 tensors" in trackers
    assert call("list", "benchmarks", "--parameters").code == 2


def test_missing_and_unknown_words_are_wrong_usage(tmp_path):
    assert call("finetune", "ostrack-mini", "--data", "rendered").code == 2
    assert call("finetune", "ostrack-mini", "--output", tmp_path / "x").code == 2
    unknown = call("finetune", "upvpt-ostrack", "--dry-run")
    assert unknown.code == 2
    assert "did you mean" in unknown.stderr
    assert not (tmp_path / "x").exists()
