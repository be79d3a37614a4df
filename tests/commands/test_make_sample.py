"""``evalkit make-sample``: results on stdout, messages on stderr, clear refusals."""

import pytest

from helpers.program import call


def test_json_is_alone_on_stdout(tmp_path):
    folder = tmp_path / "sample"
    code, _, err = done = call("make-sample", folder, "--tiny", "--seed", 3, "--json")
    assert (code, err) == (0, "")
    document = done.json
    assert document["folder"] == str(folder)
    assert document["created"] is True
    assert document["sequences"] == 11
    assert document["frames"] == 11 * 12 + 4
    assert document["identity"]["origin"] == "sample:format=1:seed=3:size=160x120:tiny=true"
    assert call("make-sample", folder, "--tiny", "--seed", 3, "--json").json["created"] is False


def test_folder_on_stdout_and_summary_on_stderr(tmp_path):
    code, out, err = call("make-sample", "sample", "--tiny", "--size", "96x80", cwd=tmp_path)
    assert (code, out) == (0, f"{tmp_path / 'sample'}\n")
    assert "11 sequences, 136 frames" in err
    assert "rendered in" in err
    code, _, err = call("make-sample", "sample", "--tiny", "--size", "96x80", "--quiet", cwd=tmp_path)
    assert (code, err) == (0, "")


def test_existing_sample_with_other_parameters_ends_with_1_and_says_what_to_do(tmp_path):
    assert call("make-sample", tmp_path / "sample", "--tiny", "--quiet").code == 0
    code, _, err = call("make-sample", tmp_path / "sample")
    assert code == 1
    assert "tiny=true, expected sample:format=1:seed=0:size=320x240:tiny=false" in err
    assert "Choose another folder" in err


@pytest.mark.parametrize("arguments", [["--size", "big"], ["--size", "320"], ["--seed", "-1"], ["--seed", "x"]])
def test_wrong_usage_ends_with_2(tmp_path, arguments):
    code, _, err = call("make-sample", tmp_path / "sample", *arguments)
    assert code == 2
    assert not list(tmp_path.iterdir())
    assert "Invalid value" in err
