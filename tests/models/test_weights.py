"""Weights of the learned trackers: strict, explained, converted, random on demand; and the catalog's figures."""

import hashlib
import os
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from evalkit.errors import StoreError
from evalkit.tracking.interface import TrackerOptions
from helpers import GOLDEN, ROOT
from helpers.seeded import entries
from helpers.small_networks import small, state_of
from trackers import CATALOG
from trackers.common.build import build
from trackers.common.checkpoint import WeightsError
from trackers.common.definition import definition
from trackers.common.weights import (
    ORIGINS,
    check_entries,
    convert,
    fitting_trackers,
    load_weights,
    read_weights,
    weight_file,
)
from trackers.layers.prompts import HIDDEN, PromptBlock
from trackers.learned import LEARNED


@pytest.fixture
def ostrack_file(tmp_path):
    made = small("ostrack-256")
    path = tmp_path / "OSTrack_ep0300.pth.tar"
    torch.save({"epoch": 300, "net_type": "OSTrack", "net": state_of(made), "net_info": None, "optimizer": {}}, path)
    return path


def read(name, path):
    return read_weights(small(name), path)


def shapes_of(name):
    return {entry: tuple(shape) for entry, shape, _ in entries(definition(name).skeleton())}


@pytest.mark.parametrize("layout", ["container", "reduced", "bare"])
def test_every_layout_of_an_ostrack_file_loads(layout, tmp_path):
    made = small("ostrack-256")
    state = state_of(made, 5)
    content = {"container": {"net": state, "epoch": 7, "actor_type": "OSTrackActor"}, "reduced": {"net": state}}
    torch.save(content.get(layout, state), tmp_path / "file.pth.tar")
    actual = read("ostrack-256", tmp_path / "file.pth.tar")
    assert list(actual.network.state_dict()) == list(state)
    assert all(torch.equal(actual.network.state_dict()[name], state[name]) for name in state)
    assert actual.facts.get("epoch") == ("7" if layout == "container" else None)
    assert actual.sha256 == hashlib.sha256((tmp_path / "file.pth.tar").read_bytes()).hexdigest()


def test_half_precision_files_become_float32(tmp_path):
    made = small("ostrack-256")
    state = {n: t.half() if t.is_floating_point() else t for n, t in state_of(made).items()}
    torch.save({"net": state}, tmp_path / "half.pth")
    assert {t.dtype for t in read("ostrack-256", tmp_path / "half.pth").network.state_dict().values()} == {
        torch.float32,
        torch.int64,
    }


def test_a_tracker_without_weights_says_where_they_are_published():
    for name in (name for name, entry in LEARNED.items() if not entry.shipped):
        with pytest.raises(WeightsError) as caught:
            load_weights(definition(name), TrackerOptions())
        text = str(caught.value)
        assert f"tracker {name} needs weights" in text
        assert "--weights random" in text
        assert "github.com" in text or "no weights are published" in text
    with pytest.raises(
        WeightsError, match=r"OSTrack_ep0100\.pth\.tar of configuration vitb_384_mae_ce_32x4_got10k_ep100"
    ):
        build(definition("ostrack-384-got10k"), TrackerOptions())


def test_a_missing_file_is_named():
    with pytest.raises(WeightsError, match=r"nowhere\.pth: does not exist\. Weights of ostrack-256: OSTrack_ep0300"):
        read("ostrack-256", GOLDEN / "nowhere.pth")


def test_the_authors_layout_sample_is_refused_with_its_missing_entries():
    path = GOLDEN / "ostrack_checkpoint_layout.pth.tar"
    with pytest.raises(WeightsError) as caught:
        read_weights(definition("ostrack-256"), path)
    text = str(caught.value)
    assert "(4 entries, expected 242)" in text
    assert "238 missing: backbone.cls_token, backbone.pos_embed" in text
    assert "and 226 more" in text


@pytest.mark.parametrize(
    ("file", "asked", "fits"),
    [
        ("ostrack-384", "ostrack-256", "ostrack-384, ostrack-384-noce, ostrack-384-got10k"),
        ("ostrack-256", "swintrack-tiny", "ostrack-256, ostrack-256-noce, ostrack-256-got10k"),
        ("swintrack-base", "swintrack-tiny", "swintrack-base"),
        ("ostrack-256", "upvpt-ostrack-256", "ostrack-256, ostrack-256-noce, ostrack-256-got10k"),
        ("upvpt-swintrack-t", "swintrack-tiny", "upvpt-swintrack-t"),
        (
            "srft-rgbe-ostrack-384",
            "srft-rgbe-256",
            "srft-rgbe-ostrack-384, srft-rgbd-ostrack-384, srft-rgbt-ostrack-384",
        ),
        ("srft-rgbt-384", "ostrack-384", "srft-rgbe-384, srft-rgbd-384, srft-rgbt-384"),
        ("vipt-rgbt", "ostrack-256", "vipt-rgbe, vipt-rgbd, vipt-rgbt"),
        ("vipt-shallow-rgbe", "vipt-rgbe", "vipt-shallow-rgbe, vipt-shallow-rgbd, vipt-shallow-rgbt"),
    ],
)
def test_another_trackers_file_is_refused_and_its_tracker_named(file, asked, fits):
    with pytest.raises(WeightsError) as caught:
        check_entries(asked, GOLDEN / "file.pth", shapes_of(file), definition(asked).skeleton())
    assert f"The file fits: {fits}." in str(caught.value)


def test_two_sizes_of_one_network_differ_in_shapes_alone():
    with pytest.raises(WeightsError) as caught:
        check_entries(
            "ostrack-256", GOLDEN / "file.pth", shapes_of("ostrack-384"), definition("ostrack-256").skeleton()
        )
    assert (
        "2 of another shape: backbone.pos_embed_z [1, 144, 768], expected [1, 64, 768], "
        "backbone.pos_embed_x [1, 576, 768], expected [1, 256, 768]." in str(caught.value)
    )


def test_missing_and_extra_entries_are_listed(tmp_path):
    state = state_of(small("ostrack-256"))
    del state["backbone.norm.bias"]
    torch.save({"net": state | {"surprise": torch.zeros(1)}}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as caught:
        read("ostrack-256", tmp_path / "odd.pth")
    text = str(caught.value)
    assert "1 missing: backbone.norm.bias." in text
    assert "1 unexpected: surprise." in text
    assert "It fits no tracker of the catalog." in text


def test_a_file_fits_every_tracker_with_its_entries():
    for name in ("swintrack-base-384", "srft-rgbd-256", "upvpt-ostrack-256-nofreeze"):
        assert name in fitting_trackers(shapes_of(name))


def test_another_programs_checkpoint_is_refused_by_its_network_type(tmp_path):
    torch.save({"net_type": "SIAMTrack", "net": state_of(small("ostrack-256"))}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match="a checkpoint of network 'SIAMTrack', expected OSTrack"):
        read("ostrack-256", tmp_path / "file.pth")


@pytest.mark.parametrize("prefix", ["module.", "module.module."])
def test_a_network_saved_in_its_wrapper_for_several_devices_is_understood(prefix, tmp_path):
    state = state_of(small("ostrack-256"), 5)
    wrapped = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({"net_type": "DistributedDataParallel", "net": wrapped}, tmp_path / "file.pth")
    actual = read("ostrack-256", tmp_path / "file.pth")
    assert all(torch.equal(actual.network.state_dict()[name], state[name]) for name in state)


def test_entries_are_compared_whatever_the_network_is_called(tmp_path):
    state = state_of(small("ostrack-256"))
    del state["backbone.norm.bias"]
    torch.save({"net_type": "DistributedDataParallel", "net": state}, tmp_path / "file.pth")
    with pytest.raises(WeightsError) as caught:
        read("ostrack-256", tmp_path / "file.pth")
    assert "1 missing: backbone.norm.bias. The file calls its network 'DistributedDataParallel'." in str(caught.value)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (lambda state: {"net_ema": state}, "net_ema"),
        (lambda state: {"ema": {"decay": 0.99, "shadow": state}}, "ema.shadow"),
        (lambda state: {"teacher": state}, "teacher"),
        (lambda state: {"model_EMA": {"other.name": torch.zeros(1)}}, "model_EMA"),
    ],
)
def test_averaged_weights_beside_the_last_ones_must_be_chosen(place, name, tmp_path):
    last, averaged = state_of(small("ostrack-256"), 1), state_of(small("ostrack-256"), 2)
    torch.save({"net": last, **place(averaged), "optimizer": {}}, tmp_path / "file.pth")
    with pytest.raises(WeightsError) as caught:
        read("ostrack-256", tmp_path / "file.pth")
    assert f"holds several networks: net, {name}." in str(caught.value)
    assert "convert-weights file.pth NEW.safetensors --entry net`" in str(caught.value)
    made = small("ostrack-256")
    for entry, state in (("net", last), (name, averaged)):
        if entry == "model_EMA":
            continue
        actual = read_weights(made, tmp_path / "file.pth", entry=entry)
        assert all(torch.equal(actual.network.state_dict()[item], state[item]) for item in state)
        assert actual.facts["entry"] == entry


def test_averaged_weights_alone_must_be_chosen_too(tmp_path):
    torch.save({"epoch": 1, "state_dict_ema": state_of(small("ostrack-256"))}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=r"holds several networks: state_dict_ema\."):
        read("ostrack-256", tmp_path / "file.pth")


def test_an_entry_that_is_not_there_is_named(tmp_path):
    made = small("ostrack-256")
    torch.save({"net": state_of(made)}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match="no network under 'ema'; found: net"):
        read_weights(made, tmp_path / "file.pth", entry="ema")


def test_tensors_that_share_a_record_become_independent(tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    state = state_of(small("ostrack-256"))
    state["backbone.norm.bias"] = state["backbone.norm.weight"]
    torch.save({"net": state}, tmp_path / "tied.pth")
    actual = read("ostrack-256", tmp_path / "tied.pth").network.state_dict()
    assert actual["backbone.norm.bias"].data_ptr() != actual["backbone.norm.weight"].data_ptr()
    assert convert("ostrack-256", tmp_path / "tied.pth", tmp_path / "tied.safetensors")


def test_a_message_repeats_little_of_what_a_stranger_wrote(tmp_path):
    torch.save({"net": {"x" * 100_000: torch.zeros(1)}, "net_type": "y" * 100_000}, tmp_path / "file.pth")
    with pytest.raises(WeightsError) as caught:
        read("ostrack-256", tmp_path / "file.pth")
    assert len(str(caught.value)) < 2000


def test_the_later_swintrack_weights_are_refused(tmp_path):
    state = state_of(small("swintrack-tiny")) | {"motion_token.embedding": torch.zeros(3)}
    torch.save({"version": 2, "model": state}, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match=r"NeurIPS 2022 version .* 1 unexpected: motion_token\.embedding"):
        read("swintrack-tiny", tmp_path / "checkpoint.pth")
    torch.save({"version": 3, "model": state}, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match="version 3, expected 2"):
        read("swintrack-tiny", tmp_path / "checkpoint.pth")


def test_low_rank_checkpoints_are_refused(tmp_path):
    content = {"net_type": "SIAMTrack", "net": {"backbone.blocks_rgb.0.attn.qkv.lora_A": torch.zeros(8, 768)}}
    with pytest.raises(WeightsError, match="low-rank updates"):
        ORIGINS["srtrack"](content, tmp_path / "lora.pth")


def test_a_file_without_a_network_is_refused(tmp_path):
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=r"no network in it.*found the entries 'epoch', 'loss'"):
        read("ostrack-256", tmp_path / "file.pth")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    state = state_of(small("ostrack-256"))
    state["backbone.norm.weight"][3] = np.nan
    torch.save({"net": state}, tmp_path / "nan.pth")
    with pytest.raises(WeightsError, match=r"backbone\.norm\.weight holds numbers that are not finite"):
        read("ostrack-256", tmp_path / "nan.pth")


def test_a_foreign_index_table_is_refused(tmp_path):
    state = state_of(small("swintrack-tiny"))
    state["backbone.stages.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49, dtype=torch.int64)
    torch.save({"version": 2, "model": state}, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match=r"index table .*relative_position_index differs"):
        read("swintrack-tiny", tmp_path / "checkpoint.pth")


def test_conversion_keeps_every_number_and_its_origin(ostrack_file, tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    converted = tmp_path / "ostrack.safetensors"
    metadata = convert("ostrack-256", ostrack_file, converted)
    with safe_open(converted, framework="pt") as file:
        assert file.metadata() == metadata
    assert metadata["evalkit.tracker"] == "ostrack-256"
    assert metadata["evalkit.epoch"] == "300"
    assert metadata["evalkit.source_name"] == "OSTrack_ep0300.pth.tar"
    assert metadata["evalkit.source_sha256"] == hashlib.sha256(ostrack_file.read_bytes()).hexdigest()
    before, after = read("ostrack-256", ostrack_file), read("ostrack-256", converted)
    assert list(before.network.state_dict()) == list(after.network.state_dict())
    assert all(
        torch.equal(before.network.state_dict()[name], after.network.state_dict()[name])
        for name in before.network.state_dict()
    )
    assert after.facts["source_sha256"] == metadata["evalkit.source_sha256"]
    assert after.sha256 != before.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["OSTrack_ep0300.pth.tar", "ostrack.safetensors"]


def test_conversion_never_overwrites_and_leaves_nothing_behind(ostrack_file, tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    (tmp_path / "there.safetensors").write_bytes(b"precious")
    with pytest.raises(WeightsError, match="exists already"):
        convert("ostrack-256", ostrack_file, tmp_path / "there.safetensors")
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        convert("ostrack-256", ostrack_file, tmp_path / "there.pth")

    def full(*_arguments, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"new\.safetensors: No space left on device\..* make room"):
        convert("ostrack-256", ostrack_file, tmp_path / "new.safetensors")
    assert (tmp_path / "there.safetensors").read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_weights_make_the_same_file(tmp_path):
    entries = {name: torch.arange(size).float() for name, size in (("b", 3), ("a.weight", 2), ("a.count", 1))}
    metadata = {f"evalkit.{key}": f'{key} "é"' for key in ("tracker", "origin", "version", "seed", "step")}
    files = {weight_file(entries, dict(sorted(metadata.items(), reverse=turn % 2))) for turn in range(8)}
    (content,) = files
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with safe_open(path, "pt") as file:
        assert file.metadata() == metadata
        assert {name: file.get_tensor(name).tolist() for name in entries} == {
            name: tensor.tolist() for name, tensor in entries.items()
        }


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":1}'])
def test_a_damaged_safetensors_file_is_refused(content, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="damaged, or not a safetensors file"):
        read("ostrack-256", tmp_path / "bad.safetensors")


def test_random_weights_are_seeded_and_marked():
    made = small("ostrack-256")
    trackers = [build(made, TrackerOptions(weights="random", seed=seed)) for seed in (3, 3, 4)]
    states = [tracker._runner.model.state_dict() for tracker in trackers]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["backbone.pos_embed_x"], states[2]["backbone.pos_embed_x"])
    assert trackers[0].info.weights_sha256 == "random"


def test_the_hash_of_the_file_identifies_the_tracker(ostrack_file):
    tracker = build(small("ostrack-256"), TrackerOptions(weights=str(ostrack_file)))
    assert tracker.info.weights_sha256 == hashlib.sha256(ostrack_file.read_bytes()).hexdigest()
    assert tracker.info.config["network"]["vit"]["width"] == 16


def multiply_adds(name):
    """Linear layers and convolutions of one search frame, counted on a network without memory."""
    made, count = definition(name), 0
    network = made.skeleton().to("meta")

    def add(module, inputs, output):
        nonlocal count
        if isinstance(module, nn.Conv2d):
            count += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            count += output.numel() * module.in_features
        elif isinstance(module, PromptBlock):  # its three 1 x 1 convolutions are computed without their modules
            count += 3 * inputs[0].numel() * HIDDEN

    channels = 3 if made.second is None else 6
    template, search = (
        torch.empty(1, channels, size, size, device="meta") for size in (made.loop.template_size, made.loop.search_size)
    )
    if "swintrack" in name:
        template = network.embed(template)
        terms = network.positional_terms()
    for module in network.modules():
        module.register_forward_hook(add)
    _ = network(template, search, terms) if "swintrack" in name else network(template, search)
    return count


@pytest.mark.parametrize("name", LEARNED)
def test_the_catalog_states_the_true_size_of_a_network(name):
    entry, made = CATALOG[name], definition(name)
    assert entry.parameters == sum(parameter.numel() for parameter in made.skeleton().parameters())
    assert entry.multiply_adds == pytest.approx(multiply_adds(name), rel=1e-3)
    assert entry.input_sizes == (made.loop.template_size, made.loop.search_size)
    assert entry.modalities == {"rgb"} | ({made.second} if made.second else set())


@pytest.mark.parametrize("name", LEARNED)
def test_every_entry_of_the_catalog_can_be_built_by_its_text(name):
    import importlib

    entry = LEARNED[name]
    for text in (entry.factory, entry.converter):
        module, _, function = text.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
    assert definition(name).name == name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert entry.weights
    assert entry.reference


def test_the_page_on_trackers_shows_the_catalog():
    page = (ROOT / "docs" / "trackers.md").read_text(encoding="utf-8")
    table = page.split("<!-- table: catalog -->\n")[1].split("<!-- end -->")[0].splitlines()[2:]
    assert table == [
        f"| `{entry.name}` | {entry.parameters:,} | {entry.multiply_adds / 1e9:.2f} G | "
        f"{entry.input_sizes[0]} / {entry.input_sizes[1]} | {', '.join(sorted(entry.modalities))} | {entry.weights} |"
        for entry in LEARNED.values()
    ]
