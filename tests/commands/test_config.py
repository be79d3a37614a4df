"""``evalkit config``: the user's settings survive what may happen to them."""

import errno
import os

import pytest

from evalkit import atomic, settings
from helpers.program import call


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_what_is_set_is_shown(tmp_path):
    assert call("config", "set", "data-root.lasot", str(tmp_path / 'with "quotes" é'))[0] == 0
    code, out, _ = call("config", "show")
    assert (code, out) == (0, f'data-root.lasot = {tmp_path}/with "quotes" é\n')


def test_any_folder_name_can_be_set(tmp_path):
    folder = tmp_path / 'tab\tquote"\\bell\x07del\x7f\u2028😀'
    assert call("config", "set", "data-root.lasot", str(folder))[0] == 0
    assert settings.load_settings().data_root == {"lasot": folder}
    code, _, err = call("config", "set", "data-root.uav123", str(tmp_path / "\udcff"))
    assert (code, "the name of a folder is not" in err) == (1, True)
    assert settings.load_settings().data_root == {"lasot": folder}


def test_a_full_disk_keeps_the_old_settings(tmp_path, monkeypatch):
    call("config", "set", "data-root.lasot", "/old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_write", full)
        code, _, err = call("config", "set", "data-root.uav123", "/new")
    assert code == 1
    assert "No space left on device" in err
    assert call("config", "show")[1] == "data-root.lasot = /old\n"


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("data-root.lasott", 2, "did you mean 'lasot'"),
        ("data-rot.lasot", 1, "unknown setting 'data-rot.lasot'; known: data-root.BENCHMARK"),
    ],
)
def test_unknown_settings_are_refused(key, code, words):
    actual = call("config", "set", key, "x")
    assert actual[0] == code
    assert words in actual[2]


def test_a_damaged_settings_file_is_named(tmp_path):
    (tmp_path / "evalkit").mkdir()
    (tmp_path / "evalkit" / "config.toml").write_text("data-root = 3\n")
    code, _, err = call("config", "show")
    assert code == 1
    assert "config.toml cannot be used" in err
