"""`evalkit convert-weights` from a user's side."""

import pytest
import torch
from safetensors import safe_open

from helpers.program import call
from helpers.small_networks import small, state_of
from trackers import CATALOG


def convert(*arguments):
    return call("convert-weights", *arguments)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    path = tmp_path / "checkpoint.pth"
    torch.save({"version": 2, "model": state_of(small("swintrack-tiny"))}, path)
    return path


def test_the_new_file_is_named_on_stdout(source, tmp_path):
    target = tmp_path / "tiny.safetensors"
    document = convert(source, target, "--tracker", "swintrack-tiny", "--json").json
    assert document["file"] == str(target)
    with safe_open(target, framework="pt") as file:
        assert file.metadata() == document["metadata"]


def test_one_of_several_networks_is_chosen_by_its_entry(tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    states = {name: state_of(small("ostrack-256"), seed) for seed, name in enumerate(["net", "net_ema"])}
    torch.save(states, tmp_path / "both.pth")
    arguments = (tmp_path / "both.pth", tmp_path / "one.safetensors", "--tracker", "ostrack-256")
    code, _, err = convert(*arguments)
    assert code == 1
    assert "several networks: net, net_ema" in err
    assert convert(*arguments, "--entry", "net_ema").code == 0
    with safe_open(tmp_path / "one.safetensors", framework="pt") as file:
        assert file.metadata()["evalkit.entry"] == "net_ema"
        name = "backbone.pos_embed_x"
        assert torch.equal(file.get_tensor(name), states["net_ema"][name])


def test_errors_are_explained_without_a_traceback(source, tmp_path):
    target = tmp_path / "tiny.safetensors"
    for file, tracker, code, said in (
        (tmp_path / "nowhere.pth", "swintrack-tiny", 1, "nowhere.pth: does not exist"),
        (source, "swintrack-tinny", 2, "did you mean 'swintrack-tiny'?"),
        (source, "kcf", 1, "tracker kcf has no checkpoint to convert"),
    ):
        done = convert(file, target, "--tracker", tracker)
        assert done.code == code
        assert said in done.stderr
    assert not target.exists()


def test_the_program_knows_the_learned_trackers():
    assert {"ostrack-256", "swintrack-base-384", "srft-rgbt-256", "vipt-rgbd"} <= set(CATALOG)
