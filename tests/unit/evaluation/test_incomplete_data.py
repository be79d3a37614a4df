"""Scoring on data with gaps: broken sequences, sequences that a copy lacks, annotations of the first frame alone."""

import json

import pytest

from helpers.program import call
from helpers.trees import boxes, custom, rows, text


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def videos(tmp_path):
    """Three own videos with results of a tracker, and a folder of gifs among them."""
    custom(tmp_path / "videos", names=("cat", "cup", "dog"))
    text(tmp_path / "videos" / "gifs" / "funny.gif", "GIF89a")
    for name in ("cat", "cup", "dog"):
        text(tmp_path / "found" / "t" / f"{name}.txt", rows(boxes(4)))
    return ("--data-root", "videos", "--predictions", "found")


def test_a_broken_sequence_is_an_error_with_both_ways_out(videos):
    code, out, err = call("score", "custom", *videos)
    assert (code, out) == (1, "")
    for part in ("gifs", "no annotation", "--allow-missing", "--sequences"):
        assert part in err


def test_a_broken_sequence_is_left_out_and_told_where_that_is_allowed(videos):
    code, out, _ = call("score", "custom", *videos, "--allow-missing", "--json")
    document = json.loads(out)
    assert (code, document["sequences"], document["missing"]) == (0, 3, ["gifs"])
    assert any("sequence gifs cannot be read and is left out" in note for note in document["notes"])
    _, _, err = call("score", "custom", *videos, "--allow-missing")
    assert "sequence gifs cannot be read and is left out" in err


def test_all_broken_sequences_are_told_at_once(videos, tmp_path):
    text(tmp_path / "videos" / "cup" / "groundtruth.txt", "1,2,3\n")
    code, _, err = call("score", "custom", *videos)
    assert code == 1
    assert "2 of 4 sequences cannot be read" in err
    assert "3 columns" in err
    assert "gifs" in err
    _, out, _ = call("score", "custom", *videos, "--allow-missing", "--json")
    assert json.loads(out)["missing"] == ["cup", "gifs"]


def test_nothing_readable_is_an_error_even_where_gaps_are_allowed(videos):
    code, out, err = call("score", "custom", *videos, "--sequences", "gifs", "--allow-missing")
    assert (code, out) == (1, "")
    assert "no annotation" in err


@pytest.fixture
def uav(tmp_path):
    """Two of the 123 official sequences, with results."""
    for name in ("bike2", "bird1_1"):
        text(tmp_path / "UAV123" / "anno" / "UAV123" / f"{name}.txt", rows(boxes(5)))
        text(tmp_path / "found" / "t" / f"{name}.txt", rows(boxes(5)))
    return ("--predictions", "found")


@pytest.mark.parametrize("where", [("--data-root", "UAV123"), ("--annotations", "UAV123")])
def test_sequences_that_an_official_copy_lacks_are_left_out_where_that_is_allowed(uav, where):
    code, _, err = call("score", "uav123", *uav, *where)
    assert code == 1
    for part in ("121 of 123", "bike1", "--allow-missing", "--sequences"):
        assert part in err
    code, out, _ = call("score", "uav123", *uav, *where, "--allow-missing", "--json")
    document = json.loads(out)
    assert (code, document["sequences"], len(document["missing"])) == (0, 2, 121)
    assert "bike1" in document["missing"]
    assert any("121 sequences that the data lack, left out: bike1" in note for note in document["notes"])
    code, out, _ = call("score", "uav123", *uav, *where, "--sequences", "bike2", "--json")
    assert (code, json.loads(out)["missing"]) == (0, [])


def test_an_official_copy_read_from_its_root_lists_everything_it_lacks(uav):
    _, _, err = call("score", "uav123", *uav, "--data-root", "UAV123")
    assert "not there, 121: bike1, bike3" in err
    assert "wakeboard9" in err


@pytest.mark.parametrize("command", ["compare", "explain"])
def test_other_commands_leave_the_same_sequences_out(videos, tmp_path, command):
    for name in ("cat", "cup", "dog"):
        text(tmp_path / "found" / "u" / f"{name}.txt", rows(boxes(4) + 1))
    assert call(command, "custom", *videos)[0] == 1
    code, _, err = call(command, "custom", *videos, "--allow-missing")
    assert code == 0
    assert "sequence gifs cannot be read and is left out" in err


def test_annotations_of_the_first_frame_alone_are_nothing_to_score(videos, tmp_path):
    (tmp_path / "videos" / "gifs" / "funny.gif").unlink()
    (tmp_path / "videos" / "gifs").rmdir()
    for name in ("cat", "cup", "dog"):
        text(tmp_path / "videos" / name / "groundtruth.txt", rows(boxes(1)))
    code, _, err = call("score", "custom", *videos)
    assert code == 1
    assert "only the first frame of every sequence is annotated, so there is nothing to score" in err
    assert "server" not in err
    assert "--local-truth" not in err


def test_an_unknown_sequence_is_named_with_the_nearest_one(videos):
    code, _, err = call("score", "custom", *videos, "--sequences", "cta")
    assert code == 2
    assert "did you mean 'cat'" in err
