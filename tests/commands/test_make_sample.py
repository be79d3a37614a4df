"""``evalkit make-sample``: results on stdout, messages on stderr, clear refusals."""

import json
from pathlib import Path

import pytest

from evalkit.commands.common import App, LazyGroup, run


def program() -> LazyGroup:
    return LazyGroup(table={"make-sample": ("sample:make_sample", "")}, context_settings={"obj": App()})


def test_json_is_alone_on_stdout(tmp_path, capsys):
    folder = tmp_path / "sample"
    assert run(program(), ["make-sample", str(folder), "--tiny", "--seed", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["folder"] == str(folder)
    assert document["created"] is True
    assert document["sequences"] == 11
    assert document["frames"] == 11 * 12 + 4
    assert document["identity"]["origin"] == "sample:format=1:seed=3:size=160x120:tiny=true"
    assert err == ""
    assert run(program(), ["make-sample", str(folder), "--tiny", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["created"] is False


def test_folder_on_stdout_and_summary_on_stderr(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(program(), ["make-sample", "sample", "--tiny", "--size", "96x80"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'sample'}\n"
    assert "11 sequences, 136 frames" in err
    assert "rendered in" in err
    assert run(program(), ["make-sample", "sample", "--tiny", "--size", "96x80", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_existing_sample_with_other_parameters_ends_with_1_and_says_what_to_do(tmp_path, capsys):
    folder = tmp_path / "sample"
    assert run(program(), ["make-sample", str(folder), "--tiny", "--quiet"]) == 0
    capsys.readouterr()
    assert run(program(), ["make-sample", str(folder)]) == 1
    err = capsys.readouterr().err
    assert "tiny=true, expected sample:format=1:seed=0:size=320x240:tiny=false" in err
    assert "Choose another folder" in err


@pytest.mark.parametrize("arguments", [["--size", "big"], ["--size", "320"], ["--seed", "-1"], ["--seed", "x"]])
def test_wrong_usage_ends_with_2(tmp_path, capsys, arguments):
    assert run(program(), ["make-sample", str(tmp_path / "sample"), *arguments]) == 2
    assert not list(Path(tmp_path).iterdir())
    assert "Invalid value" in capsys.readouterr().err
