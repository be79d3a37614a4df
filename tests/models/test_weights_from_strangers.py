"""A weight file is a stranger's: nothing in it runs, nothing it claims about sizes is believed."""

import argparse
import builtins
import collections
import datetime as dt
import io
import os
import pickle
import runpy
import struct
import subprocess
import types
import zipfile

import numpy as np
import pytest
import torch

from helpers import GOLDEN
from helpers.seeded import name_seeded
from helpers.weight_files import Call, archive, save, text
from trackers.common.checkpoint import Placeholder, WeightsError, read_checkpoint

GOOD = {"net": {"weight": torch.arange(6.0).view(2, 3)}, "epoch": 3}


class Storage:
    """Pickles as torch's reference to record ``key`` with ``count`` numbers."""

    def __init__(self, key, count):
        self.key, self.count = key, count


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return ("storage", torch.FloatStorage, obj.key, "cpu", obj.count) if isinstance(obj, Storage) else None


def forged(storage, size, stride, offset=0):
    """The pickle of ``{"net": {"w": tensor}}`` with any claim about the tensor."""
    tensor = Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, collections.OrderedDict())
    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump({"net": {"w": tensor}})
    return stream.getvalue()


def test_a_plain_file_is_read(tmp_path):
    content = read_checkpoint(save(tmp_path / "good.pth", GOOD))
    assert content["epoch"] == 3
    assert torch.equal(content["net"]["weight"], GOOD["net"]["weight"])


def test_the_container_of_ostrack_is_read_without_its_training_package():
    content = read_checkpoint(GOLDEN / "ostrack_checkpoint_layout.pth.tar")
    assert content["epoch"] == 300
    assert content["net_type"] == "OSTrack"
    for name, tensor in content["net"].items():
        if tensor.is_floating_point():
            np.testing.assert_array_equal(tensor, name_seeded.tensor(name, tuple(tensor.shape)))
    assert "backbone.norm.weight" in content["net"]
    assert isinstance(content["settings"], Placeholder)
    assert isinstance(content["stats"]["train"]["Loss/total"], Placeholder)


def test_the_file_of_swintrack_is_read():
    content = read_checkpoint(GOLDEN / "swintrack_checkpoint_layout.pth")
    assert content["version"] == 2
    for name, tensor in content["model"].items():
        if tensor.is_floating_point():
            np.testing.assert_array_equal(tensor, name_seeded.tensor(name, tuple(tensor.shape)))


def test_views_of_one_storage_are_read_beside_foreign_objects(tmp_path):
    base = torch.arange(12.0)
    path = save(tmp_path / "views.pth", {"net": {"a": base.view(3, 4).t(), "b": base[4:6], "c": torch.tensor(7)}})
    with zipfile.ZipFile(path) as file:
        records = {name: file.read(name) for name in file.namelist()}
    (name,) = [name for name in records if name.endswith("data.pkl")]
    foreign = b"X\x08\x00\x00\x00settingsclib.train.admin.settings\nSettings\n)\x81}X\x03\x00\x00\x00envK\x01sbs."
    assert records[name].endswith(b".")
    records[name] = records[name][:-1] + foreign
    with zipfile.ZipFile(path, "w") as file:
        for record, content in records.items():
            file.writestr(record, content)
    net = read_checkpoint(path)["net"]
    assert torch.equal(net["a"], base.view(3, 4).t())
    assert torch.equal(net["b"], base[4:6])
    assert net["c"] == 7


DANGEROUS = {
    "os.system": lambda marker: Call(os.system, f"touch {marker}"),
    "builtins.eval": lambda marker: Call(eval, f"open({str(marker)!r}, 'w')"),
    "builtins.exec": lambda marker: Call(exec, f"open({str(marker)!r}, 'w')"),
    "subprocess": lambda marker: Call(subprocess.check_call, ["touch", str(marker)]),
    "builtins.getattr": lambda marker: Call(builtins.getattr, "x", "upper"),
    "runpy": lambda marker: Call(runpy.run_path, str(marker)),
    "torch.load": lambda marker: Call(torch.load, str(marker)),
    "numpy.load": lambda marker: Call(np.load, str(marker)),
    "pathlib method": lambda marker: Call(open, str(marker), "w"),
}


@pytest.mark.parametrize("place", ["top", "nested", "in the network", "in the optimizer"])
@pytest.mark.parametrize("kind", DANGEROUS)
def test_a_file_that_wants_to_run_something_is_refused(kind, place, tmp_path):
    marker = tmp_path / "executed"
    evil = DANGEROUS[kind](marker)
    content = {
        "top": evil,
        "nested": {"net": GOOD["net"], "stats": [{"deep": [(evil,)]}]},
        "in the network": {"net": {"weight": evil}},
        "in the optimizer": {"net": GOOD["net"], "optimizer": {"state": evil}},
    }[place]
    with pytest.raises(WeightsError, match="refused, since it asks for") as caught:
        read_checkpoint(save(tmp_path / "evil.pth", content))
    assert "Nothing was executed" in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_bare_pickle_is_refused(protocol, tmp_path):
    marker = tmp_path / "executed"
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"net": Call(os.system, f"touch {marker}")}, protocol=protocol))
    with pytest.raises(WeightsError, match="that can be read safely"):
        read_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_every_pickle_protocol_in_an_archive_is_guarded(protocol, tmp_path):
    marker = tmp_path / "executed"
    data = pickle.dumps({"net": Call(os.system, f"touch {marker}")}, protocol=protocol)
    with pytest.raises(WeightsError, match="refused"):
        read_checkpoint(archive(tmp_path / "evil.pth", data))
    assert not marker.exists()


def test_a_placeholder_does_nothing_whatever_is_done_to_it(tmp_path):
    # lib.x.Thing(1, 2), its state, an append and an item, as a pickle may ask
    data = b"\x80\x02}X\x03\x00\x00\x00netclib.x\nThing\n(K\x01K\x02tR}X\x01\x00\x00\x00aK\x01sb(K\x01e(K\x01K\x02us."
    content = read_checkpoint(archive(tmp_path / "odd.pth", data))
    assert isinstance(content["net"], Placeholder)
    assert not hasattr(content["net"], "a")


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "x/../../evil", "x\\..\\evil", "C:/evil"])
def test_names_that_leave_the_archive_are_refused(name, tmp_path):
    path = archive(tmp_path / "slip.pth", pickle.dumps(GOOD["epoch"], 2), {name: b"1"})
    with pytest.raises(WeightsError, match="leaves the archive"):
        read_checkpoint(path)


def test_a_record_smaller_than_declared_is_refused(tmp_path):
    data = forged(Storage("0", 10**12), (10**6, 10**6), (10**6, 1))
    with pytest.raises(WeightsError, match=r"declared with 1000000000000 numbers .* found 16 bytes"):
        read_checkpoint(archive(tmp_path / "huge.pth", data, {"x/data/0": bytes(16)}))


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((10**6, 10**6), (0, 0), 0), ((2, 2), (2, 2), 0), ((4,), (1,), 1), ((4,), (-1,), 3), ((-1,), (1,), 0)],
)
def test_a_tensor_larger_than_its_storage_is_refused(size, stride, offset, tmp_path):
    data = forged(Storage("0", 4), size, stride, offset)
    with pytest.raises(WeightsError, match="a tensor of shape"):
        read_checkpoint(archive(tmp_path / "huge.pth", data, {"x/data/0": bytes(16)}))


def test_a_missing_record_is_reported(tmp_path):
    data = forged(Storage("0", 4), (4,), (1,))
    with pytest.raises(WeightsError, match=r"x/data/0 is declared with 4 numbers .* found nothing"):
        read_checkpoint(archive(tmp_path / "missing.pth", data))


def test_a_compressed_bomb_is_refused(tmp_path):
    path = archive(tmp_path / "bomb.pth", bytes(1 << 20), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="is compressed from 1048576 bytes"):
        read_checkpoint(path)


def test_an_absurd_memo_place_is_refused(tmp_path):
    data = b"\x80\x02}r\xff\xff\xff\x7f."  # LONG_BINPUT 2147483647 would reserve 16 GB
    with pytest.raises(WeightsError, match="reserves 2147483647 memo places"):
        read_checkpoint(archive(tmp_path / "memo.pth", data))


def test_extension_codes_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="uses EXT1"):
        read_checkpoint(archive(tmp_path / "ext.pth", b"\x80\x02\x82\x01."))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused(share, tmp_path):
    path = save(tmp_path / "cut.pth", {"net": {"weight": torch.zeros(1000)}})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"that can be read safely|damaged"):
        read_checkpoint(path)


def test_flipped_bytes_in_the_pickle_never_escape_as_another_error(tmp_path):
    path = save(tmp_path / "good.pth", GOOD)
    with zipfile.ZipFile(path) as file:
        records = {name: file.read(name) for name in file.namelist()}
    (name,) = [name for name in records if name.endswith("data.pkl")]
    noise, read = np.random.default_rng(0), 0
    for _ in range(300):
        data = bytearray(records[name])
        data[noise.integers(len(data))] = noise.integers(256)
        broken = archive(
            tmp_path / "broken.pth",
            bytes(data),
            {
                f"x/data/{record.rsplit('/', 1)[1]}": content
                for record, content in records.items()
                if "/data/" in record
            },
        )
        try:
            read_checkpoint(broken)
            read += 1
        except WeightsError:
            continue
    assert read < 300


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"PK\x03\x04 not really"])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"that can be read safely|damaged"):
        read_checkpoint(path)


def test_an_archive_of_another_program_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="not one written by torch"):
        read_checkpoint(tmp_path / "other.zip")


def test_something_else_than_a_dictionary_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="expected a dictionary with weights, found list"):
        read_checkpoint(save(tmp_path / "list.pth", [torch.zeros(2)]))


# --- harmless objects in parts that nobody needs -----------------------------------------------------------------------


class Settings(dict):
    """A dictionary with attributes, as easydict makes them."""

    def __setattr__(self, name, value):
        self[name] = value


HARMLESS = {
    "dtype": torch.float16,
    "size": torch.Size([1, 2]),
    "device": torch.device("cpu"),
    "array": np.arange(5.0),
    "big array": np.zeros(3000, dtype=np.float32),
    "objects": np.array([1, "a"], dtype=object),
    "scalar": np.float32(1.5),
    "numpy dtype": np.dtype("int16"),
    "random state": np.random.RandomState(0),
    "generator": np.random.default_rng(0),
    "date": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "delta": dt.timedelta(3),
    "counter": collections.Counter("abca"),
    "deque": collections.deque([1, 2], maxlen=3),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "nested defaultdict": collections.defaultdict(dict, a={"b": collections.defaultdict(int)}),
    "namespace": argparse.Namespace(lr=0.1, path=None),
    "simple namespace": types.SimpleNamespace(a=1),
    "settings": Settings(a=Settings(b=2)),
    "set": {1, 2},
    "frozenset": frozenset("ab"),
    "complex": 1 + 2j,
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"ab"),
    "range": range(3),
    "slice": slice(1, 2),
    "class": collections.OrderedDict,
    "module": torch.nn.Linear(2, 2),
    "optimizer object": torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "tuple keys": {(1, 2): 3},
    "half": torch.ones(2, dtype=torch.bfloat16),
    "sparse": torch.eye(2).to_sparse(),
    "unsigned": torch.ones(2, dtype=torch.uint16),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_objects_in_unused_parts_do_not_refuse_the_file(kind, tmp_path):
    content = {**GOOD, "extra": {"deep": [HARMLESS[kind]], "value": HARMLESS[kind]}}
    for protocol, archived in ((2, True), (4, True), (2, False)):
        path = tmp_path / f"{protocol}{archived}.pth"
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=archived)
        actual = read_checkpoint(path)
        assert torch.equal(actual["net"]["weight"], GOOD["net"]["weight"])
        assert actual["epoch"] == 3


def test_what_stands_for_an_object_says_nothing_of_it(tmp_path):
    actual = read_checkpoint(save(tmp_path / "extra.pth", {**GOOD, "extra": HARMLESS["settings"], "dtype": torch.half}))
    assert isinstance(actual["extra"], Placeholder)
    assert isinstance(actual["dtype"], Placeholder)


MORE_ATTACKS = ["os.popen", "posix.system", "nt.system", "commands.getoutput", "subprocess.Popen", "builtins.compile",
                "__builtin__.apply", "types.CodeType", "types.FunctionType", "ctypes.CDLL", "importlib.import_module",
                "pickle.loads", "cPickle.loads", "torch.hub.load", "torch.jit.load", "torch.storage._load_from_bytes",
                "torch.utils.cpp_extension.load_inline", "torch.package.PackageImporter", "numpy.f2py.compile",
                "numpy.testing._private.utils.runstring", "shutil.rmtree", "socket.socket", "webbrowser.open",
                "dill._dill._create_function", "cloudpickle.cloudpickle._make_function", "code.interact", "pty.spawn"]  # fmt: skip


@pytest.mark.parametrize("name", MORE_ATTACKS)
@pytest.mark.parametrize("stacked", [False, True])
def test_names_that_only_an_attack_needs_are_refused(name, stacked, tmp_path):
    module, function = name.rsplit(".", 1)
    asked = text(module) + text(function) + b"\x93" if stacked else f"c{module}\n{function}\n".encode()
    with pytest.raises(WeightsError, match="refused, since it asks for"):
        read_checkpoint(archive(tmp_path / "evil.pth", b"\x80\x04}" + text("a") + asked + b")Rs."))


# --- the format before torch 1.6 ----------------------------------------------------------------------------------------


def old(path, content):
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def test_a_file_of_an_old_torch_is_read(tmp_path):
    base = torch.arange(12.0)
    net = {
        "a": base.view(3, 4).t(),
        "b": base[4:6],
        "c": torch.tensor(7),
        "d": torch.ones(2).half(),
        "e": torch.zeros(0),
    }
    actual = read_checkpoint(old(tmp_path / "old.pth", {"net": net, "epoch": 3}))
    assert all(torch.equal(actual["net"][name], tensor) for name, tensor in net.items())
    assert actual["net"]["d"].dtype == torch.float16


@pytest.mark.parametrize("kind", DANGEROUS)
def test_an_old_file_that_wants_to_run_something_is_refused(kind, tmp_path):
    marker = tmp_path / "executed"
    with pytest.raises(WeightsError, match="refused, since it asks for"):
        read_checkpoint(old(tmp_path / "evil.pth", {"net": GOOD["net"], "x": DANGEROUS[kind](marker)}))
    assert not marker.exists()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_truncated_old_file_is_refused(share, tmp_path):
    path = old(tmp_path / "cut.pth", {"net": {"weight": torch.zeros(1000)}})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"damaged|safely"):
        read_checkpoint(path)


def test_an_old_file_cannot_claim_more_than_it_holds(tmp_path):
    path = old(tmp_path / "claim.pth", {"net": {"weight": torch.zeros(1000)}})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<q", 1000), struct.pack("<q", 10**12)))
    with pytest.raises(WeightsError, match="damaged"):
        read_checkpoint(path)
