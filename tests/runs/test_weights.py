"""Weights of one run in another model: what fits by name and shape is copied, the rest is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from tiny import tiny_model

from imagewright.errors import RunError
from imagewright.runs.weights import matching_tensors, write_tensors


def written(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    write_tensors(path, tensors, {})
    return path


def test_equal_models_take_everything(tmp_path: Path) -> None:
    source, model = tiny_model("dcgan"), tiny_model("dcgan")
    for parameter in source.parameters():
        parameter.data += 1
    path = written(tmp_path / "weights.safetensors", source.state_dict())
    taken = matching_tensors(model, source.state_dict(), path)
    assert set(taken.taken) == set(model.state_dict())
    assert (taken.left, taken.missing, taken.wrong_shape) == ((), (), ())
    assert taken.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, source.state_dict()[name]), name


def test_what_does_not_fit_keeps_its_values_and_is_named(tmp_path: Path) -> None:
    source, model = tiny_model("dcgan", channels=1), tiny_model("dcgan", channels=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tensors = {name: tensor + 1 for name, tensor in source.state_dict().items() if "generator.main.1." not in name}
    tensors["encoder.weight"] = torch.zeros(2)
    taken = matching_tensors(model, tensors, written(tmp_path / "weights.safetensors", tensors))
    assert set(taken.wrong_shape) == {"generator.main.6.weight", "discriminator.main.0.weight"}
    assert set(taken.missing) == {name for name in before if "generator.main.1." in name}
    assert taken.left == ("encoder.weight",)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, tensors[name] if name in taken.taken else before[name]), name
    assert json.loads(json.dumps(taken.to_dict()))["taken"] == len(taken.taken)
    text = " ".join(taken.lines())
    assert f"{len(taken.taken)} of the model's {len(before)} tensors" in text
    assert "encoder.weight" in text


def test_nothing_that_fits_is_an_error(tmp_path: Path) -> None:
    tensors = {"encoder.weight": torch.zeros(2)}
    path = written(tmp_path / "weights.safetensors", tensors)
    with pytest.raises(RunError, match=r"weights\.safetensors .* found encoder\.weight"):
        matching_tensors(tiny_model("dcgan"), tensors, path)
