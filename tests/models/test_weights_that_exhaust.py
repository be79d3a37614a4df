"""A weight file is a stranger's: it cannot exhaust the machine, nor reach what it was not given."""

import pickle
import zipfile

import pytest

from helpers.weight_files import archive, storage, text, view
from trackers.common.checkpoint import Placeholder, WeightsError, read_checkpoint


def test_many_views_of_one_record_take_its_memory_once(tmp_path):
    items = b"".join(text(f"{number}") + view(1 << 16) + b"s" for number in range(500))
    content = read_checkpoint(
        archive(tmp_path / "views.pth", b"\x80\x02}" + items + b".", {"x/data/0": bytes(1 << 18)})
    )
    assert len(content) == 500
    assert len({tensor.untyped_storage().data_ptr() for tensor in content.values()}) == 1


def test_a_dictionary_in_itself_is_read_once(tmp_path):
    content = read_checkpoint(archive(tmp_path / "itself.pth", b"\x80\x02}q\x00" + text("net") + b"h\x00s."))
    assert content["net"] is content


def test_dictionaries_that_hold_each_other_twice_are_read_once_each(tmp_path):
    layers = b"".join(
        b"}q" + bytes([n + 1]) + b"".join(text(key) + b"h" + bytes([n]) + b"s" for key in "ab") for n in range(40)
    )
    content = read_checkpoint(archive(tmp_path / "laughs.pth", b"\x80\x02}q\x00" + layers + b"."))
    assert content["a"] is content["b"]


@pytest.mark.parametrize("kind", ["dictionaries", "lists", "tuples", "keys", "sets"])
def test_nesting_without_end_is_read_or_refused(kind, tmp_path):
    deep = 60_000
    data = {
        "dictionaries": b"}" + text("a") * 1 + (b"}" + text("a")) * deep + b"N" + b"s" * (deep + 1),
        "lists": b"}" + text("a") + b"]" * deep + b"a" * (deep - 1) + b"s",
        "tuples": b"}" + text("a") + b")" + b"\x85" * deep + b"s",
        "keys": b"}" + b")" + b"\x85" * deep + b"K\x01s",
        "sets": b"}" + text("a") + b"\x8f(" * 1000 + b"\x90" * 1000 + b"s",
    }[kind]
    content = read_checkpoint(archive(tmp_path / "deep.pth", b"\x80\x04" + data + b"."))
    assert list(content) == ([] if kind == "keys" else ["a"])


def test_a_pickle_of_endless_steps_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="more than 1,000,000 steps"):
        read_checkpoint(archive(tmp_path / "steps.pth", b"\x80\x02}" + b"N0" * 600_000 + b"."))


def test_a_list_that_is_copied_again_and_again_is_refused(tmp_path):
    pairs = b"(" + b"".join(b"(K" + bytes([n % 256]) + b"K\x01t" for n in range(2000)) + b"l" + b"q\x01"
    copies = b"".join(b"ccollections\nOrderedDict\nh\x01\x85R0" for _ in range(600))
    with pytest.raises(WeightsError, match="more than 1,000,000 steps"):
        read_checkpoint(archive(tmp_path / "copies.pth", b"\x80\x02}" + pairs + copies + b"0."))


def test_keys_that_collide_on_purpose_are_left_out(tmp_path):
    colliding = b"".join(b"\x8a\x10" + (n * (2**61 - 1)).to_bytes(16, "little") + b"Ns" for n in range(1, 60_000))
    assert read_checkpoint(archive(tmp_path / "keys.pth", b"\x80\x02}" + colliding + b".")) == {}


def test_a_shape_of_numbers_without_end_is_refused(tmp_path):
    shape = b"(" + (b"\x8a\x08" + b"\xff" * 7 + b"\x7f") * 20_000 + b"t"
    data = (
        b"\x80\x02}"
        + text("w")
        + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(4)
        + b"K\x00"
        + shape
        + b"(t\x89}tRs."
    )
    with pytest.raises(WeightsError, match="a tensor of shape"):
        read_checkpoint(archive(tmp_path / "shape.pth", data, {"x/data/0": bytes(16)}))


def test_an_overwritten_method_of_a_dictionary_changes_nothing(tmp_path):
    data = b"\x80\x02ccollections\nOrderedDict\n)R}" + text("items") + text("x") + b"sb."
    assert read_checkpoint(archive(tmp_path / "attribute.pth", data)) == {}


def test_our_own_functions_cannot_be_changed(tmp_path):
    state = b"}(" + text("__defaults__") + b")u"
    data = b"\x80\x02}" + text("a") + b"ctorch._utils\n_rebuild_parameter\nN" + state + b"\x86bs."
    before = dict(vars(Placeholder))
    read_checkpoint(archive(tmp_path / "patch.pth", data))
    assert dict(vars(Placeholder)) == before


def test_entries_that_overlap_are_refused(tmp_path):
    path = archive(
        tmp_path / "overlap.pth", pickle.dumps({"epoch": 1}, 2), {f"x/data/{n}": bytes(99) for n in range(9)}
    )
    with zipfile.ZipFile(path, "a") as file:
        for entry in file.filelist:
            if "/data/" in entry.filename:
                entry.file_size = entry.compress_size = 4000
        file._didModify = True
    with pytest.raises(WeightsError, match="entries overlap"):
        read_checkpoint(path)


def test_a_name_without_end_is_refused_briefly(tmp_path):
    data = b"\x80\x02cfoo\n" + b"x" * 100_000 + b"\n."
    with pytest.raises(WeightsError, match="refused, since it asks for foo") as caught:
        read_checkpoint(archive(tmp_path / "name.pth", data))
    assert len(str(caught.value)) < 1000


def test_a_name_that_is_no_text_is_refused(tmp_path):
    layers = b"".join(b"]q" + bytes([n + 1]) + (b"h" + bytes([n]) + b"a") * 2 for n in range(60))
    data = b"\x80\x04]q\x00" + layers + text("name") + b"\x93."
    with pytest.raises(WeightsError, match="a name that is no text"):
        read_checkpoint(archive(tmp_path / "name.pth", data))
