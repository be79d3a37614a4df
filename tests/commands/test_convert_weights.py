"""`evalkit convert-weights` from a user's side."""

import json

import click
import pytest
import torch
from safetensors import safe_open

from evalkit.commands.common import App, run
from evalkit.commands.weights import convert_weights
from helpers.small_networks import small, state_of
from trackers import CATALOG


@pytest.fixture
def program():
    group = click.Group(commands={"convert-weights": convert_weights}, context_settings={"obj": App(catalog=CATALOG)})
    return lambda *arguments: run(group, ["convert-weights", *map(str, arguments)])


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    path = tmp_path / "checkpoint.pth"
    torch.save({"version": 2, "model": state_of(small("swintrack-tiny"))}, path)
    return path


def test_the_new_file_is_named_on_stdout(program, source, tmp_path, capsys):
    target = tmp_path / "tiny.safetensors"
    assert program(source, target, "--tracker", "swintrack-tiny", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(target)
    with safe_open(target, framework="pt") as file:
        assert file.metadata() == document["metadata"]


def test_one_of_several_networks_is_chosen_by_its_entry(program, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("trackers.common.weights.definition", small)
    states = {name: state_of(small("ostrack-256"), seed) for seed, name in enumerate(["net", "net_ema"])}
    torch.save(states, tmp_path / "both.pth")
    arguments = (tmp_path / "both.pth", tmp_path / "one.safetensors", "--tracker", "ostrack-256")
    assert program(*arguments) == 1
    assert "several networks: net, net_ema" in capsys.readouterr().err
    assert program(*arguments, "--entry", "net_ema") == 0
    with safe_open(tmp_path / "one.safetensors", framework="pt") as file:
        assert file.metadata()["evalkit.entry"] == "net_ema"
        name = "backbone.pos_embed_x"
        assert torch.equal(file.get_tensor(name), states["net_ema"][name])


def test_errors_are_explained_without_a_traceback(program, source, tmp_path, capsys):
    target = tmp_path / "tiny.safetensors"
    assert program(tmp_path / "nowhere.pth", target, "--tracker", "swintrack-tiny") == 1
    assert "nowhere.pth: does not exist" in capsys.readouterr().err
    assert program(source, target, "--tracker", "swintrack-tinny") == 2
    assert "did you mean 'swintrack-tiny'?" in capsys.readouterr().err
    assert program(source, target, "--tracker", "kcf") == 1
    assert "tracker kcf has no checkpoint to convert" in capsys.readouterr().err
    assert not target.exists()


def test_the_program_knows_the_learned_trackers():
    assert {"ostrack-256", "swintrack-base-384", "srft-rgbt-256", "vipt-rgbd"} <= set(CATALOG)
