"""`evalkit convert-weights` from a user's side."""

import json

import click
import pytest
import torch
from safetensors import safe_open
from test_weights import small, state_of

import cli
from evalkit.commands.common import App, run
from evalkit.commands.weights import convert_weights
from trackers import CATALOG


@pytest.fixture
def program():
    group = click.Group(commands={"convert-weights": convert_weights}, context_settings={"obj": App(catalog=CATALOG)})
    return lambda *arguments: run(group, ["convert-weights", *map(str, arguments)])


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr("trackers.common.build.definition", small)
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
    assert {"ostrack-256", "swintrack-base-384", "srft-rgbt-256", "vipt-rgbd"} <= set(cli.trackers.CATALOG)
