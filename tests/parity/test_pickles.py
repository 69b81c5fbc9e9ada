"""Pickles of NVIDIA's forms and hostile ones: tensors are read, and nothing in a file runs."""

from __future__ import annotations

import builtins
import collections
import io
import os
import pickle
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from nvidia_pickles import Call, EasyDict, Network, Persistent, write_pickle
from tiny import tiny_model
from torch import nn

import imagewright as iw
from imagewright.checkpoints.containers import constructor, state_dicts
from imagewright.checkpoints.reading import read_checkpoint
from imagewright.errors import RunError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(path: Path, *expected: str) -> None:
    """The file is refused with one line that names it."""
    with pytest.raises(RunError) as raised:
        iw.import_checkpoint(path, "dcgan", path.parent / "run")
    message = str(raised.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 500
    for part in expected:
        assert part in message
    assert not (path.parent / "run").exists()


# What is read


class Mixed(nn.Module):
    """Parameters, buffers of several types, a buffer that is not saved, and sub-modules, one of them None."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.register_parameter("bias", None)
        for name in ("float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"):
            self.register_buffer(f"of_{name}", torch.arange(5).to(getattr(torch, name)))
        self.register_buffer("unsaved", torch.zeros(2), persistent=False)
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("scalar", torch.tensor(2.5))
        self.register_buffer("transposed", torch.randn(4, 5).t())
        self.register_buffer("expanded", torch.ones(1, 3).expand(6, 3))
        self.parts = nn.ModuleList([nn.Conv2d(1, 2, 3), nn.ModuleDict({"norm": nn.BatchNorm2d(2)})])
        self.nothing = None
        self.sizes = np.array([4, 8, 16])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("persistent", [True, False])
def test_a_module_gives_its_state_dict(protocol: int, persistent: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Mixed()
    held = {"G_ema": Persistent(module, z_dim=8) if persistent else module, "note": None}
    (state,) = state_dicts(read_checkpoint(write_pickle(tmp_path / "module.pkl", held, protocol))).values()
    expected = module.state_dict()
    assert list(state) == list(expected)
    for name, tensor in expected.items():
        assert state[name].dtype == tensor.dtype, name
        assert torch.equal(state[name], tensor), name


def test_constructor_arguments_in_the_file(tmp_path: Path) -> None:
    arguments = {"z_dim": 8, "mapping_kwargs": EasyDict(num_layers=2)}
    path = write_pickle(tmp_path / "network.pkl", {"G_ema": Persistent(nn.Linear(2, 3), **arguments)})
    held = read_checkpoint(path)
    assert constructor(held["G_ema"]) == ("Linear", (), {"z_dim": 8, "mapping_kwargs": {"num_layers": 2}})
    assert constructor(held) == ("", (), {})


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_plain_data_and_arrays(protocol: int, tmp_path: Path) -> None:
    arrays = {
        "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big_endian": np.arange(6, dtype=">i4"),
        "empty": np.zeros((0, 2)),
        "number": np.float32(1.5),
    }
    plain = {"list": [1, 2.5, "text", b"bytes", None, True, -(10**30)], "tuple": (1, (2,)), "nested": {"a": {1: 2}}}
    ordered = collections.OrderedDict(b=1, a=2)
    held = read_checkpoint(write_pickle(tmp_path / "d.pkl", {**arrays, **plain, "o": ordered, "set": {7}}, protocol))
    assert held["number"] == 1.5
    assert list(held["o"].items()) == [("b", 1), ("a", 2)]
    for name in ("plain", "fortran", "big_endian", "empty"):
        assert torch.equal(held[name], torch.from_numpy(arrays[name].astype(arrays[name].dtype.newbyteorder("="))))
    for name, value in plain.items():
        assert held[name] == value


def test_arrays_of_objects_stay_data(tmp_path: Path) -> None:
    state = {"main.0.weight": torch.zeros(2, 2), "objects": np.array([{}, print], dtype=object)}
    held = read_checkpoint(write_pickle(tmp_path / "objects.pkl", state))
    assert list(state_dicts(held)[""]) == ["main.0.weight"]


def test_variables_of_tensorflow_pickles(tmp_path: Path) -> None:
    mapping = Network(version=4, name="mapping", components={}, variables=[("Dense0/weight", np.ones((2, 3)))])
    averages = [("dlatent_avg", np.zeros(3, np.float32))]
    generator = Network(version=4, name="Gs", components=EasyDict(mapping=mapping), variables=averages)
    path = write_pickle(tmp_path / "stylegan.pkl", (generator, generator, generator))
    found = state_dicts(read_checkpoint(path))
    assert list(found) == ["0", "1", "2"]
    assert {name: tuple(tensor.shape) for name, tensor in found["2"].items()} == {
        "dlatent_avg": (3,),
        "mapping/Dense0/weight": (2, 3),
    }
    refused(path, "no state dict of a DCGAN", "dlatent_avg")


def test_objects_without_tensors_that_can_be_read_are_named(tmp_path: Path) -> None:
    network = Network(build_func_spec={"func": "G_paper"}, param_values=[np.zeros(3)])
    refused(write_pickle(tmp_path / "theano.pkl", (network, network)), "objects of dnnlib.tflib.network.Network")


def test_a_torch_file_with_the_name_of_a_pickle(tmp_path: Path) -> None:
    model = tiny_model("dcgan").eval()
    for zipped in (True, False):
        path = tmp_path / "model.pkl"
        torch.save(model.generator.state_dict(), path, _use_new_zipfile_serialization=zipped)
        assert torch.equal(iw.sample(iw.import_checkpoint(path, "dcgan"), 2), iw.sample(model, 2))


# What must not run


HOSTILE = {
    "os.system": lambda: Call(os.system, "touch sprung"),
    "eval": lambda: Call(eval, "open('sprung', 'w')"),
    "exec": lambda: Call(builtins.exec, "open('sprung', 'w')"),
    "open": lambda: Call(open, "sprung", "w"),
    "subprocess": lambda: Call(subprocess.call, ["touch", "sprung"]),
    "getattr": lambda: Call(getattr, Call(__import__, "os"), "mkdir"),
    "torch.load": lambda: Call(torch.load, Call(open, "inner.pkl", "rb")),
    "pickle.loads": lambda: Call(pickle.loads, pickle.dumps(Call(os.system, "touch sprung"))),
    "storage": lambda: Call(torch.storage._load_from_bytes, pickle.dumps(Call(os.system, "touch sprung"))),
    "tensor": lambda: Call(
        torch._utils._rebuild_tensor_v2, Call(os.system, "touch sprung"), 0, (1,), (1,), False, None
    ),
    "numpy": lambda: Call(np.frombuffer, Call(os.system, "touch sprung")),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_call_alone_is_refused_and_not_made(name: str, protocol: int, here: Path) -> None:
    (here / "inner.pkl").write_bytes(pickle.dumps(HOSTILE["open"]()))
    refused(write_pickle(here / "trap.pkl", HOSTILE[name](), protocol))
    refused(write_pickle(here / "trap.pkl", {"G_ema": HOSTILE[name](), "D": 3}, protocol))
    assert not (here / "sprung").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_call_beside_a_network_is_refused_by_its_name(name: str, here: Path) -> None:
    (here / "inner.pkl").write_bytes(pickle.dumps(HOSTILE["open"]()))
    path = write_pickle(
        here / "trap.pkl", {"G_ema": Persistent(tiny_model("dcgan").generator), "extra": HOSTILE[name]()}
    )
    refused(path, "it calls ", "Nothing of it ran")
    assert not (here / "sprung").exists()


def test_names_that_are_not_called_are_data(here: Path) -> None:
    model = tiny_model("dcgan").eval()
    path = write_pickle(here / "named.pkl", {"G_ema": Persistent(model.generator), "extra": [os.system, getattr]})
    assert torch.equal(iw.sample(iw.import_checkpoint(path, "dcgan"), 2), iw.sample(model, 2))


RAW = {
    "global": b"cos\nsystem\n(S'touch sprung'\ntR.",
    "instance": b"(S'touch sprung'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'touch sprung'\no.",
    "build": b"cos\nsystem\n(S'touch sprung'\nt\x81}S'x'\nb.",
    "setstate": b"cbuiltins\neval\n(tR}S'__setstate__'\ncos\nsystem\nsbS'touch sprung'\nb.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pos.system\n.",
    "a dotted name": b"\x80\x04\x8c\x02os\x8c\x0bpath.system\x93\x8c\x0ctouch sprung\x85R.",
    "a call of a value": b"\x80\x02K\x05)R.",
    "a name of numbers": b"\x80\x04K\x01K\x02\x93.",
    "a huge size": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "a key that has a dictionary": b"\x80\x02}}}s.",
    "an empty stack": b"\x80\x02.",
    "an unknown memo": b"\x80\x02h\x07.",
    "a mark only": b"\x80\x02(.",
    "an odd dictionary": b"\x80\x02}(K\x01K\x02K\x03u.",
    "keywords that are none": b"\x80\x04cos\nsystem\n)K\x01\x92.",
    "buffers beside": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("name", RAW)
def test_odd_instructions_are_refused(name: str, here: Path) -> None:
    (here / "raw.pkl").write_bytes(RAW[name])
    refused(here / "raw.pkl")
    assert not (here / "sprung").exists()


# What must not fill the memory, or take for ever


def shared_levels(depth: int, width: int) -> object:
    value: object = [torch.zeros(1)]
    for _ in range(depth):
        value = [value] * width
    return value


class Shared(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList([part] * 10)


def test_values_that_refer_to_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.checkpoints.containers.MOST_VISITS", 20_000)  # a tenth of the time
    refused(write_pickle(tmp_path / "laughs.pkl", shared_levels(30, 10)), "too often")
    module: nn.Module = nn.Linear(1, 1)
    for _ in range(20):
        module = Shared(module)
    refused(write_pickle(tmp_path / "modules.pkl", {"G_ema": module}), "too often")
    cycle: list[object] = []
    cycle.append(cycle)
    refused(write_pickle(tmp_path / "cycle.pkl", cycle), "too deeply")
    entries: dict[str, object] = {}
    entries["self"] = entries
    refused(write_pickle(tmp_path / "cycle.pkl", entries), "too deeply")


@pytest.mark.parametrize(
    "close",
    [pytest.param(b"\x85", marks=pytest.mark.learning), pytest.param(b"l", marks=pytest.mark.learning), b"}(K\x01"],
    ids=["tuples", "lists", "marks"],
)
def test_values_nested_without_end(close: bytes, tmp_path: Path) -> None:
    depth = 200_000
    content = {b"\x85": b"N" + b"\x85" * depth, b"l": b"(" * depth + b"l" * depth}.get(close, close * depth)
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x02" + content + b".")
    refused(tmp_path / "deep.pkl")
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x02}N" + b"\x85" * depth + b"Ns.")  # as a key, which is hashed
    refused(tmp_path / "deep.pkl")


def test_more_instructions_than_a_checkpoint_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.checkpoints.pickles.MOST_INSTRUCTIONS", 1000)
    (tmp_path / "long.pkl").write_bytes(b"\x80\x02" + b"N0" * 2000 + b"N.")
    refused(tmp_path / "long.pkl", "more than 1,000 instructions")


def storage_bytes(count: int) -> bytes:
    stream = io.BytesIO()
    torch.save(torch.zeros(count).untyped_storage(), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def test_tensors_that_claim_more_than_the_file_has(tmp_path: Path) -> None:
    blob = storage_bytes(100_000)
    many = [Call(torch.storage._load_from_bytes, blob) for _ in range(1000)]  # the bytes are in the file once
    refused(write_pickle(tmp_path / "many.pkl", many), "more bytes than the file has")
    storage = Call(torch.storage._load_from_bytes, storage_bytes(4))
    for shape, stride in (((10**12,), (0,)), ((10**6, 10**6), (0, 0)), ((1000,), (1,)), ((-1,), (1,)), ((2,), (-1,))):
        huge = Call(torch._utils._rebuild_tensor_v2, storage, 0, shape, stride, False, None)
        refused(write_pickle(tmp_path / "huge.pkl", {"a": huge}), "cannot be read as a pickle")
    raw = np.zeros(4).__reduce__()
    array = (raw[0], raw[1], (1, (10**9,), np.dtype("f8"), False, b"1234"))
    refused(write_pickle(tmp_path / "array.pkl", Restored(*array)), "an array in it has 4 bytes")


class Restored:
    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> object:
        return self.parts


def test_a_pickle_cut_short_is_named(tmp_path: Path) -> None:
    model = tiny_model("dcgan")
    content = write_pickle(tmp_path / "whole.pkl", {"G_ema": Persistent(model.generator)}).read_bytes()
    for kept in (0, 1, 2, 11, 100, len(content) // 3, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.pkl").write_bytes(content[:kept])
        refused(tmp_path / "cut.pkl")


def test_random_damage_is_a_plain_error_or_still_a_network(tmp_path: Path) -> None:
    model = tiny_model("dcgan", size=(8, 8), channels=1, width=1)
    content = write_pickle(tmp_path / "whole.pkl", {"G_ema": Persistent(model.generator)}).read_bytes()
    generator = random.Random(0)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(8):
            damaged[generator.randrange(len(content))] = generator.randrange(256)
        (tmp_path / "damaged.pkl").write_bytes(damaged)
        try:
            iw.import_checkpoint(tmp_path / "damaged.pkl", "dcgan")
        except iw.UserError:
            refusals += 1
    assert refusals > 100
